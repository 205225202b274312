#define _GNU_SOURCE // accept4
#include "net/grpc_loop.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/lock.h"
#include "base/thread.h"
#include "base/time.h"
#include "log/log.h"
#include "net/grpc_conn.h"
#include "self/self.h"

enum { EVENTS = 64, TICK_MS = 1000, ACCEPTS_A_TURN = 64 };

struct grpc_loop {
    struct grpc_loop_options options;
    struct thread thread;
    int epoll, wake;                       /* wake: an eventfd */
    struct grpc_conn *conns;               /* the thread's, as all up to lock */
    bool accepting, saying_goodbye, dirty; /* dirty: some connection is over */
    int64_t next_check_mono_ns;
    struct lock lock;
    struct grpc_call *returned;   /* guarded by lock; newest first */
    atomic_llong stop_by_mono_ns; /* 0: not yet asked to stop */
};

static struct self_metric connections =
    SELF_GAUGE("telltale_grpc_connections", "Open connections of the gRPC server.");
static struct self_metric refused = SELF_COUNTER(
    "telltale_grpc_refused_total", "gRPC connections refused by a limit of the server.", "reason");

static void wake_up(struct grpc_loop *l)
{
    uint64_t one = 1;
    (void)!write(l->wake, &one, sizeof one); // full means that it will wake anyway
}

/* --- connections ------------------------------------------------------------------------------ */

static void link_conn(struct grpc_loop *l, struct grpc_conn *c)
{
    struct grpc_conn_links *links = grpc_conn_links(c);
    links->next = l->conns;
    if (l->conns)
        grpc_conn_links(l->conns)->prev = c;
    l->conns = c;
}

static void free_conn(struct grpc_loop *l, struct grpc_conn *c)
{
    struct grpc_conn_links *links = grpc_conn_links(c);
    if (links->prev)
        grpc_conn_links(links->prev)->next = links->next;
    else
        l->conns = links->next;
    if (links->next)
        grpc_conn_links(links->next)->prev = links->prev;
    grpc_conn_free(c); // closing takes the socket out of epoll
    atomic_sub_relaxed(l->options.connections, 1);
}

/* Events of this turn may still point to the connection: it is freed at the turn's end. */
static void settle(struct grpc_loop *l, struct grpc_conn *c, bool alive)
{
    struct grpc_conn_links *links = grpc_conn_links(c);
    uint32_t wants = alive ? grpc_conn_wants(c) : 0;
    if (alive && wants != links->events) {
        struct epoll_event event = {.events = wants, .data.ptr = c};
        alive = epoll_ctl(l->epoll, EPOLL_CTL_MOD, grpc_conn_fd(c), &event) == 0;
        links->events = wants;
    }
    if (!alive)
        links->over = l->dirty = true;
}

static void sweep(struct grpc_loop *l)
{
    l->dirty = false;
    for (struct grpc_conn *c = l->conns, *after; c; c = after) {
        after = grpc_conn_links(c)->next;
        if (grpc_conn_links(c)->over)
            free_conn(l, c);
    }
}

static void listen_again(struct grpc_loop *l)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.ptr = &l->options};
    l->accepting = epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->options.listen_fd, &event) == 0;
}

/* Out of descriptors, or stopping. */
static void listen_no_more(struct grpc_loop *l)
{
    if (l->accepting)
        (void)epoll_ctl(l->epoll, EPOLL_CTL_DEL, l->options.listen_fd, NULL); // it is in there
    l->accepting = false;
}

static void adopt(struct grpc_loop *l, int fd)
{
    int on = 1;
    struct grpc_conn *c;
    if (atomic_add_relaxed(l->options.connections, 1) >= l->options.host.options->max_connections) {
        self_add(&refused, 1, "connections");
        log_warn("net", "gRPC connection refused: too many are open",
                 LOG_INT("limit", l->options.host.options->max_connections));
        (void)close(fd); // never served
        atomic_sub_relaxed(l->options.connections, 1);
        return;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); // only a matter of speed
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on); // finds vanished peers sooner
    if (grpc_conn_new(fd, &l->options.host, l->options.tls, &c) != 0) {
        atomic_sub_relaxed(l->options.connections, 1);
        return;
    }
    link_conn(l, c);
    struct grpc_conn_links *links = grpc_conn_links(c);
    links->events = grpc_conn_wants(c);
    struct epoll_event event = {.events = links->events, .data.ptr = c};
    if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        links->over = l->dirty = true;
}

static void accept_some(struct grpc_loop *l)
{
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        int fd = accept4(l->options.listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            adopt(l, fd);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            self_add(&refused, 1, "descriptors");
            log_error("net", "cannot accept gRPC connections: out of file descriptors or memory");
            listen_no_more(l); // until the next check
        }
        return;
    }
}

/* --- calls from the workers ------------------------------------------------------------------- */

void grpc_loop_return(struct grpc_call *call)
{
    struct grpc_loop *l = call->host->loop;
    lock_take(&l->lock);
    bool first = !l->returned;
    call->next_done = l->returned;
    l->returned = call;
    lock_give(&l->lock);
    if (first)
        wake_up(l);
}

