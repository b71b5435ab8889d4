/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * link: the client's end of the unlock socket (unlock.h).
 */
#ifndef BULKHEAD_LINK_H
#define BULKHEAD_LINK_H

#include <stddef.h>
#include <stdint.h>

#include "initramfs/unlock.h"

struct error;

struct link_frame {
	enum unlock_type type;
	uint32_t value;
	char text[UNLOCK_TEXT_MAX + 1]; /* control characters other than newline are '?' */
};

/* Connects and greets as origin. Returns the socket, -1 with err. */
int link_open(enum unlock_mode mode, const char *origin, struct error *err);

/* Sends data (a passphrase, or nothing) straight from where it lies. */
int link_send(int fd, enum unlock_type type, uint32_t value, const void *data, size_t size, struct error *err);

/* Waits for a frame. The recovery key passes through *frame: wipe it after use. */
int link_receive(int fd, struct link_frame *frame, struct error *err);

#endif
