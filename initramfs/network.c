/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "initramfs/network.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/hostnet.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"
#include "initramfs/notice.h"
#include "initramfs/process.h"

enum {
	SETTLE_MS = 200,        /* events come in bursts */
	TELL_MS = 1000,         /* after a port was set up */
	DHCP_RESTART_MS = 5000,
	RETRY_MS = 10000,       /* what could not be set up is tried again */
	RESOLV_MODE = 0644,
};

enum port_state { PORT_TODO, PORT_DONE, PORT_FAILED };

struct port {
	struct hostnet_link link; /* index 0: free place */
	enum port_state state;    /* FAILED: set up again after a pause, as trying makes events, too */
	bool dhcp;
	char failed[NOTICE_TEXT]; /* why it failed, as told */
	pid_t dhcp_pid;
	char told[NOTICE_TEXT];   /* what was said about it last */
	char told_address[HOSTNET_ADDRESS_TEXT];
};

static struct {
	struct loop_source *timer, *retry;
	const struct hostcfg *cfg; /* NULL: not known yet */
	bool matched;              /* a port fits an entry of it */
	struct port ports[HOSTNET_LINKS_MAX];
	bool handed_over;
} network;

/* --- DHCP --- */

static void timer_set(struct loop_source *timer, int64_t ms)
{
	struct error err = ERROR_INIT;

	if (timer != NULL && loop_set_timer(timer, ms, &err) == -1)
		log_warning("%s", err.message);
}

static void dhcp_ended(pid_t pid, int status, void *data)
{
	struct port *port = data;
	char text[64];

	if (port->dhcp_pid != pid)
		return;
	port->dhcp_pid = 0;
	log_warning("the DHCP client of %s %s; it is started again", port->link.name,
		    process_status_text(status, text, sizeof text));
	timer_set(network.timer, DHCP_RESTART_MS);
}

static void dhcp_start(struct port *port, const char *root)
{
	char host[80];
	/* In the foreground, 4 tries 2 s apart, again after 5 s, without end. */
	const char *const argv[] = {
		"/bin/busybox", "udhcpc", "-f", "-i", port->link.name, "-s", "/usr/lib/bulkhead/udhcpc-event",
		"-O", "staticroutes", "-t", "4", "-T", "2", "-A", "5", "-x", host, NULL,
	};
	const struct process_plan plan = { .argv = argv, .root = root, .output = -1 };
	struct error err = ERROR_INIT;

	snprintf(host, sizeof host, "hostname:%s", network.cfg->hostname);
	port->dhcp_pid = process_spawn(&plan, dhcp_ended, port, &err);
	if (port->dhcp_pid == -1) {
		port->dhcp_pid = 0;
		log_warning("%s: no DHCP client: %s; trying again", port->link.name, err.message);
		timer_set(network.timer, DHCP_RESTART_MS);
	}
}

static void dhcp_stop(struct port *port)
{
	if (port->dhcp_pid <= 0)
		return;
	process_forget(port->dhcp_pid);
	kill(port->dhcp_pid, SIGTERM);
	port->dhcp_pid = 0;
}

/* --- ports --- */

static bool any_match(const struct hostnet_link *links, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (links[i].ethernet && hostnet_match(network.cfg, &links[i]) != NULL)
			return true;
	return false;
}

static struct port *port_of(unsigned index)
{
	for (size_t i = 0; i < HOSTNET_LINKS_MAX; i++)
		if (network.ports[i].link.index == index)
			return &network.ports[i];
	return NULL;
}

static void port_configure(struct port *port)
{
	const struct hostcfg_interface *entry = hostnet_match(network.cfg, &port->link);
	struct error err = ERROR_INIT;

	port->state = PORT_DONE;
	if (hostnet_apply(&port->link, entry, network.matched, &err) == -1) {
		port->state = PORT_FAILED;
		timer_set(network.retry, RETRY_MS);
		if (strncmp(err.message, port->failed, sizeof port->failed - 1) != 0)
			notice("network: %.270s", err.message);
		snprintf(port->failed, sizeof port->failed, "%.299s", err.message);
	}
	/* Without any entry that fits, every port asks by DHCP: better reachable than as written. */
	port->dhcp = entry != NULL ? entry->dhcp : !network.matched;
	if (port->dhcp && port->dhcp_pid == 0)
		dhcp_start(port, NULL);
}

