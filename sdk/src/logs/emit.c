/* Loggers: a record is encoded as opentelemetry's LogRecord where it is emitted, into the ring of
 * its thread. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/options.h"
#include "core/proto.h"
#include "logs/logger.h"
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
enum { FIXED_BYTES = 128, MESSAGE_MAX = 2048 };

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
    uint32_t flags = c->flags & FLAGS_OF_W3C;
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

void log_encode(struct logger *l, const tt_log_record *r, size_t dropped,
                const tt_span_context *span)
{
    int64_t now = clock_read_ns(CLOCK_REALTIME);
    char *start = source_reserve(&l->source, record_size(r));
    if (!start)
        return;
    char *to = put_fixed64_field(start, TIME, (uint64_t)(r->time_unix_ns ? r->time_unix_ns : now));
    to = put_varint_field(to, SEVERITY, (uint64_t)r->severity);
    to = put_text_field(to, SEVERITY_TEXT, r->severity_text, strlen(r->severity_text));
    if (r->body.type != TT_TYPE_EMPTY)
        to = put_proto_value(to, BODY, &r->body);
    for (size_t i = 0; i < r->attrs_n; i++) {
        const tt_attr *a = &r->attrs[i];
        if (UNLIKELY(!a->key || !a->key_n))
            continue;
        char *end = put_short_attr(to, ATTRIBUTES, a);
        to = LIKELY(end != NULL) ? end : put_proto_attr(to, ATTRIBUTES, a);
    }
    if (dropped)
        to = put_varint_field(to, DROPPED, dropped);
    to = put_span(to, span);
    to = put_fixed64_field(to, OBSERVED, (uint64_t)now);
    if (r->event_name)
        to = put_text_field(to, EVENT_NAME, r->event_name, strlen(r->event_name));
    source_commit(&l->source, (size_t)(to - start));
}

static void emit(struct logger *l, tt_log_record *r)
{
    const tt_logger_provider *p = logger_provider(l);
    tt_span_context span = span_of(r->context);
    if (UNLIKELY(atomic_get_relaxed(&l->handle.trace_based)) && span_context_is_valid(&span) &&
        !(span.flags & TT_FLAG_SAMPLED)) {
        log_filtered(&l->handle);
        return;
    }
    if (!r->severity_text)
        r->severity_text = severity_name(r->severity);
    if (UNLIKELY(!p->plain || r->exception)) {
        log_process(l, r, &span);
        return;
    }
    size_t dropped = r->attrs_n > p->attributes_max ? r->attrs_n - p->attributes_max : 0;
    r->attrs_n -= dropped;
    log_encode(l, r, dropped, &span);
}

static bool is_allowed(const tt_logger *l, enum tt_severity severity)
{
    return l && (int)severity >= atomic_get_relaxed(&l->level);
}

void tt_log_emit(tt_logger *l, const tt_log_record *record)
{
    tt_log_record r = {0};
    if (!l || !record)
        return;
    (void)options_read(&r, sizeof r, record);
    if (!r.attrs)
        r.attrs_n = 0;
    if (is_allowed(l, r.severity))
        emit(logger_of(l), &r);
    else
        log_filtered(l);
}

void tt_log(tt_logger *l, enum tt_severity severity, const char *message, const tt_attr *attrs,
            size_t n)
{
    if (LIKELY(!is_allowed(l, severity))) {
        log_filtered(l);
        return;
    }
    tt_log_record r = {.severity = severity,
                       .body = tt_value_str(message),
                       .attrs = attrs,
                       .attrs_n = attrs ? n : 0};
    emit(logger_of(l), &r);
}

COLD void tt_logf(tt_logger *l, enum tt_severity severity, const char *format, ...)
{
    if (LIKELY(!is_allowed(l, severity))) {
        log_filtered(l);
        return;
    }
    char message[MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args); // cut when too long
    va_end(args);
    tt_log(l, severity, message, NULL, 0);
}
