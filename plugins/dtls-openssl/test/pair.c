/* Two instances shake hands. */
#include "../dtls.h"
#include "host.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <sys/stat.h>

/* ------------------------------------------------------------------ tests */
static void every_mtu_holds(void) {
    static const char *const types[] = { "ecdsa", "rsa" };
    static struct side owner_a, owner_b; // the certificates are theirs, and made once
    for (int both = 0; both < 4; both++) {
        struct options for_a = plain, for_b = plain;
        for_a.key_type = types[both & 1];
        for_b.key_type = types[both >> 1];
        CHECK(make(&owner_a, 1, for_a) == HC_PENDING && make(&owner_b, 2, for_b) == HC_PENDING);
        for (uint32_t mtu = 280; mtu < 1500; mtu += 5) { // `packet` checks
            for_a.mtu = for_b.mtu = mtu;
            meet(for_a, for_b);
            shake(lossless, 1);
            check_finished();
            destroy();
        }
        handclasp_plugin.destroy(owner_a.instance);
        handclasp_plugin.destroy(owner_b.instance);
    }
}

static void keys_follow_the_profile(void) {
    static const struct {
        const char *name;
        uint8_t id;
        size_t len;
    } profiles[] = { { "SRTP_AEAD_AES_256_GCM", 8, 88 },
                     { "SRTP_AEAD_AES_128_GCM", 7, 56 },
                     { "SRTP_AES128_CM_SHA1_80", 1, 60 } };
    for (int i = 0; i < 3; i++) {
        struct options one = plain;
        one.profiles = profiles[i].name;
        key_lines = 0;
        meet(plain, one);
        shake(lossless, 1);
        check_finished();
        CHECK(a.keys[1] == profiles[i].id && a.key_len == 4 + profiles[i].len && key_lines == 2);
        destroy();
    }
    key_log_wanted = key_lines = 0; // `keylog` checks
    meet(plain, plain);
    shake(lossless, 1);
    check_finished();
    CHECK(key_lines == 0);
    destroy();
    key_log_wanted = 1;
    struct options cm = plain, gcm = plain;
    cm.profiles = "SRTP_AES128_CM_SHA1_80", gcm.profiles = "SRTP_AEAD_AES_128_GCM";
    meet(cm, gcm);
    shake(lossless, 1);
    CHECK(a.status == HC_ERROR_PEER_REJECTED && b.status == HC_ERROR_PEER_REJECTED && !a.key_len);
    destroy();
}

static uint32_t seed;

static uint32_t draw(void) {
    seed = seed * 1664525 + 1013904223;
    return seed >> 8;
}

static int three_of_ten(const struct side *from) {
    (void)from;
    return draw() % 10 < 3;
}

static void loss_only_delays(void) {
    uint64_t longest = 0;
    for (uint32_t i = 0; i < 500; i++) {
        const uint64_t start = now_ns;
        seed = i;
        meet(plain, plain);
        shake(three_of_ten, 30);
        check_finished();
        CHECK(a.now >= 0 && b.now >= 0);
        longest = now_ns - start > longest ? now_ns - start : longest;
        destroy();
    }
    printf("500 of 500 handshakes at 30 %% loss, the longest in %.2f s\n", (double)longest / SECOND);
}

static uint64_t deaf_until;

static int deaf(const struct side *from) {
    (void)from;
    return now_ns < deaf_until;
}

static int deaf_client(const struct side *from) {
    return from == &b && now_ns < deaf_until;
}

static void a_late_peer_is_met(void) {
    static loss *const losses[] = { deaf, deaf_client };
    for (int i = 0; i < 2; i++)
        for (uint64_t late = 5; late <= 60; late += 11) {
            deaf_until = now_ns + late * SECOND;
            meet(plain, plain);
            shake(losses[i], late + 5);
            check_finished();
            destroy();
        }
}

static int server_finished(const struct side *from) {
    return from == &b && b.status == HC_FINISHED && now_ns < deaf_until;
}

