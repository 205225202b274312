/* Loggers: a record is encoded as opentelemetry's LogRecord where it is emitted, into the ring of
 * its thread. Text that masking changes is written to a scratch buffer of the thread first. */
#include "core/batcher.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "core/clock.h"
#include "core/problem.h"
#include "core/proto.h"
#include "logs/mask.h"
#include "telltale/log.h"
#include "trace/context.h"
#include "trace/span.h"

enum {
    TIME = 1,
    SEVERITY = 2,
    SEVERITY_TEXT = 3,
    BODY = 5,
    ATTRIBUTES = 6,
    DROPPED = 7,
    FLAGS = 8
};
enum { TRACE_ID = 9, SPAN_ID = 10, OBSERVED = 11, EVENT_NAME = 12 };
enum { ATTRS_KEPT = 128, FIXED_BYTES = 128, MESSAGE_MAX = 2048, MASKED_MAX = 1 << 20 };

struct tt_logger {
    struct source source; /* first: loggers are made as sources */
    atomic_int level;     /* 0: not set yet */
};

struct tt_logger_provider {
    struct batcher batcher;
    int level;
    unsigned masks;
};

/* --- providers and loggers ------------------------------------------------------------------- */

static struct str environment_of(const tt_logger_provider_options *o, const tt_resource *r)
{
    if (o->environment)
        return str_c(o->environment);
    const tt_attr *attrs;
    size_t n = tt_resource_attributes(r, &attrs);
    for (size_t i = 0; i < n; i++) {
        if (str_eq(str_of(attrs[i].key, attrs[i].key_n), STR("deployment.environment.name")) &&
            attrs[i].value.type == TT_TYPE_STRING)
            return str_of(attrs[i].value.as.text, attrs[i].value.n);
    }
    return (struct str){0};
}

static int choose_level(const tt_logger_provider_options *o, const tt_resource *r)
{
    struct str environment = environment_of(o, r);
    if (o->level)
        return o->level;
    if (str_eq(environment, STR("development")))
        return TT_SEVERITY_DEBUG;
    return str_eq(environment, STR("production")) ? TT_SEVERITY_WARN : TT_SEVERITY_INFO;
}

tt_logger_provider *tt_logger_provider_new(const tt_logger_provider_options *options)
{
    tt_logger_provider_options o = {0};
    if (options)
        memcpy(&o, options, MIN(options->size, sizeof o));
    tt_logger_provider *p = calloc(1, sizeof *p);
    if (!p) {
        problem(TT_PROBLEM_MEMORY, "no memory for a logger provider", NULL);
        exporter_close(&o.exporter); // taken
        return NULL;
    }
    struct batcher_options b = {
        .signal = TT_SIGNAL_LOGS,
        .exporter = o.exporter,
        .queue_bytes = o.queue_bytes,
        .batch_items = o.batch_records,
        .delay_ms = o.delay_ms,
        .send_timeout_ms = o.send_timeout_ms,
        .simple = o.simple,
    };
    if (!batcher_init(&p->batcher, &b, o.resource)) {
        problem(TT_PROBLEM_MEMORY, "no memory for a logger provider", NULL);
        tt_logger_provider_free(p);
        return NULL;
    }
    p->level = o.exporter.send ? choose_level(&o, p->batcher.resource) : TT_SEVERITY_OFF;
    p->masks = o.masks;
    return p;
}

int tt_logger_provider_flush(tt_logger_provider *p, int64_t timeout_ms)
{
    return p ? batcher_flush(&p->batcher, timeout_ms) : TT_OK;
}

int tt_logger_provider_shutdown(tt_logger_provider *p, int64_t timeout_ms)
{
    return p ? batcher_shutdown(&p->batcher, timeout_ms) : TT_OK;
}

void tt_logger_provider_free(tt_logger_provider *p)
{
    if (!p)
        return;
    batcher_done(&p->batcher);
    free(p);
}

uint64_t tt_logger_provider_lost(const tt_logger_provider *p)
{
    return p ? atomic_get_relaxed(&p->batcher.lost) : 0;
}

tt_logger *tt_logger_get_scope(tt_logger_provider *p, const tt_scope *scope)
{
    tt_logger *l = p && scope ? batcher_source(&p->batcher, scope, sizeof *l) : NULL;
    if (!l)
        return NULL;
    int unset = 0;
    (void)atomic_compare_exchange_strong(&l->level, &unset, p->level);
    return l;
}

tt_logger *tt_logger_get(tt_logger_provider *p, const char *name, const char *version)
{
    tt_scope scope = {.name = name, .version = version};
    return tt_logger_get_scope(p, &scope);
}

void tt_logger_set_level(tt_logger *l, enum tt_severity level)
{
    bool known = level >= TT_SEVERITY_TRACE && level <= TT_SEVERITY_OFF;
    if (l && known)
        atomic_set_relaxed(&l->level, (int)level);
    else if (l)
        problem(TT_PROBLEM_MISUSE, "a logger's level is 1 to 25", l->source.scope.name);
}

bool tt_logger_is_enabled(const tt_logger *l, enum tt_severity severity)
{
    return l && (int)severity >= atomic_get_relaxed(&l->level);
}

/* --- masking --------------------------------------------------------------------------------- */

/* What masking made, to be freed after the record is encoded. */
struct masked {
    tt_attr attrs[ATTRS_KEPT];
    char *owned[ATTRS_KEPT + 1];
    size_t n_owned;
};

