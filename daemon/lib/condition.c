/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/lib/condition.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/error.h"
#include "daemon/lib/json.h"
#include "daemon/lib/password.h"

enum { FIELD_TEXT = 128, NAME_TEXT_MAX = 255, CLAIMS_MAX = 16 };

static const char *const kinds[CONDITION_KINDS] = {
	[CONDITION_OPEN] = "open", [CONDITION_IP] = "ip", [CONDITION_TOKEN] = "token", [CONDITION_PASSWORD] = "password", [CONDITION_JWT] = "jwt",
};

const char *condition_kind_name(enum condition_kind kind)
{
	return kinds[kind];
}

void condition_free(struct condition *condition)
{
	free(condition->ranges);
	free(condition->hash);
	free(condition->issuer);
	free(condition->audience);
	json_decref(condition->claims);
	jwt_keys_free(condition->keys);
}

/* A key of the object, for a message. */
static const char *field_of(char field[FIELD_TEXT], const char *path, const char *key)
{
	snprintf(field, FIELD_TEXT, "%.100s.%s", path, key);
	return field;
}

/* -- ip -- */

static int range_add(struct condition *condition, json_t *value, const char *field, struct error *err)
{
	struct cidr *cidr = &condition->ranges[condition->range_count];
	char text[CIDR_TEXT];

	if (json_read_string(value, field, 1, CIDR_TEXT - 1, text, err) == -1)
		return -1;
	if (cidr_parse(text, cidr, err) == -1) {
		struct error why = *err;
		return error_field(err, field, "%s: %s", field, why.message);
	}
	condition->range_count++;
	return 0;
}

static int ip_read(json_t *object, const char *path, struct condition *condition, struct error *err)
{
	json_t *list = NULL, *one = json_object_get(object, "range");
	char field[FIELD_TEXT], ignored[CIDR_TEXT], type[16];
	const struct json_field fields[] = {
		{ "type", JSON_KIND_STRING, true, 1, sizeof type - 1, type, NULL },
		{ "range", JSON_KIND_STRING, false, 1, CIDR_TEXT - 1, ignored, NULL },
		{ "ranges", JSON_KIND_ARRAY, false, 1, CONDITION_RANGES_MAX, &list, NULL },
	};

	if (json_read(object, path, fields, sizeof fields / sizeof fields[0], err) == -1)
		return -1;
	if ((one == NULL) == (list == NULL))
		return error_field(err, path, "%s has range or ranges, one of them", path);
	condition->ranges = calloc(CONDITION_RANGES_MAX, sizeof *condition->ranges);
	if (condition->ranges == NULL)
		return error_set(err, ENOMEM, "no memory for permissions");
	if (one != NULL)
		return range_add(condition, one, field_of(field, path, "range"), err);
	for (size_t i = 0; i < json_array_size(list); i++) {
		snprintf(field, sizeof field, "%.90s.ranges[%zu]", path, i);
		if (range_add(condition, json_array_get(list, i), field, err) == -1)
			return -1;
	}
	return 0;
}

/* -- where a credential comes from -- */

/* RFC 9110, 5.6.2. HAProxy lets names of letters, digits and hyphen alone through (see haproxy.cfg). */
static bool source_name_valid(enum source_kind kind, const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
	size_t size = strlen(name), held = strspn(name, letters);

	if (size == 0 || size > SOURCE_NAME_MAX)
		return false;
	while (kind != SOURCE_HEADER && held < size && (name[held] == '_' || name[held] == '.'))
		held += 1 + strspn(name + held + 1, letters);
	return held == size;
}

static int source_add(struct condition *condition, enum source_kind kind, const char *name, const char *field, struct error *err)
{
	struct source *source = &condition->sources[condition->source_count++];

	if (!source_name_valid(kind, name))
		return error_field(err, field, "%s has a name that is not of letters, digits and hyphen", field);
	source->kind = kind;
	for (size_t i = 0; name[i] != '\0'; i++)
		source->name[i] = kind == SOURCE_HEADER ? (char)tolower((unsigned char)name[i]) : name[i];
	/* The usual place, by its usual name. */
	if (kind == SOURCE_HEADER && strcmp(source->name, "authorization") == 0)
		*source = (struct source){ .kind = SOURCE_BEARER };
	return 0;
}

