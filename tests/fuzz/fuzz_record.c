/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_record: what is sent to the audit log; a record that is read is written as a line that says the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/error.h"
#include "daemon/lib/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char line[RECORD_LINE_MAX + 1], again[RECORD_LINE_MAX + 1];
	struct record record, other;
	struct error err = ERROR_INIT;

	if (size > RECORD_LINE_MAX)
		return 0;
	memcpy(line, data, size);
	if (record_parse(line, size, &record, &err) == -1)
		return 0;
	size_t printed = record_print(&record, again, sizeof again);
	if (printed == 0 || record_parse(again, printed, &other, &err) == -1 || record.ack != other.ack || record.again != other.again ||
	    strcmp(record.realm, other.realm) != 0)
		abort();
	for (int i = 0; i < RECORD_COLUMNS; i++) {
		if ((record.texts[i] == NULL) != (other.texts[i] == NULL) || record.numbers[i] != other.numbers[i])
			abort();
		if (record.texts[i] != NULL && (strcmp(record.texts[i], other.texts[i]) != 0 || strlen(record.texts[i]) > record_fields[i].max))
			abort();
	}
	return 0;
}
