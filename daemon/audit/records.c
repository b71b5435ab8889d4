/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * records: the role that reads the audit log for the API, one question after another, beside the role that writes it. A
 * question is a file with JSON:
 *
 *   {"want": "records" | "lines", ...}             as of search.h
 *   {"want": "statistics", "by": ..., "top": ..., ...}
 *   {"want": "verification", "realm": ..., "after": seq}
 *   {"want": "link", "realm": ..., "seq": seq, "chain": hex}
 */
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/audit/search.h"
#include "daemon/audit/statistics.h"
#include "daemon/audit/verify.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/json.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"
#include "daemon/lib/message.h"
#include "daemon/lib/protocol.h"
#include "daemon/lib/sandbox.h"
#include "daemon/roles.h"

enum { QUESTION_MAX = 64 * 1024, WORD_MAX = 16 };

static struct loop *loop;

static int verification_write(json_t *question, FILE *out, struct error *err)
{
	struct search search;
	struct verification found;
	char digits[2 * CHAIN_BYTES + 1];

	if (search_read(question, &search, err) == -1 || verify_on(search.realm, search.after, &found, err) == -1)
		return -1;
	hex_encode(found.chain, CHAIN_BYTES, digits);
	fprintf(out, "{\"first\":%lld,\"last\":%lld,\"chain\":\"%s\",\"done\":%s,\"problem\":", (long long)found.first, (long long)found.last, digits,
		found.done ? "true" : "false");
	fprintf(out, found.broken ? "\"%s\"}\n" : "null}\n", found.problem); /* words of ours, without quotes */
	return 0;
}

static int link_write(json_t *question, int64_t seq, const char *digits, FILE *out, struct error *err)
{
	uint8_t chain[CHAIN_BYTES];
	struct search search;

	if (search_read(question, &search, err) == -1)
		return -1;
	if (!hex_decode(digits, chain, sizeof chain))
		return error_field(err, "chain", "not %d hex digits", 2 * CHAIN_BYTES);
	int same = verify_link(search.realm, seq, chain, err);
	if (same != -1)
		fprintf(out, "{\"same\":%s}\n", same == 1 ? "true" : "false");
	return same == -1 ? -1 : 0;
}

static int question_answer(json_t *question, FILE *out, struct audit_reply_message *reply, struct error *err)
{
	char want[WORD_MAX + 1], by[WORD_MAX + 1] = "hour", digits[2 * CHAIN_BYTES + 1] = "";
	int64_t top = 10, seq = 0, next = 0;
	struct search search;
	bool more = false;
	const struct json_field fields[] = {
		{ "want", JSON_KIND_STRING, true, 1, WORD_MAX, want, NULL },
		{ "by", JSON_KIND_STRING, false, 1, WORD_MAX, by, NULL },
		{ "top", JSON_KIND_INTEGER, false, 1, 10000, &top, NULL },
		{ "seq", JSON_KIND_INTEGER, false, 1, INT64_MAX, &seq, NULL },
		{ "chain", JSON_KIND_STRING, false, 1, 2 * CHAIN_BYTES, digits, NULL },
	};
	cleanup_json json_t *own = json_object();

	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
		json_t *value = json_object_get(question, fields[i].key);
		if (value != NULL) {
			json_object_set(own, fields[i].key, value);
			json_object_del(question, fields[i].key);
		}
	}
	if (json_read(own, "", fields, sizeof fields / sizeof fields[0], err) == -1)
		return -1;
	if (strcmp(want, "verification") == 0)
		return verification_write(question, out, err);
	if (strcmp(want, "link") == 0)
		return link_write(question, seq, digits, out, err);
	if (search_read(question, &search, err) == -1)
		return -1;
	if (strcmp(want, "statistics") == 0)
		return statistics_by(by) ? statistics_write(&search, by, (int)top, out, err) : error_field(err, "by", "nothing that can be counted by");
	if (search_write(&search, strcmp(want, "lines") == 0 ? SEARCH_LINES : SEARCH_JSON, out, &next, &more, err) == -1)
		return -1;
	*reply = (struct audit_reply_message){ .next = next, .more = more };
	return 0;
}

