/* Queries on metrics rolled up: random series of every kind, each question asked twice, of samples
 * and of aggregates, must have the same answer, annotations included; and what the answer is where
 * it cannot be the same. */
#include "harness.h"

#include <math.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "model/histogram_math.h"
#include "query/query.h"

#define MINUTE (60 * SECOND)
#define TODAY (NOON - 12 * HOUR)

/* --- data ------------------------------------------------------------------------------------- */

struct generator {
    uint64_t state;
    struct arena *arena; /* of the batch */
    double counter, walk, buckets[4];
};

static uint64_t below(struct generator *g, uint64_t n)
{
    return check_random(&g->state) % n;
}

static struct sample a_float(double v)
{
    return (struct sample){.value = v};
}

static struct sample gauge(struct generator *g)
{
    static const double odd[] = {NAN, INFINITY, -INFINITY, -0.0, 0, 1e300};
    g->walk += (double)below(g, 2001) / 1000 - 1;
    return a_float(below(g, 300) ? g->walk : odd[below(g, ARRAY_LEN(odd))]);
}

static struct sample plain_gauge(struct generator *g)
{
    g->walk += (double)below(g, 2001) / 1000 - 1;
    return a_float(g->walk);
}

static struct sample counter(struct generator *g)
{
    g->counter = below(g, 80) ? g->counter + (double)below(g, 50) : (double)below(g, 3);
    return a_float(g->counter);
}

static struct sample steady_counter(struct generator *g)
{
    g->counter += (double)below(g, 1000) / 8;
    return a_float(g->counter);
}

static struct sample few_values(struct generator *g)
{
    return a_float((double)below(g, 3));
}

/* Cumulative, reset now and then. */
static struct sample a_histogram(struct generator *g, int32_t schema, enum histogram_reset reset)
{
    static const double bounds[][3] = {{1, 2, 4}, {1, 3, 4}};
    struct histogram *h = arena_zalloc(g->arena, sizeof *h);
    struct histogram_span *span = arena_array(g->arena, 1, sizeof *span);
    bool restart = below(g, 60) == 0;
    *h = (struct histogram){.schema = schema, .reset = reset, .integer = true};
    *span = (struct histogram_span){0, 4};
    double *v = arena_array(g->arena, 4, sizeof *v);
    for (size_t i = 0; i < 4; i++) {
        g->buckets[i] = (restart ? 0 : g->buckets[i]) + (double)below(g, 9);
        v[i] = g->buckets[i];
        h->count += v[i];
        h->sum += v[i] * (double)(i + 1);
    }
    h->positive_spans = span;
    h->n_positive_spans = 1;
    h->positive = v;
    h->n_positive = 4;
    if (schema == HISTOGRAM_SCHEMA_CUSTOM) {
        h->custom_bounds = bounds[below(g, 200) == 0];
        h->n_custom_bounds = 3;
    }
    return (struct sample){.histogram = h};
}

static struct sample exponential(struct generator *g)
{
    return a_histogram(g, below(g, 100) ? 2 : 1, HISTOGRAM_RESET_UNKNOWN);
}

static struct sample custom(struct generator *g)
{
    return a_histogram(g, HISTOGRAM_SCHEMA_CUSTOM, HISTOGRAM_RESET_UNKNOWN);
}

static struct sample hinted(struct generator *g)
{
    return a_histogram(g, 1, (enum histogram_reset)below(g, 3));
}

static struct sample gauge_histogram(struct generator *g)
{
    return a_histogram(g, 1, HISTOGRAM_RESET_GAUGE);
}

static struct sample both_kinds(struct generator *g)
{
    return below(g, 100) ? exponential(g) : custom(g);
}

static struct sample mixed(struct generator *g)
{
    return below(g, 20) ? steady_counter(g) : exponential(g);
}

