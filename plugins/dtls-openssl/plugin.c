/* DTLS-SRTP (RFC 5764) on the system's OpenSSL: what the host calls. */
#include "dtls.h"

#include <openssl/err.h>

#define MOST_RECORDS (65535 / 13) /* in one datagram */
#define MIN_MTU 280 /* OpenSSL's 256 and the overhead it forgets, see datagrams.c */

static void destroy(void *instance) {
    struct session *self = instance;
    SSL_free(self->ssl);
    BUF_MEM_free(self->flight);
    OPENSSL_free(self->announced);
    certificate_release(self->certificate);
    OPENSSL_free(self);
}

static int is(const hc_bytes *value, const char *text) {
    return value && value->len == strlen(text) && memcmp(value->data, text, value->len) == 0;
}

static hc_status use_certificate(struct session *self, const hc_init *init, const hc_call *call) {
    const hc_bytes *certificate = hc_find_option(init, "certificate");
    const hc_bytes *key = hc_find_option(init, "private-key");
    if (certificate && key)
        return certificate_use_files(self->ssl, *certificate, *key, call);
    if (certificate || key)
        return fail(call, HC_ERROR_OPTION, "options certificate and private-key: give both or neither");

    const hc_bytes *type = hc_find_option(init, "key-type");
    const int rsa = is(type, "rsa");
    if (!rsa && !is(type, "ecdsa"))
        return fail(call, HC_ERROR_OPTION, "option key-type: give ecdsa or rsa");
    self->certificate = certificate_acquire(self->host, init->stream_id, rsa);
    if (!self->certificate || !certificate_use(self->certificate, self->ssl))
        return fail(call, HC_ERROR_INTERNAL, "no certificate could be made");
    return HC_PENDING;
}

static hc_status prepare(struct session *self, const hc_init *init, const hc_call *call) {
    if (init->mtu < MIN_MTU)
        return fail(call, HC_ERROR_UNSUPPORTED, "the MTU is below the 280 bytes that OpenSSL needs");
    if (!context_open(self, init->mtu))
        return fail(call, HC_ERROR_INTERNAL, "no session could be opened");
    const hc_bytes *profiles = hc_find_option(init, "srtp-profiles");
    if (!profiles || !srtp_offer(self->ssl, *profiles))
        return fail(call, HC_ERROR_OPTION, "option srtp-profiles: not all are known");
    const hc_status status = use_certificate(self, init, call);
    if (status != HC_PENDING)
        return status;
    char fingerprint[FINGERPRINT_SIZE];
    if (!fingerprint_write(SSL_get_certificate(self->ssl), fingerprint))
        return fail(call, HC_ERROR_INTERNAL, "the certificate has no fingerprint");
    return call->init_data(call, hc_text(fingerprint));
}

static hc_status init(const hc_host *host, const hc_init *init, const hc_call *call,
                      void **instance) {
    ERR_clear_error();
    struct session *self = OPENSSL_zalloc(sizeof *self);
    if (!self)
        return fail(call, HC_ERROR_INTERNAL, "out of memory");
    self->host = host;
    self->doubt_due = HC_NO_DEADLINE;
    const hc_status status = prepare(self, init, call);
    if (status == HC_PENDING)
        *instance = self;
    else
        destroy(self);
    return status;
}

static hc_status set_peer(void *instance, const hc_peer *peer, const hc_call *call) {
    struct session *self = instance;
    const hc_bytes lines = peer->init_data.len ? peer->init_data : hc_text("");
    ERR_clear_error();
    self->announced = OPENSSL_strndup((const char *)lines.data, lines.len);
    if (!self->announced)
        return fail(call, HC_ERROR_INTERNAL, "out of memory");
    if (!fingerprint_announced(self->announced))
        return fail(call, HC_ERROR_AUTHENTICATION,
                    !*self->announced || fingerprint_named(self->announced)
                        ? "the peer announced no fingerprint of SHA-256 or stronger: have it add one"
                        : "the peer's init data has no SDP attribute \"fingerprint\": does it run another plugin?");
    if (peer->role == HC_ROLE_INITIATOR)
        SSL_set_connect_state(self->ssl);
    else
        SSL_set_accept_state(self->ssl);
    return HC_PENDING;
}

/* The session is the call's until `leave`. OpenSSL's errors are the thread's, not ours alone. */
static void enter(struct session *self, const hc_call *call, hc_bytes datagram) {
    ERR_clear_error();
    self->call = call;
    self->incoming = datagram;
    self->heard = 0;
    SSL_alloc_buffers(self->ssl);
}

