/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * audit: the role that writes the audit log. It has one socket, where HAProxy, the gate and the API tell of what they do (record.h), and
 * one to the API, by which it hears how long each realm keeps its log. The socket is the supervisor's: what is in it is
 * there when this process starts again.
 *
 * What waits for an answer is committed as soon as the socket is empty, or after a batch; what does not, a moment later. While
 * nobody waits for answers the socket is left alone for a few milliseconds at a time: who fills it need not wake this process then.
 */
#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/audit/journal.h"
#include "daemon/lib/clock.h"
#include "daemon/lib/error.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"
#include "daemon/lib/message.h"
#include "daemon/lib/protocol.h"
#include "daemon/lib/sandbox.h"
#include "daemon/roles.h"

enum {
	AT_ONCE = 32,               /* datagrams of one call */
	BATCH = 8 * AT_ONCE,
	WAITERS_MAX = BATCH,
	PAUSE_MS = 5,
	ASKED_US = 1000000,         /* after a question there is no pause for so long */
	COMMIT_MS = 200,
	RETAIN_MS = 600000,
	RETAIN_FIRST_MS = 5000,
	COMPLAIN_US = 10000000,
};

/* Who is answered when the journal is committed. */
struct waiter {
	struct journal *journal;
	uint64_t ack;
	struct sockaddr_un address;
	socklen_t length;
};

static struct {
	struct loop *loop;
	struct channel *api;
	struct loop_source *commit, *retain, *records, *pause;
	int64_t asked_us;      /* when an answer was last waited for */
	struct waiter waiters[WAITERS_MAX];
	size_t waiting;
	bool armed;            /* the timer of the commit is */
	bool reading;          /* the list has come once: before, nobody knows whose a record is */
	bool syncing;          /* between HELLO and the end of the list */
	uint32_t frames;
	int64_t complained_us;
	struct mmsghdr headers[AT_ONCE];
	struct iovec vectors[AT_ONCE];
	struct sockaddr_un addresses[AT_ONCE];
	char lines[AT_ONCE][RECORD_LINE_MAX + 1]; /* of which only what is used takes memory */
} self;

/* Disks stay full for a while: one line, not one for each record. */
static void complain(const struct error *err)
{
	int64_t now = clock_wall_us();

	if (now - self.complained_us < COMPLAIN_US)
		return;
	self.complained_us = now;
	log_error("the audit log has gaps now: %s", err->message);
}

static void timer_set(struct loop_source *timer, int64_t ms)
{
	struct error err = ERROR_INIT;

	if (loop_set_timer(timer, ms, &err) == -1)
		log_error("%s", err.message);
}

/* -- records -- */

static void waiter_answer(const struct waiter *waiter, int code)
{
	char text[64];
	int size = snprintf(text, sizeof text, "%llu %d", (unsigned long long)waiter->ack, code);

	/* Who does not read its answers asks again. */
	(void)sendto(ROLE_FD_RECORDS, text, (size_t)size, MSG_DONTWAIT, (const struct sockaddr *)&waiter->address, waiter->length);
}

static void commit_all(void)
{
	for (struct journal *journal = journals; journal != NULL; journal = journal->next) {
		struct error err = ERROR_INIT;
		int code = 0;
		if (journal->pending == 0 && !journal->failed)
			continue;
		if (journal_commit(journal, &err) == -1) {
			complain(&err);
			code = err.code == 0 ? EIO : err.code;
		}
		for (size_t i = 0; i < self.waiting; i++)
			if (self.waiters[i].journal == journal)
				waiter_answer(&self.waiters[i], code);
	}
	/* What was there already has nothing pending. */
	for (size_t i = 0; i < self.waiting; i++)
		if (self.waiters[i].journal == NULL)
			waiter_answer(&self.waiters[i], 0);
	self.waiting = 0;
	self.armed = false;
}

