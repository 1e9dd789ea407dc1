/* What the files of this plugin share. */
#ifndef DTLS_H
#define DTLS_H

#include "handclasp.h"

#include <openssl/buffer.h>
#include <openssl/ssl.h>

/* One handshake: an instance of the host's. */
struct session {
    const hc_host *host;
    struct certificate *certificate; /* NULL: it came from files */
    SSL *ssl;
    char *announced; /* the peer's lines of SDP */
    int authentic;   /* the peer's certificate is one it announced */
    int finished;

    /* Lent by the host for the current call. */
    const hc_call *call;
    hc_bytes incoming;

    /* The last flight as it was sent, see datagrams.c. */
    BUF_MEM *flight;
    unsigned int timeouts;
    uint64_t repeat_at;
};

/* context.c: what all sessions share. */
hc_status context_load(void);
int context_open(struct session *self, uint32_t mtu);

/* certificate.c: our own certificate, one for all components of a stream. */
struct certificate *certificate_acquire(const hc_host *host, uint64_t stream_id, int rsa);
void certificate_release(struct certificate *certificate);
int certificate_use(const struct certificate *certificate, SSL *ssl);
hc_status certificate_use_files(SSL *ssl, hc_bytes certificate, hc_bytes key, const hc_call *call);

/* fingerprint.c: `fingerprint:<hash> <digest>`, RFC 8122. */
#define FINGERPRINT_SIZE 256 /* room for a line with SHA-512 and its zero */
int fingerprint_write(const X509 *certificate, char line[FINGERPRINT_SIZE]);
int fingerprint_announced(const char *lines);
int fingerprint_matches(const char *lines, const X509 *certificate);

/* datagrams.c: one packet for each datagram, and when it is sent again. */
BIO_METHOD *datagrams_method(void);
int datagrams_attach(struct session *self, BIO_METHOD *method, uint32_t mtu);
void datagrams_repeat(struct session *self);
void datagrams_set_deadline(struct session *self);

/* srtp.c: RFC 5764. */
int srtp_offer(SSL *ssl, hc_bytes profiles);
hc_status srtp_emit_keys(struct session *self);

/* error.c: failures in words. */
hc_status fail(const hc_call *call, hc_status status, const char *what);

#endif
