/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: initramfs/table.c -lfdisk
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <libfdisk/libfdisk.h>

#include "initramfs/disk.h"
#include "initramfs/table.h"

enum { MIB = 1 << 20 };

static void swap_takes_at_most_a_quarter(void **state)
{
	(void)state;
	assert_int_equal(table_swap_sectors(1000000000, 2048), 2048 * 2048);
	assert_int_equal(table_swap_sectors(1000000000, 0), 0);
	assert_int_equal(table_swap_sectors(4 * 2048, 2048), 2048);
	assert_int_equal(table_swap_sectors(4 * 2048 - 1, 2048), 0);
	assert_int_equal(table_swap_sectors(0, 2048), 0);
	assert_int_equal(table_swap_sectors(UINT64_MAX, UINT32_MAX), (uint64_t)UINT32_MAX * 2048);
}

/* A file as the image leaves a disk: two partitions, the backup GPT in the middle. */
static void image_make(const char *path, off_t image, off_t disk)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, image), 0);
	struct fdisk_context *context = fdisk_new_context();
	fdisk_disable_dialogs(context, 1);
	assert_int_equal(fdisk_assign_device(context, path, 0), 0);
	assert_int_equal(fdisk_create_disklabel(context, "gpt"), 0);
	assert_int_equal(fdisk_set_disklabel_id_from_string(context, "00000000-0000-0000-0000-000000000001"), 0);
	for (size_t i = 0; i < 2; i++) {
		struct fdisk_partition *partition = fdisk_new_partition();

		fdisk_partition_set_partno(partition, i);
		fdisk_partition_start_follow_default(partition, 1);
		fdisk_partition_set_size(partition, i == 0 ? MIB / 512 : 8 * MIB / 512);
		fdisk_partition_set_name(partition, i == 0 ? "bulkhead-bios" : DISK_LABEL_ESP);
		assert_int_equal(fdisk_add_partition(context, partition, NULL), 0);
		fdisk_unref_partition(partition);
	}
	assert_int_equal(fdisk_write_disklabel(context), 0);
	fdisk_deassign_device(context, 1);
	fdisk_unref_context(context);
	assert_int_equal(ftruncate(fd, disk), 0);
	close(fd);
}

struct layout {
	char id[40];
	size_t count;
	char names[4][40];
	char uuids[4][40];
	uint64_t starts[4], sizes[4];
};

static void layout_read(const char *path, struct layout *layout)
{
	struct fdisk_context *context = fdisk_new_context();
	struct fdisk_table *table = NULL;
	char *id = NULL;

	*layout = (struct layout){ 0 };
	assert_int_equal(fdisk_assign_device(context, path, 1), 0);
	assert_int_equal(fdisk_get_partitions(context, &table), 0);
	assert_int_equal(fdisk_get_disklabel_id(context, &id), 0);
	snprintf(layout->id, sizeof layout->id, "%s", id);
	free(id);
	for (size_t i = 0; i < fdisk_table_get_nents(table) && i < 4; i++) {
		struct fdisk_partition *partition = fdisk_table_get_partition(table, i);

		snprintf(layout->names[i], 40, "%s", fdisk_partition_get_name(partition));
		snprintf(layout->uuids[i], 40, "%s", fdisk_partition_get_uuid(partition));
		layout->starts[i] = fdisk_partition_get_start(partition);
		layout->sizes[i] = fdisk_partition_get_size(partition);
		layout->count++;
	}
	fdisk_unref_table(table);
	fdisk_deassign_device(context, 1);
	fdisk_unref_context(context);
}

static void a_first_boot_completes_the_table(void **state)
{
	(void)state;
	char folder[PATH_MAX];
	struct disk disk = { 0 };
	struct layout before, after;
	struct error err = ERROR_INIT;

	unit_folder_make(folder);
	snprintf(disk.path, sizeof disk.path, "%.50s/disk", folder);
	image_make(disk.path, 16 * MIB, (off_t)2048 * MIB);
	layout_read(disk.path, &before);
	assert_ok(table_complete(&disk, 256, &err), &err);
	layout_read(disk.path, &after);

	assert_int_equal(after.count, 4);
	assert_string_equal(after.names[2], DISK_LABEL_SWAP);
	assert_string_equal(after.names[3], DISK_LABEL_DATA);
	assert_int_equal(after.sizes[2], 256 * 2048);
	/* Data reaches to the end of the disk, but for the backup table and the rounding to a MiB. */
	assert_true(after.starts[3] + after.sizes[3] > (uint64_t)(2048 - 3) * 2048);
	assert_int_equal(after.sizes[3] % 8, 0);
	/* What the image brought stays where it was, under new names of its own. */
	assert_string_not_equal(before.id, after.id);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(before.starts[i], after.starts[i]);
		assert_int_equal(before.sizes[i], after.sizes[i]);
		assert_string_not_equal(before.uuids[i], after.uuids[i]);
	}
	unit_folder_remove(folder);
}

