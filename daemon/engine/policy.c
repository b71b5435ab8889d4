/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/policy.h"

#include <errno.h>
#include <limits.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"

enum { POLICY_SIZE_MAX = 256 * 1024 };

struct policy {
	scmp_filter_ctx filter;
};

static bool operator_parse(const char *name, enum scmp_compare *ret_operator)
{
	static const struct {
		const char *name;
		enum scmp_compare value;
	} operators[] = {
		{ "SCMP_CMP_NE", SCMP_CMP_NE }, { "SCMP_CMP_LT", SCMP_CMP_LT }, { "SCMP_CMP_LE", SCMP_CMP_LE },
		{ "SCMP_CMP_EQ", SCMP_CMP_EQ }, { "SCMP_CMP_GE", SCMP_CMP_GE }, { "SCMP_CMP_GT", SCMP_CMP_GT },
		{ "SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ },
	};

	for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
		if (strcmp(name, operators[i].name) == 0) {
			*ret_operator = operators[i].value;
			return true;
		}
	return false;
}

/* "[INDEX,VALUE,OPERATOR]" or, masked, "[INDEX,VALUE,SCMP_CMP_MASKED_EQ,MASK]". */
static bool condition_parse(const char *text, struct scmp_arg_cmp *ret_condition)
{
	char name[32] = "", close = '\0';
	unsigned int index;
	unsigned long long value, mask = 0;
	enum scmp_compare operator;
	int used = -1;

	if (sscanf(text, "[%u,%lli,%31[A-Z_]%c%n", &index, (long long *)&value, name, &close, &used) != 4 || index > 5 ||
	    !operator_parse(name, &operator))
		return false;
	if (operator == SCMP_CMP_MASKED_EQ) {
		int more = -1;
		if (close != ',' || sscanf(text + used, "%lli%c%n", (long long *)&mask, &close, &more) != 2 || more == -1)
			return false;
		used += more;
	}
	if (close != ']' || text[used] != '\0')
		return false;
	*ret_condition = operator == SCMP_CMP_MASKED_EQ ? SCMP_CMP(index, operator, mask, value) :
							  SCMP_CMP(index, operator, value);
	return true;
}

static int rule_add(struct policy *policy, const char *line, struct error *err)
{
	char name[64], condition[128] = "";
	struct scmp_arg_cmp compare;
	unsigned int number;
	int used = -1;

	if (sscanf(line, "%63[a-z0-9_] errno %u%n %127s%n", name, &number, &used, condition, &used) < 2 ||
	    number > 4095 || line[used] != '\0' || (condition[0] != '\0' && !condition_parse(condition, &compare)))
		return error_set(err, EBADMSG, "'%s' is not a rule that is understood here", line);
	int call = seccomp_syscall_resolve_name(name);
	if (call == __NR_SCMP_ERROR)
		return 0; /* a call that no kernel of this kind has, as liblxc takes it */
	int result = seccomp_rule_add_array(policy->filter, SCMP_ACT_ERRNO(number), call, condition[0] != '\0', &compare);
	if (result != 0)
		return error_set(err, -result, "rule '%s' cannot be added: %s", line, strerror(-result));
	return 0;
}

static int lines_read(struct policy *policy, char *text, struct error *err)
{
	static const char *const head[] = { "2", "denylist" };
	size_t heads = 0;
	bool section = false;
	char *next = text;

	for (char *line; (line = strsep(&next, "\n")) != NULL;) {
		line += strspn(line, " \t");
		size_t size = strcspn(line, "#");
		while (size > 0 && (line[size - 1] == ' ' || line[size - 1] == '\t'))
			size--;
		line[size] = '\0';
		if (size == 0)
			continue;
		if (heads < sizeof head / sizeof *head) {
			if (strcmp(line, head[heads]) != 0)
				return error_set(err, EBADMSG, "'%s' stands where '%s' should", line, head[heads]);
			heads++;
		} else if (strcmp(line, "[all]") == 0) {
			section = true;
		} else if (!section) {
			return error_set(err, EBADMSG, "'%s' stands before [all]", line);
		} else if (rule_add(policy, line, err) == -1) {
			return -1;
		}
	}
	if (!section)
		return error_set(err, EBADMSG, "it has no section [all]");
	return 0;
}

struct policy *policy_read(const char *path, struct error *err)
{
	cleanup_free char *text = NULL;
	size_t size;

	if (file_read(path, POLICY_SIZE_MAX, &text, &size, err) == -1)
		return NULL;
	struct policy *policy = calloc(1, sizeof *policy);
	if (policy != NULL)
		policy->filter = seccomp_init(SCMP_ACT_ALLOW);
	int result = policy == NULL || policy->filter == NULL ? -ENOMEM : 0;
	if (result == 0) /* no_new_privs stays off: setuid programs are part of a container */
		result = seccomp_attr_set(policy->filter, SCMP_FLTATR_CTL_NNP, 0);
	if (result == 0)
		result = seccomp_attr_set(policy->filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
	if (result != 0) {
		error_set(err, -result, "cannot begin a list of system calls: %s", strerror(-result));
		policy_free(policy);
		return NULL;
	}
	if (strlen(text) != size)
		error_set(err, EBADMSG, "it has a NUL byte");
	else if (lines_read(policy, text, err) == 0)
		return policy;
	error_wrap(err, "%s", path);
	policy_free(policy);
	return NULL;
}

static bool is_denied(const char *name, size_t length, const char *denied, size_t size)
{
	for (size_t at = 0; at < size; at += strlen(denied + at) + 1)
		if (strlen(denied + at) == length && strncmp(denied + at, name, length) == 0)
			return true;
	return false;
}

/* The lines of one list, but for those that a call denied as a whole makes idle. */
static int list_append(FILE *out, const char *folder, const char *name, const char *denied, size_t size, struct error *err)
{
	char path[PATH_MAX];
	cleanup_free char *text = NULL;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	if (file_read(path, POLICY_SIZE_MAX, &text, NULL, err) == -1)
		return -1;
	char *next = text;
	for (char *line; (line = strsep(&next, "\n")) != NULL;)
		if (line[0] != '#' && line[0] != '\0' && !is_denied(line, strcspn(line, " "), denied, size))
			fprintf(out, "%s\n", line);
	return 0;
}

static int denied_append(FILE *out, const char *denied, size_t size, struct error *err)
{
	for (size_t at = 0; at < size; at += strlen(denied + at) + 1) {
		const char *name = denied + at;
		if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(name) ||
		    seccomp_syscall_resolve_name(name) == __NR_SCMP_ERROR)
			return error_field(err, "seccomp.deny", "%.64s is not a system call", name);
		fprintf(out, "%s errno 1\n", name);
	}
	return 0;
}

int policy_write(const char *folder, enum policy_kind kind, const char *denied, size_t size, const char *path, struct error *err)
{
	cleanup_free char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	if (out == NULL)
		return error_set(err, ENOMEM, "no memory for a list of system calls");
	int result = list_append(out, folder, "default", denied, size, err);
	if (result == 0 && kind != POLICY_NESTING)
		result = list_append(out, folder, "users", denied, size, err);
	if (result == 0 && kind == POLICY_STRICT)
		result = list_append(out, folder, "strict", denied, size, err);
	if (result == 0)
		result = denied_append(out, denied, size, err);
	if (fclose(out) != 0 && result == 0)
		result = error_set(err, ENOMEM, "no memory for a list of system calls");
	return result == -1 ? -1 : file_write(path, text, length, 0600, err);
}

void policy_free(struct policy *policy)
{
	if (policy != NULL)
		seccomp_release(policy->filter);
	free(policy);
}

int policy_load(struct policy *policy, struct error *err)
{
	int result = seccomp_load(policy->filter);

	if (result != 0)
		return error_set(err, -result, "cannot load the container's list of system calls: %s", strerror(-result));
	return 0;
}
