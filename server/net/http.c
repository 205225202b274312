/* The glue to libmicrohttpd. Its event threads (epoll) read requests and send responses; a complete
 * request is suspended and put into its class's queue, where a worker takes it, runs the handler
 * and resumes the connection:
 *
 *   event thread          worker                 event thread
 *   ------------          ------                 ------------
 *   READING --suspend--> WORKING  handler  --resume--> DONE --> response queued
 *
 * `stage` is the hand-over: the event thread does not touch the exchange while it is WORKING. A
 * connection must not be suspended when the daemon stops, and resuming takes effect only in the
 * event thread, so stopping waits until that thread has got back every exchange it gave away.
 */
#include "net/http.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <zlib.h>

#include "base/atomic.h"
#include "base/lock.h"
#include "base/num.h"
#include "base/regex.h"
#include "base/time.h"
#include "log/log.h"
#include "net/address.h"
#include "net/http_exchange.h"
#include "net/tls.h"
#include "net/workers.h"
#include "self/self.h"

enum { EVENT_THREADS = 2, BACKLOG = 512, GZIP_FROM_BYTES = 1024, PEM_MAX = 1 << 20 };

struct http_server {
    struct http_options options;
    struct http_limits limits;
    char address[ADDRESS_TEXT_MAX];
    struct MHD_Daemon *daemon;
    struct workers *ingest, *query;
    struct regex *cors; /* NULL: none, or any origin */
    char *key_pem, *cert_pem, *ca_pem;
    atomic_size_t buffered; /* bytes of bodies */
    atomic_bool stopping;   /* clients count as gone */
    struct lock lock;
    struct cond idle;
    size_t away; /* exchanges given to workers and not yet got back; guarded by lock */
};

static struct self_metric requests =
    SELF_COUNTER("telltale_http_requests_total", "HTTP requests answered, by handler and status.",
                 "handler", "code");
static struct self_metric durations =
    SELF_HISTOGRAM("telltale_http_request_duration_seconds",
                   "Time from a complete request to its response, by handler.", "handler");
static struct self_metric refusals = SELF_COUNTER(
    "telltale_http_refused_total", "HTTP requests refused by a limit of the server.", "reason");

/* --- answering -------------------------------------------------------------------------------- */

static bool accepts_gzip(const struct http_exchange *x)
{
    struct str list = http_header(&x->request, "Accept-Encoding");
    while (list.p) {
        struct str item = str_cut(&list, ',');
        struct str coding = str_trim(str_cut(&item, ';'));
        if (str_eq_nocase(coding, STR("gzip")))
            return str_find(item, STR("q=0")) == item.n || str_find(item, STR("q=0.")) < item.n;
    }
    return false;
}

/* Replaces the body by its gzip form; leaves it as it is when that fails or does not help. */
static bool compress_body(struct http_response *r)
{
    z_stream z = {0};
    if (r->body.n > UINT32_MAX / 2 || deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, 0) != Z_OK)
        return false;
    struct buf out = BUF_MAX(r->body.n);
    char *room = buf_reserve(&out, r->body.n);
    z.next_in = (Bytef *)r->body.p;
    z.avail_in = (uInt)r->body.n;
    z.next_out = (Bytef *)room;
    z.avail_out = (uInt)r->body.n;
    bool done = room && deflate(&z, Z_FINISH) == Z_STREAM_END;
    if (done)
        buf_advance(&out, z.total_out);
    (void)deflateEnd(&z); // only frees
    if (!done) {
        buf_done(&out);
        return false;
    }
    buf_done(&r->body);
    r->body = out;
    return true;
}

static void put_header(struct MHD_Response *to, const char *name, struct str value)
{
    char *text = str_dup(value);
    if (!text || MHD_add_response_header(to, name, text) != MHD_YES)
        log_warn("net", "response header dropped", LOG_STR("name", name));
    free(text);
}

