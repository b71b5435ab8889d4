/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/name.h"

#include <string.h>

#include "daemon/lib/error.h"
#include "daemon/lib/hex.h"

static bool plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

int name_check(const char *name, const char *field, struct error *err)
{
	size_t size = strlen(name);
	bool good = size > 0 && size <= NAME_MAX_LABEL && plain(name[0]) && plain(name[size - 1]);

	for (size_t i = 0; good && i < size; i++)
		good = plain(name[i]) || name[i] == '-';
	if (!good)
		return error_field(err, field, "%s must be 1 to %d lower-case letters, digits and inner hyphens", field,
				   NAME_MAX_LABEL);
	return 0;
}

int name_check_image(const char *name, const char *field, struct error *err)
{
	size_t size = strlen(name);
	bool good = size > 0 && size <= NAME_MAX_IMAGE && plain(name[0]);

	for (size_t i = 0; good && i < size; i++)
		good = plain(name[i]) || strchr("._-/:", name[i]) != NULL;
	if (!good)
		return error_field(err, field,
				   "%s must be 1 to %d lower-case letters, digits and . _ - / : and begin with a letter or digit",
				   field, NAME_MAX_IMAGE);
	/* A container names its image by id, digest or name: they must not be mistaken for each other. */
	if (id_valid(name) || hex_valid(name, DIGEST_TEXT - 1) || strncmp(name, "sha256:", 7) == 0)
		return error_field(err, field, "%s looks like an id or a digest", field);
	return 0;
}
