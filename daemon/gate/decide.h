/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * decide: whether a visit may go on.
 *
 * Three documents hold for a container: its own, its project's, its realm's. Of a group that several have, the
 * nearest one is taken, and what it may use is what that document or a nearer one says. Any of them cuts. Who is
 * in no group that may use the service is let in by the defaults: deny wins, and without a word all are let in.
 */
#ifndef BULKHEAD_DECIDE_H
#define BULKHEAD_DECIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/gate/visit.h"
#include "daemon/lib/password.h"
#include "daemon/lib/permissions.h"

enum { DECIDE_LEVELS = 3, IDENTITY_TEXT = 256 };

enum verdict_kind {
	VERDICT_ALLOW,
	VERDICT_CUT,    /* enable_proxy is false */
	VERDICT_DENY,
	VERDICT_LOGIN,  /* a password would help */
	VERDICT_BEARER, /* a token would */
	VERDICT_WAIT,   /* a password has to be compared first; then decide again */
	VERDICTS,
};

struct verdict {
	enum verdict_kind kind;
	char group[GROUP_NAME_MAX + 1];  /* VERDICT_ALLOW: by which; "": by default */
	char identity[IDENTITY_TEXT];    /* the user, the token's name, the subject; printable ASCII */
	const struct source *taken[CONDITION_SOURCES_MAX]; /* what the service does not get to see; of the documents */
	size_t taken_count;
	bool take_authorization;
	int64_t until_ms;                /* since 1970: when the first of the credentials that let it in expires; 0: none does */
	const struct condition *ask;     /* VERDICT_WAIT: whose password */
};

/* What is known of a password: 1 it is the condition's, 0 it is not, -1 not known yet. */
typedef int decide_password_cb(const struct condition *condition, const char *user, const char *password, void *data);

struct decision {
	const struct permissions *levels[DECIDE_LEVELS]; /* container, project, realm; NULL: none */
	const char *service;   /* its name, "": it has none */
	uint16_t port;
	const struct visit *visit;
	int64_t now_ms;        /* since 1970 */
	decide_password_cb *password;
	void *data;
};

void decide(const struct decision *decision, struct verdict *ret_verdict);

#endif
