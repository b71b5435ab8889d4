/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/runtime.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/engine/engine.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/protocol.h"

void runtime_path(const char id[ID_TEXT], const char *name, char path[PATH_MAX])
{
	if (name == NULL)
		snprintf(path, PATH_MAX, ENGINE_RUN "/%.24s", id);
	else
		snprintf(path, PATH_MAX, ENGINE_RUN "/%.24s/%s", id, name);
}

int runtime_init(struct error *err)
{
	struct stat above, own;

	if (folder_make("/run/bulkhead", 0755, err) == -1 || folder_make(ENGINE_RUN, 0711, err) == -1)
		return -1;
	if (stat(ENGINE_RUN "/..", &above) == -1 || stat(ENGINE_RUN, &own) == -1)
		return error_errno(err, "cannot look at " ENGINE_RUN);
	/* Of its own, or consoles could fill the host's /run. It outlives the engine. */
	if (own.st_dev == above.st_dev &&
	    mount("tmpfs", ENGINE_RUN, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0711,size=10%") == -1)
		return error_errno(err, "cannot mount " ENGINE_RUN);
	/* A container's root looks up its rootfs by this path, as a user that the host does not know. */
	if (chmod(ENGINE_RUN, 0711) == -1)
		return error_errno(err, "cannot set the mode of " ENGINE_RUN);
	return 0;
}

int runtime_create(const struct container_message *message, struct error *err)
{
	static const char *const folders[] = { NULL, "rootfs", "mount", "lower" };
	char path[PATH_MAX];

	runtime_remove(message->id, false);
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		runtime_path(message->id, folders[i], path);
		if (folder_make(path, 0711, err) == -1)
			return -1;
	}
	runtime_path(message->id, "message", path);
	return file_write(path, message, sizeof *message, 0600, err);
}

/* A numeric field, from the fourth on, of /proc/<pid>/stat; 0 if there is no such process. */
static uint64_t stat_field(pid_t pid, int number)
{
	char path[64];
	cleanup_free char *text = NULL;
	struct error err = ERROR_INIT;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	if (file_read(path, 4096, &text, NULL, &err) == -1)
		return 0;
	/* The name, field 2, may hold anything; what follows its last ")" is fields 3 and on. */
	char *at = strrchr(text, ')');
	for (int field = 2; at != NULL && field < number; field++)
		at = strchr(at + 1, ' ');
	return at == NULL ? 0 : strtoull(at + 1, NULL, 10);
}

uint64_t runtime_born(pid_t pid)
{
	return stat_field(pid, 22);
}

pid_t runtime_parent(pid_t pid)
{
	return (pid_t)stat_field(pid, 4);
}

int runtime_write(const char id[ID_TEXT], const struct runtime_state *state, struct error *err)
{
	char path[PATH_MAX];

	runtime_path(id, "state", path);
	return file_write(path, state, sizeof *state, 0600, err);
}

static int struct_read(const char id[ID_TEXT], const char *name, void *out, size_t size, struct error *err)
{
	char path[PATH_MAX];
	cleanup_free char *text = NULL;
	size_t got = 0;

	runtime_path(id, name, path);
	if (file_read(path, size, &text, &got, err) == -1)
		return -1;
	if (got != size)
		return error_set(err, EBADMSG, "%s has %zu bytes, not %zu", path, got, size);
	memcpy(out, text, size);
	return 0;
}

/* The order matters: a descriptor first, then the look whether it is still the process meant. */
static int process_open(int32_t pid, uint64_t born, struct error *err)
{
	cleanup_fd int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd == -1)
		return error_errno(err, "process %d", (int)pid);
	if (runtime_born(pid) != born)
		return error_set(err, ESRCH, "process %d is another one now", (int)pid);
	return fd_steal(&fd);
}

int runtime_read(const char id[ID_TEXT], struct container_message *ret_message, struct runtime_state *ret_state,
		 int *ret_monitor, int *ret_init, struct error *err)
{
	if (struct_read(id, "message", ret_message, sizeof *ret_message, err) == -1 ||
	    struct_read(id, "state", ret_state, sizeof *ret_state, err) == -1)
		return -1;
	if (ret_state->version != RUNTIME_VERSION)
		return error_set(err, EBADMSG, "the state of container %s is of version %u", id, ret_state->version);
	cleanup_fd int monitor = process_open(ret_state->monitor, ret_state->monitor_born, err);
	if (monitor == -1)
		return -1;
	cleanup_fd int init = process_open(ret_state->init, ret_state->init_born, err);
	if (init == -1)
		return -1;
	*ret_monitor = fd_steal(&monitor);
	*ret_init = fd_steal(&init);
	return 0;
}

/* Whatever lies in its folder: what was being written when an engine was killed has a name that nobody knows. */
void runtime_remove(const char id[ID_TEXT], bool keep)
{
	static const char *const logs[] = { "console.log", "console.log.1", "lxc.log", NULL };
	char path[PATH_MAX];

	runtime_path(id, NULL, path);
	DIR *folder = opendir(path);
	if (folder == NULL)
		return; /* there is none */
	for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
		bool is_log = false;
		for (size_t i = 0; logs[i] != NULL; i++)
			is_log = is_log || strcmp(entry->d_name, logs[i]) == 0;
		/* Of dots and folders that are not empty nothing happens. */
		if (!is_log || !keep)
			(void)unlinkat(dirfd(folder), entry->d_name, entry->d_type == DT_DIR ? AT_REMOVEDIR : 0);
	}
	closedir(folder);
	rmdir(path);
}
