/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/pack.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <zstd.h>

#include "daemon/engine/address.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"

enum { BLOCK = 256 * 1024, DEPTH_MAX = 256, LEVEL = 3, VALUE_MAX = 65536 };

struct packing {
	struct archive *archive;
	struct archive_entry_linkresolver *links;
	ZSTD_CCtx *zstd;
	EVP_MD_CTX *plain, *packed;
	int out;
	uint32_t id_base;
	uint64_t size, max;
	struct error *err;
	char path[PATH_MAX];
	char names[XATTR_LIST_MAX], value[VALUE_MAX];
	unsigned char block[BLOCK], room[BLOCK];
};

static int written(struct packing *packing, const void *data, size_t size)
{
	if (packing->size + size > packing->max)
		return error_set(packing->err, ENOSPC, "the archive is larger than the room that is left for it");
	if (fd_write_full(packing->out, data, size) == -1)
		return error_errno(packing->err, "cannot write an archive");
	packing->size += size;
	return EVP_DigestUpdate(packing->packed, data, size) == 1 ? 0 : error_set(packing->err, EIO, "cannot hash an archive");
}

static int compressed(struct packing *packing, const void *data, size_t size, ZSTD_EndDirective directive)
{
	ZSTD_inBuffer in = { .src = data, .size = size };
	size_t left;

	do {
		ZSTD_outBuffer out = { .dst = packing->room, .size = sizeof packing->room };
		left = ZSTD_compressStream2(packing->zstd, &out, &in, directive);
		if (ZSTD_isError(left))
			return error_set(packing->err, EIO, "cannot compress an archive: %s", ZSTD_getErrorName(left));
		if (out.pos > 0 && written(packing, packing->room, out.pos) == -1)
			return -1;
	} while (directive == ZSTD_e_end ? left != 0 : in.pos < in.size);
	return 0;
}

static la_ssize_t tar_written(struct archive *archive, void *data, const void *bytes, size_t size)
{
	struct packing *packing = data;

	(void)archive;
	if (EVP_DigestUpdate(packing->plain, bytes, size) != 1 || compressed(packing, bytes, size, ZSTD_e_continue) == -1)
		return -1;
	return (la_ssize_t)size;
}

/* libarchive's own failures; those of the callback have been told. */
static int failed(struct packing *packing, const char *what)
{
	if (packing->err->code != 0)
		return -1;
	return error_set(packing->err, archive_errno(packing->archive) > 0 ? archive_errno(packing->archive) : EIO, "cannot %s %.100s: %s", what,
			 packing->path, archive_error_string(packing->archive));
}

static uint32_t id_inside(const struct packing *packing, uint32_t id)
{
	return id >= packing->id_base && id - packing->id_base < ID_RANGE ? id - packing->id_base : 0;
}

/* A capability of the container's root becomes one of whoever's root unpacks it (linux/capability.h, revisions 3 and 2). */
static size_t capability_convert(char *value, size_t size)
{
	struct vfs_ns_cap_data data;
	__u32 magic;

	if (size != sizeof data)
		return size;
	memcpy(&data, value, sizeof data);
	magic = data.magic_etc; /* little endian, as this host is */
	if ((magic & VFS_CAP_REVISION_MASK) != VFS_CAP_REVISION_3)
		return size;
	data.magic_etc = (magic & ~(__u32)VFS_CAP_REVISION_MASK) | VFS_CAP_REVISION_2;
	memcpy(value, &data, XATTR_CAPS_SZ_2);
	return XATTR_CAPS_SZ_2;
}

static int attributes_add(struct packing *packing, int folder, const char *name, struct archive_entry *entry)
{
	char path[320];

	snprintf(path, sizeof path, "/proc/self/fd/%d/%.255s", folder, name);
	ssize_t size = llistxattr(path, packing->names, sizeof packing->names);
	if (size == -1)
		return error_errno(packing->err, "cannot list the attributes of %.100s", packing->path);
	for (const char *at = packing->names; at < packing->names + size; at += strlen(at) + 1) {
		if (strncmp(at, "user.", 5) != 0 && strcmp(at, "security.capability") != 0)
			continue;
		ssize_t got = lgetxattr(path, at, packing->value, sizeof packing->value);
		if (got == -1)
			return error_errno(packing->err, "cannot read an attribute of %.100s", packing->path);
		archive_entry_xattr_add_entry(entry, at, packing->value,
					      at[0] == 's' ? capability_convert(packing->value, (size_t)got) : (size_t)got);
	}
	return 0;
}

static int data_write(struct packing *packing, int folder, const char *name, uint64_t size)
{
	cleanup_fd int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	uint64_t done = 0;

	if (fd == -1)
		return error_errno(packing->err, "cannot open %.100s", packing->path);
	while (done < size) {
		ssize_t n = read(fd, packing->block, sizeof packing->block);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == -1 ? error_errno(packing->err, "cannot read %.100s", packing->path)
				       : error_set(packing->err, EIO, "%.100s is shorter than it was", packing->path);
		if (archive_write_data(packing->archive, packing->block, (size_t)n) < 0)
			return failed(packing, "write");
		done += (uint64_t)n;
	}
	return 0;
}

static int entry_write(struct packing *packing, int folder, const char *name, struct archive_entry *entry, const struct stat *st)
{
	struct archive_entry *sparse = NULL, *linked = entry;

	archive_entry_linkify(packing->links, &linked, &sparse);
	if (archive_write_header(packing->archive, linked) != ARCHIVE_OK)
		return failed(packing, "write");
	if (S_ISREG(st->st_mode) && archive_entry_hardlink(linked) == NULL)
		return data_write(packing, folder, name, (uint64_t)st->st_size);
	return 0;
}

