/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/cli/exec.h"
#include "daemon/cli/flash.h"
#include "daemon/cli/http.h"
#include "daemon/cli/resource.h"
#include "daemon/cli/settings.h"
#include "daemon/cli/unlock.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/hostcfg.h"
#include "daemon/lib/secret.h"

enum { EXIT_USAGE = 2, EXIT_GIVEN_UP = 130, EXIT_SSH = 255 };

static void usage(FILE *out)
{
	fputs("usage: bulkhead COMMAND\n"
	      "\n"
	      "a new server\n"
	      "  flash [--config host.json] [--ssh-key FILE] [--hostname NAME] [--domain NAME] [--force] [--yes] IMAGE DISK\n"
	      "        writes the image and the host config to a disk (or file), reads back, compares\n"
	      "  enroll [--port PORT] [--key FILE] [--known-hosts FILE] HOST\n"
	      "        sets the passphrase of a freshly flashed server; shows the recovery key, once\n"
	      "\n"
	      "every boot\n"
	      "  unlock [--port PORT] [--key FILE] [--known-hosts FILE] HOST\n"
	      "        asks for the passphrase, or reads it from standard input\n"
	      "\n"
	      "the API: bulkhead NOUN VERB, with\n"
	      "  --server URL        https://api.<domain>; or BULKHEAD_SERVER\n"
	      "  --token-file FILE   or BULKHEAD_TOKEN_FILE\n"
	      "  --ca FILE           certificate to trust (ssh root@HOST certificate); --insecure: trust any\n"
	      "  --connect HOST:PORT connect there, whatever the name in URL resolves to\n"
	      "  ~/.config/bulkhead/client.json (or $XDG_CONFIG_HOME/bulkhead/client.json) keeps them:\n"
	      "  {\"server\",\"token_file\",\"ca\",\"connect\"}; options come first, then the environment.\n"
	      "  https_proxy and no_proxy are heeded, as by curl.\n"
	      "\n", out);
	resource_usage(out);
	fputs("  exec [user=USER] [cwd=FOLDER] CONTAINER COMMAND [WORD...]\n"
	      "        a command in a running container, at this terminal; gives its exit code, 255 if nobody knows it\n", out);
	fputs("  KEY=TEXT and KEY:=JSON give further fields of the API (limits.memory_max:=268435456).\n", out);
}

static int fail(const struct error *err)
{
	fprintf(stderr, "bulkhead: %s%s%s%s\n", err->message, err->field[0] != '\0' ? " [field " : "", err->field,
		err->field[0] != '\0' ? "]" : "");
	return err->code == EINVAL ? EXIT_USAGE : 1;
}

static int text_set(json_t *object, const char *key, json_t *value, struct error *err)
{
	if (value == NULL || json_object_set_new(object, key, value) < 0)
		return error_set(err, EINVAL, "%s is not valid UTF-8", key);
	return 0;
}

struct flash_options {
	const char *config, *key, *hostname, *domain;
};

