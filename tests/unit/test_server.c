/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/api/server.c daemon/api/answer.c daemon/api/outflow.c daemon/api/body.c daemon/api/request.c daemon/api/route.c -lmicrohttpd -Wl,--wrap=time_monotonic_ms
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/api/access.h"
#include "daemon/api/api.h"
#include "daemon/api/auth.h"
#include "daemon/api/resources.h"
#include "daemon/api/server.h"
#include "daemon/api/trail.h"
#include "daemon/api/upload.h"
#include "daemon/lib/loop.h"

/* The real server on a socket, a client in the same loop, and handlers that say yes. */
static struct {
	struct api api;
	struct server *server;
	char folder[PATH_MAX], path[PATH_MAX];
	int client;
	struct loop_source *source;
	char answer[8192];     /* of a longer one its beginning and its end */
	size_t size, dropped;
	bool closed;
	int handled;           /* calls of handlers */
	size_t body;           /* bytes that the last one saw */
	uint64_t spooled;
	int fails;             /* what the engine says to host_show */
	bool full;             /* the spool takes nothing more */
	int64_t later_ms;      /* how far the clock is ahead */
} bench;

int64_t __real_time_monotonic_ms(void);
int64_t __wrap_time_monotonic_ms(void);
int64_t __wrap_time_monotonic_ms(void)
{
	return __real_time_monotonic_ms() + bench.later_ms;
}

#define HANDLER(name) \
	void name(struct request *request) \
	{ \
		bench.handled++; \
		bench.body = request->body_size; \
		request_answer(request, 200, json_object()); \
	}
#include "tests/unit/handlers.h"
/* The audit log takes all at once. */
bool trail_begin(struct request *request)
{
	(void)request;
	return true;
}
bool trail_end(struct request *request)
{
	(void)request;
	return true;
}
void trail_free(struct trail *trail)
{
	(void)trail;
}
bool access_check(struct request *request)
{
	(void)request;
	return true;
}

void host_show(struct request *request)
{
	struct error err = { .code = bench.fails, .message = "cannot open /secret" };

	request_fail_host(request, &err);
}
/* A file of three parts and a bit. */
void files_show(struct request *request)
{
	static char part[1 << 20];
	int fd = memfd_create("file", MFD_CLOEXEC);

	bench.handled++;
	for (int i = 0; i < 3; i++)
		assert_int_equal(write(fd, part, sizeof part), sizeof part);
	assert_int_equal(write(fd, "the end", 7), 7);
	request_answer_add(request, "X-Bulkhead-Mode", "%04o", 0644);
	request_answer_file(request, "application/octet-stream", fd, 3 * sizeof part + 7);
}
void files_put_head(struct request *request)
{
	(void)request;
}

void images_create_head(struct request *request)
{
	if (request_query(request, "name") == NULL)
		request_fail(request, 400, "invalid", "name", "no name");
}

int caller_sees_realm(struct store *store, const struct caller *caller, const char *realm, struct error *err)
{
	(void)store;
	(void)caller;
	(void)realm;
	(void)err;
	return 1;
}

int auth_caller(struct store *store, const char *authorization, int64_t now_ms, struct caller *ret_caller,
		struct error *err)
{
	(void)store;
	(void)now_ms;
	if (authorization == NULL)
		return error_set(err, EPERM, "no token");
	*ret_caller = (struct caller){ .role = CALLER_ADMIN, .platform = true };
	return 0;
}

bool auth_peer_is_root(int fd)
{
	(void)fd;
	return false;
}

const char *caller_role_name(enum caller_role role)
{
	(void)role;
	return "admin";
}

struct upload *upload_open(struct request *request, uint64_t declared)
{
	(void)request;
	(void)declared;
	bench.spooled = 0;
	return (struct upload *)&bench;
}

void upload_write(struct upload *upload, struct request *request, const void *data, size_t size)
{
	(void)upload;
	(void)data;
	bench.spooled += size;
	if (bench.full)
		request_fail(request, 507, "no_space", NULL, "full");
}

void upload_free(struct upload *upload)
{
	(void)upload;
}

static void guard(void *data)
{
	(void)data;
	loop_stop(bench.api.loop, 9);
}

