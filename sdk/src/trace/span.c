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
#include "core/options.h"
#include "core/proto.h"
#include "core/random.h"
#include "telltale/watch.h"
#include "trace/context.h"
#include "trace/processors.h"
#include "trace/sampler.h"
#include "trace/tracer.h"

enum {
    TRACE_ID = 1,
    SPAN_ID = 2,
    TRACE_STATE = 3,
    PARENT_ID = 4,
    KIND = 6,
    START = 7,
    END = 8,
    DROPPED_ATTRIBUTES = 10,
    DROPPED_EVENTS = 12,
    DROPPED_LINKS = 14,
    FLAGS = 16
};
enum { FIXED_BYTES = 160 };

/* --- time ------------------------------------------------------------------------------------ */

/* Wall time that runs evenly: the monotonic clock, with a distance to the wall clock that is taken
 * anew every second. */
int64_t span_now_ns(void)
{
    static _Thread_local int64_t distance, valid_until;
    int64_t mono = clock_read_ns(CLOCK_MONOTONIC);
    if (UNLIKELY(mono >= valid_until)) {
        distance = clock_unix_ns() - mono;
        valid_until = mono + 1000000000;
    }
    return mono + distance;
}

/* --- start ----------------------------------------------------------------------------------- */

struct parent {
    tt_span_context span;
    bool valid; /* there is one */
    char state[TRACESTATE_MAX + 1];
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

static bool find_parent(struct parent *p, const tt_span_options *o)
{
    memset(&p->span, 0, sizeof p->span);
    p->state_n = 0;
    if (!o->root) {
        if (o->parent)
            read_context(p, o->parent);
        else if (!current_context.span.memory ||
                 !span_context_read(current_context.span, &p->span, p->state, &p->state_n))
            read_context(p, current_context.context);
    }
    p->valid = span_context_is_valid(&p->span);
    if (UNLIKELY(p->state_n && !p->valid))
        p->state_n = 0;
    p->state[p->state_n] = '\0';
    return p->valid;
}

/* The last 7 bytes of a trace id, of which this is the second half. */
static uint64_t random_of(uint64_t trace_low)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return __builtin_bswap64(trace_low) & (THRESHOLD_ALL - 1);
#else
    return trace_low & (THRESHOLD_ALL - 1);
#endif
}

static void new_id(uint8_t *to)
{
    uint64_t id;
    do {
        id = random_next();
    } while (UNLIKELY(id == 0));
    memcpy(to, &id, sizeof id);
}

/* A generator's ids count when they are not all zeros. */
static bool foreign_id(void (*make)(void *arg, uint8_t *out), void *arg, uint8_t *to, size_t n)
{
    static const uint8_t zeros[16];
    if (LIKELY(!make))
        return false;
    make(arg, to);
    return memcmp(to, zeros, n) != 0;
}

static NO_INLINE void new_trace_id(tt_span_context *c, const tt_id_generator *g)
{
    c->flags = TT_FLAG_RANDOM;
    if (foreign_id(g->trace_id, g->arg, c->trace_id, 16)) {
        c->flags = g->random ? TT_FLAG_RANDOM : 0;
        return;
    }
    new_id(c->trace_id);
    new_id(c->trace_id + 8);
}

static void set_ids(tt_span_context *c, const tt_span_context *parent, bool has_parent,
                    const tt_id_generator *g)
{
    c->remote = false;
    if (!foreign_id(g->span_id, g->arg, c->span_id, 8))
        new_id(c->span_id);
    if (!has_parent) {
        new_trace_id(c, g);
        return;
    }
    memcpy(c->trace_id, parent->trace_id, 16);
    c->flags = parent->flags & (TT_FLAG_RANDOM | TT_FLAG_DEBUG);
}

