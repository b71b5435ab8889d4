/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * aliases: host names that lead to a service of a container, beside its URLs: a label of
 * the host's domain, or any name whose DNS leads here. A realm owns them: one can be led
 * to another of its containers, without a moment in which it leads nowhere.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/api/api.h"
#include "daemon/api/idempotency.h"
#include "daemon/api/page.h"
#include "daemon/api/resources.h"
#include "daemon/api/routes.h"
#include "daemon/api/store.h"
#include "daemon/lib/domain.h"
#include "daemon/lib/error.h"
#include "daemon/lib/hex.h"
#include "daemon/lib/hostcfg.h"
#include "daemon/lib/json.h"
#include "daemon/lib/log.h"

enum { ALIASES_MAX = 1000 }; /* of a realm */

#define SELECT \
	"SELECT a.id, a.host, a.realm, c.project, a.container, a.service, a.enabled, a.created FROM aliases a JOIN containers c ON c.id = a.container"

static json_t *alias_json(struct request *request, sqlite3_stmt *row)
{
	char url[HOST_TEXT + 16];

	(void)request;
	snprintf(url, sizeof url, "https://%s/", query_text(row, 1));
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:b, s:o}", "id", query_text(row, 0), "host", query_text(row, 1), "url", url, "realm",
			 query_text(row, 2), "project", query_text(row, 3), "container", query_text(row, 4), "service",
			 json_text_or_null(query_text(row, 5)), "enabled", (int)query_int(row, 6), "created_at", time_json(query_int(row, 7)));
}

static void alias_answer(struct request *request, unsigned int status, const char *id)
{
	struct error err = ERROR_INIT;
	cleanup_query sqlite3_stmt *query = store_query(request->api->store, &err, SELECT " WHERE a.id = ? AND" SCOPE_SQL("a.realm"), "s" SCOPE_TYPES,
							id, SCOPE_VALUES(request));

	row_answer(request, status, "alias", query, &err, alias_json);
}

void aliases_list(struct request *request)
{
	struct error err = ERROR_INIT;
	struct page page;

	if (page_read(request, &page) == -1)
		return;
	cleanup_query sqlite3_stmt *query =
		store_query(request->api->store, &err, SELECT " WHERE" SCOPE_SQL("a.realm") "AND a.id > ? AND a.realm = ifnull(?, a.realm) AND"
			    " c.project = ifnull(?, c.project) AND a.container = ifnull(?, a.container) ORDER BY a.id LIMIT ?",
			    SCOPE_TYPES "ssssi", SCOPE_VALUES(request), page.after, request_query(request, "realm"),
			    request_query(request, "project"), request_query(request, "container"), page.limit + 1);
	page_answer(request, &page, query, &err, alias_json);
}

void aliases_show(struct request *request)
{
	alias_answer(request, 200, request->id);
}

/* -- what is asked for -- */

/* In its normal form; none that is, or could become, somebody's URL or the API's. */
static int host_check(const struct api *api, const char *text, char host[DOMAIN_TEXT], struct error *err)
{
	struct error ignored = ERROR_INIT;
	char api_host[DOMAIN_TEXT + 4], label[HOST_TEXT];

	/* Certificates and HAProxy have no other names either (RFC 1123). */
	if (domain_normal(text, host, &ignored) == -1 || strchr(host, '.') == NULL || !hostcfg_name_valid(host, true))
		return error_field(err, "host", "host is not a name like www.example.com");
	snprintf(api_host, sizeof api_host, "api.%s", api->cfg.domain);
	size_t size = strlen(host), tail = strlen(api_host);
	if (size >= tail && strcmp(host + size - tail, api_host) == 0 && (size == tail || host[size - tail - 1] == '.'))
		return error_field(err, "host", "%s is the API's", host);
	/* "<24 hex>-<24 hex>", and what could stand behind it. */
	snprintf(label, sizeof label, "%s", host);
	label[strcspn(label, ".")] = '\0';
	if (strlen(label) >= 2 * (ID_TEXT - 1) + 1 && label[ID_TEXT - 1] == '-' && strspn(label, "0123456789abcdef") == ID_TEXT - 1)
		return error_field(err, "host", "%s has the form of a container's own URL", host);
	return 0;
}

