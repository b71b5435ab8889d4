/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fault: ends the daemon of a running machine right before the n-th thing it changes. A library that /etc/ld.so.preload of the
 * tests' own root names (tests/fault/root); the programs are those of the image, bit for bit.
 *
 * Orders are words in any frame that the engine gets; a test puts them into the arguments of a command that it has run:
 *
 *   FAULT=WHEN:N:WHOM   from the next message WHEN on (api: from now on, in api's process), the N-th change finds WHOM killed:
 *                       e the engine, d supervisor and engine, s just the process that was about to change something.
 *                       N 0 kills nobody. What it comes to is told on the console by the next order.
 *   FAULT=mark          notes what the host has of mounts, links, cgroups and files
 *   FAULT=compare       says on the console what is more or less of them, and "fault: compared" at last
 *
 * What liblxc has put into the container's PID namespace already sees nobody but itself, and dies alone: as a container whose init
 * crashes while it is made.
 *
 * A change is a call that leaves something behind: in the file system, among mounts and processes, to the kernel by netlink, to
 * a peer. Engine, its children, the start helper and what liblxc forks count together, up to the exec of a container's init.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "daemon/lib/protocol.h"

#define SHARED "/run/fault"
#define NOTED "/run/fault.noted"

enum family { FAMILY_NONE, FAMILY_ENGINE, FAMILY_API };

/* What all processes of the daemon see. */
struct shared {
	atomic_int left;      /* changes until one is killed; 0: not armed */
	atomic_uint counted;  /* changes since */
	atomic_int family;    /* enum family: whose changes count; FAMILY_NONE: nobody's yet */
	atomic_uint when;     /* enum message_type that arms; 0: none */
	atomic_llong since;   /* api: ms of the clock, when the command that brought the order is over */
	atomic_int n, whom;
	atomic_int engine, supervisor;
	char last[64];        /* the call before which somebody was killed */
};

static struct shared *shared;
static enum family family;

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...)
{
	char line[512] = "<3>fault: ";
	va_list ap;

	va_start(ap, format);
	int length = vsnprintf(line + 10, sizeof line - 11, format, ap);
	va_end(ap);
	size_t size = 10 + (size_t)(length < (int)sizeof line - 12 ? length : (int)sizeof line - 12);
	line[size++] = '\n';
	(void)!write(STDERR_FILENO, line, size);
}

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* -- what changes something -- */

static void change(const char *call)
{
	if (shared == NULL || family == FAMILY_NONE || atomic_load(&shared->family) != (int)family)
		return;
	if (family == FAMILY_API && now_ms() < atomic_load(&shared->since))
		return;
	unsigned counted = atomic_fetch_add(&shared->counted, 1) + 1;
	if (atomic_load(&shared->n) == 0 || counted != (unsigned)atomic_load(&shared->n))
		return;
	snprintf(shared->last, sizeof shared->last, "%s", call);
	atomic_store(&shared->family, FAMILY_NONE);
	int whom = atomic_load(&shared->whom);
	if (whom == 'd')
		kill(atomic_load(&shared->supervisor), SIGKILL);
	if (whom != 's')
		kill(atomic_load(&shared->engine), SIGKILL);
	_exit(9);
}

#define REAL(type, name, ...) ((type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name))

