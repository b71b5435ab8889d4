/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_address_set: a list as a client sends it has a normal form, which is loaded again and holds its own; bytes at rest are checked. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/address_set.h"
#include "daemon/lib/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = ERROR_INIT;
	struct address_set set, again;
	size_t length;

	if (address_set_load(data, size, &set, &err) == 0)
		address_set_free(&set);
	if (address_set_parse((const char *)data, size, &set, &err) == -1)
		return 0;
	char *text = address_set_text(&set, &length);
	if (text == NULL || address_set_load(set.addresses, address_set_size(&set), &again, &err) == -1)
		abort();
	address_set_free(&again);
	if (address_set_parse(text, length, &again, &err) == -1 || again.count != set.count)
		abort();
	for (size_t i = 0; i < set.count; i++)
		if (!address_set_holds(&again, &set.addresses[i]))
			abort();
	address_set_free(&again);
	address_set_free(&set);
	free(text);
	return 0;
}
