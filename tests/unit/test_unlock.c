/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/cli/unlock.c daemon/cli/prompt.c
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "daemon/cli/unlock.h"
#include "daemon/lib/fd.h"

/* unlock with an ssh of our own, which keeps its words and its input and ends with the code in the file `code`. */

static char folder[PATH_MAX];

enum { GIVEN_UP = 100, REFUSED = 101 };

static int child_run(bool twice)
{
	const struct unlock unlock = { .host = "box1", .port = 2222, .command = twice ? "enroll" : "unlock", .twice = twice };
	struct error err = ERROR_INIT;
	int code = unlock_run(&unlock, &err);

	return code >= 0 ? code : err.code == ECANCELED ? GIVEN_UP : REFUSED;
}

static int code_wait(pid_t child)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int with_input(const char *input)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		dup2(ends[0], STDIN_FILENO);
		close(ends[0]);
		close(ends[1]);
		_exit(child_run(false));
	}
	close(ends[0]);
	assert_int_equal(fd_write_full(ends[1], input, strlen(input)), 0);
	close(ends[1]);
	return code_wait(child);
}

enum { PATIENCE_MS = 20000 };

/* Reads from the terminal until the text has come. False if it is closed first, or a long time passes. */
static bool shown(int terminal, const char *text)
{
	char seen[4096] = "";
	size_t used = 0;

	while (strstr(seen, text) == NULL) {
		struct pollfd ready = { .fd = terminal, .events = POLLIN };
		ssize_t got = poll(&ready, 1, PATIENCE_MS) == 1 ? read(terminal, seen + used, sizeof seen - 1 - used) : 0;

		if (got <= 0)
			return false;
		used += (size_t)got;
	}
	return true;
}

/* Types the words at the prompts, in turn. */
static int at_terminal(bool twice, const char *first, const char *second)
{
	struct termios after;
	int terminal;

	fflush(NULL);
	pid_t child = forkpty(&terminal, NULL, NULL, NULL);
	if (child == 0) {
		int code = child_run(twice);

		/* The terminal must be as it was. */
		_exit(tcgetattr(STDIN_FILENO, &after) == 0 && (after.c_lflag & ECHO) != 0 && (after.c_lflag & ISIG) != 0 ? code : 99);
	}
	assert_true(child > 0);
	bool asked = shown(terminal, "assphrase: ") && write(terminal, first, strlen(first)) == (ssize_t)strlen(first);
	if (asked && second != NULL)
		asked = shown(terminal, "Once more: ") && write(terminal, second, strlen(second)) == (ssize_t)strlen(second);
	if (asked)
		(void)shown(terminal, "\177"); /* what never comes: until the child has gone */
	close(terminal); /* which ends a child that still waits, by SIGHUP */
	int code = code_wait(child);
	assert_true(asked);
	return code;
}

static void ssh_got(const char *input)
{
	char path[PATH_MAX + 16];
	struct error err = ERROR_INIT;
	cleanup_free char *text = NULL;

	snprintf(path, sizeof path, "%s/input", folder);
	if (input == NULL) {
		assert_int_equal(access(path, F_OK), -1);
		return;
	}
	assert_ok(file_read(path, 4096, &text, NULL, &err), &err);
	assert_string_equal(text, input);
	unlink(path);
}

static void code_set(const char *code)
{
	char path[PATH_MAX + 16];
	struct error err = ERROR_INIT;

	snprintf(path, sizeof path, "%s/code", folder);
	assert_ok(file_write(path, code, strlen(code), 0600, &err), &err);
}

static void input_goes_to_ssh_and_its_code_comes_back(void **state)
{
	(void)state;
	static const char *const codes[] = { "0", "10", "255" };
	char path[PATH_MAX + 16];
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < COUNT(codes); i++) {
		code_set(codes[i]);
		assert_int_equal(with_input("correct horse\n"), atoi(codes[i]));
		ssh_got("correct horse");
	}
	cleanup_free char *words = NULL;
	snprintf(path, sizeof path, "%s/words", folder);
	assert_ok(file_read(path, 4096, &words, NULL, &err), &err);
	assert_non_null(strstr(words, "-- root@box1 unlock\n"));
	assert_null(strstr(words, "horse"));
	assert_int_equal(with_input(""), REFUSED);
	ssh_got(NULL);
}

static void without_ssh_it_is_127(void **state)
{
	(void)state;
	char *path = strdup(getenv("PATH"));

	setenv("PATH", "/nowhere", 1);
	int code = with_input("correct horse\n");
	setenv("PATH", path, 1);
	free(path);
	assert_int_equal(code, 127);
}

static void a_passphrase_is_typed(void **state)
{
	(void)state;
	code_set("0");
	assert_int_equal(at_terminal(false, "correct horse\n", NULL), 0);
	ssh_got("correct horse");
	assert_int_equal(at_terminal(true, "correct horse\n", "correct horse\n"), 0);
	ssh_got("correct horse");
	assert_int_equal(at_terminal(true, "correct horse\n", "correct hose\n"), REFUSED);
	ssh_got(NULL);
}

static void ctrl_c_gives_up_at_once(void **state)
{
	(void)state;
	assert_int_equal(at_terminal(false, "\003", NULL), GIVEN_UP);
	assert_int_equal(at_terminal(false, "half a wo\003", NULL), GIVEN_UP);
	assert_int_equal(at_terminal(true, "correct horse\n", "corr\003"), GIVEN_UP);
	ssh_got(NULL);
}

static int ssh_make(void **state)
{
	(void)state;
	char text[4 * PATH_MAX], path[2 * PATH_MAX];

	unit_folder_make(folder);
	snprintf(path, sizeof path, "%s/ssh", folder);
	snprintf(text, sizeof text, "#!/bin/sh\necho \"$*\" >%s/words\ncat >%s/input\nexit $(cat %s/code)\n", folder, folder, folder);
	struct error err = ERROR_INIT;
	assert_ok(file_write(path, text, strlen(text), 0700, &err), &err);
	snprintf(path, sizeof path, "%s:%s", folder, getenv("PATH"));
	return setenv("PATH", path, 1);
}

static int ssh_remove(void **state)
{
	(void)state;
	unit_folder_remove(folder);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(input_goes_to_ssh_and_its_code_comes_back),
		cmocka_unit_test(without_ssh_it_is_127),
		cmocka_unit_test(a_passphrase_is_typed),
		cmocka_unit_test(ctrl_c_gives_up_at_once),
	};

	return cmocka_run_group_tests(tests, ssh_make, ssh_remove);
}
