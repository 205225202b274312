/* Starting, stopping, and the glue to libmicrohttpd: its event threads (poll) read requests and
 * send answers, and call exchange_step (http_serve.c) in between. A thread of our own watches the
 * time that clients take (http_watch.h).
 *
 * A connection must not be suspended when the daemon stops, and resuming takes effect only in the
 * event thread, so stopping waits until that thread has got back every exchange it gave away. */
#include "net/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>

#include "base/atomic.h"
#include "base/regex.h"
#include "base/thread.h"
#include "base/time.h"
#include "log/log.h"
#include "net/http_serve.h"
#include "net/http_server.h"
#include "net/http_stream.h"
#include "net/http_watch.h"
#include "net/tls.h"
#include "net/workers.h"
#include "self/self.h"

#define DRAIN_NS (2 * NS_PER_S) /* for libmicrohttpd to close what was cut; moments suffice */

enum {
    EVENT_THREADS = 2,
    BACKLOG = 512,
    PASSWORD_QUEUE = 32,
    BRIEF_WORKERS = 4,
    TURNED_AWAY = 256,     /* connections over the limit that are being told so */
    SPARE_BYTES = 64 << 10 /* of a connection's memory: reads of bodies, headers of answers */
};

static struct self_metric connections =
    SELF_GAUGE("telltale_http_connections", "Open connections of an HTTP listener.", "listener");
static struct self_metric in_flight =
    SELF_GAUGE("telltale_http_requests_in_flight",
               "Requests of an HTTP listener that are being handled or answered.", "listener");
static struct self_metric streams =
    SELF_GAUGE("telltale_http_streams", "Answers that go on, such as live tails.", "listener");
static struct self_metric buffered = SELF_GAUGE(
    "telltale_http_buffered_bytes", "Bytes of request bodies in memory, by listener.", "listener");

/* --- connections ------------------------------------------------------------------------------ */

static int64_t in_seconds(unsigned s)
{
    return time_now_mono_ns() + s * NS_PER_S;
}

static struct http_connection *connection_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

/* The handshake is still to come; our certificates and demands replace libmicrohttpd's. */
static void prepare_tls(struct http_server *s, struct http_connection *c,
                        struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    c->credentials = tls_credentials_take(s->tls);
    if (!info || tls_session_prepare(info->tls_session, c->credentials) != 0)
        (void)http_connection_enter(c, HTTP_BETWEEN, 0); // the watch closes it
}

static void on_connection(void *self, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    struct http_server *s = self;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (*context)
            http_watch_remove(s->watch, *context);
        return;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct http_connection *c = http_watch_add(s->watch, info->connect_fd, s->tls != NULL,
                                               in_seconds(s->limits.body_timeout_s));
    if (c && s->tls)
        prepare_tls(s, c, mhd);
    *context = c;
}

/* --- exchanges -------------------------------------------------------------------------------- */

/* libmicrohttpd 0.9.75 would keep a record of each parameter in the connection's memory, and
 * crashes on a request whose records do not fit. We have our copy of the URL, so make one parameter
 * of all in its own: that memory is the connection's and writable, and nothing else reads it. */
static void join_parameters(const char *url)
{
    char *p = (char *)(uintptr_t)strchr(url, '?');
    while (p && (p = strchr(p, '&')) != NULL)
        *p = '_';
}

/* The request line has arrived: keep the URL as sent, for libmicrohttpd cuts it to pieces. */
static void *on_request_line(void *self, const char *url, struct MHD_Connection *mhd)
{
    struct http_server *s = self;
    struct http_connection *c = connection_of(mhd);
    struct http_exchange *x = c ? calloc(1, sizeof *x) : NULL;
    if (!x)
        return NULL;
    x->server = s;
    x->mhd = mhd;
    x->connection = c;
    arena_init(&x->arena, EXCHANGE_ARENA_BYTES);
    x->url = arena_str(&x->arena, str_c(url)).p;
    x->request.exchange = x;
    x->request.arena = &x->arena;
    x->request.received_mono_ns = time_now_mono_ns();
    buf_init(&x->body, s->limits.max_body_bytes);
    buf_init(&x->response.body, s->limits.max_response_bytes);
    join_parameters(url);
    (void)http_connection_enter(c, HTTP_RECEIVING,
                                in_seconds(s->limits.body_timeout_s)); // seen when it is complete
    return x;
}

static enum MHD_Result on_request(void *self, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *body,
                                  size_t *body_n, void **context)
{
    struct http_exchange *x = *context;
    (void)self, (void)mhd, (void)url, (void)version;
    return x && x->url ? exchange_step(x, method, body, body_n) : MHD_NO;
}

