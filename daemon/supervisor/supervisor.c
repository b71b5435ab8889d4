/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * supervisor: starts the roles, keeps both ends of their channels, and starts
 * a role again when it ends. It reads nothing from outside but signals.
 *
 * SIGTERM, SIGINT: end the roles in order (api first, engine last); containers,
 * proxy and firewall stay. SIGPWR: the host goes down, so api stops every
 * container first. `bulkheadd shutdown` sends it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/audit/segment.h"
#include "daemon/lib/clock.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/gateway.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"
#include "daemon/lib/protocol.h"
#include "daemon/lib/record.h"
#include "daemon/roles.h"
#include "daemon/supervisor/supervisor.h"

enum {
	ROLE_FDS_MAX = 6,
	ROLE_FD_FIRST = 3,         /* lowest number of protocol.h */
	PAUSE_FIRST_MS = 100,
	PAUSE_MAX_MS = 5000,
	PAUSE_RESET_MS = 30000,    /* a role that ran this long starts with the short pause again */
	END_MS = 10000,            /* from SIGTERM to SIGKILL */
	END_CONTAINERS_MS = 90000, /* the same for api while it stops the containers */
	CHANNEL_BUFFER = 1 << 20,  /* bytes a channel may hold: a sync of some dozen containers at once */
};

/* In the order of ending; started in reverse. */
enum role_index { ROLE_API, ROLE_GATE, ROLE_NAMES, ROLE_READER, ROLE_AUDIT, ROLE_ENGINE, ROLE_COUNT };

struct role {
	const char *name;
	enum role_index index;
	pid_t pid;              /* 0: not running */
	int64_t started_ms;
	int64_t pause_ms;
	struct loop_source *timer; /* start again, or kill while ending */
	int fds[ROLE_FDS_MAX];  /* become ROLE_FD_FIRST + i; -1 ends the list */
	struct supervisor *supervisor;
};

struct supervisor {
	struct loop *loop;
	struct role roles[ROLE_COUNT];
	bool ending;
	bool host_down; /* containers are stopped too */
	int ending_role; /* enum role_index that is asked to end now */
};

/* In the child: inherited descriptors to their numbers, signals to default, then the role. Never returns. */
static _Noreturn void role_exec(const struct role *role)
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", locale[] = "LC_ALL=C.UTF-8";
	static char program[] = "bulkheadd";
	char *environment[] = { path, locale, NULL };
	char name[16];
	char *argv[] = { program, name, NULL };
	int high[ROLE_FDS_MAX];
	sigset_t none;

	snprintf(name, sizeof name, "%s", role->name);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL); /* ignored here, and that would be inherited */
	/* Out of the way first: a source may have the number that another one needs. */
	for (int i = 0; i < ROLE_FDS_MAX && role->fds[i] != -1; i++) {
		high[i] = fcntl(role->fds[i], F_DUPFD_CLOEXEC, 64);
		if (high[i] == -1)
			_exit(126);
	}
	for (int i = 0; i < ROLE_FDS_MAX && role->fds[i] != -1; i++)
		if (dup2(high[i], ROLE_FD_FIRST + i) == -1)
			_exit(126);
	execve("/proc/self/exe", argv, environment);
	_exit(127);
}

static void role_ended(pid_t pid, int status, void *data);

static void role_start(void *data)
{
	struct role *role = data;
	struct error err = ERROR_INIT;

	role->started_ms = clock_ms();
	pid_t pid = fork();
	if (pid == 0)
		role_exec(role);
	if (pid == -1)
		error_errno(&err, "cannot start role %s", role->name);
	if (pid == -1 || loop_add_child(role->supervisor->loop, pid, role_ended, role, &err) == NULL) {
		log_error("%s; next try in %d ms", err.message, PAUSE_MAX_MS);
		if (pid > 0) {
			kill(pid, SIGKILL);
			(void)waitpid(pid, NULL, 0);
		}
		(void)loop_set_timer(role->timer, PAUSE_MAX_MS, &err);
		return;
	}
	role->pid = pid;
	log_info("role %s started, pid %d", role->name, (int)pid);
}

/* Asks the next running role to end; when none is left the supervisor ends. */
static void supervisor_end_next(struct supervisor *supervisor)
{
	struct error err = ERROR_INIT;

	while (supervisor->ending_role < ROLE_COUNT) {
		struct role *role = &supervisor->roles[supervisor->ending_role];
		if (role->pid != 0) {
			bool slow = supervisor->host_down && role->index == ROLE_API;
			kill(role->pid, slow ? SIGPWR : SIGTERM);
			if (loop_set_timer(role->timer, slow ? END_CONTAINERS_MS : END_MS, &err) == -1)
				log_error("%s", err.message);
			return;
		}
		supervisor->ending_role++;
	}
	loop_stop(supervisor->loop, 0);
}

