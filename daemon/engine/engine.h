/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * engine: the role that holds privilege. It does what api asks for, in typed
 * frames, and checks every value again; it parses nothing else. Containers,
 * firewall rules and layers outlive it: a new engine finds them by itself.
 */
#ifndef BULKHEAD_ENGINE_H
#define BULKHEAD_ENGINE_H

#define ENGINE_DATA "/data/bulkhead/engine"
#define ENGINE_LAYERS ENGINE_DATA "/layers"         /* sha256-<hex>/: unpacked, ids 1000000.. */
#define ENGINE_CONTAINERS ENGINE_DATA "/containers" /* <id>/{upper,work}: ids of the container */
#define ENGINE_CONTENT ENGINE_DATA "/content"       /* what containers share of what they wrote: content.h */
#define ENGINE_RUN "/run/bulkhead/containers"       /* <id>/: what runs, as runtime.h says */
#define ENGINE_HOSTCFG "/run/bulkhead/host.json"

/* Role `engine`: inherits ROLE_FD_API, returns an exit status. */
int engine_main(int argc, char **argv);

/* Puts the firewall up before anything listens, once at boot. */
int firewall_init_main(int argc, char **argv);

/*
 * Role `start`: brings one container up and ends; what stays is liblxc's
 * monitor, the parent of the container's init. Inherits START_FD_MESSAGE and
 * START_FD_RESULT of start.h.
 */
int start_main(int argc, char **argv);

/*
 * Role `exec`: runs one command in a running container for a client of api.
 * Inherits the descriptors of session.h.
 */
int exec_main(int argc, char **argv);

#endif