static void record_take(char *line, size_t size, const struct sockaddr_un *address, socklen_t length)
{
	struct record record;
	struct error err = ERROR_INIT;

	/* What HAProxy says of itself ("Proxy web started.") comes here, too. */
	if (memchr(line, '\t', size) == NULL)
		return;
	if (record_parse(line, size, &record, &err) == -1) {
		log_warning("a record is left out: %s", err.message);
		return;
	}
	struct journal *journal = journal_find(record.realm);
	int64_t pending = journal->pending;
	if (journal_append(journal, &record, clock_wall_us(), &err) == -1)
		complain(&err);
	if (record.ack != 0 && length > sizeof(sa_family_t)) {
		self.asked_us = clock_wall_us();
		bool there = !journal->failed && journal->pending == pending && pending == 0;
		self.waiters[self.waiting++] = (struct waiter){ .journal = there ? NULL : journal, .ack = record.ack, .address = *address, .length = length };
	}
}

static void on_pause(void *data)
{
	struct error err = ERROR_INIT;

	(void)data;
	if (loop_modify_fd(self.records, EPOLLIN, &err) == -1) {
		log_error("%s", err.message);
		loop_stop(self.loop, 1);
	}
}

/* At most a batch; true: there may be more. */
static bool records_read(int fd)
{
	for (int taken = 0; taken < BATCH; taken += AT_ONCE) {
		for (int i = 0; i < AT_ONCE; i++) {
			self.vectors[i] = (struct iovec){ self.lines[i], RECORD_LINE_MAX };
			self.headers[i].msg_hdr = (struct msghdr){ .msg_name = &self.addresses[i], .msg_namelen = sizeof self.addresses[i], .msg_iov = &self.vectors[i],
								   .msg_iovlen = 1 };
		}
		int count = recvmmsg(fd, self.headers, AT_ONCE, MSG_DONTWAIT, NULL);
		for (int i = 0; i < count; i++)
			record_take(self.lines[i], self.headers[i].msg_len, &self.addresses[i], self.headers[i].msg_hdr.msg_namelen);
		if (count < AT_ONCE)
			return false;
	}
	return true;
}

static void on_record(int fd, uint32_t events, void *data)
{
	struct error err = ERROR_INIT;

	(void)events;
	(void)data;
	bool more = records_read(fd);
	if (self.waiting > 0) {
		commit_all();
	} else if (!self.armed) {
		self.armed = true;
		timer_set(self.commit, COMMIT_MS);
	}
	if (!more && clock_wall_us() - self.asked_us > ASKED_US && loop_modify_fd(self.records, 0, &err) == 0)
		timer_set(self.pause, PAUSE_MS);
}

static void on_commit(void *data)
{
	(void)data;
	commit_all();
}

static void on_retain(void *data)
{
	(void)data;
	commit_all();
	journal_retain(clock_wall_us());
	timer_set(self.retain, RETAIN_MS);
}

/* What this process's predecessor had read and not committed is missing; so is what came while there was no socket. */
static void beginning_note(void)
{
	struct record record = record_make(RECORD_HOST, "lost");
	struct error err = ERROR_INIT;

	record.texts[RECORD_DETAIL] = "{\"why\":\"what writes the log has started; records from just before may be missing\"}";
	if (journal_append(journal_find(RECORD_HOST), &record, clock_wall_us(), &err) == -1)
		complain(&err);
	commit_all();
}

/* -- settings -- */

static int settings_take(const struct audit_message *message, struct error *err)
{
	if (message->mode >= AUDIT_MODES || message->bytes_max < AUDIT_BYTES_MIN || message->age_max_s == 0)
		return error_set(err, EINVAL, "settings of the log of %s make no sense", message->id);
	if (strcmp(message->id, RECORD_HOST) != 0 && !id_valid(message->id))
		return error_set(err, EINVAL, "a log that is no realm's");
	struct journal *journal = journal_get(message->id, err);
	if (journal == NULL)
		return -1;
	journal->mode = (enum audit_mode)message->mode;
	journal->bytes_max = message->bytes_max;
	journal->age_max_us = (int64_t)message->age_max_s * 1000000;
	journal->named = true;
	return 0;
}

