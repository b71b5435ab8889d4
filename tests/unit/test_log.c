/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "daemon/lib/log.h"

// link: -Wl,--wrap=write -Wl,--wrap=fstat

static char line[4096];
static ssize_t line_size;
static int lines;

ssize_t __real_write(int fd, const void *buffer, size_t size);
ssize_t __wrap_write(int fd, const void *buffer, size_t size);

ssize_t __wrap_write(int fd, const void *buffer, size_t size)
{
	if (fd != STDERR_FILENO)
		return __real_write(fd, buffer, size);
	assert_true(size < sizeof line);
	memcpy(line, buffer, size);
	line[size] = '\0';
	line_size = (ssize_t)size;
	lines++;
	errno = EIO; /* log keeps the caller's errno whatever happens */
	return -1;
}

static bool is_kmsg;

int __wrap_fstat(int fd, struct stat *status);

int __wrap_fstat(int fd, struct stat *status)
{
	assert_int_equal(fd, STDERR_FILENO);
	*status = (struct stat){ .st_mode = S_IFCHR, .st_rdev = is_kmsg ? makedev(1, 11) : makedev(1, 3) };
	return 0;
}

static void the_kernel_is_told_the_level(void **state)
{
	(void)state;
	is_kmsg = true;
	log_init("init", LOG_LEVEL_DEBUG);
	log_error("x");
	assert_string_equal(line, "<3>init: error: x\n");
	log_warning("x");
	assert_string_equal(line, "<4>init: warning: x\n");
	log_info("<0>x");
	assert_string_equal(line, "<6>init: <0>x\n");
	log_debug("x");
	assert_string_equal(line, "<7>init: debug: x\n");
	is_kmsg = false;
	log_init("init", LOG_LEVEL_INFO);
	log_error("x");
	assert_string_equal(line, "init: error: x\n");
}

static void levels_and_names(void **state)
{
	(void)state;
	log_init("engine", LOG_LEVEL_INFO);
	lines = 0;
	log_error("cannot %s", "start");
	assert_string_equal(line, "engine: error: cannot start\n");
	log_warning("late");
	assert_string_equal(line, "engine: warning: late\n");
	log_info("ready");
	assert_string_equal(line, "engine: ready\n");
	assert_int_equal(lines, 3);
	log_debug("noise");
	assert_int_equal(lines, 3);
	log_init("api", LOG_LEVEL_DEBUG);
	log_debug("noise");
	assert_string_equal(line, "api: debug: noise\n");
	log_init("api", LOG_LEVEL_ERROR);
	log_warning("x");
	log_info("x");
	assert_int_equal(lines, 4);
}

static void a_peer_cannot_forge_a_line(void **state)
{
	(void)state;
	log_init("api", LOG_LEVEL_INFO);
	log_info("name '%s'", "a\nengine: error: fire\r\x1b[2J\x07" "b");
	assert_string_equal(line, "api: name 'a?engine: error: fire??[2J?b'\n");
}

static void long_lines_are_cut_and_end(void **state)
{
	(void)state;
	char text[3000];

	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	log_init("api", LOG_LEVEL_INFO);
	for (size_t size = 900; size < 1100; size++) {
		text[size] = '\0';
		log_info("%s", text);
		assert_int_equal(line[line_size - 1], '\n');
		assert_null(memchr(line, '\0', (size_t)line_size));
		assert_true(line_size <= 1024);
		text[size] = 'x';
	}
	log_init(text, LOG_LEVEL_INFO); /* even a silly name does not overrun */
	log_info("%s", text);
	log_init("api", LOG_LEVEL_INFO);
}

static void errno_is_kept(void **state)
{
	(void)state;
	log_init("api", LOG_LEVEL_INFO);
	errno = ENOENT;
	log_error("x");
	assert_int_equal(errno, ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(levels_and_names),
		cmocka_unit_test(the_kernel_is_told_the_level),
		cmocka_unit_test(a_peer_cannot_forge_a_line),
		cmocka_unit_test(long_lines_are_cut_and_end),
		cmocka_unit_test(errno_is_kept),
	};
	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
