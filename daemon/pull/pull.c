/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/pull/pull.h"

#include <curl/curl.h>
#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/lib/clock.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"
#include "daemon/lib/message.h"
#include "daemon/lib/protocol.h"
#include "daemon/lib/sandbox.h"
#include "daemon/pull/layout.h"
#include "daemon/pull/manifest.h"
#include "daemon/lib/reference.h"
#include "daemon/pull/registry.h"
#include "daemon/roles.h"

enum { PROGRESS_MS = 500 };

_Static_assert(PULL_REFERENCE_TEXT == REFERENCE_MAX + 1, "a frame holds any reference");

static struct {
	struct loop *loop;
	struct channel *api;
	struct layout *layout;
	struct pull_progress_message progress;
	int64_t told_ms;
} pull;

/* The channel sends at once unless api lags, which is the only time when nothing is told. */
static void progress_tell(bool now)
{
	struct error err = ERROR_INIT;

	if (!now && clock_ms() - pull.told_ms < PROGRESS_MS)
		return;
	pull.told_ms = clock_ms();
	if (channel_send(pull.api, MESSAGE_PULL_PROGRESS, 0, &pull.progress, sizeof pull.progress, -1, &err) == -1)
		log_warning("%s", err.message);
}

/* Closed by api: nobody wants the image any more. The loop does not run while curl does. */
static bool cancelled(void)
{
	char peek;

	return recv(PULL_FD, &peek, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static int data_take(const void *data, size_t size, void *user, struct error *err)
{
	(void)user;
	if (layout_data(pull.layout, data, size, err) == -1)
		return -1;
	pull.progress.bytes += size;
	progress_tell(false);
	return 0;
}

static int blob_pull(struct registry *registry, const struct descriptor *blob, struct error *err)
{
	if (layout_blob(pull.layout, blob->digest, blob->size, err) == -1 ||
	    registry_blob(registry, blob->digest, blob->size, data_take, NULL, err) == -1)
		return -1;
	pull.progress.blobs++;
	progress_tell(true);
	return 0;
}

static bool layer_seen(const struct manifest *manifest, unsigned at)
{
	for (unsigned i = 0; i < at; i++)
		if (strcmp(manifest->layers[i].digest, manifest->layers[at].digest) == 0)
			return true;
	return false;
}

/* Sums up what will come, each blob once. */
static int sizes_check(const struct manifest *manifest, uint64_t bytes_max, struct error *err)
{
	uint64_t total = manifest->config.size;

	pull.progress.blobs_total = 1;
	for (unsigned i = 0; i < manifest->layer_count; i++) {
		if (layer_seen(manifest, i))
			continue;
		if (__builtin_add_overflow(total, manifest->layers[i].size, &total))
			total = UINT64_MAX;
		pull.progress.blobs_total++;
	}
	if (total > bytes_max)
		return error_set(err, EFBIG, "the image has more than the %llu bytes that are taken", (unsigned long long)bytes_max);
	pull.progress.bytes_total = total;
	return 0;
}

/* The manifest for this platform, through an index if there is one. */
static int manifest_get(struct registry *registry, const struct reference *reference, struct manifest *manifest,
			struct descriptor *ret_descriptor, char **ret_text, struct error *err)
{
	const char *name = reference->digest[0] != '\0' ? reference->digest : reference->tag;
	struct descriptor entry;

	for (int depth = 0; depth < 2; depth++) {
		cleanup_free char *text = NULL;
		size_t size;
		if (registry_manifest(registry, name, &text, &size, ret_descriptor->digest, err) == -1)
			return -1;
		int kind = manifest_parse(text, size, manifest, &entry, err);
		if (kind == -1)
			return -1;
		if (kind == 1) {
			ret_descriptor->size = size;
			snprintf(ret_descriptor->media_type, sizeof ret_descriptor->media_type, "%s",
				 manifest->media_type[0] != '\0' ? manifest->media_type : "application/vnd.oci.image.manifest.v1+json");
			*ret_text = steal_pointer(&text);
			return 0;
		}
		name = entry.digest;
	}
	return error_set(err, EBADMSG, "the index leads to another index");
}

static int image_pull(const struct pull_message *message, int file, struct error *err)
{
	static struct manifest manifest;
	struct descriptor descriptor;
	struct reference reference;
	cleanup_free char *text = NULL;
	int result = -1;

	if (reference_parse(message->reference, &reference, err) == -1)
		return -1;
	struct registry *registry = registry_open(&reference, message->user, message->password, message->ca, cancelled, err);
	if (registry == NULL)
		return -1;
	pull.layout = layout_open(file, err);
	if (pull.layout == NULL || manifest_get(registry, &reference, &manifest, &descriptor, &text, err) == -1 ||
	    sizes_check(&manifest, message->bytes_max, err) == -1)
		goto end;
	memcpy(pull.progress.digest, descriptor.digest, sizeof pull.progress.digest);
	progress_tell(true);
	if (layout_blob(pull.layout, descriptor.digest, descriptor.size, err) == -1 ||
	    layout_data(pull.layout, text, descriptor.size, err) == -1 || blob_pull(registry, &manifest.config, err) == -1)
		goto end;
	for (unsigned i = 0; i < manifest.layer_count; i++)
		if (!layer_seen(&manifest, i) && blob_pull(registry, &manifest.layers[i], err) == -1)
			goto end;
	result = layout_finish(pull.layout, &descriptor, err);
end:
	layout_close(pull.layout);
	registry_close(registry);
	return result;
}

static void api_says(struct channel *channel, struct message *message, void *data)
{
	struct result_message result = { 0 };
	struct error err = ERROR_INIT;

	(void)data;
	if (message->type != MESSAGE_PULL || message->fd == -1) {
		loop_stop(pull.loop, message->type == 0 ? 0 : 1);
		return;
	}
	if (image_pull(message->payload, message->fd, &err) == -1) {
		result.code = (uint32_t)(err.code != 0 ? err.code : EIO);
		memcpy(result.field, err.field, sizeof result.field);
		memcpy(result.message, err.message, sizeof result.message);
	}
	result.bytes = pull.progress.bytes;
	explicit_bzero((void *)(uintptr_t)message->payload, message->size);
	if (result.code != ECANCELED && channel_send(channel, MESSAGE_RESULT, message->serial, &result, sizeof result, -1, &err) == -1)
		log_error("%s", err.message);
	loop_stop(pull.loop, 0);
}

int pull_main(int argc, char **argv)
{
	static const int syscalls[] = {
		SCMP_SYS(socket), SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(getsockname), SCMP_SYS(getpeername),
		SCMP_SYS(setsockopt), SCMP_SYS(getsockopt), SCMP_SYS(ioctl), SCMP_SYS(pipe2), SCMP_SYS(socketpair),
		SCMP_SYS(ftruncate), SCMP_SYS(uname), SCMP_SYS(sendmmsg), SCMP_SYS(statx),
	};
	static const struct sandbox sandbox = {
		.uid = ROLE_UID_PULL, .gid = ROLE_UID_PULL, .files_max = 64,
		.syscalls = syscalls, .syscall_count = sizeof syscalls / sizeof syscalls[0],
	};
	struct error err = ERROR_INIT;
	int code = -1;

	(void)argc;
	(void)argv;
	signal(SIGPIPE, SIG_IGN);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		log_error("cannot start libcurl");
		return 1;
	}
	pull.loop = loop_new(&err);
	if (pull.loop != NULL && sandbox_enter(&sandbox, &err) == 0)
		pull.api = channel_new(pull.loop, PULL_FD, api_says, NULL, &err);
	if (pull.api != NULL)
		code = loop_run(pull.loop, &err);
	if (code == -1) {
		log_error("%s", err.message);
		return 1;
	}
	return code;
}