static int sources_read(json_t *list, const char *path, struct condition *condition, struct error *err)
{
	char field[FIELD_TEXT];

	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *text = json_string_value(json_array_get(list, i));
		int result = -1;
		snprintf(field, sizeof field, "%.90s.sources[%zu]", path, i);
		if (text != NULL && strncmp(text, "header:", 7) == 0)
			result = source_add(condition, SOURCE_HEADER, text + 7, field, err);
		else if (text != NULL && strncmp(text, "cookie:", 7) == 0)
			result = source_add(condition, SOURCE_COOKIE, text + 7, field, err);
		else
			error_field(err, field, "%s is not header:NAME or cookie:NAME", field);
		if (result == -1)
			return -1;
	}
	if (list == NULL)
		condition->source_count = 1; /* SOURCE_BEARER */
	return 0;
}

/* -- token -- */

static int token_source(struct condition *condition, const char *header, const char *cookie, const char *param, const char *path, struct error *err)
{
	char field[FIELD_TEXT];

	if ((header[0] != '\0') + (cookie[0] != '\0') + (param[0] != '\0') > 1)
		return error_field(err, path, "%s has more than one of header, cookie and param", path);
	if (header[0] != '\0')
		return source_add(condition, SOURCE_HEADER, header, field_of(field, path, "header"), err);
	if (cookie[0] != '\0')
		return source_add(condition, SOURCE_COOKIE, cookie, field_of(field, path, "cookie"), err);
	if (param[0] != '\0')
		return source_add(condition, SOURCE_PARAM, param, field_of(field, path, "param"), err);
	condition->source_count = 1; /* SOURCE_BEARER */
	return 0;
}

static int token_read(json_t *object, const char *path, struct condition *condition, struct error *err)
{
	char type[16], header[SOURCE_NAME_MAX + 1] = "", cookie[SOURCE_NAME_MAX + 1] = "", param[SOURCE_NAME_MAX + 1] = "";
	char value[TOKEN_VALUE_MAX + 1] = "", digest[DIGEST_TEXT] = "", expires[40] = "", field[FIELD_TEXT];
	const struct json_field fields[] = {
		{ "type", JSON_KIND_STRING, true, 1, sizeof type - 1, type, NULL },
		{ "name", JSON_KIND_STRING, false, 1, CONDITION_NAME_MAX, condition->name, NULL },
		{ "header", JSON_KIND_STRING, false, 1, SOURCE_NAME_MAX, header, NULL },
		{ "cookie", JSON_KIND_STRING, false, 1, SOURCE_NAME_MAX, cookie, NULL },
		{ "param", JSON_KIND_STRING, false, 1, SOURCE_NAME_MAX, param, NULL },
		{ "value", JSON_KIND_STRING, false, TOKEN_VALUE_MIN, TOKEN_VALUE_MAX, value, NULL },
		{ "sha256", JSON_KIND_STRING, false, DIGEST_TEXT - 1, DIGEST_TEXT - 1, digest, NULL },
		{ "expires_at", JSON_KIND_STRING, false, 1, sizeof expires - 1, expires, NULL },
		{ "forward", JSON_KIND_BOOLEAN, false, 0, 0, &condition->forward, NULL },
	};

	json_drop_null(object, "expires_at");
	if (json_read(object, path, fields, sizeof fields / sizeof fields[0], err) == -1 ||
	    token_source(condition, header, cookie, param, path, err) == -1 ||
	    json_time(expires, field_of(field, path, "expires_at"), &condition->expires_ms, err) == -1)
		return -1;
	if ((value[0] == '\0') == (digest[0] == '\0'))
		return error_field(err, field_of(field, path, "value"), "%s is missing: a new token needs it (or sha256)", field);
	if (value[0] != '\0') {
		SHA256((const unsigned char *)value, strlen(value), condition->digest);
		explicit_bzero(value, sizeof value);
		hex_encode(condition->digest, sizeof condition->digest, digest);
		json_object_set_new(object, "sha256", json_string(digest));
		json_object_del(object, "value");
	} else if (!hex_decode(digest, condition->digest, sizeof condition->digest)) {
		return error_field(err, field_of(field, path, "sha256"), "%s is not 64 hex digits in lower case", field);
	}
	return 0;
}

