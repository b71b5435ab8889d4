/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * protocol: every frame that the roles exchange. `api` asks, `engine` and
 * `gate` answer. `api` owns what should be; `engine` and `gate` can be rebuilt
 * from it: on HELLO (a role started, again) api sends the whole truth anew.
 *
 * The whole truth is, from api to engine: HELLO, all of IMAGE_SYNC, all of
 * CONTAINER_SYNC; to gate: HELLO, IDENTITY_KEY, all of PERMISSIONS, all of AUDIT, all of ROUTE_SYNC; to audit: HELLO, all of AUDIT. A list is one frame for
 * each entry, then an end: a frame with an empty name, all of it zero but
 * `count`, the number of frames before it. Other frames may come in between: what they
 * change holds over what the list said earlier, and what they name is not
 * garbage. A role removes what a list does not name, so it takes a list only
 * when it has seen all of it:
 *   - A HELLO begins all lists of that role afresh; its next END closes each.
 *   - SYNC frames outside (before the first HELLO, or behind the END) are
 *     ignored: a new process may find the tail of what its predecessor read.
 *   - An END whose count is not the number of frames seen is logged, and the
 *     list is without effect.
 *
 * Strings are NUL-terminated within their array (message.c checks), addresses
 * in network byte order, sizes in bytes, times in milliseconds.
 */
#ifndef BULKHEAD_PROTOCOL_H
#define BULKHEAD_PROTOCOL_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/lib/domain.h"
#include "daemon/lib/hex.h"
#include "daemon/lib/password.h"

/*
 * Ends inherited by a role. The supervisor keeps a copy of all, so that a
 * restarted role goes on with the same pair and its peers never see EOF.
 */
enum {
	ROLE_FD_API = 3,    /* in engine, gate, audit and records: to api */
	ROLE_FD_AGENT = 4,  /* in gate: bound socket where HAProxy asks */
	ROLE_FD_ENGINE = 3, /* in api and names: to engine */
	ROLE_FD_NAMES = 4,  /* in engine: to names */
	ROLE_FD_DNS_UDP = 4, /* in names: two bound sockets where containers ask */
	ROLE_FD_DNS_TCP = 6, /* and two more */
	ROLE_FD_GATE = 4,   /* in api: to gate */
	ROLE_FD_LISTEN = 5, /* in api: bound socket api.sock, callers bring a token */
	ROLE_FD_LOCAL = 6,  /* in api: bound socket local.sock, callers are root */
	ROLE_FD_AUDIT = 7,  /* in api: to audit */
	ROLE_FD_READER = 8, /* in api: to records */
	ROLE_FD_RECORDS = 4, /* in audit: bound socket where records come in (record.h) */
};

