/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/fetch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/api/api.h"
#include "daemon/api/image.h"
#include "daemon/api/name.h"
#include "daemon/api/peer.h"
#include "daemon/api/spool.h"
#include "daemon/api/store.h"
#include "daemon/api/upload.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"
#include "daemon/lib/message.h"
#include "daemon/lib/secret.h"

enum { START_MS = 10000 };

struct fetch {
	struct fetch *next;
	struct api *api;
	char id[ID_TEXT], realm[ID_TEXT], name[NAME_MAX_IMAGE + 1];
	struct secret *message;   /* until it is sent */
	int spool, socket;        /* socket: until the channel has it */
	struct channel *channel;
	struct pull_progress_message progress;
	bool limited;             /* by the space on the disk, not by what an image may have */
	bool starting, unpacking; /* with the engine: an answer will come */
	bool ended;
};

static struct fetch *fetches;
static struct loop_source *sweeper;

static void fetch_free(struct fetch *fetch)
{
	channel_free(fetch->channel);
	secret_free(fetch->message);
	fd_cleanup(&fetch->spool);
	fd_cleanup(&fetch->socket);
	free(fetch);
}

/* A channel cannot be freed from its own handler. */
static void fetches_sweep(void *data)
{
	(void)data;
	for (struct fetch **link = &fetches; *link != NULL;) {
		struct fetch *fetch = *link;
		if (!fetch->ended || fetch->starting) {
			link = &fetch->next;
			continue;
		}
		*link = fetch->next;
		fetch_free(fetch);
	}
}

static void fetch_drop(struct fetch *fetch)
{
	struct error err = ERROR_INIT;

	fetch->ended = true;
	if (loop_set_timer(sweeper, 0, &err) == -1)
		log_error("%s", err.message);
}

/* The word in the API for what went wrong; NULL: the host's own failure, whose text is for its log. */
static const char *failure_code(int code)
{
	static const struct {
		int number;
		const char *code;
	} codes[] = {
		{ ENOENT, "not_found" },     { EACCES, "denied" },         { EFBIG, "too_large" },     { ENOSPC, "no_space" },
		{ EDQUOT, "no_space" },      { EIO, "unreachable" },       { EPROTO, "bad_registry" }, { EBADMSG, "bad_image" },
		{ EINVAL, "invalid_image" }, { EBUSY, "conflict" },        { EMLINK, "limit" },        { EPIPE, "interrupted" },
		{ ETIMEDOUT, "interrupted" }, { ENOBUFS, "unavailable" },  { EAGAIN, "unavailable" },
	};

	for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
		if (codes[i].number == code)
			return codes[i].code;
	return NULL;
}

static void fetch_end(struct fetch *fetch, const char *image, const struct error *failure)
{
	const char *code = failure == NULL ? "" : failure_code(failure->code), *text = failure == NULL ? "" : failure->message;
	struct error err = ERROR_INIT;

	if (code == NULL) {
		log_error("pull %s: %s", fetch->id, text);
		code = "internal";
		text = "the host failed at this; its log says why";
	}
	if (store_do(fetch->api->store, &err,
		     "UPDATE pulls SET state = ?, image = nullif(?, ''), error_code = ?, error_text = ?, bytes = ?, blobs = ?,"
		     " ended = ?"
		     " WHERE id = ?",
		     "ssssiiis", failure == NULL ? "done" : "failed", image == NULL ? "" : image, code, text,
		     (int64_t)fetch->progress.bytes, (int64_t)fetch->progress.blobs, time_now_ms(), fetch->id) == -1)
		log_error("the end of pull %s is not noted: %s", fetch->id, err.message);
	fetch_drop(fetch);
}

static void fetch_imported(const char *image, bool made, const struct error *err, void *data)
{
	struct fetch *fetch = data;

	(void)made;
	fetch->unpacking = false;
	fetch_end(fetch, image, err);
}

static void fetch_import(struct fetch *fetch)
{
	struct image_source source = { .fd = -1 };
	struct error err = ERROR_INIT;
	cleanup_fd int reader = spool_reader(fetch->spool, &err);

	memcpy(source.realm, fetch->realm, sizeof source.realm);
	memcpy(source.name, fetch->name, sizeof source.name);
	/* The file has no digest of its own that anybody knows; the image in it has. */
	memcpy(source.archive, fetch->progress.digest, sizeof source.archive);
	memcpy(source.expected, fetch->progress.digest, sizeof source.expected);
	source.fd = reader;
	fetch->unpacking = true;
	if (reader == -1 || image_import(fetch->api, &source, fetch_imported, fetch, &err) == -1)
		fetch_imported(NULL, false, &err, fetch);
}

/* Its RESULT, as an error. */
static void fetch_failed(struct fetch *fetch, const struct result_message *result)
{
	struct error err = ERROR_INIT;

	if (result->code == EFBIG && fetch->limited)
		error_set(&err, ENOSPC, "the data disk has not enough free space for this image");
	else
		error_set(&err, (int)result->code, "%s", result->message);
	fetch_end(fetch, NULL, &err);
}

