/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/hostile/hostile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/mount.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

/* <linux/mount.h> and <sys/mount.h> do not go together. */
extern int mount(const char *source, const char *target, const char *kind, unsigned long flags, const void *data);
enum { REMOUNT_BIND = MS_REMOUNT | MS_BIND };

#define PLACE "/tmp/hostile"

/* A fresh folder for a mount; the rows run one after the other. */
static const char *place(void)
{
	(void)mkdir(PLACE, 0700);
	return PLACE;
}

static int mounted(const char *kind)
{
	return hostile_result(mount("none", place(), kind, 0, NULL));
}

static int mount_debugfs(void) { return mounted("debugfs"); }
static int mount_tracefs(void) { return mounted("tracefs"); }
static int mount_securityfs(void) { return mounted("securityfs"); }
static int mount_configfs(void) { return mounted("configfs"); }
static int mount_devtmpfs(void) { return mounted("devtmpfs"); }
static int mount_pstore(void) { return mounted("pstore"); }
static int mount_efivarfs(void) { return mounted("efivarfs"); }
static int mount_binfmt(void) { return mounted("binfmt_misc"); }

/* The way of CVE-2022-0492. */
static int mount_cgroup1(void)
{
	int memory = hostile_result(mount("cgroup", place(), "cgroup", 0, "memory"));
	int rdma = hostile_result(mount("cgroup", place(), "cgroup", 0, "rdma"));
	int named = hostile_result(mount("cgroup", place(), "cgroup", 0, "none,name=x"));

	return memory == 0 || rdma == 0 || named == 0 ? 0 : memory;
}

static int mount_new_api(void)
{
	int fs = (int)syscall(SYS_fsopen, "xfs", 0);

	if (fs == -1)
		return errno;
	if (syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "source", "/dev/vda1", 0) == -1)
		return errno;
	return hostile_result(syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0));
}

/* Another view of the ids of what is below. */
static int mount_shift_ids(void)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP };
	int tree = (int)syscall(SYS_open_tree, AT_FDCWD, "/", OPEN_TREE_CLONE);
	int ids = open("/proc/self/ns/user", O_RDONLY);

	if (tree == -1 || ids == -1)
		return errno;
	attr.userns_fd = (__u64)ids;
	return hostile_result(syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attr, sizeof attr));
}

/* A proc of its own, without what covers the first one. */
static int proc_anew(void)
{
	if (mount("proc", place(), "proc", 0, NULL) == -1)
		return errno;
	return hostile_write(PLACE "/sys/kernel/panic", "1");
}

static int sys_anew(void)
{
	if (mount("sysfs", place(), "sysfs", 0, NULL) == -1)
		return errno;
	return hostile_write(PLACE "/kernel/mm/ksm/run", "2");
}

static int proc_remount(void)
{
	(void)mount(NULL, "/proc/sys", NULL, REMOUNT_BIND, NULL);
	return hostile_write("/proc/sys/kernel/panic", "1");
}

static int sys_remount(void)
{
	(void)mount(NULL, "/sys", NULL, REMOUNT_BIND, NULL);
	return hostile_write("/sys/kernel/mm/ksm/run", "2");
}

static int core_pattern(void) { return hostile_write("/proc/sys/kernel/core_pattern", "|/tmp/x"); }
static int modprobe_path(void) { return hostile_write("/proc/sys/kernel/modprobe", "/tmp/x"); }
static int uevent_helper(void) { return hostile_write("/sys/kernel/uevent_helper", "/tmp/x"); }
static int sysrq(void) { return hostile_write("/proc/sysrq-trigger", "c"); }
static int panic(void) { return hostile_write("/proc/sys/kernel/panic", "1"); }
static int drop_caches(void) { return hostile_write("/proc/sys/vm/drop_caches", "3"); }
static int overcommit(void) { return hostile_write("/proc/sys/vm/overcommit_memory", "1"); }
static int merging(void) { return hostile_write("/sys/kernel/mm/ksm/run", "2"); }
static int power_state(void) { return hostile_write("/sys/power/state", "mem"); }
static int own_limit(void) { return hostile_write("/sys/fs/cgroup/memory.max", "max"); }
static int own_devices(void) { return hostile_write("/sys/fs/cgroup/cgroup.max.depth", "max"); }
static int oom_spared(void) { return hostile_write("/proc/self/oom_score_adj", "-1000"); }

/* Up from the root of its control groups. */
static int cgroup_leave(void)
{
	return hostile_write("/sys/fs/cgroup/../cgroup.procs", "0") == 0 ? hostile_write("/sys/fs/cgroup/../../cgroup.procs", "0") :
									   ENOENT;
}

/* True if one byte that is not to be seen can be read. */
static int readable(const char *path)
{
	char byte;
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd == -1)
		return errno;
	ssize_t got = read(fd, &byte, 1);
	return got == 0 ? HOSTILE_NOTHING : hostile_result(got);
}

