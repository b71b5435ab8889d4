/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/stream.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/lib/error.h"

enum { BLOCK = 256 * 1024 };

struct stream {
	struct slice rest;       /* what has not been read */
	enum stream_hash hash;
	uint64_t input, plain;   /* bytes read, bytes given out */
	struct archive *filter;  /* NULL: plain */
	bool ended;              /* the compression is at its end */
	EVP_MD_CTX *hashes[2];   /* input, plain */
	struct error failure;    /* of the file, seen in libarchive's callback */
	unsigned char block[BLOCK];
};

struct stream *stream_new(enum stream_hash hash, struct error *err)
{
	struct stream *stream = calloc(1, sizeof *stream);

	for (int i = 0; stream != NULL && i < 2; i++) {
		stream->hashes[i] = EVP_MD_CTX_new();
		if (stream->hashes[i] == NULL || EVP_DigestInit_ex(stream->hashes[i], EVP_sha256(), NULL) != 1) {
			stream_free(stream);
			stream = NULL;
		}
	}
	if (stream == NULL)
		error_set(err, ENOMEM, "no memory to read an image");
	else
		stream->hash = hash;
	return stream;
}

void stream_free(struct stream *stream)
{
	if (stream == NULL)
		return;
	archive_read_free(stream->filter);
	EVP_MD_CTX_free(stream->hashes[0]);
	EVP_MD_CTX_free(stream->hashes[1]);
	free(stream);
}

/* The next bytes of the file: 0 at the slice's end. A file that ends before its slice is cut. */
static ssize_t input_read(struct stream *stream, struct error *err)
{
	size_t want = stream->rest.size < BLOCK ? (size_t)stream->rest.size : BLOCK;
	size_t got = 0;

	while (got < want) {
		ssize_t n = pread(stream->rest.fd, stream->block + got, want - got, (off_t)(stream->rest.offset + got));
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return error_errno(err, "cannot read the upload");
		if (n == 0)
			return error_field(err, "tar", "the archive is cut off");
		got += (size_t)n;
	}
	stream->rest.offset += got;
	stream->rest.size -= got;
	stream->input += got;
	if (stream->hash != STREAM_HASH_NONE)
		EVP_DigestUpdate(stream->hashes[0], stream->block, got);
	return (ssize_t)got;
}

static la_ssize_t filter_feed(struct archive *filter, void *data, const void **ret_block)
{
	struct stream *stream = data;
	ssize_t n = input_read(stream, &stream->failure);

	if (n == -1)
		archive_set_error(filter, stream->failure.code, "%s", stream->failure.message);
	*ret_block = stream->block;
	return n;
}

static int filter_fail(struct stream *stream, struct error *err)
{
	if (stream->failure.code != 0) {
		*err = stream->failure;
		return -1;
	}
	return error_field(err, "tar", "cannot be unpacked: %s", archive_error_string(stream->filter));
}

static int filter_open(struct stream *stream, int (*support)(struct archive *), struct error *err)
{
	struct archive_entry *entry;

	stream->filter = archive_read_new();
	if (stream->filter == NULL)
		return error_set(err, ENOMEM, "no memory to unpack");
	archive_read_support_format_raw(stream->filter);
	support(stream->filter);
	if (archive_read_open(stream->filter, stream, NULL, filter_feed, NULL) != ARCHIVE_OK ||
	    archive_read_next_header(stream->filter, &entry) != ARCHIVE_OK)
		return filter_fail(stream, err);
	/* Its own and that of the file itself. */
	if (archive_filter_count(stream->filter) > 2)
		return error_field(err, "tar", "it is compressed more than once");
	return 0;
}

int stream_open(struct stream *stream, const struct slice *slice, struct error *err)
{
	static const struct {
		unsigned char mark[6];
		size_t size;
		int (*support)(struct archive *);
	} filters[] = {
		{ { 0x1f, 0x8b }, 2, archive_read_support_filter_gzip },
		{ { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6, archive_read_support_filter_xz },
		{ { 0x28, 0xb5, 0x2f, 0xfd }, 4, archive_read_support_filter_zstd },
	};
	unsigned char head[6] = { 0 };

	archive_read_free(stream->filter);
	stream->filter = NULL;
	stream->input = stream->plain = 0;
	stream->ended = false;
	stream->failure = (struct error)ERROR_INIT;
	stream->rest = *slice;
	if (EVP_DigestInit_ex(stream->hashes[0], NULL, NULL) != 1 || EVP_DigestInit_ex(stream->hashes[1], NULL, NULL) != 1)
		return error_set(err, ENOMEM, "cannot begin to hash an image");
	if (pread(slice->fd, head, sizeof head < slice->size ? sizeof head : slice->size, (off_t)slice->offset) == -1)
		return error_errno(err, "cannot read the upload");
	for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
		if (memcmp(head, filters[i].mark, filters[i].size) == 0)
			return filter_open(stream, filters[i].support, err);
	return 0;
}

bool stream_compressed(const struct stream *stream)
{
	return stream->filter != NULL;
}

static ssize_t filter_read(struct stream *stream, const void **ret_block, struct error *err)
{
	la_int64_t offset;
	size_t size = 0;

	if (stream->ended)
		return 0;
	int got = archive_read_data_block(stream->filter, ret_block, &size, &offset);
	if (got == ARCHIVE_EOF) {
		stream->ended = true;
		return 0;
	}
	if (got != ARCHIVE_OK)
		return filter_fail(stream, err);
	stream->plain += size;
	if (stream->plain > STREAM_FREE && stream->plain / STREAM_RATIO > stream->input)
		return error_field(err, "tar", "it unpacks to more than %d times its size: a bomb", STREAM_RATIO);
	if (stream->hash == STREAM_HASH_BOTH)
		EVP_DigestUpdate(stream->hashes[1], *ret_block, size);
	return (ssize_t)size;
}

ssize_t stream_read(struct stream *stream, const void **ret_block, struct error *err)
{
	if (stream->filter != NULL)
		return filter_read(stream, ret_block, err);
	*ret_block = stream->block;
	return input_read(stream, err);
}

int64_t stream_skip(struct stream *stream, int64_t size)
{
	if (stream->filter != NULL || stream->hash != STREAM_HASH_NONE || size < 0)
		return 0;
	uint64_t step = (uint64_t)size < stream->rest.size ? (uint64_t)size : stream->rest.size;
	stream->rest.offset += step;
	stream->rest.size -= step;
	stream->input += step;
	return (int64_t)step;
}

static void digest_tell(EVP_MD_CTX *hash, char ret_digest[DIGEST_TEXT])
{
	unsigned char digest[DIGEST_BYTES];

	EVP_DigestFinal_ex(hash, digest, NULL);
	hex_encode(digest, sizeof digest, ret_digest);
}

int stream_finish(struct stream *stream, char ret_input[DIGEST_TEXT], char ret_plain[DIGEST_TEXT], struct error *err)
{
	char input[DIGEST_TEXT];
	const void *block;
	ssize_t n;

	while ((n = stream_read(stream, &block, err)) > 0)
		;
	/* What stands behind the end of the compression is part of the file all the same. */
	while (n == 0 && stream->rest.size > 0)
		if (input_read(stream, err) == -1)
			n = -1;
	if (n == -1)
		return -1;
	digest_tell(stream->hashes[0], input);
	if (ret_plain != NULL && stream->filter == NULL)
		memcpy(ret_plain, input, DIGEST_TEXT);
	else if (ret_plain != NULL)
		digest_tell(stream->hashes[1], ret_plain);
	if (ret_input != NULL)
		memcpy(ret_input, input, DIGEST_TEXT);
	return 0;
}
