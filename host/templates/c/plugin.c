/*
 * @NAME@: each side proves that it knows the secret both share, and both derive a key from it.
 *
 * The protocol, the same in C, C++ and Rust:
 *
 *   Before ICE connects, each side draws a nonce of 32 bytes: its challenge, which is its init data.
 *
 *     proof    initiator to responder    byte 32, then MAC("initiator")
 *     answer   responder to initiator    byte 33, then MAC("responder")
 *
 *   MAC(label) = HMAC-SHA-256(psk, label | initiator's nonce | responder's nonce), 32 bytes.
 *   The handshake data is MAC("key").
 *
 *   The initiator repeats its proof until it is answered: after 250 ms, then after twice the time before,
 *   at most 1 s. The responder answers every proof, also when it has finished: the network may lose an
 *   answer. What does not prove anything is ignored: it may be forged.
 *
 * What it does not give: forward secrecy, since whoever learns psk can derive the key of every handshake
 * recorded before; and strength that psk lacks, since what was recorded can be tried against guesses.
 */
#include <handclasp.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

enum { HASH = 32, NONCE = 32, MESSAGE = 1 + HASH };
enum { PROOF = 32, ANSWER = 33 }; /* first bytes, apart from STUN and RTP (RFC 7983) */
enum { SHORTEST_SECRET = 16 };

#define FIRST_WAIT (250 * HC_MILLISECOND)
#define LONGEST_WAIT (1000 * HC_MILLISECOND)

struct handshake {
    uint32_t role;
    int finished;
    int warned;
    uint64_t wait_ns; /* from one proof to the next */
    uint8_t nonce[NONCE];
    uint8_t own[MESSAGE]; /* what this side sends, */
    uint8_t due[MESSAGE]; /* and what it waits for */
    uint8_t key[HASH];
    size_t secret_len;
    uint8_t secret[];
};

static void destroy(void *instance) {
    struct handshake *self = instance;
    OPENSSL_clear_free(self, sizeof *self + self->secret_len);
}

static hc_status init(const hc_host *host, const hc_init *init, const hc_call *call,
                      void **instance) {
    const hc_bytes *psk = hc_find_option(init, "psk");
    if (!psk || psk->len < SHORTEST_SECRET)
        return hc_fail(call, HC_ERROR_OPTION,
                       "psk is too short to be a secret: give 16 bytes or more, such as what "
                       "`openssl rand -hex 16` prints");
    struct handshake *self = OPENSSL_zalloc(sizeof *self + psk->len);
    if (!self)
        return hc_fail(call, HC_ERROR_INTERNAL, "out of memory");
    self->wait_ns = FIRST_WAIT;
    self->secret_len = psk->len;
    memcpy(self->secret, psk->data, psk->len);
    if (host->random(host, self->nonce, NONCE) != HC_PENDING) {
        destroy(self);
        return hc_fail(call, HC_ERROR_INTERNAL, "the system has no randomness to give");
    }
    call->init_data(call, hc_slice(self->nonce, NONCE));
    *instance = self;
    return HC_PENDING;
}

/* MAC(label), where the nonces stand in the order of the roles. Returns 0 if libcrypto fails. */
static int mac(const struct handshake *self, const char *label, const uint8_t *peer_nonce,
               uint8_t *out) {
    const int starts = self->role == HC_ROLE_INITIATOR;
    const size_t label_len = strlen(label);
    uint8_t text[16 + 2 * NONCE]; /* no label is longer than 16 */
    memcpy(text, label, label_len);
    memcpy(text + label_len, starts ? self->nonce : peer_nonce, NONCE);
    memcpy(text + label_len + NONCE, starts ? peer_nonce : self->nonce, NONCE);
    return HMAC(EVP_sha256(), self->secret, (int)self->secret_len, text, label_len + 2 * NONCE,
                out, NULL) != NULL;
}

