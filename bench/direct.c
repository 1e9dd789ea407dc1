/* The no-op of noop.c called directly: linked with it, compiled apart from it, so that the call remains. */
#include "handclasp.h"
#include "serve.h"

#include <stdlib.h>

hc_status HC_CDECL noop_recv_from_peer(void *instance, hc_bytes datagram, const hc_call *call);

static void rounds(unsigned long count) {
    static const uint8_t datagram[64];
    static const hc_call call;
    int instance;
    for (unsigned long i = 0; i < count; i++) {
        if (noop_recv_from_peer(&instance, hc_slice(datagram, sizeof datagram), &call) != HC_PENDING) {
            abort();
        }
    }
}

int main(void) {
    return serve(rounds);
}
