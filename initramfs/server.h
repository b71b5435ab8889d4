/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * server: the agent's end of the unlock socket (unlock.h). Takes requests,
 * passes them on through hooks, and answers. Answers never block: a client that
 * does not read is dropped.
 */
#ifndef BULKHEAD_SERVER_H
#define BULKHEAD_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "initramfs/unlock.h"

struct error;
struct loop;
struct secret;

struct server_hooks {
	/* A passphrase came; the hook owns it from now on. */
	void (*attempt)(uint64_t client, const char *origin, struct secret *passphrase, bool enroll, bool wipe);
	/* Status as JSON in fresh memory that the server frees; NULL: could not be made. */
	char *(*report)(void);
	void (*power)(const char *origin, bool off);
};

int server_start(struct loop *loop, const struct server_hooks *hooks, struct error *err);

/* Remembers the state and tells every prompt. */
void server_set_state(enum unlock_state state, const char *text);

/* Answers one client; false when it has gone. */
bool server_send(uint64_t client, enum unlock_type type, uint32_t value, const char *text);

/* Sends a line to every prompt. */
void server_notice(const char *text);

/* The result to the winner; all others are told by whom, and end. */
void server_finish(uint64_t winner, const char *text, const char *others);

unsigned server_clients(void);
bool server_has_console(void);

#endif
