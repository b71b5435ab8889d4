/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/gate/decide.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/error.h"
#include "daemon/lib/json.h"
#include "daemon/lib/path.h"

enum truth { NO, YES, UNKNOWN };

struct trial {
	const struct decision *decision;
	struct verdict *verdict;
	struct verdict found; /* what the conditions of the group at hand add */
};

/* -- conditions -- */

static struct span credential(const struct visit *visit, const struct source *source)
{
	switch (source->kind) {
	case SOURCE_BEARER:
		return visit_bearer(visit);
	case SOURCE_HEADER:
		return visit_header(visit, source->name);
	case SOURCE_COOKIE:
		return visit_cookie(visit, source->name);
	case SOURCE_PARAM:
		return visit_param(visit, source->name);
	}
	return (struct span){ NULL, 0 };
}

/* The condition is met by what came from the source: who it is, until when (0: for ever), and what the service need not see. */
static void met(struct trial *trial, const struct condition *condition, const struct source *source, const char *identity, int64_t until_ms)
{
	struct verdict *found = &trial->found;

	if (until_ms != 0 && (found->until_ms == 0 || until_ms < found->until_ms))
		found->until_ms = until_ms;

	if (found->identity[0] == '\0' && identity != NULL) {
		snprintf(found->identity, sizeof found->identity, "%s", identity);
		for (char *c = found->identity; *c != '\0'; c++)
			if (!isprint((unsigned char)*c))
				*c = '?';
	}
	if (condition->forward)
		return;
	if (source == NULL || source->kind == SOURCE_BEARER)
		found->take_authorization = true;
	else if (found->taken_count < CONDITION_SOURCES_MAX)
		found->taken[found->taken_count++] = source;
}

static enum truth ip_holds(const struct condition *condition, const struct visit *visit)
{
	for (size_t i = 0; i < condition->range_count; i++)
		if (cidr_holds(&condition->ranges[i], &visit->source))
			return YES;
	return NO;
}

/* In a query bytes may be percent-encoded. */
static size_t param_decode(struct span value, char *text, size_t room)
{
	size_t count = 0;

	for (size_t i = 0; i < value.size && count < room; i++) {
		char pair[3] = { 0 };
		text[count] = value.text[i];
		if (value.text[i] == '%' && i + 2 < value.size && isxdigit((unsigned char)value.text[i + 1]) && isxdigit((unsigned char)value.text[i + 2])) {
			memcpy(pair, value.text + i + 1, 2);
			text[count] = (char)strtoul(pair, NULL, 16);
			i += 2;
		}
		count++;
	}
	return count;
}

static enum truth token_holds(struct trial *trial, const struct condition *condition)
{
	const struct source *source = &condition->sources[0];
	struct span value = credential(trial->decision->visit, source);
	uint8_t digest[DIGEST_BYTES];
	char decoded[TOKEN_VALUE_MAX + 1];

	if (value.text == NULL || (condition->expires_ms != 0 && condition->expires_ms <= trial->decision->now_ms))
		return NO;
	if (source->kind == SOURCE_PARAM)
		value = (struct span){ decoded, param_decode(value, decoded, sizeof decoded) };
	SHA256((const unsigned char *)value.text, value.size, digest);
	explicit_bzero(decoded, sizeof decoded);
	if (CRYPTO_memcmp(digest, condition->digest, sizeof digest) != 0)
		return NO;
	met(trial, condition, source, condition->name, condition->expires_ms);
	return YES;
}

static enum truth password_holds(struct trial *trial, const struct condition *condition)
{
	const struct decision *decision = trial->decision;
	char user[CONDITION_NAME_MAX + 1], password[PASSWORD_MAX + 1];

	if (!visit_basic(decision->visit, user, password, sizeof password))
		return NO;
	int known = strcmp(user, condition->name) == 0 ? decision->password(condition, user, password, decision->data) : 0;
	explicit_bzero(password, sizeof password);
	if (known == -1 && trial->found.ask == NULL)
		trial->found.ask = condition;
	if (known == 1)
		met(trial, condition, NULL, condition->name, 0);
	return known == 1 ? YES : known == 0 ? NO : UNKNOWN;
}

static enum truth jwt_holds(struct trial *trial, const struct condition *condition)
{
	struct error err = ERROR_INIT;
	int64_t expires;

	for (size_t i = 0; i < condition->source_count; i++) {
		struct span value = credential(trial->decision->visit, &condition->sources[i]);
		cleanup_json json_t *claims = NULL;
		/* "header:X" may have the scheme, too. */
		if (value.size > 7 && strncasecmp(value.text, "Bearer ", 7) == 0)
			value = (struct span){ value.text + 7, value.size - 7 };
		if (value.text == NULL ||
		    jwt_verify(value.text, value.size, &condition->jwt, trial->decision->now_ms / 1000, &claims, &expires, &err) == -1)
			continue;
		met(trial, condition, &condition->sources[i], json_string_value(json_object_get(claims, "sub")), expires * 1000);
		return YES;
	}
	return NO;
}

static enum truth condition_holds(struct trial *trial, const struct condition *condition)
{
	switch (condition->kind) {
	case CONDITION_OPEN:
		return YES;
	case CONDITION_IP:
		return ip_holds(condition, trial->decision->visit);
	case CONDITION_TOKEN:
		return token_holds(trial, condition);
	case CONDITION_PASSWORD:
		return password_holds(trial, condition);
	case CONDITION_JWT:
		return jwt_holds(trial, condition);
	default:
		return NO;
	}
}

