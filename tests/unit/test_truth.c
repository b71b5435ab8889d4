/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/engine/truth.c daemon/engine/names.c daemon/engine/container.c daemon/engine/address.c
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/engine/copies.h"
#include "daemon/engine/container.h"
#include "daemon/engine/import.h"
#include "daemon/engine/layer.h"
#include "daemon/engine/truth.h"
#include "daemon/lib/hostcfg.h"

static struct hostcfg cfg;
static char folder[PATH_MAX];
static struct container_message web, db;
static unsigned sweeps, started, told_failed;
static bool keeps_a, keeps_b;
static int sweep_fails;

/* What sync asks of its neighbours; the folder is a real one. */
int lifecycle_start(struct container *c, uint64_t serial, struct error *err)
{
	(void)serial;
	(void)err;
	c->state = CONTAINER_STATE_RUNNING;
	started++;
	return 0;
}

static char copying[ID_TEXT];

bool copies_touch(const char *id)
{
	return strcmp(id, copying) == 0;
}

bool import_uses(const char digest[DIGEST_TEXT])
{
	return digest[0] == 'e';
}

int lifecycle_stop(struct container *c, uint32_t timeout_ms, uint64_t serial, struct error *err)
{
	(void)timeout_ms;
	(void)serial;
	(void)err;
	c->state = CONTAINER_STATE_STOPPED;
	return 0;
}

int lifecycle_delete(const char *id, uint64_t serial, struct error *err)
{
	char path[PATH_MAX], name[ID_TEXT];

	(void)serial;
	(void)err;
	snprintf(name, sizeof name, "%s", id);
	snprintf(path, sizeof path, "%.4000s/%s", folder, name);
	if (container_find(name) != NULL)
		container_forget(container_find(name));
	rmdir(path);
	return 0;
}

int lifecycle_revoke(struct container *c, uint64_t serial, struct error *err)
{
	c->state = CONTAINER_STATE_STOPPED;
	return lifecycle_delete(c->message.id, serial, err);
}

static char digest_a[DIGEST_TEXT], digest_b[DIGEST_TEXT];

int layer_sweep(struct loop *loop, bool (*keep)(const char digest[DIGEST_TEXT], void *data), void *data,
		struct error *err)
{
	(void)loop;
	sweeps++;
	keeps_a = keep(digest_a, data);
	keeps_b = keep(digest_b, data);
	return sweep_fails != 0 ? error_set(err, sweep_fails, "no sweep") : 0;
}

static void state_told(const struct container *c, const char *message)
{
	told_failed += c->state == CONTAINER_STATE_FAILED && message[0] != '\0';
}

static void folder_put(const char *id)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%.4000s/%s", folder, id);
	assert_int_equal(mkdir(path, 0700), 0);
}

static bool folder_is(const char *id)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%.4000s/%s", folder, id);
	return access(path, F_OK) == 0;
}

static int setup(void **state)
{
	(void)state;
	hostcfg_defaults(&cfg);
	memset(digest_a, 'a', DIGEST_TEXT - 1);
	memset(digest_b, 'b', DIGEST_TEXT - 1);
	web = (struct container_message){
		.id = "0123456789abcdef01234567", .project = "1123456789abcdef01234567",
		.realm = "2123456789abcdef01234567", .name = "web", .layer_count = 1,
		.wanted = CONTAINER_WANTED_RUNNING, .id_base = 2000000, .ipv4 = htonl(0x0a4d0010),
		.ipv6 = { 0xfd, 1 }, .cpu_weight = 100, .pids_max = 64,
	};
	memcpy(web.layers[0], digest_a, DIGEST_TEXT);
	db = web;
	memcpy(db.id, "f123456789abcdef01234567", ID_TEXT);
	db.id_base += 65536;
	db.ipv4 = htonl(0x0a4d0011);
	db.ipv6[15] = 1;
	sweeps = started = told_failed = 0;
	sweep_fails = 0;
	unit_folder_make(folder);
	folder_put(web.id);
	folder_put(db.id);
	truth_init(NULL, &cfg, folder, state_told);
	return 0;
}

static int teardown(void **state)
{
	struct image_message image = { 0 };
	struct container_message none = { 0 };
	struct error err = ERROR_INIT;

	(void)state;
	(void)truth_image(&image, &err); /* closes what a test left open */
	(void)truth_container(&none, &err);
	while (container_first() != NULL)
		container_forget(container_first());
	unit_folder_remove(folder);
	return 0;
}

static int containers_end(uint32_t count)
{
	struct container_message end = { .count = count };
	struct error err = ERROR_INIT;

	return truth_container(&end, &err);
}

static int images_end(uint64_t count)
{
	struct image_message end = { .count = count };
	struct error err = ERROR_INIT;

	return truth_image(&end, &err);
}

static void named(const struct container_message *message)
{
	struct error err = ERROR_INIT;

	assert_int_equal(truth_container(message, &err), 0);
}

static void image_named(const char *digest)
{
	struct image_message image = { 0 };
	struct error err = ERROR_INIT;

	memcpy(image.digest, digest, DIGEST_TEXT);
	assert_int_equal(truth_image(&image, &err), 0);
}

static void whole_list_starts_what_it_names_and_removes_the_rest(void **state)
{
	(void)state;
	truth_begin();
	named(&web);
	assert_int_equal(containers_end(1), 1);
	assert_int_equal(started, 1);
	assert_true(folder_is(web.id));
	assert_false(folder_is(db.id));
}

