/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/unit.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "daemon/lib/oci.h"

#define D1 "1111111111111111111111111111111111111111111111111111111111111111"
#define D2 "2222222222222222222222222222222222222222222222222222222222222222"
#define AMD64 ",\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\"}"
#define ARM64 ",\"platform\":{\"os\":\"linux\",\"architecture\":\"arm64\"}"
#define ENTRY(digest, more) "{\"digest\":\"sha256:" digest "\",\"size\":5" more "}"

static struct oci_descriptor entry;
static struct oci_manifest manifest;
static struct oci_config config;
static struct oci_docker docker;
static struct error err;

static int setup(void **state)
{
	(void)state;
	err = (struct error)ERROR_INIT;
	return 0;
}

static int read_manifest(const char *text)
{
	err = (struct error)ERROR_INIT;
	return oci_manifest_read(text, strlen(text), "manifest", &entry, &manifest, &err);
}

static void refused(int result, const char *field, const char *word)
{
	assert_int_equal(result, -1);
	assert_int_equal(err.code, EINVAL);
	if (strcmp(err.field, field) != 0 || strstr(err.message, word) == NULL)
		fail_msg("%s: '%s' is not %s: '%s'", err.field, err.message, field, word);
}

static void an_index_is_picked_from(void **state)
{
	(void)state;
	assert_int_equal(read_manifest("{\"manifests\":[" ENTRY(D1, ARM64) "," ENTRY(D2, AMD64) "]}"), 1);
	assert_string_equal(entry.digest, D2);
	assert_int_equal(entry.size, 5);
	/* One that does not say what it is for. */
	assert_int_equal(read_manifest("{\"manifests\":[" ENTRY(D1, ARM64) "," ENTRY(D2, "") "]}"), 1);
	assert_string_equal(entry.digest, D2);
	refused(read_manifest("{\"manifests\":[" ENTRY(D1, "") "," ENTRY(D2, "") "]}"), "manifest", "several");
	refused(read_manifest("{\"manifests\":[" ENTRY(D1, ARM64) "]}"), "manifest", "none of the 1 images");
}

static void a_manifest_has_config_and_layers(void **state)
{
	(void)state;
	assert_int_equal(read_manifest("{\"config\":" ENTRY(D1, "") ",\"layers\":[" ENTRY(D2, "") "," ENTRY(D1, "") "]}"), 0);
	assert_string_equal(manifest.config.digest, D1);
	assert_int_equal(manifest.layer_count, 2);
	assert_string_equal(manifest.layers[0].digest, D2);
}

#define WITH(annotations) "{\"config\":" ENTRY(D1, "") ",\"layers\":[" ENTRY(D2, "") "],\"annotations\":" annotations "}"

static void a_manifest_may_have_a_containers_settings(void **state)
{
	(void)state;
	assert_int_equal(read_manifest(WITH("{\"org.bulkhead.container\":\"{\\\"port\\\":81}\",\"other\":\"x\"}")), 0);
	assert_string_equal(manifest.settings, "{\"port\":81}");
	assert_int_equal(read_manifest(WITH("{\"other\":\"x\"}")), 0);
	assert_string_equal(manifest.settings, "");
	assert_int_equal(read_manifest(WITH("[]")), 0);
	refused(read_manifest(WITH("{\"org.bulkhead.container\":{}}")), "manifest.annotations", "not a JSON object");
	refused(read_manifest(WITH("{\"org.bulkhead.container\":\"[]\"}")), "manifest.annotations", "not a JSON object");
}

static void malformed_manifests_are_refused(void **state)
{
	(void)state;
	refused(read_manifest("["), "manifest", "not valid JSON");
	refused(read_manifest("[]"), "manifest", "neither");
	refused(read_manifest("{}"), "manifest", "neither");
	refused(read_manifest("{\"manifests\":[],\"layers\":[]}"), "manifest", "neither");
	refused(read_manifest("{\"a\":1,\"a\":2}"), "manifest", "not valid JSON");
	refused(read_manifest("{\"config\":" ENTRY(D1, "") ",\"layers\":[]}"), "manifest.layers", "no layers");
	refused(read_manifest("{\"config\":" ENTRY("00", "") ",\"layers\":[" ENTRY(D1, "") "]}"), "manifest.config.digest", "sha256");
	refused(read_manifest("{\"config\":" ENTRY(D1, "") ",\"layers\":[7]}"), "manifest.layers[0].digest", "sha256");
	refused(read_manifest("{\"config\":" ENTRY(D1, "") ",\"layers\":[{\"digest\":\"sha256:" D1 "\",\"size\":-1}]}"),
		"manifest.layers[0].size", "size");
}

static int read_config(const char *run)
{
	char text[16384];

	err = (struct error)ERROR_INIT;
	int size = snprintf(text, sizeof text,
			    "{\"os\":\"linux\",\"architecture\":\"amd64\",\"config\":{%s},\"rootfs\":{\"diff_ids\":[\"sha256:" D1 "\"]}}", run);
	return oci_config_read(text, (size_t)size, &config, &err);
}