enum message_type {
	MESSAGE_HELLO = 1,         /* struct hello_message; role -> api, first frame after its start; also
				    * api -> engine, gate before each whole truth: the lists begin afresh */
	MESSAGE_RESULT,            /* struct result_message; answer to most requests */
	MESSAGE_HOST_STATUS,       /* no payload; api -> engine */
	MESSAGE_HOST_STATUS_REPLY, /* struct host_status_message */
	MESSAGE_IMAGE_IMPORT,      /* struct image_message + fd of the spooled archive (O_RDONLY); answer
				    * IMAGE_CONTENT, or RESULT with an error */
	MESSAGE_IMAGE_DELETE,      /* struct image_message: one layer */
	MESSAGE_IMAGE_SYNC,        /* struct image_message per known layer, digest "" and count end: the rest is garbage */
	MESSAGE_CONTAINER_START,   /* struct container_message; RESULT when its init runs */
	MESSAGE_CONTAINER_STOP,    /* struct container_stop_message; RESULT when it has ended */
	MESSAGE_CONTAINER_REVOKE,  /* struct container_id_message; live element, sockets, processes: gone on RESULT */
	MESSAGE_CONTAINER_DELETE,  /* struct container_id_message; its files. Ids and addresses may be given anew
				    * after a RESULT of 0 only; after an error: ask again */
	MESSAGE_CONTAINER_SYNC,    /* struct container_message per known container, id "" and count end: engine stops
				    * and removes others, starts what `wanted` says, reports every state */
	MESSAGE_CONTAINER_STATE,   /* struct container_state_message; event engine -> api */
	MESSAGE_ROUTE_SET,         /* struct route_message; api -> gate; RESULT when HAProxy has it */
	MESSAGE_ROUTE_DELETE,      /* struct route_message, of which the label counts; RESULT when HAProxy forgot it, and the
				    * aliases that it owns */
	MESSAGE_ROUTE_SYNC,        /* struct route_message per route, label "" and count end: the whole table */
	MESSAGE_EXEC,              /* struct exec_message, + fd of its standard input (a file) or none; answer EXEC_REPLY */
	MESSAGE_EXEC_REPLY,        /* no payload, + fd: a channel to the session, which waits there for EXEC_GO */
	MESSAGE_EXEC_GO,           /* no payload, + fd of an open websocket if the command is attached; api -> session: run
				    * it. A session that loses its channel ends */
	MESSAGE_EXEC_END,          /* struct exec_end_message, + fd of the output; session -> api, its last frame */
	MESSAGE_IMAGE_CONTENT,     /* struct image_content_message; answer to IMAGE_IMPORT when all layers are on disk */
	MESSAGE_PULL_START,        /* no payload + fd: a socket that becomes PULL_FD of a new process of role pull;
				    * RESULT when it runs */
	MESSAGE_PULL,              /* struct pull_message + fd of an empty file; api -> pull; answer RESULT when done */
	MESSAGE_PULL_PROGRESS,     /* struct pull_progress_message; pull -> api */
	MESSAGE_MERGING,           /* struct container_id_message; api -> engine: measure what merging brings it */
	MESSAGE_MERGING_REPLY,     /* struct merging_message */
	MESSAGE_UNPROFITABLE,      /* struct container_id_message; event engine -> api: it gains nothing by merging */
	MESSAGE_COMPACT,           /* struct compact_message; api -> engine: share what stopped containers have in common */
	MESSAGE_COMPACT_REPLY,     /* struct compact_reply_message */
	MESSAGE_CONTAINER_FREEZE,  /* struct container_freeze_message; RESULT when the kernel was told; EBUSY: it does not run */
	MESSAGE_CONTAINER_CONSOLE, /* struct container_id_message; RESULT + fd of a copy of its console log, read from its start */
	MESSAGE_USAGE,             /* struct container_id_message; api -> engine */
	MESSAGE_USAGE_REPLY,       /* struct usage_message; RESULT with ENOENT: there is no such container */
	MESSAGE_CONTAINER_CHANGE,  /* struct container_message; limits and name hold from now on; RESULT, EEXIST: less than is in use */
	MESSAGE_COPY,              /* struct copy_message; api -> engine; COPY_REPLY when it is there, whole and on disk */
	MESSAGE_COPY_REPLY,        /* struct copy_reply_message */
	MESSAGE_SNAPSHOT_SYNC,     /* struct container_id_message per known snapshot, before the list of containers,
				    * whose count includes them; deleted by CONTAINER_DELETE as containers are */
	MESSAGE_EXPORT,            /* struct export_message + fd of an empty file; api -> engine: it becomes an OCI archive */
	MESSAGE_EXPORT_REPLY,      /* struct export_reply_message */
	MESSAGE_RULES,             /* struct rules_message + fd of a file with its ruleset as JSON (ruleset.h); api -> engine: in
				    * force from now on, also for flows that stand; RESULT. Without serial: the truth, after
				    * the list of containers */
	MESSAGE_RULES_COUNT,       /* struct container_id_message; api -> engine */
	MESSAGE_RULES_COUNT_REPLY, /* no payload + fd of a file: JSON (engine/subject.h) */
	MESSAGE_ACCESS,            /* struct access_message + fd of a file with JSON (access.h); api -> engine: in force from now on; RESULT */
	MESSAGE_ADDRESS_SET,       /* struct address_set_message + fd of a file with its addresses (address_set.h): in force from now on, also for flows that
				    * stand; without fd: it is gone; api -> engine; RESULT. Without serial: the truth, before the rules */
	MESSAGE_NAME_ASK,          /* struct name_ask_message; names -> engine: may the container ask for this? */
	MESSAGE_NAME_VERDICT,      /* struct name_verdict_message */
	MESSAGE_NAME_FOUND,        /* struct name_found_message; names -> engine: this is what was found; RESULT when the container may go there */
	MESSAGE_CONTAINER_CUT,     /* struct container_cut_message; api -> engine: what the host has open to the container's other ports ends; RESULT */
	MESSAGE_CERTIFICATE,       /* no payload + fd of a file with chain and key (certificate.h): api -> engine: it is kept; RESULT */
	MESSAGE_CERTIFICATE_SHOW,  /* no payload; api -> engine */
	MESSAGE_CERTIFICATE_REPLY, /* no payload + fd of a file: JSON of certificate_json() */
	MESSAGE_CERTIFICATE_TRY,   /* the same as CERTIFICATE; api -> gate: would HAProxy take it? RESULT */
	MESSAGE_CERTIFICATE_USE,   /* no payload; api -> gate: HAProxy uses the one that was tried last; RESULT */
	MESSAGE_PERMISSIONS,       /* struct permissions_message + fd of a file with the normal document as JSON (permissions.h), none: it has
				    * none; api -> gate: in force from now on; RESULT. Without serial: the truth, before the routes */
	MESSAGE_PASSWORD_HASH,     /* struct password_message, of which the password counts; api -> gate -> its process for passwords */
	MESSAGE_PASSWORD_HASH_REPLY, /* struct password_message, of which the hash counts */
	MESSAGE_PASSWORD_VERIFY,   /* struct password_message; within the gate; RESULT: 0, or EACCES */
	MESSAGE_AUDIT,             /* struct audit_message; api -> audit, gate: how a realm wants its log, from now on; RESULT. Without serial: the truth */
	MESSAGE_IDENTITY_KEY,      /* struct identity_key_message; api -> gate: signs who was let in, from now on */
	MESSAGE_AUDIT_QUERY,       /* no payload + fd of a file with JSON (audit/records.c); api -> records; AUDIT_REPLY, or RESULT with an error */
	MESSAGE_AUDIT_REPLY,       /* struct audit_reply_message + fd of a file */
	MESSAGE_TYPE_COUNT,
};

