/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * work: what may block, need much memory or crash, done in a child. PID 1
 * touches no disk and runs no KDF itself: a bug in a library or the out-of-memory
 * killer ends the child, and PID 1 reports it. A child that waits for a hung disk
 * cannot be ended by anybody; PID 1 goes on answering, says after a minute that
 * the work is not done, and can restart the machine.
 *
 * The child inherits no secret (their memory is wiped on fork) and no
 * descriptor; a secret it needs comes through a pipe.
 */
#ifndef BULKHEAD_WORK_H
#define BULKHEAD_WORK_H

#include <stdbool.h>
#include <stddef.h>

struct error;
struct loop;
struct secret;

enum {
	WORK_RESULT_MAX = 3072, /* bytes of a result */
	WORK_TEXT_MAX = 400,
};

/*
 * Runs in the child. argument is PID 1's memory as of the fork; secret_fd is
 * read to its end, -1 if none was given. result is filled for PID 1.
 */
typedef void work_function(const void *argument, int secret_fd, void *result);

struct work_outcome {
	const void *result; /* as the child left it; NULL if it died first */
	bool out_of_memory; /* died of SIGKILL, which is the kernel's out-of-memory killer */
	char message[WORK_TEXT_MAX]; /* how it died, when it did */
};

typedef void work_done_cb(const struct work_outcome *outcome, void *data);
typedef void work_progress_cb(const char *text, void *data);

struct work_plan {
	const char *name;          /* for messages */
	work_function *function;
	const void *argument;
	const struct secret *secret; /* NULL: none */
	size_t result_size;
	work_progress_cb *progress; /* may be NULL */
	work_done_cb *done;
	void *data;
};

/* Starts it; done is called once, later, from the loop. result memory is locked and wiped after done. */
int work_start(struct loop *loop, const struct work_plan *plan, struct error *err);

/* From within a work_function: a line for whoever waits. */
void work_progress(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
