/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * upkeep: what api asks to be done with the files of containers: they are
 * compacted, copied, or exported. The answer goes when it is done.
 */
#ifndef BULKHEAD_UPKEEP_H
#define BULKHEAD_UPKEEP_H

struct loop;
struct message;

void upkeep_compact(struct loop *loop, const struct message *message);
void upkeep_copy(struct loop *loop, const struct message *message);
void upkeep_export(struct loop *loop, const struct message *message);

#endif