enum {
	CONTAINER_LAYERS_MAX = 128, /* as many as Docker makes; overlayfs takes 500 */
	CONTAINER_NAME_MAX = 63,  /* RFC 1123 label, also its host name */
	COMMAND_MAX = 4096,       /* argv, NUL after each word */
	ENVIRONMENT_MAX = 8192,   /* "KEY=value", NUL after each */
	LABEL_TEXT = 64,          /* one DNS label and NUL */
	CPUS_TEXT = 64,           /* "0-3,7" */
	IDENTITY_KEY_BYTES = 32,
	DENIED_MAX = 2048,        /* names of system calls, NUL after each */
	EXEC_COMMAND_MAX = 32768, /* a script may be an argument */
	EXEC_OUTPUT_MAX = 1 << 20, /* of each stream of a command */
	USER_TEXT = 128,          /* "user" or "user:group", names or numbers */
	FOLDER_TEXT = 1024,
	EXPORT_CONFIG_TEXT = 20480,
	EXPORT_SETTINGS_TEXT = 24576, /* 64 labels among them */
	PULL_REFERENCE_TEXT = 513,
	PULL_USER_TEXT = 257,
	PULL_PASSWORD_TEXT = 8193, /* some registries' tokens are of kilobytes */
	PULL_CA_TEXT = 16385,
};

struct hello_message {
	uint32_t version; /* PROTOCOL_VERSION */
	uint32_t pid;
};

enum { PROTOCOL_VERSION = 2 };

struct result_message {
	uint32_t code;     /* 0 or an errno value */
	uint32_t reserved;
	uint64_t bytes;    /* within the engine: what a layer unpacks to */
	uint64_t entries;  /* and its files, folders, links */
	char field[128];   /* as struct error */
	char message[384];
};

