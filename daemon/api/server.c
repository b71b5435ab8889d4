/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One request goes through server_request() several times: once with its head,
 * once for each part of its body, once at its end, and once more when a
 * sleeping connection wakes.
 *
 * What is wrong in the head is known before the body comes. A small body is
 * then read and thrown away, so that the client sees the answer and not a
 * broken pipe; a large one is not waited for.
 *
 * What is wrong in the middle of a body (too large, disk full) cannot be
 * answered there: libmicrohttpd takes an answer before the body or after it. So
 * the rest is read and thrown away, and the client gets its answer behind it; if
 * that takes too many bytes or too long, the connection is cut without one.
 */
#include "daemon/api/server.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "daemon/api/answer.h"
#include "daemon/api/access.h"
#include "daemon/api/api.h"
#include "daemon/api/auth.h"
#include "daemon/api/body.h"
#include "daemon/api/request.h"
#include "daemon/api/route.h"
#include "daemon/api/outflow.h"
#include "daemon/api/trail.h"
#include "daemon/api/upload.h"
#include "daemon/lib/error.h"
#include "daemon/lib/json.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"

enum {
	CONNECTIONS_MAX = 256,
	CONNECTIONS_LOCAL_MAX = 16,
	CONNECTION_MEMORY = 64 * 1024, /* bytes for the head and for one part of the body */
	CONNECTION_IDLE_S = 60,
	RUNS_MAX = 16,                 /* rounds of the server before other sources get a turn */
};

struct server {
	struct api *api;
	struct MHD_Daemon *daemon;
	struct loop_source *source, *timer;
	bool local;
};

static void request_free(struct request *request)
{
	if (request->upgrade != NULL)
		request->upgrade(NULL, -1, request->upgrade_data);
	outflow_free(request->outflow);
	trail_free(request->trail);
	upload_free(request->upload);
	json_decref(request->json);
	if (request->body != NULL)
		explicit_bzero(request->body, request->body_room); /* a key or a password may have been in it */
	free(request->body);
	free(request->answer);
	if (request->answer_fd > 0)
		close(request->answer_fd);
	free(request);
}

static bool caller_check(struct server *server, struct request *request)
{
	struct error err = ERROR_INIT;
	const union MHD_ConnectionInfo *info;

	if (server->local) {
		info = MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
		if (info == NULL || !auth_peer_is_root(info->connect_fd)) {
			request_fail(request, 401, "unauthorized", NULL, "only root may use this socket");
			return false;
		}
		request->caller = (struct caller){ .role = CALLER_ADMIN, .platform = true };
		request->known = true;
	} else if (request->route == NULL || !request->route->open) {
		if (auth_caller(request->api->store, request_header(request, "Authorization"), time_now_ms(),
				&request->caller, &err) == -1) {
			if (err.code == EPERM)
				request_fail(request, 401, "unauthorized", NULL, "%s", err.message);
			else
				request_fail_error(request, &err);
			return false;
		}
		request->known = true;
	}
	return true;
}

/* The proxy gives each request an id; root's own have none. */
static void request_name(struct request *request)
{
	const char *name = request->outside ? request_header(request, "X-Request-Id") : NULL;
	char id[ID_TEXT];

	id_generate(id);
	snprintf(request->name, sizeof request->name, "%s", name != NULL ? name : id);
}

/*
 * The API of one realm has a host name of its own, and the proxy says which: then the caller is bound to that realm, whatever
 * its token reaches. One that is malformed or not the caller's must never be as good as none.
 */
static bool realm_check(struct request *request)
{
	const char *realm = request->outside ? request_header(request, "X-Bulkhead-Realm") : NULL;
	struct error err = ERROR_INIT;
	int seen = 1;

	if (realm == NULL)
		return true;
	if (!id_valid(realm)) {
		request_fail(request, 400, "invalid", "host", "the host name has no id of a realm in front of \"api\": 24 hex digits in lower case");
		return false;
	}
	if (request->known)
		seen = caller_sees_realm(request->api->store, &request->caller, realm, &err);
	if (seen == -1)
		request_fail_error(request, &err);
	else if (seen == 0)
		request_fail_missing(request, "realm", "host");
	snprintf(request->caller.realm, sizeof request->caller.realm, "%s", realm);
	request->caller.platform = false;
	return seen == 1;
}

static bool has_control(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return true;
	return false;
}

static enum MHD_Result query_check(void *data, enum MHD_ValueKind kind, const char *key, const char *value)
{
	struct request *request = data;