static int kcore(void) { return readable("/proc/kcore"); }
static int kmsg(void) { return readable("/proc/kmsg"); }
static int dev_kmsg(void) { return readable("/dev/kmsg"); }
static int dev_mem(void) { return readable("/dev/mem"); }
static int keys(void) { return readable("/proc/keys"); }
static int vmallocinfo(void) { return readable("/proc/vmallocinfo"); }
static int slabinfo(void) { return readable("/proc/slabinfo"); }
static int acpi_tables(void) { return readable("/sys/firmware/acpi/tables/DSDT"); }

/* Addresses that are all zero tell nothing. */
static int kallsyms(void)
{
	FILE *file = fopen("/proc/kallsyms", "re");
	char line[512];
	int told = HOSTILE_NOTHING;

	if (file == NULL)
		return errno;
	while (fgets(line, sizeof line, file) != NULL)
		if (strtoull(line, NULL, 16) != 0)
			told = 0;
	fclose(file);
	return told;
}

static int node(mode_t kind, unsigned major, unsigned minor)
{
	(void)unlink("/tmp/node");
	if (mknod("/tmp/node", kind | 0600, makedev(major, minor)) == -1)
		return errno;
	int fd = open("/tmp/node", O_RDWR | O_CLOEXEC);
	return fd == -1 ? errno : 0;
}

static int node_mem(void) { return node(S_IFCHR, 1, 1); }
static int node_kmsg(void) { return node(S_IFCHR, 1, 11); }
static int node_kvm(void) { return node(S_IFCHR, 10, 232); }
static int node_mapper(void) { return node(S_IFCHR, 10, 236); }
static int node_disk(void) { return node(S_IFBLK, 254, 0); }
static int node_loop(void) { return node(S_IFBLK, 7, 0); }
static int dev_kvm(void) { return hostile_result(open("/dev/kvm", O_RDWR | O_CLOEXEC)); }
static int dev_fuse(void) { return hostile_result(open("/dev/fuse", O_RDWR | O_CLOEXEC)); }
static int dev_tun(void) { return hostile_result(open("/dev/net/tun", O_RDWR | O_CLOEXEC)); }

/* Out by a folder that was opened before. */
static int chroot_escape(void)
{
	int top = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)mkdir(PLACE, 0700);
	if (chroot(PLACE) == -1)
		return errno;
	for (int i = 0; i < 64; i++)
		if (fchdir(top) == -1 || chdir("..") == -1)
			return errno;
	if (chroot(".") == -1)
		return errno;
	return access("/usr/bin/bulkheadd", F_OK) == 0 ? 0 : HOSTILE_NOTHING;
}

