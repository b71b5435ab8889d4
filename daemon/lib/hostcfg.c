/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/lib/hostcfg.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/json.h"

enum { PATH_TEXT = 96 };

void hostcfg_defaults(struct hostcfg *cfg)
{
	memset(cfg, 0, sizeof *cfg);
	strcpy(cfg->hostname, "bulkhead");
	strcpy(cfg->domain, "bulkhead.internal");
	cfg->unlock_port = 2222;
	cfg->admin_port = 22;
	cfg->container_pool = (struct hostcfg_address){ .family = AF_INET, .prefix = 16 };
	cfg->container_pool.v4.s_addr = htonl(0x0a4d0000); /* 10.77.0.0 */
	cfg->swap_mib = 2048;
}

/* RFC 1123 labels, lower case, with dots between them when dots are allowed. */
bool hostcfg_name_valid(const char *name, bool dots)
{
	size_t label = 0;

	for (const char *c = name;; c++) {
		if (*c == '\0' || (*c == '.' && dots)) {
			if (label == 0 || label > 63 || c[-1] == '-')
				return false;
			if (*c == '\0')
				return true;
			label = 0;
		} else if ((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || (*c == '-' && label > 0)) {
			label++;
		} else {
			return false;
		}
	}
}

bool hostcfg_key_valid(const char *line)
{
	static const char *const types[] = {
		"ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
		"sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com",
	};
	const char *space = strchr(line, ' ');
	bool known = false;

	if (space == NULL)
		return false;
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		known |= strlen(types[i]) == (size_t)(space - line) && strncmp(line, types[i], strlen(types[i])) == 0;
	if (!known)
		return false;
	/* One space exactly: dropbear's parser takes no more. */
	size_t size = strspn(space + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
	const char *end = space + 1 + size;
	end += strspn(end, "=");
	return size >= 32 && (*end == '\0' || *end == ' ') && strpbrk(line, "\r\n") == NULL;
}

/* "192.0.2.1/24" or, without prefix, a host address. */
static int address_parse(const char *text, bool prefix_wanted, struct hostcfg_address *out)
{
	char copy[INET6_ADDRSTRLEN + 4];
	struct hostcfg_address address = { 0 };

	if (strlen(text) >= sizeof copy)
		return -1;
	strcpy(copy, text);
	char *slash = strchr(copy, '/');
	if ((slash != NULL) != prefix_wanted)
		return -1;
	if (slash != NULL)
		*slash++ = '\0';

	if (inet_pton(AF_INET, copy, &address.v4) == 1)
		address.family = AF_INET;
	else if (inet_pton(AF_INET6, copy, &address.v6) == 1)
		address.family = AF_INET6;
	else
		return -1;

	unsigned long max = address.family == AF_INET ? 32 : 128;
	address.prefix = (uint8_t)max;
	if (slash != NULL) {
		char *end;
		size_t digits = strspn(slash, "0123456789");
		unsigned long prefix = strtoul(slash, &end, 10);
		if (digits == 0 || digits > 3 || *end != '\0' || prefix > max)
			return -1;
		address.prefix = (uint8_t)prefix;
	}
	*out = address;
	return 0;
}

/* May a host have this address, or find something at it? No multicast, loopback, or "any". */
static bool address_is_unicast(const struct hostcfg_address *address)
{
	uint32_t v4 = ntohl(address->v4.s_addr);

	if (address->family == AF_INET)
		return v4 >> 24 != 0 && v4 >> 24 != 127 && v4 >> 28 < 14;
	return !IN6_IS_ADDR_UNSPECIFIED(&address->v6) && !IN6_IS_ADDR_LOOPBACK(&address->v6) &&
	       !IN6_IS_ADDR_MULTICAST(&address->v6);
}

static int mac_parse(const char *text, uint8_t mac[6])
{
	if (strlen(text) != 17)
		return -1;
	for (size_t i = 0; i < 6; i++) {
		const char *part = text + 3 * i;
		unsigned int byte;
		/* The span first: sscanf() would also take a blank or a sign for a digit. */
		if (strspn(part, "0123456789abcdefABCDEF") != 2 || (i < 5 && part[2] != ':') ||
		    sscanf(part, "%2x", &byte) != 1)
			return -1;
		mac[i] = (uint8_t)byte;
	}
	return (mac[0] & 1) != 0 ? -1 : 0; /* no group address names a card */
}

/* The name goes into paths of /proc and /sys, so it is stricter than the kernel's own rule. */
static bool interface_name_valid(const char *name)
{
	static const char taken[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	return name[0] != '.' && name[0] != '-' && name[strspn(name, taken)] == '\0';
}

static int key_read(json_t *value, const char *path, size_t index, char key[HOSTCFG_KEY_MAX + 1], struct error *err)
{
	char where[PATH_TEXT];

	snprintf(where, sizeof where, "%s[%zu]", path, index);
	if (json_read_string(value, where, 1, HOSTCFG_KEY_MAX, key, err) == -1)
		return -1;
	if (!hostcfg_key_valid(key))
		return error_field(err, where, "%s is not an SSH public key line '<type> <base64> [comment]'", where);
	return 0;
}

static int keys_read(json_t *list, const char *path, char keys[][HOSTCFG_KEY_MAX + 1], size_t *count,
		     struct error *err)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (key_read(json_array_get(list, i), path, i, keys[i], err) == -1)
			return -1;
	*count = json_array_size(list);
	return 0;
}

/* Who unlocks may administer, unless somebody else is named. */
static void admin_keys_default(struct hostcfg *cfg)
{
	memcpy(cfg->admin_keys, cfg->keys, sizeof cfg->keys);
	cfg->admin_key_count = cfg->key_count;
}

static bool admin_port_valid(int64_t port)
{
	return port != 80 && port != 443; /* where the containers and the API are */
}

static int ssh_read(json_t *object, struct hostcfg *cfg, struct error *err)
{
	int64_t unlock_port = cfg->unlock_port, admin_port = cfg->admin_port;
	json_t *keys = NULL, *admin_keys = NULL;
	const struct json_field fields[] = {
		{ "keys", JSON_KIND_ARRAY, false, 0, HOSTCFG_KEYS_MAX, &keys, NULL },
		{ "admin_keys", JSON_KIND_ARRAY, false, 0, HOSTCFG_KEYS_MAX, &admin_keys, NULL },
		{ "unlock_port", JSON_KIND_INTEGER, false, 1, 65535, &unlock_port, NULL },
		{ "admin_port", JSON_KIND_INTEGER, false, 1, 65535, &admin_port, NULL },
	};

	if (json_read(object, "ssh", fields, sizeof fields / sizeof *fields, err) == -1)
		return -1;
	if (keys_read(keys, "ssh.keys", cfg->keys, &cfg->key_count, err) == -1)
		return -1;
	if (admin_keys == NULL)
		admin_keys_default(cfg);
	else if (keys_read(admin_keys, "ssh.admin_keys", cfg->admin_keys, &cfg->admin_key_count, err) == -1)
		return -1;
	if (!admin_port_valid(admin_port))
		return error_field(err, "ssh.admin_port", "ssh.admin_port must not be 80 or 443, where the URLs are served");
	/* A client would see two host keys in turn for the same host and port: an alarm at every boot. */
	if (unlock_port == admin_port)
		return error_field(err, "ssh.unlock_port",
				   "ssh.unlock_port and ssh.admin_port must differ, as their host keys do");
	cfg->unlock_port = (uint16_t)unlock_port;
	cfg->admin_port = (uint16_t)admin_port;
	return 0;
}

static int gateway_read(const char *text, sa_family_t family, const char *path, struct hostcfg_address *out,
			struct error *err)
{
	if (address_parse(text, false, out) == -1 || out->family != family || !address_is_unicast(out))
		return error_field(err, path, "%s must be an IPv%c address of a router, without a prefix, not '%s'", path,
				   family == AF_INET ? '4' : '6', text);
	return 0;
}

static int match_read(json_t *object, const char *path, struct hostcfg_interface *interface, struct error *err)
{
	char where[PATH_TEXT], mac[18] = "";
	const struct json_field fields[] = {
		{ "mac", JSON_KIND_STRING, false, 17, 17, mac, &interface->has_mac },
		{ "name", JSON_KIND_STRING, false, 1, 15, interface->name, NULL },
	};

	snprintf(where, sizeof where, "%s.match", path);
	if (json_read(object, where, fields, sizeof fields / sizeof *fields, err) == -1)
		return -1;
	if (interface->has_mac == (interface->name[0] != '\0'))
		return error_field(err, where, "%s needs either mac or name", where);
	if (!interface_name_valid(interface->name)) {
		snprintf(where, sizeof where, "%s.match.name", path);
		return error_field(err, where, "%s must be the name of a network interface, not '%s'", where,
				   interface->name);
	}
	if (interface->has_mac && mac_parse(mac, interface->mac) == -1) {
		snprintf(where, sizeof where, "%s.match.mac", path);
		return error_field(err, where, "%s must look like 52:54:00:12:34:56, not '%s'", where, mac);
	}
	return 0;
}

static int interface_read(json_t *object, size_t index, struct hostcfg_interface *interface, struct error *err)
{
	char path[PATH_TEXT / 2], where[PATH_TEXT], gateway4[64] = "", gateway6[64] = "";
	json_t *match = NULL, *addresses = NULL;
	int64_t mtu = 0;
	const struct json_field fields[] = {
		{ "match", JSON_KIND_OBJECT, true, 0, 0, &match, NULL },
		{ "addresses", JSON_KIND_ARRAY, false, 0, HOSTCFG_ADDRESSES_MAX, &addresses, NULL },
		{ "gateway4", JSON_KIND_STRING, false, 1, 63, gateway4, &interface->has_gateway4 },
		{ "gateway6", JSON_KIND_STRING, false, 1, 63, gateway6, &interface->has_gateway6 },
		{ "dhcp", JSON_KIND_BOOLEAN, false, 0, 0, &interface->dhcp, NULL },
		{ "mtu", JSON_KIND_INTEGER, false, 1280, 9216, &mtu, NULL },
	};

	snprintf(path, sizeof path, "interfaces[%zu]", index);
	if (json_read(object, path, fields, sizeof fields / sizeof *fields, err) == -1 ||
	    match_read(match, path, interface, err) == -1)
		return -1;
	interface->mtu = (uint32_t)mtu;

	for (size_t i = 0; i < json_array_size(addresses); i++) {
		char text[64];
		snprintf(where, sizeof where, "%s.addresses[%zu]", path, i);
		if (json_read_string(json_array_get(addresses, i), where, 1, 63, text, err) == -1)
			return -1;
		struct hostcfg_address *address = &interface->addresses[i];
		if (address_parse(text, true, address) == -1 || address->prefix == 0 || !address_is_unicast(address))
			return error_field(err, where,
					   "%s must be an address of a host with a prefix like 192.0.2.10/32, not '%s'",
					   where, text);
		interface->address_count = i + 1;
	}

	struct hostcfg_address gateway;
	if (interface->has_gateway4) {
		snprintf(where, sizeof where, "%s.gateway4", path);
		if (gateway_read(gateway4, AF_INET, where, &gateway, err) == -1)
			return -1;
		interface->gateway4 = gateway.v4;
	}
	if (interface->has_gateway6) {
		snprintf(where, sizeof where, "%s.gateway6", path);
		if (gateway_read(gateway6, AF_INET6, where, &gateway, err) == -1)
			return -1;
		interface->gateway6 = gateway.v6;
	}
	return 0;
}

/* There is one default route for each family; of two the second would silently take the first one's place. */
static int interfaces_read(json_t *list, struct hostcfg *cfg, struct error *err)
{
	bool has_gateway4 = false, has_gateway6 = false;

	for (size_t i = 0; i < json_array_size(list); i++) {
		struct hostcfg_interface *interface = &cfg->interfaces[i];
		char where[PATH_TEXT];

		if (interface_read(json_array_get(list, i), i, interface, err) == -1)
			return -1;
		bool twice4 = has_gateway4 && interface->has_gateway4, twice6 = has_gateway6 && interface->has_gateway6;
		if (twice4 || twice6) {
			snprintf(where, sizeof where, "interfaces[%zu].gateway%c", i, twice4 ? '4' : '6');
			return error_field(err, where, "%s is the second one; only one interface can have it", where);
		}
		has_gateway4 |= interface->has_gateway4;
		has_gateway6 |= interface->has_gateway6;
	}
	cfg->interface_count = json_array_size(list);
	return 0;
}

static int dns_read(json_t *list, struct hostcfg *cfg, struct error *err)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		char where[PATH_TEXT], text[64];
		snprintf(where, sizeof where, "dns[%zu]", i);
		if (json_read_string(json_array_get(list, i), where, 1, 63, text, err) == -1)
			return -1;
		if (address_parse(text, false, &cfg->dns[i]) == -1 || !address_is_unicast(&cfg->dns[i]))
			return error_field(err, where, "%s must be the IP address of a resolver, not '%s'", where, text);
	}
	cfg->dns_count = json_array_size(list);
	return 0;
}

