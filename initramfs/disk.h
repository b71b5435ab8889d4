/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * disk: the boot disk and its partitions. The disk is one that bears the
 * partition bulkhead-esp; every other partition is looked for on that disk only.
 * What is on it: table.h.
 */
#ifndef BULKHEAD_DISK_H
#define BULKHEAD_DISK_H

#include <stdbool.h>
#include <stddef.h>

struct error;

enum { DISK_PATH_MAX = 64, DISK_CANDIDATES_MAX = 8 };

#define DISK_LABEL_ESP "bulkhead-esp"
#define DISK_LABEL_SWAP "bulkhead-swap"
#define DISK_LABEL_DATA "bulkhead-data"

struct disk {
	char path[DISK_PATH_MAX]; /* "/dev/vda" */
	char esp[DISK_PATH_MAX], swap[DISK_PATH_MAX], data[DISK_PATH_MAX]; /* "" : not there */
	char swap_uuid[40];       /* PARTUUID; "": not known */
	unsigned candidates;      /* disks that bear bulkhead-esp */
	char rival[DISK_PATH_MAX]; /* one that might as well be meant: nothing may be made on either; "": none */
};

/* Looks for the boot disk in /sys/class/block. ENODEV when no disk bears bulkhead-esp. */
int disk_find(struct disk *ret_disk, struct error *err);

/*
 * The node of a partition by its PARTUUID, as of now: between the survey and its
 * use hours may pass, and disks may come and go. ENODEV when it is not there.
 */
int disk_by_uuid(const char *uuid, char path[DISK_PATH_MAX], struct error *err);

/* A disk that was flashed. */
struct disk_candidate {
	char disk[32], esp[32]; /* kernel names */
	char uuid[40];          /* of its ESP; "": not known */
	bool has_data;
};

/*
 * The one to use: that with a data partition; else, or if there are several,
 * that whose ESP the firmware started from (loader: GUID of that partition, ""
 * if not known); else the first, which is then not sure.
 */
size_t disk_choose(const struct disk_candidate *candidates, size_t count, const char *loader, bool *ret_sure);

#endif
