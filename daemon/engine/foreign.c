/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/foreign.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/filter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "daemon/engine/element.h"
#include "daemon/lib/error.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"

enum { NEW_GENERATION = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN, TELL_S = 60 };

static struct {
	struct mnl_socket *socket;
	foreign_gone_cb *gone;
	struct foreign seen;
	time_t told; /* CLOCK_MONOTONIC; 0: never */
} self;

struct writer {
	char name[FOREIGN_NAME];
	uint32_t pid;
};

/* A process may call itself anything. */
static void name_copy(char name[FOREIGN_NAME], const char *from, size_t size)
{
	size_t i = 0;

	for (; i < size && i < FOREIGN_NAME - 1 && from[i] != '\0'; i++)
		name[i] = from[i] >= ' ' && from[i] <= '~' ? from[i] : '?';
	name[i] = '\0';
}

static int writer_read(const struct nlmsghdr *header, void *data)
{
	struct writer *writer = data;
	struct nlattr *attribute;

	if (header->nlmsg_type != NEW_GENERATION)
		return MNL_CB_OK;
	mnl_attr_for_each(attribute, header, sizeof(struct nfgenmsg)) {
		if (mnl_attr_get_type(attribute) == NFTA_GEN_PROC_NAME)
			name_copy(writer->name, mnl_attr_get_payload(attribute), mnl_attr_get_payload_len(attribute));
		else if (mnl_attr_get_type(attribute) == NFTA_GEN_PROC_PID && mnl_attr_validate(attribute, MNL_TYPE_U32) == 0)
			writer->pid = ntohl(mnl_attr_get_u32(attribute));
	}
	return MNL_CB_OK;
}

static void writer_note(const struct writer *writer)
{
	struct error err = ERROR_INIT;
	struct timespec now;
	uint32_t live;

	self.seen.count++;
	memcpy(self.seen.name, writer->name, sizeof self.seen.name);
	clock_gettime(CLOCK_REALTIME, &now);
	self.seen.at_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (self.told == 0 || now.tv_sec - self.told >= TELL_S) {
		self.told = now.tv_sec;
		log_error("%s (process %u) has changed the kernel's packet filter, which is ours alone: find out what it is; %llu changes so far",
			  writer->name, writer->pid, (unsigned long long)self.seen.count);
	}
	if (element_count(&live, &err) == -1 && err.code == ENOENT) {
		log_error("the firewall is gone: %s has removed it", writer->name);
		self.gone();
	}
}

/* No helper of ours writes. */
static void heard(int fd, uint32_t events, void *data)
{
	_Alignas(struct nlmsghdr) char buffer[4096];

	(void)fd;
	(void)events;
	(void)data;
	for (;;) {
		struct writer writer = { .name = "" };
		ssize_t size = mnl_socket_recvfrom(self.socket, buffer, sizeof buffer);
		if (size == -1 && (errno == EINTR || errno == ENOBUFS)) /* more than fits: of each we want to know no more than that it was */
			continue;
		if (size == -1)
			return;
		(void)mnl_cb_run(buffer, (size_t)size, 0, 0, writer_read, &writer);
		if (writer.pid != 0 && writer.pid != (uint32_t)getpid())
			writer_note(&writer);
	}
}

/* Of what a change is made of nothing is wanted, and a hundred thousand elements would not fit the socket. */
static int filter_attach(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_type)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(NEW_GENERATION), 0, 1), /* it loads in network byte order, the field has the host's */
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = { .len = sizeof code / sizeof *code, .filter = code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

int foreign_init(struct loop *loop, foreign_gone_cb *gone, struct error *err)
{
	int group = NFNLGRP_NFTABLES;

	self.gone = gone;
	self.socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (self.socket == NULL || filter_attach(mnl_socket_get_fd(self.socket)) == -1 ||
	    mnl_socket_bind(self.socket, 0, MNL_SOCKET_AUTOPID) == -1 ||
	    mnl_socket_setsockopt(self.socket, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) == -1)
		return error_errno(err, "cannot watch the kernel's packet filter");
	return loop_add_fd(loop, mnl_socket_get_fd(self.socket), EPOLLIN, heard, NULL, err) == NULL ? -1 : 0;
}

const struct foreign *foreign_seen(void)
{
	return &self.seen;
}
