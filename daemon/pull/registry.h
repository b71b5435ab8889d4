/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * registry: reading one repository of an image registry (OCI distribution specification 1.1, "Pull"; tokens as the distribution project's
 * token specification has them). HTTPS only, also where it redirects; credentials never follow to another host.
 */
#ifndef BULKHEAD_REGISTRY_H
#define BULKHEAD_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/lib/hex.h"

struct error;
struct reference;
struct registry;

enum { REGISTRY_MANIFEST_MAX = 4 << 20 }; /* bytes; what the specification asks registries to take */

/* Asked about once a second; true ends what is under way with ECANCELED. */
typedef bool registry_cancelled_cb(void);

/*
 * reference, user, password and ca are kept by reference. user "": nobody. ca: PEM certificates that replace the system's authorities,
 * or "". NULL without memory.
 */
struct registry *registry_open(const struct reference *reference, const char *user, const char *password, const char *ca,
			       registry_cancelled_cb *cancelled, struct error *err);
void registry_close(struct registry *registry); /* takes NULL; wipes the token */

/*
 * The manifest or index named by a tag, or by the hex of its SHA-256, which is checked then. *ret_text is the caller's to free, has a NUL behind its last byte;
 * ret_digest is the hex of its SHA-256. Errors: ENOENT not there, EACCES not allowed, EBADMSG not what was asked for, EIO no answer.
 */
int registry_manifest(struct registry *registry, const char *name, char **ret_text, size_t *ret_size,
		      char ret_digest[DIGEST_TEXT], struct error *err);

/* Takes a part of a blob; -1 with err ends the transfer. */
typedef int registry_data_cb(const void *data, size_t size, void *user, struct error *err);

/*
 * Hands a blob of exactly size bytes to cb, piece by piece and in order; a connection that is lost is taken up again where it broke (RFC 9110 section 14), five
 * times without a byte in between. EBADMSG when size or SHA-256 differ: what cb was given is to be thrown away then.
 */
int registry_blob(struct registry *registry, const char digest[DIGEST_TEXT], uint64_t size, registry_data_cb *cb, void *user,
		  struct error *err);

#endif
