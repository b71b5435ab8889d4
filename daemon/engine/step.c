/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/step.h"

#include <arpa/inet.h> /* before the kernel's own of the same names */
#include <errno.h>
#include <stdio.h> /* libnftnl/expr.h needs it */
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/set.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/engine/firewall.h"
#include "daemon/engine/netlink.h"
#include "daemon/lib/cidr.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"

enum { STEP_BYTES = 512 /* of a message: heads, names, a key, data, two expressions */ };

static const struct {
	uint16_t type, flags;
} messages[] = {
	[STEP_ADD] = { NFT_MSG_NEWSETELEM, NLM_F_CREATE },
	[STEP_REMOVE] = { NFT_MSG_DELSETELEM, 0 },
	[STEP_DESTROY] = { NFT_MSG_DESTROYSETELEM, 0 },
};

void step_key(struct step *step, const void *part, size_t size)
{
	memcpy(step->key + step->key_size, part, size);
	step->key_size += (size + 3) / 4 * 4;
}

void step_address(struct step *step, const struct cidr *address)
{
	step_key(step, address->bytes, address->family == AF_INET ? 4 : 16);
}

void step_link(struct step *step, const char *link)
{
	char name[IFNAMSIZ] = "";

	memcpy(name, link, strnlen(link, IFNAMSIZ - 1));
	step_key(step, name, sizeof name);
}

/* What it matches is over the limit, and is counted. */
static int limit_put(struct nftnl_set_elem *element, const struct step_limit *limit)
{
	struct nftnl_expr *rate = nftnl_expr_alloc("limit"), *counter = nftnl_expr_alloc("counter");

	if (rate == NULL || counter == NULL) {
		if (rate != NULL)
			nftnl_expr_free(rate);
		if (counter != NULL)
			nftnl_expr_free(counter);
		return -1;
	}
	nftnl_expr_set_u64(rate, NFTNL_EXPR_LIMIT_RATE, limit->rate);
	nftnl_expr_set_u64(rate, NFTNL_EXPR_LIMIT_UNIT, 1);
	nftnl_expr_set_u32(rate, NFTNL_EXPR_LIMIT_BURST, limit->burst);
	nftnl_expr_set_u32(rate, NFTNL_EXPR_LIMIT_TYPE, NFT_LIMIT_PKTS);
	nftnl_expr_set_u32(rate, NFTNL_EXPR_LIMIT_FLAGS, NFT_LIMIT_F_INV);
	nftnl_set_elem_add_expr(element, rate); /* the element owns them now */
	nftnl_set_elem_add_expr(element, counter);
	return 0;
}

static int element_fill(struct nftnl_set_elem *element, const struct step *step)
{
	if (nftnl_set_elem_set(element, NFTNL_SET_ELEM_KEY, step->key, (uint32_t)step->key_size) == -1)
		return -1;
	if (step->action != STEP_ADD)
		return 0;
	if (step->timeout_ms > 0) {
		nftnl_set_elem_set_u64(element, NFTNL_SET_ELEM_TIMEOUT, step->timeout_ms);
		/* Without it the kernel leaves one that is there, with the same timeout, to end when it would have. */
		nftnl_set_elem_set_u64(element, NFTNL_SET_ELEM_EXPIRATION, step->timeout_ms);
	}
	if (step->data_size > 0 && nftnl_set_elem_set(element, NFTNL_SET_ELEM_DATA, step->data, (uint32_t)step->data_size) == -1)
		return -1;
	if (step->chain[0] != '\0') {
		nftnl_set_elem_set_u32(element, NFTNL_SET_ELEM_VERDICT, (uint32_t)NFT_GOTO);
		if (nftnl_set_elem_set_str(element, NFTNL_SET_ELEM_CHAIN, step->chain) == -1)
			return -1;
	}
	return step->limit.rate > 0 ? limit_put(element, &step->limit) : 0;
}

/* The message's size; 0: no memory. */
static size_t message_put(char *at, const struct step *step, uint16_t type, uint16_t flags, uint32_t seq)
{
	struct nftnl_set *set = nftnl_set_alloc();
	struct nftnl_set_elem *element = nftnl_set_elem_alloc();
	size_t size = 0;

	if (set == NULL || element == NULL || element_fill(element, step) == -1) {
		if (element != NULL)
			nftnl_set_elem_free(element);
	} else {
		nftnl_set_set_str(set, NFTNL_SET_TABLE, FIREWALL_TABLE);
		nftnl_set_set_str(set, NFTNL_SET_NAME, step->set);
		nftnl_set_elem_add(set, element); /* the set owns it now */
		struct nlmsghdr *header = nftnl_nlmsg_build_hdr(at, type, NFPROTO_INET, flags | NLM_F_ACK, seq);
		nftnl_set_elems_nlmsg_build_payload(header, set);
		size = MNL_ALIGN(header->nlmsg_len);
	}
	if (set != NULL)
		nftnl_set_free(set);
	return size;
}

int step_find(const struct step *step, struct error *err)
{
	_Alignas(struct nlmsghdr) char buffer[STEP_BYTES];
	struct step key = *step;

	key.action = STEP_REMOVE; /* the key alone */
	size_t size = message_put(buffer, &key, NFT_MSG_GETSETELEM, 0, 1);
	if (size == 0)
		return error_set(err, ENOMEM, "no memory for a firewall element");
	if (netlink_talk(NETLINK_NETFILTER, buffer, size, 1, NULL, NULL, err) == 0)
		return 1;
	return err->code == ENOENT ? 0 : -1;
}

int step_run(const struct step *steps, size_t count, struct error *err)
{
	cleanup_free char *buffer = calloc(count + 2, STEP_BYTES);
	uint32_t seq = 1;

	if (buffer == NULL)
		return error_set(err, ENOMEM, "no memory for a firewall transaction");
	size_t size = MNL_ALIGN(nftnl_batch_begin(buffer, seq++)->nlmsg_len);
	for (size_t i = 0; i < count; i++) {
		size_t more = message_put(buffer + size, &steps[i], messages[steps[i].action].type, messages[steps[i].action].flags, seq++);
		if (more == 0)
			return error_set(err, ENOMEM, "no memory for a firewall element");
		size += more;
	}
	size += MNL_ALIGN(nftnl_batch_end(buffer + size, seq)->nlmsg_len);
	return count == 0 ? 0 : netlink_talk(NETLINK_NETFILTER, buffer, size, seq - 1, NULL, NULL, err);
}
