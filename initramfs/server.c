/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "initramfs/server.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"
#include "daemon/lib/secret.h"
#include "initramfs/notice.h"

struct client {
	uint64_t id; /* 0: free place */
	int fd;
	struct loop_source *source;
	bool greeted;
	enum unlock_mode mode;
	char origin[UNLOCK_ORIGIN_MAX];
};

static struct {
	struct loop *loop;
	struct server_hooks hooks;
	int fd;
	uint64_t last_id;
	struct client clients[UNLOCK_CLIENTS_MAX];
	enum unlock_state state;
	char state_text[400];
	struct secret *frame; /* every frame is received here: it may be a passphrase */
} server = { .fd = -1 };

static void client_drop(struct client *client)
{
	loop_remove(client->source);
	close(client->fd);
	*client = (struct client){ 0 };
}

static bool client_send(struct client *client, enum unlock_type type, uint32_t value, const char *text)
{
	struct unlock_header header = { .type = type, .value = value };
	size_t size = strnlen(text, UNLOCK_TEXT_MAX);
	/* sendmsg only reads through this pointer. */
	struct iovec parts[] = { { &header, sizeof header }, { (void *)(uintptr_t)text, size } };
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };

	if (sendmsg(client->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) != -1)
		return true;
	(void)shutdown(client->fd, SHUT_RDWR); /* it is dropped when the loop sees the end */
	return false;
}

static bool client_is_prompt(const struct client *client)
{
	return client->id != 0 && client->greeted && client->mode != UNLOCK_MODE_COMMAND;
}

bool server_send(uint64_t id, enum unlock_type type, uint32_t value, const char *text)
{
	for (size_t i = 0; i < UNLOCK_CLIENTS_MAX; i++)
		if (id != 0 && server.clients[i].id == id)
			return client_send(&server.clients[i], type, value, text);
	return false;
}

void server_notice(const char *text)
{
	for (size_t i = 0; i < UNLOCK_CLIENTS_MAX; i++)
		if (client_is_prompt(&server.clients[i]))
			client_send(&server.clients[i], UNLOCK_TYPE_NOTICE, 0, text);
}

void server_set_state(enum unlock_state state, const char *text)
{
	if (server.state == state && strcmp(server.state_text, text) == 0)
		return;
	server.state = state;
	snprintf(server.state_text, sizeof server.state_text, "%s", text);
	for (size_t i = 0; i < UNLOCK_CLIENTS_MAX; i++)
		if (client_is_prompt(&server.clients[i]))
			client_send(&server.clients[i], UNLOCK_TYPE_STATE, state, text);
}

void server_finish(uint64_t winner, const char *text, const char *others)
{
	for (size_t i = 0; i < UNLOCK_CLIENTS_MAX; i++) {
		if (server.clients[i].id == 0)
			continue;
		if (server.clients[i].id == winner)
			client_send(&server.clients[i], UNLOCK_TYPE_RESULT, UNLOCK_CODE_OPENED, text);
		else
			client_send(&server.clients[i], UNLOCK_TYPE_OTHER, 0, others);
	}
}

unsigned server_clients(void)
{
	unsigned count = 0;

	for (size_t i = 0; i < UNLOCK_CLIENTS_MAX; i++)
		count += server.clients[i].id != 0;
	return count;
}

bool server_has_console(void)
{
	for (size_t i = 0; i < UNLOCK_CLIENTS_MAX; i++)
		if (client_is_prompt(&server.clients[i]) && server.clients[i].mode == UNLOCK_MODE_CONSOLE)
			return true;
	return false;
}

static void replay_line(const char *text, void *data)
{
	client_send(data, UNLOCK_TYPE_NOTICE, 0, text);
}

