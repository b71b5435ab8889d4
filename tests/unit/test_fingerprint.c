/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: initramfs/fingerprint.c -lcrypto
#include "tests/unit/unit.h"

#include "daemon/lib/hostcfg.h"
#include "initramfs/fingerprint.h"

/* ssh-keygen made these keys and, with -lf, their fingerprints. */
static void it_is_what_ssh_keygen_says(void **state)
{
	(void)state;
	char text[FINGERPRINT_TEXT];

	assert_true(fingerprint_of_key("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJVkis3jygqACmzgqCp3v4oQmtODz2t9rzgxIO1eQtle a comment", text));
	assert_string_equal(text, "SHA256:TUdF7NU60m4vd1rHwoq65klut9QiQUeBo5mD7VO+2/U");
	assert_true(fingerprint_of_key("ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBF7cDKJtsVY5jALSMrc7HWNOt2H1MMsKg3dgAjKG0ygia8U+mtMGBSb/j/VS8O34DU3KnDdPe1dTbHQ+Z4Pfy+M=", text));
	assert_string_equal(text, "SHA256:/Exi1Th/v3kt8woV/TIpR1ezN4CKEjfFSuDLlg3dCk0");
}

static void other_lines_have_none(void **state)
{
	(void)state;
	char text[FINGERPRINT_TEXT], longest[HOSTCFG_KEY_MAX + 20] = "ssh-rsa ";

	assert_false(fingerprint_of_key("", text));
	assert_false(fingerprint_of_key("ssh-ed25519", text));
	assert_false(fingerprint_of_key("ssh-ed25519 !!!!", text));
	assert_false(fingerprint_of_key("ssh-ed25519 AAA", text));
	/* The longest a config can hold: valid base64, any content. */
	memset(longest + 8, 'A', HOSTCFG_KEY_MAX - 8);
	assert_true(fingerprint_of_key(longest, text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_what_ssh_keygen_says),
		cmocka_unit_test(other_lines_have_none),
	};
	return cmocka_run_group_tests_name("fingerprint", tests, NULL, NULL);
}
