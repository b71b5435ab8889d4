/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/flow.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/engine/netlink.h"
#include "daemon/lib/error.h"
#include "daemon/lib/ruleset.h"

enum {
	FLOW_BATCH = 256, /* sockets ended per dump */
	FLOW_ROUNDS = 4096,
	/* Bits of CTA_FILTER_ORIG_FLAGS; the kernel keeps their names to itself (nf_internals.h). */
	FILTER_IP_SRC = 1 << 0,
	FILTER_IP_DST = 1 << 1,
};

struct found {
	struct inet_diag_sockid ids[FLOW_BATCH];
	uint8_t states[FLOW_BATCH];
	size_t count;
	const uint16_t *kept; /* ports that are left out, host byte order */
	size_t kept_count;
};

static bool is_kept(const struct found *found, uint16_t port)
{
	for (size_t i = 0; i < found->kept_count; i++)
		if (found->kept[i] == port)
			return true;
	return false;
}

static int found_cb(const struct nlmsghdr *header, void *data)
{
	struct found *found = data;
	const struct inet_diag_msg *message = mnl_nlmsg_get_payload(header);

	if (mnl_nlmsg_get_payload_len(header) >= sizeof *message && found->count < FLOW_BATCH && !is_kept(found, ntohs(message->id.idiag_dport))) {
		found->states[found->count] = message->idiag_state;
		found->ids[found->count++] = message->id;
	}
	return MNL_CB_OK;
}

/* Asks for the sockets whose peer is address; the kernel filters. */
static int sockets_list(uint8_t family, const void *address, uint8_t length, struct found *found, struct error *err)
{
	_Alignas(struct nlmsghdr) char buffer[512];
	struct {
		struct inet_diag_bc_op op;
		struct inet_diag_hostcond cond;
		uint8_t address[16];
	} code = { 0 };
	size_t size = sizeof code.op + sizeof code.cond + length;

	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	header->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	header->nlmsg_seq = 1;
	struct inet_diag_req_v2 *request = mnl_nlmsg_put_extra_header(header, sizeof *request);
	request->sdiag_family = family;
	request->sdiag_protocol = IPPROTO_TCP;
	request->idiag_states = ~0U;

	code.op.code = INET_DIAG_BC_D_COND;
	code.op.yes = (uint8_t)size;
	code.op.no = (uint16_t)(size + 4); /* behind the end: no match */
	code.cond.family = family;
	code.cond.prefix_len = (uint8_t)(length * 8);
	code.cond.port = -1;
	memcpy(code.address, address, length);
	mnl_attr_put(header, INET_DIAG_REQ_BYTECODE, size, &code);
	found->count = 0;
	return netlink_talk(NETLINK_SOCK_DIAG, header, header->nlmsg_len, 0, found_cb, found, err);
}

static int socket_end(uint8_t family, const struct inet_diag_sockid *id, struct error *err)
{
	_Alignas(struct nlmsghdr) char buffer[512];
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);

	header->nlmsg_type = SOCK_DESTROY;
	header->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	header->nlmsg_seq = 1;
	struct inet_diag_req_v2 *request = mnl_nlmsg_put_extra_header(header, sizeof *request);
	request->sdiag_family = family;
	request->sdiag_protocol = IPPROTO_TCP;
	request->idiag_states = ~0U;
	request->id = *id;
	return netlink_talk(NETLINK_SOCK_DIAG, header, header->nlmsg_len, 1, NULL, NULL, err);
}

static int family_end(uint8_t family, const void *address, uint8_t length, const uint16_t *kept, size_t kept_count, struct error *err)
{
	struct found *found = malloc(sizeof *found);

	if (found == NULL)
		return error_set(err, ENOMEM, "no memory for a list of sockets");
	found->kept = kept;
	found->kept_count = kept_count;
	int result = 0;
	for (int round = 0; round < FLOW_ROUNDS; round++) {
		result = sockets_list(family, address, length, found, err);
		bool progress = false;
		for (size_t i = 0; result == 0 && i < found->count; i++) {
			if (socket_end(family, &found->ids[i], err) == 0)
				progress = true;
			else if (err->code != ENOENT && err->code != EOPNOTSUPP)
				result = -1; /* ENOENT: it ended by itself meanwhile; EOPNOTSUPP: already dead */
		}
		if (result == -1 || !progress)
			break;
	}
	free(found);
	return result;
}

int flow_destroy(uint32_t ipv4, const uint8_t ipv6[16], const uint16_t *kept, size_t count, struct error *err)
{
	if (family_end(AF_INET, &ipv4, 4, kept, count, err) == -1 || family_end(AF_INET6, ipv6, 16, kept, count, err) == -1)
		return error_wrap(err, "cannot end the connections to a container");
	return 0;
}

