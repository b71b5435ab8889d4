/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/cli/content.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <blkid/blkid.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"

enum { EDGE = 1024 * 1024 };

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
	/* A superblock that fails its checksum, and a GPT of which only the backup is left, are somebody's data, too. */
	if (blkid_probe_set_device(probe, fd, 0, 0) == -1 || blkid_probe_enable_superblocks(probe, 1) == -1 ||
	    blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_LABEL | BLKID_SUBLKS_BADCSUM) == -1 ||
	    blkid_probe_enable_partitions(probe, 1) == -1 ||
	    blkid_probe_set_partitions_flags(probe, BLKID_PARTS_FORCE_GPT) == -1) {
		blkid_free_probe(probe);
		return NULL;
	}
	return probe;
}

/* A list that is too long is cut; its beginning says enough. */
static void text_append(char text[CONTENT_TEXT], const char *before, const char *word, const char *after)
{
	size_t used = strlen(text);

	snprintf(text + used, CONTENT_TEXT - used, "%s%s%s", before, word, after);
}

static int signatures_list(int fd, char text[CONTENT_TEXT], struct error *err)
{
	cleanup_probe blkid_probe probe = probe_new(fd);
	int found;

	if (probe == NULL)
		return error_set(err, ENOMEM, "libblkid cannot examine it");
	while ((found = blkid_do_probe(probe)) == 0) {
		const char *type = "unknown signature", *label;
		bool table = false;

		if (blkid_probe_lookup_value(probe, "TYPE", &type, NULL) < 0)
			table = blkid_probe_lookup_value(probe, "PTTYPE", &type, NULL) == 0;
		text_append(text, text[0] != '\0' ? ", " : "", type, table ? " partition table" : "");
		if (!table && blkid_probe_lookup_value(probe, "LABEL", &label, NULL) == 0)
			text_append(text, " \"", label, "\"");
	}
	if (found < 0)
		return error_set(err, EIO, "cannot read what is on it");
	/* A label is whatever somebody wrote there, and goes to a terminal. */
	for (char *c = text; *c != '\0'; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	return 0;
}

static int zero_check(int fd, uint64_t offset, bool *zero, struct error *err)
{
	cleanup_free char *block = malloc(EDGE);

	if (block == NULL)
		return error_set(err, ENOMEM, "out of memory");
	ssize_t got = pread(fd, block, EDGE, (off_t)offset);
	if (got < 0)
		return error_errno(err, "cannot read what is on it");
	for (ssize_t i = 0; i < got && *zero; i++)
		*zero = block[i] == 0;
	return 0;
}

int content_find(int fd, uint64_t size, char text[CONTENT_TEXT], struct error *err)
{
	bool zero = true;

	text[0] = '\0';
	if (size == 0)
		return 0;
	if (signatures_list(fd, text, err) < 0 || zero_check(fd, 0, &zero, err) < 0 ||
	    zero_check(fd, size > EDGE ? size - EDGE : 0, &zero, err) < 0)
		return -1;
	if (text[0] == '\0' && !zero)
		snprintf(text, CONTENT_TEXT, "unknown data");
	return 0;
}
