/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/pull/manifest.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "daemon/lib/error.h"
#include "daemon/lib/json.h"

#define ALGORITHM "sha256:"

/* Others than us may read the registry's documents more loosely: unknown keys are fine here, wrong types are not. */
static int text_get(json_t *object, const char *key, char *out, size_t room, struct error *err)
{
	json_t *value = json_object_get(object, key);
	const char *text = value == NULL ? "" : json_string_value(value);

	if (text == NULL || json_string_length(value) >= room || strlen(text) != json_string_length(value))
		return error_set(err, EBADMSG, "the manifest's %s is not a short text", key);
	snprintf(out, room, "%s", text);
	return 0;
}

static int descriptor_read(json_t *object, struct descriptor *ret, struct error *err)
{
	char digest[sizeof ALGORITHM - 1 + DIGEST_TEXT];
	json_t *size = json_object_get(object, "size");

	if (!json_is_object(object))
		return error_set(err, EBADMSG, "the manifest does not describe its parts");
	if (text_get(object, "mediaType", ret->media_type, sizeof ret->media_type, err) == -1 ||
	    text_get(object, "digest", digest, sizeof digest, err) == -1)
		return -1;
	if (strncmp(digest, ALGORITHM, strlen(ALGORITHM)) != 0 || !hex_valid(digest + strlen(ALGORITHM), DIGEST_TEXT - 1))
		return error_set(err, EBADMSG, "the manifest names a part by '%.20s...', which is not a SHA-256", digest);
	if (!json_is_integer(size) || json_integer_value(size) < 0)
		return error_set(err, EBADMSG, "the manifest does not say the size of %.19s", digest);
	snprintf(ret->digest, sizeof ret->digest, "%s", digest + strlen(ALGORITHM));
	ret->size = (uint64_t)json_integer_value(size);
	return 0;
}

static bool text_is(json_t *object, const char *key, const char *wanted)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL && strcmp(text, wanted) == 0;
}

/* The first for this platform; if none is, the only one that does not say for which it is. */
static int index_choose(json_t *entries, struct descriptor *ret, struct error *err)
{
	json_t *entry, *chosen = NULL;
	size_t at;

	if (json_array_size(entries) > MANIFEST_INDEX_MAX)
		return error_set(err, EBADMSG, "the index has more than %d entries", MANIFEST_INDEX_MAX);
	json_array_foreach(entries, at, entry) {
		json_t *platform = json_object_get(entry, "platform");
		if (text_is(platform, "os", "linux") && text_is(platform, "architecture", "amd64")) {
			chosen = entry;
			break;
		}
	}
	if (chosen == NULL && json_array_size(entries) == 1 && json_object_get(json_array_get(entries, 0), "platform") == NULL)
		chosen = json_array_get(entries, 0);
	if (chosen == NULL)
		return error_set(err, ENOENT, "the image is not made for linux/amd64");
	return descriptor_read(chosen, ret, err);
}

int manifest_parse(const char *text, size_t size, struct manifest *ret, struct descriptor *ret_entry, struct error *err)
{
	json_error_t where;
	cleanup_json json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &where);
	json_t *entries = json_object_get(root, "manifests"), *layers = json_object_get(root, "layers"), *layer;
	size_t at;

	if (!json_is_object(root))
		return error_set(err, EBADMSG, "the manifest is not a JSON object: %s", root == NULL ? where.text : "something else");
	if (json_is_array(entries))
		return index_choose(entries, ret_entry, err);
	if (!json_is_array(layers))
		return error_set(err, EBADMSG, "this is neither an image index nor an image manifest (version 2, schema 2 or OCI)");
	if (json_array_size(layers) > MANIFEST_LAYERS_MAX)
		return error_set(err, EBADMSG, "the image has %zu layers; %d are taken", json_array_size(layers), MANIFEST_LAYERS_MAX);

	*ret = (struct manifest){ 0 };
	if (text_get(root, "mediaType", ret->media_type, sizeof ret->media_type, err) == -1 ||
	    descriptor_read(json_object_get(root, "config"), &ret->config, err) == -1)
		return -1;
	if (ret->config.size > MANIFEST_CONFIG_MAX)
		return error_set(err, EBADMSG, "the image's configuration is larger than %d bytes", MANIFEST_CONFIG_MAX);
	json_array_foreach(layers, at, layer)
		if (descriptor_read(layer, &ret->layers[ret->layer_count++], err) == -1)
			return -1;
	return 1;
}
