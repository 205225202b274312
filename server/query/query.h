/* Asking the store: PromQL in, values out. */
#ifndef TELLTALE_QUERY_QUERY_H
#define TELLTALE_QUERY_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "model/labels.h"
#include "model/matcher.h"
#include "model/sample.h"

struct budget;
struct buf;
struct json;
struct query_engine;
struct store;

/* Optional parts of the language, under the names that Prometheus gives them. */
enum query_feature {
    QUERY_EXPERIMENTAL_FUNCTIONS = 1 << 0, /* promql-experimental-functions */
    QUERY_EXTENDED_SELECTORS = 1 << 1,     /* promql-extended-range-selectors */
    QUERY_BINOP_FILL = 1 << 2,             /* promql-binop-fill-modifiers */
    QUERY_DELAYED_NAME_REMOVAL = 1 << 3,   /* promql-delayed-name-removal */
    QUERY_START_TIMESTAMPS = 1 << 4,       /* use-start-timestamps */
    QUERY_TYPE_AND_UNIT = 1 << 5,          /* type-and-unit-labels */
    QUERY_PER_STEP_STATS = 1 << 6,         /* promql-per-step-stats */

    /* What "all" means: everything that is language. Types and units are about what is stored, and
     * statistics about how. */
    QUERY_ALL_FEATURES = QUERY_TYPE_AND_UNIT - 1,
};

/* May a query read samples that were rolled up in their place (docs/design/aggregates.md)? */
enum query_aggregates {
    QUERY_AGGREGATES_DEFAULT, /* of the engine; there: as auto */
    QUERY_AGGREGATES_AUTO,    /* over long ranges where the answer stays right, and for samples that
                               * have expired */
    QUERY_AGGREGATES_NEVER,
    QUERY_AGGREGATES_ALWAYS, /* wherever there are any, if need be with an approximate answer */
};

struct query_options {
    int64_t lookback_ms;           /* 0: 5 minutes */
    int64_t timeout_ms;            /* 0: 2 minutes */
    uint64_t max_samples;          /* decoded or held at once, or answered; 0: 50 million */
    size_t max_memory_bytes;       /* per query; 0: 1 GiB */
    size_t max_total_memory_bytes; /* of all queries together; 0: 2 GiB */
    size_t max_points;             /* per series of a range query; 0: 11,000 */
    size_t max_concurrent;         /* 0: 20; more wait, then ERR_BUSY */
    size_t threads;                /* of queries and those that help them; 0: of the machine; set
                                    * once */
    uint64_t parallel_from;        /* series × steps that are shared with them; 0: 100,000 */
    int64_t default_step_ms;       /* subquery resolution when none is given; 0: 1 minute */
    unsigned features;             /* of enum query_feature */
    enum query_aggregates aggregates;
    int64_t aggregates_from_ms; /* with auto: selectors that cover so much time; 0: 1 day */
};

/* The store is borrowed and outlives the engine; `options` are copied. ERR_NOMEM. No query may
 * be running when it is freed. */
int query_engine_new(struct store *store, const struct query_options *options,
                     struct query_engine **out, struct err *err);
void query_engine_free(struct query_engine *e);

/* New limits from a reloaded configuration; running queries keep theirs. */
void query_engine_reconfigure(struct query_engine *e, const struct query_options *options);

/* Queries that end from now on are appended to a file as lines of JSON, as in Prometheus's query
 * log; NULL: no longer. The file is opened anew at each call. ERR_IO, ERR_NOMEM: as it was. */
int query_engine_log_to(struct query_engine *e, const char *path, struct err *err);

/* A query that runs. */
struct query_active {
    struct str expr;
    bool instant;
    int64_t start_ms, end_ms, step_ms;
    int64_t began_unix_ms, running_ns;
};

/* Those that run now, or wait for a turn; the newest first, in the arena. ERR_NOMEM. Threads: any.
 */
int query_engine_active(struct query_engine *e, struct arena *arena, struct query_active **out,
                        size_t *out_n);

/* Makes `out` the budget of one request, with the memory limits of a query and a part of what all
 * may take. The engine outlives it. One thread at a time. */
void query_engine_budget(struct query_engine *e, struct budget *out);

/* The options in force, without zeros. Threads: any. */
struct query_options query_engine_options(struct query_engine *e);

enum query_type { QUERY_SCALAR, QUERY_VECTOR, QUERY_MATRIX, QUERY_STRING };

struct query_point {
    int64_t t_unix_ms;
    double value;
    const struct histogram *histogram; /* NULL for a float */
};

struct query_series {
    struct labels labels;
    struct query_point *points; /* one in a vector, by rising time in a matrix */
    size_t n;
};

/* What a part of a query cost, its own parts included. */
struct query_trace {
    struct str expr;
    uint64_t steps, series; /* evaluated, and given to the part around it */
    uint64_t samples;       /* read */
    int64_t ns;
    bool shared; /* its rows were those of an equal part, evaluated before */
    struct query_trace *children, *next, *parent;
};

/* Everything lives in `arena`. `series`: in the order of the answer (sorted by labels for a matrix;
 * as the expression orders it for a vector). A scalar is one series without labels; a string is in
 * `text`. */
