/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * document: what a realm, a project or a container says of its firewall:
 * {"egress": "open" | "allow-list" | "none" | null, "limits": {...} (traffic.h), "rules":
 * [...]}; a container's has "ports": [...], too, a realm's "internal": "open" | "closed": whether containers of
 * the realm reach one another where no rule decides. Closed, unless it says so.
 * One row of table firewalls each; none is an empty one of version 0.
 *
 * A container has the rules of all three: lower priority first; of equal ones those of
 * the realm, the project, the container, each in its own order. Of their egress modes
 * the strictest holds, and of each limit the smallest.
 */
#ifndef BULKHEAD_API_DOCUMENT_H
#define BULKHEAD_API_DOCUMENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/lib/hex.h"
#include "daemon/lib/ruleset.h"

struct error;
struct hostcfg;
struct store;

enum {
	DOCUMENT_RULES_MAX = 1000, /* of one; a container may have those of three */
};

enum document_scope { DOCUMENT_REALM, DOCUMENT_PROJECT, DOCUMENT_CONTAINER };

enum egress_mode {
	EGRESS_OPEN,       /* what no rule decides passes */
	EGRESS_ALLOW_LIST, /* what no rule allows is dropped */
	EGRESS_NONE,       /* nothing passes, whatever the rules say */
};

/*
 * The document in its normal form, every rule with its id; the caller's reference. NULL
 * with err->field. Whom its rules name is for document_peers_check().
 */
json_t *document_read(const struct hostcfg *cfg, enum document_scope scope, json_t *body, struct error *err);

/* Of a realm's, project's or container's id. *ret_version: 0 if it has none. NULL with err. */
json_t *document_load(struct store *store, const char *id, int64_t *ret_version, struct error *err);

/*
 * Whether the containers, projects and address sets that rules name are of the realm. What before,
 * the document so far, names may be gone: such a rule matches nobody. -1 with err->field.
 */
int document_peers_check(struct store *store, const char *realm, json_t *document, json_t *before, struct error *err);

/* Of a container: 1, 0 if there is none, -1 with err. */
int document_groups(struct store *store, const char *container, struct rule_groups *ret_groups, struct error *err);

/* Where a container's rule comes from. */
struct origin {
	enum document_scope scope;
	char id[ID_TEXT];
};

/*
 * What all three documents make of a container at a time (ms since 1970): rules that
 * are disabled or expired are left out. ret_origins, one for each rule, may be NULL;
 * the caller frees both. *ret_until: when the next of the rules expires; 0: none does.
 */
int document_effective(struct store *store, const char *container, int64_t now_ms, struct ruleset *ret_set, struct origin **ret_origins,
		       enum egress_mode *ret_mode, int64_t *ret_until, struct error *err);

const char *document_egress_name(enum egress_mode mode);
const char *document_internal_name(bool open);
const char *document_scope_name(enum document_scope scope);

#endif
