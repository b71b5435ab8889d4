/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * idempotency: a POST that is sent twice with the same Idempotency-Key makes one
 * resource. The key is kept for a day, per caller, together with the path, the
 * hash of the body and the id of what was made, in the same transaction that
 * made it. A caller has at most 10,000 keys.
 */
#ifndef BULKHEAD_IDEMPOTENCY_H
#define BULKHEAD_IDEMPOTENCY_H

#include "daemon/api/request.h"

/*
 * Inside the transaction, before anything is made. 0: go on. 1: made before,
 * ret_id says what; answer with it as it is now (request->replayed is set).
 * -1: answered (400 bad key, 409 too many keys, 422 the key was used for something else).
 */
int idempotency_check(struct request *request, char ret_id[ID_TEXT]);

/* Inside the transaction, after it was made. Does nothing without a key. */
int idempotency_record(struct request *request, const char *id, struct error *err);

#endif