/* The sampler's state, or else the parent's. */
static void put_state(struct tt_span_memory *s, const struct parent *p, const char *own)
{
    const char *state = own ? own : p ? p->state : "";
    size_t n = own ? strnlen(own, TRACESTATE_MAX) : p ? p->state_n : 0;
    if (LIKELY(!n))
        return;
    char *to = put_bytes_head(s->bytes, TRACE_STATE, n);
    s->state_at = (uint32_t)(to - s->bytes);
    s->state_n = (uint32_t)n;
    memcpy(to, state, n);
    s->n = s->state_at + s->state_n;
}

/* The clock is read last: what was written reaches memory meanwhile, and the next call's lock need
 * not wait for it. */
static void fill(struct tt_span_memory *s, const char *name, const tt_span_options *o,
                 const tt_sampled *more)
{
    s->kind = o->kind ? (uint8_t)o->kind : TT_SPAN_INTERNAL;
    span_put_name(s, name);
    if (o->attrs)
        span_put_attrs(s, o->attrs, o->attrs_n);
    for (size_t i = 0; o->links && i < o->links_n; i++)
        span_put_link(s, &o->links[i]);
    if (more->attrs)
        span_put_attrs(s, more->attrs, more->attrs_n);
    s->start_unix_ns = o->start_unix_ns ? o->start_unix_ns : span_now_ns();
}

static NO_INLINE enum tt_decision ask_sampler(tt_tracer *t, const struct parent *p,
                                              const uint8_t *trace_id, const char *name,
                                              const tt_span_options *o, struct sampled *out)
{
    tt_sampling sampling = {
        .parent = &p->span,
        .tracestate = p->state,
        .context = o->parent || o->root ? o->parent : current_context.context,
        .trace_id = trace_id,
        .name = name,
        .kind = o->kind ? o->kind : TT_SPAN_INTERNAL,
        .attrs = o->attrs,
        .attrs_n = o->attrs ? o->attrs_n : 0,
        .links = o->links,
        .links_n = o->links ? o->links_n : 0,
    };
    return sampler_decide(tracer_options(t)->sampler, &sampling, out);
}

static inline void set_parent(struct tt_span_memory *s, const struct parent *p,
                              enum tt_decision decision)
{
    unsigned origin = (unsigned)p->valid << p->span.remote; // LOCAL is 1, REMOTE is 2
    s->origin = (uint8_t)origin;
    memcpy(s->parent_id, p->span.span_id, sizeof s->parent_id);
    counter_add_own(&s->counts[decision][origin]);
}

/* Of a span that has its ids. `p` NULL: a root. */
static NO_INLINE tt_span begin(struct tt_span_memory *s, tt_tracer *t, const struct parent *p,
                               const char *name, const tt_span_options *o,
                               enum tt_decision decision, const tt_sampled *more)
{
    s->tracer = t;
    if (p)
        set_parent(s, p, decision);
    bool recording = decision != TT_DROP;
    s->recording = recording;
    s->sampled = decision == TT_RECORD_AND_SAMPLE;
    s->context.flags |= s->sampled ? TT_FLAG_SAMPLED : 0;
    put_state(s, p, more->tracestate);
    if (recording)
        fill(s, name, o, more);
    uint64_t generation = atomic_get_relaxed(&s->generation) + 1;
    atomic_set_release(&s->generation, generation); // pairs with span_lock
    tt_span span = {s, generation};
    if (UNLIKELY(tracer_options(t)->processors_n && recording))
        processors_start(t, span, o);
    return span;
}

/* With these ids; {0} when there are too many. */
static NO_INLINE tt_span start_full(tt_tracer *t, const struct parent *p,
                                    const tt_span_context *own, const char *name,
                                    const tt_span_options *o, enum tt_decision decision,
                                    const tt_sampled *more)
{
    struct tt_span_memory *s = span_take();
    if (!s)
        return (tt_span){0};
    s->context = *own;
    return begin(s, t, p, name, o, decision, more);
}

/* Neither parent nor anything else to ask for. The ids are written where they stay: what was just
 * written by words cannot at once be read by more. {0} when there are too many. */
