/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_rule: the rules of a container as the engine reads them; what it took has a normal form, and makes commands of known words alone. */
// link: daemon/engine/commands.c daemon/engine/nameset.c daemon/engine/step.c daemon/engine/tally.c daemon/engine/netlink.c -lcrypto -lnftnl -lmnl
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/engine/commands.h"
#include "daemon/engine/netset.h"
#include "daemon/lib/error.h"
#include "daemon/lib/json.h"
#include "daemon/lib/ruleset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

bool netset_name(const char *id, uint8_t family, char name[NETSET_NAME])
{
	snprintf(name, NETSET_NAME, "a%c_%.24s_0123456789abcdef", family == AF_INET ? '4' : '6', id);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_{}.:;/,-\" @*\n";
	struct error err = ERROR_INIT;
	struct ruleset set, again;

	json_t *object = json_parse((const char *)data, size, &err);
	if (object == NULL)
		return 0;
	if (ruleset_read(object, &set, &err) == 0) {
		json_t *normal = ruleset_json(&set);
		if (normal == NULL || ruleset_read(normal, &again, &err) == -1)
			abort();
		json_t *second = ruleset_json(&again);
		json_decref(normal); /* reading takes nulls out */
		normal = ruleset_json(&set);
		if (!json_equal(normal, second))
			abort();
		static uint32_t groups[RULESET_RULES_MAX * RULE_PEERS_MAX];
		char *commands = commands_of_class(&set, "0123456789abcdef", groups);
		if (commands == NULL || strspn(commands, allowed) != strlen(commands))
			abort();
		free(commands);
		json_decref(second);
		json_decref(normal);
		ruleset_free(&again);
		ruleset_free(&set);
	}
	json_decref(object);
	return 0;
}
