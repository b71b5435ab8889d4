/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/command.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/engine/account.h"
#include "daemon/engine/enter.h"
#include "daemon/engine/merge.h"
#include "daemon/engine/session.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/packet.h"

enum { REPORT_FD = 3 }; /* in the child, until the program runs */

static int report_send(int socket, const struct command_report *report, const int *fds, size_t count)
{
	const struct iovec part = { .iov_base = (void *)(uintptr_t)report, .iov_len = sizeof *report };

	return packet_send(socket, &part, 1, fds, count, 0);
}

int command_report(int socket, struct command_report *ret_report, int ret_fds[COMMAND_ENDS_MAX], size_t *ret_count)
{
	const struct iovec part = { .iov_base = ret_report, .iov_len = sizeof *ret_report };

	ssize_t n = packet_receive(socket, &part, 1, ret_fds, COMMAND_ENDS_MAX, ret_count, MSG_DONTWAIT);
	if (n == -1 && errno == EAGAIN)
		return -1;
	if (n != (ssize_t)sizeof *ret_report)
		return 0;
	ret_report->err.field[sizeof ret_report->err.field - 1] = '\0';
	ret_report->err.message[sizeof ret_report->err.message - 1] = '\0';
	return 1;
}

/* Words of a frame as a list that ends with NULL, in the frame's own memory. */
static size_t words_list(char *words, size_t used, char **list, size_t room)
{
	size_t count = 0;

	for (size_t at = 0; at < used && count < room; at += strlen(words + at) + 1)
		list[count++] = words + at;
	list[count] = NULL;
	return count;
}

/* A later value of a variable takes the place of an earlier one. */
static void variable_set(char **list, size_t *count, char *entry)
{
	size_t name = strcspn(entry, "=");

	for (size_t i = 0; i < *count; i++)
		if (strncmp(list[i], entry, name) == 0 && list[i][name] == '=') {
			list[i] = entry;
			return;
		}
	list[(*count)++] = entry;
	list[*count] = NULL;
}

/* As the init has it (guest.c), then the user's, the container's, the client's. */
static char **environment_make(const struct session_spec *spec, const struct account *account)
{
	enum { ENTRIES_MAX = 2 * ENVIRONMENT_MAX / 2 + 8 };
	static char *list[ENTRIES_MAX + 1], *more[ENVIRONMENT_MAX / 2 + 1];
	static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", kind[] = "container=lxc";
	static char terminal[] = "TERM=xterm-256color";
	static char home[sizeof account->home + 5], user[sizeof account->name + 5];
	static char own[ENVIRONMENT_MAX], client[ENVIRONMENT_MAX];
	size_t count = 0;

	variable_set(list, &count, path);
	variable_set(list, &count, kind);
	if (spec->exec.terminal != 0)
		variable_set(list, &count, terminal);
	memcpy(own, spec->environment, sizeof own);
	words_list(own, spec->environment_size, more, ENVIRONMENT_MAX / 2);
	for (char **entry = more; *entry != NULL; entry++)
		variable_set(list, &count, *entry);
	snprintf(home, sizeof home, "HOME=%s", account->home);
	variable_set(list, &count, home);
	if (account->name[0] != '\0') {
		snprintf(user, sizeof user, "USER=%s", account->name);
		variable_set(list, &count, user);
	}
	memcpy(client, spec->exec.environment, sizeof client);
	words_list(client, spec->exec.environment_size, more, ENVIRONMENT_MAX / 2);
	for (char **entry = more; *entry != NULL; entry++)
		variable_set(list, &count, *entry);
	return list;
}

/* A pipe that belongs to the user: the command's end becomes number, the other one is *ret_end. */
static int pipe_make(const struct account *account, int number, int *ret_end, struct error *err)
{
	bool input = number == STDIN_FILENO;
	int pair[2];

	if (pipe2(pair, O_CLOEXEC) == -1)
		return error_errno(err, "cannot make a pipe");
	*ret_end = pair[input];
	if (fchown(pair[!input], account->uid, account->gid) == -1 || dup2(pair[!input], number) == -1)
		return error_errno(err, "cannot prepare the streams of the command");
	close(pair[!input]);
	return 0;
}

/* A terminal of the container's own devpts, so that it has a name there; the user's. */
static int terminal_make(const struct exec_message *exec, const struct account *account, int *ret_master, struct error *err)
{
	const struct winsize size = { .ws_col = (unsigned short)exec->columns, .ws_row = (unsigned short)exec->rows };
	int unlocked = 0, master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);

	if (master == -1 || ioctl(master, TIOCSPTLCK, &unlocked) == -1 || ioctl(master, TIOCSWINSZ, &size) == -1)
		return error_field(err, "terminal", "the container gives no terminal: /dev/ptmx: %s", strerror(errno));
	int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave == -1 || fchown(slave, account->uid, (gid_t)-1) == -1 || fchmod(slave, 0620) == -1 ||
	    ioctl(slave, TIOCSCTTY, 0) == -1)
		return error_field(err, "terminal", "the container gives no terminal: %s", strerror(errno));
	for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++)
		if (dup2(slave, i) == -1)
			return error_errno(err, "cannot prepare the terminal of the command");
	close(slave);
	*ret_master = master;
	return 0;
}

