/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/cli/resource.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/cli/audit.h"
#include "daemon/cli/call.h"
#include "daemon/cli/file.h"
#include "daemon/cli/http.h"
#include "daemon/cli/progress.h"
#include "daemon/cli/pull.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"

enum { PATH_MAX_TEXT = 1024, KEY_MAX = 64, WORD_MAX = 128 };

/* What the words behind the verb are. */
enum arguments {
	ARGUMENTS_NONE,
	ARGUMENTS_LIST,   /* none; the answer comes in pages */
	ARGUMENTS_ID,     /* ID */
	ARGUMENTS_NAME,   /* NAME [KEY=VALUE...] */
	ARGUMENTS_FIELDS, /* [KEY=VALUE...] */
	ARGUMENTS_CHANGE, /* ID [KEY=VALUE...] */
	ARGUMENTS_FILE,   /* FILE NAME [KEY=VALUE...] */
	ARGUMENTS_PULL,   /* REFERENCE [KEY=VALUE...] */
	ARGUMENTS_OWN,    /* the verb's own function reads them */
};

static const struct verb {
	const char *noun, *verb, *method;
	const char *path; /* ID follows it */
	const char *tail; /* follows the ID */
	enum arguments arguments;
	const char *usage;
	int (*run)(const struct http_target *target, int count, char **words, struct error *err); /* ARGUMENTS_OWN; EINVAL without a message: its usage */
} verbs[] = {
	{ "host", "access", "GET", "/host/access", "", ARGUMENTS_NONE, "", NULL },
	{ "host", "limit", "PUT", "/host/access?revert_after=120", "", ARGUMENTS_FIELDS,
	  "[ssh:='[\"NETWORK\", ...]'] [api:=...]: who may administer it; as before in 120 s without the next", NULL },
	{ "host", "confirm", "POST", "/host/access/confirm", "", ARGUMENTS_NONE, "", NULL },
	{ "host", "certificate", NULL, NULL, NULL, ARGUMENTS_OWN, "CHAIN KEY: files in PEM, what clients are shown", file_certificate },
	{ "host", "", "GET", "/host", "", ARGUMENTS_NONE, "", NULL },
	{ "audit", "list", NULL, NULL, NULL, ARGUMENTS_OWN, "LOG [KEY=VALUE...]: records of a realm's id or of host, newest first; since=15m, status=5xx, path=/...", audit_list },
	{ "audit", "export", NULL, NULL, NULL, ARGUMENTS_OWN, "LOG [after=SEQ] [KEY=VALUE...]: all of them, a line of JSON each", audit_export },
	{ "audit", "statistics", NULL, NULL, NULL, ARGUMENTS_OWN, "LOG [by=hour|status|...] [top=N] [KEY=VALUE...]", audit_statistics },
	{ "audit", "verify", NULL, NULL, NULL, ARGUMENTS_OWN, "LOG [seq=SEQ chain=HEX]: is it as it was written?", audit_verify },
	{ "audit", "show", NULL, NULL, NULL, ARGUMENTS_OWN, "LOG", audit_show },
	{ "audit", "change", NULL, NULL, NULL, ARGUMENTS_OWN, "LOG [mode=best_effort|block|fail_closed] [max_bytes:=BYTES] [max_days:=DAYS]", audit_change },
	{ "token", "list", "GET", "/tokens", "", ARGUMENTS_LIST, "", NULL },
	{ "token", "create", "POST", "/tokens", "", ARGUMENTS_FIELDS, "role=ROLE [name=NAME] [realms:='[\"ID\"]'] [expires_in:=SECONDS]", NULL },
	{ "token", "delete", "DELETE", "/tokens/", "", ARGUMENTS_ID, "ID", NULL },
	{ "realm", "list", "GET", "/realms", "", ARGUMENTS_LIST, "", NULL },
	{ "realm", "show", "GET", "/realms/", "", ARGUMENTS_ID, "ID", NULL },
	{ "realm", "create", "POST", "/realms", "", ARGUMENTS_NAME, "NAME", NULL },
	{ "realm", "change", "PATCH", "/realms/", "", ARGUMENTS_CHANGE, "ID sharing=none|realm|host", NULL },
	{ "realm", "compact", "POST", "/realms/", "/compact", ARGUMENTS_CHANGE, "ID dry_run:=true|false", NULL },
	{ "realm", "firewall", "GET", "/realms/", "/firewall", ARGUMENTS_ID, "ID", NULL },
	{ "realm", "rules", "PUT", "/realms/", "/firewall", ARGUMENTS_CHANGE,
	  "ID [egress=open|allow-list|none] [rules:='[{...}]']: in place of all", NULL },
	{ "realm", "permissions", "GET", "/realms/", "/proxy/permissions", ARGUMENTS_ID, "ID", NULL },
	{ "realm", "permit", "PATCH", "/realms/", "/proxy/permissions", ARGUMENTS_CHANGE,
	  "ID [groups:='{...}'] [permissions:='{...}'] [default=allow|deny] [enable_proxy:=false]: beside what is there", NULL },
	{ "realm", "delete", "DELETE", "/realms/", "", ARGUMENTS_ID, "ID", NULL },
	{ "alias", "list", "GET", "/aliases", "", ARGUMENTS_LIST, "", NULL },
	{ "alias", "show", "GET", "/aliases/", "", ARGUMENTS_ID, "ID", NULL },
	{ "alias", "create", "POST", "/aliases", "", ARGUMENTS_FIELDS, "host=NAME container=ID [service=NAME]", NULL },
	{ "alias", "change", "PATCH", "/aliases/", "", ARGUMENTS_CHANGE, "ID [container=ID] [service=NAME] [enabled:=false]", NULL },
	{ "alias", "delete", "DELETE", "/aliases/", "", ARGUMENTS_ID, "ID", NULL },
	{ "address-set", "list", "GET", "/address-sets", "", ARGUMENTS_LIST, "", NULL },
	{ "address-set", "show", "GET", "/address-sets/", "", ARGUMENTS_ID, "ID", NULL },
	{ "address-set", "create", "POST", "/address-sets", "", ARGUMENTS_NAME, "NAME realm=ID [comment=TEXT]", NULL },
	{ "address-set", "change", "PATCH", "/address-sets/", "", ARGUMENTS_CHANGE, "ID [name=NAME] [comment=TEXT]", NULL },
	{ "address-set", "load", NULL, NULL, NULL, ARGUMENTS_OWN, "FILE ID: a network a line, in place of all", file_addresses_set },
	{ "address-set", "addresses", NULL, NULL, NULL, ARGUMENTS_OWN, "ID [FILE]", file_addresses },
	{ "address-set", "delete", "DELETE", "/address-sets/", "", ARGUMENTS_ID, "ID", NULL },
	{ "project", "list", "GET", "/projects", "", ARGUMENTS_LIST, "", NULL },
	{ "project", "show", "GET", "/projects/", "", ARGUMENTS_ID, "ID", NULL },
	{ "project", "create", "POST", "/projects", "", ARGUMENTS_NAME, "NAME realm=ID", NULL },
	{ "project", "firewall", "GET", "/projects/", "/firewall", ARGUMENTS_ID, "ID", NULL },
	{ "project", "rules", "PUT", "/projects/", "/firewall", ARGUMENTS_CHANGE,
	  "ID [egress=open|allow-list|none] [rules:='[{...}]']: in place of all", NULL },
	{ "project", "permissions", "GET", "/projects/", "/proxy/permissions", ARGUMENTS_ID, "ID", NULL },
	{ "project", "permit", "PATCH", "/projects/", "/proxy/permissions", ARGUMENTS_CHANGE,
	  "ID [groups:='{...}'] [permissions:='{...}'] [default=allow|deny] [enable_proxy:=false]: beside what is there", NULL },
	{ "project", "delete", "DELETE", "/projects/", "", ARGUMENTS_ID, "ID", NULL },
	{ "image", "list", "GET", "/images", "", ARGUMENTS_LIST, "", NULL },
	{ "image", "show", "GET", "/images/", "", ARGUMENTS_ID, "ID", NULL },
	{ "image", "import", "POST", "/images", "", ARGUMENTS_FILE, "FILE NAME [realm=ID]", NULL },
	{ "image", "pull", "POST", "/pulls", "", ARGUMENTS_PULL,
	  "HOST/PATH[:TAG] [name=NAME] [realm=ID] [username=USER] [ca=FILE]" },
	{ "image", "delete", "DELETE", "/images/", "", ARGUMENTS_ID, "ID", NULL },
	{ "container", "list", "GET", "/containers", "", ARGUMENTS_LIST, "", NULL },
	{ "container", "show", "GET", "/containers/", "", ARGUMENTS_ID, "ID", NULL },
	{ "container", "create", "POST", "/containers", "", ARGUMENTS_NAME,
	  "NAME project=ID image=IMAGE [port:=PORT] [command:='[\"...\"]']" },
	{ "container", "change", "PATCH", "/containers/", "", ARGUMENTS_CHANGE,
	  "ID [name=NAME] [restart=no|on-failure|always] [environment:='{...}'] [labels:='{...}'] [limits:='{\"memory_max\":BYTES, ...}']" },
	{ "container", "start", "POST", "/containers/", "/start", ARGUMENTS_ID, "ID", NULL },
	{ "container", "stop", "POST", "/containers/", "/stop", ARGUMENTS_ID, "ID", NULL },
	{ "container", "usage", "GET", "/containers/", "/usage", ARGUMENTS_ID, "ID", NULL },
	{ "container", "merging", "GET", "/containers/", "/merging", ARGUMENTS_ID, "ID", NULL },
	{ "container", "restart", "POST", "/containers/", "/restart", ARGUMENTS_ID, "ID", NULL },
	{ "container", "freeze", "POST", "/containers/", "/freeze", ARGUMENTS_ID, "ID", NULL },
	{ "container", "unfreeze", "POST", "/containers/", "/unfreeze", ARGUMENTS_ID, "ID", NULL },
	{ "container", "firewall", "GET", "/containers/", "/firewall/effective", ARGUMENTS_ID, "ID", NULL },
	{ "container", "rules", "PUT", "/containers/", "/firewall", ARGUMENTS_CHANGE,
	  "ID [egress=open|allow-list|none] [rules:='[{...}]'] [ports:='[{\"host_port\":PORT,\"port\":PORT}]']: in place of all", NULL },
	{ "container", "permissions", "GET", "/containers/", "/proxy/permissions", ARGUMENTS_ID, "ID", NULL },
	{ "container", "permit", "PATCH", "/containers/", "/proxy/permissions", ARGUMENTS_CHANGE,
	  "ID [groups:='{...}'] [permissions:='{...}'] [default=allow|deny] [enable_proxy:=false]: beside what is there", NULL },
	{ "container", "delete", "DELETE", "/containers/", "", ARGUMENTS_ID, "ID", NULL },
	{ "container", "copy", "POST", "/containers/", "/copy", ARGUMENTS_CHANGE,
	  "ID name=NAME [project=ID] [snapshot=ID] [start:=true]", NULL },
	{ "container", "export", NULL, NULL, NULL, ARGUMENTS_OWN, "ID FILE (an image: `image import` takes it)", file_export_container },
	{ "snapshot", "export", NULL, NULL, NULL, ARGUMENTS_OWN, "ID FILE", file_export_snapshot },
	{ "snapshot", "list", "GET", "/containers/", "/snapshots", ARGUMENTS_ID, "CONTAINER", NULL },
	{ "snapshot", "create", "POST", "/containers/", "/snapshots", ARGUMENTS_CHANGE, "CONTAINER name=NAME", NULL },
	{ "snapshot", "show", "GET", "/snapshots/", "", ARGUMENTS_ID, "ID", NULL },
	{ "snapshot", "restore", "POST", "/snapshots/", "/restore", ARGUMENTS_ID, "ID", NULL },
	{ "snapshot", "delete", "DELETE", "/snapshots/", "", ARGUMENTS_ID, "ID", NULL },
	{ "file", "pull", NULL, NULL, NULL, ARGUMENTS_OWN, "CONTAINER PATH [FILE]", file_pull },
	{ "file", "push", NULL, NULL, NULL, ARGUMENTS_OWN, "FILE CONTAINER PATH [mode=0644] [uid=0] [gid=0]", file_push },
	{ "file", "mkdir", NULL, NULL, NULL, ARGUMENTS_OWN, "CONTAINER PATH [mode=0755] [uid=0] [gid=0]", file_mkdir },
	{ "file", "delete", NULL, NULL, NULL, ARGUMENTS_OWN, "CONTAINER PATH", file_delete },
};

