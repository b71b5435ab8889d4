/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fake_engine: a stand-in for the engine role, for trying api and gate without
 * containers. It answers every request after a moment and writes what it was
 * told to standard error. The container's name chooses what happens: "fails"
 * does not start, "hangs" never answers, "crashes" ends this process. What is done
 * inside of containers, and copies, go as the word in /data/fake says: "fail", "hang", "gone" or well.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
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

static bool told_to(const char *word)
{
	struct error err = ERROR_INIT;
	cleanup_free char *text = NULL;

	return file_read("/data/fake", 64, &text, NULL, &err) == 0 && strncmp(text, word, strlen(word)) == 0;
}

/* One at a time: the process in the container. */
static struct {
	struct exec_message message;
	struct channel *channel;
	int connection, end; /* the second is the channel's */
} session = { .connection = -1 };

static void session_says(struct channel *channel, struct message *message, void *data)
{
	/* "hi" as output, and the close, as the real one would send them. */
	static const char frames[] = "\x82\x03\x01hi\x88\x02\x03\xe8";
	struct exec_end_message end = { .mode = 0644, .bytes = 6 };
	struct error err = ERROR_INIT;

	(void)data;
	if (message->type != MESSAGE_EXEC_GO) {
		log_info("a session has lost its client");
		fd_cleanup(&session.connection);
		return;
	}
	log_info("go, action %u, connection %d", session.message.action, message->fd != -1);
	if (message->fd != -1)
		session.connection = fcntl(message->fd, F_DUPFD_CLOEXEC, 0);
	if (told_to("hang"))
		return;
	if (session.connection != -1 && write(session.connection, frames, sizeof frames - 1) == -1)
		log_error("no connection");
	if (told_to("fail")) {
		end.code = ENOENT;
		strcpy(end.field, "path");
		strcpy(end.message, "/x: No such file or directory");
	}
	if (!told_to("gone") && channel_send(channel, MESSAGE_EXEC_END, 0, &end, sizeof end, -1, &err) == -1)
		log_error("%s", err.message);
	if (told_to("gone"))
		shutdown(session.end, SHUT_RDWR);
	fd_cleanup(&session.connection);
}

static void exec_begin(const struct message *message)
{
	struct error err = ERROR_INIT;
	int pair[2];

	session.message = *(const struct exec_message *)message->payload;
	log_info("exec action %u attach %u '%.40s'", session.message.action, session.message.attach, session.message.command);
	if (told_to("refuse")) {
		result_send(message->serial, EEXIST, "", "the container is frozen");
		return;
	}
	if (session.message.action == EXEC_PULL && write(message->fd, "pulled", 6) != 6)
		log_error("the file cannot be written");
	/* Those that hang are left to their clients. */
	if (!told_to("hang"))
		channel_free(session.channel);
	session.channel = NULL;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
		return;
	session.end = pair[0];
	session.channel = channel_new(loop, pair[0], session_says, NULL, &err);
	if (session.channel == NULL ||
	    channel_send(api, MESSAGE_EXEC_REPLY, message->serial, NULL, 0, pair[1], &err) == -1)
		log_error("%s", err.message);
	close(pair[1]);
}

static void copy_begin(const struct message *message)
{
	const struct copy_message *copy = message->payload;
	const struct copy_reply_message answer = { .entries = 5, .bytes = 50 };
	struct error err = ERROR_INIT;

	log_info("copy %.24s %u to %.24s %u snapshot %u replace %u", copy->from, copy->from_base, copy->to, copy->to_base, copy->snapshot,
		 copy->replace);
	if (told_to("hang"))
		return;
	if (told_to("fail"))
		result_send(message->serial, ENOSPC, "", "the data disk is full");
	else if (channel_send(api, MESSAGE_COPY_REPLY, message->serial, &answer, sizeof answer, -1, &err) == -1)
		log_error("%s", err.message);
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
	case MESSAGE_CONTAINER_DELETE:
		log_info("delete %.24s", container->id);
		result_send(message->serial, 0, "", "");
		break;
	case MESSAGE_EXEC:
		exec_begin(message);
		break;
	case MESSAGE_COPY:
		copy_begin(message);
		break;
	case MESSAGE_SNAPSHOT_SYNC:
		log_info("sync snapshot %.24s", container->id);
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

int firewall_init_main(int argc, char **argv)
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