/* The text for the disk: the file as it is, or with the values of the options put in. */
static int config_make(const struct flash_options *options, char **ret_text, struct error *err)
{
	cleanup_free char *text = NULL, *key = NULL;
	static struct hostcfg cfg;
	json_error_t problem;
	size_t size = 0;

	if (options->config != NULL) {
		if (file_read(options->config, HOSTCFG_SIZE_MAX, &text, &size, err) < 0 ||
		    hostcfg_parse(text, size, &cfg, err) < 0)
			return error_wrap(err, "%s", options->config);
		if (options->key == NULL && options->hostname == NULL && options->domain == NULL) {
			*ret_text = steal_pointer(&text);
			return 0;
		}
	}
	json_t *root = text != NULL ? json_loadb(text, size, JSON_REJECT_DUPLICATES, &problem) : json_object();
	int result = root == NULL ? error_set(err, ENOMEM, "out of memory") : 0;
	if (result == 0 && options->hostname != NULL)
		result = text_set(root, "hostname", json_string(options->hostname), err);
	if (result == 0 && options->domain != NULL)
		result = text_set(root, "domain", json_string(options->domain), err);
	if (result == 0 && options->key != NULL) {
		result = file_read(options->key, HOSTCFG_KEY_MAX + 1, &key, NULL, err);
		if (result == 0) {
			key[strcspn(key, "\r\n")] = '\0';
			if (!hostcfg_key_valid(key))
				result = error_set(err, EINVAL, "%s: not one public key line (give the .pub file)", options->key);
		}
		json_t *ssh = result == 0 ? json_object_get(root, "ssh") : NULL;
		if (result == 0 && ssh == NULL)
			result = text_set(root, "ssh", ssh = json_object(), err);
		json_t *keys = result == 0 ? json_object_get(ssh, "keys") : NULL;
		if (result == 0 && keys == NULL)
			result = text_set(ssh, "keys", keys = json_array(), err);
		if (result == 0 && json_array_append_new(keys, json_string(key)) < 0)
			result = error_set(err, EINVAL, "%s is not valid UTF-8", options->key);
	}
	char *made = result == 0 ? json_dumps(root, JSON_INDENT(2) | JSON_PRESERVE_ORDER) : NULL;
	json_decref(root);
	if (result < 0)
		return -1;
	if (made == NULL)
		return error_set(err, ENOMEM, "out of memory");
	if (hostcfg_parse(made, strlen(made), &cfg, err) < 0) {
		free(made);
		return -1;
	}
	*ret_text = made;
	return 0;
}

static int flash_main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "config", required_argument, NULL, 'c' }, { "ssh-key", required_argument, NULL, 'k' },
		{ "hostname", required_argument, NULL, 'h' }, { "domain", required_argument, NULL, 'd' },
		{ "force", no_argument, NULL, 'f' }, { "yes", no_argument, NULL, 'y' }, { 0 },
	};
	struct flash_options options = { 0 };
	struct flash flash = { 0 };
	struct error err = ERROR_INIT;
	static struct hostcfg cfg;
	cleanup_free char *text = NULL;
	int option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (option) {
		case 'c':
			options.config = optarg;
			break;
		case 'k':
			options.key = optarg;
			break;
		case 'h':
			options.hostname = optarg;
			break;
		case 'd':
			options.domain = optarg;
			break;
		case 'f':
			flash.force = true;
			break;
		case 'y':
			flash.yes = true;
			break;
		default:
			return EXIT_USAGE;
		}
	}
	if (argc - optind != 2) {
		fputs("usage: bulkhead flash [OPTIONS] IMAGE DISK\n", stderr);
		return EXIT_USAGE;
	}
	flash.image = argv[optind];
	flash.target = argv[optind + 1];

	hostcfg_defaults(&cfg);
	if (options.config != NULL || options.key != NULL || options.hostname != NULL || options.domain != NULL) {
		if (config_make(&options, &text, &err) < 0)
			return fail(&err);
		flash.config = text;
		flash.config_size = strlen(text);
		(void)hostcfg_parse(text, flash.config_size, &cfg, &err); /* parsed just now */
	}
	if (cfg.key_count == 0)
		fputs("bulkhead: no SSH key in the host config: this server can be unlocked at its console only (--ssh-key)\n", stderr);
	flash.swap_mib = cfg.swap_mib;
	return flash_run(&flash, &err) < 0 ? fail(&err) : 0;
}

