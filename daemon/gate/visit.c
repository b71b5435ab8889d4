/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/gate/visit.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "daemon/lib/base64.h"

static const struct span none = { NULL, 0 };

static bool span_is(struct span span, const char *text)
{
	return span.size == strlen(text) && strncasecmp(span.text, text, span.size) == 0;
}

static void source_set(struct cidr *source, const struct spop_value *value)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	*source = (struct cidr){ .family = AF_INET6, .prefix = 128 };
	if (value->kind == SPOP_IPV4 || memcmp(value->bytes, mapped, sizeof mapped) == 0) {
		*source = (struct cidr){ .family = AF_INET, .prefix = 32 };
		memcpy(source->bytes, value->bytes + (value->kind == SPOP_IPV4 ? 0 : 12), 4);
	} else {
		memcpy(source->bytes, value->bytes, 16);
	}
}

bool visit_read(struct spop_reader payload, struct visit *ret_visit)
{
	struct visit visit = { 0 };
	const struct {
		const char *name;
		struct span *span;
	} texts[] = { { "key", &visit.key }, { "method", &visit.method }, { "path", &visit.path }, { "query", &visit.query }, { "head", &visit.head },
		    { "id", &visit.id }, { "host", &visit.host } };
	struct spop_value value;
	struct span name;
	uint8_t count;

	if (!spop_read_name(&payload, &name.text, &name.size) || !span_is(name, "access") || !spop_read_byte(&payload, &count))
		return false;
	while (count-- > 0) {
		if (!spop_read_name(&payload, &name.text, &name.size) || !spop_read_value(&payload, &value))
			return false;
		if (span_is(name, "source") && (value.kind == SPOP_IPV4 || value.kind == SPOP_IPV6))
			source_set(&visit.source, &value);
		if (span_is(name, "stream") && value.kind == SPOP_NUMBER)
			visit.stream = (uint32_t)value.number;
		if (span_is(name, "process") && value.kind == SPOP_NUMBER)
			visit.process = (uint32_t)value.number;
		for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
			if (span_is(name, texts[i].name) && value.kind == SPOP_STRING)
				*texts[i].span = (struct span){ (const char *)value.bytes, value.size };
	}
	*ret_visit = visit;
	/* There need be no query. */
	return visit.source.family != 0 && visit.key.text != NULL && visit.method.text != NULL && visit.path.text != NULL && visit.head.text != NULL;
}

static struct span trimmed(struct span span)
{
	while (span.size > 0 && (span.text[0] == ' ' || span.text[0] == '\t')) {
		span.text++;
		span.size--;
	}
	while (span.size > 0 && (span.text[span.size - 1] == ' ' || span.text[span.size - 1] == '\t'))
		span.size--;
	return span;
}

/* The first part up to a character; what is behind it is left in *rest, of which no text means that nothing is left. */
static struct span part_take(struct span *rest, char end)
{
	const char *at = memchr(rest->text, end, rest->size);
	struct span part = { rest->text, at == NULL ? rest->size : (size_t)(at - rest->text) };

	*rest = at == NULL ? none : (struct span){ at + 1, rest->size - part.size - 1 };
	return part;
}

struct span visit_header(const struct visit *visit, const char *name)
{
	struct span rest = visit->head, found = none;

	while (rest.text != NULL) {
		struct span line = part_take(&rest, '\n');
		if (line.size > 0 && line.text[line.size - 1] == '\r')
			line.size--;
		struct span value = line, head = part_take(&value, ':');
		if (value.text == NULL || !span_is(head, name))
			continue;
		if (found.text != NULL)
			return none;
		found = trimmed(value);
	}
	return found;
}

/* The value of a name among pairs, "a=1; b=2" or "a=1&b=2", that is there once. */
static struct span pair_find(struct span list, char end, const char *name)
{
	struct span found = none;

	while (list.text != NULL) {
		struct span value = trimmed(part_take(&list, end));
		struct span head = value.size == 0 ? none : part_take(&value, '=');
		if (value.text == NULL || value.size == 0 || head.size != strlen(name) || memcmp(head.text, name, head.size) != 0)
			continue;
		if (found.text != NULL)
			return none;
		found = value;
	}
	return found;
}

struct span visit_cookie(const struct visit *visit, const char *name)
{
	struct span value = pair_find(visit_header(visit, "cookie"), ';', name);

	if (value.size >= 2 && value.text[0] == '"' && value.text[value.size - 1] == '"')
		value = (struct span){ value.text + 1, value.size - 2 };
	return value;
}

struct span visit_param(const struct visit *visit, const char *name)
{
	return pair_find(visit->query, '&', name);
}

/* Authorization, if it is of the scheme: what is behind that. */
static struct span scheme_find(const struct visit *visit, const char *scheme)
{
	struct span rest = visit_header(visit, "authorization");

	if (rest.text == NULL || !span_is(part_take(&rest, ' '), scheme) || rest.text == NULL)
		return none;
	return trimmed(rest);
}

struct span visit_bearer(const struct visit *visit)
{
	return scheme_find(visit, "bearer");
}

bool visit_basic(const struct visit *visit, char user[CONDITION_NAME_MAX + 1], char *password, size_t room)
{
	struct span text = scheme_find(visit, "basic");
	char pair[CONDITION_NAME_MAX + 1 + 1024];

	while (text.size > 0 && text.size % 4 == 0 && text.text[text.size - 1] == '=')
		text.size -= text.size >= 2 && text.text[text.size - 2] == '=' ? 2 : 1;
	ssize_t size = text.text == NULL ? -1 : base64_decode(text.text, text.size, false, (uint8_t *)pair, sizeof pair - 1);
	if (size <= 0)
		return false;
	pair[size] = '\0';
	char *colon = strchr(pair, ':');
	bool good = strlen(pair) == (size_t)size && colon != NULL && colon - pair <= CONDITION_NAME_MAX && strlen(colon + 1) < room;
	if (good) {
		*colon = '\0';
		memcpy(user, pair, strlen(pair) + 1);
		memcpy(password, colon + 1, strlen(colon + 1) + 1);
	}
	explicit_bzero(pair, sizeof pair);
	return good;
}

/* A list of pairs without those of a name; joint is put between the others. */
static bool pairs_without(struct span list, char end, const char *joint, const char *name, char *text, size_t room)
{
	size_t size = 0, joint_size = strlen(joint);

	while (list.text != NULL) {
		struct span pair = trimmed(part_take(&list, end));
		if (pair.size == 0)
			continue;
		struct span value = pair, head = part_take(&value, '=');
		if (head.size == strlen(name) && memcmp(head.text, name, head.size) == 0)
			continue;
		if (size + joint_size + pair.size + 1 > room)
			return false;
		if (size > 0) {
			memcpy(text + size, joint, joint_size);
			size += joint_size;
		}
		memcpy(text + size, pair.text, pair.size);
		size += pair.size;
	}
	text[size] = '\0';
	return true;
}

bool visit_cookies_without(const struct visit *visit, const char *name, char *text, size_t room)
{
	return pairs_without(visit_header(visit, "cookie"), ';', "; ", name, text, room);
}

bool visit_query_without(const struct visit *visit, const char *name, char *text, size_t room)
{
	return pairs_without(visit->query, '&', "&", name, text, room);
}
