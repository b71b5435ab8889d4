/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * command: what a client wants to be run in a container, read and checked; and
 * what came out of it, as JSON.
 */
#ifndef BULKHEAD_API_COMMAND_H
#define BULKHEAD_API_COMMAND_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/lib/protocol.h"

struct error;

enum {
	COMMAND_INPUT_MAX = 512 * 1024,       /* bytes of standard input, decoded */
	COMMAND_OUTPUT_DEFAULT = 256 * 1024,  /* bytes kept of each stream */
	COMMAND_SECONDS_DEFAULT = 60,         /* none for one with a client attached */
	COMMAND_TERMINAL_MAX = 10000,         /* columns, rows */
	COMMAND_SECONDS_MAX = 1200,           /* less than the proxy waits for an answer */
};

/*
 * Fills the frame but for ids. *ret_input is fresh memory, the caller's, or NULL
 * if the body names no input.
 */
int command_read(json_t *body, struct exec_message *ret_exec, unsigned char **ret_input, size_t *ret_input_size,
		 struct error *err);

/* One stream: text if it is UTF-8, else base64. written: what the command wrote of which size bytes were kept. */
json_t *command_output_json(const char *data, size_t size, uint64_t written);

/* "SIGKILL" or, for a signal without a name, its number as text. */
void command_signal_name(int signal, char text[16]);

#endif
