/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * defaults: how an image wants to be run, and what a container makes of it. The
 * container's own word stands before the image's: its command in place of
 * entrypoint and command, its variables in place of those of the same name.
 */
#ifndef BULKHEAD_DEFAULTS_H
#define BULKHEAD_DEFAULTS_H

#include <jansson.h>
#include <stdint.h>

struct container_message;
struct error;
struct image_config;
struct store;

/* As the API shows it and a row of images keeps it. NULL without memory. */
json_t *defaults_json(const struct image_config *config);

/* What the row of an image keeps; ret_config is the caller's, NULL for a root file system. */
int defaults_load(struct store *store, const char *image, json_t **ret_config, struct error *err);

/* The only TCP port that the image exposes, or fallback. */
int64_t defaults_port(const json_t *config, int64_t fallback);

/*
 * Fills command, environment, user, folder and stop signal. command, environment:
 * the container's, or NULL. A user or folder that message has stays.
 * EINVAL with field environment when both together are too long.
 */
int defaults_fill(json_t *config, json_t *command, json_t *environment, struct container_message *message, struct error *err);

/* Fills the layers of an image. */
int defaults_layers(struct store *store, const char *image, struct container_message *message, struct error *err);

#endif
