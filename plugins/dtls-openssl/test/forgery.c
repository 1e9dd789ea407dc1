/* Two instances shake hands while somebody else sends datagrams in their names. */
#include "../dtls.h"
#include "host.h"

static SSL *ssl_of(const struct side *side) {
    return ((struct session *)side->instance)->ssl;
}

/* What is forged: the record's body, and a number that no handshake comes to. */
static struct {
    uint8_t bytes[13 + 64];
    size_t len;
} forged;

static void forge(uint8_t type, const void *body, size_t len) {
    const uint8_t header[] = { type, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, (uint8_t)len };
    memcpy(forged.bytes, header, sizeof header);
    memcpy(forged.bytes + sizeof header, body, len);
    forged.len = sizeof header + len;
}

static int with_forged(const struct side *from) {
    struct side *to = from == &a ? &b : &a;
    if (is_live(to))
        receive(to, forged.bytes, forged.len);
    return 0;
}

/* Before each datagram of the handshake, and after the last. */
static void what_cannot_be_genuine_changes_nothing(void) {
    static const struct {
        uint8_t type, len, body[25];
    } kinds[] = {
        { 20, 1, { 1 } },                                              // numbered far ahead
        { 20, 0, { 0 } },
        { 20, 2, { 1, 1 } },
        { 20, 1, { 2 } },
        { 21, 2, { 2, 40 } },
        { 21, 2, { 1, 0 } },
        { 22, 0, { 0 } },
        { 22, 12, { 1, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0 } },   // 16 MB of ClientHello
        { 22, 13, { 2, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 9 } },
        { 22, 13, { 11, 0xff, 0xff, 0xff, 0, 1, 0, 0, 0, 0, 0, 1, 9 } },
        { 22, 12, { 11, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0 } },           // nothing of a Certificate
        { 22, 12, { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 } },            // HelloRequest
        { 22, 12, { 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0 } },
        { 22, 12, { 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 } },            // empty: ClientHello
        { 22, 12, { 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 } },            // ServerHello
        { 22, 12, { 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0 } },
        { 22, 12, { 11, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0 } },           // Certificate
        { 22, 12, { 14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 } },           // ServerHelloDone, in others' places
        { 22, 12, { 14, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0 } },
        { 22, 12, { 15, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0 } },           // CertificateVerify
        { 22, 12, { 16, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0 } },           // ClientKeyExchange
        { 22, 12, { 20, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0 } },           // Finished
        { 22, 24, { 20, 0, 0, 12, 0, 4, 0, 0, 0, 0, 0, 12 } },
        { 23, 4, { 'd', 'a', 't', 'a' } },
        { 24, 4, { 1, 0, 1, 0 } },
        { 26, 2, { 0, 0 } },
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        forge(kinds[i].type, kinds[i].body, kinds[i].len);
        meet(plain, plain);
        with_forged(&b), with_forged(&a);
        shake(with_forged, 3);
        check_finished();
        with_forged(&b), with_forged(&a);
        CHECK(is_live(&a) && is_live(&b));
        destroy();
    }
}

/* OpenSSL drops one at a time, and must not take the next datagram for the rest. */
static void a_datagram_of_many_records_is_read_to_its_end(void) {
    static const uint8_t one[] = { 1 };
    meet(plain, plain);
    forge(20, one, sizeof one);
    const size_t len = forged.len;
    for (; forged.len + len <= sizeof forged.bytes; forged.len += len)
        memcpy(forged.bytes + forged.len, forged.bytes, len);
    with_forged(&b), with_forged(&a);
    const uint64_t start = now_ns;
    shake(with_forged, 1);
    check_finished();
    CHECK(now_ns == start); // nothing was repeated
    destroy();
}

static int is_lost(const struct side *from) {
    (void)from;
    return 1;
}

/* RFC 6347, section 4.1.2.7. */
static void an_alert_is_believed_if_nothing_valid_follows(void) {
    static const uint8_t alert[] = { 2, 40 };
    for (int i = 0; i < 2; i++) {
        struct side *told = i ? &a : &b;
        meet(plain, plain);
        forge(21, alert, sizeof alert);
        ready(&b), ready(&a);
        with_forged(i ? &b : &a);
        run(is_lost, now_ns + 4 * SECOND);
        CHECK(told->now == HC_PENDING && strstr(told->error, "alert 40 (handshake failure) in plaintext"));
        run(is_lost, now_ns + 2 * SECOND);
        CHECK(told->status == HC_ERROR_PEER_REJECTED && strstr(told->error, "40 (handshake failure)"));
        destroy();
    }
}

