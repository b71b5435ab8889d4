/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/throttle.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/engine/step.h"
#include "daemon/engine/tally.h"
#include "daemon/lib/error.h"

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

static struct step_limit limit_of(enum traffic_kind kind, uint64_t rate)
{
	bool bytes = kind != TRAFFIC_NEW;
	uint64_t burst = !bytes ? rate : rate / BURST_PART < BURST_LEAST ? BURST_LEAST : rate / BURST_PART;

	return (struct step_limit){ .rate = rate, .burst = burst > UINT32_MAX ? UINT32_MAX : (uint32_t)burst, .bytes = bytes };
}

int throttle_change(const char *link, const struct traffic *before, const struct traffic *now, struct error *err)
{
	struct step steps[2 * TRAFFIC_KINDS];
	size_t count = 0;

	for (enum traffic_kind kind = 0; kind < TRAFFIC_KINDS; kind++) {
		if (sets[kind] == NULL || before->limits[kind] == now->limits[kind])
			continue;
		struct step step = { .action = STEP_DESTROY, .set = sets[kind] };
		step_link(&step, link);
		steps[count++] = step;
		step.action = STEP_ADD;
		step.limit = limit_of(kind, now->limits[kind]);
		if (now->limits[kind] != 0)
			steps[count++] = step;
	}
	if (step_run(steps, count, err) == -1)
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
