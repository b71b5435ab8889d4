/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/merge.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"

#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#endif

#define KSM "/sys/kernel/mm/ksm/"

int merge_init(struct error *err)
{
	const struct merge_pace slow = { .run = true, .pages = 100, .sleep_ms = 200 };

	/* Merged zero pages need no copy of their own. */
	if (file_poke(KSM "use_zero_pages", "1", err) == -1 || file_poke(KSM "advisor_mode", "none", err) == -1)
		return -1;
	return merge_set(&slow, err);
}

static int number_write(const char *name, uint32_t number, struct error *err)
{
	char path[96], text[16];

	snprintf(path, sizeof path, KSM "%s", name);
	snprintf(text, sizeof text, "%u", number);
	return file_poke(path, text, err);
}

int merge_set(const struct merge_pace *pace, struct error *err)
{
	if (number_write("sleep_millisecs", pace->sleep_ms, err) == -1 ||
	    number_write("pages_to_scan", pace->pages, err) == -1)
		return -1;
	return number_write("run", pace->run, err);
}

int merge_enable(struct error *err)
{
	if (prctl(PR_SET_MEMORY_MERGE, 1, 0, 0, 0) == -1)
		return error_errno(err, "cannot opt in to memory merging");
	return 0;
}

/* A count: the kernel's of zero pages falls below zero when such pages go that were never counted. */
static uint64_t count_of(int64_t number)
{
	return number < 0 ? 0 : (uint64_t)number;
}

static int64_t number_read(const char *name)
{
	char path[96];
	struct error err = ERROR_INIT;
	cleanup_free char *text = NULL;

	snprintf(path, sizeof path, KSM "%s", name);
	if (file_read(path, 64, &text, NULL, &err) == -1)
		return 0; /* no KSM in this kernel */
	return strtoll(text, NULL, 10);
}

void merge_read(struct merge_status *ret_status)
{
	ret_status->run = (uint32_t)number_read("run");
	ret_status->pages_shared = (uint64_t)number_read("pages_shared");
	ret_status->pages_sharing = (uint64_t)number_read("pages_sharing");
	ret_status->pages_known = ret_status->pages_shared + ret_status->pages_sharing +
				  (uint64_t)number_read("pages_unshared") + (uint64_t)number_read("pages_volatile");
	ret_status->pages_zero = count_of(number_read("ksm_zero_pages"));
	ret_status->full_scans = (uint64_t)number_read("full_scans");
	ret_status->profit = number_read("general_profit");
}

/* The kernel's thread of this name; 0 if there is none. */
static pid_t scanner_find(void)
{
	DIR *dir = opendir("/proc");
	pid_t found = 0;

	if (dir == NULL)
		return 0;
	for (struct dirent *entry; found == 0 && (entry = readdir(dir)) != NULL;) {
		char path[300], *end;
		struct error err = ERROR_INIT;
		cleanup_free char *stat = NULL;
		long pid = strtol(entry->d_name, &end, 10);
		if (*end != '\0' || pid <= 0)
			continue;
		snprintf(path, sizeof path, "/proc/%ld/stat", pid);
		/* A child of kthreadd: no process of a container can be one. */
		if (file_read(path, 4096, &stat, NULL, &err) == 0 && strstr(stat, " (ksmd) ") != NULL &&
		    strncmp(strchr(stat, ')') + 3, " 2 ", 3) == 0)
			found = (pid_t)pid;
	}
	closedir(dir);
	return found;
}

uint64_t merge_scan_ms(void)
{
	static pid_t scanner; /* lives as long as the kernel */
	unsigned long long user, system;
	struct error err = ERROR_INIT;
	cleanup_free char *stat = NULL;
	char path[64];

	if (scanner == 0)
		scanner = scanner_find();
	snprintf(path, sizeof path, "/proc/%d/stat", (int)scanner);
	if (scanner == 0 || file_read(path, 4096, &stat, NULL, &err) == -1)
		return 0;
	/* proc(5): fields 14 and 15, in ticks; the name in brackets is the second. */
	const char *at = strrchr(stat, ')');
	if (at == NULL || sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &system) != 2)
		return 0;
	return (user + system) * 1000 / (unsigned long long)sysconf(_SC_CLK_TCK);
}
