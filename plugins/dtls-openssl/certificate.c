/* Our own certificate: from files, or made when a stream's first component asks for it. */
#include "dtls.h"

#include <openssl/rand.h>
#include <openssl/x509.h>
#include <pthread.h>

#define DAY 86400L
#define RSA_BITS 2048
#define BUCKETS 1024 /* streams are numbered one after the other: thousands make short lists */

struct certificate {
    X509 *x509;
    EVP_PKEY *key;
    const hc_host *host; /* two hosts may give one id to different streams */
    uint64_t stream_id;
    unsigned int users;
    struct certificate *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct certificate *in_use[BUCKETS]; /* under `lock`, and so are `users` and `next` */

/* Where the stream's certificate hangs, or would. */
static struct certificate **find(const hc_host *host, uint64_t stream_id) {
    struct certificate **at = &in_use[stream_id % BUCKETS];
    while (*at && ((*at)->host != host || (*at)->stream_id != stream_id))
        at = &(*at)->next;
    return at;
}

/* The stream's certificate, with one user more. If it has none, that is `fresh`, which may be NULL. */
static struct certificate *share(const hc_host *host, uint64_t stream_id,
                                 struct certificate *fresh) {
    pthread_mutex_lock(&lock);
    struct certificate **at = find(host, stream_id);
    if (!*at)
        *at = fresh;
    struct certificate *shared = *at;
    if (shared)
        shared->users++;
    pthread_mutex_unlock(&lock);
    return shared;
}

static void discard(struct certificate *certificate) {
    X509_free(certificate->x509);
    EVP_PKEY_free(certificate->key);
    OPENSSL_free(certificate);
}

void certificate_release(struct certificate *certificate) {
    if (!certificate)
        return;
    pthread_mutex_lock(&lock);
    const int last = --certificate->users == 0;
    if (last)
        *find(certificate->host, certificate->stream_id) = certificate->next;
    pthread_mutex_unlock(&lock);
    if (last)
        discard(certificate);
}

/* Self-signed: what vouches for it is its fingerprint in the session description (RFC 8827). */
static int sign(X509 *x509, EVP_PKEY *key) {
    uint64_t serial;
    X509_NAME *name = X509_get_subject_name(x509);
    return RAND_bytes((unsigned char *)&serial, sizeof serial) == 1
           && X509_set_version(x509, X509_VERSION_3)
           && ASN1_INTEGER_set_uint64(X509_get_serialNumber(x509), serial)
           && X509_gmtime_adj(X509_getm_notBefore(x509), -DAY) /* the peer's clock may be behind */
           && X509_gmtime_adj(X509_getm_notAfter(x509), 365 * DAY)
           && X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"handclasp", -1,
                                         -1, 0)
           && X509_set_issuer_name(x509, name) && X509_set_pubkey(x509, key)
           && X509_sign(x509, key, EVP_sha256());
}

static struct certificate *make(int rsa) {
    struct certificate *made = OPENSSL_zalloc(sizeof *made);
    if (!made)
        return NULL;
    made->key = rsa ? EVP_RSA_gen(RSA_BITS) : EVP_EC_gen("P-256");
    made->x509 = X509_new();
    if (made->key && made->x509 && sign(made->x509, made->key))
        return made;
    discard(made);
    return NULL;
}

/* The certificate of the stream, to be released; NULL if OpenSSL cannot make one. */
struct certificate *certificate_acquire(const hc_host *host, uint64_t stream_id, int rsa) {
    struct certificate *shared = share(host, stream_id, NULL);
    if (shared)
        return shared;
    // Without the lock: an RSA key takes long, and other streams come and go meanwhile.
    struct certificate *made = make(rsa);
    if (!made)
        return NULL;
    made->host = host;
    made->stream_id = stream_id;
    shared = share(host, stream_id, made);
    if (shared != made)
        discard(made); // another component was faster
    return shared;
}

int certificate_use(const struct certificate *certificate, SSL *ssl) {
    return SSL_use_certificate(ssl, certificate->x509) && SSL_use_PrivateKey(ssl, certificate->key);
}

/* What the configured groups and ciphers serve. OpenSSL would find out in the handshake. */
static int is_served(const EVP_PKEY *key) {
    char group[32];
    return EVP_PKEY_is_a(key, "RSA")
           || (EVP_PKEY_get_group_name(key, group, sizeof group, NULL)
               && strcmp(group, SN_X9_62_prime256v1) == 0);
}

hc_status certificate_use_files(SSL *ssl, hc_bytes certificate, hc_bytes key, const hc_call *call) {
    char *certificate_path = OPENSSL_strndup((const char *)certificate.data, certificate.len);
    char *key_path = OPENSSL_strndup((const char *)key.data, key.len);
    hc_status status = HC_PENDING;
    if (!certificate_path || SSL_use_certificate_file(ssl, certificate_path, SSL_FILETYPE_PEM) != 1)
        status = fail(call, HC_ERROR_OPTION, "option certificate: this file cannot be used");
    else if (!key_path || SSL_use_PrivateKey_file(ssl, key_path, SSL_FILETYPE_PEM) != 1)
        status = fail(call, HC_ERROR_OPTION, "option private-key: this file cannot be used");
    else if (!is_served(SSL_get_privatekey(ssl)))
        status = fail(call, HC_ERROR_OPTION, "option private-key: neither ECDSA P-256 nor RSA");
    else if (SSL_check_private_key(ssl) != 1)
        status = fail(call, HC_ERROR_OPTION, "options certificate and private-key: not a pair");
    OPENSSL_free(certificate_path);
    OPENSSL_free(key_path);
    return status;
}