static void put_cors(const struct http_exchange *x, struct MHD_Response *to)
{
    const struct http_server *s = x->server;
    struct str origin = http_header(&x->request, "Origin");
    if (!s->options.cors_origin || origin.n == 0)
        return;
    bool any = strcmp(s->options.cors_origin, "*") == 0;
    if (!any && regex_match(s->cors, origin) != 1)
        return;
    put_header(to, "Access-Control-Allow-Origin", any ? STR("*") : origin);
    put_header(to, "Access-Control-Allow-Methods", STR("GET, POST, OPTIONS"));
    put_header(to, "Access-Control-Allow-Headers",
               STR("Accept, Authorization, Content-Type, Origin"));
    put_header(to, "Access-Control-Expose-Headers", STR("Date"));
    if (!any)
        put_header(to, "Vary", STR("Origin"));
}

static void put_headers(struct http_exchange *x, struct MHD_Response *to)
{
    struct http_response *r = &x->response;
    put_header(to, "Content-Type",
               str_c(r->content_type ? r->content_type : "text/plain; charset=utf-8"));
    for (size_t i = 0; i < r->n_headers; i++)
        put_header(to, r->headers[i].name, r->headers[i].value);
    put_cors(x, to);
}

static const char *handler_name(const struct http_exchange *x)
{
    if (!x->route)
        return "none";
    return x->route->name ? x->route->name : x->route->path;
}

static void count_answer(const struct http_exchange *x)
{
    char code[12];
    (void)snprintf(code, sizeof code, "%d", x->response.status);
    self_add(&requests, 1, handler_name(x), code);
    double took = (double)(time_now_mono_ns() - x->request.received_mono_ns) / (double)NS_PER_S;
    if (x->route)
        self_observe(&durations, took, handler_name(x));
}

static enum MHD_Result answer(struct http_exchange *x)
{
    struct http_response *r = &x->response;
    x->answered = true;
    if (buf_failed(&r->body)) {
        self_add(&refusals, 1, "response_size");
        exchange_refuse(x, 500, "the answer is over the server's limit (http.max_response_bytes)");
    }
    if (r->status == 0)
        r->status = 200;
    bool gzip = !r->no_gzip && r->body.n >= GZIP_FROM_BYTES && accepts_gzip(x) && compress_body(r);
    if (gzip)
        http_set_header(r, "Content-Encoding", STR("gzip"));

    size_t n = r->body.n;
    char *body = n ? buf_take(&r->body, NULL) : NULL;
    struct MHD_Response *to = MHD_create_response_from_buffer(
        body ? n : 0, body, body ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
    if (!to) {
        free(body);
        return MHD_NO; // closes the connection
    }
    put_headers(x, to);
    count_answer(x);
    enum MHD_Result queued = MHD_queue_response(x->connection, (unsigned)r->status, to);
    MHD_destroy_response(to);
    return queued;
}

static enum MHD_Result refuse(struct http_exchange *x, int status, const char *reason,
                              const char *message)
{
    self_add(&refusals, 1, reason);
    exchange_refuse(x, status, message);
    return answer(x);
}

/* --- routing and rights ----------------------------------------------------------------------- */

static bool route_matches(const struct http_route *r, struct str path, struct str *rest)
{
    struct str pattern = str_c(r->path);
    if (pattern.n && pattern.p[pattern.n - 1] == '*') {
        pattern.n--;
        *rest = str_sub(path, pattern.n, path.n);
        return str_starts(path, pattern);
    }
    *rest = (struct str){0};
    return str_eq(path, pattern);
}

static unsigned method_bit(const char *method)
{
    static const struct {
        const char *name;
        unsigned bit;
    } methods[] = {{"GET", HTTP_GET},
                   {"HEAD", HTTP_GET},
                   {"POST", HTTP_POST},
                   {"PUT", HTTP_PUT},
                   {"DELETE", HTTP_DELETE}};
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (strcmp(method, methods[i].name) == 0)
            return methods[i].bit;
    return 0;
}

/* The methods that some route has for the path, for the Allow header. */
static void set_allow(struct http_exchange *x, unsigned methods)
{
    static const struct {
        unsigned bit;
        const char *text;
    } names[] = {
        {HTTP_GET, "GET, HEAD"}, {HTTP_POST, "POST"}, {HTTP_PUT, "PUT"}, {HTTP_DELETE, "DELETE"}};
    char text[64] = "";
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (methods & names[i].bit)
            (void)snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s",
                           *text ? ", " : "", names[i].text);
    http_set_header(&x->response, "Allow", arena_str(&x->arena, str_c(text)));
}

