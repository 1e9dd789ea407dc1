/*
 * What Go cannot say: the descriptor, which is constant data, and functions of the header's own types. They call
 * those that plugin.go exports, which cgo declares in _cgo_export.h, without `const`.
 */
#include "_cgo_export.h"

static hc_status init(const hc_host *host, const hc_init *init, const hc_call *call, void **instance) {
    uintptr_t handle = 0;
    const hc_status status = goInit((hc_host *)host, (hc_init *)init, (hc_call *)call, &handle);
    *instance = (void *)handle;
    return status;
}

static hc_status connection_ready(void *instance, const hc_call *call) {
    return goConnectionReady((uintptr_t)instance, (hc_call *)call);
}

static hc_status recv_from_peer(void *instance, hc_bytes datagram, const hc_call *call) {
    return goRecvFromPeer((uintptr_t)instance, datagram, (hc_call *)call);
}

static hc_status set_peer(void *instance, const hc_peer *peer, const hc_call *call) {
    return goSetPeer((uintptr_t)instance, (hc_peer *)peer, (hc_call *)call);
}

static hc_status on_deadline(void *instance, const hc_call *call) {
    return goOnDeadline((uintptr_t)instance, (hc_call *)call);
}

static void destroy(void *instance) {
    goDestroy((uintptr_t)instance);
}

static const hc_option options[] = {
    { "psk", NULL, "The secret both sides share: 16 bytes or more", HC_OPTION_STRING,
      HC_OPTION_REQUIRED | HC_OPTION_SECRET },
};

static const hc_peer_table peer_table = { set_peer };
static const hc_timer_table timer_table = { on_deadline };
static const hc_classify_table classify_table = { { [32 / 8] = 1 << 32 % 8 | 1 << 33 % 8 }, NULL };
static const hc_extension extensions[] = {
    { HC_PEER, &peer_table, sizeof peer_table, HC_EXTENSION_REQUIRED },
    { HC_TIMER, &timer_table, sizeof timer_table, HC_EXTENSION_REQUIRED },
    { HC_CLASSIFY, &classify_table, sizeof classify_table, HC_EXTENSION_REQUIRED },
};

HC_PLUGIN("psk-go", "0.1.0", 0,
    HC_ABOUT("Pre-shared key", "Handclasp", "MIT OR Apache-2.0", "Proves on both sides that they share a secret"),
    HC_DATA_TYPES("psk-challenge", "psk-key"),
    HC_OPTIONS(options),
    HC_EXTENSIONS(extensions),
    HC_FUNCTIONS(init, connection_ready, recv_from_peer, destroy));
