/* What stands at the other end of the wire, in a process of its own: it takes OTLP and answers 200
 * to everything, and scrapes once a second as Prometheus does, over a connection that it keeps. */
#ifndef TELLTALE_BENCH_SDK_COLLECTOR_H
#define TELLTALE_BENCH_SDK_COLLECTOR_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

enum { COLLECTOR_PEERS = 16, COLLECTOR_HEAD_MAX = 8192, FIRST = 2 };

struct collector_peer {
    int fd;
    size_t head_n;    /* bytes of the head that came */
    size_t body_left; /* of the body that are to come */
    bool scraped;     /* we ask, and it answers */
    char head[COLLECTOR_HEAD_MAX];
};

static inline int collector_listen(uint16_t *out_port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, n) != 0 || listen(fd, 16) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &n) != 0)
        abort();
    *out_port = ntohs(at.sin_port);
    return fd;
}

static inline int collector_connect(uint16_t port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
        abort();
    return fd;
}

static inline void collector_send(int fd, const char *text)
{
    if (write(fd, text, strlen(text)) < 0)
        (void)fprintf(stderr, "the program does not listen\n");
}

/* As Prometheus 3 asks. */
static inline void collector_scrape(int fd)
{
    collector_send(fd, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n"
                       "Accept: application/openmetrics-text;version=1.0.0;q=0.5,"
                       "application/openmetrics-text;version=0.0.1;q=0.4,"
                       "text/plain;version=1.0.0;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1\r\n"
                       "Accept-Encoding: gzip\r\n\r\n");
}

/* The head is whole: what its body's length is, and an answer to a request that has none of it. */
static inline void collector_take_head(struct collector_peer *p)
{
    const char *length = strstr(p->head, "\r\nContent-Length: ");
    p->body_left = 0;
    for (length += length ? 18 : 0; length && *length >= '0' && *length <= '9'; length++)
        p->body_left = 10 * p->body_left + (size_t)(*length - '0');
    if (strstr(p->head, "100-continue"))
        collector_send(p->fd, "HTTP/1.1 100 Continue\r\n\r\n");
}

static inline void collector_end_message(struct collector_peer *p)
{
    p->head_n = 0;
    if (!p->scraped)
        collector_send(p->fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

/* Takes what came, message after message. */
static inline void collector_take(struct collector_peer *p, const char *bytes, size_t n)
{
    while (n > 0) {
        if (p->body_left > 0) {
            size_t taken = n < p->body_left ? n : p->body_left;
            p->body_left -= taken;
            bytes += taken;
            n -= taken;
        } else {
            if (p->head_n + 1 >= sizeof p->head)
                abort();
            p->head[p->head_n++] = *bytes++;
            p->head[p->head_n] = '\0';
            n--;
            if (p->head_n < 4 || strcmp(p->head + p->head_n - 4, "\r\n\r\n") != 0)
                continue;
            collector_take_head(p);
        }
        if (p->body_left == 0)
            collector_end_message(p);
    }
}

/* Until the other end of `program` is closed. */
static inline void collector_run(int listener, uint16_t endpoint, int program)
{
    static struct collector_peer peers[COLLECTOR_PEERS];
    static char bytes[1 << 18];
    struct pollfd polled[COLLECTOR_PEERS + FIRST] = {{.fd = listener, .events = POLLIN},
                                                     {.fd = program, .events = POLLIN}};
    nfds_t n = FIRST;
    peers[0] = (struct collector_peer){.fd = collector_connect(endpoint), .scraped = true};
    polled[n++] = (struct pollfd){.fd = peers[0].fd, .events = POLLIN};
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    for (int64_t next = t.tv_sec + 1; !polled[1].revents;) {
        (void)poll(polled, n, 100);
        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        if (t.tv_sec >= next) {
            next = t.tv_sec + 1;
            collector_scrape(peers[0].fd);
        }
        for (nfds_t i = FIRST; i < n; i++) {
            ssize_t got = polled[i].revents ? read(polled[i].fd, bytes, sizeof bytes) : 0;
            if (polled[i].revents && got <= 0)
                polled[i].fd = -1;
            else if (got > 0)
                collector_take(&peers[i - FIRST], bytes, (size_t)got);
        }
        if (polled[0].revents && n < COLLECTOR_PEERS + FIRST) {
            int fd = accept(listener, NULL, NULL);
            peers[n - FIRST] = (struct collector_peer){.fd = fd};
            polled[n++] = (struct pollfd){.fd = fd, .events = POLLIN};
        }
    }
    for (nfds_t i = FIRST; i < n; i++)
        (void)close(peers[i - FIRST].fd);
}

#endif