static void the_last_flight_is_repeated(void) {
    deaf_until = now_ns + 25 * SECOND;
    meet(plain, plain);
    shake(server_finished, 30);
    check_finished();
    destroy();
}

static void only_announced_certificates_pass(void) {
    static char wrong[sizeof b.init_data], longer[sizeof b.init_data + 3];
    static const struct {
        const char *first, *second;
        int passes;
    } cases[] = {
        { b.init_data, wrong, 1 },
        { wrong, b.init_data, 1 },
        { "fingerprint:sha-1 00:11", b.init_data, 1 },
        { wrong, wrong, 0 },
        { wrong, longer, 0 },
        { "fingerprint:sha-512 00:11", b.init_data, 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK(make(&a, 1, plain) == HC_PENDING && make(&b, 2, plain) == HC_PENDING);
        memcpy(wrong, b.init_data, sizeof wrong);
        wrong[strlen(wrong) - 1] = wrong[strlen(wrong) - 1] == '0' ? '1' : '0';
        snprintf(longer, sizeof longer, "%s:00", b.init_data);
        char lines[2 * sizeof longer];
        snprintf(lines, sizeof lines, "%s\n%s", cases[i].first, cases[i].second);
        introduce(&a, HC_ROLE_INITIATOR, hc_text(lines));
        introduce(&b, HC_ROLE_RESPONDER, hc_text(a.init_data));
        shake(lossless, 1);
        CHECK(a.status == (cases[i].passes ? HC_FINISHED : HC_ERROR_AUTHENTICATION));
        if (!cases[i].passes)
            CHECK(b.status == HC_PENDING && strstr(b.error, "in plaintext") && !a.key_len && !b.key_len);
        destroy();
    }
}

static void the_server_checks_too(void) {
    CHECK(make(&a, 1, plain) == HC_PENDING && make(&b, 2, plain) == HC_PENDING);
    introduce(&a, HC_ROLE_INITIATOR, hc_text(b.init_data));
    introduce(&b, HC_ROLE_RESPONDER, hc_text(b.init_data));
    shake(lossless, 1);
    CHECK(b.status == HC_ERROR_AUTHENTICATION && a.status == HC_PENDING && strstr(a.error, "in plaintext"));
    CHECK(a.key_len == 0 && b.key_len == 0 && strstr(b.error, "fingerprint"));
    destroy();
}

static SSL *ssl_of(const struct side *side) {
    return ((struct session *)side->instance)->ssl;
}

static X509 *certify(EVP_PKEY *key) {
    X509 *x509 = X509_new();
    CHECK(key && x509 && X509_gmtime_adj(X509_getm_notBefore(x509), 0)
          && X509_gmtime_adj(X509_getm_notAfter(x509), 3600) && X509_set_pubkey(x509, key)
          && X509_sign(x509, key, EVP_sha256()));
    return x509;
}

static void keys_below_112_bits_prove_nothing(void) {
    static const unsigned int bits[] = { 512, 1024, 1536, 2048 };
    struct side *const sides[] = { &a, &b };
    for (int i = 0; i < 8; i++) {
        struct side *weak = sides[i % 2], *other = sides[1 - i % 2];
        EVP_PKEY *key = EVP_RSA_gen(bits[i / 2]);
        X509 *x509 = certify(key);
        CHECK(make(&a, 1, plain) == HC_PENDING && make(&b, 2, plain) == HC_PENDING);
        SSL_set_security_level(ssl_of(weak), 0);
        CHECK(SSL_use_certificate(ssl_of(weak), x509) && SSL_use_PrivateKey(ssl_of(weak), key)
              && fingerprint_write(x509, weak->init_data));
        if (weak == &b) // which has its ECDSA certificate, too
            CHECK(SSL_set_cipher_list(ssl_of(&a), "ECDHE+AESGCM+aRSA"));
        introduce(&a, HC_ROLE_INITIATOR, hc_text(b.init_data));
        introduce(&b, HC_ROLE_RESPONDER, hc_text(a.init_data));
        shake(lossless, 1);
        if (bits[i / 2] == 2048) {
            check_finished();
        } else {
            CHECK(other->status == HC_ERROR_AUTHENTICATION && strstr(other->error, "112 bits"));
            CHECK(!a.key_len && !b.key_len);
        }
        destroy();
        X509_free(x509);
        EVP_PKEY_free(key);
    }
}

static void weak_hashes_prove_nothing(void) {
    static const char *const lines[] = { "", "fingerprint:sha-1 00:11", "fingerprint:md5 00:11" };
    for (int i = 0; i < 3; i++) {
        CHECK(make(&a, 1, plain) == HC_PENDING);
        introduce(&a, HC_ROLE_INITIATOR, hc_text(lines[i]));
        CHECK(a.status == HC_ERROR_AUTHENTICATION);
        handclasp_plugin.destroy(a.instance);
    }
}

/* Anything that begins as DTLS may, but carries no plaintext record that OpenSSL would believe. */
static int with_garbage(const struct side *from) {
    uint8_t garbage[1500];
    const size_t len = 1 + draw() % sizeof garbage;
    for (size_t i = 0; i < len; i++)
        garbage[i] = (uint8_t)draw();
    garbage[0] = (uint8_t)(20 + draw() % 44);
    if (len > 3 && draw() % 2)
        garbage[1] = 0xfe, garbage[2] = 0xfd, garbage[3] = 1 + garbage[3] % 200;
    receive(from == &a ? &b : &a, garbage, len);
    return 0;
}

static void garbage_is_absorbed(void) {
    for (uint32_t i = 0; i < 100; i++) {
        seed = i;
        meet(plain, plain);
        shake(with_garbage, 1);
        check_finished();
        for (int more = 0; more < 50; more++)
            with_garbage(&a), with_garbage(&b);
        CHECK(a.now == HC_PENDING && b.now == HC_PENDING);
        destroy();
    }
}

static void a_forged_alert_after_the_finish_is_absorbed(void) {
    static const uint8_t alert[] = { 21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 99, 0, 2, 2, 40 };
    meet(plain, plain);
    shake(lossless, 1);
    receive(&a, alert, sizeof alert);
    receive(&b, alert, sizeof alert);
    CHECK(a.now == HC_PENDING && b.now == HC_PENDING);
    destroy();
}

static int with_an_alert(const struct side *from) {
    static const uint8_t alert[] = { 21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 99, 0, 2, 2, 40 };
    receive(from == &a ? &b : &a, alert, sizeof alert);
    return 0;
}

static void a_forged_alert_in_the_handshake_is_a_warning(void) {
    meet(plain, plain);
    with_an_alert(&a);
    CHECK(strstr(b.error, "alert 40 (handshake failure) in plaintext"));
    b.error[0] = '\0';
    shake(with_an_alert, 1);
    check_finished();
    CHECK(strstr(a.error, "alert 40 (handshake failure) in plaintext") && !b.error[0]); // once for each
    destroy();
}

/* Records that claim to be protected, without room for what protects them, and of an epoch that never comes. */
static int with_short_records(const struct side *from) {
    struct side *to = from == &a ? &b : &a;
    uint8_t record[13 + 40] = { 0, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 5 };
    const int chacha20 = strstr(SSL_get_cipher(ssl_of(to)), "CHACHA20") != NULL;
    for (uint8_t type = 20; type < 24; type++)
        for (uint8_t len = 0; len < 40 && is_live(to); len++) {
            record[0] = type, record[12] = len;
            record[4] = len < (chacha20 ? 16 : 24) ? 1 : 2;
            uint8_t shown[sizeof record];
            CHECK(records_believed(to->instance, hc_slice(record, 13 + len), shown, sizeof shown) == 0);
            receive(to, record, 13 + len);
        }
    return 0;
}

static void short_records_are_absorbed(void) {
    static const char *const ciphers[] = { "ECDHE+AESGCM", "ECDHE+CHACHA20" };
    for (int i = 0; i < 2; i++) {
        meet(plain, plain);
        CHECK(SSL_set_cipher_list(ssl_of(&a), ciphers[i]));
        with_short_records(&b), with_short_records(&a);
        shake(with_short_records, 1);
        check_finished();
        with_short_records(&b), with_short_records(&a);
        CHECK(a.now == HC_PENDING && b.now == HC_PENDING);
        CHECK(leave(&a) == HC_PENDING); // both sessions are whole: a farewell leaves and arrives
        run(lossless, now_ns);
        CHECK(b.now == HC_ERROR_CLOSED_BY_PEER);
        destroy();
    }
}

static void a_farewell_arrives(void) {
    struct side *const sides[] = { &a, &b };
    for (int i = 0; i < 2; i++) {
        struct side *leaving = sides[i], *staying = sides[1 - i];
        meet(plain, plain);
        shake(lossless, 1);
        CHECK(leave(leaving) == HC_PENDING);
        run(lossless, now_ns);
        CHECK(staying->now == HC_ERROR_CLOSED_BY_PEER && staying->status == HC_FINISHED);
        destroy();
    }
}

static void both_sides_export_the_same(void) {
    const hc_export_table *exporter = table(HC_EXPORT);
    const hc_bytes label = hc_text("EXPERIMENTAL"), empty = hc_text("");
    uint8_t from_a[32], from_b[32], without[32];
    meet(plain, plain);
    CHECK(exporter->exporter(a.instance, label, NULL, from_a, 32) == HC_ERROR_BAD_STATE);
    shake(lossless, 1);
    CHECK(exporter->exporter(a.instance, label, &empty, from_a, 32) == HC_PENDING);
    CHECK(exporter->exporter(b.instance, label, &empty, from_b, 32) == HC_PENDING);
    CHECK(exporter->exporter(a.instance, label, NULL, without, 32) == HC_PENDING);
    CHECK(memcmp(from_a, from_b, 32) == 0 && memcmp(from_a, without, 32) != 0);
    CHECK(exporter->exporter(a.instance, hc_text("client finished"), NULL, without, 32)
          == HC_ERROR_UNSUPPORTED);
    destroy();
}

/* RFC 7627, section 5.4: a secret that somebody between the two can make the same on both ways binds nothing. */
static void without_extended_master_secret_nothing_is_exported(void) {
    const hc_export_table *exporter = table(HC_EXPORT);
    uint8_t exported[32];
    meet(plain, plain);
    SSL_set_options(ssl_of(&a), SSL_OP_NO_EXTENDED_MASTER_SECRET);
    shake(lossless, 1);
    CHECK(a.status == HC_FINISHED && b.status == HC_FINISHED);
    CHECK(exporter->exporter(a.instance, hc_text("any"), NULL, exported, 32) == HC_ERROR_UNSUPPORTED);
    CHECK(exporter->exporter(b.instance, hc_text("any"), NULL, exported, 32) == HC_ERROR_UNSUPPORTED);
    destroy();
}

static void a_stream_has_one_certificate(void) {
    static struct side second;
    char first[sizeof a.init_data];
    CHECK(make(&a, 7, plain) == HC_PENDING && make(&second, 7, plain) == HC_PENDING);
    CHECK(make(&b, 7 + 1024, plain) == HC_PENDING);
    CHECK(strcmp(a.init_data, second.init_data) == 0 && strcmp(a.init_data, b.init_data) != 0);
    memcpy(first, a.init_data, sizeof first);
    handclasp_plugin.destroy(second.instance);
    struct options rsa = plain;
    rsa.key_type = "rsa";
    CHECK(make(&second, 7, rsa) == HC_PENDING && strcmp(a.init_data, second.init_data) != 0);
    CHECK(EVP_PKEY_is_a(SSL_get_privatekey(ssl_of(&second)), "RSA"));
    handclasp_plugin.destroy(second.instance);
    destroy();
    CHECK(make(&a, 7, plain) == HC_PENDING && strcmp(a.init_data, first) != 0);
    handclasp_plugin.destroy(a.instance);
}

static void *come_and_go(void *unused) {
    (void)unused;
    struct side *side = malloc(sizeof *side);
    for (uint64_t i = 0; i < 200; i++) {
        CHECK(make(side, 1 + i % 3, plain) == HC_PENDING);
        handclasp_plugin.destroy(side->instance);
    }
    free(side);
    return NULL;
}

static void threads_share(void) {
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, come_and_go, NULL) == 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}

