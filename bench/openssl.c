/* DTLS 1.2 by the system's OpenSSL in memory: both ends, mutual P-256 certificates, use_srtp, with neither
 * ICE nor sockets nor a plugin boundary. A session is what src/dimpl.rs makes of it: two fresh certificates,
 * a handshake, equal keys, and both goodbyes. */
#include "serve.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

enum { MTU = 1200, KEYS = 56 /* SRTP_AEAD_AES_128_GCM */, FLIGHT = 16 };

/* Datagrams on their way to one end. A memory BIO would glue them together. */
struct queue {
    unsigned char datagrams[FLIGHT][MTU];
    int lengths[FLIGHT], first, count;
};

/* What an end's BIO reads from and writes to. */
struct wire {
    struct queue *in, *out;
};

static void check(int good, const char *what) {
    if (!good) {
        fprintf(stderr, "openssl: %s failed\n", what);
        ERR_print_errors_fp(stderr);
        exit(1);
    }
}

static int wire_write(BIO *bio, const char *data, int length) {
    struct queue *out = ((struct wire *)BIO_get_data(bio))->out;
    check(out->count < FLIGHT && length <= MTU, "queueing a datagram");
    int slot = (out->first + out->count++) % FLIGHT;
    memcpy(out->datagrams[slot], data, (size_t)length);
    return out->lengths[slot] = length;
}

static int wire_read(BIO *bio, char *data, int size) {
    struct queue *in = ((struct wire *)BIO_get_data(bio))->in;
    BIO_clear_retry_flags(bio);
    if (in->count == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    int length = in->lengths[in->first];
    check(length <= size, "reading a datagram");
    memcpy(data, in->datagrams[in->first], (size_t)length);
    in->first = (in->first + 1) % FLIGHT;
    in->count--;
    return length;
}

static long wire_control(BIO *bio, int command, long number, void *pointer) {
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DGRAM_SET_NEXT_TIMEOUT;
}

static BIO_METHOD *wire_method(void) {
    static BIO_METHOD *method;
    if (method == NULL) {
        method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wire");
        check(method != NULL && BIO_meth_set_write(method, wire_write) && BIO_meth_set_read(method, wire_read) &&
              BIO_meth_set_ctrl(method, wire_control), "making a BIO method");
    }
    return method;
}

static int accept_any(int preverified, X509_STORE_CTX *store) {
    (void)preverified, (void)store; /* the fingerprint decides, not a chain */
    return 1;
}

static SSL_CTX *context(void) {
    static SSL_CTX *shared;
    if (shared == NULL) {
        shared = SSL_CTX_new(DTLS_method());
        check(shared != NULL, "SSL_CTX_new");
        SSL_CTX_set_verify(shared, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, accept_any);
        SSL_CTX_set_options(shared, SSL_OP_NO_TICKET | SSL_OP_NO_QUERY_MTU | SSL_OP_NO_RENEGOTIATION);
        SSL_CTX_set_session_cache_mode(shared, SSL_SESS_CACHE_OFF);
        check(SSL_CTX_set_cipher_list(shared, "ECDHE-ECDSA-AES128-GCM-SHA256") &&
              SSL_CTX_set1_groups_list(shared, "X25519:P-256") &&
              SSL_CTX_set_tlsext_use_srtp(shared, "SRTP_AEAD_AES_128_GCM") == 0, "configuring");
    }
    return shared;
}

static X509 *self_signed(EVP_PKEY *key) {
    X509 *certificate = X509_new();
    check(certificate != NULL, "X509_new");
    X509_NAME *name = X509_get_subject_name(certificate);
    check(X509_set_version(certificate, 2) &&
          ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) &&
          X509_gmtime_adj(X509_getm_notBefore(certificate), 0) != NULL &&
          X509_gmtime_adj(X509_getm_notAfter(certificate), 365 * 24 * 3600L) != NULL &&
          X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"DTLS", -1, -1, 0) &&
          X509_set_issuer_name(certificate, name) &&
          X509_set_pubkey(certificate, key) &&
          X509_sign(certificate, key, EVP_sha256()) > 0, "making a certificate");
    return certificate;
}

static SSL *end(struct wire *wire) {
    SSL *ssl = SSL_new(context());
    BIO *bio = BIO_new(wire_method());
    EVP_PKEY *key = EVP_EC_gen("P-256");
    check(ssl != NULL && bio != NULL && key != NULL, "making an end");
    X509 *certificate = self_signed(key);
    check(SSL_use_certificate(ssl, certificate) && SSL_use_PrivateKey(ssl, key), "using the certificate");
    X509_free(certificate);
    EVP_PKEY_free(key);
    BIO_set_data(bio, wire);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    check(SSL_set_mtu(ssl, MTU) == MTU, "SSL_set_mtu");
    return ssl;
}

static int is_done(SSL *ssl) {
    int result = SSL_do_handshake(ssl);
    check(result == 1 || SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ, "the handshake");
    return result == 1;
}

static void export_keys(SSL *ssl, unsigned char keys[KEYS]) {
    static const char label[] = "EXTRACTOR-dtls_srtp";
    check(SSL_get_selected_srtp_profile(ssl) != NULL, "agreeing on use_srtp");
    check(SSL_export_keying_material(ssl, keys, KEYS, label, sizeof label - 1, NULL, 0, 0), "exporting keys");
}

static void session(void) {
    static struct queue to_client, to_server;
    struct wire client_wire = { &to_client, &to_server }, server_wire = { &to_server, &to_client };
    to_client.count = to_server.count = 0;
    SSL *client = end(&client_wire), *server = end(&server_wire);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    int client_done = 0, server_done = 0;
    while (!client_done || !server_done) {
        client_done = is_done(client);
        server_done = is_done(server);
    }
    unsigned char ours[KEYS], theirs[KEYS];
    export_keys(client, ours);
    export_keys(server, theirs);
    check(memcmp(ours, theirs, KEYS) == 0, "agreeing on keys");
    check(SSL_shutdown(client) >= 0 && SSL_shutdown(server) >= 0, "saying goodbye");
    SSL_free(client);
    SSL_free(server);
}

static void rounds(unsigned long count) {
    while (count-- > 0) {
        session();
    }
}

int main(void) {
    return serve(rounds);
}