enum { VERB_COUNT = sizeof verbs / sizeof *verbs };

bool resource_known(const char *noun)
{
	for (size_t i = 0; i < VERB_COUNT; i++)
		if (strcmp(verbs[i].noun, noun) == 0)
			return true;
	return false;
}

void resource_usage(FILE *out)
{
	for (size_t i = 0; i < VERB_COUNT; i++)
		fprintf(out, "  %s%s%s%s%s\n", verbs[i].noun, verbs[i].verb[0] != '\0' ? " " : "", verbs[i].verb,
			verbs[i].usage[0] != '\0' ? " " : "", verbs[i].usage);
}

static int field_set(json_t *object, char *key, json_t *value, struct error *err)
{
	char *dot;

	if (value == NULL)
		return error_set(err, EINVAL, "%s is not valid UTF-8", key);
	while ((dot = strchr(key, '.')) != NULL) {
		*dot = '\0';
		json_t *inner = json_object_get(object, key);
		if (inner == NULL && json_object_set_new(object, key, inner = json_object()) < 0) {
			json_decref(value);
			return error_set(err, EINVAL, "the key %s is not valid UTF-8", key);
		}
		if (!json_is_object(inner)) {
			json_decref(value);
			return error_set(err, EINVAL, "%s is given both as a value and as an object", key);
		}
		object = inner;
		key = dot + 1;
	}
	if (json_object_get(object, key) != NULL) {
		json_decref(value);
		return error_set(err, EINVAL, "%s is given twice", key);
	}
	if (json_object_set_new(object, key, value) < 0)
		return error_set(err, EINVAL, "the key %s is not valid UTF-8", key);
	return 0;
}

