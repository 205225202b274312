#include "otlp/config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/num.h"
#include "base/str.h"

enum { TIMEOUT_MS = 10000, NAME_MAX_BYTES = 64, TEXT_MAX = 8192 };

static const char *const signal_names[] = {
    [TT_SIGNAL_TRACES] = "TRACES", [TT_SIGNAL_METRICS] = "METRICS", [TT_SIGNAL_LOGS] = "LOGS"};
static const char *const paths[] = {[TT_SIGNAL_TRACES] = "v1/traces",
                                    [TT_SIGNAL_METRICS] = "v1/metrics",
                                    [TT_SIGNAL_LOGS] = "v1/logs"};

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
    buf_printf(&middle, "%s_", signal_names[signal]);
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

/* The common endpoint is a base, to which the signal's path is appended. */
static char *choose_url(enum tt_signal signal, const char *given)
{
    const char *own = given ? given : lookup(signal, "ENDPOINT", false);
    if (own)
        return str_dup(str_c(own));
    const char *base = variable("", "ENDPOINT");
    if (!base)
        base = "http://localhost:4318";
    struct buf url = BUF_MAX(TEXT_MAX);
    buf_puts(&url, base);
    if (!str_ends(buf_str(&url), STR("/")))
        buf_putc(&url, '/');
    buf_puts(&url, paths[signal]);
    return buf_take(&url, NULL);
}

static bool is_http(const char *url)
{
    struct str text = str_c(url);
    return str_eq_nocase(str_sub(text, 0, 7), STR("http://")) ||
           str_eq_nocase(str_sub(text, 0, 8), STR("https://"));
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

static bool protocol_is_ours(enum tt_signal signal)
{
    const char *protocol = lookup(signal, "PROTOCOL", true);
    return !protocol || strcmp(protocol, "http/protobuf") == 0;
}

int otlp_config_init(struct otlp_config *c, enum tt_signal signal, const tt_otlp_options *o,
                     const char **out_problem)
{
    *c = (struct otlp_config){0};
    *out_problem = "no memory for an OTLP exporter";
    c->url = choose_url(signal, o->url);
    if (!c->url || !copy(&c->ca_file, o->ca_file, signal, "CERTIFICATE") ||
        !copy(&c->key_file, o->key_file, signal, "CLIENT_KEY") ||
        !copy(&c->certificate_file, o->certificate_file, signal, "CLIENT_CERTIFICATE"))
        return TT_ERR_NOMEM;
    if (!is_http(c->url)) {
        *out_problem = "an OTLP endpoint begins with http:// or https://";
        return TT_ERR_INVALID;
    }
    if (!protocol_is_ours(signal)) {
        *out_problem = "OTEL_EXPORTER_OTLP_PROTOCOL: only http/protobuf is known";
        return TT_ERR_INVALID;
    }
    if (read_timeout(c, signal, o) != TT_OK) {
        *out_problem = "OTEL_EXPORTER_OTLP_TIMEOUT is milliseconds above 0";
        return TT_ERR_INVALID;
    }
    const char *headers = o->headers ? o->headers : lookup(signal, "HEADERS", true);
    int rc = read_headers(c, headers);
    if (rc == TT_ERR_INVALID)
        *out_problem = "OTEL_EXPORTER_OTLP_HEADERS is a list of up to 32 name=value";
    return rc;
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