static void a_second_time_changes_nothing(void **state)
{
	(void)state;
	char folder[PATH_MAX];
	struct disk disk = { 0 };
	struct layout before, after;
	struct error err = ERROR_INIT;

	unit_folder_make(folder);
	snprintf(disk.path, sizeof disk.path, "%.50s/disk", folder);
	image_make(disk.path, 16 * MIB, (off_t)2048 * MIB);
	assert_ok(table_complete(&disk, 0, &err), &err);
	layout_read(disk.path, &before);
	assert_int_equal(before.count, 3);
	assert_ok(table_complete(&disk, 256, &err), &err);
	layout_read(disk.path, &after);
	assert_memory_equal(&before, &after, sizeof before);
	unit_folder_remove(folder);
}

static void too_little_room_is_told_and_nothing_written(void **state)
{
	(void)state;
	char folder[PATH_MAX];
	struct disk disk = { 0 };
	struct layout before, after;
	struct error err = ERROR_INIT;

	unit_folder_make(folder);
	snprintf(disk.path, sizeof disk.path, "%.50s/disk", folder);
	image_make(disk.path, 16 * MIB, 300 * MIB);
	layout_read(disk.path, &before);
	assert_int_equal(table_complete(&disk, 256, &err), -1);
	assert_int_equal(err.code, ENOSPC);
	assert_non_null(strstr(err.message, "too small"));
	layout_read(disk.path, &after);
	assert_memory_equal(&before, &after, sizeof before);
	unit_folder_remove(folder);
}

static void the_mark_says_whether_data_was_encrypted(void **state)
{
	(void)state;
	char folder[PATH_MAX];
	struct disk disk = { 0 };
	bool marked = true;
	struct error err = ERROR_INIT;

	unit_folder_make(folder);
	snprintf(disk.path, sizeof disk.path, "%.50s/disk", folder);
	image_make(disk.path, 16 * MIB, (off_t)2048 * MIB);
	assert_int_equal(table_mark(&disk, &err), -1);
	assert_ok(table_complete(&disk, 256, &err), &err);
	assert_ok(table_is_marked(&disk, &marked, &err), &err);
	assert_false(marked);
	assert_ok(table_mark(&disk, &err), &err);
	assert_ok(table_is_marked(&disk, &marked, &err), &err);
	assert_true(marked);
	unit_folder_remove(folder);
}

static void sectors_spoil(const char *path, off_t offset, size_t size)
{
	static char bytes[65536];
	int fd = open(path, O_RDWR | O_CLOEXEC);

	memset(bytes, 0x5a, sizeof bytes);
	assert_int_equal(pwrite(fd, bytes, size, offset), (ssize_t)size);
	close(fd);
}

/* What a power cut leaves in the middle of a write: the entries of one copy do not fit its header. */
static void a_torn_copy_is_written_anew(void **state)
{
	(void)state;
	char folder[PATH_MAX];
	struct disk disk = { 0 };
	struct layout before, after;
	struct error err = ERROR_INIT;
	const off_t size = (off_t)2048 * MIB;
	bool repaired = true;

	unit_folder_make(folder);
	snprintf(disk.path, sizeof disk.path, "%.50s/disk", folder);
	image_make(disk.path, 16 * MIB, size);
	assert_ok(table_complete(&disk, 256, &err), &err);
	layout_read(disk.path, &before);
	assert_ok(table_repair(&disk, &repaired, &err), &err);
	assert_false(repaired);

	const struct {
		off_t offset;
		size_t size;
	} torn[] = { { 2 * 512, 512 }, { 512, 512 }, { size - 33 * 512, 512 }, { size - 512, 512 } };
	for (size_t i = 0; i < COUNT(torn); i++) {
		sectors_spoil(disk.path, torn[i].offset, torn[i].size);
		assert_ok(table_repair(&disk, &repaired, &err), &err);
		assert_true(repaired);
		assert_ok(table_repair(&disk, &repaired, &err), &err);
		assert_false(repaired);
	}
	/* The first copy alone holds the same again. */
	sectors_spoil(disk.path, size - 33 * 512, 33 * 512);
	layout_read(disk.path, &after);
	assert_memory_equal(&before, &after, sizeof before);
	unit_folder_remove(folder);
}

static void a_disk_without_gpt_is_an_error(void **state)
{
	(void)state;
	char folder[PATH_MAX];
	struct disk disk = { 0 };
	bool marked;
	struct error err = ERROR_INIT;

	unit_folder_make(folder);
	snprintf(disk.path, sizeof disk.path, "%.50s/disk", folder);
	assert_int_equal(table_complete(&disk, 256, &err), -1);
	int fd = open(disk.path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 600 * MIB), 0);
	close(fd);
	assert_int_equal(table_complete(&disk, 256, &err), -1);
	assert_int_equal(table_is_marked(&disk, &marked, &err), -1);
	unit_folder_remove(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(swap_takes_at_most_a_quarter),
		cmocka_unit_test(a_first_boot_completes_the_table),
		cmocka_unit_test(a_second_time_changes_nothing),
		cmocka_unit_test(too_little_room_is_told_and_nothing_written),
		cmocka_unit_test(the_mark_says_whether_data_was_encrypted),
		cmocka_unit_test(a_torn_copy_is_written_anew),
		cmocka_unit_test(a_disk_without_gpt_is_an_error),
	};
	return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