int resource_fields(json_t *object, int count, char **words, struct error *err)
{
	for (int i = 0; i < count; i++) {
		char key[KEY_MAX];
		json_error_t problem;
		const char *equals = strchr(words[i], '=');

		if (equals == NULL || equals == words[i] || (equals == words[i] + 1 && words[i][0] == ':'))
			return error_set(err, EINVAL, "not KEY=TEXT or KEY:=JSON: %s", words[i]);
		bool raw = equals[-1] == ':';
		size_t length = (size_t)(equals - words[i]) - raw;
		if (length >= sizeof key)
			return error_set(err, EINVAL, "key longer than %zu characters: %s", sizeof key - 1, words[i]);
		memcpy(key, words[i], length);
		key[length] = '\0';
		json_t *value = raw ? json_loads(equals + 1, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &problem)
				    : json_string(equals + 1);
		if (value == NULL)
			return error_set(err, EINVAL, "%s: not %s", words[i], raw ? "valid JSON" : "valid UTF-8");
		if (field_set(object, key, value, err) < 0)
			return -1;
	}
	return 0;
}

static void upload_shown(uint64_t sent, uint64_t total, void *data)
{
	(void)total;
	progress_update(data, sent);
}

static int file_send(const struct http_target *target, const char *path, const char *file, json_t **ret_answer,
		     struct error *err)
{
	cleanup_fd int fd = open(file, O_RDONLY | O_CLOEXEC);
	struct progress progress;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_errno(err, "%s", file);
	if (!S_ISREG(st.st_mode))
		return error_set(err, EINVAL, "%s is not a file", file);
	progress_start(&progress, "sending", (uint64_t)st.st_size);
	struct http_request request = {
		.method = "POST", .path = path, .content_type = "application/x-tar", .body_fd = fd,
		.body_fd_size = (uint64_t)st.st_size, .progress = upload_shown, .progress_data = &progress,
	};
	if (call_request(target, &request, ret_answer, err) < 0)
		return -1;
	progress_end(&progress);
	return 0;
}