static void a_config_says_how_to_run(void **state)
{
	(void)state;
	assert_ok(read_config("\"Entrypoint\":[\"/in\",\"-x\"],\"Cmd\":[\"a b\"],\"Env\":[\"A=1\",\"B=\"],\"User\":\"www:7\","
			      "\"WorkingDir\":\"/srv\",\"StopSignal\":\"SIGRTMIN+3\",\"ExposedPorts\":{\"80/tcp\":{},\"53/udp\":{}}"), &err);
	assert_int_equal(config.layer_count, 1);
	assert_string_equal(config.diff_ids[0], D1);
	assert_int_equal(config.config.command_size, 11);
	assert_memory_equal(config.config.command, "/in\0-x\0a b", 11);
	assert_memory_equal(config.config.environment, "A=1\0B=", 7);
	assert_string_equal(config.config.user, "www:7");
	assert_string_equal(config.config.folder, "/srv");
	assert_int_equal(config.config.stop_signal, SIGRTMIN + 3);
	assert_int_equal(config.config.port, 80);
	/* Nothing is said. */
	assert_ok(read_config("\"Entrypoint\":null,\"Cmd\":null,\"Env\":null,\"User\":\"\",\"WorkingDir\":\"\""), &err);
	assert_int_equal(config.config.command_size, 0);
	assert_int_equal(config.config.stop_signal, 0);
}

static void a_port_of_several_is_none(void **state)
{
	(void)state;
	assert_ok(read_config("\"ExposedPorts\":{\"80/tcp\":{},\"443/tcp\":{}}"), &err);
	assert_int_equal(config.config.port, 0);
	assert_ok(read_config("\"ExposedPorts\":{\"0\":{},\"70000\":{},\"8080\":{}}"), &err);
	assert_int_equal(config.config.port, 8080);
}

static void signals_have_names_and_numbers(void **state)
{
	const struct {
		const char *text;
		int number;
	} good[] = { { "15", 15 }, { "TERM", SIGTERM }, { "SIGQUIT", SIGQUIT }, { "RTMAX-1", SIGRTMAX - 1 }, { "64", 64 } };
	static const char *const bad[] = { "0", "65", "SIGNONE", "TERM+1", "15x", "RTMIN+99", "-1", " 15" };
	char run[64];

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		snprintf(run, sizeof run, "\"StopSignal\":\"%s\"", good[i].text);
		assert_ok(read_config(run), &err);
		assert_int_equal(config.config.stop_signal, good[i].number);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		snprintf(run, sizeof run, "\"StopSignal\":\"%s\"", bad[i]);
		if (read_config(run) != -1)
			fail_msg("%s was taken for signal %u", bad[i], config.config.stop_signal);
		assert_string_equal(err.field, "config.StopSignal");
	}
}

static void malformed_configs_are_refused(void **state)
{
	static const char other[] = "{\"os\":\"linux\",\"architecture\":\"arm64\",\"rootfs\":{\"diff_ids\":[]}}";

	(void)state;
	refused(oci_config_read(other, strlen(other), &config, &err), "config.architecture", "linux/arm64");
	refused(read_config("\"Env\":[\"A\"]"), "config.Env", "NAME=value");
	refused(read_config("\"Env\":[\"A=1\\n2\"]"), "config.Env", "line break");
	refused(read_config("\"Cmd\":\"sh\""), "config.Cmd", "list");
	refused(read_config("\"Cmd\":[7]"), "config.Cmd", "text");
	refused(read_config("\"Cmd\":[\"\"]"), "config.Cmd", "empty");
	refused(read_config("\"Cmd\":[\"a\\u0000b\"]"), "config", "not valid JSON");
	refused(read_config("\"WorkingDir\":\"srv\""), "config.WorkingDir", "absolute");
}

static int read_docker(const char *text)
{
	err = (struct error)ERROR_INIT;
	return oci_docker_read(text, strlen(text), &docker, &err);
}

static void a_docker_archive_names_its_files(void **state)
{
	(void)state;
	assert_ok(read_docker("[{\"Config\":\"c.json\",\"RepoTags\":[\"a:b\"],\"Layers\":[\"1/layer.tar\",\"2/layer.tar\"]}]"), &err);
	assert_string_equal(docker.config, "c.json");
	assert_int_equal(docker.layer_count, 2);
	assert_string_equal(docker.layers[1], "2/layer.tar");
	refused(read_docker("[]"), "manifest.json", "0 images");
	refused(read_docker("{}"), "manifest.json", "images");
	refused(read_docker("[{\"Config\":\"c.json\",\"Layers\":[]}]"), "manifest.json[0].Layers", "0 layers");
	refused(read_docker("[{\"Config\":7,\"Layers\":[\"a\"]}]"), "manifest.json[0].Config", "");
}

static void a_layout_has_a_version(void **state)
{
	(void)state;
	assert_ok(oci_layout_check("{\"imageLayoutVersion\":\"1.0.0\"}", 30, &err), &err);
	refused(oci_layout_check("{\"imageLayoutVersion\":\"2.0.0\"}", 30, &err), "oci-layout", "version 1");
	refused(oci_layout_check("{}", 2, &err), "oci-layout", "version 1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(an_index_is_picked_from, setup),
		cmocka_unit_test_setup(a_manifest_has_config_and_layers, setup),
		cmocka_unit_test_setup(a_manifest_may_have_a_containers_settings, setup),
		cmocka_unit_test_setup(malformed_manifests_are_refused, setup),
		cmocka_unit_test_setup(a_config_says_how_to_run, setup),
		cmocka_unit_test_setup(a_port_of_several_is_none, setup),
		cmocka_unit_test_setup(signals_have_names_and_numbers, setup),
		cmocka_unit_test_setup(malformed_configs_are_refused, setup),
		cmocka_unit_test_setup(a_docker_archive_names_its_files, setup),
		cmocka_unit_test_setup(a_layout_has_a_version, setup),
	};
	return cmocka_run_group_tests_name("oci", tests, NULL, NULL);
}
