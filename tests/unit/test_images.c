/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: tests/unit/stub_request.c daemon/api/images.c daemon/api/image.c daemon/api/defaults.c daemon/api/spec.c daemon/api/services.c daemon/api/confinement.c -lseccomp daemon/api/auth.c daemon/api/name.c daemon/api/page.c
// link: daemon/api/store.c -lsqlite3 -lcrypto
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/api/peer.h"
#include "daemon/api/resources.h"
#include "daemon/api/upload.h"
#include "tests/unit/stub_request.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbb"
#define TOKEN_A "111111111111111111111111"
#define TOKEN_AB "222222222222222222222222"
#define DIGEST "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"

/* The engine: keeps its last question. */
static uint32_t asked;
static char asked_digest[DIGEST_TEXT];
static peer_answer_cb *answer_cb;
static void *answer_data;

int peer_ask(struct peer *peer, uint32_t type, const void *payload, size_t size, int fd, int64_t timeout_ms,
	     peer_answer_cb *cb, void *data, struct error *err)
{
	(void)peer;
	(void)size;
	(void)fd;
	(void)timeout_ms;
	(void)err;
	asked = type;
	snprintf(asked_digest, sizeof asked_digest, "%s", ((const struct image_message *)payload)->digest);
	answer_cb = cb;
	answer_data = data;
	return 0;
}

int upload_finish(struct upload *upload, char ret_digest[DIGEST_TEXT], struct error *err)
{
	(void)upload;
	(void)err;
	strcpy(ret_digest, DIGEST);
	return 0;
}

int upload_reader(const struct upload *upload)
{
	(void)upload;
	return STDERR_FILENO;
}

static struct image_content_message content;

/* What the engine answers when it does not fail. */
static void content_set(const char *digest, const char *lower, const char *upper)
{
	content = (struct image_content_message){ .bytes = 50, .entries = 7, .layer_count = upper == NULL ? 1 : 2 };
	strcpy(content.digest, digest);
	strcpy(content.layers[0], lower);
	if (upper != NULL)
		strcpy(content.layers[1], upper);
}

static void engine_says(int code)
{
	struct message message = { .type = asked == MESSAGE_IMAGE_IMPORT ? MESSAGE_IMAGE_CONTENT : MESSAGE_RESULT, .payload = &content };
	struct error err = ERROR_INIT;

	asked = 0;
	if (code != 0)
		error_set(&err, code, "cannot open /secret/path");
	answer_cb(code == 0 ? &message : NULL, code == 0 ? NULL : &err, answer_data);
}

static void as(const char *token)
{
	stub.request.caller = (struct caller){ .role = CALLER_ADMIN, .platform = token == NULL };
	if (token != NULL)
		strcpy(stub.request.caller.token, token);
}

static int bench_open(void **state)
{
	(void)state;
	stub_open();
	stub.request.received = 1; /* a body came */
	stub_sql("INSERT INTO realms (id, name, sharing, created) VALUES (?1, ?1, 'realm', 1), ('" B "', 'b', 'realm', 1)", A);
	stub_sql("INSERT INTO tokens (id, name, hash, role, platform, created) VALUES (?1, '', x'00', 2, 0, 1),"
		 " ('" TOKEN_AB "', '', x'01', 2, 0, 1)", TOKEN_A);
	stub_sql("INSERT INTO token_realms (token, realm) VALUES (?1, '" A "'), ('" TOKEN_AB "', '" A "'),"
		 " ('" TOKEN_AB "', '" B "')", TOKEN_A);
	return 0;
}

static int bench_close(void **state)
{
	(void)state;
	stub_close();
	return 0;
}

static void image_add(const char *id, const char *realm)
{
	stub_sql("INSERT INTO images (id, realm, name, digest, bytes, entries, created) VALUES (?1, NULL, 'x', '" DIGEST "', 5, 6, 1)", id);
	stub_sql("INSERT INTO image_layers (image, position, digest) VALUES (?1, 0, '" DIGEST "')", id);
	if (realm != NULL)
		stub_sql(*realm == 'a' ? "UPDATE images SET realm = '" A "' WHERE id = ?1" :
					 "UPDATE images SET realm = '" B "' WHERE id = ?1", id);
}

static const char *shown(void)
{
	strcpy(stub.request.id, DIGEST);
	return stub_call(images_show, NULL) == 200 ? json_string_value(json_object_get(stub.body, "id")) : stub.code;
}

