/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tally: what table inet bulkhead holds beside its fixed rules, one after the other:
 * counters, chains, sets, elements of a set or map. Listings: for people who ask, and for a
 * new engine's cleaning; never on the way of a container.
 */
#ifndef BULKHEAD_TALLY_H
#define BULKHEAD_TALLY_H

#include <stddef.h>
#include <stdint.h>

struct error;

typedef void tally_counter_cb(const char *name, uint64_t packets, uint64_t bytes, void *data);
typedef void tally_name_cb(const char *name, void *data);
typedef void tally_link_cb(const char *link, uint64_t packets, uint64_t bytes, void *data);
typedef void tally_element_cb(const uint8_t *key, size_t size, void *data);
typedef void tally_timed_cb(const uint8_t *key, size_t size, uint64_t left_ms, void *data);

int tally_counters(tally_counter_cb *cb, void *data, struct error *err);
int tally_chains(tally_name_cb *cb, void *data, struct error *err);
int tally_sets(tally_name_cb *cb, void *data, struct error *err); /* and maps */
int tally_elements(const char *set, tally_element_cb *cb, void *data, struct error *err);

/* Of a set whose elements go by themselves. */
int tally_timed(const char *set, tally_timed_cb *cb, void *data, struct error *err);

/* Of a set of links whose elements count. */
int tally_links(const char *set, tally_link_cb *cb, void *data, struct error *err);

#endif