static int unlock_main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "port", required_argument, NULL, 'p' }, { "key", required_argument, NULL, 'k' },
		{ "known-hosts", required_argument, NULL, 'n' }, { 0 },
	};
	struct unlock unlock = { .port = 2222, .command = argv[0], .twice = strcmp(argv[0], "enroll") == 0 };
	struct error err = ERROR_INIT;
	int option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		char *end = NULL;
		unsigned long port;

		switch (option) {
		case 'p':
			port = strtoul(optarg, &end, 10);
			if (*optarg < '0' || *optarg > '9' || *end != '\0' || port == 0 || port > 65535) {
				fprintf(stderr, "bulkhead: not a port: %s\n", optarg);
				return EXIT_USAGE;
			}
			unlock.port = (uint16_t)port;
			break;
		case 'k':
			unlock.key = optarg;
			break;
		case 'n':
			unlock.known_hosts = optarg;
			break;
		default:
			return EXIT_USAGE;
		}
	}
	if (argc - optind != 1) {
		fprintf(stderr, "usage: bulkhead %s [OPTIONS] HOST\n", argv[0]);
		return EXIT_USAGE;
	}
	unlock.host = argv[optind];
	int code = unlock_run(&unlock, &err);
	if (code < 0) {
		int ours = fail(&err);

		return err.code == ECANCELED ? EXIT_GIVEN_UP : ours;
	}
	if (code == EXIT_SSH)
		fprintf(stderr, "bulkhead: ssh could not reach or log in to %s, port %u; its own message is above\n",
			unlock.host, unlock.port);
	return code;
}

/*
 * The options of the API's commands, which stand anywhere (order "") or before the command ("+", getopt_long(3)).
 * Returns an exit code if that is the end of it, else -1.
 */
static int settings_options(struct settings *settings, int argc, char **argv, const char *order)
{
	static const struct option long_options[] = {
		{ "server", required_argument, NULL, 's' }, { "token-file", required_argument, NULL, 't' },
		{ "ca", required_argument, NULL, 'a' }, { "connect", required_argument, NULL, 'c' },
		{ "insecure", no_argument, NULL, 'i' }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, order, long_options, NULL)) != -1) {
		switch (option) {
		case 's':
			settings->server = optarg;
			break;
		case 't':
			settings->token_file = optarg;
			break;
		case 'a':
			settings->ca = optarg;
			break;
		case 'c':
			settings->connect = optarg;
			break;
		case 'i':
			settings->insecure = true;
			break;
		case 'h':
			usage(stdout);
			return 0;
		default:
			return EXIT_USAGE;
		}
	}
	return -1;
}

static int api_main(struct settings *settings, int argc, char **argv)
{
	struct error err = ERROR_INIT;
	char *noun = argv[0];
	/* Behind the container stand the command's own words. */
	bool exec = strcmp(noun, "exec") == 0;
	int code = settings_options(settings, argc, argv, exec ? "+" : "");

	if (code >= 0)
		return code;
	/* getopt has put the options in front; the noun goes before what they leave. */
	argc -= optind - 1;
	argv += optind - 1;
	argv[0] = noun;
	if (settings_complete(settings, &err) < 0)
		return fail(&err);
	struct http_target target = {
		.url = settings->server, .connect = settings->connect, .ca_file = settings->ca,
		.insecure = settings->insecure, .token = settings->token->data,
	};
	if (!exec)
		return resource_run(&target, argc, argv, &err) < 0 ? fail(&err) : 0;
	code = exec_attached(&target, argc - 1, argv + 1, &err);
	if (code >= 0)
		return code;
	if (err.message[0] == '\0')
		error_set(&err, EINVAL, "usage: bulkhead exec [user=USER] [cwd=FOLDER] CONTAINER COMMAND [WORD...]");
	(void)fail(&err);
	return EXEC_UNKNOWN;
}

int cli_run(int argc, char **argv)
{
	__attribute__((cleanup(settings_clear))) struct settings settings = { 0 };
	int code = settings_options(&settings, argc, argv, "+");

	if (code >= 0)
		return code;
	argc -= optind;
	argv += optind;
	optind = 0; /* not 1: getopt would keep the "+" for the command's own options, which may stand behind its words */
	if (argc == 0) {
		usage(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[0], "help") == 0) {
		usage(stdout);
		return 0;
	}
	if (strcmp(argv[0], "flash") == 0)
		return flash_main(argc, argv);
	if (strcmp(argv[0], "unlock") == 0 || strcmp(argv[0], "enroll") == 0)
		return unlock_main(argc, argv);
	if (resource_known(argv[0]) || strcmp(argv[0], "exec") == 0)
		return api_main(&settings, argc, argv);
	fprintf(stderr, "bulkhead: no command %s; `bulkhead help` lists them\n", argv[0]);
	return EXIT_USAGE;
}