static const struct kind {
    const char *labels;
    struct sample (*next)(struct generator *g);
    int64_t every_ms;
} kinds[] = {
    {"m{k=gauge}", gauge, 40 * SECOND},
    {"m{k=plain}", plain_gauge, 25 * SECOND},
    {"m{k=counter}", counter, 20 * SECOND},
    {"m{k=steady}", steady_counter, 30 * SECOND},
    {"m{k=few}", few_values, 60 * SECOND},
    {"m{k=sparse}", steady_counter, 25 * MINUTE},
    {"m{k=exponential}", exponential, 2 * MINUTE},
    {"m{k=custom}", custom, 2 * MINUTE},
    {"m{k=hinted}", hinted, 3 * MINUTE},
    {"m{k=gauges}", gauge_histogram, 3 * MINUTE},
    {"m{k=both}", both_kinds, 3 * MINUTE},
    {"m{k=mixed}", mixed, MINUTE},
};

/* Gaps, stale markers, times off any grid but sometimes on it. */
static void fill(struct harness *h, const struct kind *k, uint64_t seed)
{
    struct generator g = {.state = seed, .arena = &h->batch.arena};
    int64_t t = TODAY - 3 * DAY;
    while (t < NOON) {
        struct batch_series *s = harness_series(h, k->labels);
        struct sample *v = arena_array(g.arena, 200, sizeof *v);
        size_t n = 0;
        for (; n < 200 && t < NOON; n++) {
            v[n] = below(&g, 150) ? k->next(&g) : a_float(stale_nan());
            v[n].t_unix_ms = below(&g, 10) ? t : t / (5 * MINUTE) * 5 * MINUTE;
            bool gap = below(&g, 400) == 0;
            t += 1 + (int64_t)below(&g, (uint64_t)k->every_ms * 2) + (gap ? 90 * MINUTE : 0);
            t = MAX(t, v[n].t_unix_ms + 1);
        }
        s->samples = v;
        s->n_samples = (uint32_t)n;
        assert_int_equal(harness_append(h, NULL, NULL), 0);
    }
}

struct world {
    struct harness h;
    struct query_engine *engine;
};

static void setup(struct world *w)
{
    const struct query_options options = {.features = QUERY_ALL_FEATURES & ~QUERY_START_TIMESTAMPS,
                                          .aggregates_from_ms = 1};
    harness_init(&w->h);
    w->h.options.aggregates.enabled = true;
    w->h.options.aggregates.after_ms = 1;
    harness_open(&w->h);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        fill(&w->h, &kinds[i], i + 1);
    assert_int_equal(store_maintain(w->h.store, true, NULL), 0);
    assert_int_equal(store_flush(w->h.store, NULL), 0);
    assert_int_equal(store_maintain(w->h.store, true, NULL), 0);
    assert_int_equal(query_engine_new(w->h.store, &options, &w->engine, NULL), 0);
}

static void teardown(struct world *w)
{
    query_engine_free(w->engine);
    harness_done(&w->h);
}

static void ask(struct world *w, const char *expr, const struct query_request *times,
                enum query_aggregates use, struct query_result *out)
{
    struct query_request q = *times;
    struct err err = {0};
    q.expr = str_c(expr);
    q.aggregates = use;
    if (query_run(w->engine, &q, out, &err) != 0)
        fail_msg("%s: %s", expr, err.message);
}

/* --- comparing -------------------------------------------------------------------------------- */

/* Rounding of sums of thousands of values below a million. */
static bool is_near(double a, double b)
{
    return a == b || (isnan(a) && isnan(b)) || fabs(a - b) <= 1e-8 + 1e-11 * fabs(a);
}

static bool same_histogram(const struct histogram *a, const struct histogram *b)
{
    struct arena arena;
    bool same = a->schema == b->schema && is_near(a->count, b->count) && is_near(a->sum, b->sum);
    arena_init(&arena, 1 << 20);
    struct hist_buckets x = hist_all_buckets(&arena, a), y = hist_all_buckets(&arena, b);
    same = same && x.n == y.n;
    for (size_t i = 0; same && i < x.n; i++)
        same = x.v[i].lower == y.v[i].lower && x.v[i].upper == y.v[i].upper &&
               is_near(x.v[i].count, y.v[i].count);
    arena_done(&arena);
    return same;
}

