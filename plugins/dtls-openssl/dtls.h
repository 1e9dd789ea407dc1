/* What the files of this plugin share. */
#ifndef DTLS_H
#define DTLS_H

#include "handclasp.h"

#include <openssl/buffer.h>
#include <openssl/ssl.h>

/* Bits of security that a key must have, by OpenSSL's own measure (NIST SP 800-57): RSA of 2048 bits has. */
#define MIN_SECURITY 112

/* What to do about a certificate with another key. */
#define TAKEN_KEYS "give it one for ECDSA with P-256 or P-384, or for RSA"

#define SECOND (1000 * HC_MILLISECOND)

/* How far a server's hello has come: what follows it has numbers that count from its own. */
enum hello { HELLO_NONE, HELLO_FIRST, HELLO_VERIFY, HELLO_AFTER_VERIFY };

/* One handshake: an instance of the host's. */
struct session {
    const hc_host *host;
    struct certificate *certificate; /* NULL: it came from files */
    SSL *ssl;
    char *announced; /* the peer's lines of SDP */
    int authentic;   /* the peer's certificate is one it announced */
    int finished;
    int answered; /* a message of ours has left */
    int heard;    /* OpenSSL was shown something in this call */
    int is_deaf;  /* OpenSSL answers no repetition any more; the keys are good */

    /* What is believed of plaintext, see records.c and messages.c. */
    enum hello hello;
    uint64_t plaintext_records;

    /* Why the handshake may be over, and when that is believed; see doubt.c. */
    uint64_t doubt_due;
    hc_status doubt_status;
    int doubts_hello; /* the server's */
    char doubt[256];
    uint8_t last_words[64]; /* an alert for a peer that there is no handshake with */
    size_t last_words_len;
    int warned; /* of what proves nothing */

    /* Lent by the host for the current call. */
    const hc_call *call;
    hc_bytes incoming;

    /* The last flight as it was sent, see datagrams.c. */
    BUF_MEM *flight;
    unsigned int timeouts;
    uint64_t repeat_at;
    uint32_t room; /* bytes of a datagram that OpenSSL may fill */
};

/* context.c: what all sessions share. */
hc_status context_load(void);
int context_open(struct session *self, uint32_t mtu);

/* certificate.c: our own certificate, one for all components of a stream. */
struct certificate *certificate_acquire(const hc_host *host, uint64_t stream_id, int rsa);
void certificate_release(struct certificate *certificate);
int certificate_use(const struct certificate *certificate, SSL *ssl);
hc_status certificate_use_files(SSL *ssl, hc_bytes certificate, hc_bytes key, const hc_call *call);

/* pem.c: what a file in PEM holds; NULL if that is of no use, which `call` has been told. */
X509 *pem_certificate(const char *path, const hc_call *call);
EVP_PKEY *pem_key(const char *path, const hc_call *call);

/* fingerprint.c: `fingerprint:<hash> <digest>`, RFC 8122. */
#define FINGERPRINT_SIZE 256 /* room for a line with SHA-512 and its zero */
int fingerprint_write(const X509 *certificate, char line[FINGERPRINT_SIZE]);
int fingerprint_named(const char *lines);     /* there is one, whatever its hash */
int fingerprint_announced(const char *lines); /* there is one to rely on */
int fingerprint_matches(const char *lines, const X509 *certificate);

/* datagrams.c: one packet for each datagram, and when it is sent again. */
BIO_METHOD *datagrams_method(void);
int datagrams_attach(struct session *self, BIO_METHOD *method, uint32_t mtu);
int datagrams_begin(struct session *self);
void datagrams_repeat(struct session *self);
void datagrams_set_deadline(struct session *self);

/* records.c: what of a datagram OpenSSL is shown. */
size_t records_believed(struct session *self, hc_bytes datagram, uint8_t *out, size_t room);

/* messages.c: the handshake in plaintext. */
int messages_believed(struct session *self, const uint8_t *body, size_t len);

/* doubt.c: what may be the end, or somebody else's. */
void doubt(struct session *self, hc_status status, const char *reason, ...);
void doubt_alert(struct session *self, const uint8_t *alert, size_t len);
void doubt_choice(struct session *self, const char *reason);
void doubt_settle(struct session *self);
int doubt_is_due(const struct session *self);
hc_status doubt_believe(struct session *self);

/* Whether the server's hello has come. */
static inline int is_greeted(const struct session *self) {
    return self->hello == HELLO_FIRST || self->hello == HELLO_AFTER_VERIFY;
}

static inline size_t read_u16(const uint8_t *at) {
    return (size_t)at[0] << 8 | at[1];
}

static inline size_t read_u24(const uint8_t *at) {
    return (size_t)at[0] << 16 | read_u16(at + 1);
}

/* srtp.c: RFC 5764. */
int srtp_offer(SSL *ssl, hc_bytes profiles);
hc_status srtp_emit_keys(struct session *self);

/* error.c: failures in words. */
hc_status fail(const hc_call *call, hc_status status, const char *what);

#endif
