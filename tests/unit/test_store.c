/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/api/store.c daemon/api/allocate.c -lsqlite3
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include "daemon/api/allocate.h"
#include "daemon/api/store.h"
#include "daemon/lib/error.h"

static struct store *open_memory(void)
{
	struct error err = ERROR_INIT;
	struct store *store = store_open(":memory:", &err);

	assert_non_null(store);
	return store;
}

static int realm_add(struct store *store, const char *id, const char *name, struct error *err)
{
	return store_run(store, err, "INSERT INTO realms (id, name, sharing, created) VALUES (?, ?, 'none', ?)", "ssi", id,
			 name, INT64_C(1));
}

static void constraints_have_their_own_codes(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	struct store *store = open_memory();

	assert_int_equal(realm_add(store, "r1", "a", &err), 1);
	assert_int_equal(realm_add(store, "r2", "a", &err), -1);
	assert_int_equal(err.code, EEXIST);
	assert_int_equal(store_run(store, &err, "INSERT INTO projects (id, realm, name, created) VALUES ('p', 'r1', 'x', 1)", ""), 1);
	assert_int_equal(store_run(store, &err, "DELETE FROM realms WHERE id = ?", "s", "r1"), -1);
	assert_int_equal(err.code, EBUSY);
	assert_int_equal(store_run(store, &err, "no such statement", ""), -1);
	assert_int_equal(err.code, EIO);
	store_close(store);
}

/* A container may fill the disk: what frees it must still be noted, by this process and the next. */
static void a_full_disk_takes_small_changes(void **state)
{
	(void)state;
	char folder[] = "/tmp/test-store.XXXXXX", path[64], hog[64];
	struct error err = ERROR_INIT;
	static char block[65536];
	int64_t count;

	assert_non_null(mkdtemp(folder));
	if (mount("tmpfs", folder, "tmpfs", MS_NOSUID | MS_NODEV, "size=24m") == -1) {
		rmdir(folder);
		skip(); /* not root */
	}
	snprintf(path, sizeof path, "%s/state.db", folder);
	snprintf(hog, sizeof hog, "%s/hog", folder);
	struct store *store = store_open(path, &err);
	assert_non_null(store);
	assert_int_equal(realm_add(store, "r1", "a", &err), 1);
	int fd = open(hog, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	for (size_t size = sizeof block; size > 0; size /= 2)
		while (write(fd, block, size) > 0)
			;
	assert_int_equal(errno, ENOSPC);
	close(fd);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 100; i++) {
			char name[32];
			snprintf(name, sizeof name, "round%d-%d", round, i);
			assert_int_equal(realm_add(store, name, name, &err), 1);
		}
		assert_int_equal(store_run(store, &err, "UPDATE realms SET sharing = 'realm'", ""), 100 * (round + 1) + 1);
		store_close(store);
		store = store_open(path, &err);
		assert_non_null(store);
	}
	assert_int_equal(store_number(store, &err, -1, &count, "SELECT count(*) FROM realms", ""), 0);
	assert_int_equal(count, 201);
	store_close(store);
	assert_int_equal(umount(folder), 0);
	assert_int_equal(rmdir(folder), 0);
}

static void a_rollback_undoes(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	struct store *store = open_memory();
	int64_t count;

	store_rollback(store); /* harmless */
	assert_int_equal(store_begin(store, &err), 0);
	assert_int_equal(realm_add(store, "r1", "a", &err), 1);
	store_rollback(store);
	assert_int_equal(store_number(store, &err, -1, &count, "SELECT count(*) FROM realms", ""), 0);
	assert_int_equal(count, 0);
	store_close(store);
}

static void a_file_keeps_what_was_committed(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	char folder[] = "/tmp/store.XXXXXX", path[64], side[80];
	int64_t count;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/state.db", folder);
	struct store *store = store_open(path, &err);
	assert_non_null(store);
	assert_int_equal(realm_add(store, "r1", "a", &err), 1);
	store_close(store);
	store = store_open(path, &err);
	assert_non_null(store);
	assert_int_equal(store_number(store, &err, 0, &count, "SELECT count(*) FROM realms", ""), 0);
	assert_int_equal(count, 1);
	assert_true(store_run(store, &err, "PRAGMA user_version = 1000", "") >= 0);
	store_close(store);
	/* A downgrade must not touch what it does not understand. */
	assert_null(store_open(path, &err));
	assert_non_null(strstr(err.message, "newer"));
	unlink(path);
	snprintf(side, sizeof side, "%s-wal", path);
	unlink(side);
	rmdir(folder);
}

