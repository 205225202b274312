/* A line is made of a head (when, how bad, who, what) and of attributes, each of which is put in
 * the manner of the style. What a program logs may come from strangers, so no byte of it can end a
 * line, or speak to a terminal. */
#include "sinks/line.h"

#include <stdio.h>

#include "base/time.h"
#include "wire/field.h"
#include "wire/otlp_json.h"

enum { TEXT_MAX = 1 << 20, HEX_SHOWN = 64 };
/* Fields of LogRecord, Span, Status, Resource and InstrumentationScope. */
enum { LOG_TIME = 1, SEVERITY, SEVERITY_TEXT, BODY = 5, LOG_ATTRS = 6, LOG_TRACE = 9 };
enum { LOG_SPAN = 10, LOG_OBSERVED = 11, LOG_EVENT = 12 };
enum { SPAN_TRACE = 1, SPAN_SPAN, SPAN_PARENT = 4, SPAN_NAME, SPAN_KIND, SPAN_START, SPAN_END };
enum { SPAN_ATTRS = 9, SPAN_STATUS = 15, STATUS_MESSAGE = 2, STATUS_CODE = 3 };
enum { RESOURCE_ATTRS = 1, SCOPE_NAME = 1 };

static const char *const levels[] = {"trace", "debug", "info", "warn", "error", "fatal"};

static const char *level_of(uint64_t severity)
{
    return severity >= 1 && severity <= 24 ? levels[(severity - 1) / 4] : "";
}

void log_parts(struct log_parts *p, const struct wire_item *i)
{
    struct str service = {0};
    uint64_t time = wire_number(i->item, LOG_TIME);
    if (wire_find_attr(i->resource, RESOURCE_ATTRS, STR("service.name"), &service))
        service = wire_bytes(service, 1);
    *p = (struct log_parts){
        .time_unix_ns = time ? time : wire_number(i->item, LOG_OBSERVED),
        .severity = wire_number(i->item, SEVERITY),
        .severity_text = wire_bytes(i->item, SEVERITY_TEXT),
        .body = wire_bytes(i->item, BODY),
        .event = wire_bytes(i->item, LOG_EVENT),
        .trace_id = wire_bytes(i->item, LOG_TRACE),
        .span_id = wire_bytes(i->item, LOG_SPAN),
        .logger = wire_bytes(i->scope, SCOPE_NAME),
        .service = service,
    };
}

static void each_attr(struct str message, unsigned number,
                      void (*visit)(void *arg, const struct wire_attr *attr), void *arg)
{
    struct wire_field f;
    while (wire_next(&message, &f) > 0) {
        struct wire_attr a = wire_attr(f.bytes);
        if (f.number == number)
            visit(arg, &a);
    }
}

void log_each_attr(struct str record, void (*visit)(void *arg, const struct wire_attr *attr),
                   void *arg)
{
    each_attr(record, LOG_ATTRS, visit, arg);
}

/* --- text ------------------------------------------------------------------------------------ */

static bool is_bare(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7f)
            return false;
    }
    return text.n && str_is_utf8(text);
}

/* Quoted and escaped as JSON where it is not plain. */
static void put_word(struct buf *out, struct str text)
{
    if (is_bare(text))
        buf_put_str(out, text);
    else
        json_put_text(out, text);
}

void line_put_logfmt(struct buf *out, struct str key, struct str value)
{
    if (is_bare(key))
        buf_put_str(out, key);
    else
        buf_puts(out, "_");
    buf_putc(out, '=');
    put_word(out, value);
}

/* Escaped, without quotes: for people. */
static void put_prose(struct buf *out, struct str text)
{
    struct buf quoted = BUF_MAX(8 * TEXT_MAX);
    json_put_text(&quoted, str_sub(text, 0, TEXT_MAX));
    if (quoted.n >= 2)
        buf_put(out, quoted.p + 1, quoted.n - 2);
    out->failed |= buf_failed(&quoted);
    buf_done(&quoted);
}

