/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/gate/remembered.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { SLOTS = 1024, PROBES = 4, KEEP_MS = 60 * 1000, KEY_BYTES = 32 };

struct slot {
	uint8_t key[KEY_BYTES];
	int64_t until_ms; /* 0: free */
	bool matches;
};

static struct {
	struct slot slots[SLOTS];
	uint8_t secret[KEY_BYTES];
	bool seeded;
} self;

static void key_make(const char *hash, const char *password, uint8_t key[KEY_BYTES])
{
	/* A hash has no NUL: what is before and behind is clear. */
	char text[2048];
	size_t hash_size = strnlen(hash, 512) + 1, password_size = strnlen(password, 1024);
	unsigned int size = KEY_BYTES;

	if (!self.seeded && getrandom(self.secret, sizeof self.secret, 0) != (ssize_t)sizeof self.secret)
		abort(); /* cannot happen for 32 bytes, getrandom(2) */
	self.seeded = true;
	memcpy(text, hash, hash_size - 1);
	text[hash_size - 1] = '\0';
	memcpy(text + hash_size, password, password_size);
	HMAC(EVP_sha256(), self.secret, sizeof self.secret, (const unsigned char *)text, hash_size + password_size, key, &size);
	explicit_bzero(text, sizeof text);
}

static struct slot *slot_at(const uint8_t key[KEY_BYTES], uint32_t probe)
{
	uint32_t begin;

	memcpy(&begin, key, sizeof begin);
	return &self.slots[(begin % SLOTS + probe) % SLOTS];
}

int remembered_find(const char *hash, const char *password, int64_t now_ms)
{
	uint8_t key[KEY_BYTES];

	key_make(hash, password, key);
	for (uint32_t i = 0; i < PROBES; i++) {
		const struct slot *slot = slot_at(key, i);
		if (slot->until_ms > now_ms && CRYPTO_memcmp(slot->key, key, KEY_BYTES) == 0)
			return slot->matches;
	}
	return -1;
}

void remembered_add(const char *hash, const char *password, bool matches, int64_t now_ms)
{
	uint8_t key[KEY_BYTES];
	struct slot *oldest = NULL;

	key_make(hash, password, key);
	for (uint32_t i = 0; i < PROBES; i++) {
		struct slot *slot = slot_at(key, i);
		if (oldest == NULL || slot->until_ms < oldest->until_ms)
			oldest = slot;
	}
	*oldest = (struct slot){ .until_ms = now_ms + KEEP_MS, .matches = matches };
	memcpy(oldest->key, key, KEY_BYTES);
}
