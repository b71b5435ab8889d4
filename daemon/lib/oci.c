/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/lib/oci.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/error.h"
#include "daemon/lib/json.h"

enum { FIELD_TEXT = 128 };

#define BLOB_BYTES_MAX (UINT64_C(64) << 30)

static json_t *document_parse(const char *text, size_t size, const char *name, struct error *err)
{
	json_error_t detail;

	if (size > OCI_DOCUMENT_MAX) {
		error_field(err, name, "%s has more than %d bytes", name, OCI_DOCUMENT_MAX);
		return NULL;
	}
	json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &detail);
	if (root == NULL)
		error_field(err, name, "%s is not valid JSON: line %d, column %d: %s", name, detail.line, detail.column,
			    detail.text);
	return root;
}

/* A string that C can hold, or NULL. */
static const char *text_get(json_t *value)
{
	const char *text = json_string_value(value);

	return text != NULL && strlen(text) == json_string_length(value) ? text : NULL;
}

static const char *member_text(json_t *object, const char *key)
{
	return text_get(json_object_get(object, key));
}

static bool member_is(json_t *object, const char *key, const char *text)
{
	const char *value = member_text(object, key);

	return value != NULL && strcmp(value, text) == 0;
}

/* "sha256:<hex>" */
static int digest_read(json_t *value, const char *field, char ret_digest[DIGEST_TEXT], struct error *err)
{
	const char *text = text_get(value);

	if (text == NULL || strncmp(text, "sha256:", 7) != 0 || !hex_valid(text + 7, DIGEST_TEXT - 1))
		return error_field(err, field, "%s is not of the form sha256:<64 lower-case hexadecimal digits>", field);
	memcpy(ret_digest, text + 7, DIGEST_TEXT);
	return 0;
}

static int descriptor_read(json_t *value, const char *field, struct oci_descriptor *ret, struct error *err)
{
	char inner[FIELD_TEXT];
	json_t *size = json_object_get(value, "size");

	snprintf(inner, sizeof inner, "%.100s.digest", field);
	if (digest_read(json_object_get(value, "digest"), inner, ret->digest, err) == -1)
		return -1;
	if (!json_is_integer(size) || json_integer_value(size) < 0 ||
	    (uint64_t)json_integer_value(size) > BLOB_BYTES_MAX) {
		snprintf(inner, sizeof inner, "%.100s.size", field);
		return error_field(err, inner, "%s is not a size", inner);
	}
	ret->size = (uint64_t)json_integer_value(size);
	return 0;
}

/* 1: made for this host, 0: it does not say, -1: for another. */
static int platform_fits(json_t *entry)
{
	json_t *platform = json_object_get(entry, "platform");

	if (!json_is_object(platform))
		return 0;
	return member_is(platform, "os", "linux") && member_is(platform, "architecture", "amd64") ? 1 : -1;
}

/* The first entry for this host counts; else the only one that does not say what it is for. */
static int index_pick(json_t *list, const char *name, struct oci_descriptor *ret_entry, struct error *err)
{
	struct oci_descriptor entry, silent = { .digest = "" };
	char field[FIELD_TEXT];
	bool several = false;

	if (json_array_size(list) > OCI_INDEX_MAX)
		return error_field(err, name, "%s has more than %d entries", name, OCI_INDEX_MAX);
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *value = json_array_get(list, i);
		snprintf(field, sizeof field, "%.60s.manifests[%zu]", name, i);
		if (!json_is_object(value))
			return error_field(err, field, "%s is not an object", field);
		int fits = platform_fits(value);
		if (fits == -1)
			continue;
		if (descriptor_read(value, field, &entry, err) == -1)
			return -1;
		if (fits == 1) {
			*ret_entry = entry;
			return 1;
		}
		several = several || (silent.digest[0] != '\0' && strcmp(silent.digest, entry.digest) != 0);
		silent = entry;
	}
	if (several)
		return error_field(err, name, "%s names several images; send an archive of one", name);
	if (silent.digest[0] == '\0')
		return error_field(err, name, "none of the %zu images that %s names is for linux/amd64",
				   json_array_size(list), name);
	*ret_entry = silent;
	return 1;
}