static enum truth requirement_holds(struct trial *trial, const struct requirement *requirement)
{
	enum truth unless = requirement->kind == REQUIREMENT_ANY ? YES : NO, result = unless == YES ? NO : YES;

	if (requirement->kind == REQUIREMENT_CONDITION)
		return condition_holds(trial, requirement->condition);
	for (size_t i = 0; i < requirement->part_count; i++) {
		enum truth one = requirement_holds(trial, &requirement->parts[i]);
		if (one == unless)
			return unless;
		if (one == UNKNOWN)
			result = UNKNOWN;
	}
	return result;
}

/* Whether one of its conditions is a password, or takes a bearer's token. */
static bool requirement_wants(const struct requirement *requirement, bool password)
{
	const struct condition *condition = requirement->condition;

	for (size_t i = 0; i < requirement->part_count; i++)
		if (requirement_wants(&requirement->parts[i], password))
			return true;
	if (condition == NULL)
		return false;
	if (password)
		return condition->kind == CONDITION_PASSWORD;
	return (condition->kind == CONDITION_TOKEN || condition->kind == CONDITION_JWT) && condition->sources[0].kind == SOURCE_BEARER;
}

/* -- what a group may use -- */

static bool method_granted(const struct grant *grant, struct span method)
{
	bool granted = grant->method_count == 0;

	for (size_t i = 0; i < grant->method_count && !granted; i++) {
		const char *name = grant->methods[i];
		granted = (strlen(name) == method.size && memcmp(name, method.text, method.size) == 0) ||
			  /* HEAD is GET without the body. */
			  (strcmp(name, "GET") == 0 && method.size == 4 && memcmp(method.text, "HEAD", 4) == 0);
	}
	return granted;
}

static bool path_granted(const struct grant *grant, struct span path)
{
	char normal[8192];

	if (grant->path_count == 0)
		return true;
	if (!path_normal(path.text, path.size, normal, sizeof normal))
		return false;
	for (size_t i = 0; i < grant->path_count; i++)
		if (path_matches(grant->paths[i], normal))
			return true;
	return false;
}

static bool service_named(const char *name, const struct decision *decision)
{
	char port[8];

	snprintf(port, sizeof port, "%u", decision->port);
	return strcmp(name, "*") == 0 || strcmp(name, port) == 0 || (decision->service[0] != '\0' && strcmp(name, decision->service) == 0);
}

static bool group_grants(const struct group *group, const struct decision *decision)
{
	for (size_t i = 0; i < group->grant_count; i++) {
		const struct grant *grant = &group->grants[i];
		if (service_named(grant->service, decision) && method_granted(grant, decision->visit->method) && path_granted(grant, decision->visit->path))
			return true;
	}
	return false;
}

/* What a group that is defined at a level may use: as the nearest document says, up to that level. NULL: nothing. */
static const struct group *grants_of(const struct decision *decision, const char *name, int level)
{
	for (int i = 0; i <= level; i++) {
		const struct group *group = decision->levels[i] == NULL ? NULL : permissions_group(decision->levels[i], name);
		if (group != NULL && group->permitted)
			return group;
	}
	return NULL;
}

/* A nearer document has a group of this name. */
static bool group_replaced(const struct decision *decision, const char *name, int level)
{
	for (int i = 0; i < level; i++) {
		const struct group *group = decision->levels[i] == NULL ? NULL : permissions_group(decision->levels[i], name);
		if (group != NULL && group->defined)
			return true;
	}
	return false;
}

static bool default_allows(const struct decision *decision)
{
	for (int i = 0; i < DECIDE_LEVELS; i++)
		if (decision->levels[i] != NULL && decision->levels[i]->fallback == FALLBACK_DENY)
			return false;
	return true;
}

/* True: the verdict is clear. */
static bool group_try(struct trial *trial, const struct group *group, int level)
{
	const struct group *grants = grants_of(trial->decision, group->name, level);
	struct verdict *verdict = trial->verdict;

	if (!group->defined || group_replaced(trial->decision, group->name, level) || grants == NULL || !group_grants(grants, trial->decision))
		return false;
	trial->found = (struct verdict){ .kind = VERDICT_ALLOW };
	enum truth holds = requirement_holds(trial, &group->requirement);
	if (holds == UNKNOWN && verdict->ask == NULL)
		verdict->ask = trial->found.ask;
	if (holds == YES) {
		*verdict = trial->found;
		verdict->ask = NULL;
		memcpy(verdict->group, group->name, sizeof verdict->group);
		return true;
	}
	if (requirement_wants(&group->requirement, true))
		verdict->kind = VERDICT_LOGIN;
	else if (verdict->kind == VERDICT_DENY && requirement_wants(&group->requirement, false))
		verdict->kind = VERDICT_BEARER;
	return false;
}

void decide(const struct decision *decision, struct verdict *ret_verdict)
{
	struct trial trial = { .decision = decision, .verdict = ret_verdict };

	*ret_verdict = (struct verdict){ .kind = VERDICT_DENY };
	for (int i = 0; i < DECIDE_LEVELS; i++)
		if (decision->levels[i] != NULL && decision->levels[i]->cut) {
			ret_verdict->kind = VERDICT_CUT;
			return;
		}
	for (int i = 0; i < DECIDE_LEVELS; i++)
		for (size_t k = 0; decision->levels[i] != NULL && k < decision->levels[i]->group_count; k++)
			if (group_try(&trial, &decision->levels[i]->groups[k], i))
				return;
	if (default_allows(decision))
		*ret_verdict = (struct verdict){ .kind = VERDICT_ALLOW };
	else if (ret_verdict->ask != NULL)
		ret_verdict->kind = VERDICT_WAIT;
}
