/* As little as a handshake can be: each side says hello once, and is done when it has heard the other. */
#include "handclasp.h"
#include <stdlib.h>

struct minimal {
    int said;
};

static hc_status init(const hc_host *host, const hc_init *init, const hc_call *call, void **instance) {
    (void)host, (void)init;
    *instance = calloc(1, sizeof(struct minimal));
    return *instance ? HC_PENDING : hc_fail(call, HC_ERROR_INTERNAL, "out of memory");
}

static hc_status say(void *instance, const hc_call *call) {
    struct minimal *self = instance;
    if (!self->said)
        hc_send(call, "hello", 5);
    self->said = 1;
    return HC_PENDING;
}

static hc_status hear(void *instance, hc_bytes datagram, const hc_call *call) {
    if (datagram.len != 5 || memcmp(datagram.data, "hello", 5) != 0)
        return HC_PENDING;
    say(instance, call);
    call->handshake_data(call, hc_text("minimal"));
    return HC_FINISHED;
}

HC_PLUGIN("minimal", "1.0.0", 0,
    HC_ABOUT("Minimal", "Handclasp", "MIT", "Says hello once"),
    HC_DATA_TYPES(NULL, "text"),
    HC_NO_OPTIONS,
    HC_NO_EXTENSIONS,
    HC_FUNCTIONS(init, say, hear, free));