static bool same_point(const struct query_point *a, const struct query_point *b, bool exact)
{
    if (a->t_unix_ms != b->t_unix_ms || !a->histogram != !b->histogram)
        return false;
    if (a->histogram)
        return same_histogram(a->histogram, b->histogram);
    if (!exact)
        return is_near(a->value, b->value);
    return memcmp(&a->value, &b->value, sizeof a->value) == 0;
}

static void describe(struct buf *out, const struct query_series *s, size_t i)
{
    for (size_t k = 0; k < s->labels.n; k++)
        buf_printf(out, "%.*s=%.*s ", STR_ARG(s->labels.v[k].name), STR_ARG(s->labels.v[k].value));
    buf_printf(out, "at %lld: ", (long long)s->points[i].t_unix_ms);
    if (s->points[i].histogram)
        hist_format(out, s->points[i].histogram);
    else
        buf_printf(out, "%.17g", s->points[i].value);
}

static void fail_at(const char *expr, const struct query_series *a, const struct query_series *b,
                    size_t i)
{
    struct buf x = BUF_MAX(1 << 16), y = BUF_MAX(1 << 16);
    describe(&x, a, i);
    describe(&y, b, i);
    fail_msg("%s: %.*s; rolled up %.*s", expr, STR_ARG(buf_str(&x)), STR_ARG(buf_str(&y)));
}

static void check_texts(const char *expr, const struct str *a, size_t n, const struct str *b,
                        size_t n_b)
{
    if (n != n_b)
        fail_msg("%s: %zu annotations, rolled up %zu: %.*s", expr, n, n_b,
                 STR_ARG(n ? a[0] : b[0]));
    for (size_t i = 0; i < n; i++)
        if (!str_eq(a[i], b[i]))
            fail_msg("%s: \"%.*s\", rolled up \"%.*s\"", expr, STR_ARG(a[i]), STR_ARG(b[i]));
}

static void check_same(const char *expr, bool exact, const struct query_result *a,
                       const struct query_result *b)
{
    if (a->n_series != b->n_series)
        fail_msg("%s: %zu series, rolled up %zu", expr, a->n_series, b->n_series);
    for (size_t s = 0; s < a->n_series; s++) {
        const struct query_series *x = &a->series[s], *y = &b->series[s];
        assert_true(labels_eq(&x->labels, &y->labels));
        if (x->n != y->n)
            fail_msg("%s: %zu points, rolled up %zu", expr, x->n, y->n);
        for (size_t i = 0; i < x->n; i++)
            if (!same_point(&x->points[i], &y->points[i], exact))
                fail_at(expr, x, y, i);
    }
    check_texts(expr, a->warnings, a->n_warnings, b->warnings, b->n_warnings);
    check_texts(expr, a->infos, a->n_infos, b->infos, b->n_infos);
}

static const struct query_request windows[] = {
    {.start_ms = TODAY - 2 * DAY, .end_ms = TODAY, .step_ms = HOUR},
    {.start_ms = TODAY - 3 * DAY, .end_ms = NOON, .step_ms = 5 * MINUTE},
    {.start_ms = TODAY - 2 * DAY + 35 * MINUTE, .end_ms = NOON, .step_ms = 25 * MINUTE},
    {.start_ms = TODAY - 3 * HOUR, .instant = true},
    {.start_ms = TODAY, .instant = true},
};

/* Asks of samples and of aggregates. */
static void compare(struct world *w, const char *expr, bool exact)
{
    for (size_t i = 0; i < ARRAY_LEN(windows); i++) {
        struct query_result raw, rolled;
        ask(w, expr, &windows[i], QUERY_AGGREGATES_NEVER, &raw);
        ask(w, expr, &windows[i], QUERY_AGGREGATES_AUTO, &rolled);
        assert_int_equal(raw.stats.aggregates.days, 0);
        if (rolled.stats.aggregates.days == 0 || rolled.stats.aggregates.approximate)
            fail_msg("%s, window %zu: not of aggregates, or approximate", expr, i);
        check_same(expr, exact, &raw, &rolled);
        query_result_done(&raw);
        query_result_done(&rolled);
    }
}

