/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pull: `bulkhead image pull`: begins a pull and stays with it to its end.
 */
#ifndef BULKHEAD_CLI_PULL_H
#define BULKHEAD_CLI_PULL_H

#include <jansson.h>

struct error;
struct http_target;

/*
 * fields: reference, and name, realm, username, ca (here the name of a file). With username the password is prompted for. The image's
 * object in *ret_answer, the caller's. Whoever interrupts it leaves the pull going on.
 */
int pull_image(const struct http_target *target, json_t *fields, json_t **ret_answer, struct error *err);

#endif
