/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/scope.h"

#include "daemon/api/api.h"
#include "daemon/api/request.h"
#include "daemon/api/resources.h"
#include "daemon/api/store.h"
#include "daemon/lib/error.h"

const struct scope scopes[] = {
	{ DOCUMENT_REALM, "SELECT 1 FROM realms WHERE id = ? AND" SCOPE_SQL("id"), "SELECT ?",
	  "SELECT c.id FROM containers c JOIN projects p ON p.id = c.project WHERE p.realm = ? AND c.deleted IS NULL AND c.wanted = 1"
	  " AND c.id > ? ORDER BY c.id LIMIT 1", "realm" },
	{ DOCUMENT_PROJECT, "SELECT 1 FROM projects WHERE id = ? AND" SCOPE_SQL("realm"), "SELECT realm FROM projects WHERE id = ?",
	  "SELECT id FROM containers WHERE project = ? AND deleted IS NULL AND wanted = 1 AND id > ? ORDER BY id LIMIT 1", "project" },
	{ DOCUMENT_CONTAINER, "SELECT 1 FROM containers c JOIN projects p ON p.id = c.project WHERE c.id = ? AND c.deleted IS NULL AND"
	  SCOPE_SQL("p.realm"), "SELECT p.realm FROM containers c JOIN projects p ON p.id = c.project WHERE c.id = ?",
	  "SELECT id FROM containers WHERE id = ? AND deleted IS NULL AND wanted = 1 AND id > ?", "container" },
};

int scope_open(struct request *request, const struct scope *scope)
{
	struct error err = ERROR_INIT;
	int64_t seen;

	if (store_number(request->api->store, &err, 0, &seen, scope->visible, "s" SCOPE_TYPES, request->id, SCOPE_VALUES(request)) == -1) {
		request_fail_error(request, &err);
		return -1;
	}
	if (seen == 0)
		request_fail_missing(request, document_scope_name(scope->scope), NULL);
	return (int)seen;
}
