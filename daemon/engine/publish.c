/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/publish.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/engine/step.h"
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

/* Both maps: protocol and port lead to address and port. */
static void steps_put(struct step *steps, size_t *count, enum step_action action, const struct published *port, uint32_t ipv4, const uint8_t ipv6[16])
{
	const uint8_t protocol = rule_protocol_number(port->protocol);
	const uint16_t from = htons(port->host_port), to = htons(port->port);

	for (int i = 0; i < 2; i++) {
		size_t size = i == 0 ? sizeof ipv4 : 16;
		struct step *step = &steps[(*count)++];
		*step = (struct step){ .action = action, .set = i == 0 ? "publish4" : "publish6", .data_size = size + 4 };
		step_key(step, &protocol, sizeof protocol);
		step_key(step, &from, sizeof from);
		memcpy(step->data, i == 0 ? (const void *)&ipv4 : ipv6, size);
		memcpy(step->data + size, &to, sizeof to);
	}
}

int publish_change(uint32_t ipv4, const uint8_t ipv6[16], const struct published *before, size_t before_count, const struct published *after,
		   size_t after_count, struct error *err)
{
	cleanup_free struct step *steps = calloc(2 * before_count + 4 * after_count + 1, sizeof *steps);
	size_t count = 0;

	if (steps == NULL)
		return error_set(err, ENOMEM, "no memory for published ports");
	for (size_t i = 0; i < before_count; i++)
		if (!publish_among(&before[i], after, after_count))
			steps_put(steps, &count, STEP_DESTROY, &before[i], ipv4, ipv6);
	for (size_t i = 0; i < after_count; i++) {
		const struct published *port = &after[i];
		if (publish_among(port, before, before_count))
			continue;
		steps_put(steps, &count, STEP_DESTROY, port, ipv4, ipv6);
		steps_put(steps, &count, STEP_ADD, port, ipv4, ipv6);
	}
	if (step_run(steps, count, err) == -1)
		return error_wrap(err, "cannot publish ports");
	return 0;
}
