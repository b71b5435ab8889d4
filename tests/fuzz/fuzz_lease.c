/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_lease: what a DHCP server on the wire makes udhcpc say. The input is lines of "name=value". */
// link: initramfs/lease.c
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/error.h"
#include "initramfs/lease.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *text;
static size_t text_size;

static void require(bool holds)
{
	if (!holds)
		abort();
}

/* The lines have become strings, one behind the other. */
static const char *variable(const char *name)
{
	size_t length = strlen(name);

	for (const char *line = text; line < text + text_size; line += strlen(line) + 1)
		if (strncmp(line, name, length) == 0 && line[length] == '=')
			return line + length + 1;
	return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = ERROR_INIT;
	struct lease lease;

	text = malloc(size + 1);
	if (text == NULL)
		return 0;
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	text_size = size + 1;
	for (size_t i = 0; i < size; i++)
		if (text[i] == '\n')
			text[i] = '\0';
	if (lease_read(variable, &lease, &err) == 0) {
		require(lease.route_count <= LEASE_ROUTES_MAX && lease.dns_count <= LEASE_DNS_MAX);
		require(lease.address.family == AF_INET && lease.address.prefix <= 32);
		for (size_t i = 0; i < lease.route_count; i++)
			require(lease.routes[i].to.prefix <= 32);
	} else {
		require(err.code != 0 && err.message[0] != '\0');
	}
	free(text);
	return 0;
}