static void an_alert_before_what_is_valid_is_forgotten(void) {
    static const uint8_t alert[] = { 2, 40 };
    meet(plain, plain);
    forge(21, alert, sizeof alert);
    ready(&b), ready(&a);
    with_forged(&a), with_forged(&b);
    run(is_lost, now_ns + 3 * SECOND);
    run(lossless, now_ns + 10 * SECOND);
    check_finished();
    CHECK(is_live(&a) && is_live(&b));
    destroy();
}

/* A ClientHello that is well formed, and has one suite, which nobody offers. */
static void forge_client_hello(void) {
    uint8_t hello[12 + 42] = { 1, 0, 0, 42, 0, 0, 0, 0, 0, 0, 0, 42, 0xfe, 0xfd };
    static const uint8_t rest[] = { 0, 0, 0, 2, 0, 1, 1, 0 };
    memcpy(hello + 12 + 34, rest, sizeof rest);
    forge(22, hello, sizeof hello);
}

static void a_client_without_a_common_suite_is_told_if_no_other_follows(void) {
    meet(plain, plain);
    forge_client_hello();
    with_forged(&a), with_forged(&a);
    CHECK(b.now == HC_PENDING && b.head == b.tail);
    ready(&b);
    run(is_lost, now_ns + 4 * SECOND); // time stands still while nothing is due
    CHECK(b.now == HC_PENDING && b.head == b.tail);
    run(is_lost, now_ns + 5 * SECOND);
    CHECK(b.status == HC_ERROR_PEER_REJECTED && strstr(b.error, "no shared cipher"));
    CHECK(b.head == b.tail && b.queue[0].data[0] == 21); // told in vain
    destroy();

    meet(plain, plain);
    with_forged(&a);
    shake(lossless, 10);
    check_finished();
    CHECK(is_live(&a) && is_live(&b));
    destroy();
}

/* Has the server's hello choose a suite that nobody offers. */
static int with_another_suite(const struct side *from) {
    struct datagram sent = from->queue[(from->head - 1) % QUEUE];
    const size_t session_id = 13 + 12 + 2 + 32;
    if (from != &b || sent.data[0] != 22 || sent.data[13] != 2)
        return 0;
    uint8_t *suite = &sent.data[session_id + 1 + sent.data[session_id]];
    suite[0] = 0, suite[1] = 1;
    receive(&a, sent.data, sent.len);
    return 1;
}

/* Nothing tells it from somebody else's: an alert at once would end the handshake of a server that had no part in it. */
static void a_server_that_chooses_what_was_not_offered_is_told_if_no_other_follows(void) {
    meet(plain, plain);
    ready(&b), ready(&a);
    run(with_another_suite, now_ns + 4 * SECOND);
    CHECK(a.now == HC_PENDING && strstr(a.error, "a cipher suite that was not offered; it proves nothing"));
    CHECK(b.now == HC_PENDING && !b.error[0]);
    run(with_another_suite, now_ns + 5 * SECOND); // time stands still while nothing is due
    CHECK(a.status == HC_ERROR_PEER_REJECTED);
    CHECK(strcmp(a.error, "no DTLS with this peer: it chose a cipher suite that was not offered") == 0);
    CHECK(b.now == HC_PENDING && strstr(b.error, "alert 47 (illegal parameter) in plaintext"));
    destroy();

    meet(plain, plain);
    ready(&b), ready(&a);
    run(with_another_suite, now_ns + 3 * SECOND);
    run(lossless, now_ns + 10 * SECOND);
    check_finished();
    CHECK(is_live(&a) && is_live(&b));
    destroy();
}

/* OpenSSL's memory, and whether there is any. */
static int has_memory = 1;

static void *take(size_t size, const char *file, int line) {
    (void)file, (void)line;
    return has_memory ? malloc(size) : NULL;
}

static void *resize(void *memory, size_t size, const char *file, int line) {
    (void)file, (void)line;
    return has_memory ? realloc(memory, size) : NULL;
}

static void give_back(void *memory, const char *file, int line) {
    (void)file, (void)line;
    free(memory);
}

