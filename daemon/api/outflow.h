/* SPDX-License-Identifier: GPL-2.0-or-later */
/* outflow: the answer that goes on as things happen (request.h), towards libmicrohttpd. */
#ifndef BULKHEAD_API_OUTFLOW_H
#define BULKHEAD_API_OUTFLOW_H

#include <microhttpd.h>

struct request;
struct outflow;

struct MHD_Response *outflow_response(struct request *request);
void outflow_free(struct outflow *outflow); /* takes NULL */

#endif
