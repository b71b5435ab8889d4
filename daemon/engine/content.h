/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * content: files that containers of one realm have in common, kept once. A
 * container's own folder then holds an inode without data for each, which
 * overlayfs follows to here (metacopy and redirect, Documentation/filesystems/
 * overlayfs.rst of the kernel): owner, mode, times and attributes stay the
 * container's, the data and its page cache are everybody's.
 *
 *   <base>/stores/<store>/.bulkhead-content/<SHA-256>  the data; <store> is a realm, or "host" for realms that share with
 *                                                  the host's others; the lowest layer of a container that uses it
 *   <base>/refs/<container>/<store>/<SHA-256>      a hard link to it: the container may use it
 *
 * The count of links is the count of users: data with one link is garbage. A
 * reference stands on disk before the first inode that needs it. Data never
 * changes. A container covers the folder's name in its root by a whiteout.
 *
 * Whoever adds or removes holds content_lock(): waiting is for child processes.
 */
#ifndef BULKHEAD_CONTENT_H
#define BULKHEAD_CONTENT_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/lib/hex.h"

struct error;
struct loop;

#define CONTENT_FOLDER ".bulkhead-content"
#define CONTENT_HOST "host"

enum { CONTENT_STORES_MAX = 8 }; /* of one container: its realm's, the host's */

/* A descriptor that holds the lock until it is closed; makes base if missing. Blocks. */
int content_lock(const char *base, struct error *err);

/* The folder of a store's data, made if missing: a descriptor, the caller's. */
int content_open(const char *base, const char *store, struct error *err);

/*
 * Puts the file open at fd into the store if its data is not there. EILSEQ: the
 * data has another hash than this. On disk with the next syncfs().
 */
int content_add(int store, int fd, const char hash[DIGEST_TEXT], struct error *err);

/* 1: the file at fd has exactly this data of the store, 0: not, -1 with err (ENOENT: no such data). */
int content_same(int store, int fd, const char hash[DIGEST_TEXT], struct error *err);

/* The folder of a container's references to a store, made if missing: a descriptor, the caller's. */
int content_refs_open(const char *base, const char *id, const char *store, struct error *err);

/* Notes that a container uses the data; may be repeated. EMLINK: too many do. */
int content_refer(int store, int refs, const char hash[DIGEST_TEXT], struct error *err);

/* Calls cb with the name and size of each file in a folder of data or references. */
int content_each(int folder, void (*cb)(const char hash[DIGEST_TEXT], uint64_t size, void *data), void *data,
		 struct error *err);

/* Removes data that no container refers to. Returns how many files, or -1 with err. */
int64_t content_sweep(int store, struct error *err);

/* True once a container has used a store, for as long as it exists: it has to be mounted with metacopy. */
bool content_used(const char *base, const char *id);

/* The layers that the container's files lead to, at most CONTENT_STORES_MAX. Returns how many, or -1 with err. */
int content_layers(const char *base, const char *id, char paths[CONTENT_STORES_MAX][PATH_MAX], struct error *err);

/* The bytes of what the container refers to: on its disk limit they weigh as if they were its own. */
uint64_t content_bytes(const char *base, const char *id);

/* Notes that `to` uses all that `from` does. Needs the lock. */
int content_share(const char *base, const char *from, const char *to, struct error *err);

/* Removes a container's references, and the data that was its alone. Needs the lock. */
int content_release(const char *base, const char *id, struct error *err);

/* Removes the references that keep says no to, and the data that nobody refers to then. Needs the lock. */
int content_prune(const char *base, const char *id, bool (*keep)(const char hash[DIGEST_TEXT], void *data), void *data,
		  struct error *err);

/* The same for what containers without a folder in containers left. Needs the lock. */
int content_collect(const char *base, const char *containers, struct error *err);

typedef void content_done_cb(int code, void *data);

/* The same in a child that waits for the lock; cb at once when there is nothing to do. code: 0 or an errno value. */
int content_forget(struct loop *loop, const char *base, const char *id, content_done_cb *cb, void *data, struct error *err);

#endif
