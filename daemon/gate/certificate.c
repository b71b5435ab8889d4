/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/gate/certificate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/gate/haproxy.h"
#include "daemon/lib/certificate.h"
#include "daemon/lib/error.h"
#include "daemon/lib/protocol.h"
#include "daemon/lib/secret.h"

static struct {
	struct haproxy *haproxy;
	certificate_done_cb *done;
	void *data;
} self;

struct step {
	uint64_t serial;
	const char *success; /* is in the answer */
};

void certificate_init(struct haproxy *haproxy, certificate_done_cb *done, void *data)
{
	self.haproxy = haproxy;
	self.done = done;
	self.data = data;
}

static void answered(const char *answer, void *data)
{
	struct step *step = data;
	char text[256];

	if (answer == NULL)
		self.done(step->serial, EAGAIN, "HAProxy has ended; it starts again", self.data);
	else if (strstr(answer, step->success) == NULL) {
		snprintf(text, sizeof text, "HAProxy does not take the certificate: %.200s", answer);
		self.done(step->serial, EIO, text, self.data);
	} else {
		self.done(step->serial, 0, "", self.data);
	}
	free(step);
}

static int ask(const char *command, uint64_t serial, const char *success, struct error *err)
{
	struct step *step = calloc(1, sizeof *step);

	if (step == NULL)
		return error_set(err, ENOMEM, "no memory for a certificate");
	*step = (struct step){ .serial = serial, .success = success };
	if (haproxy_command(self.haproxy, command, answered, step, err) == 0)
		return 0;
	free(step);
	return -1;
}

int certificate_try(int fd, uint64_t serial, struct error *err)
{
	static const char head[] = "set ssl cert " CERTIFICATE_PATH " <<\n";
	cleanup_secret struct secret *text = secret_new(CERTIFICATE_TEXT_MAX, err);
	cleanup_secret struct secret *command = text == NULL ? NULL : secret_new(CERTIFICATE_TEXT_MAX + sizeof head + 8, err);

	if (command == NULL)
		return -1;
	if (lseek(fd, 0, SEEK_SET) == -1)
		return error_set(err, EBADMSG, "there is no certificate with the message");
	if (secret_read(text, fd, err) == -1 || certificate_check(text, err) == -1)
		return -1;
	/* An empty line would end it early. */
	if (strstr(text->data, "\n\n") != NULL)
		return error_set(err, EBADMSG, "the certificate has an empty line");
	if (secret_append(command, head, sizeof head - 1, err) == -1 || secret_append(command, text->data, text->size, err) == -1 ||
	    secret_append(command, "\n\n", 2, err) == -1)
		return -1;
	struct error ignored = ERROR_INIT;
	(void)haproxy_command(self.haproxy, "abort ssl cert " CERTIFICATE_PATH "\n", NULL, NULL, &ignored);
	return ask(command->data, serial, "ransaction", err);
}

int certificate_use(uint64_t serial, struct error *err)
{
	return ask("commit ssl cert " CERTIFICATE_PATH "\n", serial, "Success", err);
}
