/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/gate/assertion.h"

#include <stdio.h>
#include <time.h>

#include "daemon/gate/decide.h"
#include "daemon/gate/route_table.h"
#include "daemon/gate/visit.h"
#include "daemon/lib/error.h"
#include "daemon/lib/identity_key.h"
#include "daemon/lib/json.h"

enum { VALID_S = 60 };

static struct {
	const char *domain;
	struct identity_key *key;
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
	return 0;
}

int assertion_make(const struct route *route, const struct visit *visit, const struct verdict *verdict, char *text, size_t room)
{
	char issuer[HOST_TEXT + 16], project[ID_TEXT], container[ID_TEXT], audience[2 * ID_TEXT];
	json_int_t now = (json_int_t)time(NULL);

	if (self.key == NULL)
		return -1;
	snprintf(issuer, sizeof issuer, "https://api.%s", self.domain);
	route_ids(route, project, container);
	snprintf(audience, sizeof audience, "%s-%s", project, container);
	cleanup_json json_t *claims = json_pack("{s:s, s:s, s:s, s:s, s:I, s:I}", "iss", issuer, "aud", audience, "sub", verdict->identity, "group", verdict->group, "iat",
						now, "exp", now + VALID_S);
	if (claims != NULL && visit->id.text != NULL)
		json_object_set_new(claims, "jti", json_stringn(visit->id.text, visit->id.size));
	return claims == NULL ? -1 : identity_key_sign(self.key, claims, text, room);
}
