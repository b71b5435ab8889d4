/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/door/crowd.h"

#include <netinet/in.h>
#include <string.h>

void source_of(const struct sockaddr_storage *address, struct source *ret_source)
{
	*ret_source = (struct source){ 0 };
	if (address->ss_family == AF_INET6) {
		struct sockaddr_in6 six;
		memcpy(&six, address, sizeof six);
		memcpy(ret_source->bytes, &six.sin6_addr, IN6_IS_ADDR_V4MAPPED(&six.sin6_addr) ? 16 : 8);
	} else {
		struct sockaddr_in four;
		memcpy(&four, address, sizeof four);
		ret_source->bytes[10] = ret_source->bytes[11] = 0xff;
		memcpy(ret_source->bytes + 12, &four.sin_addr, 4);
	}
}

static bool same(const struct source *a, const struct source *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

static size_t count_of(const struct crowd *crowd, const struct source *source)
{
	size_t count = 0;

	for (size_t i = 0; i < CROWD_MAX; i++)
		count += crowd->strangers[i].pid != 0 && same(&crowd->strangers[i].source, source);
	return count;
}

static pid_t oldest_of(const struct crowd *crowd, const struct source *source)
{
	const struct stranger *oldest = NULL;

	for (size_t i = 0; i < CROWD_MAX; i++) {
		const struct stranger *stranger = &crowd->strangers[i];
		if (stranger->pid != 0 && same(&stranger->source, source) && (oldest == NULL || stranger->since_ms < oldest->since_ms))
			oldest = stranger;
	}
	return oldest == NULL ? 0 : oldest->pid;
}

/* Where several have as many, whose oldest is older. */
static const struct stranger *busiest(const struct crowd *crowd, size_t *ret_all)
{
	const struct stranger *found = NULL;
	size_t most = 0;

	*ret_all = 0;
	for (size_t i = 0; i < CROWD_MAX; i++) {
		const struct stranger *stranger = &crowd->strangers[i];
		size_t count = stranger->pid == 0 ? 0 : count_of(crowd, &stranger->source);
		*ret_all += stranger->pid != 0;
		if (count > most || (count > 0 && count == most && stranger->since_ms < found->since_ms)) {
			most = count;
			found = stranger;
		}
	}
	return found;
}

pid_t crowd_pushes(const struct crowd *crowd, const struct source *source)
{
	size_t all;

	if (count_of(crowd, source) >= CROWD_OF_SOURCE)
		return oldest_of(crowd, source);
	const struct stranger *who = busiest(crowd, &all);
	return all < CROWD_MAX ? 0 : oldest_of(crowd, &who->source);
}

void crowd_enter(struct crowd *crowd, const struct source *source, pid_t pid, int64_t now_ms)
{
	for (size_t i = 0; i < CROWD_MAX; i++)
		if (crowd->strangers[i].pid == 0) {
			crowd->strangers[i] = (struct stranger){ .source = *source, .pid = pid, .since_ms = now_ms };
			return;
		}
}

bool crowd_leave(struct crowd *crowd, pid_t pid)
{
	for (size_t i = 0; i < CROWD_MAX; i++)
		if (crowd->strangers[i].pid == pid) {
			crowd->strangers[i].pid = 0;
			return true;
		}
	return false;
}
