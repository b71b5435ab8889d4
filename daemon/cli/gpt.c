/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/cli/gpt.h"

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"

enum { SECTOR = 512, ENTRIES_MAX = 1024, ENTRY_MIN = 128, ENTRY_MAX = 4096, NAME_UNITS = 36 };

/* Layouts of the specification; all integers little endian. */
struct gpt_header {
	char signature[8];
	uint32_t revision, size, crc, reserved;
	uint64_t own, other, usable_first, usable_last;
	uint8_t disk[16];
	uint64_t entries;
	uint32_t entry_count, entry_size, entries_crc;
} __attribute__((packed));

struct gpt_entry {
	uint8_t type[16], unique[16];
	uint64_t first, last, attributes;
	uint16_t name[NAME_UNITS];
} __attribute__((packed));

static bool name_matches(const struct gpt_entry *entry, const char *name)
{
	size_t size = strlen(name);

	if (size > NAME_UNITS)
		return false;
	for (size_t i = 0; i < size; i++)
		if (le16toh(entry->name[i]) != (unsigned char)name[i])
			return false;
	return size == NAME_UNITS || entry->name[size] == 0;
}

static int header_read(int fd, struct gpt_header *header, struct error *err)
{
	if (pread(fd, header, sizeof *header, SECTOR) != (ssize_t)sizeof *header ||
	    memcmp(header->signature, "EFI PART", sizeof header->signature) != 0)
		return error_set(err, EINVAL, "no GUID partition table");
	return 0;
}

int gpt_disk_size(int fd, uint64_t *ret_size, struct error *err)
{
	struct gpt_header header;

	if (header_read(fd, &header, err) < 0)
		return -1;
	uint64_t last = le64toh(header.other);
	if (last < 2 || last >= INT64_MAX / SECTOR)
		return error_set(err, EINVAL, "the GUID partition table is damaged");
	*ret_size = (last + 1) * SECTOR;
	return 0;
}

int gpt_find(int fd, const char *name, struct gpt_partition *ret_partition, struct error *err)
{
	struct gpt_header header;
	struct gpt_entry entry;

	if (header_read(fd, &header, err) < 0)
		return -1;
	uint64_t start = le64toh(header.entries);
	uint32_t count = le32toh(header.entry_count), size = le32toh(header.entry_size);
	if (start < 2 || start > INT64_MAX / SECTOR - ENTRIES_MAX * ENTRY_MAX / SECTOR || count > ENTRIES_MAX ||
	    size < ENTRY_MIN || size > ENTRY_MAX)
		return error_set(err, EINVAL, "the GUID partition table is damaged");

	for (uint32_t i = 0; i < count; i++) {
		off_t at = (off_t)(start * SECTOR + (uint64_t)i * size);

		if (pread(fd, &entry, sizeof entry, at) != (ssize_t)sizeof entry)
			return error_set(err, EINVAL, "the GUID partition table is cut off");
		if (!name_matches(&entry, name))
			continue;
		uint64_t first = le64toh(entry.first), last = le64toh(entry.last);
		if (first < 2 || last < first || last >= INT64_MAX / SECTOR)
			return error_set(err, EINVAL, "partition %s has impossible bounds", name);
		ret_partition->offset = first * SECTOR;
		ret_partition->size = (last - first + 1) * SECTOR;
		return 0;
	}
	return error_set(err, ENOENT, "no partition named %s", name);
}
