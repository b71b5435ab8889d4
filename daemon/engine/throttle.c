/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/throttle.h"

#include <string.h>

#include "daemon/engine/step.h"
#include "daemon/engine/tally.h"
#include "daemon/lib/error.h"

int throttle_change(const char *link, const struct traffic *before, const struct traffic *now, struct error *err)
{
	struct step steps[2] = { { .action = STEP_DESTROY, .set = THROTTLE_SET }, { .action = STEP_ADD, .set = THROTTLE_SET } };
	uint64_t rate = now->limits[TRAFFIC_NEW];

	if (before->limits[TRAFFIC_NEW] == rate)
		return 0;
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
		step_link(&steps[i], link);
	steps[1].limit = (struct step_limit){ .rate = rate, .burst = rate > UINT32_MAX ? UINT32_MAX : (uint32_t)rate };
	if (step_run(steps, rate == 0 ? 1 : 2, err) == -1)
		return error_wrap(err, "cannot limit the traffic of %s", link);
	return 0;
}

struct counting {
	const char *link;
	json_t *counts;
};

static void counter_take(const char *link, uint64_t packets, uint64_t bytes, void *data)
{
	const struct counting *counting = data;

	if (strcmp(link, counting->link) == 0)
		json_object_set_new(counting->counts, traffic_name(TRAFFIC_NEW), json_pack("[I, I]", (json_int_t)packets, (json_int_t)bytes));
}

int throttle_count(const char *link, const struct traffic *traffic, json_t *counts, struct error *err)
{
	struct counting counting = { .link = link, .counts = counts };

	return traffic->limits[TRAFFIC_NEW] == 0 ? 0 : tally_links(THROTTLE_SET, counter_take, &counting, err);
}
