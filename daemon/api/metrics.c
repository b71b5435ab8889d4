/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * metrics: the same figures of all containers that the caller sees, for
 * Prometheus (text exposition format 0.0.4). The engine is asked for one container
 * after the other, so that a scrape of hundreds holds nothing up.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/api/api.h"
#include "daemon/api/auth.h"
#include "daemon/api/name.h"
#include "daemon/api/request.h"
#include "daemon/api/resources.h"
#include "daemon/api/store.h"
#include "daemon/api/usage.h"
#include "daemon/lib/error.h"

enum { SCRAPES_MAX = 4 };

/* One container of a scrape. */
struct target {
	char id[ID_TEXT], project[ID_TEXT], realm[ID_TEXT], name[NAME_MAX_LABEL + 1];
	bool running, told;
	struct usage_message usage;
};

struct scrape {
	struct request *request;
	struct target *targets;
	size_t count, at;
};

static unsigned scrapes;

struct metric {
	const char *name, *type, *help;
	size_t offset;  /* of an uint64_t in struct usage_message */
	double scale;
};

#define OF(member) offsetof(struct usage_message, member)

static const struct metric metrics[] = {
	{ "cpu_seconds_total", "counter", "CPU time", OF(cpu_us), 1e-6 },
	{ "cpu_throttled_seconds_total", "counter", "Time that its CPU limit held it up", OF(cpu_throttled_us), 1e-6 },
	{ "memory_bytes", "gauge", "Memory, page cache included", OF(memory), 1 },
	{ "memory_peak_bytes", "gauge", "The most since its start", OF(memory_peak), 1 },
	{ "swap_bytes", "gauge", "Memory in swap", OF(swap), 1 },
	{ "oom_kills_total", "counter", "Processes that its memory limit ended", OF(oom_kills), 1 },
	{ "pids", "gauge", "Processes and threads", OF(pids), 1 },
	{ "disk_bytes", "gauge", "What it wrote, beyond its image", OF(disk_bytes), 1 },
	{ "disk_files", "gauge", "Files and folders of that", OF(disk_files), 1 },
	{ "io_read_bytes_total", "counter", "Read from disks", OF(read_bytes), 1 },
	{ "io_written_bytes_total", "counter", "Written to disks", OF(written_bytes), 1 },
	{ "cpu_stalled_seconds_total", "counter", "Time in which some process waited for a CPU", OF(some[USAGE_CPU].total_us), 1e-6 },
	{ "memory_stalled_seconds_total", "counter", "Time in which some process waited for memory", OF(some[USAGE_MEMORY].total_us),
	  1e-6 },
	{ "io_stalled_seconds_total", "counter", "Time in which some process waited for disks", OF(some[USAGE_IO].total_us), 1e-6 },
};

static void scrape_free(struct scrape *scrape)
{
	free(scrape->targets);
	free(scrape);
	scrapes--;
}

static void head_print(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP bulkhead_container_%s %s\n# TYPE bulkhead_container_%s %s\n", name, help, name, type);
}

/* Ids are hexadecimal and names host labels: nothing in them needs escaping. */
static void label_print(FILE *out, const char *name, const struct target *target)
{
	fprintf(out, "bulkhead_container_%s{container=\"%s\",name=\"%s\",project=\"%s\",realm=\"%s\"} ", name, target->id, target->name,
		target->project, target->realm);
}

static void scrape_print(const struct scrape *scrape, FILE *out)
{
	head_print(out, "running", "gauge", "1 while it runs, frozen or not");
	for (const struct target *target = scrape->targets; target < scrape->targets + scrape->count; target++) {
		label_print(out, "running", target);
		fprintf(out, "%d\n", (int)target->running);
	}
	for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++) {
		head_print(out, metrics[i].name, metrics[i].type, metrics[i].help);
		for (const struct target *target = scrape->targets; target < scrape->targets + scrape->count; target++) {
			uint64_t value;
			if (!target->told)
				continue;
			memcpy(&value, (const char *)&target->usage + metrics[i].offset, sizeof value);
			label_print(out, metrics[i].name, target);
			if (metrics[i].scale == 1)
				fprintf(out, "%" PRIu64 "\n", value);
			else
				fprintf(out, "%.6f\n", (double)value * metrics[i].scale);
		}
	}
}