static struct hostcfg_address pool(const char *text, uint8_t prefix)
{
	struct hostcfg_address address = { .family = AF_INET, .prefix = prefix };

	inet_pton(AF_INET, text, &address.v4);
	return address;
}

static void addresses_go_round(void **state)
{
	(void)state;
	struct hostcfg_address small = pool("10.77.0.0", 24);

	assert_int_equal(allocate_next_ipv4(&small, 0), 0x0a4d0002);
	assert_int_equal(allocate_next_ipv4(&small, 0x0a4d0002), 0x0a4d0003);
	assert_int_equal(allocate_next_ipv4(&small, 0x0a4d00fd), 0x0a4d00fe);
	assert_int_equal(allocate_next_ipv4(&small, 0x0a4d00fe), 0x0a4d0002);
	/* After the pool was changed in the host config. */
	assert_int_equal(allocate_next_ipv4(&small, 0xc0a80001), 0x0a4d0002);
}

static void the_ipv6_address_is_the_prefix_and_the_id(void **state)
{
	(void)state;
	static const uint8_t prefix[6] = { 0xfd, 1, 2, 3, 4, 5 };
	static const uint8_t wanted[16] = { 0xfd, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 };
	uint8_t ipv6[16];

	allocate_ipv6(prefix, "000102030405060708090a0b", ipv6);
	assert_memory_equal(ipv6, wanted, 16);
}

static void container_add(struct store *store, const char *id, const struct allocation *allocation)
{
	struct error err = ERROR_INIT;

	assert_int_equal(store_run(store, &err,
				   "INSERT INTO containers (id, name, wanted, id_base, ipv4, ipv6, port, command, environment,"
				   " memory_max, swap_max, disk_max, cpu_percent, cpu_weight, pids_max, merge, created)"
				   " VALUES (?, ?, 1, ?, ?, ?, 80, '', '{}', 0, 0, 0, 0, 1, 1, 0, 0)",
				   "ssiib", id, id, (int64_t)allocation->id_base, (int64_t)allocation->ipv4, allocation->ipv6,
				   sizeof allocation->ipv6), 1);
}

static void nothing_is_given_twice(void **state)
{
	(void)state;
	struct hostcfg_address small = pool("10.77.0.0", 29); /* .2 to .6 */
	struct error err = ERROR_INIT;
	struct store *store = open_memory();
	struct allocation given[5], more;
	char id[ID_TEXT];

	for (int i = 0; i < 5; i++) {
		memset(id, '0' + i, ID_TEXT - 1); /* the first digits make the address */
		id[ID_TEXT - 1] = '\0';
		assert_int_equal(allocate(store, &small, id, 1000, &given[i], &err), 0);
		container_add(store, id, &given[i]);
		for (int k = 0; k < i; k++) {
			assert_int_not_equal(given[i].ipv4, given[k].ipv4);
			assert_int_not_equal(given[i].id_base, given[k].id_base);
			assert_memory_equal(given[i].ipv6, given[k].ipv6, 6);
		}
		assert_int_equal((given[i].id_base - ALLOCATE_ID_FIRST) % ALLOCATE_ID_RANGE, 0);
	}
	assert_int_equal(allocate(store, &small, "900000000000000000000000", 1000, &more, &err), -1);
	assert_int_equal(err.code, EAGAIN);

	/* A freed address rests. */
	assert_int_equal(store_run(store, &err, "DELETE FROM containers WHERE id_base = ?", "i", (int64_t)given[2].id_base), 1);
	assert_int_equal(allocate_release(store, given[2].ipv4, 1000, &err), 0);
	assert_int_equal(allocate(store, &small, "900000000000000000000000", 1000 + ALLOCATE_QUARANTINE_MS - 1, &more, &err), -1);
	assert_int_equal(allocate(store, &small, "900000000000000000000000", 1000 + ALLOCATE_QUARANTINE_MS, &more, &err), 0);
	assert_int_equal(more.ipv4, given[2].ipv4);
	store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(constraints_have_their_own_codes),
		cmocka_unit_test(a_full_disk_takes_small_changes),
		cmocka_unit_test(a_rollback_undoes),
		cmocka_unit_test(a_file_keeps_what_was_committed),
		cmocka_unit_test(addresses_go_round),
		cmocka_unit_test(the_ipv6_address_is_the_prefix_and_the_id),
		cmocka_unit_test(nothing_is_given_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