static enum MHD_Result answer_preflight(struct http_exchange *x)
{
    x->response.status = 204;
    return answer(x);
}

/* Finds the route, or answers; `*out_answer` is set when it answered. */
static bool find_route(struct http_exchange *x, const char *method, enum MHD_Result *out_answer)
{
    const struct http_server *s = x->server;
    unsigned bit = method_bit(method), seen = 0;
    const struct http_route *of_path = NULL;
    for (size_t i = 0; i < s->options.n_routes; i++) {
        const struct http_route *r = &s->options.routes[i];
        if (!route_matches(r, x->request.path, &x->request.rest))
            continue;
        of_path = of_path ? of_path : r;
        seen |= r->methods;
        if (r->methods & bit) {
            x->route = r;
            x->request.method = (enum http_method)bit;
            return true;
        }
    }
    if (seen && s->options.cors_origin && strcmp(method, "OPTIONS") == 0) {
        *out_answer = answer_preflight(x);
    } else if (seen) {
        x->route = of_path;
        set_allow(x, seen);
        *out_answer = refuse(x, 405, "method", "method not allowed");
    } else {
        *out_answer = refuse(x, 404, "path", "404 page not found");
    }
    return false;
}

static enum MHD_Result refuse_credential(struct http_exchange *x, enum auth_result result)
{
    if (result == AUTH_FORBIDDEN)
        return refuse(x, 403, "forbidden", "this credential does not have the right to do that");
    http_set_header(&x->response, "WWW-Authenticate", STR("Basic realm=\"telltale\""));
    return refuse(x, 401, "credential",
                  result == AUTH_MISSING ? "a credential is needed: a bearer token or basic auth"
                                         : "unknown user, wrong password or unknown token");
}

/* True when the client came with a certificate that our CA signed, or needs none. */
static bool certificate_ok(struct http_exchange *x)
{
    if (!x->server->ca_pem)
        return true;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    unsigned status = 1;
    return info && info->tls_session &&
           gnutls_certificate_verify_peers2((gnutls_session_t)info->tls_session, &status) == 0 &&
           status == 0;
}

/* --- bodies ----------------------------------------------------------------------------------- */

static bool take_budget(struct http_exchange *x, size_t n)
{
    struct http_server *s = x->server;
    if (atomic_add_relaxed(&s->buffered, n) + n > s->limits.max_buffered_bytes) {
        atomic_sub_relaxed(&s->buffered, n);
        return false;
    }
    x->budgeted += n;
    return true;
}

static enum MHD_Result refuse_size(struct http_exchange *x)
{
    char message[128];
    (void)snprintf(message, sizeof message, "the body is over the limit of %zu bytes",
                   x->server->limits.max_body_bytes);
    return refuse(x, 413, "body_size", message);
}

/* Checks what the header says of the body and makes room for it. */
static bool prepare_body(struct http_exchange *x, enum MHD_Result *out_answer)
{
    const char *text =
        MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    uint64_t length = 0;
    if (text && num_parse_u64(str_c(text), &length) != 0)
        length = UINT64_MAX; // libmicrohttpd has refused what is no number
    x->body = BUF_MAX(x->server->limits.max_body_bytes);
    if (length > x->server->limits.max_body_bytes) {
        *out_answer = refuse_size(x);
        return false;
    }
    if (!take_budget(x, (size_t)length)) {
        *out_answer = refuse(x, 503, "memory", "too many bodies in memory; try again");
        return false;
    }
    /* A client may promise much and send nothing: reserve at most a little ahead of the bytes. */
    if (length > 0 && !buf_reserve(&x->body, (size_t)MIN(length, 1u << 20))) {
        *out_answer = refuse(x, 503, "memory", "out of memory; try again");
        return false;
    }
    return true;
}

static enum MHD_Result take_body(struct http_exchange *x, const char *bytes, size_t *n)
{
    int64_t limit_ns = (int64_t)x->server->limits.body_timeout_s * NS_PER_S;
    if (time_now_mono_ns() - x->request.received_mono_ns > limit_ns) {
        self_add(&refusals, 1, "slow_body");
        return MHD_NO;
    }
    if (!x->answered && x->body.n + *n > x->budgeted && !take_budget(x, *n))
        return MHD_NO;
    if (!x->answered)
        buf_put(&x->body, bytes, *n);
    *n = 0;
    return MHD_YES;
}

