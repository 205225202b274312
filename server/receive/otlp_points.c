/* Labels are made once for each point (otlp_labels.h); a point's series are copies of them with
 * another name, and another le or quantile. Of a point whose series are known only the values are
 * looked at. */
#include "receive/otlp_points.h"

#include <stdio.h>

#include "base/time.h"
#include "receive/otlp_histogram.h"

/* ---- leaving out ---- */

int otlp_reject(struct otlp_translator *t, size_t points, enum otlp_reject why, const char *reason)
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
static int reject_or_fail(struct otlp_translator *t, int rc, enum otlp_reject why,
                          const struct err *err)
{
    return rc == ERR_NOMEM ? rc : otlp_reject(t, 1, why, err->message);
}

static int reject_delta(struct otlp_translator *t, enum otlp_delta_outcome outcome)
{
    if (outcome == OTLP_DELTA_OUT_OF_ORDER)
        return otlp_reject(
            t, 1, OTLP_REJECT_OUT_OF_ORDER,
            "time_unix_nano: older than the stream's last point (delta temporality)");
    return otlp_reject(t, 1, OTLP_REJECT_STREAMS, "too many streams of delta temporality");
}

/* ---- adding ---- */

static bool has_no_value(const struct otlp_point *p)
{
    return (p->flags & OTLP_FLAG_NO_RECORDED_VALUE) != 0;
}

/* Whether the point is to be added to its stream. One that says "no value" ends its series, and its
 * stream goes on where it was. */
static bool is_delta(const struct otlp_translator *t, const struct otlp_point *p)
{
    return t->m->data.temporality == OTLP_DELTA && !has_no_value(p);
}

static int64_t to_ms(uint64_t ns)
{
    return (int64_t)(ns / NS_PER_MS);
}

/* 0: none. A start that is not before the point's time tells nothing. */
static int64_t start_ms(const struct otlp_point *p)
{
    bool started = p->start_time_unix_ns && p->start_time_unix_ns <= p->time_unix_ns;
    return started ? to_ms(p->start_time_unix_ns) : 0;
}

/* A sample at the point's time. */
static struct sample sample_at(const struct otlp_point *p)
{
    return (struct sample){.t_unix_ms = to_ms(p->time_unix_ns), .start_unix_ms = start_ms(p)};
}

/* Whether the sink knows the point's series, and its labels are not read. */
static bool is_known(const struct otlp_translator *t)
{
    return t->at && t->at->known;
}

/* The point's i-th series, which is known, with one sample. */
static int add_known(struct otlp_translator *t, size_t i, const struct sample *sample)
{
    struct batch_series *s = batch_add_known(t->batch, t->at->known[i], t->recalled.recalled);
    if (!s)
        return ERR_NOMEM;
    s->samples = sample;
    s->n_samples = 1;
    return 0;
}

/* The point's i-th series, by its labels, with one sample; `sample` and `exemplars` are of the
 * arena. */
static int add_series(struct otlp_translator *t, size_t i, struct labels labels, uint64_t hash,
                      const struct sample *sample, const struct exemplar *exemplars,
                      size_t n_exemplars)
{
    if (labels.n == 0)
        return ERR_NOMEM;
    struct batch_series *s = batch_add_hashed(t->batch, labels, hash);
    if (!s)
        return ERR_NOMEM;
    if (t->at)
        s->sent = otlp_recall_series(t->at->sent, i);
    s->samples = sample;
    s->n_samples = 1;
    s->exemplars = exemplars;
    s->n_exemplars = (uint32_t)n_exemplars;
    return 0;
}

static bool is_too_much(const struct otlp_translator *t, size_t n_series)
{
    return t->batch->n_series + t->batch->n_in_points + n_series >
           t->rules->limits.max_series_per_request;
}

static int reject_series(struct otlp_translator *t)
{
    char reason[64];
    (void)snprintf(reason, sizeof reason, "the request has more than %zu series",
                   t->rules->limits.max_series_per_request);
    return otlp_reject(t, 1, OTLP_REJECT_SERIES, reason);
}

