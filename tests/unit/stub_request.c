/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/stub_request.h"

#include "tests/unit/unit.h"

#include <errno.h>

#include "daemon/api/store.h"
#include "daemon/lib/json.h"

struct stub stub;

int64_t time_now_ms(void)
{
	return stub.now_ms;
}

void time_format(int64_t ms, char text[TIME_TEXT])
{
	snprintf(text, TIME_TEXT, "%lld", (long long)ms);
}

const char *request_query(struct request *request, const char *key)
{
	(void)request;
	return strcmp(key, "name") == 0 ? stub.name : strcmp(key, "realm") == 0 ? stub.realm : NULL;
}

const char *request_header(struct request *request, const char *name)
{
	(void)request;
	return strcmp(name, "Idempotency-Key") == 0 ? stub.key : NULL;
}

int request_query_bool(struct request *request, const char *key, bool fallback, bool *ret_value)
{
	(void)request;
	(void)key;
	*ret_value = fallback;
	return 0;
}

int request_query_number(struct request *request, const char *key, int64_t fallback, int64_t min, int64_t max,
			 int64_t *ret_value)
{
	(void)request;
	(void)key;
	(void)min;
	(void)max;
	*ret_value = fallback;
	return 0;
}

void request_answer(struct request *request, unsigned int status, json_t *body)
{
	assert_int_equal(stub.status, 0); /* once */
	request->answered = true;
	stub.status = status;
	json_decref(stub.body);
	stub.body = body;
}

void request_fail(struct request *request, unsigned int status, const char *code, const char *field, const char *fmt, ...)
{
	(void)fmt;
	snprintf(stub.code, sizeof stub.code, "%s", code);
	snprintf(stub.field, sizeof stub.field, "%s", field == NULL ? "" : field);
	request_answer(request, status, NULL);
}

void request_fail_missing(struct request *request, const char *what, const char *field)
{
	request_fail(request, 404, "not_found", field, "%s", what);
}

void request_fail_error(struct request *request, const struct error *err)
{
	unsigned int status = err->code == EINVAL ? 400 : err->code == ENOENT ? 404 : 409;

	if (err->code == EIO || err->code == 0)
		status = 500;
	request_fail(request, status, err->code == EMLINK ? "limit" : "other", err->field, "%s", err->message);
}

void request_fail_host(struct request *request, const struct error *err)
{
	(void)err;
	request_fail(request, 500, "internal", NULL, "host");
}

void stub_open(void)
{
	struct error err = ERROR_INIT;

	memset(&stub, 0, sizeof stub);
	stub.api.store = store_open(":memory:", &err);
	assert_made(stub.api.store, &err);
	stub.request.api = &stub.api;
	stub.request.caller = (struct caller){ .role = CALLER_ADMIN, .platform = true };
	stub.now_ms = INT64_C(1000000000);
}

void stub_close(void)
{
	json_decref(stub.body);
	json_decref(stub.request.json);
	store_close(stub.api.store);
}

unsigned int stub_call(request_handler *handler, const char *body)
{
	struct error err = ERROR_INIT;

	json_decref(stub.body);
	json_decref(stub.request.json);
	stub.request.json = body == NULL ? NULL : json_parse(body, strlen(body), &err);
	stub.request.body_size = 0;
	stub.request.answered = stub.request.replayed = false;
	stub.body = NULL;
	stub.status = 0;
	stub.code[0] = stub.field[0] = '\0';
	handler(&stub.request);
	return stub.status;
}

void stub_sql(const char *sql, const char *text)
{
	struct error err = ERROR_INIT;

	assert_ok(store_do(stub.api.store, &err, sql, "s", text), &err);
}

int64_t stub_count(const char *sql)
{
	struct error err = ERROR_INIT;
	int64_t count;

	assert_ok(store_number(stub.api.store, &err, 0, &count, sql, ""), &err);
	return count;
}
