/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "initramfs/esp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/hostcfg.h"

#define ESP_MOUNT "/esp" /* not below /run: the OS root has a second view of that */
#define ESP_FOLDER ESP_MOUNT "/bulkhead"
#define ESP_KEY ESP_FOLDER "/ssh/unlock_ed25519"
#define KEY_TOOL "/usr/bin/dropbearkey"

enum { KEY_SIZE_MAX = 4096 };

/* FAT knows no owners: root only, and no execution. */
static const unsigned long mount_flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
static const char mount_options[] = "fmask=0177,dmask=0077";

/* Runs dropbearkey and keeps the start of what it prints. Returns its exit status, or -1. */
static int key_tool(const char *const *argv, char *output, size_t room)
{
	int pair[2], status;

	if (pipe2(pair, O_CLOEXEC) == -1)
		return -1;
	pid_t pid = fork();
	if (pid == 0) {
		dup2(pair[1], STDOUT_FILENO);
		execve(argv[0], (char *const *)(uintptr_t)argv, (char *[]){ NULL });
		_exit(127);
	}
	close(pair[1]);
	ssize_t size = pid == -1 ? -1 : fd_read_full(pair[0], output, room - 1);
	close(pair[0]);
	output[size > 0 ? size : 0] = '\0';
	if (pid == -1 || waitpid(pid, &status, 0) == -1)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* True when the key in RAM is sound; finds its fingerprint. */
static bool key_check(struct esp *esp)
{
	const char *const argv[] = { KEY_TOOL, "-y", "-f", ESP_HOST_KEY, NULL };
	char output[2048];

	if (key_tool(argv, output, sizeof output) != 0)
		return false;
	char *at = strstr(output, "SHA256:");
	if (at != NULL)
		snprintf(esp->fingerprint, sizeof esp->fingerprint, "%.*s", (int)strcspn(at, " \r\n"), at);
	return at != NULL;
}

static int key_make(struct esp *esp, struct error *err)
{
	const char *const argv[] = { KEY_TOOL, "-t", "ed25519", "-f", ESP_HOST_KEY, NULL };
	char output[2048];

	unlink(ESP_HOST_KEY);
	int status = key_tool(argv, output, sizeof output);
	if (status != 0 || !key_check(esp))
		return error_set(err, EIO, KEY_TOOL " could not make an SSH host key (status %d)", status);
	return 0;
}

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

int esp_read(const char *device, struct esp *ret_esp, struct error *err)
{
	struct esp esp = { 0 };
	struct error told;

	if (mount(device, ESP_MOUNT, "vfat", mount_flags | MS_RDONLY, mount_options) == -1)
		return error_errno(err, "cannot mount the EFI system partition %s", device);

	if (copy(ESP_FOLDER "/host.json", ESP_CONFIG, HOSTCFG_SIZE_MAX, 0644, &told) == 0)
		esp.have_config = true;
	else if (told.code != ENOENT)
		snprintf(esp.warning, sizeof esp.warning, "%.250s", told.message);

	bool found = copy(ESP_KEY, ESP_HOST_KEY, KEY_SIZE_MAX, 0600, &told) == 0;
	esp.have_key = found && key_check(&esp);
	if (!esp.have_key) {
		if (found)
			snprintf(esp.warning, sizeof esp.warning,
				 "the SSH host key on %s was broken and is replaced: clients will see a new one", device);
		if (key_make(&esp, &told) == -1) {
			snprintf(esp.warning, sizeof esp.warning, "%.250s", told.message);
		} else {
			esp.have_key = true;
			if (key_store(device, &told) == -1)
				snprintf(esp.warning, sizeof esp.warning,
					 "the SSH host key serves for this boot only: %.180s", told.message);
		}
	}
	if (umount2(ESP_MOUNT, 0) == -1 && umount2(ESP_MOUNT, MNT_DETACH) == -1)
		return error_errno(err, "cannot unmount the EFI system partition %s", device);
	*ret_esp = esp;
	return 0;
}
