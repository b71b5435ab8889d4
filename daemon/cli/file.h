/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * file: `bulkhead file`: files into a container that runs, and out of it.
 */
#ifndef BULKHEAD_CLI_FILE_H
#define BULKHEAD_CLI_FILE_H

struct error;
struct http_target;

/* The words behind the verb; EINVAL when they are not what its usage says, without a message. */

/* ID PATH [FILE]: to standard output without FILE, which is not there before it is whole. */
int file_pull(const struct http_target *target, int count, char **words, struct error *err);

/* ID FILE: a stopped container, or a snapshot, as an image. */
int file_export_container(const struct http_target *target, int count, char **words, struct error *err);
int file_export_snapshot(const struct http_target *target, int count, char **words, struct error *err);

/* FILE ID PATH [mode=..] [uid=..] [gid=..] */
int file_push(const struct http_target *target, int count, char **words, struct error *err);

/* ID PATH [mode=..] [uid=..] [gid=..]: a folder. */
int file_mkdir(const struct http_target *target, int count, char **words, struct error *err);

/* FILE ID: the addresses of a set; ID [FILE] */
int file_addresses_set(const struct http_target *target, int count, char **words, struct error *err);
int file_addresses(const struct http_target *target, int count, char **words, struct error *err);

/* ID PATH */
int file_delete(const struct http_target *target, int count, char **words, struct error *err);

/* "CHAIN KEY": two files in PEM, for the host to show to its clients. */
int file_certificate(const struct http_target *target, int count, char **words, struct error *err);

#endif
