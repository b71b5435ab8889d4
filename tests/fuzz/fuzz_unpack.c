/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_unpack: a layer of an uploaded image. Whatever it holds, nothing but files, folders, links, pipes and deletions may come of it. */
// link: daemon/engine/unpack.c daemon/engine/stream.c daemon/engine/whiteout.c -larchive -lcrypto -lseccomp
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/engine/unpack.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"

enum { BYTES_MAX = 1 << 20, ENTRIES_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static int entry_look(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)kind;
	require(S_ISREG(st->st_mode) || S_ISDIR(st->st_mode) || S_ISLNK(st->st_mode) || S_ISFIFO(st->st_mode) ||
		(S_ISCHR(st->st_mode) && st->st_rdev == 0));
	if (at->level > 0)
		(void)remove(path);
	return 0;
}

static int opaque(int fd, void *data, struct error *err)
{
	struct stat st;

	(void)data;
	(void)err;
	require(fstat(fd, &st) == 0 && S_ISDIR(st.st_mode));
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char folder[PATH_MAX];
	struct error err = ERROR_INIT;
	struct unpack_result result = { 0 };
	cleanup_fd int home = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_fd int fd = memfd_create("tar", MFD_CLOEXEC);

	if (folder[0] == '\0') {
		snprintf(folder, sizeof folder, "/tmp/bulkhead-fuzz.XXXXXX");
		require(mkdtemp(folder) != NULL);
	}
	require(home != -1 && (mkdir(folder, 0700) == 0 || access(folder, W_OK) == 0) && chdir(folder) == 0);
	require(fd_write_full(fd, data, size) == 0 && lseek(fd, 0, SEEK_SET) == 0);

	const struct unpack unpack = {
		.tar = { .fd = fd, .size = size }, .bytes_max = BYTES_MAX, .entries_max = ENTRIES_MAX, .layer = true, .opaque = opaque,
	};
	require(unpack_prepare(&err) == 0);
	int rc = unpack_tar(&unpack, &result, &err);
	require(rc == 0 || (rc == -1 && err.code != 0 && err.message[0] != '\0'));
	require(rc == -1 || (result.bytes <= BYTES_MAX && result.entries <= ENTRIES_MAX &&
			     hex_valid(result.digest, DIGEST_TEXT - 1)));

	require(fchdir(home) == 0);
	require(nftw(folder, entry_look, 16, FTW_PHYS | FTW_DEPTH) == 0);
	(void)rmdir(folder);
	return 0;
}
