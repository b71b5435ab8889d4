/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/nameset.h"

#include <openssl/evp.h>
#include <string.h>

#include "daemon/engine/commands.h"
#include "daemon/engine/step.h"
#include "daemon/engine/tally.h"
#include "daemon/lib/error.h"
#include "daemon/lib/hex.h"
#include "daemon/lib/log.h"

enum {
	DIGEST_SHORT = 8,     /* bytes of a pattern's SHA-256 */
	ADDRESSES_MAX = 4096, /* of a pattern, of each family */
};

/* "n4_" and the beginning of the pattern's SHA-256. */
void nameset_name(const char *pattern, uint8_t family, char name[NAMESET_NAME])
{
	unsigned char digest[EVP_MAX_MD_SIZE] = { 0 };
	char text[2 * DIGEST_SHORT + 1];

	(void)EVP_Digest(pattern, strlen(pattern), digest, NULL, EVP_sha256(), NULL);
	hex_encode(digest, DIGEST_SHORT, text);
	snprintf(name, NAMESET_NAME, "n%c_%s", family == AF_INET ? '4' : '6', text);
}

void nameset_make(FILE *out, const char *pattern)
{
	char name[NAMESET_NAME];

	nameset_name(pattern, AF_INET, name);
	fprintf(out, "add set " COMMANDS_TABLE "%s { type ipv4_addr; size %d; flags timeout; }\n", name, ADDRESSES_MAX);
	nameset_name(pattern, AF_INET6, name);
	fprintf(out, "add set " COMMANDS_TABLE "%s { type ipv6_addr; size %d; flags timeout; }\n", name, ADDRESSES_MAX);
}

void nameset_destroy(FILE *out, const char *pattern)
{
	char sets[2][NAMESET_NAME];

	nameset_name(pattern, AF_INET, sets[0]);
	nameset_name(pattern, AF_INET6, sets[1]);
	fprintf(out, "destroy set " COMMANDS_TABLE "%s\ndestroy set " COMMANDS_TABLE "%s\n", sets[0], sets[1]);
}

bool nameset_holds(const char *pattern, const struct cidr *address, void *data)
{
	char set[NAMESET_NAME];
	struct error err = ERROR_INIT;

	(void)data;
	nameset_name(pattern, address->family, set);
	struct step step = { .set = set };
	step_address(&step, address);
	int found = step_find(&step, &err);
	if (found == -1)
		log_error("cannot look for an address of %s: %s", pattern, err.message);
	return found == 1;
}

struct listing {
	json_t *addresses;
	uint8_t family;
};

static void address_list(const uint8_t *key, size_t size, uint64_t left_ms, void *data)
{
	const struct listing *listing = data;
	struct cidr address = { .family = listing->family, .prefix = listing->family == AF_INET ? 32 : 128 };
	char text[CIDR_TEXT];

	if (size > sizeof address.bytes)
		return;
	memcpy(address.bytes, key, size);
	cidr_format(&address, text);
	json_object_set_new(listing->addresses, text, json_integer((json_int_t)(left_ms / 1000)));
}

json_t *nameset_list(const char *pattern, struct error *err)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	struct listing listing = { .addresses = json_object() };
	char set[NAMESET_NAME];

	for (size_t i = 0; i < 2; i++) {
		listing.family = families[i];
		nameset_name(pattern, families[i], set);
		if (tally_timed(set, address_list, &listing, err) == -1) {
			json_decref(listing.addresses);
			return NULL;
		}
	}
	return listing.addresses;
}
