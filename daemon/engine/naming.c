/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/naming.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "daemon/engine/class.h"
#include "daemon/engine/nameset.h"
#include "daemon/engine/step.h"
#include "daemon/engine/subject.h"
#include "daemon/lib/error.h"
#include "daemon/lib/log.h"
#include "daemon/lib/message.h"
#include "daemon/lib/protocol.h"

enum {
	KEPT_LEAST_S = 3600,   /* programs go on with an address longer than its record's time to live */
	KEPT_MOST_S = 86400,
};

static struct channel *names;

static bool any_names(const struct ruleset *set, const char *name)
{
	for (size_t i = 0; i < set->rule_count; i++)
		if (rule_names(&set->rules[i], name))
			return true;
	return false;
}

static void verdict_give(const struct message *message)
{
	const struct name_ask_message *ask = message->payload;
	const struct subject *subject = subject_of_address(&ask->from);
	const struct ruleset *set = subject == NULL || subject->class == NULL ? NULL : &subject->class->set;
	struct name_verdict_message verdict = { 0 };
	struct error err = ERROR_INIT;

	if (set != NULL) {
		verdict.wanted = any_names(set, ask->name);
		verdict.allowed = set->egress_open || verdict.wanted == 1;
	}
	if (channel_send(names, MESSAGE_NAME_VERDICT, message->serial, &verdict, sizeof verdict, -1, &err) == -1)
		log_error("cannot answer the resolver: %s", err.message);
}

/* A name of the Internet that leads into a network of the host's own is not what a rule meant (DNS rebinding). */
static bool is_public(const struct cidr *address)
{
	static const char *const private[] = { "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "::ffff:0:0/96", "64:ff9b::/96" };
	struct error ignored = ERROR_INIT;
	struct cidr network;

	for (size_t i = 0; i < sizeof private / sizeof *private; i++)
		if (cidr_parse(private[i], &network, &ignored) == 0 && cidr_holds(&network, address))
			return false;
	return !ruleset_closed(address);
}

static uint64_t kept_ms(uint32_t ttl)
{
	uint64_t seconds = ttl < KEPT_LEAST_S ? KEPT_LEAST_S : ttl > KEPT_MOST_S ? KEPT_MOST_S : ttl;

	return seconds * 1000;
}

/* Into the set of one pattern; the others' are other transactions. */
static int addresses_add(const char *pattern, const struct name_found_message *found, struct error *err)
{
	struct step steps[NAME_ADDRESSES_MAX];
	char sets[2][NAMESET_NAME];
	size_t count = 0;

	nameset_name(pattern, AF_INET, sets[0]);
	nameset_name(pattern, AF_INET6, sets[1]);
	for (size_t i = 0; i < found->count && i < NAME_ADDRESSES_MAX; i++) {
		struct cidr address = { .family = found->addresses[i].family, .prefix = found->addresses[i].family == AF_INET ? 32 : 128 };
		memcpy(address.bytes, found->addresses[i].bytes, address.family == AF_INET ? 4 : 16);
		if ((address.family != AF_INET && address.family != AF_INET6) || !is_public(&address))
			continue;
		steps[count] = (struct step){ .action = STEP_ADD, .set = sets[address.family == AF_INET6] };
		step_address(&steps[count], &address);
		steps[count++].timeout_ms = kept_ms(found->addresses[i].ttl);
	}
	if (step_run(steps, count, err) == -1)
		return error_wrap(err, "cannot let containers reach what %s leads to", found->name);
	return 0;
}

static void found_take(const struct message *message)
{
	const struct name_found_message *found = message->payload;
	const struct subject *subject = subject_of_address(&found->from);
	struct result_message result = { 0 };
	struct error err = ERROR_INIT;

	for (size_t i = 0; subject != NULL && subject->class != NULL && i < subject->class->set.rule_count; i++) {
		const struct rule *rule = &subject->class->set.rules[i];
		for (size_t k = 0; k < rule->name_count; k++)
			if (domain_matches(rule->names[k], found->name) && addresses_add(rule->names[k], found, &err) == -1) {
				log_error("%s", err.message);
				result.code = (uint32_t)err.code;
			}
	}
	if (channel_send(names, MESSAGE_RESULT, message->serial, &result, sizeof result, -1, &err) == -1)
		log_error("cannot answer the resolver: %s", err.message);
}

static void names_says(struct channel *channel, struct message *message, void *data)
{
	(void)channel;
	(void)data;
	switch (message->type) {
	case MESSAGE_HELLO: break;
	case MESSAGE_NAME_ASK: verdict_give(message); break;
	case MESSAGE_NAME_FOUND: found_take(message); break;
	case 0: log_error("the channel to the resolver is closed: containers resolve no names until the engine starts again"); break;
	default: /* not our enum: any number can be in a frame */
		log_error("the resolver sent a frame of type %u, which is not for the engine", message->type); break;
	}
}

int naming_init(struct loop *loop, int fd, struct error *err)
{
	names = channel_new(loop, fd, names_says, NULL, err);
	return names == NULL ? -1 : 0;
}
