/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/account.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/engine/address.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"

enum { LINE_ROOM = 64 * 1024, FILE_MAX = 4 << 20 };

static void file_cleanup(FILE **file)
{
	if (*file != NULL)
		fclose(*file);
}

#define cleanup_file __attribute__((cleanup(file_cleanup)))

/* NULL if it is not there, or is anything but a file of a sane size: a pipe would never end. */
static FILE *table_open(const char *root, const char *name)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof path, "%s%s", root, name);
	cleanup_fd int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) || st.st_size > FILE_MAX)
		return NULL;
	FILE *file = fdopen(fd, "re");
	if (file != NULL)
		fd_steal(&fd);
	return file;
}

/* Of a user or a group. */
static bool number_parse(const char *text, uint32_t *ret_number)
{
	char *end;

	if (*text < '0' || *text > '9' || strlen(text) > 5)
		return false;
	*ret_number = (uid_t)strtoul(text, &end, 10);
	return *end == '\0';
}

static void home_take(struct account *account, const char *home)
{
	if (home != NULL && home[0] == '/' && strlen(home) < sizeof account->home)
		strcpy(account->home, home);
}

/* True if the file has the user. */
static bool passwd_find(const char *root, const char *user, const uid_t *uid, char *line, struct account *account)
{
	cleanup_file FILE *file = table_open(root, "/etc/passwd");
	struct passwd entry, *found;

	while (file != NULL && fgetpwent_r(file, &entry, line, LINE_ROOM, &found) == 0) {
		if (uid != NULL ? entry.pw_uid != *uid : strcmp(entry.pw_name, user) != 0)
			continue;
		if (entry.pw_uid >= ID_RANGE || entry.pw_gid >= ID_RANGE)
			return false;
		account->uid = entry.pw_uid;
		account->gid = entry.pw_gid;
		home_take(account, entry.pw_dir);
		if (strlen(entry.pw_name) < sizeof account->name)
			strcpy(account->name, entry.pw_name);
		return true;
	}
	return false;
}

static void groups_find(const char *root, char *line, struct account *account)
{
	cleanup_file FILE *file = table_open(root, "/etc/group");
	struct group entry, *found;

	while (file != NULL && account->group_count < ACCOUNT_GROUPS_MAX &&
	       fgetgrent_r(file, &entry, line, LINE_ROOM, &found) == 0) {
		bool member = false;
		for (char **name = entry.gr_mem; !member && *name != NULL; name++)
			member = strcmp(*name, account->name) == 0;
		if (member && entry.gr_gid < ID_RANGE)
			account->groups[account->group_count++] = entry.gr_gid;
	}
}

static int group_find(const char *root, const char *group, char *line, gid_t *ret_gid, struct error *err)
{
	cleanup_file FILE *file = table_open(root, "/etc/group");
	struct group entry, *found;
	gid_t number;

	if (number_parse(group, &number) && number < ID_RANGE) {
		*ret_gid = number;
		return 0;
	}
	while (file != NULL && fgetgrent_r(file, &entry, line, LINE_ROOM, &found) == 0)
		if (strcmp(entry.gr_name, group) == 0 && entry.gr_gid < ID_RANGE) {
			*ret_gid = entry.gr_gid;
			return 0;
		}
	return error_field(err, "user", "the container has no group '%s'", group);
}

int account_find(const char *root, const char *said, struct account *ret_account, struct error *err)
{
	struct account account = { .home = "/" };
	char user[ACCOUNT_NAME_MAX * 2] = "0";
	const char *group = strchr(said, ':');
	size_t length = strcspn(said, ":");
	uid_t number;

	if (length >= sizeof user)
		return error_field(err, "user", "the name of the user is too long");

	cleanup_free char *line = malloc(LINE_ROOM);
	if (line == NULL)
		return error_set(err, ENOMEM, "no memory to look up a user");
	if (length > 0)
		snprintf(user, sizeof user, "%.*s", (int)length, said);
	bool numeric = number_parse(user, &number);
	if (numeric && number >= ID_RANGE)
		return error_field(err, "user", "a user's number is at most %d", ID_RANGE - 1);
	if (!passwd_find(root, user, numeric ? &number : NULL, line, &account)) {
		if (!numeric)
			return error_field(err, "user", "the container has no user '%s'", user);
		account.uid = account.gid = number;
	}
	if (group != NULL && group_find(root, group + 1, line, &account.gid, err) == -1)
		return -1;
	if (group == NULL && account.name[0] != '\0')
		groups_find(root, line, &account);
	*ret_account = account;
	return 0;
}
