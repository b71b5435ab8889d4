/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: initramfs/luks.c initramfs/recovery.c initramfs/signature.c -lcryptsetup -lblkid -Wl,--wrap=crypt_activate_by_passphrase
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

#include <libcryptsetup.h>

#include "daemon/lib/secret.h"
#include "initramfs/luks.h"
#include "initramfs/signature.h"
#include "initramfs/work.h"

/* A passphrase that could be a recovery key: 48 letters and digits, and one in another spelling. */
#define LOOKALIKE "Correct0horse0battery0staple0and0more0of0it00000"
#define RECOVERY "abcdef-abcdef-abcdef-abcdef-abcdef-abcdef-abcdef-abcdef"

int __real_crypt_activate_by_passphrase(struct crypt_device *device, const char *name, int slot, const char *passphrase,
					size_t size, uint32_t flags);
int __wrap_crypt_activate_by_passphrase(struct crypt_device *device, const char *name, int slot, const char *passphrase,
					size_t size, uint32_t flags);

/* Without a name the passphrase is checked and nothing mapped: units run where there is no device mapper. */
int __wrap_crypt_activate_by_passphrase(struct crypt_device *device, const char *name, int slot, const char *passphrase,
					size_t size, uint32_t flags)
{
	(void)name;
	return __real_crypt_activate_by_passphrase(device, NULL, slot, passphrase, size, flags);
}

void work_progress(const char *fmt, ...)
{
	(void)fmt;
}

static char folder[PATH_MAX], path[PATH_MAX + 8];

static int setup(void **state)
{
	(void)state;
	unit_folder_make(folder);
	snprintf(path, sizeof path, "%s/data", folder);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 32 << 20), 0);
	close(fd);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unit_folder_remove(folder);
	return 0;
}

/* passphrase, recovery: NULL: no such slot. */
static void container_make(const char *type, const char *subsystem, const char *passphrase, const char *recovery)
{
	static const struct crypt_pbkdf_type cheap = {
		.type = CRYPT_KDF_PBKDF2, .hash = "sha256", .iterations = 1000, .flags = CRYPT_PBKDF_NO_BENCHMARK,
	};
	struct crypt_params_luks2 params = { .pbkdf = &cheap, .sector_size = 512, .label = "bulkhead-data",
					     .subsystem = subsystem };
	struct crypt_device *device;

	assert_int_equal(crypt_init(&device, path), 0);
	if (strcmp(type, CRYPT_LUKS1) == 0)
		assert_int_equal(crypt_set_pbkdf_type(device, &cheap), 0);
	assert_int_equal(crypt_format(device, type, "aes", "xts-plain64", NULL, NULL, 64,
				      strcmp(type, CRYPT_LUKS2) == 0 ? &params : NULL), 0);
	if (passphrase != NULL)
		assert_int_equal(crypt_keyslot_add_by_volume_key(device, LUKS_SLOT_PASSPHRASE, NULL, 0, passphrase,
								 strlen(passphrase)), LUKS_SLOT_PASSPHRASE);
	if (recovery != NULL)
		assert_int_equal(crypt_keyslot_add_by_volume_key(device, LUKS_SLOT_RECOVERY, NULL, 0, recovery,
								 strlen(recovery)), LUKS_SLOT_RECOVERY);
	crypt_free(device);
}

static enum unlock_code open_with(const char *text, bool *ret_recovery)
{
	struct error err = ERROR_INIT;
	struct secret *passphrase = secret_new(512, &err);

	assert_made(passphrase, &err);
	assert_ok(secret_append(passphrase, text, strlen(text), &err), &err);
	*ret_recovery = false;
	enum unlock_code code = luks_open(path, passphrase, ret_recovery, &err);
	secret_free(passphrase);
	assert_true((code == UNLOCK_CODE_OPENED) == (err.message[0] == '\0'));
	return code;
}

static void either_key_opens(void **state)
{
	(void)state;
	bool recovery;

	container_make(CRYPT_LUKS2, "bulkhead", "correct horse battery", RECOVERY);
	assert_int_equal(open_with("correct horse battery", &recovery), UNLOCK_CODE_OPENED);
	assert_false(recovery);
	assert_int_equal(open_with(RECOVERY, &recovery), UNLOCK_CODE_OPENED);
	assert_true(recovery);
	/* As copied from paper. */
	assert_int_equal(open_with("ABCDEF ABCDEF ABCDEF ABCDEF ABCDEF ABCDEF ABCDEFABCDEF", &recovery), UNLOCK_CODE_OPENED);
	assert_true(recovery);
	assert_int_equal(open_with("correct horse", &recovery), UNLOCK_CODE_WRONG);
	assert_int_equal(open_with("bbcdef-abcdef-abcdef-abcdef-abcdef-abcdef-abcdef-abcdef", &recovery),
			 UNLOCK_CODE_WRONG);
}

