// Uses what the example in the header does not: C++, options, load and unload, and each helper.
#include "handclasp.h"

static hc_status load() { return HC_PENDING; }
static void unload() {}

static hc_status init(const hc_host *host, const hc_init *init, const hc_call *call,
                      void **instance) {
    const hc_bytes *greeting = hc_find_option(init, "greeting");
    if (greeting == NULL || greeting->len > init->mtu)
        return hc_fail(call, HC_ERROR_OPTION, "the greeting does not fit into a packet");
    if (greeting->len == 0)
        return hc_failf(call, HC_ERROR_OPTION, "a greeting has 1 to %u bytes", unsigned(init->mtu));
    hc_log(host, HC_LOG_INFO, "ready");
    *instance = const_cast<hc_host *>(host);
    call->deadline(call, call->now_ns + HC_MILLISECOND);
    return HC_PENDING;
}

static hc_status connection_ready(void *, const hc_call *call) { return hc_send(call, "hi", 2); }
static hc_status recv_from_peer(void *, hc_bytes, const hc_call *) { return HC_FINISHED; }
static void destroy(void *instance) {
    hc_log(static_cast<const hc_host *>(instance), HC_LOG_DEBUG, "gone");
}

static const hc_option options[] = {
    { "greeting", "hi", "what to say first", HC_OPTION_STRING, HC_OPTION_REPEATED },
};

HC_PLUGIN("cpp", "2.1.0", HC_OWN_CLOCK,
    HC_ABOUT("C++", "Handclasp", "MIT", "Says hi and takes any answer"),
    HC_DATA_TYPES(NULL, NULL),
    HC_OPTIONS(options),
    HC_NO_EXTENSIONS,
    HC_FUNCTIONS_AND_LOAD(load, unload, init, connection_ready, recv_from_peer, destroy));
