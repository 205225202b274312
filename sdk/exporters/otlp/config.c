#include "otlp/config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/num.h"
#include "base/str.h"

enum { TIMEOUT_MS = 10000, NAME_MAX_BYTES = 64, TEXT_MAX = 8192, REQUEST_MAX = 64 << 20 };

struct signal_names {
    const char *variable, *path, *method;
};
static const uint64_t BUFFER_BYTES = UINT64_C(256) << 20;

static const struct signal_names names[] = {
    [TT_SIGNAL_TRACES] = {"TRACES", "v1/traces",
                          "/opentelemetry.proto.collector.trace.v1.TraceService/Export"},
    [TT_SIGNAL_METRICS] = {"METRICS", "v1/metrics",
                           "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"},
    [TT_SIGNAL_LOGS] = {"LOGS", "v1/logs",
                        "/opentelemetry.proto.collector.logs.v1.LogsService/Export"},
};

/* What a variable may say, by the option's number. */
struct choice {
    const char *name;
    int value;
};
static const struct choice protocols[] = {{"http/protobuf", TT_OTLP_HTTP_PROTOBUF},
                                          {"http/json", TT_OTLP_HTTP_JSON},
                                          {"grpc", TT_OTLP_GRPC}};
static const struct choice compressions[] = {
    {"none", TT_OTLP_PLAIN}, {"gzip", TT_OTLP_GZIP}, {"zstd", TT_OTLP_ZSTD}};
enum { CHOICES = 3 };

static const char *variable(const char *middle, const char *name)
{
    struct buf full = BUF_MAX(NAME_MAX_BYTES);
    buf_printf(&full, "OTEL_EXPORTER_OTLP_%s%s", middle, name);
    buf_putc(&full, '\0');
    const char *value = buf_failed(&full) ? NULL : getenv(full.p);
    buf_done(&full);
    return value && *value ? value : NULL;
}

/* The signal's variable; with `common`, or else that of all signals. */
static const char *lookup(enum tt_signal signal, const char *name, bool common)
{
    struct buf middle = BUF_MAX(NAME_MAX_BYTES);
    buf_printf(&middle, "%s_", names[signal].variable);
    buf_putc(&middle, '\0');
    const char *value = buf_failed(&middle) ? NULL : variable(middle.p, name);
    buf_done(&middle);
    return value || !common ? value : variable("", name);
}

static bool copy(char **out, const char *given, enum tt_signal signal, const char *name)
{
    const char *text = given ? given : lookup(signal, name, true);
    *out = text ? str_dup(str_c(text)) : NULL;
    return *out || !text;
}

/* --- where to --------------------------------------------------------------------------------- */

static bool is_http(struct str url)
{
    return str_eq_nocase(str_sub(url, 0, 7), STR("http://")) ||
           str_eq_nocase(str_sub(url, 0, 8), STR("https://"));
}

/* The common endpoint is a base, to which the signal's path is appended. */
static void put_http_url(struct buf *url, enum tt_signal signal, const char *given)
{
    const char *own = given ? given : lookup(signal, "ENDPOINT", false);
    if (own) {
        buf_puts(url, own);
        return;
    }
    const char *base = variable("", "ENDPOINT");
    buf_puts(url, base ? base : "http://localhost:4318");
    if (!str_ends(buf_str(url), STR("/")))
        buf_putc(url, '/');
    buf_puts(url, names[signal].path);
}

static bool is_insecure(enum tt_signal signal, const tt_otlp_options *o)
{
    const char *text = lookup(signal, "INSECURE", true);
    return o->insecure || (text && str_eq_nocase(str_c(text), STR("true")));
}

/* "host:port" alone, as gRPC's clients take it, is completed. */
static void put_grpc_url(struct buf *url, enum tt_signal signal, const tt_otlp_options *o)
{
    const char *given = o->url ? o->url : lookup(signal, "ENDPOINT", true);
    struct str base = str_c(given ? given : "http://localhost:4317");
    while (str_ends(base, STR("/")))
        base.n--;
    if (str_find(base, STR("://")) == base.n)
        buf_puts(url, is_insecure(signal, o) ? "http://" : "https://");
    buf_put_str(url, base);
    buf_puts(url, names[signal].method);
}

static int choose_url(struct otlp_config *c, const tt_otlp_options *o)
{
    struct buf url = BUF_MAX(TEXT_MAX);
    if (c->protocol == TT_OTLP_GRPC)
        put_grpc_url(&url, c->signal, o);
    else
        put_http_url(&url, c->signal, o->url);
    c->url = buf_take(&url, NULL);
    if (!c->url)
        return TT_ERR_NOMEM;
    return is_http(str_c(c->url)) ? TT_OK : TT_ERR_INVALID;
}

/* --- headers --------------------------------------------------------------------------------- */

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* False for a line end, which would begin another header. */
static bool put_decoded(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        int high = c == '%' && i + 2 < text.n ? hex(text.p[i + 1]) : -1;
        int low = high >= 0 ? hex(text.p[i + 2]) : -1;
        if (low >= 0) {
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (c == '\r' || c == '\n' || c == '\0')
            return false;
        buf_putc(out, c);
    }
    return true;
}

static bool is_token(struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];
        if (c <= 0x20 || c >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", c))
            return false;
    }
    return name.n > 0;
}

