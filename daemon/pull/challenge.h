/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * challenge: what a registry asks for in WWW-Authenticate (RFC 9110 section 11.6.1; "Bearer" with realm, service and scope as the
 * distribution project's token specification has it).
 */
#ifndef BULKHEAD_CHALLENGE_H
#define BULKHEAD_CHALLENGE_H

enum challenge_kind {
	CHALLENGE_NONE,   /* nothing that is understood */
	CHALLENGE_BASIC,
	CHALLENGE_BEARER, /* preferred, where both are offered */
};

struct challenge {
	enum challenge_kind kind;
	char realm[1024], service[256], scope[512]; /* "" when absent */
};

/* Reads one header's value. A parameter that does not fit makes its challenge one that is not understood. */
void challenge_parse(const char *value, struct challenge *ret_challenge);

#endif
