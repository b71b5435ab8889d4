/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/names/question.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/clock.h"
#include "daemon/lib/domain.h"
#include "daemon/lib/error.h"
#include "daemon/lib/log.h"
#include "daemon/lib/message.h"
#include "daemon/lib/protocol.h"
#include "daemon/names/upstream.h"

enum {
	QUESTIONS_MAX = 2048,    /* under way */
	QUESTIONS_OF_ONE = 64,   /* of one container */
	UDP_SIZE_PLAIN = 512,    /* RFC 1035, 2.3.4: without EDNS */
	EDNS_DO = 0x8000,
	ENGINE_MS = 10000,       /* that the engine has */
};

struct question {
	struct question *next;
	uint64_t serial;
	struct in6_addr from;
	question_cb *cb;
	void *data;
	ares_dns_record_t *asked;
	ares_dns_record_t *answer; /* waits for the engine */
	const char *text;          /* of asked: the name as it was written */
	char name[DOMAIN_TEXT];    /* normal; "": no rule can name it */
	bool edns, dnssec, wanted;
	bool upstream;             /* is being resolved, and comes back from there */
	int64_t since_ms;          /* the engine has it, on the monotonic clock */
	size_t room;               /* for the answer */
};

static struct {
	struct channel *engine;
	struct question *list;
	uint64_t serial;
} self;

void question_init(struct channel *engine)
{
	self.engine = engine;
}

static struct question **question_find(uint64_t serial)
{
	struct question **link = &self.list;

	while (*link != NULL && (*link)->serial != serial)
		link = &(*link)->next;
	return link;
}

static void question_free(struct question *question)
{
	ares_dns_record_destroy(question->answer);
	ares_dns_record_destroy(question->asked);
	free(question);
}

/* The end of one that is in the list. */
static void question_end(struct question *question, const uint8_t *bytes, size_t size)
{
	*question_find(question->serial) = question->next;
	question->cb(bytes, size, question->data);
	question_free(question);
}

/* An answer without records, to what was asked. */
static ares_dns_record_t *empty_make(const ares_dns_record_t *asked, ares_dns_rcode_t code, unsigned flags)
{
	ares_dns_record_t *empty = NULL;
	ares_dns_rec_type_t type;
	ares_dns_class_t class;
	const char *name;

	flags |= ARES_FLAG_QR | ARES_FLAG_RA | (ares_dns_record_get_flags(asked) & ARES_FLAG_RD);
	if (ares_dns_record_create(&empty, ares_dns_record_get_id(asked), (unsigned short)flags, ares_dns_record_get_opcode(asked), code) != ARES_SUCCESS)
		return NULL;
	if (ares_dns_record_query_get(asked, 0, &name, &type, &class) == ARES_SUCCESS)
		(void)ares_dns_record_query_add(empty, name, type, class);
	return empty;
}

static void empty_answer(struct question *question, ares_dns_rcode_t code, unsigned flags)
{
	ares_dns_record_t *empty = empty_make(question->asked, code, flags);
	unsigned char *bytes = NULL;
	size_t size = 0;

	if (empty == NULL || ares_dns_write(empty, &bytes, &size) != ARES_SUCCESS)
		size = 0;
	question_end(question, bytes, size);
	ares_free_string(bytes);
	ares_dns_record_destroy(empty);
}

/* One that is too long for UDP says so: the asker comes again by TCP. */
static void answer_give(struct question *question)
{
	unsigned char *bytes = NULL;
	size_t size = 0;

	if (ares_dns_write(question->answer, &bytes, &size) != ARES_SUCCESS)
		empty_answer(question, ARES_RCODE_SERVFAIL, 0);
	else if (size > question->room)
		empty_answer(question, ares_dns_record_get_rcode(question->answer), ARES_FLAG_TC);
	else
		question_end(question, bytes, size);
	ares_free_string(bytes);
}

/* -- what was found -- */

static bool is_alias(const ares_dns_rr_t *record, char name[DOMAIN_TEXT])
{
	char owner[DOMAIN_TEXT];
	struct error ignored = ERROR_INIT;
	const char *target = ares_dns_rr_get_type(record) == ARES_REC_TYPE_CNAME ? ares_dns_rr_get_str(record, ARES_RR_CNAME_CNAME) : NULL;

	return target != NULL && domain_normal(ares_dns_rr_get_name(record), owner, &ignored) == 0 && strcmp(owner, name) == 0 &&
	       domain_normal(target, name, &ignored) == 0;
}

/* The name at the end of the aliases: what else the answer may hold is not an answer. */
static void aliases_follow(const ares_dns_record_t *answer, char name[DOMAIN_TEXT])
{
	size_t count = ares_dns_record_rr_cnt(answer, ARES_SECTION_ANSWER);

	for (size_t steps = 0, i = 0; i < count && steps < count; i++)
		if (is_alias(ares_dns_record_rr_get_const(answer, ARES_SECTION_ANSWER, i), name)) {
			steps++;
			i = (size_t)-1; /* from the first again */
		}
}