static void put_time(struct buf *out, uint64_t unix_ns)
{
    time_format_rfc3339(out, (int64_t)(unix_ns / 1000000));
}

/* --- a line in the making -------------------------------------------------------------------- */

struct line {
    struct buf *out;
    const struct line_style *style;
    const char *sep;
};

static void put_field(struct line *l, struct str key, struct str value, bool json)
{
    buf_puts(l->out, l->sep);
    if (l->style->style == TT_STYLE_JSON) {
        json_put_text(l->out, key);
        buf_putc(l->out, ':');
        if (json)
            buf_put_str(l->out, value);
        else
            json_put_text(l->out, value);
        l->sep = ",";
        return;
    }
    line_put_logfmt(l->out, key, value);
    l->sep = " ";
}

static void put_text(struct line *l, const char *key, struct str value)
{
    if (value.n)
        put_field(l, str_c(key), value, false);
}

static void put_hex(struct line *l, const char *key, struct str bytes)
{
    struct buf hex = BUF_MAX(2 * HEX_SHOWN + 1);
    json_put_hex(&hex, str_sub(bytes, 0, HEX_SHOWN));
    put_text(l, key, buf_str(&hex));
    buf_done(&hex);
}

static void put_value(struct line *l, struct str key, struct str value)
{
    bool json = l->style->style == TT_STYLE_JSON;
    struct buf text = BUF_MAX(8 * TEXT_MAX);
    wire_put_plain(&text, value, json);
    put_field(l, key, buf_str(&text), json);
    l->out->failed |= buf_failed(&text);
    buf_done(&text);
}

static void put_attr(void *arg, const struct wire_attr *a)
{
    put_value(arg, a->key, a->value);
}

static void put_attrs(struct line *l, struct str message, unsigned number)
{
    if (l->style->style != TT_STYLE_JSON) {
        each_attr(message, number, put_attr, l);
        return;
    }
    size_t before = l->out->n;
    buf_puts(l->out, l->sep);
    buf_puts(l->out, "\"attributes\":{");
    size_t empty = l->out->n;
    l->sep = "";
    each_attr(message, number, put_attr, l);
    if (l->out->n == empty && !buf_failed(l->out))
        l->out->n = before;
    else
        buf_putc(l->out, '}');
    l->sep = ",";
}

static void begin(struct line *l, uint64_t time_unix_ns, const char *level)
{
    struct buf text = BUF_MAX(64);
    l->sep = "";
    if (l->style->style == TT_STYLE_JSON)
        buf_putc(l->out, '{');
    put_time(&text, time_unix_ns);
    put_text(l, "time", buf_str(&text));
    put_text(l, "level", str_c(level));
    buf_done(&text);
}

static void end(struct line *l)
{
    buf_puts(l->out, l->style->style == TT_STYLE_JSON ? "}\n" : "\n");
}

/* --- for people ------------------------------------------------------------------------------ */

static void put_coloured(struct buf *out, const struct line_style *s, const char *colour,
                         const char *text)
{
    buf_printf(out, s->colours ? "\x1b[%sm%-5s\x1b[0m " : "%.0s%-5s ", colour, text);
}

/* "12:34:56.789 INFO  shop: " */
static void put_head(struct buf *out, const struct line_style *s, uint64_t time_unix_ns,
                     uint64_t severity, struct str word, struct str who)
{
    static const char *const colours[] = {"2", "2", "32", "33", "31", "1;31"};
    struct buf time = BUF_MAX(64);
    char text[8];
    put_time(&time, time_unix_ns);
    buf_put_str(out, str_sub(buf_str(&time), 11, 12));
    buf_putc(out, ' ');
    buf_done(&time);
    size_t n = word.n < sizeof text ? word.n : sizeof text - 1;
    for (size_t i = 0; i < n; i++)
        text[i] = (char)(word.p[i] >= 'a' && word.p[i] <= 'z' ? word.p[i] - 32 : word.p[i]);
    text[n] = '\0';
    put_coloured(out, s, severity ? colours[(severity - 1) / 4 % 6] : "36", text);
    put_prose(out, who);
    buf_puts(out, who.n ? ": " : "");
}

