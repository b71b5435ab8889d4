/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fill: two sets of table inet bulkhead, of one family each, made and filled in one
 * transaction by raw netlink: nft(8) takes ten times as long for 100,000 networks.
 *
 * A set is never filled anew: the kernel (nft_set_rbtree.c) looks at every element that
 * the transaction removes for each one that it adds, which takes hours for 100,000.
 */
#ifndef BULKHEAD_FILL_H
#define BULKHEAD_FILL_H

struct address_set;
struct error;

/* Both or none; EEXIST: there are such sets. */
int fill_sets(const char *set4, const char *set6, const struct address_set *addresses, struct error *err);

#endif
