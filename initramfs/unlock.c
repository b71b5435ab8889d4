/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bulkhead-unlock: dropbear's forced command and root's shell in the initramfs,
 * and the prompt on consoles. There is no other program to log in to.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/log.h"
#include "daemon/lib/secret.h"
#include "initramfs/link.h"
#include "initramfs/passphrase.h"
#include "initramfs/prompt.h"

enum { WORDS_MAX = 4 };

static const char usage[] =
	"usage: ssh -p PORT root@HOST [COMMAND]\n"
	"  (none)           ask for the passphrase; without a terminal, read it from standard input\n"
	"  unlock           the same, always from standard input unless that is a terminal\n"
	"  enroll [--wipe]  first boot: set the passphrase, print the recovery key\n"
	"  status           what the boot agent knows, as JSON\n"
	"  reboot, poweroff\n"
	"exit status: 0 unlocked, 2 usage, 10 wrong passphrase, 11 no disk or no LUKS on it, 12 no key slot,\n"
	"  13 too little memory, 14 LUKS header damaged, 15 too many attempts wait, 16 already unlocked, 20 internal\n";

static int usage_print(void)
{
	fputs(usage, stderr);
	return UNLOCK_CODE_USAGE;
}

/* Reads to the first newline or the end of standard input. */
static int passphrase_read(struct secret *passphrase, struct error *err)
{
	for (;;) {
		ssize_t size = read(STDIN_FILENO, passphrase->data + passphrase->size,
				    passphrase->room - passphrase->size);
		if (size == -1 && errno == EINTR)
			continue;
		if (size == -1)
			return error_errno(err, "cannot read the passphrase");
		char *newline = memchr(passphrase->data + passphrase->size, '\n', (size_t)size);
		if (newline != NULL) {
			explicit_bzero(newline, (size_t)size - (size_t)(newline - passphrase->data - passphrase->size));
			passphrase->size = (size_t)(newline - passphrase->data);
			break;
		}
		passphrase->size += (size_t)size;
		if (size == 0)
			break;
		if (passphrase->size == passphrase->room)
			return error_set(err, E2BIG, "no passphrase is longer than %d bytes", UNLOCK_PASSPHRASE_MAX);
	}
	if (passphrase->size > 0 && passphrase->data[passphrase->size - 1] == '\r')
		passphrase->size--;
	passphrase->data[passphrase->size] = '\0';
	if (passphrase->size == 0)
		return error_set(err, EINVAL, "there is no passphrase on standard input");
	return 0;
}

/* False when nobody reads standard output any more: the SSH session has ended, and no key may be shown to nobody. */
static bool command_poll(int fd)
{
	struct pollfd watch[] = { { .fd = fd, .events = POLLIN }, { .fd = STDOUT_FILENO } };

	while (poll(watch, 2, -1) == -1)
		if (errno != EINTR)
			return true; /* receiving waits, too */
	return (watch[1].revents & (POLLERR | POLLHUP)) == 0;
}

/* Not by stdio, whose buffer would keep the key. */
static int recovery_print(const char *key)
{
	static const char before[] = "recovery key: ";

	return fd_write_full(STDOUT_FILENO, before, sizeof before - 1) == -1 ||
			       fd_write_full(STDOUT_FILENO, key, strlen(key)) == -1 ||
			       fd_write_full(STDOUT_FILENO, "\n", 1) == -1
		       ? -1
		       : 0;
}

/* Waits for the result of one request. Standard output: what was asked for, nothing else. */
static int command_wait(int fd, enum unlock_type request)
{
	static struct link_frame frame;
	struct error err = ERROR_INIT;

	for (;;) {
		if (!command_poll(fd))
			return UNLOCK_CODE_INTERNAL;
		if (link_receive(fd, &frame, &err) == -1) {
			fprintf(stderr, "%s\n", err.message);
			return UNLOCK_CODE_INTERNAL;
		}
		switch (frame.type) {
		case UNLOCK_TYPE_PROGRESS:
			fprintf(stderr, "%s\n", frame.text);
			break;
		case UNLOCK_TYPE_REPORT:
			printf("%s\n", frame.text);
			break;
		case UNLOCK_TYPE_RECOVERY:
			if (recovery_print(frame.text) == -1)
				fprintf(stderr, "cannot print the recovery key: %s\n", strerror(errno));
			explicit_bzero(frame.text, sizeof frame.text);
			break;
		case UNLOCK_TYPE_RESULT:
			if (frame.text[0] != '\0')
				fprintf(frame.value == UNLOCK_CODE_OPENED && request != UNLOCK_TYPE_ENROLL ? stdout : stderr,
					"%s\n", frame.text);
			return (int)frame.value;
		case UNLOCK_TYPE_OTHER:
			fprintf(stderr, "%s\n", frame.text);
			return UNLOCK_CODE_ALREADY;
		case UNLOCK_TYPE_HELLO:
		case UNLOCK_TYPE_UNLOCK:
		case UNLOCK_TYPE_ENROLL:
		case UNLOCK_TYPE_STATUS:
		case UNLOCK_TYPE_REBOOT:
		case UNLOCK_TYPE_POWEROFF:
		case UNLOCK_TYPE_STATE:
		case UNLOCK_TYPE_NOTICE:
			break;
		}
	}
}

