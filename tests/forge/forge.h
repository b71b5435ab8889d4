/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * forge: the packets, and where they are sent from.
 */
#ifndef FORGE_FORGE_H
#define FORGE_FORGE_H

#include "tests/forge/frame.h"

/* Addresses in network byte order. */
struct place {
	uint8_t mac[6], gateway[6];
	in_addr_t own4, out4, host4, peer4;
	struct in6_addr own6, link6, out6, host6, peer6;
};

struct probe {
	const char *name;
	bool outside; /* it is none of the forged: it leaves the host, as the host's */
	/* The next of its frames, with text in it; false: there are no more. */
	bool (*build)(const struct place *place, unsigned part, const char *text, struct frame *frame);
};

extern const struct probe probes[];
extern const size_t probe_count;

#endif
