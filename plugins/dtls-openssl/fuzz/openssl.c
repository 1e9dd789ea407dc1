/* Two instances, what their peers announce of themselves, and datagrams on their way that are changed, repeated,
 * lost or made up. */
#include "../test/host.h"

#include <strings.h>

/* Virtual time after which no more of it passes at an input's word. */
#define LATEST (120 * SECOND)
#define CONTENT_HANDSHAKE 22

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* ------------------------------------------------------------------ the input */
struct input {
    const uint8_t *at;
    size_t left;
};

/* The next byte; 0 if there is none. */
static uint8_t byte(struct input *input) {
    return input->left ? (input->left--, *input->at++) : 0;
}

static uint16_t word(struct input *input) {
    const uint8_t high = byte(input);
    return (uint16_t)(high << 8 | byte(input));
}

/* As many as the next byte says, if there are. */
static hc_bytes bytes(struct input *input) {
    size_t len = byte(input);
    len = len < input->left ? len : input->left;
    const hc_bytes taken = { input->at, len };
    input->at += len, input->left -= len;
    return taken;
}

/* ------------------------------------------------------------------ two sides */
static struct side owners[4]; /* the certificates are theirs, and made once */

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    CHECK(handclasp_plugin.load() == HC_PENDING);
    longest_wait = 5 * SECOND; // for a server whose client has left
    for (uint64_t i = 0; i < 4; i++) {
        struct options options = plain;
        options.key_type = i & 1 ? "rsa" : "ecdsa";
        CHECK(make(&owners[i], 1 + i, options) == HC_PENDING);
    }
    return 0;
}

static int is_ready[2];

static struct side *other(const struct side *self) {
    return self == &a ? &b : &a;
}

static void open(struct side *self, struct input *input) {
    static const uint32_t mtus[] = { 1200, 280, 1500, 2000 };
    static const char *const profiles[] = { "SRTP_AEAD_AES_128_GCM", "SRTP_AES128_CM_SHA1_80" };
    const uint8_t choice = byte(input);
    struct options options = plain;
    const int rsa = choice & 1;
    options.mtu = mtus[choice >> 1 & 3];
    if ((choice >> 3 & 7) < 2)
        options.profiles = profiles[choice >> 3 & 7];
    CHECK(make(self, (self == &a ? 1 : 3) + (uint64_t)rsa, options) == HC_PENDING);
    is_ready[self == &b] = 0;
}

static void get_ready(struct side *self) {
    if (is_live(self) && !is_ready[self == &b])
        ready(self);
    is_ready[self == &b] = 1;
}

/* ------------------------------------------------------------------ datagrams */
/* What the host lets through. */
static void arrive(struct side *self, const void *data, size_t len) {
    if (len > 0 && *(const uint8_t *)data >= 20 && *(const uint8_t *)data < 64 && is_live(self))
        receive(self, data, len);
}

static void next(struct side *from, int lost) {
    if (from->head == from->tail)
        return;
    const struct datagram *datagram = &from->queue[from->head++ % QUEUE];
    if (!lost)
        arrive(other(from), datagram->data, datagram->len);
}

/* One of those that `from` has sent; an empty one if there is none. */
static struct datagram sent(const struct side *from, uint8_t which) {
    static const struct datagram none;
    const size_t kept = from->tail < QUEUE ? from->tail : QUEUE;
    return kept ? from->queue[(from->tail - 1 - which % kept) % QUEUE] : none;
}

/* Bytes that change, where it is cut, and what is added of another datagram. */
static void change(struct datagram *datagram, const struct datagram *splice, struct input *input) {
    const uint8_t choice = byte(input);
    for (int i = choice & 3; i > 0 && datagram->len; i--) {
        const size_t place = word(input) % datagram->len;
        datagram->data[place] ^= byte(input);
    }
    if (choice & 4)
        datagram->len = word(input) % (datagram->len + 1);
    if (choice & 8 && splice->len) {
        const size_t from = word(input) % splice->len, room = sizeof datagram->data - datagram->len;
        const size_t len = splice->len - from < room ? splice->len - from : room;
        memmove(datagram->data + datagram->len, splice->data + from, len);
        datagram->len += len;
    }
}

static int contains(hc_bytes lines, hc_bytes text) {
    for (size_t at = 0; at + text.len <= lines.len; at++)
        if (strncasecmp((const char *)lines.data + at, (const char *)text.data, text.len) == 0)
            return 1;
    return 0;
}

/* Tells it of its peer: the truth, that changed, or anything, and anything before it. Returns whether its peer's
 * fingerprint is in it: else it must not finish. */
