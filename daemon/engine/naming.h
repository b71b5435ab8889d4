/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * naming: what containers may ask the host's resolver (daemon/names), and where they may
 * go with what it found (nameset.h). A container asks for anything if all of its egress
 * is open, else for what its rules name.
 */
#ifndef BULKHEAD_NAMING_H
#define BULKHEAD_NAMING_H

struct error;
struct loop;

/* Takes the descriptor of the channel to role names over. */
int naming_init(struct loop *loop, int fd, struct error *err);

#endif
