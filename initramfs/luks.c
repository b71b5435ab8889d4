/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "initramfs/luks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <libcryptsetup.h>
#include <linux/fs.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/log.h"
#include "daemon/lib/secret.h"
#include "initramfs/mounts.h"
#include "initramfs/signature.h"
#include "initramfs/work.h"

static const char label[] = "bulkhead-data";
static const char subsystem_unfinished[] = "unfinished";
static const char subsystem_ready[] = "bulkhead";

enum {
	VOLUME_KEY_BYTES = 64,      /* two AES-256 keys, as XTS takes */
	KDF_MS = 2000,
	KDF_MEMORY_MAX = 1024 * 1024, /* KiB */
	KDF_MEMORY_MIN = 64 * 1024,
	KDF_THREADS_MAX = 4,
	RECOVERY_ITERATIONS = 1000, /* libcryptsetup's least: the key has 240 random bits, stretching adds nothing */
};

static void device_cleanup(struct crypt_device **device)
{
	crypt_free(*device); /* takes NULL */
}

#define cleanup_device __attribute__((cleanup(device_cleanup)))

static void luks_log(int level, const char *text, void *data)
{
	(void)data;
	if (level == CRYPT_LOG_ERROR)
		log_warning("cryptsetup: %.300s", text);
}

static struct crypt_device *device_open(const char *path, struct error *err)
{
	struct crypt_device *device;

	crypt_set_log_callback(NULL, luks_log, NULL);
	int code = crypt_init(&device, path);
	if (code < 0) {
		error_set(err, -code, "cannot open %s: %s", path, strerror(-code));
		return NULL;
	}
	return device;
}

static bool device_is_unfinished(struct crypt_device *device)
{
	const char *name = crypt_get_label(device);
	const char *subsystem = crypt_get_subsystem(device);

	return name != NULL && strcmp(name, label) == 0 && subsystem != NULL &&
	       strcmp(subsystem, subsystem_unfinished) == 0;
}

static bool slot_is_used(struct crypt_device *device, int slot)
{
	crypt_keyslot_info info = crypt_keyslot_status(device, slot);

	return info == CRYPT_SLOT_ACTIVE || info == CRYPT_SLOT_ACTIVE_LAST;
}

/* What the first bytes say: 0 unless they are the magic of LUKS, else its version. */
static int header_version(const char *path, struct error *err)
{
	static const char magic[] = { 'L', 'U', 'K', 'S', '\xba', '\xbe' };
	char start[8];
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd == -1)
		return error_errno(err, "cannot open %s", path);
	ssize_t size = fd_read_full(fd, start, sizeof start);
	if (size == -1)
		return error_errno(err, "cannot read %s", path);
	if (size < (ssize_t)sizeof start || memcmp(start, magic, sizeof magic) != 0)
		return 0;
	return (unsigned char)start[6] << 8 | (unsigned char)start[7];
}

int luks_probe(const char *path, enum luks_state *ret_state, struct error *err)
{
	cleanup_device struct crypt_device *device = device_open(path, err);
	if (device == NULL)
		return -1;
	int code = crypt_load(device, CRYPT_LUKS2, NULL);
	if (code == -EINVAL) {
		char signature[SIGNATURE_TEXT];
		int version = header_version(path, err);

		if (version == -1 || signature_find(path, signature, err) == -1)
			return -1;
		/* LUKS1 is never ours: somebody else's data, like any other. Without a first header there may be the second. */
		bool damaged = version == 2 || (version != 1 && strcmp(signature, "crypto_LUKS") == 0);
		*ret_state = damaged ? LUKS_STATE_DAMAGED : LUKS_STATE_NONE;
		return 0;
	}
	if (code < 0)
		return error_set(err, -code, "cannot read the LUKS header of %s: %s", path, strerror(-code));
	*ret_state = LUKS_STATE_NO_KEY_SLOT;
	if (device_is_unfinished(device)) {
		*ret_state = LUKS_STATE_UNFINISHED;
		return 0;
	}
	for (int slot = 0; slot < crypt_keyslot_max(CRYPT_LUKS2); slot++)
		if (slot_is_used(device, slot))
			*ret_state = LUKS_STATE_READY;
	return 0;
}

int luks_is_unfinished(const char *path, bool *ret_unfinished, struct error *err)
{
	cleanup_device struct crypt_device *device = device_open(path, err);
	if (device == NULL)
		return -1;
	int code = crypt_load(device, CRYPT_LUKS2, NULL);
	if (code < 0)
		return error_set(err, -code, "cannot read the LUKS header of %s: %s", path, strerror(-code));
	*ret_unfinished = device_is_unfinished(device);
	return 0;
}

