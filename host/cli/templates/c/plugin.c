/*
 * @NAME@: each side proves that it knows the secret both share, and both derive a key from it.
 *
 * The protocol, the same in C, C++ and Rust:
 *
 *   Before ICE connects, each side draws a nonce of 32 bytes. Its init data is its challenge:
 *
 *     challenge    nonce, then HMAC-SHA-256(psk, "challenge" | nonce)
 *
 *   It proves nothing, since it may be a copy, but shows at once if the peer has another psk. Then:
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

enum { HASH = 32, NONCE = 32, CHALLENGE = NONCE + HASH, MESSAGE = 1 + HASH };
enum { PROOF = 32, ANSWER = 33 }; /* first bytes, apart from STUN and RTP (RFC 7983) */
enum { SHORTEST_SECRET = 16 };

#define FIRST_WAIT (250 * HC_MILLISECOND)
#define LONGEST_WAIT (1000 * HC_MILLISECOND)

struct handshake {
    uint32_t role;
    int finished;
    uint64_t wait_ns; /* from one proof to the next */
    uint8_t challenge[CHALLENGE];
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

/* HMAC-SHA-256(psk, label | nonces). Returns 0 if libcrypto fails. */
static int mac(const struct handshake *self, const char *label, const uint8_t *nonces, size_t len,
               uint8_t *out) {
    const size_t label_len = strlen(label);
    uint8_t text[16 + 2 * NONCE]; /* no label is longer than 16, and there are two nonces at most */
    memcpy(text, label, label_len);
    memcpy(text + label_len, nonces, len);
    return HMAC(EVP_sha256(), self->secret, (int)self->secret_len, text, label_len + len, out,
                NULL) != NULL;
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
    if (host->random(host, self->challenge, NONCE) != HC_PENDING ||
        !mac(self, "challenge", self->challenge, NONCE, self->challenge + NONCE)) {
        destroy(self);
        return hc_fail(call, HC_ERROR_INTERNAL, "there is no randomness, or no HMAC-SHA-256");
    }
    call->init_data(call, hc_slice(self->challenge, CHALLENGE));
    *instance = self;
    return HC_PENDING;
}

static hc_status set_peer(void *instance, const hc_peer *peer, const hc_call *call) {
    struct handshake *self = instance;
    if (peer->init_data.len != CHALLENGE)
        return hc_fail(call, HC_ERROR_PEER_REJECTED,
                       "the peer's init data is no challenge of 64 bytes: give it the same handshake");
    const uint8_t *challenge = peer->init_data.data;
    uint8_t expected[HASH], nonces[2 * NONCE];
    if (!mac(self, "challenge", challenge, NONCE, expected))
        return hc_fail(call, HC_ERROR_INTERNAL, "libcrypto cannot compute HMAC-SHA-256");
    /* In constant time: how long it takes tells nothing of where the two differ. */
    if (CRYPTO_memcmp(expected, challenge + NONCE, HASH) != 0)
        return hc_fail(call, HC_ERROR_AUTHENTICATION,
                       "the peer has another psk: give both sides the same one");
    const int starts = peer->role == HC_ROLE_INITIATOR;
    memcpy(nonces, starts ? self->challenge : challenge, NONCE);
    memcpy(nonces + NONCE, starts ? challenge : self->challenge, NONCE);
    self->role = peer->role;
    uint8_t *proof = starts ? self->own : self->due, *answer = starts ? self->due : self->own;
    proof[0] = PROOF;
    answer[0] = ANSWER;
    if (!mac(self, "initiator", nonces, sizeof nonces, proof + 1) ||
        !mac(self, "responder", nonces, sizeof nonces, answer + 1) ||
        !mac(self, "key", nonces, sizeof nonces, self->key))
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

static hc_status finish(struct handshake *self, const hc_call *call) {
    self->finished = 1;
    call->deadline(call, HC_NO_DEADLINE);
    call->handshake_data(call, hc_slice(self->key, HASH));
    return HC_FINISHED;
}

static hc_status recv_from_peer(void *instance, hc_bytes datagram, const hc_call *call) {
    struct handshake *self = instance;
    if (datagram.len != MESSAGE || CRYPTO_memcmp(datagram.data, self->due, MESSAGE) != 0)
        return HC_PENDING;
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
    HC_DATA_TYPES("psk-challenge", "psk-key"),
    HC_OPTIONS(options),
    HC_EXTENSIONS(extensions),
    HC_FUNCTIONS(init, connection_ready, recv_from_peer, destroy));
