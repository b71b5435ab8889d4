/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compaction: files that stopped containers of a realm have in common become one
 * on disk and in memory. The engine does it; the answer comes when it is done.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/api/api.h"
#include "daemon/api/peer.h"
#include "daemon/api/resources.h"
#include "daemon/api/store.h"
#include "daemon/lib/error.h"
#include "daemon/lib/json.h"

enum { COMPACT_MS = 300000 }; /* the engine ends by itself before */

struct compaction {
	struct request *request;
	bool dry_run;
};

static void compacted(const struct message *answer, const struct error *err, void *data)
{
	struct compaction *compaction = data;
	struct request *request = compaction->request;

	if (err != NULL) {
		request_fail_host(request, err);
	} else {
		const struct compact_reply_message *reply = answer->payload;
		request_answer(request, 200,
			       json_pack("{s:b, s:b, s:I, s:I, s:I, s:i, s:i, s:i}", "dry_run", (int)compaction->dry_run,
					 "complete", (int)reply->complete, "files", (json_int_t)reply->files, "bytes",
					 (json_int_t)reply->bytes, "bytes_saved", (json_int_t)reply->saved, "containers",
					 (int)reply->containers, "containers_skipped", (int)reply->containers_skipped,
					 "files_skipped", (int)reply->files_skipped));
	}
	free(compaction);
}

/* 1 and the realm's sharing if the caller may act in it, 0, or -1 with err. */
static int sharing_find(struct request *request, char ret_sharing[8], struct error *err)
{
	cleanup_query sqlite3_stmt *row =
		store_query(request->api->store, err, "SELECT sharing FROM realms WHERE id = ? AND" SCOPE_SQL("id"),
			    "s" SCOPE_TYPES, request->id, SCOPE_VALUES(request));
	int step = row == NULL ? -1 : query_step(row, err);

	if (step == 1)
		snprintf(ret_sharing, 8, "%s", query_text(row, 0));
	return step;
}

void realms_compact(struct request *request)
{
	struct compact_message message = { 0 };
	struct error err = ERROR_INIT;
	char sharing[8];
	bool dry_run = false;
	const struct json_field fields[] = { { "dry_run", JSON_KIND_BOOLEAN, true, 0, 0, &dry_run, NULL } };
	int found;

	if (json_read(request->json, "", fields, 1, &err) == -1 || (found = sharing_find(request, sharing, &err)) == -1) {
		request_fail_error(request, &err);
		return;
	}
	if (found == 0) {
		request_fail_missing(request, "realm", NULL);
		return;
	}
	if (strcmp(sharing, "none") == 0) {
		request_fail(request, 409, "conflict", NULL, "the realm's sharing is none: its containers keep copies of their own");
		return;
	}
	snprintf(message.realm, sizeof message.realm, "%.24s", request->id); /* known to the store: not longer */
	message.host = strcmp(sharing, "host") == 0;
	message.dry_run = dry_run;
	struct compaction *compaction = malloc(sizeof *compaction);
	if (compaction == NULL) {
		request_fail(request, 503, "unavailable", NULL, "no memory");
		return;
	}
	*compaction = (struct compaction){ .request = request, .dry_run = dry_run };
	if (peer_ask(request->api->engine, MESSAGE_COMPACT, &message, sizeof message, -1, COMPACT_MS, compacted, compaction,
		     &err) == -1) {
		free(compaction);
		request_fail_host(request, &err);
	}
}