/* -- password -- */

static int password_read(json_t *object, const char *path, struct condition *condition, struct error *err)
{
	char type[16], plain[PASSWORD_MAX + 1] = "", hash[PASSWORD_HASH_TEXT] = "", field[FIELD_TEXT];
	const struct json_field fields[] = {
		{ "type", JSON_KIND_STRING, true, 1, sizeof type - 1, type, NULL },
		{ "username", JSON_KIND_STRING, true, 1, CONDITION_NAME_MAX, condition->name, NULL },
		{ "password", JSON_KIND_STRING, false, PASSWORD_MIN, PASSWORD_MAX, plain, NULL },
		{ "hash", JSON_KIND_STRING, false, 1, sizeof hash - 1, hash, NULL },
		{ "forward", JSON_KIND_BOOLEAN, false, 0, 0, &condition->forward, NULL },
	};

	if (json_read(object, path, fields, sizeof fields / sizeof fields[0], err) == -1)
		return -1;
	bool given = plain[0] != '\0';
	explicit_bzero(plain, sizeof plain);
	if (strchr(condition->name, ':') != NULL)
		return error_field(err, field_of(field, path, "username"), "%s has a colon, which HTTP Basic cannot carry", field);
	if (given == (hash[0] != '\0'))
		return error_field(err, field_of(field, path, "password"), "%s is missing: a new user needs it (or hash)", field);
	if (hash[0] != '\0' && !password_hash_valid(hash))
		return error_field(err, field_of(field, path, "hash"), "%s is not a hash of argon2id within the limits", field);
	condition->hash = strdup(hash);
	return condition->hash == NULL ? error_set(err, ENOMEM, "no memory for permissions") : 0;
}

/* -- jwt -- */

static int claims_check(json_t *claims, const char *path, struct error *err)
{
	char field[FIELD_TEXT];
	const char *name;
	json_t *value;

	field_of(field, path, "claims");
	if (json_object_size(claims) > CLAIMS_MAX)
		return error_field(err, field, "%s has more than %d", field, CLAIMS_MAX);
	json_object_foreach(claims, name, value)
		if (*name == '\0' || (!json_is_string(value) && !json_is_number(value) && !json_is_boolean(value)))
			return error_field(err, field, "%s has a value that is not a string, a number or a boolean", field);
	return 0;
}

static int keys_read(struct condition *condition, enum jwt_algorithm algorithm, const char *secret, const char *pem, json_t *jwks, const char *path,
		     struct error *err)
{
	const char *key = secret[0] != '\0' ? "secret" : pem[0] != '\0' ? "key" : "jwks";
	char field[FIELD_TEXT];

	if ((secret[0] != '\0') + (pem[0] != '\0') + (jwks != NULL) != 1)
		return error_field(err, field_of(field, path, algorithm == JWT_HS256 ? "secret" : "key"), "%s has secret, key or jwks, exactly one of them", path);
	if (secret[0] != '\0' && algorithm == JWT_HS256)
		condition->keys = jwt_keys_secret(secret, err);
	else if (secret[0] != '\0')
		error_set(err, EINVAL, "%s has no secret, but a key or jwks", jwt_algorithm_name(algorithm));
	else if (pem[0] != '\0')
		condition->keys = jwt_keys_pem(algorithm, pem, err);
	else
		condition->keys = jwt_keys_jwks(algorithm, jwks, err);
	if (condition->keys != NULL)
		return 0;
	struct error why = *err;
	if (why.code == ENOMEM)
		return -1;
	return error_field(err, field_of(field, path, key), "%s: %s", field, why.message);
}

