/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "initramfs/swap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/swap.h>
#include <unistd.h>

#include <libcryptsetup.h>
#include <linux/fs.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/secret.h"
#include "initramfs/mounts.h"
#include "initramfs/signature.h"

enum { SWAP_KEY_BYTES = 64, SWAP_PAGE = 4096, SWAP_PAGES_MIN = 10 };

/* First page of a swap area, version 1: union swap_header in the kernel's include/linux/swap.h. */
struct swap_header {
	char boot[1024];
	uint32_t version, last_page, bad_pages;
	uint8_t uuid[16];
	char label[16];
	uint8_t unused[SWAP_PAGE - 1024 - 12 - 32 - 10];
	char magic[10];
};

_Static_assert(sizeof(struct swap_header) == SWAP_PAGE, "a swap header is one page");

static int swap_map(const char *path, struct error *err)
{
	struct crypt_device *device;
	struct crypt_params_plain params = { .sector_size = 4096 };
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint64_t size;

	if (fd == -1 || ioctl(fd, BLKGETSIZE64, &size) == -1)
		return error_errno(err, "cannot open the swap partition %s", path);
	if (size % 4096 != 0)
		params.sector_size = 512;
	cleanup_secret struct secret *key = secret_new(SWAP_KEY_BYTES, err);
	if (key == NULL)
		return -1;
	if (getrandom(key->data, SWAP_KEY_BYTES, 0) != SWAP_KEY_BYTES)
		return error_errno(err, "cannot make a key for swap");

	int code = crypt_init(&device, path);
	if (code == 0) {
		code = crypt_format(device, CRYPT_PLAIN, "aes", "xts-plain64", NULL, NULL, SWAP_KEY_BYTES, &params);
		if (code == 0)
			code = crypt_activate_by_volume_key(device, SWAP_MAPPING, key->data, SWAP_KEY_BYTES, 0);
		crypt_free(device);
	}
	return code < 0 ? error_set(err, -code, "cannot map swap on %s: %s", path, strerror(-code)) : 0;
}

static int swap_write_header(struct error *err)
{
	struct swap_header header = { .version = 1, .label = "bulkhead-swap", .magic = "SWAPSPACE2" };
	cleanup_fd int fd = open(SWAP_MAPPED, O_RDWR | O_CLOEXEC);
	uint64_t size;

	if (fd == -1 || ioctl(fd, BLKGETSIZE64, &size) == -1)
		return error_errno(err, "cannot open " SWAP_MAPPED);
	uint64_t pages = size / SWAP_PAGE;
	if (pages < SWAP_PAGES_MIN)
		return error_set(err, ENOSPC, "the swap partition is too small");
	header.last_page = (uint32_t)(pages - 1 < UINT32_MAX ? pages - 1 : UINT32_MAX);
	if (getrandom(header.uuid, sizeof header.uuid, 0) == -1 ||
	    pwrite(fd, &header, sizeof header, 0) != (ssize_t)sizeof header || fsync(fd) == -1)
		return error_errno(err, "cannot write the swap header to " SWAP_MAPPED);
	return 0;
}

/* There is no other swap before the hand-over: a line behind the headings is ours. */
static bool swap_is_on(void)
{
	cleanup_free char *text = NULL;
	struct error ignored;

	return file_read("/proc/swaps", 65536, &text, NULL, &ignored) == 0 && strstr(text, "\n/") != NULL;
}

int swap_start(const char *path, struct error *err)
{
	char signature[SIGNATURE_TEXT];

	if (swap_is_on())
		return 0; /* an earlier try of this boot */
	/* Mapped, but not on: a try that was cut short. Its key is lost, and so is nothing. */
	if (crypt_status(NULL, SWAP_MAPPING) != CRYPT_INACTIVE && crypt_deactivate(NULL, SWAP_MAPPING) < 0)
		return error_set(err, EBUSY, SWAP_MAPPED " of an earlier try is still in use");
	if (signature_find(path, signature, err) == -1)
		return -1;
	if (signature[0] != '\0')
		return error_set(err, EEXIST, "%s bears a %s signature, so it is not used as swap", path, signature);
	if (swap_map(path, err) == -1)
		return -1;
	if (swap_write_header(err) == -1) {
		(void)crypt_deactivate(NULL, SWAP_MAPPING); /* the first error is the one to tell */
		return -1;
	}
	/* By its name under the OS root: the agent's own /dev ends at hand-over, and /proc/swaps would then say /mapper/swap. */
	if (swapon(MOUNTS_ROOT SWAP_MAPPED, 0) == -1) {
		error_errno(err, "cannot turn swap on");
		(void)crypt_deactivate(NULL, SWAP_MAPPING);
		return -1;
	}
	return 0;
}
