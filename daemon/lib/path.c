/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/lib/path.h"

#include <ctype.h>
#include <jansson.h>
#include <string.h>

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The segment that begins at text is empty, or is one dot or two, whatever parameters it has behind a semicolon. */
static bool segment_strange(const char *text, size_t size)
{
	size_t name = 0;

	while (name < size && text[name] != ';')
		name++;
	return (name == 0 && size > 0) || (name == 1 && text[0] == '.') || (name == 2 && text[0] == '.' && text[1] == '.');
}

static bool segments_plain(const char *path)
{
	for (const char *begin = path + 1;; ) {
		const char *end = strchr(begin, '/');
		size_t size = end == NULL ? strlen(begin) : (size_t)(end - begin);
		if (segment_strange(begin, size) || (size == 0 && end != NULL))
			return false;
		if (end == NULL)
			return true;
		begin = end + 1;
	}
}

/* A byte sequence that is no character may be read as a dot or a slash by who is careless. */
static bool characters_plain(const char *text)
{
	json_t *string = json_string(text); /* which is NULL then */

	json_decref(string);
	return string != NULL;
}

bool path_normal(const char *path, size_t size, char *text, size_t room)
{
	size_t count = 0;
	bool ascii = true;

	if (size == 0 || path[0] != '/')
		return false;
	for (size_t i = 0; i < size; i++) {
		int c = (unsigned char)path[i];
		if (c == '%') {
			int high = i + 2 < size ? hex_digit(path[i + 1]) : -1, low = i + 2 < size ? hex_digit(path[i + 2]) : -1;
			if (high == -1 || low == -1)
				return false;
			c = high << 4 | low;
			/* Encoded once more, or what has a meaning in a path. */
			if (c == '%' || c == '/' || c == '?' || c == '#' || c == ';')
				return false;
			i += 2;
		}
		if (c < 0x20 || c == 0x7f || c == '\\' || count + 1 >= room)
			return false;
		ascii = ascii && c < 0x80;
		text[count++] = (char)c;
	}
	text[count] = '\0';
	return segments_plain(text) && (ascii || characters_plain(text));
}

bool path_pattern_valid(const char *pattern)
{
	char normal[1024];

	if (strcmp(pattern, "*") == 0)
		return true;
	for (const char *star = strchr(pattern, '*'); star != NULL; star = strchr(star + 1, '*'))
		if (star[1] != '\0' && (star == pattern || star[-1] != '/' || star[1] != '/'))
			return false;
	/* What no path can be after path_normal() would never match. */
	return path_normal(pattern, strlen(pattern), normal, sizeof normal) && strcmp(pattern, normal) == 0;
}

bool path_matches(const char *pattern, const char *path)
{
	while (*pattern != '\0') {
		if (*pattern == '*' && pattern[1] == '\0')
			return true;
		if (*pattern == '*') {
			path += strcspn(path, "/");
			pattern++;
			continue;
		}
		if (*pattern++ != *path++)
			return false;
	}
	return *path == '\0';
}