struct query_result {
    struct arena arena; /* owned */
    enum query_type type;
    struct query_series *series;
    size_t n_series;
    struct str text;
    int64_t t_unix_ms; /* of a string or scalar */
    struct str *warnings, *infos;
    size_t n_warnings, n_infos;
    bool given;                /* the request's `take` got the n_series series; `series` is NULL */
    uint32_t *order;           /* what was given as number order[i] is the i-th; NULL: as given */
    struct query_trace *trace; /* of the whole query; NULL: not asked for */
    struct {
        uint64_t samples_read, peak_samples, series_selected;
        uint64_t pieces,
            pieces_helped; /* of its series, shared with helping threads; done by them */
        int64_t parse_ns, select_ns, eval_ns, sort_ns;
        int64_t queue_ns,
            exec_ns; /* waiting for its turn; from then to the end, the wait included */
        struct {
            uint64_t days;         /* read rolled up, summed over selectors */
            int64_t resolution_ms; /* the coarsest; 0: none */
            bool approximate;
        } aggregates;
        const uint64_t *per_step; /* samples looked at; NULL: not asked for */
        size_t n_steps;
    } stats;
};

/* A series of a range query over all its steps. Borrowed for the call. */
struct query_row {
    const struct labels *labels;
    int64_t start_ms, step_ms;
    size_t n; /* steps */
    const double *v;
    const struct histogram *const *h; /* NULL: only floats; else NULL where it is one */
};

/* Is there nothing at this step? */
static inline bool query_row_is_hole(const struct query_row *r, size_t i)
{
    return is_stale_nan(r->v[i]);
}

struct query_request {
    struct str expr;
    bool instant;
    int64_t start_ms, end_ms, step_ms; /* instant: at start_ms; a range needs step_ms > 0 */
    int64_t lookback_ms, timeout_ms;   /* 0: the engine's; a longer timeout is cut to that */
    size_t limit;                      /* series in the answer; 0: all; cutting adds a warning */
    enum query_aggregates aggregates;
    bool trace;
    bool per_step;         /* count the samples of each step: samples_read is their sum then */
    int64_t since_mono_ns; /* 0, or when the asker began to wait: the timeout counts from then */
    int64_t patience_ms;   /* 0, or: do not wait for a turn, and end with ERR_BUSY
                            * after so long; such a try is not counted */
    bool (*cancelled)(void *self); /* NULL, or asked now and then: has the asker gone? */
    void (*asker)(void *self, struct json *j); /* NULL, or writes members that tell who asks, for
                                                * the log of queries */
    void *self;
    /* NULL, or: takes the series of a range query one by one as they are known, in any order, in
     * place of the result's points. 0, or an error that ends the query. Not with a limit, nor for
     * what is no vector: look at the result's `given`. */
    int (*take)(void *taker, const struct query_row *row, struct err *err);
    void *taker;
};

/* Runs a query. 0 and `out` (call query_result_done), or
 * ERR_INVALID  the expression or the range is wrong (message with line:column)   -> bad_data, 400
 * ERR_TOO_BIG, ERR_NOMEM, ERR_UNSUPPORTED  a limit or a failure while evaluating -> execution, 422
 * ERR_TIMEOUT -> timeout, 503;  ERR_CANCELLED -> canceled, 499;  ERR_BUSY -> unavailable, 503.
 * Threads: any. */
int query_run(struct query_engine *e, const struct query_request *request, struct query_result *out,
              struct err *err);
void query_result_done(struct query_result *r);

/* Parses a series selector as match[] takes it: metric{…} or {…}, without range, offset or @. The
 * matchers are initialised into a heap array: query_matchers_free. At least one matcher that does
 * not accept the empty value is demanded. */
int query_parse_selector(struct str text, struct matcher **out, size_t *out_n, struct err *err);
/* The same, but {} and its like are fine, too: they select all there is. */
int query_parse_any_selector(struct str text, struct matcher **out, size_t *out_n, struct err *err);

/* Whether some matcher does not accept the empty value. */
bool query_matchers_are_picky(const struct matcher *v, size_t n);
void query_matchers_free(struct matcher *v, size_t n);

/* The matchers of every selector in an expression, for exemplars. ERR_INVALID, ERR_NOMEM. */
struct query_selectors {
    struct query_selector {
        struct matcher *matchers; /* owned */
        size_t n;
    } * v; /* owned */
    size_t n;
};
int query_selectors(struct str expr, struct query_selectors *out, struct err *err);
void query_selectors_free(struct query_selectors *s);

/* The expression as Prometheus's formatter prints it. `features`: of the language. */
int query_format(struct str expr, unsigned features, struct buf *out, struct err *err);

/* The expression's tree as JSON, in the form that Prometheus's parse_query gives. */
int query_parse_tree(struct str expr, unsigned features, struct buf *out, struct err *err);

/* Words of the language by category (promql, promql_functions, promql_operators), in order, each
 * with whether it may be used. */
void query_vocabulary(unsigned features,
                      void (*each)(void *self, const char *category, struct str word, bool on),
                      void *self);

#endif
