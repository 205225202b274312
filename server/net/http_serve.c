/* An exchange's way, step by step. Event threads do what never waits; a request that is complete is
 * suspended and put into its class's queue, where a worker takes it, runs the handler and resumes
 * the connection. The suspended connection is the hand-over: the event thread does not touch the
 * exchange until libmicrohttpd calls again, and its locks order our plain fields.
 *
 * A refusal that is known before the body has come is not sent at once: the client may still be
 * sending, and closing a socket with unread input resets the connection and takes the answer away.
 * So the body is read and thrown away first, within bounds, unless the client waits for a
 * "100 Continue". */
#include "net/http_serve.h"

#include <stdio.h>
#include <string.h>

#include "base/atomic.h"
#include "base/num.h"
#include "base/time.h"
#include "net/http_server.h"
#include "net/http_watch.h"
#include "net/workers.h"

enum {
    DROP_MAX = 256 << 20,      /* bytes of an unwanted body that are read */
    RESERVE_MAX = 1 << 20,     /* a client may promise much and send nothing */
    SEND_BYTES_A_S = 32 << 10, /* slower clients are given up */
    QUICK_FORM_MAX = 16 << 10  /* bytes of a form that an event thread reads */
};

#define QUICK_NS (500 * NS_PER_US) /* what an event thread does itself, holding up the others */
#define SLOW_NS                                                                                    \
    (100 * NS_PER_MS) /* noted of what turned out not to be: some 40 times to forget               \
                       */

/* --- answering -------------------------------------------------------------------------------- */

static int64_t sending_deadline(const struct http_exchange *x)
{
    int64_t size_s = (int64_t)(x->response.body.n / SEND_BYTES_A_S);
    return time_now_mono_ns() + (x->server->limits.body_timeout_s + size_s) * NS_PER_S;
}

static enum MHD_Result answer(struct http_exchange *x)
{
    x->stage = STAGE_ANSWERED;
    int64_t deadline = sending_deadline(x);
    if (!x->answer)
        exchange_finish(x);
    if (!x->answer || !http_connection_enter(x->connection, HTTP_SENDING, deadline))
        return MHD_NO; // closes the connection
    return MHD_queue_response(x->mhd, (unsigned)x->response.status, x->answer);
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

/* Finds the route; false when the response says why there is none. */
static bool find_route(struct http_exchange *x, const char *method)
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
    x->route = of_path;
    if (seen)
        set_allow(x, seen);
    if (seen && strcmp(method, "OPTIONS") == 0)
        x->response.status = 204; // with CORS headers, if those are configured
    else if (seen)
        exchange_refuse(x, 405, "method", "method not allowed");
    else
        exchange_refuse(x, 404, "path", "404 page not found");
    return false;
}

/* Sets the refusal for a credential that is not good enough. */
static void refuse_credential(struct http_exchange *x, enum auth_result result)
{
    if (result == AUTH_FORBIDDEN) {
        exchange_refuse(x, 403, "forbidden", auth_forbidden_message(x->route->right));
        return;
    }
    if (result == AUTH_WRONG)
        auth_log_wrong(x->server->options.name, x->connection->fd);
    http_set_header(&x->response, "WWW-Authenticate", STR("Basic realm=\"telltale\""));
    exchange_refuse(x, 401, "credential",
                    result == AUTH_MISSING ? "a credential is needed: a bearer token or basic auth"
                                           : "unknown user, wrong password or unknown token");
}

/* --- what the header says of the body --------------------------------------------------------- */

struct framing {
    unsigned lengths, encodings; /* how many such headers there are */
    bool chunked;
};

static enum MHD_Result count_framing(void *self, enum MHD_ValueKind kind, const char *name,
                                     const char *value)
{
    struct framing *f = self;
    (void)kind;
    if (str_eq_nocase(str_c(name), STR(MHD_HTTP_HEADER_CONTENT_LENGTH)))
        f->lengths++;
    if (str_eq_nocase(str_c(name), STR(MHD_HTTP_HEADER_TRANSFER_ENCODING))) {
        f->encodings++;
        f->chunked = str_eq_nocase(str_trim(str_c(value)), STR("chunked"));
    }
    return MHD_YES;
}

