/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/engine/bundle.c daemon/engine/member.c daemon/engine/stream.c -larchive -lcrypto
#include "tests/unit/unit.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/engine/bundle.h"
#include "daemon/lib/fd.h"

/* Archives are written by libarchive into memory, then read through a file as uploads are. */
static struct archive *writer;
static char bytes[1 << 20];
static size_t used;
static int scratch = -1;
static struct bundle bundle;
static struct error err;

static int setup(void **state)
{
	(void)state;
	used = 0;
	err = (struct error)ERROR_INIT;
	writer = archive_write_new();
	archive_write_set_format_ustar(writer);
	archive_write_set_bytes_in_last_block(writer, 1);
	scratch = memfd_create("scratch", MFD_CLOEXEC);
	return archive_write_open_memory(writer, bytes, sizeof bytes, &used) == ARCHIVE_OK && scratch != -1 ? 0 : -1;
}

static int setup_gzip(void **state)
{
	(void)state;
	used = 0;
	err = (struct error)ERROR_INIT;
	writer = archive_write_new();
	archive_write_add_filter_gzip(writer);
	archive_write_set_format_ustar(writer);
	scratch = memfd_create("scratch", MFD_CLOEXEC);
	return archive_write_open_memory(writer, bytes, sizeof bytes, &used) == ARCHIVE_OK && scratch != -1 ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	archive_write_free(writer);
	close(scratch);
	return 0;
}

static void put(const char *name, const char *content)
{
	struct archive_entry *entry = archive_entry_new();

	archive_entry_set_pathname(entry, name);
	archive_entry_set_mode(entry, S_IFREG | 0644);
	archive_entry_set_size(entry, (la_int64_t)strlen(content));
	assert_int_equal(archive_write_header(writer, entry), ARCHIVE_OK);
	assert_int_equal(archive_write_data(writer, content, strlen(content)), strlen(content));
	archive_entry_free(entry);
}

static void put_link(const char *name, const char *target, bool hard)
{
	struct archive_entry *entry = archive_entry_new();

	archive_entry_set_pathname(entry, name);
	archive_entry_set_mode(entry, hard ? S_IFREG | 0644 : S_IFLNK | 0777);
	if (hard)
		archive_entry_set_hardlink(entry, target);
	else
		archive_entry_set_symlink(entry, target);
	assert_int_equal(archive_write_header(writer, entry), ARCHIVE_OK);
	archive_entry_free(entry);
}

static const char *digest(const char *content)
{
	static char text[8][DIGEST_TEXT];
	static unsigned at;
	unsigned char raw[DIGEST_BYTES];

	at = (at + 1) % COUNT(text);
	EVP_Digest(content, strlen(content), raw, NULL, EVP_sha256(), NULL);
	hex_encode(raw, sizeof raw, text[at]);
	return text[at];
}

static void put_blob(const char *content)
{
	char name[128];

	snprintf(name, sizeof name, "blobs/sha256/%s", digest(content));
	put(name, content);
}

static int look(void)
{
	cleanup_fd int fd = memfd_create("archive", MFD_CLOEXEC);

	archive_write_close(writer);
	assert_int_equal(fd_write_full(fd, bytes, used), 0);
	const struct slice archive = { .fd = fd, .size = used };
	assert_ok(bundle_prepare(&err), &err);
	return bundle_read(&archive, scratch, 1 << 20, &bundle, &err);
}

static void expect_refusal(const char *field, const char *word)
{
	assert_int_equal(look(), -1);
	assert_int_equal(err.code, EINVAL);
	if (strcmp(err.field, field) != 0 || strstr(err.message, word) == NULL)
		fail_msg("%s: '%s' is not %s: '%s'", err.field, err.message, field, word);
}

#define LOWER "the lower layer's tar"
#define UPPER "the upper layer's tar"
#define LAYOUT "{\"imageLayoutVersion\":\"1.0.0\"}"

static char config[1024], manifest[1024], list[1024];

static const char *config_make(const char *first, const char *second)
{
	snprintf(config, sizeof config,
		 "{\"os\":\"linux\",\"architecture\":\"amd64\",\"config\":{\"Cmd\":[\"/bin/app\"]},"
		 "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:%s\",\"sha256:%s\"]}}",
		 first, second);
	return config;
}

