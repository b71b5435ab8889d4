/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * packets: what the firewall costs, measured as first process of a machine with our
 * kernel and the engine's own code: round trips and throughput of a container through
 * plain forwarding, through the table with one container, with thousands, and through
 * as many base chains as links (Incus's shape); what a container's elements cost the
 * CPU to add and remove; how long it takes to replace the rules of a class, and what
 * others lose meanwhile. Prints lines of "name value", then powers off.
 *
 * Arguments of the kernel's command line that it reads from its own: containers=10000,
 * chains=1000, rules=1000, trips=2000, megabytes=64.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <time.h>
#include <unistd.h>

#include "daemon/engine/class.h"
#include "daemon/engine/commands.h"
#include "daemon/engine/element.h"
#include "daemon/engine/firewall.h"
#include "daemon/engine/netlink.h"
#include "daemon/lib/error.h"
#include "daemon/lib/hostcfg.h"
#include "daemon/lib/json.h"
#include "daemon/lib/ruleset.h"
#include "tests/bench/packets/world.h"

enum { CLASSES = 100, RULES_OF_CLASS = 10, SAMPLES = 2000, REPLACEMENTS = 20 };

static struct {
	size_t containers, chains, rules, trips, megabytes;
} wanted = { 10000, 1000, 1000, 2000, 64 };

/* Listings that the kernel was asked for: ld --wrap. */
static unsigned listings;

int __real_netlink_talk(int bus, const void *messages, size_t size, unsigned last, mnl_cb_t cb, void *data, struct error *err);
int __wrap_netlink_talk(int bus, const void *messages, size_t size, unsigned last, mnl_cb_t cb, void *data, struct error *err);
int __wrap_netlink_talk(int bus, const void *messages, size_t size, unsigned last, mnl_cb_t cb, void *data, struct error *err)
{
	const struct nlmsghdr *header = messages;

	listings += (header->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
	return __real_netlink_talk(bus, messages, size, last, cb, data, err);
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static void run(const char *commands)
{
	struct error err = ERROR_INIT;

	if (firewall_run(commands, &err) == -1)
		world_fail(commands, &err);
}

/* -- rules -- */

/* Distinct ones of each seed; what the measured packets are is allowed by the last. */
static void ruleset_make(size_t count, unsigned seed, struct ruleset *set)
{
	struct error err = ERROR_INIT;
	char id[ID_TEXT], address[32], port[8];
	json_t *rules = json_array();

	for (size_t i = 0; i < count; i++) {
		snprintf(id, sizeof id, "%08x%016zx", seed, i);
		snprintf(address, sizeof address, "198.%zu.%zu.0/24", 18 + i / 256, i % 256);
		snprintf(port, sizeof port, "%zu", 1000 + i);
		json_array_append_new(rules, json_pack("{s:s, s:s, s:s, s:s, s:[s], s:[s]}", "id", id, "direction", "egress", "action", "deny",
						       "protocol", "tcp", "addresses", address, "ports", port));
	}
	json_t *object = json_pack("{s:b, s:o, s:[]}", "egress_open", 1, "rules", rules, "ports");
	if (ruleset_read(object, set, &err) == -1)
		world_fail("rules", &err);
	json_decref(object);
}

static void class_make(unsigned number, size_t count, unsigned seed)
{
	static const uint32_t no_groups[1];
	struct ruleset set;
	char name[24];

	ruleset_make(count, seed, &set);
	snprintf(name, sizeof name, "%016x", number);
	char *commands = commands_of_class(&set, name, no_groups);
	struct error err = ERROR_INIT;
	run(commands);
	if (class_lead(number, name, &err) == -1)
		world_fail("rules", &err);
	free(commands);
	ruleset_free(&set);
}

/* -- containers -- */

static void container_add(size_t number, const char *link, const char *ipv4_text)
{
	uint8_t ipv6[16] = { 0xfd, [12] = (uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number };
	struct element_marks none = { 0 }, marks = { .class = (uint32_t)(number % CLASSES + 1), .container = (uint32_t)(0x10000000 + number),
						     .project = (uint32_t)(0x20000000 + number / 100), .realm = 0x30000000 };
	struct error err = ERROR_INIT;
	uint32_t ipv4 = htonl((uint32_t)(0x0a4d0000 + number));

	if (ipv4_text != NULL)
		inet_pton(AF_INET, ipv4_text, &ipv4);
	if (element_add(link, ipv4, ipv6, &err) == -1 || element_marks_set(link, &none, &marks, &err) == -1)
		world_fail("a container", &err);
}

static void container_remove(size_t number, const char *link)
{
	uint8_t ipv6[16] = { 0xfd, [12] = (uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number };
	struct element_marks none = { 0 }, marks = { .class = (uint32_t)(number % CLASSES + 1), .container = (uint32_t)(0x10000000 + number),
						     .project = (uint32_t)(0x20000000 + number / 100), .realm = 0x30000000 };
	struct error err = ERROR_INIT;

	if (element_remove(link, htonl((uint32_t)(0x0a4d0000 + number)), ipv6, &err) == -1 || element_marks_set(link, &marks, &none, &err) == -1)
		world_fail("a container's end", &err);
}

static void containers_add(size_t from, size_t to)
{
	char link[16];

	for (size_t i = from; i < to; i++) {
		snprintf(link, sizeof link, "h%010u", (unsigned)i);
		container_add(i, link, NULL);
	}
}

/* -- figures -- */

static void pass_measure(const char *name)
{
	printf("%s-trip-ns %" PRIu64 "\n", name, world_round_trip(wanted.trips));
	printf("%s-mb-s %.1f\n", name, world_throughput(wanted.megabytes));
	fflush(stdout);
}

static int compare(const void *a, const void *b)
{
	const uint64_t *one = a, *two = b;

	return *one < *two ? -1 : *one > *two;
}

static void samples_print(const char *name, uint64_t *samples, size_t count)
{
	qsort(samples, count, sizeof *samples, compare);
	printf("%s-median-ns %" PRIu64 "\n%s-p99-ns %" PRIu64 "\n", name, samples[count / 2], name, samples[count * 99 / 100]);
	fflush(stdout);
}

/* CPU time of this process, which the kernel's work for it is part of. */
static void elements_measure(void)
{
	static uint64_t added[SAMPLES], removed[SAMPLES];
	char link[16];

	listings = 0;
	for (size_t i = 0; i < SAMPLES; i++) {
		size_t number = 60000 + i;
		snprintf(link, sizeof link, "h%010u", (unsigned)number);
		uint64_t start = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
		container_add(number, link, NULL);
		uint64_t between = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
		container_remove(number, link);
		added[i] = between - start;
		removed[i] = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - between;
	}
	samples_print("add", added, SAMPLES);
	samples_print("remove", removed, SAMPLES);
	printf("listings %u\n", listings);
}

static void replace_measure(void)
{
	uint64_t samples[REPLACEMENTS];
	size_t sent;

	class_make(CLASSES + 1, wanted.rules, CLASSES + 1);
	world_stream_begin();
	for (unsigned i = 0; i < REPLACEMENTS; i++) {
		uint64_t start = clock_ns(CLOCK_MONOTONIC);
		class_make(CLASSES + 1, wanted.rules, CLASSES + 1);
		samples[i] = clock_ns(CLOCK_MONOTONIC) - start;
	}
	size_t lost = world_stream_end(&sent);
	samples_print("replace", samples, REPLACEMENTS);
	printf("replace-sent %zu\nreplace-lost %zu\n", sent, lost);
}

/* A base chain on the forward hook for each link, as Incus makes for each NIC whose traffic it filters. */
static void chains_make(void)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL)
		world_fail("chains", NULL);
	fputs("destroy table inet bulkhead\nadd table inet peer\n"
	      "add chain inet peer nat { type nat hook postrouting priority srcnat; policy accept; }\n"
	      "add rule inet peer nat iifname \"h*\" oifname != \"h*\" masquerade\n", out);
	for (size_t i = 0; i < wanted.chains; i++) {
		fprintf(out, "add chain inet peer fwd%zu { type filter hook forward priority filter; policy accept; }\n", i);
		fprintf(out, "add rule inet peer fwd%zu ct state established,related accept\n", i);
		fprintf(out, "add rule inet peer fwd%zu iifname \"v%zu\" ip saddr != 10.78.%zu.%zu drop\n", i, i, i / 250, i % 250 + 1);
		fprintf(out, "add rule inet peer fwd%zu iifname \"v%zu\" drop\n", i, i);
	}
	if (fclose(out) != 0)
		world_fail("chains", NULL);
	run(text);
	free(text);
}

static void wanted_read(void)
{
	char text[4096] = "";
	FILE *file = fopen("/proc/cmdline", "r");

	if (file == NULL || fgets(text, sizeof text, file) == NULL)
		world_fail("/proc/cmdline", NULL);
	fclose(file);
	for (char *word = strtok(text, " \n"); word != NULL; word = strtok(NULL, " \n")) {
		(void)sscanf(word, "containers=%zu", &wanted.containers);
		(void)sscanf(word, "chains=%zu", &wanted.chains);
		(void)sscanf(word, "rules=%zu", &wanted.rules);
		(void)sscanf(word, "trips=%zu", &wanted.trips);
		(void)sscanf(word, "megabytes=%zu", &wanted.megabytes);
	}
}

int main(void)
{
	static struct hostcfg cfg;
	struct error err = ERROR_INIT;

	world_make();
	wanted_read();
	run("add table inet plain\nadd chain inet plain nat { type nat hook postrouting priority srcnat; policy accept; }\n"
	    "add rule inet plain nat iifname \"h*\" oifname != \"h*\" masquerade\n");
	pass_measure("plain");
	run("destroy table inet plain\n");
	hostcfg_defaults(&cfg);
	if (firewall_install(&cfg, &err) == -1)
		world_fail("the firewall", &err);
	for (unsigned i = 1; i <= CLASSES; i++)
		class_make(i, RULES_OF_CLASS, i);
	container_add(1, CONTAINER_LINK, CONTAINER_ADDRESS);
	pass_measure("one");
	containers_add(2, wanted.chains);
	pass_measure("thousand");
	containers_add(wanted.chains, wanted.containers);
	pass_measure("many");
	elements_measure();
	replace_measure();
	chains_make();
	pass_measure("chains");
	puts("done");
	fflush(stdout);
	sync();
	reboot(RB_POWER_OFF);
	return 0;
}
