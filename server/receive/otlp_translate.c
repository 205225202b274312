/* One `struct translator` walks the tree of one request. Names of families are made once for each
 * metric of the request (otlp_family.h), labels once for each point (otlp_labels.h); a point's
 * series are copies of its labels with another name, and another le or quantile. */
#include "receive/otlp_translate.h"

#include <stdio.h>

#include "base/time.h"
#include "receive/otlp_exemplars.h"
#include "receive/otlp_family.h"
#include "receive/otlp_histogram.h"
#include "receive/otlp_labels.h"

struct translator {
    const struct otlp_rules *rules;
    struct otlp_delta *delta;
    struct batch *batch;
    struct arena *arena; /* of the batch */
    struct otlp_outcome *out;
    struct otlp_labels labels;
    struct otlp_families families;
    size_t resource, scope, metric, point; /* where we are, for messages */
    const struct otlp_metric *m;
    const struct otlp_family *family;
    uint64_t first_ns, last_ns; /* of the resource's points */
    struct bound_texts bounds;
};

const char *otlp_reject_name(enum otlp_reject r)
{
    static const char *const names[] = {
        [OTLP_REJECT_NAME] = "otlp_name",
        [OTLP_REJECT_LABELS] = "otlp_labels",
        [OTLP_REJECT_VALUE] = "otlp_value",
        [OTLP_REJECT_TIME] = "otlp_time",
        [OTLP_REJECT_TEMPORALITY] = "otlp_temporality",
        [OTLP_REJECT_HISTOGRAM] = "otlp_histogram",
        [OTLP_REJECT_OUT_OF_ORDER] = "otlp_delta_out_of_order",
        [OTLP_REJECT_STREAMS] = "otlp_delta_streams",
        [OTLP_REJECT_SERIES] = "otlp_series_limit",
    };
    _Static_assert(ARRAY_LEN(names) == OTLP_REJECTS, "a name for each reason");
    return names[r];
}

size_t otlp_outcome_rejected(const struct otlp_outcome *o)
{
    size_t n = 0;
    for (int i = 0; i < OTLP_REJECTS; i++)
        n += o->rejected[i];
    return n;
}

/* ---- leaving out ---- */

/* Counts `points` as left out; the first time, tells where and why. Always 0, so that the caller
 * goes on with the next. */
static int reject(struct translator *t, size_t points, enum otlp_reject why, const char *reason)
{
    struct otlp_outcome *o = t->out;
    if (otlp_outcome_rejected(o) == 0) {
        struct str name = str_is_utf8(t->m->name) ? t->m->name : STR("?");
        (void)snprintf(o->message, sizeof o->message, // a longer one is cut
                       "resource_metrics[%zu].scope_metrics[%zu].metrics[%zu] (%.*s).%s"
                       ".data_points[%zu]: %s",
                       t->resource, t->scope, t->metric, (int)MIN(name.n, (size_t)100), name.p,
                       otlp_metric_kind_name(t->m->kind), t->point, reason);
    }
    o->rejected[why] += points;
    return 0;
}

/* Memory is the one reason that ends the whole request. */
static int reject_or_fail(struct translator *t, int rc, enum otlp_reject why, const struct err *err)
{
    return rc == ERR_NOMEM ? rc : reject(t, 1, why, err->message);
}

static int reject_delta(struct translator *t, enum otlp_delta_outcome outcome)
{
    if (outcome == OTLP_DELTA_OUT_OF_ORDER)
        return reject(t, 1, OTLP_REJECT_OUT_OF_ORDER,
                      "time_unix_nano: older than the stream's last point (delta temporality)");
    return reject(t, 1, OTLP_REJECT_STREAMS, "too many streams of delta temporality");
}

/* ---- adding ---- */

static bool has_no_value(const struct otlp_point *p)
{
    return (p->flags & OTLP_FLAG_NO_RECORDED_VALUE) != 0;
}

/* Whether the point is to be added to its stream. One that says "no value" ends its series, and its
 * stream goes on where it was. */
