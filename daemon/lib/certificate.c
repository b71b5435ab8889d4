/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/lib/certificate.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "daemon/lib/error.h"
#include "daemon/lib/hex.h"

enum { RSA_BITS_MIN = 2048, EC_BITS_MIN = 224, NAMES_MAX = 100 };

struct pair {
	STACK_OF(X509) *chain;
	EVP_PKEY *key;
};

static void pair_free(struct pair *pair)
{
	OSSL_STACK_OF_X509_free(pair->chain);
	EVP_PKEY_free(pair->key);
	ERR_clear_error();
}

/* All certificates in text; whatever else is there is passed over. */
static int chain_read(const char *text, int size, STACK_OF(X509) **ret_chain, struct error *err)
{
	BIO *memory = BIO_new_mem_buf(text, size);
	STACK_OF(X509) *chain = sk_X509_new_null();
	X509 *one;

	while (memory != NULL && chain != NULL && sk_X509_num(chain) <= CERTIFICATE_CHAIN_MAX &&
	       (one = PEM_read_bio_X509(memory, NULL, NULL, NULL)) != NULL)
		sk_X509_push(chain, one);
	/* The end of the text is no more begin lines; all else is damage. */
	bool whole = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
	ERR_clear_error();
	BIO_free(memory);
	*ret_chain = chain;
	if (chain == NULL || sk_X509_num(chain) == 0)
		return error_field(err, "certificate", "certificate is not one in PEM, nor several");
	if (sk_X509_num(chain) > CERTIFICATE_CHAIN_MAX)
		return error_field(err, "certificate", "certificate has more than %d in its chain", CERTIFICATE_CHAIN_MAX);
	return whole ? 0 : error_field(err, "certificate", "one of the certificates is damaged");
}

/* Nobody is asked for a passphrase. */
static int no_passphrase(char *buffer, int size, int writing, void *data)
{
	(void)buffer;
	(void)size;
	(void)writing;
	(void)data;
	return -1;
}

static int key_read(const char *text, int size, EVP_PKEY **ret_key, struct error *err)
{
	BIO *memory = BIO_new_mem_buf(text, size);

	*ret_key = memory == NULL ? NULL : PEM_read_bio_PrivateKey(memory, NULL, no_passphrase, NULL);
	BIO_free(memory);
	ERR_clear_error();
	return *ret_key == NULL ? error_field(err, "key", "key is not a private key in PEM without a passphrase") : 0;
}

static int pair_check(const struct pair *pair, struct error *err)
{
	int bits = EVP_PKEY_get_bits(pair->key);

	if (EVP_PKEY_get_base_id(pair->key) == EVP_PKEY_RSA ? bits < RSA_BITS_MIN : bits < EC_BITS_MIN)
		return error_field(err, "key", "key has %d bits alone, which clients refuse", bits);
	if (X509_check_private_key(sk_X509_value(pair->chain, 0), pair->key) != 1) {
		ERR_clear_error();
		return error_field(err, "key", "key is not of the first certificate");
	}
	for (int i = 1; i < sk_X509_num(pair->chain); i++)
		if (X509_check_issued(sk_X509_value(pair->chain, i), sk_X509_value(pair->chain, i - 1)) != X509_V_OK)
			return error_field(err, "certificate", "number %d of the chain has not issued the one before it", i + 1);
	return 0;
}

static int use_check(X509 *own, const char *domain, struct error *err)
{
	char name[256];

	snprintf(name, sizeof name, "any.%s", domain);
	if (X509_check_host(own, name, 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) != 1)
		return error_field(err, "certificate", "certificate is not for *.%s", domain);
	if (X509_cmp_current_time(X509_get0_notAfter(own)) <= 0)
		return error_field(err, "certificate", "certificate has expired");
	if (X509_cmp_current_time(X509_get0_notBefore(own)) >= 0)
		return error_field(err, "certificate", "certificate is not valid yet");
	return 0;
}

static struct secret *pair_text(const struct pair *pair, struct error *err)
{
	BIO *memory = BIO_new(BIO_s_mem());
	struct secret *text = NULL;
	char *data = NULL;
	bool written = memory != NULL;