static void scrape_answer(struct scrape *scrape)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (out != NULL) {
		scrape_print(scrape, out);
		if (fclose(out) != 0)
			size = 0;
	}
	if (size == 0)
		request_fail(scrape->request, 503, "unavailable", NULL, "no memory for metrics");
	else
		request_answer_text(scrape->request, "text/plain; version=0.0.4; charset=utf-8", text, size);
	free(text);
	scrape_free(scrape);
}

static void scrape_step(struct scrape *scrape);

static void target_told(const struct message *answer, const struct error *err, void *data)
{
	struct scrape *scrape = data;
	struct target *target = &scrape->targets[scrape->at++];

	if (err == NULL) {
		target->usage = *(const struct usage_message *)answer->payload;
		target->told = true;
	} else if (err->code != ENOENT) { /* that one is gone meanwhile; else the engine is */
		request_fail_host(scrape->request, err);
		scrape_free(scrape);
		return;
	}
	scrape_step(scrape);
}

static void scrape_step(struct scrape *scrape)
{
	struct error err = ERROR_INIT;

	if (scrape->at == scrape->count) {
		scrape_answer(scrape);
	} else if (usage_ask(scrape->request->api, scrape->targets[scrape->at].id, target_told, scrape, &err) == -1) {
		request_fail_host(scrape->request, &err);
		scrape_free(scrape);
	}
}

static int targets_load(struct scrape *scrape, struct error *err)
{
	size_t room = 0;
	cleanup_query sqlite3_stmt *query =
		store_query(scrape->request->api->store, err,
			    "SELECT c.id, c.project, p.realm, c.name, ifnull(r.state, -1) IN (2, 5) FROM containers c"
			    " JOIN projects p ON p.id = c.project LEFT JOIN temp.runtime r ON r.id = c.id"
			    " WHERE c.deleted IS NULL AND" SCOPE_SQL("p.realm") " ORDER BY c.id",
			    SCOPE_TYPES, SCOPE_VALUES(scrape->request));
	int step = query == NULL ? -1 : query_step(query, err);

	for (; step == 1; step = query_step(query, err)) {
		if (scrape->count == room) {
			room = room == 0 ? 64 : room * 2;
			struct target *larger = reallocarray(scrape->targets, room, sizeof *larger);
			if (larger == NULL)
				return error_set(err, ENOBUFS, "no memory for metrics");
			scrape->targets = larger;
		}
		struct target *target = &scrape->targets[scrape->count++];
		*target = (struct target){ .running = query_int(query, 4) != 0 };
		snprintf(target->id, sizeof target->id, "%s", query_text(query, 0));
		snprintf(target->project, sizeof target->project, "%s", query_text(query, 1));
		snprintf(target->realm, sizeof target->realm, "%s", query_text(query, 2));
		snprintf(target->name, sizeof target->name, "%s", query_text(query, 3));
	}
	return step;
}

void metrics_show(struct request *request)
{
	struct error err = ERROR_INIT;

	if (scrapes == SCRAPES_MAX) {
		request_fail(request, 503, "unavailable", NULL, "%d scrapes are under way; try again later", SCRAPES_MAX);
		return;
	}
	struct scrape *scrape = calloc(1, sizeof *scrape);
	if (scrape == NULL) {
		request_fail(request, 503, "unavailable", NULL, "no memory for metrics");
		return;
	}
	scrapes++;
	scrape->request = request;
	if (targets_load(scrape, &err) == -1) {
		request_fail_error(request, &err);
		scrape_free(scrape);
		return;
	}
	scrape_step(scrape);
}
