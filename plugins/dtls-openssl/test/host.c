#include "host.h"

#include <sys/time.h>

uint64_t now_ns = SECOND;

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    (void)zone;
    time->tv_sec = (time_t)(1000000 + now_ns / SECOND);
    time->tv_usec = (suseconds_t)(now_ns % SECOND / 1000);
    return 0;
}

/* ------------------------------------------------------------------ a host */
static uint32_t no_log(const hc_host *host, uint32_t level) {
    (void)host, (void)level;
    return 0;
}

static void ignore(const hc_host *host, uint32_t level, hc_bytes text) {
    (void)host, (void)level, (void)text;
}

static uint32_t keylog_enabled(const hc_host *host) {
    (void)host;
    return (uint32_t)key_log_wanted;
}

static void keylog(const hc_host *host, hc_bytes line) {
    CHECK(key_log_wanted);
    CHECK(line.len > 13 && memcmp(line.data, "CLIENT_RANDOM", 13) == 0);
    ++*(int *)host->ctx;
}

int key_lines;
int key_log_wanted = 1;
static const hc_host host = { sizeof host, 0, &key_lines, no_log, ignore, keylog_enabled,
                              keylog, NULL, NULL };

static hc_status packet(const hc_call *call, hc_bytes datagram) {
    struct side *self = call->ctx;
    CHECK(datagram.len > 0 && datagram.len <= self->mtu);
    CHECK(self->tail - self->head < QUEUE);
    struct datagram *slot = &self->queue[self->tail++ % QUEUE];
    CHECK(datagram.len <= sizeof slot->data);
    slot->len = datagram.len;
    memcpy(slot->data, datagram.data, datagram.len);
    CHECK(++self->sent <= HC_MAX_PACKETS / 2); // a flight, not several
    return HC_PENDING;
}

static hc_status init_data(const hc_call *call, hc_bytes data) {
    struct side *self = call->ctx;
    CHECK(data.len < sizeof self->init_data);
    memcpy(self->init_data, data.data, data.len);
    return HC_PENDING;
}

static hc_status handshake_data(const hc_call *call, hc_bytes data) {
    struct side *self = call->ctx;
    CHECK(self->key_len == 0 && data.len <= sizeof self->keys);
    memcpy(self->keys, data.data, data.len);
    self->key_len = data.len;
    return HC_PENDING;
}

static hc_status deadline(const hc_call *call, uint64_t at_ns) {
    ((struct side *)call->ctx)->deadline = at_ns;
    return HC_PENDING;
}

static hc_status error(const hc_call *call, hc_bytes sentence) {
    struct side *self = call->ctx;
    snprintf(self->error, sizeof self->error, "%.*s", (int)sentence.len, (const char *)sentence.data);
    return HC_PENDING;
}

static hc_call call_of(struct side *self) {
    self->sent = 0;
    return (hc_call){ sizeof(hc_call), 0, now_ns, self, packet, init_data, handshake_data, deadline,
                      error };
}

const void *table(const char *id) {
    for (size_t i = 0; i < handclasp_plugin.extension_count; i++)
        if (strcmp(handclasp_plugin.extensions[i].id, id) == 0)
            return handclasp_plugin.extensions[i].table;
    return NULL;
}

/* ------------------------------------------------------------------ two sides */
static const char all_profiles[] = "SRTP_AEAD_AES_256_GCM:SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80";
const struct options plain = { "ecdsa", all_profiles, 1200, NULL, NULL };

hc_status make(struct side *self, uint64_t stream_id, struct options options) {
    hc_setting settings[4] = { { hc_text("key-type"), hc_text(options.key_type) },
                               { hc_text("srtp-profiles"), hc_text(options.profiles) } };
    size_t count = 2;
    if (options.certificate)
        settings[count++] = (hc_setting){ hc_text("certificate"), hc_text(options.certificate) };
    if (options.key)
        settings[count++] = (hc_setting){ hc_text("private-key"), hc_text(options.key) };
    const hc_init init = { sizeof init, 1, 1, options.mtu, stream_id, stream_id, settings, count };
    memset(self, 0, sizeof *self);
    self->mtu = options.mtu;
    self->deadline = HC_NO_DEADLINE;
    const hc_call call = call_of(self);
    return handclasp_plugin.init(&host, &init, &call, &self->instance);
}

