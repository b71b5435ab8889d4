/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/throttle.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/engine/commands.h"
#include "daemon/engine/firewall.h"
#include "daemon/engine/tally.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"

enum {
	BURST_PART = 4,            /* of a second, that a rate may be ahead */
	BURST_LEAST = 256 * 1024,  /* some packets of the size that a link's other end joins them to */
};

static const char *const sets[TRAFFIC_KINDS] = {
	[TRAFFIC_NEW] = "limit_new",
	[TRAFFIC_EGRESS] = "limit_egress",
	[TRAFFIC_INGRESS] = "limit_ingress",
};

const char *throttle_set(enum traffic_kind kind)
{
	return sets[kind];
}

static void element_print(FILE *out, enum traffic_kind kind, const char *link, uint64_t limit)
{
	uint64_t burst = limit / BURST_PART < BURST_LEAST ? BURST_LEAST : limit / BURST_PART;

	fprintf(out, "add element " COMMANDS_TABLE "%s { \"%s\" ", sets[kind], link);
	switch (kind) {
	case TRAFFIC_NEW:
		fprintf(out, "limit rate over %" PRIu64 "/second burst %" PRIu64 " packets", limit, limit);
		break;
	case TRAFFIC_EGRESS:
	case TRAFFIC_INGRESS:
		fprintf(out, "limit rate over %" PRIu64 " bytes/second burst %" PRIu64 " bytes", limit, burst);
		break;
	case TRAFFIC_CONNECTIONS:
	case TRAFFIC_KINDS:
		break;
	}
	fputs(" counter }\n", out);
}

int throttle_change(const char *link, const struct traffic *before, const struct traffic *now, struct error *err)
{
	cleanup_free char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL)
		return error_set(err, ENOMEM, "no memory for limits of traffic");
	for (enum traffic_kind kind = 0; kind < TRAFFIC_KINDS; kind++) {
		if (sets[kind] == NULL || before->limits[kind] == now->limits[kind])
			continue;
		fprintf(out, "destroy element " COMMANDS_TABLE "%s { \"%s\" }\n", sets[kind], link);
		if (now->limits[kind] != 0)
			element_print(out, kind, link, now->limits[kind]);
	}
	if (fclose(out) != 0)
		return error_set(err, ENOMEM, "no memory for limits of traffic");
	if (size > 0 && firewall_run(text, err) == -1)
		return error_wrap(err, "cannot limit the traffic of %s", link);
	return 0;
}

struct counting {
	const char *link;
	json_t *counts;
	enum traffic_kind kind;
};

static void counter_take(const char *link, uint64_t packets, uint64_t bytes, void *data)
{
	const struct counting *counting = data;

	if (strcmp(link, counting->link) == 0)
		json_object_set_new(counting->counts, traffic_name(counting->kind), json_pack("[I, I]", (json_int_t)packets, (json_int_t)bytes));
}

int throttle_count(const char *link, json_t *counts, struct error *err)
{
	for (enum traffic_kind kind = 0; kind < TRAFFIC_KINDS; kind++) {
		struct counting counting = { .link = link, .counts = counts, .kind = kind };
		if (sets[kind] != NULL && tally_links(sets[kind], counter_take, &counting, err) == -1)
			return -1;
	}
	return 0;
}
