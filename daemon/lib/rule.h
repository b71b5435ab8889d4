/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rule: one rule of the containers' firewall, as the API takes it and the engine
 * gives it to the kernel.
 *
 * A rule matches a packet that opens a connection. What it leaves open matches all:
 * neither addresses, peers nor names, any far end of both families; no ports, any port.
 */
#ifndef BULKHEAD_RULE_H
#define BULKHEAD_RULE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/lib/cidr.h"
#include "daemon/lib/domain.h"
#include "daemon/lib/hex.h"

struct error;

enum {
	RULE_ADDRESSES_MAX = 64,
	RULE_PORTS_MAX = 32,
	RULE_PEERS_MAX = 64,
	RULE_NAMES_MAX = 32,
	RULE_COMMENT_MAX = 255,
	RULE_PRIORITY_MAX = 1000,
	RULE_PRIORITY_DEFAULT = 500,
};

enum rule_direction { RULE_EGRESS, RULE_INGRESS, RULE_DIRECTIONS };
enum rule_action { RULE_ALLOW, RULE_DENY, RULE_REJECT, RULE_LOG, RULE_ACTIONS }; /* LOG: and goes on to the next */
enum rule_protocol { RULE_ANY, RULE_TCP, RULE_UDP, RULE_ICMP, RULE_ICMPV6, RULE_PROTOCOLS };

/* Of the same realm: a container, each of a project, or all addresses of a set (address_set.h). */
enum rule_peer_kind { PEER_CONTAINER, PEER_PROJECT, PEER_ADDRESS_SET, PEER_KINDS };

struct rule_peer {
	enum rule_peer_kind kind;
	char id[ID_TEXT];
};

struct port_range {
	uint16_t first, last;
};

/* rule_free() when done. */
struct rule {
	char id[ID_TEXT];
	enum rule_direction direction;
	enum rule_action action;
	enum rule_protocol protocol;
	size_t address_count, port_count, peer_count;
	struct cidr addresses[RULE_ADDRESSES_MAX]; /* of the far end; none holds another */
	struct rule_peer peers[RULE_PEERS_MAX];    /* who else may be the far end */
	char (*names)[DOMAIN_TEXT];                /* who else may be it: patterns (domain.h) of what the container has asked for; owned */
	size_t name_count;
	struct port_range ports[RULE_PORTS_MAX];   /* of the destination; in order, none touches another */
	int64_t priority;                          /* lower ones come first */
	char comment[RULE_COMMENT_MAX + 1];
	bool enabled;
	int64_t expires_ms;                        /* since 1970; 0: never */
};

/* What a container is in. */
struct rule_groups {
	char container[ID_TEXT], project[ID_TEXT], realm[ID_TEXT];
};

/* Whether an address, of full length, is in the set with this id, or was found for the pattern. */
typedef bool rule_set_holds_cb(const char *id, const struct cidr *address, void *data);
typedef bool rule_name_holds_cb(const char *pattern, const struct cidr *address, void *data);

struct rule_packet {
	enum rule_direction direction;
	uint8_t protocol;  /* IPPROTO_... */
	struct cidr far;   /* full length */
	uint16_t port;     /* of the destination; 0: it has none */
	const struct rule_groups *peer; /* the far end is a container; NULL: it is not */
	rule_set_holds_cb *set_holds;   /* NULL: no set holds it */
	rule_name_holds_cb *name_holds; /* NULL: it was found for none */
	void *data;        /* of both */
};

/*
 * Reads one; path is for messages ("rules[3]"). Without an id it gets one. On -1
 * err->field names what is wrong.
 */
int rule_read(json_t *object, const char *path, struct rule *ret_rule, struct error *err);

void rule_free(struct rule *rule); /* zeroed: nothing */

/* Whether one of its patterns is that of a normal name. */
bool rule_names(const struct rule *rule, const char *name);

/* As rule_read() takes it; NULL without memory. */
json_t *rule_json(const struct rule *rule);

/* Whether it concerns the packet; not whether it is enabled or expired. */
bool rule_matches(const struct rule *rule, const struct rule_packet *packet);

/* As the API has them: "egress", "allow", "tcp"; NULL beyond. */
const char *rule_direction_name(enum rule_direction direction);
const char *rule_action_name(enum rule_action action);
const char *rule_protocol_name(enum rule_protocol protocol);

/* The key of a rule's list of such peers: "containers", "projects", "address_sets". */
const char *rule_peer_key(enum rule_peer_kind kind);

/* -1: none is called so. */
int rule_direction_find(const char *name);
int rule_protocol_find(const char *name);

/* IPPROTO_...; 0 for RULE_ANY. */
uint8_t rule_protocol_number(enum rule_protocol protocol);

#endif
