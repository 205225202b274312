/* Samplers decide whether a span is recorded, before it is. */
#ifndef TELLTALE_TRACE_SAMPLER_H
#define TELLTALE_TRACE_SAMPLER_H

#include "base/atomic.h"
#include "telltale/trace.h"
#include "trace/context.h"

enum sampler_kind { ALWAYS_ON, ALWAYS_OFF, RATIO, RATE, PARENT_BASED, ALWAYS_RECORD, CUSTOM };
enum sampler_child { ROOT, REMOTE_SAMPLED, REMOTE_NOT, LOCAL_SAMPLED, LOCAL_NOT, CHILDREN };

struct tt_sampler {
    enum sampler_kind kind;
    uint64_t threshold;             /* RATIO: randomness from here on is sampled */
    char state[32];                 /* RATIO: "ot=th:…" */
    int64_t interval_ns;            /* RATE */
    _Atomic(int64_t) next_ns;       /* RATE: when the next may be taken */
    tt_sampler *children[CHILDREN]; /* PARENT_BASED; ALWAYS_RECORD: the ROOT one; owned */
    tt_sampler_function decide;     /* CUSTOM */
    void *arg;
    void (*done)(void *arg); /* CUSTOM; may be NULL */
};

struct sampled {
    tt_sampled more;                /* zeros before; first, see tt_sampler_ask */
    char state[TRACESTATE_MAX + 1]; /* where more.tracestate may stand */
};

/* Who decides in place of a PARENT_BASED one; NULL: the parent does. */
static inline tt_sampler *sampler_child(const tt_sampler *s, const tt_span_context *parent)
{
    bool sampled = parent->flags & TT_FLAG_SAMPLED;
    if (!span_context_is_valid(parent))
        return s->children[ROOT];
    if (parent->remote)
        return s->children[sampled ? REMOTE_SAMPLED : REMOTE_NOT];
    return s->children[sampled ? LOCAL_SAMPLED : LOCAL_NOT];
}

/* What can be decided by the parent alone, as it mostly can. */
static inline bool sampler_quick(const tt_sampler *s, const tt_span_context *parent,
                                 enum tt_decision *out)
{
    while (s && s->kind == PARENT_BASED)
        s = sampler_child(s, parent);
    bool sampled = parent->flags & TT_FLAG_SAMPLED || !span_context_is_valid(parent);
    if (s && s->kind > ALWAYS_OFF)
        return false;
    *out = (s ? s->kind == ALWAYS_ON : sampled) ? TT_RECORD_AND_SAMPLE : TT_DROP;
    return true;
}

enum { THRESHOLD_BITS = 56 };
#define THRESHOLD_ALL (UINT64_C(1) << THRESHOLD_BITS)

/* Threads: any. */
enum tt_decision sampler_decide(tt_sampler *s, const tt_sampling *sampling, struct sampled *out);

#endif
