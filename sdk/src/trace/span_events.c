/* Events, links and status: what few spans have, compiled for size. */
#include "trace/span.h"

#include <string.h>

#include "base/compiler.h"
#include "core/proto.h"
#include "trace/context.h"
#include "trace/tracer.h"

enum { EVENTS = 11, LINKS = 13, STATUS = 15 };
enum { EVENT_TIME = 1, EVENT_NAME = 2, EVENT_ATTRIBUTES = 3, EVENT_DROPPED = 4 };
enum { LINK_TRACE_ID = 1, LINK_SPAN_ID, LINK_STATE, LINK_ATTRIBUTES, LINK_DROPPED, LINK_FLAGS };
enum { STATUS_MESSAGE = 2, STATUS_CODE = 3 };

/* --- events and links ------------------------------------------------------------------------ */

static size_t attrs_size(const tt_attr *attrs, size_t n)
{
    size_t size = 0;
    for (size_t i = 0; i < n; i++)
        size += proto_attr_size(&attrs[i]);
    return size;
}

/* The message was written with room for the longest head before it: closes the gap. */
static void close_message(struct tt_span_memory *s, unsigned field, char *start, const char *end)
{
    size_t n = (size_t)(end - start - PROTO_HEAD_MAX);
    char *body = put_bytes_head(start, field, n);
    memmove(body, start + PROTO_HEAD_MAX, n);
    s->n += (uint32_t)(body - start + (ptrdiff_t)n);
}

static char *put_attrs(char *to, unsigned field, const tt_attr *attrs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (attrs[i].key && attrs[i].key_n)
            to = put_proto_attr(to, field, &attrs[i]);
    }
    return to;
}

static void add_event(struct tt_span_memory *s, const char *name, int64_t time_unix_ns,
                      const tt_attr *attrs, size_t n)
{
    const tt_tracer_provider_options *o = tracer_options(s->tracer);
    size_t name_n = strlen(name), kept = MIN(n, o->event_attributes_max);
    if (s->events_n >= o->events_max) {
        s->events_dropped++;
        return;
    }
    char *start = span_append(s, 64 + name_n + attrs_size(attrs, kept));
    if (!start) {
        s->events_dropped++;
        return;
    }
    char *to = start + PROTO_HEAD_MAX;
    to = put_fixed64_field(to, EVENT_TIME, (uint64_t)(time_unix_ns ? time_unix_ns : span_now_ns()));
    to = put_text_field(to, EVENT_NAME, name, name_n);
    to = put_attrs(to, EVENT_ATTRIBUTES, attrs, kept);
    if (n > kept)
        to = put_varint_field(to, EVENT_DROPPED, n - kept);
    close_message(s, EVENTS, start, to);
    s->events_n++;
}

void tt_span_add_event(tt_span span, const char *name, int64_t time_unix_ns, const tt_attr *attrs,
                       size_t n)
{
    struct tt_span_memory *s = span_lock(span);
    if (!s)
        return;
    if (s->recording && name)
        add_event(s, name, time_unix_ns, attrs, attrs ? n : 0);
    span_unlock(s);
}

void span_put_link(struct tt_span_memory *s, const tt_link *l)
{
    size_t state_n = l->tracestate ? strnlen(l->tracestate, TRACESTATE_MAX) : 0;
    const tt_tracer_provider_options *o = tracer_options(s->tracer);
    size_t kept = l->attrs ? MIN(l->attrs_n, o->link_attributes_max) : 0;
    char *start = NULL;
    if (s->links_n < o->links_max)
        start = span_append(s, 96 + state_n + attrs_size(l->attrs, kept));
    if (!start) {
        s->links_dropped++;
        return;
    }
    char *to = start + PROTO_HEAD_MAX;
    to = put_bytes_field(to, LINK_TRACE_ID, l->span.trace_id, 16);
    to = put_bytes_field(to, LINK_SPAN_ID, l->span.span_id, 8);
    if (state_n)
        to = put_text_field(to, LINK_STATE, l->tracestate, state_n);
    to = put_attrs(to, LINK_ATTRIBUTES, l->attrs, kept);
    if (l->attrs && l->attrs_n > kept)
        to = put_varint_field(to, LINK_DROPPED, l->attrs_n - kept);
    to = put_fixed32_field(to, LINK_FLAGS, span_flags(l->span.flags, l->span.remote));
    close_message(s, LINKS, start, to);
    s->links_n++;
}

void tt_span_add_link(tt_span span, const tt_link *link)
{
    struct tt_span_memory *s = span_lock(span);
    if (!s)
        return;
    if (s->recording && link)
        span_put_link(s, link);
    span_unlock(s);
}

/* --- name and status ------------------------------------------------------------------------- */

static void put_status(struct tt_span_memory *s, const char *message)
{
    size_t n = s->status == TT_STATUS_ERROR && message ? strlen(message) : 0;
    span_take_out(s, &s->message);
    char *start = span_append(s, n + 3 * PROTO_HEAD_MAX);
    if (!start)
        return;
    uint32_t at = s->n;
    char *to = start + PROTO_HEAD_MAX;
    if (n)
        to = put_text_field(to, STATUS_MESSAGE, message, n);
    to = put_varint_field(to, STATUS_CODE, s->status);
    close_message(s, STATUS, start, to);
    s->message = (struct span_field){.at = at, .n = s->n - at};
}

void tt_span_set_status(tt_span span, enum tt_span_status status, const char *description)
{
    struct tt_span_memory *s = span_lock(span);
    if (!s)
        return;
    bool known = status == TT_STATUS_OK || status == TT_STATUS_ERROR;
    if (s->recording && known && s->status != TT_STATUS_OK) {
        s->status = (uint8_t)status;
        put_status(s, description);
    }
    span_unlock(s);
}
