/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/lib/hostnet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <linux/if.h> /* IFF_LOWER_UP; wants net/if.h before it */
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <libmnl/libmnl.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"

enum { REQUEST_ROOM = 1024, ANSWER_ROOM = 32768 };

static void socket_cleanup(struct mnl_socket **socket)
{
	if (*socket != NULL)
		mnl_socket_close(*socket);
}

#define cleanup_socket __attribute__((cleanup(socket_cleanup)))

/* Sends one request and runs cb on each part of the answer, up to its end or acknowledgement. */
static int rtnetlink_ask(struct nlmsghdr *request, mnl_cb_t cb, void *data)
{
	char answer[ANSWER_ROOM] __attribute__((aligned(NLMSG_ALIGNTO)));
	cleanup_socket struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);

	if (socket == NULL || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) == -1)
		return -1;
	unsigned port = mnl_socket_get_portid(socket);
	unsigned serial = (unsigned)time(NULL);
	request->nlmsg_seq = serial;
	if (mnl_socket_sendto(socket, request, request->nlmsg_len) == -1)
		return -1;
	for (;;) {
		ssize_t size = mnl_socket_recvfrom(socket, answer, sizeof answer);
		if (size == -1)
			return -1;
		int step = mnl_cb_run(answer, (size_t)size, serial, port, cb, data);
		if (step <= MNL_CB_STOP)
			return step == MNL_CB_ERROR ? -1 : 0;
	}
}

/* --- lists --- */

struct link_list {
	struct hostnet_link *links;
	size_t max, count;
};

/* A real port has a device; bridges, veth and the like stand under devices/virtual without one. */
static bool link_has_device(const char *name)
{
	char path[64];

	snprintf(path, sizeof path, "/sys/class/net/%s/device", name);
	return access(path, F_OK) == 0;
}

static int link_collect(const struct nlmsghdr *message, void *data)
{
	struct link_list *list = data;
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
	const struct nlattr *attr;
	struct hostnet_link link = { .index = (unsigned)info->ifi_index,
				     .up = (info->ifi_flags & IFF_UP) != 0,
				     .carrier = (info->ifi_flags & IFF_LOWER_UP) != 0 };

	if (message->nlmsg_type != RTM_NEWLINK || list->count == list->max)
		return MNL_CB_OK;
	mnl_attr_for_each(attr, message, sizeof *info) {
		size_t size = mnl_attr_get_payload_len(attr);

		if (mnl_attr_get_type(attr) == IFLA_IFNAME && size <= sizeof link.name)
			memcpy(link.name, mnl_attr_get_payload(attr), size);
		else if (mnl_attr_get_type(attr) == IFLA_ADDRESS && size == sizeof link.mac)
			memcpy(link.mac, mnl_attr_get_payload(attr), size);
	}
	link.name[sizeof link.name - 1] = '\0';
	link.ethernet = info->ifi_type == ARPHRD_ETHER && link_has_device(link.name);
	list->links[list->count++] = link;
	return MNL_CB_OK;
}

int hostnet_links(struct hostnet_link *links, size_t max, size_t *ret_count, struct error *err)
{
	char room[REQUEST_ROOM] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *request = mnl_nlmsg_put_header(room);
	struct link_list list = { .links = links, .max = max };

	request->nlmsg_type = RTM_GETLINK;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(request, sizeof *info);
	info->ifi_family = AF_UNSPEC;
	if (rtnetlink_ask(request, link_collect, &list) == -1)
		return error_errno(err, "cannot list the network interfaces");
	*ret_count = list.count;
	return 0;
}

struct address_list {
	struct hostnet_address *addresses;
	size_t max, count;
};