static int client_hello(struct client *client, uint32_t mode, const char *text, size_t size)
{
	if (client->greeted || mode > UNLOCK_MODE_CONSOLE || size >= sizeof client->origin)
		return -1;
	memcpy(client->origin, text, size);
	client->origin[size] = '\0';
	for (char *c = client->origin; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	client->mode = mode;
	client->greeted = true;
	if (mode == UNLOCK_MODE_CONSOLE)
		notice_replay(replay_line, client);
	if (mode != UNLOCK_MODE_COMMAND)
		client_send(client, UNLOCK_TYPE_STATE, server.state, server.state_text);
	return 0;
}

static int client_passphrase(struct client *client, const char *data, size_t size, bool enroll, bool wipe)
{
	struct error err = ERROR_INIT;

	if (size > UNLOCK_PASSPHRASE_MAX)
		return -1;
	struct secret *passphrase = secret_new(UNLOCK_PASSPHRASE_MAX, &err);
	if (passphrase == NULL || secret_append(passphrase, data, size, &err) == -1) {
		secret_free(passphrase);
		client_send(client, UNLOCK_TYPE_RESULT, UNLOCK_CODE_INTERNAL, err.message);
		return 0;
	}
	server.hooks.attempt(client->id, client->origin, passphrase, enroll, wipe);
	return 0;
}

static void client_report(struct client *client)
{
	cleanup_free char *text = server.hooks.report();

	if (text == NULL) {
		client_send(client, UNLOCK_TYPE_RESULT, UNLOCK_CODE_INTERNAL, "no memory for the status");
		return;
	}
	client_send(client, UNLOCK_TYPE_REPORT, 0, text);
	client_send(client, UNLOCK_TYPE_RESULT, UNLOCK_CODE_OPENED, "");
}

/* One frame. Returns -1 when the client does not keep to the protocol. */
static int client_handle(struct client *client, const char *data, size_t size)
{
	struct unlock_header header;

	if (size < sizeof header)
		return -1;
	memcpy(&header, data, sizeof header);
	data += sizeof header;
	size -= sizeof header;
	if (header.type != UNLOCK_TYPE_HELLO && !client->greeted)
		return -1;
	switch (header.type) {
	case UNLOCK_TYPE_HELLO:
		return client_hello(client, header.value, data, size);
	case UNLOCK_TYPE_UNLOCK:
		return client_passphrase(client, data, size, false, false);
	case UNLOCK_TYPE_ENROLL:
		return client_passphrase(client, data, size, true, header.value == 1);
	case UNLOCK_TYPE_STATUS:
		client_report(client);
		return 0;
	case UNLOCK_TYPE_REBOOT:
	case UNLOCK_TYPE_POWEROFF:
		client_send(client, UNLOCK_TYPE_RESULT, UNLOCK_CODE_OPENED,
			    header.type == UNLOCK_TYPE_REBOOT ? "the machine restarts" : "the machine powers off");
		server.hooks.power(client->origin, header.type == UNLOCK_TYPE_POWEROFF);
		return 0;
	default:
		return -1;
	}
}

static void client_readable(int fd, uint32_t events, void *data)
{
	struct client *client = data;

	(void)events;
	ssize_t size = recv(fd, server.frame->data, server.frame->room, MSG_DONTWAIT | MSG_TRUNC);
	if (size == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (size <= 0) {
		client_drop(client);
		return;
	}
	bool sound = (size_t)size <= server.frame->room && client_handle(client, server.frame->data, (size_t)size) == 0;
	explicit_bzero(server.frame->data, server.frame->room);
	if (!sound) {
		log_warning("the unlock client '%s' broke the protocol and is dropped", client->origin);
		client_drop(client);
	}
}

static void server_accept(int fd, uint32_t events, void *data)
{
	struct error err = ERROR_INIT;
	struct ucred peer;
	socklen_t size = sizeof peer;

	(void)events, (void)data;
	cleanup_fd int taken = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (taken == -1)
		return;
	if (getsockopt(taken, SOL_SOCKET, SO_PEERCRED, &peer, &size) == -1 || peer.uid != 0)
		return;
	for (size_t i = 0; i < UNLOCK_CLIENTS_MAX; i++) {
		struct client *client = &server.clients[i];

		if (client->id != 0)
			continue;
		*client = (struct client){ .fd = taken };
		client->source = loop_add_fd(server.loop, taken, EPOLLIN, client_readable, client, &err);
		if (client->source == NULL) {
			log_warning("%s", err.message);
			return;
		}
		client->id = ++server.last_id;
		(void)fd_steal(&taken); /* the client's now */
		return;
	}
	log_warning("more than %d unlock clients; one was turned away", UNLOCK_CLIENTS_MAX);
}

int server_start(struct loop *loop, const struct server_hooks *hooks, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = UNLOCK_SOCKET };

	server.loop = loop;
	server.hooks = *hooks;
	server.frame = secret_new(sizeof(struct unlock_header) + UNLOCK_PASSPHRASE_MAX, err);
	if (server.frame == NULL)
		return -1;
	unlink(UNLOCK_SOCKET);
	server.fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (server.fd == -1 || bind(server.fd, (struct sockaddr *)&address, sizeof address) == -1 ||
	    chmod(UNLOCK_SOCKET, 0600) == -1 || listen(server.fd, 16) == -1)
		return error_errno(err, "cannot listen on " UNLOCK_SOCKET);
	return loop_add_fd(loop, server.fd, EPOLLIN, server_accept, NULL, err) == NULL ? -1 : 0;
}