/* What was set up is to be set up anew. */
static void port_reset(struct port *port)
{
	dhcp_stop(port);
	port->state = PORT_TODO;
}

static void port_tell(struct port *port, const struct hostnet_address *addresses, size_t count)
{
	const struct hostnet_link *link = &port->link;
	char text[NOTICE_TEXT];
	size_t size = (size_t)snprintf(text, sizeof text, "network: %s %02x:%02x:%02x:%02x:%02x:%02x%s", link->name,
				       link->mac[0], link->mac[1], link->mac[2], link->mac[3], link->mac[4],
				       link->mac[5], link->carrier ? "" : " no link");
	bool worth = !link->carrier;
	for (size_t i = 0; i < count && size < sizeof text - HOSTNET_ADDRESS_TEXT - 2; i++) {
		char address[HOSTNET_ADDRESS_TEXT];

		if (addresses[i].index != link->index || addresses[i].tentative)
			continue;
		hostnet_address_text(&addresses[i].value, true, address);
		size += (size_t)snprintf(text + size, sizeof text - size, " %s", address);
		worth = true;
	}
	if (!worth || strcmp(text, port->told) == 0)
		return;
	memcpy(port->told, text, sizeof text);
	notice("%s", text);
	for (size_t i = 0; i < count; i++) {
		char address[HOSTNET_ADDRESS_TEXT];

		if (addresses[i].index != link->index || addresses[i].tentative || addresses[i].link_local)
			continue;
		hostnet_address_text(&addresses[i].value, false, address);
		if (network.cfg->key_count > 0 && strcmp(address, port->told_address) != 0)
			notice("unlock with: ssh -p %u root@%s", network.cfg->unlock_port, address);
		memcpy(port->told_address, address, sizeof address);
		break;
	}
}

/* Configures what is new; tells what changed, unless a port was touched just now and has had no time. */
static void network_look(bool tell)
{
	static struct hostnet_link links[HOSTNET_LINKS_MAX];
	static struct hostnet_address addresses[HOSTNET_ADDRESSES_MAX];
	size_t link_count = 0, address_count = 0, ethernet = 0;
	struct error err = ERROR_INIT;

	if (network.cfg == NULL || network.handed_over)
		return;
	if (hostnet_links(links, HOSTNET_LINKS_MAX, &link_count, &err) == -1) {
		log_warning("%s", err.message);
		timer_set(network.retry, RETRY_MS);
		return;
	}
	/* The port that the config means may come later than others, which then are not for DHCP after all. */
	bool matched = any_match(links, link_count), changed = matched != network.matched;
	network.matched = matched;
	for (size_t i = 0; i < HOSTNET_LINKS_MAX; i++) {
		struct port *port = &network.ports[i];
		bool there = false;

		for (size_t j = 0; j < link_count; j++)
			there = there || links[j].index == port->link.index;
		if (port->link.index != 0 && !there) {
			notice("network: %s is gone", port->link.name);
			dhcp_stop(port);
			*port = (struct port){ 0 };
		}
	}
	for (size_t i = 0; i < link_count; i++) {
		if (!links[i].ethernet)
			continue;
		ethernet++;
		struct port *port = port_of(links[i].index);
		if (port == NULL)
			port = port_of(0);
		if (port == NULL)
			continue; /* the table is as long as the list: not reached */
		port->link = links[i];
		/* A link that went down has lost its routes and its IPv6. */
		if (port->state == PORT_DONE && (changed || !links[i].up))
			port_reset(port);
		if (port->state == PORT_TODO)
			port_configure(port);
		else if (port->dhcp && port->dhcp_pid == 0)
			dhcp_start(port, NULL);
	}
	if (ethernet == 0)
		notice_once("network: no network port found; waiting for one, the console works meanwhile");
	else if (network.cfg->interface_count > 0 && !matched)
		notice_once("network: no port fits 'interfaces' in host.json; every port uses DHCP");
	if (hostnet_addresses(addresses, HOSTNET_ADDRESSES_MAX, &address_count, &err) == -1) {
		log_warning("%s", err.message);
		return;
	}
	for (size_t i = 0; tell && i < HOSTNET_LINKS_MAX; i++)
		if (network.ports[i].link.index != 0)
			port_tell(&network.ports[i], addresses, address_count);
}

