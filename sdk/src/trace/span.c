/* The life of a span: sampled, started, filled, ended. Fields are those of opentelemetry's Span
 * message; attributes, events and links are encoded when they are set. */
#include "trace/span.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/str.h"
#include "core/bytes.h"
#include "core/clock.h"
#include "core/problem.h"
#include "core/proto.h"
#include "core/random.h"
#include "trace/context.h"
#include "trace/sampler.h"
#include "trace/tracer.h"

enum {
    TRACE_ID = 1,
    SPAN_ID = 2,
    TRACE_STATE = 3,
    PARENT_ID = 4,
    NAME = 5,
    KIND = 6,
    START = 7,
    END = 8,
    ATTRIBUTES = 9,
    DROPPED_ATTRIBUTES = 10,
    EVENTS = 11,
    DROPPED_EVENTS = 12,
    LINKS = 13,
    DROPPED_LINKS = 14,
    STATUS = 15,
    FLAGS = 16
};
enum { EVENT_TIME = 1, EVENT_NAME = 2, EVENT_ATTRIBUTES = 3, EVENT_DROPPED = 4 };
enum { LINK_TRACE_ID = 1, LINK_SPAN_ID, LINK_STATE, LINK_ATTRIBUTES, LINK_DROPPED, LINK_FLAGS };
enum { STATUS_MESSAGE = 2, STATUS_CODE = 3 };
enum { HAS_REMOTE = 0x100, IS_REMOTE = 0x200, FIXED_BYTES = 160 };

/* --- time ------------------------------------------------------------------------------------ */

/* Wall time that runs evenly: the monotonic clock, with a distance to the wall clock that is taken
 * anew every second. */
static int64_t now_ns(void)
{
    static _Thread_local int64_t distance, valid_until;
    int64_t mono = clock_mono_ns();
    if (UNLIKELY(mono >= valid_until)) {
        distance = clock_unix_ns() - mono;
        valid_until = mono + 1000000000;
    }
    return mono + distance;
}

/* --- fields that may be taken out again ------------------------------------------------------ */

static void move_back(struct span_field *f, uint32_t at, uint32_t n)
{
    if (f->at > at)
        f->at -= n;
}

static void take_out(struct tt_span_memory *s, struct span_field *f)
{
    uint32_t at = f->at, n = f->n;
    if (!n)
        return;
    memmove(s->bytes + at, s->bytes + at + n, s->n - at - n);
    s->n -= n;
    f->n = 0;
    move_back(&s->name, at, n);
    move_back(&s->message, at, n);
    for (uint32_t i = 0; i < s->attrs_n; i++)
        move_back(&s->attrs[i], at, n);
}

static void put_name(struct tt_span_memory *s, const char *name)
{
    size_t n = strlen(name);
    take_out(s, &s->name);
    char *to = span_append(s, n + PROTO_HEAD_MAX);
    if (!to)
        return;
    s->name = (struct span_field){.at = s->n};
    s->name.n = (uint32_t)(put_text_field(to, NAME, name, n) - to);
    s->n += s->name.n;
}

/* --- attributes ------------------------------------------------------------------------------ */

/* Whether the encoded attribute has this key. It begins: tag, length, tag of the key, its length.
 */
static bool has_key(const struct tt_span_memory *s, const struct span_field *f, const tt_attr *a)
{
    const char *p = s->bytes + f->at + 1;
    while (*p++ & 0x80) {
    }
    p++;
    size_t n = 0;
    for (int shift = 0;; shift += 7) {
        n |= (size_t)(*p & 0x7f) << shift;
        if (!(*p++ & 0x80))
            break;
    }
    return n == a->key_n && memcmp(p, a->key, n) == 0;
}

static struct span_field *find_attr(struct tt_span_memory *s, const tt_attr *a, uint32_t hash)
{
    for (uint32_t i = 0; i < s->attrs_n; i++) {
        if (s->attrs[i].hash == hash && s->attrs[i].n && has_key(s, &s->attrs[i], a))
            return &s->attrs[i];
    }
    return NULL;
}