static hc_status leave(struct session *self, hc_status status) {
    datagrams_set_deadline(self);
    self->call = NULL;
    if (self->finished)
        SSL_free_buffers(self->ssl); // 33 KiB, which idle sessions are better without
    return status;
}

static int is_alert(unsigned long error) {
    return ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) >= SSL_AD_REASON_OFFSET;
}

static hc_status failed(struct session *self) {
    const unsigned long error = ERR_peek_error();
    switch (ERR_GET_REASON(error)) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
        if (SSL_get_verify_result(self->ssl) == X509_V_ERR_EE_KEY_TOO_SMALL)
            return fail(self->call, HC_ERROR_AUTHENTICATION,
                        "the peer's key has less than 112 bits of security: have it use ECDSA, or RSA of 2048 bits");
        return fail(self->call, HC_ERROR_AUTHENTICATION,
                    "the peer's certificate has none of the fingerprints in its init data: stale init data, or an "
                    "attacker; exchange it again");
    case SSL_R_WRONG_CURVE:
    case SSL_R_WRONG_SIGNATURE_TYPE:
    case SSL_R_UNKNOWN_CERTIFICATE_TYPE:
        return fail(self->call, HC_ERROR_PEER_REJECTED,
                    "the peer has a certificate that this plugin does not take, " TAKEN_KEYS);
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
    case SSL_R_BAD_SIGNATURE:
    case SSL_R_DIGEST_CHECK_FAILED:
        return fail(self->call, HC_ERROR_AUTHENTICATION, "the peer proved nothing");
    case ERR_R_MALLOC_FAILURE:
    case ERR_R_INTERNAL_ERROR:
        return fail(self->call, HC_ERROR_INTERNAL, "DTLS failed");
    default:
        return fail(self->call, HC_ERROR_PEER_REJECTED,
                    is_alert(error) ? "the peer sent an alert" : "no DTLS with this peer");
    }
}

static hc_status closed(struct session *self) {
    return fail(self->call, HC_ERROR_CLOSED_BY_PEER, "the peer closed the DTLS session");
}

static hc_status finish(struct session *self) {
    if (!self->authentic) // whatever OpenSSL may have let pass
        return fail(self->call, HC_ERROR_AUTHENTICATION, "the peer showed no certificate");
    const hc_status status = srtp_emit_keys(self);
    self->finished = status == HC_FINISHED;
    return status;
}

/* A ClientHello that we have no answer to: the client's, or somebody else's, whom the client's is still to follow. */
static hc_status begin_again(struct session *self) {
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    doubt(self, HC_ERROR_PEER_REJECTED, "no DTLS with this peer: %s", reason ? reason : "its ClientHello");
    self->heard = 0; // nothing valid
    if (!SSL_clear(self->ssl) || !datagrams_begin(self))
        return failed(self);
    SSL_set_accept_state(self->ssl);
    return HC_PENDING;
}

/* OpenSSL leaves the rest of a datagram where a ChangeCipherSpec comes too early, and would take it for the next. */
static int has_more(const struct session *self) {
    return self->incoming.len > 0 || SSL_has_pending(self->ssl);
}

