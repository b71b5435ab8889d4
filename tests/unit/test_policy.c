/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/engine/policy.c -lseccomp
#include "tests/unit/unit.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/engine/policy.h"
#include "daemon/lib/fd.h"

#define SHIPPED "rootfs/files/usr/share/bulkhead/seccomp/default"

static char folder[PATH_MAX], path[PATH_MAX + 8];

static int setup(void **state)
{
	(void)state;
	unit_folder_make(folder);
	snprintf(path, sizeof path, "%s/list", folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unit_folder_remove(folder);
	return 0;
}

static struct policy *list_read(const char *text, struct error *err)
{
	*err = (struct error)ERROR_INIT;
	assert_ok(file_write(path, text, strlen(text), 0600, err), err);
	return policy_read(path, err);
}

/* errno of a call; 0: it worked. */
static int told(long result)
{
	return result == -1 ? errno : 0;
}

/* What a process under the list is told, number by number; the first that is another is the exit code. */
static int under(struct policy *policy, int (*const probes[])(void), const int wanted[], size_t count)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct error err = ERROR_INIT;
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); /* the tests need no privilege */
		if (policy_load(policy, &err) == -1)
			_exit(100);
		for (size_t i = 0; i < count; i++)
			if (probes[i]() != wanted[i])
				_exit((int)i + 1);
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int merge(void) { return told(prctl(67, 1, 0, 0, 0)); }
static int merge_high(void) { return told(syscall(SYS_prctl, 67UL | 1UL << 32, 1, 0, 0, 0)); }
static int name_set(void) { return told(prctl(PR_SET_NAME, "probe", 0, 0, 0)); }
static int bpf(void) { return told(syscall(SYS_bpf, 0, NULL, 0)); }
static int keys(void) { return told(syscall(SYS_keyctl, 0, 0, 0, 0, 0)); }
static int rings(void) { return told(syscall(SYS_io_uring_setup, 0, NULL)); }
static int machines(void) { return told(socket(40, SOCK_STREAM, 0)); }
static int pair(void) { int fds[2]; return told(socketpair(AF_UNIX, SOCK_STREAM, 0, fds)); }
static int mergeable(void) { return told(madvise((void *)4096, 4096, 12)); }

static void the_shipped_list_is_read_and_holds(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	struct policy *policy = policy_read(SHIPPED, &err);
	static int (*const probes[])(void) = { merge, merge_high, name_set, bpf, keys, rings, machines, pair, mergeable };
	static const int wanted[] = { EINVAL, EINVAL, 0, EPERM, ENOSYS, ENOSYS, EAFNOSUPPORT, 0, EINVAL };

	assert_made(policy, &err);
	assert_int_equal(under(policy, probes, wanted, COUNT(probes)), 0);
	policy_free(policy);
}

static void what_is_not_listed_works(void **state)
{
	(void)state;
	struct error err;
	struct policy *policy = list_read("2\ndenylist\n[all]\nsocketpair errno 5\n", &err);
	static int (*const probes[])(void) = { pair, name_set };
	static const int wanted[] = { EIO, 0 };

	assert_made(policy, &err);
	assert_int_equal(under(policy, probes, wanted, COUNT(probes)), 0);
	policy_free(policy);
}

static void comments_blanks_and_foreign_calls_are_taken(void **state)
{
	(void)state;
	struct error err;
	struct policy *policy = list_read("2\ndenylist\n# note\n\n  [all]  # all\nno_such_call_anywhere errno 1\nbpf errno 1 # last", &err);

	assert_made(policy, &err);
	policy_free(policy);
}

static void what_is_not_understood_is_an_error(void **state)
{
	static const char *const lists[] = {
		"", "1\n", "2\nallowlist\n[all]\nread\n", "2\ndenylist\n", "2\ndenylist\nbpf errno 1\n[all]\n",
		"2\ndenylist\n[x86]\nbpf errno 1\n", "2\ndenylist\n[all]\nbpf\n", "2\ndenylist\n[all]\nbpf kill\n",
		"2\ndenylist\n[all]\nbpf errno 4096\n", "2\ndenylist\n[all]\nbpf errno x\n",
		"2\ndenylist\n[all]\nprctl errno 22 [0,67]\n", "2\ndenylist\n[all]\nprctl errno 22 [6,67,SCMP_CMP_EQ]\n",
		"2\ndenylist\n[all]\nprctl errno 22 [0,67,SCMP_CMP_LIKE]\n",
		"2\ndenylist\n[all]\nprctl errno 22 [0,67,SCMP_CMP_EQ\n",
		"2\ndenylist\n[all]\nprctl errno 22 [0,67,SCMP_CMP_EQ]x\n",
		"2\ndenylist\n[all]\nprctl errno 22 [0,67,SCMP_CMP_MASKED_EQ]\n",
		"2\ndenylist\n[all]\nprctl errno 22 [0,67,SCMP_CMP_EQ][1,1,SCMP_CMP_EQ]\n",
		"2\ndenylist\n[all]\nprctl errno 22 [0,67,SCMP_CMP_EQ] more\n",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(lists); i++) {
		struct error err;
		if (list_read(lists[i], &err) != NULL)
			fail_msg("this was taken: %s", lists[i]);
		assert_int_not_equal(err.code, 0);
	}
}

