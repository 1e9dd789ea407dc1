/* The handshake messages that a peer can have sent in plaintext: by type, place and form.
 *
 * OpenSSL gives the handshake up at a message that has no place where it stands, or not its type's form. The peer's
 * have both, so what has not is somebody else's, and dropped. */
#include "dtls.h"

#define HEADER 12 /* of a message: type, length, number, offset and length of the fragment (RFC 6347) */

enum {
    CLIENT_HELLO = 1, SERVER_HELLO = 2, HELLO_VERIFY_REQUEST = 3, CERTIFICATE = 11, SERVER_KEY_EXCHANGE = 12,
    CERTIFICATE_REQUEST = 13, SERVER_HELLO_DONE = 14, CERTIFICATE_VERIFY = 15, CLIENT_KEY_EXCHANGE = 16,
};

/* ------------------------------------------------------------------ forms */
/* What is left of a message's body; NULL once more was to be read than there was. */
struct body {
    const uint8_t *at;
    size_t left;
};

/* The next `len` bytes; NULL if there are fewer. */
static const uint8_t *take(struct body *body, size_t len) {
    const uint8_t *taken = body->at;
    const int enough = taken && len <= body->left;
    body->at = enough ? taken + len : NULL;
    body->left = enough ? body->left - len : 0;
    return enough ? taken : NULL;
}

/* The next number of that many bytes; 0 if it is not there. */
static size_t number(struct body *body, size_t bytes) {
    const uint8_t *at = take(body, bytes);
    size_t value = 0;
    for (size_t i = 0; at && i < bytes; i++)
        value = value << 8 | at[i];
    return value;
}

/* What comes behind its own length, of that many bytes. */
static struct body vector(struct body *body, size_t bytes) {
    const size_t len = number(body, bytes);
    const uint8_t *at = take(body, len);
    return (struct body){ at, at ? len : 0 };
}

/* Whether it was read whole, and to its end. */
static int is_read(const struct body *body) {
    return body->at && body->left == 0;
}

static int has_extensions(struct body *body) {
    if (body->left == 0)
        return body->at != NULL;
    struct body extensions = vector(body, 2);
    while (extensions.left > 0) {
        number(&extensions, 2);
        vector(&extensions, 2);
    }
    return extensions.at && is_read(body);
}

static int is_offered(const SSL *ssl, size_t suite) {
    STACK_OF(SSL_CIPHER) *offered = SSL_get_ciphers(ssl);
    for (int i = 0; i < sk_SSL_CIPHER_num(offered); i++) {
        const SSL_CIPHER *cipher = sk_SSL_CIPHER_value(offered, i);
        if (SSL_CIPHER_get_protocol_id(cipher) == suite)
            return strcmp(SSL_CIPHER_get_version(cipher), "TLSv1.2") == 0;
    }
    return 0;
}

static int is_server_hello(const SSL *ssl, struct body body) {
    (void)ssl;
    take(&body, 2 + 32); // version and random
    const size_t session_id = vector(&body, 1).left;
    take(&body, 2 + 1); // cipher suite and compression
    return session_id <= 32 && has_extensions(&body);
}

/* Why there is no handshake with a server of this hello, which has the form of one; NULL if there is. OpenSSL finds no
 * common ground with a client by itself, see `begin_again`. */
static const char *unacceptable(const SSL *ssl, struct body body) {
    const size_t version = number(&body, 2);
    take(&body, 32);
    vector(&body, 1);
    const size_t suite = number(&body, 2), compression = number(&body, 1);
    return version != DTLS1_2_VERSION ? "it chose another version than DTLS 1.2"
           : !is_offered(ssl, suite)  ? "it chose a cipher suite that was not offered"
           : compression != 0         ? "it chose to compress"
                                      : NULL;
}

static int is_hello_verify_request(const SSL *ssl, struct body body) {
    (void)ssl;
    number(&body, 2);
    return vector(&body, 1).left > 0 && is_read(&body);
}

static int is_certificate(const SSL *ssl, struct body body) {
    struct body list = vector(&body, 3);
    if (!is_read(&body) || (list.left == 0 && !SSL_is_server(ssl))) // a client may have none
        return 0;
    while (list.left > 0) {
        struct body certificate = vector(&list, 3);
        if (certificate.left < 2 || certificate.at[0] != 0x30) // a SEQUENCE
            return 0;
    }
    return list.at != NULL;
}

static int is_signed(struct body *body) {
    number(body, 2);
    return vector(body, 2).left > 0 && is_read(body);
}

static int is_server_key_exchange(const SSL *ssl, struct body body) {
    (void)ssl;
    const size_t kind = number(&body, 1), group = number(&body, 2), point = vector(&body, 1).left;
    return kind == 3 && group != 0 && point > 0 && is_signed(&body); // a named group
}

