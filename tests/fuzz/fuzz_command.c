/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_command: the body of POST /containers/{id}/exec, from its bytes to what the engine gets. */
// link: daemon/api/command.c daemon/api/spec.c daemon/api/services.c daemon/api/confinement.c -lseccomp daemon/api/name.c -lcrypto
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/api/command.h"
#include "daemon/lib/error.h"
#include "daemon/lib/json.h"
#include "daemon/lib/protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct exec_message exec;
	struct error err = ERROR_INIT;
	unsigned char *input = NULL;
	size_t input_size = 0;
	json_t *body = json_parse((const char *)data, size, &err);

	if (body != NULL && command_read(body, &exec, &input, &input_size, &err) == 0) {
		require(exec.command_size > 1 && exec.output_max <= EXEC_OUTPUT_MAX && (exec.timeout_ms >= 1000 || exec.attach != 0));
		require(input_size <= COMMAND_INPUT_MAX && (input != NULL || input_size == 0));
		require(exec.folder[0] == '\0' || exec.folder[0] == '/');
		/* What was accepted here, the engine's check accepts too. */
		require(protocol_check(MESSAGE_EXEC, &exec, sizeof exec, &err) == 0);
	} else {
		require(err.code != 0);
	}
	free(input);
	json_decref(body);
	return 0;
}
