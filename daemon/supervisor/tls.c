/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tls-init: run once at boot, before HAProxy. Makes a self-signed wildcard
 * certificate when there is none, and again when the one it made earlier is for
 * another domain or near its end. A certificate that the operator put there
 * (issued by anybody else) is never touched.
 *
 * Also writes /run/haproxy/domain.cfg, which tells haproxy.cfg the domain.
 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/lib/certificate.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/hostcfg.h"
#include "daemon/lib/log.h"
#include "daemon/roles.h"

#define TLS_FOLDER "/data/bulkhead/tls"
#define TLS_ISSUER "Bulkhead self-signed"
#define HAPROXY_FOLDER "/run/haproxy"

enum {
	TLS_DAYS = 3650,
	TLS_RENEW_DAYS = 30,
	TLS_FILE_MAX = 256 * 1024,
	/* Behind a dead battery the clock may run late; nobody gains by a later start. */
	TLS_BACKDATE_DAYS = 365,
};

static int ssl_error(struct error *err, const char *what)
{
	unsigned long code = ERR_get_error();

	return error_set(err, EIO, "%s: %s", what, code == 0 ? "unknown" : ERR_reason_error_string(code));
}

static int extension_add(X509 *certificate, int nid, const char *value)
{
	X509V3_CTX context;

	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	if (extension == NULL)
		return -1;
	int added = X509_add_ext(certificate, extension, -1);
	X509_EXTENSION_free(extension);
	return added == 1 ? 0 : -1;
}

static int certificate_fill(X509 *certificate, EVP_PKEY *key, const char *domain)
{
	char names[1024], common[65];
	unsigned char serial[16];
	X509_NAME *name = X509_get_subject_name(certificate);
	BIGNUM *number;

	/* A common name has at most 64 characters; clients look at the alternative names anyway. */
	snprintf(common, sizeof common, "%.64s", strlen(domain) <= 64 ? domain : "bulkhead");
	snprintf(names, sizeof names, "DNS:%s,DNS:*.%s,DNS:*.api.%s", domain, domain, domain);
	if (RAND_bytes(serial, sizeof serial) != 1)
		return -1;
	serial[0] &= 0x7f; /* positive */
	number = BN_bin2bn(serial, sizeof serial, NULL);
	if (number == NULL)
		return -1;
	bool serial_set = BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
	BN_free(number);
	if (!serial_set || X509_set_version(certificate, X509_VERSION_3) != 1 ||
	    X509_gmtime_adj(X509_getm_notBefore(certificate), -(long)TLS_BACKDATE_DAYS * 86400) == NULL ||
	    X509_time_adj_ex(X509_getm_notAfter(certificate), TLS_DAYS, 0, NULL) == NULL ||
	    X509_set_pubkey(certificate, key) != 1 ||
	    X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const unsigned char *)TLS_ISSUER, -1, -1, 0) != 1 ||
	    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)common, -1, -1, 0) != 1 ||
	    X509_set_issuer_name(certificate, name) != 1)
		return -1;
	/* Its own authority and nobody else's: clients may pin it, it signs nothing. */
	if (extension_add(certificate, NID_basic_constraints, "critical,CA:FALSE") == -1 ||
	    extension_add(certificate, NID_key_usage, "critical,digitalSignature") == -1 ||
	    extension_add(certificate, NID_ext_key_usage, "serverAuth") == -1 ||
	    extension_add(certificate, NID_subject_key_identifier, "hash") == -1 ||
	    extension_add(certificate, NID_subject_alt_name, names) == -1)
		return -1;
	return X509_sign(certificate, key, EVP_sha256()) > 0 ? 0 : -1;
}

static int certificate_make(const char *domain, struct error *err)
{
	int result = -1;
	char *data = NULL;
	long size;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();
	BIO *memory = BIO_new(BIO_s_mem());

	if (key == NULL || certificate == NULL || memory == NULL || certificate_fill(certificate, key, domain) == -1 ||
	    PEM_write_bio_X509(memory, certificate) != 1 ||
	    PEM_write_bio_PrivateKey(memory, key, NULL, NULL, 0, NULL, NULL) != 1) {
		ssl_error(err, "cannot make a certificate");
		goto out;
	}
	size = BIO_get_mem_data(memory, &data);
	/* HAProxy reads it as root, before it drops to its own user. */
	result = file_write(CERTIFICATE_PATH, data, (size_t)size, 0600, err);
	OPENSSL_cleanse(data, (size_t)size);
out:
	BIO_free(memory);
	X509_free(certificate);
	EVP_PKEY_free(key);
	return result;
}