static hc_status shake_hands(struct session *self) {
    int result, left = MOST_RECORDS;
    do
        result = SSL_do_handshake(self->ssl);
    while (SSL_get_error(self->ssl, result) == SSL_ERROR_WANT_READ && has_more(self) && left-- > 0);
    if (result == 1)
        return finish(self);
    switch (SSL_get_error(self->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return HC_PENDING;
    case SSL_ERROR_ZERO_RETURN:
        return closed(self);
    case SSL_ERROR_SYSCALL:
        if (ERR_peek_error() == 0)
            return HC_PENDING; // fragments that do not fit together
        // fall through
    default:
        return SSL_is_server(self->ssl) && !self->answered ? begin_again(self) : failed(self);
    }
}

/* After the finish. A repetition of the peer's last flight is answered with ours from within SSL_read.
 * After the twelfth OpenSSL refuses to: an error, but no reason to give up keys that are good. After any other it has
 * given the session up, and told the peer so. */
static hc_status listen(struct session *self) {
    uint8_t unwanted[1024];
    int result;
    if (self->is_deaf)
        return HC_PENDING;
    do
        result = SSL_read(self->ssl, unwanted, sizeof unwanted);
    while (result > 0); // data that the peer sends through DTLS has no taker
    if (SSL_get_error(self->ssl, result) == SSL_ERROR_ZERO_RETURN)
        return closed(self);
    if (!SSL_in_init(self->ssl)) // where OpenSSL goes when it fails
        return HC_PENDING;
    if (is_alert(ERR_peek_error()))
        return failed(self);
    self->is_deaf = ERR_GET_REASON(ERR_peek_error()) == SSL_R_READ_TIMEOUT_EXPIRED;
    return self->is_deaf ? HC_PENDING : fail(self->call, HC_ERROR_INTERNAL, "DTLS gave the finished session up");
}

static hc_status recv_from_peer(void *instance, hc_bytes datagram, const hc_call *call) {
    struct session *self = instance;
    enter(self, call, datagram);
    const hc_status status = self->finished ? listen(self) : shake_hands(self);
    if (self->heard)
        doubt_settle(self);
    return leave(self, status);
}

/* The client's first flight leaves; a server waits. */
static hc_status connection_ready(void *instance, const hc_call *call) {
    return recv_from_peer(instance, hc_slice(NULL, 0), call);
}

static hc_status on_deadline(void *instance, const hc_call *call) {
    struct session *self = instance;
    enter(self, call, hc_slice(NULL, 0));
    if (doubt_is_due(self))
        return leave(self, doubt_believe(self));
    if (DTLSv1_handle_timeout(self->ssl) < 0)
        return leave(self, failed(self));
    datagrams_repeat(self);
    return leave(self, HC_PENDING);
}

/* Sends close_notify. In the midst of a handshake there is nothing to say: OpenSSL has no
 * user_canceled. */
static hc_status say_goodbye(void *instance, const hc_call *call) {
    struct session *self = instance;
    enter(self, call, hc_slice(NULL, 0));
    if (self->finished)
        SSL_shutdown(self->ssl);
    return leave(self, HC_PENDING);
}

static hc_status export_keys(void *instance, hc_bytes label, const hc_bytes *context,
                             uint8_t *buffer, size_t len) {
    struct session *self = instance;
    if (!self->finished)
        return HC_ERROR_BAD_STATE;
    // Without extended master secret, others may share this one (RFC 7627, section 5.4).
    if (SSL_get_extms_support(self->ssl) != 1)
        return HC_ERROR_UNSUPPORTED;
    ERR_clear_error();
    const hc_bytes value = context ? *context : hc_slice(NULL, 0);
    const int ok = SSL_export_keying_material(self->ssl, buffer, len, (const char *)label.data,
                                              label.len, value.data, value.len, context != NULL);
    return ok == 1 ? HC_PENDING : HC_ERROR_UNSUPPORTED;
}

static const hc_option options[] = {
    { "certificate", NULL, "PEM file with the certificate; without it, each stream makes its own",
      HC_OPTION_FILE, 0 },
    { "private-key", NULL, "PEM file with its key, ECDSA P-256, P-384 or RSA, without a passphrase",
      HC_OPTION_FILE, 0 },
    { "key-type", "ecdsa", "key of certificates made here: ecdsa or rsa", HC_OPTION_STRING, 0 },
    { "srtp-profiles", "SRTP_AEAD_AES_256_GCM:SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80",
      "SRTP profiles, the most wanted first: these, or SRTP_AES128_CM_SHA1_32", HC_OPTION_STRING, 0 },
};

static const hc_peer_table peer = { set_peer };
static const hc_timer_table timer = { on_deadline };
static const hc_classify_table classify = { { 0, 0, 0xf0, 0xff, 0xff, 0xff, 0xff, 0xff }, NULL };
static const hc_close_table farewell = { say_goodbye };
static const hc_export_table exporter = { export_keys };

static const hc_extension extensions[] = {
    { HC_PEER, &peer, sizeof peer, HC_EXTENSION_REQUIRED },
    { HC_TIMER, &timer, sizeof timer, HC_EXTENSION_REQUIRED },
    { HC_CLASSIFY, &classify, sizeof classify, HC_EXTENSION_REQUIRED },
    { HC_CLOSE, &farewell, sizeof farewell, 0 },
    { HC_EXPORT, &exporter, sizeof exporter, 0 },
};

HC_PLUGIN("dtls-openssl", "0.1.0", HC_OWN_CLOCK,
    HC_ABOUT("DTLS-SRTP on OpenSSL", "The Handclasp authors", "MIT OR Apache-2.0",
             "DTLS 1.2 with the system's OpenSSL, ECDSA or RSA; keys for SRTP"),
    HC_DATA_TYPES("sdp-attributes:fingerprint", "srtp-keys"),
    HC_OPTIONS(options),
    HC_EXTENSIONS(extensions),
    HC_FUNCTIONS_AND_LOAD(context_load, NULL, init, connection_ready, recv_from_peer, destroy));
