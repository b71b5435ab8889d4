/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * upstream: questions to the host's own resolvers (resolv.conf(5)), by c-ares: tries,
 * time limits, other servers, TCP for what is too long. Nothing is kept: what one tenant
 * asks for tells another one nothing.
 */
#ifndef BULKHEAD_UPSTREAM_H
#define BULKHEAD_UPSTREAM_H

#include <ares.h>

struct error;
struct loop;

/* Reads resolv.conf; upstream_ask() does so again when it has changed. */
int upstream_init(struct loop *loop, struct error *err);

/* Asks; cb is called once, perhaps before this returns, and has the answer until it returns. */
void upstream_ask(const ares_dns_record_t *query, ares_callback_dnsrec cb, void *data);

#endif
