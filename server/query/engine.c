/* The engine: limits for each query, a gate for all of them, and from the tree to the answer. */
#include "query/query.h"

#include <stdlib.h>
#include <string.h>

#include "base/budget.h"
#include "base/buf.h"
#include "base/compiler.h"
#include "base/lock.h"
#include "base/memory.h"
#include "base/time.h"
#include "codec/json_write.h"
#include "model/matcher.h"
#include "query/answer.h"
#include "query/exec/gate.h"
#include "query/exec/journal.h"
#include "query/exec/limits.h"
#include "query/exec/pool.h"
#include "query/promql/eval.h"
#include "query/promql/functions.h"
#include "query/promql/parser.h"
#include "query/promql/prepare.h"
#include "query/promql/propagate.h"
#include "query/promql/share.h"
#include "query/promql/source.h"
#include "query/promql/step_counts.h"
#include "self/self.h"

static struct self_metric queries_total =
    SELF_COUNTER("telltale_query_queries_total", "PromQL queries, by outcome.", "outcome");
static struct self_metric query_seconds = SELF_HISTOGRAM(
    "telltale_query_duration_seconds", "Time to answer PromQL queries, waiting included.");
static struct self_metric memory_refused =
    SELF_COUNTER("telltale_query_memory_refused_total",
                 "PromQL queries ended because memory was spent: that of one query, or that of all "
                 "together.",
                 "limit");
static struct self_metric samples_total =
    SELF_COUNTER("telltale_query_samples_read_total", "Samples decoded for PromQL queries.");

struct query_engine {
    struct store *store; /* borrowed */
    struct gate gate;
    struct lock lock;
    struct query_options options; /* guarded by lock; without zeros */
    struct budget memory;         /* of all queries */
    struct journal journal;
    struct pool pool;
};

static struct query_options with_defaults(const struct query_options *o)
{
    struct query_options v = *o;
    v.lookback_ms = v.lookback_ms ? v.lookback_ms : 5 * 60 * MS_PER_S;
    v.timeout_ms = v.timeout_ms ? v.timeout_ms : 2 * 60 * MS_PER_S;
    v.max_samples = v.max_samples ? v.max_samples : 50000000;
    v.max_memory_bytes = v.max_memory_bytes ? v.max_memory_bytes : (size_t)1 << 30;
    v.max_total_memory_bytes =
        v.max_total_memory_bytes ? v.max_total_memory_bytes : (size_t)2 << 30;
    v.max_points = v.max_points ? v.max_points : 11000;
    v.max_concurrent = v.max_concurrent ? v.max_concurrent : 20;
    v.parallel_from = v.parallel_from ? v.parallel_from : 100000;
    v.aggregates = v.aggregates ? v.aggregates : QUERY_AGGREGATES_AUTO;
    v.aggregates_from_ms = v.aggregates_from_ms ? v.aggregates_from_ms : MS_PER_DAY;
    v.default_step_ms = v.default_step_ms ? v.default_step_ms : 60 * MS_PER_S;
    return v;
}

static void collect(void *self, struct buf *out)
{
    static const char name[] = "telltale_query_memory_bytes";
    struct query_engine *e = self;
    self_write_family(out, name, SELF_TYPE_GAUGE, "Memory of the queries that run now.");
    self_write_sample(out, name, (double)budget_used(&e->memory), (char *)NULL);
}

int query_engine_new(struct store *store, const struct query_options *options,
                     struct query_engine **out, struct err *err)
{
    struct query_engine *e = calloc(1, sizeof *e);
    if (!e)
        return err_set(err, ERR_NOMEM, "out of memory for the query engine");
    e->store = store;
    e->options = with_defaults(options);
    lock_init(&e->lock, LOCK_LEAF);
    journal_init(&e->journal);
    gate_init(&e->gate, e->options.max_concurrent);
    budget_init(&e->memory, e->options.max_total_memory_bytes, NULL);
    pool_init(&e->pool, e->options.threads);
    e->memory.code = ERR_BUSY;
    e->memory.who = "all queries together need";
    e->memory.advice = "try again later, select less or raise query.max_total_memory_bytes";
    self_register_collector(collect, e);
    *out = e;
    return 0;
}

void query_engine_free(struct query_engine *e)
{
    if (!e)
        return;
    self_unregister_collector(collect, e);
    pool_done(&e->pool);
    gate_done(&e->gate);
    journal_done(&e->journal);
    lock_done(&e->lock);
    free(e);
}

