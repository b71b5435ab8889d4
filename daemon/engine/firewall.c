/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/firewall.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <nftables/libnftables.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "daemon/lib/error.h"
#include "daemon/lib/gateway.h"
#include "daemon/lib/hostcfg.h"
#include "daemon/lib/log.h"
#include "daemon/lib/ruleset.h"
#include "daemon/roles.h"

enum {
	FLOWS_MAX = 16384, /* tracked connections that one container has opened */
	WEB_RATE = 500, WEB_BURST = 2000,
	SSH_RATE = 10, SSH_BURST = 40,
	DNS_RATE = 200, DNS_BURST = 1000,
};

/*
 * "h*" are the host sides of containers' links. `live` is asked before
 * conntrack: taking an element out cuts flows that are established.
 * A packet that is forwarded has a container at one end; a container's address
 * without a link is nowhere, least of all behind the default gateway. It has to
 * pass twice: `forward` asks what it comes from, then `admit` what it goes to.
 * Between containers of two realms nothing does, whatever rules say (`between`).
 *
 * `flows` and `nd` keep one container from the tables that all share: tracked
 * connections, and neighbours, which it can invent by the thousand. An element
 * goes by itself when its link is quiet.
 *
 * The process that pulls an image goes where a client's reference and a
 * stranger's redirects send it: not to the host itself, nor to containers.
 *
 * %1$s: pool of container addresses, %2$u: SSH port of the OS, %3$s: what the
 * host does with packets of its own for a container without a link, %4$u: flows,
 * %5$u: user of role pull, %6$u to %9$u: new connections a second, and at once, of one
 * source, to the web and to SSH; %10$u, %11$u: questions to the resolver of one container; %12$u: user of role names.
 */
