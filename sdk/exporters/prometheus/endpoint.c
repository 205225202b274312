/* The endpoint: one thread of libmicrohttpd, which waits for connections and renders. */
#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/num.h"
#include "base/str.h"
#include "prometheus/accept.h"
#include "prometheus/connections.h"
#include "prometheus/squeeze.h"
#include "telltale/prometheus.h"

enum { TIMEOUT_S = 10, MEMORY_MAX = 16 << 10, PORT_DEFAULT = 9464 };
enum { PEM_MAX = 1 << 20, ACCEPT_MAX = 16 << 10 };

static const size_t ANSWER_MAX = (size_t)64 << 20;

struct tt_prometheus_endpoint {
    tt_meter_provider *provider; /* borrowed */
    tt_prometheus_endpoint_options options;
    char *token;                                     /* owned; NULL: none */
    char *resource_labels, *without_resource_labels; /* owned; NULL: none */
    char *certificate, *key;                         /* owned; PEM, NULL: HTTP */
    struct MHD_Daemon *daemon;
    struct connections connections; /* the daemon's thread's */
    uint16_t port;
};

/* --- answering ------------------------------------------------------------------------------- */

/* `text` is a literal. */
static enum MHD_Result answer_text(struct MHD_Connection *c, unsigned status, const char *text)
{
    struct MHD_Response *r = MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text,
                                                             MHD_RESPMEM_PERSISTENT);
    if (!r)
        return MHD_NO;
    if (status == MHD_HTTP_UNAUTHORIZED)
        (void)MHD_add_response_header(r, "WWW-Authenticate", "Bearer");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        (void)MHD_add_response_header(r, "Allow", "GET, HEAD");
    if (status == MHD_HTTP_SERVICE_UNAVAILABLE)
        (void)MHD_add_response_header(r, "Retry-After", "10");
    (void)MHD_add_response_header(r, "Content-Type", "text/plain; charset=utf-8");
    enum MHD_Result queued = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return queued;
}

struct joined {
    const char *name;
    struct buf value;
};

static enum MHD_Result join(void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
    (void)kind;
    struct joined *j = arg;
    if (value && str_eq_nocase(str_c(name), str_c(j->name))) {
        buf_puts(&j->value, j->value.n ? "," : "");
        buf_puts(&j->value, value);
    }
    return MHD_YES;
}

/* A header that is a list, which may stand in several lines. Ends with a NUL; buf_done() it. */
static struct buf list_header(struct MHD_Connection *c, const char *name)
{
    struct joined j = {.name = name, .value = BUF_MAX(ACCEPT_MAX)};
    (void)MHD_get_connection_values(c, MHD_HEADER_KIND, join, &j); // how many headers there are
    buf_putc(&j.value, '\0');
    if (buf_failed(&j.value))
        buf_done(&j.value);
    return j.value;
}

static struct accepted formats_of(struct MHD_Connection *c)
{
    struct buf header = list_header(c, "Accept");
    struct accepted accepted = accept_choose(header.p);
    buf_done(&header);
    return accepted;
}

static bool takes_gzip(struct MHD_Connection *c)
{
    struct buf header = list_header(c, "Accept-Encoding");
    bool takes = accept_gzip(header.p);
    buf_done(&header);
    return takes;
}

/* A page under way. */
struct page {
    struct connections *connections;
    struct connection *of; /* NULL: not known */
    char *text;            /* owned */
    size_t n;
};

static void page_free(void *arg)
{
    struct page *p = arg;
    if (p->of)
        p->of->waiting = false;
    connections_give_back(p->connections, p->n);
    free(p->text);
    free(p);
}

/* The entry that connection_changed made. */
static struct connection *entry_of(struct MHD_Connection *c)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

/* Takes the text. NULL when memory is short, or too much waits. */
static struct MHD_Response *response_of(tt_prometheus_endpoint *e, struct MHD_Connection *c,
                                        char *text, size_t n)
{
    struct page *p = malloc(sizeof *p);
    if (!p || !connections_take(&e->connections, n)) {
        free(p);
        free(text);
        return NULL;
    }
    *p = (struct page){&e->connections, entry_of(c), text, n};
    if (p->of)
        p->of->waiting = true;
    struct MHD_Response *r =
        MHD_create_response_from_buffer_with_free_callback_cls(n, text, page_free, p);
    if (!r)
        page_free(p);
    return r;
}

