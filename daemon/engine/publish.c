/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/publish.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/engine/commands.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/ruleset.h"

bool publish_takes(const struct published *port, const struct published *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].protocol == port->protocol && list[i].host_port == port->host_port)
			return true;
	return false;
}

bool publish_among(const struct published *port, const struct published *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].protocol == port->protocol && list[i].host_port == port->host_port && list[i].port == port->port)
			return true;
	return false;
}

static void withdraw_print(FILE *out, const struct published *port)
{
	for (int family = 4; family <= 6; family += 2)
		fprintf(out, "destroy element " COMMANDS_TABLE "publish%d { %s . %u }\n", family, rule_protocol_name(port->protocol), port->host_port);
}

int publish_change(uint32_t ipv4, const uint8_t ipv6[16], const struct published *before, size_t before_count, const struct published *after,
		   size_t after_count, struct error *err)
{
	char v4[INET_ADDRSTRLEN], v6[INET6_ADDRSTRLEN];
	cleanup_free char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL)
		return error_set(err, ENOMEM, "no memory for published ports");
	inet_ntop(AF_INET, &ipv4, v4, sizeof v4);
	inet_ntop(AF_INET6, ipv6, v6, sizeof v6);
	for (size_t i = 0; i < before_count; i++)
		if (!publish_among(&before[i], after, after_count))
			withdraw_print(out, &before[i]);
	for (size_t i = 0; i < after_count; i++) {
		const struct published *port = &after[i];
		if (publish_among(port, before, before_count))
			continue;
		withdraw_print(out, port);
		fprintf(out, "add element " COMMANDS_TABLE "publish4 { %s . %u : %s . %u }\n", rule_protocol_name(port->protocol), port->host_port, v4,
			port->port);
		fprintf(out, "add element " COMMANDS_TABLE "publish6 { %s . %u : %s . %u }\n", rule_protocol_name(port->protocol), port->host_port, v6,
			port->port);
	}
	if (fclose(out) != 0)
		return error_set(err, ENOMEM, "no memory for published ports");
	if (size > 0 && firewall_run(text, err) == -1)
		return error_wrap(err, "cannot publish ports");
	return 0;
}
