/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_jwt: tokens. None that a fuzzer makes is signed; what is checked before the signature is what it looks for. */
// link: daemon/lib/jwt.c daemon/lib/jwt_key.c daemon/lib/base64.c -lcrypto
#include <stdint.h>
#include <stdlib.h>

#include "daemon/lib/error.h"
#include "daemon/lib/json.h"
#include "daemon/lib/jwt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct jwt_keys *keys;
	struct error err = ERROR_INIT;
	json_t *claims = NULL;
	int64_t expires;

	if (keys == NULL)
		keys = jwt_keys_secret("0123456789abcdef0123456789abcdef", &err);
	struct jwt_policy policy = { .keys = keys, .expiry_optional = true, .issuer = "me" };
	if (jwt_verify((const char *)data, size, &policy, 1800000000, &claims, &expires, &err) == 0) {
		if (!json_is_object(claims) || json_object_get(claims, "iss") == NULL)
			abort();
		json_decref(claims);
	} else if (err.code == 0 || claims != NULL) {
		abort();
	}
	return 0;
}