/* --- tests ------------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    bool exact;
} functions[] = {
    {"count_over_time", true},
    {"min_over_time", true},
    {"max_over_time", true},
    {"first_over_time", true},
    {"last_over_time", true},
    {"present_over_time", true},
    {"ts_of_first_over_time", true},
    {"ts_of_last_over_time", true},
    {"resets", true},
    {"changes", true},
    {"delta", true},
    {"sum_over_time", false},
    {"avg_over_time", false},
    {"rate", false},
    {"increase", false},
};

static void test_every_function_answers_alike(void **state)
{
    (void)state;
    static const char *const ranges[] = {"5m", "10m", "1h", "2h", "1d"};
    struct world w;
    char expr[128];
    setup(&w);
    for (size_t f = 0; f < ARRAY_LEN(functions); f++)
        for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
            for (size_t r = 0; r < ARRAY_LEN(ranges); r++) {
                const char *kind = kinds[k].labels + sizeof "m{k=" - 1;
                (void)snprintf(expr, sizeof expr, "%s(m{k=\"%.*s\"}[%s])", functions[f].name,
                               (int)strlen(kind) - 1, kind, ranges[r]);
                compare(&w, expr, functions[f].exact);
            }
    teardown(&w);
}

static void test_selectors_and_their_modifiers_answer_alike(void **state)
{
    (void)state;
    static const char *const exprs[] = {
        "m",
        "m offset 1h",
        "m offset 5m",
        "timestamp(m)",
        "count by (k) (m)",
        "max_over_time(m[1h] offset 2h)",
        "min_over_time(m[2h] @ 1795132800)",
        "max_over_time(rate(m{k=~\"counter|steady\"}[5m])[1h:5m])",
        "absent_over_time(m{k=\"sparse\"}[10m])",
        "absent(m{k=\"sparse\"})",
        "m{k=\"counter\"} > 100 and changes(m[5m]) > 1",
    };
    struct world w;
    setup(&w);
    for (size_t i = 0; i < ARRAY_LEN(exprs); i++)
        compare(&w, exprs[i], i != 7);
    teardown(&w);
}

/* Not whole buckets, or functions that need every sample. */
static void test_other_questions_are_answered_from_samples(void **state)
{
    (void)state;
    static const char *const exprs[] = {
        "sum_over_time(m{k=\"plain\"}[7m])",
        "rate(m{k=\"steady\"}[90s])",
        "quantile_over_time(0.5, m[1h])",
        "stddev_over_time(m{k=\"plain\"}[1h])",
        "irate(m{k=\"steady\"}[1h])",
        "increase(m{k=\"steady\"}[1h] anchored)",
        "max_over_time(m{k=\"plain\"}[1h] offset 1m)",
    };
    struct world w;
    setup(&w);
    for (size_t i = 0; i < ARRAY_LEN(exprs); i++) {
        struct query_result raw, other;
        ask(&w, exprs[i], &windows[0], QUERY_AGGREGATES_NEVER, &raw);
        ask(&w, exprs[i], &windows[0], QUERY_AGGREGATES_AUTO, &other);
        assert_int_equal(other.stats.aggregates.days, 0);
        check_same(exprs[i], true, &raw, &other);
        query_result_done(&raw);
        query_result_done(&other);
    }
    teardown(&w);
}

/* The value of the only series at the only point. */
static double value_of(struct world *w, const char *expr, enum query_aggregates use,
                       bool approximate)
{
    const struct query_request at = {.start_ms = TODAY - DAY + 100 * SECOND, .instant = true};
    struct query_result r;
    ask(w, expr, &at, use, &r);
    if (r.stats.aggregates.approximate != approximate || r.n_infos != (approximate ? 1 : 0))
        fail_msg("%s: approximate %d, %zu infos", expr, r.stats.aggregates.approximate, r.n_infos);
    assert_int_equal(r.n_series, 1);
    double v = r.series[0].points[0].value;
    query_result_done(&r);
    return v;
}

