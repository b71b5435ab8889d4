/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/page.h"

#include <stdio.h>

#include "daemon/api/api.h"
#include "daemon/api/store.h"
#include "daemon/lib/error.h"
#include "daemon/lib/hex.h"

enum { PAGE_DEFAULT = 50, PAGE_MAX = 200 };

int page_read(struct request *request, struct page *page)
{
	page->after = request_query(request, "after");
	if (page->after == NULL)
		page->after = "";
	else if (!id_valid(page->after)) {
		request_fail(request, 400, "invalid", "after", "after must be the value of next of the page before");
		return -1;
	}
	return request_query_number(request, "limit", PAGE_DEFAULT, 1, PAGE_MAX, &page->limit);
}

void page_answer(struct request *request, const struct page *page, sqlite3_stmt *query, struct error *err,
		 json_t *(*row)(struct request *request, sqlite3_stmt *query))
{
	char last[ID_TEXT] = "";
	json_t *items = json_array(), *next = NULL;
	int step = -1;

	while (query != NULL && (step = query_step(query, err)) == 1) {
		if ((int64_t)json_array_size(items) == page->limit) {
			next = json_string(last);
			break;
		}
		snprintf(last, sizeof last, "%s", query_text(query, 0));
		json_array_append_new(items, row(request, query));
	}
	if (step == -1) {
		json_decref(items);
		request_fail_error(request, err);
		return;
	}
	request_answer(request, 200, json_pack("{s:o, s:o}", "items", items, "next", next == NULL ? json_null() : next));
}

void row_answer(struct request *request, unsigned int status, const char *what, sqlite3_stmt *query,
		struct error *err, json_t *(*row)(struct request *request, sqlite3_stmt *query))
{
	int step = query == NULL ? -1 : query_step(query, err);

	if (step == -1)
		request_fail_error(request, err);
	else if (step == 0)
		request_fail_missing(request, what, NULL);
	else
		request_answer(request, status, row(request, query));
}

json_t *time_json(int64_t ms)
{
	char text[TIME_TEXT];

	if (ms == 0)
		return json_null();
	time_format(ms, text);
	return json_string(text);
}