	(void)kind;
	if (!route_query_known(request->route, key)) {
		request_fail(request, 400, "invalid", key, "the query parameter %s is not known here", key);
		return MHD_NO;
	}
	if (value == NULL || strlen(value) > REQUEST_QUERY_MAX || has_control(value)) {
		request_fail(request, 400, "invalid", key,
			     "the query parameter %s needs a value of at most %d bytes without control characters", key,
			     REQUEST_QUERY_MAX);
		return MHD_NO;
	}
	if (request_query(request, key) != value) { /* which finds the first */
		request_fail(request, 400, "invalid", key, "the query parameter %s is given twice", key);
		return MHD_NO;
	}
	return MHD_YES;
}

/* Everything that the head tells. Answers, or opens what takes the body. */
static void request_head(struct server *server, struct request *request, const char *path, const char *method)
{
	unsigned int methods = 0;
	bool known = true;

	if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0)
		request->method = METHOD_GET;
	else if (strcmp(method, "POST") == 0)
		request->method = METHOD_POST;
	else if (strcmp(method, "DELETE") == 0)
		request->method = METHOD_DELETE;
	else if (strcmp(method, "PATCH") == 0)
		request->method = METHOD_PATCH;
	else if (strcmp(method, "PUT") == 0)
		request->method = METHOD_PUT;
	else
		known = false;
	if (strlen(path) < sizeof request->path) {
		strcpy(request->path, path);
		request->route = route_find(path, known ? request->method : (enum method)0, request->id,
					    sizeof request->id, &methods);
	}
	if (!server->local && !access_check(request))
		return;
	/* Who has no token learns nothing of which paths there are. */
	if (!caller_check(server, request) || !realm_check(request))
		return;
	if (has_control(path)) {
		request_fail(request, 400, "invalid", NULL, "the path has a control character");
		return;
	}
	if (request->route == NULL && methods != 0) {
		char allow[ROUTE_ALLOW_TEXT];
		route_allow(methods, allow);
		request_answer_add(request, "Allow", "%s", allow);
		request_fail(request, 405, "method_not_allowed", NULL, "this path takes %s", allow);
		return;
	}
	if (request->route == NULL) {
		request_fail_missing(request, "path", NULL);
		return;
	}
	if (!request->route->open && (request->caller.role < request->route->role ||
				      (request->route->platform && !request->caller.platform))) {
		request_fail(request, 403, "forbidden", NULL, "this needs a token with role %s%s",
			     caller_role_name(request->route->role),
			     request->route->platform ? " that is not bound to realms" : "");
		return;
	}
	MHD_get_connection_values(request->connection, MHD_GET_ARGUMENT_KIND, query_check, request);
	if (request->answered || !body_head_check(request))
		return;
	if (request->route->head != NULL)
		request->route->head(request);
	if (!request->answered && request->route->head != NULL)
		request->upload = upload_open(request, body_declared(request));
}

/* Again when it has waited for the audit log. */
static void request_handle(struct request *request)
{
	struct error err = ERROR_INIT;

	switch (request->route->body) {
	case ROUTE_BODY_NONE:
		/* Some clients send an empty object with every POST. */
		if (request->body_size > 0 && (request->method != METHOD_POST || request->body_size != 2 ||
					       memcmp(request->body, "{}", 2) != 0)) {
			body_refuse(request);
			return;
		}
		break;
	case ROUTE_BODY_JSON:
		if (request->json == NULL)
			request->json = json_parse(request->body == NULL ? "" : request->body, request->body_size, &err);
		if (request->json == NULL) {
			request_fail(request, 400, "invalid_json", NULL, "%s", err.message);
			return;
		}
		break;
	case ROUTE_BODY_ARCHIVE:
	case ROUTE_BODY_FILE:
		break;
	}
	if (trail_begin(request))
		request->route->handler(request);
}

