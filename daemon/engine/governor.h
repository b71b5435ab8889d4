/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * governor: how hard the host looks for equal memory pages, and for whom. It
 * has a goal, the time for a scan of everything: 20 s for a minute after a
 * container's start, then 200 s, doubled for each ten minutes that gained
 * nothing. While programs wait for a CPU there are no new merges; what is merged
 * stays so. The kernel's own advisor is off: it never uses less than a tenth of
 * a CPU (KSM_ADVISOR_MIN_CPU in mm/ksm.c), however little there is to find.
 *
 * A container that three measurements in a row find to gain nothing is told to
 * api, which starts it without merging from then on.
 */
#ifndef BULKHEAD_GOVERNOR_H
#define BULKHEAD_GOVERNOR_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/engine/merge.h"

struct container;
struct error;
struct loop;

enum {
	GOVERNOR_QUICK_MS = 60000,      /* after a start */
	GOVERNOR_WINDOW_MS = 600000,    /* without a gain in it, the goal doubles */
	GOVERNOR_MEASURE_MS = 300000,   /* between two measurements of a container, at least */
	GOVERNOR_SCANS = 2,             /* full scans between them: the kernel merges a page that two scans found unchanged */
	GOVERNOR_READINGS = 3,          /* in a row without profit */
	GOVERNOR_PRESSURE_HIGH = 2000,  /* hundredths of a percent of PSI cpu some avg10: above, scanning stops */
	GOVERNOR_PRESSURE_LOW = 1000,   /* below, it goes on */
	GOVERNOR_TARGET_QUICK_S = 20,
	GOVERNOR_TARGET_S = 200,
	GOVERNOR_TARGET_MAX_S = 1600,
	/*
	 * A thousandth of the known pages each thousandth of the goal. What is not known yet is found at these rates, the quick one
	 * until all has been seen since the start: a few pages scanned over and over gain nothing.
	 */
	GOVERNOR_STEPS = 1000,
	GOVERNOR_PAGES_QUICK = 2000,
	GOVERNOR_PAGES = 100,
};

struct governor_reading {
	int64_t now_ms;    /* CLOCK_MONOTONIC */
	uint32_t pressure; /* hundredths of a percent */
	int64_t profit;    /* of the whole host, bytes */
	uint64_t pages;    /* candidates that the scanner knows */
	uint64_t full_scans;
};

/* All zeros at first, but for target_s = GOVERNOR_TARGET_S. */
struct governor {
	int64_t quick_until_ms, window_ms; /* window_ms: when the present window began */
	uint64_t quick_scans;              /* at the start that the quick minute is for */
	int64_t profit;                    /* then */
	uint32_t target_s;                 /* outside the quick minute */
	bool pressed;
};

/* The decision alone: nothing is read or written but governor. */
struct merge_pace governor_decide(struct governor *governor, const struct governor_reading *reading);

/* What the measurements of one container said; all zeros at its start. */
struct governor_trial {
	int64_t measured_ms; /* its start, or the last measurement */
	uint64_t full_scans; /* then */
	uint32_t losses;     /* measurements in a row without profit */
};

/* True if a measurement now would say something new. */
bool governor_due(const struct governor_trial *trial, int64_t now_ms, uint64_t full_scans);

/* Notes a measurement. True if the container gains nothing. */
bool governor_judge(struct governor_trial *trial, int64_t now_ms, uint64_t full_scans, int64_t profit);

/* The number of avg10 in the line "some" of /proc/pressure/cpu, in hundredths of a percent; 0 where there is none. */
uint32_t governor_pressure(const char *text);

/* Called for a container that should be started without merging the next time; again after each measurement that finds so. */
typedef void governor_unprofitable_cb(const struct container *container);

/* Looks, measures and sets from now on. */
int governor_init(struct loop *loop, governor_unprofitable_cb *cb, struct error *err);

/* A container that takes part was started, or found running by a new engine. Does nothing without governor_init(). */
void governor_quicken(struct container *container);

#endif
