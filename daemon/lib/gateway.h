/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gateway: the host as each container sees it: its way out at the other end of its link,
 * and its resolver, which is there by IPv4 and behind it by IPv6 (a program needs no scope
 * to ask it).
 */
#ifndef BULKHEAD_GATEWAY_H
#define BULKHEAD_GATEWAY_H

#define GATEWAY4 "169.254.0.1"
#define GATEWAY6 "fe80::1"
#define RESOLVER4 GATEWAY4
#define RESOLVER6 "fd00::53"

#endif
