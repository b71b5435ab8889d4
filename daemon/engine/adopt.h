/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * adopt: a new engine meets the containers of an earlier one.
 */
#ifndef BULKHEAD_ADOPT_H
#define BULKHEAD_ADOPT_H

#include <stdbool.h>

struct error;
struct hostcfg;

/*
 * Goes through ENGINE_RUN: what runs is taken over, what ended meanwhile is cleaned up.
 * lost: the firewall does not know them any more. Else who is not in it was revoked.
 */
int adopt_all(const struct hostcfg *cfg, bool lost, struct error *err);

#endif
