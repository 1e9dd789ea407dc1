/* A handshake that never ends and does nothing: what is left of a call is the way into the library. */
#include "handclasp.h"

static int one;

static hc_status HC_CDECL init(const hc_host *host, const hc_init *parameters, const hc_call *call,
                               void **instance) {
    (void)host, (void)parameters, (void)call;
    *instance = &one;
    return HC_PENDING;
}

static hc_status HC_CDECL connection_ready(void *instance, const hc_call *call) {
    (void)instance, (void)call;
    return HC_PENDING;
}

hc_status HC_CDECL noop_recv_from_peer(void *instance, hc_bytes datagram, const hc_call *call);

hc_status HC_CDECL noop_recv_from_peer(void *instance, hc_bytes datagram, const hc_call *call) {
    (void)instance, (void)datagram, (void)call;
    return HC_PENDING;
}

static void HC_CDECL destroy(void *instance) {
    (void)instance;
}

HC_PLUGIN("noop", "1.0.0", 0,
    HC_ABOUT("No-op", "The Handclasp authors", "MIT OR Apache-2.0", "Does nothing, to be measured"),
    HC_DATA_TYPES(NULL, NULL),
    HC_NO_OPTIONS,
    HC_NO_EXTENSIONS,
    HC_FUNCTIONS(init, connection_ready, noop_recv_from_peer, destroy));
