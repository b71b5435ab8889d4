/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * prepare: from the agent's hand-over to a system whose services can start. A
 * step that fails is logged and the rest goes on: a host that is half up can be
 * reached and mended, one that stopped cannot.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "daemon/boot/boot.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/hostcfg.h"
#include "daemon/lib/hostnet.h"
#include "daemon/lib/log.h"
#include "daemon/lib/mount.h"
#include "daemon/lib/sshkey.h"

static const struct mount_entry {
	const char *source, *target, *type;
	unsigned long flags;
	const char *options;
} mounts[] = {
	{ "tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777,size=25%" },
	{ "tmpfs", "/var", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0755,size=64m" },
	{ "tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777,size=25%" },
	{ "devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "mode=0620,gid=5,ptmxmode=0666" },
	/* nsdelegate: a container's own cgroup namespace is a boundary; recursiveprot: memory.low of a realm reaches its containers. */
	{ "cgroup2", "/sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, "nsdelegate,memory_recursiveprot" },
};

/* Owners as in /etc/passwd; bulkheadd makes its own folders below /data/bulkhead. */
static const struct folder {
	const char *path;
	mode_t mode;
} folders[] = {
	{ "/dev/shm", 01777 }, { "/dev/pts", 0755 }, { "/run/lock", 0755 }, { "/run/lxc", 0755 }, { BOOT_ADMIN_FOLDER, 0700 },
	{ "/data/bulkhead", 0755 }, { "/data/bulkhead/ssh", 0700 }, { "/data/tmp", 01777 },
}, var_folders[] = {
	{ "/var/cache", 0755 }, { "/var/empty", 0755 }, { "/var/lib", 0755 }, { "/var/lib/lxc", 0755 }, { "/var/log", 0755 },
	{ "/var/tmp", 01777 },
};

static void folders_make(const struct folder *list, size_t count)
{
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < count; i++) {
		if (folder_make(list[i].path, list[i].mode, &err) < 0)
			log_error("%s", err.message);
		else if (chmod(list[i].path, list[i].mode) < 0)
			log_error("cannot set the mode of %s: %s", list[i].path, strerror(errno));
	}
}

static void mounts_make(void)
{
	for (size_t i = 0; i < sizeof mounts / sizeof *mounts; i++) {
		const struct mount_entry *entry = &mounts[i];

		if (!mount_stands(entry->target) &&
		    mount(entry->source, entry->target, entry->type, entry->flags, entry->options) < 0)
			log_error("cannot mount %s: %s", entry->target, strerror(errno));
	}
	folders_make(var_folders, sizeof var_folders / sizeof *var_folders);
	if (symlink("/run", "/var/run") < 0 || symlink("/run/lock", "/var/lock") < 0)
		log_error("cannot link /var/run and /var/lock: %s", strerror(errno));
	if (mount("/data/tmp", "/var/tmp", NULL, MS_BIND, NULL) < 0 ||
	    mount(NULL, "/var/tmp", NULL, MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV, NULL) < 0)
		log_error("cannot mount /var/tmp: %s", strerror(errno));
}

/*
 * A host that forwards IPv6 ignores router advertisements unless accept_ra is 2
 * (kernel: networking/ip-sysctl). Interfaces that the agent left at 1 are to
 * keep their default route when forwarding is turned on.
 */
static void advertisements_keep(void)
{
	DIR *dir = opendir("/proc/sys/net/ipv6/conf");
	const struct dirent *entry;
	struct error err;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		cleanup_free char *text = NULL;
		char path[300];

		if (entry->d_name[0] == '.' || strcmp(entry->d_name, "all") == 0 || strcmp(entry->d_name, "default") == 0 ||
		    strcmp(entry->d_name, "lo") == 0)
			continue;
		snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/%s/accept_ra", entry->d_name);
		if (file_read(path, 16, &text, NULL, &err) == 0 && strcmp(text, "1\n") == 0 &&
		    file_poke(path, "2", &err) < 0)
			log_warning("%s", err.message);
	}
	if (dir != NULL)
		closedir(dir);
}

static int keys_write(const struct hostcfg *cfg, struct error *err)
{
	static char text[HOSTCFG_KEYS_MAX * (HOSTCFG_KEY_MAX + 2)];
	size_t size = 0;

	for (size_t i = 0; i < cfg->admin_key_count; i++)
		size += (size_t)snprintf(text + size, sizeof text - size, "%s\n", cfg->admin_keys[i]);
	if (size == 0)
		log_warning("no SSH key in the host config: nobody can give admin commands; add ssh.admin_keys to it");
	return file_write(BOOT_ADMIN_FOLDER "/authorized_keys", text, size, 0600, err);
}

/*
 * Made when there is none, or one that is no key: what a power cut or a bad sector
 * leaves would keep everybody out for good. One that cannot be looked at now is kept.
 */
static int host_key_make(struct error *err)
{
	char fingerprint[128];

	if (access(BOOT_HOST_KEY, F_OK) == 0) {
		if (sshkey_fingerprint(BOOT_HOST_KEY, fingerprint, sizeof fingerprint, err) == 0)
			return 0;
		if (err->code != EBADMSG)
			return -1;
		log_error("the SSH host key %s is broken and is replaced: clients will see a new one", BOOT_HOST_KEY);
	}
	if (sshkey_make(BOOT_HOST_KEY, err) < 0)
		return -1;
	log_info("made a new SSH host key, %s", BOOT_HOST_KEY);
	return 0;
}

/*
 * Huge pages make the kernel keep 11 pageblocks free for each zone (mm/khugepaged.c:
 * set_recommended_min_free_kbytes): 22 MiB where 2 GiB are all there is, and half as
 * much again below which reclaim starts. A two-hundredth of memory is still twice what
 * it would keep without them; from 9 GiB on nothing changes.
 */
static void reserve_fit(void)
{
	enum { RESERVE_MIN_KB = 8192 };
	const char *path = "/proc/sys/vm/min_free_kbytes";
	struct error err = ERROR_INIT;
	struct sysinfo info;
	cleanup_free char *text = NULL;
	char value[32];

	if (sysinfo(&info) < 0 || file_read(path, 32, &text, NULL, &err) < 0)
		return;
	unsigned long long wanted = (unsigned long long)info.totalram * info.mem_unit / 1024 / 200;
	if (wanted < RESERVE_MIN_KB)
		wanted = RESERVE_MIN_KB;
	if (strtoull(text, NULL, 10) <= wanted)
		return;
	snprintf(value, sizeof value, "%llu", wanted);
	if (file_poke(path, value, &err) < 0)
		log_warning("%s", err.message);
}

int prepare_main(int argc, char **argv)
{
	static struct hostcfg cfg;
	struct error err = ERROR_INIT;

	(void)argc;
	(void)argv;
	folders_make(folders, sizeof folders / sizeof *folders);
	mounts_make();
	if (hostcfg_load(BOOT_CONFIG, &cfg, &err) < 0 && err.code != ENOENT)
		log_error("host config: %s; the defaults hold", err.message);
	if (sethostname(cfg.hostname, strlen(cfg.hostname)) < 0)
		log_error("cannot set the host name: %s", strerror(errno));
	if (hostnet_loopback(&err) < 0)
		log_error("%s", err.message);
	advertisements_keep();
	/* What init starts from here on inherits this: when memory ends, a container goes, not the way in. */
	if (file_poke("/proc/1/oom_score_adj", "-900", &err) < 0)
		log_error("%s", err.message);
	reserve_fit();
	if (keys_write(&cfg, &err) < 0)
		log_error("%s", err.message);
	if (host_key_make(&err) < 0)
		log_error("%s", err.message);
	return 0;
}
