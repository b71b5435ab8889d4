/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * certificate: a new certificate for the HAProxy that runs, in two steps: it says whether
 * it takes it, then it uses it. Connections that stand are not touched.
 *
 * Protocol: HAProxy 3.0 management guide, 9.3: set, commit and abort ssl cert.
 */
#ifndef BULKHEAD_GATE_CERTIFICATE_H
#define BULKHEAD_GATE_CERTIFICATE_H

#include <stdint.h>

struct error;
struct haproxy;

/* Answers one request: code 0, or an errno value with a message. */
typedef void certificate_done_cb(uint64_t serial, int code, const char *message, void *data);

void certificate_init(struct haproxy *haproxy, certificate_done_cb *done, void *data);

/* fd: the text of certificate.h. -1 with err: not begun. One that was tried before, and not used, is dropped. */
int certificate_try(int fd, uint64_t serial, struct error *err);

/* The one that was tried last. */
int certificate_use(uint64_t serial, struct error *err);

#endif
