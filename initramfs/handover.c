/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "initramfs/handover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/log.h"
#include "initramfs/mounts.h"

enum { RESTART_S = 30 }; /* long enough to read why, on the console */

int handover_check(struct error *err)
{
	cleanup_fd int root = open(MOUNTS_ROOT, O_PATH | O_DIRECTORY | O_CLOEXEC);
	/* Links in the OS root are read as the OS will read them. */
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT };
	struct stat status;

	if (root == -1)
		return error_errno(err, "cannot open " MOUNTS_ROOT);
	cleanup_fd int init = (int)syscall(SYS_openat2, root, HANDOVER_INIT + 1, &how, sizeof how);
	if (init == -1)
		return error_errno(err, "the OS image has no " HANDOVER_INIT);
	if (fstat(init, &status) == -1 || !S_ISREG(status.st_mode) || (status.st_mode & 0111) == 0)
		return error_set(err, ENOEXEC, HANDOVER_INIT " in the OS image is no program");
	return 0;
}

/* Removes what lies below folder on the same file system. Takes folder over. */
static void remove_below(int folder, dev_t device)
{
	DIR *stream = fdopendir(folder);
	struct dirent *entry;

	if (stream == NULL) {
		close(folder);
		return;
	}
	while ((entry = readdir(stream)) != NULL) {
		struct stat status;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    fstatat(dirfd(stream), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == -1 ||
		    status.st_dev != device)
			continue;
		if (S_ISDIR(status.st_mode)) {
			int below = openat(dirfd(stream), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			if (below != -1)
				remove_below(below, device);
		}
		(void)unlinkat(dirfd(stream), entry->d_name, S_ISDIR(status.st_mode) ? AT_REMOVEDIR : 0);
	}
	closedir(stream);
}

/* The initramfs and nothing else: its kind is checked, as this would also empty a disk. */
static void remove_initramfs(void)
{
	struct statfs kind;
	struct stat status;
	int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (root == -1)
		return;
	if (fstatfs(root, &kind) == -1 || (kind.f_type != RAMFS_MAGIC && kind.f_type != TMPFS_MAGIC) ||
	    fstat(root, &status) == -1) {
		close(root);
		return;
	}
	remove_below(root, status.st_dev);
}

/* The files of the initramfs are gone, so there is nothing to go back to. */
static void __attribute__((noreturn)) handover_lost(const char *what)
{
	log_error("cannot %s: %s; the machine restarts in %d s", what, strerror(errno), RESTART_S);
	sleep(RESTART_S);
	(void)reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}

int handover_run(struct error *err)
{
	static const char *const outside[] = { "/dev/pts", "/dev", "/sys", "/proc", "/run" };
	char *const argv[] = { (char[]){ HANDOVER_INIT }, NULL };
	char *const envp[] = { (char[]){ "PATH=/usr/sbin:/usr/bin:/sbin:/bin" }, (char[]){ "TERM=linux" }, NULL };
	sigset_t none;

	if (chdir(MOUNTS_ROOT) == -1)
		return error_errno(err, "cannot enter " MOUNTS_ROOT);
	/* The same file systems stand in the new root; here their first names go. */
	for (size_t i = 0; i < sizeof outside / sizeof *outside; i++)
		(void)umount2(outside[i], MNT_DETACH);
	remove_initramfs();
	if (mount(".", "/", NULL, MS_MOVE, NULL) == -1)
		handover_lost("make the OS image the root");
	if (chroot(".") == -1 || chdir("/") == -1)
		handover_lost("enter the OS root");

	sigemptyset(&none);
	for (int signo = 1; signo < NSIG; signo++)
		(void)signal(signo, SIG_DFL);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	cleanup_fd int console = open("/dev/console", O_RDWR | O_CLOEXEC | O_NOCTTY);
	for (int fd = 0; fd <= 2 && console != -1; fd++)
		(void)dup2(console, fd);
	execve(HANDOVER_INIT, argv, envp);
	handover_lost("run " HANDOVER_INIT);
}
