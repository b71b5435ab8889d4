/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * unlock: what bulkhead-unlock and the agent say to each other, over the
 * SOCK_SEQPACKET socket UNLOCK_SOCKET. One frame a packet: a header and text
 * without NUL. Both ends come from the same image. Only root may connect
 * (SO_PEERCRED).
 */
#ifndef BULKHEAD_UNLOCK_H
#define BULKHEAD_UNLOCK_H

#include <stdint.h>

#define UNLOCK_SOCKET "/run/bulkhead/unlock.sock"

enum {
	UNLOCK_PASSPHRASE_MIN = 12,  /* characters, when one is set */
	UNLOCK_PASSPHRASE_MAX = 512, /* bytes */
	UNLOCK_ORIGIN_MAX = 200,
	UNLOCK_TEXT_MAX = 32768,     /* bytes of text in a frame, a status at most */
	UNLOCK_CLIENTS_MAX = 32,
};

/* Exit statuses of bulkhead-unlock, and results of an attempt. Scripts depend on them. */
enum unlock_code {
	UNLOCK_CODE_OPENED = 0,
	UNLOCK_CODE_USAGE = 2,
	UNLOCK_CODE_WRONG = 10,       /* wrong passphrase */
	UNLOCK_CODE_NO_DISK = 11,     /* no boot disk, or no LUKS on it */
	UNLOCK_CODE_NO_KEY_SLOT = 12,
	UNLOCK_CODE_NO_MEMORY = 13,   /* too little for the key derivation */
	UNLOCK_CODE_CORRUPT = 14,     /* LUKS header damaged */
	UNLOCK_CODE_TOO_EARLY = 15,   /* too many attempts wait */
	UNLOCK_CODE_ALREADY = 16,     /* unlocked by somebody else */
	UNLOCK_CODE_INTERNAL = 20,
};

enum unlock_state {
	UNLOCK_STATE_STARTING,
	UNLOCK_STATE_NO_DISK,
	UNLOCK_STATE_UNUSABLE,    /* disk found, cannot be used as it is; the text says why */
	UNLOCK_STATE_NEW,         /* no encrypted data yet: enrol */
	UNLOCK_STATE_LOCKED,
	UNLOCK_STATE_NO_KEY_SLOT,
	UNLOCK_STATE_CORRUPT,
	UNLOCK_STATE_OPENED,      /* the mapping stands; mounting, or the mount failed */
	UNLOCK_STATE_DONE,        /* handing over */
};

enum unlock_type {
	/* From the client. HELLO is the first frame; text: who it is ("ssh 192.0.2.1 ...", "console ttyS0"). */
	UNLOCK_TYPE_HELLO = 1, /* value: enum unlock_mode */
	UNLOCK_TYPE_UNLOCK,    /* text: passphrase */
	UNLOCK_TYPE_ENROLL,    /* text: passphrase; value 1: erase foreign signatures first */
	UNLOCK_TYPE_STATUS,
	UNLOCK_TYPE_REBOOT,
	UNLOCK_TYPE_POWEROFF,
	/* From the agent. */
	UNLOCK_TYPE_STATE,     /* value: enum unlock_state; on HELLO and at each change, to prompts */
	UNLOCK_TYPE_NOTICE,    /* text: a line for the operator, to prompts */
	UNLOCK_TYPE_PROGRESS,  /* text: about this client's own attempt */
	UNLOCK_TYPE_RECOVERY,  /* text: the recovery key of a finished enrolment */
	UNLOCK_TYPE_REPORT,    /* text: status as JSON */
	UNLOCK_TYPE_RESULT,    /* value: enum unlock_code, of this client's request */
	UNLOCK_TYPE_OTHER,     /* text: somebody else unlocked; the client ends */
};

enum unlock_mode {
	UNLOCK_MODE_COMMAND, /* one request; only its own frames */
	UNLOCK_MODE_PROMPT,  /* a person: also states and notices */
	UNLOCK_MODE_CONSOLE, /* the same, and the notices so far */
};

struct unlock_header {
	uint32_t type;
	uint32_t value;
};

#endif
