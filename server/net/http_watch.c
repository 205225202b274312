#include "net/http_watch.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "base/thread.h"
#include "base/time.h"
#include "net/http_server.h"
#include "net/tls.h"
#include "self/self.h"

struct http_watch {
    void (*tick)(void *self, size_t connections);
    void *self;
    struct thread thread;
    struct lock lock;
    struct cond changed;
    bool stopping; /* guarded by lock, as all below */
    bool emptying; /* new connections are closed at once */
    struct http_connection *first;
    size_t n, max;
};

static struct self_metric given_up =
    SELF_COUNTER("telltale_http_timeouts_total",
                 "HTTP connections closed because the client was too slow.", "phase");

/* In the middle of a request nothing of an answer has been sent, so one may be written behind
 * libmicrohttpd's back; TLS has no back door. */
static void say_timeout(int fd)
{
    static const char text[] =
        "HTTP/1.1 408 Request Timeout\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        "Connection: close\r\nContent-Length: 70\r\n\r\n"
        "the request took too long to arrive; the limit is limits.body_timeout\n";
    (void)send(fd, text, sizeof text - 1, MSG_NOSIGNAL | MSG_DONTWAIT); // as good as it gets
}

static void say_full(int fd)
{
    static const char text[] =
        "HTTP/1.1 503 Service Unavailable\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        "Retry-After: 1\r\nConnection: close\r\nContent-Length: 66\r\n\r\n"
        "too many connections; close some, or raise limits.max_connections\n";
    (void)send(fd, text, sizeof text - 1, MSG_NOSIGNAL | MSG_DONTWAIT); // as good as it gets
}

/* libmicrohttpd reads the end of the stream, cleans up and closes. */
static void cut(struct http_connection *c)
{
    c->phase = HTTP_GIVEN_UP;
    (void)shutdown(c->fd, SHUT_RDWR); // fails when the peer was faster
}

static void give_up(struct http_connection *c)
{
    static const char *const names[] = {[HTTP_BETWEEN] = "idle",
                                        [HTTP_RECEIVING] = "receiving",
                                        [HTTP_HANDLING] = "handling",
                                        [HTTP_SENDING] = "sending"};
    if (c->phase == HTTP_RECEIVING && !c->tls)
        say_timeout(c->fd);
    self_add(&given_up, 1, names[c->phase]);
    cut(c);
}

static void check(struct http_connection *c, int64_t now)
{
    lock_take(&c->lock); // send and shutdown under it do not wait
    if (c->phase != HTTP_GIVEN_UP && now > c->deadline_mono_ns)
        give_up(c);
    lock_give(&c->lock);
}

static void run(void *arg)
{
    struct http_watch *w = arg;
    lock_take(&w->lock);
    while (!w->stopping) {
        int64_t now = time_now_mono_ns();
        for (struct http_connection *c = w->first; c; c = c->next)
            check(c, now);
        size_t n = w->n;
        lock_give(&w->lock);
        w->tick(w->self, n);
        lock_take(&w->lock);
        int64_t next = now + NS_PER_S;
        while (!w->stopping && cond_wait_until(&w->changed, &w->lock, next)) {
        }
    }
    lock_give(&w->lock);
}

int http_watch_new(size_t max, void (*tick)(void *self, size_t connections), void *self,
                   struct http_watch **out, struct err *err)
{
    struct http_watch *w = calloc(1, sizeof *w);
    if (!w)
        return err_set(err, ERR_NOMEM, "out of memory for an HTTP server");
    w->max = max;
    w->tick = tick;
    w->self = self;
    lock_init(&w->lock, LOCK_NET_SERVER);
    cond_init(&w->changed);
    int rc = thread_start(&w->thread, "http-watch", run, w, err);
    if (rc != 0) {
        http_watch_free(w);
        return rc;
    }
    *out = w;
    return 0;
}

bool http_watch_empty(struct http_watch *w, int64_t deadline_mono_ns)
{
    lock_take(&w->lock);
    w->emptying = true;
    for (struct http_connection *c = w->first; c; c = c->next) {
        lock_take(&c->lock);
        if (c->phase != HTTP_GIVEN_UP)
            cut(c);
        lock_give(&c->lock);
    }
    while (w->n > 0 && cond_wait_until(&w->changed, &w->lock, deadline_mono_ns)) {
    }
    bool empty = w->n == 0;
    lock_give(&w->lock);
    return empty;
}

void http_watch_free(struct http_watch *w)
{
    if (!w)
        return;
    lock_take(&w->lock);
    w->stopping = true;
    cond_broadcast(&w->changed);
    lock_give(&w->lock);
    thread_join(&w->thread);
    cond_done(&w->changed);
    lock_done(&w->lock);
    free(w);
}

/* One too many: it gets an answer before it asks, and is closed. */
static void turn_away(struct http_connection *c)
{
    self_add(&http_refusals, 1, "connections");
    if (!c->tls)
        say_full(c->fd);
    cut(c);
}

struct http_connection *http_watch_add(struct http_watch *w, int fd, bool tls,
                                       int64_t deadline_mono_ns)
{
    struct http_connection *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->fd = fd;
    c->tls = tls;
    c->deadline_mono_ns = deadline_mono_ns;
    lock_init(&c->lock, LOCK_NET_STREAM);
    lock_take(&w->lock);
    c->next = w->first;
    if (c->next)
        c->next->prev = c;
    w->first = c;
    w->n++;
    if (w->emptying)
        cut(c); // nobody else knows it yet
    else if (w->n > w->max)
        turn_away(c);
    lock_give(&w->lock);
    return c;
}

void http_watch_remove(struct http_watch *w, struct http_connection *c)
{
    lock_take(&w->lock);
    if (c->prev)
        c->prev->next = c->next;
    else
        w->first = c->next;
    if (c->next)
        c->next->prev = c->prev;
    w->n--;
    if (w->n == 0)
        cond_broadcast(&w->changed);
    lock_give(&w->lock);
    tls_credentials_unref(c->credentials);
    lock_done(&c->lock);
    free(c);
}

bool http_connection_enter(struct http_connection *c, enum http_phase phase,
                           int64_t deadline_mono_ns)
{
    lock_take(&c->lock);
    bool alive = c->phase != HTTP_GIVEN_UP;
    if (alive) {
        c->phase = phase;
        c->deadline_mono_ns = deadline_mono_ns;
    }
    lock_give(&c->lock);
    return alive;
}
