/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * identity_key: by which the host says to a service who was let in: a JWT (RFC 7519) signed with Ed25519 (RFC 8037), whose
 * public key is a JWKS document (RFC 7517).
 */
#ifndef BULKHEAD_IDENTITY_KEY_H
#define BULKHEAD_IDENTITY_KEY_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/lib/protocol.h"

struct error;
struct identity_key;

/* Of a private key. NULL with err. */
struct identity_key *identity_key_new(const uint8_t bytes[IDENTITY_KEY_BYTES], struct error *err);
void identity_key_free(struct identity_key *key); /* takes NULL */

/* {"keys": [...]} with the public half; the caller's reference. */
json_t *identity_key_jwks(const struct identity_key *key, struct error *err);

/* A JWT of these claims. -1: it does not fit, or cannot be signed. */
int identity_key_sign(const struct identity_key *key, const json_t *claims, char *text, size_t room);

#endif
