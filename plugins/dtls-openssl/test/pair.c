/* Two instances shake hands. */
#include "host.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <pthread.h>

static void shake(loss *lost, uint64_t seconds) {
    ready(&b);
    ready(&a);
    run(lost, now_ns + seconds * SECOND);
}

static void check_finished(void) {
    CHECK(a.status == HC_FINISHED && b.status == HC_FINISHED);
    check_agreed();
}

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
            CHECK(b.status == HC_ERROR_PEER_REJECTED && a.key_len == 0 && b.key_len == 0);
        destroy();
    }
}

static void the_server_checks_too(void) {
    CHECK(make(&a, 1, plain) == HC_PENDING && make(&b, 2, plain) == HC_PENDING);
    introduce(&a, HC_ROLE_INITIATOR, hc_text(b.init_data));
    introduce(&b, HC_ROLE_RESPONDER, hc_text(b.init_data));
    shake(lossless, 1);
    CHECK(b.status == HC_ERROR_AUTHENTICATION && a.status == HC_ERROR_PEER_REJECTED);
    CHECK(a.key_len == 0 && b.key_len == 0 && strstr(b.error, "fingerprint"));
    destroy();
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

static void a_stream_has_one_certificate(void) {
    static struct side second;
    char first[sizeof a.init_data];
    CHECK(make(&a, 7, plain) == HC_PENDING && make(&second, 7, plain) == HC_PENDING);
    CHECK(make(&b, 7 + 1024, plain) == HC_PENDING);
    CHECK(strcmp(a.init_data, second.init_data) == 0 && strcmp(a.init_data, b.init_data) != 0);
    memcpy(first, a.init_data, sizeof first);
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
    options = plain, options.mtu = 279;
    CHECK(make(&a, 1, options) == HC_ERROR_UNSUPPORTED);
}

/* A certificate and its key in one file, which serves both options. */
static void write_pem(const char *path, EVP_PKEY *key) {
    X509 *x509 = X509_new();
    FILE *file = fopen(path, "w");
    CHECK(key && x509 && file && X509_gmtime_adj(X509_getm_notBefore(x509), 0)
          && X509_gmtime_adj(X509_getm_notAfter(x509), 3600) && X509_set_pubkey(x509, key)
          && X509_sign(x509, key, EVP_sha256()));
    CHECK(PEM_write_X509(file, x509) && PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL));
    fclose(file);
    X509_free(x509);
    EVP_PKEY_free(key);
}

static void certificates_come_from_files(void) {
    static const char rsa[] = "test/rsa.pem", p256[] = "test/p256.pem", p384[] = "test/p384.pem";
    static const struct {
        const char *certificate, *key;
        hc_status status;
    } cases[] = {
        { rsa, rsa, HC_PENDING },          { p256, p256, HC_PENDING },
        { p384, p384, HC_ERROR_OPTION },   { rsa, p256, HC_ERROR_OPTION },
        { rsa, NULL, HC_ERROR_OPTION },    { NULL, p256, HC_ERROR_OPTION },
        { "test", rsa, HC_ERROR_OPTION },  { rsa, "test/none.pem", HC_ERROR_OPTION },
    };
    write_pem(rsa, EVP_RSA_gen(2048));
    write_pem(p256, EVP_EC_gen("P-256"));
    write_pem(p384, EVP_EC_gen("P-384"));
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
    remove(rsa), remove(p256), remove(p384);
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
    garbage_is_absorbed();
    a_forged_alert_after_the_finish_is_absorbed();
    a_farewell_arrives();
    both_sides_export_the_same();
    a_stream_has_one_certificate();
    threads_share();
    puts("all tests passed");
    return 0;
}
