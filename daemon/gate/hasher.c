/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/gate/hasher.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/gate/gate.h"
#include "daemon/lib/error.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"
#include "daemon/lib/message.h"
#include "daemon/lib/password.h"
#include "daemon/lib/protocol.h"
#include "daemon/roles.h"

enum { HASHER_FD = ROLE_FD_API }; /* in the process: to the gate */

struct waiting {
	struct waiting *next;
	uint64_t serial;
	hasher_cb *cb;
	void *data;
};

static struct {
	struct loop *loop;
	struct channel *channel;
	struct waiting *waiting;
	size_t count;
	uint64_t serial;
} self;

/* -- the process (role passwords) -- */

static void work(struct channel *channel, struct message *message, void *data)
{
	const struct password_message *password = message->payload;
	struct password_message made = { .hash = "" };
	struct result_message result = { .code = 0 };
	struct error err = ERROR_INIT;

	(void)data;
	if (message->type == MESSAGE_PASSWORD_HASH && password_hash(password->password, made.hash, &err) == 0) {
		if (channel_send(channel, MESSAGE_PASSWORD_HASH_REPLY, message->serial, &made, sizeof made, -1, &err) == 0)
			return;
	} else if (message->type == MESSAGE_PASSWORD_VERIFY) {
		int is = password_verify(password->hash, password->password, &err);
		result.code = is == 1 ? 0 : is == 0 ? EACCES : (uint32_t)err.code;
	} else if (message->type != MESSAGE_PASSWORD_HASH) {
		_exit(message->type == 0 ? 0 : 1); /* the gate is gone */
	}
	if (err.code != 0) {
		result.code = (uint32_t)err.code;
		log_error("%s", err.message);
	}
	if (channel_send(channel, MESSAGE_RESULT, message->serial, &result, sizeof result, -1, &err) == -1)
		_exit(1);
}

int passwords_main(int argc, char **argv)
{
	struct error err = ERROR_INIT;
	struct loop *loop = loop_new(&err);

	(void)argc;
	(void)argv;
	signal(SIGPIPE, SIG_IGN);
	struct channel *gate = loop == NULL || gate_sandbox(&err) == -1 ? NULL : channel_new(loop, HASHER_FD, work, NULL, &err);
	if (gate != NULL) {
		channel_passing(gate); /* it may be killed at any time */
		if (loop_run(loop, &err) != -1)
			return 0;
	}
	log_error("%s", err.message);
	return 1;
}

int hasher_fork(struct error *err)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == -1)
		return error_errno(err, "cannot make a channel for passwords");
	pid_t pid = fork();
	if (pid == 0) {
		static char program[] = "bulkheadd", role[] = "passwords";
		char *argv[] = { program, role, NULL };
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ROLE_FD_AGENT);
		if (dup2(ends[1], HASHER_FD) != -1)
			execve("/proc/self/exe", argv, environ);
		_exit(127);
	}
	close(ends[1]);
	if (pid != -1)
		return ends[0];
	error_errno(err, "cannot start the process for passwords");
	close(ends[0]);
	return -1;
}

/* -- the gate's side -- */

static void answered(struct channel *channel, struct message *message, void *data)
{
	const struct password_message *made = message->payload;
	const struct result_message *result = message->payload;

	(void)channel;
	(void)data;
	if (message->type == 0) {
		log_error("the process for passwords has ended");
		loop_stop(self.loop, 1); /* both begin anew */
		return;
	}
	for (struct waiting **link = &self.waiting; *link != NULL; link = &(*link)->next) {
		struct waiting *waiting = *link;
		if (waiting->serial != message->serial)
			continue;
		*link = waiting->next;
		self.count--;
		if (message->type == MESSAGE_PASSWORD_HASH_REPLY)
			waiting->cb(0, made->hash, waiting->data);
		else
			waiting->cb((int)result->code, NULL, waiting->data);
		free(waiting);
		return;
	}
}

int hasher_open(struct loop *loop, int fd, struct error *err)
{
	self.loop = loop;
	self.channel = channel_new(loop, fd, answered, NULL, err);
	return self.channel == NULL ? -1 : 0;
}

static int ask(uint32_t type, const char *hash, const char *password, hasher_cb *cb, void *data, struct error *err)
{
	struct password_message message = { .hash = "" };
	struct waiting *waiting = self.count < HASHER_WAITING_MAX ? calloc(1, sizeof *waiting) : NULL;

	if (waiting == NULL)
		return error_set(err, EAGAIN, "too many passwords wait to be compared");
	*waiting = (struct waiting){ .serial = ++self.serial, .cb = cb, .data = data };
	snprintf(message.hash, sizeof message.hash, "%s", hash);
	snprintf(message.password, sizeof message.password, "%s", password);
	int sent = channel_send(self.channel, type, waiting->serial, &message, sizeof message, -1, err);
	explicit_bzero(&message, sizeof message);
	if (sent == -1) {
		free(waiting);
		return -1;
	}
	struct waiting **last = &self.waiting;
	while (*last != NULL)
		last = &(*last)->next;
	*last = waiting;
	self.count++;
	return 0;
}

int hasher_hash(const char *password, hasher_cb *cb, void *data, struct error *err)
{
	return ask(MESSAGE_PASSWORD_HASH, "", password, cb, data, err);
}

int hasher_verify(const char *hash, const char *password, hasher_cb *cb, void *data, struct error *err)
{
	return ask(MESSAGE_PASSWORD_VERIFY, hash, password, cb, data, err);
}
