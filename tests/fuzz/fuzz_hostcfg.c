/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_hostcfg: the host config as read from an ESP that anyone may have written to. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/error.h"
#include "daemon/lib/hostcfg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hostcfg cfg;
	struct error err = ERROR_INIT;

	int rc = hostcfg_parse((const char *)data, size, &cfg, &err);
	require(rc == 0 || (rc == -1 && err.code != 0 && err.message[0] != '\0'));
	/* Whatever came in: names are ended, counts are in range, keys are keys. */
	require(memchr(cfg.hostname, '\0', sizeof cfg.hostname) != NULL && cfg.hostname[0] != '\0');
	require(memchr(cfg.domain, '\0', sizeof cfg.domain) != NULL && cfg.domain[0] != '\0');
	require(strpbrk(cfg.hostname, "/. \n\"'") == NULL && strpbrk(cfg.domain, "/ \n\"'") == NULL);
	require(cfg.unlock_port != 0 && cfg.admin_port != 0);
	require(cfg.key_count <= HOSTCFG_KEYS_MAX && cfg.admin_key_count <= HOSTCFG_KEYS_MAX);
	for (size_t i = 0; i < cfg.key_count; i++)
		require(hostcfg_key_valid(cfg.keys[i]) && strchr(cfg.keys[i], '\n') == NULL);
	for (size_t i = 0; i < cfg.admin_key_count; i++)
		require(hostcfg_key_valid(cfg.admin_keys[i]) && strchr(cfg.admin_keys[i], '\n') == NULL);
	require(cfg.dns_count <= HOSTCFG_DNS_MAX && cfg.interface_count <= HOSTCFG_INTERFACES_MAX);
	for (size_t i = 0; i < cfg.interface_count; i++) {
		const struct hostcfg_interface *interface = &cfg.interfaces[i];
		require(interface->address_count <= HOSTCFG_ADDRESSES_MAX);
		require(interface->has_mac || (interface->name[0] != '\0' && strchr(interface->name, '/') == NULL));
		for (size_t j = 0; j < interface->address_count; j++)
			require(interface->addresses[j].prefix <= (interface->addresses[j].family == AF_INET ? 32 : 128));
	}
	require(cfg.container_pool.prefix >= 8 && cfg.container_pool.prefix <= 24);
	return 0;
}