static int layers_read(json_t *list, const char *name, struct oci_manifest *manifest, struct error *err)
{
	char field[FIELD_TEXT];

	snprintf(field, sizeof field, "%.60s.layers", name);
	if (json_array_size(list) == 0)
		return error_field(err, field, "the image has no layers");
	if (json_array_size(list) > CONTAINER_LAYERS_MAX)
		return error_field(err, field, "the image has %zu layers, more than %d", json_array_size(list),
				   CONTAINER_LAYERS_MAX);
	for (size_t i = 0; i < json_array_size(list); i++) {
		snprintf(field, sizeof field, "%.60s.layers[%zu]", name, i);
		if (descriptor_read(json_array_get(list, i), field, &manifest->layers[i], err) == -1)
			return -1;
	}
	manifest->layer_count = (uint32_t)json_array_size(list);
	return 0;
}

/* Of our own making, or somebody's: what is no object of a sane size is refused. What stands in it is checked where it is used. */
static int settings_read(json_t *annotations, const char *name, struct oci_manifest *manifest, struct error *err)
{
	json_t *value = json_object_get(annotations, OCI_SETTINGS);
	char field[FIELD_TEXT];

	if (value == NULL)
		return 0;
	snprintf(field, sizeof field, "%.60s.annotations", name);
	cleanup_json json_t *settings = json_is_string(value) && json_string_length(value) < sizeof manifest->settings
						? json_parse(json_string_value(value), json_string_length(value), err) : NULL;
	if (settings == NULL)
		return error_field(err, field, "the annotation %s is not a JSON object of at most %zu bytes", OCI_SETTINGS,
				   sizeof manifest->settings - 1);
	snprintf(manifest->settings, sizeof manifest->settings, "%s", json_string_value(value));
	return 0;
}

int oci_manifest_read(const char *text, size_t size, const char *name, struct oci_descriptor *ret_entry,
		      struct oci_manifest *ret_manifest, struct error *err)
{
	static struct oci_manifest manifest; /* large */
	char field[FIELD_TEXT];
	cleanup_json json_t *root = document_parse(text, size, name, err);

	if (root == NULL)
		return -1;
	json_t *list = json_object_get(root, "manifests"), *layers = json_object_get(root, "layers");
	/* What could be read both ways would be one thing here and another elsewhere. */
	if (json_is_array(list) == json_is_array(layers))
		return error_field(err, name, "%s is neither an image index nor an image manifest", name);
	if (json_is_array(list))
		return index_pick(list, name, ret_entry, err);
	manifest = (struct oci_manifest){ 0 };
	snprintf(field, sizeof field, "%.60s.config", name);
	if (descriptor_read(json_object_get(root, "config"), field, &manifest.config, err) == -1 ||
	    layers_read(layers, name, &manifest, err) == -1 ||
	    settings_read(json_object_get(root, "annotations"), name, &manifest, err) == -1)
		return -1;
	*ret_manifest = manifest;
	return 0;
}

int oci_layout_check(const char *text, size_t size, struct error *err)
{
	cleanup_json json_t *root = document_parse(text, size, "oci-layout", err);

	if (root == NULL)
		return -1;
	const char *version = member_text(root, "imageLayoutVersion");
	if (version == NULL || strncmp(version, "1.", 2) != 0)
		return error_field(err, "oci-layout", "the archive is not an OCI image layout of version 1");
	return 0;
}

/* Strings of a list as words, NUL behind each. Null and absent are an empty list. */
static int words_read(json_t *list, const char *field, char *words, size_t room, uint32_t *used, struct error *err)
{
	if (list != NULL && !json_is_null(list) && !json_is_array(list))
		return error_field(err, field, "%s is not a list", field);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *word = text_get(json_array_get(list, i));
		if (word == NULL)
			return error_field(err, field, "%s[%zu] is not a text without NUL", field, i);
		size_t length = strlen(word) + 1;
		if (length > room - *used)
			return error_field(err, field, "%s is too long: all of it together may have %zu bytes", field, room);
		memcpy(words + *used, word, length);
		*used += (uint32_t)length;
	}
	return 0;
}

