/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/cli/prompt.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/secret.h"

/* One line from the terminal, not shown. The terminal is as it was when this returns. */
static int line_ask(int tty, const char *prompt, struct secret *secret, struct error *err)
{
	struct termios shown, hidden;
	int result = -1;
	ssize_t got;
	char byte;

	if (tcgetattr(tty, &shown) < 0)
		return error_errno(err, "the terminal");
	/* Ctrl-C is a character, so that echo always comes back; and one that ends the line, so that it is seen at once. */
	const char stop = (char)shown.c_cc[VINTR];
	hidden = shown;
	hidden.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
	hidden.c_lflag |= ICANON;
	hidden.c_cc[VEOL] = shown.c_cc[VINTR];
	if (tcsetattr(tty, TCSAFLUSH, &hidden) < 0)
		return error_errno(err, "the terminal");
	(void)fd_write_full(tty, prompt, strlen(prompt));
	while ((got = read(tty, &byte, 1)) == 1 && byte != '\n') {
		if (byte == stop) {
			error_set(err, ECANCELED, "given up; nothing was sent");
			goto out;
		}
		if (secret_append(secret, &byte, 1, err) < 0)
			goto out;
	}
	result = got < 0 ? error_errno(err, "the terminal") : 0;
out:
	(void)tcsetattr(tty, TCSAFLUSH, &shown);
	(void)fd_write_full(tty, "\n", 1);
	explicit_bzero(&byte, 1);
	return result;
}

int prompt_secret(const char *prompt, const char *again, struct secret *secret, struct error *err)
{
	if (!isatty(STDIN_FILENO))
		return secret_read(secret, STDIN_FILENO, err);

	cleanup_fd int tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (tty < 0)
		return error_errno(err, "/dev/tty");
	if (line_ask(tty, prompt, secret, err) < 0)
		return -1;
	if (again == NULL)
		return 0;
	cleanup_secret struct secret *second = secret_new(SECRET_MAX, err);
	if (second == NULL || line_ask(tty, again, second, err) < 0)
		return -1;
	if (second->size != secret->size || memcmp(second->data, secret->data, secret->size) != 0)
		return error_set(err, EINVAL, "the two differ; nothing was sent");
	return 0;
}