static int bench_open(void **state)
{
	struct error err = ERROR_INIT;
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	(void)state;
	memset(&bench, 0, sizeof bench);
	bench.client = -1;
	bench.api.loop = loop_new(&err);
	assert_made(bench.api.loop, &err);
	unit_folder_make(bench.folder);
	snprintf(bench.path, sizeof bench.path, "%.80s/s", bench.folder);
	snprintf(address.sun_path, sizeof address.sun_path, "%.100s", bench.path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(fd, 8), 0);
	bench.server = server_new(&bench.api, fd, 0, &err);
	assert_made(bench.server, &err);
	assert_made(loop_add_timer(bench.api.loop, 30000, guard, NULL, &err), &err);
	return 0;
}

static void client_ready(int fd, uint32_t events, void *data)
{
	(void)events;
	(void)data;
	if (bench.size > sizeof bench.answer / 2) {
		size_t half = sizeof bench.answer / 4, drop = bench.size - half - half;
		memmove(bench.answer + half, bench.answer + half + drop, half);
		bench.size -= drop;
		bench.dropped += drop;
	}
	ssize_t n = read(fd, bench.answer + bench.size, sizeof bench.answer - 1 - bench.size);
	if (n <= 0) {
		bench.closed = true;
		loop_remove(bench.source);
		bench.source = NULL;
	} else {
		bench.size += (size_t)n;
	}
	bench.answer[bench.size] = '\0';
	loop_stop(bench.api.loop, 0);
}

static void client_close(void)
{
	loop_remove(bench.source);
	bench.source = NULL;
	if (bench.client != -1)
		close(bench.client);
	bench.client = -1;
}

static void client_open(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct error err = ERROR_INIT;

	client_close();
	snprintf(address.sun_path, sizeof address.sun_path, "%.100s", bench.path);
	bench.client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(connect(bench.client, (struct sockaddr *)&address, sizeof address), 0);
	bench.source = loop_add_fd(bench.api.loop, bench.client, EPOLLIN, client_ready, NULL, &err);
	assert_made(bench.source, &err);
	bench.size = bench.dropped = 0;
	bench.answer[0] = '\0';
	bench.closed = false;
}

static void turn(void *data)
{
	(void)data;
	loop_stop(bench.api.loop, 0);
}

/* Sends what the server takes, as it takes it; true if all went. */
static bool send_all(const char *data, size_t size)
{
	struct error err = ERROR_INIT;
	struct loop_source *timer = loop_add_timer(bench.api.loop, -1, turn, NULL, &err);

	while (size > 0 && !bench.closed) {
		ssize_t n = send(bench.client, data, size, MSG_NOSIGNAL);
		if (n > 0) {
			data += n;
			size -= (size_t)n;
		} else if (errno != EAGAIN) {
			break;
		}
		assert_ok(loop_set_timer(timer, 1, &err), &err);
		assert_int_equal(loop_run(bench.api.loop, &err), 0);
	}
	loop_remove(timer);
	return size == 0;
}

/* Waits for the end of the connection; 0 if it came without an answer. */
static int status(void)
{
	struct error err = ERROR_INIT;

	while (!bench.closed)
		assert_int_equal(loop_run(bench.api.loop, &err), 0);
	return bench.size == 0 ? 0 : atoi(bench.answer + strlen("HTTP/1.1 "));
}

#define HEAD " HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer x\r\nConnection: close\r\n"

static int ask(const char *text, size_t size)
{
	client_open();
	send_all(text, size);
	return status();
}
#define ASK(text) ask(text, sizeof(text) - 1)

static bool names(const char *field)
{
	char text[64];

	snprintf(text, sizeof text, "\"field\":\"%s\"", field);
	return strstr(bench.answer, text) != NULL;
}

static void a_query_is_read_strictly(void **state)
{
	(void)state;
	assert_int_equal(ASK("GET /api/v1/realms?limit=1&after=x" HEAD "\r\n"), 200);
	assert_int_equal(ASK("GET /api/v1/realms?limit=1&limit=2" HEAD "\r\n"), 400);
	assert_true(names("limit"));
	assert_int_equal(ASK("GET /api/v1/realms?limit=1&limit=1" HEAD "\r\n"), 400);
	assert_int_equal(ASK("GET /api/v1/realms?Limit=1" HEAD "\r\n"), 400);
	assert_true(names("Limit"));
	assert_int_equal(ASK("GET /api/v1/realms?after=x%00y" HEAD "\r\n"), 400);
	assert_true(names("after"));
	assert_int_equal(ASK("GET /api/v1/realms?limit%00x=1" HEAD "\r\n"), 400);
	assert_int_equal(ASK("GET /api/v1/realms%00x" HEAD "\r\n"), 400);
	assert_int_equal(ASK("GET /api/v1/realms/%00" HEAD "\r\n"), 400);
	assert_int_equal(ASK("GET /api/v1/realms/a%2fb" HEAD "\r\n"), 404);
	assert_int_equal(bench.handled, 1);
}