static int command_run(const char *origin, enum unlock_type type, bool wipe)
{
	struct error err = ERROR_INIT;
	bool secret = type == UNLOCK_TYPE_UNLOCK || type == UNLOCK_TYPE_ENROLL;

	/* One more than allowed, to see when it is exceeded. */
	cleanup_secret struct secret *passphrase = secret_new(UNLOCK_PASSPHRASE_MAX + 1, &err);
	if (passphrase == NULL) {
		fprintf(stderr, "%s\n", err.message);
		return UNLOCK_CODE_INTERNAL;
	}
	if (secret && (passphrase_read(passphrase, &err) == -1 ||
		       (type == UNLOCK_TYPE_ENROLL &&
			passphrase_check(passphrase->data, passphrase->size, &err) == -1))) {
		fprintf(stderr, "%s\n", err.message);
		return UNLOCK_CODE_USAGE;
	}
	cleanup_fd int fd = link_open(UNLOCK_MODE_COMMAND, origin, &err);
	if (fd == -1 || link_send(fd, type, wipe, passphrase->data, passphrase->size, &err) == -1) {
		fprintf(stderr, "%s\n", err.message);
		return UNLOCK_CODE_INTERNAL;
	}
	return command_wait(fd, type);
}

/* "ssh <address> <key>"; the key's name is the comment the agent wrote into authorized_keys. */
static void origin_find(char origin[UNLOCK_ORIGIN_MAX])
{
	const char *connection = getenv("SSH_CONNECTION");
	const char *key = getenv("SSH_PUBKEYINFO");

	if (connection == NULL)
		snprintf(origin, UNLOCK_ORIGIN_MAX, "local");
	else
		snprintf(origin, UNLOCK_ORIGIN_MAX, "ssh %.*s%s%.32s", (int)strcspn(connection, " "), connection,
			 key != NULL ? " " : "", key != NULL ? key : "");
}

static int words_run(size_t count, char *words[])
{
	char origin[UNLOCK_ORIGIN_MAX];
	bool terminal = isatty(STDIN_FILENO) == 1;
	bool wipe = count == 2 && strcmp(words[1], "--wipe") == 0;

	origin_find(origin);
	if (count == 0)
		return terminal ? prompt_run(origin, false, false) : command_run(origin, UNLOCK_TYPE_UNLOCK, false);
	if (strcmp(words[0], "enroll") == 0 && (count == 1 || wipe))
		return terminal ? prompt_run(origin, false, wipe) : command_run(origin, UNLOCK_TYPE_ENROLL, wipe);
	if (count != 1)
		return usage_print();
	if (strcmp(words[0], "unlock") == 0)
		return terminal ? prompt_run(origin, false, false) : command_run(origin, UNLOCK_TYPE_UNLOCK, false);
	if (strcmp(words[0], "status") == 0)
		return command_run(origin, UNLOCK_TYPE_STATUS, false);
	if (strcmp(words[0], "reboot") == 0)
		return command_run(origin, UNLOCK_TYPE_REBOOT, false);
	if (strcmp(words[0], "poweroff") == 0)
		return command_run(origin, UNLOCK_TYPE_POWEROFF, false);
	return usage_print();
}

int main(int argc, char **argv)
{
	char command[256] = "";
	char *words[WORDS_MAX + 1];
	size_t count = 0;

	log_init("bulkhead-unlock", LOG_LEVEL_INFO);
	if (argc == 3 && strcmp(argv[1], "--console") == 0) {
		char origin[UNLOCK_ORIGIN_MAX];

		snprintf(origin, sizeof origin, "console %.32s", argv[2]);
		return prompt_run(origin, true, false);
	}
	/* As a login shell: no words, or -c with the forced command; what the user asked is in the environment. */
	if (argc == 1 || (argc == 3 && strcmp(argv[1], "-c") == 0)) {
		const char *asked = getenv("SSH_ORIGINAL_COMMAND");

		if (asked != NULL && strlen(asked) >= sizeof command)
			return usage_print();
		snprintf(command, sizeof command, "%s", asked != NULL ? asked : "");
		char *rest = command;
		for (char *word; (word = strsep(&rest, " \t\n")) != NULL;) {
			if (word[0] == '\0')
				continue;
			if (count == WORDS_MAX)
				return usage_print();
			words[count++] = word;
		}
		return words_run(count, words);
	}
	if (argc - 1 > WORDS_MAX)
		return usage_print();
	for (int i = 1; i < argc; i++)
		words[count++] = argv[i];
	return words_run(count, words);
}
