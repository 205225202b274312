/* From a response to an answer that libmicrohttpd sends. */
#include "net/http_exchange.h"

#include <stdio.h>
#include <stdlib.h>

#include <zlib.h>

#include "base/atomic.h"
#include "base/memory.h"
#include "base/num.h"
#include "base/regex.h"
#include "base/time.h"
#include "log/log.h"
#include "net/http_server.h"
#include "net/http_stream.h"
#include "self/self.h"

enum { GZIP_FROM_BYTES = 1024, GZIP_LEVEL = 1, COUNTED_FROM_BYTES = 16 << 10 };

static struct self_metric requests =
    SELF_COUNTER("telltale_http_requests_total", "HTTP requests answered, by handler and status.",
                 "handler", "code");
static struct self_metric durations =
    SELF_HISTOGRAM("telltale_http_request_duration_seconds",
                   "Time from a complete request to its response, by handler.", "handler");
static struct self_metric received = SELF_COUNTER(
    "telltale_http_received_bytes_total", "Bytes of request bodies, by handler.", "handler");
static struct self_metric sent = SELF_COUNTER(
    "telltale_http_sent_bytes_total", "Bytes of response bodies as sent, by handler.", "handler");
struct self_metric http_refusals = SELF_COUNTER(
    "telltale_http_refused_total", "HTTP requests refused by the server, by reason.", "reason");

/* --- refusing --------------------------------------------------------------------------------- */

static const char *error_type(int status)
{
    switch (status) {
    case 401:
    case 403: return "unauthorized";
    case 404: return "not_found";
    case 503: return "unavailable";
    default: return "bad_data";
    }
}

void http_refuse_json(const struct http_request *request, struct http_response *response,
                      const char *message)
{
    (void)request;
    response->content_type = "application/json";
    buf_printf(&response->body, "{\"status\":\"error\",\"errorType\":\"%s\",\"error\":",
               error_type(response->status));
    str_quote(&response->body, str_c(message)); // our own words: nothing JSON escapes otherwise
    buf_puts(&response->body, "}");
}

static void refuse_plainly(struct http_response *r, const char *message)
{
    r->content_type = "text/plain; charset=utf-8";
    buf_puts(&r->body, message);
    buf_putc(&r->body, '\n');
}

void exchange_refuse(struct http_exchange *x, int status, const char *reason, const char *message)
{
    struct http_response *r = &x->response;
    self_add(&http_refusals, 1, reason);
    buf_reset(&r->body);
    r->status = status;
    if (x->route && x->route->refusal)
        x->route->refusal(&x->request, r, message);
    else
        refuse_plainly(r, message);
    if (status == 503)
        http_set_header(r, "Retry-After", STR("1"));
}

/* --- compressing ------------------------------------------------------------------------------ */

/* "q=0", "q=0.0" …: not acceptable. */
static bool quality_is_zero(struct str parameters)
{
    while (parameters.p) {
        struct str value = str_cut(&parameters, ';');
        struct str name = str_trim(str_cut(&value, '='));
        double q;
        if (str_eq_nocase(name, STR("q")) && num_parse_double(str_trim(value), &q) == 0)
            return !(q > 0);
    }
    return false;
}

bool accepts_gzip(struct str list)
{
    bool any = false;
    while (list.p) {
        struct str parameters = str_cut(&list, ',');
        struct str coding = str_trim(str_cut(&parameters, ';'));
        if (str_eq_nocase(coding, STR("gzip")))
            return !quality_is_zero(parameters);
        if (str_eq(coding, STR("*")))
            any = !quality_is_zero(parameters);
    }
    return any;
}

