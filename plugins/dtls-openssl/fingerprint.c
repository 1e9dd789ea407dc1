/* The peer is whoever holds the key of a certificate that its session description announced. */
#include "dtls.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <strings.h>

struct hash {
    const char *name;
    const EVP_MD *(*digest)(void);
};

/* The strongest first. What is missing here, such as sha-1 and md5, proves nothing. */
static const struct hash hashes[] = {
    { "sha-512", EVP_sha512 },
    { "sha-384", EVP_sha384 },
    { "sha-256", EVP_sha256 },
};
static const struct hash *const end = hashes + sizeof hashes / sizeof *hashes;
static const struct hash *const sha256 = &hashes[2];

static int write_line(const X509 *certificate, const struct hash *hash,
                      char line[FINGERPRINT_SIZE]) {
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned int len;
    if (X509_digest(certificate, hash->digest(), digest, &len) != 1)
        return 0;
    int at = snprintf(line, FINGERPRINT_SIZE, "fingerprint:%s", hash->name);
    for (unsigned int i = 0; i < len; i++)
        at += snprintf(line + at, FINGERPRINT_SIZE - (size_t)at, "%c%02X", i ? ':' : ' ', digest[i]);
    return 1;
}

/* Whether one of the lines is `text`, or begins with it. Case tells nothing apart here. */
static int has_line(const char *lines, const char *text, int whole) {
    const size_t len = strlen(text);
    for (const char *line = lines; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        const int begins = strncasecmp(line, text, len) == 0;
        if (begins && (!whole || line[len] == '\n' || line[len] == '\0'))
            return 1;
    }
    return 0;
}

/* The strongest hash that the peer used, at which the weaker ones no longer count (RFC 8122, section
 * 5): else, who can break the weakest could pass. NULL if there is none to rely on. */
static const struct hash *strongest(const char *lines) {
    for (const struct hash *hash = hashes; hash < end; hash++) {
        char prefix[FINGERPRINT_SIZE];
        snprintf(prefix, sizeof prefix, "fingerprint:%s ", hash->name);
        if (has_line(lines, prefix, 0))
            return hash;
    }
    return NULL;
}

int fingerprint_write(const X509 *certificate, char line[FINGERPRINT_SIZE]) {
    return write_line(certificate, sha256, line);
}

int fingerprint_named(const char *lines) {
    return has_line(lines, "fingerprint:", 0);
}

int fingerprint_announced(const char *lines) {
    return strongest(lines) != NULL;
}

int fingerprint_matches(const char *lines, const X509 *certificate) {
    const struct hash *hash = strongest(lines);
    char line[FINGERPRINT_SIZE];
    return hash && write_line(certificate, hash, line) && has_line(lines, line, 1);
}
