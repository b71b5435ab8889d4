/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * admin: the fixed commands of the admin's SSH. There is no shell behind them.
 * All but power go through the API, so that they follow its rules and its audit.
 */
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/boot/boot.h"
#include "daemon/boot/identity.h"
#include "daemon/boot/role.h"
#include "daemon/boot/words.h"
#include "daemon/cli/call.h"
#include "daemon/cli/http.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/hex.h"

enum { EXIT_USAGE = 2, SECONDS_MAX = 10 * 366 * 86400 };

static const struct http_target api = { .url = "http://localhost", .unix_socket = BOOT_API_SOCKET };

static void json_cleanup(json_t **json)
{
	json_decref(*json);
}

#define cleanup_json __attribute__((cleanup(json_cleanup)))

static void answer_print(const json_t *answer)
{
	json_dumpf(answer, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	putchar('\n');
}

static int status_run(size_t count, char **words, struct error *err)
{
	cleanup_json json_t *answer = NULL;

	(void)count;
	(void)words;
	if (call_json(&api, "GET", "/api/v1/host", NULL, &answer, err) < 0)
		return -1;
	answer_print(answer);
	return 0;
}

static int token_list_run(size_t count, char **words, struct error *err)
{
	cleanup_json json_t *answer = NULL;

	(void)count;
	(void)words;
	if (call_list(&api, "/api/v1/tokens", &answer, err) < 0)
		return -1;
	answer_print(answer);
	return 0;
}

static int token_create_run(size_t count, char **words, struct error *err)
{
	const char *name = "ssh", *role = "admin";
	cleanup_json json_t *body = NULL, *answer = NULL, *realms = json_array();
	long long seconds = 0;

	for (size_t i = 0; i < count; i += 2) {
		const char *value = words[i + 1]; /* NULL behind the last word */
		char *end;

		if (value == NULL)
			return error_set(err, EINVAL, "%s lacks its value", words[i]);
		if (strcmp(words[i], "--role") == 0) {
			role = value;
		} else if (strcmp(words[i], "--name") == 0) {
			name = value;
		} else if (strcmp(words[i], "--realm") == 0) {
			if (!id_valid(value))
				return error_set(err, EINVAL, "--realm is the id of a realm, 24 hex digits, not %.64s", value);
			json_array_append_new(realms, json_string(value));
		} else if (strcmp(words[i], "--expires") == 0) {
			errno = 0;
			seconds = strtoll(value, &end, 10);
			if (errno != 0 || *end != '\0' || seconds < 1 || seconds > SECONDS_MAX)
				return error_set(err, EINVAL, "--expires is a number of seconds from 1 to %d, not %.64s",
						 SECONDS_MAX, value);
		} else {
			return error_set(err, EINVAL, "unknown option %.64s", words[i]);
		}
	}
	body = json_pack("{s:s, s:s}", "name", name, "role", role);
	if (body == NULL)
		return error_set(err, ENOMEM, "out of memory");
	if (json_array_size(realms) > 0)
		json_object_set(body, "realms", realms);
	if (seconds > 0)
		json_object_set_new(body, "expires_in", json_integer(seconds));
	if (call_json(&api, "POST", "/api/v1/tokens", body, &answer, err) < 0)
		return -1;
	const char *token = json_string_value(json_object_get(answer, "token"));
	const char *id = json_string_value(json_object_get(answer, "id"));
	if (token == NULL || id == NULL)
		return error_set(err, EPROTO, "the API made a token and did not show it");
	/* The token alone on standard output, so that `> file` makes a token file. */
	printf("%s\n", token);
	fprintf(stderr, "token %s, role %s, name %s: shown this once; `token revoke %s` ends it\n", id, role, name, id);
	return 0;
}

static int token_revoke_run(size_t count, char **words, struct error *err)
{
	cleanup_json json_t *answer = NULL;
	char path[64];

	(void)count;
	if (!id_valid(words[0]))
		return error_set(err, EINVAL, "not the id of a token, 24 hex digits: %.64s", words[0]);
	snprintf(path, sizeof path, "/api/v1/tokens/%s", words[0]);
	if (call_json(&api, "DELETE", path, NULL, &answer, err) < 0)
		return -1;
	fprintf(stderr, "token %s is revoked\n", words[0]);
	return 0;
}

static int certificate_run(size_t count, char **words, struct error *err)
{
	cleanup_free char *pem = NULL;

	(void)count;
	(void)words;
	if (identity_certificate(&pem, err) < 0)
		return -1;
	fputs(pem, stdout);
	return 0;
}

/* The init of busybox takes its orders as signals (busybox, init/init.c). */
static int init_signal(int signo, const char *text, struct error *err)
{
	fputs(text, stderr);
	if (kill(1, signo) < 0)
		return error_errno(err, "cannot signal init");
	return 0;
}

static int poweroff_run(size_t count, char **words, struct error *err)
{
	(void)count;
	(void)words;
	return init_signal(SIGUSR2, "stopping containers, then power off\n", err);
}

static int reboot_run(size_t count, char **words, struct error *err)
{
	(void)count;
	(void)words;
	return init_signal(SIGTERM, "stopping containers, then reboot; the disk must be unlocked again\n", err);
}

static int restart_run(size_t count, char **words, struct error *err)
{
	(void)count;
	if (role_kill(words[0], err) < 0)
		return -1;
	fprintf(stderr, "%s was killed and starts again; containers go on\n", words[0]);
	return 0;
}

static int help_run(size_t count, char **words, struct error *err);

static const struct command {
	const char *first, *second; /* second "": a command of one word */
	size_t min, max;            /* words behind */
	int (*run)(size_t count, char **words, struct error *err);
	const char *usage, *what;
} commands[] = {
	{ "status", "", 0, 0, status_run, "", "memory, swap, merging, firewall, as JSON" },
	{ "token", "create", 0, 24, token_create_run, "[--role admin|operator|reader] [--name NAME] [--realm ID]... [--expires SECONDS]",
	  "prints a new token, once" },
	{ "token", "list", 0, 0, token_list_run, "", "ids, names and roles" },
	{ "token", "revoke", 1, 1, token_revoke_run, "ID", "the token is void at once" },
	{ "certificate", "", 0, 0, certificate_run, "", "the API's certificate, for curl --cacert and bulkhead --ca" },
	{ "restart", "", 1, 1, restart_run, "api|engine|gate|names|audit|records|daemon|proxy", "kills a part that hangs; it starts again, containers go on" },
	{ "poweroff", "", 0, 0, poweroff_run, "", "stops the containers, then the machine" },
	{ "reboot", "", 0, 0, reboot_run, "", "the same, and starts again, locked" },
	{ "help", "", 0, 0, help_run, "", "this text" },
};

static void usage(FILE *out)
{
	fputs("This host has no shell. Its commands:\n", out);
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		fprintf(out, "  %s%s%s%s%s\n        %s\n", commands[i].first, commands[i].second[0] != '\0' ? " " : "",
			commands[i].second, commands[i].usage[0] != '\0' ? " " : "", commands[i].usage, commands[i].what);
}

static int help_run(size_t count, char **words, struct error *err)
{
	(void)count;
	(void)words;
	(void)err;
	usage(stdout);
	return 0;
}

static const struct command *command_find(const struct words *words)
{
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		const struct command *command = &commands[i];
		size_t own = command->second[0] != '\0' ? 2 : 1;

		if (words->count >= own + command->min && words->count <= own + command->max &&
		    strcmp(words->word[0], command->first) == 0 &&
		    (own == 1 || strcmp(words->word[1], command->second) == 0))
			return command;
	}
	return NULL;
}

int admin_main(int argc, char **argv)
{
	const char *line = getenv("SSH_ORIGINAL_COMMAND");
	struct error err = ERROR_INIT;
	static struct words words;

	(void)argc;
	(void)argv;
	signal(SIGPIPE, SIG_DFL);
	if (line == NULL || line[0] == '\0') {
		usage(stdout);
		return 0;
	}
	const struct command *command = words_split(&words, line) ? command_find(&words) : NULL;
	if (command == NULL) {
		fputs("bulkhead: no such command\n", stderr);
		usage(stderr);
		return EXIT_USAGE;
	}
	size_t own = command->second[0] != '\0' ? 2 : 1;
	curl_global_init(CURL_GLOBAL_DEFAULT);
	int result = command->run(words.count - own, words.word + own, &err);
	curl_global_cleanup();
	if (result == 0)
		return fflush(stdout) == 0 ? 0 : 1;
	fprintf(stderr, "bulkhead: %s\n", err.message);
	return err.code == EINVAL ? EXIT_USAGE : 1;
}
