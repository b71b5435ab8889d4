/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fault: a process that is killed before the n-th call that changes something. Each
 * such call is wrapped (-Wl,--wrap=NAME in the test's link line, WRAP in its text).
 */
#ifndef BULKHEAD_TESTS_FAULT_H
#define BULKHEAD_TESTS_FAULT_H

#include <unistd.h>

/* Killed before the n-th call that changes something; 0: never. */
static int fault;

static void step(void)
{
	if (fault > 0 && --fault == 0)
		_exit(9);
}

#define WRAP(type, name, parameters, arguments) \
	type __real_##name parameters; \
	type __wrap_##name parameters; \
	type __wrap_##name parameters \
	{ \
		step(); \
		return __real_##name arguments; \
	}

#endif