static bool is_delta(const struct translator *t, const struct otlp_point *p)
{
    return t->m->data.temporality == OTLP_DELTA && !has_no_value(p);
}

static int64_t to_ms(uint64_t ns)
{
    return (int64_t)(ns / NS_PER_MS);
}

/* A sample at the point's time. A start that is not before it tells nothing. */
static struct sample sample_at(const struct otlp_point *p)
{
    bool started = p->start_time_unix_ns && p->start_time_unix_ns <= p->time_unix_ns;
    return (struct sample){
        .t_unix_ms = to_ms(p->time_unix_ns),
        .start_unix_ms = started ? to_ms(p->start_time_unix_ns) : 0,
    };
}

/* One series with one sample; `sample` and `exemplars` are of the arena. */
static int add_series(struct translator *t, struct labels labels, uint64_t hash,
                      const struct sample *sample, const struct exemplar *exemplars,
                      size_t n_exemplars)
{
    if (labels.n == 0)
        return ERR_NOMEM;
    struct batch_series *s = batch_add_hashed(t->batch, labels, hash);
    if (!s)
        return ERR_NOMEM;
    s->samples = sample;
    s->n_samples = 1;
    s->exemplars = exemplars;
    s->n_exemplars = (uint32_t)n_exemplars;
    return 0;
}

/* What is looked at first in a point of any kind: 1 and its labels; 0: it was rejected. */
static int begin_point(struct translator *t, const struct otlp_point *p, size_t n_series,
                       struct otlp_label_set *set)
{
    struct err err = {0};
    if (UNLIKELY(p->time_unix_ns == 0))
        return reject(t, 1, OTLP_REJECT_TIME, "time_unix_nano: 0; expected the point's time");
    if (UNLIKELY(t->batch->n_series + n_series > t->rules->limits.max_series_per_request)) {
        (void)err_set(&err, ERR_TOO_BIG, "the request has more than %zu series",
                      t->rules->limits.max_series_per_request);
        return reject(t, 1, OTLP_REJECT_SERIES, err.message);
    }
    int rc = otlp_labels_join(&t->labels, &p->attributes, set, &err);
    if (UNLIKELY(rc != 0))
        return reject_or_fail(t, rc, OTLP_REJECT_LABELS, &err);
    return 1;
}

/* The set itself as the series of the family's own name: for points that have just one. */
static struct labels own_series(const struct translator *t, const struct otlp_label_set *set)
{
    set->v[set->name_at].value = t->family->family;
    return (struct labels){set->v, set->n};
}

/* ---- numbers ---- */

static int translate_number(struct translator *t, const void *point)
{
    struct otlp_number_point p = *(const struct otlp_number_point *)point;
    struct otlp_label_set set;
    if (UNLIKELY(p.kind == OTLP_NUMBER_NONE && !has_no_value(&p.point)))
        return reject(t, 1, OTLP_REJECT_VALUE, "neither as_double nor as_int");
    int rc = begin_point(t, &p.point, 1, &set);
    if (rc <= 0)
        return rc;
    struct labels labels = own_series(t, &set);
    uint64_t hash = labels_hash(&labels);
    if (t->m->kind == OTLP_SUM && is_delta(t, &p.point)) {
        enum otlp_delta_outcome outcome = otlp_delta_number(t->delta, hash, &p);
        if (outcome != OTLP_DELTA_OK)
            return reject_delta(t, outcome);
    }
    struct sample *sample = arena_alloc(t->arena, sizeof *sample);
    const struct exemplar *exemplars = otlp_exemplars(p.exemplars, p.n_exemplars, t->arena);
    if (!sample || arena_failed(t->arena))
        return ERR_NOMEM;
    *sample = sample_at(&p.point);
    if (t->m->kind == OTLP_GAUGE)
        sample->start_unix_ms = 0; // a gauge does not count from anywhere
    sample->value = has_no_value(&p.point)      ? stale_nan()
                    : p.kind == OTLP_NUMBER_INT ? (double)p.i64
                                                : p.f64;
    return add_series(t, labels, hash, sample, exemplars, p.n_exemplars);
}

