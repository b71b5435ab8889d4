/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/cli/disk.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"

enum { EDGE = 1024 * 1024 };

/* Reads a line of sysfs; "" if there is none. */
static void line_read(const char *path, char *out, size_t size)
{
	cleanup_free char *text = NULL;
	struct error ignored;

	out[0] = '\0';
	if (file_read(path, 4096, &text, NULL, &ignored) < 0)
		return;
	snprintf(out, size, "%.*s", (int)strcspn(text, "\n"), text);
	for (size_t end = strlen(out); end > 0 && isspace((unsigned char)out[end - 1]); end--)
		out[end - 1] = '\0';
}

/* Calls back for the disk itself (name "") and each of its partitions. */
static void parts_visit(const char *sysfs, void (*visit)(const char *sysfs, const char *name, void *data), void *data)
{
	DIR *dir = opendir(sysfs);
	const struct dirent *entry;
	char path[512];
	struct stat st;

	visit(sysfs, "", data);
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		snprintf(path, sizeof path, "%s/%s/partition", sysfs, entry->d_name);
		if (stat(path, &st) < 0)
			continue;
		snprintf(path, sizeof path, "%s/%s", sysfs, entry->d_name);
		visit(path, entry->d_name, data);
	}
	if (dir != NULL)
		closedir(dir);
}

static void part_count(const char *sysfs, const char *name, void *data)
{
	(void)sysfs;
	*(unsigned int *)data += name[0] != '\0';
}

struct usage {
	char text[192];
};

static void mounts_search(const char *number, struct usage *usage)
{
	char line[4096], device[32], point[1024];
	FILE *mounts = fopen("/proc/self/mountinfo", "re");

	while (mounts != NULL && usage->text[0] == '\0' && fgets(line, sizeof line, mounts) != NULL)
		if (sscanf(line, "%*s %*s %31s %*s %1023s", device, point) == 2 && strcmp(device, number) == 0)
			snprintf(usage->text, sizeof usage->text, "mounted on %.150s", point);
	if (mounts != NULL)
		fclose(mounts);
}

static void swaps_search(const char *number, struct usage *usage)
{
	char line[4096], path[1024], device[32];
	FILE *swaps = fopen("/proc/swaps", "re");
	struct stat st;

	while (swaps != NULL && usage->text[0] == '\0' && fgets(line, sizeof line, swaps) != NULL) {
		if (sscanf(line, "%1023s", path) != 1 || stat(path, &st) < 0 || !S_ISBLK(st.st_mode))
			continue;
		snprintf(device, sizeof device, "%u:%u", major(st.st_rdev), minor(st.st_rdev));
		if (strcmp(device, number) == 0)
			snprintf(usage->text, sizeof usage->text, "used as swap");
	}
	if (swaps != NULL)
		fclose(swaps);
}

