/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/operation.h"

#include <stdio.h>
#include <stdlib.h>

#include "daemon/api/request.h"
#include "daemon/lib/log.h"

struct operation *operation_new(struct api *api, const char *id, struct request *request)
{
	struct operation *operation = calloc(1, sizeof *operation);

	if (operation == NULL) {
		log_error("no memory for an operation on container %s", id);
		if (request != NULL)
			request_fail(request, 503, "unavailable", NULL, "no memory; what you asked for is noted, try again");
		return NULL;
	}
	*operation = (struct operation){ .api = api, .request = request };
	snprintf(operation->id, sizeof operation->id, "%s", id);
	return operation;
}
