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

#include <algorithm>
#include <array>
#include <cstdint>
#include <exception>
#include <initializer_list>
#include <memory>
#include <string_view>
#include <vector>

namespace {

constexpr std::size_t hash_bytes = 32, nonce_bytes = 32, shortest_secret = 16;
constexpr std::uint8_t proof_byte = 32, answer_byte = 33; // apart from STUN and RTP (RFC 7983)
constexpr std::uint64_t first_wait = 250 * HC_MILLISECOND, longest_wait = 1000 * HC_MILLISECOND;

using Hash = std::array<std::uint8_t, hash_bytes>;
using Nonce = std::array<std::uint8_t, nonce_bytes>;
using Challenge = std::array<std::uint8_t, nonce_bytes + hash_bytes>;
using Message = std::array<std::uint8_t, 1 + hash_bytes>;

// Only the constructor throws: no exception may leave a function that the host calls.
class Handshake {
public:
    explicit Handshake(hc_bytes psk) : secret(psk.data, psk.data + psk.len) {}
    Handshake(const Handshake &) = delete;
    Handshake &operator=(const Handshake &) = delete;

    ~Handshake() {
        OPENSSL_cleanse(secret.data(), secret.size());
        OPENSSL_cleanse(key.data(), key.size());
    }

    hc_status challenge(const hc_host *host, const hc_call *call) noexcept {
        Challenge challenge;
        if (host->random(host, nonce.data(), nonce.size()) != HC_PENDING ||
            !mac("challenge", { nonce }, &challenge[nonce_bytes]))
            return hc_fail(call, HC_ERROR_INTERNAL, "there is no randomness, or no HMAC-SHA-256");
        std::copy(nonce.begin(), nonce.end(), challenge.begin());
        call->init_data(call, hc_slice(challenge.data(), challenge.size()));
        return HC_PENDING;
    }

    hc_status set_peer(const hc_peer &peer, const hc_call *call) noexcept {
        if (peer.init_data.len != sizeof(Challenge))
            return hc_fail(call, HC_ERROR_PEER_REJECTED,
                           "the peer's init data is no challenge of 64 bytes: give it the same handshake");
        Nonce theirs;
        Hash expected;
        std::copy_n(peer.init_data.data, theirs.size(), theirs.begin());
        if (!mac("challenge", { theirs }, expected.data()))
            return hc_fail(call, HC_ERROR_INTERNAL, "libcrypto cannot compute HMAC-SHA-256");
        // In constant time: how long it takes tells nothing of where the two differ.
        if (CRYPTO_memcmp(expected.data(), peer.init_data.data + nonce_bytes, hash_bytes) != 0)
            return hc_fail(call, HC_ERROR_AUTHENTICATION,
                           "the peer has another psk: give both sides the same one");
        starts = peer.role == HC_ROLE_INITIATOR;
        const Nonce &first = starts ? nonce : theirs, &second = starts ? theirs : nonce;
        Message &proof = starts ? own : due, &answer = starts ? due : own;
        proof[0] = proof_byte;
        answer[0] = answer_byte;
        if (!mac("initiator", { first, second }, &proof[1]) ||
            !mac("responder", { first, second }, &answer[1]) ||
            !mac("key", { first, second }, key.data()))
            return hc_fail(call, HC_ERROR_INTERNAL, "libcrypto cannot compute HMAC-SHA-256");
        return HC_PENDING;
    }

    hc_status connection_ready(const hc_call *call) noexcept {
        if (starts)
            send_proof(call);
        return HC_PENDING;
    }

    hc_status on_deadline(const hc_call *call) noexcept {
        if (!starts || finished)
            return HC_PENDING;
        wait_ns = std::min(wait_ns * 2, longest_wait);
        send_proof(call);
        return HC_PENDING;
    }