/* The realm of a container that the caller sees; "" if there is none. */
static int container_realm(struct request *request, const char *container, char realm[ID_TEXT], struct error *err)
{
	cleanup_query sqlite3_stmt *row = store_query(request->api->store, err, "SELECT p.realm FROM containers c JOIN projects p ON p.id = c.project WHERE"
						      " c.id = ? AND c.deleted IS NULL AND" SCOPE_SQL("p.realm"), "s" SCOPE_TYPES, container, SCOPE_VALUES(request));
	int step = row == NULL ? -1 : query_step(row, err);

	snprintf(realm, ID_TEXT, "%s", step == 1 ? query_text(row, 0) : "");
	return step == -1 ? -1 : 0;
}

/* -- in force -- */

/* A change, until the gate has it. */
struct settling {
	struct request *request;
	char id[ID_TEXT];
	unsigned int status; /* 204: it is gone */
};

static void settled(const struct message *answer, const struct error *err, void *data)
{
	struct settling *settling = data;

	(void)answer;
	if (err != NULL) {
		log_error("the route of alias %s is not as it should be yet: %s", settling->id, err->message);
		request_fail(settling->request, 503, "unavailable", NULL, "the change is stored, but the proxy does not have it yet; it takes it when it can");
	} else if (settling->status == 204) {
		request_answer(settling->request, 204, NULL);
	} else {
		alias_answer(settling->request, settling->status, settling->id);
	}
	free(settling);
}

/* The row is written: the gate hears of it, and then the client. */
static void settle(struct request *request, unsigned int status, const char *id, const char *host)
{
	struct settling *settling = calloc(1, sizeof *settling);
	struct error err = ERROR_INIT;
	char label[HOST_TEXT];
	int64_t leads = 0;

	if (settling == NULL || store_number(request->api->store, &err, 0, &leads,
					     "SELECT 1 FROM aliases a JOIN containers c ON c.id = a.container WHERE a.id = ? AND a.enabled = 1 AND"
					     " c.deleted IS NULL AND c.wanted = 1", "s", id) == -1) {
		free(settling);
		request_fail(request, 503, "unavailable", NULL, "the change is stored, but the proxy does not have it yet");
		return;
	}
	*settling = (struct settling){ .request = request, .status = status };
	snprintf(settling->id, sizeof settling->id, "%.24s", id);
	routes_alias_label(request->api, host, label);
	int asked = leads == 1 ? routes_set_alias(request->api, id, settled, settling, &err) : routes_forget(request->api, label, settled, settling, &err);
	if (asked == -1)
		settled(NULL, &err, settling);
}

static int alias_insert(struct request *request, const char *id, const char *realm, const char *host, const char *container, const char *service,
			bool enabled, struct error *err)
{
	struct store *store = request->api->store;
	struct route_message ignored;
	int64_t count;

	if (store_number(store, err, 0, &count, "SELECT count(*) FROM aliases WHERE realm = ?", "s", realm) == -1)
		return -1;
	if (count >= ALIASES_MAX)
		return error_set(err, EMLINK, "the realm has %d aliases already; delete one first", ALIASES_MAX);
	if (store_do(store, err, "INSERT INTO aliases (id, realm, host, container, service, enabled, created) VALUES (?, ?, ?, ?, ?, ?, ?)", "sssssii",
		     id, realm, host, container, service, (int64_t)enabled, time_now_ms()) == -1) {
		if (err->code == EEXIST) {
			error_field(err, "host", "%s is an alias already", host);
			err->code = EEXIST;
		}
		return -1;
	}
	if (route_fill_alias(request->api, id, &ignored, err) == -1)
		return -1;
	return idempotency_record(request, id, err);
}