static int jwt_read(json_t *object, const char *path, struct condition *condition, struct error *err)
{
	char type[16], name[16], secret[JWT_SECRET_MAX + 1] = "", pem[4096] = "", issuer[NAME_TEXT_MAX + 1] = "", audience[NAME_TEXT_MAX + 1] = "";
	json_t *jwks = NULL, *sources = NULL, *claims = NULL;
	bool require_expiry = true;
	int64_t leeway = 30;
	char field[FIELD_TEXT];
	const struct json_field fields[] = {
		{ "type", JSON_KIND_STRING, true, 1, sizeof type - 1, type, NULL },
		{ "name", JSON_KIND_STRING, false, 1, CONDITION_NAME_MAX, condition->name, NULL },
		{ "algorithm", JSON_KIND_STRING, true, 1, sizeof name - 1, name, NULL },
		{ "secret", JSON_KIND_STRING, false, 1, sizeof secret - 1, secret, NULL },
		{ "key", JSON_KIND_TEXT, false, 1, sizeof pem - 1, pem, NULL },
		{ "jwks", JSON_KIND_OBJECT, false, 0, 0, &jwks, NULL },
		{ "sources", JSON_KIND_ARRAY, false, 1, CONDITION_SOURCES_MAX, &sources, NULL },
		{ "issuer", JSON_KIND_STRING, false, 1, NAME_TEXT_MAX, issuer, NULL },
		{ "audience", JSON_KIND_STRING, false, 1, NAME_TEXT_MAX, audience, NULL },
		{ "claims", JSON_KIND_OBJECT, false, 0, 0, &claims, NULL },
		{ "leeway", JSON_KIND_INTEGER, false, 0, JWT_LEEWAY_MAX, &leeway, NULL },
		{ "require_expiry", JSON_KIND_BOOLEAN, false, 0, 0, &require_expiry, NULL },
		{ "forward", JSON_KIND_BOOLEAN, false, 0, 0, &condition->forward, NULL },
	};

	if (json_read(object, path, fields, sizeof fields / sizeof fields[0], err) == -1)
		return -1;
	int algorithm = jwt_algorithm_find(name);
	int result = algorithm == -1 ? error_field(err, field_of(field, path, "algorithm"), "%s is not HS256, RS256, ES256 or EdDSA", field)
				     : keys_read(condition, (enum jwt_algorithm)algorithm, secret, pem, jwks, path, err);
	explicit_bzero(secret, sizeof secret);
	if (result == -1 || sources_read(sources, path, condition, err) == -1 || claims_check(claims, path, err) == -1)
		return -1;
	condition->issuer = issuer[0] == '\0' ? NULL : strdup(issuer);
	condition->audience = audience[0] == '\0' ? NULL : strdup(audience);
	condition->claims = json_incref(claims);
	if ((issuer[0] != '\0' && condition->issuer == NULL) || (audience[0] != '\0' && condition->audience == NULL))
		return error_set(err, ENOMEM, "no memory for permissions");
	condition->jwt = (struct jwt_policy){ .keys = condition->keys, .issuer = condition->issuer, .audience = condition->audience,
					      .claims = condition->claims, .leeway = leeway, .expiry_optional = !require_expiry };
	return 0;
}

static int open_read(json_t *object, const char *path, struct condition *condition, struct error *err)
{
	char type[16];
	const struct json_field fields[] = { { "type", JSON_KIND_STRING, true, 1, sizeof type - 1, type, NULL } };

	(void)condition;
	return json_read(object, path, fields, 1, err);
}

int condition_read(json_t *object, const char *path, struct condition *condition, struct error *err)
{
	static int (*const readers[CONDITION_KINDS])(json_t *, const char *, struct condition *, struct error *) = {
		[CONDITION_OPEN] = open_read, [CONDITION_IP] = ip_read, [CONDITION_TOKEN] = token_read,
		[CONDITION_PASSWORD] = password_read, [CONDITION_JWT] = jwt_read,
	};
	const char *type = json_string_value(json_object_get(object, "type"));
	char field[FIELD_TEXT];

	for (int i = 0; type != NULL && i < CONDITION_KINDS; i++) {
		if (strcmp(type, kinds[i]) != 0)
			continue;
		condition->kind = (enum condition_kind)i;
		return readers[i](object, path, condition, err);
	}
	return error_field(err, field_of(field, path, "type"), "%s is not open, ip, token, password or jwt", field);
}
