/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * version: what the agent calls itself.
 */
#ifndef BULKHEAD_VERSION_H
#define BULKHEAD_VERSION_H

#define BULKHEAD_VERSION "0.1.0"

#endif