static void on_completed(void *self, struct MHD_Connection *mhd, void **context,
                         enum MHD_RequestTerminationCode code)
{
    struct http_server *s = self;
    struct http_exchange *x = *context;
    (void)mhd, (void)code;
    if (!x)
        return;
    exchange_settle(x);
    (void)http_connection_enter(x->connection, HTTP_BETWEEN,
                                in_seconds(s->limits.idle_timeout_s + s->limits.body_timeout_s));
    atomic_sub_relaxed(&s->buffered, x->budgeted);
    atomic_sub_relaxed(&s->sending, x->sending);
    if (x->answer)
        MHD_destroy_response(x->answer);
    buf_done(&x->body);
    buf_done(&x->response.body);
    arena_done(&x->arena);
    free(x);
    *context = NULL;
}

/* Parameters and paths are decoded by us, with errors; libmicrohttpd leaves them as they are. */
static size_t leave_escapes(void *self, struct MHD_Connection *mhd, char *text)
{
    (void)self, (void)mhd;
    return strlen(text);
}

static void PRINTF_LIKE(2, 0) on_log(void *self, const char *fmt, va_list args)
{
    char text[256];
    (void)self;
    (void)vsnprintf(text, sizeof text, fmt, args);
    log_debug("net", "libmicrohttpd", LOG_TEXT("text", str_trim(str_c(text))));
}

/* Never asked: each session gets its certificates in prepare_tls. libmicrohttpd wants some source
 * of them to start. */
static int no_certificate(gnutls_session_t session, const gnutls_datum_t *names, int n_names,
                          const gnutls_pk_algorithm_t *algorithms, int n_algorithms,
                          gnutls_pcert_st **pcert, unsigned int *n_pcert, gnutls_privkey_t *key)
{
    (void)session, (void)names, (void)n_names, (void)algorithms, (void)n_algorithms;
    (void)pcert, (void)key;
    *n_pcert = 0;
    return -1;
}

/* Gauges are set here only: of two threads that each set what they changed, the one with the older
 * number may come last. */
static void on_tick(void *self, size_t n_connections)
{
    struct http_server *s = self;
    lock_take(&s->lock);
    size_t busy = s->busy;
    lock_give(&s->lock);
    self_set(&connections, (double)n_connections, s->options.name);
    self_set(&in_flight, (double)busy, s->options.name);
    self_set(&streams, (double)http_streams_count(s->streams), s->options.name);
    self_set(&buffered, (double)atomic_get_relaxed(&s->buffered), s->options.name);
    http_spare_tick(&s->spare);
}

/* --- starting --------------------------------------------------------------------------------- */

static void set_defaults(struct http_limits *l)
{
#define DEFAULT(field, value) (l->field = l->field ? l->field : (value))
    DEFAULT(max_body_bytes, (size_t)64 << 20);
    DEFAULT(max_response_bytes, (size_t)512 << 20);
    DEFAULT(max_url_bytes, (size_t)64 << 10);
    DEFAULT(max_header_bytes, (size_t)32 << 10);
    DEFAULT(max_params, 10000);
    DEFAULT(max_connections, 1024);
    DEFAULT(idle_timeout_s, 300);
    DEFAULT(body_timeout_s, 60);
    DEFAULT(ingest_workers, thread_processors());
    DEFAULT(query_workers, 8);
    DEFAULT(ingest_queue, 256);
    DEFAULT(query_queue, 1024);
    DEFAULT(max_buffered_bytes, (size_t)1 << 30);
#undef DEFAULT
}

/* Ours is lower (http_watch.h): at its own limit libmicrohttpd accepts no more, and clients wait in
 * the dark. It gives each event thread a part, and one thread may get all. */
static unsigned connection_limit(const struct http_limits *l)
{
    return EVENT_THREADS * (l->max_connections + TURNED_AWAY);
}

static int start_daemon(struct http_server *s, int fd, struct err *err)
{
    const struct http_limits *l = &s->limits;
    /* Not epoll: there version 0.9.75 keeps a client that left in the middle of a request until its
     * time is over, and two threads may take the listening socket out of the set when it is
     * quiesced, which ends the process. */
    const unsigned flags = MHD_USE_POLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME |
                           MHD_USE_ERROR_LOG | (s->tls ? MHD_USE_TLS : 0);
    const size_t memory = l->max_header_bytes + l->max_url_bytes + SPARE_BYTES;
    const enum MHD_OPTION certificates = s->tls ? MHD_OPTION_HTTPS_CERT_CALLBACK : MHD_OPTION_END;
    // clang-format off
    s->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, s,
        MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
        MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_THREAD_POOL_SIZE, (unsigned)EVENT_THREADS,
        MHD_OPTION_CONNECTION_LIMIT, connection_limit(l),
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, l->max_connections_per_ip,
        MHD_OPTION_CONNECTION_TIMEOUT, l->idle_timeout_s,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, memory,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,
        MHD_OPTION_URI_LOG_CALLBACK, on_request_line, s,
        MHD_OPTION_UNESCAPE_CALLBACK, leave_escapes, NULL,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, s,
        certificates, no_certificate, // without TLS this is the end of the list
        MHD_OPTION_END);
    // clang-format on
    if (!s->daemon)
        return err_set(err, ERR_IO, "cannot start the HTTP server on %s", s->address);
    return 0;
}

