/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/pull/registry.h"

#include <curl/curl.h>
#include <errno.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/json.h"
#include "daemon/pull/challenge.h"
#include "daemon/lib/reference.h"

enum {
	CONNECT_S = 20,
	SILENCE_S = 60,         /* without a byte: the connection is given up */
	TRIES_MAX = 5,          /* in a row that bring nothing */
	REDIRECTS_MAX = 5,
	TOKEN_MAX = 64 * 1024,  /* of the token service's answer */
	URL_TEXT = 4096,
};

#define ACCEPT \
	"Accept: application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, " \
	"application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json"

struct registry {
	const struct reference *reference;
	const char *user, *password, *ca;
	registry_cancelled_cb *cancelled;
	CURL *curl;
	struct curl_slist *accept;
	char *token;  /* bearer, or NULL */
	bool basic;   /* the registry asked for user and password itself */
	char detail[CURL_ERROR_SIZE];
};

/* What one answer's body goes to. */
struct sink {
	CURL *curl;
	registry_data_cb *cb; /* NULL: into text */
	void *user;
	struct error *err;
	uint64_t skip;        /* bytes that are here already, of a server that does not know ranges */
	uint64_t taken, max;
	char *text;
	struct challenge challenge;
};

struct registry *registry_open(const struct reference *reference, const char *user, const char *password, const char *ca,
			       registry_cancelled_cb *cancelled, struct error *err)
{
	struct registry *registry = calloc(1, sizeof *registry);

	if (registry != NULL) {
		*registry = (struct registry){ .reference = reference, .user = user, .password = password, .ca = ca, .cancelled = cancelled };
		registry->curl = curl_easy_init();
		registry->accept = curl_slist_append(NULL, ACCEPT);
	}
	if (registry == NULL || registry->curl == NULL || registry->accept == NULL) {
		registry_close(registry);
		error_set(err, ENOMEM, "no memory for talking to a registry");
		return NULL;
	}
	return registry;
}

static void token_drop(struct registry *registry)
{
	if (registry->token != NULL)
		explicit_bzero(registry->token, strlen(registry->token));
	free(registry->token);
	registry->token = NULL;
}

void registry_close(struct registry *registry)
{
	if (registry == NULL)
		return;
	token_drop(registry);
	curl_slist_free_all(registry->accept);
	curl_easy_cleanup(registry->curl);
	free(registry);
}

static size_t body_take(char *data, size_t size, size_t count, void *user)
{
	struct sink *sink = user;
	size_t bytes = size * count, skipped;
	long status = 0;

	curl_easy_getinfo(sink->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200 && status != 206)
		return bytes; /* of a redirect or an error: the status says enough */
	if (status == 200 && sink->skip > 0) {
		skipped = bytes < sink->skip ? bytes : (size_t)sink->skip;
		sink->skip -= skipped;
		data += skipped;
		bytes -= skipped;
	}
	if (bytes > sink->max - sink->taken) {
		error_set(sink->err, EBADMSG, "the answer is larger than the %llu bytes it may have", (unsigned long long)sink->max);
		return CURL_WRITEFUNC_ERROR;
	}
	if (bytes > 0 && sink->cb != NULL && sink->cb(data, bytes, sink->user, sink->err) == -1)
		return CURL_WRITEFUNC_ERROR;
	if (bytes > 0 && sink->cb == NULL) {
		char *grown = realloc(sink->text, sink->taken + bytes + 1);
		if (grown == NULL) {
			error_set(sink->err, ENOMEM, "no memory for the registry's answer");
			return CURL_WRITEFUNC_ERROR;
		}
		memcpy(grown + sink->taken, data, bytes);
		grown[sink->taken + bytes] = '\0';
		sink->text = grown;
	}
	sink->taken += bytes;
	return size * count;
}

static size_t header_take(char *data, size_t size, size_t count, void *user)
{
	static const char name[] = "www-authenticate:";
	struct sink *sink = user;
	size_t bytes = size * count;
	char value[4096];
	struct challenge challenge;

	if (bytes > strlen(name) && strncasecmp(data, name, strlen(name)) == 0) {
		snprintf(value, sizeof value, "%.*s", (int)(bytes - strlen(name)), data + strlen(name));
		value[strcspn(value, "\r\n")] = '\0';
		challenge_parse(value, &challenge);
		if (challenge.kind > sink->challenge.kind)
			sink->challenge = challenge;
	}
	return bytes;
}

static int cancel_look(void *user, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	const struct registry *registry = user;

	(void)a;
	(void)b;
	(void)c;
	(void)d;
	return registry->cancelled();
}

