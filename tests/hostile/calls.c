/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/hostile/hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_alg.h>
#include <linux/kexec.h>
#include <linux/perf_event.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CALL(name, ...) static int name(void) { return hostile_result(syscall(__VA_ARGS__)); }

static char bytes[4096] __attribute__((aligned(4096)));

CALL(kexec_old, SYS_kexec_load, 0UL, 0UL, NULL, 0UL)
CALL(kexec_file, SYS_kexec_file_load, 0, 0, 1UL, "", KEXEC_FILE_NO_INITRAMFS)
CALL(module_memory, SYS_init_module, bytes, sizeof bytes, "")
CALL(module_file, SYS_finit_module, 0, "", 0)
CALL(module_remove, SYS_delete_module, "dm_mod", 0)
CALL(halt, SYS_reboot, 0xfee1dead, 672274793, 0x4321fedc, NULL)
CALL(swap_on, SYS_swapon, "/tmp/owned", 0)
CALL(swap_off, SYS_swapoff, "/dev/dm-1")
CALL(account, SYS_acct, "/tmp/owned")
CALL(ports_all, SYS_iopl, 3)
CALL(ports_some, SYS_ioperm, 0x70, 2, 1)
CALL(kernel_log, SYS_syslog, 3, bytes, sizeof bytes)
CALL(quota, SYS_quotactl, 0x800002 << 8, "/dev/dm-0", 0, bytes)
CALL(key_add, SYS_add_key, "user", "x", "y", 1, -3)
CALL(key_ask, SYS_request_key, "user", "x", NULL, 0)
CALL(key_session, SYS_keyctl, 1, NULL)
CALL(ring_setup, SYS_io_uring_setup, 4, bytes)
CALL(fault_fd, SYS_userfaultfd, O_CLOEXEC)
CALL(fault_fd_user, SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY)
CALL(pages_move, SYS_move_pages, 0, 0UL, NULL, NULL, NULL, 0)
CALL(hang_up, SYS_vhangup)
CALL(watch_all, SYS_fanotify_init, 0x04 /* FAN_CLASS_CONTENT */, O_RDONLY)
CALL(cookie, SYS_lookup_dcookie, 1UL, bytes, sizeof bytes)

static int handle_open(void)
{
	struct {
		struct file_handle head;
		unsigned char bytes[8];
	} handle = { .head = { .handle_bytes = 8, .handle_type = 1 } };
	int top = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	handle.bytes[0] = 128; /* the root folder's inode on XFS */
	return hostile_result(syscall(SYS_open_by_handle_at, top, &handle, O_RDONLY));
}

static int bpf_load(void)
{
	static struct bpf_insn program[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K }, { .code = BPF_JMP | BPF_EXIT } };
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_SOCKET_FILTER, .insn_cnt = 2, .insns = (uintptr_t)program,
				.license = (uintptr_t)"GPL" };

	return hostile_result(syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof attr));
}

static int bpf_map(void)
{
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1 };

	return hostile_result(syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof attr));
}

static int perf(void)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE, .size = sizeof attr, .config = PERF_COUNT_SW_CPU_CLOCK };

	return hostile_result(syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0UL));
}

static int clock_move(void)
{
	struct timespec now = { .tv_sec = 978307200 };

	return hostile_result(clock_settime(CLOCK_REALTIME, &now));
}

static int clock_tune(void)
{
	struct timex tune = { .modes = ADJ_FREQUENCY, .freq = 1 };

	return hostile_result(adjtimex(&tune));
}

/* What is above the second row in /proc/self/status: a filter that only knows x86-64 numbers sees none of these. */
static int call_32bit(void)
{
	long result;

	__asm__ volatile("int $0x80" : "=a"(result) : "0"(20L /* getpid */) : "memory", "r8", "r9", "r10", "r11");
	return result == getpid() ? 0 : (int)-result;
}

CALL(call_x32, 0x40000000L | SYS_getpid)

static int families(void)
{
	static const int known[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET };
	int refused = EAFNOSUPPORT;

	for (int family = 0; family < 64; family++) {
		bool ours = false;
		for (size_t i = 0; i < sizeof known / sizeof *known; i++)
			ours = ours || known[i] == family;
		for (int kind = SOCK_STREAM; !ours && kind <= SOCK_SEQPACKET; kind++) {
			int fd = socket(family, kind, 0);
			if (fd == -1)
				continue;
			fprintf(stderr, "family %d, kind %d can be had\n", family, kind);
			refused = 0;
			close(fd);
		}
	}
	return refused;
}

static int alg(void) { return hostile_result(socket(AF_ALG, SOCK_SEQPACKET, 0)); }
static int vsock(void) { return hostile_result(socket(AF_VSOCK, SOCK_STREAM, 0)); }

/* Kinds of netlink that are not of the network: audit, crypto, SELinux, connector, iSCSI, SCSI. */
static int netlink_kinds(void)
{
	static const int kinds[] = { 7, 8, 9, 11, 18, 21 };

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		int fd = socket(AF_NETLINK, SOCK_RAW, kinds[i]);
		struct {
			uint32_t size;
			uint16_t type, flags;
			uint32_t sequence, port;
			char data[64];
		} message = { .size = 80, .type = 1001 /* AUDIT_SET */, .flags = 5 };
		char answer[1024] = "";
		int code = 0;
		if (fd == -1 || send(fd, &message, sizeof message, 0) == -1)
			continue;
		ssize_t got = recv(fd, answer, sizeof answer, MSG_DONTWAIT);
		if (got >= 20)
			memcpy(&code, answer + 16, sizeof code);
		close(fd);
		if (got >= 20 && code == 0)
			return 0;
	}
	return EPROTONOSUPPORT;
}

