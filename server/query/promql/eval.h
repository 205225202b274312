/* Evaluation: a tree of operators that hand out one series at a time.
 *
 * A timeline is the steps of an evaluation: one for an instant query, those of the range for a
 * range query, an aligned grid for a subquery. A row is one series over all steps of its timeline.
 * A step without a value is a hole, marked by the bits of the stale NaN, which no arithmetic makes.
 *
 *   range.c        rate(x[5m]) ┐
 *   select.c       x           ├─ next(row) → map.c → aggregate.c → … → the result
 *   binary.c       a + b       ┘
 *
 * Invariants
 *  1. What a row points to, but its labels, lives until the next call of the operator that gave it;
 *     until then the receiver may change the values in place. Labels live as long as the query.
 *  2. An operator gives no row that has only holes.
 *  3. Two rows may have the same labels as long as they have values at different steps: rows are
 *     joined where it matters (merge.c: results, subqueries, names that are dropped). An operator
 *     that promises different labels, even without the name, says so by `distinct`.
 *  4. Operators live in the query's arena; op_close of all of them is called at the end.
 *  5. Errors are negative codes with ev->err filled. */
#ifndef TELLTALE_QUERY_PROMQL_EVAL_H
#define TELLTALE_QUERY_PROMQL_EVAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "model/labels.h"
#include "model/sample.h"
#include "query/exec/limits.h"
#include "query/promql/annotations.h"
#include "query/promql/ast.h"
#include "query/query.h"

struct histogram;
struct op;
struct pool;
struct store;

struct timeline {
    int64_t start_ms, step_ms;
    size_t n; /* steps; 0: nothing to evaluate */
};

static inline int64_t timeline_at(const struct timeline *t, size_t i)
{
    return t->start_ms + (int64_t)i * t->step_ms;
}

static inline int64_t timeline_end(const struct timeline *t)
{
    return t->n ? timeline_at(t, t->n - 1) : t->start_ms;
}

/* What an operator's samples count for (step_counts.h). */
enum step_counting { COUNT_NOT, COUNT_AT_STEP, COUNT_AT_ALL, COUNT_WITHIN };

struct step_counts;

struct eval {
    struct store *store;
    struct limits *limits;
    struct arena *arena; /* of the whole query: operators, labels, tables */
    struct annotations notes;
    struct pool *pool;      /* helpers; NULL: on this thread alone */
    uint64_t parallel_from; /* series × steps that are worth it */
    uint64_t pieces, pieces_helped;
    unsigned features; /* of enum query_feature */
    int64_t lookback_ms, default_step_ms;
    enum query_aggregates aggregates;
    int64_t aggregates_from_ms;
    struct {
        uint64_t days; /* summed over selectors */
        int64_t resolution_ms;
        bool approximate;
    } rolled;              /* what aggregates the answer is made of */
    struct timeline query; /* of the query itself */
    int64_t query_end_ms;  /* as asked for: the last step may come before */
    uint64_t series_selected;
    int64_t select_ns;          /* spent in selecting series */
    struct op *ops;             /* all, for eval_done */
    struct query_trace *trace;  /* of the node at work; NULL: nobody asked */
    struct arena *trace_arena;  /* of the answer */
    struct str trace_text;      /* the query's */
    struct step_counts *counts; /* NULL: nobody asked */
    bool narrowed_too_far; /* failed because of matchers that were propagated: they must not be */
    struct err *err;
};

/* Closes all operators. */
void eval_done(struct eval *ev);

struct row {
    struct labels labels;
    bool drop_name;             /* the name goes at the end (delayed removal) */
    double *v;                  /* one for each step */
    const struct histogram **h; /* NULL: only floats; else NULL at each step that is one */
};

#define HOLE stale_nan()

static inline bool is_hole(double v)
{
    return is_stale_nan(v);
}

static inline const struct histogram *row_histogram(const struct row *r, size_t i)
{
    return r->h ? r->h[i] : NULL;
}

struct op {
    int (*next)(struct op *op, struct row *out); /* 1 a row, 0 the end, negative an error */
    void (*close)(struct op *op);                /* NULL: nothing to release */
    struct eval *ev;
    struct timeline t;
    bool distinct;
    enum step_counting counting;
    struct op *all; /* list of eval */
};

static inline int op_next(struct op *op, struct row *out)
{
    return op->next(op, out);
}

/* A zeroed operator of `size` bytes, `struct op` first. NULL with ev->err filled. */
void *op_new(struct eval *ev, size_t size, struct timeline t,
             int (*next)(struct op *op, struct row *out));

/* Room for one row's values, or for its histograms (zeroed). NULL with ev->err filled. */
double *op_values(struct eval *ev, size_t n);
const struct histogram **op_histograms(struct eval *ev, size_t n);

/* From the query's arena, zeroed; NULL with ev->err filled. */
void *eval_alloc(struct eval *ev, size_t count, size_t size);
int eval_memory_error(struct eval *ev); /* ERR_TOO_BIG */

/* An arena of an operator's own, for what lives until its next row. NULL with ev->err filled. */
struct arena *eval_scratch(struct eval *ev);

/* --- opening (dispatch by node kind in open.c) ------------------------------------------------ */

/* An operator for an instant-vector expression over the timeline. */
int op_open(struct eval *ev, const struct node *n, struct timeline t, struct op **out);

/* The values of a scalar expression at each step. */
int eval_scalar(struct eval *ev, const struct node *n, struct timeline t, double *out);

/* As above into memory of the query's. */
int eval_scalar_alloc(struct eval *ev, const struct node *n, struct timeline t, double **out);

/* --- rows ------------------------------------------------------------------------------------- */

bool row_is_empty(const struct row *r, size_t n);

/* Leaves the floats. */
void row_drop_histograms(struct row *r, size_t n);

/* As how many samples one counts that is this histogram, or a float (NULL). */
size_t sample_weight(const struct histogram *h);

/* As how many samples the row counts when it is held: each step, and histograms by their size. */
uint64_t row_weight(const struct row *r, size_t n);

/* Copies of the row's histograms; NULL: out of memory. */
const struct histogram **row_copy_histograms(struct arena *a, const struct row *r, size_t n);

/* A deep copy into the query's arena. */
int row_keep(struct eval *ev, const struct row *r, size_t n, struct row *out);

struct table {
    struct row *rows; /* in the query's arena, as all they point to */
    size_t n, cap;
};

int table_add(struct eval *ev, struct table *t, const struct row *r, size_t n_steps);
int table_fill(struct eval *ev, struct op *from, struct table *out);

/* --- labels ----------------------------------------------------------------------------------- */

/* True for __name__, __type__ and __unit__, which describe a metric as it was. */
bool is_metadata_label(struct str name);

/* Marks the name for removal, or (without delayed removal) removes it now. */
int row_drop_name(struct eval *ev, struct row *r);
struct labels labels_without_metadata(struct arena *a, const struct labels *l);

/* --- operators that others build on ----------------------------------------------------------- */

/* merge.c: joins rows of equal labels; two values at one step are an error. */
int op_open_merge(struct eval *ev, struct op *from, struct op **out);

/* What functions that drop names need without delayed removal: `op`, merged when names could have
 * been all that told its rows apart. */
int op_finish_dropped(struct eval *ev, struct op *op, bool input_distinct, struct op **out);

/* table rows, one after another. */
int op_open_table(struct eval *ev, struct timeline t, struct table table, struct op **out);

#endif
