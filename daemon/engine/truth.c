/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/truth.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/engine/container.h"
#include "daemon/engine/copies.h"
#include "daemon/engine/import.h"
#include "daemon/engine/layer.h"
#include "daemon/engine/names.h"
#include "daemon/lib/error.h"
#include "daemon/lib/log.h"
#include "daemon/lib/protocol.h"

enum { STOP_MS = 10000 }; /* for a container that runs and should not */

/* One list, from HELLO to its end. */
struct list {
	bool open;         /* frames outside are of another process's list */
	bool forgetful;    /* a name was lost for want of memory: nothing may be called garbage */
	uint64_t frames;
	struct names kept;
};

static struct list images, containers;

static struct {
	struct loop *loop;
	const struct hostcfg *cfg;
	const char *folder;
	lifecycle_state_cb *state;
} self;

void truth_init(struct loop *loop, const struct hostcfg *cfg, const char *folder, lifecycle_state_cb *state)
{
	self.loop = loop;
	self.cfg = cfg;
	self.folder = folder;
	self.state = state;
}

static void list_begin(struct list *list)
{
	names_clear(&list->kept);
	*list = (struct list){ .open = true };
}

void truth_begin(void)
{
	list_begin(&images);
	list_begin(&containers);
}

static void list_keep(struct list *list, const char *name)
{
	struct error err = ERROR_INIT;

	if (!list->open || names_add(&list->kept, name, &err) == 0)
		return;
	if (!list->forgetful)
		log_error("%s; what api does not know stays until its next list", err.message);
	list->forgetful = true;
}

void truth_keep_image(const char *digest)
{
	list_keep(&images, digest);
}

void truth_keep_container(const char *id)
{
	list_keep(&containers, id);
}

/* The list is over, for good or ill; its names stay until the caller has used them. */
static int list_end(struct list *list, const char *of, uint64_t count, struct error *err)
{
	list->open = false;
	if (list->frames == count)
		return 0;
	return error_set(err, EPROTO, "api's list of %s has %llu entries, %llu arrived; it is left without effect", of,
			 (unsigned long long)count, (unsigned long long)list->frames);
}

static bool image_known(const char digest[DIGEST_TEXT], void *data)
{
	(void)data;
	return names_has(&images.kept, digest) || container_uses(digest) || import_uses(digest);
}

int truth_image(const struct image_message *image, struct error *err)
{
	if (!images.open)
		return 0;
	if (image->digest[0] != '\0') {
		images.frames++;
		list_keep(&images, image->digest);
		return 0;
	}
	int result = list_end(&images, "images", image->count, err);
	if (result == 0 && !images.forgetful)
		result = layer_sweep(self.loop, image_known, NULL, err);
	names_clear(&images.kept);
	return result == -1 ? -1 : 1;
}

/* Folders of containers that were deleted while no engine was here. */
static void folders_sweep(void)
{
	DIR *dir = opendir(self.folder);

	if (dir == NULL)
		return;
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		struct error err = ERROR_INIT;
		if (!id_valid(entry->d_name) || names_has(&containers.kept, entry->d_name) ||
		    container_find(entry->d_name) != NULL || copies_touch(entry->d_name))
			continue;
		log_info("removing container %s, which no one knows any more", entry->d_name);
		if (lifecycle_delete(entry->d_name, 0, &err) == -1)
			log_error("%s", err.message);
	}
	closedir(dir);
}

static void container_drop(struct container *c)
{
	struct error err = ERROR_INIT;

	log_info("container %s is not known to api; it is removed", c->message.id);
	c->forget = true; /* when it has ended */
	if ((container_idle(c) ? lifecycle_delete(c->message.id, 0, &err) : lifecycle_revoke(c, 0, &err)) == -1)
		log_error("%s", err.message);
}

static void container_settle(struct container *c)
{
	struct error err = ERROR_INIT;
	bool running = c->message.wanted == CONTAINER_WANTED_RUNNING;
	int result = 0;

	if (container_idle(c) && running)
		result = lifecycle_start(c, 0, &err);
	else if (!container_idle(c) && !running)
		result = lifecycle_stop(c, STOP_MS, 0, &err);
	else
		self.state(c, c->failure);
	if (c->state == CONTAINER_STATE_STOPPING)
		c->again = running;
	if (result == -1) {
		snprintf(c->failure, sizeof c->failure, "%s", err.message);
		c->state = CONTAINER_STATE_FAILED;
		self.state(c, c->failure);
	}
}

/* For a container that is not in the table there is nothing but this word. */
static void refusal_tell(const struct container_message *known, const char *why)
{
	static struct container refused; /* large */

	refused.message = *known;
	refused.state = CONTAINER_STATE_FAILED;
	self.state(&refused, why);
}

static void container_take(const struct container_message *known)
{
	struct container *c = container_find(known->id);
	struct error err = ERROR_INIT;
	int result = 0;

	if (c == NULL)
		result = container_add(known, self.cfg, &err) == NULL ? -1 : 0;
	else if (!container_idle(c))
		c->message.wanted = known->wanted; /* the rest holds from its next start */
	else if ((result = container_check(known, self.cfg, &err)) == 0)
		c->message = *known;
	if (result == 0)
		return;
	log_error("container %s cannot be taken: %s", known->id, err.message);
	if (c == NULL) {
		refusal_tell(known, err.message);
		return;
	}
	/* Not started from what was true before; told when the list ends. */
	c->message.wanted = CONTAINER_WANTED_STOPPED;
	c->state = CONTAINER_STATE_FAILED;
	snprintf(c->failure, sizeof c->failure, "%s", err.message);
}

void truth_snapshot(const struct container_id_message *snapshot)
{
	if (!containers.open)
		return;
	containers.frames++;
	list_keep(&containers, snapshot->id);
}

int truth_container(const struct container_message *known, struct error *err)
{
	if (!containers.open)
		return 0;
	if (known->id[0] != '\0') {
		containers.frames++;
		list_keep(&containers, known->id); /* first of all: its files stay, whatever the check says */
		container_take(known);
		return 0;
	}
	int result = list_end(&containers, "containers", known->count, err);
	for (struct container *c = container_first(), *next; result == 0 && c != NULL; c = next) {
		next = c->next; /* both may take it out of the table */
		if (containers.forgetful || names_has(&containers.kept, c->message.id))
			container_settle(c);
		else
			container_drop(c);
	}
	if (result == 0 && !containers.forgetful)
		folders_sweep();
	names_clear(&containers.kept);
	return result == -1 ? -1 : 1;
}
