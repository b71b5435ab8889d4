/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/guest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <lxc/lxccontainer.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/engine/account.h"
#include "daemon/engine/address.h"
#include "daemon/engine/cgroup.h"
#include "daemon/engine/engine.h"
#include "daemon/engine/limits.h"
#include "daemon/engine/policy.h"
#include "daemon/engine/runtime.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/gateway.h"
#include "daemon/lib/protocol.h"

struct item {
	const char *key, *value;
};

/* The same for every container. */
static const struct item items[] = {
	{ "lxc.log.level", "WARN" },
	{ "lxc.rootfs.managed", "0" },
	{ "lxc.autodev", "1" },
	{ "lxc.autodev.tmpfs.size", "512000" },
	{ "lxc.pty.max", "1024" },
	{ "lxc.tty.max", "0" },
	{ "lxc.keyring.session", "0" }, /* keyctl is barred in the container; the engine's ring is empty */
	{ "lxc.mount.auto", "proc:mixed sys:ro cgroup:rw:force" },
	{ "lxc.mount.entry", "tmpfs dev/shm tmpfs nosuid,nodev,mode=1777,create=dir" },
	/*
	 * Of the host's kernel, not of the container. These covers are for its users
	 * and for scanners: its root can unmount them. What holds is that the files
	 * belong to the host's root, who is nobody in here, or show a process its own;
	 * what would not hold (kcore, debugfs) is not in the kernel.
	 */
	{ "lxc.mount.entry", "/dev/null proc/keys none bind,optional" },
	{ "lxc.mount.entry", "/dev/null proc/timer_list none bind,optional" },
	{ "lxc.mount.entry", "tmpfs sys/firmware tmpfs ro,nosuid,nodev,noexec,size=0,optional" },
	{ "lxc.mount.entry", "tmpfs sys/kernel/slab tmpfs ro,nosuid,nodev,noexec,size=0,optional" },
	/*
	 * Its root needs the rest in its own user namespace: mounts, chown, ports.
	 * Without sys_boot a container cannot restart itself behind the engine's
	 * back: its init ends instead.
	 */
	{ "lxc.cap.drop", "sys_module sys_rawio sys_time sys_boot sys_pacct mac_admin mac_override wake_alarm "
			  "syslog audit_control audit_read block_suspend linux_immutable bpf perfmon" },
	{ "lxc.apparmor.profile", "unchanged" }, /* the kernel has the module, no profile is loaded */
	{ "lxc.no_new_privs", "0" }, /* setuid programs are part of a system container */
	{ "lxc.seccomp.allow_nesting", "1" }, /* else liblxc, confined by the engine's filter, loads none */
	{ "lxc.prlimit.core", "0" },
	{ "lxc.prlimit.nofile", "1024:524288" }, /* as systemd gives its services */
	{ "lxc.cgroup2.devices.deny", "a" },
	{ "lxc.cgroup2.devices.allow", "c 1:3 rwm" },   /* null */
	{ "lxc.cgroup2.devices.allow", "c 1:5 rwm" },   /* zero */
	{ "lxc.cgroup2.devices.allow", "c 1:7 rwm" },   /* full */
	{ "lxc.cgroup2.devices.allow", "c 1:8 rwm" },   /* random */
	{ "lxc.cgroup2.devices.allow", "c 1:9 rwm" },   /* urandom */
	{ "lxc.cgroup2.devices.allow", "c 5:0 rwm" },   /* tty */
	{ "lxc.cgroup2.devices.allow", "c 5:1 rwm" },   /* console */
	{ "lxc.cgroup2.devices.allow", "c 5:2 rwm" },   /* ptmx */
	{ "lxc.cgroup2.devices.allow", "c 136:* rwm" }, /* pts */
	{ "lxc.net.0.type", "phys" }, /* one end of the veth that netdev_create() made */
	{ "lxc.net.0.name", "eth0" },
	{ "lxc.net.0.flags", "up" },
	{ "lxc.sysctl.net.ipv6.conf.all.forwarding", "0" }, /* what else it has of the host's settings (kernel/sysctl.conf) it keeps */
	{ "lxc.net.0.ipv4.gateway", GATEWAY4 },
	{ "lxc.net.0.ipv6.gateway", GATEWAY6 },
	/* A container's environment holds these unless it says otherwise. */
	{ "lxc.environment", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" },
	{ "lxc.environment", "TERM=linux" },
};

static int item_set(struct lxc_container *guest, const char *key, const char *value, struct error *err)
{
	if (!guest->set_config_item(guest, key, value))
		return error_set(err, EINVAL, "liblxc refuses %s = %.200s", key, value);
	return 0;
}

__attribute__((format(printf, 4, 5))) static int item_print(struct lxc_container *guest, struct error *err,
							    const char *key, const char *fmt, ...)
{
	char value[PATH_MAX];
	va_list ap;

	va_start(ap, fmt);
	int size = vsnprintf(value, sizeof value, fmt, ap);
	va_end(ap);
	if (size < 0 || (size_t)size >= sizeof value)
		return error_set(err, ENAMETOOLONG, "the value of %s is too long", key);
	return item_set(guest, key, value, err);
}

static int limits_set(struct lxc_container *guest, const struct container_message *message, struct error *err)
{
	struct limit limits[LIMITS_COUNT];
	char key[64];

	limits_make(message, limits);
	for (size_t i = 0; i < LIMITS_COUNT; i++) {
		snprintf(key, sizeof key, "lxc.cgroup2.%s", limits[i].file);
		if (limits[i].value[0] != '\0' && item_set(guest, key, limits[i].value, err) == -1)
			return -1;
	}
	if (item_print(guest, err, "lxc.cgroup2.cgroup.max.depth", "%d", CGROUP_DEPTH_MAX) == -1)
		return -1;
	return item_print(guest, err, "lxc.cgroup2.cgroup.max.descendants", "%d", CGROUP_COUNT_MAX);
}

static int network_set(struct lxc_container *guest, const struct container_message *message, struct error *err)
{
	char host[LINK_TEXT], peer[LINK_TEXT], text4[INET_ADDRSTRLEN], text6[INET6_ADDRSTRLEN];

	address_links(message->id, host, peer);
	inet_ntop(AF_INET, &message->ipv4, text4, sizeof text4);
	inet_ntop(AF_INET6, message->ipv6, text6, sizeof text6);
	if (item_set(guest, "lxc.net.0.link", peer, err) == -1 ||
	    item_print(guest, err, "lxc.net.0.ipv4.address", "%s/32", text4) == -1)
		return -1;
	return item_print(guest, err, "lxc.net.0.ipv6.address", "%s/128", text6);
}

static int places_set(struct lxc_container *guest, const struct container_message *message, struct error *err)
{
	char path[PATH_MAX], group[CGROUP_TEXT];

	runtime_path(message->id, "lxc.log", path);
	if (item_set(guest, "lxc.log.file", path, err) == -1)
		return -1;
	runtime_path(message->id, "rootfs", path);
	if (item_print(guest, err, "lxc.rootfs.path", "dir:%s", path) == -1)
		return -1;
	runtime_path(message->id, "mount", path);
	if (item_set(guest, "lxc.rootfs.mount", path, err) == -1)
		return -1;
	runtime_path(message->id, "console.log", path);
	if (item_set(guest, "lxc.console.logfile", path, err) == -1 ||
	    item_print(guest, err, "lxc.console.size", "%d", RUNTIME_CONSOLE_MAX / 2) == -1 ||
	    item_set(guest, "lxc.console.rotate", "1", err) == -1)
		return -1;
	runtime_path(message->id, "resolv.conf", path);
	if (item_print(guest, err, "lxc.mount.entry", "%s etc/resolv.conf none bind,ro,optional", path) ==
	    -1)
		return -1;
	cgroup_container(message->realm, message->id, group);
	if (item_set(guest, "lxc.cgroup.dir.container", group, err) == -1)
		return -1;
	cgroup_monitor(message->id, group);
	if (item_print(guest, err, "lxc.cgroup.dir.monitor", "%s/monitor", group) == -1)
		return -1;
	return item_set(guest, "lxc.cgroup.dir.monitor.pivot", "bulkhead.slice/ended", err);
}

/* The list of system calls, in a file; also for processes that enter it later (enter.h). */
static int policy_set(struct lxc_container *guest, const struct container_message *message, struct error *err)
{
	char path[PATH_MAX];

	runtime_path(message->id, "seccomp", path);
	if (policy_write(POLICY_FOLDER, (enum policy_kind)message->policy, message->denied, message->denied_size, path, err) == -1 ||
	    item_set(guest, "lxc.seccomp.profile", path, err) == -1)
		return -1;
	if (message->policy != POLICY_NESTING)
		return 0;
	/* A user namespace within may mount proc and sysfs only where they are seen without covers. */
	if (item_set(guest, "lxc.mount.entry", "proc dev/.lxc/proc proc create=dir,optional", err) == -1)
		return -1;
	return item_set(guest, "lxc.mount.entry", "sys dev/.lxc/sys sysfs create=dir,optional", err);
}

/* Who runs its command, and where. */
static int command_set(struct lxc_container *guest, const struct container_message *message, const struct account *account,
		       struct error *err)
{
	char groups[ACCOUNT_GROUPS_MAX * 6 + 1] = "";
	size_t used = 0;

	/* A system's own init has always been told so; what a command finds is its account's. */
	if (item_print(guest, err, "lxc.environment", "HOME=%s", message->user[0] == '\0' ? "/root" : account->home) == -1)
		return -1;
	if (message->folder[0] != '\0' && item_set(guest, "lxc.init.cwd", message->folder, err) == -1)
		return -1;
	if (account->uid == 0 && account->gid == 0)
		return 0;
	for (size_t i = 0; i < account->group_count; i++)
		used += (size_t)snprintf(groups + used, sizeof groups - used, i == 0 ? "%u" : ",%u", account->groups[i]);
	if (used > 0 && item_set(guest, "lxc.init.groups", groups, err) == -1)
		return -1;
	if (item_print(guest, err, "lxc.init.uid", "%u", account->uid) == -1)
		return -1;
	return item_print(guest, err, "lxc.init.gid", "%u", account->gid);
}

struct lxc_container *guest_new(const struct container_message *message, const struct account *account, struct error *err)
{
	struct lxc_container *guest = lxc_container_new(message->id, ENGINE_RUN);

	if (guest == NULL) {
		error_set(err, ENOMEM, "liblxc cannot make a container object");
		return NULL;
	}
	int failed = 0;
	for (size_t i = 0; failed == 0 && i < sizeof items / sizeof *items; i++)
		failed = item_set(guest, items[i].key, items[i].value, err);
	if (failed == 0)
		failed = command_set(guest, message, account, err);
	/* After the defaults, which they may replace. */
	for (uint32_t at = 0; failed == 0 && at < message->environment_size;) {
		const char *entry = message->environment + at;
		failed = item_set(guest, "lxc.environment", entry, err);
		at += (uint32_t)strlen(entry) + 1;
	}
	if (failed == -1 || item_set(guest, "lxc.uts.name", message->name, err) == -1 ||
	    item_print(guest, err, "lxc.idmap", "u 0 %u %u", message->id_base, (unsigned)ID_RANGE) == -1 ||
	    item_print(guest, err, "lxc.idmap", "g 0 %u %u", message->id_base, (unsigned)ID_RANGE) == -1 ||
	    places_set(guest, message, err) == -1 || policy_set(guest, message, err) == -1 || limits_set(guest, message, err) == -1 ||
	    network_set(guest, message, err) == -1) {
		lxc_container_put(guest);
		return NULL;
	}
	guest->want_daemonize(guest, true);
	return guest;
}

/* The last complaint in liblxc's log is about the consequence; the first names the cause. */
static void log_first(const char *id, char *text, size_t size)
{
	char path[PATH_MAX];
	struct error err = ERROR_INIT;
	cleanup_free char *log = NULL;

	text[0] = '\0';
	runtime_path(id, "lxc.log", path);
	if (file_read(path, 64 * 1024, &log, NULL, &err) == -1)
		return;
	char *line = strstr(log, " ERROR ");
	/* "... ERROR    <file> - <file>:<function>:<line> - <text>" */
	char *said = line == NULL ? NULL : strstr(line, " - ");
	said = said == NULL ? NULL : strstr(said + 3, " - ");
	if (said == NULL)
		return;
	said[strcspn(said, "\n")] = '\0';
	snprintf(text, size, "%s", said + 3);
}

int guest_start(struct lxc_container *guest, const struct container_message *message, pid_t *ret_init,
		struct error *err)
{
	enum { WORDS_MAX = COMMAND_MAX / 2 + 1 };
	static char words[COMMAND_MAX];
	static char *argv[WORDS_MAX + 1];
	char said[256];
	size_t count = 0;

	/* liblxc passes argv on as it is: nothing is split or quoted. */
	memcpy(words, message->command, sizeof words);
	for (uint32_t at = 0; at < message->command_size && count < WORDS_MAX; count++) {
		argv[count] = words + at;
		at += (uint32_t)strlen(words + at) + 1;
	}
	argv[count] = NULL;
	if (!guest->start(guest, 0, count == 0 ? NULL : argv)) {
		log_first(message->id, said, sizeof said);
		return error_set(err, EIO, "the container did not start: %s",
				 said[0] != '\0' ? said : "liblxc gave no reason");
	}
	*ret_init = guest->init_pid(guest);
	if (*ret_init <= 0)
		return error_set(err, EIO, "the container ended at once; its console says why");
	return 0;
}