/* True if the file's certificate need not be made (again). */
static bool certificate_keeps(const char *domain)
{
	struct error err = ERROR_INIT;
	cleanup_free char *text = NULL;
	char organisation[64] = "", wildcard[256];
	size_t size;
	bool keep = false;

	if (file_read(CERTIFICATE_PATH, TLS_FILE_MAX, &text, &size, &err) == -1) {
		if (err.code != ENOENT)
			log_warning("%s; a new certificate is made", err.message);
		return false;
	}
	BIO *memory = BIO_new_mem_buf(text, (int)size);
	X509 *certificate = memory == NULL ? NULL : PEM_read_bio_X509(memory, NULL, NULL, NULL);
	if (certificate == NULL) {
		log_warning("%s holds no certificate; a new one is made", CERTIFICATE_PATH);
	} else {
		X509_NAME_get_text_by_NID(X509_get_issuer_name(certificate), NID_organizationName, organisation,
					  sizeof organisation);
		time_t soon = time(NULL) + (time_t)TLS_RENEW_DAYS * 86400;
		snprintf(wildcard, sizeof wildcard, "any.%s", domain);
		bool fits = X509_check_host(certificate, wildcard, 0, 0, NULL) == 1 &&
			    X509_check_host(certificate, domain, 0, 0, NULL) == 1;
		bool lasts = X509_cmp_time(X509_get0_notAfter(certificate), &soon) > 0;
		keep = strcmp(organisation, TLS_ISSUER) != 0 || (fits && lasts);
		if (keep && (!fits || !lasts))
			log_warning("the certificate in %s %s; it is yours and stays", CERTIFICATE_PATH,
				    fits ? "ends within 30 days" : "is not for the domain and its wildcard");
	}
	X509_free(certificate);
	BIO_free(memory);
	OPENSSL_cleanse(text, size);
	return keep;
}

static int domain_file_write(const char *domain, struct error *err)
{
	char text[512];

	/* hostcfg allows only letters, digits, '-' and '.' in a domain, so no quoting is needed. */
	int size = snprintf(text, sizeof text, "# Written by bulkheadd tls-init at each boot.\nglobal\n"
					       "\tsetenv BULKHEAD_DOMAIN %s\n", domain);
	return file_write(HAPROXY_FOLDER "/domain.cfg", text, (size_t)size, 0644, err);
}

int tls_init_main(int argc, char **argv)
{
	static struct hostcfg cfg;
	struct error err = ERROR_INIT;

	(void)argc;
	(void)argv;
	if (hostcfg_load("/run/bulkhead/host.json", &cfg, &err) == -1)
		log_warning("%s; going on with domain %s", err.message, cfg.domain);
	if (folder_make(TLS_FOLDER, 0755, &err) == -1 || folder_make(HAPROXY_FOLDER, 0755, &err) == -1)
		goto fail;
	if (chmod(TLS_FOLDER, 0700) == -1 || chown(HAPROXY_FOLDER, 0, ROLE_GID) == -1 ||
	    chmod(HAPROXY_FOLDER, 0750) == -1) {
		error_errno(&err, "cannot set the modes of %s and %s", TLS_FOLDER, HAPROXY_FOLDER);
		goto fail;
	}
	if (domain_file_write(cfg.domain, &err) == -1)
		goto fail;
	if (!certificate_keeps(cfg.domain)) {
		if (certificate_make(cfg.domain, &err) == -1)
			goto fail;
		log_info("made a self-signed certificate for %s and *.%s in %s", cfg.domain, cfg.domain, CERTIFICATE_PATH);
	}
	return 0;

fail:
	log_error("%s", err.message);
	return 1;
}
