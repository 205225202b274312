/* Questions about spans: which traces match, what one trace consists of, which services and
 * operations there are, who calls whom.
 *
 * Everything returned lives in the arena of the query. Times are Unix nanoseconds; ids are bytes as
 * sent: 16 of a trace, 8 of a span. */
#ifndef TELLTALE_QUERY_TRACES_TRACES_H
#define TELLTALE_QUERY_TRACES_TRACES_H

#include "query/records/records.h"

/* --- finding ---------------------------------------------------------------------------------- */

/* A trace is found by its spans: when one of them satisfies the predicate. Its key is the latest
 * start, or the longest duration, among those that do. */
enum trace_order { TRACES_NEWEST, TRACES_SLOWEST };

struct trace_key {
    int64_t key; /* start or duration of the span that decides */
    struct str id;
};

struct trace_search {
    const struct predicate *where; /* of a span; NULL: any */
    int64_t min_unix_ns, max_unix_ns;
    enum trace_order order;
    size_t limit;                  /* at least 1 */
    const struct trace_key *after; /* the last trace of the page before; NULL: the first page */
    /* What to find instead of traces: values of the first of these attributes that a span has, of
     * at most 7. The id of a key is such a value then. */
    const struct column_ref *by;
    size_t n_by; /* 0: traces */
};

/* The first `limit` traces behind `after`, in order of (key falling, id rising). A page ends the
 * scan as soon as nothing better can come. */
int traces_find(struct record_query *q, const struct trace_search *search, struct trace_key **out,
                size_t *out_n, struct err *err);

/* --- whole traces ----------------------------------------------------------------------------- */

struct span {
    struct str trace_id, span_id, parent_id; /* parent_id.n == 0: a root */
    struct str name;
    int kind, status;                   /* as SPAN_KIND, SPAN_STATUS_CODE */
    int64_t start_unix_ns, duration_ns; /* duration < 0 when the sender said so; 0 when unknown */
    bool has_end;
    struct any fields[SPAN_FIELDS];
    const struct attribute *attributes; /* by key */
    size_t n_attributes;
    const struct record_source *source;
};

struct trace {
    struct str id;
    struct span *spans; /* by start, then span id */
    size_t n, cap;
    size_t duplicates; /* spans left out because another has the same id */
    size_t cut;        /* spans left out because there were more than max_spans */
};

/* Of one trace that an answer speaks of. */
enum { TRACE_SPANS_MAX = 100000 };

struct trace_load {
    const struct str *ids;
    size_t n;
    int64_t min_unix_ns, max_unix_ns;
    size_t max_spans; /* of one trace; 0: any number */
    bool brief; /* for a summary: no fields behind SPAN_STATUS_CODE, and of the attributes only
                 * those that usage_of_span asks for */
};

/* The spans of each trace, wherever within the times, in the order of the ids; n == 0 for one that
 * is not there. Of spans with the same id the one that ends last is kept. */
int traces_load(struct record_query *q, const struct trace_load *wanted, struct trace **out,
                struct err *err);

/* --- names ------------------------------------------------------------------------------------ */

/* Names of services, sorted. */
int traces_services(struct record_query *q, int64_t min_unix_ns, int64_t max_unix_ns,
                    struct str **out, size_t *out_n, struct err *err);

struct operation {
    struct str name;
    int kind;
};

/* Different pairs of name and kind, sorted. `service` empty: of all. `kind` < 0: of all kinds. */
int traces_operations(struct record_query *q, struct str service, int kind, int64_t min_unix_ns,
                      int64_t max_unix_ns, struct operation **out, size_t *out_n, struct err *err);

/* --- who calls whom --------------------------------------------------------------------------- */

/* What stands at the ends of an edge. Agents, tools and models are told from spans by the gen_ai.*
 * conventions; other spans belong to what called them, within their service. */
enum map_node_kind { MAP_SERVICE, MAP_AGENT, MAP_TOOL, MAP_MODEL };

struct map_node {
    enum map_node_kind kind;
    struct str name;
};

struct map_edge {
    const struct map_node *caller, *callee;
    uint64_t calls, errors;
    int64_t p50_ns, p95_ns; /* of the callee's spans, to within 7 %; 0 without any duration */
};

/* Edges between different nodes, the most calls first. A call is a span whose parent belongs to
 * another node, and satisfies `where` (NULL: any does); its callers need not. `services_only`:
 * agents, tools and models are part of their service. */
int traces_map(struct record_query *q, const struct predicate *where, int64_t min_unix_ns,
               int64_t max_unix_ns, bool services_only, struct map_edge **out, size_t *out_n,
               struct err *err);

/* "service", "agent", "tool", "model". */
const char *map_node_kind_name(enum map_node_kind kind);

/* --- words ------------------------------------------------------------------------------------ */

/* "unspecified", "internal", "server", "client", "producer", "consumer" for OTLP's numbers; of
 * others "unspecified". The other way round: -1 for other words. */
const char *span_kind_name(int kind);
int span_kind_parse(struct str name);

/* "unset", "ok", "error"; the other way round: -1 for other words. */
const char *span_status_name(int status);
int span_status_parse(struct str name);

#endif
