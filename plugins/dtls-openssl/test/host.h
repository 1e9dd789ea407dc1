/* A host in small, with two instances that shake hands through the header alone. OpenSSL's clock is ours, so
 * that minutes of lost packets pass in no time. */
#ifndef HOST_H
#define HOST_H

#include "handclasp.h"

#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition)                                                                  \
    do {                                                                                  \
        if (!(condition)) {                                                               \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition); \
            abort();                                                                      \
        }                                                                                 \
    } while (0)

#define SECOND (1000 * HC_MILLISECOND)
#define QUEUE 256

struct datagram {
    size_t len;
    uint8_t data[2048];
};

struct side {
    void *instance;
    hc_status status; /* of the handshake: the first that was not PENDING */
    hc_status now;    /* of the last call */
    int has_left;     /* it was closed */
    uint64_t deadline;
    uint32_t mtu;
    unsigned int sent; /* in this call */
    char init_data[256];
    char error[256];
    uint8_t keys[128];
    size_t key_len;
    struct datagram queue[QUEUE]; /* on its way to the peer; what was lies there until it is overwritten */
    size_t head, tail;
};

struct options {
    const char *key_type;
    const char *profiles;
    uint32_t mtu;
    const char *certificate, *key; /* files; NULL for none */
};

extern uint64_t now_ns;
extern int key_lines;      /* that the host was given */
extern int key_log_wanted; /* whether it asks for them; it does */
extern struct side a, b;   /* a starts: the DTLS client */
extern const struct options plain;
extern uint64_t longest_wait; /* between two deadlines: each second something is repeated, unless a test says otherwise */

/* A table of the plugin's; NULL if it has none of this id. */
const void *table(const char *id);

/* Calls into the plugin: none but its end follows `leave` or a negative status. */
hc_status make(struct side *self, uint64_t stream_id, struct options options);
void introduce(struct side *self, uint32_t role, hc_bytes lines);
void ready(struct side *self);
void receive(struct side *self, const void *data, size_t len);
hc_status leave(struct side *self);
int is_live(const struct side *self); /* there may be more calls */

/* Whether the next datagram of `from` is lost. */
typedef int loss(const struct side *from);
int lossless(const struct side *from);

/* Until nothing is under way and no deadline comes before `end_ns`. */
void run(loss *lost, uint64_t end_ns);

/* Both are ready, the server first; then `run` for so long. */
void shake(loss *lost, uint64_t seconds);

/* Makes `a` and `b`, and tells each of the other. */
void meet(struct options for_a, struct options for_b);
void destroy(void);

/* Both have keys, which are the same. */
void check_agreed(void);

/* Both have finished, and agreed. */
void check_finished(void);

#endif