static int owner_outside(void)
{
	int fd = open("/tmp/owned", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	return fd == -1 ? errno : hostile_result(fchown(fd, 70000, 70000));
}

/* Into another project, which no disk limit is for. */
static int quota_leave(void)
{
	struct fsxattr attr = { 0 };
	int fd = open("/tmp/owned", O_CREAT | O_RDWR | O_CLOEXEC, 0600);

	if (fd == -1 || ioctl(fd, FS_IOC_FSGETXATTR, &attr) == -1)
		return errno;
	attr.fsx_projid = 0;
	return hostile_result(ioctl(fd, FS_IOC_FSSETXATTR, &attr));
}

static int freeze(void)
{
	int fd = open("/", O_RDONLY | O_CLOEXEC);

	return fd == -1 ? errno : hostile_result(ioctl(fd, FIFREEZE, 0));
}

static int trim(void)
{
	struct fstrim_range range = { .len = UINT64_MAX };
	int fd = open("/", O_RDONLY | O_CLOEXEC);

	return fd == -1 ? errno : hostile_result(ioctl(fd, FITRIM, &range));
}

/* Attributes by which overlayfs would follow to files of other layers. */
static int overlay_attribute(void)
{
	return hostile_result(syscall(SYS_setxattr, "/tmp", "trusted.overlay.redirect", "/", 1, 0));
}

static int host_processes(void)
{
	DIR *proc = opendir("/proc");
	char path[64], name[64] = "";
	int found = HOSTILE_NOTHING;

	if (proc == NULL)
		return errno;
	for (struct dirent *entry; (entry = readdir(proc)) != NULL;) {
		snprintf(path, sizeof path, "/proc/%.16s/comm", entry->d_name);
		FILE *file = fopen(path, "re");
		if (file == NULL)
			continue;
		if (fgets(name, sizeof name, file) != NULL && (strstr(name, "bulkheadd") != NULL || strstr(name, "haproxy") != NULL))
			found = 0;
		fclose(file);
	}
	closedir(proc);
	return found;
}

static int host_sockets(void)
{
	FILE *file = fopen("/proc/net/unix", "re");
	char line[512];
	int found = HOSTILE_NOTHING;

	if (file == NULL)
		return errno;
	while (fgets(line, sizeof line, file) != NULL)
		if (strstr(line, "bulkhead") != NULL || strstr(line, "haproxy") != NULL)
			found = 0;
	fclose(file);
	return found;
}

static int host_cgroups(void)
{
	FILE *file = fopen("/proc/1/cgroup", "re");
	char line[512];
	int found = HOSTILE_NOTHING;

	if (file == NULL)
		return errno;
	while (fgets(line, sizeof line, file) != NULL)
		if (strstr(line, "bulkhead") != NULL)
			found = 0;
	fclose(file);
	return access("/sys/fs/cgroup/bulkhead.slice", F_OK) == 0 ? 0 : found;
}

const struct hostile_row hostile_files[] = {
	{ "mount debugfs", "not in the kernel", mount_debugfs },
	{ "mount tracefs", "not in the kernel", mount_tracefs },
	{ "mount securityfs", "only the host's root", mount_securityfs },
	{ "mount configfs", "not in the kernel", mount_configfs },
	{ "mount devtmpfs", "only the host's root", mount_devtmpfs },
	{ "mount pstore", "only the host's root", mount_pstore },
	{ "mount efivarfs", "only the host's root", mount_efivarfs },
	{ "mount binfmt_misc", "not in the kernel", mount_binfmt },
	{ "mount cgroup v1 for release_agent", "not in the kernel", mount_cgroup1 },
	{ "mount the host's disk by fsopen", "only the host's root", mount_new_api },
	{ "shift the ids of its root by mount_setattr", "only the host's root", mount_shift_ids },
	{ "write kernel.panic through a proc of its own", "the file is the host's root's", proc_anew },
	{ "write through a sysfs of its own", "no mount that shows more than before", sys_anew },
	{ "make /proc/sys writable again", "the file is the host's root's", proc_remount },
	{ "make /sys writable again", "read-only, locked", sys_remount },
	{ "write core_pattern", "not in the kernel", core_pattern },
	{ "write the path of modprobe", "no modules in the kernel", modprobe_path },
	{ "write uevent_helper", "not in the kernel", uevent_helper },
	{ "write sysrq-trigger", "not in the kernel", sysrq },
	{ "write kernel.panic", "read-only, the host's root's", panic },
	{ "write vm.drop_caches", "read-only, the host's root's", drop_caches },
	{ "write vm.overcommit_memory", "read-only, the host's root's", overcommit },
	{ "turn the host's merging off", "read-only, the host's root's", merging },
	{ "put the host to sleep", "read-only", power_state },
	{ "raise its memory limit", "the file is the host's root's", own_limit },
	{ "raise the depth of its control groups", "the file is the host's root's", own_devices },
	{ "leave its control group upwards", "cgroup namespace", cgroup_leave },
	{ "be spared when memory runs out", "a capability of the host", oom_spared },
	{ "read /proc/kcore", "not in the kernel", kcore },
	{ "read /proc/kmsg", "the file is the host's root's", kmsg },
	{ "read /dev/kmsg", "no such device in it", dev_kmsg },
	{ "read /dev/mem", "no such device in it", dev_mem },
	{ "read /proc/keys", "covered; nothing of others behind it", keys },
	{ "read addresses in kallsyms", "kptr_restrict", kallsyms },
	{ "read /proc/vmallocinfo", "the file is the host's root's", vmallocinfo },
	{ "read /proc/slabinfo", "the file is the host's root's", slabinfo },
	{ "read ACPI tables", "covered", acpi_tables },
	{ "make a device node of /dev/mem", "user namespace", node_mem },
	{ "make a device node of /dev/kmsg", "user namespace", node_kmsg },
	{ "make a device node of /dev/kvm", "user namespace", node_kvm },
	{ "make a device node of device-mapper", "user namespace", node_mapper },
	{ "make a device node of the host's disk", "user namespace", node_disk },
	{ "make a device node of a loop device", "user namespace", node_loop },
	{ "open /dev/kvm", "no such device in it", dev_kvm },
	{ "open /dev/fuse", "no such device in it", dev_fuse },
	{ "open /dev/net/tun", "no such device in it", dev_tun },
	{ "leave its root by chroot and fchdir", "nothing of the host in its mounts", chroot_escape },
	{ "give a file to an id outside of its range", "user namespace", owner_outside },
	{ "leave its disk limit by another project id", "only the host's user namespace", quota_leave },
	{ "freeze the data disk", "a capability of the host", freeze },
	{ "trim the data disk", "not of overlayfs", trim },
	{ "set overlayfs's own attributes", "a capability of the host", overlay_attribute },
	{ "see processes of the host", "pid namespace", host_processes },
	{ "see Unix sockets of the host", "network namespace", host_sockets },
	{ "see control groups of the host", "cgroup namespace", host_cgroups },
	{ 0 },
};
