/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/member.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/error.h"

enum { LINKS_MAX = 8 };

struct member {
	char *name, *target; /* target: of a link, from the top; NULL: a file */
	uint64_t offset, size;
};

/*
 * Makes path, as seen from folder (or from the top when NULL), a name from the
 * top. False if it leads out of it or is too long.
 */
static bool name_make(const char *folder, const char *path, char name[PATH_MAX])
{
	char whole[PATH_MAX];
	size_t used = 0;

	int size = snprintf(whole, sizeof whole, "%s/%s", folder == NULL || path[0] == '/' ? "" : folder, path);
	if (size < 0 || (size_t)size >= sizeof whole)
		return false;
	name[0] = '\0';
	for (const char *at = whole + strspn(whole, "/"); *at != '\0'; at += strspn(at, "/")) {
		size_t length = strcspn(at, "/");
		if (length == 2 && at[0] == '.' && at[1] == '.') {
			char *cut = strrchr(name, '/');
			if (used == 0)
				return false;
			used = cut == NULL ? 0 : (size_t)(cut - name);
			name[used] = '\0';
		} else if (length != 1 || at[0] != '.') {
			if (used > 0)
				name[used++] = '/';
			memcpy(name + used, at, length);
			used += length;
			name[used] = '\0';
		}
		at += length;
	}
	return true;
}

static int member_add(struct members *members, const char *name, const char *target, uint64_t offset, uint64_t size,
		      struct error *err)
{
	if (members->count == members->room) {
		size_t room = members->room == 0 ? 64 : members->room * 2;
		struct member *larger = reallocarray(members->list, room, sizeof *larger);
		if (larger == NULL)
			return error_set(err, ENOMEM, "no memory for the names in an archive");
		members->list = larger;
		members->room = room;
	}
	struct member *member = &members->list[members->count];
	*member = (struct member){ .name = strdup(name), .target = target == NULL ? NULL : strdup(target),
				   .offset = offset, .size = size };
	members->count++;
	if (member->name == NULL || (target != NULL && member->target == NULL))
		return error_set(err, ENOMEM, "no memory for the names in an archive");
	return 0;
}

/* What is neither a file nor a link, or has a name that leads out, can be nothing that is looked for. */
static int entry_note(struct members *members, struct archive *reader, struct archive_entry *entry, const char *name,
		      struct error *err)
{
	const char *link = archive_entry_hardlink(entry), *soft = archive_entry_symlink(entry);
	char target[PATH_MAX], folder[PATH_MAX];

	if (link != NULL)
		return name_make(NULL, link, target) ? member_add(members, name, target, 0, 0, err) : 0;
	if (archive_entry_filetype(entry) == AE_IFLNK) {
		snprintf(folder, sizeof folder, "%s", name);
		char *cut = strrchr(folder, '/');
		folder[cut == NULL ? 0 : cut - folder] = '\0';
		return soft != NULL && name_make(folder, soft, target) ? member_add(members, name, target, 0, 0, err) : 0;
	}
	if (archive_entry_filetype(entry) != AE_IFREG)
		return 0;
	if (archive_entry_sparse_count(entry) > 0)
		return error_field(err, "tar", "entry '%.160s': is a file with holes, which an archive of layers cannot have", name);
	/* libarchive has taken in the headers of this entry and nothing of its content. */
	return member_add(members, name, NULL, (uint64_t)archive_filter_bytes(reader, 0), (uint64_t)archive_entry_size(entry),
			  err);
}

struct feed {
	struct stream *stream;
	struct error failure; /* of the file, seen in libarchive's callback */
};

static la_ssize_t tar_feed(struct archive *reader, void *data, const void **ret_block)
{
	struct feed *feed = data;
	ssize_t n = stream_read(feed->stream, ret_block, &feed->failure);

	if (n == -1)
		archive_set_error(reader, feed->failure.code, "%s", feed->failure.message);
	return n;
}

static la_int64_t tar_skip(struct archive *reader, void *data, la_int64_t size)
{
	struct feed *feed = data;

	(void)reader;
	return stream_skip(feed->stream, size);
}

static int tar_fail(struct archive *reader, const struct feed *feed, struct error *err)
{
	if (feed->failure.code != 0) {
		*err = feed->failure;
		return -1;
	}
	return error_field(err, "tar", "not a readable tar, plain or compressed by gzip, xz or zstd: %s",
			   archive_error_string(reader));
}

static int entries_read(struct members *members, struct archive *reader, const struct feed *feed, size_t max,
			bool (*seen)(const char *name, void *data), void *data, struct error *err)
{
	struct archive_entry *entry;
	char name[PATH_MAX];

	for (;;) {
		int got = archive_read_next_header(reader, &entry);
		if (got == ARCHIVE_EOF)
			return 0;
		if (got != ARCHIVE_OK && got != ARCHIVE_WARN)
			return tar_fail(reader, feed, err);
		const char *path = archive_entry_pathname(entry);
		if (path == NULL || !name_make(NULL, path, name))
			snprintf(name, sizeof name, "..");
		if (name[0] == '\0')
			continue;
		if (!seen(name, data))
			return 0;
		if (members->count == max)
			return error_set(err, E2BIG, "the archive has more than %zu files", max);
		if (entry_note(members, reader, entry, name, err) == -1)
			return -1;
	}
}

int members_read(struct members *members, struct stream *stream, size_t max, bool (*seen)(const char *name, void *data),
		 void *data, struct error *err)
{
	struct feed feed = { .stream = stream, .failure = ERROR_INIT };
	struct archive *reader = archive_read_new();
	int result;

	*members = (struct members){ 0 };
	if (reader == NULL)
		return error_set(err, ENOMEM, "no memory to read an archive");
	archive_read_support_format_tar(reader);
	archive_read_set_read_callback(reader, tar_feed);
	archive_read_set_skip_callback(reader, tar_skip);
	archive_read_set_callback_data(reader, &feed);
	if (archive_read_open1(reader) != ARCHIVE_OK)
		result = tar_fail(reader, &feed, err);
	else
		result = entries_read(members, reader, &feed, max, seen, data, err);
	archive_read_free(reader);
	return result;
}

bool members_find(const struct members *members, const char *name, uint64_t *ret_offset, uint64_t *ret_size)
{
	for (int links = 0; links < LINKS_MAX; links++) {
		const struct member *found = NULL;
		for (size_t i = members->count; found == NULL && i > 0; i--)
			if (strcmp(members->list[i - 1].name, name) == 0)
				found = &members->list[i - 1];
		if (found == NULL)
			return false;
		if (found->target == NULL) {
			*ret_offset = found->offset;
			*ret_size = found->size;
			return true;
		}
		name = found->target;
	}
	return false;
}

void members_free(struct members *members)
{
	for (size_t i = 0; i < members->count; i++) {
		free(members->list[i].name);
		free(members->list[i].target);
	}
	free(members->list);
	*members = (struct members){ 0 };
}
