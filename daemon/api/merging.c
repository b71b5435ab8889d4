/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * merging: what merging of equal memory pages brings one container, measured
 * when asked. Shown only: nothing that is saved counts as room for more.
 */
#include <stdio.h>
#include <unistd.h>

#include "daemon/api/api.h"
#include "daemon/api/peer.h"
#include "daemon/api/resources.h"
#include "daemon/api/store.h"
#include "daemon/lib/error.h"

enum { MEASURE_MS = 30000 };

static void measured(const struct message *answer, const struct error *err, void *data)
{
	struct request *request = data;
	struct error failure = ERROR_INIT;
	int64_t unprofitable;

	if (err != NULL) {
		request_fail_host(request, err);
		return;
	}
	if (store_number(request->api->store, &failure, 0, &unprofitable, "SELECT unprofitable FROM containers WHERE id = ?",
			 "s", request->id) == -1) {
		request_fail_error(request, &failure);
		return;
	}
	const struct merging_message *merging = answer->payload;
	uint64_t merged = (merging->pages_merged + merging->pages_zero) * (uint64_t)sysconf(_SC_PAGESIZE);
	request_answer(request, 200,
		       json_pack("{s:b, s:b, s:I, s:I, s:I, s:I, s:I}", "opted_in", (int)merging->opted_in, "unprofitable",
				 (int)unprofitable, "processes", (json_int_t)merging->processes, "pages_merged",
				 (json_int_t)merging->pages_merged, "pages_zero", (json_int_t)merging->pages_zero,
				 "bytes_merged", (json_int_t)merged, "profit", (json_int_t)merging->profit));
}

void containers_merging(struct request *request)
{
	struct container_id_message message = { 0 };
	struct error err = ERROR_INIT;
	int64_t found;

	if (store_number(request->api->store, &err, 0, &found,
			 "SELECT 1 FROM containers WHERE id = ? AND deleted IS NULL AND project IN"
			 " (SELECT id FROM projects WHERE" SCOPE_SQL("realm") ")",
			 "s" SCOPE_TYPES, request->id, SCOPE_VALUES(request)) == -1) {
		request_fail_error(request, &err);
		return;
	}
	if (found == 0) {
		request_fail_missing(request, "container", NULL);
		return;
	}
	snprintf(message.id, sizeof message.id, "%.24s", request->id); /* known to the store: not longer */
	if (peer_ask(request->api->engine, MESSAGE_MERGING, &message, sizeof message, -1, MEASURE_MS, measured, request,
		     &err) == -1)
		request_fail_host(request, &err);
}
