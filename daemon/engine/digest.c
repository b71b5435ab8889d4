/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"

enum { BLOCK = 128 * 1024 };

int digest_file(int fd, char hash[DIGEST_TEXT], struct error *err)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	cleanup_free char *block = malloc(BLOCK);
	int result = context != NULL && block != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 ?
			     0 : error_set(err, ENOMEM, "no memory to hash a file");

	for (off_t at = 0; result == 0;) {
		ssize_t n = pread(fd, block, BLOCK, at);
		if (n == 0)
			break;
		if (n == -1)
			result = errno == EINTR ? 0 : error_errno(err, "cannot read a file to hash it");
		else if (EVP_DigestUpdate(context, block, (size_t)n) != 1)
			result = error_set(err, ENOMEM, "no memory to hash a file");
		at += n > 0 ? n : 0;
	}
	if (result == 0 && EVP_DigestFinal_ex(context, digest, NULL) != 1)
		result = error_set(err, ENOMEM, "no memory to hash a file");
	if (result == 0)
		hex_encode(digest, DIGEST_BYTES, hash);
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED); /* read once: it need not push out what is used */
	EVP_MD_CTX_free(context);
	return result;
}