static void role_timer(void *data)
{
	struct role *role = data;

	if (!role->supervisor->ending) {
		role_start(role);
	} else if (role->pid != 0) {
		log_warning("role %s did not end in time and is killed", role->name);
		kill(role->pid, SIGKILL);
	}
}

static void role_ended(pid_t pid, int status, void *data)
{
	struct role *role = data;
	struct supervisor *supervisor = role->supervisor;
	struct error err = ERROR_INIT;

	(void)pid;
	role->pid = 0;
	if (supervisor->ending) {
		log_info("role %s ended", role->name);
		if (supervisor->ending_role == (int)role->index)
			supervisor_end_next(supervisor);
		return;
	}
	if (clock_ms() - role->started_ms >= PAUSE_RESET_MS)
		role->pause_ms = PAUSE_FIRST_MS;
	if (WIFSIGNALED(status))
		log_error("role %s was killed by signal %d; it starts again in %lld ms", role->name, WTERMSIG(status),
			  (long long)role->pause_ms);
	else
		log_error("role %s ended with code %d; it starts again in %lld ms", role->name, WEXITSTATUS(status),
			  (long long)role->pause_ms);
	if (loop_set_timer(role->timer, role->pause_ms, &err) == -1)
		log_error("%s", err.message);
	role->pause_ms = role->pause_ms * 2 > PAUSE_MAX_MS ? PAUSE_MAX_MS : role->pause_ms * 2;
}

static void supervisor_signal(int signo, void *data)
{
	struct supervisor *supervisor = data;

	if (supervisor->ending)
		return;
	supervisor->ending = true;
	supervisor->host_down = signo == SIGPWR;
	supervisor->ending_role = 0;
	log_info(supervisor->host_down ? "the host goes down: stopping containers, then the daemon"
				       : "ending; containers go on");
	supervisor_end_next(supervisor);
}

static int folder_own(const char *path, mode_t mode, uid_t uid, gid_t gid, struct error *err)
{
	if (folder_make(path, 0755, err) == -1)
		return -1;
	if (chown(path, uid, gid) == -1 || chmod(path, mode) == -1)
		return error_errno(err, "cannot give folder %s its owner and mode", path);
	return 0;
}

/* type: SOCK_STREAM, or SOCK_DGRAM, where what comes waits in the socket. */
static int socket_bind(const char *path, int type, mode_t mode, gid_t gid, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	cleanup_fd int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd == -1)
		return error_errno(err, "cannot make socket %s", path);
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	if (unlink(path) == -1 && errno != ENOENT)
		return error_errno(err, "cannot remove the old socket %s", path);
	mode_t mask = umask(0177); /* nobody may connect before owner and mode are right */
	int bound = bind(fd, (struct sockaddr *)&address, sizeof address);
	umask(mask);
	if (bound == -1 || chown(path, 0, gid) == -1 || chmod(path, mode) == -1 || (type == SOCK_STREAM && listen(fd, 512) == -1))
		return error_errno(err, "cannot listen on %s", path);
	return fd_steal(&fd);
}

/* Where containers ask: the addresses are there with the engine, and with the first container's link. */
static int dns_bind(const char *text, int type, struct error *err)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_port = htons(53) };
	cleanup_fd int fd = socket(AF_INET6, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1;

	inet_pton(AF_INET6, text, &address.sin6_addr);
	if (fd == -1 || setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof on) == -1 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == -1 ||
	    bind(fd, (const struct sockaddr *)&address, sizeof address) == -1 || (type == SOCK_STREAM && listen(fd, 64) == -1))
		return error_errno(err, "cannot take questions of containers at %s, port 53", text);
	return fd_steal(&fd);
}

static int dns_prepare(int ret_fds[4], struct error *err)
{
	static const char *const addresses[] = { "::ffff:" RESOLVER4, RESOLVER6 };
	static const int types[] = { SOCK_DGRAM, SOCK_STREAM };

	for (int i = 0; i < 4; i++) {
		ret_fds[i] = dns_bind(addresses[i % 2], types[i / 2], err);
		if (ret_fds[i] == -1)
			return -1;
	}
	return 0;
}

static int channel_pair(int ret_pair[2], struct error *err)
{
	int size = CHANNEL_BUFFER;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret_pair) == -1)
		return error_errno(err, "cannot make a channel between roles");
	for (int i = 0; i < 2; i++)
		(void)setsockopt(ret_pair[i], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size); /* only a speed-up */
	return 0;
}

