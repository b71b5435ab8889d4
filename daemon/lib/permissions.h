/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * permissions: who may use the URLs of a realm, a project or a container. A document:
 *
 *	{"groups": {NAME: GROUP}, "permissions": {NAME: {SERVICE: ACCESS}},
 *	 "default": "allow" | "deny" | null, "enable_proxy": true | false}
 *
 * A GROUP is a condition, a list of GROUPs of which one is enough, {"any": [GROUP]} or {"all": [GROUP]}.
 * A condition is an object with a "type":
 *
 *	open      everybody
 *	ip        range or ranges: networks that the client is in
 *	token     value: a secret that comes by one of header, cookie, param, else as Authorization: Bearer; name, expires_at
 *	password  username, password: by HTTP Basic (RFC 7617)
 *	jwt       algorithm, and secret, key or jwks (jwt.h); sources: ["header:NAME", "cookie:NAME"], else
 *	          Authorization: Bearer; issuer, audience, claims, leeway, require_expiry
 *
 * SERVICE is a service's name, a port, or "*". ACCESS is true, false, {"methods": [...], "paths": [...]}, or a list
 * of these, of which one is enough.
 *
 * Kept, and handed from role to role, is the normal form: of tokens the SHA-256 ("sha256"), of passwords a
 * hash (password.h: "hash"). It can be read as well.
 */
#ifndef BULKHEAD_PERMISSIONS_H
#define BULKHEAD_PERMISSIONS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/lib/cidr.h"
#include "daemon/lib/hex.h"
#include "daemon/lib/jwt.h"
#include "daemon/lib/protocol.h"

struct error;

enum {
	PERMISSIONS_TEXT_MAX = 512 * 1024, /* of a document */
	GROUPS_MAX = 64,
	GROUP_NAME_MAX = 50,
	CONDITIONS_MAX = 256,      /* of a group */
	GROUP_DEPTH_MAX = 4,
	CONDITION_RANGES_MAX = 64,
	CONDITION_SOURCES_MAX = 4,
	CONDITION_NAME_MAX = 64,
	SOURCE_NAME_MAX = 64,
	TOKEN_VALUE_MIN = 16,
	TOKEN_VALUE_MAX = 1024,
	PASSWORD_MIN = 8,
	GRANTS_MAX = 64,           /* of a group */
	GRANT_METHODS_MAX = 16,
	GRANT_PATHS_MAX = 32,
	METHOD_MAX = 20,
	PATH_PATTERN_MAX = 256,
};

enum condition_kind { CONDITION_OPEN, CONDITION_IP, CONDITION_TOKEN, CONDITION_PASSWORD, CONDITION_JWT, CONDITION_KINDS };

enum source_kind { SOURCE_BEARER, SOURCE_HEADER, SOURCE_COOKIE, SOURCE_PARAM };

struct source {
	enum source_kind kind;
	char name[SOURCE_NAME_MAX + 1]; /* of a header in lower case; of SOURCE_BEARER "" */
};

struct condition {
	enum condition_kind kind;
	char name[CONDITION_NAME_MAX + 1]; /* of a token, or the user's of a password */
	bool forward;                      /* the credential goes on to the service */
	size_t range_count, source_count;
	struct cidr *ranges;               /* owned */
	struct source sources[CONDITION_SOURCES_MAX];
	uint8_t digest[DIGEST_BYTES];      /* of a token */
	char *hash;                        /* of a password; owned */
	int64_t expires_ms;                /* of a token, since 1970; 0: never */
	struct jwt_policy jwt;
	struct jwt_keys *keys;             /* owned, as what jwt has */
	char *issuer, *audience;
	json_t *claims;
};

enum requirement_kind { REQUIREMENT_CONDITION, REQUIREMENT_ANY, REQUIREMENT_ALL };

struct requirement {
	enum requirement_kind kind;
	size_t part_count;
	struct requirement *parts;   /* owned */
	struct condition *condition; /* owned */
};

/* What a group may use. */
struct grant {
	char service[SERVICE_TEXT];  /* name or port; "*": all */
	size_t method_count, path_count; /* 0: all */
	char (*methods)[METHOD_MAX + 1]; /* owned */
	char (*paths)[PATH_PATTERN_MAX + 1];
};

struct group {
	char name[GROUP_NAME_MAX + 1];
	bool defined;                /* the document has it; else it says only what the group of a farther document may use */
	bool permitted;              /* the document says what it may use */
	struct requirement requirement;
	size_t grant_count;
	struct grant *grants;        /* owned */
};

enum fallback { FALLBACK_UNSAID, FALLBACK_ALLOW, FALLBACK_DENY };

struct permissions {
	size_t group_count;
	struct group *groups;        /* owned, sorted by name */
	enum fallback fallback;      /* where no group decides: what the document says, or deny if it has a group */
	bool cut;                    /* enable_proxy is false */
};

/*
 * Reads one. What a client sends may have secrets in plain: those of tokens become their SHA-256 in *ret_normal,
 * which is the caller's; those of passwords stay for password_hash(). NULL: not wanted. -1 with err->field.
 */
int permissions_read(json_t *document, struct permissions *ret_permissions, json_t **ret_normal, struct error *err);
void permissions_free(struct permissions *permissions); /* zeroed: nothing */

/* True if it says nothing: as if there were none. */
bool permissions_empty(const struct permissions *permissions);

/* NULL: it does not name it. */
const struct group *permissions_group(const struct permissions *permissions, const char *name);

/* Every condition of a normal document; false from the callback ends the walk, and is returned. */
typedef bool permissions_walk_cb(const char *group, json_t *condition, void *data);
bool permissions_walk(json_t *normal, permissions_walk_cb *cb, void *data);

#endif