static enum MHD_Result answer_metrics(tt_prometheus_endpoint *e, struct MHD_Connection *c)
{
    char type[CONTENT_TYPE_MAX];
    struct accepted accepted = formats_of(c);
    tt_prometheus_options o = {
        .size = sizeof o,
        .format = accepted.format,
        .names = e->options.names,
        .escaping = accepted.escaping,
        .without_scope = e->options.without_scope,
        .without_target = e->options.without_target,
        .resource_labels = e->resource_labels,
        .without_resource_labels = e->without_resource_labels,
    };
    char *text;
    size_t n;
    int rc = tt_prometheus_render_new(e->provider, &o, ANSWER_MAX, &text, &n);
    if (rc != TT_OK)
        return answer_text(c, MHD_HTTP_INTERNAL_SERVER_ERROR, tt_status_text(rc));
    size_t short_n;
    char *shorter = takes_gzip(c) ? squeeze(text, n, &short_n) : NULL;
    if (shorter) {
        free(text);
        text = shorter;
        n = short_n;
    }
    struct MHD_Response *r = response_of(e, c, text, n);
    if (!r)
        return answer_text(c, MHD_HTTP_SERVICE_UNAVAILABLE, "too much waits to be taken\n");
    if (shorter)
        (void)MHD_add_response_header(r, "Content-Encoding", "gzip");
    (void)MHD_add_response_header(r, "Vary", "Accept, Accept-Encoding");
    (void)MHD_add_response_header(r, "Content-Type", accepted_content_type(&accepted, type));
    enum MHD_Result queued = MHD_queue_response(c, MHD_HTTP_OK, r);
    MHD_destroy_response(r);
    return queued;
}

/* In a time that does not tell how much of the token was right. */
static bool is_allowed(const tt_prometheus_endpoint *e, struct MHD_Connection *c)
{
    if (!e->token)
        return true;
    const char *given = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Authorization");
    struct str text = str_c(given), expected = str_c(e->token);
    if (!str_eq_nocase(str_sub(text, 0, 7), STR("Bearer ")) || text.n - 7 != expected.n)
        return false;
    unsigned char differs = 0;
    for (size_t i = 0; i < expected.n; i++)
        differs |= (unsigned char)(text.p[7 + i] ^ expected.p[i]);
    return differs == 0;
}

/* Also where a proxy gives the whole address. */
static bool is_metrics(const char *url)
{
    struct str path = str_c(url);
    if (str_starts(path, STR("http://")) || str_starts(path, STR("https://"))) {
        path = str_sub(path, str_index(path, ':') + 3, path.n);
        path = str_sub(path, str_index(path, '/'), path.n);
    }
    return str_eq(path, STR("/metrics"));
}

static bool has_body(struct MHD_Connection *c)
{
    const char *length = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Content-Length");
    return (length && strcmp(length, "0") != 0) ||
           MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Transfer-Encoding");
}

/* Called with the headers, and then once more at the request's end, unless there was an answer: to
 * a request with a body there is one at once, and the connection ends, for nobody reads it. */