static void network_due(void *data)
{
	(void)data;
	network_look(true);
}

static void network_retry(void *data)
{
	(void)data;
	for (size_t i = 0; i < HOSTNET_LINKS_MAX; i++)
		if (network.ports[i].state == PORT_FAILED)
			network.ports[i].state = PORT_TODO;
	network_look(true);
}

static void network_event(int fd, uint32_t events, void *data)
{
	(void)events, (void)data;
	hostnet_monitor_drain(fd);
	timer_set(network.timer, SETTLE_MS);
}

void network_start(struct loop *loop)
{
	struct error err = ERROR_INIT;

	if (hostnet_loopback(&err) == -1)
		log_warning("%s", err.message);
	network.timer = loop_add_timer(loop, -1, network_due, NULL, &err);
	network.retry = loop_add_timer(loop, -1, network_retry, NULL, &err);
	int fd = network.timer == NULL || network.retry == NULL ? -1 : hostnet_monitor(&err);
	if (fd == -1 || loop_add_fd(loop, fd, EPOLLIN, network_event, NULL, &err) == NULL)
		notice("network: %s; ports that appear later are not seen", err.message);
}

void network_configure(const struct hostcfg *cfg)
{
	char text[HOSTNET_RESOLV_MAX];
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < HOSTNET_LINKS_MAX; i++)
		port_reset(&network.ports[i]);
	network.cfg = cfg;
	size_t size = hostnet_resolv(cfg, NULL, 0, text);
	if (size > 0 && file_write("/run/resolv.conf", text, size, RESOLV_MODE, &err) == -1)
		log_warning("%s", err.message);
	network_look(false);
	timer_set(network.timer, TELL_MS);
}

json_t *network_report(void)
{
	static struct hostnet_address addresses[HOSTNET_ADDRESSES_MAX];
	struct error ignored;
	size_t count = 0;
	json_t *list = json_array();

	if (hostnet_addresses(addresses, HOSTNET_ADDRESSES_MAX, &count, &ignored) == -1)
		count = 0;
	for (size_t i = 0; i < HOSTNET_LINKS_MAX; i++) {
		const struct hostnet_link *link = &network.ports[i].link;
		char mac[18];

		if (link->index == 0)
			continue;
		snprintf(mac, sizeof mac, "%02x:%02x:%02x:%02x:%02x:%02x", link->mac[0], link->mac[1], link->mac[2],
			 link->mac[3], link->mac[4], link->mac[5]);
		json_t *texts = json_array();
		for (size_t j = 0; j < count; j++) {
			char address[HOSTNET_ADDRESS_TEXT];

			if (addresses[j].index != link->index)
				continue;
			hostnet_address_text(&addresses[j].value, true, address);
			json_array_append_new(texts, json_string(address));
		}
		json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:b, s:o}", "name", link->name, "mac", mac,
						      "carrier", link->carrier, "dhcp", network.ports[i].dhcp,
						      "addresses", texts));
	}
	return list;
}

void network_hand_over(const char *root)
{
	network.handed_over = true;
	for (size_t i = 0; i < HOSTNET_LINKS_MAX; i++) {
		struct port *port = &network.ports[i];

		if (!port->dhcp)
			continue;
		dhcp_stop(port);
		dhcp_start(port, root);
	}
}