static void a_passphrase_may_look_like_a_recovery_key(void **state)
{
	(void)state;
	char spelt[RECOVERY_TEXT];
	bool recovery;

	assert_int_equal(strlen(LOOKALIKE), RECOVERY_SYMBOLS);
	assert_true(recovery_normalise(LOOKALIKE, strlen(LOOKALIKE), spelt));
	container_make(CRYPT_LUKS2, "bulkhead", LOOKALIKE, RECOVERY);
	assert_int_equal(open_with(LOOKALIKE, &recovery), UNLOCK_CODE_OPENED);
	assert_false(recovery);
	assert_int_equal(open_with(spelt, &recovery), UNLOCK_CODE_WRONG); /* it is no recovery key */
}

static enum luks_state probe(void)
{
	enum luks_state found = LUKS_STATE_NONE;
	struct error err = ERROR_INIT;

	assert_ok(luks_probe(path, &found, &err), &err);
	return found;
}

static void junk(off_t offset, size_t size)
{
	static char bytes[65536];
	int fd = open(path, O_RDWR | O_CLOEXEC);

	memset(bytes, 0x5a, sizeof bytes);
	assert_int_equal(pwrite(fd, bytes, size, offset), (ssize_t)size);
	close(fd);
}

static void what_is_there_is_told_apart(void **state)
{
	(void)state;
	bool recovery;

	assert_int_equal(probe(), LUKS_STATE_NONE);
	container_make(CRYPT_LUKS2, "unfinished", "correct horse battery", NULL);
	assert_int_equal(probe(), LUKS_STATE_UNFINISHED);
	container_make(CRYPT_LUKS2, "bulkhead", NULL, NULL);
	assert_int_equal(probe(), LUKS_STATE_NO_KEY_SLOT);
	assert_int_equal(open_with("correct horse battery", &recovery), UNLOCK_CODE_NO_KEY_SLOT);
	container_make(CRYPT_LUKS2, "bulkhead", "correct horse battery", NULL);
	assert_int_equal(probe(), LUKS_STATE_READY);
	/* One copy of the header is enough; without either it is damaged, not gone. */
	junk(4096, 12288);
	assert_int_equal(probe(), LUKS_STATE_READY);
	junk(4096, 12288);
	junk(16384 + 4096, 12288);
	assert_int_equal(probe(), LUKS_STATE_DAMAGED);
	assert_int_equal(open_with("correct horse battery", &recovery), UNLOCK_CODE_CORRUPT);
	junk(0, 65536);
	assert_int_equal(probe(), LUKS_STATE_NONE);
}

static void luks1_is_somebody_elses(void **state)
{
	(void)state;
	container_make(CRYPT_LUKS1, NULL, "correct horse battery", NULL);
	assert_int_equal(probe(), LUKS_STATE_NONE);
}

/* What 'enroll --wipe' does to a leftover: neither copy of the header may bring it back. */
static void a_wipe_ends_both_headers(void **state)
{
	(void)state;
	char text[SIGNATURE_TEXT];
	struct error err = ERROR_INIT;

	container_make(CRYPT_LUKS2, "bulkhead", "correct horse battery", NULL);
	assert_ok(signature_wipe(path, &err), &err);
	assert_int_equal(probe(), LUKS_STATE_NONE);
	assert_ok(signature_find(path, text, &err), &err);
	assert_string_equal(text, "");
}

static void a_device_that_cannot_be_read_is_not_damaged(void **state)
{
	(void)state;
	enum luks_state found;
	struct error err = ERROR_INIT;
	bool recovery;

	assert_int_equal(unlink(path), 0);
	assert_int_equal(luks_probe(path, &found, &err), -1);
	assert_int_equal(open_with("correct horse battery", &recovery), UNLOCK_CODE_NO_DISK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(either_key_opens, setup, teardown),
		cmocka_unit_test_setup_teardown(a_passphrase_may_look_like_a_recovery_key, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_there_is_told_apart, setup, teardown),
		cmocka_unit_test_setup_teardown(luks1_is_somebody_elses, setup, teardown),
		cmocka_unit_test_setup_teardown(a_wipe_ends_both_headers, setup, teardown),
		cmocka_unit_test_setup_teardown(a_device_that_cannot_be_read_is_not_damaged, setup, teardown),
	};
	return cmocka_run_group_tests_name("luks", tests, NULL, NULL);
}