/* Replaces the body by its gzip form; leaves it as it is when that fails or does not help. */
static bool gzip_body(struct http_response *r, struct http_spare *spare)
{
    z_stream z = {0};
    if (r->body.n > UINT32_MAX / 2 ||
        deflateInit2(&z, GZIP_LEVEL, Z_DEFLATED, 15 + 16, 8, 0) != Z_OK)
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
    /* The answer may wait long for its client: it shall not keep the room of the plain one. */
    struct buf fit = BUF_MAX(r->body.max);
    size_t plain = r->body.n;
    buf_put_str(&fit, buf_str(&out));
    buf_done(&out);
    if (buf_failed(&fit)) {
        buf_done(&fit);
        return false;
    }
    http_spare_give(spare, (struct spare_block){r->body.p, r->body.cap, plain, 0});
    memory_freed(plain);
    r->body = fit;
    return true;
}

static void compress_response(struct http_exchange *x)
{
    struct http_response *r = &x->response;
    if (r->no_gzip || r->body.n < GZIP_FROM_BYTES)
        return;
    for (size_t i = 0; i < r->n_headers; i++)
        if (str_eq_nocase(str_c(r->headers[i].name), STR("Content-Encoding")))
            return; // the handler did it
    http_set_header(r, "Vary", STR("Accept-Encoding"));
    if (accepts_gzip(http_header(&x->request, "Accept-Encoding")) &&
        gzip_body(r, &x->server->spare))
        http_set_header(r, "Content-Encoding", STR("gzip"));
}

/* --- headers ---------------------------------------------------------------------------------- */

static void put_header(struct MHD_Response *to, const char *name, struct str value)
{
    char *text = str_dup(value);
    if (!text || MHD_add_response_header(to, name, text) != MHD_YES)
        log_warn("net", "response header dropped", LOG_STR("name", name));
    free(text);
}

/* Whether pages of the origin may call the API from elsewhere. */
static bool is_allowed(const struct http_server *s, struct str origin, bool *out_any)
{
    if (!s->options.cors_origin || origin.n == 0)
        return false;
    *out_any = strcmp(s->options.cors_origin, "*") == 0;
    return *out_any || regex_match(s->cors, origin) == 1;
}

/* Whether the page came from here. A proxy may have changed Host; the browser's own word, which no
 * page can set, comes through. */
static bool is_same_origin(const struct http_request *q, struct str origin)
{
    size_t at = str_find(origin, STR("://"));
    if (str_eq(http_header(q, "Sec-Fetch-Site"), STR("same-origin")))
        return true;
    return at < origin.n &&
           str_eq_nocase(str_sub(origin, at + 3, origin.n), http_header(q, "Host"));
}

bool exchange_origin_ok(struct http_exchange *x)
{
    struct str origin = http_header(&x->request, "Origin");
    bool any;
    if (x->route->right != AUTH_ADMIN || x->request.method == HTTP_GET || origin.n == 0 ||
        is_same_origin(&x->request, origin) || is_allowed(x->server, origin, &any))
        return true;
    exchange_refuse(
        x, 403, "origin",
        "Origin: a page of another site may not do this; http.cors_origin may allow it");
    return false;
}

/* Where origins are told apart, an answer without the header hangs on the origin, too. */
static void put_cors(const struct http_exchange *x, struct MHD_Response *to)
{
    struct str origin = http_header(&x->request, "Origin");
    bool any;
    if (x->server->cors)
        put_header(to, "Vary", STR("Origin"));
    if (!is_allowed(x->server, origin, &any))
        return;
    put_header(to, "Access-Control-Allow-Origin", any ? STR("*") : origin);
    put_header(to, "Access-Control-Allow-Methods", STR("GET, POST, OPTIONS"));
    put_header(to, "Access-Control-Allow-Headers",
               STR("Accept, Authorization, Content-Type, Origin"));
    put_header(to, "Access-Control-Expose-Headers", STR("Date"));
}

static void put_headers(struct http_exchange *x, struct MHD_Response *to)
{
    struct http_response *r = &x->response;
    if (r->status != 204 && r->status != 304) // of nothing there is no type
        put_header(to, "Content-Type",
                   str_c(r->content_type ? r->content_type : "text/plain; charset=utf-8"));
    for (size_t i = 0; i < r->n_headers; i++)
        put_header(to, r->headers[i].name, r->headers[i].value);
    put_cors(x, to);
    if (x->close || atomic_get_relaxed(&x->server->leaving))
        put_header(to, MHD_HTTP_HEADER_CONNECTION, STR("close"));
}

