/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/lib/domain.h"

#include <errno.h>
#include <string.h>

#include "daemon/lib/error.h"

enum { LABEL_MAX = 63 };

int domain_normal(const char *text, char ret_name[DOMAIN_TEXT], struct error *err)
{
	size_t size = strlen(text), label = 0;

	if (size > 0 && text[size - 1] == '.')
		size--;
	if (size == 0 || size >= DOMAIN_TEXT)
		return error_set(err, EINVAL, "a name has 1 to %d characters", DOMAIN_TEXT - 1);
	for (size_t i = 0; i <= size; i++) {
		char c = i == size ? '.' : text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] - 'A' + 'a') : text[i];
		if (c == '.' ? label == 0 : (label = label + 1) > LABEL_MAX)
			return error_set(err, EINVAL, "'%.64s': a part of a name has 1 to %d characters", text, LABEL_MAX);
		if (c == '.')
			label = 0;
		else if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_')
			return error_set(err, EINVAL, "'%.64s' is not a name such as api.example.com: letters, digits, - and _ alone", text);
		if (i < size)
			ret_name[i] = c;
	}
	ret_name[size] = '\0';
	return 0;
}

int domain_pattern(const char *text, char ret_pattern[DOMAIN_TEXT], struct error *err)
{
	char name[DOMAIN_TEXT];
	bool below = strncmp(text, "*.", 2) == 0;

	if (domain_normal(text + (below ? 2 : 0), name, err) == -1)
		return -1;
	if (strchr(name, '.') == NULL)
		return error_set(err, EINVAL, "'%.64s' would be a whole top-level domain, or a name of no domain", text);
	if (below && strlen(name) + 2 >= DOMAIN_TEXT)
		return error_set(err, EINVAL, "a name has 1 to %d characters", DOMAIN_TEXT - 1);
	memcpy(ret_pattern, "*.", 2);
	memcpy(ret_pattern + (below ? 2 : 0), name, strlen(name) + 1);
	return 0;
}

bool domain_matches(const char *pattern, const char *name)
{
	if (strncmp(pattern, "*.", 2) != 0)
		return strcmp(pattern, name) == 0;
	size_t tail = strlen(pattern + 1), size = strlen(name);
	return size > tail && strcmp(name + size - tail, pattern + 1) == 0;
}