static int containers_read(json_t *object, struct hostcfg *cfg, struct error *err)
{
	char pool[64] = "";
	const struct json_field fields[] = {
		{ "ipv4_pool", JSON_KIND_STRING, true, 1, 63, pool, NULL },
	};
	struct hostcfg_address address;

	if (json_read(object, "containers", fields, 1, err) == -1)
		return -1;
	if (address_parse(pool, true, &address) == -1 || address.family != AF_INET || address.prefix < 8 ||
	    address.prefix > 24 || (ntohl(address.v4.s_addr) << address.prefix) != 0)
		return error_field(err, "containers.ipv4_pool",
				   "containers.ipv4_pool must be an IPv4 network of /8 to /24 like 10.77.0.0/16, not '%s'",
				   pool);
	cfg->container_pool = address;
	return 0;
}

static int config_read(json_t *root, struct hostcfg *cfg, struct error *err)
{
	json_t *ssh = NULL, *dns = NULL, *interfaces = NULL, *containers = NULL;
	int64_t swap_mib = cfg->swap_mib;
	const struct json_field fields[] = {
		{ "hostname", JSON_KIND_STRING, false, 1, 63, cfg->hostname, NULL },
		{ "domain", JSON_KIND_STRING, false, 1, 191, cfg->domain, NULL },
		{ "ssh", JSON_KIND_OBJECT, false, 0, 0, &ssh, NULL },
		{ "dns", JSON_KIND_ARRAY, false, 0, HOSTCFG_DNS_MAX, &dns, NULL },
		{ "interfaces", JSON_KIND_ARRAY, false, 0, HOSTCFG_INTERFACES_MAX, &interfaces, NULL },
		{ "containers", JSON_KIND_OBJECT, false, 0, 0, &containers, NULL },
		{ "swap_mib", JSON_KIND_INTEGER, false, 0, 1024 * 1024, &swap_mib, NULL },
	};

	if (json_read(root, "", fields, sizeof fields / sizeof *fields, err) == -1)
		return -1;
	if (!hostcfg_name_valid(cfg->hostname, false))
		return error_field(err, "hostname", "hostname must be one lower-case DNS label, not '%s'", cfg->hostname);
	if (!hostcfg_name_valid(cfg->domain, true))
		return error_field(err, "domain", "domain must be a lower-case DNS name, not '%s'", cfg->domain);
	cfg->swap_mib = (uint32_t)swap_mib;
	if (ssh != NULL && ssh_read(ssh, cfg, err) == -1)
		return -1;
	if (dns_read(dns, cfg, err) == -1)
		return -1;
	if (interfaces_read(interfaces, cfg, err) == -1)
		return -1;
	return containers == NULL ? 0 : containers_read(containers, cfg, err);
}