/* Cuts text to the limit, not within a character. */
static tt_attr cut_value(const struct tt_span_memory *s, const tt_attr *a)
{
    tt_attr cut = *a;
    size_t max = tracer_options(s->tracer)->value_bytes_max;
    if (!max || a->value.type != TT_TYPE_STRING || a->value.n <= max)
        return cut;
    while (max > 0 && ((unsigned char)a->value.as.text[max] & 0xc0) == 0x80)
        max--;
    cut.value.n = (uint32_t)max;
    return cut;
}

static void set_attr(struct tt_span_memory *s, const tt_attr *given)
{
    if (UNLIKELY(!given->key || !given->key_n || given->value.type > TT_TYPE_MAP)) {
        problem(TT_PROBLEM_MISUSE, "an attribute without key or of an unknown type", NULL);
        return;
    }
    tt_attr a = cut_value(s, given);
    uint32_t hash = (uint32_t)bytes_hash_ends(a.key, a.key_n);
    struct span_field *f = find_attr(s, &a, hash);
    if (f)
        take_out(s, f);
    else if (s->attrs_n >= tracer_options(s->tracer)->attributes_max) {
        s->attrs_dropped++;
        return;
    }
    char *to = span_append(s, proto_attr_size(&a));
    if (!to) {
        s->attrs_dropped++;
        return;
    }
    if (!f)
        f = &s->attrs[s->attrs_n++];
    *f = (struct span_field){.at = s->n, .hash = hash};
    f->n = (uint32_t)(put_proto_attr(to, ATTRIBUTES, &a) - to);
    s->n += f->n;
}

void tt_span_set(tt_span span, const tt_attr *attrs, size_t n)
{
    struct tt_span_memory *s = span_lock(span);
    if (!s)
        return;
    for (size_t i = 0; s->recording && i < n; i++)
        set_attr(s, &attrs[i]);
    span_unlock(s);
}

/* --- events and links ------------------------------------------------------------------------ */

/* Attributes of events and links: at most 128, later ones of a key not replacing earlier ones. */
static size_t few(size_t n)
{
    return MIN(n, SPAN_ATTRS_MAX);
}

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
    size_t name_n = strlen(name), kept = few(n);
    if (s->events_n >= tracer_options(s->tracer)->events_max) {
        s->events_dropped++;
        return;
    }
    char *start = span_append(s, 64 + name_n + attrs_size(attrs, kept));
    if (!start) {
        s->events_dropped++;
        return;
    }
    char *to = start + PROTO_HEAD_MAX;
    to = put_fixed64_field(to, EVENT_TIME, (uint64_t)(time_unix_ns ? time_unix_ns : now_ns()));
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

static char *put_fixed32_field(char *to, unsigned field, uint32_t v)
{
    to = put_tag(to, field, WIRE_FIXED32);
    memcpy(to, &v, sizeof v);
    return to + sizeof v;
}

static uint32_t flags_of(uint8_t flags, bool remote)
{
    return flags | HAS_REMOTE | (remote ? IS_REMOTE : 0);
}

static void add_link(struct tt_span_memory *s, const tt_link *l)
{
    size_t state_n = l->tracestate ? strnlen(l->tracestate, TRACESTATE_MAX) : 0;
    size_t kept = l->attrs ? few(l->attrs_n) : 0;
    char *start = NULL;
    if (s->links_n < tracer_options(s->tracer)->links_max)
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
    to = put_fixed32_field(to, LINK_FLAGS, flags_of(l->span.flags, l->span.remote));
    close_message(s, LINKS, start, to);
    s->links_n++;
}

void tt_span_add_link(tt_span span, const tt_link *link)
{
    struct tt_span_memory *s = span_lock(span);
    if (!s)
        return;
    if (s->recording && link)
        add_link(s, link);
    span_unlock(s);
}

/* --- name and status ------------------------------------------------------------------------- */