/* One supervisor at a time; the lock ends with the process. The descriptor stays open on purpose. */
static int pid_file_take(struct error *err)
{
	char text[16];
	int fd = open(SUPERVISOR_PID_PATH, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	if (fd == -1)
		return error_errno(err, "cannot open %s", SUPERVISOR_PID_PATH);
	if (flock(fd, LOCK_EX | LOCK_NB) == -1) {
		error_errno(err, "another bulkheadd runs already, see %s", SUPERVISOR_PID_PATH);
		close(fd);
		return -1;
	}
	int size = snprintf(text, sizeof text, "%d\n", (int)getpid());
	if (ftruncate(fd, 0) == -1 || fd_write_full(fd, text, (size_t)size) == -1) {
		error_errno(err, "cannot write %s", SUPERVISOR_PID_PATH);
		close(fd);
		return -1;
	}
	return 0;
}

static int supervisor_prepare(struct supervisor *supervisor, struct error *err)
{
	static const char *const names[ROLE_COUNT] = { "api", "gate", "names", "records", "audit", "engine" };
	int engine[2], gate[2], resolver[2], audit[2], reader[2], questions[4];

	if (folder_own("/run/bulkhead", 0755, 0, 0, err) == -1 || pid_file_take(err) == -1 ||
	    folder_own("/data/bulkhead", 0755, 0, 0, err) == -1 ||
	    folder_own("/data/bulkhead/engine", 0700, 0, 0, err) == -1 ||
	    folder_own("/data/bulkhead/api", 0700, ROLE_UID_API, ROLE_GID, err) == -1 ||
	    folder_own("/data/bulkhead/api/spool", 0700, ROLE_UID_API, ROLE_GID, err) == -1 ||
	    folder_own(AUDIT_FOLDER, 0700, ROLE_UID_AUDIT, ROLE_UID_AUDIT, err) == -1)
		return -1;
	int listening = socket_bind("/run/bulkhead/api.sock", SOCK_STREAM, 0660, ROLE_GID, err);
	if (listening == -1)
		return -1;
	int local = socket_bind("/run/bulkhead/local.sock", SOCK_STREAM, 0600, 0, err);
	int agent = local == -1 ? -1 : socket_bind("/run/bulkhead/gate.sock", SOCK_STREAM, 0660, ROLE_GID, err);
	int records = agent == -1 ? -1 : socket_bind(RECORD_SOCKET, SOCK_DGRAM, 0660, ROLE_GID, err);
	if (records == -1 || channel_pair(engine, err) == -1 || channel_pair(gate, err) == -1 || channel_pair(resolver, err) == -1 ||
	    channel_pair(audit, err) == -1 || channel_pair(reader, err) == -1)
		return -1;
	if (dns_prepare(questions, err) == -1)
		return -1;

	for (int i = 0; i < ROLE_COUNT; i++) {
		struct role *role = &supervisor->roles[i];
		*role = (struct role){ .name = names[i], .index = (enum role_index)i, .pause_ms = PAUSE_FIRST_MS,
				       .supervisor = supervisor, .fds = { -1, -1, -1, -1, -1, -1 } };
		role->timer = loop_add_timer(supervisor->loop, -1, role_timer, role, err);
		if (role->timer == NULL)
			return -1;
	}
	memcpy(supervisor->roles[ROLE_API].fds, (int[]){ engine[0], gate[0], listening, local, audit[0], reader[0] }, 6 * sizeof(int));
	memcpy(supervisor->roles[ROLE_ENGINE].fds, (int[]){ engine[1], resolver[1] }, 2 * sizeof(int));
	memcpy(supervisor->roles[ROLE_NAMES].fds, (int[]){ resolver[0], questions[0], questions[1], questions[2], questions[3] }, 5 * sizeof(int));
	memcpy(supervisor->roles[ROLE_GATE].fds, (int[]){ gate[1], agent }, 2 * sizeof(int));
	memcpy(supervisor->roles[ROLE_AUDIT].fds, (int[]){ audit[1], records }, 2 * sizeof(int));
	memcpy(supervisor->roles[ROLE_READER].fds, (int[]){ reader[1] }, sizeof(int));
	return 0;
}

int supervisor_main(int argc, char **argv)
{
	struct supervisor supervisor = { 0 };
	struct error err = ERROR_INIT;
	static const int signals[] = { SIGTERM, SIGINT, SIGPWR };
	int code;

	(void)argc;
	(void)argv;
	supervisor.loop = loop_new(&err);
	if (supervisor.loop == NULL)
		goto fail;
	signal(SIGPIPE, SIG_IGN);
	/* The roles inherit it; a container does not (start.c). Without them nobody could end one that eats all memory. */
	if (file_poke("/proc/self/oom_score_adj", "-900", &err) == -1)
		log_warning("%s", err.message);
	for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
		if (loop_add_signal(supervisor.loop, signals[i], supervisor_signal, &supervisor, &err) == NULL)
			goto fail;
	if (supervisor_prepare(&supervisor, &err) == -1)
		goto fail;
	for (int i = ROLE_COUNT - 1; i >= 0; i--)
		role_start(&supervisor.roles[i]);
	code = loop_run(supervisor.loop, &err);
	if (code == -1)
		goto fail;
	loop_free(supervisor.loop);
	log_info("ended");
	return code;

fail:
	log_error("%s", err.message);
	return 1;
}