/* --- memory --- */

uint32_t luks_kdf_memory(uint64_t available_kib)
{
	/* A third: the OS image lives in RAM too, and the next boot must find as much. */
	uint64_t memory = available_kib / 3;

	if (memory > KDF_MEMORY_MAX)
		memory = KDF_MEMORY_MAX;
	if (memory < KDF_MEMORY_MIN)
		memory = KDF_MEMORY_MIN;
	return (uint32_t)memory;
}

static uint64_t memory_available_kib(void)
{
	cleanup_free char *text = NULL;
	struct error ignored;

	if (file_read("/proc/meminfo", 16384, &text, NULL, &ignored) == -1)
		return KDF_MEMORY_MAX; /* cannot be told: let the attempt show it */
	char *line = strstr(text, "MemAvailable:");
	return line == NULL ? KDF_MEMORY_MAX : strtoull(line + strlen("MemAvailable:"), NULL, 10);
}

/* --- opening --- */

static enum unlock_code open_code(int code, const char *path, struct error *err)
{
	switch (-code) {
	case EPERM:
		error_set(err, EPERM, "wrong passphrase");
		return UNLOCK_CODE_WRONG;
	case ENOENT:
		error_set(err, ENOENT, "the LUKS header on %s has no key slot that can be used", path);
		return UNLOCK_CODE_NO_KEY_SLOT;
	case ENOMEM:
		error_set(err, ENOMEM, "not enough memory for the key derivation");
		return UNLOCK_CODE_NO_MEMORY;
	case EEXIST:
	case EBUSY:
		/* Not ALREADY: PID 1 knows what was unlocked, and this was not. */
		error_set(err, -code, "the encrypted disk %s is in use by something else", path);
		return UNLOCK_CODE_INTERNAL;
	case ENODEV:
	case ENXIO:
	case ENOTBLK:
		error_set(err, -code, "the disk %s is gone", path);
		return UNLOCK_CODE_NO_DISK;
	default:
		error_set(err, -code, "cannot open the encrypted disk %s: %s", path, strerror(-code));
		return UNLOCK_CODE_INTERNAL;
	}
}

/*
 * A mapping that stands although PID 1 holds the disk for locked was left by a
 * worker that died before it could answer. True when it is gone, or was never.
 */
static bool leftover_close(void)
{
	crypt_status_info status = crypt_status(NULL, LUKS_MAPPING);

	if (status != CRYPT_ACTIVE && status != CRYPT_BUSY)
		return true;
	(void)umount2(MOUNTS_DATA, 0); /* not mounted is as well */
	return crypt_deactivate(NULL, LUKS_MAPPING) == 0;
}

enum unlock_code luks_open(const char *path, const struct secret *passphrase, bool *ret_recovery, struct error *err)
{
	char recovery[RECOVERY_TEXT];

	if (access(path, F_OK) == -1)
		return open_code(-ENODEV, path, err);
	cleanup_device struct crypt_device *device = device_open(path, err);
	if (device == NULL)
		return UNLOCK_CODE_NO_DISK;
	int code = crypt_load(device, CRYPT_LUKS2, NULL);
	if (code == -EINVAL) {
		error_set(err, EINVAL, "the LUKS header on %s is damaged or gone", path);
		return UNLOCK_CODE_CORRUPT;
	}
	if (code < 0)
		return open_code(code, path, err);
	/* One that cannot be closed is in use as it should be; the passphrase is still to be shown right. */
	const char *mapping = leftover_close() ? LUKS_MAPPING : NULL;
	bool like_recovery = recovery_normalise(passphrase->data, passphrase->size, recovery);

	uint64_t available = memory_available_kib();
	uint32_t lacking = 0;
	code = -ENOENT;
	for (int slot = 0; slot < crypt_keyslot_max(CRYPT_LUKS2) && (code == -ENOENT || code == -EPERM); slot++) {
		struct crypt_pbkdf_type kdf;

		if (!slot_is_used(device, slot))
			continue;
		if (crypt_keyslot_get_pbkdf(device, slot, &kdf) == 0 && kdf.max_memory_kb > available) {
			lacking = kdf.max_memory_kb;
			continue;
		}
		/* A passphrase may look like a recovery key: only the recovery slot is asked in its spelling. */
		if (slot == LUKS_SLOT_RECOVERY && like_recovery)
			code = crypt_activate_by_passphrase(device, mapping, slot, recovery, strlen(recovery), 0);
		else
			code = crypt_activate_by_passphrase(device, mapping, slot, passphrase->data, passphrase->size,
							    0);
	}
	explicit_bzero(recovery, sizeof recovery);
	if (code >= 0) {
		*ret_recovery = code == LUKS_SLOT_RECOVERY;
		return UNLOCK_CODE_OPENED;
	}
	if (lacking > 0) {
		error_set(err, ENOMEM,
			  "not enough memory for the key derivation: %u MiB are needed, %u MiB are free; "
			  "the recovery key needs little memory",
			  lacking / 1024, (unsigned)(available / 1024));
		return UNLOCK_CODE_NO_MEMORY;
	}
	return open_code(code, path, err);
}