/* One exchange; sets *ret_status, 0 if there was no answer. -1: this cannot go well another time either. */
static int exchange(struct registry *registry, const char *url, struct curl_slist *headers, const char *range, bool basic,
		    const char *token, struct sink *sink, long *ret_status, struct error *err)
{
	CURL *curl = registry->curl;

	curl_easy_reset(curl); /* options, not connections */
	registry->detail[0] = '\0';
	sink->curl = curl;
	sink->err = err;
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "https");
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
	curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)SILENCE_S);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "bulkhead");
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, registry->detail);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, body_take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, sink);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, header_take);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, sink);
	curl_easy_setopt(curl, CURLOPT_RANGE, range);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, cancel_look);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, registry);
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	if (registry->ca[0] != '\0') {
		struct curl_blob blob = { .data = (void *)(uintptr_t)registry->ca, .len = strlen(registry->ca) };
		curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob);
	}
	if (basic) {
		curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
		curl_easy_setopt(curl, CURLOPT_USERNAME, registry->user);
		curl_easy_setopt(curl, CURLOPT_PASSWORD, registry->password);
	} else if (token != NULL) {
		curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
		curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, token);
	}

	err->code = 0;
	CURLcode code = curl_easy_perform(curl);
	*ret_status = 0;
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, ret_status);
	if (code == CURLE_OK)
		return 0;
	if (code == CURLE_WRITE_ERROR && err->code != 0)
		return -1;
	if (code == CURLE_ABORTED_BY_CALLBACK)
		return error_set(err, ECANCELED, "the pull was cancelled");
	const char *text = registry->detail[0] != '\0' ? registry->detail : curl_easy_strerror(code);
	if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE)
		return error_set(err, EPROTO, "%s: the certificate is not trusted (%s); give its authority as ca", registry->reference->host, text);
	if (code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_URL_MALFORMAT || code == CURLE_TOO_MANY_REDIRECTS)
		return error_set(err, EPROTO, "%s: %s", registry->reference->host, text);
	error_set(err, EIO, "%s: %s", registry->reference->host, text);
	*ret_status = 0;
	return 0;
}

/* The token service's url: realm?service=...&scope=... */
static int token_url(struct registry *registry, const struct challenge *challenge, char url[URL_TEXT], struct error *err)
{
	const char *mark = strchr(challenge->realm, '?') == NULL ? "?" : "&";
	char *service = curl_easy_escape(registry->curl, challenge->service, 0);
	char *scope = curl_easy_escape(registry->curl, challenge->scope, 0);
	int size = -1;

	if (service != NULL && scope != NULL)
		size = snprintf(url, URL_TEXT, "%s%sservice=%s&scope=%s", challenge->realm, mark, service, scope);
	curl_free(service);
	curl_free(scope);
	if (size < 0 || size >= URL_TEXT || strncasecmp(challenge->realm, "https://", 8) != 0)
		return error_set(err, EPROTO, "%s asks for a token of a service that is not reached over https",
				 registry->reference->host);
	return 0;
}

static int token_get(struct registry *registry, const struct challenge *challenge, struct error *err)
{
	struct sink sink = { .max = TOKEN_MAX };
	char url[URL_TEXT];
	long status;

	if (token_url(registry, challenge, url, err) == -1)
		return -1;
	int result = exchange(registry, url, NULL, NULL, registry->user[0] != '\0', NULL, &sink, &status, err);
	cleanup_free char *text = sink.text;
	if (result == -1 || status == 0)
		return error_wrap(err, "cannot get a token");
	if (status != 200)
		return error_set(err, EACCES, "the token service of %s answers %ld: wrong user or password?",
				 registry->reference->host, status);
	cleanup_json json_t *answer = text == NULL ? NULL : json_loadb(text, sink.taken, JSON_REJECT_DUPLICATES, NULL);
	const char *token = json_string_value(json_object_get(answer, "token"));
	if (token == NULL)
		token = json_string_value(json_object_get(answer, "access_token"));
	token_drop(registry);
	registry->token = token == NULL ? NULL : strdup(token);
	if (text != NULL)
		explicit_bzero(text, sink.taken);
	if (registry->token == NULL)
		return error_set(err, EPROTO, "the token service of %s answers without a token", registry->reference->host);
	return 0;
}

/* Gets what it is asked for: once more, with what a 401 wants. *ret_status 0: no answer, worth another try. */
static int fetch(struct registry *registry, const char *url, struct curl_slist *headers, const char *range, struct sink *sink,
		 long *ret_status, struct error *err)
{
	for (int tries = 0;; tries++) {
		sink->challenge = (struct challenge){ 0 };
		if (exchange(registry, url, headers, range, registry->basic, registry->token, sink, ret_status, err) == -1)
			return -1;
		if (*ret_status != 401)
			return 0;
		if (tries > 0 || sink->challenge.kind == CHALLENGE_NONE)
			return error_set(err, EACCES, "%s does not allow it%s", registry->reference->host,
					 registry->user[0] == '\0' ? ": give username and password" : " with this user and password");
		if (sink->challenge.kind == CHALLENGE_BEARER) {
			if (token_get(registry, &sink->challenge, err) == -1)
				return -1;
		} else if (registry->user[0] == '\0') {
			return error_set(err, EACCES, "%s asks for a user: give username and password", registry->reference->host);
		} else {
			registry->basic = true;
		}
	}
}

