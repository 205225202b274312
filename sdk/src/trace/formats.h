/* What a propagator reads and writes: the parts of a context. W3C's trace context, the one that
 * every call pays for, is in propagation.c; the other formats are in formats.c. */
#ifndef TELLTALE_TRACE_FORMATS_H
#define TELLTALE_TRACE_FORMATS_H

#include "telltale/propagation.h"
#include "trace/context.h"

enum { HEADER_MAX = 1024 };

/* To be written; all borrowed. */
struct parts {
    const tt_span_context *span;
    const char *state;         /* NUL-terminated */
    const tt_context *context; /* of baggage and values; may be NULL */
    tt_set_header set;
    void *carrier;
};

/* That was read. */
struct found {
    tt_span_context span;
    char state[TRACESTATE_MAX + 1];
    size_t state_n;
    char correlation[HEADER_MAX];
    char baggage[BAGGAGE_BYTES_MAX];
    size_t baggage_n, pairs;
};

/* A tracestate header; what is malformed is as if it were not there. */
void tracestate_read(const char *text, struct found *f);

/* All but W3C's; spans when `has_span`. */
void formats_write(unsigned propagators, const struct parts *p, bool has_span);

/* The span, by the first of them that finds a valid one; the span is zeros when none does. */
bool formats_read_span(unsigned propagators, struct found *f, const tt_carrier *c);

/* Baggage of all of them, and a correlation id. */
void formats_read_rest(unsigned propagators, struct found *f, const tt_carrier *c);

#endif
