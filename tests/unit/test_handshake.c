/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/api/handshake.c -lcrypto
#include "tests/unit/unit.h"

#include <stdarg.h>

#include "daemon/api/handshake.h"
#include "daemon/api/request.h"

static struct {
	const char *connection, *upgrade, *version, *key;
	unsigned int status;
	int headers;
} client;

const char *request_header(struct request *request, const char *name)
{
	(void)request;
	return strcmp(name, "Connection") == 0 ? client.connection
	     : strcmp(name, "Upgrade") == 0    ? client.upgrade
	     : strcmp(name, "Sec-WebSocket-Version") == 0 ? client.version
	     : strcmp(name, "Sec-WebSocket-Key") == 0 ? client.key : NULL;
}

void request_fail(struct request *request, unsigned int status, const char *code, const char *field, const char *fmt, ...)
{
	(void)request;
	(void)code;
	(void)field;
	(void)fmt;
	client.status = status;
}

void request_answer_add(struct request *request, const char *name, const char *fmt, ...)
{
	(void)request;
	(void)name;
	(void)fmt;
	client.headers++;
}

static unsigned int opened(void)
{
	struct request request = { 0 };
	char accept[HANDSHAKE_ACCEPT_TEXT];

	client.status = 0;
	client.headers = 0;
	bool taken = handshake_read(&request, accept);
	assert_true(taken == (client.status == 0));
	if (taken)
		assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
	return client.status;
}

#define GOOD { "keep-alive, Upgrade", "websocket", "13", "dGhlIHNhbXBsZSBub25jZQ==", 0, 0 }

static void the_example_of_the_rfc_is_answered_as_there(void **state)
{
	(void)state;
	client = (typeof(client))GOOD;
	assert_int_equal(opened(), 0);
	client.connection = "UPGRADE";
	client.upgrade = "h2c, WebSocket";
	assert_int_equal(opened(), 0);
}

static void what_is_no_websocket_is_told_so(void **state)
{
	(void)state;
	client = (typeof(client))GOOD;
	client.upgrade = NULL;
	assert_int_equal(opened(), 426);
	assert_int_equal(client.headers, 2);
	client.upgrade = "websockets";
	assert_int_equal(opened(), 426);
	client = (typeof(client))GOOD;
	client.connection = "keep-alive";
	assert_int_equal(opened(), 426);
	client = (typeof(client))GOOD;
	client.version = "8";
	assert_int_equal(opened(), 426);
	client = (typeof(client))GOOD;
	client.key = "short";
	assert_int_equal(opened(), 400);
	client.key = NULL;
	assert_int_equal(opened(), 400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_of_the_rfc_is_answered_as_there),
		cmocka_unit_test(what_is_no_websocket_is_told_so),
	};
	return cmocka_run_group_tests_name("handshake", tests, NULL, NULL);
}