static int status_error(const struct registry *registry, long status, const char *what, struct error *err)
{
	if (status == 404)
		return error_set(err, ENOENT, "%s has no such %s", registry->reference->host, what);
	if (status == 403)
		return error_set(err, EACCES, "%s does not allow it", registry->reference->host);
	return error_set(err, EPROTO, "%s answers %ld for the %s", registry->reference->host, status, what);
}

/* True if it is worth another try: no answer, too many requests, or a fault of the server's. */
static bool transient(long status)
{
	return status == 0 || status == 429 || status >= 500;
}

/* 1, 2, 4, 8 s */
static void pause_before(int tries)
{
	sleep(1U << (tries - 1));
}

static int hash_hex(EVP_MD_CTX *hash, char hex[DIGEST_TEXT], struct error *err)
{
	unsigned char digest[DIGEST_BYTES];

	if (EVP_DigestFinal_ex(hash, digest, NULL) != 1)
		return error_set(err, EIO, "cannot hash");
	hex_encode(digest, sizeof digest, hex);
	return 0;
}

int registry_manifest(struct registry *registry, const char *name, char **ret_text, size_t *ret_size, char ret_digest[DIGEST_TEXT],
		      struct error *err)
{
	bool by_digest = hex_valid(name, DIGEST_TEXT - 1);
	unsigned char digest[DIGEST_BYTES];
	char url[URL_TEXT];
	struct sink sink;
	long status;

	snprintf(url, sizeof url, "https://%s/v2/%s/manifests/%s%s", registry->reference->host, registry->reference->path,
		 by_digest ? "sha256:" : "", name);
	for (int tries = 1;; tries++) {
		sink = (struct sink){ .max = REGISTRY_MANIFEST_MAX };
		if (fetch(registry, url, registry->accept, NULL, &sink, &status, err) == -1) {
			free(sink.text);
			return -1;
		}
		if (!transient(status) || tries == TRIES_MAX)
			break;
		free(sink.text);
		pause_before(tries);
	}
	cleanup_free char *text = sink.text;
	if (status == 0)
		return -1; /* err says why the last try failed */
	if (status != 200)
		return status_error(registry, status, "image", err);
	if (text == NULL || EVP_Digest(text, sink.taken, digest, NULL, EVP_sha256(), NULL) != 1)
		return error_set(err, EBADMSG, "%s answers with an empty manifest", registry->reference->host);
	hex_encode(digest, sizeof digest, ret_digest);
	if (by_digest && strcmp(ret_digest, name) != 0)
		return error_set(err, EBADMSG, "the manifest has not the digest sha256:%s", name);
	*ret_size = sink.taken;
	*ret_text = steal_pointer(&text);
	return 0;
}

struct blob {
	EVP_MD_CTX *hash;
	registry_data_cb *cb;
	void *user;
};

static int blob_take(const void *data, size_t size, void *user, struct error *err)
{
	struct blob *blob = user;

	if (EVP_DigestUpdate(blob->hash, data, size) != 1)
		return error_set(err, EIO, "cannot hash");
	return blob->cb(data, size, blob->user, err);
}

static void hash_cleanup(EVP_MD_CTX **hash)
{
	EVP_MD_CTX_free(*hash);
}

int registry_blob(struct registry *registry, const char digest[DIGEST_TEXT], uint64_t size, registry_data_cb *cb, void *user,
		  struct error *err)
{
	__attribute__((cleanup(hash_cleanup))) EVP_MD_CTX *hash = EVP_MD_CTX_new();
	struct blob blob = { .hash = hash, .cb = cb, .user = user };
	char url[URL_TEXT], range[32], hex[DIGEST_TEXT];
	uint64_t have = 0;
	long status;

	if (hash == NULL || EVP_DigestInit_ex(hash, EVP_sha256(), NULL) != 1)
		return error_set(err, ENOMEM, "cannot hash");
	snprintf(url, sizeof url, "https://%s/v2/%s/blobs/sha256:%s", registry->reference->host, registry->reference->path, digest);
	for (int tries = 0; have < size || tries == 0;) {
		struct sink sink = { .cb = blob_take, .user = &blob, .skip = have, .max = size - have };
		snprintf(range, sizeof range, "%llu-", (unsigned long long)have);
		if (fetch(registry, url, NULL, have > 0 ? range : NULL, &sink, &status, err) == -1)
			return error_wrap(err, "blob %.12s", digest);
		have += sink.taken;
		if (status == 200 || status == 206 || transient(status)) {
			tries = sink.taken > 0 ? 1 : tries + 1;
			if (have == size)
				break;
			if (tries > TRIES_MAX)
				return error_set(err, status == 0 ? EIO : EBADMSG, "blob %.12s ends at %llu of %llu bytes, each time", digest,
						 (unsigned long long)have, (unsigned long long)size);
			pause_before(tries);
			continue;
		}
		return status_error(registry, status, "blob", err);
	}
	if (hash_hex(hash, hex, err) == -1)
		return -1;
	if (strcmp(hex, digest) != 0)
		return error_set(err, EBADMSG, "blob %.12s has not the digest that the manifest names", digest);
	return 0;
}
