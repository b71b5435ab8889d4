/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "initramfs/esp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/hostcfg.h"
#include "daemon/lib/sshkey.h"

#define ESP_MOUNT "/esp" /* not below /run: the OS root has a second view of that */
#define ESP_FOLDER ESP_MOUNT "/bulkhead"
#define ESP_KEY ESP_FOLDER "/ssh/unlock_ed25519"

enum { KEY_SIZE_MAX = 4096, CONFIG_TRIES = 3, CONFIG_PAUSE_US = 200 * 1000 };

/* FAT knows no owners: root only, and no execution. */
static const unsigned long mount_flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
static const char mount_options[] = "fmask=0177,dmask=0077";

static int key_store(const char *device, struct error *err)
{
	cleanup_free char *key = NULL;
	size_t size;

	if (file_read(ESP_HOST_KEY, KEY_SIZE_MAX, &key, &size, err) == -1)
		return -1;
	if (mount(device, ESP_MOUNT, "vfat", MS_REMOUNT | mount_flags, mount_options) == -1)
		return error_errno(err, "cannot write to %s", device);
	int result = folder_make(ESP_FOLDER "/ssh", 0700, err);
	if (result == 0)
		result = file_write(ESP_KEY, key, size, 0600, err);
	explicit_bzero(key, size);
	return result;
}

/* The file is copied whole, so that what the agent read is what the OS reads. */
static int copy(const char *from, const char *to, size_t max, mode_t mode, struct error *err)
{
	cleanup_free char *text = NULL;
	size_t size;

	if (file_read(from, max, &text, &size, err) == -1)
		return -1;
	int result = file_write(to, text, size, mode, err);
	explicit_bzero(text, size);
	return result;
}

/* A medium that is slow to answer gets a second and a third chance. */
static int config_copy(struct error *err)
{
	for (int tries = 1;; tries++) {
		if (copy(ESP_FOLDER "/host.json", ESP_CONFIG, HOSTCFG_SIZE_MAX, 0644, err) == 0)
			return 0;
		if (err->code == ENOENT || tries == CONFIG_TRIES)
			return -1;
		usleep(CONFIG_PAUSE_US);
	}
}

/*
 * A key is made only when there is none, or one that is no key. A key that
 * cannot be read this time is left where it is: clients know it.
 */
static void key_get(const char *device, struct esp *esp)
{
	struct error err = ERROR_INIT;
	bool store = true;

	if (copy(ESP_KEY, ESP_HOST_KEY, KEY_SIZE_MAX, 0600, &err) == -1) {
		store = err.code == ENOENT || err.code == EFBIG; /* so large is no key */
		if (!store)
			snprintf(esp->warning, sizeof esp->warning,
				 "the SSH host key on %s cannot be read; another one serves for this boot: %.120s", device,
				 err.message);
	} else if (sshkey_fingerprint(ESP_HOST_KEY, esp->fingerprint, sizeof esp->fingerprint, &err) == 0) {
		esp->have_key = true;
		return;
	} else if (err.code == EBADMSG) {
		snprintf(esp->warning, sizeof esp->warning,
			 "the SSH host key on %s was broken and is replaced: clients will see a new one", device);
	} else {
		snprintf(esp->warning, sizeof esp->warning, "no SSH for now: %.200s", err.message);
		return;
	}
	if (sshkey_make(ESP_HOST_KEY, &err) == -1 ||
	    sshkey_fingerprint(ESP_HOST_KEY, esp->fingerprint, sizeof esp->fingerprint, &err) == -1) {
		snprintf(esp->warning, sizeof esp->warning, "no SSH for now: %.200s", err.message);
		return;
	}
	esp->have_key = true;
	if (store && key_store(device, &err) == -1)
		snprintf(esp->warning, sizeof esp->warning, "the SSH host key serves for this boot only: %.180s",
			 err.message);
}

int esp_read(const char *device, struct esp *ret_esp, struct error *err)
{
	struct esp esp = { 0 };
	struct error told;

	while (umount2(ESP_MOUNT, MNT_DETACH) == 0)
		; /* left by a worker that died */
	if (mount(device, ESP_MOUNT, "vfat", mount_flags | MS_RDONLY, mount_options) == -1)
		return error_errno(err, "cannot mount the EFI system partition %s", device);
	if (config_copy(&told) == -1 && told.code != ENOENT)
		snprintf(esp.config_error, sizeof esp.config_error, "%.250s", told.message);
	key_get(device, &esp);
	if (umount2(ESP_MOUNT, 0) == -1 && umount2(ESP_MOUNT, MNT_DETACH) == -1)
		return error_errno(err, "cannot unmount the EFI system partition %s", device);
	*ret_esp = esp;
	return 0;
}
