/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/upload.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/api/api.h"
#include "daemon/api/request.h"
#include "daemon/api/spool.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/log.h"

enum { SPACE_CHECK = 16 << 20 };         /* bytes between two looks at the free space */

struct upload {
	struct upload *next;
	char realm[ID_TEXT];
	int fd, reader;
	EVP_MD_CTX *hash;
	uint64_t size, checked;
};

static struct upload *uploads;

/* Those of a realm; NULL: all. */
static int uploads_count(const char *realm)
{
	int count = 0;

	for (const struct upload *upload = uploads; upload != NULL; upload = upload->next)
		count += realm == NULL || strcmp(upload->realm, realm) == 0;
	return count;
}

static void fail_space(struct request *request)
{
	request_fail(request, 507, "no_space", NULL, "the data disk has not enough free space for this");
}

static void fail_size(struct request *request)
{
	request_fail(request, 413, "too_large", NULL, "an image or file may have at most %llu bytes",
		     (unsigned long long)UPLOAD_BYTES_MAX);
}

struct upload *upload_open(struct request *request, uint64_t declared)
{
	struct error err = ERROR_INIT;

	if (declared != UINT64_MAX && declared > UPLOAD_BYTES_MAX) {
		fail_size(request);
		return NULL;
	}
	if (uploads_count(NULL) >= UPLOADS_MAX || uploads_count(request->realm) >= UPLOADS_REALM_MAX) {
		request_fail(request, 503, "unavailable", NULL,
			     "too many images and files are under way: %d may be at a time, %d for one realm; try again later",
			     UPLOADS_MAX, UPLOADS_REALM_MAX);
		return NULL;
	}
	struct upload *upload = calloc(1, sizeof *upload);
	if (upload == NULL) {
		request_fail(request, 503, "unavailable", NULL, "no memory for an upload");
		return NULL;
	}
	memcpy(upload->realm, request->realm, sizeof upload->realm);
	upload->next = uploads;
	uploads = upload;
	upload->reader = -1;
	upload->fd = spool_open(&err);
	upload->hash = EVP_MD_CTX_new();
	if (upload->fd != -1 && (upload->hash == NULL || EVP_DigestInit_ex(upload->hash, EVP_sha256(), NULL) != 1))
		error_set(&err, ENOBUFS, "no memory for an upload");
	if (err.code != 0) {
		upload_free(upload);
		request_fail_host(request, &err);
		return NULL;
	}
	if (spool_room(upload->fd) < (declared == UINT64_MAX ? 1 : declared)) {
		upload_free(upload);
		fail_space(request);
		return NULL;
	}
	return upload;
}

void upload_write(struct upload *upload, struct request *request, const void *data, size_t size)
{
	struct error err = ERROR_INIT;

	if (upload->size + size > UPLOAD_BYTES_MAX) {
		fail_size(request);
		return;
	}
	if (upload->size - upload->checked >= SPACE_CHECK) {
		upload->checked = upload->size;
		if (spool_room(upload->fd) < size) {
			fail_space(request);
			return;
		}
	}
	if (fd_write_full(upload->fd, data, size) == -1) {
		error_errno(&err, "cannot store the upload");
		request_fail_host(request, &err);
		return;
	}
	if (EVP_DigestUpdate(upload->hash, data, size) != 1) {
		request_fail(request, 500, "internal", NULL, "cannot hash the upload");
		return;
	}
	upload->size += size;
}

int upload_finish(struct upload *upload, char ret_digest[DIGEST_TEXT], struct error *err)
{
	unsigned char digest[DIGEST_BYTES];

	if (EVP_DigestFinal_ex(upload->hash, digest, NULL) != 1)
		return error_set(err, EIO, "cannot hash the upload");
	upload->reader = spool_reader(upload->fd, err);
	if (upload->reader == -1)
		return -1;
	hex_encode(digest, sizeof digest, ret_digest);
	return 0;
}

int upload_reader(const struct upload *upload)
{
	return upload->reader;
}

int upload_file(const struct upload *upload)
{
	return upload->fd;
}

uint64_t upload_room(const struct upload *upload)
{
	/* What others write meanwhile is not known: nobody gets more than a share. */
	uint64_t room = spool_room(upload->fd) / UPLOADS_MAX;

	return room < UPLOAD_BYTES_MAX ? room : UPLOAD_BYTES_MAX;
}

int upload_copy(const struct upload *upload, struct error *err)
{
	return spool_reader(upload->fd, err);
}

void upload_free(struct upload *upload)
{
	if (upload == NULL)
		return;
	fd_cleanup(&upload->fd);
	fd_cleanup(&upload->reader);
	EVP_MD_CTX_free(upload->hash);
	struct upload **link = &uploads;
	while (*link != upload)
		link = &(*link)->next;
	*link = upload->next;
	free(upload);
}