    hc_status recv_from_peer(hc_bytes datagram, const hc_call *call) noexcept {
        if (datagram.len != due.size() ||
            CRYPTO_memcmp(datagram.data, due.data(), due.size()) != 0)
            return HC_PENDING;
        if (!starts)
            hc_send(call, own.data(), own.size());
        return finished ? HC_PENDING : finish(call);
    }

private:
    // HMAC-SHA-256(psk, label | nonces). Returns false if libcrypto fails.
    bool mac(std::string_view label, std::initializer_list<Nonce> nonces,
             std::uint8_t *out) const noexcept {
        // No label is longer than 16, and there are two nonces at most.
        std::array<std::uint8_t, 16 + 2 * nonce_bytes> text;
        auto end = std::copy(label.begin(), label.end(), text.begin());
        for (const Nonce &part : nonces)
            end = std::copy(part.begin(), part.end(), end);
        return HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), text.data(),
                    static_cast<std::size_t>(end - text.begin()), out, nullptr) != nullptr;
    }

    void send_proof(const hc_call *call) noexcept {
        hc_send(call, own.data(), own.size());
        call->deadline(call, call->now_ns + wait_ns);
    }

    hc_status finish(const hc_call *call) noexcept {
        finished = true;
        call->deadline(call, HC_NO_DEADLINE);
        call->handshake_data(call, hc_slice(key.data(), key.size()));
        return HC_FINISHED;
    }

    std::vector<std::uint8_t> secret;
    Nonce nonce{};
    Message own{}, due{}; // what this side sends, and what it waits for
    Hash key{};
    std::uint64_t wait_ns = first_wait; // from one proof to the next
    bool starts = false, finished = false;
};

Handshake *of(void *instance) {
    return static_cast<Handshake *>(instance);
}

// What the host calls.
extern "C" {

static hc_status init(const hc_host *host, const hc_init *init, const hc_call *call,
                      void **instance) {
    const hc_bytes *psk = hc_find_option(init, "psk");
    if (!psk || psk->len < shortest_secret)
        return hc_fail(call, HC_ERROR_OPTION,
                       "psk is too short to be a secret: give 16 bytes or more, such as what "
                       "`openssl rand -hex 16` prints");
    try {
        auto handshake = std::make_unique<Handshake>(*psk);
        const hc_status status = handshake->challenge(host, call);
        if (status == HC_PENDING)
            *instance = handshake.release();
        return status;
    } catch (const std::exception &error) {
        return hc_fail(call, HC_ERROR_PANIC, error.what());
    }
}

static hc_status set_peer(void *instance, const hc_peer *peer, const hc_call *call) {
    return of(instance)->set_peer(*peer, call);
}

static hc_status connection_ready(void *instance, const hc_call *call) {
    return of(instance)->connection_ready(call);
}

static hc_status recv_from_peer(void *instance, hc_bytes datagram, const hc_call *call) {
    return of(instance)->recv_from_peer(datagram, call);
}

static hc_status on_deadline(void *instance, const hc_call *call) {
    return of(instance)->on_deadline(call);
}

static void destroy(void *instance) {
    delete of(instance);
}

} // extern "C"

const hc_option options[] = {
    { "psk", nullptr, "The secret both sides share: 16 bytes or more", HC_OPTION_STRING,
      HC_OPTION_REQUIRED | HC_OPTION_SECRET },
};

const hc_peer_table peer_table = { set_peer };
const hc_timer_table timer_table = { on_deadline };
// Bytes 32 and 33 are the lowest two bits of the map's fifth byte.
static_assert(proof_byte == 32 && answer_byte == 33);
const hc_classify_table classify_table = { { 0, 0, 0, 0, 0x03 }, nullptr };
const hc_extension extensions[] = {
    { HC_PEER, &peer_table, sizeof peer_table, HC_EXTENSION_REQUIRED },
    { HC_TIMER, &timer_table, sizeof timer_table, HC_EXTENSION_REQUIRED },
    { HC_CLASSIFY, &classify_table, sizeof classify_table, HC_EXTENSION_REQUIRED },
};

} // namespace

HC_PLUGIN("@NAME@", "0.1.0", 0,
    HC_ABOUT("Pre-shared key", "Your name", "MIT", "Proves on both sides that they share a secret"),
    HC_DATA_TYPES("psk-challenge", "psk-key"),
    HC_OPTIONS(options),
    HC_EXTENSIONS(extensions),
    HC_FUNCTIONS(init, connection_ready, recv_from_peer, destroy));