static enum MHD_Result server_request(void *data, struct MHD_Connection *connection, const char *path,
				      const char *method, const char *version, const char *part, size_t *part_size,
				      void **context)
{
	struct server *server = data;
	struct request *request = *context;

	(void)version;
	if (request == NULL) {
		request = calloc(1, sizeof *request);
		if (request == NULL)
			return MHD_NO;
		request->api = server->api;
		request->connection = connection;
		request->outside = !server->local;
		request->began_us = time_now_ms() * 1000;
		request_name(request);
		*context = request;
		request_head(server, request, path, method);
		if (request->answered && body_declared(request) > REQUEST_BODY_MAX) {
			(void)trail_end(request); /* refused: it does not wait */
			return answer_queue(request);
		}
		return body_begin(request) ? MHD_YES : MHD_NO;
	}
	if (*part_size > 0) {
		size_t size = *part_size;
		*part_size = 0;
		return body_take(request, part, size) ? MHD_YES : MHD_NO;
	}
	if (request->queued)
		return MHD_YES;
	MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, (unsigned int)CONNECTION_IDLE_S);
	if (!request->answered) {
		request_handle(request);
		if (!request->answered) {
			request->suspended = true;
			MHD_suspend_connection(connection);
			return MHD_YES;
		}
	}
	if (!trail_end(request)) {
		request->suspended = true;
		MHD_suspend_connection(connection);
		return MHD_YES;
	}
	return answer_queue(request);
}

/* Also when the client went away in the middle: an upload's file has no name and goes with its descriptor. */
static void server_completed(void *data, struct MHD_Connection *connection, void **context,
			     enum MHD_RequestTerminationCode code)
{
	(void)data;
	(void)connection;
	(void)code;
	if (*context != NULL)
		request_free(*context);
	*context = NULL;
}

static void server_run(struct server *server)
{
	struct error err = ERROR_INIT;
	uint64_t wait = 0;
	int64_t next = -1;

	for (int i = 0; i < RUNS_MAX; i++) {
		if (MHD_run(server->daemon) != MHD_YES)
			log_error("the HTTP server failed in its round");
		/* Edge-triggered inside: a connection that still has data is told by a wait of 0. */
		if (MHD_get_timeout64(server->daemon, &wait) != MHD_YES)
			break;
		next = wait > 60000 ? 60000 : (int64_t)wait;
		if (next > 0)
			break;
	}
	if (loop_set_timer(server->timer, next, &err) == -1)
		log_error("%s", err.message);
}

static void server_ready(int fd, uint32_t events, void *data)
{
	(void)fd;
	(void)events;
	server_run(data);
}

static void server_timer(void *data)
{
	server_run(data);
}

/*
 * libmicrohttpd hands out texts that end at a NUL, so "%00" would hide what
 * follows. It becomes another control character; all of those are refused.
 */
static size_t server_unescape(void *data, struct MHD_Connection *connection, char *text)
{
	(void)data;
	(void)connection;
	for (char *at = text; (at = strstr(at, "%00")) != NULL; at += 3)
		at[2] = '1';
	return MHD_http_unescape(text);
}

static void server_log(void *data, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
static void server_log(void *data, const char *fmt, va_list ap)
{
	char line[256];

	(void)data;
	vsnprintf(line, sizeof line, fmt, ap);
	line[strcspn(line, "\n")] = '\0';
	log_debug("http: %s", line);
}

struct server *server_new(struct api *api, int fd, int local, struct error *err)
{
	struct server *server = calloc(1, sizeof *server);

	if (server == NULL) {
		error_set(err, ENOMEM, "no memory for the HTTP server");
		return NULL;
	}
	server->api = api;
	server->local = local != 0;
	server->daemon = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_ALLOW_UPGRADE | MHD_USE_ERROR_LOG, 0, NULL, NULL, server_request, server,
		MHD_OPTION_EXTERNAL_LOGGER, server_log, NULL,
		MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned int)(local ? CONNECTIONS_LOCAL_MAX : CONNECTIONS_MAX),
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)CONNECTION_IDLE_S,
		MHD_OPTION_CLIENT_DISCIPLINE_LVL, 1,
		MHD_OPTION_UNESCAPE_CALLBACK, server_unescape, NULL,
		MHD_OPTION_NOTIFY_COMPLETED, server_completed, server,
		MHD_OPTION_END);
	if (server->daemon == NULL) {
		error_set(err, EIO, "cannot start the HTTP server on descriptor %d", fd);
		free(server);
		return NULL;
	}
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	server->timer = loop_add_timer(api->loop, 0, server_timer, server, err);
	server->source = server->timer == NULL || info == NULL
				 ? NULL
				 : loop_add_fd(api->loop, info->epoll_fd, EPOLLIN, server_ready, server, err);
	if (server->source == NULL) {
		server_free(server);
		return NULL;
	}
	return server;
}

void server_free(struct server *server)
{
	if (server == NULL)
		return;
	loop_remove(server->source);
	loop_remove(server->timer);
	MHD_stop_daemon(server->daemon);
	free(server);
}
