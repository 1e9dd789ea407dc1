/* A certificate or a key from a file in PEM (RFC 7468). */
#include "dtls.h"

#include <errno.h>
#include <openssl/pem.h>
#include <stdio.h>

#define MAX_FILE (1 << 20) /* bytes; a chain of certificates and a key have far fewer */
#define MARK "\xef\xbb\xbf" /* some editors begin a text in UTF-8 with this byte order mark */
#define SEQUENCE 0x30       /* what DER begins with */

struct kind {
    const char *option, *name;
    void *(*read)(BIO *pem);
};

/* Without it, OpenSSL asks for a key's passphrase on the terminal. */
static int no_passphrase(char *buffer, int size, int writing, void *unused) {
    (void)buffer, (void)size, (void)writing, (void)unused;
    return -1;
}

static void *read_certificate(BIO *pem) {
    return PEM_read_bio_X509(pem, NULL, no_passphrase, NULL);
}

static void *read_key(BIO *pem) {
    return PEM_read_bio_PrivateKey(pem, NULL, no_passphrase, NULL);
}

static const struct kind certificate = { "certificate", "a certificate in PEM", read_certificate };
static const struct kind private_key = { "private-key", "a private key in PEM without a passphrase", read_key };

static void *refuse(const struct kind *kind, const char *path, const char *why, const hc_call *call) {
    hc_failf(call, HC_ERROR_OPTION, "option %s: %s %s: name a file with %s", kind->option, path, why, kind->name);
    return NULL;
}

/* All of a file, which is text if it is of use: a zero follows. NULL, and `errno`, if it cannot be read. */
static char *contents(const char *path, size_t *len) {
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    char *text = OPENSSL_zalloc(MAX_FILE + 1);
    errno = ENOMEM;
    *len = text ? fread(text, 1, MAX_FILE, file) : 0;
    if (text && ferror(file)) {
        OPENSSL_clear_free(text, MAX_FILE + 1);
        text = NULL;
    }
    const int error = errno;
    fclose(file);
    errno = error;
    return text;
}

/* What a file has in place of what it should have. */
static const char *what_else(const char *text) {
    if (strstr(text, "ENCRYPTED"))
        return "is encrypted";
    if (text[0] == SEQUENCE && !strstr(text, "-----BEGIN "))
        return "is DER, not PEM";
    return "is of no use";
}

/* The first item of this kind in a file; NULL if there is none, which `call` has been told. */
static void *first_item(const struct kind *kind, const char *path, const hc_call *call) {
    char why[128];
    size_t len;
    char *text = contents(path, &len);
    if (!text) {
        snprintf(why, sizeof why, "cannot be read (%s)", strerror(errno));
        return refuse(kind, path, why, call);
    }
    const size_t mark = strncmp(text, MARK, strlen(MARK)) == 0 ? strlen(MARK) : 0;
    BIO *pem = BIO_new_mem_buf(text + mark, (int)(len - mark));
    void *item = pem ? kind->read(pem) : NULL;
    if (!item)
        refuse(kind, path, what_else(text), call);
    BIO_free(pem);
    OPENSSL_clear_free(text, MAX_FILE + 1);
    return item;
}

X509 *pem_certificate(const char *path, const hc_call *call) {
    return first_item(&certificate, path, call);
}

EVP_PKEY *pem_key(const char *path, const hc_call *call) {
    return first_item(&private_key, path, call);
}
