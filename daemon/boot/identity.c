/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/boot/identity.h"

#include <errno.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#include "daemon/boot/boot.h"
#include "daemon/lib/certificate.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/hex.h"
#include "daemon/lib/sshkey.h"

enum { PEM_MAX = 256 * 1024 };

int identity_ssh(char *out, size_t size, struct error *err)
{
	return sshkey_fingerprint(BOOT_HOST_KEY, out, size, err);
}

int identity_certificate(char **ret_pem, struct error *err)
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----", end[] = "-----END CERTIFICATE-----";
	char *text, *from, *to;
	size_t size, kept = 0;

	if (file_read(CERTIFICATE_PATH, PEM_MAX, &text, &size, err) < 0)
		return -1;
	/* Only the certificates move to the front; the rest, the key with it, is wiped. */
	for (from = text; (from = strstr(from, begin)) != NULL && (to = strstr(from, end)) != NULL; from = to) {
		to += sizeof end - 1;
		to += strspn(to, "\r\n");
		memmove(text + kept, from, (size_t)(to - from));
		kept += (size_t)(to - from);
	}
	explicit_bzero(text + kept, size - kept);
	if (kept == 0) {
		free(text);
		return error_set(err, ENOENT, "%s holds no certificate", CERTIFICATE_PATH);
	}
	*ret_pem = text;
	return 0;
}

int identity_certificate_digest(char *out, size_t size, struct error *err)
{
	cleanup_free char *pem = NULL;
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned int length = 0;

	if (size < DIGEST_TEXT)
		return error_set(err, E2BIG, "no room for a digest");
	if (identity_certificate(&pem, err) < 0)
		return -1;
	BIO *memory = BIO_new_mem_buf(pem, -1);
	X509 *certificate = memory != NULL ? PEM_read_bio_X509(memory, NULL, NULL, NULL) : NULL;
	int made = certificate != NULL && X509_digest(certificate, EVP_sha256(), digest, &length) == 1;
	X509_free(certificate);
	BIO_free(memory);
	if (!made || length != DIGEST_BYTES)
		return error_set(err, EINVAL, "%s cannot be read", CERTIFICATE_PATH);
	hex_encode(digest, length, out);
	return 0;
}