static struct nlmsghdr *conntrack_begin(void *buffer, uint16_t type, uint16_t flags, uint8_t family)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);

	header->nlmsg_type = (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type);
	header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	header->nlmsg_seq = 1;
	struct nfgenmsg *generic = mnl_nlmsg_put_extra_header(header, sizeof *generic);
	generic->nfgen_family = family;
	generic->version = NFNETLINK_V0;
	return header;
}

/* One message flushes all entries whose original direction has the address as source or destination. */
static int tracked_flush(uint8_t family, uint16_t attribute, const void *address, uint16_t length, uint32_t flag,
			 struct error *err)
{
	_Alignas(struct nlmsghdr) char buffer[512];
	struct nlmsghdr *header = conntrack_begin(buffer, IPCTNL_MSG_CT_DELETE, NLM_F_ACK, family);

	struct nlattr *tuple = mnl_attr_nest_start(header, CTA_TUPLE_ORIG);
	struct nlattr *ip = mnl_attr_nest_start(header, CTA_TUPLE_IP);
	mnl_attr_put(header, attribute, length, address);
	mnl_attr_nest_end(header, ip);
	mnl_attr_nest_end(header, tuple);
	struct nlattr *filter = mnl_attr_nest_start(header, CTA_FILTER);
	mnl_attr_put_u32(header, CTA_FILTER_ORIG_FLAGS, flag);
	mnl_attr_put_u32(header, CTA_FILTER_REPLY_FLAGS, 0);
	mnl_attr_nest_end(header, filter);
	if (netlink_talk(NETLINK_NETFILTER, header, header->nlmsg_len, 1, NULL, NULL, err) == -1 && err->code != ENOENT)
		return error_wrap(err, "cannot forget the tracked connections of a container");
	return 0;
}

int flow_forget(uint32_t ipv4, const uint8_t ipv6[16], struct error *err)
{
	if (tracked_flush(AF_INET, CTA_IP_V4_SRC, &ipv4, 4, FILTER_IP_SRC, err) == -1 ||
	    tracked_flush(AF_INET, CTA_IP_V4_DST, &ipv4, 4, FILTER_IP_DST, err) == -1 ||
	    tracked_flush(AF_INET6, CTA_IP_V6_SRC, ipv6, 16, FILTER_IP_SRC, err) == -1)
		return -1;
	return tracked_flush(AF_INET6, CTA_IP_V6_DST, ipv6, 16, FILTER_IP_DST, err);
}

/* -- connections that rules do not allow any more -- */

enum { REVIEW_MAX = 4096 }; /* forgotten at a time */

struct review {
	const struct ruleset *set;
	flow_peer_cb *peer;
	rule_set_holds_cb *set_holds;
	rule_name_holds_cb *name_holds;
	enum rule_direction direction;
	uint8_t family;
	size_t count;
	struct tuple {
		unsigned char bytes[128]; /* CTA_TUPLE_ORIG as it came */
		size_t size;
	} tuples[REVIEW_MAX];
};

struct ends {
	const uint8_t *source, *destination;
	uint8_t protocol;
	uint16_t source_port, destination_port; /* 0: it has none */
};

/* CTA_TUPLE_*: addresses, protocol, ports. */
static bool tuple_read(const struct nlattr *tuple, struct ends *ends)
{
	struct nlattr *part, *leaf;

	*ends = (struct ends){ 0 };
	mnl_attr_for_each_nested(part, tuple) {
		mnl_attr_for_each_nested(leaf, part) {
			uint16_t type = mnl_attr_get_type(leaf);
			if (mnl_attr_get_type(part) == CTA_TUPLE_IP) {
				if (type == CTA_IP_V4_SRC || type == CTA_IP_V6_SRC)
					ends->source = mnl_attr_get_payload(leaf);
				else if (type == CTA_IP_V4_DST || type == CTA_IP_V6_DST)
					ends->destination = mnl_attr_get_payload(leaf);
			} else if (mnl_attr_get_type(part) == CTA_TUPLE_PROTO) {
				if (type == CTA_PROTO_NUM)
					ends->protocol = mnl_attr_get_u8(leaf);
				else if (type == CTA_PROTO_SRC_PORT)
					ends->source_port = ntohs(mnl_attr_get_u16(leaf));
				else if (type == CTA_PROTO_DST_PORT)
					ends->destination_port = ntohs(mnl_attr_get_u16(leaf));
			}
		}
	}
	return ends->source != NULL && ends->destination != NULL;
}

