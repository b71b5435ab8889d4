/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * unit: what every unit test needs: cmocka in its order, and a scratch folder.
 *
 * One tests/unit/test_<noun>.c is one binary and one cmocka group. It is built
 * with AddressSanitizer and UBSan and linked with all of daemon/lib. What else
 * it needs (sources of the tree, libraries, linker words) stands in the file,
 * in a comment on a line of its own, which tests/tests.mk reads:
 *
 *	// link: daemon/api/route.c -lsqlite3 -Wl,--wrap=fsync
 */
#ifndef BULKHEAD_TESTS_UNIT_H
#define BULKHEAD_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/error.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A fresh folder; fails the test if it cannot be made. unit_folder_remove() ends it. */
static inline void unit_folder_make(char path[PATH_MAX])
{
	const char *base = getenv("TMPDIR");

	snprintf(path, PATH_MAX, "%s/bulkhead-unit.XXXXXX", base != NULL ? base : "/tmp");
	if (mkdtemp(path) == NULL)
		fail_msg("cannot make a scratch folder %s", path);
}

static inline void unit_folder_remove(const char *path)
{
	char command[PATH_MAX + 16];

	snprintf(command, sizeof command, "rm -rf '%s'", path);
	if (system(command) != 0)
		fail_msg("cannot remove %s", path);
}

/* Fails and prints *err if a call that should have worked did not. */
#define assert_ok(call, err) \
	do { \
		if ((call) != 0) \
			fail_msg("%s: %s (code %d, field '%s')", #call, (err)->message, (err)->code, (err)->field); \
	} while (0)

/* Same for a constructor. */
#define assert_made(pointer, err) \
	do { \
		if ((pointer) == NULL) \
			fail_msg("%s: %s (code %d)", #pointer, (err)->message, (err)->code); \
	} while (0)

#endif
