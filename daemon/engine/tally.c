/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/tally.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/object.h>
#include <libnftnl/set.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <net/if.h>
#include <string.h>

#include "daemon/engine/firewall.h"
#include "daemon/engine/netlink.h"
#include "daemon/lib/error.h"

struct walk {
	union {
		tally_counter_cb *counter;
		tally_name_cb *name;
		tally_element_cb *element;
		tally_timed_cb *timed;
		tally_link_cb *link;
	};
	int (*each)(struct nftnl_set_elem *element, void *data); /* of a set's */
	void *data;
};

static int counter_cb(const struct nlmsghdr *header, void *data)
{
	const struct walk *walk = data;
	struct nftnl_obj *object = nftnl_obj_alloc();

	if (object != NULL && nftnl_obj_nlmsg_parse(header, object) == 0 && nftnl_obj_get_u32(object, NFTNL_OBJ_TYPE) == NFT_OBJECT_COUNTER &&
	    strcmp(nftnl_obj_get_str(object, NFTNL_OBJ_TABLE), FIREWALL_TABLE) == 0)
		walk->counter(nftnl_obj_get_str(object, NFTNL_OBJ_NAME), nftnl_obj_get_u64(object, NFTNL_OBJ_CTR_PKTS),
			      nftnl_obj_get_u64(object, NFTNL_OBJ_CTR_BYTES), walk->data);
	nftnl_obj_free(object);
	return MNL_CB_OK;
}

int tally_counters(tally_counter_cb *cb, void *data, struct error *err)
{
	_Alignas(struct nlmsghdr) char buffer[1024];
	struct walk walk = { .counter = cb, .data = data };
	struct nlmsghdr *header = nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETOBJ, NFPROTO_INET, NLM_F_DUMP, 1);

	mnl_attr_put_strz(header, NFTA_OBJ_TABLE, FIREWALL_TABLE);
	mnl_attr_put_u32(header, NFTA_OBJ_TYPE, htonl(NFT_OBJECT_COUNTER));
	if (netlink_talk(NETLINK_NETFILTER, header, header->nlmsg_len, 0, counter_cb, &walk, err) == -1)
		return error_wrap(err, "cannot list the firewall's counters");
	return 0;
}

static int chain_cb(const struct nlmsghdr *header, void *data)
{
	const struct walk *walk = data;
	struct nftnl_chain *chain = nftnl_chain_alloc();

	if (chain != NULL && nftnl_chain_nlmsg_parse(header, chain) == 0 &&
	    strcmp(nftnl_chain_get_str(chain, NFTNL_CHAIN_TABLE), FIREWALL_TABLE) == 0)
		walk->name(nftnl_chain_get_str(chain, NFTNL_CHAIN_NAME), walk->data);
	nftnl_chain_free(chain);
	return MNL_CB_OK;
}

int tally_chains(tally_name_cb *cb, void *data, struct error *err)
{
	_Alignas(struct nlmsghdr) char buffer[1024];
	struct walk walk = { .name = cb, .data = data };
	struct nlmsghdr *header = nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETCHAIN, NFPROTO_INET, NLM_F_DUMP, 1);

	if (netlink_talk(NETLINK_NETFILTER, header, header->nlmsg_len, 0, chain_cb, &walk, err) == -1)
		return error_wrap(err, "cannot list the firewall's chains");
	return 0;
}

static int set_cb(const struct nlmsghdr *header, void *data)
{
	const struct walk *walk = data;
	struct nftnl_set *set = nftnl_set_alloc();

	if (set != NULL && nftnl_set_nlmsg_parse(header, set) == 0 && strcmp(nftnl_set_get_str(set, NFTNL_SET_TABLE), FIREWALL_TABLE) == 0)
		walk->name(nftnl_set_get_str(set, NFTNL_SET_NAME), walk->data);
	nftnl_set_free(set);
	return MNL_CB_OK;
}

