/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: -lcrypto
#include "tests/unit/unit.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "daemon/lib/certificate.h"
#include "daemon/lib/error.h"

static struct error err;

struct authority {
	EVP_PKEY *key;
	X509 *certificate;
};

/* issuer NULL: by itself. */
static struct authority certificate_new(const char *name, const char *dns, const struct authority *issuer, long from, long until)
{
	struct authority made = { EVP_EC_gen("P-256"), X509_new() };
	X509_NAME *subject = X509_get_subject_name(made.certificate);
	X509V3_CTX context;

	X509_set_version(made.certificate, X509_VERSION_3);
	X509_gmtime_adj(X509_getm_notBefore(made.certificate), from);
	X509_gmtime_adj(X509_getm_notAfter(made.certificate), until);
	X509_set_pubkey(made.certificate, made.key);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(made.certificate, issuer == NULL ? subject : X509_get_subject_name(issuer->certificate));
	X509V3_set_ctx_nodb(&context);
	if (dns != NULL) {
		X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, NID_subject_alt_name, dns);
		X509_add_ext(made.certificate, extension, -1);
		X509_EXTENSION_free(extension);
	}
	assert_true(X509_sign(made.certificate, issuer == NULL ? made.key : issuer->key, EVP_sha256()) > 0);
	return made;
}

static void authority_free(struct authority *authority)
{
	EVP_PKEY_free(authority->key);
	X509_free(authority->certificate);
}

static char *text_of(const struct authority *first, const struct authority *second, const struct authority *key)
{
	static char texts[4][16384];
	static int next;
	char *text = texts[next++ % 4], *data;
	BIO *memory = BIO_new(BIO_s_mem());

	if (first != NULL)
		PEM_write_bio_X509(memory, first->certificate);
	if (second != NULL)
		PEM_write_bio_X509(memory, second->certificate);
	if (key != NULL)
		PEM_write_bio_PrivateKey(memory, key->key, NULL, NULL, 0, NULL, NULL);
	long size = BIO_get_mem_data(memory, &data);
	memcpy(text, data, (size_t)size);
	text[size] = '\0';
	BIO_free(memory);
	return text;
}

static void refused(const char *chain, const char *key, const char *field)
{
	err = (struct error)ERROR_INIT;
	assert_null(certificate_join(chain, key, "box.example", &err));
	assert_string_equal(err.field, field);
}

static void a_pair_is_joined_in_one_form(void **state)
{
	struct authority root = certificate_new("root", NULL, NULL, -10, 1000), own = certificate_new("own", "DNS:*.box.example", &root, -10, 1000);
	char loose[32768];

	(void)state;
	const char *chain = text_of(&own, &root, NULL), *key = text_of(NULL, NULL, &own);
	snprintf(loose, sizeof loose, "a comment\n\n%s\n\n# another\n", chain);
	struct secret *text = certificate_join(loose, key, "box.example", &err);
	assert_non_null(text);
	assert_memory_equal(text->data, chain, strlen(chain));
	assert_string_equal(text->data + strlen(chain), key);
	assert_ok(certificate_check(text, &err), &err);
	json_t *object = certificate_json(text->data, text->size, &err);
	assert_non_null(object);
	assert_string_equal(json_string_value(json_object_get(object, "subject")), "CN=own");
	assert_string_equal(json_string_value(json_object_get(object, "issuer")), "CN=root");
	assert_string_equal(json_string_value(json_array_get(json_object_get(object, "names"), 0)), "*.box.example");
	assert_string_equal(json_string_value(json_object_get(object, "pem")), chain);
	json_decref(object);
	secret_free(text);
	authority_free(&root);
	authority_free(&own);
}

static void what_does_not_fit_is_refused(void **state)
{
	struct authority root = certificate_new("root", NULL, NULL, -10, 1000), own = certificate_new("own", "DNS:*.box.example", &root, -10, 1000);
	struct authority other = certificate_new("other", "DNS:*.other.example", &root, -10, 1000), plain = certificate_new("any.box.example", NULL, &root, -10, 1000);
	struct authority late = certificate_new("late", "DNS:*.box.example", &root, -10, -5), early = certificate_new("early", "DNS:*.box.example", &root, 500, 1000);

	(void)state;
	refused("", text_of(NULL, NULL, &own), "certificate");
	refused("nothing", text_of(NULL, NULL, &own), "certificate");
	refused(text_of(&own, NULL, NULL), "", "key");
	refused(text_of(&own, NULL, NULL), text_of(NULL, NULL, &root), "key");
	refused(text_of(&own, &other, NULL), text_of(NULL, NULL, &own), "certificate");
	refused(text_of(&other, &root, NULL), text_of(NULL, NULL, &other), "certificate");
	refused(text_of(&plain, &root, NULL), text_of(NULL, NULL, &plain), "certificate"); /* clients look at alternative names alone */
	refused(text_of(&late, &root, NULL), text_of(NULL, NULL, &late), "certificate");
	refused(text_of(&early, &root, NULL), text_of(NULL, NULL, &early), "certificate");
	char *damaged = text_of(&own, &root, NULL);
	memset(damaged + strlen("-----BEGIN CERTIFICATE-----\n") + 40, '!', 4);
	refused(damaged, text_of(NULL, NULL, &own), "certificate");
	authority_free(&root);
	authority_free(&own);
	authority_free(&other);
	authority_free(&plain);
	authority_free(&late);
	authority_free(&early);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pair_is_joined_in_one_form),
		cmocka_unit_test(what_does_not_fit_is_refused),
	};

	return cmocka_run_group_tests_name("certificate", tests, NULL, NULL);
}
