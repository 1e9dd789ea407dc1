/* Keys for SRTP from a finished handshake (RFC 5764, RFC 7714). */
#include "dtls.h"

#include <openssl/crypto.h>
#include <openssl/srtp.h>

#define MAX_KEY 32
#define MAX_SALT 14

static const struct profile {
    const char *name;  /* OpenSSL's */
    unsigned long id;  /* IANA's */
    uint8_t key, salt; /* bytes */
} known[] = {
    { "SRTP_AES128_CM_SHA1_80", SRTP_AES128_CM_SHA1_80, 16, 14 },
    { "SRTP_AES128_CM_SHA1_32", SRTP_AES128_CM_SHA1_32, 16, 14 },
    { "SRTP_AEAD_AES_128_GCM", SRTP_AEAD_AES_128_GCM, 16, 12 },
    { "SRTP_AEAD_AES_256_GCM", SRTP_AEAD_AES_256_GCM, 32, 12 },
};
static const struct profile *const end = known + sizeof known / sizeof *known;

static const struct profile *find(const SRTP_PROTECTION_PROFILE *profile) {
    for (const struct profile *it = known; profile && it < end; it++)
        if (it->id == profile->id)
            return it;
    return NULL;
}

/* Whether all of these, with colons between them, are known: OpenSSL may know more, such as ARIA's. */
static int are_known(const char *names) {
    for (;; names++) {
        const size_t len = strcspn(names, ":");
        const struct profile *it = known;
        while (it < end && (strlen(it->name) != len || memcmp(it->name, names, len) != 0))
            it++;
        if (it == end)
            return 0;
        names += len;
        if (*names == '\0')
            return 1;
    }
}

/* Returns 0 if one of the profiles is not known. */
int srtp_offer(SSL *ssl, hc_bytes profiles) {
    char *names = OPENSSL_strndup((const char *)profiles.data, profiles.len);
    const int failed = !names || !are_known(names)
                       || SSL_set_tlsext_use_srtp(ssl, names); // which returns 0 for success
    OPENSSL_free(names);
    return !failed;
}

/* Emits `srtp-keys`. What is exported is the client's key, the server's, then both salts. */
hc_status srtp_emit_keys(struct session *self) {
    static const char label[] = "EXTRACTOR-dtls_srtp";
    const struct profile *profile = find(SSL_get_selected_srtp_profile(self->ssl));
    if (!profile)
        return fail(self->call, HC_ERROR_PEER_REJECTED, "no SRTP profile is known to both sides");
    const size_t key = profile->key, salt = profile->salt, len = 2 * (key + salt);
    uint8_t exported[2 * (MAX_KEY + MAX_SALT)];
    if (SSL_export_keying_material(self->ssl, exported, len, label, sizeof label - 1, NULL, 0, 0) != 1)
        return fail(self->call, HC_ERROR_INTERNAL, "no keys for SRTP");

    const size_t local = SSL_is_server(self->ssl) ? 1 : 0, remote = 1 - local;
    const uint8_t *keys = exported, *salts = exported + 2 * key;
    uint8_t data[4 + sizeof exported] = { (uint8_t)(profile->id >> 8), (uint8_t)profile->id,
                                          profile->key, profile->salt };
    memcpy(data + 4, keys + local * key, key);
    memcpy(data + 4 + key, salts + local * salt, salt);
    memcpy(data + 4 + key + salt, keys + remote * key, key);
    memcpy(data + 4 + 2 * key + salt, salts + remote * salt, salt);
    self->call->handshake_data(self->call, hc_slice(data, 4 + len));
    OPENSSL_cleanse(exported, sizeof exported);
    OPENSSL_cleanse(data, sizeof data);
    return HC_FINISHED;
}