/* 1, or 0: the point was rejected. */
static int make_labels(struct otlp_translator *t, const struct otlp_point *p,
                       struct otlp_label_set *set)
{
    struct err err = {0};
    const struct otlp_attributes *attributes = t->at ? &t->at->attributes : &p->attributes;
    int rc = otlp_labels_join(&t->labels, attributes, set, &err);
    return rc ? reject_or_fail(t, rc, OTLP_REJECT_LABELS, &err) : 1;
}

/* What is looked at first in a point of any kind: 1 and, unless it is known, its labels; 0: it was
 * rejected. */
static int begin_point(struct otlp_translator *t, const struct otlp_point *p, size_t n_series,
                       struct otlp_label_set *set)
{
    if (UNLIKELY(p->time_unix_ns == 0))
        return otlp_reject(t, 1, OTLP_REJECT_TIME, "time_unix_nano: 0; expected the point's time");
    if (UNLIKELY(is_too_much(t, n_series)))
        return reject_series(t);
    return is_known(t) ? 1 : make_labels(t, p, set);
}

/* The set itself as the series of the family's own name: for points that have just one. */
static struct labels own_series(const struct otlp_translator *t, const struct otlp_label_set *set)
{
    set->v[set->name_at].value = t->family->family;
    return (struct labels){set->v, set->n};
}

/* ---- numbers ---- */

static double value_of(const struct otlp_number_point *p)
{
    if (has_no_value(&p->point))
        return stale_nan();
    return p->kind == OTLP_NUMBER_INT ? (double)p->i64 : p->f64;
}

/* Member by member: a whole one that is copied as soon as it is made waits for its members to reach
 * the cache. */
static void put_number(const struct otlp_translator *t, const struct otlp_number_point *p,
                       struct sample *out)
{
    bool gauge = t->m->kind == OTLP_GAUGE; // does not count from anywhere
    out->t_unix_ms = to_ms(p->point.time_unix_ns);
    out->value = value_of(p);
    out->start_unix_ms = gauge ? 0 : start_ms(&p->point);
    out->histogram = NULL;
}

static const struct sample *number_sample(struct otlp_translator *t,
                                          const struct otlp_number_point *p)
{
    struct sample *sample = arena_alloc(t->arena, sizeof *sample);
    if (sample)
        put_number(t, p, sample);
    return sample;
}

/* The run that the point is of; NULL: none. */
static struct otlp_recalled_run *run_of(const struct otlp_translator *t)
{
    return t->at && t->at->run ? &t->recalled.runs[t->at->run - 1] : NULL;
}

/* All points of a known run come: they were looked at before (otlp_recall.c), and its series were
 * made of the like. */
static int add_in_run(struct otlp_translator *t, const struct otlp_number_point *p,
                      struct otlp_recalled_run *run)
{
    if (run->filled == 0 && is_too_much(t, run->n))
        run->numbers = NULL;
    if (UNLIKELY(!run->numbers))
        return reject_series(t);
    put_number(t, p, &run->numbers[run->filled++]);
    if (run->filled > 1)
        return 0;
    const struct batch_point point = {
        .known = run->known, .numbers = run->numbers, .n_counts = run->n};
    return batch_add_point(t->batch, &point, t->recalled.recalled);
}

/* Once all points of a run that the sink is to know have series, tells it. */
static int tell_run(struct otlp_translator *t, struct otlp_recalled_run *run)
{
    run->series[run->filled++] = (uint32_t)(t->batch->n_series - 1);
    if (run->filled < run->n)
        return 0;
    return batch_add_group(
        t->batch, &(struct batch_group){.sent = run->sent, .series = run->series, .n = run->n});
}

static int add_number(struct otlp_translator *t, struct otlp_number_point *p,
                      struct otlp_label_set *set)
{
    struct labels labels = own_series(t, set);
    uint64_t hash = labels_hash(&labels);
    if (t->m->kind == OTLP_SUM && is_delta(t, &p->point)) {
        enum otlp_delta_outcome outcome = otlp_delta_number(t->delta, hash, p);
        if (outcome != OTLP_DELTA_OK)
            return reject_delta(t, outcome);
    }
    const struct sample *sample = number_sample(t, p);
    const struct exemplar *exemplars = otlp_exemplars(p->exemplars, p->n_exemplars, t->arena);
    if (arena_failed(t->arena))
        return ERR_NOMEM;
    return add_series(t, 0, labels, hash, sample, exemplars, p->n_exemplars);
}