static const char ruleset[] =
	"add table inet bulkhead\n"
	"add set inet bulkhead live { type ifname; }\n"
	"add set inet bulkhead src4 { type ifname . ipv4_addr; }\n"
	"add set inet bulkhead src6 { type ifname . ipv6_addr; }\n"
	"add set inet bulkhead flows { type ifname; size 65536; flags dynamic; }\n"
	"add set inet bulkhead limit_new { type ifname; size 65536; flags dynamic; }\n"
	"add set inet bulkhead members { type mark . ifname; }\n"
	"add map inet bulkhead realm_of { type ifname : mark; }\n"
	"add map inet bulkhead class { type ifname : mark; }\n"
	"add map inet bulkhead egress_of { type mark : verdict; }\n"
	"add map inet bulkhead ingress_of { type mark : verdict; }\n"
	"add map inet bulkhead publish4 { type inet_proto . inet_service : ipv4_addr . inet_service; }\n"
	"add map inet bulkhead publish6 { type inet_proto . inet_service : ipv6_addr . inet_service; }\n"
	"add counter inet bulkhead web_flood\n"
	"add counter inet bulkhead ssh_flood\n"
	"add counter inet bulkhead ssh_refused\n"
	"add set inet bulkhead web4 { type ipv4_addr; size 65536; flags dynamic, timeout; timeout 1m; }\n"
	"add set inet bulkhead web6 { type ipv6_addr; size 65536; flags dynamic, timeout; timeout 1m; }\n"
	"add set inet bulkhead ssh4 { type ipv4_addr; size 65536; flags dynamic, timeout; timeout 1m; }\n"
	"add set inet bulkhead ssh6 { type ipv6_addr; size 65536; flags dynamic, timeout; timeout 1m; }\n"
	"add set inet bulkhead dns_rate { type ifname; size 65536; flags dynamic, timeout; timeout 1m; }\n"
	"add set inet bulkhead nd { type ifname; size 65536; flags dynamic, timeout; timeout 1m; }\n"
	"add chain inet bulkhead source { type filter hook prerouting priority raw; policy accept; }\n"
	"add chain inet bulkhead forward { type filter hook forward priority filter; policy drop; }\n"
	"add chain inet bulkhead admit { type filter hook forward priority filter + 1; policy drop; }\n"
	"add chain inet bulkhead input { type filter hook input priority filter; policy drop; }\n"
	"add chain inet bulkhead output { type filter hook output priority filter; policy accept; }\n"
	"add chain inet bulkhead publish { type nat hook prerouting priority dstnat; policy accept; }\n"
	"add chain inet bulkhead nat { type nat hook postrouting priority srcnat; policy accept; }\n"
	"add chain inet bulkhead between\n"
	"add chain inet bulkhead egress\n"
	"add chain inet bulkhead ingress\n"
	"add chain inet bulkhead guest\n"
	"add chain inet bulkhead dns\n"
	"add chain inet bulkhead web\n"
	"add chain inet bulkhead ssh\n"
	"add chain inet bulkhead admin\n"
	"flush chain inet bulkhead source\n"
	"flush chain inet bulkhead forward\n"
	"flush chain inet bulkhead admit\n"
	"flush chain inet bulkhead input\n"
	"flush chain inet bulkhead output\n"
	"flush chain inet bulkhead publish\n"
	"flush chain inet bulkhead nat\n"
	"flush chain inet bulkhead between\n"
	"flush chain inet bulkhead egress\n"
	"flush chain inet bulkhead ingress\n"
	"flush chain inet bulkhead guest\n"
	"flush chain inet bulkhead dns\n"
	"flush chain inet bulkhead web\n"
	"flush chain inet bulkhead ssh\n"

	/* Before conntrack: a container speaks with its own addresses only. */
	"add rule inet bulkhead source iifname != \"h*\" accept\n"
	"add rule inet bulkhead source iifname != @live drop\n"
	"add rule inet bulkhead source meta nfproto ipv4 iifname . ip saddr != @src4 drop\n"
	"add rule inet bulkhead source ip6 saddr fe80::/10 ip6 daddr { fe80::/10, ff02::/16 } accept\n"
	"add rule inet bulkhead source meta nfproto ipv6 iifname . ip6 saddr != @src6 drop\n"

	"add rule inet bulkhead forward iifname != \"h*\" oifname != \"h*\" drop\n"
	"add rule inet bulkhead forward iifname \"h*\" iifname != @live drop\n"
	"add rule inet bulkhead forward oifname \"h*\" oifname != @live drop\n"
	"add rule inet bulkhead forward iifname \"h*\" oifname \"h*\" jump between\n"
	"add rule inet bulkhead forward ct state vmap { established : accept, related : accept, invalid : drop }\n"
	"add rule inet bulkhead forward iifname @limit_new drop\n"
	"add rule inet bulkhead forward oifname @limit_new drop\n"
	"add rule inet bulkhead forward iifname \"h*\" jump egress\n"
	"add rule inet bulkhead forward oifname \"h*\" ct status dnat accept\n"

	"add rule inet bulkhead between meta mark set 0\n"
	"add rule inet bulkhead between meta mark set iifname map @realm_of\n"
	"add rule inet bulkhead between meta mark . oifname != @members drop\n"

	"add rule inet bulkhead admit oifname != \"h*\" accept\n"
	"add rule inet bulkhead admit ct state established,related accept\n"
	"add rule inet bulkhead admit jump ingress\n"

	"add rule inet bulkhead egress oifname != \"h*\" ip daddr { " RULESET_CLOSED4 " } drop\n"
	"add rule inet bulkhead egress oifname != \"h*\" ip daddr %1$s drop\n"
	"add rule inet bulkhead egress oifname != \"h*\" ip6 daddr { " RULESET_CLOSED6 " } drop\n"
	"add rule inet bulkhead egress ct state new add @flows { iifname ct count over %4$u } drop\n"
	"add rule inet bulkhead egress meta mark set 0\n"
	"add rule inet bulkhead egress meta mark set iifname map @class\n"
	"add rule inet bulkhead egress meta mark vmap @egress_of\n"
	"add rule inet bulkhead egress drop\n"

	/* From outside by a published port, or from a container: what its class says. */
	"add rule inet bulkhead ingress meta mark set 0\n"
	"add rule inet bulkhead ingress meta mark set oifname map @class\n"
	"add rule inet bulkhead ingress meta mark vmap @ingress_of\n"
	"add rule inet bulkhead ingress drop\n"

	"add rule inet bulkhead input iifname \"lo\" accept\n"
	"add rule inet bulkhead input iifname \"h*\" jump guest\n"
	"add rule inet bulkhead input ct state vmap { established : accept, related : accept, invalid : drop }\n"
	"add rule inet bulkhead input icmp type { echo-request, destination-unreachable, time-exceeded, "
	"parameter-problem } accept\n"
	"add rule inet bulkhead input icmpv6 type { echo-request, destination-unreachable, packet-too-big, "
	"time-exceeded, parameter-problem, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, "
	"mld-listener-query } accept\n"
	"add rule inet bulkhead input udp sport 67 udp dport 68 accept\n"
	"add rule inet bulkhead input tcp dport { 80, 443 } jump web\n"
	"add rule inet bulkhead input udp dport 443 jump web\n"
	"add rule inet bulkhead input tcp dport %2$u jump ssh\n"

	/* One source alone, or one network of IPv6, cannot take all of the host's connections. What goes past here is dropped. */
	"add rule inet bulkhead web update @web4 { ip saddr limit rate over %6$u/second burst %7$u packets } counter name \"web_flood\" drop\n"
	"add rule inet bulkhead web update @web6 { ip6 saddr and ffff:ffff:ffff:ffff:: limit rate over %6$u/second burst %7$u packets } "
	"counter name \"web_flood\" drop\n"
	"add rule inet bulkhead web accept\n"
	"add rule inet bulkhead ssh update @ssh4 { ip saddr limit rate over %8$u/second burst %9$u packets } counter name \"ssh_flood\" drop\n"
	"add rule inet bulkhead ssh update @ssh6 { ip6 saddr and ffff:ffff:ffff:ffff:: limit rate over %8$u/second burst %9$u packets } "
	"counter name \"ssh_flood\" drop\n"
	"add rule inet bulkhead ssh jump admin\n"

	/* From a container the host takes answers to its own connections, finding its link address, and questions to the resolver: nothing else. */
	"add rule inet bulkhead guest iifname != @live drop\n"
	"add rule inet bulkhead guest ip daddr " RESOLVER4 " meta l4proto { tcp, udp } th dport 53 jump dns\n"
	"add rule inet bulkhead guest ip6 daddr " RESOLVER6 " meta l4proto { tcp, udp } th dport 53 jump dns\n"
	"add rule inet bulkhead guest ct state established,related accept\n"
	"add rule inet bulkhead guest icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } "
	"update @nd { iifname limit rate over 10/second burst 20 packets } drop\n"
	"add rule inet bulkhead guest icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept\n"
	"add rule inet bulkhead guest drop\n"
	"add rule inet bulkhead dns update @dns_rate { iifname limit rate over %10$u/second burst %11$u packets } drop\n"
	"add rule inet bulkhead dns accept\n"

	"add rule inet bulkhead output oifname \"h*\" oifname != @live drop\n"
	"%3$s"
	"add rule inet bulkhead output meta skuid %5$u meta l4proto { tcp, udp } th dport 53 accept\n"
	"add rule inet bulkhead output meta skuid %5$u oifname { \"lo\", \"h*\" } reject\n"
	"add rule inet bulkhead output meta skuid %5$u ip daddr { 0.0.0.0/8, 127.0.0.0/8, 169.254.0.0/16 } reject\n"
	"add rule inet bulkhead output meta skuid %5$u ip daddr %1$s reject\n"
	"add rule inet bulkhead output meta skuid %5$u ip6 daddr { ::/127, fe80::/10 } reject\n"

	/* The resolver answers containers, and asks the host's own: nothing else. */
	"add rule inet bulkhead output meta skuid %12$u meta l4proto { tcp, udp } th dport 53 oifname != \"h*\" accept\n"
	"add rule inet bulkhead output meta skuid %12$u meta l4proto { tcp, udp } th sport 53 oifname \"h*\" accept\n"
	"add rule inet bulkhead output meta skuid %12$u drop\n"

	"add rule inet bulkhead publish iifname != \"h*\" fib daddr type local dnat ip to meta l4proto . th dport map @publish4\n"
	"add rule inet bulkhead publish iifname != \"h*\" fib daddr type local dnat ip6 to meta l4proto . th dport map @publish6\n"

	"add rule inet bulkhead nat iifname \"h*\" oifname != \"h*\" masquerade\n";

