/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/lib/fd.h"
#include "daemon/lib/secret.h"

// link: -Wl,--wrap=munmap

/* What lay in a mapping at the moment it was given back. */
static const char *watched;
static size_t watched_size;
static int watched_bytes_left = -1;

int __real_munmap(void *address, size_t size);
int __wrap_munmap(void *address, size_t size);

int __wrap_munmap(void *address, size_t size)
{
	if (address == watched) {
		watched_bytes_left = 0;
		for (size_t i = 0; i < watched_size; i++)
			watched_bytes_left += ((const char *)address)[i] != 0;
	}
	return __real_munmap(address, size);
}

static void pipe_with(int ends[2], const void *data, size_t size)
{
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(fd_write_full(ends[1], data, size), 0);
	close(ends[1]);
}

static void free_wipes_first(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	struct secret *secret = secret_new(100, &err);

	assert_made(secret, &err);
	assert_ok(secret_append(secret, "correct horse", 13, &err), &err);
	watched = secret->data;
	watched_size = secret->room;
	watched_bytes_left = -1;
	secret_free(secret);
	watched = NULL;
	assert_int_equal(watched_bytes_left, 0);
	secret_free(NULL);
}

static void append_keeps_within_the_room(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	cleanup_secret struct secret *secret = secret_new(8, &err);

	assert_made(secret, &err);
	assert_int_equal(secret->size, 0);
	assert_ok(secret_append(secret, "1234", 4, &err), &err);
	assert_ok(secret_append(secret, "5678", 4, &err), &err);
	assert_string_equal(secret->data, "12345678");
	assert_int_equal(secret_append(secret, "9", 1, &err), -1);
	assert_int_equal(err.code, E2BIG);
	assert_string_equal(secret->data, "12345678");
	assert_ok(secret_append(secret, "", 0, &err), &err);
	assert_int_equal(secret_append(secret, "x", SIZE_MAX, &err), -1); /* no wrap-around */
}

static void read_drops_one_newline(void **state)
{
	(void)state;
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "pass\n", "pass" }, { "pass", "pass" }, { "pass\n\n", "pass\n" }, { "\n", "" }, { "", "" },
		{ "two\nlines\n", "two\nlines" }, { " blanks stay \t", " blanks stay \t" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct error err = ERROR_INIT;
		cleanup_secret struct secret *secret = secret_new(64, &err);
		int ends[2];

		assert_made(secret, &err);
		pipe_with(ends, cases[i].in, strlen(cases[i].in));
		assert_ok(secret_read(secret, ends[0], &err), &err);
		close(ends[0]);
		assert_int_equal(secret->size, strlen(cases[i].out));
		assert_string_equal(secret->data, cases[i].out);
	}
}

static void read_keeps_zero_bytes(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	cleanup_secret struct secret *secret = secret_new(64, &err);
	int ends[2];

	assert_made(secret, &err);
	pipe_with(ends, "a\0b\n", 4);
	assert_ok(secret_read(secret, ends[0], &err), &err);
	close(ends[0]);
	assert_int_equal(secret->size, 3);
	assert_memory_equal(secret->data, "a\0b", 4);
}

static void read_takes_exactly_the_room(void **state)
{
	(void)state;
	char text[SECRET_MAX + 1];

	memset(text, 'k', sizeof text);
	for (size_t extra = 0; extra <= 1; extra++) {
		struct error err = ERROR_INIT;
		cleanup_secret struct secret *secret = secret_new(SECRET_MAX, &err);
		int ends[2];

		assert_made(secret, &err);
		pipe_with(ends, text, SECRET_MAX + extra);
		int got = secret_read(secret, ends[0], &err);
		close(ends[0]);
		if (extra == 0) {
			assert_ok(got, &err);
			assert_int_equal(secret->size, SECRET_MAX);
		} else {
			assert_int_equal(got, -1);
			assert_int_equal(err.code, E2BIG);
		}
	}
}

static void read_reports_a_bad_descriptor(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	cleanup_secret struct secret *secret = secret_new(64, &err);

	assert_made(secret, &err);
	assert_int_equal(secret_read(secret, -1, &err), -1);
	assert_int_equal(err.code, EBADF);
}

static void a_child_sees_zeros(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	cleanup_secret struct secret *secret = secret_new(64, &err);

	assert_made(secret, &err);
	assert_ok(secret_append(secret, "hidden", 6, &err), &err);
	pid_t pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		int seen = 0;
		for (size_t i = 0; i < 64; i++)
			seen |= secret->data[i];
		_exit(seen == 0 ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_string_equal(secret->data, "hidden");
}

/* /proc/self/smaps says "lo" (locked), "dd" (not dumped), "wf" (wiped on fork) of the mapping. */
static void the_kernel_knows_it_is_locked(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	cleanup_secret struct secret *secret = secret_new(64, &err);
	char line[512], want[32];
	bool inside = false, found = false;

	assert_made(secret, &err);
	snprintf(want, sizeof want, "%lx-", (unsigned long)(uintptr_t)secret->data);
	FILE *smaps = fopen("/proc/self/smaps", "re");
	if (smaps == NULL)
		skip(); /* no /proc in this root */
	while (fgets(line, sizeof line, smaps) != NULL) {
		if (strncmp(line, want, strlen(want)) == 0)
			inside = true;
		if (inside && strncmp(line, "VmFlags:", 8) == 0) {
			found = true;
#ifndef __SANITIZE_ADDRESS__ /* ASan turns mlock(2) into nothing */
			assert_non_null(strstr(line, " lo"));
#endif
			assert_non_null(strstr(line, " dd"));
			assert_non_null(strstr(line, " wf"));
			break;
		}
	}
	fclose(smaps);
	assert_true(found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(free_wipes_first),
		cmocka_unit_test(append_keeps_within_the_room),
		cmocka_unit_test(read_drops_one_newline),
		cmocka_unit_test(read_keeps_zero_bytes),
		cmocka_unit_test(read_takes_exactly_the_room),
		cmocka_unit_test(read_reports_a_bad_descriptor),
		cmocka_unit_test(a_child_sees_zeros),
		cmocka_unit_test(the_kernel_knows_it_is_locked),
	};
	return cmocka_run_group_tests_name("secret", tests, NULL, NULL);
}
