/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * start: the contract between engine and the start helper of one container.
 */
#ifndef BULKHEAD_START_H
#define BULKHEAD_START_H

#include <stdint.h>

enum {
	START_FD_MESSAGE = 3, /* a memfd with struct container_message */
	START_FD_RESULT = 4,  /* SOCK_SEQPACKET; one struct start_result, on success with two pidfds: monitor, init */
};

struct start_result {
	uint32_t code; /* 0 or an errno value */
	int32_t monitor, init;
	uint32_t start_ms; /* how long it took */
	char message[384];
};

#endif