/* *ends: the other ends of the command's streams, as command.h has them. */
static int streams_make(const struct exec_message *exec, const struct account *account, int ends[COMMAND_ENDS_MAX],
			size_t *ret_count, struct error *err)
{
	if (exec->attach != 0 && exec->terminal != 0) {
		*ret_count = 1;
		return terminal_make(exec, account, ends, err);
	}
	*ret_count = 0;
	if (exec->attach == 0 && dup2(SESSION_FD_INPUT, STDIN_FILENO) == -1)
		return error_errno(err, "cannot prepare the input of the command");
	for (int i = exec->attach != 0 ? STDIN_FILENO : STDOUT_FILENO; i <= STDERR_FILENO; i++)
		if (pipe_make(account, i, &ends[(*ret_count)++], err) == -1)
			return -1;
	return 0;
}

static int folder_enter(const char *folder, const struct account *account, struct error *err)
{
	if (folder[0] == '\0')
		return chdir(account->home) == -1 && chdir("/") == -1 ? error_errno(err, "cannot enter /") : 0;
	if (chdir(folder) == -1)
		return error_field(err, "cwd", "cannot enter %.200s: %s", folder, strerror(errno));
	return 0;
}

static int command_run(const struct session_spec *spec, const struct enter *enter, struct error *err)
{
	enum { WORDS_MAX = EXEC_COMMAND_MAX / 2 };
	static struct account account;
	static struct command_report report;
	static char words[EXEC_COMMAND_MAX], *argv[WORDS_MAX + 1];
	sigset_t none;
	int ends[COMMAND_ENDS_MAX];
	size_t count;

	if ((spec->merge != 0 && merge_enable(err) == -1) || enter_namespaces(enter, err) == -1)
		return -1;
	/* From here on this is the container's root, and what is opened is the container's. */
	if (setsid() == -1)
		return error_errno(err, "cannot begin a session of terminals");
	if (account_find("", spec->exec.user, &account, err) == -1 ||
	    streams_make(&spec->exec, &account, ends, &count, err) == -1)
		return -1;
	if (report_send(REPORT_FD, &report, ends, count) == -1)
		return error_errno(err, "cannot hand over the streams of the command");
	if (enter_user(enter, &account, err) == -1 || folder_enter(spec->exec.folder, &account, err) == -1)
		return -1;
	close_range(REPORT_FD + 1, ~0U, 0);
	memcpy(words, spec->exec.command, sizeof words);
	words_list(words, spec->exec.command_size, argv, WORDS_MAX);
	environ = environment_make(spec, &account);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execvp(argv[0], argv);
	error_field(err, "command", "cannot run %.200s: %s", argv[0], strerror(errno));
	return -1;
}

/*
 * What the container's own root would do. "/" is the container's already; that
 * place.h resolves below it keeps links of /proc from leading to what this process
 * has open.
 */
static int files_run(const struct session_spec *spec, const struct enter *enter, struct place *ret_place, struct error *err)
{
	static const struct account root;
	const struct exec_message *exec = &spec->exec;
	const char *path = exec->command;

	if (enter_namespaces(enter, err) == -1 || enter_user(enter, &root, err) == -1)
		return -1;
	cleanup_fd int top = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (top == -1)
		return error_errno(err, "cannot open the container's root folder");
	switch ((enum exec_action)exec->action) {
	case EXEC_PULL:
		return place_pull(top, path, SESSION_FD_INPUT, exec->bytes_max, ret_place, err);
	case EXEC_PUSH:
		return place_push(top, path, SESSION_FD_INPUT, exec->mode, exec->uid, exec->gid, err);
	case EXEC_FOLDER:
		return place_folder(top, path, exec->mode, exec->uid, exec->gid, err);
	case EXEC_REMOVE:
		return place_delete(top, path, err);
	case EXEC_COMMAND:
	case EXEC_ACTIONS:
		break;
	}
	return error_set(err, EBADMSG, "a session has no such action");
}

static int action_run(const struct session_spec *spec, const struct enter *enter, struct command_report *report)
{
	if (spec->exec.action == EXEC_COMMAND)
		return command_run(spec, enter, &report->err);
	if (files_run(spec, enter, &report->place, &report->err) == -1)
		return -1;
	_exit(report_send(REPORT_FD, report, NULL, 0) == -1 ? 126 : 0);
}

/* A process that begins its life in the group: there is no moment in which killing the group would miss it. */
static pid_t fork_into(int group, struct error *err)
{
	struct clone_args args = {
		.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (uint64_t)group,
	};
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);

	if (pid != -1)
		return pid;
	if (errno == ENOMEM) /* also when the first process of the namespace is gone */
		return error_set(err, EEXIST, "the container has just ended, or has no memory left");
	if (errno == EAGAIN)
		return error_set(err, EMLINK, "the container has as many processes as it may");
	return error_errno(err, "cannot start a process in the container");
}

pid_t command_fork(const struct session_spec *spec, const struct enter *enter, int group, int *ret_report,
		   struct error *err)
{
	int pair[2];

	if (enter_pids(enter, err) == -1)
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
		return error_errno(err, "cannot make a socket for a command");
	cleanup_fd int ours = pair[0], theirs = pair[1];
	pid_t pid = fork_into(group, err);
	if (pid == -1)
		return -1;
	if (pid == 0) {
		struct command_report report = { .err = ERROR_INIT };
		if (dup3(theirs, REPORT_FD, O_CLOEXEC) == -1)
			_exit(126);
		if (action_run(spec, enter, &report) == -1)
			(void)report_send(REPORT_FD, &report, NULL, 0);
		_exit(127);
	}
	*ret_report = fd_steal(&ours);
	return pid;
}
