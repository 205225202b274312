/* All points' hashes are made first. Then the sink is asked for all runs, and for the series of all
 * other points, so that it can fetch ahead; then it is seen which points are known whole.
 *
 * A hash joins those of resource, scope and metric, which are made once for each, with that of the
 * point's attributes. It is begun with the number of the rules: under another configuration the
 * same bytes say other labels. */
#include "receive/otlp_recall.h"

#include <math.h>

#include "base/compiler.h"
#include "base/word.h"
#include "codec/field_path.h"
#include "model/batch.h"

enum { RUN_ENDS = 16 }; /* so many points has a run, more or less */

struct recaller {
    const struct otlp_rules *rules;
    const struct sink *sink;
    struct arena *arena;
    struct otlp_recalled *out;
    size_t *n_series;           /* of each point that are looked for one by one */
    struct otlp_told_key *keys; /* of each metric */
    size_t n_metrics, n_points, cap_runs;
    bool in_run; /* the last one goes on */
};

/* ---- hashes ---- */

static const struct hash128 none;

/* Who sends may choose the number. */
static struct hash128 join_number(struct hash128 a, uint64_t n)
{
    return (struct hash128){hash_combine(a.low, n), hash_combine(a.high, n)};
}

static struct hash128 join_bytes(struct hash128 a, struct str s)
{
    return hash128_join(a, hash_secret128(s.p, s.n));
}

static struct hash128 of_resource(const struct recaller *r, const struct otlp_resource *resource)
{
    struct hash128 h = sink_hash(resource->sent.p, resource->sent.n, SINK_OTLP);
    return join_number(h, r->rules->number);
}

static struct hash128 of_scope(struct hash128 resource, const struct otlp_scope_metrics *s)
{
    return join_bytes(join_bytes(resource, s->scope.sent), s->schema_url);
}

static struct hash128 of_metric(struct hash128 scope, const struct otlp_metric *m,
                                struct otlp_metric_hash names)
{
    struct hash128 h = hash128_join(hash128_join(scope, names.name), names.unit);
    uint64_t rest = (uint64_t)m->data.temporality << 8 | (uint64_t)m->kind << 1 | m->data.monotonic;
    return join_number(h, rest);
}

/* Adds what tells a point's series apart besides its attributes; returns their number. */
static size_t spread_histogram(const struct otlp_histogram_point *p, struct hash128 *h)
{
    size_t n = 0;
    while (n < p->n_explicit_bounds && p->explicit_bounds[n] < INFINITY)
        n++;
    *h = join_bytes(*h, str_of((const char *)p->explicit_bounds, n * sizeof(double)));
    *h = join_number(*h, p->has_sum);
    return 1; // for all of them
}

static size_t spread_summary(const struct otlp_summary_point *p, struct hash128 *h)
{
    for (size_t i = 0; i < p->n_quantiles; i++)
        *h = join_number(*h, double_bits(p->quantiles[i].quantile));
    return p->n_quantiles + 2;
}

/* The number of the point's series, 0 if it is not to be recalled. */
static size_t spread(const struct recaller *r, const struct otlp_metric *m, size_t i,
                     struct hash128 *h)
{
    const struct otlp_data *d = &m->data;
    switch (m->kind) {
    case OTLP_GAUGE:
    case OTLP_SUM: return d->numbers[i].n_exemplars ? 0 : 1;
    case OTLP_EXPONENTIAL_HISTOGRAM: return d->exponentials[i].n_exemplars ? 0 : 1;
    case OTLP_HISTOGRAM:
        if (d->histograms[i].n_exemplars)
            return 0;
        return r->rules->nhcb ? 1 : spread_histogram(&d->histograms[i], h);
    case OTLP_SUMMARY: return spread_summary(&d->summaries[i], h);
    case OTLP_METRIC_NONE: break;
    }
    return 0;
}

/* ---- runs ---- */