static int user_namespace(void) { return hostile_result(unshare(CLONE_NEWUSER)); }

static int user_namespace_by_clone(void)
{
	uint64_t args[11] = { CLONE_NEWUSER, 0, 0, 0, SIGCHLD };
	pid_t pid = (pid_t)syscall(SYS_clone3, args, sizeof args);

	if (pid == 0)
		_exit(0);
	return hostile_result(pid);
}

/* Of init there is only its own: joining it brings nothing of the host. */
static int namespace_of_init(void)
{
	int fd = open("/proc/1/ns/user", O_RDONLY | O_CLOEXEC);

	return fd == -1 ? errno : hostile_result(setns(fd, CLONE_NEWUSER));
}

/* Every number that the host's processes could have here. */
static int trace_others(void)
{
	int refused = ESRCH;

	for (pid_t pid = 1; pid < 40000; pid++) {
		char path[64];
		snprintf(path, sizeof path, "/proc/%d", (int)pid);
		if (access(path, F_OK) == 0)
			continue; /* the container's own */
		if (kill(pid, 0) == 0 || ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0)
			refused = 0;
	}
	return refused;
}

static int memory_of_parent(void)
{
	char byte;
	struct iovec own = { &byte, 1 }, other = { (void *)0x1000, 1 };

	return process_vm_readv(0, &own, 1, &other, 1, 0) == -1 ? errno : 0;
}

CALL(merge_self, SYS_prctl, 67 /* PR_SET_MEMORY_MERGE */, 1, 0, 0, 0)
CALL(merge_self_high, SYS_prctl, 67 | 1L << 32, 1, 0, 0, 0)
static int merge_memory(void) { return hostile_result(madvise(bytes, sizeof bytes, MADV_MERGEABLE)); }

static int input_push(void)
{
	return hostile_result(ioctl(STDIN_FILENO, TIOCSTI, "x")) == 0 ? 0 : hostile_result(ioctl(open("/dev/console", O_RDWR), TIOCSTI, "x"));
}

static int real_time(void)
{
	struct sched_param param = { .sched_priority = 1 };

	return hostile_result(sched_setscheduler(0, SCHED_FIFO, &param));
}

static int files_more(void)
{
	struct rlimit files = { 1 << 22, 1 << 22 };

	return hostile_result(setrlimit(RLIMIT_NOFILE, &files));
}

static int priority(void) { return hostile_result(setpriority(PRIO_PROCESS, 0, -20)); }

/* The group is the host's user's outside, if anything. */
static int user_outside(void) { return hostile_result(syscall(SYS_setresuid, 70000, 70000, 70000)); }

const struct hostile_row hostile_calls[] = {
	{ "kexec_load", "system call list, not in the kernel", kexec_old },
	{ "kexec_file_load", "system call list, not in the kernel", kexec_file },
	{ "init_module", "system call list, not in the kernel", module_memory },
	{ "finit_module", "system call list, not in the kernel", module_file },
	{ "delete_module", "system call list, not in the kernel", module_remove },
	{ "reboot", "system call list", halt },
	{ "swapon", "system call list", swap_on },
	{ "swapoff", "system call list", swap_off },
	{ "acct", "system call list", account },
	{ "iopl", "system call list", ports_all },
	{ "ioperm", "system call list", ports_some },
	{ "syslog", "system call list", kernel_log },
	{ "quotactl", "system call list", quota },
	{ "add_key", "system call list", key_add },
	{ "request_key", "system call list", key_ask },
	{ "keyctl: join a session keyring", "system call list", key_session },
	{ "io_uring_setup", "system call list", ring_setup },
	{ "userfaultfd", "system call list", fault_fd },
	{ "userfaultfd of user mode", "system call list", fault_fd_user },
	{ "move_pages", "system call list", pages_move },
	{ "vhangup", "system call list", hang_up },
	{ "fanotify of content", "a capability of the host", watch_all },
	{ "lookup_dcookie", "system call list", cookie },
	{ "open_by_handle_at", "system call list", handle_open },
	{ "bpf: load a program", "system call list", bpf_load },
	{ "bpf: make a map", "system call list", bpf_map },
	{ "perf_event_open", "system call list", perf },
	{ "set the clock", "system call list", clock_move },
	{ "tune the clock", "system call list", clock_tune },
	{ "32-bit system calls past the list", "not in the kernel", call_32bit },
	{ "x32 system calls past the list", "not in the kernel", call_x32 },
	{ "socket families but Unix, IPv4, IPv6, netlink, packet", "not in the kernel, system call list", families },
	{ "AF_ALG", "system call list, not in the kernel", alg },
	{ "AF_VSOCK", "system call list", vsock },
	{ "netlink beside the network's", "network namespace, not in the kernel", netlink_kinds },
	{ "a user namespace by unshare", "system call list, only the host's root makes them", user_namespace },
	{ "a user namespace by clone3", "system call list, only the host's root makes them", user_namespace_by_clone },
	{ "the user namespace of init", "it is its own", namespace_of_init },
	{ "signal or trace processes of the host", "pid namespace", trace_others },
	{ "process_vm_readv", "not in the kernel", memory_of_parent },
	{ "opt in to merging by prctl", "system call list", merge_self },
	{ "the same with high bits set", "system call list", merge_self_high },
	{ "opt in to merging by madvise", "system call list", merge_memory },
	{ "push input into a terminal", "not in the kernel", input_push },
	{ "real-time priority", "a capability of the host", real_time },
	{ "more open files than its limit", "a capability of the host", files_more },
	{ "a higher priority", "a capability of the host", priority },
	{ "become a user outside of its range", "user namespace", user_outside },
	{ 0 },
};
