/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * forge: packets that a container's root can make with a raw socket and should not get
 * anywhere with (tests/api/48-forged.t).
 *
 *   forge table                                        the names, a line each, behind "nowhere" or "outside"
 *   forge send OUT4 OUT6 HOST4 HOST6 PEER4 PEER6       sends all of them from eth0; addresses of a server outside, of the host, of another container
 *   forge one ADDRESS                                  one of its own, of protocol 253 (RFC 3692), which nobody but the network sees
 *   forge frame MAC FROM6 TO6 PORT NAME                a datagram as QEMU's network takes it from a socket: its length (4 bytes), then the frame
 *   forge listen SECONDS                               names whose packets come in at eth0, each once
 *
 * Each packet has "FORGE:<name>." in it.
 */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/forge/forge.h"

#define LINK "eth0"

static const char mark[] = "FORGE:";

static void fail(const char *what)
{
	perror(what);
	exit(2);
}

static int socket_open(int *ret_index)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
	*ret_index = (int)if_nametoindex(LINK);
	struct sockaddr_ll here = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = *ret_index };

	if (fd == -1 || *ret_index == 0 || bind(fd, (const struct sockaddr *)&here, sizeof here) == -1)
		fail(LINK);
	return fd;
}

static void own_read(struct place *place)
{
	struct ifaddrs *all;
	struct ifreq request = { .ifr_name = LINK };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd == -1 || ioctl(fd, SIOCGIFHWADDR, &request) == -1 || getifaddrs(&all) == -1)
		fail(LINK);
	memcpy(place->mac, request.ifr_hwaddr.sa_data, 6);
	for (const struct ifaddrs *at = all; at != NULL; at = at->ifa_next) {
		if (at->ifa_addr == NULL || strcmp(at->ifa_name, LINK) != 0)
			continue;
		if (at->ifa_addr->sa_family == AF_INET)
			place->own4 = ((const struct sockaddr_in *)(const void *)at->ifa_addr)->sin_addr.s_addr;
		const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)at->ifa_addr;
		if (at->ifa_addr->sa_family == AF_INET6 && six->sin6_addr.s6_addr[0] == 0xfd)
			place->own6 = six->sin6_addr;
		else if (at->ifa_addr->sa_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&six->sin6_addr))
			place->link6 = six->sin6_addr;
	}
	freeifaddrs(all);
	/* A packet of ours makes the kernel find out who the gateway is. */
	struct sockaddr_in out = { .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = place->out4 };
	(void)sendto(fd, "x", 1, 0, (const struct sockaddr *)&out, sizeof out);
	sleep(1);
	struct arpreq arp = { .arp_dev = LINK };
	struct sockaddr_in gateway = { .sin_family = AF_INET, .sin_addr.s_addr = inet_addr("169.254.0.1") };
	memcpy(&arp.arp_pa, &gateway, sizeof gateway);
	if (ioctl(fd, SIOCGARP, &arp) == -1)
		fail("the gateway's address");
	memcpy(place->gateway, arp.arp_ha.sa_data, 6);
	close(fd);
}

static int send_all(char **words)
{
	struct place place = { 0 };
	int index, fd = socket_open(&index);
	char text[64];

	if (inet_pton(AF_INET, words[0], &place.out4) != 1 || inet_pton(AF_INET6, words[1], &place.out6) != 1 ||
	    inet_pton(AF_INET, words[2], &place.host4) != 1 || inet_pton(AF_INET6, words[3], &place.host6) != 1 ||
	    inet_pton(AF_INET, words[4], &place.peer4) != 1 || inet_pton(AF_INET6, words[5], &place.peer6) != 1) {
		fputs("six addresses are needed\n", stderr);
		return 2;
	}
	own_read(&place);
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = index, .sll_halen = 6 };
	for (size_t i = 0; i < probe_count; i++) {
		struct frame frame = { 0 };
		snprintf(text, sizeof text, "%s%s.", mark, probes[i].name);
		for (unsigned part = 0; probes[i].build(&place, part, text, &frame); part++) {
			if (sendto(fd, frame.bytes, frame.size, 0, (const struct sockaddr *)&to, sizeof to) == -1)
				fail(probes[i].name);
			frame = (struct frame){ 0 };
		}
		usleep(20 * 1000);
	}
	return 0;
}