/* Puts the fields, which are all text, behind path as its query. */
static int query_append(char *path, size_t size, json_t *fields, struct error *err)
{
	char key[3 * KEY_MAX], value[3 * WORD_MAX + 1];
	size_t used = strlen(path);
	const char *name;
	json_t *field;
	char mark = '?';

	json_object_foreach(fields, name, field) {
		if (!json_is_string(field))
			return error_set(err, EINVAL, "%s: only KEY=TEXT here", name);
		if (!call_escape(name, key, sizeof key) || !call_escape(json_string_value(field), value, sizeof value) ||
		    strlen(key) + strlen(value) + 2 >= size - used)
			return error_set(err, EINVAL, "%s is too long", name);
		used += (size_t)snprintf(path + used, size - used, "%c%s=%s", mark, key, value);
		mark = '&';
	}
	return 0;
}

static void json_cleanup(json_t **json)
{
	json_decref(*json);
}

/* {key: first word, fields} of the words. */
static int named_read(json_t *body, const char *first, int count, char **words, struct error *err)
{
	char key[KEY_MAX];

	snprintf(key, sizeof key, "%s", first);
	if (field_set(body, key, json_string(words[0]), err) < 0)
		return -1;
	return resource_fields(body, count - 1, words + 1, err);
}

static int verb_run(const struct http_target *target, const struct verb *verb, int count, char **words, struct error *err)
{
	__attribute__((cleanup(json_cleanup))) json_t *fields = json_object(), *answer = NULL;
	char path[PATH_MAX_TEXT], word[3 * WORD_MAX + 1] = "";
	bool fits = true;
	int result = -1;

	if (fields == NULL)
		return error_set(err, ENOMEM, "out of memory");
	switch (verb->arguments) {
	case ARGUMENTS_NONE:
	case ARGUMENTS_LIST:
		fits = count == 0;
		break;
	case ARGUMENTS_ID:
		fits = count == 1 && call_escape(words[0], word, sizeof word);
		break;
	case ARGUMENTS_FIELDS:
		if (resource_fields(fields, count, words, err) < 0)
			return -1;
		break;
	case ARGUMENTS_CHANGE:
		fits = count >= 1 && call_escape(words[0], word, sizeof word);
		if (fits && resource_fields(fields, count - 1, words + 1, err) < 0)
			return -1;
		break;
	case ARGUMENTS_NAME:
		fits = count >= 1;
		if (fits && named_read(fields, "name", count, words, err) < 0)
			return -1;
		break;
	case ARGUMENTS_FILE:
		fits = count >= 2;
		if (fits && named_read(fields, "name", count - 1, words + 1, err) < 0)
			return -1;
		break;
	case ARGUMENTS_OWN:
		if (verb->run(target, count, words, err) == 0)
			return 0;
		if (err->code != EINVAL || err->message[0] != '\0')
			return -1;
		fits = false;
		break;
	case ARGUMENTS_PULL:
		fits = count >= 1;
		if (fits && named_read(fields, "reference", count, words, err) < 0)
			return -1;
		break;
	}
	if (!fits)
		return error_set(err, EINVAL, "usage: bulkhead %s %s %s", verb->noun, verb->verb, verb->usage);

	snprintf(path, sizeof path, "/api/v1%s%s%s", verb->path, word, verb->tail);
	switch (verb->arguments) {
	case ARGUMENTS_LIST:
		result = call_list(target, path, &answer, err);
		break;
	case ARGUMENTS_FILE:
		if (query_append(path, sizeof path, fields, err) < 0)
			return -1;
		result = file_send(target, path, words[0], &answer, err);
		break;
	case ARGUMENTS_PULL:
		result = pull_image(target, fields, &answer, err);
		break;
	case ARGUMENTS_OWN: /* done above */
		break;
	case ARGUMENTS_NONE:
	case ARGUMENTS_ID:
		result = call_json(target, verb->method, path, NULL, &answer, err);
		break;
	case ARGUMENTS_FIELDS:
	case ARGUMENTS_CHANGE:
	case ARGUMENTS_NAME:
		result = call_json(target, verb->method, path, fields, &answer, err);
		break;
	}
	if (result == 0 && !json_is_null(answer)) {
		json_dumpf(answer, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
		putchar('\n');
	}
	return result;
}

int resource_run(const struct http_target *target, int argc, char **argv, struct error *err)
{
	for (size_t i = 0; i < VERB_COUNT; i++) {
		bool bare = verbs[i].verb[0] == '\0';

		if (strcmp(argv[0], verbs[i].noun) != 0 || (!bare && (argc < 2 || strcmp(argv[1], verbs[i].verb) != 0)))
			continue;
		return verb_run(target, &verbs[i], argc - 2 + bare, argv + 2 - bare, err);
	}
	return error_set(err, EINVAL, "%s has no verb %s; `bulkhead help` lists them", argv[0], argc > 1 ? argv[1] : "given");
}
