/* SPDX-License-Identifier: GPL-2.0-or-later */
/* audit: the verbs of `bulkhead audit`. LOG is a realm's id, or "host". */
#ifndef BULKHEAD_CLI_AUDIT_H
#define BULKHEAD_CLI_AUDIT_H

struct error;
struct http_target;

/* words: LOG, then KEY=VALUE of the call's query, or of its body. -1 with err; EINVAL without a message: its usage. */
int audit_show(const struct http_target *target, int count, char **words, struct error *err);
int audit_change(const struct http_target *target, int count, char **words, struct error *err);
int audit_list(const struct http_target *target, int count, char **words, struct error *err);
int audit_statistics(const struct http_target *target, int count, char **words, struct error *err);
int audit_verify(const struct http_target *target, int count, char **words, struct error *err);

/* Every record, oldest first, a line of JSON each; on standard error where the next export goes on. */
int audit_export(const struct http_target *target, int count, char **words, struct error *err);

#endif
