/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "initramfs/signature.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <blkid/blkid.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"

static void probe_cleanup(blkid_probe *probe)
{
	blkid_free_probe(*probe); /* takes NULL */
}

#define cleanup_probe __attribute__((cleanup(probe_cleanup)))

static blkid_probe probe_new(int fd)
{
	blkid_probe probe = blkid_new_probe();

	if (probe == NULL)
		return NULL;
	if (blkid_probe_set_device(probe, fd, 0, 0) == -1 || blkid_probe_enable_superblocks(probe, 1) == -1 ||
	    blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_MAGIC | BLKID_SUBLKS_BADCSUM) ==
		    -1 ||
	    blkid_probe_enable_partitions(probe, 1) == -1 ||
	    blkid_probe_set_partitions_flags(probe, BLKID_PARTS_MAGIC) == -1) {
		blkid_free_probe(probe);
		return NULL;
	}
	return probe;
}

int signature_find(const char *device, char text[SIGNATURE_TEXT], struct error *err)
{
	cleanup_fd int fd = open(device, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1)
		return error_errno(err, "cannot open %s", device);
	cleanup_probe blkid_probe probe = probe_new(fd);
	if (probe == NULL)
		return error_set(err, ENOMEM, "cannot examine %s", device);

	/* One at a time: safeprobe would turn two leftovers into an error without a name. */
	const char *type;
	int found = blkid_do_probe(probe);
	text[0] = '\0';
	if (found == -1)
		return error_set(err, EIO, "cannot read the signatures of %s", device);
	if (found == 0 && (blkid_probe_lookup_value(probe, "TYPE", &type, NULL) == 0 ||
			   blkid_probe_lookup_value(probe, "PTTYPE", &type, NULL) == 0))
		snprintf(text, SIGNATURE_TEXT, "%s", type);
	else if (found == 0)
		snprintf(text, SIGNATURE_TEXT, "unknown");
	return 0;
}

int signature_wipe(const char *device, struct error *err)
{
	cleanup_fd int fd = open(device, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1)
		return error_errno(err, "cannot open %s", device);
	cleanup_probe blkid_probe probe = probe_new(fd);
	if (probe == NULL)
		return error_set(err, ENOMEM, "cannot examine %s", device);

	/* A type may lie at several places; the bound keeps a disk that does not take writes from looping. */
	for (int i = 0; i < 64; i++) {
		int found = blkid_do_probe(probe);
		if (found == 1)
			return fsync(fd) == -1 ? error_errno(err, "cannot write %s", device) : 0;
		if (found == -1 || blkid_do_wipe(probe, 0) == -1)
			break;
		blkid_probe_step_back(probe);
	}
	return error_set(err, EIO, "cannot erase the old signatures on %s", device);
}