	for (int i = 0; written && i < sk_X509_num(pair->chain); i++)
		written = PEM_write_bio_X509(memory, sk_X509_value(pair->chain, i)) == 1;
	if (!written || PEM_write_bio_PrivateKey(memory, pair->key, NULL, NULL, 0, NULL, NULL) != 1) {
		error_set(err, ENOMEM, "no memory for a certificate");
	} else {
		long size = BIO_get_mem_data(memory, &data);
		if (size > CERTIFICATE_TEXT_MAX)
			error_field(err, "certificate", "chain and key have %ld bytes together, of at most %d", size, CERTIFICATE_TEXT_MAX);
		else
			text = secret_new(CERTIFICATE_TEXT_MAX, err);
		if (text != NULL)
			(void)secret_append(text, data, (size_t)size, err);
		OPENSSL_cleanse(data, (size_t)size);
	}
	BIO_free(memory);
	return text;
}

struct secret *certificate_join(const char *chain, const char *key, const char *domain, struct error *err)
{
	struct pair pair = { NULL, NULL };
	struct secret *text = NULL;

	ERR_clear_error();
	if (chain_read(chain, -1, &pair.chain, err) == 0 && key_read(key, -1, &pair.key, err) == 0 && pair_check(&pair, err) == 0 &&
	    use_check(sk_X509_value(pair.chain, 0), domain, err) == 0)
		text = pair_text(&pair, err);
	pair_free(&pair);
	return text;
}

int certificate_check(const struct secret *text, struct error *err)
{
	struct pair pair = { NULL, NULL };
	int result = -1;

	ERR_clear_error();
	if (chain_read(text->data, (int)text->size, &pair.chain, err) == 0 && key_read(text->data, (int)text->size, &pair.key, err) == 0)
		result = pair_check(&pair, err);
	pair_free(&pair);
	return result;
}

static json_t *name_text(const X509_NAME *name)
{
	BIO *memory = BIO_new(BIO_s_mem());
	char *data = NULL;

	if (memory == NULL || X509_NAME_print_ex(memory, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) < 0) {
		BIO_free(memory);
		return json_string("");
	}
	long size = BIO_get_mem_data(memory, &data);
	json_t *text = json_stringn(data, (size_t)size);
	BIO_free(memory);
	return text != NULL ? text : json_string(""); /* not UTF-8 */
}

static json_t *names_list(X509 *own)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(own, NID_subject_alt_name, NULL, NULL);
	json_t *list = json_array();

	for (int i = 0; i < sk_GENERAL_NAME_num(names) && i < NAMES_MAX; i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		if (name->type == GEN_DNS)
			json_array_append_new(list, json_stringn((const char *)ASN1_STRING_get0_data(name->d.dNSName), (size_t)ASN1_STRING_length(name->d.dNSName)));
	}
	GENERAL_NAMES_free(names);
	return list;
}

static json_t *time_ms(const ASN1_TIME *when)
{
	struct tm tm;

	return ASN1_TIME_to_tm(when, &tm) == 1 ? json_integer((json_int_t)timegm(&tm) * 1000) : json_null();
}

json_t *certificate_json(const char *text, size_t size, struct error *err)
{
	STACK_OF(X509) *chain = NULL;
	uint8_t digest[EVP_MAX_MD_SIZE];
	char fingerprint[2 * EVP_MAX_MD_SIZE + 1], *pem = NULL;
	unsigned int length = 0;
	json_t *object = NULL;

	ERR_clear_error();
	BIO *memory = BIO_new(BIO_s_mem());
	if (memory != NULL && chain_read(text, (int)size, &chain, err) == 0) {
		X509 *own = sk_X509_value(chain, 0);
		for (int i = 0; i < sk_X509_num(chain); i++)
			PEM_write_bio_X509(memory, sk_X509_value(chain, i));
		X509_digest(own, EVP_sha256(), digest, &length);
		hex_encode(digest, length, fingerprint);
		long pem_size = BIO_get_mem_data(memory, &pem);
		object = json_pack("{s:o, s:o, s:o, s:s, s:o, s:o, s:s#}", "subject", name_text(X509_get_subject_name(own)), "issuer",
				   name_text(X509_get_issuer_name(own)), "names", names_list(own), "fingerprint", fingerprint, "not_before",
				   time_ms(X509_get0_notBefore(own)), "not_after", time_ms(X509_get0_notAfter(own)), "pem", pem, (int)pem_size);
	}
	BIO_free(memory);
	OSSL_STACK_OF_X509_free(chain);
	if (object == NULL && err->code == 0)
		error_set(err, ENOMEM, "no memory for a certificate");
	return object;
}
