/* Parameters of Jaeger's search. */
#ifndef TELLTALE_API_JAEGER_SEARCH_H
#define TELLTALE_API_JAEGER_SEARCH_H

#include "net/http.h"
#include "query/traces/traces.h"

struct jaeger_search {
    struct predicate where;
    int64_t min_unix_ns, max_unix_ns;
    size_t limit;
    struct str *ids; /* traceID=…: these are asked for, and the rest is of no interest */
    size_t n_ids;
};

/* Of /api/traces. All in the arena. ERR_INVALID names the parameter; ERR_NOMEM. */
int jaeger_read_search(const struct http_request *http, struct arena *a, struct jaeger_search *out,
                       struct err *err);

/* Of /api/v3/traces: query.service_name and so on. */
int jaeger_read_search_v3(const struct http_request *http, struct arena *a,
                          struct jaeger_search *out, struct err *err);

/* Of version 3's raw_traces, which changes nothing here: ERR_INVALID unless it is absent, or a
 * truth value as Go reads it. */
int jaeger_read_raw(const struct http_request *http, const char *name, struct err *err);

/* Of dependencies: endTs and lookback, in milliseconds; or start_time and end_time of version 3.
 * Without them the last day. */
int jaeger_read_range(const struct http_request *http, int64_t *out_min_unix_ns,
                      int64_t *out_max_unix_ns, struct err *err);

/* Spans with the tag, as people type it: among their attributes, those of their resource, and what
 * Jaeger makes tags of (error, span.kind, otel.status_code, …). A number or truth value is compared
 * with numbers, truth values and text. */
struct predicate jaeger_where_tag(struct arena *a, struct str key, struct str value);

#endif