static void addresses_find(const ares_dns_record_t *answer, struct name_found_message *found)
{
	char end[DOMAIN_TEXT], owner[DOMAIN_TEXT];
	struct error ignored = ERROR_INIT;

	memcpy(end, found->name, sizeof end);
	aliases_follow(answer, end);
	for (size_t i = 0; i < ares_dns_record_rr_cnt(answer, ARES_SECTION_ANSWER) && found->count < NAME_ADDRESSES_MAX; i++) {
		const ares_dns_rr_t *record = ares_dns_record_rr_get_const(answer, ARES_SECTION_ANSWER, i);
		ares_dns_rec_type_t type = ares_dns_rr_get_type(record);
		const void *address = type == ARES_REC_TYPE_A ? (const void *)ares_dns_rr_get_addr(record, ARES_RR_A_ADDR)
				      : type == ARES_REC_TYPE_AAAA ? (const void *)ares_dns_rr_get_addr6(record, ARES_RR_AAAA_ADDR) : NULL;
		if (address == NULL || domain_normal(ares_dns_rr_get_name(record), owner, &ignored) == -1 || strcmp(owner, end) != 0)
			continue;
		found->addresses[found->count].ttl = ares_dns_rr_get_ttl(record);
		found->addresses[found->count].family = type == ARES_REC_TYPE_A ? AF_INET : AF_INET6;
		memcpy(found->addresses[found->count].bytes, address, type == ARES_REC_TYPE_A ? 4 : 16);
		found->count++;
	}
}

static int found_tell(const struct question *question, struct error *err)
{
	struct name_found_message found = { .from = question->from };

	memcpy(found.name, question->name, sizeof found.name);
	addresses_find(question->answer, &found);
	if (found.count == 0)
		return 0;
	return channel_send(self.engine, MESSAGE_NAME_FOUND, question->serial, &found, sizeof found, -1, err) == -1 ? -1 : 1;
}

/* As its asker wrote the name, under its number, and with EDNS only for who has it. */
static ares_dns_record_t *answer_make(const struct question *question, const ares_dns_record_t *from)
{
	ares_dns_record_t *answer = ares_dns_record_duplicate(from);

	if (answer == NULL || !ares_dns_record_set_id(answer, ares_dns_record_get_id(question->asked)) ||
	    ares_dns_record_query_set_name(answer, 0, question->text) != ARES_SUCCESS) {
		ares_dns_record_destroy(answer);
		return NULL;
	}
	for (size_t i = ares_dns_record_rr_cnt(answer, ARES_SECTION_ADDITIONAL); i > 0 && !question->edns; i--)
		if (ares_dns_rr_get_type(ares_dns_record_rr_get_const(answer, ARES_SECTION_ADDITIONAL, i - 1)) == ARES_REC_TYPE_OPT)
			(void)ares_dns_record_rr_del(answer, ARES_SECTION_ADDITIONAL, i - 1);
	return answer;
}

static void upstream_answered(void *data, ares_status_t status, size_t timeouts, const ares_dns_record_t *answer)
{
	struct question *question = data;
	struct error err = ERROR_INIT;

	(void)status;
	(void)timeouts;
	question->upstream = false;
	question->since_ms = clock_ms();
	bool whole = answer != NULL && ares_dns_record_query_cnt(answer) == 1 && (ares_dns_record_get_flags(answer) & ARES_FLAG_QR) != 0;
	question->answer = whole ? answer_make(question, answer) : NULL;
	int told = question->answer != NULL && question->wanted ? found_tell(question, &err) : 0;
	if (question->answer == NULL || told == -1)
		empty_answer(question, ARES_RCODE_SERVFAIL, 0);
	else if (told == 0)
		answer_give(question);
}

static void upstream_begin(struct question *question)
{
	ares_dns_record_t *query = NULL;
	ares_dns_rec_type_t type;
	ares_dns_class_t class;
	ares_dns_rr_t *option;
	const char *name;
	unsigned flags = ares_dns_record_get_flags(question->asked) & (ARES_FLAG_RD | ARES_FLAG_CD | ARES_FLAG_AD);

	bool made = ares_dns_record_query_get(question->asked, 0, &name, &type, &class) == ARES_SUCCESS &&
		    ares_dns_record_create(&query, 0, (unsigned short)flags, ARES_OPCODE_QUERY, ARES_RCODE_NOERROR) == ARES_SUCCESS &&
		    ares_dns_record_query_add(query, name, type, class) == ARES_SUCCESS &&
		    ares_dns_record_rr_add(&option, query, ARES_SECTION_ADDITIONAL, "", ARES_REC_TYPE_OPT, ARES_CLASS_IN, 0) == ARES_SUCCESS &&
		    ares_dns_rr_set_u16(option, ARES_RR_OPT_UDP_SIZE, ANSWER_UDP_MAX) == ARES_SUCCESS &&
		    ares_dns_rr_set_u8(option, ARES_RR_OPT_VERSION, 0) == ARES_SUCCESS &&
		    ares_dns_rr_set_u16(option, ARES_RR_OPT_FLAGS, question->dnssec ? EDNS_DO : 0) == ARES_SUCCESS;
	question->upstream = made;
	if (made)
		upstream_ask(query, upstream_answered, question);
	else
		empty_answer(question, ARES_RCODE_SERVFAIL, 0);
	ares_dns_record_destroy(query);
}

