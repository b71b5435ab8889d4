/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * adopt: a new engine meets the containers of an earlier one.
 */
#ifndef BULKHEAD_ADOPT_H
#define BULKHEAD_ADOPT_H

struct error;
struct hostcfg;

/* Goes through ENGINE_RUN: what runs is taken over, what ended meanwhile is cleaned up. */
int adopt_all(const struct hostcfg *cfg, struct error *err);

#endif
