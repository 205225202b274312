/* Context: which span is current, and the baggage that goes along.
 *
 * Each thread has a current context. Spans that are started without a parent become children of its
 * span. A tt_context is an immutable picture of one, for handing it to another thread and for what
 * came in from another process. */
#ifndef TELLTALE_CONTEXT_H
#define TELLTALE_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "telltale/api.h"

TT_BEGIN

/* TT_FLAG_DEBUG is B3's and Jaeger's: it goes on to children and in their headers, and nowhere
 * else.
 */
enum { TT_FLAG_SAMPLED = 1, TT_FLAG_RANDOM = 2, TT_FLAG_DEBUG = 4 };

/* What of a span travels between processes. All zeros: none. */
typedef struct tt_span_context {
    uint8_t trace_id[16];
    uint8_t span_id[8];
    uint8_t flags;
    bool remote; /* came from another process */
} tt_span_context;

/* Whether both ids are set. */
TT_API bool tt_span_context_is_valid(const tt_span_context *c);

/* Ids as lower-case hexadecimal with a NUL. */
TT_API void tt_trace_id_format(const tt_span_context *c, char out[33]);
TT_API void tt_span_id_format(const tt_span_context *c, char out[17]);

/* A handle of a span; by value. It may outlive the span: what is done to an ended span does nothing
 * and is told as TT_PROBLEM_MISUSE. Its context can be read by any thread until its memory has been
 * that of eight more spans (of one that is not recorded: of one more); who needs it for longer
 * keeps a tt_context or tt_span_context. {0} is a span that records nothing. */
typedef struct tt_span {
    struct tt_span_memory *memory;
    uint64_t generation; /* 0, or with its sign bit: there is nothing to be recorded */
} tt_span;

/* Whether it is worth while to gather what would be recorded on it. One comparison. */
static inline bool tt_span_may_record(tt_span span)
{
    return (int64_t)span.generation > 0;
}

typedef struct tt_context tt_context;

/* A picture of this thread's context; NULL, which is a valid empty one, when out of memory. Free it
 * by tt_context_free. */
TT_API tt_context *tt_context_current(void);

/* One with a span of another process. `tracestate` may be NULL. */
TT_API tt_context *tt_context_remote(const tt_span_context *span, const char *tracestate);

TT_API tt_context *tt_context_ref(tt_context *c);
TT_API void tt_context_free(tt_context *c);

/* The span in it; all zeros when there is none. */
TT_API tt_span_context tt_context_span(const tt_context *c);

/* Its tracestate, "" when there is none; lives as long as the context. */
TT_API const char *tt_context_tracestate(const tt_context *c);

/* What was current before; to be given back. */
typedef struct tt_token {
    tt_span span;
    tt_context *context;
} tt_token;

/* Makes a span, or a context, current in this thread until tt_leave gives back the token. Pairs
 * nest; both are of one thread. The context must live until then. A span {0} changes nothing. */
TT_API tt_token tt_span_enter(tt_span span);
TT_API tt_token tt_context_enter(tt_context *c);
TT_API void tt_leave(tt_token token);

/* The span that was entered last in this thread; {0} when there is none. */
TT_API tt_span tt_span_current(void);

/* --- values of the program's own --- */

/* A key is an object of the program, known by its address:
 *
 *     static const tt_context_key user_key = {"user"}; */
typedef struct tt_context_key {
    const char *name; /* for people */
} tt_context_key;

/* A new context like `c` (may be NULL) with the value. `destroy` (may be NULL) is called with it
 * when the last context that has it is freed. NULL when out of memory, and then it is not. */
TT_API tt_context *tt_context_with_value(tt_context *c, const tt_context_key *key, void *value,
                                         void (*destroy)(void *value));

/* The value that was set last, or NULL. */
TT_API void *tt_context_value(const tt_context *c, const tt_context_key *key);

/* The id by which people follow a request through systems that know nothing of traces
 * (X-Correlation-ID). Visible ASCII, 1 to 128 bytes; another id leaves the new context like `c`.
 * Reading: NULL when there is none; lives as long as the context. */
TT_API tt_context *tt_context_with_correlation_id(tt_context *c, const char *id);
TT_API const char *tt_context_correlation_id(const tt_context *c);

/* --- baggage: names and values that travel with the context --- */

/* The value of a name, or NULL; lives as long as the context. */
TT_API const char *tt_baggage_get(const tt_context *c, const char *name);

/* A new context like `c` (may be NULL) with the name set, or removed by a NULL value. At most 64
 * names and 8192 bytes; beyond, and for a name that is no token, the new one is like `c`. */
TT_API tt_context *tt_baggage_with(tt_context *c, const char *name, const char *value);

/* The same with metadata, "key=value;key": what stands behind the value in the header. */
TT_API tt_context *tt_baggage_with_metadata(tt_context *c, const char *name, const char *value,
                                            const char *metadata);

/* A new context like `c` without baggage. */
TT_API tt_context *tt_baggage_clear(tt_context *c);

/* The n-th pair in order of insertion; false beyond the last. `out_metadata` may be NULL. */
TT_API bool tt_baggage_at(const tt_context *c, size_t n, const char **out_name,
                          const char **out_value, const char **out_metadata);

TT_END

#endif