/* --- running handlers ------------------------------------------------------------------------- */

static void run_handler(struct http_exchange *x)
{
    x->request.body = buf_str(&x->body);
    int rc = exchange_read_form(x, &x->server->limits);
    if (rc == ERR_TOO_BIG)
        exchange_refuse(x, 413, "too many parameters in the form");
    else if (rc != 0)
        exchange_refuse(x, 400, "the form's body has a bad percent escape");
    else
        x->route->handler(x->route->self, &x->request, &x->response);
}

static void credential_refusal(struct http_exchange *x, enum auth_result result)
{
    if (result == AUTH_FORBIDDEN) {
        exchange_refuse(x, 403, "this credential does not have the right to do that");
        return;
    }
    http_set_header(&x->response, "WWW-Authenticate", STR("Basic realm=\"telltale\""));
    exchange_refuse(x, 401, "unknown user or wrong password");
}

static void work(void *job)
{
    struct http_exchange *x = job;
    struct http_server *s = x->server;
    enum auth_result result = AUTH_OK;
    if (x->check_password)
        result =
            auth_check(s->options.auth, http_header(&x->request, "Authorization"), x->route->right);
    if (result == AUTH_OK)
        run_handler(x);
    else
        credential_refusal(x, result);

    atomic_set_release(&x->stage, STAGE_DONE); // pairs with the acquire in handle_request
    MHD_resume_connection(x->connection);
}

static void give_away(struct http_exchange *x)
{
    struct http_server *s = x->server;
    x->away = true;
    lock_take(&s->lock);
    s->away++;
    lock_give(&s->lock);
    atomic_set_relaxed(&x->stage, STAGE_WORKING);
    MHD_suspend_connection(x->connection);
}

static void get_back(struct http_exchange *x)
{
    struct http_server *s = x->server;
    if (!x->away)
        return;
    x->away = false;
    lock_take(&s->lock);
    if (--s->away == 0)
        cond_broadcast(&s->idle);
    lock_give(&s->lock);
}

static enum MHD_Result dispatch(struct http_exchange *x)
{
    struct http_server *s = x->server;
    x->request.received_mono_ns = time_now_mono_ns();
    if (buf_failed(&x->body))
        return refuse_size(x);
    if (x->route->class == HTTP_INLINE && !x->check_password) {
        run_handler(x);
        return answer(x);
    }
    struct workers *class = x->route->class == HTTP_INGEST ? s->ingest : s->query;
    give_away(x);
    if (workers_submit(class, x))
        return MHD_YES;
    atomic_set_relaxed(&x->stage, STAGE_DONE);
    self_add(&refusals, 1, "queue");
    exchange_refuse(x, x->route->class == HTTP_INGEST ? 429 : 503,
                    "the server is busy: its queue of requests is full; try again");
    MHD_resume_connection(x->connection);
    return MHD_YES;
}

/* The header is complete: everything that can be refused without the body is refused now. */
static enum MHD_Result begin(struct http_exchange *x, const char *method)
{
    struct http_server *s = x->server;
    enum MHD_Result answered;
    int rc = exchange_read_url(x, &s->limits);
    if (rc == ERR_TOO_BIG)
        return refuse(x, 414, "url_size", "the URL is too long or has too many parameters");
    if (rc != 0)
        return refuse(x, 400, "url", "the URL has a bad percent escape");
    if (!certificate_ok(x))
        return refuse(x, 403, "certificate", "a client certificate of this server's CA is needed");
    x->head = strcmp(method, "HEAD") == 0;
    if (!find_route(x, method, &answered))
        return answered;
    if (s->options.auth) {
        enum auth_result result = auth_check_fast(
            s->options.auth, http_header(&x->request, "Authorization"), x->route->right);
        x->check_password = result == AUTH_SLOW;
        if (result != AUTH_OK && result != AUTH_SLOW)
            return refuse_credential(x, result);
    }
    return prepare_body(x, &answered) ? MHD_YES : answered;
}