static const char *handler_name(const struct http_exchange *x)
{
    if (!x->route)
        return "none";
    return x->route->name ? x->route->name : x->route->path;
}

static void count(const struct http_exchange *x)
{
    char code[12];
    const char *handler = handler_name(x);
    (void)snprintf(code, sizeof code, "%d", x->response.status);
    self_add(&requests, 1, handler, code);
    self_add(&sent, x->response.body.n, handler);
    if (!x->route)
        return;
    double took = (double)(time_now_mono_ns() - x->request.received_mono_ns) / (double)NS_PER_S;
    self_observe(&durations, took, handler);
    self_add(&received, x->body.n, handler);
}

/* --- sending ---------------------------------------------------------------------------------- */

void http_more_room(const struct http_request *r, struct buf *body)
{
    http_spare_take(&r->exchange->server->spare, body);
}

/* A large body, until it has been sent. */
struct large_body {
    struct http_spare *spare; /* borrowed */
    struct spare_block block;
};

static void give_back(void *self)
{
    struct large_body *b = self;
    http_spare_give(b->spare, b->block);
    free(b);
}

/* Takes the body out of the buffer; NULL: out of memory, nothing was taken. */
static struct MHD_Response *large_answer(struct http_spare *spare, struct buf *body)
{
    struct large_body *b = malloc(sizeof *b);
    if (!b)
        return NULL;
    *b = (struct large_body){spare, {body->p, body->cap, body->n, 0}};
    struct MHD_Response *answer =
        MHD_create_response_from_buffer_with_free_callback_cls(body->n, body->p, give_back, b);
    if (answer)
        *body = BUF_MAX(body->max);
    else
        free(b);
    return answer;
}

static struct MHD_Response *small_answer(struct buf *body)
{
    size_t n = body->n;
    char *p = n ? buf_take(body, NULL) : NULL;
    struct MHD_Response *answer = MHD_create_response_from_buffer(
        p ? n : 0, p, p ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
    if (!answer)
        free(p);
    return answer;
}

/* Large answers stay in memory until their clients have taken them, and some never do. */
static bool take_room(struct http_exchange *x)
{
    size_t n = x->response.body.n;
    if (n < COUNTED_FROM_BYTES)
        return true;
    size_t before = atomic_add_relaxed(&x->server->sending, n);
    x->sending = n;
    return before == 0 || before + n <= x->server->limits.max_buffered_bytes;
}

static void refuse_for_room(struct http_exchange *x)
{
    struct http_response *r = &x->response;
    atomic_sub_relaxed(&x->server->sending, x->sending);
    x->sending = 0;
    buf_done(&r->body);
    buf_init(&r->body, x->server->limits.max_response_bytes);
    r->n_headers = 0; // they were for what is gone
    exchange_refuse(
        x, 503, "answers",
        "too many large answers wait for their clients; try again or raise limits.max_buffered_bytes");
}

void exchange_finish(struct http_exchange *x)
{
    struct http_response *r = &x->response;
    if (buf_failed(&r->body))
        exchange_refuse(x, 500, "response_size",
                        "the answer is over limits.max_response_bytes, or memory ran out");
    if (r->status == 0)
        r->status = 200;
    if (r->stream.next && (x->answer = http_stream_begin(x)) != NULL) {
        count(x);
        put_headers(x, x->answer);
        return;
    }
    compress_response(x);
    if (!take_room(x))
        refuse_for_room(x);
    count(x);

    bool large = r->body.n >= SPARE_FROM_BYTES;
    x->answer = large ? large_answer(&x->server->spare, &r->body) : small_answer(&r->body);
    if (x->answer)
        put_headers(x, x->answer);
}