/* --- making --- */

/* 4096 where the partition's size and the disk's sectors allow: fewer, larger units for dm-crypt. */
static uint32_t sector_size(const char *path)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	uint64_t size;
	int logical;

	if (fd == -1 || ioctl(fd, BLKGETSIZE64, &size) == -1 || ioctl(fd, BLKSSZGET, &logical) == -1)
		return 512;
	return size % 4096 == 0 && logical <= 4096 ? 4096 : 512;
}

static enum unlock_code format_code(int code, const char *what, const char *path, struct error *err)
{
	error_set(err, -code, "cannot %s on %s: %s", what, path, strerror(-code));
	return code == -ENOMEM ? UNLOCK_CODE_NO_MEMORY : UNLOCK_CODE_INTERNAL;
}

enum unlock_code luks_format(const char *path, const struct secret *passphrase, char recovery[RECOVERY_TEXT],
			     struct error *err)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	const struct crypt_pbkdf_type strong = {
		.type = CRYPT_KDF_ARGON2ID,
		.hash = "sha256",
		.time_ms = KDF_MS,
		.max_memory_kb = luks_kdf_memory(memory_available_kib()),
		.parallel_threads = cpus < 1 ? 1 : cpus > KDF_THREADS_MAX ? KDF_THREADS_MAX : (uint32_t)cpus,
	};
	const struct crypt_pbkdf_type cheap = {
		.type = CRYPT_KDF_PBKDF2,
		.hash = "sha512",
		.iterations = RECOVERY_ITERATIONS,
		.flags = CRYPT_PBKDF_NO_BENCHMARK,
	};
	struct crypt_params_luks2 params = {
		.pbkdf = &strong,
		.sector_size = sector_size(path),
		.label = label,
		.subsystem = subsystem_unfinished,
	};

	cleanup_device struct crypt_device *device = device_open(path, err);
	if (device == NULL)
		return UNLOCK_CODE_NO_DISK;
	/* Left open by an enrolment that failed later on. */
	if (!leftover_close()) {
		error_set(err, EBUSY, LUKS_MAPPED " of the enrolment before is still in use; restart the machine");
		return UNLOCK_CODE_INTERNAL;
	}
	if (recovery_generate(recovery) == -1) {
		error_errno(err, "cannot make a recovery key");
		return UNLOCK_CODE_INTERNAL;
	}
	work_progress("making the encrypted container on %s", path);
	int code = crypt_format(device, CRYPT_LUKS2, "aes", "xts-plain64", NULL, NULL, VOLUME_KEY_BYTES, &params);
	if (code < 0)
		return format_code(code, "make an encrypted container", path, err);
	work_progress("deriving the key from the passphrase (a few seconds)");
	code = crypt_keyslot_add_by_volume_key(device, LUKS_SLOT_PASSPHRASE, NULL, 0, passphrase->data,
					       passphrase->size);
	if (code < 0)
		return format_code(code, "set the passphrase", path, err);
	code = crypt_set_pbkdf_type(device, &cheap);
	if (code == 0)
		code = crypt_keyslot_add_by_volume_key(device, LUKS_SLOT_RECOVERY, NULL, 0, recovery,
						       strlen(recovery));
	if (code < 0)
		return format_code(code, "set the recovery key", path, err);
	/* By the recovery key: quick, and shows that it fits before anybody writes it down. */
	code = crypt_activate_by_passphrase(device, LUKS_MAPPING, LUKS_SLOT_RECOVERY, recovery, strlen(recovery), 0);
	if (code < 0)
		return format_code(code, "open the encrypted container", path, err);
	return UNLOCK_CODE_OPENED;
}

int luks_finish(const char *path, struct error *err)
{
	cleanup_device struct crypt_device *device = device_open(path, err);
	if (device == NULL)
		return -1;
	int code = crypt_load(device, CRYPT_LUKS2, NULL);
	if (code == 0)
		code = crypt_set_label(device, label, subsystem_ready);
	if (code < 0)
		return error_set(err, -code, "cannot complete the LUKS header of %s: %s", path, strerror(-code));
	return 0;
}
