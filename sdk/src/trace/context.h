/* What a thread's current context is made of. */
#ifndef TELLTALE_TRACE_CONTEXT_H
#define TELLTALE_TRACE_CONTEXT_H

#include <string.h>

#include "base/atomic.h"
#include "telltale/context.h"

enum { FLAGS_OF_W3C = TT_FLAG_SAMPLED | TT_FLAG_RANDOM };
enum { TRACESTATE_MAX = 512, BAGGAGE_MAX = 64, BAGGAGE_BYTES_MAX = 8192 };

/* A value of the program's own, in front of those that were set before. */
struct context_value {
    struct refcount refs;
    const tt_context_key *key;
    void *value;
    void (*destroy)(void *value);
    struct context_value *next; /* a reference */
};

/* Immutable once made. Texts stand behind it. */
struct tt_context {
    struct refcount refs;
    tt_span_context span;
    struct context_value *values; /* a reference; NULL: none */
    uint32_t state_n;
    uint32_t baggage_n,
        baggage_bytes; /* pairs, and bytes of: name, value, metadata, each with NUL */
    char text[];       /* tracestate, NUL, baggage */
};

/* Words rather than memcmp: this is asked at each start of a span. */
static inline bool span_context_is_valid(const tt_span_context *c)
{
    uint64_t trace[2], span;
    memcpy(trace, c->trace_id, sizeof trace);
    memcpy(&span, c->span_id, sizeof span);
    return (trace[0] | trace[1]) != 0 && span != 0;
}

extern _Thread_local tt_token current_context; /* `context`: borrowed */

/* A new one of these parts. NULL when out of memory. */
tt_context *context_new(const tt_span_context *span, const char *state, size_t state_n,
                        const char *baggage, size_t baggage_bytes, size_t pairs);

/* The same with the values of `values_of`, which may be NULL. */
tt_context *context_new_like(const tt_context *values_of, const tt_span_context *span,
                             const char *state, size_t state_n, const char *baggage,
                             size_t baggage_bytes, size_t pairs);

/* Whether it may be a correlation id. */
bool correlation_id_is_valid(const char *id);

static inline const char *context_baggage(const tt_context *c)
{
    return c->text + c->state_n + 1;
}

/* Whether it may be the name of a baggage entry (a token of RFC 7230), or metadata of one. */
bool baggage_is_name(const char *name, size_t n);
bool baggage_is_metadata(const char *text, size_t n);

#endif
