/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BULKHEAD_API_SNAPSHOTS_H
#define BULKHEAD_API_SNAPSHOTS_H

enum { SNAPSHOTS_MAX = 16 }; /* of a container, also those that are being removed */

#endif