static struct query_options current_options(struct query_engine *e)
{
    lock_take(&e->lock);
    struct query_options o = e->options;
    lock_give(&e->lock);
    return o;
}

void query_engine_reconfigure(struct query_engine *e, const struct query_options *options)
{
    struct query_options o = with_defaults(options);
    lock_take(&e->lock);
    e->options = o;
    lock_give(&e->lock);
    gate_resize(&e->gate, o.max_concurrent);
    budget_resize(&e->memory, o.max_total_memory_bytes);
}

int query_engine_log_to(struct query_engine *e, const char *path, struct err *err)
{
    return journal_log_to(&e->journal, path, err);
}

int query_engine_active(struct query_engine *e, struct arena *arena, struct query_active **out,
                        size_t *out_n)
{
    return journal_list(&e->journal, arena, out, out_n);
}

void query_engine_budget(struct query_engine *e, struct budget *out)
{
    limits_budget(out, current_options(e).max_memory_bytes, &e->memory);
}

struct query_options query_engine_options(struct query_engine *e)
{
    lock_take(&e->lock);
    struct query_options o = e->options;
    lock_give(&e->lock);
    return o;
}

/* --- one query -------------------------------------------------------------------------------- */

static int check_range(struct run *r)
{
    const struct query_request *q = r->request;
    const int64_t far = PARSE_TIME_MAX;
    if (q->start_ms < -far || q->start_ms > far ||
        (!q->instant && (q->end_ms < -far || q->end_ms > far)))
        return err_set(r->err, ERR_INVALID, "the time of the query is out of range");
    if (q->instant) {
        r->t = (struct timeline){q->start_ms, 0, 1};
        return 0;
    }
    if (q->step_ms <= 0)
        return err_set(r->err, ERR_INVALID,
                       "zero or negative query resolution step widths are not accepted. Try a "
                       "positive integer");
    if (q->end_ms < q->start_ms)
        return err_set(r->err, ERR_INVALID, "end timestamp must not be before start time");
    uint64_t steps = (uint64_t)(q->end_ms - q->start_ms) / (uint64_t)q->step_ms;
    if (steps > r->options.max_points) // so many steps are one point more, as in Prometheus
        return err_set(r->err, ERR_INVALID,
                       "exceeded maximum resolution of %zu points per timeseries. Try decreasing "
                       "the query resolution (?step=XX), or raise query.max_points",
                       r->options.max_points);
    r->t = (struct timeline){q->start_ms, q->step_ms, (size_t)steps + 1};
    return 0;
}

static int64_t end_of(const struct query_request *q)
{
    return q->instant ? q->start_ms : q->end_ms;
}

static int parse(struct run *r, bool propagate)
{
    int64_t start = time_now_mono_ns();
    int rc = promql_parse(r->request->expr, r->options.features, &r->ast, r->err);
    if (rc == 0)
        rc = prepare(&r->ast, &r->t, end_of(r->request), r->err);
    enum value_type type = rc == 0 ? r->ast.root->type : VALUE_NONE;
    if (rc == 0 && !r->request->instant && type != VALUE_SCALAR && type != VALUE_VECTOR)
        rc = err_set(r->err, ERR_INVALID,
                     "invalid expression type \"%s\" for range query, must be Scalar or instant "
                     "Vector",
                     value_type_name(type));
    if (rc == 0 && propagate)
        propagate_matchers(&r->ast, r->options.features);
    if (rc == 0)
        share_equal_parts(&r->ast);
    r->parse_ns += time_now_mono_ns() - start;
    return rc;
}

/* The tree grows in the answer's memory, from a root that stands for the query. */
static int begin_trace(struct run *r)
{
    struct arena *a = &r->out->arena;
    struct query_trace *root = arena_zalloc(a, sizeof *root);
    if (!root)
        return limits_memory_error(&r->limits, r->err);
    root->expr = arena_str(a, r->request->expr);
    root->steps = r->t.n;
    r->out->trace = root;
    r->ev.trace = root;
    r->ev.trace_arena = a;
    r->ev.trace_text = r->request->expr;
    return 0;
}

static int begin_counts(struct run *r)
{
    struct arena *a = &r->out->arena;
    struct step_counts *c = arena_zalloc(a, sizeof *c);
    if (!c || !(c->v = arena_array(a, r->t.n, sizeof *c->v)))
        return limits_memory_error(&r->limits, r->err);
    c->n = r->t.n;
    c->mode = COUNT_AT_STEP;
    r->ev.counts = c;
    return 0;
}

