/*
 * handclasp.h: the contract between a Handclasp host and its handshake plugins.
 *
 * The host connects two peers over ICE (RFC 8445). A plugin, which is a shared library that exports
 * one constant, performs the handshake on each ICE component: it is lent datagrams and the time, and
 * answers with datagrams, a deadline and, in the end, keys. It opens no socket and reads no clock.
 *
 * A complete plugin. Each side asks until it is answered, and answers whenever it is asked:
 *
 * ---- hello.c: cc -shared -fPIC -fvisibility=hidden hello.c -o hello.so
 * #include "handclasp.h"
 * #include <stdlib.h>
 *
 * struct hello { int finished; };
 *
 * static hc_status init(const hc_host *host, const hc_init *init, const hc_call *call,
 *                       void **instance) {
 *     (void)host, (void)init;
 *     *instance = calloc(1, sizeof(struct hello));
 *     return *instance ? HC_PENDING : hc_fail(call, HC_ERROR_INTERNAL, "out of memory");
 * }
 *
 * static hc_status ask(void *instance, const hc_call *call) {
 *     (void)instance;
 *     call->packet(call, hc_text("?"));
 *     call->deadline(call, call->now_ns + 250 * HC_MILLISECOND); // ask again: UDP loses datagrams
 *     return HC_PENDING;
 * }
 *
 * static hc_status hear(void *instance, hc_bytes datagram, const hc_call *call) {
 *     struct hello *self = instance;
 *     if (datagram.data[0] == '?')
 *         call->packet(call, hc_text("!hello")); // finished or not: the last answer may be lost
 *     if (datagram.data[0] != '!' || self->finished)
 *         return HC_PENDING; // a duplicate, or nonsense: neither is a failure
 *     self->finished = 1;
 *     call->deadline(call, HC_NO_DEADLINE);
 *     call->handshake_data(call, hc_slice(datagram.data + 1, datagram.len - 1));
 *     return HC_FINISHED;
 * }
 *
 * static const hc_timer_table timer = { ask };
 * static const hc_classify_table classify = {
 *     { ['!' / 8] = 1 << '!' % 8, ['?' / 8] = 1 << '?' % 8 }, NULL
 * };
 * static const hc_extension extensions[] = {
 *     { HC_TIMER, &timer, sizeof timer, HC_EXTENSION_REQUIRED },
 *     { HC_CLASSIFY, &classify, sizeof classify, HC_EXTENSION_REQUIRED },
 * };
 *
 * HC_PLUGIN("hello", "1.0.0", 0,
 *     HC_ABOUT("Hello", "Handclasp", "MIT", "Asks until it is answered; authenticates nobody"),
 *     HC_DATA_TYPES(NULL, "text"),
 *     HC_NO_OPTIONS,
 *     HC_EXTENSIONS(extensions),
 *     HC_FUNCTIONS(init, ask, hear, free));
 * ----
 *
 * Lifecycle
 *  1. The host reads the descriptor from the file. No code of the library has run.
 *  2. On first use it maps the library and calls `load`. It never unmaps it.
 *  3. `init` makes an instance for one component, before candidates are gathered. What it emits as
 *     init data travels to the peer with the session description.
 *  4. `set_peer` (hc.peer/1) brings the role and the peer's init data.
 *  5. `connection_ready`, once, however often ICE restarts: there is a usable selected pair.
 *  6. `recv_from_peer` for each datagram, perhaps before 5: the peer's ICE can be ahead of ours. What
 *     is emitted before 5 is kept, and leaves first. `on_deadline` (hc.timer/1), `on_wake` (hc.wake/1).
 *  7. One of these emits the handshake data and returns HC_FINISHED. `connection_ready` comes no more;
 *     6 goes on for what hc.classify/1 calls the handshake's: the peer may have lost our last flight.
 *  8. `close` (hc.close/1) may emit a farewell.
 *  9. `destroy`, exactly once for each instance, also after a failure.
 * 10. `unload`, when the host needs the library no more; `load` may follow again.
 *
 * Threads
 *  [thread-safe]  called on any thread, at any time, several times at once.
 *  [instance]     one call at a time on one instance, on changing threads; other instances run in
 *                 parallel. Only `init` may take long: others make every component nearby wait.
 *  [in-call]      called by the plugin, on the thread of the call it was lent to, until that returns.
 *                 The host never calls back from within.
 *
 * Processes. A plugin cannot tell whether it runs in the host's process or in a worker process of its own.
 * Either serves many instances, of several streams. A worker may end at any time, without `destroy` or
 * `unload`: leave nothing in the system that only these would remove.
 *
 * Memory never changes owner. What a pointer argument leads to is lent until the function returns, and
 * both sides copy what they keep. What lives longer says so. What the host lends empty is NULL with
 * length 0.
 *
 * Failures. A negative status fails one instance, and nothing else; only `destroy` follows. So does
 * what breaks the contract: an unknown status, a second HC_FINISHED, data in the wrong call, a packet
 * over the MTU, too many packets, a null with a length. No exception or panic may leave a function: the
 * host cannot catch it, and its process ends with a line that names plugin and function.
 *
 * Growth. No struct grows within a major version, and a released extension is frozen: what is new gets
 * a new extension id. Statuses and flags are appended. Who writes a struct sets `struct_size` to its
 * sizeof, and a host refuses any other than its own; `reserved` is 0. While the major version is 0, host
 * and plugin must agree on the minor one as well.
 */
