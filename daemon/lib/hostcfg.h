/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hostcfg: the one plain config file of a host, `bulkhead/host.json` on the
 * ESP, read by the boot agent and by the OS. Format: README.md, "Host config".
 */
#ifndef BULKHEAD_HOSTCFG_H
#define BULKHEAD_HOSTCFG_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

enum {
	HOSTCFG_SIZE_MAX = 64 * 1024, /* bytes of the file */
	HOSTCFG_KEYS_MAX = 32,
	HOSTCFG_KEY_MAX = 1024,       /* bytes of one authorized_keys line */
	HOSTCFG_INTERFACES_MAX = 16,
	HOSTCFG_ADDRESSES_MAX = 16,
	HOSTCFG_DNS_MAX = 8,
};

struct hostcfg_address {
	sa_family_t family;          /* AF_INET, AF_INET6 */
	uint8_t prefix;              /* 0..32, 0..128 */
	union {
		struct in_addr v4;
		struct in6_addr v6;
	};
};

struct hostcfg_interface {
	char name[16];               /* match by kernel name, or "" */
	uint8_t mac[6];              /* match by address when has_mac */
	bool has_mac;
	bool dhcp;                   /* IPv4 by DHCP besides the static addresses */
	bool has_gateway4, has_gateway6;
	uint32_t mtu;                /* 0: leave */
	size_t address_count;
	struct hostcfg_address addresses[HOSTCFG_ADDRESSES_MAX];
	struct in_addr gateway4;     /* may lie outside every prefix: on-link route */
	struct in6_addr gateway6;
};

struct hostcfg {
	char hostname[64];           /* default "bulkhead" */
	char domain[192];            /* of the URLs and the API; default "bulkhead.internal" */
	uint16_t unlock_port, admin_port; /* default 2222 and 22 */
	size_t key_count, admin_key_count;
	char keys[HOSTCFG_KEYS_MAX][HOSTCFG_KEY_MAX + 1];       /* may unlock */
	char admin_keys[HOSTCFG_KEYS_MAX][HOSTCFG_KEY_MAX + 1]; /* may administer; default: keys */
	size_t dns_count;
	struct hostcfg_address dns[HOSTCFG_DNS_MAX];            /* prefix 32 or 128 */
	size_t interface_count;      /* 0: DHCP, SLAAC and link-local on every Ethernet port */
	struct hostcfg_interface interfaces[HOSTCFG_INTERFACES_MAX];
	struct hostcfg_address container_pool; /* IPv4, prefix 8..24; default 10.77.0.0/16 */
	uint32_t swap_mib;           /* size of the swap partition made at first boot; 0: none; default 2048 */
};

/* The defaults, as with an empty object. */
void hostcfg_defaults(struct hostcfg *cfg);

/*
 * Parses the file's text. On failure *cfg holds the defaults, and every key and
 * port of the "ssh" part that by itself is sound, and err->field the path of what
 * is wrong ("interfaces[0].gatway4"): the machine must come up, and its owner
 * get in, all the same.
 */
int hostcfg_parse(const char *text, size_t size, struct hostcfg *cfg, struct error *err);

/* Reads and parses a file; a missing file is ENOENT and also leaves the defaults. */
int hostcfg_load(const char *path, struct hostcfg *cfg, struct error *err);

/* Labels of 1 to 63 lower-case letters, digits and inner hyphens, with dots between them if there may be more than one (RFC 1123). */
bool hostcfg_name_valid(const char *name, bool dots);

/* True for a line of authorized_keys that has no options: "<type> <base64>[ comment]". */
bool hostcfg_key_valid(const char *line);

#endif
