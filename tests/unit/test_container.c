/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/engine/container.c daemon/engine/address.c
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <errno.h>

#include "daemon/engine/container.h"
#include "daemon/lib/hostcfg.h"

static struct hostcfg cfg;
static struct container_message good;

static int setup(void **state)
{
	(void)state;
	hostcfg_defaults(&cfg);
	good = (struct container_message){
		.id = "0123456789abcdef01234567",
		.project = "1123456789abcdef01234567",
		.realm = "2123456789abcdef01234567",
		.name = "web-1",
		.layer_count = 1,
		.wanted = CONTAINER_WANTED_RUNNING,
		.id_base = 2000000,
		.ipv4 = htonl(0x0a4d0010),
		.ipv6 = { 0xfd, 1 },
		.memory_max = 64 << 20,
		.cpu_weight = 100,
		.pids_max = 64,
	};
	memset(good.layers[0], 'a', DIGEST_TEXT - 1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	while (container_first() != NULL)
		container_forget(container_first());
	return 0;
}

static void words(char *array, uint32_t *size, const char *text, uint32_t length)
{
	memcpy(array, text, length);
	*size = length;
}

static void expect_field(const struct container_message *message, const char *field)
{
	struct error err = ERROR_INIT;

	if (container_check(message, &cfg, &err) == 0)
		fail_msg("took a message with a bad %s", field);
	assert_int_equal(err.code, EINVAL);
	assert_string_equal(err.field, field);
	assert_true(err.message[0] != '\0');
}

static void good_message_passes(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;

	assert_ok(container_check(&good, &cfg, &err), &err);
	words(good.command, &good.command_size, "/bin/sh\0-c\0", 11);
	words(good.environment, &good.environment_size, "A=b\0C=", 7);
	assert_ok(container_check(&good, &cfg, &err), &err);
}

#define REFUSED(change, field) \
	do { \
		struct container_message saved = good; \
		change; \
		expect_field(&good, field); \
		good = saved; \
	} while (0)

static void each_bad_value_is_named(void **state)
{
	(void)state;
	REFUSED(good.id[0] = '/', "id");
	REFUSED(good.realm[3] = '.', "id");
	REFUSED(good.project[0] = '\0', "id");
	REFUSED(strcpy(good.name, "-a"), "name");
	REFUSED(strcpy(good.name, "a-"), "name");
	REFUSED(strcpy(good.name, "../x"), "name");
	REFUSED(strcpy(good.name, "A"), "name");
	REFUSED(good.name[0] = '\0', "name");
	REFUSED(good.layer_count = 0, "layers");
	REFUSED(good.layer_count = CONTAINER_LAYERS_MAX + 1, "layers");
	REFUSED(good.layers[0][5] = '/', "layers");
	REFUSED(good.layer_count = 2, "layers");
	REFUSED(good.wanted = 2, "wanted");
	REFUSED(good.id_base = 1000000, "id_base");
	REFUSED(good.ipv4 = htonl(0x7f000001), "ipv4");
	REFUSED(good.ipv6[0] = 0xfe, "ipv6");
	REFUSED(good.memory_max = 4096, "memory_max");
	REFUSED(good.memory_high = 4096, "memory_high");
	REFUSED(good.memory_high = good.memory_max + 1, "memory_high");
	REFUSED(good.disk_max = UINT64_MAX, "limits");
	REFUSED(good.cpu_weight = 0, "cpu_weight");
	REFUSED(good.cpu_weight = 10001, "cpu_weight");
	REFUSED(good.cpu_percent = UINT32_MAX, "cpu_percent");
	REFUSED(good.pids_max = 0, "pids_max");
}

static void packed_words_stay_in_their_room(void **state)
{
	(void)state;
	REFUSED(good.command_size = COMMAND_MAX + 1, "command");
	REFUSED(words(good.command, &good.command_size, "/bin/sh", 7), "command"); /* no end */
	REFUSED(words(good.command, &good.command_size, "\0a", 3), "command");     /* no program */
	REFUSED(good.environment_size = UINT32_MAX, "environment");
	REFUSED(words(good.environment, &good.environment_size, "A=b", 3), "environment");
	REFUSED(words(good.environment, &good.environment_size, "PATH", 5), "environment");
	REFUSED(words(good.environment, &good.environment_size, "=x", 3), "environment");
	REFUSED(words(good.environment, &good.environment_size, "A=b\nlxc.x = y", 14), "environment");
}

static void neighbours_share_nothing(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;

	assert_made(container_add(&good, &cfg, &err), &err);
	assert_ok(container_check(&good, &cfg, &err), &err); /* not its own neighbour */

	struct container_message other = good;
	other.id[0] = 'f';
	expect_field(&other, "id_base");
	other.id_base += 65536;
	expect_field(&other, "ipv4");
	other.ipv4 = htonl(0x0a4d0011);
	expect_field(&other, "ipv6");
	other.ipv6[15] = 1;
	assert_ok(container_check(&other, &cfg, &err), &err);
	other.id[0] = '0';
	other.id[20] = 'f'; /* the first ten digits agree: so would the link's name */
	expect_field(&other, "id");
}

static void table_finds_counts_and_forgets(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	struct container *c = container_add(&good, &cfg, &err);

	assert_made(c, &err);
	assert_ptr_equal(container_find(good.id), c);
	assert_null(container_find("ffffffffffffffffffffffff"));
	assert_int_equal(container_running(), 0);
	c->state = CONTAINER_STATE_RUNNING;
	assert_int_equal(container_running(), 1);
	assert_true(container_uses(good.layers[0]));
	assert_false(container_uses("b"));
	container_forget(c);
	assert_null(container_find(good.id));
	assert_false(container_uses(good.layers[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(good_message_passes, setup, teardown),
		cmocka_unit_test_setup_teardown(each_bad_value_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(packed_words_stay_in_their_room, setup, teardown),
		cmocka_unit_test_setup_teardown(neighbours_share_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(table_finds_counts_and_forgets, setup, teardown),
	};
	return cmocka_run_group_tests_name("container", tests, NULL, NULL);
}