static void bad_options_are_named(void) {
    struct options options = plain;
    options.key_type = "dsa";
    CHECK(make(&a, 1, options) == HC_ERROR_OPTION && strstr(a.error, "key-type"));
    options = plain, options.profiles = "NONE_SUCH";
    CHECK(make(&a, 1, options) == HC_ERROR_OPTION && strstr(a.error, "srtp-profiles"));
    static const char *const profiles[] = { "", ":", "SRTP_AES128_CM_SHA1_80:", "SRTP_AEAD_ARIA_128_GCM",
                                            "SRTP_AEAD_AES_256_GCM:SRTP_ARIA_128_CTR_HMAC_SHA1_80" };
    for (size_t i = 0; i < sizeof profiles / sizeof *profiles; i++) {
        options.profiles = profiles[i];
        CHECK(make(&a, 1, options) == HC_ERROR_OPTION && strstr(a.error, "srtp-profiles"));
    }
    options = plain, options.mtu = 279;
    CHECK(make(&a, 1, options) == HC_ERROR_UNSUPPORTED);
}

/* A certificate and its key in one file, which serves both options. */
static void write_pem(const char *path, EVP_PKEY *key) {
    X509 *x509 = certify(key);
    FILE *file = fopen(path, "w");
    CHECK(file && PEM_write_X509(file, x509) && PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL));
    CHECK(chmod(path, 0600) == 0);
    fclose(file);
    X509_free(x509);
    EVP_PKEY_free(key);
}

