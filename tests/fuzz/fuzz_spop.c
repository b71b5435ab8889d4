/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_spop: what HAProxy tells of a request, and what is looked for in it. */
// link: daemon/gate/spop.c daemon/gate/visit.c daemon/lib/base64.c
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/gate/visit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void within(const uint8_t *data, size_t size, struct span span)
{
	if (span.text != NULL && ((const uint8_t *)span.text < data || (const uint8_t *)span.text + span.size > data + size))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct spop_frame frame;
	struct visit visit;
	char user[CONDITION_NAME_MAX + 1], text[256];

	if (!spop_frame_read(data, size, &frame) || !visit_read(frame.payload, &visit))
		return 0;
	within(data, size, visit.key);
	within(data, size, visit_header(&visit, "a"));
	within(data, size, visit_cookie(&visit, "a"));
	within(data, size, visit_param(&visit, "a"));
	within(data, size, visit_bearer(&visit));
	if (visit_basic(&visit, user, text, sizeof text) && (strlen(user) > CONDITION_NAME_MAX || strlen(text) >= sizeof text))
		abort();
	if (visit_cookies_without(&visit, "a", text, sizeof text) && strlen(text) >= sizeof text)
		abort();
	if (visit_query_without(&visit, "a", text, sizeof text) && strlen(text) >= sizeof text)
		abort();
	return 0;
}
