/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/cli/flash.c daemon/cli/disk.c daemon/cli/content.c daemon/cli/fat.c daemon/cli/gpt.c daemon/cli/progress.c -lcrypto -lblkid -Wl,--wrap=pread
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/cli/flash.h"
#include "daemon/lib/fd.h"
#include "tests/unit/loop_device.h"

/*
 * Disks here are files, and a loop device where there are some. test_target has the devices that are refused; a real
 * disk's hardware, and what the questions look like, are for a person to see.
 */

/* A disk that is not what was written to it: reads past the cache are counted, refused, or wrong wherever `fault` stands. */
static struct {
	uint64_t bytes;
	bool refuse;
	const char *fault;
} direct;

ssize_t __real_pread(int fd, void *buffer, size_t size, off_t offset);
ssize_t __wrap_pread(int fd, void *buffer, size_t size, off_t offset);

ssize_t __wrap_pread(int fd, void *buffer, size_t size, off_t offset)
{
	if ((fcntl(fd, F_GETFL) & O_DIRECT) == 0)
		return __real_pread(fd, buffer, size, offset);
	if (direct.refuse) {
		errno = EINVAL;
		return -1;
	}
	ssize_t got = __real_pread(fd, buffer, size, offset);
	char *place = got > 0 && direct.fault != NULL ? memmem(buffer, (size_t)got, direct.fault, strlen(direct.fault)) : NULL;
	if (place != NULL)
		*place ^= 1;
	direct.bytes += got > 0 ? (uint64_t)got : 0;
	return got;
}

static char folder[PATH_MAX], image[PATH_MAX + 16], target[PATH_MAX + 16];

static int shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int shell(const char *format, ...)
{
	static char text[4 * PATH_MAX];
	va_list ap;
	int start = snprintf(text, sizeof text, "set -e; cd %s; export MTOOLS_SKIP_CHECK=1; ", folder);

	va_start(ap, format);
	vsnprintf(text + start, sizeof text - (size_t)start, format, ap);
	va_end(ap);
	return system(text);
}

static int image_make(void **state)
{
	(void)state;
	unit_folder_make(folder);
	snprintf(image, sizeof image, "%s/image", folder);
	snprintf(target, sizeof target, "%s/target", folder);
	return shell("truncate -s 42M image; truncate -s 36M esp\n"
		     "printf 'label: gpt\\nsize=1MiB,name=bulkhead-bios\\nsize=36MiB,name=bulkhead-esp\\n' | sfdisk -q image\n"
		     "/usr/sbin/mkfs.vfat -F 32 -s 1 esp >/dev/null; mmd -i esp ::/bulkhead\n"
		     "{ printf '{}\\n'; head -c 65533 /dev/zero | tr '\\0' ' '; } >host.json; mcopy -i esp host.json ::/bulkhead/\n"
		     "head -c 5M /dev/urandom >kernel; mcopy -i esp kernel ::/bulkhead/vmlinuz\n"
		     "dd if=esp of=image bs=1M seek=2 conv=notrunc status=none");
}

static int image_remove(void **state)
{
	(void)state;
	return shell("rm -r %s", folder);
}

/* A fresh target of that many MiB. */
static void target_make(int mib)
{
	assert_int_equal(shell("rm -f target; truncate -s %dM target", mib), 0);
}

static void image_and_config_arrive(void **state)
{
	(void)state;
	static const char config[] = "{\"hostname\":\"box1\"}";
	const struct flash flash = { .image = image, .target = target, .config = config, .config_size = strlen(config), .yes = true };
	struct error err = ERROR_INIT;
	struct stat st;

	target_make(2000);
	if (flash_run(&flash, &err) != 0)
		fail_msg("%s", err.message);
	assert_int_equal(shell("mcopy -n -o -i target@@2M ::/bulkhead/host.json got; test $(stat -c %%s got) = 65536; "
			       "test \"$(tr -d ' \\n' <got)\" = '{\"hostname\":\"box1\"}'; "
			       "mcopy -n -o -i target@@2M ::/bulkhead/vmlinuz got; cmp got kernel; cmp -n 1048576 image target"), 0);
	assert_int_equal(stat(target, &st), 0);
	assert_int_equal(st.st_size, 2000L << 20);
	assert_true(st.st_blocks * 512 < 16 << 20); /* what is zero in the image stays a hole */
}

