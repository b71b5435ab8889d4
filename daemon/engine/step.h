/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * step: one thing to do to an element of a set or map of table inet bulkhead, by raw
 * netlink. nft(8) would list every network of every address set first.
 */
#ifndef BULKHEAD_STEP_H
#define BULKHEAD_STEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cidr;
struct error;

enum { STEP_KEY_MAX = 32, STEP_DATA_MAX = 20, STEP_CHAIN = 32 };

enum step_action {
	STEP_ADD,     /* what is there already stays; with other data: EEXIST */
	STEP_REMOVE,  /* ENOENT: it is not there */
	STEP_DESTROY, /* if it is there */
};

struct step {
	enum step_action action;
	const char *set;
	uint8_t key[STEP_KEY_MAX];   /* as the kernel has it: its parts one after the other, each padded to four bytes */
	size_t key_size;
	/* Of one that is added: */
	uint8_t data[STEP_DATA_MAX]; /* of a map; data_size 0: none */
	size_t data_size;
	char chain[STEP_CHAIN];      /* of a map of verdicts: to go there; "": none */
	struct step_limit {
		uint64_t rate;       /* packets a second; 0: no limit. It matches what is more, and counts that */
		uint32_t burst;
	} limit;
	uint64_t timeout_ms;         /* of a set with `flags timeout`: then it goes; of one that is there, from now on. 0: never */
};

/* Appends to the key. */
void step_key(struct step *step, const void *part, size_t size);

/* Appends an address to the key. */
void step_address(struct step *step, const struct cidr *address);

/* Appends a link's name to the key, as all sets of links have it. */
void step_link(struct step *step, const char *link);

/* 1: the set has an element with this key, 0: it has none, or there is no such set; -1 with err. */
int step_find(const struct step *step, struct error *err);

/* All of them or none. */
int step_run(const struct step *steps, size_t count, struct error *err);

#endif