static int begin(struct run *r, struct query_engine *e, int64_t deadline_mono_ns)
{
    const struct query_request *q = r->request;
    int64_t lookback = q->lookback_ms > 0 ? q->lookback_ms : r->options.lookback_ms;
    r->limits = (struct limits){.deadline_mono_ns = deadline_mono_ns,
                                .timeout_ms = r->options.timeout_ms,
                                .timeout_by = r->timeout_by,
                                .max_samples = r->options.max_samples,
                                .cancelled = q->cancelled,
                                .self = q->self};
    r->ev = (struct eval){.store = e->store,
                          .limits = &r->limits,
                          .pool = q->patience_ms || q->per_step ? NULL : &e->pool,
                          .parallel_from = r->options.parallel_from,
                          .features = r->options.features,
                          .lookback_ms = lookback < PARSE_TIME_MAX ? lookback : PARSE_TIME_MAX,
                          .default_step_ms = r->options.default_step_ms,
                          .aggregates = q->aggregates ? q->aggregates : r->options.aggregates,
                          .aggregates_from_ms = r->options.aggregates_from_ms,
                          .query = r->t,
                          .query_end_ms = end_of(q),
                          .err = r->err};
    limits_budget(&r->limits.memory, r->options.max_memory_bytes, &e->memory);
    arena_init_shared(&r->out->arena, SIZE_MAX, &r->limits.memory);
    r->ev.arena = limits_arena(&r->limits);
    if (!r->ev.arena)
        return limits_memory_error(&r->limits, r->err);
    r->ev.notes.arena = r->ev.arena;
    int rc = q->per_step ? begin_counts(r) : 0;
    return rc == 0 && q->trace ? begin_trace(r) : rc;
}

static void cut_to_limit(struct run *r)
{
    size_t limit = r->request->limit;
    if (limit == 0 || r->out->n_series <= limit)
        return;
    r->out->n_series = limit;
    r->out->warnings[r->out->n_warnings++] = STR("results truncated due to limit");
}

static int finish(struct run *r)
{
    struct query_result *out = r->out;
    out->t_unix_ms = r->request->start_ms;
    annotations_render(&r->ev.notes, r->request->expr, &out->arena, true, &out->infos,
                       &out->n_infos);
    annotations_render(&r->ev.notes, r->request->expr, &out->arena, false, &out->warnings,
                       &out->n_warnings);
    if (arena_failed(&out->arena))
        return limits_memory_error(&r->limits, r->err);
    cut_to_limit(r);
    if (out->trace) {
        out->trace->series = out->n_series;
        out->trace->samples = r->limits.samples_read;
        out->trace->ns = r->eval_ns;
    }
    out->stats.samples_read = r->limits.samples_read;
    if (r->ev.counts) {
        out->stats.samples_read = step_counts_finish(r->ev.counts);
        out->stats.per_step = r->ev.counts->v;
        out->stats.n_steps = r->ev.counts->n;
    }
    out->stats.peak_samples = r->limits.peak_samples;
    out->stats.series_selected = r->ev.series_selected;
    out->stats.pieces = r->ev.pieces;
    out->stats.pieces_helped = r->ev.pieces_helped;
    out->stats.aggregates.days = r->ev.rolled.days;
    out->stats.aggregates.resolution_ms = r->ev.rolled.resolution_ms;
    out->stats.aggregates.approximate = r->ev.rolled.approximate;
    out->stats.parse_ns = r->parse_ns;
    out->stats.select_ns = r->ev.select_ns;
    out->stats.eval_ns = r->eval_ns - r->ev.select_ns - r->sort_ns;
    out->stats.sort_ns = r->sort_ns;
    out->stats.queue_ns = r->queue_ns;
    return 0;
}

static int run_tree(struct run *r, struct query_engine *e, int64_t deadline_mono_ns)
{
    int64_t start = time_now_mono_ns();
    *r->out = (struct query_result){0};
    pool_enter(&e->pool);
    int rc = begin(r, e, deadline_mono_ns);
    if (rc == 0)
        rc = answer_query(r);
    r->eval_ns = time_now_mono_ns() - start;
    if (rc == 0)
        rc = finish(r);
    self_add(&samples_total, r->limits.samples_read);
    eval_done(&r->ev);
    pool_leave(&e->pool);
    limits_done(&r->limits);
    memory_freed(r->limits.memory.peak - r->out->arena.used);
    if (rc != 0) {
        const struct budget *by = r->limits.memory.refused_by;
        if (by)
            self_add(&memory_refused, 1, by == r->all ? "total" : "query");
        rc = by && rc == ERR_TOO_BIG ? budget_error(&r->limits.memory, r->err) : rc;
        query_result_done(r->out);
    }
    arena_leave_budget(&r->out->arena); // the answer outlives the query
    return rc;
}