static void the_hosts_failures_are_not_the_clients(void **state)
{
	static const struct {
		int code, status;
	} kinds[] = { { ENOENT, 500 }, { EEXIST, 500 }, { EINVAL, 500 }, { EPERM, 500 }, { EIO, 500 },
		      { EBUSY, 409 },  { ENOSPC, 507 }, { ETIMEDOUT, 503 }, { EPIPE, 503 } };

	(void)state;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		bench.fails = kinds[i].code;
		assert_int_equal(ASK("GET /api/v1/host" HEAD "\r\n"), kinds[i].status);
		assert_true((strstr(bench.answer, "/secret") == NULL) == (kinds[i].status == 500));
	}
}

static void a_call_without_body_takes_none(void **state)
{
	(void)state;
	assert_int_equal(ASK("POST /api/v1/containers/a/start" HEAD "\r\n"), 200);
	assert_int_equal(ASK("POST /api/v1/containers/a/start" HEAD "Content-Length: 2\r\n\r\n{}"), 200);
	assert_int_equal(bench.handled, 2);
	assert_int_equal(ASK("POST /api/v1/containers/a/start" HEAD "Content-Length: 7\r\n\r\n{}\0junk"), 400);
	assert_int_equal(ASK("POST /api/v1/containers/a/start" HEAD "Content-Length: 7\r\n\r\n{\"a\":1}"), 400);
	assert_int_equal(ASK("DELETE /api/v1/containers/a" HEAD "Content-Length: 2\r\n\r\n{}"), 400);
	/* In pieces, more than is kept. */
	assert_int_equal(ASK("POST /api/v1/containers/a/start" HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"), 200);
	assert_int_equal(ASK("POST /api/v1/containers/a/start" HEAD "Transfer-Encoding: chunked\r\n\r\n"
			     "12\r\n{                }\r\n0\r\n\r\n"), 400);
	/* Far too long: not waited for. */
	assert_int_equal(ASK("POST /api/v1/containers/a/start" HEAD "Content-Length: 1000000000\r\n\r\n"), 400);
	assert_int_equal(bench.handled, 3);
}

static void json_comes_whole_or_in_chunks_and_is_bounded(void **state)
{
	static char chunk[65536 + 16];

	(void)state;
	assert_int_equal(ASK("POST /api/v1/realms" HEAD "Content-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}"), 200);
	assert_int_equal(bench.body, 7);
	assert_int_equal(ASK("POST /api/v1/realms" HEAD "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
			     "3\r\n{\"a\r\n4\r\n\":1}\r\n0\r\n\r\n"), 200);
	assert_int_equal(bench.body, 7);
	assert_int_equal(ASK("POST /api/v1/realms" HEAD "Content-Type: application/json\r\nContent-Length: 2000000\r\n\r\n"), 413);

	static const char head[] = "POST /api/v1/realms" HEAD "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
	client_open();
	assert_true(send_all(head, sizeof head - 1));
	int size = snprintf(chunk, sizeof chunk, "10000\r\n");
	memset(chunk + size, ' ', 65536);
	memcpy(chunk + size + 65536, "\r\n", 2);
	for (int i = 0; i < 20; i++) /* 1.25 MiB */
		assert_true(send_all(chunk, (size_t)size + 65536 + 2));
	assert_true(send_all("0\r\n\r\n", 5));
	assert_int_equal(status(), 413);
	assert_int_equal(bench.handled, 2);
}

static void a_body_must_come_in_time(void **state)
{
	static const char *const heads[] = {
		"POST /api/v1/realms" HEAD "Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
		"POST /api/v1/containers/a/start" HEAD "Content-Length: 9\r\n\r\n{",
		"POST /api/v1/realms HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n{", /* no token */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(heads); i++) {
		client_open();
		assert_true(send_all(heads[i], strlen(heads[i])));
		bench.later_ms += 29000;
		assert_true(send_all(" ", 1));
		assert_false(bench.closed);
		bench.later_ms += 2000;
		send_all(" ", 1);
		assert_int_equal(status(), 0); /* cut */
	}
	assert_int_equal(bench.handled, 0);
}

static const char upload_head[] =
	"POST /api/v1/images?name=a" HEAD "Content-Type: application/x-tar\r\nContent-Length: 1000000000\r\n\r\n";
static char mebibyte[1 << 20];

static void an_upload_is_looked_at_before_its_body(void **state)
{
	(void)state;
	assert_int_equal(ASK("POST /api/v1/images" HEAD "Content-Type: application/x-tar\r\nContent-Length: 1000000000\r\n\r\n"), 400);
	assert_true(names("name"));
	assert_int_equal(ASK("POST /api/v1/images?name=a" HEAD "Content-Type: application/x-tar\r\nContent-Length: 4\r\n\r\nabcd"), 200);
	assert_int_equal(bench.spooled, 4);
}

static void an_upload_keeps_a_pace(void **state)
{
	(void)state;
	client_open();
	assert_true(send_all(upload_head, sizeof upload_head - 1));
	for (int i = 0; i < 3; i++) {
		bench.later_ms += 50000;
		assert_true(send_all(mebibyte, sizeof mebibyte));
		assert_false(bench.closed);
	}
	bench.later_ms += 50000;
	assert_true(send_all(mebibyte, sizeof mebibyte / 2));
	assert_false(bench.closed);
	bench.later_ms += 11000;
	send_all("x", 1);
	assert_int_equal(status(), 0);
}

static void a_late_refusal_comes_behind_the_body_or_never(void **state)
{
	static const char small[] =
		"POST /api/v1/images?name=a" HEAD "Content-Type: application/x-tar\r\nContent-Length: 3145728\r\n\r\n";

	(void)state;
	bench.full = true;
	client_open();
	assert_true(send_all(small, sizeof small - 1));
	for (int i = 0; i < 3; i++)
		assert_true(send_all(mebibyte, sizeof mebibyte));
	assert_int_equal(status(), 507);
	assert_true(bench.spooled < 1 << 20);

	client_open();
	assert_true(send_all(upload_head, sizeof upload_head - 1));
	int sent = 0;
	while (sent < 80 && send_all(mebibyte, sizeof mebibyte))
		sent++;
	assert_true(sent >= 64 && sent < 70);
	assert_int_equal(status(), 0);

	client_open();
	assert_true(send_all(upload_head, sizeof upload_head - 1));
	assert_true(send_all("x", 1));
	bench.later_ms += 31000;
	send_all("x", 1);
	assert_int_equal(status(), 0);
	assert_int_equal(bench.handled, 0);
}

#define FILE_HEAD "GET /api/v1/containers/a/files?path=/f" HEAD "\r\n"

static void a_file_comes_whole(void **state)
{
	(void)state;
	assert_int_equal(ASK(FILE_HEAD), 200);
	assert_non_null(strstr(bench.answer, "X-Bulkhead-Mode: 0644\r\n"));
	assert_non_null(strstr(bench.answer, "Content-Length: 3145735\r\n"));
	size_t head = (size_t)(strstr(bench.answer, "\r\n\r\n") + 4 - bench.answer);
	assert_int_equal(bench.size + bench.dropped - head, 3 * (1 << 20) + 7);
	assert_memory_equal(bench.answer + bench.size - 7, "the end", 7);
	assert_int_equal(ASK("HEAD /api/v1/containers/a/files?path=/f" HEAD "\r\n"), 200);
}

static void who_takes_a_file_too_slowly_is_cut_off(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	client_open();
	assert_true(send_all(FILE_HEAD, sizeof FILE_HEAD - 1));
	while (bench.size + bench.dropped < 1 << 19)
		assert_int_equal(loop_run(bench.api.loop, &err), 0);
	bench.later_ms += 61000;
	assert_int_equal(status(), 200); /* the head was sent long ago */
	assert_true(bench.size + bench.dropped < 2 << 20);
}

static int bench_close(void **state)
{
	(void)state;
	client_close();
	server_free(bench.server);
	loop_free(bench.api.loop);
	unit_folder_remove(bench.folder);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_open, bench_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_query_is_read_strictly),
		TEST(the_hosts_failures_are_not_the_clients),
		TEST(a_call_without_body_takes_none),
		TEST(json_comes_whole_or_in_chunks_and_is_bounded),
		TEST(a_body_must_come_in_time),
		TEST(an_upload_is_looked_at_before_its_body),
		TEST(an_upload_keeps_a_pace),
		TEST(a_file_comes_whole),
		TEST(who_takes_a_file_too_slowly_is_cut_off),
		TEST(a_late_refusal_comes_behind_the_body_or_never),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