static void mask_one(struct masked *m, unsigned masks, struct str key, tt_value *v)
{
    if (masks & TT_MASK_KEYS && mask_is_secret_key(key)) {
        *v = tt_value_str("***");
        return;
    }
    struct buf text = BUF_MAX(MASKED_MAX);
    if (v->type != TT_TYPE_STRING || !mask_text(&text, masks, str_of(v->as.text, v->n))) {
        buf_done(&text);
        return;
    }
    size_t n = 0;
    char *owned = buf_take(&text, &n);
    *v = owned ? tt_value_text(owned, n) : tt_value_str("***"); // better lose it than show it
    m->owned[m->n_owned++] = owned;
}

static void mask_record(struct masked *m, unsigned masks, tt_log_record *r)
{
    m->n_owned = 0;
    mask_one(m, masks, (struct str){0}, &r->body);
    for (size_t i = 0; i < r->attrs_n; i++) {
        m->attrs[i] = r->attrs[i];
        mask_one(m, masks, str_of(m->attrs[i].key, m->attrs[i].key_n), &m->attrs[i].value);
    }
    if (r->attrs_n)
        r->attrs = m->attrs;
}

static void masked_done(struct masked *m)
{
    for (size_t i = 0; i < m->n_owned; i++)
        free(m->owned[i]);
}

/* --- emitting -------------------------------------------------------------------------------- */

static const char *severity_name(enum tt_severity s)
{
    static const char *const names[] = {"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"};
    return s >= TT_SEVERITY_TRACE && s < TT_SEVERITY_OFF ? names[((int)s - 1) / 4] : "";
}

static tt_span_context span_of(const tt_context *given)
{
    tt_span_context c = {0};
    if (given)
        return given->span;
    if (!span_context_read(current_context.span, &c, NULL, NULL) && current_context.context)
        c = current_context.context->span;
    return c;
}

static char *put_span(char *to, const tt_span_context *c)
{
    uint32_t flags = c->flags;
    if (!tt_span_context_is_valid(c))
        return to;
    to = put_tag(to, FLAGS, WIRE_FIXED32);
    memcpy(to, &flags, sizeof flags);
    to += sizeof flags;
    to = put_bytes_field(to, TRACE_ID, c->trace_id, 16);
    return put_bytes_field(to, SPAN_ID, c->span_id, 8);
}

static size_t record_size(const tt_log_record *r)
{
    size_t n = FIXED_BYTES + strlen(r->severity_text) + proto_value_size(&r->body);
    n += r->event_name ? strlen(r->event_name) : 0;
    for (size_t i = 0; i < r->attrs_n; i++)
        n += proto_attr_size(&r->attrs[i]);
    return n;
}

static void encode(tt_logger *l, const tt_log_record *r, size_t dropped)
{
    tt_span_context span = span_of(r->context);
    int64_t now = clock_unix_ns();
    char *start = source_reserve(&l->source, record_size(r));
    if (!start)
        return;
    char *to = put_fixed64_field(start, TIME, (uint64_t)(r->time_unix_ns ? r->time_unix_ns : now));
    to = put_varint_field(to, SEVERITY, (uint64_t)r->severity);
    to = put_text_field(to, SEVERITY_TEXT, r->severity_text, strlen(r->severity_text));
    if (r->body.type != TT_TYPE_EMPTY)
        to = put_proto_value(to, BODY, &r->body);
    for (size_t i = 0; i < r->attrs_n; i++) {
        if (r->attrs[i].key && r->attrs[i].key_n)
            to = put_proto_attr(to, ATTRIBUTES, &r->attrs[i]);
    }
    if (dropped)
        to = put_varint_field(to, DROPPED, dropped);
    to = put_span(to, &span);
    to = put_fixed64_field(to, OBSERVED, (uint64_t)now);
    if (r->event_name)
        to = put_text_field(to, EVENT_NAME, r->event_name, strlen(r->event_name));
    source_commit(&l->source, (size_t)(to - start));
}

static void emit(tt_logger *l, tt_log_record r)
{
    size_t dropped = r.attrs_n > ATTRS_KEPT ? r.attrs_n - ATTRS_KEPT : 0;
    r.attrs_n -= dropped;
    if (!r.severity_text)
        r.severity_text = severity_name(r.severity);
    unsigned masks = CONTAINER_OF(l->source.batcher, tt_logger_provider, batcher)->masks;
    if (!masks) {
        encode(l, &r, dropped);
        return;
    }
    struct masked m;
    mask_record(&m, masks, &r);
    encode(l, &r, dropped);
    masked_done(&m);
}

void tt_log_emit(tt_logger *l, const tt_log_record *record)
{
    tt_log_record r = {0};
    if (!l || !record)
        return;
    memcpy(&r, record, MIN(record->size, sizeof r));
    if (!r.attrs)
        r.attrs_n = 0;
    if (tt_logger_is_enabled(l, r.severity))
        emit(l, r);
}

void tt_log(tt_logger *l, enum tt_severity severity, const char *message, const tt_attr *attrs,
            size_t n)
{
    if (LIKELY(!tt_logger_is_enabled(l, severity)))
        return;
    emit(l, (tt_log_record){.severity = severity,
                            .body = tt_value_str(message),
                            .attrs = attrs,
                            .attrs_n = attrs ? n : 0});
}

void tt_logf(tt_logger *l, enum tt_severity severity, const char *format, ...)
{
    if (LIKELY(!tt_logger_is_enabled(l, severity)))
        return;
    char message[MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args); // cut when too long
    va_end(args);
    tt_log(l, severity, message, NULL, 0);
}