/* The answer as a file, or -1 with err. */
static int question_take(int fd, struct audit_reply_message *reply, struct error *err)
{
	cleanup_json json_t *question = json_read_fd(fd, QUESTION_MAX, err);
	cleanup_fd int memory = question == NULL ? -1 : memfd_create("records", MFD_CLOEXEC);
	cleanup_fd int copy = memory == -1 ? -1 : fcntl(memory, F_DUPFD_CLOEXEC, 0);

	if (question == NULL)
		return -1;
	FILE *out = copy == -1 ? NULL : fdopen(copy, "w");
	if (out == NULL)
		return error_errno(err, "cannot make a file for records");
	copy = -1; /* out's */
	int done = question_answer(question, out, reply, err);
	if (fclose(out) == EOF && done == 0)
		done = error_errno(err, "cannot write records");
	return done == -1 ? -1 : fd_steal(&memory);
}

static void api_says(struct channel *channel, struct message *message, void *data)
{
	struct audit_reply_message reply = { .next = 0 };
	struct result_message result = { .code = 0 };
	struct error err = ERROR_INIT;
	int sent;

	(void)data;
	if (message->type == 0) {
		loop_stop(loop, 1); /* the supervisor starts this role again */
		return;
	}
	if (message->type == MESSAGE_HELLO)
		return;
	if (message->type != MESSAGE_AUDIT_QUERY) {
		log_error("api sent a frame of type %u, which records does not take", message->type);
		return;
	}
	cleanup_fd int answer = question_take(message->fd, &reply, &err);
	if (answer == -1) {
		result.code = (uint32_t)(err.code == 0 ? EIO : err.code);
		snprintf(result.field, sizeof result.field, "%s", err.field);
		snprintf(result.message, sizeof result.message, "%s", err.message);
		sent = channel_send(channel, MESSAGE_RESULT, message->serial, &result, sizeof result, -1, &err);
	} else {
		sent = channel_send(channel, MESSAGE_AUDIT_REPLY, message->serial, &reply, sizeof reply, answer, &err);
	}
	if (sent == -1)
		log_error("cannot answer api: %s", err.message);
}

static void on_stop(int signo, void *data)
{
	(void)signo;
	(void)data;
	loop_stop(loop, 0);
}

int records_main(int argc, char **argv)
{
	/* For SQLite, folders and answers. */
	static const int syscalls[] = {
		SCMP_SYS(pwrite64), SCMP_SYS(fsync), SCMP_SYS(fdatasync), SCMP_SYS(ftruncate), SCMP_SYS(unlink), SCMP_SYS(access), SCMP_SYS(faccessat),
		SCMP_SYS(faccessat2), SCMP_SYS(getcwd), SCMP_SYS(readlink), SCMP_SYS(fchmod), SCMP_SYS(fchown), SCMP_SYS(fstatfs), SCMP_SYS(stat), SCMP_SYS(lstat),
		SCMP_SYS(sysinfo), SCMP_SYS(getdents64), SCMP_SYS(memfd_create),
	};
	static const struct sandbox sandbox = {
		.uid = ROLE_UID_AUDIT, .gid = ROLE_UID_AUDIT, .files_max = 128,
		.syscalls = syscalls, .syscall_count = sizeof syscalls / sizeof syscalls[0],
	};
	struct hello_message hello = { .version = PROTOCOL_VERSION, .pid = (uint32_t)getpid() };
	struct error err = ERROR_INIT;
	struct channel *api;

	(void)argc;
	(void)argv;
	signal(SIGPIPE, SIG_IGN);
	umask(077);
	loop = loop_new(&err);
	if (loop != NULL && sandbox_enter(&sandbox, &err) == 0 && loop_add_signal(loop, SIGTERM, on_stop, NULL, &err) != NULL &&
	    (api = channel_new(loop, ROLE_FD_API, api_says, NULL, &err)) != NULL && channel_send(api, MESSAGE_HELLO, 0, &hello, sizeof hello, -1, &err) == 0) {
		int code = loop_run(loop, &err);
		if (code != -1)
			return code;
	}
	log_error("%s", err.message);
	return 1;
}