static void list_salvage(json_t *list, char keys[][HOSTCFG_KEY_MAX + 1], size_t *count)
{
	struct error ignored;

	*count = 0;
	for (size_t i = 0; i < json_array_size(list) && *count < HOSTCFG_KEYS_MAX; i++) {
		if (key_read(json_array_get(list, i), "", i, keys[*count], &ignored) == 0)
			++*count;
		else
			memset(keys[*count], 0, sizeof keys[*count]);
	}
}

static void port_salvage(json_t *value, bool (*valid)(int64_t port), uint16_t *port)
{
	json_int_t number = json_integer_value(value); /* 0 for anything else, and for nothing */

	if (number >= 1 && number <= 65535 && (valid == NULL || valid(number)))
		*port = (uint16_t)number;
}

/*
 * A mistake in the file must not lock its owner out: the defaults, but with every
 * key and port that can be read. The first fault is the one to report.
 */
static void ssh_salvage(json_t *root, struct hostcfg *cfg)
{
	json_t *ssh = json_object_get(root, "ssh"), *admin_keys = json_object_get(ssh, "admin_keys");

	hostcfg_defaults(cfg);
	list_salvage(json_object_get(ssh, "keys"), cfg->keys, &cfg->key_count);
	if (admin_keys == NULL)
		admin_keys_default(cfg);
	else
		list_salvage(admin_keys, cfg->admin_keys, &cfg->admin_key_count);
	port_salvage(json_object_get(ssh, "unlock_port"), NULL, &cfg->unlock_port);
	port_salvage(json_object_get(ssh, "admin_port"), admin_port_valid, &cfg->admin_port);
}

int hostcfg_parse(const char *text, size_t size, struct hostcfg *cfg, struct error *err)
{
	hostcfg_defaults(cfg);
	json_t *root = json_parse(text, size, err);
	if (root == NULL)
		return -1;
	int rc = config_read(root, cfg, err);
	if (rc == -1)
		ssh_salvage(root, cfg);
	json_decref(root);
	return rc;
}

int hostcfg_load(const char *path, struct hostcfg *cfg, struct error *err)
{
	cleanup_free char *text = NULL;
	size_t size;

	hostcfg_defaults(cfg);
	if (file_read(path, HOSTCFG_SIZE_MAX, &text, &size, err) == -1)
		return -1;
	if (hostcfg_parse(text, size, cfg, err) == -1)
		return error_wrap(err, "%s", path);
	return 0;
}