static int address_collect(const struct nlmsghdr *message, void *data)
{
	struct address_list *list = data;
	const struct ifaddrmsg *info = mnl_nlmsg_get_payload(message);
	const struct nlattr *attr, *local = NULL, *peer = NULL;
	uint32_t flags = info->ifa_flags;

	if (message->nlmsg_type != RTM_NEWADDR || list->count == list->max)
		return MNL_CB_OK;
	mnl_attr_for_each(attr, message, sizeof *info) {
		if (mnl_attr_get_type(attr) == IFA_LOCAL)
			local = attr;
		else if (mnl_attr_get_type(attr) == IFA_ADDRESS)
			peer = attr;
		else if (mnl_attr_get_type(attr) == IFA_FLAGS)
			flags = mnl_attr_get_u32(attr);
	}
	if (local == NULL)
		local = peer; /* IPv6 has IFA_ADDRESS only */
	size_t size = info->ifa_family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);
	if (local == NULL || mnl_attr_get_payload_len(local) != size)
		return MNL_CB_OK;

	struct hostnet_address *address = &list->addresses[list->count++];
	*address = (struct hostnet_address){
		.index = info->ifa_index,
		.link_local = info->ifa_scope == RT_SCOPE_LINK,
		.tentative = (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) != 0,
		.value = { .family = info->ifa_family, .prefix = info->ifa_prefixlen },
	};
	memcpy(&address->value.v6, mnl_attr_get_payload(local), size);
	return MNL_CB_OK;
}

int hostnet_addresses(struct hostnet_address *addresses, size_t max, size_t *ret_count, struct error *err)
{
	char room[REQUEST_ROOM] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *request = mnl_nlmsg_put_header(room);
	struct address_list list = { .addresses = addresses, .max = max };

	request->nlmsg_type = RTM_GETADDR;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	struct ifaddrmsg *info = mnl_nlmsg_put_extra_header(request, sizeof *info);
	info->ifa_family = AF_UNSPEC;
	if (rtnetlink_ask(request, address_collect, &list) == -1)
		return error_errno(err, "cannot list the network addresses");
	*ret_count = list.count;
	return 0;
}

/* --- changes --- */

int hostnet_link_up(unsigned index, uint32_t mtu, struct error *err)
{
	char room[REQUEST_ROOM] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *request = mnl_nlmsg_put_header(room);

	request->nlmsg_type = RTM_NEWLINK;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(request, sizeof *info);
	info->ifi_family = AF_UNSPEC;
	info->ifi_index = (int)index;
	info->ifi_flags = IFF_UP;
	info->ifi_change = IFF_UP;
	if (mtu != 0)
		mnl_attr_put_u32(request, IFLA_MTU, mtu);
	if (rtnetlink_ask(request, NULL, NULL) == -1)
		return error_errno(err, "cannot set interface %u up", index);
	return 0;
}

static void address_put(struct nlmsghdr *request, uint16_t type, const struct hostcfg_address *address)
{
	if (address->family == AF_INET)
		mnl_attr_put(request, type, sizeof address->v4, &address->v4);
	else
		mnl_attr_put(request, type, sizeof address->v6, &address->v6);
}

static struct nlmsghdr *address_request(char *room, uint16_t type, unsigned index,
					const struct hostcfg_address *address)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(room);

	request->nlmsg_type = type;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	struct ifaddrmsg *info = mnl_nlmsg_put_extra_header(request, sizeof *info);
	info->ifa_family = (uint8_t)address->family;
	info->ifa_prefixlen = address->prefix;
	info->ifa_index = index;
	address_put(request, IFA_LOCAL, address);
	address_put(request, IFA_ADDRESS, address);
	return request;
}

int hostnet_address_add(unsigned index, const struct hostcfg_address *address, uint32_t seconds, struct error *err)
{
	char room[REQUEST_ROOM] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *request = address_request(room, RTM_NEWADDR, index, address);
	char text[HOSTNET_ADDRESS_TEXT];

	request->nlmsg_flags |= NLM_F_CREATE | NLM_F_REPLACE;
	if (address->family == AF_INET && address->prefix < 31) {
		struct in_addr broadcast = { address->v4.s_addr | htonl(UINT32_MAX >> address->prefix) };
		mnl_attr_put(request, IFA_BROADCAST, sizeof broadcast, &broadcast);
	}
	if (seconds != 0) {
		struct ifa_cacheinfo life = { .ifa_prefered = seconds, .ifa_valid = seconds };
		mnl_attr_put(request, IFA_CACHEINFO, sizeof life, &life);
	}
	if (rtnetlink_ask(request, NULL, NULL) == -1 && errno != EEXIST) {
		int saved = errno;
		hostnet_address_text(address, true, text);
		errno = saved;
		return error_errno(err, "cannot add address %s", text);
	}
	return 0;
}

