/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * supervisor: where the running supervisor is found. The file holds its pid
 * and is locked (flock) as long as it lives.
 */
#ifndef BULKHEAD_SUPERVISOR_H
#define BULKHEAD_SUPERVISOR_H

#define SUPERVISOR_PID_PATH "/run/bulkhead/supervisor.pid"

#endif
