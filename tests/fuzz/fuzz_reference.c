/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_reference: the name of an image in a registry. What is taken makes a URL of three parts and nothing else. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/error.h"
#include "daemon/lib/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = ERROR_INIT;
	struct reference reference;
	char text[1024];

	snprintf(text, sizeof text, "%.*s", (int)(size < sizeof text ? size : sizeof text - 1), (const char *)data);
	if (reference_parse(text, &reference, &err) == -1) {
		require(err.code != 0 && strcmp(err.field, "reference") == 0);
		return 0;
	}
	require(reference.host[0] != '\0' && strpbrk(reference.host, "/@?# %\\") == NULL);
	require(reference.path[0] != '\0' && strpbrk(reference.path, ":@?# %\\") == NULL && strstr(reference.path, "..") == NULL);
	require(strpbrk(reference.tag, "/:@?# %\\") == NULL);
	require(reference.tag[0] != '\0' || hex_valid(reference.digest, DIGEST_TEXT - 1));
	return 0;
}