/* Notes the outcome; a status after the first finish is only in `now`. */
static void note(struct side *self, hc_status status) {
    self->now = status;
    if (self->status == HC_PENDING)
        self->status = status;
}

void introduce(struct side *self, uint32_t role, hc_bytes lines) {
    const hc_peer_table *peers = table(HC_PEER);
    const hc_peer peer = { sizeof peer, role, lines };
    const hc_call call = call_of(self);
    note(self, peers->set_peer(self->instance, &peer, &call));
}

void ready(struct side *self) {
    const hc_call call = call_of(self);
    note(self, handclasp_plugin.connection_ready(self->instance, &call));
}

void receive(struct side *self, const void *data, size_t len) {
    uint8_t *exact = malloc(len); // the sanitizer sees a read beyond it
    memcpy(exact, data, len);
    const hc_call call = call_of(self);
    note(self, handclasp_plugin.recv_from_peer(self->instance, hc_slice(exact, len), &call));
    free(exact);
}

hc_status leave(struct side *self) {
    const hc_close_table *farewell = table(HC_CLOSE);
    const hc_call call = call_of(self);
    self->has_left = 1;
    return farewell->close(self->instance, &call);
}

int is_live(const struct side *self) {
    return self->now >= 0 && !self->has_left;
}

struct side a, b;
uint64_t longest_wait = SECOND;

int lossless(const struct side *from) {
    (void)from;
    return 0;
}

static void deliver(struct side *from, struct side *to, loss *lost) {
    while (from->head < from->tail) {
        const struct datagram datagram = from->queue[from->head++ % QUEUE];
        if (is_live(to) && !lost(from))
            receive(to, datagram.data, datagram.len);
    }
}

static int at_deadline(struct side *self) {
    if (!is_live(self) || self->deadline > now_ns)
        return 0;
    const hc_timer_table *timer = table(HC_TIMER);
    const hc_call call = call_of(self);
    self->deadline = HC_NO_DEADLINE;
    note(self, timer->on_deadline(self->instance, &call));
    return 1;
}

void run(loss *lost, uint64_t end_ns) {
    for (;;) {
        while (a.head < a.tail || b.head < b.tail) {
            deliver(&a, &b, lost);
            deliver(&b, &a, lost);
        }
        if (at_deadline(&a) || at_deadline(&b))
            continue;
        const uint64_t a_next = is_live(&a) ? a.deadline : HC_NO_DEADLINE;
        const uint64_t b_next = is_live(&b) ? b.deadline : HC_NO_DEADLINE;
        const uint64_t next = a_next < b_next ? a_next : b_next;
        if (next > end_ns)
            return;
        CHECK(next <= now_ns + longest_wait);
        now_ns = next;
    }
}

void destroy(void) {
    handclasp_plugin.destroy(a.instance);
    handclasp_plugin.destroy(b.instance);
}

void meet(struct options for_a, struct options for_b) {
    CHECK(make(&a, 1, for_a) == HC_PENDING && make(&b, 2, for_b) == HC_PENDING);
    introduce(&a, HC_ROLE_INITIATOR, hc_text(b.init_data));
    introduce(&b, HC_ROLE_RESPONDER, hc_text(a.init_data));
}

void check_agreed(void) {
    const size_t half = (a.key_len - 4) / 2;
    CHECK(a.key_len == b.key_len && memcmp(a.keys, b.keys, 4) == 0);
    CHECK(memcmp(a.keys + 4, b.keys + 4 + half, half) == 0);
    CHECK(memcmp(a.keys + 4 + half, b.keys + 4, half) == 0);
    const hc_export_table *exporter = table(HC_EXPORT);
    uint8_t client_key[16]; // comes first (RFC 5764, section 4.2)
    exporter->exporter(a.instance, hc_text("EXTRACTOR-dtls_srtp"), NULL, client_key, 16);
    CHECK(memcmp(a.keys + 4, client_key, 16) == 0);
}

void shake(loss *lost, uint64_t seconds) {
    ready(&b);
    ready(&a);
    run(lost, now_ns + seconds * SECOND);
}

void check_finished(void) {
    CHECK(a.status == HC_FINISHED && b.status == HC_FINISHED);
    check_agreed();
}
