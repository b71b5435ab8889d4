/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * esp: the EFI system partition. It is mounted only while something is read or
 * written there. Two files matter: the host config, and the SSH host key of the
 * agent, which is not the OS's. Anyone with the disk in hand can read both.
 *
 * Blocks on the disk: call from a worker.
 */
#ifndef BULKHEAD_ESP_H
#define BULKHEAD_ESP_H

#include <stdbool.h>

struct error;

#define ESP_CONFIG "/run/bulkhead/host.json"              /* copy of /bulkhead/host.json */
#define ESP_HOST_KEY "/run/bulkhead/ssh/unlock_ed25519"   /* copy of /bulkhead/ssh/unlock_ed25519 */

struct esp {
	char config_error[256]; /* host.json is there and cannot be read; "" */
	bool have_key;        /* ESP_HOST_KEY can be used */
	char fingerprint[80]; /* "SHA256:..." of the host key */
	char warning[256];    /* the key could not be kept, or a bad one was replaced; "" */
};

/*
 * Copies the host config and the host key into RAM. A missing or broken key is
 * made anew and stored; if it cannot be stored, or the one there cannot be read,
 * the new one serves for this boot. A host config that is missing is no error.
 */
int esp_read(const char *device, struct esp *ret_esp, struct error *err);

#endif
