/* Spans in memory, as tracers, contexts and propagators see them.
 *
 * A span's memory comes from a pool and never leaves it, so a stale handle can be told: its
 * generation is another. While it records, its attributes, events and links are kept as the bytes
 * of the protobuf message that it will be; its end adds the rest.
 *
 * Generation: odd while the span lives, one more at each start and end. Everything else is guarded
 * by `busy`, but for the start of a span, of which nobody else knows yet. */
#ifndef TELLTALE_TRACE_SPAN_H
#define TELLTALE_TRACE_SPAN_H

#include "base/atomic.h"
#include "base/compiler.h"
#include "telltale/trace.h"
#include "trace/context.h"
#include "trace/light.h"

enum { DECISIONS = 3, ORIGINS = 3, ENDED = DECISIONS, SPAN_COUNTS = (DECISIONS + 1) * ORIGINS };
enum { SPAN_ATTRS_MAX = 128, SPAN_INLINE_BYTES = 1024, SPAN_BYTES_MAX = 1 << 20 };

/* A field of the encoded bytes that may be taken out again. */
struct span_field {
    uint32_t at, n; /* n 0: not there */
    uint32_t hash;  /* of an attribute's key */
};

/* The ids of a span that has ended, for whoever still has its handle: a few of them, the youngest,
 * are kept where the span was. */
struct span_past {
    _Atomic(uint64_t) generation; /* the handle's; 0: being changed */
    _Atomic(uint64_t) words[4];   /* trace id, span id, flags */
};
enum { SPAN_PASTS = 8 };

struct tt_span_memory {
    _Atomic(uint64_t) generation;
    atomic_bool busy;
    bool recording, sampled;
    uint8_t kind;
    bool ending; /* processors are told of its end, which nobody may bring about again */
    uint8_t status;
    uint8_t origin;              /* enum tt_origin: of its parent */
    struct tt_span_memory *next; /* in the pool */
    struct tt_tracer *tracer;
    tt_span_context context;
    uint8_t parent_id[8];
    int64_t start_unix_ns;
    uint32_t attrs_n, attrs_dropped, events_n, events_dropped, links_n, links_dropped;
    uint32_t state_n, state_at; /* the tracestate's text in `bytes` */
    uint64_t keys; /* a bit for each attribute's hash: most keys are new without a search */
    struct span_field name, message;
    char *bytes; /* `room`, or owned memory */
    uint32_t n, cap;
    struct tt_span_memory *made_next; /* of all that were ever made */
    /* Spans it has been, but for sampled roots, which its generation tells: started, by decision
     * and origin, and ended. What starts and ends them counts. */
    _Atomic(uint64_t) counts[DECISIONS + 1][ORIGINS];
    _Atomic(uint64_t) renewed;          /* generations that are no start or end */
    struct span_past pasts[SPAN_PASTS]; /* by generation; written under the lock, read without */
    struct span_field attrs[SPAN_ATTRS_MAX];
    char room[SPAN_INLINE_BYTES];
};

/* Waits for the lock; false only in a child after fork(), when who holds it is not there. */
bool span_wait(struct tt_span_memory *s);

/* For a handle whose span has ended: unlocks, and tells; NULL. */
struct tt_span_memory *span_is_stale(struct tt_span_memory *s);

static inline void span_unlock(struct tt_span_memory *s)
{
    atomic_set_release(&s->busy, false); // pairs with span_lock
}

/* Locks the span when the handle is of a living one that is not light; NULL otherwise. */
static inline struct tt_span_memory *span_lock(tt_span span)
{
    struct tt_span_memory *s = span.memory;
    if (!s ||
        (UNLIKELY(atomic_exchange_explicit(&s->busy, true, memory_order_acquire)) && !span_wait(s)))
        return NULL;
    if (LIKELY(atomic_get_relaxed(&s->generation) == span.generation))
        return s;
    return span_is_stale(s);
}

/* A copy of the context; false when the span has ended. `*out_state_n` bytes of tracestate are
 * copied to `state`, at most 512; both may be NULL. */
bool span_context_read(tt_span span, tt_span_context *out, char *state, size_t *out_state_n);

/* Memory of a span that nobody else knows, emptied; NULL when there are too many. */
struct tt_span_memory *span_take(void);

/* The first of all that were ever made. */
struct tt_span_memory *span_first(void);

/* Keeps its ids for the handles of a generation that ends. Under its lock. */
void span_remember(struct tt_span_memory *s, uint64_t generation);

/* Ends its generation and gives it back. Under its lock. */
void span_release(struct tt_span_memory *s);

/* Makes room for `n` bytes more; false when there is none. */
bool span_grow(struct tt_span_memory *s, size_t n);

/* Room for a field of `n` bytes behind the others; NULL when it does not fit. */
static inline char *span_append(struct tt_span_memory *s, size_t n)
{
    if (UNLIKELY(n > s->cap - s->n) && !span_grow(s, n))
        return NULL;
    return s->bytes + s->n;
}

/* Takes a field out again, if it is there. */
void span_take_out(struct tt_span_memory *s, struct span_field *f);

/* Time since 1970 that runs evenly. */
int64_t span_now_ns(void);

/* What a span is filled with at its start. Under its lock, or before anybody knows it. */
void span_put_name(struct tt_span_memory *s, const char *name);
void span_put_attrs(struct tt_span_memory *s, const tt_attr *attrs, size_t n);
void span_put_link(struct tt_span_memory *s, const tt_link *l);

/* Its message, into at most span_message_size bytes; returns where that ends. */
size_t span_message_size(const struct tt_span_memory *s);
char *span_encode(const struct tt_span_memory *s, int64_t end_unix_ns, char *to);

/* The flags of Span and Link. */
static inline uint32_t span_flags(uint8_t flags, bool remote)
{
    enum { HAS_REMOTE = 0x100, IS_REMOTE = 0x200 };
    return (flags & FLAGS_OF_W3C) | HAS_REMOTE | (remote ? IS_REMOTE : 0);
}

#endif
