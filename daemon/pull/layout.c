/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/pull/layout.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/json.h"
#include "daemon/pull/manifest.h"

/*
 * Half a page of ustar (POSIX.1-1988) by hand: libarchive's writer would bring a second library of ciphers into the image. Beyond 8 GiB, which eleven octal digits
 * cannot say, the size is base-256, as GNU tar writes it.
 */
enum { TAR_BLOCK = 512, BUFFER = 64 * 1024 };

struct ustar {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100];
	char magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155], padding[12];
};

_Static_assert(sizeof(struct ustar) == TAR_BLOCK, "a header is a block");

struct layout {
	int fd;
	uint64_t left;     /* of the entry's announced bytes */
	size_t padding;    /* behind them, up to a block */
	size_t used;
	char buffer[BUFFER];
};

struct layout *layout_open(int fd, struct error *err)
{
	struct layout *layout = calloc(1, sizeof *layout);

	if (layout == NULL)
		error_set(err, ENOMEM, "no memory for an archive");
	else
		layout->fd = fd;
	return layout;
}

static int buffer_flush(struct layout *layout, struct error *err)
{
	if (fd_write_full(layout->fd, layout->buffer, layout->used) == -1)
		return error_errno(err, "cannot store the image");
	layout->used = 0;
	return 0;
}

static int bytes_put(struct layout *layout, const void *data, size_t size, struct error *err)
{
	for (const char *at = data; size > 0;) {
		size_t part = size < BUFFER - layout->used ? size : BUFFER - layout->used;
		memcpy(layout->buffer + layout->used, at, part);
		layout->used += part;
		at += part;
		size -= part;
		if (layout->used == BUFFER && buffer_flush(layout, err) == -1)
			return -1;
	}
	return 0;
}

static void size_write(char field[12], uint64_t size)
{
	if (size < UINT64_C(1) << 33) {
		snprintf(field, 12, "%011llo", (unsigned long long)size);
		return;
	}
	field[0] = (char)0x80;
	for (int i = 11; i > 3; i--, size >>= 8)
		field[i] = (char)(size & 0xff);
}

static int entry_end(struct layout *layout, struct error *err)
{
	static const char zeros[TAR_BLOCK];

	if (layout->left != 0)
		return error_set(err, EBADMSG, "a part of the image ended %llu bytes too early", (unsigned long long)layout->left);
	size_t padding = layout->padding;
	layout->padding = 0;
	return bytes_put(layout, zeros, padding, err);
}

static int entry_begin(struct layout *layout, const char *name, uint64_t size, struct error *err)
{
	struct ustar header = { .mode = "0000644", .uid = "0000000", .gid = "0000000", .mtime = "00000000000", .type = '0',
				.magic = "ustar", .version = { '0', '0' } };
	unsigned sum = 0;

	if (entry_end(layout, err) == -1)
		return -1;
	snprintf(header.name, sizeof header.name, "%s", name);
	size_write(header.size, size);
	memset(header.checksum, ' ', sizeof header.checksum);
	for (size_t i = 0; i < sizeof header; i++)
		sum += ((const unsigned char *)&header)[i];
	snprintf(header.checksum, sizeof header.checksum, "%06o", sum);
	layout->left = size;
	layout->padding = (TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK;
	return bytes_put(layout, &header, sizeof header, err);
}

int layout_blob(struct layout *layout, const char digest[DIGEST_TEXT], uint64_t size, struct error *err)
{
	char name[32 + DIGEST_TEXT];

	snprintf(name, sizeof name, "blobs/sha256/%s", digest);
	return entry_begin(layout, name, size, err);
}

int layout_data(struct layout *layout, const void *data, size_t size, struct error *err)
{
	if (size > layout->left)
		return error_set(err, EBADMSG, "a part of the image is longer than announced");
	layout->left -= size;
	return bytes_put(layout, data, size, err);
}

static int file_add(struct layout *layout, const char *name, const char *text, struct error *err)
{
	return entry_begin(layout, name, strlen(text), err) == -1 ? -1 : layout_data(layout, text, strlen(text), err);
}

int layout_finish(struct layout *layout, const struct descriptor *manifest, struct error *err)
{
	static const char end[2 * TAR_BLOCK];
	char digest[16 + DIGEST_TEXT];

	snprintf(digest, sizeof digest, "sha256:%s", manifest->digest);
	cleanup_json json_t *index =
		json_pack("{s:i, s:[{s:s, s:s, s:I}]}", "schemaVersion", 2, "manifests", "mediaType", manifest->media_type, "digest",
			  digest, "size", (json_int_t)manifest->size);
	cleanup_free char *text = index == NULL ? NULL : json_dumps(index, JSON_COMPACT);
	if (text == NULL)
		return error_set(err, ENOMEM, "no memory for an image's index");
	if (file_add(layout, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}", err) == -1 ||
	    file_add(layout, "index.json", text, err) == -1 || entry_end(layout, err) == -1 ||
	    bytes_put(layout, end, sizeof end, err) == -1)
		return -1;
	return buffer_flush(layout, err);
}

void layout_close(struct layout *layout)
{
	free(layout);
}
