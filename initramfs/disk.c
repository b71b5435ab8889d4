/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "initramfs/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"

/* Boot Loader Interface: the GUID of the partition that the loader was started from. */
#define EFIVARS "/sys/firmware/efi/efivars"
#define LOADER_PARTITION EFIVARS "/LoaderDevicePartUUID-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"

struct partition {
	char name[32]; /* kernel name */
	char label[40];
	char uuid[40];
	char parent[32];
};

/* Reads PARTNAME and PARTUUID of a block device; false when it is no named partition. */
static bool partition_read(const char *name, struct partition *partition)
{
	char path[PATH_MAX], target[PATH_MAX];
	cleanup_free char *text = NULL;
	struct error ignored;

	snprintf(path, sizeof path, "/sys/class/block/%s/uevent", name);
	if (file_read(path, 8192, &text, NULL, &ignored) == -1)
		return false;
	*partition = (struct partition){ 0 };
	char *rest = text;
	for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
		if (strncmp(line, "PARTNAME=", 9) == 0)
			snprintf(partition->label, sizeof partition->label, "%.39s", line + 9);
		else if (strncmp(line, "PARTUUID=", 9) == 0)
			snprintf(partition->uuid, sizeof partition->uuid, "%.39s", line + 9);
	}
	if (partition->label[0] == '\0')
		return false;

	/* /sys/class/block/vda2 -> ../../devices/.../vda/vda2 */
	snprintf(path, sizeof path, "/sys/class/block/%s", name);
	ssize_t size = readlink(path, target, sizeof target - 1);
	if (size <= 0)
		return false;
	target[size] = '\0';
	char *last = strrchr(target, '/');
	if (last == NULL)
		return false;
	*last = '\0';
	char *parent = strrchr(target, '/');
	if (parent == NULL)
		return false;
	snprintf(partition->name, sizeof partition->name, "%.31s", name);
	snprintf(partition->parent, sizeof partition->parent, "%.31s", parent + 1);
	return true;
}

static int name_compare(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void device_path(char path[DISK_PATH_MAX], const char *name)
{
	snprintf(path, DISK_PATH_MAX, "/dev/%s", name);
	for (char *bang = path; (bang = strchr(bang, '!')) != NULL;)
		*bang = '/'; /* cciss!c0d0 */
}

/* UTF-16 behind four bytes of attributes. "" when there is no such variable, as under a BIOS. */
static void loader_partition(char uuid[40])
{
	unsigned char value[4 + 2 * 40];
	bool mounted = mount("efivarfs", EFIVARS, "efivarfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0;
	cleanup_fd int fd = open(LOADER_PARTITION, O_RDONLY | O_CLOEXEC);
	ssize_t size = fd == -1 ? 0 : read(fd, value, sizeof value); /* whole, in one read(2) */
	size_t count = 0;

	for (ssize_t at = 4; at + 1 < size && count < 39 && value[at] != 0 && value[at + 1] == 0; at += 2)
		uuid[count++] = (char)value[at];
	uuid[count] = '\0';
	fd_cleanup(&fd);
	if (mounted)
		(void)umount2(EFIVARS, MNT_DETACH);
}

size_t disk_choose(const struct disk_candidate *candidates, size_t count, const char *loader, bool *ret_sure)
{
	size_t with_data = 0, chosen = 0, by_loader = 0, started = 0;

	for (size_t i = 0; i < count; i++) {
		if (candidates[i].has_data && with_data++ == 0)
			chosen = i;
		/* Disks flashed from one image bear the same GUIDs until the first boot: then this decides nothing. */
		if (loader[0] != '\0' && strcasecmp(candidates[i].uuid, loader) == 0) {
			by_loader++;
			started = i;
		}
	}
	*ret_sure = count == 1 || with_data == 1;
	if (*ret_sure)
		return chosen;
	if (by_loader == 1 && (with_data == 0 || candidates[started].has_data)) {
		*ret_sure = true;
		return started;
	}
	return chosen;
}

/* Lists what bears bulkhead-esp, in the order of names. */
static size_t candidates_list(struct dirent *const *entries, int count, struct disk_candidate *candidates)
{
	struct partition partition;
	size_t found = 0;

	for (int i = 0; i < count && found < DISK_CANDIDATES_MAX; i++) {
		if (!partition_read(entries[i]->d_name, &partition) || strcmp(partition.label, DISK_LABEL_ESP) != 0)
			continue;
		struct disk_candidate *candidate = &candidates[found++];
		*candidate = (struct disk_candidate){ 0 };
		memcpy(candidate->disk, partition.parent, sizeof candidate->disk);
		memcpy(candidate->esp, partition.name, sizeof candidate->esp);
		memcpy(candidate->uuid, partition.uuid, sizeof candidate->uuid);
	}
	for (int i = 0; i < count; i++)
		if (partition_read(entries[i]->d_name, &partition) && strcmp(partition.label, DISK_LABEL_DATA) == 0)
			for (size_t j = 0; j < found; j++)
				if (strcmp(candidates[j].disk, partition.parent) == 0)
					candidates[j].has_data = true;
	return found;
}

int disk_find(struct disk *ret_disk, struct error *err)
{
	struct disk_candidate candidates[DISK_CANDIDATES_MAX];
	struct dirent **entries;
	struct disk disk = { 0 };
	char loader[40] = "";
	size_t chosen = 0;
	bool sure;

	int count = scandir("/sys/class/block", &entries, NULL, name_compare);
	if (count == -1)
		return error_errno(err, "cannot list /sys/class/block");
	disk.candidates = (unsigned)candidates_list(entries, count, candidates);
	if (disk.candidates > 1)
		loader_partition(loader);
	if (disk.candidates > 0) {
		chosen = disk_choose(candidates, disk.candidates, loader, &sure);
		device_path(disk.path, candidates[chosen].disk);
		device_path(disk.esp, candidates[chosen].esp);
		if (!sure)
			device_path(disk.rival, candidates[chosen == 0 ? 1 : 0].disk);
	}
	for (int i = 0; i < count; i++) {
		struct partition partition;

		if (disk.candidates > 0 && partition_read(entries[i]->d_name, &partition) &&
		    strcmp(partition.parent, candidates[chosen].disk) == 0) {
			if (strcmp(partition.label, DISK_LABEL_SWAP) == 0) {
				device_path(disk.swap, partition.name);
				memcpy(disk.swap_uuid, partition.uuid, sizeof disk.swap_uuid);
			} else if (strcmp(partition.label, DISK_LABEL_DATA) == 0) {
				device_path(disk.data, partition.name);
			}
		}
		free(entries[i]);
	}
	free(entries);
	if (disk.candidates == 0)
		return error_set(err, ENODEV, "no disk bears a partition named " DISK_LABEL_ESP);
	*ret_disk = disk;
	return 0;
}

int disk_by_uuid(const char *uuid, char path[DISK_PATH_MAX], struct error *err)
{
	struct dirent **entries;
	bool found = false;

	int count = scandir("/sys/class/block", &entries, NULL, name_compare);
	if (count == -1)
		return error_errno(err, "cannot list /sys/class/block");
	for (int i = 0; i < count; i++) {
		struct partition partition;

		if (!found && partition_read(entries[i]->d_name, &partition) && strcasecmp(partition.uuid, uuid) == 0) {
			device_path(path, partition.name);
			found = true;
		}
		free(entries[i]);
	}
	free(entries);
	return found ? 0 : error_set(err, ENODEV, "the partition %s is gone", uuid);
}
