/* Range functions that slide give what a straight evaluation of each window gives: to a few units
 * in the last place of the exact result, whatever the values were that have left the window. */
#include <float.h>
#include <math.h>

#include "base/compiler.h"
#include "query/promql/range.h"
#include "query/promql/slide_row.h"
#include "support/check.h"

enum { N = 3000, STEPS = 1500 };

static int64_t times[N];
static double values[N];

static uint64_t next(uint64_t *x)
{
    *x = *x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *x >> 33;
}

enum values_of { NOISE, COUNTER, CONSTANT_STRETCHES, FAR_FROM_ZERO, CANCELLING, ODD, LARGE, KINDS };

static double value_of(enum values_of kind, uint64_t *seed, size_t i)
{
    static const double odd[] = {NAN, INFINITY, -INFINITY, -0.0, 5e-324};
    static double level;
    uint64_t r = next(seed);
    size_t stretch = i / 700;
    double noise = (double)(r % 100003) / 1000 - 50;
    switch (kind) {
    case NOISE: return noise;
    case COUNTER: return r % 301 == 0 ? level = 0 : (level += (double)(r % 1000) / 8);
    case CONSTANT_STRETCHES: return i % 700 < 500 ? (double)stretch / 3 : noise;
    case FAR_FROM_ZERO: return 1e12 + noise / 64;
    case CANCELLING: return r % 5 ? noise : ldexp(r % 2 ? 1 : -1, (int)(r % 90));
    case ODD: return r % 251 == 0 ? odd[r % ARRAY_LEN(odd)] : noise;
    case LARGE: return r % 400 == 0 ? DBL_MAX / 2 * (r % 3 == 0 ? -1 : 1) : noise;
    case KINDS: break;
    }
    return 0;
}

static void make_samples(enum values_of kind, uint64_t seed, struct samples *out)
{
    int64_t t = 1700000000000;
    for (size_t i = 0; i < N; i++) {
        uint64_t r = next(&seed);
        t += r % 500 == 0 ? 4000000 : 15000 + (int64_t)(r % 7) - 3;
        times[i] = t;
        values[i] = value_of(kind, &seed, i);
    }
    *out = (struct samples){.ft = times, .fv = values, .nf = N};
}

/* --- the exact results, as near as the widest type of the machine gets to them ---------------- */

struct exact {
    long double v, error; /* what may be off for want of digits */
};

typedef long double term(const struct range_window *w, size_t i, long double x, long double y);

/* With what the sum lost. */
static long double sum(const struct range_window *w, term *f, long double x, long double y)
{
    long double total = 0, lost = 0;
    for (size_t i = 0; i < w->samples.nf; i++) {
        long double v = f(w, i, x, y), t = total + v, part = t - total;
        lost += (total - (t - part)) + (v - part);
        total = t;
    }
    return total + lost;
}

static long double value_at(const struct range_window *w, size_t i, long double x, long double y)
{
    (void)x;
    return (long double)w->samples.fv[i] - y;
}

static long double size_at(const struct range_window *w, size_t i, long double x, long double y)
{
    return fabsl(value_at(w, i, x, y));
}

static long double square_at(const struct range_window *w, size_t i, long double x, long double y)
{
    long double v = value_at(w, i, x, y);
    return v * v;
}

static long double seconds_at(const struct range_window *w, size_t i, long double x, long double y)
{
    (void)y;
    return (long double)(w->samples.ft[i] - w->eval_ms) / 1000 - x;
}

static long double product_at(const struct range_window *w, size_t i, long double x, long double y)
{
    return seconds_at(w, i, x, y) * value_at(w, i, x, y);
}

static long double size_of_product(const struct range_window *w, size_t i, long double x,
                                   long double y)
{
    return fabsl(product_at(w, i, x, y));
}

static long double seconds_squared(const struct range_window *w, size_t i, long double x,
                                   long double y)
{
    long double s = seconds_at(w, i, x, y);
    return s * s;
}

static struct exact exact_line(const struct range_window *w, enum slide_what what)
{
    long double n = w->samples.nf, x = sum(w, seconds_at, 0, 0) / n, y = sum(w, value_at, 0, 0) / n;
    long double xx = sum(w, seconds_squared, x, 0);
    long double off_means = sum(w, seconds_at, x, 0) * sum(w, value_at, 0, y) / n;
    long double slope = (sum(w, product_at, x, y) - off_means) / xx,
                off = sum(w, size_of_product, x, y) / xx;
    if (what == SLIDE_SLOPE)
        return (struct exact){slope, off * 64 * DBL_EPSILON};
    long double ahead = 3600 - x;
    return (struct exact){y + slope * ahead, (off * fabsl(ahead) + fabsl(y)) * 64 * DBL_EPSILON};
}

