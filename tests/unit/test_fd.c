/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/lib/fd.h"

// link: -Wl,--wrap=fsync -Wl,--wrap=read -Wl,--wrap=write

/* The system calls at the edge: counted, interrupted, cut short or failed on demand. */
static int fsync_calls, fsync_fails_at, read_interrupts, write_interrupts;
static size_t write_at_most;

int __real_fsync(int fd);
int __wrap_fsync(int fd);
ssize_t __real_read(int fd, void *buffer, size_t size);
ssize_t __wrap_read(int fd, void *buffer, size_t size);
ssize_t __real_write(int fd, const void *buffer, size_t size);
ssize_t __wrap_write(int fd, const void *buffer, size_t size);

int __wrap_fsync(int fd)
{
	if (++fsync_calls == fsync_fails_at) {
		errno = EIO;
		return -1;
	}
	return __real_fsync(fd);
}

ssize_t __wrap_read(int fd, void *buffer, size_t size)
{
	if (read_interrupts > 0) {
		read_interrupts--;
		errno = EINTR;
		return -1;
	}
	return __real_read(fd, buffer, size);
}

ssize_t __wrap_write(int fd, const void *buffer, size_t size)
{
	if (write_interrupts > 0) {
		write_interrupts--;
		errno = EINTR;
		return -1;
	}
	if (write_at_most != 0 && size > write_at_most)
		size = write_at_most;
	return __real_write(fd, buffer, size);
}

static char folder[PATH_MAX];

static const char *in_folder(const char *name)
{
	static char path[PATH_MAX + 64];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	return path;
}

static int entries(void)
{
	DIR *dir = opendir(folder);
	int count = -2; /* . and .. */

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count;
}