/* Whatever it was that ended OpenSSL's session: here that there is no memory to read a record with. */
static void a_session_that_openssl_gave_up_is_a_failure(void) {
    struct side *const sides[] = { &a, &b };
    for (int i = 0; i < 2; i++) {
        uint8_t unwanted[16], ignored[13 + 24] = { 23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, 0, 24 };
        meet(plain, plain);
        shake(lossless, 1);
        check_finished();
        SSL *ssl = ssl_of(sides[i]);
        CHECK(SSL_free_buffers(ssl));
        has_memory = 0;
        CHECK(SSL_read(ssl, unwanted, sizeof unwanted) < 0);
        has_memory = 1;
        receive(sides[i], ignored, sizeof ignored);
        CHECK(sides[i]->now == HC_ERROR_INTERNAL && strstr(sides[i]->error, "gave the finished session up"));
        destroy();
    }
}

/* ------------------------------------------------------------------ a server that wants a cookie */
static int make_cookie(SSL *ssl, unsigned char *cookie, unsigned int *len) {
    (void)ssl;
    memset(cookie, 7, *len = 20);
    return 1;
}

static int check_cookie(SSL *ssl, const unsigned char *cookie, unsigned int len) {
    (void)ssl;
    return len == 20 && cookie[0] == 7;
}

static int trust_anybody(int ok, X509_STORE_CTX *store) {
    (void)ok, (void)store;
    return 1;
}

/* OpenSSL's own, with the certificate of `b`, which stays silent. */
static SSL *cookie_server(SSL_CTX *ctx) {
    SSL_CTX_set_cookie_generate_cb(ctx, make_cookie);
    SSL_CTX_set_cookie_verify_cb(ctx, check_cookie);
    SSL_CTX_set_options(ctx, SSL_OP_COOKIE_EXCHANGE | SSL_OP_NO_QUERY_MTU);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, trust_anybody);
    SSL *ssl = SSL_new(ctx);
    CHECK(ssl && SSL_use_certificate(ssl, SSL_get_certificate(ssl_of(&b)))
          && SSL_use_PrivateKey(ssl, SSL_get_privatekey(ssl_of(&b)))
          && SSL_set_tlsext_use_srtp(ssl, "SRTP_AEAD_AES_128_GCM") == 0 && SSL_set_mtu(ssl, 1200));
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    BIO_set_mem_eof_return(SSL_get_rbio(ssl), -1);
    SSL_set_accept_state(ssl);
    return ssl;
}

/* Its messages count from 1: the hello that asks for the cookie is 0. */
static void a_server_that_wants_a_cookie_gets_it(void) {
    meet(plain, plain);
    SSL_CTX *ctx = SSL_CTX_new(DTLS_server_method());
    SSL *server = cookie_server(ctx);
    int hellos = 0;
    ready(&a);
    for (int flights = 0; flights < 6 && a.status == HC_PENDING; flights++) {
        uint8_t answer[4096];
        while (a.head < a.tail) {
            const struct datagram *sent = &a.queue[a.head++ % QUEUE];
            hellos += sent->data[0] == 22 && sent->data[13] == 1;
            BIO_write(SSL_get_rbio(server), sent->data, (int)sent->len);
            SSL_do_handshake(server);
        }
        const int len = BIO_read(SSL_get_wbio(server), answer, sizeof answer);
        if (len > 0)
            receive(&a, answer, (size_t)len);
    }
    CHECK(a.status == HC_FINISHED && hellos == 2 && SSL_is_init_finished(server));
    destroy();
    SSL_free(server);
    SSL_CTX_free(ctx);
}

int main(void) {
    CHECK(CRYPTO_set_mem_functions(take, resize, give_back));
    CHECK(handclasp_plugin.load() == HC_PENDING);
    longest_wait = 5 * SECOND; // for a server that has not heard its client
    what_cannot_be_genuine_changes_nothing();
    a_datagram_of_many_records_is_read_to_its_end();
    an_alert_is_believed_if_nothing_valid_follows();
    an_alert_before_what_is_valid_is_forgotten();
    a_client_without_a_common_suite_is_told_if_no_other_follows();
    a_server_that_chooses_what_was_not_offered_is_told_if_no_other_follows();
    a_session_that_openssl_gave_up_is_a_failure();
    a_server_that_wants_a_cookie_gets_it();
    puts("all forgeries absorbed");
    return 0;
}