/* Writes a file, whose key is under a passphrase if `cipher` is one; in PEM, behind a byte order mark. */
static void write_marked(const char *path, EVP_PKEY *key, const EVP_CIPHER *cipher) {
    X509 *x509 = certify(key);
    FILE *file = fopen(path, "w");
    CHECK(file && fputs("\xef\xbb\xbf", file) >= 0 && PEM_write_X509(file, x509)
          && PEM_write_PrivateKey(file, key, cipher, NULL, 0, NULL, "secret"));
    fclose(file);
    X509_free(x509);
}

static void files_of_no_use_are_named(void) {
    static const char marked[] = "test/marked.pem", secret[] = "test/secret.pem", der[] = "test/key.der";
    static const char empty[] = "test/empty.pem", none[] = "test/none.pem", other[] = "test/other.pem";
    EVP_PKEY *key = EVP_EC_gen("P-256");
    write_marked(marked, key, NULL);
    write_marked(secret, key, EVP_aes_128_cbc());
    FILE *file = fopen(der, "w");
    CHECK(file && i2d_PrivateKey_fp(file, key));
    fclose(file);
    fclose(fopen(empty, "w"));
    write_pem(other, EVP_EC_gen("P-256"));
    EVP_PKEY_free(key);
    static const struct {
        const char *certificate, *key, *sentence;
    } cases[] = {
        { marked, marked, "" },
        { marked, secret, "option private-key: test/secret.pem is encrypted: name a file with a private key in PEM "
                          "without a passphrase" },
        { marked, der, "option private-key: test/key.der is DER, not PEM: name a file with a private key in PEM "
                       "without a passphrase" },
        { der, der, "option certificate: test/key.der is DER, not PEM: name a file with a certificate in PEM" },
        { marked, empty, "option private-key: test/empty.pem is of no use: name a file with a private key in PEM "
                         "without a passphrase" },
        { none, none, "option certificate: test/none.pem cannot be read (No such file or directory): name a file "
                      "with a certificate in PEM" },
        { marked, other, "options certificate and private-key: the certificate in test/marked.pem is not that of the "
                         "key in test/other.pem" },
    };
    CHECK(chmod(marked, 0600) == 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct options options = plain;
        options.certificate = cases[i].certificate, options.key = cases[i].key;
        const int is_good = cases[i].sentence[0] == '\0';
        a.error[0] = '\0';
        CHECK(make(&a, 1, options) == (is_good ? HC_PENDING : HC_ERROR_OPTION));
        CHECK(strcmp(a.error, cases[i].sentence) == 0);
        if (is_good)
            handclasp_plugin.destroy(a.instance);
    }
    remove(marked), remove(secret), remove(der), remove(empty), remove(other);
}

