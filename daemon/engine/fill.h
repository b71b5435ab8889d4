/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fill: the contents of two sets of table inet bulkhead, of one family each, written
 * anew in one transaction by raw netlink: nft(8) takes ten times as long for 100,000.
 */
#ifndef BULKHEAD_FILL_H
#define BULKHEAD_FILL_H

struct address_set;
struct error;

/* Sets with `flags interval` that are there, of ipv4_addr and of ipv6_addr. On -1 they are as before. */
int fill_sets(const char *set4, const char *set6, const struct address_set *addresses, struct error *err);

#endif
