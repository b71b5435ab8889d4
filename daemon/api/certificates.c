/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * certificates: what HAProxy shows to clients of every URL and of the API. A new one is
 * tried by HAProxy, kept on disk, and then used, in this order: what HAProxy would not
 * start with never comes to disk, and what is in use survives a power cut.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/api/api.h"
#include "daemon/api/page.h"
#include "daemon/api/peer.h"
#include "daemon/api/request.h"
#include "daemon/api/resources.h"
#include "daemon/lib/certificate.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/json.h"

enum {
	CERTIFICATE_MS = 10000,
	CERTIFICATE_BYTES_MAX = 256 * 1024, /* of JSON */
	PEM_MAX = 32 * 1024,                /* what comes may have comments, and long lines */
};

static void shown(const struct message *answer, const struct error *err, void *data)
{
	struct request *request = data;
	struct error own = ERROR_INIT;
	json_t *object = err != NULL ? NULL : json_read_fd(answer->fd, CERTIFICATE_BYTES_MAX, &own);

	if (object == NULL) {
		request_fail_host(request, err != NULL ? err : &own);
		return;
	}
	json_object_set_new(object, "not_before", time_json(json_integer_value(json_object_get(object, "not_before"))));
	json_object_set_new(object, "not_after", time_json(json_integer_value(json_object_get(object, "not_after"))));
	request_answer(request, 200, object);
}

void host_certificate(struct request *request)
{
	struct error err = ERROR_INIT;

	if (peer_ask(request->api->engine, MESSAGE_CERTIFICATE_SHOW, NULL, 0, -1, CERTIFICATE_MS, shown, request, &err) == -1)
		request_fail_host(request, &err);
}

/* One that is on its way. */
struct writing {
	struct request *request;
	int fd; /* of a file in memory with chain and key */
};

static bool busy; /* HAProxy remembers only the last one that it tried */

static void writing_end(struct writing *writing, const struct error *err)
{
	if (err != NULL)
		request_fail_host(writing->request, err);
	else
		host_certificate(writing->request);
	close(writing->fd);
	free(writing);
	busy = false;
}

static void used(const struct message *answer, const struct error *err, void *data)
{
	(void)answer;
	/* A HAProxy that has ended reads the file when it starts again. */
	writing_end(data, err != NULL && err->code != EAGAIN ? err : NULL);
}

static void kept(const struct message *answer, const struct error *err, void *data)
{
	struct writing *writing = data;
	struct error own = ERROR_INIT;

	(void)answer;
	if (err == NULL && peer_ask(writing->request->api->gate, MESSAGE_CERTIFICATE_USE, NULL, 0, -1, CERTIFICATE_MS, used, writing, &own) == 0)
		return;
	writing_end(writing, err != NULL ? err : &own);
}

static void tried(const struct message *answer, const struct error *err, void *data)
{
	struct writing *writing = data;
	struct error own = ERROR_INIT;

	(void)answer;
	if (err == NULL && peer_ask(writing->request->api->engine, MESSAGE_CERTIFICATE, NULL, 0, writing->fd, CERTIFICATE_MS, kept, writing, &own) == 0)
		return;
	writing_end(writing, err != NULL ? err : &own);
}

/* Chain and key, as a file in memory. -1 with err. */
static int pair_read(struct request *request, struct error *err)
{
	cleanup_secret struct secret *key = secret_new(PEM_MAX, err);
	cleanup_free char *chain = malloc(PEM_MAX + 1);
	const struct json_field fields[] = {
		{ "certificate", JSON_KIND_TEXT, true, 1, PEM_MAX, chain, NULL },
		{ "key", JSON_KIND_TEXT, true, 1, PEM_MAX - 1, key == NULL ? NULL : key->data, NULL },
	};

	if (key == NULL || chain == NULL)
		return key == NULL ? -1 : error_set(err, ENOMEM, "no memory for a certificate");
	if (json_read(request->json, "", fields, sizeof fields / sizeof fields[0], err) == -1)
		return -1;
	cleanup_secret struct secret *text = certificate_join(chain, key->data, request->api->cfg.domain, err);
	return text == NULL ? -1 : fd_memory("certificate", text->data, text->size, err);
}

void host_certificate_set(struct request *request)
{
	struct error err = ERROR_INIT;
	struct writing *writing;

	if (busy) {
		request_fail(request, 409, "conflict", NULL, "another certificate is being written; try again");
		return;
	}
	int fd = pair_read(request, &err);
	if (fd == -1) {
		request_fail_error(request, &err);
		return;
	}
	writing = calloc(1, sizeof *writing);
	if (writing == NULL) {
		close(fd);
		request_fail(request, 503, "unavailable", NULL, "no memory for a certificate");
		return;
	}
	*writing = (struct writing){ .request = request, .fd = fd };
	busy = true;
	if (peer_ask(request->api->gate, MESSAGE_CERTIFICATE_TRY, NULL, 0, fd, CERTIFICATE_MS, tried, writing, &err) == -1)
		writing_end(writing, &err);
}