struct host_status_message {
	uint64_t memory_total, memory_available, memory_used_idle; /* used: total - available */
	uint64_t swap_total, swap_used;
	uint32_t swap_encrypted;      /* every active swap device is a dm-crypt mapping */
	uint32_t ksm_run;             /* /sys/kernel/mm/ksm/run */
	uint64_t ksm_pages_shared, ksm_pages_sharing, ksm_full_scans;
	uint64_t ksm_pages_zero, ksm_scan_ms; /* scan: CPU time of ksmd since boot */
	int64_t ksm_profit;           /* bytes, general_profit */
	uint32_t firewall_installed;  /* table inet bulkhead stands */
	uint32_t firewall_live;       /* elements of set live */
	uint64_t ssh_refused, ssh_flood, web_flood; /* new connections dropped: not from where the host is administered; too many of one source */
	uint64_t foreign_writes;      /* changes of the kernel's packet filter by other programs, */
	int64_t foreign_at_ms;        /* the last one's time, since 1970 */
	char foreign_name[16];        /* and its program */
	uint64_t data_total, data_free;
	uint32_t containers_running;
	uint32_t cpus;
	uint64_t uptime_ms;
	char kernel[128];             /* release */
};

struct image_message {
	char digest[DIGEST_TEXT]; /* IMAGE_IMPORT: SHA-256 of the archive; else the name of a layer */
	char reserved[7];
	uint64_t bytes_max;       /* IMAGE_IMPORT: refuse beyond */
	uint64_t entries_max;
	uint64_t count;           /* IMAGE_SYNC's end: frames before it */
};

struct container_id_message {
	char id[ID_TEXT];
	char reserved[7];
};

/* One with empty id ends the truth about rules: what was not named has none. */
struct rules_message {
	char id[ID_TEXT], project[ID_TEXT], realm[ID_TEXT];
	char reserved[1];
	uint32_t ipv4;       /* network byte order */
	uint8_t ipv6[16];
	uint32_t plain;      /* 1: no rules, no published ports, all the outside is open; there is no file */
	uint32_t count;      /* of the end: frames before it */
};

enum { NAME_ADDRESSES_MAX = 256 };

struct name_ask_message {
	struct in6_addr from; /* the container's; of IPv4 mapped (RFC 4291, 2.5.5.2) */
	char name[DOMAIN_TEXT]; /* normal (domain.h); "": none that a rule could name */
	char reserved[2];
};

struct name_verdict_message {
	uint32_t allowed;
	uint32_t wanted;     /* what is found has to be told */
};

struct name_found_message {
	struct in6_addr from;
	uint32_t count;
	char name[DOMAIN_TEXT]; /* that was asked for, whatever aliases lead on */
	char reserved[2];
	struct {
		uint32_t ttl;    /* seconds */
		uint8_t family;  /* AF_INET, AF_INET6 */
		uint8_t reserved[3];
		uint8_t bytes[16];
	} addresses[NAME_ADDRESSES_MAX];
};

/* One with empty id ends the truth about address sets: what was not named is gone. */
struct address_set_message {
	char id[ID_TEXT];
	char reserved[3];
	uint32_t count;      /* of the end: frames before it */
};

struct access_message {
	uint32_t keep;       /* 1: also after the next boot; 0: on trial */
	uint32_t reserved;
};

struct container_stop_message {
	char id[ID_TEXT];
	char reserved[3];
	uint32_t timeout_ms; /* graceful until then, killed after; 0: kill at once */
};

enum container_wanted {
	CONTAINER_WANTED_STOPPED,
	CONTAINER_WANTED_RUNNING,
};

/* Which list of system calls its programs may not make. */
enum policy_kind {
	POLICY_DEFAULT,
	POLICY_STRICT,  /* for services: no mounts, namespaces, tracing either */
	POLICY_NESTING, /* for containers in it: user namespaces */
	POLICY_KINDS,
};