static hc_status set_peer(void *instance, const hc_peer *peer, const hc_call *call) {
    struct handshake *self = instance;
    if (peer->init_data.len != NONCE)
        return hc_fail(call, HC_ERROR_PEER_REJECTED,
                       "the peer's init data is not a nonce of 32 bytes: give it the same handshake");
    self->role = peer->role;
    uint8_t *proof = peer->role == HC_ROLE_INITIATOR ? self->own : self->due;
    uint8_t *answer = peer->role == HC_ROLE_INITIATOR ? self->due : self->own;
    proof[0] = PROOF;
    answer[0] = ANSWER;
    const uint8_t *nonce = peer->init_data.data;
    if (!mac(self, "initiator", nonce, proof + 1) || !mac(self, "responder", nonce, answer + 1) ||
        !mac(self, "key", nonce, self->key))
        return hc_fail(call, HC_ERROR_INTERNAL, "libcrypto cannot compute HMAC-SHA-256");
    return HC_PENDING;
}

static void send_proof(struct handshake *self, const hc_call *call) {
    hc_send(call, self->own, MESSAGE);
    call->deadline(call, call->now_ns + self->wait_ns);
}

static hc_status connection_ready(void *instance, const hc_call *call) {
    struct handshake *self = instance;
    if (self->role == HC_ROLE_INITIATOR)
        send_proof(self, call);
    return HC_PENDING;
}

static hc_status on_deadline(void *instance, const hc_call *call) {
    struct handshake *self = instance;
    if (self->role != HC_ROLE_INITIATOR || self->finished)
        return HC_PENDING;
    self->wait_ns = self->wait_ns * 2 < LONGEST_WAIT ? self->wait_ns * 2 : LONGEST_WAIT;
    send_proof(self, call);
    return HC_PENDING;
}

/* Says it once: the timeout that follows would not tell why. */
static hc_status ignore(struct handshake *self, const hc_call *call) {
    if (!self->warned && !self->finished)
        call->error(call, hc_text("a proof of the peer's is wrong: is psk the same on both sides?"));
    self->warned = 1;
    return HC_PENDING;
}

static hc_status finish(struct handshake *self, const hc_call *call) {
    self->finished = 1;
    call->deadline(call, HC_NO_DEADLINE);
    call->handshake_data(call, hc_slice(self->key, HASH));
    return HC_FINISHED;
}

static hc_status recv_from_peer(void *instance, hc_bytes datagram, const hc_call *call) {
    struct handshake *self = instance;
    if (datagram.len != MESSAGE || datagram.data[0] != self->due[0])
        return HC_PENDING;
    /* In constant time: how long it takes tells nothing of where the two differ. */
    if (CRYPTO_memcmp(datagram.data, self->due, MESSAGE) != 0)
        return ignore(self, call);
    if (self->role == HC_ROLE_RESPONDER)
        hc_send(call, self->own, MESSAGE);
    return self->finished ? HC_PENDING : finish(self, call);
}

static const hc_option options[] = {
    { "psk", NULL, "The secret both sides share: 16 bytes or more", HC_OPTION_STRING,
      HC_OPTION_REQUIRED | HC_OPTION_SECRET },
};

static const hc_peer_table peer_table = { set_peer };
static const hc_timer_table timer_table = { on_deadline };
static const hc_classify_table classify_table = {
    { [PROOF / 8] = 1 << PROOF % 8 | 1 << ANSWER % 8 }, NULL
};
static const hc_extension extensions[] = {
    { HC_PEER, &peer_table, sizeof peer_table, HC_EXTENSION_REQUIRED },
    { HC_TIMER, &timer_table, sizeof timer_table, HC_EXTENSION_REQUIRED },
    { HC_CLASSIFY, &classify_table, sizeof classify_table, HC_EXTENSION_REQUIRED },
};

HC_PLUGIN("@NAME@", "0.1.0", 0,
    HC_ABOUT("Pre-shared key", "Your name", "MIT", "Proves on both sides that they share a secret"),
    HC_DATA_TYPES("psk-nonce", "psk-key"),
    HC_OPTIONS(options),
    HC_EXTENSIONS(extensions),
    HC_FUNCTIONS(init, connection_ready, recv_from_peer, destroy));
