/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/handshake.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "daemon/api/request.h"

#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

enum { KEY_SIZE = 24, SHA1_SIZE = 20 };

/* One of a header's values, which stand between commas; case does not matter (RFC 9110 section 5.6.1). */
static bool has_word(const char *header, const char *word)
{
	while (header != NULL && *header != '\0') {
		header += strspn(header, ", \t");
		size_t size = strcspn(header, ", \t");
		if (size == strlen(word) && strncasecmp(header, word, size) == 0)
			return true;
		header += size;
	}
	return false;
}

void handshake_accept(const char *key, char ret_accept[HANDSHAKE_ACCEPT_TEXT])
{
	unsigned char digest[SHA1_SIZE];
	char text[KEY_SIZE + sizeof GUID];
	int size = snprintf(text, sizeof text, "%.*s" GUID, KEY_SIZE, key);

	if (EVP_Digest(text, (size_t)size, digest, NULL, EVP_sha1(), NULL) != 1)
		memset(digest, 0, sizeof digest); /* the client will not take it */
	EVP_EncodeBlock((unsigned char *)ret_accept, digest, sizeof digest);
}

bool handshake_read(struct request *request, char ret_accept[HANDSHAKE_ACCEPT_TEXT])
{
	const char *key = request_header(request, "Sec-WebSocket-Key"), *version = request_header(request, "Sec-WebSocket-Version");

	if (!has_word(request_header(request, "Connection"), "upgrade") ||
	    !has_word(request_header(request, "Upgrade"), "websocket") || version == NULL || strcmp(version, "13") != 0) {
		request_answer_add(request, "Upgrade", "websocket");
		request_answer_add(request, "Sec-WebSocket-Version", "13");
		request_fail(request, 426, "upgrade_required", NULL, "this is opened as a websocket, RFC 6455");
		return false;
	}
	if (key == NULL || strlen(key) != KEY_SIZE) {
		request_fail(request, 400, "invalid", NULL, "Sec-WebSocket-Key must have %d characters", KEY_SIZE);
		return false;
	}
	handshake_accept(key, ret_accept);
	return true;
}