/* All within some percent of what the samples say. */
static void test_demanded_aggregates_are_near_and_said_to_be_approximate(void **state)
{
    (void)state;
    static const char *const exprs[] = {
        "sum_over_time(m{k=\"steady\"}[391m])",
        "avg_over_time(m{k=\"steady\"}[391m])",
        "count_over_time(m{k=\"steady\"}[391m])",
        "increase({k=\"steady\"}[391m])",
        "rate({k=\"steady\"}[391m])",
        "max_over_time(m{k=\"steady\"}[391m])",
    };
    struct world w;
    setup(&w);
    for (size_t i = 0; i < ARRAY_LEN(exprs); i++) {
        struct query_request at = {.start_ms = TODAY - DAY + 100 * SECOND, .instant = true};
        struct query_result raw, near;
        ask(&w, exprs[i], &at, QUERY_AGGREGATES_AUTO, &raw);
        ask(&w, exprs[i], &at, QUERY_AGGREGATES_ALWAYS, &near);
        assert_int_equal(raw.stats.aggregates.days, 0);
        assert_true(near.stats.aggregates.approximate);
        assert_int_equal(near.stats.aggregates.resolution_ms, 5 * MINUTE);
        assert_int_equal(near.n_infos, raw.n_infos + 1);
        double a = raw.series[0].points[0].value, b = near.series[0].points[0].value;
        if (!(fabs(a - b) < 0.1 * fabs(a)))
            fail_msg("%s: %g, approximately %g", exprs[i], a, b);
        query_result_done(&raw);
        query_result_done(&near);
    }
    teardown(&w);
}

static void test_expired_samples_are_stood_in_for(void **state)
{
    (void)state;
    const char *aligned = "count_over_time(m{k=\"plain\"}[5m] offset 100s)";
    struct world w;
    setup(&w);
    double before = value_of(&w, aligned, QUERY_AGGREGATES_NEVER, false);
    w.h.options.retention_ms = DAY;
    assert_int_equal(store_reconfigure(w.h.store, &w.h.options, NULL), 0);
    assert_int_equal(store_maintain(w.h.store, true, NULL), 0);
    assert_true(value_of(&w, aligned, QUERY_AGGREGATES_AUTO, false) == before);
    (void)value_of(&w, "count_over_time(m{k=\"plain\"}[7m])", QUERY_AGGREGATES_AUTO, true);
    (void)value_of(&w, "stddev_over_time(m{k=\"plain\"}[1h])", QUERY_AGGREGATES_AUTO, true);
    (void)value_of(&w, "m{k=\"plain\"}", QUERY_AGGREGATES_AUTO, true);
    teardown(&w);
}

/* --- days that differ ------------------------------------------------------------------------- */

/* A minute apart, in days of which the parts begin and end at all kinds of times. */
static void fill_minutes(struct harness *h, int first_day, int last_day)
{
    const int64_t silent_from = TODAY - 3 * DAY + 22 * HOUR + 10 * MINUTE;
    for (int64_t t = TODAY - first_day * DAY; t < TODAY - (last_day - 1) * DAY; t += MINUTE)
        if (t < silent_from || t >= silent_from + 12 * HOUR)
            harness_float(h, "g", t + 7, (double)(t % 1000));
    harness_float(h, "m", TODAY - 4 * DAY, 1);
    assert_int_equal(harness_append(h, NULL, NULL), 0);
    assert_int_equal(store_maintain(h->store, true, NULL), 0);
}

static void setup_minutes(struct world *w)
{
    const struct query_options options = {.aggregates_from_ms = DAY};
    harness_init(&w->h);
    w->h.options.aggregates.enabled = true;
    w->h.options.aggregates.after_ms = 1;
    harness_open(&w->h);
    assert_int_equal(query_engine_new(w->h.store, &options, &w->engine, NULL), 0);
}