static void put_pretty_log(struct buf *out, const struct line_style *s, const struct log_parts *p,
                           struct str record)
{
    struct buf body = BUF_MAX(8 * TEXT_MAX);
    struct line l = {.out = out, .style = s, .sep = "  "};
    put_head(out, s, p->time_unix_ns, p->severity, str_c(level_of(p->severity)), p->logger);
    wire_put_plain(&body, p->body, false);
    put_prose(out, p->body.n ? buf_str(&body) : p->event);
    put_attrs(&l, record, LOG_ATTRS);
    put_hex(&l, "trace_id", p->trace_id);
    buf_putc(out, '\n');
    buf_done(&body);
}

void line_put_log(struct buf *out, const struct line_style *s, const struct wire_item *i)
{
    struct log_parts p;
    struct line l = {.out = out, .style = s};
    log_parts(&p, i);
    if (s->style == TT_STYLE_PRETTY) {
        put_pretty_log(out, s, &p, i->item);
        return;
    }
    begin(&l, p.time_unix_ns, level_of(p.severity));
    if (p.body.n)
        put_value(&l, STR("msg"), p.body);
    put_text(&l, "event", p.event);
    put_text(&l, "service", p.service);
    put_text(&l, "logger", p.logger);
    put_hex(&l, "trace_id", p.trace_id);
    put_hex(&l, "span_id", p.span_id);
    put_attrs(&l, i->item, LOG_ATTRS);
    end(&l);
}

/* --- spans ----------------------------------------------------------------------------------- */

static struct str duration_of(char *out, size_t max, struct str span)
{
    uint64_t from = wire_number(span, SPAN_START), to = wire_number(span, SPAN_END);
    uint64_t us = to > from ? (to - from) / 1000 : 0;
    int n = snprintf(out, max, "%llu.%03llums", (unsigned long long)(us / 1000),
                     (unsigned long long)(us % 1000));
    return str_of(out, n > 0 ? (size_t)n : 0);
}

static const char *status_of(struct str span)
{
    static const char *const names[] = {"", "ok", "error"};
    return names[wire_number(wire_bytes(span, SPAN_STATUS), STATUS_CODE) % 3];
}

static void put_span_fields(struct line *l, const struct wire_item *i)
{
    static const char *const kinds[] = {"", "", "server", "client", "producer", "consumer"};
    char text[40];
    put_text(l, "duration", duration_of(text, sizeof text, i->item));
    put_text(l, "kind", str_c(kinds[wire_number(i->item, SPAN_KIND) % 6]));
    put_text(l, "status", str_c(status_of(i->item)));
    put_text(l, "error", wire_bytes(wire_bytes(i->item, SPAN_STATUS), STATUS_MESSAGE));
    put_hex(l, "trace_id", wire_bytes(i->item, SPAN_TRACE));
    put_hex(l, "span_id", wire_bytes(i->item, SPAN_SPAN));
    put_hex(l, "parent_id", wire_bytes(i->item, SPAN_PARENT));
    put_attrs(l, i->item, SPAN_ATTRS);
}

void line_put_span(struct buf *out, const struct line_style *s, const struct wire_item *i)
{
    struct line l = {.out = out, .style = s, .sep = "  "};
    uint64_t start = wire_number(i->item, SPAN_START);
    struct str name = wire_bytes(i->item, SPAN_NAME), scope = wire_bytes(i->scope, SCOPE_NAME);
    if (s->style == TT_STYLE_PRETTY) {
        put_head(out, s, start, 0, STR("span"), scope);
        put_prose(out, name);
        put_span_fields(&l, i);
        buf_putc(out, '\n');
        return;
    }
    begin(&l, start, "");
    put_text(&l, "span", name);
    put_text(&l, "tracer", scope);
    put_span_fields(&l, i);
    end(&l);
}
