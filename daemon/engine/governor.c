/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/governor.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/engine/container.h"
#include "daemon/engine/profit.h"
#include "daemon/lib/clock.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"

enum { LOOK_MS = 5000 };

static struct {
	struct loop *loop;
	struct loop_source *timer;
	governor_unprofitable_cb *unprofitable;
	struct governor governor;
	struct merge_pace pace; /* in force, if known */
	bool known;
	bool failed;    /* told once */
	bool measuring; /* one container at a time */
} self;

struct merge_pace governor_decide(struct governor *governor, const struct governor_reading *reading)
{
	uint32_t bound = governor->pressed ? GOVERNOR_PRESSURE_LOW : GOVERNOR_PRESSURE_HIGH;
	bool quick = reading->now_ms < governor->quick_until_ms;
	bool unknown = quick && reading->full_scans - governor->quick_scans < GOVERNOR_SCANS;

	governor->pressed = reading->pressure > bound;
	if (quick || reading->now_ms - governor->window_ms >= GOVERNOR_WINDOW_MS) {
		if (quick || reading->profit > governor->profit)
			governor->target_s = GOVERNOR_TARGET_S;
		else if (governor->target_s < GOVERNOR_TARGET_MAX_S)
			governor->target_s *= 2;
		governor->window_ms = reading->now_ms;
		governor->profit = reading->profit;
	}
	uint32_t target_s = quick ? GOVERNOR_TARGET_QUICK_S : governor->target_s;
	uint64_t pages = reading->pages / GOVERNOR_STEPS + (unknown ? GOVERNOR_PAGES_QUICK : GOVERNOR_PAGES);
	return (struct merge_pace){
		.run = !governor->pressed, .sleep_ms = target_s * 1000 / GOVERNOR_STEPS,
		.pages = pages < UINT32_MAX ? (uint32_t)pages : UINT32_MAX,
	};
}

bool governor_due(const struct governor_trial *trial, int64_t now_ms, uint64_t full_scans)
{
	return now_ms - trial->measured_ms >= GOVERNOR_MEASURE_MS && full_scans - trial->full_scans >= GOVERNOR_SCANS;
}

bool governor_judge(struct governor_trial *trial, int64_t now_ms, uint64_t full_scans, int64_t profit)
{
	trial->measured_ms = now_ms;
	trial->full_scans = full_scans;
	trial->losses = profit > 0 ? 0 : trial->losses + 1;
	return trial->losses >= GOVERNOR_READINGS;
}

uint32_t governor_pressure(const char *text)
{
	static const char key[] = "some avg10=";
	const char *at = strstr(text, key);
	char *end;

	if (at == NULL)
		return 0;
	double percent = strtod(at + strlen(key), &end);
	return percent > 0 && percent <= 100 ? (uint32_t)(percent * 100 + 0.5) : 0;
}

static void measure_next(void);

static void measured(const char *id, const struct profit *profit, const struct error *err, void *data)
{
	struct container *c = container_find(id);
	struct merge_status status;

	(void)data;
	self.measuring = false;
	if (c == NULL || c->state != CONTAINER_STATE_RUNNING)
		return; /* the next look goes on */
	merge_read(&status);
	/* What could not be measured is no loss; it is tried again in its time. */
	if (err != NULL)
		c->trial.measured_ms = clock_ms();
	else if (governor_judge(&c->trial, clock_ms(), status.full_scans, profit->bytes))
		self.unprofitable(c);
	measure_next();
}

/* One of those whose time has come, if any. */
static void measure_next(void)
{
	struct error err = ERROR_INIT;
	struct merge_status status;
	int64_t now = clock_ms();

	if (self.measuring)
		return;
	merge_read(&status);
	for (struct container *c = container_first(); c != NULL; c = c->next) {
		if (c->state != CONTAINER_STATE_RUNNING || c->message.merge == 0 ||
		    !governor_due(&c->trial, now, status.full_scans))
			continue;
		self.measuring = profit_begin(self.loop, &c->message, measured, NULL, &err) == 0;
		if (!self.measuring)
			log_warning("container %s: what merging brings is not measured: %s", c->message.id, err.message);
		return;
	}
}

static void look(void *data)
{
	struct error err = ERROR_INIT, ignored = ERROR_INIT;
	cleanup_free char *text = NULL;
	struct merge_status status;

	(void)data;
	merge_read(&status);
	struct governor_reading reading = { .now_ms = clock_ms(), .profit = status.profit, .pages = status.pages_known,
					    .full_scans = status.full_scans };
	if (file_read("/proc/pressure/cpu", 512, &text, NULL, &ignored) == 0)
		reading.pressure = governor_pressure(text);

	struct merge_pace pace = governor_decide(&self.governor, &reading);
	if (!self.known || pace.run != self.pace.run || pace.sleep_ms != self.pace.sleep_ms || pace.pages != self.pace.pages) {
		self.known = merge_set(&pace, &err) == 0;
		if (!self.known && !self.failed)
			log_warning("cannot set the pace of memory merging: %s", err.message);
		self.failed = !self.known;
		if (self.known)
			self.pace = pace;
	}
	measure_next();
	err = (struct error)ERROR_INIT;
	if (loop_set_timer(self.timer, LOOK_MS, &err) == -1)
		log_error("memory merging is no longer governed: %s", err.message);
}

int governor_init(struct loop *loop, governor_unprofitable_cb *cb, struct error *err)
{
	self.loop = loop;
	self.unprofitable = cb;
	self.governor.target_s = GOVERNOR_TARGET_S;
	self.governor.window_ms = clock_ms();
	self.timer = loop_add_timer(loop, LOOK_MS, look, NULL, err);
	return self.timer == NULL ? -1 : 0;
}

void governor_quicken(struct container *container)
{
	struct merge_status status;

	if (self.timer == NULL)
		return;
	merge_read(&status);
	container->trial = (struct governor_trial){ .measured_ms = clock_ms(), .full_scans = status.full_scans };
	self.governor.quick_until_ms = clock_ms() + GOVERNOR_QUICK_MS;
	self.governor.quick_scans = status.full_scans;
}
