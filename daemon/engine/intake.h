/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * intake: api's requests about images. Each is answered through reply.h, at once
 * or when it is done.
 */
#ifndef BULKHEAD_INTAKE_H
#define BULKHEAD_INTAKE_H

struct loop;
struct message;

void intake_import(struct loop *loop, const struct message *message); /* MESSAGE_IMAGE_IMPORT */
void intake_delete(struct loop *loop, const struct message *message); /* MESSAGE_IMAGE_DELETE */
void intake_pull(struct loop *loop, const struct message *message);   /* MESSAGE_PULL_START */

#endif
