/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/hostile/hostile.h"

enum { SECONDS_MAX = 20 };

int hostile_result(long result)
{
	return result == -1 ? errno : 0;
}

int hostile_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd == -1)
		return errno;
	int failed = hostile_result(write(fd, text, strlen(text)));
	close(fd);
	return failed;
}

/* What stood in the way, as text; NULL: nothing did. */
static const char *row_try(const struct hostile_row *row)
{
	static char text[64];
	int ends[2], status = 0, code = -1;

	if (pipe(ends) == -1)
		return NULL;
	pid_t pid = fork();
	if (pid == 0) {
		alarm(SECONDS_MAX);
		code = row->attack();
		_exit(write(ends[1], &code, sizeof code) == -1);
	}
	close(ends[1]);
	ssize_t got = pid == -1 ? 0 : read(ends[0], &code, sizeof code);
	close(ends[0]);
	while (pid != -1 && waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	if (got != sizeof code && WIFSIGNALED(status))
		snprintf(text, sizeof text, "killed by SIG%s", sigabbrev_np(WTERMSIG(status)));
	else if (got != sizeof code || code == 0)
		return NULL;
	else if (code == HOSTILE_NOTHING)
		snprintf(text, sizeof text, "nothing of the host there");
	else
		snprintf(text, sizeof text, "%s", strerrorname_np(code));
	return text;
}

static void rows_show(const struct hostile_row *rows)
{
	for (; rows->attempt != NULL; rows++)
		printf("| %s | %s |\n", rows->attempt, rows->refused_by);
}

static int rows_try(const struct hostile_row *rows)
{
	int succeeded = 0;

	for (; rows->attempt != NULL; rows++) {
		const char *how = row_try(rows);
		printf("%s\t%s\t%s\t%s\n", how == NULL ? "SUCCEEDED" : "refused", rows->attempt, how == NULL ? "-" : how, rows->refused_by);
		fflush(stdout);
		succeeded += how == NULL;
	}
	return succeeded;
}

/* hostile: tries all; hostile table: what SECURITY.md has to hold. */
int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "table") == 0) {
		rows_show(hostile_files);
		rows_show(hostile_calls);
		return 0;
	}
	int succeeded = rows_try(hostile_files) + rows_try(hostile_calls);
	return succeeded == 0 ? 0 : 1;
}
