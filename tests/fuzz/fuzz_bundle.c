/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_bundle: an uploaded archive of layers. What it is said to hold lies within the file. */
// link: daemon/engine/bundle.c daemon/engine/member.c daemon/engine/stream.c -larchive -lcrypto
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/engine/bundle.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"

enum { BYTES_MAX = 1 << 22 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct bundle bundle;
	struct error err = ERROR_INIT;
	struct stat st;

	cleanup_fd int fd = memfd_create("archive", MFD_CLOEXEC), scratch = memfd_create("scratch", MFD_CLOEXEC);
	require(fd != -1 && scratch != -1 && fd_write_full(fd, data, size) == 0);
	const struct slice archive = { .fd = fd, .size = size };
	require(bundle_prepare(&err) == 0);
	int result = bundle_read(&archive, scratch, BYTES_MAX, &bundle, &err);
	require(result == 0 || (result == -1 && err.code != 0 && err.message[0] != '\0'));
	if (result == -1 || bundle.content.layer_count == 0)
		return 0;
	require(fstat(bundle.unpacked ? scratch : fd, &st) == 0 && st.st_size <= BYTES_MAX);
	require(bundle.content.layer_count <= CONTAINER_LAYERS_MAX && hex_valid(bundle.content.digest, DIGEST_TEXT - 1));
	for (uint32_t i = 0; i < bundle.content.layer_count; i++) {
		require(hex_valid(bundle.content.layers[i], DIGEST_TEXT - 1));
		require(bundle.tars[i].size <= (uint64_t)st.st_size && bundle.tars[i].offset <= (uint64_t)st.st_size - bundle.tars[i].size);
	}
	return 0;
}
