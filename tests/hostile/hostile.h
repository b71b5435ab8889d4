/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hostile: ways out of a container, tried from inside, as its root. Each is one
 * row, run in a process of its own. A row says how it was refused, or that it was not.
 */
#ifndef BULKHEAD_HOSTILE_H
#define BULKHEAD_HOSTILE_H

/*
 * 0: it succeeded, which it must not; an errno value: that is what stood in the way.
 * HOSTILE_NOTHING: it succeeded and brought nothing of the host.
 */
typedef int hostile_try(void);

enum { HOSTILE_NOTHING = 4095 };

struct hostile_row {
	const char *attempt;
	const char *refused_by; /* as SECURITY.md has it */
	hostile_try *attack;
};

/* Each ends with an empty row. */
extern const struct hostile_row hostile_files[];   /* mounts, devices, files of proc and sys */
extern const struct hostile_row hostile_calls[];   /* system calls */

/* errno if result is -1, else 0. */
int hostile_result(long result);

/* Opens for writing and writes; 0 if both went well. */
int hostile_write(const char *path, const char *text);

#endif
