/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * certificate: the file that HAProxy reads at its start: chain and key, root's alone.
 */
#ifndef BULKHEAD_ENGINE_CERTIFICATE_H
#define BULKHEAD_ENGINE_CERTIFICATE_H

struct message;

void certificate_store(const struct message *message); /* MESSAGE_CERTIFICATE */
void certificate_show(const struct message *message);  /* MESSAGE_CERTIFICATE_SHOW */

#endif