static int start_threads(struct http_server *s, struct err *err)
{
    const struct http_limits *l = &s->limits;
    int rc = workers_new("http-ingest", l->ingest_workers, l->ingest_queue, exchange_work,
                         &s->ingest, err);
    if (rc == 0)
        rc = workers_new("http-query", l->query_workers, l->query_queue, exchange_work, &s->query,
                         err);
    if (rc == 0)
        rc =
            workers_new("http-brief", BRIEF_WORKERS, l->query_queue, exchange_work, &s->brief, err);
    if (rc == 0 && s->options.auth)
        rc = workers_new("http-password", 1, PASSWORD_QUEUE, exchange_check_password, &s->passwords,
                         err);
    if (rc == 0)
        rc = http_streams_new(s, &s->streams, err);
    if (rc == 0)
        rc = http_watch_new(s->limits.max_connections, on_tick, s, &s->watch, err);
    return rc;
}

static int set_up(struct http_server *s, const struct tls_options *tls, struct address *address,
                  struct err *err)
{
    const struct http_options *o = &s->options;
    int rc = address_parse(o->address, address, err);
    if (rc == 0 && tls)
        rc = tls_context_new(tls, &s->tls, err);
    if (rc == 0 && o->cors_origin && strcmp(o->cors_origin, "*") != 0)
        rc = regex_new(str_c(o->cors_origin), &s->cors, err);
    return rc == 0 ? start_threads(s, err) : rc;
}

static void stop_workers(struct http_server *s)
{
    workers_free(s->passwords);
    workers_free(s->ingest);
    workers_free(s->query);
    workers_free(s->brief);
    s->passwords = s->ingest = s->query = s->brief = NULL;
}

static void server_free(struct http_server *s)
{
    stop_workers(s);
    http_watch_free(s->watch);
    http_streams_free(s->streams);
    tls_context_free(s->tls);
    regex_free(s->cors);
    cond_done(&s->idle);
    http_spare_done(&s->spare);
    lock_done(&s->lock);
    free(s);
}

static int listen_and_serve(struct http_server *s, struct address *address, struct err *err)
{
    int fd = address_listen(address, BACKLOG, err);
    if (fd < 0)
        return fd;
    address_format(address, s->address);
    int rc = start_daemon(s, fd, err);
    if (rc != 0)
        (void)close(fd); // never served
    return rc;
}

int http_server_start(const struct http_options *options, struct http_server **out, struct err *err)
{
    struct http_server *s = calloc(1, sizeof *s);
    if (!s)
        return err_set(err, ERR_NOMEM, "out of memory for an HTTP server");
    s->options = *options;
    s->options.tls = NULL; // the caller's, used below only
    s->options.name = options->name ? options->name : "http";
    s->limits = options->limits;
    set_defaults(&s->limits);
    lock_init(&s->lock, LOCK_NET_SERVER);
    http_spare_init(&s->spare);
    cond_init(&s->idle);

    struct address address;
    int rc = set_up(s, options->tls, &address, err);
    if (rc == 0)
        rc = listen_and_serve(s, &address, err);
    if (rc == 0)
        *out = s;
    else
        server_free(s);
    return rc;
}

const char *http_server_address(const struct http_server *s)
{
    return s->address;
}

int http_server_reload_tls(struct http_server *s, const struct tls_options *tls, struct err *err)
{
    if (!s->tls)
        return err_set(err, ERR_INVALID, "the listener %s has no TLS; restart to give it some",
                       s->options.name);
    return tls_context_reload(s->tls, tls, err);
}

/* --- stopping --------------------------------------------------------------------------------- */

void http_server_stop(struct http_server *s, int64_t grace_ms)
{
    if (!s)
        return;
    int64_t deadline = time_now_mono_ns() + grace_ms * NS_PER_MS;
    MHD_socket fd = MHD_quiesce_daemon(s->daemon);
    atomic_set_relaxed(&s->leaving, true);
    http_streams_stop(s->streams);
    lock_take(&s->lock);
    while (s->busy + s->away > 0 && cond_wait_until(&s->idle, &s->lock, deadline)) {
    }
    atomic_set_relaxed(&s->stopping, true);
    while (s->away > 0)
        cond_wait(&s->idle, &s->lock);
    lock_give(&s->lock);
    /* libmicrohttpd 0.9.75 crashes on a malformed request that it reads while it is being stopped,
     * so there must be nothing left to read. */
    if (http_watch_empty(s->watch, time_now_mono_ns() + DRAIN_NS))
        stop_workers(s); // one may still be waking an event thread that needed no waking
    else
        log_warn("net", "connections are left that do not close",
                 LOG_STR("listener", s->options.name));
    MHD_stop_daemon(s->daemon);
    if (fd != MHD_INVALID_SOCKET)
        (void)close(fd); // no longer accepting
    server_free(s);
}