static int environment_check(const struct image_config *config, struct error *err)
{
	for (uint32_t at = 0; at < config->environment_size;) {
		const char *entry = config->environment + at;
		const char *equals = strchr(entry, '=');
		if (equals == NULL || equals == entry)
			return error_field(err, "config.Env", "'%.80s' is not of the form NAME=value", entry);
		/* liblxc's configuration has one line for each. */
		if (strpbrk(entry, "\n\r") != NULL)
			return error_field(err, "config.Env", "the value of %.*s has a line break",
					   (int)(equals - entry > 80 ? 80 : equals - entry), entry);
		at += (uint32_t)strlen(entry) + 1;
	}
	return 0;
}

static int text_copy(json_t *object, const char *key, char *out, size_t room, struct error *err)
{
	json_t *value = json_object_get(object, key);
	char field[FIELD_TEXT];

	if (value == NULL || json_is_null(value))
		return 0;
	snprintf(field, sizeof field, "config.%s", key);
	return json_read_string(value, field, 0, room - 1, out, err);
}

/* "15", "TERM", "SIGTERM", "SIGRTMIN+3" */
static int signal_read(const char *text, uint32_t *ret_signal, struct error *err)
{
	const struct {
		const char *name;
		int number;
	} signals[] = {
		{ "HUP", SIGHUP },   { "INT", SIGINT },     { "QUIT", SIGQUIT },   { "KILL", SIGKILL }, { "TERM", SIGTERM },
		{ "USR1", SIGUSR1 }, { "USR2", SIGUSR2 },   { "PWR", SIGPWR },     { "ABRT", SIGABRT }, { "ALRM", SIGALRM },
		{ "CONT", SIGCONT }, { "WINCH", SIGWINCH }, { "RTMIN", SIGRTMIN }, { "RTMAX", SIGRTMAX },
	};
	const char *name = strncmp(text, "SIG", 3) == 0 ? text + 3 : text;
	size_t length = strcspn(name, "+-");
	long number = 0, offset = 0;
	char *end;

	if (*text == '\0')
		return 0;
	offset = strtol(name + length, &end, 10);
	bool whole = *end == '\0';
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		if (strlen(signals[i].name) == length && strncmp(signals[i].name, name, length) == 0)
			number = signals[i].number;
	/* Only the real-time signals are counted from their ends. */
	if (offset != 0 && number != SIGRTMIN && number != SIGRTMAX)
		whole = false;
	if (number == 0) {
		number = strtol(text, &end, 10);
		offset = 0;
		whole = *end == '\0' && *text >= '1' && *text <= '9';
	}
	if (!whole || offset < -64 || offset > 64 || number + offset < 1 || number + offset > 64)
		return error_field(err, "config.StopSignal", "'%.40s' is not a signal", text);
	*ret_signal = (uint32_t)(number + offset);
	return 0;
}

/* The only TCP port that it exposes; with none or several there is nothing to guess. */
static void port_read(json_t *ports, uint32_t *ret_port)
{
	unsigned found = 0;
	const char *key;
	json_t *value;

	json_object_foreach(ports, key, value) {
		char *end;
		long number = strtol(key, &end, 10);
		if (number < 1 || number > 65535 || (*end != '\0' && strcmp(end, "/tcp") != 0))
			continue;
		found++;
		*ret_port = (uint32_t)number;
	}
	if (found != 1)
		*ret_port = 0;
}

