/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/engine/unpack.c daemon/engine/stream.c daemon/engine/whiteout.c -larchive -lcrypto -lseccomp
#include "tests/unit/unit.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/engine/unpack.h"
#include "daemon/lib/fd.h"

/* Tars are written by libarchive into memory, then read through a file as uploads are. */
struct tar {
	struct archive *writer;
	char bytes[256 * 1024];
	size_t used;
};

/* As a root file system; layers by setting it. */
static bool as_layer;
static unsigned opaque;

static char folder[PATH_MAX];
static int home = -1;

static int setup(void **state)
{
	struct error err = ERROR_INIT;
	struct tar *tar = calloc(1, sizeof *tar);

	setlocale(LC_CTYPE, "C.UTF-8"); /* for writing; unpacking must do without */
	home = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unit_folder_make(folder);
	if (tar == NULL || home == -1 || chdir(folder) == -1 || unpack_prepare(&err) == -1)
		return -1;
	tar->writer = archive_write_new();
	archive_write_set_format_pax_restricted(tar->writer);
	archive_write_open_memory(tar->writer, tar->bytes, sizeof tar->bytes, &tar->used);
	*state = tar;
	as_layer = false;
	opaque = 0;
	return 0;
}

static int teardown(void **state)
{
	struct tar *tar = *state;

	if (tar->writer != NULL)
		archive_write_free(tar->writer);
	free(tar);
	if (fchdir(home) == -1)
		return -1;
	close(home);
	unit_folder_remove(folder);
	return 0;
}

static struct archive_entry *entry_new(const char *path, mode_t mode)
{
	struct archive_entry *entry = archive_entry_new();

	archive_entry_set_pathname(entry, path);
	archive_entry_set_mode(entry, mode);
	archive_entry_set_uid(entry, (la_int64_t)getuid());
	archive_entry_set_gid(entry, (la_int64_t)getgid());
	return entry;
}

static void entry_put(struct tar *tar, struct archive_entry *entry, const char *content)
{
	if (content != NULL)
		archive_entry_set_size(entry, (la_int64_t)strlen(content));
	assert_int_equal(archive_write_header(tar->writer, entry), ARCHIVE_OK);
	if (content != NULL)
		assert_int_equal(archive_write_data(tar->writer, content, strlen(content)), strlen(content));
	archive_entry_free(entry);
}

