/* All series' hashes are made in a row, so that the sink is asked once and can fetch ahead; then it
 * is seen which points are known whole.
 *
 * A hash joins those of resource, scope and metric, which are made once for each, with that of the
 * point's attributes. It is begun with the number of the rules: under another configuration the
 * same bytes say other labels. */
#include "receive/otlp_recall.h"

#include <math.h>

#include "base/compiler.h"
#include "base/word.h"
#include "codec/field_path.h"

struct recaller {
    const struct otlp_rules *rules;
    struct arena *arena;
    struct otlp_recalled *out;
    bool recalls;
    size_t *n_series;     /* of each point; 0: it is not to be recalled */
    struct hash128 *sent; /* of each series, a resource's target_info behind its points' */
    const void **known;
    size_t n_points, n_sent, cap_sent;
};

/* ---- hashes ---- */

static const struct hash128 none;

static struct hash128 join(struct hash128 a, struct hash128 b)
{
    return (struct hash128){hash_combine(a.low, b.low), hash_combine(a.high, b.high)};
}

static struct hash128 join_number(struct hash128 a, uint64_t n)
{
    return join(a, (struct hash128){n, n});
}

static struct hash128 join_bytes(struct hash128 a, struct str s)
{
    return join(a, hash_secret128(s.p, s.n));
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

static struct hash128 of_metric(struct hash128 scope, const struct otlp_metric *m)
{
    struct hash128 h = join_bytes(join_bytes(scope, m->name), m->unit);
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

/* ---- asking ---- */

static int add_sent(struct recaller *r, struct hash128 first, size_t n)
{
    if (r->n_sent + n > r->cap_sent) {
        size_t cap = MAX(r->cap_sent * 2, r->n_sent + n);
        struct hash128 *v = arena_extend(r->arena, r->sent, r->cap_sent, cap, sizeof *v);
        if (!v)
            return ERR_NOMEM;
        r->sent = v;
        r->cap_sent = cap;
    }
    for (size_t i = 0; i < n; i++)
        r->sent[r->n_sent++] = otlp_recall_series(first, i);
    return 0;
}

static int hash_metric(struct recaller *r, const struct otlp_metric *m, struct hash128 scope)
{
    struct hash128 metric = of_metric(scope, m);
    int rc = 0;
    for (size_t i = 0; i < m->data.n_points && rc == 0; i++) {
        struct hash128 h = join_bytes(metric, otlp_metric_point(m, i)->sent);
        size_t n = r->recalls ? spread(r, m, i, &h) : 0;
        r->n_series[r->n_points] = n;
        r->out->points[r->n_points++] = (struct otlp_recalled_point){.sent = n ? h : none};
        rc = add_sent(r, h, n);
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
        for (size_t k = 0; k < m->scopes[i].n_metrics && rc == 0; k++)
            rc = hash_metric(r, &m->scopes[i].metrics[k], scope);
    }
    *target = (struct otlp_recalled_point){.sent = r->recalls ? resource : none};
    return rc ? rc : add_sent(r, target->sent, 1);
}

/* ---- the answer ---- */

static bool all_known(const void *const *known, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!known[i])
            return false;
    return n > 0;
}

static int take_metric(struct recaller *r, const struct otlp_metric *m, struct err *err)
{
    for (size_t i = 0; i < m->data.n_points; i++, r->n_points++) {
        struct otlp_recalled_point *p = &r->out->points[r->n_points];
        size_t n = r->n_series[r->n_points];
        int rc = 0;
        if (LIKELY(all_known(r->known, n)))
            p->known = r->known;
        else
            rc =
                otlp_point_attributes(otlp_metric_point(m, i), NULL, r->arena, &p->attributes, err);
        if (UNLIKELY(rc != 0)) {
            (void)err_in_element(err, rc, "data_points", i);
            return err_in_field(err, rc, otlp_metric_kind_name(m->kind));
        }
        r->known += n;
    }
    return 0;
}

static int take_scope(struct recaller *r, const struct otlp_scope_metrics *s, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; i < s->n_metrics && rc == 0; i++) {
        rc = take_metric(r, &s->metrics[i], err);
        if (rc != 0)
            (void)err_in_element(err, rc, "metrics", i);
    }
    return rc;
}

static int take_resource(struct recaller *r, const struct otlp_resource_metrics *m,
                         struct otlp_recalled_point *target, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; i < m->n_scopes && rc == 0; i++) {
        rc = take_scope(r, &m->scopes[i], err);
        if (rc != 0)
            (void)err_in_element(err, rc, "scope_metrics", i);
    }
    target->known = all_known(r->known, 1) ? r->known : NULL;
    r->known++;
    return rc;
}

/* ---- all ---- */

/* The number of points; whether any is to be added up. */
static size_t count_points(const struct otlp_request *request, bool *out_delta)
{
    size_t n = 0;
    for (size_t i = 0; i < request->n_resources; i++)
        for (size_t k = 0; k < request->resources[i].n_scopes; k++)
            for (size_t j = 0; j < request->resources[i].scopes[k].n_metrics; j++) {
                const struct otlp_metric *m = &request->resources[i].scopes[k].metrics[j];
                n += m->data.n_points;
                *out_delta |= m->data.temporality == OTLP_DELTA;
            }
    return n;
}

static int ask(struct recaller *r, const struct otlp_request *request, const struct sink *sink)
{
    int rc = 0;
    for (size_t i = 0; i < request->n_resources && rc == 0; i++)
        rc = hash_resource(r, &request->resources[i], &r->out->targets[i]);
    r->known = rc ? NULL : arena_array(r->arena, r->n_sent, sizeof *r->known);
    if (!r->known)
        return ERR_NOMEM;
    if (r->recalls)
        r->out->recalled = sink_recall(sink, r->sent, r->n_sent, r->known);
    return 0;
}

static int take(struct recaller *r, const struct otlp_request *request, struct err *err)
{
    int rc = 0;
    r->n_points = 0;
    for (size_t i = 0; i < request->n_resources && rc == 0; i++) {
        rc = take_resource(r, &request->resources[i], &r->out->targets[i], err);
        if (rc != 0)
            (void)err_in_element(err, rc, "resource_metrics", i);
    }
    return rc;
}

int otlp_recall(const struct otlp_request *request, const struct otlp_rules *rules,
                const struct sink *sink, struct arena *arena, struct otlp_recalled *out,
                struct err *err)
{
    bool delta = false;
    size_t n_points = count_points(request, &delta);
    struct recaller r = {.rules = rules, .arena = arena, .out = out, .recalls = sink && !delta};
    *out = (struct otlp_recalled){
        .points = arena_array(arena, n_points, sizeof *out->points),
        .targets = arena_array(arena, request->n_resources, sizeof *out->targets),
    };
    r.n_series = arena_array(arena, n_points, sizeof *r.n_series);
    int rc = arena_failed(arena) ? ERR_NOMEM : ask(&r, request, sink);
    return rc ? rc : take(&r, request, err);
}