/* Headers that two servers in a row may read differently: the way requests are smuggled past a
 * proxy. libmicrohttpd is lenient here. */
static bool framing_ok(struct http_exchange *x, const struct framing *f)
{
    if (f->lengths > 1 || f->encodings > 1 || (f->lengths && f->encodings))
        exchange_refuse(x, 400, "framing",
                        "more than one header says how long the body is: Content-Length, "
                        "Transfer-Encoding");
    else if (f->encodings && !f->chunked)
        exchange_refuse(x, 501, "framing", "Transfer-Encoding: only chunked is known");
    else
        return true;
    x->close = true;
    return false;
}

static uint64_t content_length(const struct http_exchange *x)
{
    struct str text = http_header(&x->request, MHD_HTTP_HEADER_CONTENT_LENGTH);
    uint64_t length = 0;
    if (text.p && num_parse_u64(text, &length) != 0)
        return UINT64_MAX; // libmicrohttpd has refused what is no number
    return length;
}

static bool waits_for_continue(const struct http_exchange *x)
{
    return str_eq_nocase(http_header(&x->request, MHD_HTTP_HEADER_EXPECT), STR("100-continue"));
}

static void refuse_size(struct http_exchange *x)
{
    char message[128];
    (void)snprintf(message, sizeof message,
                   "the body is over the limit of %zu bytes, limits.max_body_bytes",
                   x->server->limits.max_body_bytes);
    exchange_refuse(x, 413, "body_size", message);
}

/* The response is a refusal. */
static enum MHD_Result answer_early(struct http_exchange *x, bool chunked)
{
    uint64_t length = content_length(x);
    if (length == 0 && !chunked)
        return answer(x);
    if (!x->close && !waits_for_continue(x) && length <= DROP_MAX) {
        x->stage = STAGE_DROP;
        return MHD_YES;
    }
    x->close = true; // what follows is not a request
    return answer(x);
}

static enum MHD_Result expect_body(struct http_exchange *x, bool chunked)
{
    uint64_t length = content_length(x);
    if (length > x->server->limits.max_body_bytes) {
        refuse_size(x);
        return answer_early(x, chunked);
    }
    if (length > 0 && !buf_reserve(&x->body, (size_t)MIN(length, (uint64_t)RESERVE_MAX))) {
        exchange_refuse(x, 503, "memory", "out of memory; try again");
        return answer_early(x, chunked);
    }
    x->stage = STAGE_BODY;
    return MHD_YES;
}

/* --- to the workers and back ------------------------------------------------------------------ */

void exchange_give_away(struct http_exchange *x)
{
    struct http_server *s = x->server;
    x->away = true;
    lock_take(&s->lock);
    s->away++;
    lock_give(&s->lock);
    MHD_suspend_connection(x->mhd);
}

void exchange_get_back(struct http_exchange *x)
{
    struct http_server *s = x->server;
    if (!x->away)
        return;
    x->away = false;
    lock_take(&s->lock);
    s->away--;
    cond_broadcast(&s->idle);
    lock_give(&s->lock);
}

static void set_busy(struct http_exchange *x, bool busy)
{
    struct http_server *s = x->server;
    if (x->busy == busy)
        return;
    x->busy = busy;
    lock_take(&s->lock);
    s->busy += busy ? 1 : (size_t)-1;
    cond_broadcast(&s->idle);
    lock_give(&s->lock);
}

void exchange_settle(struct http_exchange *x)
{
    exchange_get_back(x);
    set_busy(x, false);
}

