/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ruleset: all that the firewall knows of one container: its rules in the order in
 * which they are asked, what happens to what none of them decides, and the host's
 * ports that lead to it. The first rule that matches and does more than log decides.
 */
#ifndef BULKHEAD_RULESET_H
#define BULKHEAD_RULESET_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/lib/rule.h"
#include "daemon/lib/traffic.h"

struct error;

enum {
	RULESET_RULES_MAX = 3000,  /* of one container: those of its realm, its project and its own */
	RULESET_PORTS_MAX = 64,
	RULESET_BYTES_MAX = 8 << 20, /* of its JSON */
};

/* A port of the host that leads to one of the container. */
struct published {
	enum rule_protocol protocol; /* RULE_TCP, RULE_UDP */
	uint16_t host_port, port;
};

struct ruleset {
	bool egress_open;   /* what goes out and no rule decides passes; else it is dropped */
	bool internal_open; /* what comes from a container of its realm and no rule decides passes; from outside, what a published port lets in does */
	struct traffic traffic;
	size_t rule_count, port_count;
	struct rule *rules;
	struct published ports[RULESET_PORTS_MAX];
};

/*
 * {"egress_open": bool, "internal_open": bool, "limits": {...}, "rules": [...], "ports": [{"protocol",
 * "host_port", "port"}]}. The caller frees it.
 */
int ruleset_read(json_t *object, struct ruleset *ret_set, struct error *err);

/* As ruleset_read() takes it; NULL without memory. */
json_t *ruleset_json(const struct ruleset *set);

void ruleset_free(struct ruleset *set); /* zeroed: nothing */

/* Networks that no container reaches, whatever its rules say: this host, its links, clouds' metadata, multicast, private IPv6. As nft writes sets. */
#define RULESET_CLOSED4 "0.0.0.0/8, 127.0.0.0/8, 169.254.0.0/16, 224.0.0.0/3"
#define RULESET_CLOSED6 "::/127, fe80::/10, fc00::/7, ff00::/8"

/* Whether an address is in one of them. */
bool ruleset_closed(const struct cidr *address);

/* RULE_ALLOW, RULE_DENY or RULE_REJECT; *ret_rule: the rule that decides, NULL: none does. */
enum rule_action ruleset_decide(const struct ruleset *set, const struct rule_packet *packet, const struct rule **ret_rule);

/* The port that leads to port (of IPPROTO_...); NULL: none does. host_port 0: any. */
const struct published *ruleset_published(const struct ruleset *set, uint8_t protocol, uint16_t host_port, uint16_t port);

/* Reads one published port; path is for messages. */
int published_read(json_t *object, const char *path, struct published *ret_port, struct error *err);
json_t *published_json(const struct published *port);

#endif
