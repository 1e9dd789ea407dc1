/* The way between OpenSSL and the host: one packet for each datagram, and when it is sent again.
 *
 * OpenSSL repeats a flight by its own timer, under new record numbers, and gives up after twelve times:
 * eleven seconds at a pace that suits a lossy path. A peer whose ICE is that late must still be met. So
 * after the ninth, its timer runs slower, and each second in between brings the same bytes once more.
 * These reach a peer that missed the records; to one that has them they are replays, and ignored. */
#include "dtls.h"

#include <limits.h>
#include <sys/time.h>

/* OpenSSL collects records up to the MTU in a buffer of 4096 bytes, and cuts through a record where it
 * ends. Handshakes need no larger packets. */
#define MAX_MTU 4096

/* A Finished under AES-GCM grows by nonce and tag (RFC 5288), which OpenSSL does not reckon with. */
#define AEAD_OVERHEAD 24

/* Microseconds to OpenSSL's next timeout. `previous` is 0 when a flight begins; otherwise the flight is
 * about to be repeated. Either way, what is written next takes the place of what was written before. */
static unsigned int next_timeout(SSL *ssl, unsigned int previous) {
    struct session *self = SSL_get_app_data(ssl);
    BUF_MEM_grow(self->flight, 0);
    self->repeat_at = self->call->now_ns + SECOND;
    self->timeouts = previous == 0 ? 0 : self->timeouts + 1;
    switch (self->timeouts) {
    case 0:
        return 250000;
    case 1:
        return 500000;
    case 9: case 10: case 11:
        return 7000000; // the twelfth comes 28.75 s after the flight began
    case 12:
        return UINT_MAX; // 71 minutes; the thirteenth would be the end
    default:
        return 1000000;
    }
}

static int timer_runs(const struct session *self, struct timeval *left) {
    return DTLSv1_get_timeout(self->ssl, left) == 1;
}

/* Keeps a datagram for datagrams_repeat: two bytes of length, then the datagram. */
static void keep(BUF_MEM *flight, const void *datagram, uint16_t len) {
    const size_t at = flight->length;
    if (BUF_MEM_grow(flight, at + sizeof len + len) == 0)
        return; // without memory, only the repetition suffers
    memcpy(flight->data + at, &len, sizeof len);
    memcpy(flight->data + at + sizeof len, datagram, len);
}

/* An alert about what may be nobody's ClientHello is not for the peer yet, see doubt.c. */
static void keep_last_words(struct session *self, const void *alert, size_t len) {
    if (self->last_words_len > 0 || len > sizeof self->last_words)
        return;
    memcpy(self->last_words, alert, len);
    self->last_words_len = len;
}

static int write_datagram(BIO *bio, const char *data, int len) {
    struct session *self = BIO_get_data(bio);
    struct timeval left;
    BIO_clear_retry_flags(bio);
    if (!self->answered && SSL_is_server(self->ssl) && data[0] == SSL3_RT_ALERT) {
        keep_last_words(self, data, (size_t)len);
        return len;
    }
    self->answered = 1;
    hc_send(self->call, data, (size_t)len);
    if (timer_runs(self, &left))
        keep(self->flight, data, (uint16_t)len); // the last flight of all has no timer
    return len;
}

static int read_datagram(BIO *bio, char *buffer, int size) {
    struct session *self = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    const size_t len = records_believed(self, self->incoming, (uint8_t *)buffer, (size_t)size);
    self->incoming.len = 0;
    if (len == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    self->heard = 1;
    return (int)len;
}

static long control(BIO *bio, int command, long number, void *pointer) {
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

BIO_METHOD *datagrams_method(void) {
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "hc_call");
    if (method) {
        BIO_meth_set_write(method, write_datagram);
        BIO_meth_set_read(method, read_datagram);
        BIO_meth_set_ctrl(method, control);
    }
    return method;
}

int datagrams_attach(struct session *self, BIO_METHOD *method, uint32_t mtu) {
    BIO *bio = BIO_new(method);
    self->flight = BUF_MEM_new();
    self->repeat_at = HC_NO_DEADLINE;
    self->room = (mtu < MAX_MTU ? mtu : MAX_MTU) - AEAD_OVERHEAD;
    if (!bio || !self->flight) {
        BIO_free(bio);
        return 0;
    }
    BIO_set_data(bio, self);
    SSL_set_bio(self->ssl, bio, bio);
    return datagrams_begin(self);
}

/* What a handshake begins with; SSL_clear takes it away. */
int datagrams_begin(struct session *self) {
    DTLS_set_timer_cb(self->ssl, next_timeout);
    return SSL_set_mtu(self->ssl, self->room) != 0;
}

/* Sends the last flight as it was, if it has waited a second for an answer. */
void datagrams_repeat(struct session *self) {
    struct timeval left;
    if (!timer_runs(self, &left) || self->call->now_ns < self->repeat_at)
        return;
    self->repeat_at = self->call->now_ns + SECOND;
    const char *at = self->flight->data;
    for (const char *end = at + self->flight->length; at < end;) {
        uint16_t len;
        memcpy(&len, at, sizeof len);
        hc_send(self->call, at + sizeof len, len);
        at += sizeof len + len;
    }
}

/* OpenSSL's timer follows the system's clock: only the time left means something to the host. Should
 * that clock be set back, the repetition still comes. */
void datagrams_set_deadline(struct session *self) {
    struct timeval left;
    uint64_t at = HC_NO_DEADLINE;
    if (timer_runs(self, &left)) {
        at = self->call->now_ns + (uint64_t)left.tv_sec * SECOND + (uint64_t)left.tv_usec * 1000;
        if (at > self->repeat_at)
            at = self->repeat_at;
    }
    if (!self->finished && at > self->doubt_due)
        at = self->doubt_due;
    self->call->deadline(self->call, at);
}