static const char *descriptor(const char *content, const char *more)
{
	static char text[4][256];
	static unsigned at;

	at = (at + 1) % COUNT(text);
	snprintf(text[at], sizeof text[at], "{\"digest\":\"sha256:%s\",\"size\":%zu%s}", digest(content), strlen(content), more);
	return text[at];
}

static const char *manifest_make(void)
{
	snprintf(manifest, sizeof manifest, "{\"schemaVersion\":2,\"config\":%s,\"layers\":[%s,%s]}", descriptor(config, ""),
		 descriptor(LOWER, ""), descriptor(UPPER, ""));
	return manifest;
}

static const char *list_make(const char *of)
{
	snprintf(list, sizeof list, "{\"schemaVersion\":2,\"manifests\":[%s]}", descriptor(of, ""));
	return list;
}

static void slice_is(uint32_t at, const char *content)
{
	assert_int_equal(bundle.tars[at].size, strlen(content));
	assert_memory_equal(bytes + bundle.tars[at].offset, content, strlen(content));
}

static void layout_put(void)
{
	config_make(digest("a"), digest("b"));
	put("oci-layout", LAYOUT);
	put("./index.json", list_make(manifest_make()));
	put_blob(manifest);
	put_blob(config);
}

static void a_layout_is_its_manifest(void **state)
{
	(void)state;
	put_blob(UPPER);
	layout_put();
	put_blob(LOWER);
	assert_ok(look(), &err);
	assert_string_equal(bundle.content.digest, digest(manifest));
	assert_int_equal(bundle.content.layer_count, 2);
	assert_string_equal(bundle.content.layers[0], digest("a"));
	assert_string_equal(bundle.content.layers[1], digest("b"));
	assert_string_equal(bundle.packed[0], digest(LOWER));
	assert_int_equal(bundle.content.described, 1);
	assert_string_equal(bundle.content.config.command, "/bin/app");
	assert_false(bundle.unpacked);
	slice_is(0, LOWER);
	slice_is(1, UPPER);
}

static void a_compressed_layout_is_unpacked_once(void **state)
{
	(void)state;
	layout_put();
	put_blob(LOWER);
	put_blob(UPPER);
	assert_ok(look(), &err);
	assert_true(bundle.unpacked);
	char text[64] = "";
	assert_int_equal(pread(scratch, text, bundle.tars[1].size, (off_t)bundle.tars[1].offset), strlen(UPPER));
	assert_string_equal(text, UPPER);
}

static void an_index_may_lead_to_an_index(void **state)
{
	char inner[1024];

	(void)state;
	config_make(digest("a"), digest("b"));
	snprintf(inner, sizeof inner, "{\"schemaVersion\":2,\"manifests\":[%s,%s]}",
		 descriptor("other", ",\"platform\":{\"os\":\"linux\",\"architecture\":\"arm64\"}"),
		 descriptor(manifest_make(), ",\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\"}"));
	put("oci-layout", LAYOUT);
	put("index.json", list_make(inner));
	put_blob(inner);
	put_blob(manifest);
	put_blob(config);
	put_blob(LOWER);
	put_blob(UPPER);
	assert_ok(look(), &err);
	assert_string_equal(bundle.content.digest, digest(manifest));
}

static void an_empty_index_is_refused(void **state)
{
	(void)state;
	snprintf(list, sizeof list, "{\"manifests\":[]}");
	put("oci-layout", LAYOUT);
	put("index.json", list);
	expect_refusal("index.json", "linux/amd64");
}

static void a_docker_archive_is_its_config(void **state)
{
	(void)state;
	put("c0ffee.json", config_make(digest("a"), digest("b")));
	put("l1/layer.tar", LOWER);
	put_link("l2/layer.tar", "../l3/layer.tar", false);
	put("l3/layer.tar", UPPER);
	put("manifest.json", "[{\"Config\":\"c0ffee.json\",\"RepoTags\":null,\"Layers\":[\"l1/layer.tar\",\"l2/layer.tar\"]}]");
	assert_ok(look(), &err);
	assert_string_equal(bundle.content.digest, digest(config));
	assert_int_equal(bundle.content.layer_count, 2);
	assert_string_equal(bundle.packed[0], "");
	slice_is(0, LOWER);
	slice_is(1, UPPER);
}

