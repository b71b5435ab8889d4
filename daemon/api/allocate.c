/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/allocate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "daemon/api/store.h"
#include "daemon/lib/error.h"

uint32_t allocate_next_ipv4(const struct hostcfg_address *pool, uint32_t last)
{
	uint32_t mask = (uint32_t)(UINT64_C(0xffffffff) << (32 - pool->prefix));
	uint32_t first = (ntohl(pool->v4.s_addr) & mask) + 2;
	uint32_t end = (first | ~mask) - 1;

	return last < first || last >= end ? first : last + 1;
}

void allocate_ipv6(const uint8_t prefix[6], const char id[ID_TEXT], uint8_t ipv6[16])
{
	uint8_t bytes[ID_BYTES] = { 0 };

	(void)hex_decode(id, bytes, sizeof bytes); /* an id that we made */
	memcpy(ipv6, prefix, 6);
	memcpy(ipv6 + 6, bytes, 10);
}

static int meta_set(struct store *store, const char *key, int64_t value, struct error *err)
{
	return store_do(store, err, "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", "si", key, value);
}

/* The host's fdxx:xxxx:xxxx::/48, made at the first container. */
static int prefix_get(struct store *store, uint8_t ret_prefix[6], struct error *err)
{
	cleanup_query sqlite3_stmt *query =
		store_query(store, err, "SELECT value FROM meta WHERE key = 'ipv6_prefix'", "");
	int step = query == NULL ? -1 : query_step(query, err);

	if (step == -1)
		return -1;
	if (step == 1 && sqlite3_column_bytes(query, 0) == 6) {
		memcpy(ret_prefix, sqlite3_column_blob(query, 0), 6);
		return 0;
	}
	if (getrandom(ret_prefix, 6, 0) != 6)
		abort(); /* cannot happen for 6 bytes, getrandom(2) */
	ret_prefix[0] = 0xfd;
	return store_do(store, err, "INSERT OR REPLACE INTO meta (key, value) VALUES ('ipv6_prefix', ?)", "b",
			 ret_prefix, (size_t)6);
}

static int ipv4_get(struct store *store, const struct hostcfg_address *pool, int64_t now_ms, uint32_t *ret_ipv4,
		    struct error *err)
{
	int64_t last, taken;

	if (store_run(store, err, "DELETE FROM quarantine WHERE until <= ?", "i", now_ms) == -1 ||
	    store_number(store, err, 0, &last, "SELECT value FROM meta WHERE key = 'ipv4_last'", "") == -1)
		return -1;
	uint32_t start = allocate_next_ipv4(pool, (uint32_t)last), next = start;
	do {
		if (store_number(store, err, 0, &taken,
				 "SELECT 1 FROM containers WHERE ipv4 = ? UNION SELECT 1 FROM quarantine WHERE ipv4 = ?",
				 "ii", (int64_t)next, (int64_t)next) == -1)
			return -1;
		if (taken == 0) {
			*ret_ipv4 = next;
			return meta_set(store, "ipv4_last", next, err);
		}
		next = allocate_next_ipv4(pool, next);
	} while (next != start);
	return error_set(err, EAGAIN, "no IPv4 address is free; addresses of deleted containers rest for %d minutes",
			 ALLOCATE_QUARANTINE_MS / 60000);
}

static int id_base_get(struct store *store, uint32_t *ret_base, struct error *err)
{
	int64_t last, taken;

	if (store_number(store, err, -1, &last, "SELECT value FROM meta WHERE key = 'id_last'", "") == -1)
		return -1;
	for (int64_t i = 1; i <= ALLOCATE_ID_COUNT; i++) {
		int64_t index = (last + i) % ALLOCATE_ID_COUNT;
		int64_t base = ALLOCATE_ID_FIRST + index * ALLOCATE_ID_RANGE;
		if (store_number(store, err, 0, &taken, "SELECT 1 FROM containers WHERE id_base = ?", "i", base) == -1)
			return -1;
		if (taken == 0) {
			*ret_base = (uint32_t)base;
			return meta_set(store, "id_last", index, err);
		}
	}
	return error_set(err, EAGAIN, "no range of user ids is free: %d containers exist", ALLOCATE_ID_COUNT);
}

int allocate(struct store *store, const struct hostcfg_address *pool, const char id[ID_TEXT], int64_t now_ms,
	     struct allocation *ret_allocation, struct error *err)
{
	uint8_t prefix[6];

	if (ipv4_get(store, pool, now_ms, &ret_allocation->ipv4, err) == -1 ||
	    id_base_get(store, &ret_allocation->id_base, err) == -1 || prefix_get(store, prefix, err) == -1)
		return -1;
	allocate_ipv6(prefix, id, ret_allocation->ipv6);
	return 0;
}

int allocate_release(struct store *store, uint32_t ipv4, int64_t now_ms, struct error *err)
{
	return store_do(store, err, "INSERT OR REPLACE INTO quarantine (ipv4, until) VALUES (?, ?)", "ii", (int64_t)ipv4,
			 now_ms + ALLOCATE_QUARANTINE_MS);
}