/* Rejected, not dropped: HAProxy tells its client at once. An ICMP error would meet a busy socket, and wait for the next SYN. */
static const char nowhere[] =
	"add rule inet bulkhead output oifname != \"h*\" ip daddr %1$s meta l4proto tcp reject with tcp reset\n"
	"add rule inet bulkhead output oifname != \"h*\" ip daddr %1$s reject\n";

/* Name of an uplink whose own network shares addresses with the pool; false if there is none. */
static bool uplink_overlaps(const struct hostcfg_address *pool, char name[IFNAMSIZ])
{
	struct ifaddrs *all;
	bool found = false;

	if (getifaddrs(&all) == -1)
		return false;
	for (const struct ifaddrs *at = all; at != NULL && !found; at = at->ifa_next) {
		if (at->ifa_addr == NULL || at->ifa_netmask == NULL || at->ifa_addr->sa_family != AF_INET ||
		    at->ifa_name[0] == 'h')
			continue;
		struct sockaddr_in own, mask;
		memcpy(&own, at->ifa_addr, sizeof own);
		memcpy(&mask, at->ifa_netmask, sizeof mask);
		uint32_t pool_mask = htonl((uint32_t)(UINT64_C(0xffffffff) << (32 - pool->prefix)));
		found = ((own.sin_addr.s_addr ^ pool->v4.s_addr) & mask.sin_addr.s_addr & pool_mask) == 0;
		snprintf(name, IFNAMSIZ, "%s", at->ifa_name);
	}
	freeifaddrs(all);
	return found;
}

