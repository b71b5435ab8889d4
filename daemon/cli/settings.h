/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * settings: which host the API commands speak to, and as whom. Options come
 * first, then the environment, then ~/.config/bulkhead/client.json.
 */
#ifndef BULKHEAD_SETTINGS_H
#define BULKHEAD_SETTINGS_H

#include <stdbool.h>

struct error;
struct secret;

struct settings {
	const char *server, *token_file, *ca, *connect; /* from options, borrowed; NULL: not given */
	bool insecure;
	struct secret *token; /* filled by settings_complete */
	char *kept[4];        /* memory behind the values from the file */
};

/* Fills in what no option gave and reads the token's file. */
int settings_complete(struct settings *settings, struct error *err);

void settings_clear(struct settings *settings);

#endif
