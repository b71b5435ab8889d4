/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/loop.h"

enum {
	STREAMS = 2,
	BLOCK = 64 * 1024,
	BLOCKS_AT_END = 17, /* a pipe holds 1 MiB at the most: what a process in the background adds is not waited for */
};

struct stream {
	struct capture *capture;
	struct loop_source *source;
	int fd;
	uint64_t written;
};

struct capture {
	struct loop *loop;
	int file;
	uint32_t max;
	struct stream streams[STREAMS];
};

static void stream_close(struct stream *stream)
{
	loop_remove(stream->source);
	stream->source = NULL;
	fd_cleanup(&stream->fd);
}

/* One block. False: nothing there, or the end. */
static bool stream_take(struct stream *stream)
{
	static char block[BLOCK];
	struct capture *capture = stream->capture;

	ssize_t n = read(stream->fd, block, sizeof block);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		stream_close(stream);
		return false;
	}
	if (stream->written < capture->max) {
		size_t keep = (size_t)n < capture->max - stream->written ? (size_t)n : capture->max - stream->written;
		off_t at = (off_t)((uint64_t)(stream - capture->streams) * capture->max + stream->written);
		/* Without memory the rest is missing, and api finds the file too short. */
		(void)!pwrite(capture->file, block, keep, at);
	}
	stream->written += (uint64_t)n;
	return true;
}

static void stream_ready(int fd, uint32_t events, void *data)
{
	(void)fd;
	(void)events;
	stream_take(data);
}

struct capture *capture_new(struct loop *loop, uint32_t max, int *ret_file, struct error *err)
{
	struct capture *capture = calloc(1, sizeof *capture);
	int file = memfd_create("output", MFD_CLOEXEC);

	if (capture == NULL || file == -1) {
		error_errno(err, "cannot make a place for the output of a command");
		free(capture);
		if (file != -1)
			close(file);
		return NULL;
	}
	*capture = (struct capture){ .loop = loop, .file = file, .max = max };
	for (int i = 0; i < STREAMS; i++)
		capture->streams[i] = (struct stream){ .capture = capture, .fd = -1 };
	*ret_file = file;
	return capture;
}

int capture_begin(struct capture *capture, const int fds[2], struct error *err)
{
	for (int i = 0; i < STREAMS; i++) {
		struct stream *stream = &capture->streams[i];
		stream_close(stream);
		stream->fd = fds[i];
		if (fcntl(stream->fd, F_SETFL, O_NONBLOCK) == -1)
			return error_errno(err, "cannot read the output of a command");
		stream->source = loop_add_fd(capture->loop, stream->fd, EPOLLIN, stream_ready, stream, err);
		if (stream->source == NULL)
			return -1;
	}
	return 0;
}

void capture_end(struct capture *capture, uint64_t ret_written[2])
{
	for (int i = 0; i < STREAMS; i++) {
		struct stream *stream = &capture->streams[i];
		for (int n = 0; n < BLOCKS_AT_END && stream->fd != -1 && stream_take(stream); n++)
			;
		stream_close(stream);
		ret_written[i] = stream->written;
	}
}
