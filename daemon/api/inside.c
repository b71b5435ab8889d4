/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/inside.h"

#include <errno.h>
#include <stdio.h>

#include "daemon/api/api.h"
#include "daemon/api/auth.h"
#include "daemon/api/container.h"
#include "daemon/api/resources.h"
#include "daemon/api/store.h"
#include "daemon/lib/protocol.h"

bool inside_open(struct request *request)
{
	struct error err = ERROR_INIT;
	cleanup_query sqlite3_stmt *query =
		store_query(request->api->store, &err,
			    "SELECT CASE WHEN ifnull(r.stops, 0) > 0 THEN 3 ELSE ifnull(r.state, -1) END, c.wanted, p.realm"
			    " FROM containers c JOIN projects p ON p.id = c.project LEFT JOIN temp.runtime r ON r.id = c.id"
			    " WHERE c.deleted IS NULL AND c.id = ? AND" SCOPE_SQL("p.realm"),
			    "s" SCOPE_TYPES, request->id, SCOPE_VALUES(request));
	int step = query == NULL ? -1 : query_step(query, &err);

	if (step == -1) {
		request_fail_error(request, &err);
		return false;
	}
	if (step == 0) {
		request_fail_missing(request, "container", NULL);
		return false;
	}
	snprintf(request->realm, sizeof request->realm, "%s", query_text(query, 2));
	if (query_int(query, 0) == CONTAINER_STATE_RUNNING)
		return true;
	request_fail(request, 409, "conflict", NULL, "the container is %s; this needs one that runs",
		     container_state_name(query_int(query, 0), query_int(query, 1) == CONTAINER_WANTED_RUNNING));
	return false;
}

void inside_fail(struct request *request, const struct error *err)
{
	if (err->code == EEXIST || err->code == EMLINK)
		request_fail_error(request, err);
	else
		request_fail_host(request, err);
}
