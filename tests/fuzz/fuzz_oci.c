/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_oci: the documents of an image. What is accepted stays within its limits and is of the form that the engine wants. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/error.h"
#include "daemon/lib/oci.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void told(int result, const struct error *err)
{
	require(result >= 0 || (err->code != 0 && err->message[0] != '\0'));
}

static void config_check(const struct oci_config *config)
{
	require(config->layer_count <= CONTAINER_LAYERS_MAX);
	for (uint32_t i = 0; i < config->layer_count; i++)
		require(hex_valid(config->diff_ids[i], DIGEST_TEXT - 1));
	require(protocol_words_valid(config->config.command, config->config.command_size, COMMAND_MAX));
	require(protocol_words_valid(config->config.environment, config->config.environment_size, ENVIRONMENT_MAX));
	require(config->config.folder[0] == '\0' || config->config.folder[0] == '/');
	require(config->config.stop_signal <= 64 && config->config.port <= 65535);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct oci_manifest manifest;
	static struct oci_config config;
	static struct oci_docker docker;
	struct oci_descriptor entry;
	struct error err = ERROR_INIT;
	const char *text = (const char *)data;

	int result = oci_manifest_read(text, size, "manifest", &entry, &manifest, &err);
	told(result, &err);
	require(result != 1 || hex_valid(entry.digest, DIGEST_TEXT - 1));
	require(result != 0 || (manifest.layer_count >= 1 && manifest.layer_count <= CONTAINER_LAYERS_MAX));
	err = (struct error)ERROR_INIT;
	result = oci_config_read(text, size, &config, &err);
	told(result, &err);
	if (result == 0)
		config_check(&config);
	err = (struct error)ERROR_INIT;
	result = oci_docker_read(text, size, &docker, &err);
	told(result, &err);
	require(result == -1 || (docker.layer_count >= 1 && docker.config[0] != '\0'));
	err = (struct error)ERROR_INIT;
	told(oci_layout_check(text, size, &err), &err);
	return 0;
}
