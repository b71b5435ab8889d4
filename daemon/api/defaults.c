/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/defaults.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/api/spec.h"
#include "daemon/api/store.h"
#include "daemon/lib/error.h"
#include "daemon/lib/json.h"
#include "daemon/lib/protocol.h"

/* Of several values of a variable the last counts. */
static json_t *variables_json(const char *words, uint32_t size)
{
	json_t *object = json_object();

	for (uint32_t at = 0; object != NULL && at < size; at += (uint32_t)strlen(words + at) + 1) {
		const char *equals = strchr(words + at, '=');
		if (equals != NULL)
			json_object_setn_new(object, words + at, (size_t)(equals - (words + at)), json_string(equals + 1));
	}
	return object;
}

static json_t *number_or_null(uint32_t number)
{
	return number == 0 ? json_null() : json_integer(number);
}

json_t *defaults_json(const struct image_config *config)
{
	json_t *command = config->command_size == 0 ? json_null() : json_words(config->command, config->command_size);

	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "command", command, "environment",
			 variables_json(config->environment, config->environment_size), "user", json_text_or_null(config->user), "cwd",
			 json_text_or_null(config->folder), "stop_signal", number_or_null(config->stop_signal), "port",
			 number_or_null(config->port));
}

int defaults_load(struct store *store, const char *image, json_t **ret_config, struct error *err)
{
	cleanup_query sqlite3_stmt *query = store_query(store, err, "SELECT config FROM images WHERE id = ?", "s", image);
	int step = query == NULL ? -1 : query_step(query, err);

	if (step == -1)
		return -1;
	*ret_config = NULL;
	if (step == 1 && *query_text(query, 0) != '\0')
		*ret_config = json_loads(query_text(query, 0), 0, NULL);
	return 0;
}

int64_t defaults_port(const json_t *config, int64_t fallback)
{
	int64_t port = json_integer_value(json_object_get(config, "port"));

	return port == 0 ? fallback : port;
}

static void text_fill(char *text, size_t room, const json_t *value)
{
	if (text[0] == '\0' && json_is_string(value))
		snprintf(text, room, "%s", json_string_value(value));
}

int defaults_fill(json_t *config, json_t *command, json_t *environment, struct container_message *message, struct error *err)
{
	json_t *variables = json_object_get(config, "environment");
	cleanup_json json_t *all = variables == NULL ? json_object() : json_copy(variables);

	if (all == NULL || (environment != NULL && json_object_update(all, environment) == -1))
		return error_set(err, ENOMEM, "no memory for an environment");
	if (command == NULL)
		command = json_object_get(config, "command");
	if (spec_command_pack(command, message->command, sizeof message->command, &message->command_size, err) == -1 ||
	    spec_variables_pack(all, message->environment, sizeof message->environment, &message->environment_size, err) == -1)
		return -1;
	text_fill(message->user, sizeof message->user, json_object_get(config, "user"));
	text_fill(message->folder, sizeof message->folder, json_object_get(config, "cwd"));
	message->stop_signal = (uint32_t)json_integer_value(json_object_get(config, "stop_signal"));
	return 0;
}

int defaults_layers(struct store *store, const char *image, struct container_message *message, struct error *err)
{
	cleanup_query sqlite3_stmt *query =
		store_query(store, err, "SELECT digest FROM image_layers WHERE image = ? ORDER BY position", "s", image);
	int step = query == NULL ? -1 : query_step(query, err);

	message->layer_count = 0;
	for (; step == 1; step = query_step(query, err)) {
		if (message->layer_count == CONTAINER_LAYERS_MAX)
			return error_set(err, EINVAL, "the image has more than %d layers", CONTAINER_LAYERS_MAX);
		snprintf(message->layers[message->layer_count++], DIGEST_TEXT, "%s", query_text(query, 0));
	}
	if (step == 0 && message->layer_count == 0)
		return error_set(err, EINVAL, "the image has no layers");
	return step;
}
