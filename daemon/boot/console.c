/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * console: a few lines on every console that say who this host is and how to
 * reach it, again whenever that changes. Nothing is read: there is no login.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/boot/boot.h"
#include "daemon/boot/identity.h"
#include "daemon/lib/certificate.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/hostcfg.h"

enum { LOOK_S = 5, TEXT_MAX = 4096 };

/* Addresses of the ports; a container's end of a cable has a host route and no address of its own. */
static void addresses_text(char *text, size_t size)
{
	struct ifaddrs *list = NULL;
	size_t used = 0;

	text[0] = '\0';
	if (getifaddrs(&list) < 0)
		return;
	for (const struct ifaddrs *item = list; item != NULL; item = item->ifa_next) {
		char address[INET6_ADDRSTRLEN];
		const void *bytes;

		if (item->ifa_addr == NULL || (item->ifa_flags & IFF_LOOPBACK) != 0 || item->ifa_name[0] == 'h')
			continue;
		if (item->ifa_addr->sa_family == AF_INET)
			bytes = &((const struct sockaddr_in *)(const void *)item->ifa_addr)->sin_addr;
		else if (item->ifa_addr->sa_family == AF_INET6)
			bytes = &((const struct sockaddr_in6 *)(const void *)item->ifa_addr)->sin6_addr;
		else
			continue;
		if (inet_ntop(item->ifa_addr->sa_family, bytes, address, sizeof address) == NULL)
			continue;
		int added = snprintf(text + used, size - used, "%s%s %s", used > 0 ? ", " : "", item->ifa_name, address);
		if (added < 0 || (size_t)added >= size - used)
			break;
		used += (size_t)added;
	}
	freeifaddrs(list);
	if (used == 0)
		snprintf(text, size, "none yet");
}

/* What a file holds is worked out when the file has changed: the key beside the certificate is not read every time. */
struct identity {
	const char *path;
	int (*read)(char *out, size_t size, struct error *err);
	struct stat seen;
	char text[128]; /* "": not known yet */
};

static const char *identity_text(struct identity *identity)
{
	struct error err = ERROR_INIT;
	struct stat now;

	if (stat(identity->path, &now) < 0)
		return "none yet";
	bool same = now.st_ino == identity->seen.st_ino && now.st_mtim.tv_sec == identity->seen.st_mtim.tv_sec &&
		    now.st_mtim.tv_nsec == identity->seen.st_mtim.tv_nsec;
	if (!same || identity->text[0] == '\0') {
		identity->seen = now;
		if (identity->read(identity->text, sizeof identity->text, &err) < 0)
			identity->text[0] = '\0';
	}
	return identity->text[0] != '\0' ? identity->text : "none yet";
}

static void screen_text(const struct hostcfg *cfg, char *text, size_t size)
{
	static struct identity ssh = { .path = BOOT_HOST_KEY, .read = identity_ssh };
	static struct identity certificate = { .path = CERTIFICATE_PATH, .read = identity_certificate_digest };
	char addresses[1024];

	addresses_text(addresses, sizeof addresses);
	snprintf(text, size,
		 "\r\nbulkhead: %s is up\r\n"
		 "  addresses    %s\r\n"
		 "  API          https://api.%s/\r\n"
		 "  admin SSH    port %u, host key %s\r\n"
		 "  certificate  SHA-256 %s\r\n"
		 "  There is no login here.\r\n\r\n",
		 cfg->hostname, addresses, cfg->domain, cfg->admin_port, identity_text(&ssh),
		 identity_text(&certificate));
}

/* A console that is slow or gone must not keep the others waiting. */
static void screen_write(const char *text)
{
	cleanup_free char *names = NULL;
	struct error err;
	char *rest, path[64];

	if (file_read("/sys/class/tty/console/active", 1024, &names, NULL, &err) < 0)
		return;
	for (char *name = strtok_r(names, " \n", &rest); name != NULL; name = strtok_r(NULL, " \n", &rest)) {
		snprintf(path, sizeof path, "/dev/%.50s", name);
		cleanup_fd int fd = open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
		if (fd >= 0)
			(void)fd_write_full(fd, text, strlen(text));
	}
}

int console_main(int argc, char **argv)
{
	static struct hostcfg cfg;
	static char now[TEXT_MAX], shown[TEXT_MAX];
	struct error err = ERROR_INIT;

	(void)argc;
	(void)argv;
	(void)hostcfg_load(BOOT_CONFIG, &cfg, &err); /* prepare has told what is wrong with it */
	for (;;) {
		screen_text(&cfg, now, sizeof now);
		if (strcmp(now, shown) != 0) {
			screen_write(now);
			memcpy(shown, now, sizeof shown);
		}
		sleep(LOOK_S);
	}
}
