/* DTLS-SRTP (RFC 5764) on the system's OpenSSL: what the host calls. */
#include "dtls.h"

#include <openssl/err.h>

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
        return fail(call, HC_ERROR_OPTION, "option srtp-profiles: not all can be used");
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
                    "the peer announced no fingerprint of SHA-256 or stronger: have it add one");
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
        return fail(self->call, HC_ERROR_AUTHENTICATION,
                    "the peer's certificate has none of the fingerprints that it announced");
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

static hc_status shake_hands(struct session *self) {
    const int result = SSL_do_handshake(self->ssl);
    if (result == 1)
        return finish(self);
    switch (SSL_get_error(self->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return HC_PENDING;
    case SSL_ERROR_ZERO_RETURN:
        return closed(self);
    default:
        return failed(self);
    }
}

/* After the finish. A repetition of the peer's last flight is answered with ours from within SSL_read.
 * After the twelfth OpenSSL refuses to: an error, but no reason to give up keys that are good. */
static hc_status listen(struct session *self) {
    uint8_t unwanted[1024];
    int result;
    do
        result = SSL_read(self->ssl, unwanted, sizeof unwanted);
    while (result > 0); // data that the peer sends through DTLS has no taker
    switch (SSL_get_error(self->ssl, result)) {
    case SSL_ERROR_ZERO_RETURN:
        return closed(self);
    case SSL_ERROR_SSL:
        return is_alert(ERR_peek_error()) ? failed(self) : HC_PENDING;
    default:
        return HC_PENDING;
    }
}

static hc_status recv_from_peer(void *instance, hc_bytes datagram, const hc_call *call) {
    struct session *self = instance;
    enter(self, call, datagram);
    return leave(self, self->finished ? listen(self) : shake_hands(self));
}

/* The client's first flight leaves; a server waits. */
static hc_status connection_ready(void *instance, const hc_call *call) {
    return recv_from_peer(instance, hc_slice(NULL, 0), call);
}

static hc_status on_deadline(void *instance, const hc_call *call) {
    struct session *self = instance;
    enter(self, call, hc_slice(NULL, 0));
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
    ERR_clear_error();
    const hc_bytes value = context ? *context : hc_slice(NULL, 0);
    const int ok = SSL_export_keying_material(self->ssl, buffer, len, (const char *)label.data,
                                              label.len, value.data, value.len, context != NULL);
    return ok == 1 ? HC_PENDING : HC_ERROR_UNSUPPORTED;
}

static const hc_option options[] = {
    { "certificate", NULL, "PEM file with the certificate; without it, each stream makes its own",
      HC_OPTION_STRING, 0 },
    { "private-key", NULL, "PEM file with its key, ECDSA P-256 or RSA, without a passphrase",
      HC_OPTION_STRING, 0 },
    { "key-type", "ecdsa", "key of certificates made here: ecdsa or rsa", HC_OPTION_STRING, 0 },
    { "srtp-profiles", "SRTP_AEAD_AES_256_GCM:SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80",
      "SRTP profiles in OpenSSL's words, the most wanted first", HC_OPTION_STRING, 0 },
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
