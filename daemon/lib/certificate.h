/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * certificate: a chain of X.509 certificates (RFC 5280) and the private key of its first,
 * as PEM text (RFC 7468).
 */
#ifndef BULKHEAD_CERTIFICATE_H
#define BULKHEAD_CERTIFICATE_H

#include <jansson.h>

#include "daemon/lib/secret.h"

struct error;

/* Those of the host, which HAProxy reads at its start: root's alone. */
#define CERTIFICATE_PATH "/data/bulkhead/tls/bulkhead.pem"

enum {
	CERTIFICATE_CHAIN_MAX = 8,
	/* In its normal form, with its key. HAProxy takes 16 KiB over its runtime socket, the command's own words among them. */
	CERTIFICATE_TEXT_MAX = 15 * 1024,
};

/*
 * Checks that key, not encrypted, is of the first certificate of chain, that each other one
 * has issued the one before it, and that the first is valid now, for names like
 * "any.<domain>". Returns both in their normal form, the chain first; NULL with err->field
 * "certificate" or "key". The caller frees it.
 */
struct secret *certificate_join(const char *chain, const char *key, const char *domain, struct error *err);

/* Whether text is such a normal form as to chain and key: a second look. -1 with err. */
int certificate_check(const struct secret *text, struct error *err);

/*
 * What a chain's first certificate says: {"subject", "issuer", "names": [...],
 * "fingerprint" (SHA-256, hex), "not_before", "not_after" (ms since 1970)}, and "pem",
 * the chain without any key. NULL with err.
 */
json_t *certificate_json(const char *text, size_t size, struct error *err);

#endif
