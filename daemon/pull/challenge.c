/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/pull/challenge.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#define TOKEN "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* The value of a parameter: a token, or a quoted string with \ before what stands for itself. NULL: malformed, or no room. */
static const char *value_take(const char *at, char *out, size_t room)
{
	size_t used = 0;
	bool quoted = *at == '"';

	at += quoted;
	for (; quoted ? *at != '"' : strchr(TOKEN "/:=", *at) != NULL && *at != '\0'; at++) {
		if (quoted && *at == '\\')
			at++;
		if (*at == '\0' || used + 1 >= room)
			return NULL;
		out[used++] = *at;
	}
	out[used] = '\0';
	return at + quoted;
}

static bool is(const char *text, size_t size, const char *word)
{
	return size == strlen(word) && strncasecmp(text, word, size) == 0;
}

/* Reads "name=value" at at into the challenge; NULL if it is none, or malformed. */
static const char *parameter_take(const char *at, struct challenge *challenge)
{
	char ignored[1024];
	size_t size = strspn(at, TOKEN);
	const char *name = at;

	at += size;
	at += strspn(at, " \t");
	if (size == 0 || *at != '=')
		return NULL;
	at++;
	at += strspn(at, " \t");
	if (is(name, size, "realm"))
		return value_take(at, challenge->realm, sizeof challenge->realm);
	if (is(name, size, "service"))
		return value_take(at, challenge->service, sizeof challenge->service);
	if (is(name, size, "scope"))
		return value_take(at, challenge->scope, sizeof challenge->scope);
	return value_take(at, ignored, sizeof ignored);
}

/* True if a scheme stands here: a token that no "=" follows. */
static bool scheme_here(const char *at)
{
	size_t size = strspn(at, TOKEN);

	return size > 0 && at[size + strspn(at + size, " \t")] != '=';
}

void challenge_parse(const char *at, struct challenge *ret)
{
	*ret = (struct challenge){ 0 };
	for (;;) {
		struct challenge challenge = { 0 };

		at += strspn(at, " \t,");
		size_t size = strspn(at, TOKEN);
		if (size == 0)
			return;
		challenge.kind = is(at, size, "bearer") ? CHALLENGE_BEARER : is(at, size, "basic") ? CHALLENGE_BASIC : CHALLENGE_NONE;
		at += size;
		for (;;) {
			at += strspn(at, " \t,");
			if (*at == '\0' || scheme_here(at))
				break;
			at = parameter_take(at, &challenge);
			if (at == NULL)
				return;
		}
		if (challenge.kind > ret->kind)
			*ret = challenge;
	}
}