void aliases_create(struct request *request)
{
	char text[DOMAIN_TEXT] = "", host[DOMAIN_TEXT], container[ID_TEXT] = "", service[SERVICE_TEXT] = "", realm[ID_TEXT], id[ID_TEXT];
	bool enabled = true;
	struct store *store = request->api->store;
	struct error err = ERROR_INIT;
	const struct json_field fields[] = {
		{ "host", JSON_KIND_STRING, true, 1, DOMAIN_TEXT - 1, text, NULL },
		{ "container", JSON_KIND_STRING, true, 1, ID_TEXT - 1, container, NULL },
		{ "service", JSON_KIND_STRING, false, 1, SERVICE_TEXT - 1, service, NULL },
		{ "enabled", JSON_KIND_BOOLEAN, false, 0, 0, &enabled, NULL },
	};

	if (json_read(request->json, "", fields, sizeof fields / sizeof fields[0], &err) == -1 || host_check(request->api, text, host, &err) == -1 ||
	    store_begin(store, &err) == -1) {
		request_fail_error(request, &err);
		return;
	}
	int before = idempotency_check(request, id);
	if (before != 0) {
		store_rollback(store);
		if (before == 1)
			alias_answer(request, 201, id);
		return;
	}
	int found = container_realm(request, container, realm, &err);
	if (found == 0 && realm[0] == '\0') {
		store_rollback(store);
		request_fail_missing(request, "container", "container");
		return;
	}
	id_generate(id);
	if (found == -1 || alias_insert(request, id, realm, host, container, service, enabled, &err) == -1 || store_commit(store, &err) == -1) {
		store_rollback(store);
		request_fail_error(request, &err);
		return;
	}
	settle(request, 201, id, host);
}

/* 1 if the caller sees the alias of the request: its host and realm; 0, -1: answered. */
static int alias_open(struct request *request, char host[DOMAIN_TEXT], char realm[ID_TEXT])
{
	struct error err = ERROR_INIT;
	cleanup_query sqlite3_stmt *row = store_query(request->api->store, &err, "SELECT host, realm FROM aliases WHERE id = ? AND" SCOPE_SQL("realm"),
						      "s" SCOPE_TYPES, request->id, SCOPE_VALUES(request));
	int step = row == NULL ? -1 : query_step(row, &err);

	if (step == -1)
		request_fail_error(request, &err);
	else if (step == 0)
		request_fail_missing(request, "alias", NULL);
	else
		snprintf(host, DOMAIN_TEXT, "%s", query_text(row, 0));
	snprintf(realm, ID_TEXT, "%s", step == 1 ? query_text(row, 1) : "");
	return step;
}

static int alias_update(struct request *request, const char *realm, struct error *err)
{
	char container[ID_TEXT] = "", service[SERVICE_TEXT] = "", of[ID_TEXT];
	bool enabled = true, named = json_object_get(request->json, "service") != NULL, switched = json_object_get(request->json, "enabled") != NULL;
	struct route_message ignored;
	const struct json_field fields[] = {
		{ "container", JSON_KIND_STRING, false, 1, ID_TEXT - 1, container, NULL },
		{ "service", JSON_KIND_STRING, false, 0, SERVICE_TEXT - 1, service, NULL }, /* "": the default */
		{ "enabled", JSON_KIND_BOOLEAN, false, 0, 0, &enabled, NULL },
	};

	if (json_read(request->json, "", fields, sizeof fields / sizeof fields[0], err) == -1 ||
	    (container[0] != '\0' && container_realm(request, container, of, err) == -1))
		return -1;
	if (container[0] != '\0' && strcmp(of, realm) != 0)
		return error_field(err, "container", "the realm of the alias has no such container");
	if (store_do(request->api->store, err, "UPDATE aliases SET container = ifnull(?, container), service = iif(?, ?, service), enabled = iif(?, ?, enabled)"
					       " WHERE id = ?", "sisiis", container[0] == '\0' ? NULL : container, (int64_t)named, service, (int64_t)switched,
		     (int64_t)enabled, request->id) == -1)
		return -1;
	return route_fill_alias(request->api, request->id, &ignored, err);
}

void aliases_change(struct request *request)
{
	struct store *store = request->api->store;
	char host[DOMAIN_TEXT], realm[ID_TEXT];
	struct error err = ERROR_INIT;

	if (alias_open(request, host, realm) != 1)
		return;
	if (store_begin(store, &err) == -1 || alias_update(request, realm, &err) == -1 || store_commit(store, &err) == -1) {
		store_rollback(store);
		request_fail_error(request, &err);
		return;
	}
	settle(request, 200, request->id, host);
}

void aliases_delete(struct request *request)
{
	char host[DOMAIN_TEXT], realm[ID_TEXT];
	struct error err = ERROR_INIT;

	if (alias_open(request, host, realm) != 1)
		return;
	if (store_do(request->api->store, &err, "DELETE FROM aliases WHERE id = ?", "s", request->id) == -1)
		request_fail_error(request, &err);
	else
		settle(request, 204, request->id, host);
}
