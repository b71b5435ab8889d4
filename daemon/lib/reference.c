/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/lib/reference.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "daemon/lib/error.h"

#define FIELD "reference"
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* Letters and digits, joined by one ".", "_" or "__", or any number of "-". */
static bool component_valid(const char *text, size_t size)
{
	const char *end = text + size;

	while (text < end) {
		size_t word = strspn(text, LOWER DIGITS);
		if (word == 0)
			return false;
		text += word;
		if (text >= end)
			return text == end;
		size_t dashes = strspn(text, "-");
		if (dashes > 0)
			text += dashes;
		else if (*text == '.')
			text++;
		else if (*text == '_')
			text += text[1] == '_' ? 2 : 1;
		else
			return false;
	}
	return false; /* empty, or it ended on a separator */
}

static bool path_valid(const char *path)
{
	for (;;) {
		size_t size = strcspn(path, "/");
		if (!component_valid(path, size))
			return false;
		if (path[size] == '\0')
			return true;
		path += size + 1;
	}
}

static bool port_valid(const char *text)
{
	size_t size = strlen(text);

	return size >= 1 && size <= 5 && strspn(text, DIGITS) == size && text[0] != '0' &&
	       (size < 5 || strcmp(text, "65535") <= 0);
}

/* A name of DNS labels, an IPv4 address, or an IPv6 address in brackets; then perhaps a port. */
static bool host_valid(const char *host)
{
	char name[REFERENCE_HOST_MAX + 1];
	struct in6_addr address;
	const char *rest;

	if (host[0] == '[') {
		const char *end = strchr(host, ']');
		if (end == NULL)
			return false;
		snprintf(name, sizeof name, "%.*s", (int)(end - host - 1), host + 1);
		if (inet_pton(AF_INET6, name, &address) != 1)
			return false;
		rest = end + 1;
	} else {
		size_t size = strcspn(host, ":");
		for (size_t at = 0; at < size;) {
			size_t label = strspn(host + at, LOWER UPPER DIGITS "-");
			if (label == 0 || label > 63 || host[at] == '-' || host[at + label - 1] == '-')
				return false;
			at += label;
			if (at < size && (host[at] != '.' || ++at == size))
				return false;
		}
		if (size == 0)
			return false;
		rest = host + size;
	}
	return *rest == '\0' || (*rest == ':' && port_valid(rest + 1));
}

/* Takes what stands behind the last separator off text; "" if it is not there. */
static int part_take(char *text, const char *separator, size_t room, char *part, const char *what, struct error *err)
{
	part[0] = '\0';
	if (separator == NULL)
		return 0;
	size_t at = (size_t)(separator - text);
	if ((size_t)snprintf(part, room, "%s", separator + 1) >= room)
		return error_field(err, FIELD, "the %s is longer than %zu characters", what, room - 1);
	if (part[0] == '\0')
		return error_field(err, FIELD, "the %s is empty", what);
	text[at] = '\0';
	return 0;
}

int reference_parse(const char *text, struct reference *ret, struct error *err)
{
	static const char algorithm[] = "sha256:";
	char rest[REFERENCE_MAX + 1], digest[sizeof algorithm - 1 + DIGEST_TEXT];

	*ret = (struct reference){ 0 };
	if ((size_t)snprintf(rest, sizeof rest, "%s", text) >= sizeof rest)
		return error_field(err, FIELD, "longer than %d characters", REFERENCE_MAX);
	if (part_take(rest, strchr(rest, '@'), sizeof digest, digest, "digest", err) == -1)
		return -1;
	if (digest[0] != '\0') {
		if (strncmp(digest, algorithm, strlen(algorithm)) != 0 ||
		    !hex_valid(digest + strlen(algorithm), DIGEST_TEXT - 1))
			return error_field(err, FIELD, "the digest is not sha256: and 64 hexadecimal digits in lower case");
		snprintf(ret->digest, sizeof ret->digest, "%s", digest + strlen(algorithm));
	}
	char *slash = strchr(rest, '/');
	if (slash == NULL || slash - rest > REFERENCE_HOST_MAX)
		return error_field(err, FIELD, "begin with the registry's host: host[:port]/path[:tag]");
	if (part_take(slash + 1, strrchr(slash + 1, ':'), sizeof ret->tag, ret->tag, "tag", err) == -1)
		return -1;
	if (ret->tag[0] != '\0' &&
	    (strspn(ret->tag, LOWER UPPER DIGITS "_.-") != strlen(ret->tag) || ret->tag[0] == '.' || ret->tag[0] == '-'))
		return error_field(err, FIELD, "the tag has other characters than letters, digits and _ . -");
	if (strlen(slash + 1) > REFERENCE_PATH_MAX || !path_valid(slash + 1))
		return error_field(err, FIELD, "the path is not lower-case words with single . or _ or hyphens between, joined by /");
	snprintf(ret->path, sizeof ret->path, "%s", slash + 1);
	*slash = '\0';
	/* "library/debian" would be taken for a host named library: what is no host name nor localhost needs a dot or a port. */
	if (!host_valid(rest) || (strpbrk(rest, ".:") == NULL && strcmp(rest, "localhost") != 0))
		return error_field(err, FIELD, "'%.64s' is not a registry's host; write host[:port]/path[:tag], with the host in full", rest);
	snprintf(ret->host, sizeof ret->host, "%.*s", REFERENCE_HOST_MAX, rest);
	if (ret->tag[0] == '\0' && ret->digest[0] == '\0')
		snprintf(ret->tag, sizeof ret->tag, "latest");
	return 0;
}
