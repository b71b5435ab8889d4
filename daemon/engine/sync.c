/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/sync.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/engine/container.h"
#include "daemon/engine/engine.h"
#include "daemon/engine/layer.h"
#include "daemon/lib/error.h"
#include "daemon/lib/log.h"
#include "daemon/lib/protocol.h"

enum {
	STOP_MS = 10000, /* for a container that runs and should not */
	IMAGES_MAX = 4096,
};

static char (*images)[DIGEST_TEXT];
static size_t image_count;
static bool containers_listed; /* between the first and the last frame */

static void images_clear(void)
{
	free(images);
	images = NULL;
	image_count = 0;
}

void sync_forget(void)
{
	images_clear();
	containers_listed = false;
}

static bool image_listed(const char digest[DIGEST_TEXT], void *data)
{
	(void)data;
	for (size_t i = 0; i < image_count; i++)
		if (strcmp(images[i], digest) == 0)
			return true;
	return container_uses(digest);
}

int sync_image(struct loop *loop, const struct image_message *image, struct error *err)
{
	if (image->digest[0] == '\0') {
		int result = layer_sweep(loop, image_listed, NULL, err);
		images_clear();
		return result == -1 ? -1 : 1;
	}
	if (!hex_valid(image->digest, DIGEST_TEXT - 1))
		return error_field(err, "digest", "the digest is not 64 hexadecimal digits");
	if (images == NULL)
		images = calloc(IMAGES_MAX, sizeof *images);
	if (images == NULL || image_count == IMAGES_MAX)
		return error_set(err, ENOMEM, "no room for more than %d images", IMAGES_MAX);
	memcpy(images[image_count++], image->digest, DIGEST_TEXT);
	return 0;
}

static bool container_idle(const struct container *c)
{
	return c->state == CONTAINER_STATE_STOPPED || c->state == CONTAINER_STATE_FAILED;
}

/* Folders of containers that were deleted while no engine was here. */
static void folders_sweep(void)
{
	struct error err = ERROR_INIT;
	DIR *dir = opendir(ENGINE_CONTAINERS);

	if (dir == NULL)
		return;
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		if (!id_valid(entry->d_name) || container_find(entry->d_name) != NULL)
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

static void container_settle(struct container *c, lifecycle_state_cb *state)
{
	struct error err = ERROR_INIT;
	bool running = c->message.wanted == CONTAINER_WANTED_RUNNING;
	int result = 0;

	if (container_idle(c) && running)
		result = lifecycle_start(c, 0, &err);
	else if (!container_idle(c) && !running)
		result = lifecycle_stop(c, STOP_MS, 0, &err);
	else
		state(c, c->failure);
	if (c->state == CONTAINER_STATE_STOPPING)
		c->again = running;
	if (result == -1) {
		snprintf(c->failure, sizeof c->failure, "%s", err.message);
		c->state = CONTAINER_STATE_FAILED;
		state(c, c->failure);
	}
}

static void container_take(const struct container_message *known, const struct hostcfg *cfg,
			   lifecycle_state_cb *state)
{
	struct container *c = container_find(known->id);
	struct error err = ERROR_INIT;

	if (c == NULL)
		c = container_add(known, cfg, &err);
	else if (!container_idle(c))
		c->message.wanted = known->wanted; /* the rest holds from its next start */
	else if (container_check(known, cfg, &err) == 0)
		c->message = *known;
	if (c != NULL)
		c->listed = true;
	if (err.code == 0)
		return;

	log_error("container %s cannot be taken: %s", known->id, err.message);
	struct container *refused = calloc(1, sizeof *refused);
	if (refused == NULL)
		return;
	refused->message = *known;
	refused->state = CONTAINER_STATE_FAILED;
	state(refused, err.message);
	free(refused);
}

bool sync_container(const struct container_message *known, const struct hostcfg *cfg, lifecycle_state_cb *state)
{
	if (!containers_listed)
		for (struct container *c = container_first(); c != NULL; c = c->next)
			c->listed = false;
	containers_listed = true;
	if (known->id[0] != '\0') {
		container_take(known, cfg, state);
		return false;
	}
	containers_listed = false;
	for (struct container *c = container_first(), *next; c != NULL; c = next) {
		next = c->next; /* both may take it out of the table */
		if (c->listed)
			container_settle(c, state);
		else
			container_drop(c);
	}
	folders_sweep();
	return true;
}
