/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/lib/address_set.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/error.h"

/* A network comes before those within it. */
static int cidr_compare(const void *a, const void *b)
{
	const struct cidr *one = a, *two = b;

	if (one->family != two->family)
		return one->family < two->family ? -1 : 1;
	int order = memcmp(one->bytes, two->bytes, sizeof one->bytes);
	return order != 0 ? order : (int)one->prefix - (int)two->prefix;
}

static void within_drop(struct address_set *set)
{
	size_t kept = 0;

	if (set->count > 0)
		qsort(set->addresses, set->count, sizeof *set->addresses, cidr_compare);
	for (size_t i = 0; i < set->count; i++)
		if (kept == 0 || !cidr_holds(&set->addresses[kept - 1], &set->addresses[i]))
			set->addresses[kept++] = set->addresses[i];
	set->count = kept;
}

static int address_add(struct address_set *set, const struct cidr *address, struct error *err)
{
	/* Room grows in powers of two. */
	if ((set->count & (set->count - 1)) == 0) {
		struct cidr *more = realloc(set->addresses, (set->count == 0 ? 1 : 2 * set->count) * sizeof *more);
		if (more == NULL)
			return error_set(err, ENOMEM, "no memory for a set of addresses");
		set->addresses = more;
	}
	set->addresses[set->count++] = *address;
	return 0;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* One line, without its end. */
static int line_read(const char *line, size_t size, size_t number, struct address_set *set, struct error *err)
{
	char text[CIDR_TEXT + 1], field[32];
	struct error why = ERROR_INIT;
	struct cidr address;

	for (size_t i = 0; i < size; i++)
		if (line[i] == '#' || line[i] == ';')
			size = i;
	while (size > 0 && is_blank(line[size - 1]))
		size--;
	while (size > 0 && is_blank(*line)) {
		line++;
		size--;
	}
	if (size == 0)
		return 0;
	snprintf(field, sizeof field, "line %zu", number);
	snprintf(text, sizeof text, "%.*s", (int)(size < sizeof text ? size : sizeof text - 1), line);
	if (strlen(text) != size)
		return error_field(err, field, "%s is not a network such as 192.0.2.0/24, or an address", field);
	if (cidr_parse(text, &address, &why) == -1)
		return error_field(err, field, "%s: %s", field, why.message);
	if (set->count == ADDRESS_SET_MAX)
		return error_field(err, field, "%s is one too many: a set has at most %d networks", field, ADDRESS_SET_MAX);
	return address_add(set, &address, err);
}

int address_set_parse(const char *text, size_t size, struct address_set *ret_set, struct error *err)
{
	struct address_set set = { 0 };
	size_t number = 0;

	for (const char *end = text + size, *next; text < end; text = next + 1) {
		next = memchr(text, '\n', (size_t)(end - text));
		if (next == NULL)
			next = end;
		if (line_read(text, (size_t)(next - text), ++number, &set, err) == -1) {
			address_set_free(&set);
			return -1;
		}
	}
	within_drop(&set);
	*ret_set = set;
	return 0;
}

char *address_set_text(const struct address_set *set, size_t *ret_size)
{
	char *text = NULL, line[CIDR_TEXT];
	FILE *out = open_memstream(&text, ret_size);

	if (out == NULL)
		return NULL;
	for (size_t i = 0; i < set->count; i++) {
		cidr_format(&set->addresses[i], line);
		fprintf(out, "%s\n", line);
	}
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

int address_set_load(const void *bytes, size_t size, struct address_set *ret_set, struct error *err)
{
	struct address_set set = { .count = size / sizeof *set.addresses };

	if (size % sizeof *set.addresses != 0 || set.count > ADDRESS_SET_MAX)
		return error_set(err, EBADMSG, "%zu bytes are not a set of addresses", size);
	set.addresses = calloc(set.count + 1, sizeof *set.addresses);
	if (set.addresses == NULL)
		return error_set(err, ENOMEM, "no memory for a set of addresses");
	if (size > 0)
		memcpy(set.addresses, bytes, size);
	for (size_t i = 0; i < set.count; i++)
		if (!cidr_valid(&set.addresses[i]) || (i > 0 && (cidr_compare(&set.addresses[i - 1], &set.addresses[i]) >= 0 ||
							       cidr_holds(&set.addresses[i - 1], &set.addresses[i])))) {
			address_set_free(&set);
			return error_set(err, EBADMSG, "entry %zu of a set of addresses is none, or out of order", i);
		}
	*ret_set = set;
	return 0;
}

size_t address_set_size(const struct address_set *set)
{
	return set->count * sizeof *set->addresses;
}

size_t address_set_count(const struct address_set *set, uint8_t family)
{
	size_t count = 0;

	for (size_t i = 0; i < set->count; i++)
		count += set->addresses[i].family == family;
	return count;
}

bool address_set_holds(const struct address_set *set, const struct cidr *address)
{
	size_t first = 0, end = set->count;

	/* The last that does not come behind it: only that one may hold it. */
	while (first < end) {
		size_t middle = first + (end - first) / 2;
		if (cidr_compare(&set->addresses[middle], address) <= 0)
			first = middle + 1;
		else
			end = middle;
	}
	return first > 0 && cidr_holds(&set->addresses[first - 1], address);
}

void address_set_free(struct address_set *set)
{
	free(set->addresses);
	*set = (struct address_set){ 0 };
}
