/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "initramfs/table.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <libfdisk/libfdisk.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "initramfs/disk.h"

/* Types of the UEFI and Discoverable Partitions specifications. */
static const char type_swap[] = "0657FD6D-A4AB-43C4-84E5-0933C84B4F4F";
static const char type_data[] = "0FC63DAF-8483-4772-8E79-3D69D8477DE4";
static const char type_luks[] = "CA7D7CCB-63ED-4C53-861C-1742536059CC";

enum {
	PARTITION_SWAP = 2, /* counted from 0: the third and fourth entry */
	PARTITION_DATA = 3,
	DATA_MIN_MIB = 384, /* 16 MiB of LUKS2 header, 300 MiB is what mkfs.xfs takes at least */
	SECTORS_PER_MIB = 2048,
};

static void context_cleanup(struct fdisk_context **context)
{
	if (*context == NULL)
		return;
	if (fdisk_get_devfd(*context) >= 0) /* libfdisk aborts when no device was assigned */
		fdisk_deassign_device(*context, 1);
	fdisk_unref_context(*context);
}

static void table_cleanup(struct fdisk_table **table)
{
	fdisk_unref_table(*table);
}

static void partition_cleanup(struct fdisk_partition **partition)
{
	fdisk_unref_partition(*partition);
}

#define cleanup_context __attribute__((cleanup(context_cleanup)))
#define cleanup_table __attribute__((cleanup(table_cleanup)))
#define cleanup_partition __attribute__((cleanup(partition_cleanup)))

static int fdisk_error(int code, const struct disk *disk, const char *what, struct error *err)
{
	return error_set(err, code < 0 ? -code : EIO, "cannot %s %s: %s", what, disk->path,
			 strerror(code < 0 ? -code : EIO));
}

static int table_open(const struct disk *disk, bool read_only, struct fdisk_context **ret_context,
		      struct fdisk_table **ret_table, struct error *err)
{
	cleanup_context struct fdisk_context *context = fdisk_new_context();

	if (context == NULL)
		return error_set(err, ENOMEM, "no memory for the partition table");
	fdisk_disable_dialogs(context, 1);
	int code = fdisk_assign_device(context, disk->path, read_only);
	if (code != 0)
		return fdisk_error(code, disk, "open", err);
	if (!fdisk_is_labeltype(context, FDISK_DISKLABEL_GPT))
		return error_set(err, EINVAL, "%s has no readable GPT; flash the image anew", disk->path);
	code = fdisk_get_partitions(context, ret_table);
	if (code != 0)
		return fdisk_error(code, disk, "read the partitions of", err);
	*ret_context = steal_pointer(&context);
	return 0;
}