static int begin_run(struct recaller *r)
{
    struct otlp_recalled *out = r->out;
    if (out->n_runs == r->cap_runs) {
        size_t cap = MAX(r->cap_runs * 2, (size_t)64);
        struct otlp_recalled_run *v =
            arena_extend(r->arena, out->runs, r->cap_runs, cap, sizeof *v);
        if (!v)
            return ERR_NOMEM;
        out->runs = v;
        r->cap_runs = cap;
    }
    /* With a 1 before its points, longer ones differ, and that of one is not the point's. */
    out->runs[out->n_runs++] = (struct otlp_recalled_run){.sent = {1, 1}};
    r->in_run = true;
    return 0;
}

/* Puts a point, a number, into the run that goes on, or begins one. */
static int add_to_run(struct recaller *r, struct otlp_recalled_point *p)
{
    int rc = r->in_run ? 0 : begin_run(r);
    if (rc != 0)
        return rc;
    struct otlp_recalled_run *run = &r->out->runs[r->out->n_runs - 1];
    p->run = (uint32_t)r->out->n_runs;
    run->sent = hash128_join(run->sent, p->sent);
    run->n++;
    r->in_run = run->n < BATCH_RUN_MAX && p->sent.high % RUN_ENDS != 0;
    return 0;
}

/* Points that are translated for sure. */
static bool can_be_in_run(const struct otlp_metric *m, size_t i)
{
    if (m->kind != OTLP_GAUGE && m->kind != OTLP_SUM)
        return false;
    const struct otlp_number_point *p = &m->data.numbers[i];
    return p->point.time_unix_ns != 0 && p->kind != OTLP_NUMBER_NONE;
}

static void ask_for_runs(struct recaller *r)
{
    struct otlp_recalled *out = r->out;
    struct hash128 *sent = arena_array(r->arena, out->n_runs, sizeof *sent);
    const void **known = arena_array(r->arena, out->n_runs, sizeof *known);
    if (!sent || !known)
        return; // the arena has failed
    for (size_t i = 0; i < out->n_runs; i++)
        sent[i] = out->runs[i].sent;
    out->recalled = sink_recall(r->sink, sent, out->n_runs, known);
    for (size_t i = 0; i < out->n_runs; i++) {
        struct otlp_recalled_run *run = &out->runs[i];
        run->known = known[i];
        if (run->known)
            run->numbers = arena_alloc(r->arena, run->n * sizeof *run->numbers);
    }
}

static const struct otlp_recalled_run *run_of(const struct recaller *r, size_t i)
{
    uint32_t run = r->out->points[i].run;
    return run ? &r->out->runs[run - 1] : NULL;
}

/* Points of known runs are not looked for. */
static void take_known_runs(struct recaller *r)
{
    for (size_t i = 0; i < r->n_points; i++) {
        const struct otlp_recalled_run *run = run_of(r, i);
        if (!run || !run->known)
            continue;
        r->out->points[i].known = &run->known;
        r->n_series[i] = 0;
    }
}

/* Runs that are to be known from now on: whose series are new, all of them, or that came before. */
static void tell_runs(struct recaller *r, const uint32_t *unknown)
{
    for (size_t i = 0; i < r->out->n_runs; i++) {
        struct otlp_recalled_run *run = &r->out->runs[i];
        if (run->known || run->n < 2)
            continue;
        bool came = otlp_told_run(r->rules->told, run->sent);
        run->told = came || unknown[i] == run->n;
        if (run->told)
            run->series = arena_array(r->arena, run->n, sizeof *run->series);
    }
}

/* ---- hashing ---- */