static int add_header(struct otlp_config *c, struct str pair)
{
    struct str name = str_trim(str_cut(&pair, '='));
    struct buf line = BUF_MAX(TEXT_MAX);
    if (!pair.p || !is_token(name) || c->n_headers == OTLP_HEADERS_MAX)
        return TT_ERR_INVALID;
    buf_put_str(&line, name);
    buf_puts(&line, ": ");
    bool ok = put_decoded(&line, str_trim(pair));
    char *text = buf_take(&line, NULL);
    if (!ok || !text) {
        free(text);
        return ok ? TT_ERR_NOMEM : TT_ERR_INVALID;
    }
    c->headers[c->n_headers++] = text;
    return TT_OK;
}

static int read_headers(struct otlp_config *c, const char *given)
{
    struct str rest = str_c(given);
    int rc = TT_OK;
    while (rest.p && rc == TT_OK) {
        struct str pair = str_trim(str_cut(&rest, ','));
        if (pair.n)
            rc = add_header(c, pair);
    }
    return rc;
}

/* --- the whole ------------------------------------------------------------------------------- */

static int read_timeout(struct otlp_config *c, enum tt_signal signal, const tt_otlp_options *o)
{
    const char *text = lookup(signal, "TIMEOUT", true);
    c->timeout_ms = o->timeout_ms > 0 ? o->timeout_ms : TIMEOUT_MS;
    if (o->timeout_ms > 0 || !text)
        return TT_OK;
    return num_parse_i64(str_trim(str_c(text)), &c->timeout_ms) == 0 && c->timeout_ms > 0
               ? TT_OK
               : TT_ERR_INVALID;
}

/* The option, or what the variable says. */
static int choose(int option, enum tt_signal signal, const char *name, const struct choice *choices,
                  int *out)
{
    const char *text = option ? NULL : lookup(signal, name, true);
    *out = option ? option : choices[0].value;
    for (size_t i = 0; i < CHOICES; i++) {
        if (text ? strcmp(text, choices[i].name) == 0 : *out == choices[i].value) {
            *out = choices[i].value;
            return TT_OK;
        }
    }
    return TT_ERR_INVALID;
}

static int choose_form(struct otlp_config *c, const tt_otlp_options *o, const char **out_problem)
{
    int protocol, compression;
    *out_problem = "an OTLP protocol is http/protobuf, http/json or grpc";
    if (choose((int)o->protocol, c->signal, "PROTOCOL", protocols, &protocol) != TT_OK)
        return TT_ERR_INVALID;
    *out_problem = "an OTLP compression is none, gzip or, over HTTP, zstd";
    if (choose((int)o->compression, c->signal, "COMPRESSION", compressions, &compression) !=
            TT_OK ||
        (protocol == TT_OTLP_GRPC && compression == TT_OTLP_ZSTD))
        return TT_ERR_INVALID;
    c->protocol = (enum tt_otlp_protocol)protocol;
    c->compression = (enum tt_otlp_compression)compression;
    return TT_OK;
}

static bool copy_files(struct otlp_config *c, const tt_otlp_options *o)
{
    return copy(&c->ca_file, o->ca_file, c->signal, "CERTIFICATE") &&
           copy(&c->key_file, o->key_file, c->signal, "CLIENT_KEY") &&
           copy(&c->certificate_file, o->certificate_file, c->signal, "CLIENT_CERTIFICATE");
}

int otlp_config_init(struct otlp_config *c, enum tt_signal signal, const tt_otlp_options *o,
                     const char **out_problem)
{
    *c = (struct otlp_config){.signal = signal};
    c->request_max = o->request_max ? o->request_max : REQUEST_MAX;
    int rc = choose_form(c, o, out_problem);
    if (rc == TT_OK) {
        *out_problem = "an OTLP endpoint begins with http:// or https://";
        rc = choose_url(c, o);
    }
    if (rc == TT_OK) {
        *out_problem = "OTEL_EXPORTER_OTLP_TIMEOUT is milliseconds above 0";
        rc = read_timeout(c, signal, o);
    }
    if (rc == TT_OK) {
        *out_problem = "OTEL_EXPORTER_OTLP_HEADERS is a list of up to 32 name=value";
        rc = read_headers(c, o->headers ? o->headers : lookup(signal, "HEADERS", true));
    }
    if (rc == TT_OK && !copy_files(c, o))
        rc = TT_ERR_NOMEM;
    if (rc == TT_ERR_NOMEM)
        *out_problem = "no memory for an OTLP exporter";
    return rc;
}

/* Variables of our own: the specification has none for it. */
bool otlp_buffer_choose(const tt_otlp_options *o, struct otlp_buffer *out)
{
    const char *folder = getenv("OTEL_C_EXPORTER_OTLP_BUFFER");
    const char *bytes = getenv("OTEL_C_EXPORTER_OTLP_BUFFER_BYTES");
    *out = (struct otlp_buffer){.folder = o->buffer ? o->buffer : folder,
                                .bytes_max = o->buffer_bytes};
    if (!out->bytes_max && bytes && *bytes &&
        (num_parse_u64(str_c(bytes), &out->bytes_max) != 0 || !out->bytes_max))
        tt_problem_tell(TT_PROBLEM_MISUSE, "OTEL_C_EXPORTER_OTLP_BUFFER_BYTES is a number above 0",
                        bytes);
    if (!out->bytes_max)
        out->bytes_max = BUFFER_BYTES;
    return out->folder && *out->folder;
}

void otlp_config_done(struct otlp_config *c)
{
    free(c->url);
    free(c->ca_file);
    free(c->key_file);
    free(c->certificate_file);
    for (size_t i = 0; i < c->n_headers; i++)
        free(c->headers[i]);
}
