/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/cli/flash.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "daemon/cli/disk.h"
#include "daemon/cli/fat.h"
#include "daemon/cli/gpt.h"
#include "daemon/cli/progress.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/hex.h"
#include "daemon/lib/hostcfg.h"

#define MIB ((uint64_t)1024 * 1024)

enum { BLOCK = 1024 * 1024, BLOCK_ALIGN = 4096, DATA_MIN_MIB = 1024 };

static const char config_path[] = "bulkhead/host.json";

static void disk_cleanup(struct disk *disk)
{
	disk_close(disk);
}

static void digest_cleanup(EVP_MD_CTX **context)
{
	EVP_MD_CTX_free(*context);
}

static void cache_restore(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags >= 0)
		(void)fcntl(fd, F_SETFL, flags & ~O_DIRECT);
}

/*
 * From here on reads come from the disk itself. False where the file system has no O_DIRECT; then the cache is asked
 * to forget what it holds, and nobody knows whether it did.
 */
static bool cache_bypass(int fd)
{
	_Alignas(BLOCK_ALIGN) char probe[BLOCK_ALIGN];
	int flags = fcntl(fd, F_GETFL);

	/* Some take the flag and refuse the read. A read that fails otherwise is for the check to report. */
	if (flags >= 0 && fcntl(fd, F_SETFL, flags | O_DIRECT) == 0 &&
	    (pread(fd, probe, sizeof probe, 0) >= 0 || errno != EINVAL))
		return true;
	cache_restore(fd);
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	return false;
}

/* Finds the host config's file, which the image holds at its full size. */
static int config_locate(int fd, struct fat *fat, struct fat_file *file, struct error *err)
{
	struct gpt_partition esp;

	if (gpt_find(fd, "bulkhead-esp", &esp, err) < 0 || fat_open(fat, fd, esp.offset, esp.size, err) < 0 ||
	    fat_find(fat, config_path, file, err) < 0)
		return -1;
	if (file->size != HOSTCFG_SIZE_MAX)
		return error_set(err, EINVAL, "its %s has %u bytes, not %d", config_path, file->size, HOSTCFG_SIZE_MAX);
	return 0;
}

int flash_config_write(int fd, const char *config, size_t size, struct error *err)
{
	cleanup_free char *padded = malloc(HOSTCFG_SIZE_MAX), *back = malloc(HOSTCFG_SIZE_MAX);
	struct fat_file file;
	struct fat fat;

	if (padded == NULL || back == NULL)
		return error_set(err, ENOMEM, "out of memory");
	if (size > HOSTCFG_SIZE_MAX)
		return error_set(err, EFBIG, "the host config has more than %d bytes", HOSTCFG_SIZE_MAX);
	memset(padded, ' ', HOSTCFG_SIZE_MAX); /* JSON allows white space behind the object */
	memcpy(padded, config, size);
	if (size < HOSTCFG_SIZE_MAX)
		padded[HOSTCFG_SIZE_MAX - 1] = '\n';
	if (config_locate(fd, &fat, &file, err) < 0 || fat_write(&fat, &file, padded, HOSTCFG_SIZE_MAX, err) < 0)
		return -1;
	if (fsync(fd) < 0)
		return error_errno(err, "the host config could not be flushed to the disk");
	(void)cache_bypass(fd);
	int result = fat_read(&fat, &file, back, HOSTCFG_SIZE_MAX, err);
	cache_restore(fd);
	if (result < 0)
		return error_wrap(err, "reading the host config back");
	if (memcmp(padded, back, HOSTCFG_SIZE_MAX) != 0)
		return error_set(err, EIO, "the host config reads back differently: the disk is faulty");
	return 0;
}

static bool block_is_zero(const char *block, size_t size)
{
	return size > 0 && block[0] == 0 && memcmp(block, block + 1, size - 1) == 0;
}

/*
 * Reads size bytes of from and hashes them; writes them to `to` unless it is
 * NULL. A fresh file keeps holes where the image is zero.
 */
static int bytes_pass(int from, struct disk *to, uint64_t size, const char *what, uint8_t digest[DIGEST_BYTES],
		      struct error *err)
{
	__attribute__((cleanup(digest_cleanup))) EVP_MD_CTX *hash = EVP_MD_CTX_new();
	cleanup_free char *block = aligned_alloc(BLOCK_ALIGN, BLOCK);
	struct progress progress;
	uint64_t done = 0;

