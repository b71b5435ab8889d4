/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_question: what a container asks the resolver, and what a resolver answers: the first byte says how long the one is, the other is the rest. */
// link: daemon/names/question.c -l:libcares.a
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/error.h"
#include "daemon/lib/message.h"
#include "daemon/lib/protocol.h"
#include "daemon/names/question.h"
#include "daemon/names/upstream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
	uint32_t type; /* the frame that the engine has to answer; 0: none */
	uint64_t serial;
	const uint8_t *answer;
	size_t answer_size, room;
	int answered;
} self;

int channel_send(struct channel *channel, uint32_t type, uint64_t serial, const void *payload, size_t size, int fd, struct error *err)
{
	const struct name_found_message *found = payload;

	(void)channel;
	(void)size;
	(void)fd;
	(void)err;
	if (type == MESSAGE_NAME_FOUND && (found->count == 0 || found->count > NAME_ADDRESSES_MAX || found->name[0] == '\0'))
		abort();
	self.type = type;
	self.serial = serial;
	return 0;
}

void upstream_ask(const ares_dns_record_t *query, ares_callback_dnsrec cb, void *data)
{
	ares_dns_record_t *answer = NULL;

	if (query == NULL || ares_dns_record_query_cnt(query) != 1)
		abort();
	if (ares_dns_parse(self.answer, self.answer_size, 0, &answer) != ARES_SUCCESS)
		answer = NULL;
	cb(data, answer == NULL ? ARES_EBADRESP : ARES_SUCCESS, 0, answer);
	ares_dns_record_destroy(answer);
}

static void answered(const uint8_t *answer, size_t size, void *data)
{
	(void)data;
	self.answered++;
	if (size > self.room || (size > 0 && (size < 12 || (answer[2] & 0x80) == 0)))
		abort();
}

static void engine_answers(void)
{
	struct name_verdict_message verdict = { .allowed = 1, .wanted = 1 };
	struct result_message result = { 0 };
	struct message message = { .type = self.type == MESSAGE_NAME_ASK ? MESSAGE_NAME_VERDICT : MESSAGE_RESULT, .serial = self.serial, .fd = -1 };

	message.payload = self.type == MESSAGE_NAME_ASK ? (const void *)&verdict : &result;
	self.type = 0;
	question_answered(&message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	size_t asked = data[0] < size - 1 ? data[0] : size - 1;
	self.answer = data + 1 + asked;
	self.answer_size = size - 1 - asked;
	for (int stream = 0; stream < 2; stream++) {
		self.answered = 0;
		self.type = 0;
		self.room = stream ? UINT16_MAX : ANSWER_UDP_MAX;
		question_take(&in6addr_loopback, data + 1, asked, stream == 1, answered, NULL);
		while (self.type != 0)
			engine_answers();
		if (self.answered != 1)
			abort();
	}
	return 0;
}
