/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * console_log: what a container wrote to its console since its last start, for api,
 * which may not look into ENGINE_RUN itself.
 */
#ifndef BULKHEAD_CONSOLE_LOG_H
#define BULKHEAD_CONSOLE_LOG_H

#include "daemon/lib/hex.h"

struct error;

/*
 * A descriptor of memory that holds the older log (liblxc turns it over), then the
 * newer, 2 * RUNTIME_CONSOLE_MAX bytes at most, at its start; the caller closes it. Without
 * logs it is empty. -1 with err.
 */
int console_log_copy(const char id[ID_TEXT], struct error *err);

#endif
