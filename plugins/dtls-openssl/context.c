/* What all sessions share: OpenSSL's configuration. Made once, and kept as long as the library is. */
#include "dtls.h"

#include <openssl/x509.h>
#include <pthread.h>

#define SECURITY_LEVEL 2 /* OpenSSL's name for 112 bits */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static SSL_CTX *contexts[2]; /* without and with a key log: OpenSSL derives its lines for all of a context's sessions */
static BIO_METHOD *method;   /* constant once `load` has succeeded */

/* Takes the place of the check against certificate authorities: a fingerprint decides. A certificate
 * that does not pass is answered with an alert, and no key ever exists. */
static int verify(X509_STORE_CTX *store, void *unused) {
    (void)unused;
    const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct session *self = SSL_get_app_data(ssl);
    const X509 *certificate = X509_STORE_CTX_get0_cert(store);
    const EVP_PKEY *key = X509_get0_pubkey(certificate);
    const int strong = key && EVP_PKEY_get_security_bits(key) >= MIN_SECURITY;
    const int announced = fingerprint_matches(self->announced, certificate);
    self->authentic = strong && announced;
    X509_STORE_CTX_set_error(store, !announced ? X509_V_ERR_CERT_REJECTED
                                    : !strong  ? X509_V_ERR_EE_KEY_TOO_SMALL
                                               : X509_V_OK);
    return self->authentic;
}

static void log_key(const SSL *ssl, const char *line) {
    const struct session *self = SSL_get_app_data(ssl);
    self->host->keylog(self->host, hc_text(line));
}

static int configure(SSL_CTX *ctx, int logs) {
    if (SSL_CTX_get_security_level(ctx) < SECURITY_LEVEL)
        SSL_CTX_set_security_level(ctx, SECURITY_LEVEL);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_QUERY_MTU);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, verify, NULL);
    if (logs)
        SSL_CTX_set_keylog_callback(ctx, log_key);
    return SSL_CTX_set_min_proto_version(ctx, DTLS1_2_VERSION)
           && SSL_CTX_set_max_proto_version(ctx, DTLS1_2_VERSION)
           && SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20:!PSK")
           && SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384");
}

static SSL_CTX *make(int logs) {
    SSL_CTX *context = SSL_CTX_new(DTLS_method());
    if (context && configure(context, logs))
        return context;
    SSL_CTX_free(context);
    return NULL;
}

/* Made when it is first asked for; NULL without memory. */
static SSL_CTX *shared(int logs) {
    pthread_mutex_lock(&lock);
    if (!contexts[logs])
        contexts[logs] = make(logs);
    SSL_CTX *context = contexts[logs];
    pthread_mutex_unlock(&lock);
    return context;
}

static int prepare(void) {
    // A host's threads may still run when the process exits: OpenSSL must not tidy up beneath them.
    if (OPENSSL_init_ssl(OPENSSL_INIT_NO_ATEXIT, NULL) != 1)
        return 0;
    pthread_mutex_lock(&lock);
    if (!method) // written once: sessions of other hosts read it without the lock
        method = datagrams_method();
    const int ok = method != NULL;
    pthread_mutex_unlock(&lock);
    return ok;
}

hc_status context_load(void) {
    return prepare() && shared(0) ? HC_PENDING : HC_ERROR_INTERNAL;
}

/* Gives a session its SSL and its way to the host. Returns 0 without memory. */
int context_open(struct session *self, uint32_t mtu) {
    SSL_CTX *context = shared(self->host->keylog_enabled(self->host) != 0);
    self->ssl = context ? SSL_new(context) : NULL;
    return self->ssl && SSL_set_app_data(self->ssl, self) && datagrams_attach(self, method, mtu);
}