static int review_cb(const struct nlmsghdr *header, void *data)
{
	struct review *review = data;
	const struct nlattr *orig = NULL, *reply = NULL;
	struct nlattr *attr;
	struct ends first, second;
	const struct rule *rule;

	mnl_attr_for_each(attr, header, sizeof(struct nfgenmsg)) {
		if (mnl_attr_get_type(attr) == CTA_TUPLE_ORIG)
			orig = attr;
		else if (mnl_attr_get_type(attr) == CTA_TUPLE_REPLY)
			reply = attr;
	}
	if (orig == NULL || reply == NULL || !tuple_read(orig, &first) || !tuple_read(reply, &second))
		return MNL_CB_OK;
	bool egress = review->direction == RULE_EGRESS;
	struct rule_packet packet = {
		.direction = review->direction, .protocol = first.protocol,
		.far = { .family = review->family, .prefix = review->family == AF_INET ? 32 : 128 },
		.port = egress ? first.destination_port : second.source_port, .set_holds = review->set_holds,
		.name_holds = review->name_holds,
	};
	memcpy(packet.far.bytes, egress ? first.destination : first.source, review->family == AF_INET ? 4 : 16);
	packet.peer = review->peer(&packet.far);
	bool inbound = !egress && packet.peer == NULL;
	/* What comes from the host itself is the proxy's. */
	if (inbound && first.destination_port == second.source_port && memcmp(first.destination, second.source, review->family == AF_INET ? 4 : 16) == 0)
		return MNL_CB_OK;
	if (ruleset_decide(review->set, &packet, &rule) == RULE_ALLOW &&
	    (!inbound || ruleset_published(review->set, first.protocol, first.destination_port, second.source_port) != NULL))
		return MNL_CB_OK;
	if (review->count < REVIEW_MAX && mnl_attr_get_len(orig) <= sizeof review->tuples[0].bytes) {
		struct tuple *tuple = &review->tuples[review->count++];
		tuple->size = mnl_attr_get_payload_len(orig);
		memcpy(tuple->bytes, mnl_attr_get_payload(orig), tuple->size);
	}
	return MNL_CB_OK;
}

/* egress: the container has begun them; else they answer from it. */
static int review_list(struct review *review, const void *address, struct error *err)
{
	_Alignas(struct nlmsghdr) char buffer[512];
	bool egress = review->direction == RULE_EGRESS, v4 = review->family == AF_INET;
	struct nlmsghdr *header = conntrack_begin(buffer, IPCTNL_MSG_CT_GET, NLM_F_DUMP, review->family);

	struct nlattr *tuple = mnl_attr_nest_start(header, egress ? CTA_TUPLE_ORIG : CTA_TUPLE_REPLY);
	struct nlattr *ip = mnl_attr_nest_start(header, CTA_TUPLE_IP);
	mnl_attr_put(header, v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, v4 ? 4 : 16, address);
	mnl_attr_nest_end(header, ip);
	mnl_attr_nest_end(header, tuple);
	struct nlattr *filter = mnl_attr_nest_start(header, CTA_FILTER);
	mnl_attr_put_u32(header, CTA_FILTER_ORIG_FLAGS, egress ? FILTER_IP_SRC : 0);
	mnl_attr_put_u32(header, CTA_FILTER_REPLY_FLAGS, egress ? 0 : FILTER_IP_SRC);
	mnl_attr_nest_end(header, filter);
	review->count = 0;
	return netlink_talk(NETLINK_NETFILTER, header, header->nlmsg_len, 0, review_cb, review, err);
}

static int tuple_forget(uint8_t family, const struct tuple *tuple, struct error *err)
{
	_Alignas(struct nlmsghdr) char buffer[512];
	struct nlmsghdr *header = conntrack_begin(buffer, IPCTNL_MSG_CT_DELETE, NLM_F_ACK, family);

	mnl_attr_put(header, CTA_TUPLE_ORIG | NLA_F_NESTED, tuple->size, tuple->bytes);
	if (netlink_talk(NETLINK_NETFILTER, header, header->nlmsg_len, 1, NULL, NULL, err) == -1 && err->code != ENOENT)
		return -1;
	return 0;
}

int flow_review(uint32_t ipv4, const uint8_t ipv6[16], const struct ruleset *set, flow_peer_cb *peer, rule_set_holds_cb *set_holds,
		rule_name_holds_cb *name_holds, struct error *err)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	struct review *review = malloc(sizeof *review);
	int result = 0;

	if (review == NULL)
		return error_set(err, ENOMEM, "no memory to look through a container's connections");
	for (size_t i = 0; result == 0 && i < sizeof families; i++)
		for (int direction = RULE_EGRESS; result == 0 && direction <= RULE_INGRESS; direction++) {
			do {
				*review = (struct review){ .set = set, .peer = peer, .set_holds = set_holds, .name_holds = name_holds, .direction = (enum rule_direction)direction,
							   .family = families[i] };
				result = review_list(review, families[i] == AF_INET ? (const void *)&ipv4 : ipv6, err);
				for (size_t k = 0; result == 0 && k < review->count; k++)
					result = tuple_forget(families[i], &review->tuples[k], err);
			} while (result == 0 && review->count == REVIEW_MAX);
		}
	free(review);
	return result == 0 ? 0 : error_wrap(err, "cannot end the connections that rules do not allow any more");
}
