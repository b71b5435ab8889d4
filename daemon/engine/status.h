/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * status: figures of the host for MESSAGE_HOST_STATUS.
 */
#ifndef BULKHEAD_STATUS_H
#define BULKHEAD_STATUS_H

struct host_status_message;

/* Fills what can be read; a figure the kernel does not give is 0. */
void status_read(struct host_status_message *ret_status);

#endif
