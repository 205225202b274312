/* Context across processes: written into and read from the headers of whatever carries a call.
 *
 *     static void set_header(void *carrier, const char *name, const char *value) { … }
 *     tt_inject(TT_W3C | TT_BAGGAGE, NULL, set_header, request);
 *
 *     static const char *get_header(void *carrier, const char *name) { … }
 *     tt_context *parent = tt_extract(TT_W3C | TT_BAGGAGE, get_header, request);
 */
#ifndef TELLTALE_PROPAGATION_H
#define TELLTALE_PROPAGATION_H

#include <stddef.h>

#include "telltale/api.h"
#include "telltale/context.h"

TT_BEGIN

enum tt_propagator {
    TT_W3C = 1,            /* traceparent, tracestate */
    TT_BAGGAGE = 2,        /* baggage */
    TT_B3 = 4,             /* b3 */
    TT_B3_MULTI = 8,       /* X-B3-TraceId, X-B3-SpanId, X-B3-Sampled or X-B3-Flags */
    TT_JAEGER = 16,        /* uber-trace-id, uberctx-… */
    TT_OTTRACE = 32,       /* ot-tracer-…, ot-baggage-…, of OpenTracing */
    TT_CORRELATION_ID = 64 /* X-Correlation-ID */
};

/* The n-th header that these set, but for those whose names are of baggage; NULL beyond the last.
 */
TT_API const char *tt_propagator_field(unsigned propagators, size_t n);

/* The propagators named by OTEL_PROPAGATORS ("tracecontext,baggage,b3,b3multi,jaeger,ottrace,
 * correlation-id,none"), or W3C and baggage. An unknown name is told as TT_PROBLEM_MISUSE. */
TT_API unsigned tt_propagators_from_environment(void);

/* Calls `set` for each header. `c` NULL: this thread's current context. Nothing is set for a
 * context without span or baggage. `value` is valid during the call. */
typedef void (*tt_set_header)(void *carrier, const char *name, const char *value);
TT_API void tt_inject(unsigned propagators, const tt_context *c, tt_set_header set, void *carrier);

/* `get` returns the value of a header, whose names do not depend on case, or NULL; it must be valid
 * until the next call of `get`. Of several headers with one name, as tracestate and baggage may be
 * sent, it returns the values in their order with a comma between. The first of W3C, B3, B3_MULTI,
 * JAEGER and OTTRACE that finds a valid span gives the span; what is malformed is as if it were not
 * there. Never NULL but when out of memory; free it by tt_context_free. */
typedef const char *(*tt_get_header)(void *carrier, const char *name);
TT_API tt_context *tt_extract(unsigned propagators, tt_get_header get, void *carrier);

/* The same from a carrier that can name its headers, which baggage of JAEGER and OTTRACE takes:
 * `key_at` returns the n-th name, NULL beyond the last, and may be NULL itself. */
typedef struct tt_carrier {
    tt_get_header get;
    const char *(*key_at)(void *carrier, size_t n);
    void *arg;
} tt_carrier;
TT_API tt_context *tt_extract_from(unsigned propagators, const tt_carrier *carrier);

/* The carrier of child processes: TRACEPARENT, TRACESTATE and BAGGAGE. tt_extract_environment reads
 * them from this process's environment, and where there is no TRACEPARENT from TRACE_CONTEXT, which
 * holds the same text. tt_inject_environment sets or removes them with setenv(): before threads
 * start, or between fork() and exec(). */
TT_API tt_context *tt_extract_environment(void);
TT_API void tt_inject_environment(const tt_context *c);

TT_END

#endif
