/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fake_engine: a stand-in for the engine role, for trying api and gate without
 * containers. It answers every request after a moment and writes what it was
 * told to standard error. The container's name chooses what happens: "fails"
 * does not start, "hangs" never answers, "crashes" ends this process.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "daemon/engine/puller.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"
#include "daemon/lib/message.h"
#include "daemon/lib/protocol.h"
#include "daemon/roles.h"

static struct channel *api;
static struct loop *loop;

static void result_send(uint64_t serial, int code, const char *field, const char *text)
{
	struct result_message result = { .code = (uint32_t)code };
	struct error err = ERROR_INIT;

	snprintf(result.message, sizeof result.message, "%s", text);
	snprintf(result.field, sizeof result.field, "%s", field);
	if (channel_send(api, MESSAGE_RESULT, serial, &result, sizeof result, -1, &err) == -1)
		log_error("%s", err.message);
}

static void state_send(const char *id, enum container_state state, const char *text)
{
	struct container_state_message message = { .state = state, .start_ms = 42 };
	struct error err = ERROR_INIT;

	memcpy(message.id, id, sizeof message.id);
	snprintf(message.message, sizeof message.message, "%s", text);
	if (channel_send(api, MESSAGE_CONTAINER_STATE, 0, &message, sizeof message, -1, &err) == -1)
		log_error("%s", err.message);
}

static void container_start(const struct container_message *message, uint64_t serial)
{
	struct in_addr in = { .s_addr = message->ipv4 };

	log_info("start %s %s layer %.8s ids %u ipv4 %s merge %u", message->id, message->name, message->layers[0],
		 message->id_base, inet_ntoa(in), message->merge);
	if (strcmp(message->name, "crashes") == 0)
		_exit(3);
	if (strcmp(message->name, "hangs") == 0)
		return;
	if (strcmp(message->name, "fails") == 0) {
		state_send(message->id, CONTAINER_STATE_FAILED, "no /sbin/init in the image");
		result_send(serial, ENOEXEC, "", "no /sbin/init in the image");
		return;
	}
	state_send(message->id, CONTAINER_STATE_RUNNING, "");
	result_send(serial, 0, "", "");
}

/* For the test to look at. */
static void import_keep(int fd)
{
	cleanup_fd int copy = open("/data/imported", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	off_t at = 0;

	while (copy != -1 && sendfile(copy, fd, &at, 1 << 20) > 0) {
	}
}

/* Whatever it is, it is one layer. */
static void content_send(uint64_t serial, const char *digest)
{
	static struct image_content_message content; /* large */
	struct error err = ERROR_INIT;

	content = (struct image_content_message){ .bytes = 1000, .entries = 10, .layer_count = 1 };
	memcpy(content.digest, digest, sizeof content.digest);
	memcpy(content.layers[0], digest, sizeof content.layers[0]);
	if (channel_send(api, MESSAGE_IMAGE_CONTENT, serial, &content, sizeof content, -1, &err) == -1)
		log_error("%s", err.message);
}

static void image_import(const struct message *message)
{
	const struct image_message *image = message->payload;
	char head[8] = "";
	ssize_t n = pread(message->fd, head, sizeof head - 1, 0);

	log_info("import %.8s fd %d, %zd bytes read", image->digest, message->fd, n);
	import_keep(message->fd);
	if (strncmp(head, "bad", 3) == 0)
		result_send(message->serial, EINVAL, "", "entry ../x: the path leads out of the image");
	else
		content_send(message->serial, image->digest);
}

static void engine_message(struct channel *channel, struct message *message, void *data)
{
	struct error err = ERROR_INIT;
	const struct container_message *container = message->payload;

	(void)channel;
	switch (message->type) {
	case 0:
		loop_stop(data, 1);
		break;
	case MESSAGE_HOST_STATUS: {
		struct host_status_message status = { .memory_total = 1 << 30, .swap_encrypted = 1, .ksm_run = 1,
						      .firewall_installed = 1, .cpus = 2, .kernel = "fake" };
		if (channel_send(api, MESSAGE_HOST_STATUS_REPLY, message->serial, &status, sizeof status, -1, &err) == -1)
			log_error("%s", err.message);
		break;
	}
	case MESSAGE_IMAGE_IMPORT:
		image_import(message);
		break;
	case MESSAGE_PULL_START: /* the real thing */
		result_send(message->serial, puller_start(loop, message->fd, &err) == 0 ? 0 : err.code, "", err.message);
		break;
	case MESSAGE_CONTAINER_START:
		container_start(container, message->serial);
		break;
	case MESSAGE_CONTAINER_SYNC:
		log_info("sync container '%s' wanted %u", container->id, container->wanted);
		if (container->id[0] != '\0')
			state_send(container->id,
				   container->wanted == CONTAINER_WANTED_RUNNING ? CONTAINER_STATE_RUNNING
										 : CONTAINER_STATE_STOPPED, "");
		break;
	case MESSAGE_CONTAINER_STOP:
		state_send(container->id, CONTAINER_STATE_STOPPED, "");
		result_send(message->serial, 0, "", "");
		break;
	case MESSAGE_IMAGE_SYNC:
	case MESSAGE_HELLO:
		break;
	default:
		log_info("frame %u of %s", message->type, (const char *)message->payload);
		result_send(message->serial, 0, "", "");
		break;
	}
}

int engine_main(int argc, char **argv)
{
	struct hello_message hello = { .version = PROTOCOL_VERSION };
	struct error err = ERROR_INIT;

	loop = loop_new(&err);

	(void)argc;
	(void)argv;
	api = loop == NULL ? NULL : channel_new(loop, ROLE_FD_API, engine_message, loop, &err);
	if (api == NULL || channel_send(api, MESSAGE_HELLO, 0, &hello, sizeof hello, -1, &err) == -1) {
		log_error("%s", err.message);
		return 1;
	}
	return loop_run(loop, &err);
}

int start_main(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return 2;
}

int exec_main(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return 2;
}