static int hash_metric(struct recaller *r, const struct otlp_metric *m, struct hash128 scope)
{
    struct otlp_metric_hash names = otlp_metric_hash(m);
    struct hash128 metric = of_metric(scope, m, names);
    r->keys[r->n_metrics++] = otlp_told_key(m, names);
    int rc = 0;
    for (size_t i = 0; i < m->data.n_points && rc == 0; i++) {
        struct hash128 h = join_bytes(metric, otlp_metric_point(m, i)->sent);
        struct otlp_recalled_point *p = &r->out->points[r->n_points];
        size_t n = spread(r, m, i, &h);
        r->n_series[r->n_points++] = n;
        p->sent = n ? h : none;
        if (n && can_be_in_run(m, i))
            rc = add_to_run(r, p);
    }
    return rc;
}

static int hash_resource(struct recaller *r, const struct otlp_resource_metrics *m,
                         struct otlp_recalled_point *target)
{
    struct hash128 resource = of_resource(r, &m->resource);
    int rc = 0;
    for (size_t i = 0; i < m->n_scopes && rc == 0; i++) {
        struct hash128 scope = of_scope(resource, &m->scopes[i]);
        r->in_run = false;
        for (size_t k = 0; k < m->scopes[i].n_metrics && rc == 0; k++)
            rc = hash_metric(r, &m->scopes[i].metrics[k], scope);
    }
    target->sent = resource;
    return rc;
}

/* ---- asking ---- */

/* All in a row, so that one need not wait for the memory of the other. */
static void ask_for_metadata(struct recaller *r)
{
    for (size_t i = 0; i < r->n_metrics; i++)
        r->out->told[i] = otlp_told_has(r->rules->told, r->keys[i]);
}

/* Of all points that are not in a known run, and before them of each resource's target_info. NULL:
 * no memory. */
static const void **ask_for_series(struct recaller *r, size_t n_targets)
{
    struct otlp_recalled *out = r->out;
    size_t n = n_targets;
    for (size_t i = 0; i < r->n_points; i++)
        n += r->n_series[i];
    struct hash128 *sent = arena_array(r->arena, n, sizeof *sent), *at = sent;
    const void **known = arena_array(r->arena, n, sizeof *known);
    if (!sent || !known)
        return NULL;
    for (size_t i = 0; i < n_targets; i++)
        *at++ = out->targets[i].sent;
    for (size_t i = 0; i < r->n_points; i++)
        for (size_t k = 0; k < r->n_series[i]; k++)
            *at++ = otlp_recall_series(out->points[i].sent, k);
    uint32_t recalled = sink_recall(r->sink, sent, n, known);
    if (out->n_runs == 0)
        out->recalled = recalled; // else that of the runs, which is older
    return known;
}

/* ---- the answer ---- */

static bool all_known(const void *const *known, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!known[i])
            return false;
    return n > 0;
}

/* Tells the points what is known of them; `unknown` counts the others by run. Returns their number.
 */
static size_t take_known(struct recaller *r, const void *const *known, size_t n_targets,
                         uint32_t *unknown)
{
    struct otlp_recalled *out = r->out;
    size_t n_unknown = 0;
    for (size_t i = 0; i < n_targets; i++, known++)
        out->targets[i].known = all_known(known, 1) ? known : NULL;
    for (size_t i = 0; i < r->n_points; i++) {
        struct otlp_recalled_point *p = &out->points[i];
        if (p->known)
            continue;
        if (all_known(known, r->n_series[i]))
            p->known = known;
        known += r->n_series[i];
        n_unknown += !p->known;
        if (p->run && !p->known)
            unknown[p->run - 1]++;
    }
    return n_unknown;
}

static int recall(struct recaller *r, size_t n_targets, size_t *out_unknown)
{
    if (r->out->n_runs)
        ask_for_runs(r);
    take_known_runs(r);
    ask_for_metadata(r);
    const void **known = arena_failed(r->arena) ? NULL : ask_for_series(r, n_targets);
    uint32_t *unknown = arena_array(r->arena, r->out->n_runs, sizeof *unknown);
    if (!known || !unknown)
        return ERR_NOMEM;
    *out_unknown = take_known(r, known, n_targets, unknown);
    tell_runs(r, unknown);
    return arena_failed(r->arena) ? ERR_NOMEM : 0;
}

