/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pages FILE - the memory of a virtual machine, as QEMU keeps it in a file: "USED DISTINCT", the number of 4 KiB pages that are not
 * all zero, and how many different contents they have. Our kernel zeroes what it frees (init_on_free), so that used is what is in
 * use, page cache and the kernel's own included; distinct is what would be left if equal pages were one, everywhere.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

enum { PAGE = 4096, DIGEST = 32 };

static const unsigned char zero[PAGE];

/* An open-addressed set of the first 16 bytes of digests; all zero: free. */
static unsigned char (*set)[16];
static size_t set_mask;

static bool set_add(const unsigned char *digest)
{
	uint64_t at;

	memcpy(&at, digest, sizeof at);
	for (;; at++) {
		unsigned char *slot = set[at & set_mask];
		if (memcmp(slot, digest, sizeof set[0]) == 0)
			return false;
		if (memcmp(slot, zero, sizeof set[0]) == 0) {
			memcpy(slot, digest, sizeof set[0]);
			return true;
		}
	}
}

int main(int argc, char **argv)
{
	struct stat status;
	size_t used = 0, distinct = 0, slots = 1;
	int fd = argc == 2 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;

	if (fd == -1 || fstat(fd, &status) == -1) {
		fprintf(stderr, "pages: cannot open %s\n", argc == 2 ? argv[1] : "nothing: give one file");
		return 2;
	}
	while (slots < 2 * (size_t)status.st_size / PAGE)
		slots *= 2;
	set_mask = slots - 1;
	set = calloc(slots, sizeof *set);
	const unsigned char *ram = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (set == NULL || ram == MAP_FAILED) {
		perror("pages");
		return 1;
	}
	/* What the machine never touched is a hole, and reading it would fill it. */
	for (off_t from = 0, to = 0; (from = lseek(fd, to, SEEK_DATA)) != -1;) {
		to = lseek(fd, from, SEEK_HOLE);
		for (off_t at = from; at + PAGE <= to; at += PAGE) {
			unsigned char digest[DIGEST];
			unsigned int size;
			if (memcmp(ram + at, zero, PAGE) == 0)
				continue;
			used++;
			if (EVP_Digest(ram + at, PAGE, digest, &size, EVP_sha256(), NULL) != 1)
				return 1;
			distinct += set_add(digest);
		}
	}
	printf("%zu %zu\n", used, distinct);
	return 0;
}