static int send_one(const char *address)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, 253);

	if (fd == -1 || inet_pton(AF_INET, address, &to.sin_addr) != 1 ||
	    sendto(fd, "FORGE:one.", 10, 0, (const struct sockaddr *)&to, sizeof to) == -1)
		fail(address);
	return 0;
}

/* For whom the machine's network card is the way in. */
static int frame_write(char **words)
{
	static const uint8_t from_mac[6] = { 0x52, 0x55, 0, 0, 0, 1 };
	struct in6_addr from, to;
	struct frame frame = { 0 };
	char text[64];
	uint8_t mac[6];

	if (sscanf(words[0], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4], &mac[5]) != 6 ||
	    inet_pton(AF_INET6, words[1], &from) != 1 || inet_pton(AF_INET6, words[2], &to) != 1)
		return 2;
	snprintf(text, sizeof text, "%s%s.", mark, words[4]);
	frame_ethernet(&frame, mac, from_mac, ETHERTYPE_IPV6);
	frame_ipv6(&frame, &from, &to, IPPROTO_UDP, 64, 8 + strlen(text));
	frame_udp6(&frame, &from, &to, 40000, (uint16_t)atoi(words[3]), text);
	uint32_t size = htonl((uint32_t)frame.size);
	return fwrite(&size, sizeof size, 1, stdout) == 1 && fwrite(frame.bytes, frame.size, 1, stdout) == 1 ? 0 : 1;
}

static int listen_for(int seconds)
{
	char seen[256][48];
	size_t count = 0;
	uint8_t bytes[65536];
	int index, fd = socket_open(&index);
	time_t end = time(NULL) + seconds;

	puts("listening");
	fflush(stdout);
	while (time(NULL) < end) {
		struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
		struct sockaddr_ll from;
		socklen_t length = sizeof from;
		if (poll(&poll_fd, 1, 500) <= 0)
			continue;
		ssize_t size = recvfrom(fd, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &length);
		const uint8_t *at = size > 0 && from.sll_pkttype != PACKET_OUTGOING ? memmem(bytes, (size_t)size, mark, sizeof mark - 1) : NULL;
		if (at == NULL)
			continue;
		char name[48] = "";
		for (size_t i = 0; i < sizeof name - 1 && at + sizeof mark - 1 + i < bytes + size && at[sizeof mark - 1 + i] != '.'; i++)
			name[i] = (char)at[sizeof mark - 1 + i];
		bool known = false;
		for (size_t i = 0; i < count; i++)
			known = known || strcmp(seen[i], name) == 0;
		if (!known && count < 256) {
			memcpy(seen[count++], name, sizeof name);
			puts(name);
			fflush(stdout);
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "table") == 0) {
		for (size_t i = 0; i < probe_count; i++)
			printf("%s %s\n", probes[i].outside ? "outside" : "nowhere", probes[i].name);
		return 0;
	}
	if (argc == 3 && strcmp(argv[1], "listen") == 0)
		return listen_for(atoi(argv[2]));
	if (argc == 3 && strcmp(argv[1], "one") == 0)
		return send_one(argv[2]);
	if (argc == 7 && strcmp(argv[1], "frame") == 0)
		return frame_write(argv + 2);
	if (argc == 8 && strcmp(argv[1], "send") == 0)
		return send_all(argv + 2);
	fputs("usage: forge table | one ADDRESS | frame MAC FROM6 TO6 PORT NAME | listen SECONDS | send OUT4 OUT6 HOST4 HOST6 PEER4 PEER6\n", stderr);
	return 2;
}
