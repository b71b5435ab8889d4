/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/shaper.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/gen_stats.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdbool.h>
#include <string.h>

#include "daemon/engine/netlink.h"
#include "daemon/lib/error.h"

enum {
	SHAPE_HANDLE = TC_H_MAKE(1U << 16, 0),
	QUEUE_HANDLE = TC_H_MAKE(2U << 16, 0),
	POLICE_PRIORITY = 1,
	POLICE_FILTER = 1,
	FRAME = 1514,
	TICK_NS = 64,                    /* the kernel's PSCHED_SHIFT */
	SHAPE_BURST_PART = 50,           /* of a second */
	SHAPE_BURST_LEAST = 32 * 1024,
	POLICE_BURST_PART = 4,
	POLICE_BURST_LEAST = 256 * 1024, /* some packets of the size that a link's other end joins them to */
	QUEUE_BYTES_LEAST = 256 * 1024,  /* kernel memory that no container pays for */
	QUEUE_BYTES_MOST = 4 * 1024 * 1024,
	QUEUE_TARGET_US = 5000, QUEUE_INTERVAL_US = 100000, /* fq_codel's own */
	RATE_TABLE = 1024,
};

struct request {
	_Alignas(struct nlmsghdr) char buffer[2048];
	struct nlmsghdr *header;
};

static void request_begin(struct request *request, uint16_t type, uint16_t flags, unsigned index, uint32_t parent, uint32_t handle)
{
	request->header = mnl_nlmsg_put_header(request->buffer);
	request->header->nlmsg_type = type;
	request->header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	request->header->nlmsg_seq = 1;
	struct tcmsg *message = mnl_nlmsg_put_extra_header(request->header, sizeof *message);
	message->tcm_family = AF_UNSPEC;
	message->tcm_ifindex = (int)index;
	message->tcm_parent = parent;
	message->tcm_handle = handle;
	if (type == RTM_NEWTFILTER || type == RTM_GETTFILTER)
		message->tcm_info = TC_H_MAKE(POLICE_PRIORITY << 16, htons(ETH_P_ALL));
}

static int request_talk(const struct request *request, mnl_cb_t cb, void *data, struct error *err)
{
	return netlink_talk(NETLINK_ROUTE, request->header, request->header->nlmsg_len, 1, cb, data, err);
}

static uint32_t burst_of(uint64_t rate, unsigned part, uint32_t least)
{
	uint64_t burst = rate / part;

	return burst < least ? least : burst > UINT32_MAX ? UINT32_MAX : (uint32_t)burst;
}

/* The rest of the rate stands in an attribute of 64 bits. Of a link that is known to be Ethernet the kernel wants no table of times. */
static struct tc_ratespec ratespec_of(uint64_t rate)
{
	return (struct tc_ratespec){ .rate = rate > UINT32_MAX ? UINT32_MAX : (uint32_t)rate, .linklayer = TC_LINKLAYER_ETHERNET, .cell_log = 3 };
}

static int qdisc_remove(unsigned index, uint32_t parent, uint32_t handle, struct error *err)
{
	struct request request;

	request_begin(&request, RTM_DELQDISC, 0, index, parent, handle);
	if (request_talk(&request, NULL, NULL, err) == 0 || err->code == ENOENT || err->code == EINVAL || err->code == ENODEV)
		return 0; /* there is none */
	return -1;
}

