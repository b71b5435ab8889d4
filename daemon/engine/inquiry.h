/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * inquiry: what api asks and what changes nothing. Answered through reply.h.
 */
#ifndef BULKHEAD_INQUIRY_H
#define BULKHEAD_INQUIRY_H

struct loop;
struct message;

void inquiry_host(const struct message *message);                       /* MESSAGE_HOST_STATUS */
void inquiry_console(const struct message *message);                    /* MESSAGE_CONTAINER_CONSOLE */
void inquiry_usage(const struct message *message);                      /* MESSAGE_USAGE */
void inquiry_merging(struct loop *loop, const struct message *message); /* MESSAGE_MERGING; it takes a while */

#endif