static int setup(void **state)
{
	(void)state;
	fsync_calls = fsync_fails_at = read_interrupts = write_interrupts = 0;
	write_at_most = 0;
	unit_folder_make(folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unit_folder_remove(folder);
	return 0;
}

static void read_full_joins_pieces(void **state)
{
	(void)state;
	int ends[2];
	char buffer[16] = "";

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		for (const char *p = "abcdefgh"; *p != '\0'; p++) {
			usleep(2000);
			if (write(ends[1], p, 1) != 1)
				_exit(1);
		}
		_exit(0);
	}
	close(ends[1]);
	read_interrupts = 3;
	assert_int_equal(fd_read_full(ends[0], buffer, 6), 6);
	assert_string_equal(buffer, "abcdef");
	assert_int_equal(fd_read_full(ends[0], buffer, sizeof buffer), 2); /* then end of file */
	assert_int_equal(fd_read_full(ends[0], buffer, sizeof buffer), 0);
	close(ends[0]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void write_full_goes_on_after_short_writes(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	char data[1000];
	cleanup_free char *text = NULL;
	size_t size = 0;

	memset(data, 'd', sizeof data);
	cleanup_fd int fd = open(in_folder("f"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_not_equal(fd, -1);
	write_at_most = 7;
	write_interrupts = 4;
	assert_int_equal(fd_write_full(fd, data, sizeof data), 0);
	assert_ok(file_read(in_folder("f"), 4096, &text, &size, &err), &err);
	assert_int_equal(size, sizeof data);
	assert_memory_equal(text, data, sizeof data);
	assert_int_equal(fd_write_full(-1, data, 1), -1);
	assert_int_equal(errno, EBADF);
}

static void helpers_close_and_hand_over(void **state)
{
	(void)state;
	int copy;
	{
		cleanup_fd int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		assert_int_not_equal(fd, -1);
		copy = fd;
	}
	assert_int_equal(fcntl(copy, F_GETFD), -1);
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int taken = fd_steal(&fd);
	assert_int_equal(fd, -1);
	assert_int_not_equal(taken, -1);
	close(taken);
	char *a = strdup("x");
	char *b = steal_pointer(&a);
	assert_null(a);
	free(b);
}

static void file_read_limits(void **state)
{
	(void)state;
	char data[10000];
	struct error err = ERROR_INIT;
	char *text = NULL;
	size_t size = 77;

	memset(data, 'a', sizeof data);
	assert_ok(file_write(in_folder("f"), data, sizeof data, 0600, &err), &err);
	assert_int_equal(file_read(in_folder("f"), sizeof data - 1, &text, &size, &err), -1);
	assert_int_equal(err.code, EFBIG);
	assert_null(text); /* written only on success */
	assert_int_equal(size, 77);
	assert_ok(file_read(in_folder("f"), sizeof data, &text, &size, &err), &err);
	assert_int_equal(size, sizeof data);
	assert_int_equal(text[size], '\0');
	free(text);
	assert_ok(file_read(in_folder("f"), 1 << 20, &text, NULL, &err), &err);
	free(text);
}

static void file_read_of_nothing_and_of_proc(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	char *text = NULL;
	size_t size = 1;

	assert_ok(file_write(in_folder("empty"), "", 0, 0600, &err), &err);
	assert_ok(file_read(in_folder("empty"), 0, &text, &size, &err), &err);
	assert_int_equal(size, 0);
	assert_string_equal(text, "");
	free(text);
	assert_int_equal(file_read(in_folder("absent"), 10, &text, &size, &err), -1);
	assert_int_equal(err.code, ENOENT);
	assert_non_null(strstr(err.message, "absent"));
	assert_int_equal(file_read(folder, 10, &text, &size, &err), -1);
	assert_int_equal(err.code, EISDIR);
	if (access("/proc/self/status", R_OK) == 0) { /* st_size is 0 there */
		assert_ok(file_read("/proc/self/status", 65536, &text, &size, &err), &err);
		assert_true(size > 100);
		free(text);
	}
}

static void file_write_replaces_and_syncs(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	struct stat st;
	char *text;

	umask(0077);
	assert_ok(file_write(in_folder("f"), "old", 3, 0600, &err), &err);
	fsync_calls = 0;
	assert_ok(file_write(in_folder("f"), "newer", 5, 0644, &err), &err);
	assert_int_equal(fsync_calls, 2); /* the file, then its folder */
	assert_int_equal(stat(in_folder("f"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644); /* the mode asked for, whatever the umask */
	assert_ok(file_read(in_folder("f"), 100, &text, NULL, &err), &err);
	assert_string_equal(text, "newer");
	free(text);
	assert_int_equal(entries(), 1);
}

static void file_write_that_fails_leaves_the_old(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	char *text;

	assert_ok(file_write(in_folder("f"), "old", 3, 0600, &err), &err);
	fsync_calls = 0;
	fsync_fails_at = 1;
	assert_int_equal(file_write(in_folder("f"), "new", 3, 0600, &err), -1);
	assert_int_equal(err.code, EIO);
	assert_non_null(strstr(err.message, "/f"));
	assert_ok(file_read(in_folder("f"), 100, &text, NULL, &err), &err);
	assert_string_equal(text, "old");
	free(text);
	assert_int_equal(entries(), 1); /* no temporary left */

	fsync_fails_at = 0;
	assert_int_equal(mkdir(in_folder("dir"), 0700), 0);
	assert_int_equal(file_write(in_folder("dir"), "x", 1, 0600, &err), -1); /* rename onto a folder */
	assert_int_equal(entries(), 2);
	assert_int_equal(file_write(in_folder("no/such"), "x", 1, 0600, &err), -1);
	assert_int_equal(err.code, ENOENT);
}

static void file_write_says_when_the_folder_did_not_sync(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;

	fsync_fails_at = 2;
	assert_int_equal(file_write(in_folder("f"), "new", 3, 0600, &err), -1);
	assert_int_equal(err.code, EIO);
	assert_int_equal(entries(), 1);
}

static void paths_too_long_are_refused(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	char path[PATH_MAX + 10];

	memset(path, 'p', sizeof path - 1);
	path[0] = '/';
	path[sizeof path - 1] = '\0';
	assert_int_equal(file_write(path, "x", 1, 0600, &err), -1);
	assert_int_equal(err.code, ENAMETOOLONG);
	assert_int_equal(folder_make(path, 0700, &err), -1);
	assert_int_equal(err.code, ENAMETOOLONG);
}

static void folder_make_makes_those_above(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	struct stat st;

	umask(0022);
	assert_ok(folder_make(in_folder("a/b/c"), 0750, &err), &err);
	assert_int_equal(stat(in_folder("a/b/c"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_ok(folder_make(in_folder("a/b/c"), 0750, &err), &err);
	assert_ok(folder_make(in_folder("a/b/"), 0750, &err), &err);
	assert_ok(file_write(in_folder("f"), "", 0, 0600, &err), &err);
	assert_int_equal(folder_make(in_folder("f/g"), 0750, &err), -1);
	assert_int_equal(err.code, ENOTDIR);
}

static void file_poke_writes_into_what_exists(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	char *text;

	assert_ok(file_write(in_folder("f"), "0", 1, 0600, &err), &err);
	assert_ok(file_poke(in_folder("f"), "1", &err), &err);
	assert_ok(file_read(in_folder("f"), 100, &text, NULL, &err), &err);
	assert_string_equal(text, "1");
	free(text);
	assert_int_equal(file_poke(in_folder("absent"), "1", &err), -1); /* never creates */
	assert_int_equal(err.code, ENOENT);
	assert_int_equal(entries(), 1);
}

static void memory_is_read_from_its_beginning(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	char text[8] = "";

	cleanup_fd int fd = fd_memory("words", "content", 7, &err);
	assert_true(fd >= 0);
	assert_int_equal(fd_read_full(fd, text, sizeof text), 7);
	assert_string_equal(text, "content");
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	cleanup_fd int none = fd_memory("nothing", NULL, 0, &err);
	assert_int_equal(fd_read_full(none, text, sizeof text), 0);
}

static void descriptors_do_not_outlive_exec(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;

	/* With 3 closed, whatever the call opens takes 3; a leak would show here. */
	int before = open("/dev/null", O_RDONLY | O_CLOEXEC);
	close(before);
	char *text;
	assert_ok(file_write(in_folder("f"), "x", 1, 0600, &err), &err);
	assert_ok(file_read(in_folder("f"), 10, &text, NULL, &err), &err);
	free(text);
	assert_int_equal(file_read(in_folder("f"), 0, &text, NULL, &err), -1);
	int after = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(after, before);
	close(after);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(read_full_joins_pieces),
		TEST(write_full_goes_on_after_short_writes),
		TEST(helpers_close_and_hand_over),
		TEST(file_read_limits),
		TEST(file_read_of_nothing_and_of_proc),
		TEST(file_write_replaces_and_syncs),
		TEST(file_write_that_fails_leaves_the_old),
		TEST(file_write_says_when_the_folder_did_not_sync),
		TEST(paths_too_long_are_refused),
		TEST(folder_make_makes_those_above),
		TEST(file_poke_writes_into_what_exists),
		TEST(memory_is_read_from_its_beginning),
		TEST(descriptors_do_not_outlive_exec),
	};
	return cmocka_run_group_tests_name("fd", tests, NULL, NULL);
}