static NO_INLINE tt_span start_sampled_root(tt_tracer *t, const char *name,
                                            const tt_span_options *o, uint64_t trace_low)
{
    struct tt_span_memory *s = span_take();
    if (!s)
        return (tt_span){0};
    new_id(s->context.trace_id);
    memcpy(s->context.trace_id + 8, &trace_low, sizeof trace_low);
    new_id(s->context.span_id);
    s->context.flags = TT_FLAG_RANDOM;
    s->context.remote = false;
    tt_sampled more = {.tracestate = tracer_provider(t)->root_state};
    return begin(s, t, NULL, name, o, TT_RECORD_AND_SAMPLE, &more);
}

static inline uint64_t quick_id(void)
{
    uint64_t id = random_quick();
    return LIKELY(id) ? id : 1;
}

/* Once the thread's generator is seeded. */
static inline tt_span start_root(tt_tracer *t, const char *name, const tt_span_options *o)
{
    uint64_t trace_low = random_quick();
    if (random_of(trace_low) < tracer_provider(t)->root_threshold)
        return light_start(quick_id(), trace_low, quick_id(), TT_FLAG_RANDOM);
    return start_sampled_root(t, name, o, trace_low);
}

static NO_INLINE tt_span start_child(tt_tracer *t, const char *name, const tt_span_options *o)
{
    const tt_tracer_provider *provider = tracer_provider(t);
    struct parent parent;
    struct sampled sampled;
    tt_span_context own;
    bool has_parent = find_parent(&parent, o);
    set_ids(&own, &parent.span, has_parent, &provider->options.ids);
    enum tt_decision decision = TT_DROP;
    sampled.more = (tt_sampled){0};
    if (!sampler_quick(provider->options.sampler, &parent.span, &decision))
        decision = ask_sampler(t, &parent, own.trace_id, name, o, &sampled);
    if (UNLIKELY(!provider->records)) { // others in the trace go by the decision all the same
        own.flags |= decision == TT_RECORD_AND_SAMPLE ? TT_FLAG_SAMPLED : 0;
        decision = TT_DROP;
    }
    const char *state = sampled.more.tracestate ? sampled.more.tracestate : parent.state;
    if (decision == TT_DROP && *state == '\0') {
        uint64_t ids[3];
        memcpy(ids, own.trace_id, sizeof own.trace_id);
        memcpy(ids + 2, own.span_id, sizeof own.span_id);
        tt_span span = light_start(ids[0], ids[1], ids[2], own.flags);
        if (span.memory && has_parent)
            light_count_child(parent.span.remote);
        return span;
    }
    return start_full(t, &parent, &own, name, o, decision, &sampled.more);
}

/* Of a tracer that is off: no span of its own, but one that stands for its parent, so that those
 * which begin within it are the parent's children. */
static COLD NO_INLINE tt_span start_off(tt_tracer *t, const char *name, const tt_span_options *o)
{
    static const tt_sampled none;
    struct parent parent;
    uint64_t ids[3];
    if (!find_parent(&parent, o))
        return (tt_span){0};
    if (parent.state_n)
        return start_full(t, &parent, &parent.span, name, o, TT_DROP, &none);
    memcpy(ids, parent.span.trace_id, sizeof parent.span.trace_id);
    memcpy(ids + 2, parent.span.span_id, sizeof parent.span.span_id);
    return light_start(ids[0], ids[1], ids[2], parent.span.flags);
}

static inline bool is_root(const tt_span_options *o)
{
    return o->root || (!o->parent && !current_context.span.memory && !current_context.context);
}

static const tt_span_options no_options;

/* Options of a program that was compiled with another version. */
static COLD NO_INLINE tt_span start_with_copy(tt_tracer *t, const char *name,
                                              const tt_span_options *o)
{
    tt_span_options copy = {0};
    (void)options_read(&copy, sizeof copy, o);
    copy.size = sizeof copy;
    return tt_span_start(t, name, &copy);
}