/* ---- series of several values: histograms and summaries ---- */

/* A point's series in the making: one sample for each, in a row. */
struct spread {
    struct translator *t;
    struct otlp_label_set *set; /* the point's labels */
    struct sample *samples;     /* of the arena; room for all */
    struct sample form;         /* with the times */
    bool stale;
    size_t n;
};

static int begin_spread(struct spread *s, struct translator *t, const struct otlp_point *p,
                        struct otlp_label_set *set, size_t n_series)
{
    *s = (struct spread){.t = t, .set = set, .form = sample_at(p), .stale = has_no_value(p)};
    s->samples = arena_alloc(t->arena, n_series * sizeof *s->samples);
    return s->samples ? 0 : ERR_NOMEM;
}

static int add_value(struct spread *s, const struct otlp_label_set *set, struct str name,
                     struct str extra, double value, const struct exemplar *exemplars,
                     size_t n_exemplars)
{
    struct sample *sample = &s->samples[s->n++];
    *sample = s->form;
    sample->value = s->stale ? stale_nan() : value;
    struct labels labels = otlp_label_set_series(set, s->t->arena, name, extra);
    return add_series(s->t, labels, labels_hash(&labels), sample, exemplars, n_exemplars);
}

/* _sum (if there is one) and _count. */
static int add_totals(struct spread *s, bool has_sum, double sum, uint64_t count)
{
    const struct otlp_family *f = s->t->family;
    const struct str none = {0};
    int rc = has_sum ? add_value(s, s->set, f->sum, none, sum, NULL, 0) : 0;
    return rc ? rc : add_value(s, s->set, f->count, none, (double)count, NULL, 0);
}

/* Exemplars, sorted by value, up to the bucket's bound. */
static size_t take_exemplars(const struct exemplar *v, size_t n, double bound)
{
    size_t taken = 0;
    while (taken < n && v[taken].value <= bound)
        taken++;
    return taken;
}

/* _bucket for each bound, and for +Inf. */
static int add_buckets(struct spread *s, const struct otlp_histogram_point *p)
{
    struct translator *t = s->t;
    struct otlp_label_set with_le;
    const struct exemplar *exemplars = otlp_exemplars(p->exemplars, p->n_exemplars, t->arena);
    const struct str *texts =
        bound_texts_get(&t->bounds, p->explicit_bounds, p->n_explicit_bounds, t->arena);
    if (!texts || otlp_label_set_extend(s->set, t->arena, STR("le"), &with_le) != 0 ||
        arena_failed(t->arena))
        return ERR_NOMEM;
    uint64_t cumulative = 0;
    size_t left = p->n_exemplars;
    for (size_t i = 0; i < p->n_explicit_bounds && p->explicit_bounds[i] < INFINITY; i++) {
        size_t taken = take_exemplars(exemplars, left, p->explicit_bounds[i]);
        cumulative += p->bucket_counts[i];
        int rc = add_value(s, &with_le, t->family->bucket, texts[i], (double)cumulative, exemplars,
                           taken);
        if (rc != 0)
            return rc;
        exemplars = taken ? exemplars + taken : exemplars;
        left -= taken;
    }
    return add_value(s, &with_le, t->family->bucket, STR("+Inf"), (double)p->count, exemplars,
                     left);
}

static int add_classic(struct translator *t, const struct otlp_histogram_point *p,
                       struct otlp_label_set *set)
{
    struct spread s;
    int rc = begin_spread(&s, t, &p->point, set, p->n_explicit_bounds + 3);
    if (rc == 0)
        rc = add_totals(&s, p->has_sum, p->sum, p->count);
    return rc ? rc : add_buckets(&s, p);
}

