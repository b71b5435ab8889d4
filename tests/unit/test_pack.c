/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/engine/pack.c daemon/engine/ustar.c daemon/engine/digest.c -larchive -lzstd -lcrypto
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "daemon/engine/digest.h"
#include "daemon/engine/pack.h"
#include "daemon/engine/ustar.h"
#include "daemon/lib/fd.h"

enum { OWNER = 2000000 };

static char top[PATH_MAX];
static struct pack pack;
static struct error err;

static char *at(const char *name)
{
	static char paths[4][PATH_MAX + 64];
	static int turn;
	char *path = paths[turn++ % 4];

	snprintf(path, sizeof paths[0], "%s/%s", top, name);
	return path;
}

static void put(const char *name, const char *text, uid_t owner, mode_t mode)
{
	assert_ok(file_write(at(name), text, strlen(text), 0600, &err), &err);
	assert_int_equal(chown(at(name), owner, owner), 0);
	assert_int_equal(chmod(at(name), mode), 0);
}

static int setup(void **state)
{
	(void)state;
	err = (struct error)ERROR_INIT;
	unit_folder_make(top);
	assert_int_equal(mkdir(at("tree"), 0755), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unit_folder_remove(top);
	return 0;
}

static int packed(uint64_t max)
{
	cleanup_fd int tree = open(at("tree"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_fd int out = open(at("out"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	char hash[DIGEST_TEXT];

	err = (struct error)ERROR_INIT;
	if (pack_tree(tree, OWNER, out, max, &pack, &err) == -1)
		return -1;
	assert_ok(digest_file(out, hash, &err), &err);
	assert_string_equal(hash, pack.packed);
	assert_int_equal(lseek(out, 0, SEEK_END), pack.size);
	return 0;
}

/* What the real tar says of it. */
static char *told(const char *command)
{
	static char text[8192];
	char line[3 * PATH_MAX];

	snprintf(line, sizeof line, "cd '%s' && zstd -qdf out -o tar && %s", top, command);
	FILE *pipe = popen(line, "r");
	text[fread(text, 1, sizeof text - 1, pipe)] = '\0';
	assert_int_equal(pclose(pipe), 0);
	return text;
}

static void a_tree_comes_back_as_it_was(void **state)
{
	(void)state;
	put("tree/file", "content", OWNER + 33, 04751);
	put("tree/foreign", "x", 0, 0644);
	assert_int_equal(mkdir(at("tree/sub"), 0700), 0);
	assert_int_equal(chown(at("tree/sub"), OWNER, OWNER), 0);
	put("tree/sub/empty", "", OWNER, 0600);
	assert_int_equal(link(at("tree/file"), at("tree/sub/second")), 0);
	assert_int_equal(symlink("/etc/passwd", at("tree/link")), 0);
	assert_int_equal(mkfifo(at("tree/pipe"), 0600), 0);
	assert_int_equal(mknod(at("tree/socket"), S_IFSOCK | 0600, 0), 0);
	assert_int_equal(setxattr(at("tree/file"), "user.note", "mine", 4, 0), 0);
	assert_int_equal(setxattr(at("tree/file"), "trusted.overlay.origin", "x", 1, 0), 0);
	assert_ok(packed(1 << 20), &err);
	assert_string_equal(told("tar --numeric-owner -tvf tar | sed -E 's/ +/ /g' | cut -d' ' -f1,2,3,6- | sort -k4"),
			    "-rwsr-x--x 33/33 7 file\n"
			    "-rw-r--r-- 0/0 1 foreign\n"
			    "lrwxrwxrwx 0/0 0 link -> /etc/passwd\n"
			    "prw------- 0/0 0 pipe\n"
			    "drwx------ 0/0 0 sub/\n"
			    "-rw------- 0/0 0 sub/empty\n"
			    "hrwsr-x--x 33/33 0 sub/second link to file\n");
	assert_string_equal(told("sha256sum tar | cut -c1-64 | tr -d '\\n'"), pack.plain);
	assert_string_equal(told("mkdir new && tar --xattrs --xattrs-include='*' -C new -xpf tar && cat new/file new/sub/second"),
			    "contentcontent");
	char value[16];
	assert_int_equal(getxattr(at("new/file"), "user.note", value, sizeof value), 4);
	assert_int_equal(getxattr(at("new/file"), "trusted.overlay.origin", value, sizeof value), -1);
}

static void a_capability_is_everybodys(void **state)
{
	struct vfs_ns_cap_data data = { .magic_etc = VFS_CAP_REVISION_3 | VFS_CAP_FLAGS_EFFECTIVE, .rootid = OWNER };
	char value[64];

	(void)state;
	data.data[0].permitted = 1U << 10;
	put("tree/ping", "x", OWNER, 0755);
	if (setxattr(at("tree/ping"), "security.capability", &data, sizeof data, 0) == -1)
		skip(); /* a file system without */
	assert_ok(packed(1 << 20), &err);
	told("mkdir new && tar --xattrs --xattrs-include='*' -C new -xpf tar");
	assert_int_equal(getxattr(at("new/ping"), "security.capability", value, sizeof value), XATTR_CAPS_SZ_2);
}

static void what_is_too_large_is_refused(void **state)
{
	static char noise[100000];

	(void)state;
	assert_int_equal(getrandom(noise, sizeof noise - 1, 0), sizeof noise - 1);
	for (size_t i = 0; i < sizeof noise - 1; i++)
		noise[i] = (char)(noise[i] | 1); /* no end of a string */
	put("tree/file", noise, OWNER, 0644);
	assert_int_equal(packed(10000), -1);
	assert_int_equal(err.code, ENOSPC);
	unsigned depth;
	int fd = open(at("tree"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (depth = 0; depth < 300; depth++) {
		assert_int_equal(mkdirat(fd, "d", 0755), 0);
		int below = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(fd);
		fd = below;
	}
	close(fd);
	assert_int_equal(packed(1 << 20), -1);
	assert_int_equal(err.code, ENOTSUP);
}

static void headers_are_what_tar_reads(void **state)
{
	unsigned char block[USTAR_BLOCK];

	(void)state;
	assert_int_equal(ustar_padding(0), 0);
	assert_int_equal(ustar_padding(1), 511);
	assert_int_equal(ustar_padding(512), 0);
	ustar_header("blobs/sha256/abc", 0, block);
	put("out", "", 0, 0644);
	cleanup_fd int tar = open(at("header.tar"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_ok(fd_write_full(tar, block, sizeof block), &err);
	ustar_header("large", UINT64_C(20) << 30, block);
	assert_ok(fd_write_full(tar, block, sizeof block), &err);
	FILE *pipe = popen("true", "r");
	pclose(pipe);
	char line[2 * PATH_MAX], text[1024] = "";
	snprintf(line, sizeof line, "tar -tvf '%s/header.tar' 2>/dev/null | sed -E 's/ +/ /g' | cut -d' ' -f1,3,6", top);
	pipe = popen(line, "r");
	text[fread(text, 1, sizeof text - 1, pipe)] = '\0';
	pclose(pipe);
	assert_string_equal(text, "-rw-r--r-- 0 blobs/sha256/abc\n-rw-r--r-- 21474836480 large\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_tree_comes_back_as_it_was, setup, teardown),
		cmocka_unit_test_setup_teardown(a_capability_is_everybodys, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_too_large_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(headers_are_what_tar_reads, setup, teardown),
	};
	return cmocka_run_group_tests_name("pack", tests, NULL, NULL);
}
