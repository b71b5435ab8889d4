/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/lib/record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/error.h"

#define TEXT_FIELD(column, size) { column, false, size }
#define NUMBER_FIELD(column) { column, true, 0 }

const struct record_field record_fields[RECORD_COLUMNS] = {
	[RECORD_KIND] = TEXT_FIELD("kind", 8),
	[RECORD_PROJECT] = TEXT_FIELD("project", ID_TEXT - 1),
	[RECORD_CONTAINER] = TEXT_FIELD("container", ID_TEXT - 1),
	[RECORD_SERVICE] = TEXT_FIELD("service", 63),
	[RECORD_STARTED] = NUMBER_FIELD("started"),
	[RECORD_REQUEST] = TEXT_FIELD("request", 64),
	[RECORD_CLIENT] = TEXT_FIELD("client", 64),
	[RECORD_METHOD] = TEXT_FIELD("method", 32),
	[RECORD_HOSTNAME] = TEXT_FIELD("host", 255),
	[RECORD_PATH] = TEXT_FIELD("path", 1024),
	[RECORD_VERSION] = TEXT_FIELD("version", 16),
	[RECORD_STATUS] = NUMBER_FIELD("status"),
	[RECORD_RECEIVED] = NUMBER_FIELD("received"),
	[RECORD_SENT] = NUMBER_FIELD("sent"),
	[RECORD_DURATION] = NUMBER_FIELD("duration"),
	[RECORD_WAITED] = NUMBER_FIELD("waited"),
	[RECORD_IDENTITY] = TEXT_FIELD("identity", 256),
	[RECORD_DECISION] = TEXT_FIELD("decision", 16),
	[RECORD_RULE] = TEXT_FIELD("rule", 128),
	[RECORD_ENDING] = TEXT_FIELD("ending", 8),
	[RECORD_DETAIL] = TEXT_FIELD("detail", RECORD_DETAIL_MAX),
};

static const char *const kinds[] = { "request", "opened", "call", "calling", "failed", "lost" };

struct record record_make(const char *realm, const char *kind)
{
	struct record record = { .texts = { [RECORD_KIND] = kind } };

