/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/cli/fat.h"

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"

enum {
	ENTRY_SIZE = 32,
	ATTR_DIRECTORY = 0x10, ATTR_VOLUME = 0x08, ATTR_LONG = 0x0f, ATTR_MASK = 0x3f,
	LONG_UNITS = 13, LONG_PARTS = 20, LONG_LAST = 0x40,
	DIRECTORY_CLUSTERS_MAX = 1024,
	CLUSTER_MASK = 0x0fffffff, CLUSTER_BAD = 0x0ffffff7,
	READ_ALIGN = 4096,
};

/* A long name is spread over entries that stand, last part first, before the short one. */
struct long_name {
	char text[LONG_PARTS * LONG_UNITS + 1];
	unsigned int next;     /* part expected next; 0: complete */
	uint8_t checksum;      /* of the short name that must follow */
	bool valid;
};

static uint16_t get16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static uint32_t get32(const uint8_t *bytes)
{
	return (uint32_t)get16(bytes) | (uint32_t)get16(bytes + 2) << 16;
}

/* Reads by aligned blocks into aligned memory, as a descriptor with O_DIRECT wants. False with errno if a part is missing. */
static bool bytes_read(int fd, void *to, size_t size, uint64_t offset)
{
	_Alignas(READ_ALIGN) uint8_t block[READ_ALIGN];

	for (size_t done = 0; done < size;) {
		size_t skip = (size_t)((offset + done) % READ_ALIGN);
		ssize_t got = pread(fd, block, sizeof block, (off_t)(offset + done - skip));

		if (got < 0)
			return false;
		if ((size_t)got <= skip) {
			errno = ENODATA;
			return false;
		}
		size_t part = (size_t)got - skip < size - done ? (size_t)got - skip : size - done;
		memcpy((uint8_t *)to + done, block + skip, part);
		done += part;
	}
	return true;
}

int fat_open(struct fat *fat, int fd, uint64_t offset, uint64_t size, struct error *err)
{
	uint8_t boot[512];

	if (!bytes_read(fd, boot, sizeof boot, offset))
		return error_set(err, EINVAL, "the file system is cut off");

	uint32_t sector = get16(boot + 11), per_cluster = boot[13], reserved = get16(boot + 14), tables = boot[16];
	uint32_t root_entries = get16(boot + 17), table_sectors = get32(boot + 36);
	uint64_t sectors = get16(boot + 19) != 0 ? get16(boot + 19) : get32(boot + 32);
	if (boot[510] != 0x55 || boot[511] != 0xaa || sector != 512 || per_cluster == 0 ||
	    (per_cluster & (per_cluster - 1)) != 0 || reserved == 0 || tables == 0 || tables > 2 || root_entries != 0 ||
	    table_sectors == 0 || sectors * sector > size)
		return error_set(err, EINVAL, "not a FAT32 file system");

	uint64_t before_data = reserved + (uint64_t)tables * table_sectors;
	if (before_data >= sectors)
		return error_set(err, EINVAL, "the FAT32 file system is damaged: no room for data");
	uint64_t clusters = (sectors - before_data) / per_cluster;
	if (clusters + 2 > (uint64_t)table_sectors * sector / 4 || clusters + 2 > CLUSTER_BAD)
		return error_set(err, EINVAL, "the FAT32 file system is damaged: its table is too short");
	*fat = (struct fat){
		.fd = fd,
		.table = offset + (uint64_t)reserved * sector,
		.data = offset + before_data * sector,
		.cluster_size = per_cluster * sector,
		.cluster_end = (uint32_t)clusters + 2,
		.root = get32(boot + 44),
	};
	return 0;
}

static bool cluster_valid(const struct fat *fat, uint32_t cluster)
{
	return cluster >= 2 && cluster < fat->cluster_end;
}

static uint64_t cluster_offset(const struct fat *fat, uint32_t cluster)
{
	return fat->data + (uint64_t)(cluster - 2) * fat->cluster_size;
}

/* The cluster behind this one; at the end of the chain a number that is not valid. */
static int cluster_next(const struct fat *fat, uint32_t *cluster, struct error *err)
{
	uint32_t entry;

	if (!bytes_read(fat->fd, &entry, sizeof entry, fat->table + (uint64_t)*cluster * 4))
		return error_errno(err, "cannot read the FAT32 table");
	*cluster = le32toh(entry) & CLUSTER_MASK;
	return 0;
}

static uint8_t short_checksum(const uint8_t *name)
{
	uint8_t sum = 0;

	for (int i = 0; i < 11; i++)
		sum = (uint8_t)((sum >> 1) + ((sum & 1) << 7) + name[i]);
	return sum;
}

static void short_text(const uint8_t *name, char text[13])
{
	size_t length = 0;

	for (int i = 0; i < 8 && name[i] != ' '; i++)
		text[length++] = (char)name[i];
	if (name[8] != ' ')
		text[length++] = '.';
	for (int i = 8; i < 11 && name[i] != ' '; i++)
		text[length++] = (char)name[i];
	text[length] = '\0';
}

