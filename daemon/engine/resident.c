/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/resident.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/protocol.h"

struct finding {
	struct error err;
	struct account account;
};

_Static_assert(sizeof(struct finding) < 65536, "the answer fits into a pipe");

/* Each part of the path that is missing. */
static int folder_make_all(const char *path, struct error *err)
{
	char part[FOLDER_TEXT];
	struct stat st;

	for (const char *at = path + strspn(path, "/"); *at != '\0'; at += strspn(at, "/")) {
		at += strcspn(at, "/");
		snprintf(part, sizeof part, "%.*s", (int)(at - path), path);
		if (mkdir(part, 0755) == -1 && errno != EEXIST)
			return error_field(err, "cwd", "cannot make the working folder %s: %s", part, strerror(errno));
	}
	if (stat(path, &st) == -1 || !S_ISDIR(st.st_mode))
		return error_field(err, "cwd", "the working folder %s is no folder", path);
	return 0;
}

static int child_find(const char *rootfs, const struct container_message *message, struct account *account, struct error *err)
{
	uid_t root = message->id_base;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (chroot(rootfs) == -1 || chdir("/") == -1 || setgroups(0, NULL) == -1 || setresgid(root, root, root) == -1 ||
	    setresuid(root, root, root) == -1)
		return error_errno(err, "cannot look into the root of container %s", message->id);
	umask(0022);
	if (account_find("", message->user, account, err) == -1)
		return -1;
	return message->folder[0] == '\0' ? 0 : folder_make_all(message->folder, err);
}

int resident_find(const char *rootfs, const struct container_message *message, struct account *ret_account,
		  struct error *err)
{
	static struct finding finding; /* large */
	int ends[2];

	finding = (struct finding){ .err = ERROR_INIT };
	if (pipe2(ends, O_CLOEXEC) == -1)
		return error_errno(err, "cannot make a pipe");
	cleanup_fd int ours = ends[0], theirs = ends[1];
	pid_t pid = fork();
	if (pid == -1)
		return error_errno(err, "cannot start a process that looks into a container");
	if (pid == 0) {
		(void)child_find(rootfs, message, &finding.account, &finding.err);
		_exit(fd_write_full(theirs, &finding, sizeof finding) == -1);
	}
	fd_cleanup(&theirs);
	ssize_t got = fd_read_full(ours, &finding, sizeof finding);
	while (waitpid(pid, NULL, 0) == -1 && errno == EINTR)
		;
	if (got != (ssize_t)sizeof finding)
		return error_set(err, EIO, "looking into the root of container %s gave no answer", message->id);
	if (finding.err.code != 0) {
		*err = finding.err;
		return -1;
	}
	*ret_account = finding.account;
	return 0;
}