#define FOLDER "rootfs/files/usr/share/bulkhead/seccomp"

static struct policy *made(enum policy_kind kind, const char *denied, size_t size)
{
	struct error err = ERROR_INIT;
	struct policy *policy = NULL;

	if (policy_write(FOLDER, kind, denied, size, path, &err) == 0)
		policy = policy_read(path, &err);
	assert_made(policy, &err);
	return policy;
}

enum { USERS = 0x10000000, MOUNTS = 0x20000, HOSTS = 0x04000000 };

static int users_unshare(void) { return told(syscall(SYS_unshare, USERS)) == EPERM; }
static int users_clone(void) { return told(syscall(SYS_clone, (unsigned long)USERS | 1UL << 40, NULL, NULL, NULL, 0)) == EPERM; }
static int clone3(void) { return told(syscall(SYS_clone3, NULL, 0)); }
static int hosts_unshare(void) { return told(syscall(SYS_unshare, HOSTS | MOUNTS)) == EPERM; }
static int mounts(void) { return told(syscall(SYS_mount, NULL, "/nowhere", NULL, 0, NULL)); }
static int traces(void) { return told(syscall(SYS_ptrace, 9999, 0, 0, 0)); }
static int raw(void) { return told(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, 254)); }
static int packets(void) { return told(socket(AF_PACKET, SOCK_DGRAM, 0)); }
static int stream(void) { return told(socket(AF_INET, SOCK_STREAM, 0)); }
static int forks(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid == -1 ? errno : told(waitpid(pid, NULL, 0) == pid ? 0 : -1);
}

static void each_kind_bars_what_it_says(void **state)
{
	static int (*const probes[])(void) = { bpf, users_unshare, users_clone, clone3, hosts_unshare, mounts, traces, raw, packets, stream, forks };
	/* A call that is let through fails otherwise, or works. */
	static const int usual[] = { EPERM, 1, 1, ENOSYS }, strict[] = { EPERM, 1, 1, ENOSYS, 1, EPERM, EPERM, EPERM, EAFNOSUPPORT, 0, 0 };
	static int (*const nested[])(void) = { bpf, clone3, mounts };
	static const int nesting[] = { EPERM, EINVAL, EFAULT };

	(void)state;
	struct policy *policy = made(POLICY_DEFAULT, NULL, 0);
	assert_int_equal(under(policy, probes, usual, COUNT(usual)), 0);
	policy_free(policy);
	policy = made(POLICY_STRICT, NULL, 0);
	assert_int_equal(under(policy, probes, strict, COUNT(strict)), 0);
	policy_free(policy);
	policy = made(POLICY_NESTING, NULL, 0);
	assert_int_equal(under(policy, nested, nesting, 2), 0);
	policy_free(policy);
}

static void what_a_client_denies_is_denied(void **state)
{
	static const char denied[] = "prctl\0socketpair";
	static int (*const probes[])(void) = { merge, name_set, pair, bpf, stream };
	static const int wanted[] = { EPERM, EPERM, EPERM, EPERM, 0 };
	struct error err = ERROR_INIT;

	(void)state;
	/* prctl with its own number for one argument gives way to the whole. */
	struct policy *policy = made(POLICY_STRICT, denied, sizeof denied);
	assert_int_equal(under(policy, probes, wanted, COUNT(probes)), 0);
	policy_free(policy);
	assert_int_equal(policy_write(FOLDER, POLICY_DEFAULT, "no_such", 8, path, &err), -1);
	assert_string_equal(err.field, "seccomp.deny");
	assert_int_equal(policy_write(FOLDER, POLICY_DEFAULT, "a errno 0\n", 11, path, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_shipped_list_is_read_and_holds),
		cmocka_unit_test_setup_teardown(what_is_not_listed_works, setup, teardown),
		cmocka_unit_test_setup_teardown(comments_blanks_and_foreign_calls_are_taken, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_not_understood_is_an_error, setup, teardown),
		cmocka_unit_test_setup_teardown(each_kind_bars_what_it_says, setup, teardown),
		cmocka_unit_test_setup_teardown(what_a_client_denies_is_denied, setup, teardown),
	};
	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