static int announce(struct side *self, struct input *input) {
    const uint8_t choice = byte(input);
    const char *truth = other(self)->init_data;
    const hc_bytes made = choice & 1 ? bytes(input) : hc_text("");
    struct datagram told = { strlen(truth), { 0 } };
    memcpy(told.data, truth, told.len);
    if (choice & 2)
        change(&told, &told, input);
    uint8_t *lines = malloc(made.len + told.len); // the sanitizer sees a read beyond it
    memcpy(lines, made.data, made.len);
    memcpy(lines + made.len, told.data, told.len);
    const hc_bytes all = { lines, made.len + told.len };
    const int is_there = contains(all, hc_text(strchr(truth, ' ')));
    introduce(self, self == &a ? HC_ROLE_INITIATOR : HC_ROLE_RESPONDER, all);
    free(lines);
    return is_there;
}

/* A record that OpenSSL reads to its end: with a handshake's message in it, or anything. */
static void made(struct side *self, struct input *input) {
    const uint8_t choice = byte(input), type = (uint8_t)(20 + choice % 5);
    const uint16_t sequence = word(input);
    const uint8_t message = byte(input), number = byte(input);
    const hc_bytes body = bytes(input);
    uint8_t data[13 + 12 + 255] = { type, 0xfe, choice & 0x40 ? 0xfd : 0xff, 0, choice >> 7 };
    size_t at = 13;
    data[9] = (uint8_t)(sequence >> 8), data[10] = (uint8_t)sequence;
    if (type == CONTENT_HANDSHAKE) {
        const uint8_t len = (uint8_t)body.len;
        const uint8_t head[12] = { message, 0, 0, len, 0, number, 0, 0, 0, 0, 0, len };
        memcpy(data + at, head, sizeof head);
        at += sizeof head;
    }
    memcpy(data + at, body.data, body.len);
    at += body.len;
    data[11] = (uint8_t)((at - 13) >> 8), data[12] = (uint8_t)(at - 13);
    arrive(self, data, at);
}

/* ------------------------------------------------------------------ what happens */
static int lossy(const struct side *from) {
    (void)from;
    return 1;
}

static void pass(loss *lost, uint64_t span) {
    const uint64_t end = now_ns + span;
    run(lost, end);
    now_ns = end;
}

static void export(struct side *self, struct input *input) {
    const hc_export_table *exporter = table(HC_EXPORT);
    uint8_t keys[64];
    const hc_bytes label = bytes(input), context = bytes(input);
    const hc_status status = exporter->exporter(self->instance, label, &context, keys, sizeof keys);
    CHECK((status == HC_ERROR_BAD_STATE) == (self->status != HC_FINISHED));
}

/* Something that happens to a side. */
static void step(struct input *input) {
    const uint8_t choice = byte(input);
    struct side *self = choice & 1 ? &b : &a;
    switch (choice >> 1 & 7) {
    case 0:
        get_ready(self);
        break;
    case 1:
        next(other(self), 0);
        break;
    case 2:
        next(other(self), choice & 0x10);
        break;
    case 3: {
        struct datagram changed = sent(choice & 0x10 ? self : other(self), byte(input));
        const struct datagram splice = sent(choice & 0x20 ? self : other(self), byte(input));
        change(&changed, &splice, input);
        arrive(self, changed.data, changed.len);
        break;
    }
    case 4:
        made(self, input);
        break;
    case 5: {
        const hc_bytes any = bytes(input);
        arrive(self, any.data, any.len);
        break;
    }
    case 6: {
        const uint64_t span = SECOND / 20 * byte(input);
        if (now_ns + span <= LATEST)
            pass(choice & 0x10 ? lossy : lossless, span);
        break;
    }
    case 7:
        if (is_live(self) && choice >= 0xf0)
            leave(self);
        else if (is_live(self))
            export(self, input);
        break;
    }
}

/* Brings both to some state of a handshake, from before its first datagram to after its last. */
static void begin(struct input *input) {
    uint8_t datagrams = byte(input) & 0x1f;
    if (datagrams == 0)
        return;
    get_ready(&b);
    get_ready(&a);
    for (; datagrams > 1; datagrams--)
        next(a.head < a.tail ? &a : &b, 0);
}

/* The queue has room for what a call sends; the oldest datagrams are lost. */
static void make_room(struct side *self) {
    if (self->tail - self->head > QUEUE / 2)
        self->head = self->tail - QUEUE / 2;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    struct input input = { data, len };
    now_ns = SECOND;
    open(&a, &input);
    open(&b, &input);
    const int a_is_told = announce(&a, &input), b_is_told = announce(&b, &input);
    begin(&input);
    while (input.left) {
        step(&input);
        make_room(&a);
        make_room(&b);
    }
    get_ready(&b);
    get_ready(&a);
    pass(lossless, 3 * SECOND);
    CHECK((a.status == HC_FINISHED) == (a.key_len > 0) && (a_is_told || !a.key_len));
    CHECK((b.status == HC_FINISHED) == (b.key_len > 0) && (b_is_told || !b.key_len));
    if (a.key_len && b.key_len)
        check_agreed();
    destroy();
    return 0;
}
