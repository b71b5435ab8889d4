/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * driver: runs a fuzz target without libFuzzer.
 *
 *	fuzz_<name> FILE...            replays each file, TAP on standard output
 *	fuzz_<name> -s SECONDS FOLDER  changes what lies in FOLDER at random; an
 *	                               input that reaches new code is added to it
 *
 * A target is LLVMFuzzerTestOneInput() (libFuzzer's interface, so that it also
 * links with clang -fsanitize=fuzzer): it returns 0 and crashes or aborts on a
 * fault. It is built with -fsanitize=address,undefined, and for -s with
 * -fsanitize-coverage=trace-pc, whose hook below sees every basic block.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sanitizer/common_interface_defs.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"

enum {
	INPUT_MAX = 64 * 1024,
	CORPUS_MAX = 4096,
	MAP_SIZE = 1 << 16, /* edges, hashed */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t seen[MAP_SIZE];
static size_t seen_count;
static uintptr_t last_block;

void __sanitizer_cov_trace_pc(void);

/* Called by the code under test only: this file is built without coverage. */
void __sanitizer_cov_trace_pc(void)
{
	uintptr_t block = (uintptr_t)__builtin_return_address(0);
	size_t edge = (block ^ (last_block >> 1)) * 0x9e3779b97f4a7c15ULL >> 48;

	last_block = block;
	if (seen[edge] == 0) {
		seen[edge] = 1;
		seen_count++;
	}
}

struct input {
	uint8_t *data;
	size_t size;
};

static struct input corpus[CORPUS_MAX];
static size_t corpus_count;

/* A copy of the exact size, so that ASan sees every byte read beyond it. */
static void run(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size);

	if (copy == NULL && size > 0)
		abort();
	if (size > 0)
		memcpy(copy, data, size);
	last_block = 0;
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static int replay(char **paths, int count)
{
	printf("1..%d\n", count);
	for (int i = 0; i < count; i++) {
		struct error err = ERROR_INIT;
		cleanup_free char *text = NULL;
		size_t size;

		if (file_read(paths[i], INPUT_MAX, &text, &size, &err) == -1) {
			printf("not ok %d - %s\n", i + 1, err.message);
			return 1;
		}
		/* The name first: if the target crashes, it is the last thing written. */
		printf("# %s\n", paths[i]);
		fflush(stdout);
		run((const uint8_t *)text, size);
		printf("ok %d\n", i + 1);
	}
	return 0;
}

static void corpus_add(const uint8_t *data, size_t size)
{
	if (corpus_count == CORPUS_MAX)
		return;
	uint8_t *copy = malloc(size + 1);
	if (copy == NULL)
		abort();
	memcpy(copy, data, size);
	corpus[corpus_count++] = (struct input){ copy, size };
}

static void corpus_load(const char *folder)
{
	DIR *dir = opendir(folder);

	if (dir == NULL) {
		fprintf(stderr, "cannot open the corpus %s: %s\n", folder, strerror(errno));
		exit(2);
	}
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		struct error err = ERROR_INIT;
		cleanup_free char *text = NULL;
		char path[PATH_MAX];
		size_t size;

		snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
		if (entry->d_name[0] != '.' && file_read(path, INPUT_MAX, &text, &size, &err) == 0)
			corpus_add((const uint8_t *)text, size);
	}
	closedir(dir);
	if (corpus_count == 0)
		corpus_add((const uint8_t *)"", 0);
}

/* FNV-1a, for a name that depends on the content only. */
static uint64_t content_hash(const uint8_t *data, size_t size)
{
	uint64_t hash = 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ data[i]) * 0x100000001b3ULL;
	return hash;
}

static size_t below(size_t limit)
{
	return limit == 0 ? 0 : (size_t)random() % limit;
}

/* One change: a bit, a byte, a cut, a doubled part, a part of another input, a number at its edge. */
static size_t change(uint8_t *data, size_t size)
{
	static const char *const words[] = { "0", "-1", "65536", "9223372036854775807", "18446744073709551616", "null",
					     "\"\"", "[]", "{}", "\\u0000", "../", "%00", "\xff", "\xe2\x82" };
	size_t at = below(size), length = 1 + below(16);
	const struct input *other = &corpus[below(corpus_count)];

	switch (below(7)) {
	case 0:
		if (size > 0)
			data[at] ^= (uint8_t)(1u << below(8));
		return size;
	case 1:
		if (size > 0)
			data[at] = (uint8_t)random();
		return size;
	case 2: /* cut out */
		if (length > size - at)
			length = size - at;
		memmove(data + at, data + at + length, size - at - length);
		return size - length;
	case 3: /* double */
		if (length > size - at || size + length > INPUT_MAX)
			return size;
		memmove(data + at + length, data + at, size - at);
		return size + length;
	case 4: { /* a word */
		const char *word = words[below(sizeof words / sizeof *words)];
		length = strlen(word);
		if (size + length > INPUT_MAX)
			return size;
		memmove(data + at + length, data + at, size - at);
		memcpy(data + at, word, length);
		return size + length;
	}
	case 5: /* the end of another input */
		if (other->size == 0)
			return size;
		length = below(other->size);
		if (at + other->size - length > INPUT_MAX)
			return size;
		memcpy(data + at, other->data + length, other->size - length);
		return at + other->size - length;
	default: /* cut off */
		return at;
	}
}

/* The input in work, kept when the target crashes. */
static uint8_t input[INPUT_MAX];
static size_t input_size;
static const char *input_folder;

static void input_keep(void)
{
	struct error err = ERROR_INIT;
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/last", input_folder);
	if (file_write(path, input, input_size, 0644, &err) == -1)
		fprintf(stderr, "%s\n", err.message);
}

static void on_abort(int signo)
{
	input_keep();
	signal(signo, SIG_DFL);
	raise(signo);
}

static int fuzz(const char *folder, long seconds)
{
	unsigned long runs = 0, added = 0;
	time_t end = time(NULL) + seconds;

	input_folder = folder;
	__sanitizer_set_death_callback(input_keep);
	signal(SIGABRT, on_abort);
	corpus_load(folder);
	for (size_t i = 0; i < corpus_count; i++)
		run(corpus[i].data, corpus[i].size);
	printf("# %zu inputs reach %zu edges\n", corpus_count, seen_count);
	while (time(NULL) < end) {
		for (int batch = 0; batch < 256; batch++, runs++) {
			const struct input *from = &corpus[below(corpus_count)];
			size_t size = from->size, before = seen_count;
			char path[PATH_MAX];

			memcpy(input, from->data, size);
			for (size_t n = 1 + below(6); n > 0; n--)
				size = change(input, size);
			input_size = size;
			run(input, size);
			if (seen_count == before)
				continue;
			struct error err = ERROR_INIT;
			corpus_add(input, size);
			added++;
			snprintf(path, sizeof path, "%s/%016llx", folder,
				 (unsigned long long)content_hash(input, size));
			if (file_write(path, input, size, 0644, &err) == -1)
				fprintf(stderr, "%s\n", err.message);
		}
	}
	printf("# %lu runs, %lu inputs added, %zu edges\n", runs, added, seen_count);
	return 0;
}

int main(int argc, char **argv)
{
	srandom((unsigned int)time(NULL));
	if (argc == 4 && strcmp(argv[1], "-s") == 0)
		return fuzz(argv[3], strtol(argv[2], NULL, 10));
	return replay(argv + 1, argc - 1);
}
