/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host: what the machine is and how it does. Only for callers of the whole
 * platform: it tells of all realms.
 */
#include <errno.h>
#include <unistd.h>

#include "daemon/api/api.h"
#include "daemon/api/page.h"
#include "daemon/api/peer.h"
#include "daemon/api/resources.h"
#include "daemon/api/store.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/json.h"

enum {
	STATUS_MS = 5000,
	BOOT_FILE_MAX = 256 * 1024,
};

/* The agent's record of this boot; null if there is none or it cannot be read. */
static json_t *boot_json(void)
{
	struct error err = ERROR_INIT;
	cleanup_free char *text = NULL;
	size_t size;

	if (file_read(API_BOOT_PATH, BOOT_FILE_MAX, &text, &size, &err) == -1)
		return json_null();
	json_t *boot = json_parse(text, size, &err);
	return boot == NULL ? json_null() : boot;
}

static json_t *containers_json(struct request *request, const struct host_status_message *status)
{
	struct error err = ERROR_INIT;
	int64_t total = 0;

	/* A count that cannot be had is shown as 0 rather than hiding all the rest. */
	(void)store_number(request->api->store, &err, 0, &total,
			   "SELECT count(*) FROM containers WHERE deleted IS NULL", "");
	return json_pack("{s:I, s:i}", "total", (json_int_t)total, "running", (int)status->containers_running);
}

/* Whose pages are merged with one another now: one realm, or `host` realms. */
static json_t *merging_realms_json(struct request *request)
{
	struct error err = ERROR_INIT;
	json_t *realms = json_array();
	cleanup_query sqlite3_stmt *row =
		store_query(request->api->store, &err,
			    "SELECT DISTINCT p.realm FROM containers c JOIN projects p ON p.id = c.project"
			    " JOIN temp.runtime r ON r.id = c.id WHERE c.merge = 1 AND r.state IN (1, 2, 3, 5) ORDER BY 1", "");

	while (row != NULL && query_step(row, &err) == 1)
		json_array_append_new(realms, json_string(query_text(row, 0)));
	return realms;
}

static json_t *ksm_json(struct request *request, const struct host_status_message *status)
{
	uint64_t saved = (status->ksm_pages_sharing + status->ksm_pages_zero) * (uint64_t)sysconf(_SC_PAGESIZE);

	return json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "running", status->ksm_run == 1, "pages_shared",
			 (json_int_t)status->ksm_pages_shared, "pages_sharing", (json_int_t)status->ksm_pages_sharing,
			 "pages_zero", (json_int_t)status->ksm_pages_zero, "bytes_merged", (json_int_t)saved, "profit",
			 (json_int_t)status->ksm_profit, "full_scans", (json_int_t)status->ksm_full_scans, "scan_cpu_ms",
			 (json_int_t)status->ksm_scan_ms, "realms", merging_realms_json(request));
}

static void host_answered(const struct message *answer, const struct error *err, void *data)
{
	struct request *request = data;

	if (err != NULL) {
		request_fail_host(request, err);
		return;
	}
	const struct host_status_message *status = answer->payload;
	json_t *body = json_pack("{s:s, s:s, s:s, s:s, s:I, s:i}", "version", BULKHEAD_VERSION, "hostname",
				 request->api->cfg.hostname, "domain", request->api->cfg.domain, "kernel", status->kernel,
				 "uptime_ms", (json_int_t)status->uptime_ms, "cpus", (int)status->cpus);
	json_object_set_new(body, "memory",
			    json_pack("{s:I, s:I, s:I}", "total", (json_int_t)status->memory_total, "available",
				      (json_int_t)status->memory_available, "used",
				      (json_int_t)status->memory_used_idle));
	json_object_set_new(body, "swap",
			    json_pack("{s:I, s:I, s:b}", "total", (json_int_t)status->swap_total, "used",
				      (json_int_t)status->swap_used, "encrypted", (int)status->swap_encrypted));
	json_object_set_new(body, "ksm", ksm_json(request, status));
	json_object_set_new(body, "firewall",
			    json_pack("{s:b, s:i, s:I, s:I, s:I}", "installed", (int)status->firewall_installed, "live",
				      (int)status->firewall_live, "ssh_refused", (json_int_t)status->ssh_refused, "ssh_flood",
				      (json_int_t)status->ssh_flood, "web_flood", (json_int_t)status->web_flood));
	json_object_set_new(json_object_get(body, "firewall"), "foreign",
			    json_pack("{s:I, s:o, s:o}", "changes", (json_int_t)status->foreign_writes, "program",
				      json_text_or_null(status->foreign_name), "at", time_json(status->foreign_at_ms)));
	json_object_set_new(body, "data",
			    json_pack("{s:I, s:I}", "total", (json_int_t)status->data_total, "free",
				      (json_int_t)status->data_free));
	json_object_set_new(body, "containers", containers_json(request, status));
	json_object_set_new(body, "boot", boot_json());
	request_answer(request, 200, body);
}

void host_show(struct request *request)
{
	struct error err = ERROR_INIT;

	if (peer_ask(request->api->engine, MESSAGE_HOST_STATUS, NULL, 0, -1, STATUS_MS, host_answered, request, &err) ==
	    -1)
		request_fail_host(request, &err);
}