#ifndef HANDCLASP_H
#define HANDCLASP_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifdef _WIN32
#define HC_CDECL __cdecl
#define HC_VISIBLE __declspec(dllexport)
#define HC_BIG_ENDIAN UINT32_C(0)
#else
#define HC_CDECL
#define HC_VISIBLE __attribute__((visibility("default")))
#define HC_BIG_ENDIAN ((uint32_t)(__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__))
#endif

#define HC_MAGIC UINT64_C(0x50534c43444e4148) /* HANDCLSP, as a little-endian machine stores it */
#define HC_ABI_MAJOR UINT32_C(0)
#define HC_ABI_MINOR UINT32_C(2)

/* FNV-1a 64 of the declarations below, without comments and with each run of white space as one
 * space: tells a reordering where all sizes stay equal. A test of the project recomputes it. */
#define HC_DECLARATIONS UINT64_C(0x9b665d151d3bdca8)

#ifdef __cplusplus
extern "C" {
#endif
/* begin HC_DECLARATIONS */

/* ------------------------------------------------------------------ statuses and bytes */
/* What a function answers. Negative is failure. A number keeps its meaning for ever. */
typedef int32_t hc_status;

#define HC_PENDING ((hc_status)0)               /* all is well; from an emitter: taken */
#define HC_FINISHED ((hc_status)1)              /* the handshake succeeded, just now; said once */
#define HC_DISCARDED ((hc_status)2)             /* drop this datagram: hc.transport/1 only */
#define HC_ERROR_OPTION ((hc_status)-1)         /* an option's value cannot be used */
#define HC_ERROR_PEER_REJECTED ((hc_status)-2)  /* the peer refused us: an alert, no common cipher */
#define HC_ERROR_AUTHENTICATION ((hc_status)-3) /* the peer is not who it should be */
#define HC_ERROR_CLOSED_BY_PEER ((hc_status)-4) /* a farewell: an orderly end after HC_FINISHED */
#define HC_ERROR_BAD_STATE ((hc_status)-5)      /* not now: a call out of its order */
#define HC_ERROR_UNSUPPORTED ((hc_status)-6)    /* never: this side lacks what was asked for */
#define HC_ERROR_INTERNAL ((hc_status)-7)       /* out of memory, a broken invariant */
#define HC_ERROR_PANIC ((hc_status)-8)          /* an exception or panic, caught in the plugin */

/* Lent bytes. `data` may be null only if `len` is 0. */
typedef struct hc_bytes {
    const uint8_t *data;
    size_t len;
} hc_bytes;

/* ------------------------------------------------------------------ options and extensions */
#define HC_OPTION_STRING UINT32_C(0)
#define HC_OPTION_INTEGER UINT32_C(1)  /* reaches `init` in decimal */
#define HC_OPTION_BOOLEAN UINT32_C(2)  /* reaches `init` as `true` or `false` */
#define HC_OPTION_FILE UINT32_C(3)     /* the path of a file that the plugin reads */
#define HC_OPTION_REQUIRED UINT32_C(1) /* without a value, `init` is not called */
#define HC_OPTION_SECRET UINT32_C(2)   /* the host never shows or logs the value */
#define HC_OPTION_REPEATED UINT32_C(4) /* may be given several times */

/* An option the plugin takes. The host checks what it is given against this before `init`: of a file, too,
 * that it is there, regular and readable. A worker's sandbox lets the plugin read exactly these files. */
typedef struct hc_option {
    const char *key;           /* not empty, unique in this plugin */
    const char *default_value; /* NULL: none */
    const char *help;          /* one line, for people */
    uint32_t type;             /* HC_OPTION_STRING, _INTEGER, _BOOLEAN or _FILE */
    uint32_t flags;            /* HC_OPTION_REQUIRED | _SECRET | _REPEATED */
} hc_option;

/* `hc_extension.flags`: a host that lacks this extension refuses the plugin. */
#define HC_EXTENSION_REQUIRED UINT32_C(1)

/* An extension the plugin implements: see the second half of this file. Every host has peer, timer,
 * classify and close, and passes over an id it does not know unless that is required. */
typedef struct hc_extension {
    const char *id;      /* HC_PEER and so on */
    const void *table;   /* an hc_peer_table and so on; constant, as the descriptor is */
    uint32_t table_size; /* sizeof that table */
    uint32_t flags;
} hc_extension;

/* ------------------------------------------------------------------ the host */
#define HC_LOG_ERROR UINT32_C(1)
#define HC_LOG_WARN UINT32_C(2)
#define HC_LOG_INFO UINT32_C(3)
#define HC_LOG_DEBUG UINT32_C(4)
#define HC_LOG_TRACE UINT32_C(5)

/* What a host offers at any moment, to any thread, a destructor of thread-local variables included: it
 * stays valid as long as the process. Once its host is gone `log_enabled` and `keylog_enabled` return 0, and
 * `log`, `keylog` and `wake` do nothing. No function unwinds or ends the process. Keep the pointer in the
 * instance, not in a global: one plugin file may serve two hosts. */
typedef struct hc_host hc_host;
struct hc_host {
    uint32_t struct_size;
    uint32_t reserved;
    void *ctx; /* the host's */

    /* [thread-safe] Returns non-zero if a message of this level has a reader. */
    uint32_t (HC_CDECL *log_enabled)(const hc_host *host, uint32_t level);

    /* [thread-safe] Logs one line of UTF-8. No secrets: logs leave the machine. */
    void (HC_CDECL *log)(const hc_host *host, uint32_t level, hc_bytes message);

    /* [thread-safe] Returns non-zero if the operator asked for a key log. If not, derive no lines. */
    uint32_t (HC_CDECL *keylog_enabled)(const hc_host *host);

    /* [thread-safe] Takes a line of the NSS key log format, without its end. The line goes nowhere unless
     * the operator asked for it. */
    void (HC_CDECL *keylog)(const hc_host *host, hc_bytes line);

    /* [thread-safe] Fills `buffer` from the operating system's CSPRNG.
     * Returns HC_PENDING, or a negative status: then the buffer is not random. */
    hc_status (HC_CDECL *random)(const hc_host *host, uint8_t *buffer, size_t len);

    /* [thread-safe] Returns the host's table of an extension, which is valid as long as this one; NULL
     * if there is none. */
    const void *(HC_CDECL *extension)(const hc_host *host, const char *id);
};

/* One option's value: UTF-8, no terminating zero. */
typedef struct hc_setting {
    hc_bytes key;
    hc_bytes value;
} hc_setting;

/* What an instance is made for; lent for `init`. */
typedef struct hc_init {
    uint32_t struct_size;
    uint32_t component_id; /* 1..component_count: RTP is 1, RTCP is 2 */
    uint32_t component_count;
    uint32_t mtu;         /* bytes a packet may have: UDP payload, relay overhead taken off */
    uint64_t stream_id;   /* one for all components: they share a certificate */
    uint64_t instance_id; /* neither id is ever reused in this host */
    const hc_setting *options; /* with defaults filled in; a repeated option repeats its key */
    size_t option_count;
} hc_init;

/* ------------------------------------------------------------------ a call */
#define HC_MAX_PACKETS UINT32_C(64)         /* in one call */
#define HC_MAX_PACKET_BYTES UINT32_C(65536) /* in one call, all packets together */
#define HC_NO_DEADLINE UINT64_MAX

/* The time, and what a call leaves behind. The emitters return HC_PENDING or a negative status, which
 * the plugin may ignore: the host remembers. Packets of a failing call are still sent, so that an
 * alert gets out; its handshake data is erased. */
typedef struct hc_call hc_call;
struct hc_call {
    uint32_t struct_size;
    uint32_t reserved;
    uint64_t now_ns; /* monotonic, since some moment in the past: a plugin's only clock */
    void *ctx;       /* the host's */

    /* [in-call] Sends the peer one datagram of at most `mtu` bytes. An empty one is not sent. */
    hc_status (HC_CDECL *packet)(const hc_call *call, hc_bytes datagram);

    /* [in-call] What the peer's `set_peer` will see. Only in `init`, at most once. */
    hc_status (HC_CDECL *init_data)(const hc_call *call, hc_bytes data);

    /* [in-call] What the application gets: keys, as a rule. Only in the call that returns HC_FINISHED,
     * at most once. The host wipes it when the component ends, and never logs it. */
    hc_status (HC_CDECL *handshake_data)(const hc_call *call, hc_bytes data);

    /* [in-call] When to call `on_deadline`, on the scale of `now_ns`: see hc.timer/1. */
    hc_status (HC_CDECL *deadline)(const hc_call *call, uint64_t at_ns);

    /* [in-call] A sentence of UTF-8 for people: the reason if this call fails, else a warning. */
    hc_status (HC_CDECL *error)(const hc_call *call, hc_bytes sentence);
};

/* ------------------------------------------------------------------ the descriptor */
/* `hc_plugin.flags`: what is inside reads the system's clock, as OpenSSL's DTLS does. Such a plugin
 * sets its deadlines to `now_ns` + the time remaining, and again when it is woken early. */
#define HC_OWN_CLOCK UINT32_C(1)

/* `hc_plugin.flags`: after `load` the plugin needs more of the system than memory, threads, clocks and the
 * files that its options name: sockets, devices or other processes, as PKCS#11 and a remote signer do. A
 * worker in a sandbox refuses such a plugin unless the operator allowed it by its id. */
#define HC_NEEDS_SYSTEM UINT32_C(2)

/* One library, one handshake, one of these. Constant, and all that it leads to. Text is UTF-8. Up to
 * `version` it holds no pointer, so that a host can read it from the file. */
typedef struct hc_plugin {
    uint64_t magic;
    uint64_t declarations;
    uint32_t abi_major;
    uint32_t abi_minor;
    uint32_t pointer_bytes;
    uint32_t big_endian; /* 1 or 0 */
    uint32_t struct_size;
    uint32_t flags;   /* HC_OWN_CLOCK | HC_NEEDS_SYSTEM */
    char id[48];      /* what an operator types: a-z, 0-9, `-`, the first no `-`; ends with a zero */
    char version[24]; /* the plugin's own; ends with a zero */
    const char *name;
    const char *vendor;
    const char *license;     /* an SPDX expression */
    const char *description; /* one line */

    /* The formats of what `init_data` and `handshake_data` emit; NULL if nothing. A host knows
     *   sdp-attributes:<names>  such as `sdp-attributes:fingerprint,tls-id`: lines `name:value`, no CR.
     *                           They go into the media section, and the peer's to `set_peer`.
     *   srtp-keys               profile (IANA, 2 bytes, big endian), key length (1), salt length (1),
     *                           local key, local salt, remote key, remote salt.
     * All others are opaque; SDP carries init data of theirs as `a=handclasp-init:<id> <base64>`.
     * Handshake data of theirs goes to the application as it is. Both peers may emit the same bytes, or each
     * its own view, its local key and then the remote one: `handclasp check` takes either, and warns of what
     * is neither. */
    const char *init_data_type;
    const char *handshake_data_type;

    const hc_option *options;
    size_t option_count;
    const hc_extension *extensions;
    size_t extension_count;
    const void *rust_layout; /* for the Rust SDK; NULL in C */
    const void *reserved;    /* NULL */

    /* [thread-safe] May be NULL. Comes before a host's first `init`, and more than once in a process
     * that has several hosts. Returns HC_PENDING or a negative status. */
    hc_status (HC_CDECL *load)(void);

    /* [thread-safe] May be NULL. Undoes one successful `load`. */
    void (HC_CDECL *unload)(void);

    /* [instance] Stores a new instance, the plugin's own, in `*instance`. May take long.
     * Returns HC_PENDING; HC_FINISHED if there is nothing to agree on, and then the instance may be
     * NULL; a negative status, and then not even `destroy` follows: leave nothing behind. */
    hc_status (HC_CDECL *init)(const hc_host *host, const hc_init *init, const hc_call *call,
                               void **instance);

    /* [instance] Packets can reach the peer from now on: the one who starts, starts.
     * Returns HC_PENDING, HC_FINISHED or a negative status. */
    hc_status (HC_CDECL *connection_ready)(void *instance, const hc_call *call);

    /* [instance] A datagram, never empty, from an address ICE has validated, which keeps bystanders
     * out but no attacker on the path. Bad input is no failure: ignore it and return HC_PENDING.
     * Returns HC_PENDING, HC_FINISHED or a negative status. */
    hc_status (HC_CDECL *recv_from_peer)(void *instance, hc_bytes datagram, const hc_call *call);

    /* [instance] Frees the instance, which is not NULL. Returns only when no thread of the plugin's
     * uses the instance any more. */
    void (HC_CDECL *destroy)(void *instance);
} hc_plugin;

/* The one symbol a plugin exports; HC_PLUGIN defines it. */
HC_VISIBLE extern const hc_plugin handclasp_plugin;

/* ------------------------------------------------------------------ hc.peer/1: who is there
 * `set_peer` comes once, after `init` returned HC_PENDING and before any `connection_ready`,
 * `recv_from_peer` or `on_deadline`; until the host knows the peer, it holds these back. Why: a
 * handshake must know whom to expect before it believes a byte. One that authenticates marks this
 * extension required. */
#define HC_PEER "hc.peer/1"
#define HC_ROLE_INITIATOR UINT32_C(1) /* from offer and answer or the application, not from ICE */
#define HC_ROLE_RESPONDER UINT32_C(2)
typedef struct hc_peer {
    uint32_t struct_size;
    uint32_t role;      /* this side's; it never changes */
    hc_bytes init_data; /* what the peer's `init` emitted; NULL with length 0 if that was nothing */
} hc_peer;

typedef struct hc_peer_table {
    /* [instance] Returns HC_PENDING, HC_FINISHED or a negative status. */
    hc_status (HC_CDECL *set_peer)(void *instance, const hc_peer *peer, const hc_call *call);
} hc_peer_table;

/* ------------------------------------------------------------------ hc.timer/1: retransmission
 * A deadline holds until it is reached, replaced or cleared with HC_NO_DEADLINE; the last one set in a
 * call counts. It is cleared just before `on_deadline`, and by failure. One in the past means soon. An
 * early call is legal: look at `now_ns`. Retransmit after 250 ms at most, then at least every second,
 * without a limit: the host has a timeout. Why: with 1 s and four retries, 5 % of DTLS handshakes
 * failed where 30 % of the datagrams were lost. */
#define HC_TIMER "hc.timer/1"
typedef struct hc_timer_table {
    /* [instance] Returns HC_PENDING, HC_FINISHED or a negative status. */
    hc_status (HC_CDECL *on_deadline)(void *instance, const hc_call *call);
} hc_timer_table;

/* ------------------------------------------------------------------ hc.classify/1: whose datagram
 * The handshake's are those whose first byte is in the map and, if `is_handshake` is not NULL, for
 * which that answers non-zero. The rest is dropped while the handshake runs, and the application's
 * once it has finished. Without this extension, all are the handshake's until it finishes, and then
 * none. Why: a peer that lost our last flight repeats its own, and its first media may overtake its
 * handshake. The map alone costs no call. Choose bytes in 20..63, apart from STUN and RTP (RFC 7983);
 * all of them, as DTLS does, are { 0, 0, 0xf0, 0xff, 0xff, 0xff, 0xff, 0xff }. */
#define HC_CLASSIFY "hc.classify/1"
typedef struct hc_classify_table {
    uint8_t first_bytes[32]; /* byte v is bit v % 8, counted from the lowest, of first_bytes[v / 8] */

    /* [instance] May be NULL. Changes nothing. Returns non-zero for the handshake's. */
    uint32_t (HC_CDECL *is_handshake)(void *instance, hc_bytes datagram);
} hc_classify_table;

/* ------------------------------------------------------------------ hc.close/1: a farewell
 * `close` comes at most once, right before `destroy`, and never after a failure. Why: a peer that is
 * told (DTLS close_notify) need not wait for consent to run out. */
#define HC_CLOSE "hc.close/1"
typedef struct hc_close_table {
    /* [instance] Emits the closing packets. Returns HC_PENDING or a negative status. */
    hc_status (HC_CDECL *close)(void *instance, const hc_call *call);
} hc_close_table;

/* ------------------------------------------------------------------ hc.wake/1: work elsewhere
 * `wake` asks for a call of `on_wake`. Several may become one, one may come unasked, and an unknown id
 * does nothing. Why: a key in hardware or a remote signer takes its time, on a thread of the plugin's;
 * `recv_from_peer` must not wait for it. */
#define HC_WAKE "hc.wake/1"
typedef struct hc_wake_table {
    /* [instance] Returns HC_PENDING, HC_FINISHED or a negative status. */
    hc_status (HC_CDECL *on_wake)(void *instance, const hc_call *call);
} hc_wake_table;

/* What `hc_host.extension` returns for HC_WAKE. */
typedef struct hc_wake_host {
    /* [thread-safe] Takes the id from `hc_init`. */
    void (HC_CDECL *wake)(const hc_host *host, uint64_t instance_id);
} hc_wake_host;

/* ------------------------------------------------------------------ hc.export/1: more keys
 * Derives keys from a finished handshake, as RFC 5705 does. A null `context` is none, which differs
 * from an empty one. Why: what runs above can bind itself to this handshake, and make no other. */
#define HC_EXPORT "hc.export/1"
typedef struct hc_export_table {
    /* [instance] Fills all of `buffer`. Returns HC_PENDING; HC_ERROR_BAD_STATE before HC_FINISHED;
     * HC_ERROR_UNSUPPORTED for a label or length it does not serve. None of them fails the instance. */
    hc_status (HC_CDECL *exporter)(void *instance, hc_bytes label, const hc_bytes *context,
                                   uint8_t *buffer, size_t len);
} hc_export_table;

/* ------------------------------------------------------------------ reserved */
#define HC_TRANSPORT "hc.transport/1" /* one datagram in, one out, in place: SRTP, Noise */
#define HC_MESSAGE "hc.message/1"     /* messages that are not one datagram each: SCTP over DTLS */

/* end HC_DECLARATIONS */
#ifdef __cplusplus
}
#endif