	if (block == NULL || hash == NULL || EVP_DigestInit_ex(hash, EVP_sha256(), NULL) != 1)
		return error_set(err, ENOMEM, "out of memory");
	progress_start(&progress, what, size);
	while (done < size) {
		/* Whole blocks, as O_DIRECT wants; what lies behind the end is left out. */
		ssize_t got = pread(from, block, BLOCK, (off_t)done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_errno(err, "reading at byte %" PRIu64, done);
		if (got == 0)
			return error_set(err, EIO, "cut off at byte %" PRIu64, done);
		if ((uint64_t)got > size - done)
			got = (ssize_t)(size - done);
		if (EVP_DigestUpdate(hash, block, (size_t)got) != 1)
			return error_set(err, EIO, "SHA-256 failed");
		if (to != NULL && (to->block || !block_is_zero(block, (size_t)got))) {
			for (ssize_t at = 0; at < got;) {
				ssize_t put = pwrite(to->fd, block + at, (size_t)(got - at), (off_t)done + at);

				if (put < 0 && errno != EINTR)
					return error_errno(err, "writing at byte %" PRIu64, done + (uint64_t)at);
				at += put > 0 ? put : 0;
			}
		}
		done += (uint64_t)got;
		progress_update(&progress, done);
	}
	progress_end(&progress);
	if (EVP_DigestFinal_ex(hash, digest, NULL) != 1)
		return error_set(err, EIO, "SHA-256 failed");
	return 0;
}

static int target_confirm(const struct flash *flash, const struct disk *disk, struct error *err)
{
	char answer[16] = "";

	if (disk->fd < 0)
		fprintf(stderr, "%s: a new file\n", flash->target);
	else
		fprintf(stderr, "%s: %s%s%" PRIu64 " MiB, %s%s%s\n", flash->target, disk->model,
			disk->model[0] != '\0' ? ", " : "", disk->size / MIB, disk->empty ? "empty" : "NOT EMPTY",
			disk->content[0] != '\0' ? ": " : "", disk->content);
	if (disk->partitions > 0)
		fprintf(stderr, "%s: has %u partitions\n", flash->target, disk->partitions);
	if (!disk->empty && !flash->force)
		return error_set(err, EEXIST, "%s is not empty (%s); --force overwrites all that is on it", flash->target,
				 disk->content[0] != '\0' ? disk->content : "partitions");
	if (flash->yes)
		return 0;
	if (!isatty(STDIN_FILENO))
		return error_set(err, ECANCELED, "not asked, as there is no terminal; --yes goes on without a question");
	fprintf(stderr, "Overwrite all of %s? Type yes: ", flash->target);
	if (fgets(answer, sizeof answer, stdin) == NULL || strcmp(answer, "yes\n") != 0)
		return error_set(err, ECANCELED, "nothing was written");
	return 0;
}

/* Is it an image, and all of it? A download that broke off looks right at its beginning. */
static int image_check(int fd, uint64_t size, struct error *err)
{
	struct fat_file file;
	struct fat fat;
	uint64_t whole;

	if (gpt_disk_size(fd, &whole, err) < 0)
		return -1;
	if (size < whole)
		return error_set(err, EINVAL, "it is cut off, %" PRIu64 " of %" PRIu64 " bytes", size, whole);
	return config_locate(fd, &fat, &file, err);
}

int flash_run(const struct flash *flash, struct error *err)
{
	__attribute__((cleanup(disk_cleanup))) struct disk disk = { .fd = -1 };
	uint8_t wanted[DIGEST_BYTES], found[DIGEST_BYTES];
	char text[DIGEST_TEXT];
	struct stat st;

	cleanup_fd int image = open(flash->image, O_RDONLY | O_CLOEXEC);
	if (image < 0 || fstat(image, &st) < 0)
		return error_errno(err, "%s", flash->image);
	uint64_t size = (uint64_t)st.st_size, needed = size + ((uint64_t)flash->swap_mib + DATA_MIN_MIB) * MIB;
	if (image_check(image, size, err) < 0)
		return error_wrap(err, "%s is not an image of Bulkhead", flash->image);

	if (disk_open(&disk, flash->target, err) < 0)
		return -1;
	/* An empty or new file is an image file in the making, not a disk: it grows. */
	if (disk.size < needed && (disk.block || disk.size > 0))
		return error_set(err, ENOSPC, "%s has %" PRIu64 " MiB; the system, swap and a first GiB of data need %" PRIu64,
				 flash->target, disk.size / MIB, needed / MIB);
	if (target_confirm(flash, &disk, err) < 0)
		return -1;
	if (disk_prepare(&disk, size, err) < 0 || bytes_pass(image, &disk, size, "writing", wanted, err) < 0)
		return error_wrap(err, "%s", flash->target);
	if (fsync(disk.fd) < 0)
		return error_errno(err, "%s: flushing failed", flash->target);
	/* The check must see the disk and not the cache. */
	if (!cache_bypass(disk.fd))
		fprintf(stderr, "%s: its file system cannot read past the cache; the check may see memory instead of the disk\n",
			flash->target);
	int result = bytes_pass(disk.fd, NULL, size, "checking", found, err);
	cache_restore(disk.fd);
	if (result < 0)
		return error_wrap(err, "%s: read-back", flash->target);
	if (memcmp(wanted, found, sizeof wanted) != 0)
		return error_set(err, EIO, "%s reads back differently from what was written: the disk is faulty", flash->target);
	if (flash->config != NULL && flash_config_write(disk.fd, flash->config, flash->config_size, err) < 0)
		return error_wrap(err, "%s", flash->target);
	if (disk.block)
		(void)ioctl(disk.fd, BLKRRPART); /* so that tools see the new partitions */

	hex_encode(wanted, sizeof wanted, text);
	fprintf(stderr, "%s: written and read back, SHA-256 %s\n", flash->target, text);
	return 0;
}