struct container_message {
	char id[ID_TEXT], project[ID_TEXT], realm[ID_TEXT];
	char name[CONTAINER_NAME_MAX + 1];
	char layers[CONTAINER_LAYERS_MAX][DIGEST_TEXT]; /* lowest first */
	uint32_t layer_count;
	uint32_t wanted;           /* enum container_wanted */
	uint32_t id_base;          /* host id of its root; 65536 ids, aligned, never shared */
	uint32_t ipv4;             /* network byte order */
	uint8_t ipv6[16];
	uint32_t count;            /* CONTAINER_SYNC's end: frames before it */
	uint64_t memory_max;       /* bytes; 0: no limit */
	uint64_t memory_high;      /* bytes; 0: a little below memory_max */
	uint64_t swap_max;         /* bytes */
	uint64_t disk_max;         /* bytes of upper; 0: no limit */
	uint32_t cpu_percent;      /* 100: one CPU; 0: no limit */
	uint32_t cpu_weight;       /* cgroup cpu.weight, 1..10000 */
	uint32_t pids_max;
	uint32_t merge;            /* opt in to KSM by prctl before exec */
	uint32_t command_size;     /* bytes used in command; 0: /sbin/init */
	uint32_t environment_size;
	char command[COMMAND_MAX];
	char environment[ENVIRONMENT_MAX];
	char user[USER_TEXT];       /* who runs the command; "": root. Looked up in the container's own /etc/passwd */
	char folder[FOLDER_TEXT];  /* where it begins, absolute; "": / */
	uint32_t stop_signal;       /* asks it to end; 0: the usual one */
	uint32_t policy;            /* enum policy_kind */
	uint32_t denied_size;       /* bytes used in denied */
	uint32_t reserved;
	uint64_t read_max, write_max; /* of the data disk, bytes a second; 0: no limit */
	char cpus[CPUS_TEXT];       /* that it may run on, as in cpuset.cpus; "": all */
	char denied[DENIED_MAX];    /* system calls that it may not make besides */
};

/*
 * A session is a process of its own, not the engine: so a question that is
 * asked again, of an engine that started anew, runs nothing twice. The session
 * of the first asking has lost its channel before it was told to go.
 */
enum exec_action {
	EXEC_COMMAND, /* run a program, keep what it writes */
	EXEC_PULL,    /* copy a file to the descriptor that comes along, or list a folder there as JSON */
	EXEC_PUSH,    /* put what the descriptor holds at a path */
	EXEC_FOLDER,  /* make a folder */
	EXEC_REMOVE,  /* a file, link or empty folder */
	EXEC_ACTIONS,
};

struct exec_message {
	char id[ID_TEXT];          /* of the container */
	char session[ID_TEXT];
	char user[USER_TEXT];  /* name or number in the container; "": root */
	char folder[FOLDER_TEXT]; /* to run in; "": the user's home, or / */
	char reserved[2];
	uint32_t action;           /* enum exec_action; those with files take the path as the only word of command */
	uint32_t mode, uid, gid;   /* of what EXEC_PUSH, EXEC_FOLDER make */
	uint32_t timeout_ms;       /* killed then; 0: never */
	uint32_t attach;           /* EXEC_COMMAND: a client is connected to it; EXEC_GO brings the connection */
	uint32_t terminal, columns, rows; /* which is to a terminal */
	uint64_t bytes_max;        /* of EXEC_PULL */
	uint32_t output_max;       /* bytes kept of each stream */
	uint32_t command_size, environment_size; /* bytes used */
	uint32_t reserved_too;
	char command[EXEC_COMMAND_MAX];
	char environment[ENVIRONMENT_MAX];
};

struct exec_end_message {
	uint32_t code;             /* 0, or an errno value: it was not run, field and message say why */
	int32_t status;            /* of waitpid(2) */
	uint32_t timed_out;
	uint32_t reserved;
	uint64_t written[2];       /* bytes to standard output and error, also those not kept */
	uint32_t folder, mode, uid, gid; /* what EXEC_PULL found, of how many bytes */
	uint64_t bytes;
	int64_t modified_ms;       /* since 1970 */
	char field[128];           /* as struct error */
	char message[384];         /* The file that comes along has output at 0, errors at output_max. */
};

enum container_state {
	CONTAINER_STATE_STOPPED,
	CONTAINER_STATE_STARTING,
	CONTAINER_STATE_RUNNING,
	CONTAINER_STATE_STOPPING,
	CONTAINER_STATE_FAILED, /* wanted running, could not be started; message says why */
	CONTAINER_STATE_FROZEN, /* told by the engine only: it runs, and its processes are held by the kernel */
};

