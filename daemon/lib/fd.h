/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fd: file descriptors and whole files. Every call here restarts on EINTR,
 * and every descriptor it makes is close-on-exec.
 */
#ifndef BULKHEAD_FD_H
#define BULKHEAD_FD_H

#include <stddef.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

struct error;

static inline void fd_cleanup(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static inline void free_cleanup(void *pointer)
{
	free(*(void **)pointer);
}

/* Locals that close or free themselves at the end of their scope. */
#define cleanup_fd __attribute__((cleanup(fd_cleanup)))
#define cleanup_free __attribute__((cleanup(free_cleanup)))

/* Hands a descriptor over: returns it and leaves -1 behind. */
static inline int fd_steal(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/* Hands a pointer over: returns it and leaves NULL behind. */
#define steal_pointer(p) \
	({ \
		__typeof__(*(p)) taken_ = *(p); \
		*(p) = NULL; \
		taken_; \
	})

/* Reads until size bytes or end of file. Returns the count, or -1 with errno. */
ssize_t fd_read_full(int fd, void *buffer, size_t size);

/* Writes all of it. Returns 0, or -1 with errno. */
int fd_write_full(int fd, const void *buffer, size_t size);

/* A file in memory with this content, at its beginning, to be handed to another process. what is for messages and for /proc. */
int fd_memory(const char *what, const void *data, size_t size, struct error *err);

/* What another process has handed over, of at most max bytes, whatever was read of it before. The caller frees *ret_data. */
int fd_memory_read(int fd, size_t max, char **ret_data, size_t *ret_size, struct error *err);

/*
 * Reads a whole file of at most max bytes (EFBIG if longer) into fresh memory
 * with a NUL behind the last byte. The caller frees *ret_text.
 */
int file_read(const char *path, size_t max, char **ret_text, size_t *ret_size, struct error *err);

/*
 * Replaces path by a file of this content: temporary name in the same folder,
 * write, fsync, rename, fsync of the folder. A crash leaves the old file or the
 * new one, never a part.
 */
int file_write(const char *path, const void *data, size_t size, mode_t mode, struct error *err);

/* Writes text to an existing file of /proc or /sys in one write(2). */
int file_poke(const char *path, const char *text, struct error *err);

/* Makes a folder and those above it; an existing folder is not an error. */
int folder_make(const char *path, mode_t mode, struct error *err);

#endif
