/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/cli/unlock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "daemon/cli/prompt.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/secret.h"

static void ssh_exec(const struct unlock *unlock, int input)
{
	const char *argv[24];
	char port[8], known[4096], login[512];
	size_t n = 0;

	snprintf(port, sizeof port, "%u", unlock->port);
	snprintf(login, sizeof login, "root@%s", unlock->host);
	argv[n++] = "ssh";
	argv[n++] = "-T";
	argv[n++] = "-p";
	argv[n++] = port;
	argv[n++] = "-o";
	argv[n++] = "ControlPath=none"; /* a session kept open belongs to another host key */
	argv[n++] = "-o";
	argv[n++] = "ForwardAgent=no";
	if (unlock->key != NULL) {
		argv[n++] = "-o";
		argv[n++] = "IdentitiesOnly=yes";
		argv[n++] = "-i";
		argv[n++] = unlock->key;
	}
	if (unlock->known_hosts != NULL) {
		snprintf(known, sizeof known, "UserKnownHostsFile=%s", unlock->known_hosts);
		argv[n++] = "-o";
		argv[n++] = known;
	}
	argv[n++] = "--";
	argv[n++] = login;
	argv[n++] = unlock->command;
	argv[n] = NULL;
	if (dup2(input, STDIN_FILENO) >= 0)
		execvp("ssh", (char *const *)(uintptr_t)argv);
	fprintf(stderr, "bulkhead: cannot run ssh: %s; is the OpenSSH client installed?\n", strerror(errno));
	_exit(127);
}

int unlock_run(const struct unlock *unlock, struct error *err)
{
	cleanup_secret struct secret *secret = secret_new(SECRET_MAX, err);
	int ends[2], status;

	if (secret == NULL || prompt_secret(unlock->twice ? "New passphrase: " : "Passphrase: ", unlock->twice ? "Once more: " : NULL, secret,
					    err) < 0)
		return -1;
	if (secret->size == 0)
		return error_set(err, EINVAL, "the passphrase is empty; nothing was sent");
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_errno(err, "pipe");
	cleanup_fd int input = ends[0], output = ends[1];

	/* An ssh that ends before it has read must not end us. */
	signal(SIGPIPE, SIG_IGN);
	pid_t child = fork();
	if (child < 0)
		return error_errno(err, "cannot start ssh");
	if (child == 0) {
		signal(SIGPIPE, SIG_DFL);
		ssh_exec(unlock, input);
	}
	fd_cleanup(&input);
	bool sent = fd_write_full(output, secret->data, secret->size) == 0;
	fd_cleanup(&output);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return error_errno(err, "waiting for ssh");
	if (WIFSIGNALED(status))
		return error_set(err, EIO, "ssh was ended by signal %d", WTERMSIG(status));
	if (!sent && WEXITSTATUS(status) == 0)
		return error_set(err, EPIPE, "the host closed before it had read the passphrase");
	return WEXITSTATUS(status);
}
