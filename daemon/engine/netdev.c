/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/netdev.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "daemon/engine/netlink.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/gateway.h"
#include "daemon/lib/hostnet.h"

struct setting {
	const char *path, *value;
};

static int setting_write(const char *name, const struct setting *setting, struct error *err)
{
	char path[128];

	snprintf(path, sizeof path, "/proc/sys/net/%.4s/conf/%s/%s", setting->path, name, setting->path + 5);
	return file_poke(path, setting->value, err);
}

int netdev_init(struct error *err)
{
	struct hostcfg_address resolver = { .family = AF_INET6, .prefix = 128 };

	inet_pton(AF_INET6, RESOLVER6, &resolver.v6);
	if (file_poke("/proc/sys/net/ipv4/ip_forward", "1", err) == -1 || file_poke("/proc/sys/net/ipv6/conf/all/forwarding", "1", err) == -1)
		return -1;
	return hostnet_address_add(if_nametoindex("lo"), &resolver, 0, err);
}

static struct nlmsghdr *link_message(char *buffer, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	header->nlmsg_type = type;
	header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	header->nlmsg_seq = 1;
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(header, sizeof *info);
	info->ifi_family = AF_UNSPEC;
	return header;
}

static int pair_make(const char *host, const char *peer, struct error *err)
{
	_Alignas(struct nlmsghdr) char buffer[1024];
	struct nlmsghdr *header = link_message(buffer, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);

	mnl_attr_put_strz(header, IFLA_IFNAME, host);
	struct nlattr *info = mnl_attr_nest_start(header, IFLA_LINKINFO);
	mnl_attr_put_strz(header, IFLA_INFO_KIND, "veth");
	struct nlattr *data = mnl_attr_nest_start(header, IFLA_INFO_DATA);
	struct nlattr *other = mnl_attr_nest_start(header, VETH_INFO_PEER);
	struct ifinfomsg *peer_info = mnl_nlmsg_put_extra_header(header, sizeof *peer_info);
	peer_info->ifi_family = AF_UNSPEC;
	mnl_attr_put_strz(header, IFLA_IFNAME, peer);
	mnl_attr_nest_end(header, other);
	mnl_attr_nest_end(header, data);
	mnl_attr_nest_end(header, info);
	if (netlink_talk(NETLINK_ROUTE, header, header->nlmsg_len, 1, NULL, NULL, err) == -1)
		return error_wrap(err, "cannot make the links %s and %s", host, peer);
	return 0;
}

int netdev_delete(const char *host, struct error *err)
{
	_Alignas(struct nlmsghdr) char buffer[1024];
	struct nlmsghdr *header = link_message(buffer, RTM_DELLINK, 0);

	mnl_attr_put_strz(header, IFLA_IFNAME, host);
	if (netlink_talk(NETLINK_ROUTE, header, header->nlmsg_len, 1, NULL, NULL, err) == -1 && err->code != ENODEV)
		return error_wrap(err, "cannot remove the link %s", host);
	return 0;
}

int netdev_create(const char *host, const char *peer, uint32_t ipv4, const uint8_t ipv6[16], struct error *err)
{
	static const struct setting settings[] = {
		{ "ipv4/rp_filter", "1" },        { "ipv4/accept_redirects", "0" },
		{ "ipv4/send_redirects", "0" },   { "ipv4/accept_source_route", "0" },
		{ "ipv6/accept_ra", "0" },        { "ipv6/accept_redirects", "0" },
		{ "ipv6/accept_dad", "0" },       /* the other end is the container alone */
		{ "ipv6/addr_gen_mode", "1" },    /* fe80::1 is its only address */
	};
	struct hostcfg_address gateway4 = { .family = AF_INET, .prefix = 32 };
	struct hostcfg_address gateway6 = { .family = AF_INET6, .prefix = 64 };
	struct hostnet_route route4 = { .to = { .family = AF_INET, .prefix = 32, .v4.s_addr = ipv4 } };
	struct hostnet_route route6 = { .to = { .family = AF_INET6, .prefix = 128 } };

	inet_pton(AF_INET, GATEWAY4, &gateway4.v4);
	inet_pton(AF_INET6, GATEWAY6, &gateway6.v6);
	memcpy(&route6.to.v6, ipv6, 16);

	if (netdev_delete(host, err) == -1 || pair_make(host, peer, err) == -1)
		return -1;
	unsigned index = if_nametoindex(host);
	if (index == 0)
		return error_errno(err, "cannot find the link %s just made", host);
	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
		if (setting_write(host, &settings[i], err) == -1)
			return -1;
	if (hostnet_link_up(index, 0, err) == -1 || hostnet_address_add(index, &gateway4, 0, err) == -1 ||
	    hostnet_address_add(index, &gateway6, 0, err) == -1 || hostnet_route_set(index, &route4, err) == -1 ||
	    hostnet_route_set(index, &route6, err) == -1)
		return error_wrap(err, "cannot set up the link %s", host);
	return 0;
}
