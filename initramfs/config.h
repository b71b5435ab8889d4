/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config: puts the host config that was read from the ESP into force: host name,
 * network, and who may come in by SSH. A file with mistakes is told, and what is
 * sound in it holds.
 */
#ifndef BULKHEAD_CONFIG_H
#define BULKHEAD_CONFIG_H

#include "daemon/lib/hostcfg.h"
#include "initramfs/esp.h"
#include "initramfs/status.h"

struct loop;

/* Reads ESP_CONFIG into cfg, which the network borrows. esp NULL: no ESP was found so far, the defaults hold. */
void config_apply(struct hostcfg *cfg, struct status *status, const struct esp *esp);

/* Starts the SSH server unless it runs, has no key to let in, or no host key. */
void config_ssh(struct loop *loop, const struct hostcfg *cfg, struct status *status, const struct esp *esp);

#endif
