/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reference: the name of an image in a registry, "host[:port]/path[:tag][@sha256:digest]". The grammar of path and tag is that of the
 * OCI distribution specification 1.1 ("Pulling manifests"). A host has to be named: nobody's registry is the default. Without tag and
 * digest the tag is "latest"; with both, the digest decides.
 */
#ifndef BULKHEAD_REFERENCE_H
#define BULKHEAD_REFERENCE_H

#include "daemon/lib/hex.h"

struct error;

enum {
	REFERENCE_MAX = 512, /* bytes of the whole text */
	REFERENCE_HOST_MAX = 255,
	REFERENCE_PATH_MAX = 255,
	REFERENCE_TAG_MAX = 128,
};

struct reference {
	char host[REFERENCE_HOST_MAX + 1]; /* with ":port" if there is one; an IPv6 address in brackets */
	char path[REFERENCE_PATH_MAX + 1];
	char tag[REFERENCE_TAG_MAX + 1];
	char digest[DIGEST_TEXT];          /* hex of the SHA-256, or "" */
};

/* err->field is "reference", the message says which part is wrong. */
int reference_parse(const char *text, struct reference *ret_reference, struct error *err);

#endif
