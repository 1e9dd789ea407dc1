/* Every extension of this version. Each side asks "?h" at each deadline until it is answered "!h", and says "#h"
 * at the end. Being woken asks at once. */
#include "handclasp.h"
#include <stdlib.h>

struct extensions {
    const hc_host *host;
    uint64_t id;
    int finished;
};

static hc_status init(const hc_host *host, const hc_init *init, const hc_call *call, void **instance) {
    struct extensions *self = calloc(1, sizeof *self);
    if (!self)
        return hc_fail(call, HC_ERROR_INTERNAL, "out of memory");
    if (!host->extension(host, HC_WAKE)) {
        free(self);
        return hc_fail(call, HC_ERROR_UNSUPPORTED, "this host has no hc.wake/1");
    }
    self->host = host;
    self->id = init->instance_id;
    call->init_data(call, hc_text("extensions"));
    *instance = self;
    return HC_PENDING;
}

static hc_status set_peer(void *instance, const hc_peer *peer, const hc_call *call) {
    (void)instance;
    if (peer->role != HC_ROLE_INITIATOR && peer->role != HC_ROLE_RESPONDER)
        return hc_fail(call, HC_ERROR_INTERNAL, "there is no such role");
    if (peer->init_data.len != 10 || memcmp(peer->init_data.data, "extensions", 10) != 0)
        return hc_fail(call, HC_ERROR_PEER_REJECTED, "the peer is another plugin");
    return HC_PENDING;
}

static hc_status connection_ready(void *instance, const hc_call *call) {
    struct extensions *self = instance;
    const hc_wake_host *wake = self->host->extension(self->host, HC_WAKE);
    wake->wake(self->host, self->id);
    call->deadline(call, call->now_ns + 250 * HC_MILLISECOND);
    return HC_PENDING;
}

static hc_status ask(void *instance, const hc_call *call) {
    const struct extensions *self = instance;
    if (!self->finished) {
        hc_send(call, "?h", 2);
        call->deadline(call, call->now_ns + 250 * HC_MILLISECOND);
    }
    return HC_PENDING;
}

static hc_status hear(void *instance, hc_bytes datagram, const hc_call *call) {
    struct extensions *self = instance;
    if (datagram.data[0] == '#')
        return HC_ERROR_CLOSED_BY_PEER;
    if (datagram.data[0] == '?')
        hc_send(call, "!h", 2);
    if (datagram.data[0] != '!' || self->finished)
        return HC_PENDING;
    self->finished = 1;
    call->deadline(call, HC_NO_DEADLINE);
    call->handshake_data(call, hc_text("extensions"));
    return HC_FINISHED;
}

static uint32_t is_handshake(void *instance, hc_bytes datagram) {
    (void)instance;
    return datagram.len == 2 && datagram.data[1] == 'h';
}

static hc_status say_goodbye(void *instance, const hc_call *call) {
    (void)instance;
    hc_send(call, "#h", 2);
    return HC_PENDING;
}

/* Length of the label, whether there is a context, zeros. */
static hc_status exporter(void *instance, hc_bytes label, const hc_bytes *context, uint8_t *buffer,
                          size_t len) {
    const struct extensions *self = instance;
    if (!self->finished)
        return HC_ERROR_BAD_STATE;
    if (len < 2)
        return HC_ERROR_UNSUPPORTED;
    memset(buffer, 0, len);
    buffer[0] = (uint8_t)label.len;
    buffer[1] = context != NULL;
    return HC_PENDING;
}

static const hc_peer_table peer = { set_peer };
static const hc_timer_table timer = { ask };
static const hc_classify_table classify = {
    { ['!' / 8] = 1 << '!' % 8 | 1 << '#' % 8, ['?' / 8] = (uint8_t)(1 << '?' % 8) }, is_handshake
};
static const hc_close_table farewell = { say_goodbye };
static const hc_wake_table wake = { ask };
static const hc_export_table export = { exporter };
static const hc_extension extensions[] = {
    { HC_PEER, &peer, sizeof peer, HC_EXTENSION_REQUIRED },
    { HC_TIMER, &timer, sizeof timer, HC_EXTENSION_REQUIRED },
    { HC_CLASSIFY, &classify, sizeof classify, HC_EXTENSION_REQUIRED },
    { HC_CLOSE, &farewell, sizeof farewell, HC_EXTENSION_REQUIRED },
    { HC_WAKE, &wake, sizeof wake, HC_EXTENSION_REQUIRED },
    { HC_EXPORT, &export, sizeof export, HC_EXTENSION_REQUIRED },
    { "org.example.unknown/1", NULL, 0, 0 },
};

HC_PLUGIN("extensions", "1.0.0", 0,
    HC_ABOUT("Extensions", "Handclasp", "MIT", "Uses every extension"),
    HC_DATA_TYPES("text", "text"),
    HC_NO_OPTIONS,
    HC_EXTENSIONS(extensions),
    HC_FUNCTIONS(init, connection_ready, hear, free));
