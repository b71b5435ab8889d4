/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/session.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/engine/container.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"

#define SESSIONS_GROUP "bulkhead.slice/sessions"
#define COMMAND_PREFIX "exec."

/* What the engine keeps of one that it has started: enough to end its command should the role crash. */
struct session {
	char group[CGROUP_TEXT];
};

void session_group(const char *id, const char *session, char path[CGROUP_TEXT])
{
	snprintf(path, CGROUP_TEXT, SESSIONS_GROUP "/%.24s.%.24s", id, session);
}

void session_command_group(const char *realm, const char *id, const char *session, char path[CGROUP_TEXT])
{
	char group[CGROUP_TEXT];

	cgroup_container(realm, id, group);
	snprintf(path, CGROUP_TEXT, "%.100s/" COMMAND_PREFIX "%.24s", group, session);
}

typedef void group_cb(int folder, const char *group, const char *name, void *data);

/* Calls back for each group directly below one, whose name begins with prefix. */
static void groups_walk(const char *group, const char *prefix, group_cb *each, void *data)
{
	char full[PATH_MAX];

	snprintf(full, sizeof full, CGROUP_ROOT "/%.160s", group);
	DIR *dir = opendir(full);
	if (dir == NULL)
		return; /* none was ever made */
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.' && strlen(entry->d_name) < 64 &&
		    strncmp(entry->d_name, prefix, strlen(prefix)) == 0)
			each(dirfd(dir), group, entry->d_name, data);
	closedir(dir);
}

struct count {
	const char *id;
	unsigned all, own;
};