static struct exact exact_of(const struct range_window *w, enum slide_what what)
{
    long double n = w->samples.nf, s = sum(w, value_at, 0, 0), size = sum(w, size_at, 0, 0);
    long double cancelled = size * n * n * DBL_EPSILON * DBL_EPSILON, by = 1;
    if (what == SLIDE_SLOPE || what == SLIDE_PREDICTION)
        return exact_line(w, what);
    if (what == SLIDE_AVERAGE)
        by = n;
    if (what == SLIDE_SUM || what == SLIDE_AVERAGE)
        return (struct exact){s / by, (cancelled + 2 * fabsl(s) * DBL_EPSILON) / by};
    long double off_mean = sum(w, value_at, 0, s / n) / n; // for s / n was rounded
    long double variance = sum(w, square_at, 0, s / n) / n - off_mean * off_mean;
    if (what == SLIDE_DEVIATION)
        variance = sqrtl(variance);
    return (struct exact){variance, variance * 32 * DBL_EPSILON};
}

/* --- windows ---------------------------------------------------------------------------------- */

static const struct function {
    enum slide_what what;
    const struct range_function *f;
} functions[] = {{SLIDE_SUM, &range_sum},         {SLIDE_AVERAGE, &range_avg},
                 {SLIDE_VARIANCE, &range_stdvar}, {SLIDE_DEVIATION, &range_stddev},
                 {SLIDE_SLOPE, &range_deriv},     {SLIDE_PREDICTION, &range_predict_linear}};

static struct range_window window_at(const struct samples *all, const struct range_call *c,
                                     const struct timeline *t, size_t step)
{
    int64_t at = timeline_at(t, step), end = window_end(&c->window, at);
    struct range_window w = {
        .end_ms = end, .start_ms = end - c->window.range_ms, .eval_ms = at, .step = step};
    size_t from = 0, to = 0;
    while (to < all->nf && all->ft[to] <= w.end_ms)
        to++;
    while (from < to && all->ft[from] <= w.start_ms)
        from++;
    w.f_from = from;
    w.samples = (struct samples){.ft = all->ft + from, .fv = all->fv + from, .nf = to - from};
    return w;
}

static bool moderate(const struct range_window *w)
{
    for (size_t i = 0; i < w->samples.nf; i++)
        if (!(fabs(w->samples.fv[i]) < 1e100))
            return false;
    return true;
}

static void check_step(const struct function *f, struct range_call *c, const struct range_window *w,
                       double got)
{
    struct range_value value = {0};
    int rc = w->samples.nf ? f->f->kernel(c, w, &value) : 0;
    assert_int_equal(is_hole(got), rc != 1);
    if (rc != 1)
        return;
    if (!moderate(w)) {
        assert_true(got == value.v || (isnan(got) && isnan(value.v)));
        return;
    }
    struct exact e = exact_of(w, f->what);
    if (!(fabsl((long double)got - e.v) <= e.error + LDBL_MIN))
        fail_msg("%zu samples, function %d: %.17g is not %.17Lg (off by %.3Lg, allowed %.3Lg)",
                 w->samples.nf, (int)f->what, got, e.v, got - e.v, e.error);
}

static void check_row(const struct function *f, const struct samples *s, int64_t range,
                      int64_t step)
{
    static double v[STEPS], ahead[STEPS];
    size_t past_the_end = (size_t)((times[N - 1] - times[0]) / step) + 15;
    struct timeline t = {times[0] - 10 * step, step, MIN(past_the_end, (size_t)STEPS)};
    struct arena arena;
    struct limits limits = {.deadline_mono_ns = INT64_MAX};
    struct eval ev = {.limits = &limits};
    arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < STEPS; i++)
        ahead[i] = 3600;
    struct range_call c = {.ev = &ev,
                           .window = {.range_ms = range, .offset_ms = 1000},
                           .parameters = {ahead},
                           .all = s,
                           .kept = &arena};
    assert_int_equal(slide_row(&c, &t, f->what, f->f->kernel, v), 1);
    for (size_t i = 0; i < t.n; i++) {
        struct range_window w = window_at(s, &c, &t, i);
        check_step(f, &c, &w, v[i]);
    }
    arena_done(&arena);
}

static void test_windows_that_slide_give_what_is_exact(void **state)
{
    (void)state;
    static const struct {
        int64_t range, step;
    } windows[] = {{3600000, 15000}, {7200000, 30000}, {14400000, 60000}, {18000000, 100000}};
    for (int kind = 0; kind < KINDS; kind++) {
        struct samples s;
        make_samples((enum values_of)kind, (uint64_t)kind + 1, &s);
        for (size_t i = 0; i < ARRAY_LEN(windows); i++)
            for (size_t k = 0; k < ARRAY_LEN(functions); k++)
                check_row(&functions[k], &s, windows[i].range, windows[i].step);
    }
}