struct container_state_message {
	char id[ID_TEXT];
	uint8_t unmerged;    /* it runs, and was started without opting in to KSM */
	char reserved[2];
	uint32_t state;      /* enum container_state */
	uint32_t pid;        /* of its init on the host; 0 unless running */
	int32_t exit_status; /* of waitpid(2) when stopped */
	uint64_t start_ms;   /* how long the start took */
	char message[384];
};

struct merging_message {
	char id[ID_TEXT];
	char reserved[3];
	uint32_t opted_in;   /* it runs, and was started as a candidate */
	uint64_t processes, pages_merged, pages_zero;
	int64_t profit;      /* bytes */
};

struct compact_message {
	char realm[ID_TEXT];
	char reserved[3];
	uint32_t host;       /* with what other realms share with the host */
	uint32_t dry_run;    /* only say what it would do */
};

struct compact_reply_message {
	uint64_t files, bytes, saved;
	uint32_t containers, containers_skipped, files_skipped;
	uint32_t complete;   /* 0: more is left for another time */
};

/* Ids of containers or snapshots: a snapshot is a container's folder without a container. */
struct copy_message {
	char from[ID_TEXT], to[ID_TEXT];
	char reserved[2];
	uint32_t from_base, to_base; /* host ids of their roots; of a snapshot those of its container */
	uint32_t snapshot;           /* 1: `to` becomes one */
	uint32_t replace;            /* 1: `to` is a stopped container, what it wrote goes */
	uint32_t reserved_too;
	uint64_t disk_max;           /* bytes of `to`; 0: no limit */
};

struct copy_reply_message {
	uint64_t entries, bytes; /* files, folders, links; bytes of files by their sizes */
};

/* A stopped container, or a snapshot, with its image's layers below. */
struct export_message {
	char id[ID_TEXT];
	char layers[CONTAINER_LAYERS_MAX][DIGEST_TEXT]; /* lowest first */
	char reserved[3];
	uint32_t layer_count;
	uint32_t id_base;
	uint64_t bytes_max;        /* of the archive */
	char config[EXPORT_CONFIG_TEXT];     /* JSON: an OCI image config without rootfs */
	char settings[EXPORT_SETTINGS_TEXT]; /* JSON: what a container made of it takes over */
};

struct export_reply_message {
	uint64_t bytes;            /* of the archive */
};

/* What a container speaks at a port of it. */
enum route_protocol { ROUTE_HTTP, ROUTE_HTTPS, ROUTE_H2C, ROUTE_WEBSOCKET, ROUTE_PROTOCOLS };

enum {
	ROUTE_SERVICES_MAX = 32,
	SERVICE_TEXT = 14,       /* "<project>-<container>-<service>" is one label of 63 characters at the most */
	HOST_TEXT = 254,         /* a host name of 253 characters (RFC 1035) and NUL */
};

struct route_service {
	char name[SERVICE_TEXT]; /* "": it has its port's URL alone */
	uint16_t port;           /* host byte order */
	uint8_t protocol;
	uint8_t reserved;
};

struct route_message {
	char label[HOST_TEXT];   /* "<project>-<container>"; of an alias a label of the host's domain, or a host name */
	char realm[ID_TEXT];
	char owner[LABEL_TEXT];  /* of an alias: the label of the container that it leads to, and goes with; "": it is none */
	uint16_t port;           /* host byte order */
	uint32_t ipv4;           /* network byte order */
	uint32_t count;          /* ROUTE_SYNC's end: frames before it */
	uint8_t protocol;
	uint8_t reserved;
	uint16_t service_count;
	struct route_service services[ROUTE_SERVICES_MAX];
};

/* One with empty id ends the truth about permissions: what was not named has none. */
struct permissions_message {
	char id[ID_TEXT];    /* of a realm, a project or a container */
	char reserved[3];
	uint32_t count;      /* of the end: frames before it */
};

/* Holds a secret: both ends wipe it. */
struct identity_key_message {
	uint8_t key[IDENTITY_KEY_BYTES]; /* private, of Ed25519 (RFC 8032) */
};