/* One that is there takes the new rate with its queue as it is. */
static int shape(unsigned index, uint64_t rate, struct error *err)
{
	uint64_t slow = 2 * FRAME * UINT64_C(1000000) / rate; /* microseconds that two frames take */
	uint32_t target = slow > QUEUE_TARGET_US ? (uint32_t)slow : QUEUE_TARGET_US;
	uint32_t interval = target * 4 > QUEUE_INTERVAL_US ? target * 4 : QUEUE_INTERVAL_US;
	uint32_t bytes = burst_of(rate, 4, QUEUE_BYTES_LEAST);
	struct tc_tbf_qopt bucket = { .rate = ratespec_of(rate), .limit = QUEUE_BYTES_LEAST };
	struct request request;

	request_begin(&request, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, index, TC_H_ROOT, SHAPE_HANDLE);
	mnl_attr_put_strz(request.header, TCA_KIND, "tbf");
	struct nlattr *options = mnl_attr_nest_start(request.header, TCA_OPTIONS);
	mnl_attr_put(request.header, TCA_TBF_PARMS, sizeof bucket, &bucket);
	mnl_attr_put_u64(request.header, TCA_TBF_RATE64, rate);
	mnl_attr_put_u32(request.header, TCA_TBF_BURST, burst_of(rate, SHAPE_BURST_PART, SHAPE_BURST_LEAST));
	mnl_attr_nest_end(request.header, options);
	if (request_talk(&request, NULL, NULL, err) == -1)
		return error_wrap(err, "tbf");

	request_begin(&request, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, index, SHAPE_HANDLE | 1, QUEUE_HANDLE);
	mnl_attr_put_strz(request.header, TCA_KIND, "fq_codel");
	options = mnl_attr_nest_start(request.header, TCA_OPTIONS);
	mnl_attr_put_u32(request.header, TCA_FQ_CODEL_TARGET, target);
	mnl_attr_put_u32(request.header, TCA_FQ_CODEL_INTERVAL, interval);
	mnl_attr_put_u32(request.header, TCA_FQ_CODEL_MEMORY_LIMIT, bytes > QUEUE_BYTES_MOST ? QUEUE_BYTES_MOST : bytes);
	mnl_attr_nest_end(request.header, options);
	if (request_talk(&request, NULL, NULL, err) == -1)
		return error_wrap(err, "fq_codel");
	return 0;
}

static int police(unsigned index, uint64_t rate, struct error *err)
{
	static const char times[RATE_TABLE]; /* has to be there, and is not looked at */
	uint64_t burst = burst_of(rate, POLICE_BURST_PART, POLICE_BURST_LEAST);
	struct tc_police limit = { .action = TC_ACT_SHOT, .rate = ratespec_of(rate), .mtu = UINT32_MAX,
				   .burst = (uint32_t)(burst * UINT64_C(1000000000) / rate / TICK_NS) };
	struct request request;

	request_begin(&request, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, index, TC_H_INGRESS, TC_H_MAKE(TC_H_INGRESS, 0));
	mnl_attr_put_strz(request.header, TCA_KIND, "ingress");
	if (request_talk(&request, NULL, NULL, err) == -1)
		return error_wrap(err, "ingress");

	request_begin(&request, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, index, TC_H_MAKE(TC_H_INGRESS, 0), POLICE_FILTER);
	mnl_attr_put_strz(request.header, TCA_KIND, "matchall");
	struct nlattr *options = mnl_attr_nest_start(request.header, TCA_OPTIONS);
	struct nlattr *actions = mnl_attr_nest_start(request.header, TCA_MATCHALL_ACT);
	struct nlattr *action = mnl_attr_nest_start(request.header, 1);
	mnl_attr_put_strz(request.header, TCA_ACT_KIND, "police");
	struct nlattr *details = mnl_attr_nest_start(request.header, TCA_ACT_OPTIONS);
	mnl_attr_put(request.header, TCA_POLICE_TBF, sizeof limit, &limit);
	mnl_attr_put(request.header, TCA_POLICE_RATE, sizeof times, times);
	mnl_attr_put_u64(request.header, TCA_POLICE_RATE64, rate);
	mnl_attr_nest_end(request.header, details);
	mnl_attr_nest_end(request.header, action);
	mnl_attr_nest_end(request.header, actions);
	mnl_attr_nest_end(request.header, options);
	if (request_talk(&request, NULL, NULL, err) == -1)
		return error_wrap(err, "police");
	return 0;
}

