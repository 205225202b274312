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
#include "telltale/trace.h"

enum { SPAN_ATTRS_MAX = 128, SPAN_INLINE_BYTES = 1024, SPAN_BYTES_MAX = 1 << 20 };

/* A field of the encoded bytes that may be taken out again. */
struct span_field {
    uint32_t at, n; /* n 0: not there */
    uint32_t hash;  /* of an attribute's key */
};

struct tt_span_memory {
    _Atomic(uint64_t) generation;
    atomic_bool busy;
    bool recording, sampled;
    uint8_t kind, status;
    struct tt_span_memory *next; /* in the pool */
    struct tt_tracer *tracer;
    tt_span_context context;
    uint8_t parent_id[8];
    bool has_parent, parent_remote;
    int64_t start_unix_ns;
    uint32_t attrs_n, attrs_dropped, events_n, events_dropped, links_n, links_dropped;
    uint32_t state_at, state_n; /* the tracestate's text in `bytes` */
    struct span_field name, message;
    char *bytes; /* `room`, or owned memory */
    uint32_t n, cap;
    struct span_field attrs[SPAN_ATTRS_MAX];
    char room[SPAN_INLINE_BYTES];
};

/* Locks the span when the handle is of a living one; NULL otherwise. */
struct tt_span_memory *span_lock(tt_span span);
void span_unlock(struct tt_span_memory *s);

/* A copy of the context; false when the span has ended. `*out_state_n` bytes of tracestate are
 * copied to `state`, at most 512; both may be NULL. */
bool span_context_read(tt_span span, tt_span_context *out, char *state, size_t *out_state_n);

/* Memory of a span that nobody else knows, emptied; NULL when there are too many. */
struct tt_span_memory *span_take(void);

/* Ends its generation and gives it back. Under its lock. */
void span_release(struct tt_span_memory *s);

/* Appends a field of `n` bytes and returns where it goes; NULL when it does not fit. */
char *span_append(struct tt_span_memory *s, size_t n);

#endif
