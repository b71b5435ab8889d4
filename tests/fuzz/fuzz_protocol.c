/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_protocol: frames from a role that was taken over. The first four bytes are the type, the rest the payload. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/error.h"
#include "daemon/lib/protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static _Alignas(16) unsigned char payload[65536];
	struct error err = ERROR_INIT;
	uint32_t type;
	size_t sum = 0;

	if (size < sizeof type || size - sizeof type > sizeof payload)
		return 0;
	memcpy(&type, data, sizeof type);
	memcpy(payload, data + sizeof type, size - sizeof type);
	if (protocol_check(type, payload, size - sizeof type, &err) == -1) {
		if (err.code == 0)
			abort();
		return 0;
	}
	/* What passed can be read as its receiver reads it. */
	if (type == MESSAGE_CONTAINER_START || type == MESSAGE_CONTAINER_SYNC) {
		const struct container_message *container = (const void *)payload;
		sum += strlen(container->id) + strlen(container->name) + strlen(container->project);
		for (uint32_t i = 0; i < container->layer_count; i++)
			sum += strlen(container->layers[i]);
		for (size_t at = 0; at < container->command_size; at += strlen(container->command + at) + 1)
			sum++;
		for (size_t at = 0; at < container->environment_size; at += strlen(container->environment + at) + 1)
			sum++;
	}
	if (type == MESSAGE_RESULT) {
		const struct result_message *result = (const void *)payload;
		sum += strlen(result->field) + strlen(result->message);
	}
	return sum == SIZE_MAX;
}