static void a_digest_means_one_image_or_none(void **state)
{
	(void)state;
	assert_string_equal(shown(), "not_found");
	image_add("of-b", B);
	assert_string_equal(shown(), "of-b");
	as(TOKEN_A);
	assert_string_equal(shown(), "not_found");
	image_add("of-a", A);
	assert_string_equal(shown(), "of-a");
	as(TOKEN_AB);
	assert_string_equal(shown(), "conflict");
	as(NULL);
	assert_string_equal(shown(), "conflict");
	assert_int_equal(stub_call(images_delete, NULL), 409);
	assert_int_equal(stub_count("SELECT count(*) FROM images"), 2);

	image_add("host", NULL);
	assert_string_equal(shown(), "host");
	as(TOKEN_A);
	assert_string_equal(shown(), "of-a");
	as(TOKEN_AB);
	assert_string_equal(shown(), "conflict");

	/* What a platform's admin deletes by digest is the host's, and only that. */
	as(NULL);
	assert_int_equal(stub_call(images_delete, NULL), 204);
	assert_int_equal(stub_count("SELECT count(*) FROM images WHERE realm IS NOT NULL"), 2);
	assert_int_equal(asked, 0); /* the layer is still used */
	strcpy(stub.request.id, "of-b");
	assert_int_equal(stub_call(images_delete, NULL), 204);
	strcpy(stub.request.id, "of-a");
	stub_call(images_delete, NULL);
	assert_int_equal(asked, MESSAGE_IMAGE_DELETE);
	engine_says(0);
	assert_int_equal(stub.status, 204);
}

static unsigned int head(const char *name, const char *realm)
{
	stub.name = name;
	stub.realm = realm;
	stub.request.realm[0] = '\0';
	return stub_call(images_create_head, NULL);
}

static void the_head_is_enough_to_refuse(void **state)
{
	(void)state;
	assert_int_equal(head(NULL, NULL), 400);
	assert_string_equal(stub.field, "name");
	assert_int_equal(head("A", NULL), 400);
	assert_string_equal(stub.field, "name");
	assert_int_equal(head("a", "x"), 404);
	assert_string_equal(stub.field, "realm");
	assert_int_equal(head("a", NULL), 0);
	assert_string_equal(stub.request.realm, "");
	assert_int_equal(head("a", B), 0);
	assert_string_equal(stub.request.realm, B);
	as(TOKEN_A);
	assert_int_equal(head("a", B), 404);
	assert_int_equal(head("a", NULL), 0);
	assert_string_equal(stub.request.realm, A);
	as(TOKEN_AB);
	assert_int_equal(head("a", NULL), 400);
	assert_string_equal(stub.field, "realm");
}

static void images_are_limited(void **state)
{
	static const char fill[] =
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < cast(?1 AS INTEGER))"
		" INSERT INTO images (id, realm, name, digest, bytes, entries, created)"
		" SELECT 'a' || i, '" A "', 'x', i, 1, 1, 1 FROM n";

	(void)state;
	stub_sql(fill, "255");
	assert_int_equal(head("a", A), 0);
	stub_sql("INSERT INTO images (id, realm, name, digest, bytes, entries, created) VALUES ('z', ?1, 'x', 'z', 1, 1, 1)", A);
	assert_int_equal(head("a", A), 409);
	assert_string_equal(stub.code, "limit");
	assert_int_equal(head("a", B), 0);
	assert_int_equal(head("a", NULL), 0);
	stub_sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1792)"
		 " INSERT INTO images (id, name, digest, bytes, entries, created) SELECT 'h' || i, ?1, 'h' || i, 1, 1, 1 FROM n", "x");
	assert_int_equal(head("a", B), 409);
	assert_int_equal(head("a", NULL), 409);
	assert_string_equal(stub.code, "limit");
}

static int64_t number(const char *key)
{
	return (int64_t)json_integer_value(json_object_get(stub.body, key));
}