int firewall_run(const char *commands, struct error *err)
{
	struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);
	int result = 0;

	if (nft == NULL)
		return error_set(err, ENOMEM, "cannot start libnftables");
	nft_ctx_buffer_error(nft);
	nft_ctx_buffer_output(nft);
	if (nft_run_cmd_from_buffer(nft, commands) != 0) {
		char said[256];
		snprintf(said, sizeof said, "%s", nft_ctx_get_error_buffer(nft));
		said[strcspn(said, "\n")] = '\0';
		result = error_set(err, EIO, "%s", said);
	}
	nft_ctx_free(nft);
	return result;
}

int firewall_install(const struct hostcfg *cfg, struct error *err)
{
	char pool[INET_ADDRSTRLEN + 4], address[INET_ADDRSTRLEN], uplink[IFNAMSIZ], rule[sizeof nowhere + 2 * sizeof pool];
	char text[sizeof ruleset + sizeof rule + 128];

	inet_ntop(AF_INET, &cfg->container_pool.v4, address, sizeof address);
	snprintf(pool, sizeof pool, "%s/%u", address, cfg->container_pool.prefix);
	snprintf(rule, sizeof rule, nowhere, pool);
	if (uplink_overlaps(&cfg->container_pool, uplink)) {
		/* The rule would cut the host off. */
		log_error("the network of %s overlaps the pool of containers, %s: what is meant for a container that has "
			  "ended may leave by it; set another containers.ipv4_pool in host.json", uplink, pool);
		rule[0] = '\0';
	}
	int size = snprintf(text, sizeof text, ruleset, pool, (unsigned)cfg->admin_port, rule, (unsigned)FLOWS_MAX,
			    (unsigned)ROLE_UID_PULL, (unsigned)WEB_RATE, (unsigned)WEB_BURST, (unsigned)SSH_RATE, (unsigned)SSH_BURST, (unsigned)DNS_RATE,
			    (unsigned)DNS_BURST, (unsigned)ROLE_UID_NAMES);
	if (size < 0 || (size_t)size >= sizeof text)
		return error_set(err, EOVERFLOW, "the firewall rules do not fit their buffer");
	if (firewall_run(text, err) == -1)
		return error_wrap(err, "cannot install the firewall");
	return 0;
}