static struct grpc_call *take_returned(struct grpc_loop *l)
{
    lock_take(&l->lock);
    struct grpc_call *newest = l->returned;
    l->returned = NULL;
    lock_give(&l->lock);
    return newest;
}

static void finish_returned(struct grpc_loop *l)
{
    for (struct grpc_call *call = take_returned(l), *after; call; call = after) {
        after = call->next_done;
        struct grpc_conn *c = call->session ? grpc_session_owner(call->session) : NULL;
        grpc_call_finish(call);
        if (c && !grpc_conn_links(c)->over)
            settle(l, c, grpc_conn_run(c, false));
    }
}

/* --- the thread ------------------------------------------------------------------------------- */

static void woken(struct grpc_loop *l)
{
    uint64_t n;
    (void)!read(l->wake, &n, sizeof n); // only resets it
    finish_returned(l);
}

static void check_all(struct grpc_loop *l, int64_t now)
{
    l->next_check_mono_ns = now + TICK_MS * NS_PER_MS;
    for (struct grpc_conn *c = l->conns; c; c = grpc_conn_links(c)->next)
        if (!grpc_conn_links(c)->over)
            settle(l, c, grpc_conn_check(c, now, &l->next_check_mono_ns));
    if (!l->accepting && !l->saying_goodbye)
        listen_again(l);
    self_set(&connections, atomic_get_relaxed(l->options.connections));
}

static void say_goodbye(struct grpc_loop *l)
{
    l->saying_goodbye = true;
    listen_no_more(l);
    for (struct grpc_conn *c = l->conns; c; c = grpc_conn_links(c)->next) {
        grpc_conn_shutdown(c);
        settle(l, c, grpc_session_begun(grpc_conn_session(c)) && grpc_conn_run(c, false));
    }
}

static void handle_event(struct grpc_loop *l, const struct epoll_event *event)
{
    if (event->data.ptr == &l->options) {
        accept_some(l);
    } else if (event->data.ptr == &l->wake) {
        woken(l);
    } else {
        struct grpc_conn *c = event->data.ptr;
        bool readable = event->events & (EPOLLIN | EPOLLERR | EPOLLHUP);
        if (!grpc_conn_links(c)->over)
            settle(l, c, grpc_conn_run(c, readable));
        int64_t soonest = grpc_session_deadline(grpc_conn_session(c));
        l->next_check_mono_ns = MIN(l->next_check_mono_ns, soonest);
    }
}

static void turn(struct grpc_loop *l)
{
    struct epoll_event events[EVENTS];
    int64_t wait_ms = (l->next_check_mono_ns - time_now_mono_ns()) / NS_PER_MS + 1;
    int n = epoll_wait(l->epoll, events, EVENTS, wait_ms > 0 ? (int)MIN(wait_ms, TICK_MS) : 0);
    for (int i = 0; i < n; i++)
        handle_event(l, &events[i]);
    int64_t now = time_now_mono_ns();
    if (now >= l->next_check_mono_ns)
        check_all(l, now);
}

static void run(void *arg)
{
    struct grpc_loop *l = arg;
    for (;;) {
        turn(l);
        int64_t stop_by = atomic_get_relaxed(&l->stop_by_mono_ns);
        if (stop_by && !l->saying_goodbye)
            say_goodbye(l);
        if (l->dirty)
            sweep(l);
        if (stop_by && (!l->conns || time_now_mono_ns() >= stop_by))
            break;
    }
    while (l->conns)
        free_conn(l, l->conns);
}

/* --- start and stop --------------------------------------------------------------------------- */

int grpc_loop_start(const struct grpc_loop_options *options, struct grpc_loop **out,
                    struct err *err)
{
    struct grpc_loop *l = calloc(1, sizeof *l);
    if (!l)
        return err_set(err, ERR_NOMEM, "out of memory for an event loop");
    l->options = *options;
    l->options.host.loop = l;
    lock_init(&l->lock, LOCK_LEAF);
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    l->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &l->wake};
    int rc = 0;
    if (l->epoll < 0 || l->wake < 0 || epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->wake, &event) != 0)
        rc = err_errno(err, "cannot set up an event loop");
    if (rc == 0)
        listen_again(l);
    if (rc == 0)
        rc = thread_start(&l->thread, "grpc-io", run, l, err);
    if (rc != 0) {
        grpc_loop_free(l);
        return rc;
    }
    *out = l;
    return 0;
}

void grpc_loop_stop(struct grpc_loop *l, int64_t deadline_mono_ns)
{
    atomic_set_relaxed(&l->stop_by_mono_ns, MAX(deadline_mono_ns, INT64_C(1)));
    wake_up(l);
}

void grpc_loop_join(struct grpc_loop *l)
{
    thread_join(&l->thread);
}

void grpc_loop_free(struct grpc_loop *l)
{
    if (!l)
        return;
    for (struct grpc_call *call = take_returned(l), *after; call; call = after) {
        after = call->next_done;
        grpc_call_finish(call); // its connection is gone: only freed
    }
    if (l->epoll >= 0)
        (void)close(l->epoll); // no data in it
    if (l->wake >= 0)
        (void)close(l->wake); // as above
    lock_done(&l->lock);
    free(l);
}