static void settings_sync(const struct audit_message *message)
{
	struct error err = ERROR_INIT;

	if (!self.syncing)
		return;
	if (message->id[0] != '\0') {
		self.frames++;
		if (settings_take(message, &err) == -1)
			log_error("%s", err.message);
		return;
	}
	self.syncing = false;
	if (message->count == self.frames)
		journal_forget();
	else
		log_error("api's list of logs has %u entries, %u arrived; it is left without effect", message->count, self.frames);
	if (!self.reading && (self.records = loop_add_fd(self.loop, ROLE_FD_RECORDS, EPOLLIN, on_record, NULL, &err)) == NULL) {
		log_error("%s", err.message);
		loop_stop(self.loop, 1);
	}
	if (!self.reading)
		beginning_note();
	self.reading = true;
	timer_set(self.retain, RETAIN_FIRST_MS);
}

static void api_says(struct channel *channel, struct message *message, void *data)
{
	struct result_message result = { .code = 0 };
	struct error err = ERROR_INIT;

	(void)data;
	if (message->type == 0) {
		loop_stop(self.loop, 1); /* the supervisor starts this role again */
	} else if (message->type == MESSAGE_HELLO) {
		journal_unname();
		self.syncing = true;
		self.frames = 0;
	} else if (message->type != MESSAGE_AUDIT) {
		log_error("api sent a frame of type %u, which audit does not take", message->type);
	} else if (message->serial == 0) {
		settings_sync(message->payload);
	} else {
		if (settings_take(message->payload, &err) == -1)
			result.code = (uint32_t)err.code;
		snprintf(result.message, sizeof result.message, "%s", err.message);
		if (channel_send(channel, MESSAGE_RESULT, message->serial, &result, sizeof result, -1, &err) == -1)
			log_error("cannot answer api: %s", err.message);
		timer_set(self.retain, 0);
	}
}

static void on_stop(int signo, void *data)
{
	(void)signo;
	(void)data;
	loop_stop(self.loop, 0);
}

/* -- the role -- */

static int audit_run(struct error *err)
{
	/* For SQLite, and folders. */
	static const int syscalls[] = {
		SCMP_SYS(pwrite64), SCMP_SYS(fsync), SCMP_SYS(fdatasync), SCMP_SYS(ftruncate), SCMP_SYS(unlink), SCMP_SYS(access), SCMP_SYS(faccessat),
		SCMP_SYS(faccessat2), SCMP_SYS(getcwd), SCMP_SYS(readlink), SCMP_SYS(fchmod), SCMP_SYS(fchown), SCMP_SYS(fstatfs), SCMP_SYS(stat), SCMP_SYS(lstat),
		SCMP_SYS(sysinfo), SCMP_SYS(mkdir), SCMP_SYS(rmdir), SCMP_SYS(getdents64), SCMP_SYS(utimensat), SCMP_SYS(recvmmsg),
	};
	static const struct sandbox sandbox = {
		.uid = ROLE_UID_AUDIT, .gid = ROLE_UID_AUDIT, .files_max = 512,
		.syscalls = syscalls, .syscall_count = sizeof syscalls / sizeof syscalls[0],
	};
	struct hello_message hello = { .version = PROTOCOL_VERSION, .pid = (uint32_t)getpid() };

	umask(077);
	journal_init();
	self.loop = loop_new(err);
	if (self.loop == NULL || sandbox_enter(&sandbox, err) == -1 || loop_add_signal(self.loop, SIGTERM, on_stop, NULL, err) == NULL)
		return -1;
	self.commit = loop_add_timer(self.loop, -1, on_commit, NULL, err);
	self.retain = loop_add_timer(self.loop, -1, on_retain, NULL, err);
	self.pause = loop_add_timer(self.loop, -1, on_pause, NULL, err);
	if (self.commit == NULL || self.retain == NULL || self.pause == NULL)
		return -1;
	self.api = channel_new(self.loop, ROLE_FD_API, api_says, NULL, err);
	if (self.api == NULL || channel_send(self.api, MESSAGE_HELLO, 0, &hello, sizeof hello, -1, err) == -1)
		return -1;
	int code = loop_run(self.loop, err);
	commit_all();
	journal_close_all();
	return code;
}

int audit_main(int argc, char **argv)
{
	struct error err = ERROR_INIT;

	(void)argc;
	(void)argv;
	signal(SIGPIPE, SIG_IGN);
	int code = audit_run(&err);
	if (code != -1)
		return code;
	log_error("%s", err.message);
	return 1;
}
