/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scope: what a document of a realm, a project or a container concerns.
 */
#ifndef BULKHEAD_API_SCOPE_H
#define BULKHEAD_API_SCOPE_H

#include "daemon/api/document.h"

struct request;

struct scope {
	enum document_scope scope;
	const char *visible;    /* SQL: 1 for an id that the caller sees */
	const char *realm;      /* SQL: of an id */
	const char *containers; /* SQL: the next one that it is in force for, of an id and behind an id */
	const char *column;     /* of tables of documents: refers to what it is of */
};

extern const struct scope scopes[]; /* by enum document_scope */

/* 1 if the caller may see what the request names, 0 (answered), -1 (answered). */
int scope_open(struct request *request, const struct scope *scope);

#endif