/* One with empty id ends the truth about logs: what was not named has none any more. */
struct audit_message {
	char id[ID_TEXT];    /* of a realm; "host" */
	char reserved[3];
	uint32_t mode;       /* enum audit_mode */
	int64_t bytes_max;
	uint32_t age_max_s;
	uint32_t count;      /* of the end: frames before it */
};

struct audit_reply_message {
	int64_t next;        /* seq to go on from */
	uint32_t more;       /* 1: there may be more there */
	uint32_t reserved;
};

/* Holds a secret: both ends wipe it. */
struct password_message {
	char hash[PASSWORD_HASH_TEXT];
	char password[PASSWORD_MAX + 1];
};

enum { CUT_KEPT_MAX = ROUTE_SERVICES_MAX + 1 };

struct container_cut_message {
	char id[ID_TEXT];
	uint8_t reserved;
	uint16_t kept_count;
	uint16_t kept[CUT_KEPT_MAX]; /* ports, host byte order */
};

/* How an image wants to be run; all zero: as a system, by its /sbin/init. */
struct image_config {
	uint32_t command_size;      /* bytes used in command: Entrypoint, then Cmd */
	uint32_t environment_size;
	uint32_t stop_signal;       /* 0: not said */
	uint32_t port;              /* the only TCP port it exposes; 0: none or several */
	char user[USER_TEXT];
	char folder[FOLDER_TEXT];  /* absolute, or "" */
	char command[COMMAND_MAX];
	char environment[ENVIRONMENT_MAX];
};

/* What an archive turned out to be. */
struct image_content_message {
	char digest[DIGEST_TEXT];   /* of the OCI manifest, of the config of a docker archive, or of the root tar as sent */
	char reserved[7];
	uint64_t bytes, entries;    /* unpacked, all layers together */
	uint32_t layer_count;
	uint32_t described;         /* 1: config is the image's own; 0: a root tar, which has none */
	char layers[CONTAINER_LAYERS_MAX][DIGEST_TEXT]; /* lowest first: SHA-256 of the plain tar, of a root tar as it was sent */
	struct image_config config;
	char settings[EXPORT_SETTINGS_TEXT]; /* JSON of the container that was exported to it; "": none was */
};

enum usage_kind { USAGE_CPU, USAGE_MEMORY, USAGE_IO, USAGE_KINDS };

/* Time in which processes waited: pressure stall information. */
struct usage_stall {
	uint32_t average[3]; /* hundredths of a percent of the last 10, 60, 300 seconds */
	uint32_t reserved;
	uint64_t total_us;
};

/* Since the container's start; 0 where it does not run. */
struct usage_message {
	char id[ID_TEXT];
	char reserved[7];
	uint64_t cpu_us, cpu_user_us, cpu_system_us, cpu_throttled_us;
	uint64_t memory, memory_peak, swap, oom_kills, pids;
	uint64_t disk_bytes, disk_files; /* of its own folder */
	uint64_t read_bytes, written_bytes, reads, writes;
	struct usage_stall some[USAGE_KINDS], full[USAGE_KINDS];
};

/* Holds a secret: both ends wipe it. */
struct pull_message {
	char reference[PULL_REFERENCE_TEXT];
	char user[PULL_USER_TEXT], password[PULL_PASSWORD_TEXT]; /* user "": none */
	char ca[PULL_CA_TEXT];    /* PEM certificates that are trusted in place of the system's; "": the system's */
	uint64_t bytes_max;       /* of all blobs together */
};

struct pull_progress_message {
	uint64_t bytes, bytes_total; /* of blobs; total 0: not known yet */
	uint32_t blobs, blobs_total;
	char digest[DIGEST_TEXT];    /* of the manifest; "": not known yet */
	char reserved[7];
};

struct container_freeze_message {
	char id[ID_TEXT];
	char reserved[3];
	uint32_t frozen; /* 0 or 1 */
};

/*
 * Checks a received payload: known type, exact size, every string terminated.
 * Values are the handler's to check. Returns 0, or -1 with err (EBADMSG).
 */
struct error;
int protocol_check(uint32_t type, const void *payload, size_t size, struct error *err);

/* True if the bytes in use are a row of words in their room, NUL after each. */
bool protocol_words_valid(const char *words, size_t used, size_t room);

#endif