static void puller_says(struct channel *channel, struct message *message, void *data)
{
	struct fetch *fetch = data;
	struct error err = ERROR_INIT;

	(void)channel;
	if (fetch->ended || fetch->unpacking)
		return; /* it closes behind its result */
	switch (message->type) {
	case MESSAGE_PULL_PROGRESS:
		fetch->progress = *(const struct pull_progress_message *)message->payload;
		return;
	case MESSAGE_RESULT: {
		const struct result_message *result = message->payload;
		if (result->code != 0)
			fetch_failed(fetch, result);
		else
			fetch_import(fetch);
		return;
	}
	case 0:
		error_set(&err, EPIPE, "the process that pulled the image was ended; ask again");
		break;
	default:
		error_set(&err, EPROTO, "the process that pulled the image sent a frame of type %u", message->type);
	}
	fetch_end(fetch, NULL, &err);
}

static void puller_started(const struct message *answer, const struct error *failure, void *data)
{
	struct fetch *fetch = data;
	struct error err = failure == NULL ? (struct error)ERROR_INIT : *failure;

	(void)answer;
	fetch->starting = false;
	if (fetch->ended) { /* cancelled meanwhile */
		fetch_drop(fetch);
		return;
	}
	if (failure == NULL) {
		fetch->channel = channel_new(fetch->api->loop, fetch->socket, puller_says, fetch, &err);
		if (fetch->channel != NULL) {
			fetch->socket = -1;
			channel_passing(fetch->channel);
		}
	}
	if (fetch->channel == NULL || channel_send(fetch->channel, MESSAGE_PULL, 1, fetch->message->data,
						   sizeof(struct pull_message), fetch->spool, &err) == -1)
		fetch_end(fetch, NULL, &err);
	secret_free(fetch->message);
	fetch->message = NULL;
}

static int fetch_start(struct fetch *fetch, struct error *err)
{
	struct pull_message *message = (void *)fetch->message->data;
	int ends[2];

	fetch->spool = spool_open(err);
	if (fetch->spool == -1)
		return -1;
	message->bytes_max = UPLOAD_BYTES_MAX;
	fetch->limited = spool_room(fetch->spool) < message->bytes_max;
	if (fetch->limited)
		message->bytes_max = spool_room(fetch->spool);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == -1)
		return error_errno(err, "cannot make a socket for a pull");
	fetch->socket = ends[0];
	cleanup_fd int theirs = ends[1];
	if (peer_ask(fetch->api->engine, MESSAGE_PULL_START, NULL, 0, theirs, START_MS, puller_started, fetch, err) == -1)
		return -1;
	fetch->starting = true;
	return 0;
}

void fetch_begin(struct api *api, const char *id, const char *realm, const char *name, struct secret *message)
{
	struct fetch *fetch = calloc(1, sizeof *fetch), last = { .api = api, .message = message };
	struct error err = ERROR_INIT;

	if (fetch == NULL) {
		snprintf(last.id, sizeof last.id, "%s", id);
		secret_free(message);
		error_set(&err, ENOBUFS, "no memory for a pull");
		fetch_end(&last, NULL, &err);
		return;
	}
	*fetch = (struct fetch){ .next = fetches, .api = api, .message = message, .spool = -1, .socket = -1 };
	snprintf(fetch->id, sizeof fetch->id, "%s", id);
	snprintf(fetch->realm, sizeof fetch->realm, "%s", realm);
	snprintf(fetch->name, sizeof fetch->name, "%s", name);
	fetches = fetch;
	if (fetch_start(fetch, &err) == -1)
		fetch_end(fetch, NULL, &err);
}

int fetch_init(struct api *api, struct error *err)
{
	sweeper = loop_add_timer(api->loop, 0, fetches_sweep, NULL, err);
	if (sweeper == NULL)
		return -1;
	return store_do(api->store, err,
			"UPDATE pulls SET state = 'failed', error_code = 'interrupted',"
			" error_text = 'the API was started anew meanwhile; ask again', ended = ? WHERE ended IS NULL",
			"i", time_now_ms());
}

int fetch_check_room(const char *realm, struct error *err)
{
	int all = 0, own = 0;

	for (const struct fetch *fetch = fetches; fetch != NULL; fetch = fetch->next) {
		all += !fetch->ended;
		own += !fetch->ended && strcmp(fetch->realm, realm) == 0;
	}
	if (all >= FETCHES_MAX || own >= FETCHES_REALM_MAX)
		return error_set(err, ENOBUFS,
				 "too many images are being pulled: %d may be at a time, %d for one realm; try again later",
				 FETCHES_MAX, FETCHES_REALM_MAX);
	return 0;
}

struct fetch *fetch_find(const char *id)
{
	struct fetch *fetch = fetches;

	while (fetch != NULL && (fetch->ended || strcmp(fetch->id, id) != 0))
		fetch = fetch->next;
	return fetch;
}

bool fetch_unpacking(const struct fetch *fetch)
{
	return fetch->unpacking;
}

const struct pull_progress_message *fetch_progress(const struct fetch *fetch)
{
	return &fetch->progress;
}

void fetch_cancel(struct fetch *fetch)
{
	fetch_drop(fetch);
}
