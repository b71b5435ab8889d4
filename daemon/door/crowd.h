/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * crowd: connections that have not logged in, and who has to leave when there are too
 * many: somebody of the source that has most, the oldest. So one source keeps no other
 * one out, however many connections it opens, and its own next one gets its turn.
 */
#ifndef BULKHEAD_CROWD_H
#define BULKHEAD_CROWD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

enum {
	CROWD_MAX = 64,       /* at a time */
	CROWD_OF_SOURCE = 8,  /* of one source */
};

/* An address of IPv4, or a network of IPv6, /64: as much as one household has. */
struct source {
	uint8_t bytes[16];
};

struct stranger {
	struct source source;
	pid_t pid;          /* 0: none */
	int64_t since_ms;
};

struct crowd {
	struct stranger strangers[CROWD_MAX];
};

void source_of(const struct sockaddr_storage *address, struct source *ret_source);

/* Who has to leave before one more of this source comes in; 0: nobody. */
pid_t crowd_pushes(const struct crowd *crowd, const struct source *source);

/* There is room: crowd_pushes() has said 0, or who had to has left. */
void crowd_enter(struct crowd *crowd, const struct source *source, pid_t pid, int64_t now_ms);

/* False: it is not here. */
bool crowd_leave(struct crowd *crowd, pid_t pid);

#endif
