/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * identity: by what a client recognises this host.
 */
#ifndef BULKHEAD_IDENTITY_H
#define BULKHEAD_IDENTITY_H

#include <stddef.h>

struct error;

/* "SHA256:..." of the SSH host key, as ssh shows it. */
int identity_ssh(char *out, size_t size, struct error *err);

/* The host's certificate chain as PEM, without its key; the caller frees it. */
int identity_certificate(char **ret_pem, struct error *err);

/* SHA-256 of the certificate, in hex. */
int identity_certificate_digest(char *out, size_t size, struct error *err);

#endif