static void keep(struct world *w, int64_t keep_ms)
{
    w->h.options.retention_ms = keep_ms;
    assert_int_equal(store_reconfigure(w->h.store, &w->h.options, NULL), 0);
    assert_int_equal(store_maintain(w->h.store, true, NULL), 0);
}

/* The value, -1 when there is none. */
static double count_at(struct world *w, const char *expr, int64_t t)
{
    const struct query_request at = {.start_ms = t, .instant = true};
    struct query_result r;
    ask(w, expr, &at, QUERY_AGGREGATES_AUTO, &r);
    double v = r.n_series ? r.series[0].points[0].value : -1;
    query_result_done(&r);
    return v;
}

static void test_aligned_windows_at_the_ends_of_expired_days_are_exact(void **state)
{
    (void)state;
    static const char *const exprs[] = {"count_over_time(g[5m])", "count_over_time(g[10m])",
                                        "sum_over_time(g[1h])", "present_over_time(g[15m])"};
    enum { STEPS = 3 * 288 };
    static double before[ARRAY_LEN(exprs)][STEPS];
    struct world w;
    setup_minutes(&w);
    fill_minutes(&w.h, 6, 1);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < ARRAY_LEN(exprs); i++)
            for (int k = 0; k < STEPS; k++) {
                int64_t t = TODAY - 5 * DAY + k * 5 * MINUTE;
                double v = count_at(&w, exprs[i], t);
                if (round == 0)
                    before[i][k] = v;
                else if (!is_near(v, before[i][k]))
                    fail_msg("%s at step %d: %g, was %g", exprs[i], k, v, before[i][k]);
            }
        keep(&w, DAY);
    }
    teardown(&w);
}

/* Of some days there are 5 minutes, of others an hour is the finest: as many hours are read. */
static void test_windows_over_days_of_several_resolutions_are_complete(void **state)
{
    (void)state;
    static const char *const exprs[] = {"count_over_time(g[5m])", "count_over_time(g[10m])",
                                        "increase(g[10m])", "count_over_time(g[7m])"};
    struct world w;
    setup_minutes(&w);
    w.h.options.aggregates.n_resolutions = 1;
    w.h.options.aggregates.resolutions_ms[0] = HOUR;
    assert_int_equal(store_reconfigure(w.h.store, &w.h.options, NULL), 0);
    fill_minutes(&w.h, 6, 5);
    keep(&w, 4 * DAY + 12 * HOUR);
    w.h.options.aggregates.n_resolutions = 0;
    keep(&w, 10 * DAY);
    fill_minutes(&w.h, 4, 1);
    keep(&w, DAY);
    for (size_t i = 0; i < ARRAY_LEN(exprs); i++) {
        const struct query_request range = {.start_ms = TODAY - 5 * DAY + 175 * MINUTE,
                                            .end_ms = TODAY - 3 * DAY,
                                            .step_ms = 5 * MINUTE};
        struct query_result r;
        ask(&w, exprs[i], &range, QUERY_AGGREGATES_AUTO, &r);
        assert_int_equal(r.n_series, 1);
        assert_int_equal(r.stats.aggregates.resolution_ms, HOUR);
        if (r.series[0].points[0].t_unix_ms != range.start_ms)
            fail_msg("%s: begins %lld s late", exprs[i],
                     (long long)(r.series[0].points[0].t_unix_ms - range.start_ms) / SECOND);
        query_result_done(&r);
    }
    /* The day before is of no interest to windows that are whole buckets of their own day. */
    assert_true(count_at(&w, "count_over_time(g[5m])", TODAY - 4 * DAY + 5 * MINUTE) == 5);
    teardown(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_function_answers_alike),
        cmocka_unit_test(test_selectors_and_their_modifiers_answer_alike),
        cmocka_unit_test(test_other_questions_are_answered_from_samples),
        cmocka_unit_test(test_demanded_aggregates_are_near_and_said_to_be_approximate),
        cmocka_unit_test(test_expired_samples_are_stood_in_for),
        cmocka_unit_test(test_aligned_windows_at_the_ends_of_expired_days_are_exact),
        cmocka_unit_test(test_windows_over_days_of_several_resolutions_are_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