static void session_count(int folder, const char *group, const char *name, void *data)
{
	struct count *count = data;

	(void)group;
	if (unlinkat(folder, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return;
	count->all++;
	count->own += strncmp(name, count->id, ID_TEXT - 1) == 0;
}

/* What stays populated is a program in the background. */
static void command_sweep(int folder, const char *group, const char *name, void *data)
{
	const struct count *count = data;
	char session[CGROUP_TEXT], full[PATH_MAX];

	(void)group;
	session_group(count->id, name + strlen(COMMAND_PREFIX), session);
	snprintf(full, sizeof full, CGROUP_ROOT "/%s", session);
	if (access(full, F_OK) == -1 && errno == ENOENT)
		(void)unlinkat(folder, name, AT_REMOVEDIR);
}

static int room_check(const struct container *c, struct error *err)
{
	struct count count = { .id = c->message.id };
	char group[CGROUP_TEXT];

	groups_walk(SESSIONS_GROUP, "", session_count, &count);
	cgroup_container(c->message.realm, c->message.id, group);
	groups_walk(group, COMMAND_PREFIX, command_sweep, &count);
	if (count.own >= SESSIONS_CONTAINER_MAX)
		return error_set(err, EMLINK, "%d commands are run in this container already, which is the limit",
				 SESSIONS_CONTAINER_MAX);
	if (count.all >= SESSIONS_MAX)
		return error_set(err, EMLINK, "%d commands are run on this host already, which is the limit", SESSIONS_MAX);
	return 0;
}

static void session_end(int folder, const char *group, const char *name, void *data)
{
	struct error err = ERROR_INIT;
	char path[CGROUP_TEXT + 80];

	(void)folder;
	(void)data;
	snprintf(path, sizeof path, "%.160s/%.64s", group, name);
	if (cgroup_kill(path, &err) == -1)
		log_error("%s", err.message);
}

void session_kill(const char *id)
{
	groups_walk(SESSIONS_GROUP, id, session_end, NULL);
}

static int spec_fd(const struct container *c, const struct exec_message *exec, struct error *err)
{
	static struct session_spec spec; /* large */

	spec = (struct session_spec){
		.exec = *exec, .init = c->init, .merge = c->message.merge, .environment_size = c->message.environment_size,
	};
	memcpy(spec.realm, c->message.realm, sizeof spec.realm);
	memcpy(spec.environment, c->message.environment, sizeof spec.environment);
	return fd_memory("command", &spec, sizeof spec, err);
}

/* In the child: descriptors in place, signals as they were at birth, then exec. fds: in the order of their numbers. */
__attribute__((noreturn)) static void role_exec(const int fds[4])
{
	char *const argv[] = { (char[]){ "bulkheadd" }, (char[]){ "exec" }, NULL };
	char *const envp[] = { (char[]){ "PATH=/usr/sbin:/usr/bin:/sbin:/bin" }, NULL };
	int high[4];
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	for (int i = 0; i < 4; i++) {
		high[i] = fcntl(fds[i], F_DUPFD, SESSION_FD_INPUT + 1);
		if (high[i] == -1)
			_exit(126);
	}
	for (int i = 0; i < 4; i++)
		if (dup2(high[i], SESSION_FD_SPEC + i) == -1)
			_exit(126);
	if (close_range(SESSION_FD_INPUT + 1, ~0U, 0) == -1)
		_exit(126);
	execve("/proc/self/exe", argv, envp);
	_exit(127);
}

static void role_ended(pid_t pid, int status, void *data)
{
	struct session *session = data;
	struct error err = ERROR_INIT;

	(void)pid;
	if (WIFSIGNALED(status) || WEXITSTATUS(status) != 0) {
		log_warning("the process of a command ended with status %d; the command ends with it", status);
		if (cgroup_kill(session->group, &err) == -1)
			log_error("%s", err.message);
	}
	free(session);
}

static int role_fork(struct loop *loop, const int fds[4], const char *group, struct session *session, struct error *err)
{
	pid_t pid = fork();

	if (pid == -1)
		return error_errno(err, "cannot fork the process of a command");
	if (pid == 0)
		role_exec(fds);
	if (cgroup_put(group, pid, err) == -1 || loop_add_child(loop, pid, role_ended, session, err) == NULL) {
		kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		return -1;
	}
	return 0;
}

int session_begin(struct loop *loop, const struct container *c, const struct exec_message *exec, int input,
		  int *ret_channel, struct error *err)
{
	int pair[2];
	struct stat st;

	if (!id_valid(exec->session) || exec->command_size == 0 || exec->command[0] == '\0' ||
	    exec->output_max > EXEC_OUTPUT_MAX || exec->action >= EXEC_ACTIONS ||
	    (exec->attach != 0 && exec->action != EXEC_COMMAND) || exec->columns > UINT16_MAX || exec->rows > UINT16_MAX)
		return error_set(err, EBADMSG, "a command is malformed");
	if (c->state != CONTAINER_STATE_RUNNING)
		return error_set(err, EEXIST, "the container does not run");
	if (c->frozen)
		return error_set(err, EEXIST, "the container is frozen");
	if (room_check(c, err) == -1)
		return -1;
	cleanup_fd int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (nothing == -1 || (input != -1 && fstat(input, &st) == -1))
		return error_errno(err, "cannot prepare the input of a command");
	if (input != -1 && !S_ISREG(st.st_mode))
		return error_set(err, EBADF, "the input of a command comes as a file");
	cleanup_fd int spec = spec_fd(c, exec, err);
	if (spec == -1)
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
		return error_errno(err, "cannot make a socket for a command");
	cleanup_fd int ours = pair[0], theirs = pair[1];
	cleanup_free struct session *session = calloc(1, sizeof *session);
	if (session == NULL)
		return error_set(err, ENOMEM, "no memory for a command");
	session_command_group(c->message.realm, c->message.id, exec->session, session->group);
	char group[CGROUP_TEXT];
	session_group(c->message.id, exec->session, group);
	const int fds[4] = { spec, theirs, c->init_fd, input != -1 ? input : nothing };
	if (role_fork(loop, fds, group, session, err) == -1)
		return -1;
	(void)steal_pointer(&session); /* the child's end frees it */
	*ret_channel = fd_steal(&ours);
	return 0;
}
