/* What anybody may have sent to end the handshake. It is believed if nothing valid follows: it may be the peer's last
 * word (RFC 6347, section 4.1.2.7). */
#include "dtls.h"

#include <stdarg.h>
#include <stdio.h>

#define PATIENCE (5 * SECOND) /* a peer that goes on repeats itself sooner */

/* Remembers why the handshake may be over; the first such reason has its time. */
void doubt(struct session *self, hc_status status, const char *reason, ...) {
    if (self->doubt_due != HC_NO_DEADLINE)
        return;
    va_list values;
    va_start(values, reason);
    vsnprintf(self->doubt, sizeof self->doubt, reason, values);
    va_end(values);
    self->doubt_status = status;
    self->doubt_due = self->call->now_ns + PATIENCE;
}

/* A server's hello that there is no handshake with. The alert that is due waits until it is believed, as the end does:
 * nothing tells the server's hello from one in its name, which would have this side end the server's handshake. */
void doubt_choice(struct session *self, const char *reason) {
    static const uint8_t alert[] = { SSL3_RT_ALERT, 0xfe, 0xfd, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 2,
                                     SSL3_AL_FATAL, SSL_AD_ILLEGAL_PARAMETER };
    if (self->doubt_due == HC_NO_DEADLINE) {
        memcpy(self->last_words, alert, sizeof alert);
        self->last_words_len = sizeof alert;
        self->doubts_hello = 1;
    }
    if (!self->warned)
        hc_failf(self->call, HC_PENDING,
                 "the peer, or somebody in its name, sent a ServerHello that cannot be agreed to: %s; it proves nothing, "
                 "so the handshake goes on", reason);
    self->warned = 1;
    doubt(self, HC_ERROR_PEER_REJECTED, "no DTLS with this peer: %s", reason);
}

/* An alert in plaintext is worth a warning, once. */
void doubt_alert(struct session *self, const uint8_t *alert, size_t len) {
    const int description = len > 1 ? alert[1] : 0;
    const char *name = SSL_alert_desc_string_long(description);
    const char *advice = description == SSL_AD_BAD_CERTIFICATE
                             ? "; it takes this side's certificate for another's: give it this side's init data again"
                         : description == SSL_AD_HANDSHAKE_FAILURE
                             ? "; it may have a certificate that this plugin does not take: " TAKEN_KEYS
                             : "";
    if (!self->warned)
        hc_failf(self->call, HC_PENDING,
                 "the peer, or somebody in its name, sent the DTLS alert %d (%s) in plaintext, which proves nothing, so "
                 "the handshake goes on%s", description, name, advice);
    self->warned = 1;
    doubt(self, HC_ERROR_PEER_REJECTED,
          "the peer ended DTLS with the alert %d (%s), in plaintext, and said nothing since%s", description, name, advice);
}

/* Something valid has followed: where the server's hello is in doubt, that is a hello. */
void doubt_settle(struct session *self) {
    if (self->doubts_hello && !is_greeted(self))
        return;
    self->doubts_hello = 0;
    self->doubt_due = HC_NO_DEADLINE;
    self->last_words_len = 0;
}

int doubt_is_due(const struct session *self) {
    return !self->finished && self->call->now_ns >= self->doubt_due;
}

/* Nothing valid has followed. What we had to say to it was kept for now: said at once, it would have ended the
 * handshake for a peer that had no part in it. */
hc_status doubt_believe(struct session *self) {
    if (self->last_words_len > 0)
        hc_send(self->call, self->last_words, self->last_words_len);
    return hc_failf(self->call, self->doubt_status, "%s", self->doubt);
}