int shaper_set(const char *link, const struct traffic *before, const struct traffic *now, struct error *err)
{
	uint64_t toward = now->limits[TRAFFIC_INGRESS], from = now->limits[TRAFFIC_EGRESS];
	bool toward_same = before != NULL && before->limits[TRAFFIC_INGRESS] == toward, from_same = before != NULL && before->limits[TRAFFIC_EGRESS] == from;

	if (toward_same && from_same)
		return 0;
	unsigned index = if_nametoindex(link);
	if (index == 0 && errno != ENODEV)
		return error_errno(err, "cannot find the link %s", link);
	if (index == 0)
		return 0;
	int failed = toward_same ? 0 : toward == 0 ? qdisc_remove(index, TC_H_ROOT, 0, err) : shape(index, toward, err);
	if (failed == 0 && !from_same)
		failed = qdisc_remove(index, TC_H_INGRESS, TC_H_MAKE(TC_H_INGRESS, 0), err);
	if (failed == 0 && !from_same && from != 0)
		failed = police(index, from, err);
	return failed == 0 || err->code == ENODEV ? 0 : error_wrap(err, "cannot give the link %s its rates", link);
}

/* -- what was dropped -- */

static const struct nlattr *nested(const struct nlattr *in, uint16_t type)
{
	const struct nlattr *attribute;

	if (in == NULL)
		return NULL;
	mnl_attr_for_each_nested(attribute, in)
		if (mnl_attr_get_type(attribute) == type)
			return attribute;
	return NULL;
}

static const struct nlattr *outermost(const struct nlmsghdr *header, uint16_t type)
{
	const struct nlattr *attribute;

	mnl_attr_for_each(attribute, header, sizeof(struct tcmsg))
		if (mnl_attr_get_type(attribute) == type)
			return attribute;
	return NULL;
}

static int queue_take(const struct nlmsghdr *header, void *data)
{
	struct gnet_stats_queue *queue = data;
	const struct nlattr *statistics = header->nlmsg_type == RTM_NEWQDISC ? outermost(header, TCA_STATS2)
		: nested(nested(nested(outermost(header, TCA_OPTIONS), TCA_MATCHALL_ACT), 1), TCA_ACT_STATS);

	statistics = nested(statistics, TCA_STATS_QUEUE);
	if (statistics != NULL && mnl_attr_get_payload_len(statistics) >= sizeof *queue)
		memcpy(queue, mnl_attr_get_payload(statistics), sizeof *queue);
	return MNL_CB_OK;
}

static int queue_count(unsigned index, enum traffic_kind kind, json_t *counts, struct error *err)
{
	struct request request;
	struct gnet_stats_queue queue = { 0 };

	if (kind == TRAFFIC_INGRESS) {
		/* The kernel sends it to those who listen, and to us only with this flag. */
		request_begin(&request, RTM_GETQDISC, NLM_F_ECHO, index, TC_H_ROOT, 0);
	} else {
		request_begin(&request, RTM_GETTFILTER, 0, index, TC_H_MAKE(TC_H_INGRESS, 0), POLICE_FILTER);
		mnl_attr_put_strz(request.header, TCA_KIND, "matchall");
	}
	if (request_talk(&request, queue_take, &queue, err) == -1)
		return -1;
	/* What is beyond one that drops does not wait. */
	json_object_set_new(counts, traffic_name(kind),
			    json_pack("[I, I]", (json_int_t)queue.drops, (json_int_t)(kind == TRAFFIC_INGRESS ? queue.overlimits : 0)));
	return 0;
}

int shaper_count(const char *link, const struct traffic *traffic, json_t *counts, struct error *err)
{
	static const enum traffic_kind kinds[] = { TRAFFIC_EGRESS, TRAFFIC_INGRESS };
	unsigned index = if_nametoindex(link);

	for (size_t i = 0; index != 0 && i < sizeof kinds / sizeof *kinds; i++)
		if (traffic->limits[kinds[i]] != 0 && queue_count(index, kinds[i], counts, err) == -1)
			return error_wrap(err, "cannot read what the rates of %s have dropped", link);
	return 0;
}