static enum MHD_Result answer(void *arg, struct MHD_Connection *c, const char *url,
                              const char *method, const char *version, const char *body,
                              size_t *body_n, void **state)
{
    (void)version;
    (void)body;
    static const char begun;
    bool first = !*state;
    *body_n = 0; // there is none, or the answer was given
    *state = (void *)(uintptr_t)&begun;
    if (first && !has_body(c))
        return MHD_YES;
    tt_prometheus_endpoint *e = arg;
    if (!is_allowed(e, c))
        return answer_text(c, MHD_HTTP_UNAUTHORIZED, "a bearer token is required\n");
    if (!is_metrics(url))
        return answer_text(c, MHD_HTTP_NOT_FOUND, "only /metrics is here\n");
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        return answer_text(c, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n");
    return answer_metrics(e, c);
}

static void connection_changed(void *arg, struct MHD_Connection *c, void **context,
                               enum MHD_ConnectionNotificationCode what)
{
    tt_prometheus_endpoint *e = arg;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        connections_end(&e->connections, *context);
        *context = NULL;
        return;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
    *context = info ? connections_begin(&e->connections, info->connect_fd) : NULL;
}

/* --- starting and stopping ------------------------------------------------------------------- */

tt_prometheus_endpoint_options tt_prometheus_endpoint_defaults(void)
{
    return (tt_prometheus_endpoint_options){.size = sizeof(tt_prometheus_endpoint_options),
                                            .port = -1};
}

static int choose_port(const tt_prometheus_endpoint_options *o, uint16_t *out)
{
    uint64_t port = o->port >= 0 ? (uint64_t)o->port : PORT_DEFAULT;
    const char *given = o->port < 0 ? getenv("OTEL_EXPORTER_PROMETHEUS_PORT") : NULL;
    if (given && *given && num_parse_u64(str_c(given), &port) != 0)
        return TT_ERR_INVALID;
    if (port > UINT16_MAX)
        return TT_ERR_INVALID;
    *out = (uint16_t)port;
    return TT_OK;
}

static const char *choose_host(const tt_prometheus_endpoint_options *o)
{
    const char *given = o->host ? o->host : getenv("OTEL_EXPORTER_PROMETHEUS_HOST");
    return given && *given ? given : "localhost";
}

static void set_port(struct sockaddr *address, uint16_t port)
{
    if (address->sa_family == AF_INET6)
        ((struct sockaddr_in6 *)(void *)address)->sin6_port = htons(port);
    else
        ((struct sockaddr_in *)(void *)address)->sin_port = htons(port);
}

/* A text that the caller frees; NULL with errno. */
static char *read_pem(const char *path)
{
    FILE *f = fopen(path, "re");
    char *text = f ? malloc(PEM_MAX + 1) : NULL;
    size_t n = text ? fread(text, 1, PEM_MAX + 1, f) : 0;
    int reason = text && n > PEM_MAX ? EFBIG : errno;
    bool ok = text && n <= PEM_MAX && !ferror(f);
    if (f)
        (void)fclose(f); // it was only read
    if (ok) {
        text[n] = '\0';
        return text;
    }
    free(text);
    errno = reason;
    return NULL;
}

static int read_tls(tt_prometheus_endpoint *e)
{
    const tt_prometheus_endpoint_options *o = &e->options;
    if (!o->tls_certificate && !o->tls_key)
        return TT_OK;
    if (!o->tls_certificate || !o->tls_key)
        return TT_ERR_INVALID;
    e->certificate = read_pem(o->tls_certificate);
    e->key = e->certificate ? read_pem(o->tls_key) : NULL;
    return e->key ? TT_OK : TT_ERR_IO;
}

static struct MHD_Daemon *listen_at(tt_prometheus_endpoint *e, struct addrinfo *a, uint16_t port)
{
    unsigned flags = MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD;
    if (a->ai_family == AF_INET6)
        flags |= MHD_USE_IPv6;
    set_port(a->ai_addr, port);
    struct MHD_OptionItem tls[] = {{MHD_OPTION_HTTPS_MEM_CERT, 0, e->certificate},
                                   {MHD_OPTION_HTTPS_MEM_KEY, 0, e->key},
                                   {MHD_OPTION_END, 0, NULL}};
    if (e->key)
        flags |= MHD_USE_TLS;
    else
        tls[0] = tls[2];
    connections_init(&e->connections);
    return MHD_start_daemon(flags, port, NULL, NULL, answer, e, MHD_OPTION_SOCK_ADDR, a->ai_addr,
                            MHD_OPTION_NOTIFY_CONNECTION, connection_changed, e,
                            MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_CONNECTION_LIMIT,
                            (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
                            (unsigned)TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                            (size_t)MEMORY_MAX, MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
}

static int listen_on(tt_prometheus_endpoint *e, const char *host, uint16_t port)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *list;
    hints.ai_flags = AI_PASSIVE;
    if (getaddrinfo(host, NULL, &hints, &list) != 0)
        return TT_ERR_IO;
    // IPv4 first: that is what "localhost" means to most scrape configurations.
    for (int pass = 0; pass < 2 && !e->daemon; pass++) {
        for (struct addrinfo *a = list; a && !e->daemon; a = a->ai_next) {
            if ((a->ai_family == AF_INET) == (pass == 0))
                e->daemon = listen_at(e, a, port);
        }
    }
    freeaddrinfo(list);
    if (!e->daemon)
        return TT_ERR_IO;
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(e->daemon, MHD_DAEMON_INFO_BIND_PORT);
    e->port = info ? info->port : port;
    return TT_OK;
}

static bool copy_text(const char *given, char **out)
{
    *out = given ? str_dup(str_c(given)) : NULL;
    return !given || *out;
}

static bool copy_texts(tt_prometheus_endpoint *e)
{
    const tt_prometheus_endpoint_options *o = &e->options;
    return copy_text(o->bearer_token, &e->token) &&
           copy_text(o->resource_labels, &e->resource_labels) &&
           copy_text(o->without_resource_labels, &e->without_resource_labels);
}

int tt_prometheus_endpoint_start(tt_meter_provider *provider,
                                 const tt_prometheus_endpoint_options *options,
                                 tt_prometheus_endpoint **out)
{
    tt_prometheus_endpoint_options o = tt_prometheus_endpoint_defaults();
    uint16_t port;
    (void)tt_options_read(&o, sizeof o, options); // NULL leaves the defaults
    if (!provider || !out || choose_port(&o, &port) != TT_OK)
        return TT_ERR_INVALID;
    tt_prometheus_endpoint *e = calloc(1, sizeof *e);
    if (!e)
        return TT_ERR_NOMEM;
    e->provider = provider;
    e->options = o;
    int rc = copy_texts(e) ? read_tls(e) : TT_ERR_NOMEM;
    if (rc == TT_OK)
        rc = listen_on(e, choose_host(&o), port);
    if (rc == TT_OK) {
        *out = e;
        return TT_OK;
    }
    int reason = errno;
    tt_prometheus_endpoint_stop(e);
    errno = reason;
    return rc;
}

uint16_t tt_prometheus_endpoint_port(const tt_prometheus_endpoint *e)
{
    return e ? e->port : 0;
}

void tt_prometheus_endpoint_stop(tt_prometheus_endpoint *e)
{
    if (!e)
        return;
    if (e->daemon)
        MHD_stop_daemon(e->daemon);
    free(e->token);
    free(e->resource_labels);
    free(e->without_resource_labels);
    free(e->certificate);
    free(e->key);
    free(e);
}
