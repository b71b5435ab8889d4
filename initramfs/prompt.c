/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "initramfs/prompt.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/log.h"
#include "daemon/lib/secret.h"
#include "initramfs/link.h"
#include "initramfs/passphrase.h"

enum { LINE_MAX_BYTES = 4096 }; /* what the kernel's line editing holds */

enum step {
	STEP_IDLE,    /* nothing can be done yet */
	STEP_ASK,     /* the passphrase */
	STEP_WAIT,    /* for the result */
	STEP_CONFIRM, /* "yes" to a new container */
	STEP_FIRST,   /* the new passphrase */
	STEP_SECOND,  /* and again */
};

struct prompt {
	int fd;
	bool console, wipe;
	bool enrolling; /* what the running request is */
	bool greeted;   /* the first state has come */
	enum unlock_state state;
	enum step step;
	struct secret *line, *first;
	struct link_frame frame;
};

static void out(const char *text)
{
	if (fd_write_full(STDOUT_FILENO, text, strlen(text)) == -1) {
		/* The terminal is gone; the next read says so. */
	}
}

static void terminal_echo(bool on)
{
	struct termios mode;

	if (tcgetattr(STDIN_FILENO, &mode) == -1)
		return;
	mode.c_iflag |= ICRNL;
	mode.c_oflag |= OPOST | ONLCR;
	mode.c_lflag |= ICANON | ISIG | ECHONL | (on ? ECHO | ECHOE | ECHOK : 0);
	if (!on)
		mode.c_lflag &= ~(tcflag_t)ECHO;
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &mode);
}

static void prompt_show(const struct prompt *prompt)
{
	switch (prompt->step) {
	case STEP_IDLE:
	case STEP_WAIT:
		break;
	case STEP_ASK:
		out("Passphrase: ");
		break;
	case STEP_CONFIRM:
		out(prompt->wipe ? "Type 'wipe' to ERASE what is there and set a passphrase: "
				 : "Type 'yes' to set a passphrase for the disk now: ");
		break;
	case STEP_FIRST:
		out("New passphrase (12 characters or more): ");
		break;
	case STEP_SECOND:
		out("The same again: ");
		break;
	}
}

static void prompt_step(struct prompt *prompt, enum step step)
{
	prompt->step = step;
	terminal_echo(step == STEP_CONFIRM);
	prompt_show(prompt);
}

/* A line in between: over the prompt, which is then shown again. What was typed so far stays in the kernel. */
static void prompt_print(const struct prompt *prompt, const char *text)
{
	if (prompt->step != STEP_IDLE && prompt->step != STEP_WAIT)
		out("\r\033[K");
	out(text);
	out("\n");
	prompt_show(prompt);
}

/* What to ask in the state the agent is in. */
static void prompt_begin(struct prompt *prompt)
{
	switch (prompt->state) {
	case UNLOCK_STATE_LOCKED:
		prompt_step(prompt, prompt->wipe ? STEP_CONFIRM : STEP_ASK);
		break;
	case UNLOCK_STATE_NEW:
		prompt_step(prompt, STEP_CONFIRM);
		break;
	case UNLOCK_STATE_UNUSABLE:
	case UNLOCK_STATE_NO_KEY_SLOT:
	case UNLOCK_STATE_CORRUPT:
		prompt_step(prompt, prompt->wipe ? STEP_CONFIRM : STEP_IDLE);
		break;
	case UNLOCK_STATE_STARTING:
	case UNLOCK_STATE_NO_DISK:
	case UNLOCK_STATE_OPENED:
	case UNLOCK_STATE_DONE:
		prompt_step(prompt, STEP_IDLE);
		break;
	}
}

static int prompt_send(struct prompt *prompt, enum unlock_type type)
{
	struct error err = ERROR_INIT;

	prompt->enrolling = type == UNLOCK_TYPE_ENROLL;
	prompt_step(prompt, STEP_WAIT);
	if (link_send(prompt->fd, type, type == UNLOCK_TYPE_ENROLL && prompt->wipe, prompt->line->data,
		      prompt->line->size, &err) == -1) {
		prompt_print(prompt, err.message);
		return UNLOCK_CODE_INTERNAL;
	}
	return -1;
}

/* A whole line was typed. Returns the exit status, or -1 to go on. */
static int prompt_line(struct prompt *prompt)
{
	struct error err = ERROR_INIT;
	const char *word = prompt->wipe ? "wipe" : "yes";

	switch (prompt->step) {
	case STEP_IDLE:
	case STEP_WAIT:
		return -1; /* typed ahead of a question */
	case STEP_ASK:
		if (prompt->line->size == 0)
			prompt_show(prompt);
		else if (prompt->line->size > UNLOCK_PASSPHRASE_MAX)
			prompt_print(prompt, "no passphrase is that long");
		else
			return prompt_send(prompt, UNLOCK_TYPE_UNLOCK);
		return -1;
	case STEP_CONFIRM:
		prompt_step(prompt, strcmp(prompt->line->data, word) == 0 ? STEP_FIRST : STEP_CONFIRM);
		return -1;
	case STEP_FIRST:
		if (passphrase_check(prompt->line->data, prompt->line->size, &err) == -1) {
			prompt_print(prompt, err.message);
			return -1;
		}
		explicit_bzero(prompt->first->data, prompt->first->room);
		prompt->first->size = 0;
		(void)secret_append(prompt->first, prompt->line->data, prompt->line->size, &err); /* has the room */
		prompt_step(prompt, STEP_SECOND);
		return -1;
	case STEP_SECOND:
		if (prompt->line->size == prompt->first->size &&
		    memcmp(prompt->line->data, prompt->first->data, prompt->line->size) == 0)
			return prompt_send(prompt, UNLOCK_TYPE_ENROLL);
		prompt->step = STEP_FIRST;
		prompt_print(prompt, "the two differ; once more");
		return -1;
	}
	return -1;
}

