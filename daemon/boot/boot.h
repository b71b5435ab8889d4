/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * boot: what busybox init runs to bring the host up and down, and the fixed
 * commands of the admin's SSH. One program, /usr/sbin/bulkhead-boot, so that the
 * running system needs no shell. Each part takes the arguments behind its name
 * and returns an exit code.
 */
#ifndef BULKHEAD_BOOT_H
#define BULKHEAD_BOOT_H

#define BOOT_CONFIG "/run/bulkhead/host.json"            /* left by the boot agent */
#define BOOT_ADMIN_FOLDER "/run/bulkhead/admin"          /* authorized_keys of the admin's SSH */
#define BOOT_HOST_KEY "/data/bulkhead/ssh/host_ed25519"  /* of the running system, not the agent's */
#define BOOT_API_SOCKET "/run/bulkhead/local.sock"       /* who connects is the platform's admin */

int prepare_main(int argc, char **argv); /* mounts, folders, host name, keys; once, before all else */
int sshd_main(int argc, char **argv);    /* becomes dropbear */
int console_main(int argc, char **argv); /* who this host is, on every console; for ever */
int button_main(int argc, char **argv);  /* the power button stops the machine cleanly; for ever */
int close_main(int argc, char **argv);   /* at shutdown: ends processes, unmounts /data, forgets the disk keys */
int admin_main(int argc, char **argv);   /* login shell of root: runs SSH_ORIGINAL_COMMAND if it is one of ours */

#endif