static void a_used_disk_needs_force(void **state)
{
	(void)state;
	struct flash flash = { .image = image, .target = target, .yes = true };
	struct error err = ERROR_INIT;

	/* The old bytes also lie where the image has only zeros. */
	target_make(2000);
	assert_int_equal(shell("head -c 40M /dev/urandom | dd of=target bs=1M conv=notrunc status=none; cp target before"), 0);
	assert_int_equal(flash_run(&flash, &err), -1);
	assert_int_equal(err.code, EEXIST);
	assert_int_equal(shell("cmp target before"), 0);
	flash.force = true;
	if (flash_run(&flash, &err) != 0)
		fail_msg("%s", err.message);
	assert_int_equal(shell("cmp -n $(stat -c %%s image) image target; rm before"), 0);
}

static void no_answer_is_no(void **state)
{
	(void)state;
	const struct flash flash = { .image = image, .target = target };
	struct error err = ERROR_INIT;
	int kept = dup(STDIN_FILENO), null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	target_make(2000);
	dup2(null, STDIN_FILENO);
	int result = flash_run(&flash, &err);
	dup2(kept, STDIN_FILENO);
	close(kept);
	close(null);
	assert_int_equal(result, -1);
	assert_int_equal(err.code, ECANCELED);
	assert_int_equal(shell("cmp -n 4096 target /dev/zero"), 0);
}

static void what_lies_on_a_disk_is_named(void **state)
{
	(void)state;
	/* 2000 MiB are 4096000 sectors; the marks of btrfs and MD by hand, the rest by its own tools. */
	static const struct {
		const char *make, *named;
	} contents[] = {
		{ "printf _BHRfS_M | put 65600; printf '\\0\\020\\0\\0\\0\\100\\0\\0' | put 65680; printf photos | put 65835",
		  "(btrfs \"photos\")" },
		{ "printf '\\374\\116\\053\\251\\001' | put 2097143808; printf '\\360\\177\\076' | put 2097143952", "(linux_raid_member)" },
		{ "printf 'label: gpt\\nsize=1GiB\\n' | sfdisk -q target; dd if=/dev/zero of=target bs=1M count=1 conv=notrunc status=none",
		  "(gpt partition table)" },
		{ "mkswap -q -L \"$(printf 'a\\033[2Jb')\" target", "(swap \"a?[2Jb\")" },
		{ "printf 'label: gpt\\n' | sfdisk -q target; printf _BHRfS_M | put 65600; printf '\\0\\020\\0\\0\\0\\100\\0\\0' | put 65680",
		  "(btrfs, gpt partition table)" },
		{ "printf x | put 70000", "(unknown data)" },
		{ "printf x | put 2097151999", "(unknown data)" },
	};
	const struct flash flash = { .image = image, .target = target, .yes = true };

	for (size_t i = 0; i < COUNT(contents); i++) {
		struct error err = ERROR_INIT;

		target_make(2000);
		assert_int_equal(shell("put() { dd of=target bs=1 seek=$1 conv=notrunc status=none; }; %s", contents[i].make), 0);
		if (flash_run(&flash, &err) != -1 || err.code != EEXIST || strstr(err.message, contents[i].named) == NULL)
			fail_msg("%s: %s", contents[i].make, err.message);
	}
}

static void a_new_file_is_made_after_the_question_only(void **state)
{
	(void)state;
	struct flash flash = { .image = image, .target = target };
	struct error err = ERROR_INIT;
	int kept = dup(STDIN_FILENO), null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_int_equal(shell("rm -f target"), 0);
	dup2(null, STDIN_FILENO);
	int result = flash_run(&flash, &err);
	dup2(kept, STDIN_FILENO);
	close(kept);
	close(null);
	assert_int_equal(result, -1);
	assert_int_equal(err.code, ECANCELED);
	assert_int_equal(shell("test ! -e target"), 0);

	flash.yes = true;
	assert_ok(flash_run(&flash, &err), &err);
	assert_int_equal(shell("cmp image target"), 0);
}

