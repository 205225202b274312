#include "support/collector.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/check.h"

struct collector collector;

static size_t content_length(const char *head)
{
    const char *at = strstr(head, "Content-Length: ");
    return at ? strtoul(at + 16, NULL, 10) : 0;
}

static void read_request(int fd)
{
    size_t n = 0;
    char *body = NULL;
    do {
        ssize_t got = read(fd, collector.request + n, sizeof collector.request - n - 1);
        if (got <= 0)
            return;
        n += (size_t)got;
        collector.request[n] = '\0';
        body = strstr(collector.request, "\r\n\r\n");
    } while (!body ||
             n < (size_t)(body + 4 - collector.request) + content_length(collector.request));
}

static void *serve(void *arg)
{
    (void)arg;
    int fd;
    while ((fd = accept(collector.fd, NULL, NULL)) >= 0 && !atomic_load(&collector.stop)) {
        size_t i = atomic_fetch_add(&collector.asked, 1); // before the client can go on
        const char *answer = collector.answers[i < COLLECTOR_ANSWERS ? i : COLLECTOR_ANSWERS - 1];
        if (answer) {
            read_request(fd);
            (void)!write(fd, answer, strlen(answer));
        }
        (void)close(fd);
    }
    return NULL;
}

void collector_start(const char *first, const char *second)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof at;
    collector.fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(collector.fd, (struct sockaddr *)&at, n), 0);
    assert_int_equal(listen(collector.fd, 8), 0);
    assert_int_equal(getsockname(collector.fd, (struct sockaddr *)&at, &n), 0);
    collector.port = ntohs(at.sin_port);
    collector.answers[0] = first;
    collector.answers[1] = second;
    atomic_store(&collector.asked, 0);
    atomic_store(&collector.stop, false);
    assert_int_equal(pthread_create(&collector.thread, NULL, serve, NULL), 0);
}

void collector_stop(void)
{
    atomic_store(&collector.stop, true);
    (void)shutdown(collector.fd, SHUT_RDWR);
    assert_int_equal(pthread_join(collector.thread, NULL), 0);
    (void)close(collector.fd);
}
