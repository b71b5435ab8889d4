/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/disposal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/engine/container.h"
#include "daemon/engine/content.h"
#include "daemon/engine/engine.h"
#include "daemon/engine/runtime.h"
#include "daemon/engine/tree.h"
#include "daemon/lib/error.h"

struct removal {
	struct loop *loop;
	char id[ID_TEXT];
	uint64_t serial;
	lifecycle_answer_cb *answer;
};

static void removal_end(int code, void *data)
{
	struct removal *removal = data;
	struct error err = ERROR_INIT;

	if (code != 0)
		error_set(&err, code, "some files of the container could not be removed: %s", strerror(code));
	removal->answer(removal->serial, code == 0 ? NULL : &err);
	free(removal);
}

/* Its files are gone; then what it shared and nobody else uses. */
static void folder_gone(int code, void *data)
{
	struct removal *removal = data;
	struct error err = ERROR_INIT;

	if (code != 0 ||
	    content_forget(removal->loop, ENGINE_CONTENT, removal->id, removal_end, removal, &err) == -1)
		removal_end(code != 0 ? code : err.code, removal);
}

int disposal_begin(struct loop *loop, const char *id, uint64_t serial, lifecycle_answer_cb *answer, struct error *err)
{
	struct removal *removal = malloc(sizeof *removal);

	if (removal == NULL)
		return error_set(err, ENOMEM, "no memory to delete a container");
	*removal = (struct removal){ .loop = loop, .serial = serial, .answer = answer };
	memcpy(removal->id, id, sizeof removal->id);
	runtime_remove(id, false);
	if (tree_remove(loop, ENGINE_CONTAINERS, id, folder_gone, removal, err) == -1) {
		free(removal);
		return -1;
	}
	return 0;
}

void disposal_asked(struct loop *loop, struct container *c, lifecycle_answer_cb *answer)
{
	struct waiter *asked = c->delete_waiters;
	struct error err = ERROR_INIT;
	char id[ID_TEXT];

	memcpy(id, c->message.id, sizeof id);
	container_forget(c);
	if (asked == NULL && disposal_begin(loop, id, 0, answer, &err) == -1)
		answer(0, &err);
	while (asked != NULL) {
		struct waiter *waiter = asked;
		asked = waiter->next;
		if (disposal_begin(loop, id, waiter->serial, answer, &err) == -1)
			answer(waiter->serial, &err);
		free(waiter);
	}
}
