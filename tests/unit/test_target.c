/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/cli/disk.c daemon/cli/content.c -lblkid
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/blkpg.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "daemon/cli/disk.h"
#include "daemon/lib/fd.h"
#include "tests/unit/loop_device.h"

/* The block devices that flash must not take: loop devices, each test its own. Without them (no root, no driver) they are skipped. */

static char folder[PATH_MAX], device[LOOP_PATH];

/* Runs the script in the folder, which makes `disk`; then that is the device. */
static int device_make(const char *script)
{
	char text[2 * PATH_MAX], file[PATH_MAX + 16];

	snprintf(text, sizeof text, "set -e; cd %s; rm -rf *; mkdir tree point; truncate -s 64M disk; %s", folder, script);
	assert_int_equal(system(text), 0);
	snprintf(file, sizeof file, "%s/disk", folder);
	return loop_device_make(file, device);
}

static int take(const char *path, struct disk *disk, struct error *err)
{
	int result = disk_open(disk, path, err);

	disk_close(disk);
	return result;
}

static void a_free_disk_is_taken(void **state)
{
	(void)state;
	cleanup_fd int fd = device_make("true");
	struct error err = ERROR_INIT;
	struct disk disk;

	if (fd == -1)
		skip();
	assert_ok(take(device, &disk, &err), &err);
	assert_true(disk.block);
	assert_true(disk.empty);
	assert_int_equal(disk.size, 64 << 20);
}

static void a_disk_that_a_program_holds_is_refused(void **state)
{
	(void)state;
	cleanup_fd int fd = device_make("true");
	struct error err = ERROR_INIT;
	struct disk disk;

	if (fd == -1)
		skip();
	cleanup_fd int held = open(device, O_RDONLY | O_EXCL | O_CLOEXEC);
	assert_int_not_equal(held, -1);
	assert_int_equal(take(device, &disk, &err), -1);
	assert_int_equal(err.code, EBUSY);
	assert_non_null(strstr(err.message, "another program holds it"));

	/* And the other way round. */
	fd_cleanup(&held);
	assert_ok(disk_open(&disk, device, &err), &err);
	held = open(device, O_RDONLY | O_EXCL | O_CLOEXEC);
	disk_close(&disk);
	assert_int_equal(held, -1);
}

static void a_mounted_disk_is_refused(void **state)
{
	(void)state;
	cleanup_fd int fd = device_make("mkfs.erofs --quiet disk tree 2>/dev/null >&2; truncate -s 64M disk");
	char point[PATH_MAX + 16], told[PATH_MAX + 32];
	struct error err = ERROR_INIT;
	struct disk disk;

	if (fd == -1)
		skip();
	snprintf(point, sizeof point, "%s/point", folder);
	snprintf(told, sizeof told, "mounted on %s", point);
	if (mount(device, point, "erofs", MS_RDONLY, NULL) == -1) {
		fprintf(stderr, "cannot mount EROFS here: %s\n", strerror(errno));
		skip();
	}
	int result = take(device, &disk, &err);
	assert_int_equal(umount(point), 0);
	assert_int_equal(result, -1);
	assert_int_equal(err.code, EBUSY);
	if (strstr(err.message, told) == NULL)
		fail_msg("%s", err.message);

	assert_ok(take(device, &disk, &err), &err);
	assert_string_equal(disk.content, "erofs");
}

static void partitions_stand_for_their_disk(void **state)
{
	(void)state;
	cleanup_fd int fd = device_make("printf 'label: gpt\\nstart=2048,size=32MiB\\n' | sfdisk -q disk; mkfs.erofs --quiet system tree >/dev/null 2>&1; "
					"dd if=system of=disk bs=1M seek=1 conv=notrunc status=none");
	char point[PATH_MAX + 16], sysfs[64], part[PATH_MAX + 16];
	unsigned int number[2];
	struct error err = ERROR_INIT;
	struct disk disk;

	if (fd == -1)
		skip();
	/* A kernel without this kind of table is told of the partition; to others it is there already, EBUSY. */
	struct blkpg_partition extent = { .start = 1 << 20, .length = 32 << 20, .pno = 1 };
	struct blkpg_ioctl_arg add = { .op = BLKPG_ADD_PARTITION, .datalen = sizeof extent, .data = &extent };
	(void)ioctl(fd, BLKPG, &add);
	/* A node of our own: /dev may be one that the kernel does not fill. */
	snprintf(sysfs, sizeof sysfs, "/sys/class/block/%sp1/dev", strrchr(device, '/') + 1);
	cleanup_free char *text = NULL;
	if (file_read(sysfs, 64, &text, NULL, &err) == -1) {
		fprintf(stderr, "no partition on the loop device: %s\n", err.message);
		skip();
	}
	assert_int_equal(sscanf(text, "%u:%u", &number[0], &number[1]), 2);
	snprintf(part, sizeof part, "%s/part", folder);
	assert_int_equal(mknod(part, S_IFBLK | 0600, makedev(number[0], number[1])), 0);
	assert_int_equal(take(part, &disk, &err), -1);
	assert_int_equal(err.code, EINVAL);
	assert_non_null(strstr(err.message, "is a partition"));

	assert_ok(take(device, &disk, &err), &err);
	assert_false(disk.empty);
	assert_int_equal(disk.partitions, 1);
	assert_string_equal(disk.content, "gpt partition table");

	snprintf(point, sizeof point, "%s/point", folder);
	if (mount(part, point, "erofs", MS_RDONLY, NULL) == -1) {
		fprintf(stderr, "cannot mount EROFS here: %s\n", strerror(errno));
		skip();
	}
	int result = take(device, &disk, &err);
	assert_int_equal(umount(point), 0);
	assert_int_equal(result, -1);
	assert_int_equal(err.code, EBUSY);
	assert_non_null(strstr(err.message, "mounted on"));
}

static int folder_set_up(void **state)
{
	(void)state;
	unit_folder_make(folder);
	return 0;
}

static int folder_tear_down(void **state)
{
	(void)state;
	unit_folder_remove(folder);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_free_disk_is_taken),
		cmocka_unit_test(a_disk_that_a_program_holds_is_refused),
		cmocka_unit_test(a_mounted_disk_is_refused),
		cmocka_unit_test(partitions_stand_for_their_disk),
	};

	return cmocka_run_group_tests(tests, folder_set_up, folder_tear_down);
}
