/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * firewall: table inet bulkhead. Its rules do not depend on which containers
 * exist: those are elements of its sets (element.h). It outlives the engine.
 *
 * A container reaches what its rules (class.h) let it, and never link-local,
 * multicast, unique local and other containers' addresses; nothing reaches a
 * container but the host itself, where HAProxy is, and what its published ports let in.
 */
#ifndef BULKHEAD_FIREWALL_H
#define BULKHEAD_FIREWALL_H

struct error;
struct hostcfg;

#define FIREWALL_TABLE "bulkhead"

/*
 * Installs the table, or brings an existing one up to date: chains are
 * rewritten in one transaction, sets keep their elements. There is no moment
 * without rules.
 */
int firewall_install(const struct hostcfg *cfg, struct error *err);

/* Runs commands of nft(8), all of them in one transaction. For what is done rarely: elements of containers go by element.h. */
int firewall_run(const char *commands, struct error *err);

#endif