/* One series whose sample is `h`. */
static int add_native(struct translator *t, const struct otlp_point *p,
                      const struct otlp_label_set *set, const struct histogram *h,
                      const struct otlp_exemplar *from, size_t n_exemplars)
{
    struct sample *sample = arena_alloc(t->arena, sizeof *sample);
    struct histogram *kept = arena_alloc(t->arena, sizeof *kept);
    const struct exemplar *exemplars = otlp_exemplars(from, n_exemplars, t->arena);
    if (arena_failed(t->arena))
        return ERR_NOMEM;
    *kept = *h;
    *sample = sample_at(p);
    sample->histogram = kept;
    struct labels labels = own_series(t, set);
    return add_series(t, labels, labels_hash(&labels), sample, exemplars, n_exemplars);
}

static int translate_histogram(struct translator *t, const void *point)
{
    struct otlp_histogram_point p = *(const struct otlp_histogram_point *)point;
    struct otlp_label_set set;
    struct err err = {0};
    size_t n_series = t->rules->nhcb ? 1 : p.n_explicit_bounds + 3;
    struct histogram h;
    int rc = otlp_check_explicit(&p, &err);
    if (rc == 0 && t->rules->nhcb)
        rc = otlp_custom_histogram(&p, t->arena, &h, &err); // before it is added to its stream
    if (rc != 0)
        return reject_or_fail(t, rc, OTLP_REJECT_HISTOGRAM, &err);
    rc = begin_point(t, &p.point, n_series, &set);
    if (rc <= 0)
        return rc;
    if (is_delta(t, &p.point)) {
        struct labels labels = own_series(t, &set);
        enum otlp_delta_outcome outcome =
            otlp_delta_histogram(t->delta, labels_hash(&labels), t->arena, &p);
        if (outcome != OTLP_DELTA_OK)
            return reject_delta(t, outcome);
        if (arena_failed(t->arena))
            return ERR_NOMEM;
        if (t->rules->nhcb && (rc = otlp_custom_histogram(&p, t->arena, &h, &err)) != 0)
            return reject_or_fail(t, rc, OTLP_REJECT_HISTOGRAM, &err);
    }
    if (!t->rules->nhcb)
        return add_classic(t, &p, &set);
    return add_native(t, &p.point, &set, &h, p.exemplars, p.n_exemplars);
}

static int native_histogram(const struct translator *t, const struct otlp_exponential_point *p,
                            struct histogram *out, struct err *err)
{
    int rc = otlp_native_histogram(p, t->arena, out, err);
    if (rc == 0 && t->rules->exact_zero_threshold)
        out->zero_threshold = p->zero_threshold;
    return rc;
}

static int translate_exponential(struct translator *t, const void *point)
{
    struct otlp_exponential_point p = *(const struct otlp_exponential_point *)point;
    struct otlp_label_set set;
    struct err err = {0};
    struct histogram h;
    if (otlp_check_exponential(&p, &err) != 0)
        return reject(t, 1, OTLP_REJECT_HISTOGRAM, err.message);
    int rc = native_histogram(t, &p, &h, &err); // before it is added to its stream
    if (rc != 0)
        return reject_or_fail(t, rc, OTLP_REJECT_HISTOGRAM, &err);
    rc = begin_point(t, &p.point, 1, &set);
    if (rc <= 0)
        return rc;
    if (is_delta(t, &p.point)) {
        struct labels labels = own_series(t, &set);
        enum otlp_delta_outcome outcome =
            otlp_delta_exponential(t->delta, labels_hash(&labels), t->arena, &p);
        if (outcome != OTLP_DELTA_OK)
            return reject_delta(t, outcome);
        rc = arena_failed(t->arena) ? ERR_NOMEM : native_histogram(t, &p, &h, &err);
        if (rc != 0)
            return reject_or_fail(t, rc, OTLP_REJECT_HISTOGRAM, &err);
    }
    return add_native(t, &p.point, &set, &h, p.exemplars, p.n_exemplars);
}