static void certificates_come_from_files(void) {
    static const char rsa[] = "test/rsa.pem", p256[] = "test/p256.pem", p384[] = "test/p384.pem";
    static const char weak[] = "test/weak.pem", p521[] = "test/p521.pem";
    static const struct {
        const char *certificate, *key;
        hc_status status;
    } cases[] = {
        { rsa, rsa, HC_PENDING },          { p256, p256, HC_PENDING },
        { p384, p384, HC_PENDING },        { p521, p521, HC_ERROR_OPTION },
        { weak, weak, HC_ERROR_OPTION },   { rsa, p256, HC_ERROR_OPTION },
        { rsa, NULL, HC_ERROR_OPTION },    { NULL, p256, HC_ERROR_OPTION },
        { "test", rsa, HC_ERROR_OPTION },  { rsa, "test/none.pem", HC_ERROR_OPTION },
    };
    write_pem(rsa, EVP_RSA_gen(2048));
    write_pem(p256, EVP_EC_gen("P-256"));
    write_pem(p384, EVP_EC_gen("P-384"));
    write_pem(p521, EVP_EC_gen("P-521"));
    write_pem(weak, EVP_RSA_gen(1024));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct options options = plain;
        options.certificate = cases[i].certificate, options.key = cases[i].key;
        CHECK(make(&a, 1, options) == cases[i].status);
        if (cases[i].status != HC_PENDING)
            continue;
        handclasp_plugin.destroy(a.instance);
        meet(options, plain);
        shake(lossless, 1);
        check_finished();
        destroy();
    }
    remove(rsa), remove(p384), remove(p521), remove(weak);
    files_of_no_use_are_named();

    static const mode_t modes[] = { 0600, 0400, 0666, 0640, 0604, 0620 };
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        struct options options = plain;
        options.certificate = options.key = p256;
        CHECK(chmod(p256, modes[i]) == 0 && make(&a, 1, options) == HC_PENDING);
        CHECK((strstr(a.error, "chmod 600") != NULL) == (i > 1));
        handclasp_plugin.destroy(a.instance);
    }
    remove(p256);
}

int main(void) {
    CHECK(handclasp_plugin.load() == HC_PENDING && handclasp_plugin.load() == HC_PENDING);
    bad_options_are_named();
    certificates_come_from_files();
    every_mtu_holds();
    keys_follow_the_profile();
    loss_only_delays();
    a_late_peer_is_met();
    the_last_flight_is_repeated();
    only_announced_certificates_pass();
    the_server_checks_too();
    weak_hashes_prove_nothing();
    keys_below_112_bits_prove_nothing();
    garbage_is_absorbed();
    a_forged_alert_after_the_finish_is_absorbed();
    a_forged_alert_in_the_handshake_is_a_warning();
    short_records_are_absorbed();
    a_farewell_arrives();
    both_sides_export_the_same();
    without_extended_master_secret_nothing_is_exported();
    a_stream_has_one_certificate();
    threads_share();
    puts("all tests passed");
    return 0;
}
