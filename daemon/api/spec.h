/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spec: what a client wants of a new container, read and checked.
 */
#ifndef BULKHEAD_SPEC_H
#define BULKHEAD_SPEC_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/api/name.h"
#include "daemon/lib/hex.h"
#include "daemon/lib/protocol.h"

struct error;

struct spec {
	char project[ID_TEXT];
	char image[NAME_MAX_IMAGE + 1]; /* id, digest or name */
	char name[NAME_MAX_LABEL + 1];
	json_t *command, *environment, *labels; /* borrowed from the body, or NULL */
	json_t *seccomp;                        /* borrowed as well; confinement.h */
	int64_t start_order;                    /* lower ones are started first when the host starts */
	char cpus[CPUS_TEXT];                   /* "": all */
	int64_t read_max, write_max;            /* bytes a second; 0: no limit */
	int64_t restart;                        /* enum revival_policy */
	int64_t port;                           /* 0: as the image says */
	json_t *services;                       /* borrowed as well; services.h */
	char user[USER_TEXT], folder[FOLDER_TEXT]; /* "": as the image says */
	int64_t memory_max, swap_max, disk_max; /* bytes; 0: no limit (swap_max 0: no swap) */
	int64_t memory_high;                    /* bytes; 0: as the engine has it */
	int64_t cpu_percent, cpu_weight, pids_max;
};

#define SPEC_NO_LIMIT INT64_MAX /* of swap */

int spec_read(json_t *body, struct spec *ret_spec, struct error *err);

/* What body has of name, restart, limits and what is run takes the place of that in spec, which stays as it is on -1. */
int spec_change(json_t *body, struct spec *spec, struct error *err);

/* enum revival_policy as the API has it; NULL beyond. */
const char *spec_restart_name(int64_t restart);

/*
 * A list of strings as words with a NUL behind each. Fails when they need more
 * than room bytes, or one is empty in first place or has a NUL inside.
 */
int spec_command_pack(json_t *list, char *words, size_t room, uint32_t *ret_size, struct error *err);

/* An object of strings as "KEY=value" words, the same way; a value has no line break either. */
int spec_environment_pack(json_t *object, char *words, size_t room, uint32_t *ret_size, struct error *err);

/* The same with names of any form, which images may have. */
int spec_variables_pack(json_t *object, char *words, size_t room, uint32_t *ret_size, struct error *err);

#endif