/* ---- labels ---- */

static int read_metric(struct recaller *r, const struct otlp_metric *m, struct err *err)
{
    for (size_t i = 0; i < m->data.n_points; i++) {
        struct otlp_recalled_point *p = &r->out->points[r->n_points++];
        int rc = p->known ? 0
                          : otlp_point_attributes(otlp_metric_point(m, i), NULL, r->arena,
                                                  &p->attributes, err);
        if (UNLIKELY(rc != 0)) {
            (void)err_in_element(err, rc, "data_points", i);
            return err_in_field(err, rc, otlp_metric_kind_name(m->kind));
        }
    }
    return 0;
}

static int read_scope(struct recaller *r, const struct otlp_scope_metrics *s, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; i < s->n_metrics && rc == 0; i++) {
        rc = read_metric(r, &s->metrics[i], err);
        if (rc != 0)
            (void)err_in_element(err, rc, "metrics", i);
    }
    return rc;
}

static int read_resource(struct recaller *r, const struct otlp_resource_metrics *m, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; i < m->n_scopes && rc == 0; i++) {
        rc = read_scope(r, &m->scopes[i], err);
        if (rc != 0)
            (void)err_in_element(err, rc, "scope_metrics", i);
    }
    return rc;
}

/* The attributes of the points that are not known. */
static int read_all(struct recaller *r, const struct otlp_request *request, struct err *err)
{
    int rc = 0;
    r->n_points = 0;
    for (size_t i = 0; i < request->n_resources && rc == 0; i++) {
        rc = read_resource(r, &request->resources[i], err);
        if (rc != 0)
            (void)err_in_element(err, rc, "resource_metrics", i);
    }
    return rc;
}

/* ---- all ---- */

struct contents {
    size_t metrics, points;
    bool delta; /* some are to be added up */
};

static struct contents contents_of(const struct otlp_request *request)
{
    struct contents c = {0};
    for (size_t i = 0; i < request->n_resources; i++)
        for (size_t k = 0; k < request->resources[i].n_scopes; k++)
            for (size_t j = 0; j < request->resources[i].scopes[k].n_metrics; j++) {
                const struct otlp_metric *m = &request->resources[i].scopes[k].metrics[j];
                c.metrics++;
                c.points += m->data.n_points;
                c.delta |= m->data.temporality == OTLP_DELTA;
            }
    return c;
}

static int hash_all(struct recaller *r, const struct otlp_request *request)
{
    int rc = 0;
    for (size_t i = 0; i < request->n_resources && rc == 0; i++)
        rc = hash_resource(r, &request->resources[i], &r->out->targets[i]);
    return rc;
}

int otlp_recall(const struct otlp_request *request, const struct otlp_rules *rules,
                const struct sink *sink, struct arena *arena, struct otlp_recalled *out,
                struct err *err)
{
    const struct contents n = contents_of(request);
    size_t n_unknown = n.points;
    struct recaller r = {.rules = rules, .sink = sink, .arena = arena, .out = out};
    *out = (struct otlp_recalled){
        .points = arena_array(arena, n.points, sizeof *out->points),
        .targets = arena_array(arena, request->n_resources, sizeof *out->targets),
        .told = arena_array(arena, n.metrics, sizeof *out->told),
    };
    r.n_series = arena_array(arena, n.points, sizeof *r.n_series);
    r.keys = arena_alloc(arena, n.metrics * sizeof *r.keys);
    if (arena_failed(arena))
        return ERR_NOMEM;
    int rc = 0;
    if (sink && !n.delta) {
        rc = hash_all(&r, request);
        if (rc == 0)
            rc = recall(&r, request->n_resources, &n_unknown);
    }
    return rc || n_unknown == 0 ? rc : read_all(&r, request, err);
}
