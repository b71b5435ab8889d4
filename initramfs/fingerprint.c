/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "initramfs/fingerprint.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "daemon/lib/hostcfg.h"

bool fingerprint_of_key(const char *line, char text[FINGERPRINT_TEXT])
{
	uint8_t blob[HOSTCFG_KEY_MAX], digest[32];
	char encoded[HOSTCFG_KEY_MAX + 1], hash[48];

	/* "<type> <base64>[ comment]" */
	if (sscanf(line, "%*s %1024s", encoded) != 1)
		return false;
	size_t length = strlen(encoded);
	if (length == 0 || length % 4 != 0)
		return false;
	int blob_size = EVP_DecodeBlock(blob, (const unsigned char *)encoded, (int)length);
	if (blob_size < 0)
		return false;
	/* EVP_DecodeBlock counts the padding as zero bytes. */
	for (size_t i = length; i > length - 2 && encoded[i - 1] == '='; i--)
		blob_size--;
	if (EVP_Digest(blob, (size_t)blob_size, digest, NULL, EVP_sha256(), NULL) != 1)
		return false;
	int hash_size = EVP_EncodeBlock((unsigned char *)hash, digest, sizeof digest);
	while (hash_size > 0 && hash[hash_size - 1] == '=')
		hash[--hash_size] = '\0';
	snprintf(text, FINGERPRINT_TEXT, "SHA256:%s", hash);
	return true;
}
