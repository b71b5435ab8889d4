/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/audit/chain.h"

#include <openssl/evp.h>
#include <stdlib.h>

void chain_next(uint8_t chain[CHAIN_BYTES], const struct chain_value values[CHAIN_VALUES])
{
	static EVP_MD_CTX *hash;

	if (hash == NULL)
		hash = EVP_MD_CTX_new();
	if (hash == NULL || EVP_DigestInit_ex(hash, EVP_sha256(), NULL) != 1 || EVP_DigestUpdate(hash, chain, CHAIN_BYTES) != 1)
		abort(); /* without memory for it there is no log */
	for (int i = 0; i < CHAIN_VALUES; i++) {
		size_t size = values[i].text == NULL ? UINT32_MAX : values[i].size;
		uint8_t length[4] = { (uint8_t)(size >> 24), (uint8_t)(size >> 16), (uint8_t)(size >> 8), (uint8_t)size };
		if (EVP_DigestUpdate(hash, length, sizeof length) != 1 ||
		    (values[i].text != NULL && EVP_DigestUpdate(hash, values[i].text, size) != 1))
			abort();
	}
	if (EVP_DigestFinal_ex(hash, chain, NULL) != 1)
		abort();
}