int hostnet_address_delete(unsigned index, const struct hostcfg_address *address, struct error *err)
{
	char room[REQUEST_ROOM] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *request = address_request(room, RTM_DELADDR, index, address);
	char text[HOSTNET_ADDRESS_TEXT];

	if (rtnetlink_ask(request, NULL, NULL) == -1 && errno != EADDRNOTAVAIL) {
		int saved = errno;
		hostnet_address_text(address, true, text);
		errno = saved;
		return error_errno(err, "cannot remove address %s", text);
	}
	return 0;
}

int hostnet_route_set(unsigned index, const struct hostnet_route *route, struct error *err)
{
	char room[REQUEST_ROOM] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *request = mnl_nlmsg_put_header(room);
	char text[HOSTNET_ADDRESS_TEXT];

	request->nlmsg_type = RTM_NEWROUTE;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
	struct rtmsg *info = mnl_nlmsg_put_extra_header(request, sizeof *info);
	info->rtm_family = (uint8_t)route->to.family;
	info->rtm_dst_len = route->to.prefix;
	info->rtm_table = RT_TABLE_MAIN;
	info->rtm_protocol = RTPROT_STATIC;
	info->rtm_type = RTN_UNICAST;
	info->rtm_scope = route->gateway.family == 0 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	info->rtm_flags = route->onlink ? RTNH_F_ONLINK : 0;
	if (route->to.prefix != 0)
		address_put(request, RTA_DST, &route->to);
	if (route->gateway.family != 0)
		address_put(request, RTA_GATEWAY, &route->gateway);
	if (route->source.family != 0)
		address_put(request, RTA_PREFSRC, &route->source);
	if (route->metric != 0)
		mnl_attr_put_u32(request, RTA_PRIORITY, route->metric);
	mnl_attr_put_u32(request, RTA_OIF, index);
	if (rtnetlink_ask(request, NULL, NULL) == -1 && errno != EEXIST) {
		int saved = errno;
		hostnet_address_text(route->gateway.family != 0 ? &route->gateway : &route->to,
				     route->gateway.family == 0, text);
		errno = saved;
		return error_errno(err, "cannot set the route %s %s", route->gateway.family != 0 ? "by" : "to", text);
	}
	return 0;
}

int hostnet_loopback(struct error *err)
{
	unsigned index = if_nametoindex("lo");

	return index == 0 ? error_errno(err, "no loopback interface") : hostnet_link_up(index, 0, err);
}

/* --- host config --- */

const struct hostcfg_interface *hostnet_match(const struct hostcfg *cfg, const struct hostnet_link *link)
{
	for (size_t i = 0; i < cfg->interface_count; i++) {
		const struct hostcfg_interface *entry = &cfg->interfaces[i];
		if (entry->has_mac && memcmp(entry->mac, link->mac, sizeof link->mac) == 0)
			return entry;
	}
	for (size_t i = 0; i < cfg->interface_count; i++) {
		const struct hostcfg_interface *entry = &cfg->interfaces[i];
		if (!entry->has_mac && entry->name[0] != '\0' && strcmp(entry->name, link->name) == 0)
			return entry;
	}
	return NULL;
}

uint32_t hostnet_lease_metric(unsigned index)
{
	return index < HOSTNET_METRIC_LEASE_MAX - HOSTNET_METRIC_LEASE ? HOSTNET_METRIC_LEASE + index
									: HOSTNET_METRIC_LEASE_MAX;
}

static int gateway_set(unsigned index, const struct hostcfg_address *gateway, struct error *err)
{
	/*
	 * On-link always: the gateway of a /32 or /128 lies in no prefix of the link,
	 * and for one that does it is the same route.
	 */
	struct hostnet_route route = {
		.to = { .family = gateway->family }, .gateway = *gateway, .onlink = true,
		.metric = gateway->family == AF_INET6 ? HOSTNET_METRIC_STATIC6 : 0,
	};
	return hostnet_route_set(index, &route, err);
}

/* A setting of the kernel for one link; a family that is not there has no file, and needs none. */
static void setting_put(const struct hostnet_link *link, const char *family, const char *name, const char *value)
{
	struct error ignored;
	char path[96];

	snprintf(path, sizeof path, "/proc/sys/net/%s/conf/%s/%s", family, link->name, name);
	(void)file_poke(path, value, &ignored);
}

