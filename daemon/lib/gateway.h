/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gateway: the host as each container sees it, at the other end of its link: its way out,
 * and its resolver.
 */
#ifndef BULKHEAD_GATEWAY_H
#define BULKHEAD_GATEWAY_H

#define GATEWAY4 "169.254.0.1"
#define GATEWAY6 "fe80::1"

#endif