/* --- libmicrohttpd's callbacks ---------------------------------------------------------------- */

/* The request line has arrived: keep the URL as sent, for libmicrohttpd decodes in place. */
static void *start_exchange(void *self, const char *url, struct MHD_Connection *connection)
{
    struct http_exchange *x = calloc(1, sizeof *x);
    if (!x)
        return NULL;
    x->server = self;
    x->connection = connection;
    x->stopping = &x->server->stopping;
    arena_init(&x->arena, EXCHANGE_ARENA_BYTES);
    x->url = arena_str(&x->arena, str_c(url)).p;
    x->request.exchange = x;
    x->request.arena = &x->arena;
    x->request.received_mono_ns = time_now_mono_ns();
    x->response.body = BUF_MAX(x->server->limits.max_response_bytes);
    x->response.status = 0;
    atomic_init(&x->stage, STAGE_READING);
    return x;
}

static enum MHD_Result handle_request(void *self, struct MHD_Connection *connection,
                                      const char *url, const char *method, const char *version,
                                      const char *body, size_t *body_n, void **state)
{
    (void)self, (void)connection, (void)url, (void)version;
    struct http_exchange *x = *state;
    if (!x || !x->url)
        return MHD_NO;
    if (!x->route && !x->answered)
        return begin(x, method);
    if (*body_n)
        return take_body(x, body, body_n);
    if (x->answered)
        return MHD_YES;
    if (atomic_get_acquire(&x->stage) == STAGE_DONE) { // pairs with the release in work
        get_back(x);
        return answer(x);
    }
    return dispatch(x);
}

static void end_exchange(void *self, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code)
{
    (void)self, (void)connection, (void)code;
    struct http_exchange *x = *state;
    if (!x)
        return;
    get_back(x);
    atomic_sub_relaxed(&x->server->buffered, x->budgeted);
    buf_done(&x->body);
    buf_done(&x->response.body);
    arena_done(&x->arena);
    free(x);
    *state = NULL;
}

/* Parameters and paths are decoded by us, with errors; libmicrohttpd leaves them as they are. */
static size_t leave_escapes(void *self, struct MHD_Connection *connection, char *text)
{
    (void)self, (void)connection;
    return strlen(text);
}

static void PRINTF_LIKE(2, 0) log_daemon(void *self, const char *fmt, va_list args)
{
    char text[256];
    (void)self;
    (void)vsnprintf(text, sizeof text, fmt, args);
    log_debug("net", "libmicrohttpd", LOG_TEXT("text", str_trim(str_c(text))));
}

/* --- starting and stopping -------------------------------------------------------------------- */

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
    DEFAULT(ingest_workers, workers_cores());
    DEFAULT(query_workers, 8);
    DEFAULT(ingest_queue, 256);
    DEFAULT(query_queue, 1024);
    DEFAULT(max_buffered_bytes, (size_t)1 << 30);
#undef DEFAULT
}

static int read_pem(const char *path, char **out, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, "cannot open %s", path);
    struct buf text = BUF_MAX(PEM_MAX);
    ssize_t n = 1;
    while (n > 0) {
        char *room = buf_reserve(&text, 4096);
        n = room ? read(fd, room, 4096) : -1;
        if (n > 0)
            buf_advance(&text, (size_t)n);
    }
    int rc = n < 0 ? err_errno(err, "cannot read %s", path) : 0;
    (void)close(fd); // only read from
    *out = rc == 0 ? buf_take(&text, NULL) : NULL;
    buf_done(&text);
    return rc;
}

static int load_tls(struct http_server *s, const struct tls_options *tls, struct err *err)
{
    int rc = read_pem(tls->cert_file, &s->cert_pem, err);
    if (rc == 0)
        rc = read_pem(tls->key_file, &s->key_pem, err);
    if (rc == 0 && tls->client_ca_file)
        rc = read_pem(tls->client_ca_file, &s->ca_pem, err);
    return rc;
}

