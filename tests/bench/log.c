/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * log serve BULKHEADD    the role audit as it is, with the host's log alone, until it is killed
 * log COUNT              the role's own code, without it: COUNT records of 200 containers into one log, and what is asked of it then; a
 *                        line "<what> <milliseconds> <count>" for each
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/audit/journal.h"
#include "daemon/audit/search.h"
#include "daemon/audit/statistics.h"
#include "daemon/audit/verify.h"
#include "daemon/lib/clock.h"
#include "daemon/lib/error.h"
#include "daemon/lib/json.h"
#include "daemon/lib/loop.h"
#include "daemon/lib/message.h"
#include "daemon/lib/protocol.h"
#include "daemon/lib/record.h"

#define REALM "aaaaaaaaaaaaaaaaaaaaaaaa"

enum { CONTAINERS = 200, BATCH = 2000, EVERY_US = 1000 };

static struct error err;

__attribute__((noreturn)) static void fail(const char *what)
{
	fprintf(stderr, "log: %s: %s\n", what, err.message);
	exit(1);
}

/* -- serving -- */

static void said(struct channel *channel, struct message *message, void *data)
{
	(void)channel;
	if (message->type == 0)
		loop_stop(data, 1);
}

static int serve(char *program)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = RECORD_SOCKET };
	struct hello_message hello = { .version = PROTOCOL_VERSION };
	struct audit_message settings = { .id = RECORD_HOST, .mode = AUDIT_BLOCK, .bytes_max = AUDIT_BYTES_DEFAULT, .age_max_s = 86400 }, end = { .count = 1 };
	int pair[2], records = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	unlink(RECORD_SOCKET);
	if (records == -1 || bind(records, (struct sockaddr *)&address, sizeof address) == -1 || chmod(RECORD_SOCKET, 0666) == -1 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == -1)
		fail("no socket");
	if (fork() == 0) {
		dup2(pair[1], 10);
		dup2(records, 11);
		dup2(10, ROLE_FD_API);
		dup2(11, ROLE_FD_RECORDS);
		for (int fd = ROLE_FD_RECORDS + 1; fd < 16; fd++)
			close(fd);
		execl(program, "bulkheadd", "audit", (char *)NULL);
		_exit(127);
	}
	struct loop *loop = loop_new(&err);
	struct channel *channel = loop == NULL ? NULL : channel_new(loop, pair[0], said, loop, &err);
	if (channel == NULL || channel_send(channel, MESSAGE_HELLO, 0, &hello, sizeof hello, -1, &err) == -1 ||
	    channel_send(channel, MESSAGE_AUDIT, 0, &settings, sizeof settings, -1, &err) == -1 ||
	    channel_send(channel, MESSAGE_AUDIT, 0, &end, sizeof end, -1, &err) == -1)
		fail("no channel");
	puts("ready");
	fflush(stdout);
	return loop_run(loop, &err);
}

/* -- asking -- */

static void fill(int64_t count, int64_t begin_us)
{
	static char line[RECORD_LINE_MAX + 1];
	struct journal *journal;

	journal_init();
	journal = journal_get(REALM, &err);
	if (journal == NULL)
		fail("no log");
	journal->bytes_max = AUDIT_BYTES_MAX;
	journal->age_max_us = INT64_MAX / 4;
	for (int64_t i = 0; i < count; i++) {
		struct record record;
		/* As HAProxy tells it. */
		int size = snprintf(line, sizeof line,
				    "-\t" REALM ":%024x:%024x:80\trequest\t%lld\t07715da8-73cb-4d6c-a91b-%012llx\t192.0.2.%lld\tGET\t%024x-%024x.example.org\t%%2Fitems%%2F%lld\tHTTP/2"
				    "\t%d\t%lld\t%lld\t%lld\t1\t-\t-\t-\t--\n",
				    1, (unsigned int)(i % CONTAINERS), (long long)(begin_us + i * EVERY_US), (unsigned long long)i, (long long)(i % 251), 1,
				    (unsigned int)(i % CONTAINERS), (long long)(i % 10007), i % 97 == 0 ? 500 : 200, (long long)(i % 800), (long long)(i % 90000), (long long)(i % 300));
		if (record_parse(line, (size_t)size, &record, &err) == -1 || journal_append(journal, &record, begin_us + i * EVERY_US, &err) == -1)
			fail("a record is not taken");
		if (i % BATCH == BATCH - 1 && journal_commit(journal, &err) == -1)
			fail("no commit");
	}
	if (journal_commit(journal, &err) == -1)
		fail("no commit");
	journal_close_all();
}

static void tell(const char *what, int64_t begin_ms, int64_t count)
{
	printf("%s %lld %lld\n", what, (long long)(clock_ms() - begin_ms), (long long)count);
	fflush(stdout);
}

static struct search search_of(json_t *filters)
{
	return (struct search){ .realm = REALM, .before = INT64_MAX, .until = INT64_MAX, .limit = 10000, .filters = filters };
}

int main(int argc, char **argv)
{
	if (argc == 3)
		return serve(argv[2]);

	int64_t count = argc == 2 ? atoll(argv[1]) : 100000, begin_us = INT64_C(1700000000000000), found = 0, next = 0;
	char container[ID_TEXT];
	bool more = true;
	char *text = NULL;
	size_t size = 0;
	FILE *out;

	mkdir("/data/bulkhead", 0755);
	mkdir(AUDIT_FOLDER, 0700);
	int64_t begin = clock_ms();
	fill(count, begin_us);
	tell("written", begin, count);

	/* One container's in a minute from the middle. */
	snprintf(container, sizeof container, "%024x", 7);
	json_t *filters = json_pack("{s:s}", "container", container);
	struct search search = search_of(filters);
	search.since = begin_us + count / 2 * EVERY_US;
	search.until = search.since + 60000000;
	begin = clock_ms();
	out = open_memstream(&text, &size);
	if (search_write(&search, SEARCH_LINES, out, &next, &more, &err) == -1)
		fail("no answer");
	fclose(out);
	for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
		found++;
	tell("container", begin, found);
	free(text);

	/* The newest of one container, as a person looks. */
	search = search_of(filters);
	search.newest_first = true;
	search.limit = 100;
	begin = clock_ms();
	out = fopen("/dev/null", "w");
	if (search_write(&search, SEARCH_JSON, out, &next, &more, &err) == -1)
		fail("no answer");
	tell("newest", begin, 100);
	fclose(out);

	search = search_of(NULL);
	begin = clock_ms();
	for (more = true; more;) {
		out = fopen("/dev/null", "w");
		if (search_write(&search, SEARCH_LINES, out, &next, &more, &err) == -1)
			fail("no export");
		search.after = next;
		fclose(out);
	}
	tell("exported", begin, search.after);

	begin = clock_ms();
	struct verification verification = { .last = 0 };
	while (!verification.done && !verification.broken)
		if (verify_on(REALM, verification.last, &verification, &err) == -1)
			fail("no verification");
	tell(verification.broken ? "broken" : "verified", begin, verification.last);

	search = search_of(NULL);
	search.since = begin_us;
	search.until = begin_us + INT64_C(1000000) * EVERY_US; /* a million */
	begin = clock_ms();
	out = fopen("/dev/null", "w");
	if (statistics_write(&search, "minute", 100, out, &err) == -1)
		fail("no statistics");
	tell("counted", begin, count < 1000000 ? count : 1000000);
	fclose(out);
	json_decref(filters);
	return 0;
}
