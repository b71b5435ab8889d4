/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/gate/assertion.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "daemon/gate/decide.h"
#include "daemon/gate/route_table.h"
#include "daemon/lib/error.h"
#include "daemon/lib/identity_key.h"
#include "daemon/lib/json.h"

enum {
	VALID_S = 60,
	FRESH_S = 20,    /* so long it is handed out again */
	KEPT = 256,      /* a power of two */
	TEXT_MAX = 1024,
	WHOM_MAX = 2 * ID_TEXT + GROUP_NAME_MAX + IDENTITY_TEXT + 4,
};

/* One that was made; another for the same slot takes its place. */
struct kept {
	time_t made;
	char whom[WHOM_MAX]; /* audience, group, identity */
	char text[TEXT_MAX];
};

static struct {
	const char *domain;
	struct identity_key *key;
	struct kept kept[KEPT];
} self;

void assertion_init(const char *domain)
{
	self.domain = domain;
}

int assertion_key(const uint8_t *key, struct error *err)
{
	struct identity_key *made = identity_key_new(key, err);

	if (made == NULL)
		return -1;
	identity_key_free(self.key);
	self.key = made;
	memset(self.kept, 0, sizeof self.kept);
	return 0;
}

static struct kept *kept_find(const char *whom)
{
	uint32_t hash = 2166136261; /* FNV-1a; whoever makes slots collide makes the gate sign more often, no more */

	for (const char *c = whom; *c != '\0'; c++)
		hash = (hash ^ (uint8_t)*c) * 16777619;
	return &self.kept[hash % KEPT];
}

static int assertion_sign(const char *audience, const struct verdict *verdict, time_t now, struct kept *ret_kept)
{
	char issuer[HOST_TEXT + 16];

	snprintf(issuer, sizeof issuer, "https://api.%s", self.domain);
	cleanup_json json_t *claims = json_pack("{s:s, s:s, s:s, s:s, s:I, s:I}", "iss", issuer, "aud", audience, "sub", verdict->identity, "group", verdict->group, "iat",
						(json_int_t)now, "exp", (json_int_t)now + VALID_S);
	return claims == NULL ? -1 : identity_key_sign(self.key, claims, ret_kept->text, sizeof ret_kept->text);
}

int assertion_make(const struct route *route, const struct verdict *verdict, char *text, size_t room)
{
	char project[ID_TEXT], container[ID_TEXT], audience[2 * ID_TEXT], whom[WHOM_MAX];
	time_t now = time(NULL);

	if (self.key == NULL)
		return -1;
	route_ids(route, project, container);
	snprintf(audience, sizeof audience, "%s-%s", project, container);
	snprintf(whom, sizeof whom, "%s\n%s\n%s", audience, verdict->group, verdict->identity);
	struct kept *kept = kept_find(whom);
	if (strcmp(kept->whom, whom) != 0 || now < kept->made || now - kept->made >= FRESH_S) {
		kept->whom[0] = '\0';
		if (assertion_sign(audience, verdict, now, kept) == -1)
			return -1;
		kept->made = now;
		memcpy(kept->whom, whom, sizeof whom);
	}
	return (size_t)snprintf(text, room, "%s", kept->text) < room ? 0 : -1;
}