static void an_archive_that_is_known_is_not_unpacked_again(void **state)
{
	(void)state;
	content_set(DIGEST, DIGEST, NULL);
	assert_int_equal(head("a", A), 0);
	assert_int_equal(stub_call(images_create, NULL), 0);
	assert_int_equal(asked, MESSAGE_IMAGE_IMPORT);
	engine_says(0);
	assert_int_equal(stub.status, 201);
	assert_int_equal(number("bytes"), 50);
	assert_true(json_is_null(json_object_get(stub.body, "config")));
	assert_int_equal(stub_call(images_create, NULL), 200);
	assert_int_equal(asked, 0);

	/* Of another realm: it has shown that it has the archive, and gets a row of its own. */
	assert_int_equal(head("b", B), 0);
	assert_int_equal(stub_call(images_create, NULL), 0);
	engine_says(0);
	assert_int_equal(stub.status, 201);
	assert_int_equal(stub_count("SELECT count(*) FROM images"), 2);
}

static const char *layer(size_t at)
{
	return json_string_value(json_array_get(json_object_get(stub.body, "layers"), at));
}

static void an_image_has_layers_and_a_config(void **state)
{
	(void)state;
	content_set("m1", "base", "app");
	content.described = 1;
	content.config = (struct image_config){ .command_size = 6, .environment_size = 8, .stop_signal = 3, .port = 8080 };
	memcpy(content.config.command, "sh\0-c\0", 6);
	memcpy(content.config.environment, "A=1\0A=2\0", 8);
	strcpy(content.config.user, "www");
	assert_int_equal(head("a", A), 0);
	stub_call(images_create, NULL);
	engine_says(0);
	assert_int_equal(stub.status, 201);
	assert_string_equal(json_string_value(json_object_get(stub.body, "digest")), "m1");
	assert_string_equal(layer(0), "base");
	assert_string_equal(layer(1), "app");
	char *config = json_dumps(json_object_get(stub.body, "config"), JSON_COMPACT);
	assert_string_equal(config, "{\"command\":[\"sh\",\"-c\"],\"environment\":{\"A\":\"2\"},\"user\":\"www\",\"cwd\":null,"
				    "\"stop_signal\":3,\"port\":8080}");
	free(config);

	/* The same image in another archive. */
	stub_call(images_create, NULL);
	engine_says(0);
	assert_int_equal(stub.status, 200);
	assert_int_equal(stub_count("SELECT count(*) FROM image_layers"), 2);
}

static void only_layers_of_no_other_image_go(void **state)
{
	char first[ID_TEXT];

	(void)state;
	assert_int_equal(head("a", A), 0);
	content_set("m1", "base", "app");
	stub_call(images_create, NULL);
	engine_says(0);
	snprintf(first, sizeof first, "%s", json_string_value(json_object_get(stub.body, "id")));
	content_set("m2", "base", "other");
	stub_call(images_create, NULL);
	engine_says(0);
	assert_int_equal(stub.status, 201);

	snprintf(stub.request.id, sizeof stub.request.id, "%s", first);
	stub_call(images_delete, NULL);
	assert_int_equal(asked, MESSAGE_IMAGE_DELETE);
	assert_string_equal(asked_digest, "app");
	engine_says(EIO); /* it goes when the engine is told next */
	assert_int_equal(asked, 0);
	assert_int_equal(stub.status, 204);

	strcpy(stub.request.id, "m2");
	stub_call(images_delete, NULL);
	assert_int_equal(asked, MESSAGE_IMAGE_DELETE);
	engine_says(0);
	assert_int_equal(asked, MESSAGE_IMAGE_DELETE);
	engine_says(0);
	assert_int_equal(stub.status, 204);
	assert_int_equal(stub_count("SELECT count(*) FROM image_layers"), 0);
}

static void only_the_archives_faults_are_the_clients(void **state)
{
	static const struct {
		int code;
		unsigned int status;
	} kinds[] = { { EINVAL, 400 }, { EBADMSG, 400 }, { EBUSY, 503 }, { ENOENT, 500 }, { EEXIST, 500 }, { EIO, 500 } };

	(void)state;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		assert_int_equal(head("a", A), 0);
		stub_call(images_create, NULL);
		engine_says(kinds[i].code);
		assert_int_equal(stub.status, kinds[i].status);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_open, bench_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_digest_means_one_image_or_none),
		TEST(the_head_is_enough_to_refuse),
		TEST(images_are_limited),
		TEST(an_archive_that_is_known_is_not_unpacked_again),
		TEST(an_image_has_layers_and_a_config),
		TEST(only_layers_of_no_other_image_go),
		TEST(only_the_archives_faults_are_the_clients),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