static int translate_summary(struct translator *t, const void *point)
{
    const struct otlp_summary_point *p = point;
    struct otlp_label_set set, with_quantile;
    struct spread s;
    int rc = begin_point(t, &p->point, p->n_quantiles + 2, &set);
    if (rc <= 0)
        return rc;
    rc = begin_spread(&s, t, &p->point, &set, p->n_quantiles + 2);
    if (rc == 0)
        rc = add_totals(&s, true, p->sum, p->count);
    if (rc == 0)
        rc = otlp_label_set_extend(&set, t->arena, STR("quantile"), &with_quantile);
    for (size_t i = 0; i < p->n_quantiles && rc == 0; i++)
        rc = add_value(&s, &with_quantile, t->family->family,
                       bound_text(p->quantiles[i].quantile, t->arena), p->quantiles[i].value, NULL,
                       0);
    return arena_failed(t->arena) ? ERR_NOMEM : rc;
}

/* ---- metrics ---- */

/* The points of each kind; their first member is a struct otlp_point. */
static const struct {
    size_t size;
    int (*translate)(struct translator *t, const void *point);
    bool temporal;
} kinds[] = {
    [OTLP_GAUGE] = {sizeof(struct otlp_number_point), translate_number, false},
    [OTLP_SUM] = {sizeof(struct otlp_number_point), translate_number, true},
    [OTLP_HISTOGRAM] = {sizeof(struct otlp_histogram_point), translate_histogram, true},
    [OTLP_EXPONENTIAL_HISTOGRAM] = {sizeof(struct otlp_exponential_point), translate_exponential,
                                    true},
    [OTLP_SUMMARY] = {sizeof(struct otlp_summary_point), translate_summary, false},
};

/* What all points of the metric would be rejected for; 0 when there is nothing of the kind. */
static bool reject_metric(struct translator *t)
{
    const struct otlp_data *data = &t->m->data;
    if (t->family->family.n == 0) {
        (void)reject(t, data->n_points, OTLP_REJECT_NAME,
                     "metric name: empty, too long or without a letter or digit");
        return true;
    }
    if (kinds[t->m->kind].temporal && data->temporality != OTLP_CUMULATIVE &&
        data->temporality != OTLP_DELTA) {
        (void)reject(t, data->n_points, OTLP_REJECT_TEMPORALITY,
                     "aggregation_temporality: neither delta (1) nor cumulative (2)");
        return true;
    }
    return false;
}