static int tar_file(struct tar *tar)
{
	if (tar->writer != NULL) {
		archive_write_close(tar->writer);
		archive_write_free(tar->writer);
		tar->writer = NULL;
	}
	int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(fd_write_full(fd, tar->bytes, tar->used), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static int opaque_seen(int fd, void *data, struct error *err)
{
	struct stat st;

	(void)data;
	(void)err;
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	opaque++;
	return 0;
}

static int unpack(struct tar *tar, uint64_t bytes, uint64_t entries, struct unpack_result *result, struct error *err)
{
	cleanup_fd int fd = tar_file(tar);
	struct unpack unpack = {
		.tar = { .fd = fd, .size = tar->used }, .bytes_max = bytes, .entries_max = entries, .layer = as_layer,
		.opaque = opaque_seen,
	};

	setlocale(LC_CTYPE, "C");
	return unpack_tar(&unpack, result, err);
}

static void expect_refusal(struct tar *tar, const char *word)
{
	struct error err = ERROR_INIT;
	struct unpack_result result;

	assert_int_equal(unpack(tar, 1 << 20, 100, &result, &err), -1);
	assert_string_equal(err.field, "tar");
	if (strstr(err.message, word) == NULL)
		fail_msg("'%s' does not say '%s'", err.message, word);
}

static void good_tar_becomes_files(void **state)
{
	struct tar *tar = *state;
	struct error err = ERROR_INIT;
	struct unpack_result result;
	unsigned char digest[DIGEST_BYTES];
	char text[DIGEST_TEXT];
	struct stat st;

	entry_put(tar, entry_new("./etc", S_IFDIR | 0755), NULL);
	entry_put(tar, entry_new("./etc/file", S_IFREG | 04640), "hello");
	struct archive_entry *link = entry_new("etc/link", S_IFLNK | 0777);
	archive_entry_set_symlink(link, "/outside/is/fine");
	entry_put(tar, link, NULL);
	struct archive_entry *hard = entry_new("etc/hard", S_IFREG | 0640);
	archive_entry_set_hardlink(hard, "./etc/file");
	entry_put(tar, hard, NULL);
	entry_put(tar, entry_new("etc/pipe", S_IFIFO | 0600), NULL);
	entry_put(tar, entry_new("etc/na\xc3\xafve", S_IFREG | 0644), "x");

	assert_ok(unpack(tar, 1 << 20, 100, &result, &err), &err);
	assert_int_equal(result.bytes, 6);
	assert_int_equal(result.entries, 6);
	EVP_Digest(tar->bytes, tar->used, digest, NULL, EVP_sha256(), NULL);
	hex_encode(digest, sizeof digest, text);
	assert_string_equal(result.digest, text);
	assert_int_equal(lstat("etc/file", &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 04640);
	assert_int_equal(st.st_nlink, 2);
	assert_int_equal(lstat("etc/pipe", &st), 0);
	assert_true(S_ISFIFO(st.st_mode));
	assert_int_equal(lstat("etc/na\xc3\xafve", &st), 0);
}

static void dotdot_is_refused(void **state)
{
	entry_put(*state, entry_new("a/../../evil", S_IFREG | 0644), "x");
	expect_refusal(*state, "'..'");
	assert_int_equal(access("../evil", F_OK), -1);
}

static void absolute_path_is_refused(void **state)
{
	entry_put(*state, entry_new("/tmp/bulkhead-evil", S_IFREG | 0644), "x");
	expect_refusal(*state, "absolute");
}

static void path_through_a_link_is_refused(void **state)
{
	struct archive_entry *link = entry_new("door", S_IFLNK | 0777);

	archive_entry_set_symlink(link, "..");
	entry_put(*state, link, NULL);
	entry_put(*state, entry_new("door/evil", S_IFREG | 0644), "x");
	expect_refusal(*state, "symlink");
	assert_int_equal(access("../evil", F_OK), -1);
}

static void hard_link_outside_is_refused(void **state)
{
	struct archive_entry *hard = entry_new("shadow", S_IFREG | 0644);

	archive_entry_set_hardlink(hard, "../../etc/shadow");
	entry_put(*state, hard, NULL);
	expect_refusal(*state, "hard link");
}

static void device_node_is_refused(void **state)
{
	entry_put(*state, entry_new("null", S_IFCHR | 0666), NULL);
	expect_refusal(*state, "device node");
	assert_int_equal(access("null", F_OK), -1);
}

static void foreign_owner_is_refused(void **state)
{
	struct archive_entry *entry = entry_new("file", S_IFREG | 0644);

	archive_entry_set_uid(entry, 65536);
	entry_put(*state, entry, "x");
	expect_refusal(*state, "0..65535");
}

static void trusted_attribute_is_refused(void **state)
{
	struct archive_entry *entry = entry_new("folder", S_IFDIR | 0755);

	archive_entry_xattr_add_entry(entry, "trusted.overlay.opaque", "y", 1);
	entry_put(*state, entry, NULL);
	expect_refusal(*state, "extended attribute");
}

static void limits_hold(void **state)
{
	struct tar *tar = *state;
	struct error err = ERROR_INIT;
	struct unpack_result result;

	entry_put(tar, entry_new("a", S_IFREG | 0644), "0123456789");
	entry_put(tar, entry_new("b", S_IFREG | 0644), "0123456789");
	assert_int_equal(unpack(tar, 15, 100, &result, &err), -1);
	assert_non_null(strstr(err.message, "more than 15 bytes"));
	assert_ok(unpack_prepare(&err), &err);
	assert_int_equal(unpack(tar, 100, 1, &result, &err), -1);
	assert_non_null(strstr(err.message, "more than 1 entries"));
	assert_ok(unpack_prepare(&err), &err);
	assert_ok(unpack(tar, 20, 2, &result, &err), &err);
}

static void attributes_count_as_bytes(void **state)
{
	struct tar *tar = *state;
	struct error err = ERROR_INIT;
	struct unpack_result result;
	char value[1000] = "";

	for (char name[] = "a"; name[0] < 'd'; name[0]++) {
		struct archive_entry *entry = entry_new(name, S_IFDIR | 0755);
		archive_entry_xattr_add_entry(entry, "user.x", value, sizeof value);
		entry_put(tar, entry, NULL);
	}
	assert_int_equal(unpack(tar, 2500, 100, &result, &err), -1);
	assert_non_null(strstr(err.message, "more than 2500 bytes"));
}

static void cut_tar_is_refused(void **state)
{
	struct tar *tar = *state;

	entry_put(tar, entry_new("a", S_IFREG | 0644), "0123456789");
	archive_write_close(tar->writer);
	archive_write_free(tar->writer);
	tar->writer = NULL;
	tar->used = 515; /* header, and three bytes of ten */
	expect_refusal(tar, "a");
}

static void anything_else_is_no_tar(void **state)
{
	struct tar *tar = *state;

	archive_write_close(tar->writer);
	archive_write_free(tar->writer);
	tar->writer = NULL;
	memset(tar->bytes, 0x5a, 4096);
	tar->used = 4096;
	expect_refusal(tar, "not a");
}

static void empty_tar_is_refused(void **state)
{
	expect_refusal(*state, "empty");
}

static void deletions_of_a_layer(void **state)
{
	struct tar *tar = *state;
	struct error err = ERROR_INIT;
	struct unpack_result result;
	struct stat st;

	entry_put(tar, entry_new("etc/.wh.gone", S_IFREG | 0644), "");
	entry_put(tar, entry_new("new/.wh..wh..opq", S_IFREG | 0644), "");
	entry_put(tar, entry_new("new/file", S_IFREG | 0644), "x");
	entry_put(tar, entry_new(".wh.top", S_IFREG | 0644), "");
	entry_put(tar, entry_new("both/file", S_IFREG | 0644), "x");
	entry_put(tar, entry_new(".wh.both", S_IFREG | 0644), ""); /* hides the old one: the new one stays */
	as_layer = true;
	assert_ok(unpack(tar, 1 << 20, 100, &result, &err), &err);
	assert_int_equal(lstat("etc/gone", &st), 0);
	assert_true(S_ISCHR(st.st_mode) && st.st_rdev == 0);
	assert_int_equal(lstat("top", &st), 0);
	assert_true(S_ISCHR(st.st_mode));
	assert_int_equal(lstat("new/file", &st), 0);
	assert_int_equal(access("new/.wh..wh..opq", F_OK), -1);
	assert_int_equal(access("both/file", F_OK), 0);
	assert_int_equal(opaque, 2);
}

static void deletions_do_not_lead_out(void **state)
{
	struct tar *tar = *state;
	struct archive_entry *link = entry_new("door", S_IFLNK | 0777);

	archive_entry_set_symlink(link, "..");
	entry_put(tar, link, NULL);
	entry_put(tar, entry_new("door/.wh.x", S_IFREG | 0644), "");
	as_layer = true;
	expect_refusal(tar, "cannot be opened");
	assert_int_equal(access("../x", F_OK), -1);
}

static void deletions_of_nothing_are_refused(void **state)
{
	entry_put(*state, entry_new("a/.wh...", S_IFREG | 0644), "");
	as_layer = true;
	expect_refusal(*state, "hides");
}

static void a_root_has_no_deletions(void **state)
{
	entry_put(*state, entry_new("etc/.wh.gone", S_IFREG | 0644), "");
	expect_refusal(*state, "deletion");
}

static void a_layers_devices_are_left_out(void **state)
{
	struct tar *tar = *state;
	struct error err = ERROR_INIT;
	struct unpack_result result;

	entry_put(tar, entry_new("dev/null", S_IFCHR | 0666), NULL);
	entry_put(tar, entry_new("file", S_IFREG | 0644), "x");
	as_layer = true;
	assert_ok(unpack(tar, 1 << 20, 100, &result, &err), &err);
	assert_int_equal(access("dev/null", F_OK), -1);
	assert_int_equal(access("file", F_OK), 0);
}

/* The same tar, plain and behind a filter. */
static void pack(struct tar *tar, int (*filter)(struct archive *))
{
	static char plain[sizeof tar->bytes];
	size_t size = tar->used;

	memcpy(plain, tar->bytes, size);
	struct archive *writer = archive_write_new();
	filter(writer);
	archive_write_set_format_raw(writer);
	assert_int_equal(archive_write_open_memory(writer, tar->bytes, sizeof tar->bytes, &tar->used), ARCHIVE_OK);
	struct archive_entry *entry = entry_new("x", S_IFREG | 0644);
	archive_write_header(writer, entry);
	archive_write_data(writer, plain, size);
	archive_entry_free(entry);
	archive_write_close(writer);
	archive_write_free(writer);
}

static void compressed_tars_have_both_digests(void **state)
{
	static int (*const filters[])(struct archive *) = {
		archive_write_add_filter_gzip, archive_write_add_filter_xz, archive_write_add_filter_zstd,
	};
	static struct tar copy;
	struct tar *tar = *state;
	struct error err = ERROR_INIT;
	struct unpack_result result;
	unsigned char digest[DIGEST_BYTES];
	char packed[DIGEST_TEXT], plain[DIGEST_TEXT];

	entry_put(tar, entry_new("file", S_IFREG | 0644), "hello");
	archive_write_close(tar->writer);
	archive_write_free(tar->writer);
	tar->writer = NULL;
	EVP_Digest(tar->bytes, tar->used, digest, NULL, EVP_sha256(), NULL);
	hex_encode(digest, sizeof digest, plain);
	for (size_t i = 0; i < COUNT(filters); i++) {
		copy = *tar;
		pack(&copy, filters[i]);
		EVP_Digest(copy.bytes, copy.used, digest, NULL, EVP_sha256(), NULL);
		hex_encode(digest, sizeof digest, packed);
		unlink("file");
		assert_ok(unpack_prepare(&err), &err);
		assert_ok(unpack(&copy, 1 << 20, 100, &result, &err), &err);
		assert_string_equal(result.digest, packed);
		assert_string_equal(result.plain, plain);
		assert_int_equal(access("file", F_OK), 0);

		/* Cut off. */
		copy.used -= 9;
		assert_ok(unpack_prepare(&err), &err);
		assert_int_equal(unpack(&copy, 1 << 20, 100, &result, &err), -1);
		assert_int_equal(err.code, EINVAL);
		err = (struct error)ERROR_INIT;
	}
}

static void twice_compressed_is_refused(void **state)
{
	struct tar *tar = *state;

	entry_put(tar, entry_new("file", S_IFREG | 0644), "hello");
	archive_write_close(tar->writer);
	archive_write_free(tar->writer);
	tar->writer = NULL;
	pack(tar, archive_write_add_filter_gzip);
	pack(tar, archive_write_add_filter_gzip);
	expect_refusal(tar, "");
}

static void a_bomb_is_refused(void **state)
{
	static char zeros[1 << 20];
	struct tar *tar = *state;
	struct error err = ERROR_INIT;
	struct unpack_result result;

	archive_write_free(tar->writer);
	tar->writer = archive_write_new();
	archive_write_add_filter_xz(tar->writer);
	archive_write_set_format_pax_restricted(tar->writer);
	archive_write_open_memory(tar->writer, tar->bytes, sizeof tar->bytes, &tar->used);
	struct archive_entry *entry = entry_new("zeros", S_IFREG | 0644);
	archive_entry_set_size(entry, 200LL << 20);
	assert_int_equal(archive_write_header(tar->writer, entry), ARCHIVE_OK);
	for (int i = 0; i < 200; i++)
		assert_int_equal(archive_write_data(tar->writer, zeros, sizeof zeros), sizeof zeros);
	archive_entry_free(entry);
	assert_int_equal(unpack(tar, UINT64_MAX, 100, &result, &err), -1);
	if (strstr(err.message, "bomb") == NULL)
		fail_msg("'%s'", err.message);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(good_tar_becomes_files, setup, teardown),
		cmocka_unit_test_setup_teardown(dotdot_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(absolute_path_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(path_through_a_link_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(hard_link_outside_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(device_node_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(foreign_owner_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(trusted_attribute_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(limits_hold, setup, teardown),
		cmocka_unit_test_setup_teardown(attributes_count_as_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(cut_tar_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(anything_else_is_no_tar, setup, teardown),
		cmocka_unit_test_setup_teardown(empty_tar_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(deletions_of_a_layer, setup, teardown),
		cmocka_unit_test_setup_teardown(deletions_do_not_lead_out, setup, teardown),
		cmocka_unit_test_setup_teardown(deletions_of_nothing_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(a_root_has_no_deletions, setup, teardown),
		cmocka_unit_test_setup_teardown(a_layers_devices_are_left_out, setup, teardown),
		cmocka_unit_test_setup_teardown(compressed_tars_have_both_digests, setup, teardown),
		cmocka_unit_test_setup_teardown(twice_compressed_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(a_bomb_is_refused, setup, teardown),
	};
	return cmocka_run_group_tests_name("unpack", tests, NULL, NULL);
}
