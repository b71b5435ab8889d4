/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tree: removal of folders that may hold millions of files, at any depth, made
 * by someone hostile. The name goes at once, by rename; the files go in a child
 * process.
 */
#ifndef BULKHEAD_TREE_H
#define BULKHEAD_TREE_H

struct error;
struct loop;

/* Called when the child has ended; code is 0 or the first errno value met. */
typedef void tree_done_cb(int code, void *data);

/*
 * Renames folder/name to folder/.gone-<name> and removes that in a child. What
 * cannot be removed is passed over and keeps that name: the same call tries
 * again, so does tree_sweep(). cb may be NULL. When neither name is there, cb is
 * called with 0 before the return.
 */
int tree_remove(struct loop *loop, const char *folder, const char *name, tree_done_cb *cb, void *data,
		struct error *err);

/*
 * Removes what earlier runs left in folder: every name that begins with a dot.
 * On return none of them but .gone-* is there.
 */
int tree_sweep(struct loop *loop, const char *folder, struct error *err);

#endif
