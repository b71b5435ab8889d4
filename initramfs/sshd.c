/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "initramfs/sshd.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"
#include "initramfs/esp.h"
#include "initramfs/notice.h"
#include "initramfs/process.h"

#define AUTHORIZED_KEYS "/root/.ssh/authorized_keys"

enum { RESPAWN_MS = 2000 };

static struct {
	struct loop_source *timer;
	pid_t pid; /* 0: not running */
	char port[8];
	bool wanted;
} sshd;

static void sshd_start(void);

static void sshd_due(void *data)
{
	(void)data;
	if (sshd.wanted && sshd.pid == 0)
		sshd_start();
}

static void sshd_ended(pid_t pid, int status, void *data)
{
	struct error ignored;
	char text[64];

	(void)data;
	if (pid != sshd.pid)
		return;
	sshd.pid = 0;
	if (!sshd.wanted)
		return;
	notice("the SSH server %s; it is started again", process_status_text(status, text, sizeof text));
	(void)loop_set_timer(sshd.timer, RESPAWN_MS, &ignored);
}

static void sshd_start(void)
{
	/*
	 * The door lets nobody be kept out by a crowd (daemon/door). -i one connection,
	 * -E log to standard error, -s no passwords, -j -k no forwarding, -m no motd,
	 * -T tries, -K keepalive: a dead client's session ends.
	 */
	const char *const argv[] = {
		"/usr/sbin/bulkhead-door", sshd.port, "/usr/sbin/dropbear", "-i", "-E", "-s", "-j", "-k", "-m", "-T", "3", "-K", "30",
		"-c", "/bin/bulkhead-unlock", "-r", ESP_HOST_KEY, NULL,
	};
	const struct process_plan plan = { .argv = argv, .output = -1 };
	struct error err = ERROR_INIT;

	sshd.pid = process_spawn(&plan, sshd_ended, NULL, &err);
	if (sshd.pid != -1)
		return;
	sshd.pid = 0;
	notice_once("the SSH server cannot be started: %s", err.message);
	(void)loop_set_timer(sshd.timer, RESPAWN_MS, &err);
}

/* One line a key. Its comment becomes "key-<n>", by which the session knows its key (SSH_PUBKEYINFO). */
static size_t keys_write(const struct hostcfg *cfg, struct error *err)
{
	cleanup_free char *text = malloc(HOSTCFG_KEYS_MAX * (HOSTCFG_KEY_MAX + 16) + 1);
	size_t size = 0, count = 0;

	if (text == NULL) {
		error_set(err, ENOMEM, "no memory for the SSH keys");
		return 0;
	}
	for (size_t i = 0; i < cfg->key_count; i++) {
		char type[64], blob[HOSTCFG_KEY_MAX + 1];

		if (sscanf(cfg->keys[i], "%63s %1024s", type, blob) != 2)
			continue;
		size += (size_t)sprintf(text + size, "%s %s key-%zu\n", type, blob, i);
		count++;
	}
	if (file_write(AUTHORIZED_KEYS, text, size, 0600, err) == -1)
		return 0;
	return count;
}

void sshd_configure(struct loop *loop, const struct hostcfg *cfg)
{
	struct error err = ERROR_INIT;
	char port[8];

	if (sshd.timer == NULL)
		sshd.timer = loop_add_timer(loop, -1, sshd_due, NULL, &err);
	size_t keys = keys_write(cfg, &err);
	if (err.code != 0)
		notice("SSH keys: %s", err.message);
	if (keys == 0) {
		sshd_stop();
		return;
	}
	snprintf(port, sizeof port, "%u", cfg->unlock_port);
	sshd.wanted = true;
	if (sshd.pid != 0 && strcmp(port, sshd.port) == 0)
		return; /* dropbear reads the keys at each login */
	if (sshd.pid != 0)
		sshd_stop();
	sshd.wanted = true;
	memcpy(sshd.port, port, sizeof port);
	sshd_start();
}

/* Calls back with each dropbear below the server. Returns their number. */
static unsigned sessions(void (*cb)(pid_t pid))
{
	DIR *folder = opendir("/proc");
	unsigned count = 0;
	struct dirent *entry;

	while (folder != NULL && (entry = readdir(folder)) != NULL) {
		cleanup_free char *text = NULL;
		char path[300];
		struct error ignored;
		int pid, parent;
		char state;

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		snprintf(path, sizeof path, "/proc/%s/stat", entry->d_name);
		if (file_read(path, 4096, &text, NULL, &ignored) == -1)
			continue;
		/* "<pid> (<name>) <state> <parent> ..." */
		char *name = strchr(text, '('), *behind = strrchr(text, ')');
		if (name == NULL || behind == NULL || strncmp(name, "(dropbear)", 10) != 0 ||
		    sscanf(text, "%d", &pid) != 1 || sscanf(behind + 1, " %c %d", &state, &parent) != 2)
			continue;
		if (pid == sshd.pid || state == 'Z')
			continue;
		count++;
		if (cb != NULL)
			cb(pid);
	}
	if (folder != NULL)
		closedir(folder);
	return count;
}

bool sshd_has_sessions(void)
{
	return sessions(NULL) > 0;
}

static void session_end(pid_t pid)
{
	kill(pid, SIGTERM);
}

void sshd_stop(void)
{
	sshd.wanted = false;
	if (sshd.pid > 0) {
		process_forget(sshd.pid);
		kill(sshd.pid, SIGTERM);
	}
	(void)sessions(session_end);
	sshd.pid = 0;
}

bool sshd_is_running(void)
{
	return sshd.pid > 0;
}