static int translate_single(struct otlp_translator *t, const struct otlp_number_point *point)
{
    struct otlp_number_point p = *point; // of which the value may become a sum
    struct otlp_label_set set;
    if (UNLIKELY(p.kind == OTLP_NUMBER_NONE && !has_no_value(&p.point)))
        return otlp_reject(t, 1, OTLP_REJECT_VALUE, "neither as_double nor as_int");
    int rc = begin_point(t, &p.point, 1, &set);
    if (rc <= 0)
        return rc;
    if (!is_known(t))
        return add_number(t, &p, &set);
    const struct sample *sample = number_sample(t, &p);
    return sample ? add_known(t, 0, sample) : ERR_NOMEM;
}

static int translate_number(struct otlp_translator *t, const void *point)
{
    struct otlp_recalled_run *run = run_of(t);
    if (LIKELY(run && run->known))
        return add_in_run(t, point, run);
    size_t before = t->batch->n_series;
    int rc = translate_single(t, point);
    if (rc == 0 && run && run->told && t->batch->n_series > before)
        rc = tell_run(t, run);
    return rc;
}

/* ---- series of several values: histograms and summaries ---- */

/* A point's series in the making: one sample for each, in a row. */
struct spread {
    struct otlp_translator *t;
    struct otlp_label_set *set; /* the point's labels */
    struct sample *samples;     /* of the arena; room for all */
    struct sample form;         /* with the times */
    bool stale;
    bool together; /* the sink is to recall them so */
    size_t n;
};

static int begin_spread(struct spread *s, struct otlp_translator *t, const struct otlp_point *p,
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
    size_t i = s->n++;
    struct sample *sample = &s->samples[i];
    *sample = s->form;
    sample->value = s->stale ? stale_nan() : value;
    if (is_known(s->t))
        return add_known(s->t, i, sample);
    struct labels labels = otlp_label_set_series(set, s->t->arena, name, extra);
    int rc = add_series(s->t, i, labels, labels_hash(&labels), sample, exemplars, n_exemplars);
    if (rc == 0 && s->together)
        s->t->batch->series[s->t->batch->n_series - 1].sent = (struct hash128){0};
    return rc;
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

/* Bounds below +Inf, which is there without being named. */
static uint32_t count_finite(const struct otlp_histogram_point *p)
{
    size_t n = p->n_explicit_bounds;
    return (uint32_t)(n && p->explicit_bounds[n - 1] == INFINITY ? n - 1 : n);
}

/* A point with exemplars is not known. */
static struct batch_point classic_point(const struct otlp_histogram_point *p)
{
    const struct sample form = sample_at(&p->point);
    return (struct batch_point){
        .t_unix_ms = form.t_unix_ms,
        .start_unix_ms = form.start_unix_ms,
        .sum = p->sum,
        .count = p->count,
        .counts = p->bucket_counts,
        .n_counts = count_finite(p),
        .has_sum = p->has_sum,
        .stale = has_no_value(&p->point),
    };
}

static int add_known_classic(struct otlp_translator *t, const struct otlp_histogram_point *p)
{
    struct batch_point point = classic_point(p);
    point.known = t->at->known[0];
    return batch_add_point(t->batch, &point, t->recalled.recalled);
}

/* Tells the sink that the last series are a point. */
static int tell_classic(struct otlp_translator *t, const struct otlp_histogram_point *p)
{
    struct batch_point *point = arena_alloc(t->arena, sizeof *point);
    if (!point)
        return ERR_NOMEM;
    *point = classic_point(p);
    size_t n = batch_point_series(point);
    uint32_t *series = arena_array(t->arena, n, sizeof *series);
    if (!series)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++)
        series[i] = (uint32_t)(t->batch->n_series - n + i);
    return batch_add_group(
        t->batch, &(struct batch_group){
                      .sent = t->at->sent, .series = series, .point = point, .n = (uint32_t)n});
}

