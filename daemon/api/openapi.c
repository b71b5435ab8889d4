/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * openapi: the description of this interface, built into the binary.
 */
#include "daemon/api/resources.h"

/* The path is from the tree's top, where the compiler runs. */
__asm__(".section .rodata\n"
	".global openapi_text, openapi_text_end\n"
	"openapi_text:\n"
	".incbin \"daemon/api/openapi.yaml\"\n"
	"openapi_text_end:\n"
	".byte 0\n"
	".previous\n");

extern const char openapi_text[], openapi_text_end[];

void openapi_show(struct request *request)
{
	request_answer_text(request, "application/yaml", openapi_text, (size_t)(openapi_text_end - openapi_text));
}