static int start_daemon(struct http_server *s, int fd, struct err *err)
{
    const struct http_limits *l = &s->limits;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    struct MHD_OptionItem tls[] = {{MHD_OPTION_HTTPS_MEM_KEY, 0, s->key_pem},
                                   {MHD_OPTION_HTTPS_MEM_CERT, 0, s->cert_pem},
                                   {MHD_OPTION_END, 0, NULL},
                                   {MHD_OPTION_END, 0, NULL}};
    static struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    if (s->key_pem)
        flags |= MHD_USE_TLS;
    if (s->ca_pem)
        tls[2] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_TRUST, 0, s->ca_pem};
    s->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, handle_request, s, MHD_OPTION_EXTERNAL_LOGGER, log_daemon, NULL,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_THREAD_POOL_SIZE, (unsigned)EVENT_THREADS,
        MHD_OPTION_CONNECTION_LIMIT, l->max_connections, MHD_OPTION_CONNECTION_TIMEOUT,
        l->idle_timeout_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        l->max_header_bytes + l->max_url_bytes, MHD_OPTION_URI_LOG_CALLBACK, start_exchange, s,
        MHD_OPTION_UNESCAPE_CALLBACK, leave_escapes, NULL, MHD_OPTION_NOTIFY_COMPLETED,
        end_exchange, s, MHD_OPTION_ARRAY, s->key_pem ? tls : none, MHD_OPTION_END);
    if (!s->daemon)
        return err_set(err, ERR_IO, "cannot start the HTTP server on %s%s", s->address,
                       s->key_pem ? ": check the certificate and key" : "");
    return 0;
}

static int start_workers(struct http_server *s, struct err *err)
{
    int rc = workers_new("http-ingest", s->limits.ingest_workers, s->limits.ingest_queue, work,
                         &s->ingest, err);
    return rc != 0 ? rc
                   : workers_new("http-query", s->limits.query_workers, s->limits.query_queue, work,
                                 &s->query, err);
}

static void server_free(struct http_server *s)
{
    workers_free(s->ingest);
    workers_free(s->query);
    regex_free(s->cors);
    free(s->key_pem);
    free(s->cert_pem);
    free(s->ca_pem);
    cond_done(&s->idle);
    lock_done(&s->lock);
    free(s);
}

static int set_up(struct http_server *s, struct address *address, struct err *err)
{
    const struct http_options *o = &s->options;
    int rc = address_parse(o->address, address, err);
    if (rc == 0 && o->tls)
        rc = load_tls(s, o->tls, err);
    if (rc == 0 && o->cors_origin && strcmp(o->cors_origin, "*") != 0)
        rc = regex_new(str_c(o->cors_origin), &s->cors, err);
    return rc == 0 ? start_workers(s, err) : rc;
}

int http_server_start(const struct http_options *options, struct http_server **out, struct err *err)
{
    struct http_server *s = calloc(1, sizeof *s);
    if (!s)
        return err_set(err, ERR_NOMEM, "out of memory for an HTTP server");
    s->options = *options;
    s->limits = options->limits;
    set_defaults(&s->limits);
    lock_init(&s->lock, LOCK_NET_SERVER);
    cond_init(&s->idle);

    struct address address;
    int rc = set_up(s, &address, err);
    int fd = rc == 0 ? address_listen(&address, BACKLOG, err) : rc;
    if (fd >= 0) {
        address_format(&address, s->address);
        rc = start_daemon(s, fd, err);
        if (rc != 0)
            (void)close(fd); // never served
    } else {
        rc = fd;
    }
    if (rc != 0) {
        server_free(s);
        return rc;
    }
    *out = s;
    return 0;
}

const char *http_server_address(const struct http_server *s)
{
    return s->address;
}

void http_server_stop(struct http_server *s, int64_t grace_ms)
{
    if (!s)
        return;
    int64_t deadline = time_now_mono_ns() + grace_ms * NS_PER_MS;
    MHD_socket fd = MHD_quiesce_daemon(s->daemon);
    lock_take(&s->lock);
    while (s->away > 0 && cond_wait_until(&s->idle, &s->lock, deadline)) {
    }
    atomic_set_relaxed(&s->stopping, true);
    while (s->away > 0)
        cond_wait(&s->idle, &s->lock);
    lock_give(&s->lock);
    MHD_stop_daemon(s->daemon);
    if (fd != MHD_INVALID_SOCKET)
        (void)close(fd); // no longer accepting
    server_free(s);
}
