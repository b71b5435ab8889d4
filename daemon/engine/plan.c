/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/error.h"

void plan_clear(struct plan *plan)
{
	for (size_t i = 0; i < plan->file_count; i++)
		free(plan->files[i].path);
	free(plan->files);
	free(plan->data);
	*plan = (struct plan){ 0 };
}

static void *grown(void *array, size_t count, size_t *room, size_t size)
{
	if (count < *room)
		return array;
	void *larger = reallocarray(array, *room == 0 ? 256 : 2 * *room, size);
	if (larger != NULL)
		*room = *room == 0 ? 256 : 2 * *room;
	return larger;
}

int plan_add(struct plan *plan, uint32_t container, const char *path, uint64_t size, struct error *err)
{
	if (plan->file_count == PLAN_FILES_MAX || plan->text + strlen(path) > PLAN_TEXT_MAX)
		return error_set(err, ENOSPC, "more than %d files to compare", PLAN_FILES_MAX);
	void *files = grown(plan->files, plan->file_count, &plan->file_room, sizeof *plan->files);
	if (files == NULL)
		return error_set(err, ENOMEM, "no memory for another file to compare");
	plan->files = files;
	char *copy = strdup(path);
	if (copy == NULL)
		return error_set(err, ENOMEM, "no memory for another file to compare");
	plan->text += strlen(path);
	plan->files[plan->file_count++] = (struct plan_file){ .container = container, .size = size, .path = copy };
	return 0;
}

int plan_add_data(struct plan *plan, const char hash[DIGEST_TEXT], uint64_t size, struct error *err)
{
	void *data = grown(plan->data, plan->data_count, &plan->data_room, sizeof *plan->data);

	if (data == NULL)
		return error_set(err, ENOMEM, "no memory for stored data to compare");
	plan->data = data;
	struct plan_data *one = &plan->data[plan->data_count++];
	one->size = size;
	memcpy(one->hash, hash, sizeof one->hash);
	return 0;
}

static int order(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int size_order(const void *a, const void *b)
{
	return order(((const struct plan_file *)b)->size, ((const struct plan_file *)a)->size);
}

static int data_size_order(const void *a, const void *b)
{
	return order(((const struct plan_data *)a)->size, ((const struct plan_data *)b)->size);
}

static int hash_order(const void *a, const void *b)
{
	return strcmp(((const struct plan_file *)a)->hash, ((const struct plan_file *)b)->hash);
}

static int data_hash_order(const void *a, const void *b)
{
	return strcmp(((const struct plan_data *)a)->hash, ((const struct plan_data *)b)->hash);
}

static int place_order(const void *a, const void *b)
{
	const struct plan_file *one = a, *other = b;
	int result = order(one->container, other->container);

	return result != 0 ? result : strcmp(one->path, other->path);
}

/* qsort(3) and bsearch(3) want an array, also an empty one. */
static void sort(void *array, size_t count, size_t size, int (*compare)(const void *a, const void *b))
{
	if (count > 0)
		qsort(array, count, size, compare);
}

static bool stored(const struct plan *plan, const struct plan_data *wanted, int (*compare)(const void *a, const void *b))
{
	return plan->data_count > 0 && bsearch(wanted, plan->data, plan->data_count, sizeof *plan->data, compare) != NULL;
}

void plan_pair(struct plan *plan)
{
	sort(plan->files, plan->file_count, sizeof *plan->files, size_order);
	sort(plan->data, plan->data_count, sizeof *plan->data, data_size_order);
	for (size_t i = 0; i < plan->file_count; i++) {
		struct plan_file *file = &plan->files[i];
		const struct plan_data wanted = { .size = file->size };
		file->candidate = (i > 0 && file[-1].size == file->size) ||
				  (i + 1 < plan->file_count && file[1].size == file->size) ||
				  stored(plan, &wanted, data_size_order);
	}
}

void plan_share(struct plan *plan, struct plan_sum *ret_sum)
{
	struct plan_sum sum = { 0 };

	sort(plan->files, plan->file_count, sizeof *plan->files, hash_order);
	sort(plan->data, plan->data_count, sizeof *plan->data, data_hash_order);
	for (size_t i = 0; i < plan->file_count; i++) {
		struct plan_file *file = &plan->files[i];
		struct plan_data wanted = { 0 };
		if (file->hash[0] == '\0')
			continue;
		bool second = i > 0 && strcmp(file[-1].hash, file->hash) == 0;
		bool more = i + 1 < plan->file_count && strcmp(file[1].hash, file->hash) == 0;
		memcpy(wanted.hash, file->hash, sizeof wanted.hash);
		bool known = stored(plan, &wanted, data_hash_order);
		file->share = second || more || known;
		if (!file->share)
			continue;
		sum.files++;
		sum.bytes += file->size;
		sum.saved += second || known ? file->size : 0;
	}
	sort(plan->files, plan->file_count, sizeof *plan->files, place_order);
	*ret_sum = sum;
}