static void part_search(const char *sysfs, const char *name, void *data)
{
	struct usage *usage = data;
	char path[768], number[32];
	const struct dirent *entry;

	(void)name;
	snprintf(path, sizeof path, "%s/dev", sysfs);
	line_read(path, number, sizeof number);
	mounts_search(number, usage);
	swaps_search(number, usage);
	snprintf(path, sizeof path, "%s/holders", sysfs);
	DIR *dir = opendir(path);
	while (dir != NULL && usage->text[0] == '\0' && (entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			snprintf(usage->text, sizeof usage->text, "held by %.150s (device mapper or RAID)",
				 entry->d_name);
	if (dir != NULL)
		closedir(dir);
}

static int block_open(struct disk *disk, const char *path, const struct stat *st, struct error *err)
{
	char sysfs[128], file[160], vendor[64];
	struct usage usage = { "" };
	struct stat ignored;
	int sector;

	snprintf(sysfs, sizeof sysfs, "/sys/dev/block/%u:%u", major(st->st_rdev), minor(st->st_rdev));
	snprintf(file, sizeof file, "%s/partition", sysfs);
	if (stat(file, &ignored) == 0)
		return error_set(err, EINVAL, "%s is a partition; the image needs the whole disk", path);

	/* The kernel refuses the claim when anything uses the disk or a part of it; then say what. */
	disk->fd = open(path, O_RDWR | O_EXCL | O_CLOEXEC);
	if (disk->fd < 0 && errno == EBUSY) {
		parts_visit(sysfs, part_search, &usage);
		return error_set(err, EBUSY, "%s is in use: %s; nothing was written", path,
				 usage.text[0] != '\0' ? usage.text : "another program holds it");
	}
	if (disk->fd < 0)
		return error_errno(err, "%s", path);
	if (ioctl(disk->fd, BLKGETSIZE64, &disk->size) < 0 || ioctl(disk->fd, BLKSSZGET, &sector) < 0)
		return error_errno(err, "%s: cannot read its size", path);
	if (sector != 512)
		return error_set(err, EINVAL,
				 "%s has logical sectors of %d bytes; the image is for 512 (many NVMe drives can be "
				 "switched: nvme format --lbaf)", path, sector);
	parts_visit(sysfs, part_count, &disk->partitions);
	snprintf(file, sizeof file, "%s/device/vendor", sysfs);
	line_read(file, vendor, sizeof vendor);
	snprintf(file, sizeof file, "%s/device/model", sysfs);
	line_read(file, disk->model, sizeof disk->model);
	if (vendor[0] != '\0' && strncmp(vendor, "0x", 2) != 0 && disk->model[0] != '\0') {
		char model[sizeof disk->model];

		snprintf(model, sizeof model, "%.50s %.70s", vendor, disk->model);
		memcpy(disk->model, model, sizeof disk->model);
	}
	return 0;
}

/* So that a folder that is not there is said before the question, and not after it. */
static int folder_check(const char *path, struct error *err)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		strcpy(folder, ".");
	else
		snprintf(folder, sizeof folder, "%.*s", slash == path ? 1 : (int)(slash - path), path);
	if (access(folder, W_OK | X_OK) < 0)
		return error_errno(err, "%s", folder);
	return 0;
}

int disk_open(struct disk *disk, const char *path, struct error *err)
{
	struct stat st;

	*disk = (struct disk){ .path = path, .fd = -1, .empty = true };
	if (stat(path, &st) < 0) {
		/* A mistyped device must not become a file in the memory behind /dev. */
		if (errno != ENOENT || strncmp(path, "/dev/", 5) == 0)
			return error_errno(err, "%s", path);
		return folder_check(path, err);
	}
	if (S_ISREG(st.st_mode)) {
		disk->fd = open(path, O_RDWR | O_CLOEXEC);
		if (disk->fd < 0 || fstat(disk->fd, &st) < 0)
			return error_errno(err, "%s", path);
		disk->size = (uint64_t)st.st_size;
	} else if (S_ISBLK(st.st_mode)) {
		disk->block = true;
		if (block_open(disk, path, &st, err) < 0)
			return -1;
	} else {
		return error_set(err, EINVAL, "%s is neither a disk nor a file", path);
	}
	if (content_find(disk->fd, disk->size, disk->content, err) < 0)
		return error_wrap(err, "%s", path);
	disk->empty = disk->content[0] == '\0' && disk->partitions == 0;
	return 0;
}

void disk_close(struct disk *disk)
{
	if (disk->fd >= 0)
		close(disk->fd);
	disk->fd = -1;
}

/* Zeros [from, to). */
static int range_zero(struct disk *disk, uint64_t from, uint64_t to, struct error *err)
{
	cleanup_free char *zeros = calloc(1, EDGE);

	if (zeros == NULL)
		return error_set(err, ENOMEM, "out of memory");
	while (from < to) {
		size_t part = to - from < EDGE ? (size_t)(to - from) : EDGE;
		ssize_t written = pwrite(disk->fd, zeros, part, (off_t)from);

		if (written < 0)
			return error_errno(err, "cannot overwrite old partition tables");
		from += (uint64_t)written;
	}
	return 0;
}

int disk_prepare(struct disk *disk, uint64_t kept, struct error *err)
{
	uint64_t range[2] = { 0, disk->size };

	if (!disk->block) {
		if (disk->fd < 0)
			disk->fd = open(disk->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (disk->size < kept)
			disk->size = kept;
		if (disk->fd < 0 || ftruncate(disk->fd, 0) < 0 || ftruncate(disk->fd, (off_t)disk->size) < 0)
			return error_errno(err, "cannot make the file anew");
		return 0;
	}
	(void)ioctl(disk->fd, BLKDISCARD, range); /* an SSD is quicker for it; a hard disk has no such thing */
	uint64_t edge = kept + EDGE < disk->size ? kept + EDGE : disk->size;
	if (range_zero(disk, kept, edge, err) < 0)
		return -1;
	return range_zero(disk, disk->size - EDGE > edge ? disk->size - EDGE : edge, disk->size, err);
}