#define CHANGE(type, name, parameters, arguments, ...) \
	type name parameters; \
	type name parameters \
	{ \
		static type (*real)(__VA_ARGS__); \
		if (real == NULL) \
			real = REAL(type, name, __VA_ARGS__); \
		change(#name); \
		return real arguments; \
	}

typedef const char *str;
typedef const void *ptr;

#pragma GCC diagnostic ignored "-Wredundant-decls"
#pragma GCC diagnostic ignored "-Wnonnull-compare"

CHANGE(int, mkdir, (str a, mode_t b), (a, b), str, mode_t)
CHANGE(int, mkdirat, (int a, str b, mode_t c), (a, b, c), int, str, mode_t)
CHANGE(int, rmdir, (str a), (a), str)
CHANGE(int, mknod, (str a, mode_t b, dev_t c), (a, b, c), str, mode_t, dev_t)
CHANGE(int, mknodat, (int a, str b, mode_t c, dev_t d), (a, b, c, d), int, str, mode_t, dev_t)
CHANGE(int, symlink, (str a, str b), (a, b), str, str)
CHANGE(int, symlinkat, (str a, int b, str c), (a, b, c), str, int, str)
CHANGE(int, link, (str a, str b), (a, b), str, str)
CHANGE(int, linkat, (int a, str b, int c, str d, int e), (a, b, c, d, e), int, str, int, str, int)
CHANGE(int, rename, (str a, str b), (a, b), str, str)
CHANGE(int, renameat, (int a, str b, int c, str d), (a, b, c, d), int, str, int, str)
CHANGE(int, renameat2, (int a, str b, int c, str d, unsigned e), (a, b, c, d, e), int, str, int, str, unsigned)
CHANGE(int, unlink, (str a), (a), str)
CHANGE(int, unlinkat, (int a, str b, int c), (a, b, c), int, str, int)
CHANGE(int, ftruncate, (int a, off_t b), (a, b), int, off_t)
CHANGE(int, ftruncate64, (int a, off_t b), (a, b), int, off_t)
CHANGE(int, mount, (str a, str b, str c, unsigned long d, ptr e), (a, b, c, d, e), str, str, str, unsigned long, ptr)
CHANGE(int, umount2, (str a, int b), (a, b), str, int)
CHANGE(int, unshare, (int a), (a), int)
CHANGE(pid_t, fork, (void), (), void)
CHANGE(int, fsync, (int a), (a), int)
CHANGE(int, fdatasync, (int a), (a), int)
CHANGE(int, syncfs, (int a), (a), int)
CHANGE(ssize_t, pwrite, (int a, ptr b, size_t c, off_t d), (a, b, c, d), int, ptr, size_t, off_t)
CHANGE(ssize_t, pwrite64, (int a, ptr b, size_t c, off_t d), (a, b, c, d), int, ptr, size_t, off_t)
CHANGE(ssize_t, sendto, (int a, ptr b, size_t c, int d, const struct sockaddr *e, socklen_t f), (a, b, c, d, e, f), int, ptr, size_t, int,
       const struct sockaddr *, socklen_t)
CHANGE(ssize_t, sendmsg, (int a, const struct msghdr *b, int c), (a, b, c), int, const struct msghdr *, int)

/* Those that have no function of their own in every C library. */
long syscall(long number, ...)
{
	static long (*real)(long, ...);
	long a[6];
	va_list ap;

	va_start(ap, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (real == NULL)
		real = REAL(long, syscall, long, ...);
	switch (number) {
	case SYS_move_mount: change("move_mount"); break;
	case SYS_mount_setattr: change("mount_setattr"); break;
	case SYS_fsconfig: change("fsconfig"); break;
	case SYS_clone3: change("clone3"); break;
	case SYS_pidfd_send_signal: change("pidfd_send_signal"); break;
	}
	return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* Opening counts when it makes a file, or opens one of the kernel's to write to (a cgroup's limit, a map of ids). */
#define OPEN(name, parameters, arguments, flags, ...) \
	int name parameters; \
	int name parameters \
	{ \
		static int (*real)(__VA_ARGS__); \
		mode_t mode = 0; \
		if (real == NULL) \
			real = REAL(int, name, __VA_ARGS__); \
		if (((flags) & O_CREAT) != 0 || ((flags) & O_TMPFILE) == O_TMPFILE) { \
			va_list ap; \
			va_start(ap, flags); \
			mode = va_arg(ap, mode_t); \
			va_end(ap); \
		} \
		if (((flags) & O_ACCMODE) != O_RDONLY) \
			change(#name); \
		return real arguments; \
	}

OPEN(open, (str path, int flags, ...), (path, flags, mode), flags, str, int, ...)
OPEN(open64, (str path, int flags, ...), (path, flags, mode), flags, str, int, ...)
OPEN(openat, (int at, str path, int flags, ...), (at, path, flags, mode), flags, int, str, int, ...)
OPEN(openat64, (int at, str path, int flags, ...), (at, path, flags, mode), flags, int, str, int, ...)

/* -- what the host has -- */

/*
 * Groups that are there at one time and not at another, and belong to no container that was: those of a command's process are swept
 * when the next command comes, and ours bring the orders; to `ended` liblxc's monitors move when they end, the first makes it.
 */
static bool comes_and_goes(const char *name)
{
	return strcmp(name, "sessions") == 0 || strncmp(name, "exec.", 5) == 0 || strcmp(name, "ended") == 0;
}

static void tree_list(FILE *out, const char *path, int depth)
{
	DIR *folder = opendir(path);
	char *names[4096];
	size_t count = 0;

	for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && !comes_and_goes(entry->d_name) &&
		    count < sizeof names / sizeof *names)
			names[count++] = strdup(entry->d_name);
	for (size_t i = 0; i < count; i++) {
		char inner[PATH_MAX];
		struct stat status;
		snprintf(inner, sizeof inner, "%s/%s", path, names[i]);
		bool found = lstat(inner, &status) == 0;
		if (found && (S_ISDIR(status.st_mode) || strncmp(path, "/sys", 4) != 0))
			fprintf(out, "%s\n", inner);
		if (found && S_ISDIR(status.st_mode) && depth > 1)
			tree_list(out, inner, depth - 1);
		free(names[i]);
	}
	if (folder != NULL)
		closedir(folder);
}

static void host_list(FILE *out)
{
	char line[2048], place[1024];
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	struct dirent *entry;

	while (mounts != NULL && fgets(line, sizeof line, mounts) != NULL)
		if (sscanf(line, "%*d %*d %*s %*s %1023s", place) == 1)
			fprintf(out, "mount %s\n", place);
	if (mounts != NULL)
		fclose(mounts);
	DIR *links = opendir("/sys/class/net");
	while (links != NULL && (entry = readdir(links)) != NULL)
		fprintf(out, "link %s\n", entry->d_name);
	if (links != NULL)
		closedir(links);
	tree_list(out, "/sys/fs/cgroup", 8);
	tree_list(out, "/run/bulkhead", 4);
	tree_list(out, "/data/bulkhead/engine", 3);
	tree_list(out, "/data/bulkhead/api", 2);
}

/* Lines of one text that the other has not. */
static void lines_missing(const char *word, char *text, const char *other)
{
	for (char *next = text, *line; (line = strsep(&next, "\n")) != NULL;) {
		char whole[2100];
		snprintf(whole, sizeof whole, "\n%s\n", line);
		if (line[0] != '\0' && strstr(other, whole) == NULL)
			say("%s: %s", word, line);
	}
}

static char *host_text(void)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	fprintf(out, "\n");
	host_list(out);
	fclose(out);
	return text;
}

static void mark(void)
{
	FILE *out = fopen(NOTED, "we");
	char *text = host_text();

	fputs(text, out);
	fclose(out);
	free(text);
	say("marked");
}

static void compare(void)
{
	static char noted[1 << 20];
	FILE *in = fopen(NOTED, "re");
	char *text = host_text(), *copy = strdup(text);

	noted[fread(noted, 1, sizeof noted - 1, in)] = '\0';
	fclose(in);
	lines_missing("left", copy, noted);
	lines_missing("gone", strdup(noted), text);
	free(copy);
	free(text);
	say("compared");
}

/* -- orders -- */

static const struct {
	const char *name;
	uint32_t type;
} moments[] = {
	{ "start", MESSAGE_CONTAINER_START }, { "stop", MESSAGE_CONTAINER_STOP },   { "revoke", MESSAGE_CONTAINER_REVOKE },
	{ "delete", MESSAGE_CONTAINER_DELETE }, { "import", MESSAGE_IMAGE_IMPORT }, { "image-delete", MESSAGE_IMAGE_DELETE },
	{ "copy", MESSAGE_COPY }, { "api", 0 },
};

static void report(void)
{
	if (shared->last[0] != '\0')
		say("killed at change %u, before %s", atomic_load(&shared->counted), shared->last);
	else
		say("nobody was killed, %u changes", atomic_load(&shared->counted));
	shared->last[0] = '\0';
}

static void order(const char *text)
{
	char when[16] = "", whom = 'e';
	int n = 0;

	if (strncmp(text, "mark", 4) == 0) {
		mark();
		return;
	}
	if (strncmp(text, "compare", 7) == 0) {
		compare();
		return;
	}
	report();
	atomic_store(&shared->family, FAMILY_NONE);
	atomic_store(&shared->when, 0);
	if (sscanf(text, "%15[a-z-]:%d:%c", when, &n, &whom) < 2)
		return;
	for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
		if (strcmp(moments[i].name, when) != 0)
			continue;
		atomic_store(&shared->n, n);
		atomic_store(&shared->whom, whom);
		atomic_store(&shared->counted, 0);
		atomic_store(&shared->since, now_ms() + 500);
		atomic_store(&shared->when, moments[i].type);
		if (moments[i].type == 0)
			atomic_store(&shared->family, FAMILY_API);
		return;
	}
	say("no moment is called %s", when);
}

