/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * loop: one epoll loop, single thread. Descriptors, timers, signals and
 * children each call back from loop_run().
 *
 * A source belongs to the loop; loop_remove() ends it and may be called from
 * any callback, also its own. Descriptors given to loop_add_fd() stay the
 * caller's: remove the source, then close.
 */
#ifndef BULKHEAD_LOOP_H
#define BULKHEAD_LOOP_H

#include <stdint.h>
#include <sys/types.h>

struct error;
struct loop;
struct loop_source;

typedef void loop_fd_cb(int fd, uint32_t events, void *data);   /* events: EPOLL* */
typedef void loop_timer_cb(void *data);
typedef void loop_signal_cb(int signo, void *data);
typedef void loop_child_cb(pid_t pid, int status, void *data);  /* status as of waitpid(2) */

struct loop *loop_new(struct error *err);
void loop_free(struct loop *loop); /* takes NULL */

/* Dispatches until loop_stop(). Returns the code given to it, or -1 with err. */
int loop_run(struct loop *loop, struct error *err);
void loop_stop(struct loop *loop, int code);

struct loop_source *loop_add_fd(struct loop *loop, int fd, uint32_t events, loop_fd_cb *cb, void *data,
				struct error *err);
int loop_modify_fd(struct loop_source *source, uint32_t events, struct error *err);

/* One shot after ms milliseconds of CLOCK_MONOTONIC; loop_set_timer() arms it again, -1 disarms. */
struct loop_source *loop_add_timer(struct loop *loop, int64_t ms, loop_timer_cb *cb, void *data, struct error *err);
int loop_set_timer(struct loop_source *source, int64_t ms, struct error *err);

/* Blocks the signal in this process and takes it through a signalfd. */
struct loop_source *loop_add_signal(struct loop *loop, int signo, loop_signal_cb *cb, void *data, struct error *err);

/* Waits for a child by pidfd; reaps it, calls back once, and removes itself. */
struct loop_source *loop_add_child(struct loop *loop, pid_t pid, loop_child_cb *cb, void *data, struct error *err);

void loop_remove(struct loop_source *source); /* takes NULL */

#endif