void question_answered(const struct message *message)
{
	struct question *question = *question_find(message->serial);
	const struct name_verdict_message *verdict = message->payload;

	if (question == NULL || question->upstream) /* given up meanwhile */
		return;
	if (message->type == MESSAGE_RESULT) {
		/* Without a way there it would only be told to run into a wall. */
		if (question->answer == NULL || ((const struct result_message *)message->payload)->code != 0)
			empty_answer(question, ARES_RCODE_SERVFAIL, 0);
		else
			answer_give(question);
	} else if (verdict->allowed != 1) {
		empty_answer(question, ARES_RCODE_REFUSED, 0);
	} else {
		question->wanted = verdict->wanted == 1;
		upstream_begin(question);
	}
}

void question_expire(void)
{
	int64_t now = clock_ms();

	for (struct question *question = self.list, *next; question != NULL; question = next) {
		next = question->next;
		if (!question->upstream && now - question->since_ms > ENGINE_MS)
			empty_answer(question, ARES_RCODE_SERVFAIL, 0);
	}
}

/* -- what is asked -- */

static void edns_read(struct question *question, bool stream)
{
	question->room = stream ? UINT16_MAX : UDP_SIZE_PLAIN;
	for (size_t i = 0; i < ares_dns_record_rr_cnt(question->asked, ARES_SECTION_ADDITIONAL); i++) {
		const ares_dns_rr_t *record = ares_dns_record_rr_get_const(question->asked, ARES_SECTION_ADDITIONAL, i);
		if (ares_dns_rr_get_type(record) != ARES_REC_TYPE_OPT)
			continue;
		size_t size = ares_dns_rr_get_u16(record, ARES_RR_OPT_UDP_SIZE);
		question->edns = true;
		question->dnssec = (ares_dns_rr_get_u16(record, ARES_RR_OPT_FLAGS) & EDNS_DO) != 0;
		if (!stream && size > question->room)
			question->room = size > ANSWER_UDP_MAX ? ANSWER_UDP_MAX : size;
	}
}

/* What is wrong with it: NOERROR if nothing is. */
static ares_dns_rcode_t asked_check(struct question *question)
{
	struct error ignored = ERROR_INIT;
	ares_dns_rec_type_t type;
	ares_dns_class_t class;

	if (ares_dns_record_get_opcode(question->asked) != ARES_OPCODE_QUERY)
		return ARES_RCODE_NOTIMP;
	if (ares_dns_record_query_cnt(question->asked) != 1 ||
	    ares_dns_record_query_get(question->asked, 0, &question->text, &type, &class) != ARES_SUCCESS)
		return ARES_RCODE_FORMERR;
	if (class != ARES_CLASS_IN || type == ARES_REC_TYPE_ANY) /* RFC 8482 */
		return ARES_RCODE_NOTIMP;
	if (domain_normal(question->text, question->name, &ignored) == -1)
		question->name[0] = '\0';
	return ARES_RCODE_NOERROR;
}

static bool has_room(const struct in6_addr *from)
{
	size_t all = 0, own = 0;

	for (const struct question *question = self.list; question != NULL; question = question->next) {
		all++;
		own += IN6_ARE_ADDR_EQUAL(&question->from, from);
	}
	return all < QUESTIONS_MAX && own < QUESTIONS_OF_ONE;
}

void question_take(const struct in6_addr *from, const uint8_t *bytes, size_t size, bool stream, question_cb *cb, void *data)
{
	struct question *question = has_room(from) ? calloc(1, sizeof *question) : NULL;
	struct name_ask_message ask = { .from = *from };
	struct error err = ERROR_INIT;

	/* What is no question gets no answer: it may be one that was sent to make two resolvers talk. */
	if (question == NULL || ares_dns_parse(bytes, size, 0, &question->asked) != ARES_SUCCESS ||
	    (ares_dns_record_get_flags(question->asked) & ARES_FLAG_QR) != 0) {
		if (question != NULL)
			question_free(question);
		cb(NULL, 0, data);
		return;
	}
	question->serial = ++self.serial;
	question->since_ms = clock_ms();
	question->from = *from;
	question->cb = cb;
	question->data = data;
	question->next = self.list;
	self.list = question;
	edns_read(question, stream);
	ares_dns_rcode_t wrong = asked_check(question);
	memcpy(ask.name, question->name, sizeof ask.name);
	if (wrong != ARES_RCODE_NOERROR)
		empty_answer(question, wrong, 0);
	else if (channel_send(self.engine, MESSAGE_NAME_ASK, question->serial, &ask, sizeof ask, -1, &err) == -1) {
		log_error("cannot ask the engine: %s", err.message);
		empty_answer(question, ARES_RCODE_SERVFAIL, 0);
	}
}
