/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "initramfs/config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/lib/error.h"
#include "daemon/lib/log.h"
#include "initramfs/network.h"
#include "initramfs/notice.h"
#include "initramfs/sshd.h"

/* The copy's path is of no interest to the owner of the file. */
static const char *own_words(const struct error *err)
{
	static const char path[] = ESP_CONFIG ": ";

	return strncmp(err->message, path, sizeof path - 1) == 0 ? err->message + sizeof path - 1 : err->message;
}

static void config_read(struct hostcfg *cfg, struct status *status, const struct esp *esp)
{
	struct error err = ERROR_INIT;
	char *text = status->config_error;

	text[0] = '\0';
	if (hostcfg_load(ESP_CONFIG, cfg, &err) == 0)
		return;
	if (err.code != ENOENT)
		snprintf(text, sizeof status->config_error, "host.json: %.380s", own_words(&err));
	else if (esp == NULL)
		snprintf(text, sizeof status->config_error, "no EFI partition with a host.json so far; defaults are used");
	else if (esp->config_error[0] != '\0')
		snprintf(text, sizeof status->config_error, "host.json cannot be read: %s", esp->config_error);
	else
		snprintf(text, sizeof status->config_error, "there is no host.json on the disk; defaults are used");
	notice("host config: %s", text);
	if (err.code != ENOENT)
		notice("host config: the network uses DHCP and IPv6 by router; SSH keys that can be read still unlock");
}

void config_apply(struct hostcfg *cfg, struct status *status, const struct esp *esp)
{
	config_read(cfg, status, esp);
	if (sethostname(cfg->hostname, strlen(cfg->hostname)) == -1)
		log_warning("cannot set the host name: %s", strerror(errno));
	network_configure(cfg);
	status->times.network = status_now();
	if (esp != NULL && cfg->key_count == 0)
		notice("no SSH key may unlock: put {\"ssh\":{\"keys\":[\"ssh-ed25519 AAAA...\"]}} into "
		       "bulkhead/host.json on the EFI partition, or use this console");
}

void config_ssh(struct loop *loop, const struct hostcfg *cfg, struct status *status, const struct esp *esp)
{
	if (esp == NULL || !esp->have_key || sshd_is_running())
		return;
	sshd_configure(loop, cfg);
	if (!sshd_is_running() || status->times.ssh != 0)
		return;
	status->times.ssh = status_now();
	notice("SSH on port %u for %zu key%s, host key %s", cfg->unlock_port, cfg->key_count,
	       cfg->key_count == 1 ? "" : "s", esp->fingerprint);
}