static void hard_links_are_followed(void **state)
{
	(void)state;
	put("c0ffee.json", config_make(digest("a"), digest("b")));
	put("one", LOWER);
	put_link("two", "./one", true);
	put("manifest.json", "[{\"Config\":\"c0ffee.json\",\"Layers\":[\"one\",\"two\"]}]");
	assert_ok(look(), &err);
	slice_is(1, LOWER);
}

static void a_layer_twice_is_the_higher_one(void **state)
{
	(void)state;
	put("c0ffee.json", config_make(digest("a"), digest("a")));
	put("one", LOWER);
	put("two", UPPER);
	put("manifest.json", "[{\"Config\":\"c0ffee.json\",\"Layers\":[\"one\",\"two\"]}]");
	assert_ok(look(), &err);
	assert_int_equal(bundle.content.layer_count, 1);
	slice_is(0, UPPER);
}

static void a_root_is_left_as_it_is(void **state)
{
	(void)state;
	put("./etc/passwd", "root");
	put("manifest.json", "not one of ours");
	assert_ok(look(), &err);
	assert_int_equal(bundle.content.layer_count, 0);
}

static void so_is_a_compressed_one(void **state)
{
	struct stat st;

	(void)state;
	put("usr/bin/true", "");
	assert_ok(look(), &err);
	assert_int_equal(bundle.content.layer_count, 0);
	assert_int_equal(fstat(scratch, &st), 0);
	assert_int_equal(st.st_size, 0);
}

static void links_out_of_the_archive_lead_nowhere(void **state)
{
	(void)state;
	put_link("c0ffee.json", "../../../etc/passwd", false);
	put_link("manifest.json", "manifest.json", false);
	put_link("oci-layout", "index.json", false);
	put_link("index.json", "oci-layout", false);
	assert_ok(look(), &err);
	assert_int_equal(bundle.content.layer_count, 0);
}

static void what_is_missing_is_named(void **state)
{
	(void)state;
	layout_put();
	put_blob(LOWER);
	expect_refusal("tar", digest(UPPER));
}

static void a_document_with_another_content_is_refused(void **state)
{
	char name[128];

	(void)state;
	config_make(digest("a"), digest("b"));
	put("oci-layout", LAYOUT);
	put("index.json", list_make(manifest_make()));
	snprintf(name, sizeof name, "blobs/sha256/%s", digest(manifest));
	manifest[1] = ' ';
	put(name, manifest);
	expect_refusal("manifest", "another content");
}

static void a_number_of_layers_that_does_not_fit_is_refused(void **state)
{
	(void)state;
	put("c.json", config_make(digest("a"), digest("b")));
	put("one", LOWER);
	put("manifest.json", "[{\"Config\":\"c.json\",\"Layers\":[\"one\"]}]");
	expect_refusal("config.rootfs.diff_ids", "2 layers");
}

static void several_images_are_refused(void **state)
{
	(void)state;
	put("manifest.json", "[{\"Config\":\"c.json\",\"Layers\":[\"one\"]},{\"Config\":\"c.json\",\"Layers\":[\"one\"]}]");
	expect_refusal("manifest.json", "2 images");
}

static void cut_archives_are_refused(void **state)
{
	(void)state;
	layout_put();
	put_blob(LOWER);
	put_blob(UPPER);
	archive_write_close(writer);
	used = used / 512 * 512 / 2 + 100;
	assert_int_equal(look(), -1);
	assert_int_equal(err.code, EINVAL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_layout_is_its_manifest),
		cmocka_unit_test_setup_teardown(a_compressed_layout_is_unpacked_once, setup_gzip, teardown),
		TEST(an_index_may_lead_to_an_index),
		TEST(an_empty_index_is_refused),
		TEST(a_docker_archive_is_its_config),
		TEST(hard_links_are_followed),
		TEST(a_layer_twice_is_the_higher_one),
		TEST(a_root_is_left_as_it_is),
		cmocka_unit_test_setup_teardown(so_is_a_compressed_one, setup_gzip, teardown),
		TEST(links_out_of_the_archive_lead_nowhere),
		TEST(what_is_missing_is_named),
		TEST(a_document_with_another_content_is_refused),
		TEST(a_number_of_layers_that_does_not_fit_is_refused),
		TEST(several_images_are_refused),
		TEST(cut_archives_are_refused),
	};
	return cmocka_run_group_tests_name("bundle", tests, NULL, NULL);
}
