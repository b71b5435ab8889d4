/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pull: the role that fetches one image from a registry, for one request, and ends. What comes from a registry is a stranger's; here it meets a process of
 * an own user that can talk to the network and write one file. It unpacks nothing: the file becomes an OCI layout in a tar, which is then treated like
 * an upload.
 *
 * On PULL_FD, a channel, api sends MESSAGE_PULL with the file; MESSAGE_PULL_PROGRESS frames come back, then one MESSAGE_RESULT. Closing the channel cancels.
 */
#ifndef BULKHEAD_PULL_H
#define BULKHEAD_PULL_H

enum { PULL_FD = 3 };

#endif
