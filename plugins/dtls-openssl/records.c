/* The records of a datagram that OpenSSL is shown: others, which anybody can send, are not left to its patience.
 *
 * What nothing protects proves nothing. A handshake proves itself in the end, but an alert, data, or what only
 * calls itself a handshake does not. And what calls itself protected, but has no room for nonce and tag, is not. */
#include "dtls.h"

#define HEADER 13       /* of a record: type, version, epoch, sequence number, length (RFC 6347) */
#define AEAD_TAG 16     /* of each cipher that is offered */
#define AEAD_NONCE 8    /* in each record under AES-GCM (RFC 5288); ChaCha20 has none there (RFC 7905) */

enum { CHANGE_CIPHER_SPEC = 20, ALERT = 21, HANDSHAKE = 22 };

/* Bytes that any protected record has at least; the most of all ciphers while none is chosen. */
static size_t least_protected(const SSL *ssl) {
    const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
    const int chacha20 = cipher && SSL_CIPHER_get_cipher_nid(cipher) == NID_chacha20_poly1305;
    return AEAD_TAG + (chacha20 ? 0 : AEAD_NONCE);
}

/* Of an epoch there is, as there is no renegotiation. In the handshake OpenSSL keeps what comes before its keys: no
 * data. */
static int is_protected(const struct session *self, uint8_t type, size_t epoch, size_t len) {
    return epoch == 1 && len >= least_protected(self->ssl)
           && (self->finished || type == ALERT || type == HANDSHAKE);
}

static int is_believable(struct session *self, const uint8_t *record, size_t len) {
    const uint8_t *body = record + HEADER;
    const size_t epoch = read_u16(record + 3);
    if (epoch > 0)
        return is_protected(self, record[0], epoch, len);
    if (self->finished)
        return 0; // the peer's last flight, again: its Finished is enough
    switch (record[0]) {
    case CHANGE_CIPHER_SPEC:
        return len == 1 && body[0] == 1;
    case HANDSHAKE:
        return messages_believed(self, body, len);
    case ALERT:
        doubt_alert(self, body, len);
        return 0;
    default:
        return 0;
    }
}

/* Gives a record in plaintext the next number of our own. By the sender's, OpenSSL would tell replays: one forged
 * record with a high number, and all genuine ones would be old. Messages have numbers of their own. */
static void number(struct session *self, uint8_t *record) {
    uint64_t at = self->plaintext_records++;
    for (int i = 10; i >= 5; i--, at >>= 8)
        record[i] = (uint8_t)at;
}

/* Copies what OpenSSL may see of a datagram. Returns the number of bytes; a torn record is none. */
size_t records_believed(struct session *self, hc_bytes datagram, uint8_t *out, size_t room) {
    const uint8_t *at = datagram.data;
    size_t left = datagram.len, used = 0;
    while (left >= HEADER) {
        const size_t len = HEADER + read_u16(at + HEADER - 2);
        if (len > left)
            break;
        if (is_believable(self, at, len - HEADER) && len <= room - used) {
            memcpy(out + used, at, len);
            if (read_u16(at + 3) == 0)
                number(self, out + used);
            used += len;
        }
        at += len;
        left -= len;
    }
    return used;
}