int tally_sets(tally_name_cb *cb, void *data, struct error *err)
{
	_Alignas(struct nlmsghdr) char buffer[1024];
	struct walk walk = { .name = cb, .data = data };
	struct nlmsghdr *header = nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETSET, NFPROTO_INET, NLM_F_DUMP, 1);

	mnl_attr_put_strz(header, NFTA_SET_TABLE, FIREWALL_TABLE);
	if (netlink_talk(NETLINK_NETFILTER, header, header->nlmsg_len, 0, set_cb, &walk, err) == -1)
		return error_wrap(err, "cannot list the firewall's sets");
	return 0;
}

static int element_cb(struct nftnl_set_elem *element, void *data)
{
	const struct walk *walk = data;
	uint32_t size;
	const uint8_t *key = nftnl_set_elem_get(element, NFTNL_SET_ELEM_KEY, &size);

	if (key != NULL)
		walk->element(key, size, walk->data);
	return 0;
}

static int timed_cb(struct nftnl_set_elem *element, void *data)
{
	const struct walk *walk = data;
	uint32_t size;
	const uint8_t *key = nftnl_set_elem_get(element, NFTNL_SET_ELEM_KEY, &size);

	if (key != NULL)
		walk->timed(key, size, nftnl_set_elem_get_u64(element, NFTNL_SET_ELEM_EXPIRATION), walk->data);
	return 0;
}

static int counter_find(struct nftnl_expr *expression, void *data)
{
	uint64_t *counts = data;

	if (strcmp(nftnl_expr_get_str(expression, NFTNL_EXPR_NAME), "counter") == 0) {
		counts[0] = nftnl_expr_get_u64(expression, NFTNL_EXPR_CTR_PACKETS);
		counts[1] = nftnl_expr_get_u64(expression, NFTNL_EXPR_CTR_BYTES);
	}
	return 0;
}

static int link_cb(struct nftnl_set_elem *element, void *data)
{
	const struct walk *walk = data;
	uint64_t counts[2] = { 0 };
	uint32_t size;
	const uint8_t *key = nftnl_set_elem_get(element, NFTNL_SET_ELEM_KEY, &size);

	if (key == NULL || size != IFNAMSIZ || key[IFNAMSIZ - 1] != '\0')
		return 0;
	nftnl_set_elem_expr_foreach(element, counter_find, counts);
	walk->link((const char *)key, counts[0], counts[1], walk->data);
	return 0;
}

static int elements_cb(const struct nlmsghdr *header, void *data)
{
	const struct walk *walk = data;
	struct nftnl_set *set = nftnl_set_alloc();

	if (set != NULL && nftnl_set_elems_nlmsg_parse(header, set) == 0)
		nftnl_set_elem_foreach(set, walk->each, data);
	nftnl_set_free(set);
	return MNL_CB_OK;
}

static int elements_walk(const char *name, struct walk *walk, struct error *err)
{
	_Alignas(struct nlmsghdr) char buffer[1024];
	struct nftnl_set *set = nftnl_set_alloc();

	if (set == NULL)
		return error_set(err, ENOMEM, "no memory to list the firewall's elements");
	struct nlmsghdr *header = nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETSETELEM, NFPROTO_INET, NLM_F_DUMP, 1);
	nftnl_set_set_str(set, NFTNL_SET_TABLE, FIREWALL_TABLE);
	nftnl_set_set_str(set, NFTNL_SET_NAME, name);
	nftnl_set_elems_nlmsg_build_payload(header, set);
	nftnl_set_free(set);
	if (netlink_talk(NETLINK_NETFILTER, header, header->nlmsg_len, 0, elements_cb, walk, err) == -1)
		return error_wrap(err, "cannot list the elements of %s in the firewall", name);
	return 0;
}

int tally_elements(const char *name, tally_element_cb *cb, void *data, struct error *err)
{
	struct walk walk = { .element = cb, .each = element_cb, .data = data };

	return elements_walk(name, &walk, err);
}

int tally_timed(const char *name, tally_timed_cb *cb, void *data, struct error *err)
{
	struct walk walk = { .timed = cb, .each = timed_cb, .data = data };

	return elements_walk(name, &walk, err);
}

int tally_links(const char *name, tally_link_cb *cb, void *data, struct error *err)
{
	struct walk walk = { .link = cb, .each = link_cb, .data = data };

	return elements_walk(name, &walk, err);
}