static void guid_generate(char text[37])
{
	uint8_t bytes[16];

	while (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
		; /* interrupted before the pool was filled */
	bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40); /* RFC 9562, version 4 */
	bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
	char *at = text;
	for (int i = 0; i < 16; i++)
		at += sprintf(at, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02X" : "%02X", bytes[i]);
}

/* Fresh GUIDs for the disk and for what the image brought. */
static int table_randomise(struct fdisk_context *context, struct fdisk_table *table)
{
	char guid[37];
	int code = 0;

	guid_generate(guid);
	code = fdisk_set_disklabel_id_from_string(context, guid);
	for (size_t i = 0; code == 0 && i < fdisk_table_get_nents(table); i++) {
		struct fdisk_partition *there = fdisk_table_get_partition(table, i);
		cleanup_partition struct fdisk_partition *change = fdisk_new_partition();

		if (change == NULL)
			return -ENOMEM;
		guid_generate(guid);
		code = fdisk_partition_set_uuid(change, guid);
		if (code == 0)
			code = fdisk_set_partition(context, fdisk_partition_get_partno(there), change);
	}
	return code;
}

/* sectors 0: all that is left. */
static int table_add(struct fdisk_context *context, size_t number, const char *label, const char *type,
		     uint64_t sectors)
{
	cleanup_partition struct fdisk_partition *wanted = fdisk_new_partition();
	struct fdisk_parttype *kind = fdisk_label_get_parttype_from_string(fdisk_get_label(context, NULL), type);
	char guid[37];

	if (wanted == NULL || kind == NULL)
		return -ENOMEM;
	guid_generate(guid);
	int code = fdisk_partition_set_partno(wanted, number);
	if (code == 0)
		code = fdisk_partition_set_name(wanted, label);
	if (code == 0)
		code = fdisk_partition_set_type(wanted, kind);
	if (code == 0)
		code = fdisk_partition_set_uuid(wanted, guid);
	if (code == 0)
		code = fdisk_partition_start_follow_default(wanted, 1);
	if (code == 0)
		code = sectors == 0 ? fdisk_partition_end_follow_default(wanted, 1)
				    : fdisk_partition_set_size(wanted, sectors);
	return code == 0 ? fdisk_add_partition(context, wanted, NULL) : code;
}

static int table_write(const struct disk *disk, struct fdisk_context *context, struct error *err)
{
	int code = fdisk_write_disklabel(context);

	if (code == 0 && fsync(fdisk_get_devfd(context)) == -1)
		code = -errno;
	return code == 0 ? 0 : fdisk_error(code, disk, "write the partition table of", err);
}

/*
 * Makes the kernel read the whole table: partitions it is told of one by one
 * (BLKPG) would have no name in their uevent. Nothing on the disk is in use yet.
 */
static int table_reread(const struct disk *disk, struct fdisk_context *context, struct error *err)
{
	int code = fdisk_reread_partition_table(context);

	for (int tries = 0; code == -EBUSY && tries < 20; tries++) {
		usleep(100 * 1000); /* somebody looks at a partition this moment */
		code = fdisk_reread_partition_table(context);
	}
	return code == 0 ? 0 : fdisk_error(code, disk, "make the kernel read the new partition table of", err);
}

uint64_t table_swap_sectors(uint64_t free_sectors, uint32_t swap_mib)
{
	uint64_t wanted = (uint64_t)swap_mib * SECTORS_PER_MIB;
	uint64_t most = free_sectors / 4 / SECTORS_PER_MIB * SECTORS_PER_MIB;

	return wanted < most ? wanted : most;
}

/* Sectors behind the last partition, in units of 512 bytes. */
static uint64_t table_free_sectors(struct fdisk_context *context, struct fdisk_table *table)
{
	uint64_t unit = fdisk_get_sector_size(context) / 512;
	uint64_t end = fdisk_get_first_lba(context);

	for (size_t i = 0; i < fdisk_table_get_nents(table); i++) {
		struct fdisk_partition *there = fdisk_table_get_partition(table, i);
		uint64_t behind = fdisk_partition_get_end(there) + 1;

		if (behind > end)
			end = behind;
	}
	uint64_t last = fdisk_get_last_lba(context);
	return last > end ? (last - end) * unit : 0;
}

static struct fdisk_partition *table_data_partition(struct fdisk_table *table)
{
	for (size_t i = 0; i < fdisk_table_get_nents(table); i++) {
		struct fdisk_partition *there = fdisk_table_get_partition(table, i);
		const char *name = fdisk_partition_get_name(there);

		if (name != NULL && strcmp(name, DISK_LABEL_DATA) == 0)
			return there;
	}
	return NULL;
}

int table_complete(struct disk *disk, uint32_t swap_mib, struct error *err)
{
	if (disk->data[0] != '\0')
		return 0;
	cleanup_table struct fdisk_table *table = NULL;
	cleanup_context struct fdisk_context *context = NULL;
	if (table_open(disk, false, &context, &table, err) == -1)
		return -1;

	if (table_data_partition(table) != NULL)
		return table_reread(disk, context, err); /* made, but the kernel has not seen it */
	uint64_t sector = fdisk_get_sector_size(context);
	uint64_t room = table_free_sectors(context, table);
	uint64_t swap = disk->swap[0] != '\0' ? 0 : table_swap_sectors(room, swap_mib);
	if (room < swap + (uint64_t)DATA_MIN_MIB * SECTORS_PER_MIB)
		return error_set(err, ENOSPC, "%s is too small: %llu MiB are free for data, at least %d MiB are needed",
				 disk->path, (unsigned long long)(room / SECTORS_PER_MIB), DATA_MIN_MIB);

	int code = table_randomise(context, table);
	if (code == 0 && swap > 0)
		code = table_add(context, PARTITION_SWAP, DISK_LABEL_SWAP, type_swap, swap * 512 / sector);
	if (code == 0)
		code = table_add(context, PARTITION_DATA, DISK_LABEL_DATA, type_data, 0);
	if (code != 0)
		return fdisk_error(code, disk, "make partitions on", err);
	if (table_write(disk, context, err) == -1)
		return -1;
	return table_reread(disk, context, err);
}

int table_repair(const struct disk *disk, bool *ret_repaired, struct error *err)
{
	cleanup_table struct fdisk_table *table = NULL;
	cleanup_context struct fdisk_context *context = NULL;

	*ret_repaired = false;
	if (table_open(disk, false, &context, &table, err) == -1)
		return -1;
	/* libfdisk has taken the copy that is sound for the other one, and says that this is not yet on the disk. */
	if (!fdisk_label_is_changed(fdisk_get_label(context, NULL)))
		return 0;
	if (table_write(disk, context, err) == -1)
		return -1;
	*ret_repaired = true;
	return 0;
}

int table_mark(const struct disk *disk, struct error *err)
{
	cleanup_table struct fdisk_table *table = NULL;
	cleanup_context struct fdisk_context *context = NULL;
	if (table_open(disk, false, &context, &table, err) == -1)
		return -1;
	struct fdisk_partition *data = table_data_partition(table);
	if (data == NULL)
		return error_set(err, ENODEV, "%s lost its partition " DISK_LABEL_DATA, disk->path);
	/* Parsed, not looked up: libfdisk's list of known types lacks this one. */
	struct fdisk_parttype *kind = fdisk_label_parse_parttype(fdisk_get_label(context, NULL), type_luks);
	int code = kind == NULL ? -ENOMEM
				: fdisk_set_partition_type(context, fdisk_partition_get_partno(data), kind);
	fdisk_unref_parttype(kind);
	if (code != 0)
		return fdisk_error(code, disk, "mark the data partition on", err);
	return table_write(disk, context, err); /* no border moved: the kernel need not read it again */
}

int table_is_marked(const struct disk *disk, bool *ret_marked, struct error *err)
{
	cleanup_table struct fdisk_table *table = NULL;
	cleanup_context struct fdisk_context *context = NULL;
	if (table_open(disk, true, &context, &table, err) == -1)
		return -1;
	struct fdisk_partition *data = table_data_partition(table);
	struct fdisk_parttype *kind = data == NULL ? NULL : fdisk_partition_get_type(data);
	const char *type = kind == NULL ? NULL : fdisk_parttype_get_string(kind);
	*ret_marked = type != NULL && strcasecmp(type, type_luks) == 0;
	return 0;
}
