/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/door/crowd.c
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "daemon/door/crowd.h"

static struct source source(const char *text)
{
	struct sockaddr_storage address = { 0 };
	struct sockaddr_in four = { .sin_family = AF_INET };
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	struct source made;

	if (inet_pton(AF_INET, text, &four.sin_addr) == 1) {
		memcpy(&address, &four, sizeof four);
	} else {
		assert_int_equal(inet_pton(AF_INET6, text, &six.sin6_addr), 1);
		memcpy(&address, &six, sizeof six);
	}
	source_of(&address, &made);
	return made;
}

static void a_source_is_an_address_or_a_network(void **state)
{
	struct source a = source("2001:db8:0:1::1"), b = source("2001:db8:0:1:ffff::2"), c = source("2001:db8:0:2::1"), d = source("192.0.2.1"),
		      e = source("192.0.2.2"), f = source("::ffff:192.0.2.1");

	(void)state;
	assert_memory_equal(&a, &b, sizeof a);
	assert_memory_not_equal(&a, &c, sizeof a);
	assert_memory_not_equal(&d, &e, sizeof d);
	assert_memory_equal(&d, &f, sizeof d);
}

static void one_source_pushes_out_its_own(void **state)
{
	struct crowd crowd = { 0 };
	struct source a = source("192.0.2.1"), b = source("192.0.2.2");

	(void)state;
	for (int i = 0; i < CROWD_OF_SOURCE; i++) {
		assert_int_equal(crowd_pushes(&crowd, &a), 0);
		crowd_enter(&crowd, &a, 100 + i, 1000 - i); /* the last is the oldest */
	}
	assert_int_equal(crowd_pushes(&crowd, &a), 100 + CROWD_OF_SOURCE - 1);
	assert_int_equal(crowd_pushes(&crowd, &b), 0);
	assert_true(crowd_leave(&crowd, 103));
	assert_false(crowd_leave(&crowd, 103));
	assert_int_equal(crowd_pushes(&crowd, &a), 0);
}

static void when_it_is_full_the_busiest_makes_room(void **state)
{
	struct crowd crowd = { 0 };
	struct source owner = source("198.51.100.1");
	char text[32];

	(void)state;
	/* Ten sources with six each, four with one: the oldest of all belongs to one of those, but it is one of the ten that has to leave. */
	for (int i = 0; i < CROWD_MAX; i++) {
		snprintf(text, sizeof text, "203.0.113.%d", i < 60 ? i / 6 : 100 + i);
		struct source from = source(text);
		assert_int_equal(crowd_pushes(&crowd, &from), 0);
		crowd_enter(&crowd, &from, 1 + i, i < 60 ? 5000 + i : i);
	}
	assert_int_equal(crowd_pushes(&crowd, &owner), 1);
	/* Where each has one, the oldest. */
	memset(&crowd, 0, sizeof crowd);
	for (int i = 0; i < CROWD_MAX; i++) {
		snprintf(text, sizeof text, "203.0.113.%d", i);
		struct source from = source(text);
		crowd_enter(&crowd, &from, 1 + i, i == 30 ? 1 : 100 + i);
	}
	assert_int_equal(crowd_pushes(&crowd, &owner), 31);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_source_is_an_address_or_a_network),
		cmocka_unit_test(one_source_pushes_out_its_own),
		cmocka_unit_test(when_it_is_full_the_busiest_makes_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