static void entry_free(struct archive_entry **entry)
{
	archive_entry_free(*entry);
}

static int folder_pack(struct packing *packing, int folder, size_t used, int depth);

static int entry_pack(struct packing *packing, int folder, const char *name, size_t used, int depth)
{
	char target[PATH_MAX];
	struct stat st;

	size_t more = strlen(name);
	if (used + more + 2 > sizeof packing->path || depth > DEPTH_MAX)
		return error_set(packing->err, ENOTSUP, "paths are longer than %d, or folders lie deeper than %d; such a tree is not exported",
				 PATH_MAX, DEPTH_MAX);
	memcpy(packing->path + used, name, more + 1);
	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return error_errno(packing->err, "cannot look at %.100s", packing->path);
	if (S_ISSOCK(st.st_mode) || S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
		return 0;
	__attribute__((cleanup(entry_free))) struct archive_entry *entry = archive_entry_new();
	if (entry == NULL)
		return error_set(packing->err, ENOMEM, "no memory for an archive");
	st.st_uid = id_inside(packing, st.st_uid);
	st.st_gid = id_inside(packing, st.st_gid);
	archive_entry_copy_stat(entry, &st);
	archive_entry_copy_pathname(entry, packing->path);
	if (S_ISLNK(st.st_mode)) {
		ssize_t size = readlinkat(folder, name, target, sizeof target - 1);
		if (size == -1)
			return error_errno(packing->err, "cannot read the link %.100s", packing->path);
		target[size] = '\0';
		archive_entry_copy_symlink(entry, target);
	}
	if (attributes_add(packing, folder, name, entry) == -1 || entry_write(packing, folder, name, entry, &st) == -1)
		return -1;
	if (!S_ISDIR(st.st_mode))
		return 0;
	cleanup_fd int below = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (below == -1)
		return error_errno(packing->err, "cannot open %.100s", packing->path);
	packing->path[used + more] = '/';
	return folder_pack(packing, below, used + more + 1, depth + 1);
}

static int folder_pack(struct packing *packing, int folder, size_t used, int depth)
{
	int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy == -1 ? NULL : fdopendir(copy);
	int result = 0;

	if (dir == NULL) {
		fd_cleanup(&copy);
		return error_errno(packing->err, "cannot read a folder");
	}
	for (struct dirent *entry; result == 0 && (errno = 0, entry = readdir(dir)) != NULL;)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			result = entry_pack(packing, folder, entry->d_name, used, depth);
	if (result == 0 && errno != 0)
		result = error_errno(packing->err, "cannot read a folder");
	closedir(dir);
	return result;
}

static int hash_end(EVP_MD_CTX *context, char text[DIGEST_TEXT], struct error *err)
{
	unsigned char digest[EVP_MAX_MD_SIZE];

	if (EVP_DigestFinal_ex(context, digest, NULL) != 1)
		return error_set(err, EIO, "cannot hash an archive");
	hex_encode(digest, DIGEST_BYTES, text);
	return 0;
}

static int packing_run(struct packing *packing, int top, struct pack *ret_pack)
{
	/* Attributes as tar and other tools read them. */
	if (archive_write_set_format_pax(packing->archive) != ARCHIVE_OK ||
	    archive_write_set_format_option(packing->archive, "pax", "xattrheader", "SCHILY") != ARCHIVE_OK ||
	    archive_write_set_bytes_per_block(packing->archive, 10240) != ARCHIVE_OK ||
	    archive_write_open(packing->archive, packing, NULL, tar_written, NULL) != ARCHIVE_OK)
		return failed(packing, "begin");
	archive_entry_linkresolver_set_strategy(packing->links, archive_format(packing->archive));
	if (folder_pack(packing, top, 0, 0) == -1)
		return -1;
	if (archive_write_close(packing->archive) != ARCHIVE_OK)
		return failed(packing, "end");
	if (compressed(packing, NULL, 0, ZSTD_e_end) == -1 || hash_end(packing->plain, ret_pack->plain, packing->err) == -1 ||
	    hash_end(packing->packed, ret_pack->packed, packing->err) == -1)
		return -1;
	ret_pack->size = packing->size;
	return 0;
}

int pack_tree(int top, uint32_t id_base, int out, uint64_t bytes_max, struct pack *ret_pack, struct error *err)
{
	struct packing *packing = calloc(1, sizeof *packing);
	int result = -1;

	if (packing == NULL)
		return error_set(err, ENOMEM, "no memory for an archive");
	packing->archive = archive_write_new();
	packing->links = archive_entry_linkresolver_new();
	packing->zstd = ZSTD_createCCtx();
	packing->plain = EVP_MD_CTX_new();
	packing->packed = EVP_MD_CTX_new();
	packing->out = out;
	packing->id_base = id_base;
	packing->max = bytes_max;
	packing->err = err;
	if (packing->archive == NULL || packing->links == NULL || packing->zstd == NULL || packing->plain == NULL || packing->packed == NULL ||
	    EVP_DigestInit_ex(packing->plain, EVP_sha256(), NULL) != 1 || EVP_DigestInit_ex(packing->packed, EVP_sha256(), NULL) != 1 ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(packing->zstd, ZSTD_c_compressionLevel, LEVEL)))
		error_set(err, ENOMEM, "no memory for an archive");
	else
		result = packing_run(packing, top, ret_pack);
	archive_write_free(packing->archive);
	archive_entry_linkresolver_free(packing->links);
	ZSTD_freeCCtx(packing->zstd);
	EVP_MD_CTX_free(packing->plain);
	EVP_MD_CTX_free(packing->packed);
	free(packing);
	return result;
}
