/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hasher: a process beside the gate that makes and compares hashes of passwords (password.h), one at a time, while
 * the gate goes on.
 */
#ifndef BULKHEAD_HASHER_H
#define BULKHEAD_HASHER_H

struct error;
struct loop;

enum { HASHER_WAITING_MAX = 256 };

/* Begins it, from a process that is not in its sandbox yet: the child enters the gate's. Returns the end to it. */
int hasher_fork(struct error *err);

/* Takes the end over. The loop ends with 1 if the process does. */
int hasher_open(struct loop *loop, int fd, struct error *err);

/* code 0: it is done, and hash the result of hasher_hash(); EACCES: not this password; else it could not be done. */
typedef void hasher_cb(int code, const char *hash, void *data);

/* EAGAIN: too many wait. */
int hasher_hash(const char *password, hasher_cb *cb, void *data, struct error *err);
int hasher_verify(const char *hash, const char *password, hasher_cb *cb, void *data, struct error *err);

#endif
