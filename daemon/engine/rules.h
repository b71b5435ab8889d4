/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rules: what api says of containers' firewall rules, and of the address sets that they name.
 */
#ifndef BULKHEAD_ENGINE_RULES_H
#define BULKHEAD_ENGINE_RULES_H

struct message;

void rules_begin(void);                              /* api said HELLO: the truth begins */
void rules_take_set(const struct message *message);  /* MESSAGE_ADDRESS_SET */
void rules_take(const struct message *message);      /* MESSAGE_RULES */
void rules_count(const struct message *message);     /* MESSAGE_RULES_COUNT */

#endif
