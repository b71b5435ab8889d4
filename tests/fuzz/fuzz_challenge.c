/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_challenge: a registry's WWW-Authenticate header. */
// link: daemon/pull/challenge.c
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/pull/challenge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct challenge challenge;
	char *text = strndup((const char *)data, size);

	if (text == NULL)
		return 0;
	challenge_parse(text, &challenge);
	if (strlen(challenge.realm) >= sizeof challenge.realm || strlen(challenge.service) >= sizeof challenge.service ||
	    strlen(challenge.scope) >= sizeof challenge.scope)
		abort();
	free(text);
	return 0;
}
