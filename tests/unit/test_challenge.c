/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/pull/challenge.c
#include "tests/unit/unit.h"

#include "daemon/pull/challenge.h"

static void kinds(void **state)
{
	static const struct {
		const char *value;
		enum challenge_kind kind;
		const char *realm, *service, *scope;
	} cases[] = {
		{ "Basic realm=\"x\"", CHALLENGE_BASIC, "x", "", "" },
		{ "basic realm=x", CHALLENGE_BASIC, "x", "", "" },
		{ "Basic", CHALLENGE_BASIC, "", "", "" },
		{ "Bearer realm=\"https://auth.example/token\",service=\"registry.example\",scope=\"repository:a/b:pull\"", CHALLENGE_BEARER,
		  "https://auth.example/token", "registry.example", "repository:a/b:pull" },
		{ "  BEARER\trealm = \"r\" , scope=\"s\"", CHALLENGE_BEARER, "r", "", "s" },
		{ "Bearer realm=\"a\\\"b\\\\c\"", CHALLENGE_BEARER, "a\"b\\c", "", "" },
		{ "Bearer realm=\"r\",error=\"invalid_token\",service=s", CHALLENGE_BEARER, "r", "s", "" },
		/* Both offered: the token, whichever comes first. */
		{ "Basic realm=\"b\", Bearer realm=\"t\"", CHALLENGE_BEARER, "t", "", "" },
		{ "Bearer realm=\"t\", Basic realm=\"b\"", CHALLENGE_BEARER, "t", "", "" },
		{ "Negotiate, Basic realm=\"b\"", CHALLENGE_BASIC, "b", "", "" },
		{ "Digest nonce=\"n\"", CHALLENGE_NONE, "", "", "" },
		{ "", CHALLENGE_NONE, "", "", "" },
		{ ",,, ,", CHALLENGE_NONE, "", "", "" },
		/* Malformed: what cannot be read whole is not used. */
		{ "Bearer realm=\"open", CHALLENGE_NONE, "", "", "" },
		{ "Bearer realm=\"open\\", CHALLENGE_NONE, "", "", "" },
		{ "Bearer realm=\"t\" @", CHALLENGE_NONE, "", "", "" },
		{ "Basic realm=\"b\", Bearer realm=\"open", CHALLENGE_BASIC, "b", "", "" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct challenge challenge;
		challenge_parse(cases[i].value, &challenge);
		if ((int)challenge.kind != (int)cases[i].kind)
			fail_msg("%s is kind %d", cases[i].value, challenge.kind);
		assert_string_equal(challenge.realm, cases[i].realm);
		assert_string_equal(challenge.service, cases[i].service);
		assert_string_equal(challenge.scope, cases[i].scope);
	}
}

static void what_does_not_fit(void **state)
{
	char value[2048];
	struct challenge challenge;
	(void)state;

	snprintf(value, sizeof value, "Bearer realm=\"%01023d\"", 0);
	challenge_parse(value, &challenge);
	assert_int_equal(challenge.kind, CHALLENGE_BEARER);
	snprintf(value, sizeof value, "Bearer realm=\"%01024d\"", 0);
	challenge_parse(value, &challenge);
	assert_int_equal(challenge.kind, CHALLENGE_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds),
		cmocka_unit_test(what_does_not_fit),
	};

	return cmocka_run_group_tests_name("challenge", tests, NULL, NULL);
}