/* Completes the parameters; false when the response says why that failed. */
static bool read_form(struct http_exchange *x)
{
    if (x->form != FORM_UNREAD)
        return x->form == FORM_READ;
    x->request.body = buf_str(&x->body);
    int rc = exchange_read_form(x, &x->server->limits);
    if (rc == ERR_TOO_BIG)
        exchange_refuse(x, 413, "params", "too many parameters in the form");
    else if (rc == ERR_NOMEM)
        exchange_refuse(x, 503, "memory", "out of memory; try again");
    else if (rc != 0)
        exchange_refuse(x, 400, "params", "the form's body has a bad percent escape");
    x->form = rc == 0 ? FORM_READ : FORM_BAD;
    return rc == 0;
}

static void run_handler(struct http_exchange *x)
{
    int64_t start = time_now_mono_ns();
    if (read_form(x))
        x->route->handler(x->route->self, &x->request, &x->response);
    if (x->later)
        return;
    exchange_finish(x);
    if (x->likeness)
        http_costs_note(&x->server->costs, x->likeness, time_now_mono_ns() - start);
}

void exchange_work(void *exchange)
{
    struct http_exchange *x = exchange;
    run_handler(x);
    MHD_resume_connection(x->mhd);
}

/* Whether the request may be run here; false, too, when its form is wrong, which a worker says. */
static bool is_quick(struct http_exchange *x)
{
    if (!x->route->likeness || x->body.n > QUICK_FORM_MAX || !read_form(x))
        return false;
    x->likeness = x->route->likeness(&x->request);
    return x->likeness && http_costs_within(&x->server->costs, x->likeness, QUICK_NS);
}

/* Here and now; false when the handler found that it takes longer. */
static bool run_quick(struct http_exchange *x)
{
    struct http_response *r = &x->response;
    x->quick = true;
    run_handler(x);
    x->quick = false;
    if (!x->later)
        return true;
    x->later = false;
    http_costs_note(&x->server->costs, x->likeness, SLOW_NS);
    buf_reset(&r->body);
    if (r->stream.next)
        r->stream.done(r->stream.self);
    *r = (struct http_response){.body = r->body};
    return false;
}

void exchange_check_password(void *exchange)
{
    struct http_exchange *x = exchange;
    x->credential = auth_check(x->server->options.auth, http_header(&x->request, "Authorization"),
                               x->route->right);
    MHD_resume_connection(x->mhd);
}

static struct workers *workers_of(const struct http_server *s, enum http_class class)
{
    if (class == HTTP_INGEST)
        return s->ingest;
    return class == HTTP_BRIEF ? s->brief : s->query;
}

/* The request is complete. */
static enum MHD_Result dispatch(struct http_exchange *x)
{
    struct http_server *s = x->server;
    x->request.received_mono_ns = time_now_mono_ns();
    if (!http_connection_enter(x->connection, HTTP_HANDLING, INT64_MAX))
        return MHD_NO;
    set_busy(x, true);
    x->stage = STAGE_WORK;
    if (x->route->class == HTTP_INLINE) {
        run_handler(x);
        return answer(x);
    }
    if (is_quick(x) && run_quick(x))
        return answer(x);
    exchange_give_away(x);
    if (workers_submit(workers_of(s, x->route->class), x))
        return MHD_YES;
    exchange_refuse(
        x, 503, "queue",
        x->route->class == HTTP_INGEST
            ? "the server is busy: its queue is full; try again or raise limits.ingest_queue"
            : "the server is busy: its queue is full; try again or raise limits.query_queue");
    MHD_resume_connection(x->mhd);
    return MHD_YES;
}

/* --- bodies ----------------------------------------------------------------------------------- */

static bool take_budget(struct http_exchange *x, size_t n)
{
    struct http_server *s = x->server;
    size_t before = atomic_add_relaxed(&s->buffered, n);
    x->budgeted += n;
    return before + n <= s->limits.max_buffered_bytes;
}

/* Throws the body away from here on, and what came of it. */
static void drop_body(struct http_exchange *x)
{
    x->stage = STAGE_DROP;
    buf_done(&x->body);
    atomic_sub_relaxed(&x->server->buffered, x->budgeted);
    x->budgeted = 0;
}