	snprintf(record.realm, sizeof record.realm, "%s", realm);
	for (int i = 0; i < RECORD_COLUMNS; i++)
		record.numbers[i] = -1;
	return record;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* False: a malformed escape, or a NUL. */
static bool field_decode(char *text)
{
	char *out = text;

	for (; *text != '\0'; text++) {
		if (*text != '%') {
			*out++ = *text;
			continue;
		}
		int high = digit(text[1]), low = high == -1 ? -1 : digit(text[2]);
		if (low == -1 || high * 16 + low == 0)
			return false;
		*out++ = (char)(high * 16 + low);
		text += 2;
	}
	*out = '\0';
	return true;
}

static int number_take(const char *text, int64_t *ret_number)
{
	char *end;

	errno = 0;
	long long number = strtoll(text, &end, 10);
	if (*end != '\0' || end == text || errno != 0)
		return -1;
	*ret_number = number < 0 ? -1 : number; /* HAProxy's -1: it did not come to that */
	return 0;
}

static int text_take(enum record_column column, char *text, struct error *err)
{
	size_t max = record_fields[column].max;

	if (strlen(text) > max) {
		if (column == RECORD_DETAIL)
			return error_set(err, EINVAL, "the detail is larger than %zu bytes", max);
		text[max] = '\0';
	}
	text_mend(text);
	if ((column == RECORD_PROJECT || column == RECORD_CONTAINER) && !id_valid(text))
		return error_set(err, EINVAL, "%s is no id", record_fields[column].name);
	return 0;
}

static int column_take(struct record *record, enum record_column column, char *text, struct error *err)
{
	if (text[0] == '\0' || strcmp(text, "-") == 0)
		return 0;
	if (record_fields[column].number)
		return number_take(text, &record->numbers[column]) == 0 ? 0 : error_set(err, EINVAL, "%s is no number", record_fields[column].name);
	if (!field_decode(text))
		return error_set(err, EINVAL, "%s is not percent-encoded", record_fields[column].name);
	if (text_take(column, text, err) == -1)
		return -1;
	record->texts[column] = text[0] == '\0' ? NULL : text; /* nothing of it may be left when it is mended */
	return 0;
}

static int ack_take(struct record *record, const char *text, struct error *err)
{
	char *end;

	if (strcmp(text, "-") == 0)
		return 0;
	errno = 0;
	record->ack = strtoull(text, &end, 10);
	record->again = *end == 'r';
	if (*text < '0' || *text > '9' || errno != 0 || record->ack == 0 || end[record->again] != '\0')
		return error_set(err, EINVAL, "no number to be answered with");
	return 0;
}

/* Of the place. */
static bool in_place(enum record_column column)
{
	return column == RECORD_PROJECT || column == RECORD_CONTAINER || column == RECORD_SERVICE;
}

static int head_take(struct record *record, char **cursor, struct error *err)
{
	char *ack = strsep(cursor, "\t"), *place = strsep(cursor, "\t");

	if (place == NULL || *cursor == NULL)
		return error_set(err, EINVAL, "not a record");
	const char *realm = strsep(&place, ":");
	for (int i = 0; i < RECORD_COLUMNS && place != NULL; i++)
		if (in_place((enum record_column)i) && column_take(record, (enum record_column)i, strsep(&place, ":"), err) == -1)
			return -1;
	if (place != NULL)
		return error_set(err, EINVAL, "a place has too many parts");
	if (strcmp(realm, "-") != 0 && strcmp(realm, RECORD_HOST) != 0) {
		if (!id_valid(realm))
			return error_set(err, EINVAL, "the realm is no id");
		snprintf(record->realm, sizeof record->realm, "%s", realm);
	}
	return ack_take(record, ack, err);
}

int record_parse(char *line, size_t size, struct record *ret_record, struct error *err)
{
	struct record record = record_make(RECORD_HOST, NULL);
	bool known = false;

	if (size > RECORD_LINE_MAX || memchr(line, '\0', size) != NULL)
		return error_set(err, EINVAL, "not a record");
	line[size] = '\0';
	line[strcspn(line, "\n")] = '\0';
	char *cursor = line;
	if (head_take(&record, &cursor, err) == -1)
		return -1;
	for (int i = 0; i < RECORD_COLUMNS && cursor != NULL; i++)
		if (!in_place((enum record_column)i) && column_take(&record, (enum record_column)i, strsep(&cursor, "\t"), err) == -1)
			return -1;
	if (cursor != NULL)
		return error_set(err, EINVAL, "a record has too many fields");
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0] && record.texts[RECORD_KIND] != NULL; i++)
		known = known || strcmp(record.texts[RECORD_KIND], kinds[i]) == 0;
	if (!known)
		return error_set(err, EINVAL, "a record of no known kind");
	*ret_record = record;
	return 0;
}

/* False: it does not fit. */
static bool field_encode(const char *text, char *line, size_t *size, size_t room)
{
	for (; *text != '\0'; text++) {
		bool plain = (unsigned char)*text > ' ' && *text != '%' && *text != ':' && *text != 0x7f;
		if (*size + 4 > room)
			return false;
		if (plain)
			line[(*size)++] = *text;
		else
			*size += (size_t)sprintf(line + *size, "%%%02X", (unsigned int)(unsigned char)*text);
	}
	return true;
}

/* False: it does not fit. */
static bool column_print(const struct record *record, enum record_column column, char before, char *line, size_t *size, size_t room)
{
	const char *text = record->texts[column];

	if (*size + 32 > room)
		return false;
	line[(*size)++] = before;
	if (record_fields[column].number && record->numbers[column] >= 0)
		*size += (size_t)sprintf(line + *size, "%lld", (long long)record->numbers[column]);
	else if (text != NULL && strcmp(text, "-") == 0)
		*size += (size_t)sprintf(line + *size, "%%2D");
	else if (text != NULL)
		return field_encode(text, line, size, room);
	return true;
}

size_t record_print(const struct record *record, char *line, size_t room)
{
	int head = record->ack == 0 ? snprintf(line, room, "-\t%s", record->realm)
				    : snprintf(line, room, "%llu%s\t%s", (unsigned long long)record->ack, record->again ? "r" : "", record->realm);
	size_t size = (size_t)head;

	if (head < 0 || size >= room)
		return 0;
	for (int i = 0; i < RECORD_COLUMNS; i++)
		if (in_place((enum record_column)i) && !column_print(record, (enum record_column)i, ':', line, &size, room))
			return 0;
	for (int i = 0; i < RECORD_COLUMNS; i++)
		if (!in_place((enum record_column)i) && !column_print(record, (enum record_column)i, '\t', line, &size, room))
			return 0;
	line[size] = '\0';
	return size;
}
