/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sshkey: a host key of dropbear, as dropbearkey makes and reads it. Both run
 * that program and wait for it.
 */
#ifndef BULKHEAD_SSHKEY_H
#define BULKHEAD_SSHKEY_H

#include <stddef.h>

struct error;

/*
 * Writes "SHA256:..." of the key in the file, as ssh shows it. EBADMSG when it
 * is no key; any other code says that it could not be looked at.
 */
int sshkey_fingerprint(const char *path, char *out, size_t size, struct error *err);

/* Replaces the file by a fresh Ed25519 key. */
int sshkey_make(const char *path, struct error *err);

#endif
