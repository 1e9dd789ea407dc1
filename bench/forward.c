/* Datagrams passed on over bare sockets of the loopback interface, with the system calls that the host makes: one
 * server, and so many peers with a socket each (the argument). With one peer both send back what they receive, and
 * what neighbours there are leaves and arrives as segments. With more, one of them sends, and the server passes each
 * datagram on to all. A datagram is sent from where it was received. */
#define _GNU_SOURCE
#include "serve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

/* As in host/cli/src/bench/forward.rs, and in the host. */
enum {
    DATAGRAM = 1200, WINDOW = 108, WINDOW_TO_MANY = 8, MAX_PEERS = 1000, BATCH = 32, BUFFER = 64 * 1024,
    SEGMENTS = 65507 / DATAGRAM, MAX_BATCHES = 8, SHARED_RECEIVE_BUFFER = 4 * 1024 * 1024, PATIENCE_MS = 10000
};

struct end {
    int socket;
    struct sockaddr_in address;
};

/* What one system call takes: for each message its sender and, if there are segments, their size. */
struct inbox {
    struct mmsghdr messages[BATCH];
    struct iovec slices[BATCH];
    struct sockaddr_in senders[BATCH];
    _Alignas(struct cmsghdr) char controls[BATCH][CMSG_SPACE(sizeof(int))];
    char buffers[BATCH][BUFFER];
};

/* What leaves for many addresses in one system call. */
struct outbox {
    struct mmsghdr messages[BATCH];
    struct iovec slices[BATCH];
    unsigned count;
};

static struct end server, peers[MAX_PEERS];
static unsigned peer_count;
static unsigned long to_send, to_arrive;
static struct inbox inbox;
static struct outbox outbox;
static int poll;

static void check(int good, const char *what) {
    if (!good) {
        fprintf(stderr, "forward: %s failed: %s\n", what, strerror(errno));
        exit(1);
    }
}

static void open_end(struct end *end, unsigned number) {
    struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof end->address;
    int on = 1;
    end->socket = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    check(end->socket >= 0, "socket");
    check(bind(end->socket, (struct sockaddr *)&any, sizeof any) == 0, "bind");
    check(getsockname(end->socket, (struct sockaddr *)&end->address, &length) == 0, "getsockname");
    check(setsockopt(end->socket, IPPROTO_UDP, UDP_GRO, &on, sizeof on) == 0, "UDP_GRO");
    struct epoll_event readable = { .events = EPOLLIN | EPOLLET, .data.u32 = number };
    check(epoll_ctl(poll, EPOLL_CTL_ADD, end->socket, &readable) == 0, "epoll_ctl");
}

/* So many datagrams that lie one behind the other, as few system calls as there can be. */
static void send_segments(int socket, const struct sockaddr_in *to, const char *datagrams, size_t count) {
    while (count > 0) {
        size_t segments = count < SEGMENTS ? count : SEGMENTS;
        struct iovec slice = { (void *)(uintptr_t)datagrams, segments * DATAGRAM };
        _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(uint16_t))] = { 0 };
        struct msghdr message = { (void *)(uintptr_t)to, sizeof *to, &slice, 1, NULL, 0, 0 };
        if (segments > 1) {
            uint16_t size = DATAGRAM;
            message.msg_control = control;
            message.msg_controllen = sizeof control;
            struct cmsghdr *header = CMSG_FIRSTHDR(&message);
            header->cmsg_level = IPPROTO_UDP;
            header->cmsg_type = UDP_SEGMENT;
            header->cmsg_len = CMSG_LEN(sizeof size);
            memcpy(CMSG_DATA(header), &size, sizeof size);
        }
        check(sendmsg(socket, &message, 0) == (ssize_t)slice.iov_len, "sendmsg");
        datagrams += slice.iov_len;
        count -= segments;
    }
}

static void flush(void) {
    if (outbox.count > 0) {
        check(sendmmsg(server.socket, outbox.messages, outbox.count, 0) == (int)outbox.count, "sendmmsg");
        outbox.count = 0;
    }
}

static void pass_on(char *datagram) {
    for (unsigned peer = 0; peer < peer_count; peer++) {
        if (outbox.count == BATCH) {
            flush();
        }
        unsigned slot = outbox.count++;
        outbox.slices[slot] = (struct iovec){ datagram, DATAGRAM };
        outbox.messages[slot].msg_hdr = (struct msghdr){
            &peers[peer].address, sizeof peers[peer].address, &outbox.slices[slot], 1, NULL, 0, 0
        };
    }
}

/* A message with so many datagrams has come from an address to the server (0) or a peer (from 1). */
static void handle(unsigned number, char *datagrams, size_t count, const struct sockaddr_in *from) {
    if (number == 0 && peer_count > 1) {
        for (size_t i = 0; i < count; i++) {
            pass_on(datagrams + i * DATAGRAM);
        }
        return;
    }
    to_arrive -= count;
    if (number <= 1) {
        size_t answers = count < to_send ? count : to_send;
        to_send -= answers;
        send_segments(number == 0 ? server.socket : peers[0].socket, from, datagrams, answers);
    }
}

static void receive(unsigned number) {
    int socket = number == 0 ? server.socket : peers[number - 1].socket;
    for (int batch = 0; batch < MAX_BATCHES; batch++) {
        for (unsigned i = 0; i < BATCH; i++) {
            inbox.slices[i] = (struct iovec){ inbox.buffers[i], BUFFER };
            inbox.messages[i].msg_hdr = (struct msghdr){
                &inbox.senders[i], sizeof inbox.senders[i], &inbox.slices[i], 1,
                inbox.controls[i], sizeof inbox.controls[i], 0
            };
        }
        int received = recvmmsg(socket, inbox.messages, BATCH, 0, NULL);
        if (received < 0 && errno == EAGAIN) {
            return;
        }
        check(received > 0, "recvmmsg");
        for (int i = 0; i < received; i++) {
            size_t length = inbox.messages[i].msg_len;
            check(length > 0 && length % DATAGRAM == 0, "receiving whole datagrams");
            handle(number, inbox.buffers[i], length / DATAGRAM, &inbox.senders[i]);
        }
        flush();
        if (received < BATCH) {
            return;
        }
    }
    check(0, "receiving no more than is under way");
}

static void rounds(unsigned long count) {
    static char first[WINDOW * DATAGRAM];
    static struct epoll_event events[1 + MAX_PEERS];
    unsigned long window = peer_count > 1 ? WINDOW_TO_MANY : WINDOW;
    unsigned long begun = count < window ? count : window;
    to_send = count - begun;
    to_arrive = count * peer_count;
    send_segments(peers[0].socket, &server.address, first, begun);
    while (to_arrive > 0) {
        int ready = epoll_wait(poll, events, 1 + MAX_PEERS, PATIENCE_MS);
        check(ready > 0, "receiving all that was sent");
        for (int i = 0; i < ready; i++) {
            receive(events[i].data.u32);
        }
    }
}

int main(int argc, char **argv) {
    peer_count = argc == 2 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;
    check(peer_count >= 1 && peer_count <= MAX_PEERS, "being told how many peers there are");
    poll = epoll_create1(EPOLL_CLOEXEC);
    check(poll >= 0, "epoll_create1");
    open_end(&server, 0);
    int size = SHARED_RECEIVE_BUFFER;
    check(setsockopt(server.socket, SOL_SOCKET, SO_RCVBUF, &size, sizeof size) == 0, "SO_RCVBUF");
    for (unsigned i = 0; i < peer_count; i++) {
        open_end(&peers[i], i + 1);
    }
    return serve(rounds);
}