void tt_span_rename(tt_span span, const char *name)
{
    struct tt_span_memory *s = span_lock(span);
    if (!s)
        return;
    if (s->recording && name)
        put_name(s, name);
    span_unlock(s);
}

static void put_status(struct tt_span_memory *s, const char *message)
{
    size_t n = s->status == TT_STATUS_ERROR && message ? strlen(message) : 0;
    take_out(s, &s->message);
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

void tt_span_record_error(tt_span span, const char *type, const char *message)
{
    tt_attr attrs[2];
    size_t n = 0;
    if (type)
        attrs[n++] = tt_str("exception.type", type);
    if (message)
        attrs[n++] = tt_str("exception.message", message);
    tt_span_add_event(span, "exception", 0, attrs, n);
    tt_span_set_status(span, TT_STATUS_ERROR, message ? message : type);
}

/* --- start ----------------------------------------------------------------------------------- */

struct parent {
    tt_span_context span;
    char state[TRACESTATE_MAX];
    size_t state_n;
};

static void read_context(struct parent *p, const tt_context *c)
{
    if (!c)
        return;
    p->span = c->span;
    p->state_n = c->state_n;
    if (c->state_n)
        memcpy(p->state, c->text, c->state_n);
}

static void find_parent(struct parent *p, const tt_span_options *o)
{
    memset(&p->span, 0, sizeof p->span);
    p->state_n = 0;
    if (o->root)
        return;
    if (o->parent)
        read_context(p, o->parent);
    else if (!current_context.span.memory ||
             !span_context_read(current_context.span, &p->span, p->state, &p->state_n))
        read_context(p, current_context.context);
    if (UNLIKELY(p->state_n && !tt_span_context_is_valid(&p->span)))
        p->state_n = 0;
}

static void new_id(uint8_t *to, size_t n)
{
    uint64_t id;
    do {
        id = random_next();
    } while (UNLIKELY(id == 0));
    memcpy(to, &id, n);
}

static void set_ids(tt_span_context *c, const tt_span_context *parent, bool has_parent)
{
    c->remote = false;
    new_id(c->span_id, 8);
    if (has_parent) {
        memcpy(c->trace_id, parent->trace_id, 16);
        c->flags = parent->flags & TT_FLAG_RANDOM;
    } else {
        new_id(c->trace_id, 8);
        new_id(c->trace_id + 8, 8);
        c->flags = TT_FLAG_RANDOM;
    }
}

/* Own state of the sampler for a root, the parent's for a child. */
static void put_state(struct tt_span_memory *s, const struct parent *p, const char *own)
{
    const char *state = own ? own : p->state;
    size_t n = own ? strlen(own) : p->state_n;
    if (LIKELY(!n))
        return;
    char *to = put_bytes_head(s->bytes, TRACE_STATE, n);
    s->state_at = (uint32_t)(to - s->bytes);
    s->state_n = (uint32_t)n;
    memcpy(to, state, n);
    s->n = s->state_at + s->state_n;
}

static void fill(struct tt_span_memory *s, const char *name, const tt_span_options *o)
{
    s->kind = o->kind ? (uint8_t)o->kind : TT_SPAN_INTERNAL;
    s->start_unix_ns = o->start_unix_ns ? o->start_unix_ns : now_ns();
    put_name(s, name ? name : "");
    for (size_t i = 0; o->attrs && i < o->attrs_n; i++)
        set_attr(s, &o->attrs[i]);
    for (size_t i = 0; o->links && i < o->links_n; i++)
        add_link(s, &o->links[i]);
}

static enum tt_decision decide(tt_tracer *t, const struct parent *p, const tt_span_context *own,
                               const char *name, const tt_span_options *o, const char **out_state)
{
    tt_sampling sampling = {
        .parent = &p->span,
        .trace_id = own->trace_id,
        .name = name,
        .kind = o->kind ? o->kind : TT_SPAN_INTERNAL,
        .attrs = o->attrs,
        .attrs_n = o->attrs_n,
    };
    if (UNLIKELY(!tracer_options(t)->exporter.send))
        return TT_DROP;
    return sampler_decide(tracer_options(t)->sampler, &sampling, out_state);
}

tt_span tt_span_start(tt_tracer *t, const char *name, const tt_span_options *options)
{
    tt_span_options o = {0};
    if (options)
        memcpy(&o, options, MIN(options->size, sizeof o));
    struct tt_span_memory *s = t ? span_take() : NULL;
    if (!s)
        return (tt_span){0};
    struct parent parent;
    find_parent(&parent, &o);
    s->tracer = t;
    s->has_parent = tt_span_context_is_valid(&parent.span);
    s->parent_remote = parent.span.remote;
    memcpy(s->parent_id, parent.span.span_id, 8);
    set_ids(&s->context, &parent.span, s->has_parent);
    const char *own_state = NULL;
    enum tt_decision decision = decide(t, &parent, &s->context, name, &o, &own_state);
    s->recording = decision != TT_DROP;
    s->sampled = decision == TT_RECORD_AND_SAMPLE;
    s->context.flags |= s->sampled ? TT_FLAG_SAMPLED : 0;
    put_state(s, &parent, s->has_parent ? NULL : own_state);
    if (s->recording)
        fill(s, name, &o);
    uint64_t generation = atomic_get_relaxed(&s->generation) + 1;
    atomic_set_release(&s->generation, generation); // pairs with span_lock
    return (tt_span){s, generation};
}

/* --- end ------------------------------------------------------------------------------------- */

static char *put_count(char *to, unsigned field, uint32_t n)
{
    return n ? put_varint_field(to, field, n) : to;
}

static void export(struct tt_span_memory *s, int64_t end_unix_ns)
{
    char *start = source_reserve(&s->tracer->source, s->n + FIXED_BYTES);
    if (UNLIKELY(!start))
        return;
    char *to = put_bytes_field(start, TRACE_ID, s->context.trace_id, 16);
    to = put_bytes_field(to, SPAN_ID, s->context.span_id, 8);
    if (s->has_parent)
        to = put_bytes_field(to, PARENT_ID, s->parent_id, 8);
    memcpy(to, s->bytes, s->n);
    to += s->n;
    to = put_varint_field(to, KIND, s->kind);
    to = put_fixed64_field(to, START, (uint64_t)s->start_unix_ns);
    to = put_fixed64_field(to, END, (uint64_t)end_unix_ns);
    to = put_count(to, DROPPED_ATTRIBUTES, s->attrs_dropped);
    to = put_count(to, DROPPED_EVENTS, s->events_dropped);
    to = put_count(to, DROPPED_LINKS, s->links_dropped);
    to = put_fixed32_field(to, FLAGS, flags_of(s->context.flags, s->parent_remote));
    source_commit(&s->tracer->source, (size_t)(to - start));
}

void tt_span_end_at(tt_span span, int64_t end_unix_ns)
{
    struct tt_span_memory *s = span_lock(span);
    if (!s)
        return;
    if (s->sampled)
        export(s, end_unix_ns ? end_unix_ns : now_ns());
    span_release(s);
}

void tt_span_end(tt_span span)
{
    tt_span_end_at(span, 0);
}

/* --- looking --------------------------------------------------------------------------------- */

bool tt_span_is_recording(tt_span span)
{
    const struct tt_span_memory *s = span.memory;
    return s && atomic_get_acquire(&s->generation) == span.generation && s->recording;
}

tt_span_context tt_span_context_of(tt_span span)
{
    tt_span_context c = {0};
    (void)span_context_read(span, &c, NULL, NULL); // stays {0} for an ended span
    return c;
}

tt_span_block tt_span_block_begin(tt_tracer *tracer, const char *name)
{
    tt_span_block b = {.span = tt_span_start(tracer, name, NULL)};
    b.token = tt_span_enter(b.span);
    return b;
}

void tt_span_block_end(tt_span_block *b)
{
    tt_leave(b->token);
    tt_span_end(b->span);
}