static void zeros_at_the_end_of_an_image_arrive(void **state)
{
	(void)state;
	char longer[PATH_MAX + 16];
	const struct flash flash = { .image = longer, .target = target, .yes = true };

	snprintf(longer, sizeof longer, "%s/longer", folder);
	assert_int_equal(shell("cp image longer; truncate -s +3000000 longer"), 0);
	for (int exists = 0; exists < 2; exists++) {
		struct error err = ERROR_INIT;

		assert_int_equal(shell("rm -f target; test %d = 0 || true >target", exists), 0);
		assert_ok(flash_run(&flash, &err), &err);
		assert_int_equal(shell("cmp longer target"), 0);
	}
	assert_int_equal(shell("rm longer"), 0);
}

/* Is there O_DIRECT where the targets are? */
static bool direct_works(void)
{
	_Alignas(4096) char block[4096];

	target_make(1);
	cleanup_fd int fd = open(target, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (fd != -1 && __real_pread(fd, block, sizeof block, 0) == (ssize_t)sizeof block)
		return true;
	fprintf(stderr, "no O_DIRECT in %s\n", folder);
	return false;
}

static void the_check_reads_past_the_cache(void **state)
{
	(void)state;
	static const char config[] = "{\"hostname\":\"box1\"}";
	static const struct {
		const char *fault, *told;
	} faults[] = {
		{ "FAT32   ", "reads back differently from what was written" },
		{ "\"box1\"", "the host config reads back differently" },
	};
	const struct flash flash = { .image = image, .target = target, .config = config, .config_size = strlen(config), .yes = true };
	struct error err = ERROR_INIT;

	if (!direct_works())
		skip();
	target_make(2000);
	direct.bytes = 0;
	assert_ok(flash_run(&flash, &err), &err);
	assert_true(direct.bytes >= (42 << 20) + 65536);
	for (size_t i = 0; i < COUNT(faults); i++) {
		target_make(2000);
		direct.fault = faults[i].fault;
		int result = flash_run(&flash, &err);
		direct.fault = NULL;
		assert_int_equal(result, -1);
		assert_int_equal(err.code, EIO);
		if (strstr(err.message, faults[i].told) == NULL)
			fail_msg("%s: %s", faults[i].fault, err.message);
	}
}

static void a_check_of_memory_is_said(void **state)
{
	(void)state;
	static const char config[] = "{}";
	const struct flash flash = { .image = image, .target = target, .config = config, .config_size = strlen(config), .yes = true };
	struct error err = ERROR_INIT;
	char said[PATH_MAX + 16];

	target_make(2000);
	snprintf(said, sizeof said, "%s/said", folder);
	int kept = dup(STDERR_FILENO), file = open(said, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	dup2(file, STDERR_FILENO);
	direct.refuse = true;
	int result = flash_run(&flash, &err);
	direct.refuse = false;
	dup2(kept, STDERR_FILENO);
	close(kept);
	close(file);
	assert_ok(result, &err);
	assert_int_equal(shell("grep -q 'cannot read past the cache' said; cmp -n 1048576 image target"), 0);
}

static void a_block_device_is_flashed(void **state)
{
	(void)state;
	static const char config[] = "{\"hostname\":\"box1\"}";
	char path[LOOP_PATH];
	struct flash flash = { .image = image, .target = path, .config = config, .config_size = strlen(config), .yes = true };
	struct error err = ERROR_INIT;

	/* Old bytes where the image has zeros, right behind it, and where a backup table stands. */
	target_make(2000);
	assert_int_equal(shell("head -c 43M /dev/urandom | dd of=target bs=1M conv=notrunc status=none; "
			       "head -c 1M /dev/urandom | dd of=target bs=1M seek=1999 conv=notrunc status=none"), 0);
	cleanup_fd int device = loop_device_make(target, path);
	if (device == -1)
		skip();
	assert_int_equal(flash_run(&flash, &err), -1);
	assert_int_equal(err.code, EEXIST);
	flash.force = true;
	direct.bytes = 0;
	assert_ok(flash_run(&flash, &err), &err);
	assert_true(direct.bytes >= (42 << 20) + 65536);
	fd_cleanup(&device);
	assert_int_equal(shell("mcopy -n -o -i target@@2M ::/bulkhead/vmlinuz got; cmp got kernel; cmp -n 1048576 image target; "
			       "mcopy -n -o -i target@@2M ::/bulkhead/host.json got; test \"$(tr -d ' \\n' <got)\" = '{\"hostname\":\"box1\"}'; "
			       "cmp -n 1M -i 42M:0 target /dev/zero; cmp -n 1M -i 1999M:0 target /dev/zero"), 0);
}

static void small_disks_are_refused(void **state)
{
	(void)state;
	struct flash flash = { .image = image, .target = target, .yes = true, .swap_mib = 512 };
	struct error err = ERROR_INIT;

	target_make(42 + 512 + 1024 - 1);
	assert_int_equal(flash_run(&flash, &err), -1);
	assert_int_equal(err.code, ENOSPC);
	assert_int_equal(shell("cmp -n 4096 target /dev/zero"), 0);
	target_make(42 + 512 + 1024);
	assert_int_equal(flash_run(&flash, &err), 0);
}

static void what_is_no_image_is_refused_before_the_disk_is_touched(void **state)
{
	(void)state;
	static const char *const spoil[] = {
		"head -c 42M /dev/urandom >bad", "true >bad", "head -c 3M image >bad",
		"cp image bad; mdel -i bad@@2M ::/bulkhead/host.json",
		"cp image bad; mdel -i bad@@2M ::/bulkhead/host.json; echo {} >small; mcopy -i bad@@2M small ::/bulkhead/host.json",
		"cp image bad; dd if=/dev/zero of=bad bs=512 seek=4096 count=1 conv=notrunc status=none",
	};
	char bad[PATH_MAX + 16];
	const struct flash flash = { .image = bad, .target = target, .yes = true, .force = true };

	snprintf(bad, sizeof bad, "%s/bad", folder);
	for (size_t i = 0; i < COUNT(spoil); i++) {
		struct error err = ERROR_INIT;

		target_make(2000);
		assert_int_equal(shell("rm -f bad; %s", spoil[i]), 0);
		if (flash_run(&flash, &err) != -1 || strstr(err.message, "not an image of Bulkhead") == NULL)
			fail_msg("%s: %s", spoil[i], err.message);
		assert_int_equal(shell("cmp -n 4096 target /dev/zero"), 0);
	}
}

static void odd_targets_are_refused(void **state)
{
	(void)state;
	static const char *const odd[] = { "/dev/null", "/dev/nosuchdisk", "/", "/nosuch/folder/file" };
	struct stat st;

	for (size_t i = 0; i < COUNT(odd); i++) {
		const struct flash flash = { .image = image, .target = odd[i], .yes = true, .force = true };
		struct error err = ERROR_INIT;

		assert_int_equal(flash_run(&flash, &err), -1);
		assert_int_not_equal(err.code, 0);
	}
	assert_int_equal(stat("/dev/nosuchdisk", &st), -1);
}

static void a_config_that_does_not_fit_is_refused(void **state)
{
	(void)state;
	static char config[65537];
	struct error err = ERROR_INIT;

	assert_int_equal(shell("cp image copy"), 0);
	snprintf(target, sizeof target, "%s/copy", folder);
	cleanup_fd int fd = open(target, O_RDWR | O_CLOEXEC);
	snprintf(target, sizeof target, "%s/target", folder);
	memset(config, ' ', sizeof config);
	assert_int_equal(flash_config_write(fd, config, sizeof config, &err), -1);
	assert_int_equal(err.code, EFBIG);
	assert_int_equal(flash_config_write(fd, config, sizeof config - 1, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(image_and_config_arrive),
		cmocka_unit_test(a_used_disk_needs_force),
		cmocka_unit_test(no_answer_is_no),
		cmocka_unit_test(what_lies_on_a_disk_is_named),
		cmocka_unit_test(a_new_file_is_made_after_the_question_only),
		cmocka_unit_test(zeros_at_the_end_of_an_image_arrive),
		cmocka_unit_test(the_check_reads_past_the_cache),
		cmocka_unit_test(a_check_of_memory_is_said),
		cmocka_unit_test(a_block_device_is_flashed),
		cmocka_unit_test(small_disks_are_refused),
		cmocka_unit_test(what_is_no_image_is_refused_before_the_disk_is_touched),
		cmocka_unit_test(odd_targets_are_refused),
		cmocka_unit_test(a_config_that_does_not_fit_is_refused),
	};

	return cmocka_run_group_tests(tests, image_make, image_remove);
}
