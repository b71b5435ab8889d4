/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * udhcpc-event: what busybox udhcpc runs when a lease comes, is renewed or is
 * lost. In place of a shell script, in the initramfs and in the OS.
 *
 * An address is given to the kernel with the lease's time, so that a lease that
 * is not renewed ends by itself. Nothing is therefore removed on "deconfig",
 * which also comes at the start of each udhcpc: at the hand-over from agent to OS
 * the address stays and connections go on.
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/hostcfg.h"
#include "daemon/lib/hostnet.h"
#include "daemon/lib/log.h"
#include "initramfs/lease.h"

#define LEASES "/run/bulkhead/dhcp"
#define HOST_CONFIG "/run/bulkhead/host.json"
#define RESOLV_CONF "/run/resolv.conf"

static const char *variable(const char *name)
{
	return getenv(name);
}

/* The last leased address of the interface, so that a new one replaces it. True when one was removed. */
static bool address_forget(unsigned index, const char *interface, const struct hostcfg_address *kept)
{
	char path[80];
	cleanup_free char *text = NULL;
	struct error ignored;
	struct hostcfg_address old = { .family = AF_INET };

	snprintf(path, sizeof path, LEASES "/%.15s", interface);
	if (file_read(path, 64, &text, NULL, &ignored) == -1)
		return false;
	char *slash = strchr(text, '/');
	if (slash == NULL)
		return false;
	*slash = '\0';
	old.prefix = (uint8_t)atoi(slash + 1);
	if (inet_pton(AF_INET, text, &old.v4) != 1)
		return false;
	if (old.v4.s_addr == kept->v4.s_addr && old.prefix == kept->prefix)
		return false;
	return hostnet_address_delete(index, &old, &ignored) == 0;
}

static void address_remember(const char *interface, const struct hostcfg_address *address)
{
	char path[80], text[HOSTNET_ADDRESS_TEXT];
	struct error err = ERROR_INIT;

	snprintf(path, sizeof path, LEASES "/%.15s", interface);
	hostnet_address_text(address, true, text);
	if (folder_make(LEASES, 0755, &err) == -1 || file_write(path, text, strlen(text), 0644, &err) == -1)
		log_warning("%s", err.message);
}

static void resolv_write(const struct lease *lease)
{
	static struct hostcfg cfg;
	char text[HOSTNET_RESOLV_MAX];
	struct error err = ERROR_INIT;

	(void)hostcfg_load(HOST_CONFIG, &cfg, &err); /* a broken config gives the defaults: no servers of its own */
	size_t size = hostnet_resolv(&cfg, lease->dns, lease->dns_count, text);
	if (size > 0 && file_write(RESOLV_CONF, text, size, 0644, &err) == -1)
		log_warning("%s", err.message);
}

static int lease_apply(const char *interface, unsigned index)
{
	struct lease lease;
	struct error err = ERROR_INIT;

	if (lease_read(variable, &lease, &err) == -1 ||
	    hostnet_address_add(index, &lease.address, lease.seconds, &err) == -1) {
		log_error("%s: %s", interface, err.message);
		return 1;
	}
	/*
	 * The new one first, so that there is always one. In the same subnet it is a
	 * secondary of the old and may go with it: then it is added again. Routes come last,
	 * as those of the old address went.
	 */
	if (address_forget(index, interface, &lease.address) &&
	    hostnet_address_add(index, &lease.address, lease.seconds, &err) == -1)
		log_error("%s: %s", interface, err.message);
	address_remember(interface, &lease.address);
	for (size_t i = 0; i < lease.route_count; i++) {
		/* From the leased address: the route goes when the kernel removes the address. */
		struct hostnet_route route = { .to = lease.routes[i].to, .source = lease.address,
					 .metric = hostnet_lease_metric(index) };

		if (lease.routes[i].gateway.v4.s_addr != 0) {
			route.gateway = lease.routes[i].gateway;
			route.onlink = true;
		}
		if (hostnet_route_set(index, &route, &err) == -1)
			log_error("%s: %s", interface, err.message);
	}
	resolv_write(&lease);
	return 0;
}

int main(int argc, char **argv)
{
	const char *interface = getenv("interface");

	log_init("udhcpc-event", LOG_LEVEL_INFO);
	if (argc != 2 || interface == NULL) {
		log_error("this program is run by busybox udhcpc, with the event as its word");
		return 2;
	}
	unsigned index = if_nametoindex(interface);
	if (index == 0) {
		log_error("there is no interface %s", interface);
		return 1;
	}
	if (strcmp(argv[1], "bound") == 0 || strcmp(argv[1], "renew") == 0)
		return lease_apply(interface, index);
	return 0;
}
