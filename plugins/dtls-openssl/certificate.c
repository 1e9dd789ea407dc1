/* Our own certificate: from files, or made when a stream's first component asks for it. */
#include "dtls.h"

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <sys/stat.h>
#include <time.h>

#define DAY 86400L
#define RSA_BITS 2048
#define BUCKETS 1024 /* streams are numbered one after the other: thousands make short lists */

struct certificate {
    X509 *x509;
    EVP_PKEY *key;
    const hc_host *host; /* two hosts may give one id to different streams */
    uint64_t stream_id;
    int rsa;
    unsigned int users;
    struct certificate *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct certificate *in_use[BUCKETS]; /* under `lock`, and so are `users` and `next` */

/* Where the stream's certificate with such a key hangs, or would. */
static struct certificate **find(const hc_host *host, uint64_t stream_id, int rsa) {
    struct certificate **at = &in_use[stream_id % BUCKETS];
    while (*at && ((*at)->host != host || (*at)->stream_id != stream_id || (*at)->rsa != rsa))
        at = &(*at)->next;
    return at;
}

/* The stream's certificate, with one user more. If it has none, that is `fresh`, which may be NULL. */
static struct certificate *share(const hc_host *host, uint64_t stream_id, int rsa,
                                 struct certificate *fresh) {
    pthread_mutex_lock(&lock);
    struct certificate **at = find(host, stream_id, rsa);
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
        *find(certificate->host, certificate->stream_id, certificate->rsa) = certificate->next;
    pthread_mutex_unlock(&lock);
    if (last)
        discard(certificate);
}

/* A time within the bounds of what any peer can read: 1970 to 9999. A board may have no clock. */
static ASN1_TIME *set_time(ASN1_TIME *at, int64_t seconds) {
    const int64_t last = 253402300799; // 9999-12-31 23:59:59
    return ASN1_TIME_set(at, (time_t)(seconds < 0 ? 0 : seconds > last ? last : seconds));
}

/* Self-signed: what vouches for it is its fingerprint in the session description (RFC 8827). */
static int sign(X509 *x509, EVP_PKEY *key) {
    uint64_t serial;
    const int64_t now = time(NULL);
    X509_NAME *name = X509_get_subject_name(x509);
    return RAND_bytes((unsigned char *)&serial, sizeof serial) == 1
           && X509_set_version(x509, X509_VERSION_3)
           && ASN1_INTEGER_set_uint64(X509_get_serialNumber(x509), serial)
           && set_time(X509_getm_notBefore(x509), now - DAY) /* the peer's clock may be behind */
           && set_time(X509_getm_notAfter(x509), now + 365 * DAY)
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
    struct certificate *shared = share(host, stream_id, rsa, NULL);
    if (shared)
        return shared;
    // Without the lock: an RSA key takes long, and other streams come and go meanwhile.
    struct certificate *made = make(rsa);
    if (!made)
        return NULL;
    made->host = host;
    made->stream_id = stream_id;
    made->rsa = rsa;
    shared = share(host, stream_id, rsa, made);
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
               && (strcmp(group, SN_X9_62_prime256v1) == 0 || strcmp(group, SN_secp384r1) == 0));
}

/* A key that others know is nobody's: whoever reads it can be this side. */
static void warn_if_shared(const char *path, const hc_call *call) {
#ifndef _WIN32
    struct stat file;
    if (stat(path, &file) != 0 || (file.st_mode & (S_IRWXG | S_IRWXO)) == 0)
        return;
    hc_failf(call, HC_PENDING, "option private-key: others than its owner may use %s (mode %03o): chmod 600 it",
             path, (unsigned)file.st_mode & 0777);
#else
    (void)path, (void)call;
#endif
}

static hc_status use_pair(SSL *ssl, X509 *x509, EVP_PKEY *key, const char *certificate_path, const char *key_path,
                          const hc_call *call) {
    if (!is_served(key))
        return hc_failf(call, HC_ERROR_OPTION,
                        "option private-key: the key in %s is not ECDSA P-256, P-384 or RSA: give it such a key",
                        key_path);
    if (X509_check_private_key(x509, key) != 1)
        return hc_failf(call, HC_ERROR_OPTION,
                        "options certificate and private-key: the certificate in %s is not that of the key in %s",
                        certificate_path, key_path);
    ERR_clear_error();
    if (SSL_use_certificate(ssl, x509) != 1 || SSL_use_PrivateKey(ssl, key) != 1)
        return fail(call, HC_ERROR_OPTION, "options certificate and private-key: OpenSSL refuses them");
    warn_if_shared(key_path, call);
    return HC_PENDING;
}

hc_status certificate_use_files(SSL *ssl, hc_bytes certificate, hc_bytes key, const hc_call *call) {
    char *certificate_path = OPENSSL_strndup((const char *)certificate.data, certificate.len);
    char *key_path = OPENSSL_strndup((const char *)key.data, key.len);
    hc_status status = HC_ERROR_OPTION; // and a sentence, if a file is of no use
    if (!certificate_path || !key_path) {
        status = fail(call, HC_ERROR_INTERNAL, "out of memory");
    } else {
        X509 *x509 = pem_certificate(certificate_path, call);
        EVP_PKEY *private_key = x509 ? pem_key(key_path, call) : NULL;
        if (private_key)
            status = use_pair(ssl, x509, private_key, certificate_path, key_path, call);
        X509_free(x509);
        EVP_PKEY_free(private_key);
    }
    OPENSSL_free(certificate_path);
    OPENSSL_free(key_path);
    return status;
}