/* _bucket for each bound, and for +Inf. */
static int add_buckets(struct spread *s, const struct otlp_histogram_point *p)
{
    struct otlp_translator *t = s->t;
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

static int add_classic(struct otlp_translator *t, const struct otlp_histogram_point *p,
                       struct otlp_label_set *set)
{
    struct spread s;
    if (is_known(t))
        return add_known_classic(t, p);
    int rc = begin_spread(&s, t, &p->point, set, p->n_explicit_bounds + 3);
    s.together = t->at && !hash128_is_none(t->at->sent);
    if (rc == 0)
        rc = add_totals(&s, p->has_sum, p->sum, p->count);
    if (rc == 0)
        rc = add_buckets(&s, p);
    return rc == 0 && s.together ? tell_classic(t, p) : rc;
}

/* One series whose sample is `h`. */
static int add_native(struct otlp_translator *t, const struct otlp_point *p,
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
    if (is_known(t))
        return add_known(t, 0, sample);
    struct labels labels = own_series(t, set);
    return add_series(t, 0, labels, labels_hash(&labels), sample, exemplars, n_exemplars);
}

static int translate_histogram(struct otlp_translator *t, const void *point)
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

static int native_histogram(const struct otlp_translator *t, const struct otlp_exponential_point *p,
                            struct histogram *out, struct err *err)
{
    int rc = otlp_native_histogram(p, t->arena, out, err);
    if (rc == 0 && t->rules->exact_zero_threshold)
        out->zero_threshold = p->zero_threshold;
    return rc;
}

static int translate_exponential(struct otlp_translator *t, const void *point)
{
    struct otlp_exponential_point p = *(const struct otlp_exponential_point *)point;
    struct otlp_label_set set;
    struct err err = {0};
    struct histogram h;
    if (otlp_check_exponential(&p, &err) != 0)
        return otlp_reject(t, 1, OTLP_REJECT_HISTOGRAM, err.message);
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

static int add_quantiles(struct spread *s, const struct otlp_summary_point *p)
{
    struct otlp_translator *t = s->t;
    struct otlp_label_set with_quantile = {0};
    int rc = 0;
    if (!is_known(t))
        rc = otlp_label_set_extend(s->set, t->arena, STR("quantile"), &with_quantile);
    for (size_t i = 0; i < p->n_quantiles && rc == 0; i++) {
        struct str text = {0};
        if (!is_known(t))
            text = bound_text(p->quantiles[i].quantile, t->arena);
        rc = add_value(s, &with_quantile, t->family->family, text, p->quantiles[i].value, NULL, 0);
    }
    return arena_failed(t->arena) ? ERR_NOMEM : rc;
}

static int translate_summary(struct otlp_translator *t, const void *point)
{
    const struct otlp_summary_point *p = point;
    struct otlp_label_set set;
    struct spread s;
    int rc = begin_point(t, &p->point, p->n_quantiles + 2, &set);
    if (rc <= 0)
        return rc;
    rc = begin_spread(&s, t, &p->point, &set, p->n_quantiles + 2);
    if (rc == 0)
        rc = add_totals(&s, true, p->sum, p->count);
    return rc ? rc : add_quantiles(&s, p);
}

/* ---- all kinds ---- */

static const struct {
    int (*translate)(struct otlp_translator *t, const void *point);
    bool temporal;
} kinds[] = {
    [OTLP_GAUGE] = {translate_number, false},
    [OTLP_SUM] = {translate_number, true},
    [OTLP_HISTOGRAM] = {translate_histogram, true},
    [OTLP_EXPONENTIAL_HISTOGRAM] = {translate_exponential, true},
    [OTLP_SUMMARY] = {translate_summary, false},
};

bool otlp_is_temporal(enum otlp_metric_kind kind)
{
    return kinds[kind].temporal;
}

int otlp_translate_point(struct otlp_translator *t)
{
    return kinds[t->m->kind].translate(t, otlp_metric_point(t->m, t->point));
}