/* A new engine in the place of one that read the head. */
static void tail_of_another_list_is_ignored(void **state)
{
	(void)state;
	named(&db);
	assert_int_equal(containers_end(2), 0);
	assert_int_equal(images_end(0), 0);
	assert_true(folder_is(web.id) && folder_is(db.id));
	assert_int_equal(started + sweeps, 0);
	assert_null(container_first());
}

static void count_that_differs_removes_nothing(void **state)
{
	(void)state;
	truth_begin();
	named(&web);
	assert_int_equal(containers_end(2), -1);
	image_named(digest_a);
	assert_int_equal(images_end(0), -1);
	assert_true(folder_is(web.id) && folder_is(db.id));
	assert_int_equal(started + sweeps, 0);
	/* The list is over: what comes without a HELLO is not another one. */
	named(&web);
	assert_int_equal(containers_end(1), 0);
	assert_true(folder_is(db.id));
}

static void hello_begins_afresh(void **state)
{
	(void)state;
	truth_begin();
	named(&web);
	image_named(digest_b);
	truth_begin();
	image_named(digest_a);
	assert_int_equal(images_end(1), 1);
	assert_true(keeps_a);
	assert_false(keeps_b);
	named(&web);
	named(&db);
	assert_int_equal(containers_end(2), 1);
	assert_int_equal(started, 2);
}

static void container_that_fails_its_check_keeps_its_folder(void **state)
{
	(void)state;
	web.ipv4 = htonl(0xc0a80001); /* the pool was changed */
	truth_begin();
	named(&web);
	named(&db);
	assert_int_equal(containers_end(2), 1);
	assert_true(folder_is(web.id) && folder_is(db.id));
	assert_int_equal(told_failed, 1);
	assert_int_equal(started, 1);
	assert_null(container_find(web.id));
}

static void container_known_before_that_fails_its_check_is_not_started(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;

	assert_made(container_add(&web, &cfg, &err), &err);
	web.pids_max = 0;
	truth_begin();
	named(&web);
	named(&db);
	assert_int_equal(containers_end(2), 1);
	assert_true(folder_is(web.id));
	assert_int_equal(started, 1);
	assert_int_equal(told_failed, 1);
}

static void snapshots_are_in_the_list(void **state)
{
	struct container_id_message snapshot = { 0 };

	(void)state;
	memcpy(snapshot.id, db.id, sizeof snapshot.id);
	truth_snapshot(&snapshot); /* before it begins */
	truth_begin();
	truth_snapshot(&snapshot);
	named(&web);
	assert_int_equal(containers_end(1), -1); /* one was lost */
	assert_true(folder_is(db.id));
	truth_begin();
	truth_snapshot(&snapshot);
	named(&web);
	assert_int_equal(containers_end(2), 1);
	assert_true(folder_is(db.id));
	/* What is being made is in no list yet. */
	memcpy(copying, db.id, sizeof copying);
	truth_begin();
	named(&web);
	assert_int_equal(containers_end(1), 1);
	assert_true(folder_is(db.id));
	copying[0] = '\0';
	truth_begin();
	named(&web);
	assert_int_equal(containers_end(1), 1);
	assert_false(folder_is(db.id));
}

static void request_in_between_is_no_garbage(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;

	truth_begin();
	truth_keep_image(digest_b);
	assert_int_equal(images_end(0), 1);
	assert_false(keeps_a);
	assert_true(keeps_b);
	truth_keep_container(db.id);
	assert_made(container_add(&db, &cfg, &err), &err);
	assert_int_equal(containers_end(0), 1);
	assert_true(folder_is(db.id));
	assert_non_null(container_find(db.id));
	assert_false(folder_is(web.id));
}

static void failing_layer_sweep_leaves_the_containers_list_alone(void **state)
{
	(void)state;
	sweep_fails = EIO;
	truth_begin();
	assert_int_equal(images_end(0), -1);
	named(&web);
	assert_int_equal(containers_end(1), 1);
	assert_int_equal(started, 1);
}

static void many_images_are_taken(void **state)
{
	(void)state;
	char digest[DIGEST_TEXT];

	truth_begin();
	image_named(digest_a);
	for (unsigned i = 0; i < 10000; i++) {
		snprintf(digest, sizeof digest, "%064x", i * 7919 % 10000);
		image_named(digest);
	}
	image_named(digest_a);
	assert_int_equal(images_end(10002), 1);
	assert_true(keeps_a);
	assert_false(keeps_b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(whole_list_starts_what_it_names_and_removes_the_rest, setup, teardown),
		cmocka_unit_test_setup_teardown(tail_of_another_list_is_ignored, setup, teardown),
		cmocka_unit_test_setup_teardown(count_that_differs_removes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(hello_begins_afresh, setup, teardown),
		cmocka_unit_test_setup_teardown(container_that_fails_its_check_keeps_its_folder, setup, teardown),
		cmocka_unit_test_setup_teardown(container_known_before_that_fails_its_check_is_not_started, setup,
						teardown),
		cmocka_unit_test_setup_teardown(request_in_between_is_no_garbage, setup, teardown),
		cmocka_unit_test_setup_teardown(snapshots_are_in_the_list, setup, teardown),
		cmocka_unit_test_setup_teardown(failing_layer_sweep_leaves_the_containers_list_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(many_images_are_taken, setup, teardown),
	};
	return cmocka_run_group_tests_name("sync", tests, NULL, NULL);
}