static int run_read(json_t *run, struct image_config *config, struct error *err)
{
	char signal[32] = "";

	if (words_read(json_object_get(run, "Entrypoint"), "config.Entrypoint", config->command, COMMAND_MAX,
		       &config->command_size, err) == -1 ||
	    words_read(json_object_get(run, "Cmd"), "config.Cmd", config->command, COMMAND_MAX, &config->command_size,
		       err) == -1 ||
	    words_read(json_object_get(run, "Env"), "config.Env", config->environment, ENVIRONMENT_MAX,
		       &config->environment_size, err) == -1 ||
	    environment_check(config, err) == -1)
		return -1;
	if (config->command_size > 0 && config->command[0] == '\0')
		return error_field(err, "config.Cmd", "the program is empty");
	if (text_copy(run, "User", config->user, sizeof config->user, err) == -1 ||
	    text_copy(run, "WorkingDir", config->folder, sizeof config->folder, err) == -1 ||
	    text_copy(run, "StopSignal", signal, sizeof signal, err) == -1 ||
	    signal_read(signal, &config->stop_signal, err) == -1)
		return -1;
	if (config->folder[0] != '\0' && config->folder[0] != '/')
		return error_field(err, "config.WorkingDir", "the working folder is not an absolute path");
	port_read(json_object_get(run, "ExposedPorts"), &config->port);
	return 0;
}

int oci_config_read(const char *text, size_t size, struct oci_config *ret_config, struct error *err)
{
	static struct oci_config config; /* large */
	char field[FIELD_TEXT];
	cleanup_json json_t *root = document_parse(text, size, "config", err);

	if (root == NULL)
		return -1;
	config = (struct oci_config){ 0 };
	if (!member_is(root, "os", "linux") || !member_is(root, "architecture", "amd64"))
		return error_field(err, "config.architecture", "the image is for %.40s/%.40s, not for linux/amd64",
				   member_text(root, "os") == NULL ? "?" : member_text(root, "os"),
				   member_text(root, "architecture") == NULL ? "?" : member_text(root, "architecture"));
	json_t *list = json_object_get(json_object_get(root, "rootfs"), "diff_ids");
	if (!json_is_array(list) || json_array_size(list) > CONTAINER_LAYERS_MAX)
		return error_field(err, "config.rootfs.diff_ids", "the config has no list of at most %d layers",
				   CONTAINER_LAYERS_MAX);
	for (size_t i = 0; i < json_array_size(list); i++) {
		snprintf(field, sizeof field, "config.rootfs.diff_ids[%zu]", i);
		if (digest_read(json_array_get(list, i), field, config.diff_ids[i], err) == -1)
			return -1;
	}
	config.layer_count = (uint32_t)json_array_size(list);
	if (run_read(json_object_get(root, "config"), &config.config, err) == -1)
		return -1;
	*ret_config = config;
	return 0;
}

static int name_read(json_t *value, const char *field, char ret_name[OCI_NAME_TEXT], struct error *err)
{
	return json_read_string(value, field, 1, OCI_NAME_TEXT - 1, ret_name, err);
}

int oci_docker_read(const char *text, size_t size, struct oci_docker *ret_docker, struct error *err)
{
	static struct oci_docker docker; /* large */
	char field[FIELD_TEXT];
	cleanup_json json_t *root = document_parse(text, size, "manifest.json", err);

	if (root == NULL)
		return -1;
	docker = (struct oci_docker){ 0 };
	if (json_array_size(root) != 1)
		return error_field(err, "manifest.json", "manifest.json names %zu images; send an archive of one",
				   json_array_size(root));
	json_t *image = json_array_get(root, 0), *list = json_object_get(image, "Layers");
	if (name_read(json_object_get(image, "Config"), "manifest.json[0].Config", docker.config, err) == -1)
		return -1;
	if (json_array_size(list) == 0 || json_array_size(list) > CONTAINER_LAYERS_MAX)
		return error_field(err, "manifest.json[0].Layers", "the image has %zu layers, not 1 to %d",
				   json_array_size(list), CONTAINER_LAYERS_MAX);
	for (size_t i = 0; i < json_array_size(list); i++) {
		snprintf(field, sizeof field, "manifest.json[0].Layers[%zu]", i);
		if (name_read(json_array_get(list, i), field, docker.layers[i], err) == -1)
			return -1;
	}
	docker.layer_count = (uint32_t)json_array_size(list);
	*ret_docker = docker;
	return 0;
}