/* ------------------------------------------------------------------ sizes
 * With pointers of 64 and of 32 bits. No struct has padding, wherever 64-bit integers are aligned. */
#ifdef __cplusplus
#define HC_ASSERT static_assert
#else
#define HC_ASSERT _Static_assert
#endif
#define HC_SIZE(type, size_64, size_32) \
    HC_ASSERT(sizeof(type) == (sizeof(void *) == 8 ? (size_64) : (size_32)), "the size of " #type)
HC_SIZE(hc_bytes, 16, 8);
HC_SIZE(hc_option, 32, 20);
HC_SIZE(hc_extension, 24, 16);
HC_SIZE(hc_host, 64, 36);
HC_SIZE(hc_setting, 32, 16);
HC_SIZE(hc_init, 48, 40);
HC_SIZE(hc_call, 64, 40);
HC_SIZE(hc_plugin, 256, 184);
HC_SIZE(hc_peer, 24, 16);
HC_SIZE(hc_peer_table, 8, 4);
HC_SIZE(hc_timer_table, 8, 4);
HC_SIZE(hc_classify_table, 40, 36);
HC_SIZE(hc_close_table, 8, 4);
HC_SIZE(hc_wake_table, 8, 4);
HC_SIZE(hc_wake_host, 8, 4);
HC_SIZE(hc_export_table, 8, 4);
#undef HC_SIZE
#undef HC_ASSERT

/* ------------------------------------------------------------------ defining a plugin
 * One statement in C and C++; the example above has one. Options and extensions are arrays. Build with
 * -fvisibility=hidden (and -Wl,--exclude-libs,ALL if you link archives): a visible symbol can be
 * hijacked by its namesake elsewhere in the process. */
#define HC_PLUGIN(id, version, flags, about, data_types, options, extensions, functions)            \
    const hc_plugin handclasp_plugin = {                                                            \
        HC_MAGIC, HC_DECLARATIONS, HC_ABI_MAJOR, HC_ABI_MINOR, (uint32_t)sizeof(void *),            \
        HC_BIG_ENDIAN, (uint32_t)sizeof(hc_plugin), flags, id, version, about, data_types, options, \
        extensions, NULL, NULL, functions                                                                 \
    }
#define HC_ABOUT(name, vendor, license, description) name, vendor, license, description
#define HC_DATA_TYPES(init_data, handshake_data) init_data, handshake_data
#define HC_OPTIONS(array) array, sizeof(array) / sizeof(*(array))
#define HC_NO_OPTIONS NULL, 0
#define HC_EXTENSIONS HC_OPTIONS
#define HC_NO_EXTENSIONS HC_NO_OPTIONS
#define HC_FUNCTIONS(init, connection_ready, recv_from_peer, destroy) \
    NULL, NULL, init, connection_ready, recv_from_peer, destroy
#define HC_FUNCTIONS_AND_LOAD(load, unload, init, connection_ready, recv_from_peer, destroy) \
    load, unload, init, connection_ready, recv_from_peer, destroy

/* ------------------------------------------------------------------ shorthand
 * No part of the contract: each compiles into the plugin. */
#define HC_MILLISECOND UINT64_C(1000000) /* in the unit of `now_ns` */

static inline hc_bytes hc_slice(const void *data, size_t len) {
    hc_bytes bytes = { (const uint8_t *)data, len };
    return bytes;
}

static inline hc_bytes hc_text(const char *text) { /* all but the zero at its end */
    return hc_slice(text, strlen(text));
}

static inline hc_status hc_send(const hc_call *call, const void *packet, size_t len) {
    return call->packet(call, hc_slice(packet, len));
}

static inline hc_status hc_fail(const hc_call *call, hc_status status, const char *sentence) {
    call->error(call, hc_text(sentence));
    return status;
}

#ifdef __MINGW_PRINTF_FORMAT
#define HC_PRINTF(at, values) __attribute__((format(__MINGW_PRINTF_FORMAT, at, values)))
#elif defined(__GNUC__)
#define HC_PRINTF(at, values) __attribute__((format(printf, at, values)))
#else
#define HC_PRINTF(at, values)
#endif

/* The same, as printf writes it. What is longer than 511 bytes is cut. */
HC_PRINTF(3, 4)
static inline hc_status hc_failf(const hc_call *call, hc_status status, const char *format, ...) {
    char sentence[512] = "";
    va_list values;
    va_start(values, format);
    (void)vsnprintf(sentence, sizeof sentence, format, values);
    va_end(values);
    return hc_fail(call, status, sentence);
}

static inline void hc_log(const hc_host *host, uint32_t level, const char *message) {
    if (host->log_enabled(host, level))
        host->log(host, level, hc_text(message));
}

/* The first value of an option, lent for `init`; NULL if it has neither a value nor a default. */
static inline const hc_bytes *hc_find_option(const hc_init *init, const char *key) {
    const size_t len = strlen(key);
    for (size_t i = 0; i < init->option_count; i++) {
        const hc_setting *setting = &init->options[i];
        if (setting->key.len == len && memcmp(setting->key.data, key, len) == 0)
            return &setting->value;
    }
    return NULL;
}

#endif
