/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * digest: SHA-256 of files.
 */
#ifndef BULKHEAD_DIGEST_H
#define BULKHEAD_DIGEST_H

#include "daemon/lib/hex.h"

struct error;

/* Of the whole file, from its start. What was read of it does not stay in memory. */
int digest_file(int fd, char hash[DIGEST_TEXT], struct error *err);

#endif
