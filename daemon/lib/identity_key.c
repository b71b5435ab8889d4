/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/lib/identity_key.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/base64.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/hex.h"

enum { PUBLIC_BYTES = 32, SIGNATURE_BYTES = 64, KID_BYTES = 8 };

struct identity_key {
	EVP_PKEY *pkey;
	char x[BASE64_TEXT(PUBLIC_BYTES)];
	char kid[2 * KID_BYTES + 1];
	char head[128]; /* of its tokens, encoded, with the dot behind */
	size_t head_size;
};

struct identity_key *identity_key_new(const uint8_t bytes[IDENTITY_KEY_BYTES], struct error *err)
{
	struct identity_key *key = calloc(1, sizeof *key);
	uint8_t public[PUBLIC_BYTES], digest[EVP_MAX_MD_SIZE];
	size_t size = sizeof public;
	char text[96];

	if (key != NULL)
		key->pkey = EVP_PKEY_new_raw_private_key_ex(NULL, "ED25519", NULL, bytes, IDENTITY_KEY_BYTES);
	if (key == NULL || key->pkey == NULL || EVP_PKEY_get_raw_public_key(key->pkey, public, &size) != 1 || size != sizeof public ||
	    EVP_Digest(public, size, digest, NULL, EVP_sha256(), NULL) != 1) {
		identity_key_free(key);
		error_set(err, EIO, "cannot use the key that signs identities");
		return NULL;
	}
	base64_encode(public, sizeof public, true, key->x);
	hex_encode(digest, KID_BYTES, key->kid);
	int length = snprintf(text, sizeof text, "{\"alg\":\"EdDSA\",\"kid\":\"%s\",\"typ\":\"JWT\"}", key->kid);
	key->head_size = base64_encode(text, (size_t)length, true, key->head);
	key->head[key->head_size++] = '.';
	return key;
}

void identity_key_free(struct identity_key *key)
{
	if (key == NULL)
		return;
	EVP_PKEY_free(key->pkey);
	free(key);
}

json_t *identity_key_jwks(const struct identity_key *key, struct error *err)
{
	json_t *jwks = json_pack("{s:[{s:s, s:s, s:s, s:s, s:s, s:s}]}", "keys", "kty", "OKP", "crv", "Ed25519", "x", key->x, "kid", key->kid, "alg", "EdDSA", "use",
				 "sig");

	if (jwks == NULL)
		error_set(err, ENOMEM, "no memory for a key");
	return jwks;
}

int identity_key_sign(const struct identity_key *key, const json_t *claims, char *text, size_t room)
{
	cleanup_free char *payload = json_dumps(claims, JSON_COMPACT);
	uint8_t signature[SIGNATURE_BYTES];
	size_t size = payload == NULL ? 0 : strlen(payload), signed_size = sizeof signature;
	EVP_MD_CTX *context;
	int done;

	if (payload == NULL || key->head_size + BASE64_TEXT(size) + 1 + BASE64_TEXT(SIGNATURE_BYTES) > room)
		return -1;
	memcpy(text, key->head, key->head_size);
	size = key->head_size + base64_encode(payload, size, true, text + key->head_size);
	context = EVP_MD_CTX_new();
	done = context != NULL && EVP_DigestSignInit_ex(context, NULL, NULL, NULL, NULL, key->pkey, NULL) == 1 &&
	       EVP_DigestSign(context, signature, &signed_size, (const unsigned char *)text, size) == 1;
	EVP_MD_CTX_free(context);
	if (!done)
		return -1;
	text[size++] = '.';
	base64_encode(signature, sizeof signature, true, text + size);
	return 0;
}