/* A frame of daemon/lib/message.c: its type first. */
ssize_t recvmsg(int socket, struct msghdr *msg, int flags)
{
	static ssize_t (*real)(int, struct msghdr *, int);
	uint32_t type = 0;

	if (real == NULL)
		real = REAL(ssize_t, recvmsg, int, struct msghdr *, int);
	ssize_t got = real(socket, msg, flags);
	if (shared == NULL || family != FAMILY_ENGINE || getpid() != atomic_load(&shared->engine) || got < 16 || socket != ROLE_FD_API)
		return got;
	memcpy(&type, msg->msg_iov[0].iov_base, sizeof type);
	if (type == MESSAGE_EXEC && msg->msg_iovlen > 1) {
		const char *found = memmem(msg->msg_iov[1].iov_base, (size_t)got - msg->msg_iov[0].iov_len, "FAULT=", 6);
		if (found != NULL)
			order(found + 6);
	} else if (type != 0 && type == atomic_load(&shared->when)) {
		atomic_store(&shared->when, 0);
		atomic_store(&shared->family, FAMILY_ENGINE);
	}
	return got;
}

/* Before main: which process this is. */
__attribute__((constructor)) static void begin(int argc, char **argv)
{
	char program[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);

	if (length <= 0)
		return;
	program[length] = '\0';
	if (strcmp(program, "/usr/bin/bulkheadd") != 0 || argc < 2)
		return;
	bool engine = strcmp(argv[1], "engine") == 0;
	if (engine || strcmp(argv[1], "start") == 0)
		family = FAMILY_ENGINE;
	else if (strcmp(argv[1], "api") == 0)
		family = FAMILY_API;
	else
		return;
	enum family mine = family;
	family = FAMILY_NONE; /* what is opened here is no change */
	int fd = open(SHARED, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd == -1 || ftruncate(fd, sizeof *shared) == -1)
		return;
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (shared == MAP_FAILED)
		shared = NULL;
	family = mine;
	if (shared != NULL && engine) {
		atomic_store(&shared->engine, getpid());
		atomic_store(&shared->supervisor, getppid());
	}
}