tt_span tt_span_start(tt_tracer *t, const char *name, const tt_span_options *options)
{
    const tt_span_options *o = options ? options : &no_options;
    if (!t)
        return (tt_span){0};
    if (UNLIKELY(options && o->size != sizeof *o))
        return start_with_copy(t, name, o);
    if (UNLIKELY(atomic_get_relaxed(&t->off)))
        return start_off(t, name, o);
    name = name ? name : "";
    if (LIKELY(tracer_provider(t)->root_is_quick && random_state.seeded && is_root(o)))
        return start_root(t, name, o);
    return start_child(t, name, o);
}

/* --- end ------------------------------------------------------------------------------------- */

static char *put_count(char *to, unsigned field, uint32_t n)
{
    return n ? put_varint_field(to, field, n) : to;
}

size_t span_message_size(const struct tt_span_memory *s)
{
    return s->n + FIXED_BYTES;
}

char *span_encode(const struct tt_span_memory *s, int64_t end_unix_ns, char *to)
{
    to = put_bytes_field(to, TRACE_ID, s->context.trace_id, 16);
    to = put_bytes_field(to, SPAN_ID, s->context.span_id, 8);
    if (s->origin)
        to = put_bytes_field(to, PARENT_ID, s->parent_id, 8);
    memcpy(to, s->bytes, s->n);
    to += s->n;
    to = put_varint_field(to, KIND, s->kind);
    to = put_fixed64_field(to, START, (uint64_t)s->start_unix_ns);
    to = put_fixed64_field(to, END, (uint64_t)end_unix_ns);
    to = put_count(to, DROPPED_ATTRIBUTES, s->attrs_dropped);
    to = put_count(to, DROPPED_EVENTS, s->events_dropped);
    to = put_count(to, DROPPED_LINKS, s->links_dropped);
    return put_fixed32_field(to, FLAGS, span_flags(s->context.flags, s->origin / TT_ORIGIN_REMOTE));
}

static void export(struct tt_span_memory *s, int64_t end_unix_ns)
{
    char *start = source_reserve(&s->tracer->source, span_message_size(s));
    if (UNLIKELY(!start))
        return;
    char *end = span_encode(s, end_unix_ns, start);
    source_commit(&s->tracer->source, (size_t)(end - start));
}

/* A processor has done with it, though there is nothing to send. */
static void count_unsampled(struct tt_span_memory *s)
{
    counter_add_own(&s->counts[ENDED][s->recording ? TT_RECORD : TT_DROP]);
    if (s->recording)
        atomic_add_relaxed(&s->tracer->source.batcher->processed, 1);
}

/* As at the start, the clock comes before the lock. */
static NO_INLINE void end_full(tt_span span, int64_t end_unix_ns)
{
    if (!end_unix_ns && span.memory)
        end_unix_ns = span_now_ns();
    struct tt_span_memory *s = span_lock(span);
    if (!s)
        return;
    if (UNLIKELY(s->recording && tracer_options(s->tracer)->processors_n)) {
        s = s->ending ? span_is_stale(s) : processors_end(s, end_unix_ns);
        if (!s)
            return;
    }
    if (s->sampled && tracer_options(s->tracer)->exporter.send)
        export(s, end_unix_ns);
    else if (!s->sampled)
        count_unsampled(s);
    span_release(s);
}

void tt_span_end_at(tt_span span, int64_t end_unix_ns)
{
    if (span_is_light(span))
        light_end(span);
    else
        end_full(span, end_unix_ns);
}

void tt_span_end(tt_span span)
{
    if (span_is_light(span))
        light_end(span);
    else
        end_full(span, 0);
}

/* --- looking --------------------------------------------------------------------------------- */

bool tt_span_is_recording(tt_span span)
{
    const struct tt_span_memory *s = span.memory;
    return s && !span_is_light(span) && atomic_get_acquire(&s->generation) == span.generation &&
           s->recording;
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
    if (!b)
        return;
    tt_leave(b->token);
    tt_span_end(b->span);
}