int hostnet_apply(const struct hostnet_link *link, const struct hostcfg_interface *entry, bool named, struct error *err)
{
	struct error later;
	int result = 0;

	/*
	 * 2, not 1: the kernel must go on hearing routers when the OS turns forwarding
	 * on for its containers. With a gateway of the config a router's word is not
	 * wanted, nor on ports that a config for others leaves out.
	 */
	bool routers = entry != NULL ? !entry->has_gateway6 : !named;
	setting_put(link, "ipv6", "accept_ra", routers ? "2" : "0");
	/* A lease that changes within its subnet: the new address outlives the old one, whose secondary it was. */
	setting_put(link, "ipv4", "promote_secondaries", "1");

	if (hostnet_link_up(link->index, entry != NULL ? entry->mtu : 0, err) == -1) {
		/* A refused MTU must not keep the port down. */
		if (entry == NULL || entry->mtu == 0 || hostnet_link_up(link->index, 0, &later) == -1)
			return error_wrap(err, "%s", link->name);
		result = error_wrap(err, "%s: MTU %u", link->name, entry->mtu);
	}
	if (entry == NULL)
		return result;
	for (size_t i = 0; i < entry->address_count; i++)
		if (hostnet_address_add(link->index, &entry->addresses[i], 0, result == 0 ? err : &later) == -1 &&
		    result == 0)
			result = error_wrap(err, "%s", link->name);
	if (entry->has_gateway4) {
		struct hostcfg_address gateway = { .family = AF_INET, .prefix = 32, .v4 = entry->gateway4 };
		if (gateway_set(link->index, &gateway, result == 0 ? err : &later) == -1 && result == 0)
			result = error_wrap(err, "%s", link->name);
	}
	if (entry->has_gateway6) {
		struct hostcfg_address gateway = { .family = AF_INET6, .prefix = 128, .v6 = entry->gateway6 };
		if (gateway_set(link->index, &gateway, result == 0 ? err : &later) == -1 && result == 0)
			result = error_wrap(err, "%s", link->name);
	}
	return result;
}

void hostnet_address_text(const struct hostcfg_address *address, bool prefix, char text[HOSTNET_ADDRESS_TEXT])
{
	char plain[INET6_ADDRSTRLEN];

	if (inet_ntop(address->family, &address->v6, plain, sizeof plain) == NULL)
		snprintf(plain, sizeof plain, "?");
	if (prefix)
		snprintf(text, HOSTNET_ADDRESS_TEXT, "%s/%u", plain, address->prefix);
	else
		snprintf(text, HOSTNET_ADDRESS_TEXT, "%s", plain);
}

size_t hostnet_resolv(const struct hostcfg *cfg, const struct hostcfg_address *leased, size_t leased_count,
		      char text[HOSTNET_RESOLV_MAX])
{
	const struct hostcfg_address *servers = cfg->dns_count > 0 ? cfg->dns : leased;
	size_t count = cfg->dns_count > 0 ? cfg->dns_count : leased_count;
	size_t size = 0;

	text[0] = '\0';
	for (size_t i = 0; i < count && size < HOSTNET_RESOLV_MAX - 80; i++) {
		char server[HOSTNET_ADDRESS_TEXT];

		hostnet_address_text(&servers[i], false, server);
		size += (size_t)snprintf(text + size, HOSTNET_RESOLV_MAX - size, "nameserver %s\n", server);
	}
	return size;
}

int hostnet_monitor(struct error *err)
{
	struct sockaddr_nl own = { .nl_family = AF_NETLINK,
				   .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR };
	cleanup_fd int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd == -1 || bind(fd, (struct sockaddr *)&own, sizeof own) == -1)
		return error_errno(err, "cannot watch the network interfaces");
	return fd_steal(&fd);
}

void hostnet_monitor_drain(int fd)
{
	char waste[8192];

	/* ENOBUFS says that events were lost; the caller asks for everything anyway. */
	while (recv(fd, waste, sizeof waste, MSG_DONTWAIT) > 0 || errno == ENOBUFS || errno == EINTR)
		;
}
