/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/gate/attempts.h"

#include <openssl/sha.h>
#include <string.h>
#include <sys/random.h>

enum { SLOTS = 4096, PROBES = 8, WINDOW_MS = 60 * 1000, KEY_BYTES = 16 };

struct slot {
	uint8_t key[KEY_BYTES]; /* of a hash with a secret, so that nobody steers who shares a slot */
	int64_t since_ms;
	uint32_t count;
};

static struct {
	struct slot slots[SLOTS];
	uint8_t secret[16];
	bool seeded;
} self;

static void key_make(const char *label, const struct cidr *source, uint8_t key[KEY_BYTES])
{
	uint8_t text[16 + 64 + 1 + 8] = { 0 }, digest[SHA256_DIGEST_LENGTH];

	if (!self.seeded)
		self.seeded = getrandom(self.secret, sizeof self.secret, 0) == (ssize_t)sizeof self.secret;
	memcpy(text, self.secret, 16);
	memcpy(text + 16, label, strnlen(label, 64));
	if (source != NULL) {
		text[80] = source->family;
		memcpy(text + 81, source->bytes, 8); /* four are all of IPv4 */
	}
	SHA256(text, sizeof text, digest);
	memcpy(key, digest, KEY_BYTES);
}

/* Its slot; with take the one that it gets: free, or else that of the oldest. */
static struct slot *slot_find(const uint8_t key[KEY_BYTES], int64_t now_ms, bool take)
{
	uint32_t begin;
	struct slot *oldest = NULL;

	memcpy(&begin, key, sizeof begin);
	for (uint32_t i = 0; i < PROBES; i++) {
		struct slot *slot = &self.slots[(begin + i) % SLOTS];
		if (slot->count > 0 && now_ms - slot->since_ms >= WINDOW_MS)
			*slot = (struct slot){ 0 };
		if (slot->count > 0 && memcmp(slot->key, key, KEY_BYTES) == 0)
			return slot;
		if (oldest == NULL || slot->count == 0 || (oldest->count > 0 && slot->since_ms < oldest->since_ms))
			oldest = slot;
	}
	if (!take)
		return NULL;
	*oldest = (struct slot){ .since_ms = now_ms };
	memcpy(oldest->key, key, KEY_BYTES);
	return oldest;
}

static uint32_t count_of(const char *label, const struct cidr *source, int64_t now_ms, uint32_t more)
{
	uint8_t key[KEY_BYTES];

	key_make(label, source, key);
	struct slot *slot = slot_find(key, now_ms, more > 0);
	if (slot == NULL)
		return 0;
	slot->count += more;
	return slot->count;
}

bool attempts_allowed(const char *label, const struct cidr *source, int64_t now_ms)
{
	return count_of(label, source, now_ms, 0) < ATTEMPTS_SOURCE_MAX && count_of(label, NULL, now_ms, 0) < ATTEMPTS_URL_MAX;
}

void attempts_failed(const char *label, const struct cidr *source, int64_t now_ms)
{
	(void)count_of(label, source, now_ms, 1);
	(void)count_of(label, NULL, now_ms, 1);
}

void attempts_reset(void)
{
	memset(self.slots, 0, sizeof self.slots);
}
