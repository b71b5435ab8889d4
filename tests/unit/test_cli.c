/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/cli/cli.c
#include "tests/unit/unit.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>

#include "daemon/cli/cli.h"
#include "daemon/cli/exec.h"
#include "daemon/cli/flash.h"
#include "daemon/cli/http.h"
#include "daemon/cli/resource.h"
#include "daemon/cli/settings.h"
#include "daemon/cli/unlock.h"
#include "daemon/lib/secret.h"

/* The commands themselves have tests of their own; here they only note what they were asked. */
static char asked[512];
static int unlock_answer, unlock_error;

int flash_run(const struct flash *flash, struct error *err)
{
	(void)err;
	snprintf(asked, sizeof asked, "flash %s %s%s%s", flash->image, flash->target, flash->force ? " force" : "",
		 flash->yes ? " yes" : "");
	return 0;
}

int unlock_run(const struct unlock *unlock, struct error *err)
{
	snprintf(asked, sizeof asked, "%s %s %u %s %s", unlock->command, unlock->host, unlock->port,
		 unlock->key != NULL ? unlock->key : "-", unlock->known_hosts != NULL ? unlock->known_hosts : "-");
	return unlock_error != 0 ? error_set(err, unlock_error, "as told") : unlock_answer;
}

int settings_complete(struct settings *settings, struct error *err)
{
	settings->token = secret_new(SECRET_MAX, err);
	return settings->token == NULL ? -1 : 0;
}

void settings_clear(struct settings *settings)
{
	secret_free(settings->token);
}

bool resource_known(const char *noun)
{
	return strcmp(noun, "container") == 0;
}

int resource_run(const struct http_target *target, int argc, char **argv, struct error *err)
{
	(void)err;
	size_t used = (size_t)snprintf(asked, sizeof asked, "%s%s", target->url != NULL ? target->url : "-",
				       target->insecure ? " insecure" : "");

	for (int i = 0; i < argc; i++)
		used += (size_t)snprintf(asked + used, sizeof asked - used, " %s", argv[i]);
	return 0;
}

int exec_attached(const struct http_target *target, int count, char **words, struct error *err)
{
	(void)target;
	size_t used = (size_t)snprintf(asked, sizeof asked, "exec");

	for (int i = 0; i < count; i++)
		used += (size_t)snprintf(asked + used, sizeof asked - used, " %s", words[i]);
	return count < 2 ? error_set(err, EINVAL, "%s", "") : 0;
}

void resource_usage(FILE *out)
{
	(void)out;
}

/* The words, by blanks, as a command line of their own. */
static int run(const char *words)
{
	char text[256], *argv[16] = { (char[]){ "bulkhead" } }, *rest;
	int argc = 1;

	snprintf(text, sizeof text, "%s", words);
	for (char *word = strtok_r(text, " ", &rest); word != NULL && argc < 15; word = strtok_r(NULL, " ", &rest))
		argv[argc++] = word;
	argv[argc] = NULL;
	optind = 0;
	strcpy(asked, "");
	return cli_run(argc, argv);
}

static void options_stand_before_and_behind(void **state)
{
	(void)state;
	static const struct {
		const char *words, *asked;
	} lines[] = {
		{ "unlock --port 22 box1", "unlock box1 22 - -" },
		{ "unlock box1 --port 22", "unlock box1 22 - -" },
		{ "unlock box1", "unlock box1 2222 - -" },
		{ "enroll box1 --key k --known-hosts n", "enroll box1 2222 k n" },
		{ "enroll --key k box1 --port=7", "enroll box1 7 k -" },
		{ "flash image disk --yes", "flash image disk yes" },
		{ "flash --force image --yes disk", "flash image disk force yes" },
		{ "--server https://x container list", "https://x container list" },
		{ "container list --server https://x", "https://x container list" },
		{ "container --insecure stop 77 --server https://x", "https://x insecure container stop 77" },
		{ "--server https://x container create www --server=https://y port:=80", "https://y container create www port:=80" },
		{ "container create -- --insecure", "- container create --insecure" },
		{ "container", "- container" },
		{ "--server https://x exec 77 ls -l --insecure", "exec 77 ls -l --insecure" },
		{ "exec --server https://x user=me 77 sh -c id", "exec user=me 77 sh -c id" },
	};

	for (size_t i = 0; i < COUNT(lines); i++) {
		assert_int_equal(run(lines[i].words), 0);
		if (strcmp(asked, lines[i].asked) != 0)
			fail_msg("%s: %s", lines[i].words, asked);
	}
}

static void wrong_usage_is_2_and_does_nothing(void **state)
{
	(void)state;
	static const char *const wrong[] = {
		"", "fly", "--fly", "unlock", "unlock a b", "unlock a --port", "unlock a --port 0", "unlock a --port 65536",
		"unlock a --port 1x", "unlock a --port -1", "unlock a --yes", "flash image", "flash a b c", "flash a b --port 1",
		"container list --port 1", "container list --server",
	};

	for (size_t i = 0; i < COUNT(wrong); i++)
		if (run(wrong[i]) != 2 || asked[0] != '\0')
			fail_msg("%s: %s", wrong[i], asked);
}

static void codes_tell_the_host_from_ourselves(void **state)
{
	(void)state;
	static const struct {
		int answer, error, code;
	} codes[] = {
		{ 0, 0, 0 }, { 10, 0, 10 }, { 20, 0, 20 }, { 127, 0, 127 }, { 255, 0, 255 },
		{ 0, ECANCELED, 130 }, { 0, EINVAL, 2 }, { 0, EIO, 1 },
	};

	for (size_t i = 0; i < COUNT(codes); i++) {
		unlock_answer = codes[i].answer;
		unlock_error = codes[i].error;
		assert_int_equal(run("unlock box1"), codes[i].code);
	}
	unlock_answer = unlock_error = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_stand_before_and_behind),
		cmocka_unit_test(wrong_usage_is_2_and_does_nothing),
		cmocka_unit_test(codes_tell_the_host_from_ourselves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