static void long_take(struct long_name *name, const uint8_t *entry)
{
	static const uint8_t places[LONG_UNITS] = { 1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30 };
	unsigned int part = entry[0] & (LONG_LAST - 1);

	if ((entry[0] & LONG_LAST) != 0) {
		memset(name, 0, sizeof *name);
		name->valid = part >= 1 && part <= LONG_PARTS;
		name->next = part;
		name->checksum = entry[13];
	}
	if (!name->valid || part != name->next || entry[13] != name->checksum) {
		name->valid = false;
		return;
	}
	name->next--;
	for (unsigned int i = 0; i < LONG_UNITS; i++) {
		uint16_t unit = get16(entry + places[i]);

		if (unit == 0)
			break;
		/* Another character never equals one of the ASCII names looked for. */
		name->text[(part - 1) * LONG_UNITS + i] = unit < 0x80 ? (char)unit : '\x01';
	}
}

/* One directory: the entry called name. */
static int directory_find(const struct fat *fat, uint32_t cluster, const char *name, uint8_t *ret_entry,
			  struct error *err)
{
	cleanup_free uint8_t *block = malloc(fat->cluster_size);
	struct long_name long_name = { 0 };

	if (block == NULL)
		return error_set(err, ENOMEM, "out of memory");
	/* The bound also ends a chain that was bent into a ring. */
	for (int i = 0; i < DIRECTORY_CLUSTERS_MAX && cluster_valid(fat, cluster); i++) {
		if (!bytes_read(fat->fd, block, fat->cluster_size, cluster_offset(fat, cluster)))
			return error_set(err, EIO, "cannot read a directory of the FAT32 file system");
		for (const uint8_t *entry = block; entry < block + fat->cluster_size; entry += ENTRY_SIZE) {
			char text[13];

			if (entry[0] == 0)
				return error_set(err, ENOENT, "no %s in the FAT32 file system", name);
			if (entry[0] != 0xe5 && (entry[11] & ATTR_MASK) == ATTR_LONG) {
				long_take(&long_name, entry);
				continue;
			}
			bool named = long_name.valid && long_name.next == 0 &&
				     long_name.checksum == short_checksum(entry) && strcasecmp(long_name.text, name) == 0;
			long_name.valid = false;
			if (entry[0] == 0xe5 || (entry[11] & ATTR_VOLUME) != 0)
				continue;
			short_text(entry, text);
			if (named || strcasecmp(text, name) == 0) {
				memcpy(ret_entry, entry, ENTRY_SIZE);
				return 0;
			}
		}
		if (cluster_next(fat, &cluster, err) < 0)
			return -1;
	}
	return error_set(err, ENOENT, "no %s in the FAT32 file system", name);
}

int fat_find(const struct fat *fat, const char *path, struct fat_file *ret_file, struct error *err)
{
	uint32_t cluster = fat->root;
	uint8_t entry[ENTRY_SIZE] = { 0 };
	char name[256];

	for (;;) {
		size_t length = strcspn(path, "/");
		bool last = path[length] == '\0';

		if (length == 0 || length >= sizeof name)
			return error_set(err, EINVAL, "not a path in a FAT32 file system: %s", path);
		memcpy(name, path, length);
		name[length] = '\0';
		if (directory_find(fat, cluster, name, entry, err) < 0)
			return -1;
		if (((entry[11] & ATTR_DIRECTORY) != 0) == last)
			return error_set(err, last ? EISDIR : ENOTDIR, "%s in the FAT32 file system is %s directory", name,
					 last ? "a" : "no");
		cluster = (uint32_t)get16(entry + 26) | (uint32_t)get16(entry + 20) << 16;
		if (last)
			break;
		path += length + 1;
	}
	ret_file->first = cluster;
	ret_file->size = get32(entry + 28);
	return 0;
}

/* Walks the chain and moves bytes between it and the buffer: into the file from `from`, or out of it into `to`. */
static int file_move(const struct fat *fat, const struct fat_file *file, uint8_t *to, const uint8_t *from, size_t size,
		     struct error *err)
{
	uint32_t cluster = file->first;

	if (size > file->size)
		return error_set(err, EFBIG, "the file has room for %u bytes, not for %zu", file->size, size);
	for (size_t done = 0; done < size; done += fat->cluster_size) {
		size_t part = size - done < fat->cluster_size ? size - done : fat->cluster_size;

		if (!cluster_valid(fat, cluster))
			return error_set(err, EINVAL, "the FAT32 file system is damaged: a file's chain ends early");
		uint64_t at = cluster_offset(fat, cluster);
		if (from == NULL && !bytes_read(fat->fd, to + done, part, at))
			return error_errno(err, "cannot read the FAT32 file system");
		if (from != NULL) {
			ssize_t written = pwrite(fat->fd, from + done, part, (off_t)at);

			if (written < 0)
				return error_errno(err, "cannot write the FAT32 file system");
			if ((size_t)written != part)
				return error_set(err, EIO, "the FAT32 file system is cut off");
		}
		if (cluster_next(fat, &cluster, err) < 0)
			return -1;
	}
	return 0;
}

int fat_read(const struct fat *fat, const struct fat_file *file, void *buffer, size_t size, struct error *err)
{
	return file_move(fat, file, buffer, NULL, size, err);
}

int fat_write(const struct fat *fat, const struct fat_file *file, const void *data, size_t size, struct error *err)
{
	return file_move(fat, file, NULL, data, size, err);
}
