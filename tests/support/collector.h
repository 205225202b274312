/* A collector that answers what it is told, one connection after the other. */
#ifndef TELLTALE_TESTS_SUPPORT_COLLECTOR_H
#define TELLTALE_TESTS_SUPPORT_COLLECTOR_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { COLLECTOR_ANSWERS = 2 };

/* There is one. */
struct collector {
    int fd;
    uint16_t port;
    pthread_t thread;
    const char *answers[COLLECTOR_ANSWERS]; /* NULL: hangs up; the last one again and again */
    atomic_size_t asked;
    atomic_bool stop;
    char request[65536]; /* the last one */
};
extern struct collector collector;

void collector_start(const char *first, const char *second);

/* Only then is `asked` what it will be. */
void collector_stop(void);

#define OK_EMPTY "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
#define LATER                                                                                      \
    "HTTP/1.1 503 Later\r\nRetry-After: 0\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
#define REFUSED "HTTP/1.1 400 Bad\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

#endif