static enum MHD_Result take_body(struct http_exchange *x, const char *bytes, size_t n)
{
    if (x->stage == STAGE_DROP) {
        x->dropped += n;
        return x->dropped <= DROP_MAX ? MHD_YES : MHD_NO;
    }
    if (!take_budget(x, n)) {
        drop_body(x);
        exchange_refuse(x, 503, "memory",
                        "too many bodies in memory; try again or raise limits.max_buffered_bytes");
        return MHD_YES;
    }
    buf_put(&x->body, bytes, n);
    if (buf_failed(&x->body)) {
        drop_body(x);
        refuse_size(x);
    }
    return MHD_YES;
}

/* --- steps ------------------------------------------------------------------------------------ */

/* Everything that can be refused by the header alone; false when it was. */
static bool header_ok(struct http_exchange *x, const char *method, const struct framing *framing)
{
    const struct http_limits *l = &x->server->limits;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(x->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    int rc = exchange_read_url(x, l);
    if (rc == ERR_TOO_BIG)
        exchange_refuse(x, 414, "url_size", "the URL is too long or has too many parameters");
    else if (rc == ERR_NOMEM)
        exchange_refuse(x, 503, "memory", "out of memory; try again");
    else if (rc != 0)
        exchange_refuse(x, 400, "url", "the URL has a bad percent escape");
    else if (info && info->header_size > l->max_url_bytes + l->max_header_bytes)
        exchange_refuse(x, 431, "header_size", "the request's header is too big");
    else if (atomic_get_relaxed(&x->server->leaving))
        exchange_refuse(x, 503, "stopping", "the server is stopping");
    else
        return framing_ok(x, framing) && find_route(x, method) && exchange_origin_ok(x);
    return false;
}

static enum MHD_Result check_credential(struct http_exchange *x, bool chunked)
{
    struct http_server *s = x->server;
    if (!s->options.auth)
        return expect_body(x, chunked);
    enum auth_result result = auth_check_fast(
        s->options.auth, http_header(&x->request, "Authorization"), x->route->right);
    if (result == AUTH_OK)
        return expect_body(x, chunked);
    if (result != AUTH_SLOW) {
        refuse_credential(x, result);
        return answer_early(x, chunked);
    }
    x->stage = STAGE_PASSWORD;
    exchange_give_away(x);
    if (workers_submit(s->passwords, x))
        return MHD_YES;
    x->credential = AUTH_SLOW; // nobody looked
    MHD_resume_connection(x->mhd);
    return MHD_YES;
}

static struct framing read_framing(const struct http_exchange *x)
{
    struct framing f = {0};
    (void)MHD_get_connection_values(x->mhd, MHD_HEADER_KIND, count_framing, &f); // their number
    return f;
}

static enum MHD_Result begin(struct http_exchange *x, const char *method)
{
    struct framing framing = read_framing(x);
    if (!header_ok(x, method, &framing))
        return answer_early(x, framing.encodings > 0);
    return check_credential(x, framing.chunked);
}

static enum MHD_Result password_checked(struct http_exchange *x)
{
    bool chunked = read_framing(x).chunked;
    exchange_get_back(x);
    if (x->credential == AUTH_OK)
        return expect_body(x, chunked);
    if (x->credential == AUTH_SLOW)
        exchange_refuse(x, 503, "password_queue", "too many passwords to check; try again");
    else
        refuse_credential(x, x->credential);
    return answer_early(x, chunked);
}

enum MHD_Result exchange_step(struct http_exchange *x, const char *method, const char *body,
                              size_t *n)
{
    switch (x->stage) {
    case STAGE_HEAD: return begin(x, method);
    case STAGE_PASSWORD: return password_checked(x);
    case STAGE_BODY:
    case STAGE_DROP:
        if (*n > 0) {
            enum MHD_Result taken = take_body(x, body, *n);
            *n = 0;
            return taken;
        }
        return x->stage == STAGE_BODY ? dispatch(x) : answer(x);
    case STAGE_WORK: exchange_get_back(x); return answer(x);
    default: *n = 0; return MHD_YES;
    }
}