/* What was narrowed too far fails while it is opened: the asker has been given nothing yet. */
static int run_now(struct run *r, struct query_engine *e, int64_t deadline_mono_ns)
{
    int rc = run_tree(r, e, deadline_mono_ns);
    if (rc == 0 || !r->ev.narrowed_too_far)
        return rc;
    ast_done(&r->ast);
    rc = parse(r, false);
    return rc ? rc : run_tree(r, e, deadline_mono_ns);
}

static int64_t began_waiting(const struct query_request *q)
{
    return q->since_mono_ns ? q->since_mono_ns : time_now_mono_ns();
}

static int64_t deadline_of(struct run *r, int64_t since_mono_ns)
{
    const struct query_request *q = r->request;
    if (q->timeout_ms > 0 && q->timeout_ms < r->options.timeout_ms) {
        r->options.timeout_ms = q->timeout_ms;
        r->timeout_by = "the parameter timeout";
    }
    return since_mono_ns + r->options.timeout_ms * NS_PER_MS;
}

static const char *outcome_of(int rc)
{
    switch (rc) {
    case 0: return "success";
    case ERR_INVALID: return "bad_data";
    case ERR_TIMEOUT: return "timeout";
    case ERR_CANCELLED: return "canceled";
    case ERR_BUSY: return "unavailable";
    default: return "execution";
    }
}

static int run_in_turn(struct run *r, struct query_engine *e, int64_t deadline_mono_ns)
{
    int64_t start = time_now_mono_ns();
    int rc = gate_enter(&e->gate, deadline_mono_ns, r->err);
    r->queue_ns = time_now_mono_ns() - start;
    if (rc != 0)
        return rc;
    rc = run_now(r, e, deadline_mono_ns);
    gate_leave(&e->gate);
    return rc;
}

/* Without a turn, for a moment. */
static int run_at_once(struct run *r, struct query_engine *e, int64_t deadline_mono_ns)
{
    int64_t end = time_now_mono_ns() + r->request->patience_ms * NS_PER_MS;
    int rc = run_now(r, e, MIN(end, deadline_mono_ns));
    bool impatient = rc == ERR_TIMEOUT && end < deadline_mono_ns;
    return impatient ? err_set(r->err, ERR_BUSY, "the query takes longer than a moment") : rc;
}

/* A try that ran out of patience comes again, and is neither counted nor logged. */
static int run_listed(struct run *r, struct query_engine *e, int64_t deadline_mono_ns)
{
    struct journal_entry entry;
    const struct query_request *q = r->request;
    journal_begin(&e->journal, q, &entry);
    int64_t start = time_now_mono_ns();
    int rc =
        q->patience_ms ? run_at_once(r, e, deadline_mono_ns) : run_in_turn(r, e, deadline_mono_ns);
    if (rc == 0)
        r->out->stats.exec_ns = time_now_mono_ns() - start;
    if (rc == ERR_BUSY && q->patience_ms)
        journal_drop(&e->journal, &entry);
    else
        journal_end(&e->journal, &entry, rc == 0 ? r->out : NULL, r->err);
    return rc;
}

int query_run(struct query_engine *e, const struct query_request *request, struct query_result *out,
              struct err *err)
{
    struct err own = {0};
    struct query_result result;
    struct run r = {.request = request,
                    .options = current_options(e),
                    .out = &result,
                    .all = &e->memory,
                    .err = err ? err : &own};
    int64_t start = began_waiting(request);
    int64_t deadline = deadline_of(&r, start);
    int rc = check_range(&r);
    if (rc == 0)
        rc = parse(&r, true);
    if (rc == 0)
        rc = run_listed(&r, e, deadline);
    ast_done(&r.ast);
    if (rc == ERR_BUSY && request->patience_ms)
        return rc;
    self_add(&queries_total, 1, outcome_of(rc));
    self_observe(&query_seconds, (double)(time_now_mono_ns() - start) / 1e9);
    if (rc == 0)
        *out = result;
    return rc;
}

void query_result_done(struct query_result *r)
{
    size_t used = r->arena.used;
    arena_done(&r->arena);
    memory_freed(used);
    *r = (struct query_result){0};
}
