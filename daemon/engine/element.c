/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/element.h"

#include <errno.h>
#include <string.h>

#include "daemon/engine/step.h"
#include "daemon/engine/tally.h"
#include "daemon/lib/error.h"

static void steps_fill(struct step steps[3], enum step_action action, const char *link, uint32_t ipv4, const uint8_t ipv6[16])
{
	static const char *const sets[] = { "live", "src4", "src6" };

	for (size_t i = 0; i < 3; i++) {
		steps[i] = (struct step){ .action = action, .set = sets[i] };
		step_link(&steps[i], link);
	}
	step_key(&steps[1], &ipv4, sizeof ipv4);
	step_key(&steps[2], ipv6, 16);
}

int element_add(const char *link, uint32_t ipv4, const uint8_t ipv6[16], struct error *err)
{
	struct step steps[3];

	steps_fill(steps, STEP_ADD, link, ipv4, ipv6);
	if (step_run(steps, 3, err) == -1)
		return error_wrap(err, "cannot open the firewall for %s", link);
	return 0;
}

int element_remove(const char *link, uint32_t ipv4, const uint8_t ipv6[16], struct error *err)
{
	struct step steps[3];

	/* One by one: in one transaction a missing element would keep the others alive. */
	steps_fill(steps, STEP_REMOVE, link, ipv4, ipv6);
	for (size_t i = 0; i < 3; i++)
		if (step_run(&steps[i], 1, err) == -1 && err->code != ENOENT)
			return error_wrap(err, "cannot close the firewall for %s", link);
	return 0;
}

static struct step map_step(enum step_action action, const char *map, const char *link, uint32_t mark)
{
	struct step step = { .action = action, .set = map, .data_size = sizeof mark };

	step_link(&step, link);
	memcpy(step.data, &mark, sizeof mark);
	return step;
}

static struct step member_step(enum step_action action, const char *link, uint32_t group)
{
	struct step step = { .action = action, .set = "members" };

	step_key(&step, &group, sizeof group);
	step_link(&step, link);
	return step;
}

int element_marks_set(const char *link, const struct element_marks *before, const struct element_marks *now, struct error *err)
{
	const uint32_t left[] = { before->container, before->project, before->realm };
	const uint32_t joined[] = { now->container, now->project, now->realm };
	const struct {
		const char *map;
		uint32_t mark;
	} maps[] = { { "class", now->class }, { "realm_of", now->realm } };
	struct step steps[10];
	size_t count = 0;

	for (size_t i = 0; i < 2; i++) {
		steps[count++] = map_step(STEP_DESTROY, maps[i].map, link, 0);
		if (maps[i].mark != 0)
			steps[count++] = map_step(STEP_ADD, maps[i].map, link, maps[i].mark);
	}
	for (size_t i = 0; i < 3; i++) {
		if (left[i] != 0 && left[i] != joined[i])
			steps[count++] = member_step(STEP_DESTROY, link, left[i]);
		if (joined[i] != 0)
			steps[count++] = member_step(STEP_ADD, link, joined[i]);
	}
	if (step_run(steps, count, err) == -1)
		return error_wrap(err, now->class == 0 ? "cannot take the rules of %s away" : "cannot put rules in force for %s", link);
	return 0;
}

static void element_counted(const uint8_t *key, size_t size, void *data)
{
	uint32_t *count = data;

	(void)key;
	(void)size;
	(*count)++;
}

int element_count(uint32_t *ret_count, struct error *err)
{
	*ret_count = 0;
	return tally_elements("live", element_counted, ret_count, err);
}