static int is_certificate_request(const SSL *ssl, struct body body) {
    (void)ssl;
    const size_t types = vector(&body, 1).left, algorithms = vector(&body, 2).left;
    struct body authorities = vector(&body, 2);
    while (authorities.left > 0)
        vector(&authorities, 2);
    return types > 0 && algorithms > 0 && algorithms % 2 == 0 && authorities.at && is_read(&body);
}

static int is_certificate_verify(const SSL *ssl, struct body body) {
    (void)ssl;
    return is_signed(&body);
}

static int is_client_key_exchange(const SSL *ssl, struct body body) {
    (void)ssl;
    return vector(&body, 1).left > 0 && is_read(&body);
}

/* ------------------------------------------------------------------ places */
/* A message that a peer has before its keys. Its place counts from the peer's hello; `most` is far above what any peer
 * sends, and below what OpenSSL takes for an attack. */
static const struct kind {
    uint8_t type, from_server, first, last; /* places */
    size_t least, most;                     /* bytes of its body */
    int (*has_form)(const SSL *ssl, struct body body);
} kinds[] = {
    { CLIENT_HELLO, 0, 0, 0, 42, 16384, NULL },
    { CERTIFICATE, 0, 1, 1, 3, 65536, is_certificate },
    { CLIENT_KEY_EXCHANGE, 0, 2, 2, 2, 256, is_client_key_exchange },
    { CERTIFICATE_VERIFY, 0, 3, 3, 5, 4096, is_certificate_verify },
    { HELLO_VERIFY_REQUEST, 1, 0, 0, 4, 258, is_hello_verify_request },
    { SERVER_HELLO, 1, 0, 0, 38, 16384, is_server_hello },
    { CERTIFICATE, 1, 1, 1, 8, 65536, is_certificate },
    { SERVER_KEY_EXCHANGE, 1, 2, 2, 10, 8192, is_server_key_exchange },
    { CERTIFICATE_REQUEST, 1, 3, 3, 8, 65536, is_certificate_request },
    { SERVER_HELLO_DONE, 1, 3, 4, 0, 0, NULL },
};
static const struct kind *const end = kinds + sizeof kinds / sizeof *kinds;

static const struct kind *find(uint8_t type, int from_server) {
    for (const struct kind *kind = kinds; kind < end; kind++)
        if (kind->type == type && kind->from_server == from_server)
            return kind;
    return NULL;
}

/* A server begins with a cookie or its hello, and everything else counts from the latter. A client that has no answer
 * yet has nothing but its hello. */
static int has_place(struct session *self, const struct kind *kind, size_t number) {
    if (!self->answered && kind->type != CLIENT_HELLO)
        return 0;
    if (kind->type == HELLO_VERIFY_REQUEST) {
        if (number != 0 || self->hello != HELLO_NONE)
            return 0;
        self->hello = HELLO_VERIFY;
        return 1;
    }
    const size_t hello = self->hello == HELLO_VERIFY || self->hello == HELLO_AFTER_VERIFY;
    if (number < hello + kind->first || number > hello + kind->last)
        return 0;
    if (kind->type == SERVER_HELLO)
        self->hello = hello ? HELLO_AFTER_VERIFY : HELLO_FIRST;
    return 1;
}

static int is_believable(struct session *self, const uint8_t *message, size_t len) {
    const size_t length = read_u24(message + 1), offset = read_u24(message + 6), fragment = len - HEADER;
    const struct kind *kind = find(message[0], !SSL_is_server(self->ssl));
    if (!kind || length < kind->least || length > kind->most || offset + fragment > length)
        return 0;
    if (fragment == 0 && length > 0) // OpenSSL would take it for the whole
        return 0;
    if (fragment == length && kind->has_form
        && !kind->has_form(self->ssl, (struct body){ message + HEADER, fragment }))
        return 0;
    const int was_greeted = is_greeted(self);
    if (!has_place(self, kind, read_u16(message + 4)))
        return 0;
    if (kind->type == SERVER_HELLO && fragment == length) {
        const char *reason = unacceptable(self->ssl, (struct body){ message + HEADER, fragment });
        if (reason && !was_greeted)
            doubt_choice(self, reason);
        return reason == NULL;
    }
    return 1;
}

/* Whether all of a record in plaintext is messages, or parts of such, that the peer can have sent. */
int messages_believed(struct session *self, const uint8_t *body, size_t len) {
    const enum hello before = self->hello;
    if (len == 0)
        return 0;
    while (len > 0) {
        const size_t fragment = len < HEADER ? len : read_u24(body + 9);
        if (len < HEADER || fragment > len - HEADER || !is_believable(self, body, HEADER + fragment)) {
            self->hello = before;
            return 0;
        }
        body += HEADER + fragment;
        len -= HEADER + fragment;
    }
    return 1;
}