static void test_a_constant_series_has_no_deviation_and_no_slope(void **state)
{
    (void)state;
    static double v[STEPS];
    struct samples s;
    make_samples(NOISE, 1, &s);
    for (size_t i = 0; i < N; i++)
        values[i] = 0.1;
    struct timeline t = {times[0], 15000, STEPS};
    struct arena arena;
    struct limits limits = {.deadline_mono_ns = INT64_MAX};
    struct eval ev = {.limits = &limits};
    arena_init(&arena, 1 << 20);
    struct range_call c = {.ev = &ev, .window = {.range_ms = 7200000}, .all = &s, .kept = &arena};
    static const enum slide_what none[] = {SLIDE_VARIANCE, SLIDE_DEVIATION, SLIDE_SLOPE};
    for (size_t k = 0; k < ARRAY_LEN(none); k++) {
        assert_int_equal(slide_row(&c, &t, none[k], functions[k].f->kernel, v), 1);
        for (size_t i = 2; i < STEPS; i++)
            assert_true(v[i] == 0 && !signbit(v[i]));
    }
    arena_done(&arena);
}

static void test_short_windows_histograms_and_windows_apart_do_not_slide(void **state)
{
    (void)state;
    static double v[STEPS];
    struct samples s, mixed;
    make_samples(NOISE, 1, &s);
    mixed = s;
    mixed.nh = 1;
    struct timeline t = {times[0], 15000, STEPS};
    struct range_call c = {.window = {.range_ms = 300000}, .all = &s};
    assert_int_equal(slide_row(&c, &t, SLIDE_SUM, range_sum.kernel, v), 0);
    c.window.range_ms = 7200000;
    t.step_ms = 7200000;
    t.n = 6;
    assert_int_equal(slide_row(&c, &t, SLIDE_SUM, range_sum.kernel, v), 0);
    c.all = &mixed;
    t = (struct timeline){times[0], 15000, STEPS};
    assert_int_equal(slide_row(&c, &t, SLIDE_SUM, range_sum.kernel, v), 0);
}

static void test_a_row_whose_windows_the_kernel_must_do_ends_with_its_query(void **state)
{
    (void)state;
    static double v[STEPS];
    struct samples s;
    make_samples(NOISE, 1, &s);
    for (size_t i = 0; i < N; i += 50)
        values[i] = DBL_MAX / 4;
    struct timeline t = {times[0] + 14400000, 15000, STEPS};
    struct arena arena;
    struct err err = {0};
    struct limits limits = {.deadline_mono_ns = -1, .timeout_ms = 1};
    struct eval ev = {.limits = &limits, .err = &err};
    arena_init(&arena, 1 << 20);
    struct range_call c = {.ev = &ev, .window = {.range_ms = 43200000}, .all = &s, .kept = &arena};
    t.n = STEPS;
    t.step_ms = 1000;
    assert_int_equal(slide_row(&c, &t, SLIDE_SUM, range_sum.kernel, v),
                     1); // not yet a tick's worth
    c.window.range_ms = INT64_C(1) << 40;
    t.start_ms = times[N - 1];
    assert_int_equal(slide_row(&c, &t, SLIDE_SUM, range_sum.kernel, v), ERR_TIMEOUT);
    arena_done(&arena);
}

static void test_a_row_that_has_no_room_tells_so(void **state)
{
    (void)state;
    static double v[STEPS];
    struct samples s;
    make_samples(NOISE, 1, &s);
    struct timeline t = {times[0], 15000, STEPS};
    struct arena arena;
    struct err err = {0};
    struct limits limits = {.deadline_mono_ns = INT64_MAX};
    struct eval ev = {.limits = &limits, .err = &err};
    limits_budget(&limits.memory, 1, NULL);
    arena_init_shared(&arena, SIZE_MAX, &limits.memory);
    struct range_call c = {.ev = &ev, .window = {.range_ms = 7200000}, .all = &s, .kept = &arena};
    assert_int_equal(slide_row(&c, &t, SLIDE_SUM, range_sum.kernel, v), ERR_TOO_BIG);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_windows_that_slide_give_what_is_exact),
        cmocka_unit_test(test_a_constant_series_has_no_deviation_and_no_slope),
        cmocka_unit_test(test_short_windows_histograms_and_windows_apart_do_not_slide),
        cmocka_unit_test(test_a_row_whose_windows_the_kernel_must_do_ends_with_its_query),
        cmocka_unit_test(test_a_row_that_has_no_room_tells_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