static int translate_metric(struct translator *t, const struct otlp_metric *m)
{
    t->m = m;
    t->point = 0;
    if (m->kind == OTLP_METRIC_NONE || m->data.n_points == 0)
        return 0; // nothing was sent that could be lost
    t->out->points += m->data.n_points;
    t->family = otlp_families_get(&t->families, m);
    if (!t->family)
        return ERR_NOMEM;
    if (reject_metric(t))
        return 0;
    const char *point = (const char *)m->data.numbers;
    for (size_t i = 0; i < m->data.n_points; i++, point += kinds[m->kind].size) {
        uint64_t time = ((const struct otlp_point *)(const void *)point)->time_unix_ns;
        t->first_ns = time && time < t->first_ns ? time : t->first_ns;
        t->last_ns = MAX(t->last_ns, time);
        t->point = i;
        int rc = kinds[m->kind].translate(t, point);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* ---- resources ---- */

/* All points of a scope whose labels cannot be. */
static int reject_scope(struct translator *t, const struct otlp_scope_metrics *scope,
                        const struct err *err)
{
    for (t->metric = 0; t->metric < scope->n_metrics; t->metric++) {
        t->m = &scope->metrics[t->metric];
        t->point = 0;
        t->out->points += t->m->data.n_points;
        if (t->m->data.n_points)
            (void)reject(t, t->m->data.n_points, OTLP_REJECT_LABELS, err->message);
    }
    return 0;
}

static int translate_scope(struct translator *t, const struct otlp_resource *resource,
                           const struct otlp_scope_metrics *scope)
{
    struct err err = {0};
    int rc = otlp_labels_begin(&t->labels, resource, scope, &err);
    if (rc != 0)
        return rc == ERR_NOMEM ? rc : reject_scope(t, scope, &err);
    for (t->metric = 0; t->metric < scope->n_metrics && rc == 0; t->metric++)
        rc = translate_metric(t, &scope->metrics[t->metric]);
    return rc;
}

/* A hostile range of times would ask for any number of samples. */
enum { INFO_SAMPLES_MAX = 1000 };

/* target_info stands at the first and the last time, and so often in between that a look-back finds
 * it at any time. */
static int add_info_samples(struct translator *t, struct labels labels)
{
    int64_t step = t->rules->info_interval_ms, last = to_ms(t->last_ns);
    int64_t first = MAX(to_ms(t->first_ns), last - step * (INFO_SAMPLES_MAX - 1));
    size_t n = (size_t)((last - first + step - 1) / step) + 1;
    struct sample *samples = arena_array(t->arena, n, sizeof *samples);
    struct batch_series *s = samples ? batch_add_series(t->batch, labels) : NULL;
    if (!s)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++)
        samples[i] = (struct sample){.t_unix_ms = MIN(first + (int64_t)i * step, last), .value = 1};
    s->samples = samples;
    s->n_samples = (uint32_t)n;
    return 0;
}

/* Resources without job and instance, or with nothing else, have no target_info; nor have those
 * whose attributes cannot be labels, which no point's rejection could tell of. */
static int add_target_info(struct translator *t, const struct otlp_resource *resource)
{
    struct otlp_label_set set;
    bool useful = false;
    if (t->last_ns == 0)
        return 0;
    int rc = otlp_labels_of_target(&t->labels, resource, &set, &useful, NULL);
    if (rc == ERR_NOMEM)
        return rc;
    if (rc != 0 || !useful)
        return 0;
    struct labels labels =
        otlp_label_set_series(&set, t->arena, STR("target_info"), (struct str){0});
    return labels.n ? add_info_samples(t, labels) : ERR_NOMEM;
}

static int translate_resource(struct translator *t, const struct otlp_resource_metrics *r)
{
    int rc = 0;
    t->first_ns = UINT64_MAX;
    t->last_ns = 0;
    for (t->scope = 0; t->scope < r->n_scopes && rc == 0; t->scope++)
        rc = translate_scope(t, &r->resource, &r->scopes[t->scope]);
    return rc ? rc : add_target_info(t, &r->resource);
}

static size_t count_metrics(const struct otlp_request *request)
{
    size_t n = 0;
    for (size_t i = 0; i < request->n_resources; i++)
        for (size_t k = 0; k < request->resources[i].n_scopes; k++)
            n += request->resources[i].scopes[k].n_metrics;
    return n;
}

static const struct metric_metadata target_info_metadata = {
    .family = {"target_info", sizeof "target_info" - 1},
    .help = {"Target metadata", sizeof "Target metadata" - 1},
    .type = METRIC_GAUGE,
};

int otlp_translate(const struct otlp_request *request, const struct otlp_rules *rules,
                   struct otlp_delta *delta, struct batch *batch, struct otlp_outcome *out,
                   struct err *err)
{
    struct translator t = {
        .rules = rules, .delta = delta, .batch = batch, .arena = &batch->arena, .out = out};
    *out = (struct otlp_outcome){0};
    int rc = otlp_labels_init(&t.labels, rules, t.arena);
    if (rc == 0)
        rc = otlp_families_init(&t.families, rules, batch, count_metrics(request));
    for (t.resource = 0; t.resource < request->n_resources && rc == 0; t.resource++)
        rc = translate_resource(&t, &request->resources[t.resource]);
    if (rc == 0 && out->points > 0)
        rc = batch_add_metadata(batch, &target_info_metadata);
    if (rc != 0)
        return err_set(err, rc, "the request needs more than %zu bytes of memory", t.arena->budget);
    return 0;
}
