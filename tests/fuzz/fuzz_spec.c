/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_spec: the body of POST /containers, from its bytes to what the engine gets. */
// link: daemon/api/spec.c daemon/api/services.c daemon/api/confinement.c -lseccomp daemon/api/name.c
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/api/spec.h"
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
	static struct container_message message;
	struct error err = ERROR_INIT;
	struct spec spec;
	json_t *body = json_parse((const char *)data, size, &err);

	if (body != NULL && spec_read(body, &spec, &err) == 0) {
		require(spec.name[0] != '\0' && strpbrk(spec.name, "./ _") == NULL && strlen(spec.name) <= CONTAINER_NAME_MAX);
		require(spec.port >= 0 && spec.port <= 65535 && spec.pids_max >= 1 && spec.memory_max >= 0);
		memset(&message, 0, sizeof message);
		require(spec_command_pack(spec.command, message.command, sizeof message.command, &message.command_size,
					  &err) == 0);
		require(spec_environment_pack(spec.environment, message.environment, sizeof message.environment,
					      &message.environment_size, &err) == 0);
		/* What was accepted here, the engine's check accepts too. */
		require(protocol_check(MESSAGE_CONTAINER_START, &message, sizeof message, &err) == 0);
	} else {
		json_t *text = json_string(err.message), *field = json_string(err.field);
		require(err.code != 0 && text != NULL && field != NULL);
		json_decref(text);
		json_decref(field);
	}
	json_decref(body);
	return 0;
}