static int prompt_typed(struct prompt *prompt)
{
	struct secret *line = prompt->line;
	ssize_t size = read(STDIN_FILENO, line->data, line->room);

	if (size == -1 && errno == EINTR)
		return -1;
	if (size <= 0)
		return UNLOCK_CODE_USAGE; /* end of file, or the terminal went */
	line->size = (size_t)size;
	if (line->data[line->size - 1] == '\n')
		line->size--;
	line->data[line->size] = '\0';
	int result = prompt_line(prompt);
	explicit_bzero(line->data, line->room);
	line->size = 0;
	return result;
}

static int prompt_news(struct prompt *prompt)
{
	struct error err = ERROR_INIT;
	struct link_frame *frame = &prompt->frame;

	if (link_receive(prompt->fd, frame, &err) == -1) {
		prompt_print(prompt, err.message);
		return UNLOCK_CODE_INTERNAL;
	}
	switch (frame->type) {
	case UNLOCK_TYPE_STATE:
		/* A console sees it as a notice; that the disk was opened, everybody does. */
		if (!prompt->console &&
		    (!prompt->greeted || (frame->value != UNLOCK_STATE_OPENED && frame->value != UNLOCK_STATE_DONE)))
			prompt_print(prompt, frame->text);
		prompt->greeted = true;
		prompt->state = frame->value;
		if (prompt->step == STEP_WAIT)
			return -1;
		if (prompt->step != STEP_IDLE)
			out("\r\033[K");
		prompt_begin(prompt);
		return -1;
	case UNLOCK_TYPE_NOTICE:
	case UNLOCK_TYPE_PROGRESS:
		prompt_print(prompt, frame->text);
		return -1;
	case UNLOCK_TYPE_RECOVERY:
		out("\n  recovery key: ");
		out(frame->text);
		out("\n\n  It opens the disk when the passphrase is lost. It is shown this once: write it down now.\n\n");
		explicit_bzero(frame->text, sizeof frame->text);
		return -1;
	case UNLOCK_TYPE_RESULT:
		prompt_print(prompt, frame->text);
		if (frame->value == UNLOCK_CODE_OPENED)
			return UNLOCK_CODE_OPENED;
		/* Open is what an unlocking wanted; the passphrase of an enrolment was not set. */
		if (frame->value == UNLOCK_CODE_ALREADY)
			return prompt->enrolling ? UNLOCK_CODE_ALREADY : UNLOCK_CODE_OPENED;
		if (frame->value == UNLOCK_CODE_USAGE)
			prompt->wipe = false; /* refused: what is there is ours */
		prompt_begin(prompt); /* never the end: ask again */
		return -1;
	case UNLOCK_TYPE_OTHER:
		if (!prompt->console)
			prompt_print(prompt, frame->text);
		return prompt->step == STEP_WAIT && prompt->enrolling ? UNLOCK_CODE_ALREADY : UNLOCK_CODE_OPENED;
	case UNLOCK_TYPE_HELLO:
	case UNLOCK_TYPE_UNLOCK:
	case UNLOCK_TYPE_ENROLL:
	case UNLOCK_TYPE_STATUS:
	case UNLOCK_TYPE_REBOOT:
	case UNLOCK_TYPE_POWEROFF:
	case UNLOCK_TYPE_REPORT:
		return -1;
	}
	return -1;
}

static int prompt_loop(struct prompt *prompt)
{
	struct pollfd watch[] = { { .fd = prompt->fd, .events = POLLIN }, { .fd = STDIN_FILENO, .events = POLLIN } };
	int result = -1;

	while (result == -1) {
		if (poll(watch, 2, -1) == -1) {
			if (errno == EINTR)
				continue;
			return UNLOCK_CODE_INTERNAL;
		}
		if (watch[0].revents != 0)
			result = prompt_news(prompt);
		if (result == -1 && watch[1].revents != 0)
			result = prompt_typed(prompt);
	}
	return result;
}

int prompt_run(const char *origin, bool console, bool wipe)
{
	static struct prompt prompt; /* a frame is too large for the stack */
	struct error err = ERROR_INIT;

	prompt.console = console;
	prompt.wipe = wipe;
	cleanup_secret struct secret *line = secret_new(LINE_MAX_BYTES, &err);
	cleanup_secret struct secret *first = secret_new(LINE_MAX_BYTES, &err);
	cleanup_fd int fd = line == NULL || first == NULL
				    ? -1
				    : link_open(console ? UNLOCK_MODE_CONSOLE : UNLOCK_MODE_PROMPT, origin, &err);
	if (fd == -1) {
		log_error("%s", err.message);
		return UNLOCK_CODE_INTERNAL;
	}
	prompt.line = line;
	prompt.first = first;
	prompt.fd = fd;
	terminal_echo(false);
	int result = prompt_loop(&prompt);
	if (prompt.step != STEP_IDLE && prompt.step != STEP_WAIT)
		out("\n"); /* a question is left open on the line */
	terminal_echo(true);
	return result;
}
