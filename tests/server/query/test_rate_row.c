/* All steps of a series at once give what the kernel gives step by step, to the last bit. */
#include <math.h>
#include <string.h>

#include "base/compiler.h"
#include "query/promql/range.h"
#include "support/check.h"

enum { N = 1000, STEPS = 700 };

static int64_t times[N];
static double values[N];

static uint64_t next(uint64_t *x)
{
    *x = *x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *x >> 40;
}

/* A counter with resets, standstills, gaps, and now and then what no counter has. */
static void make_samples(uint64_t seed, struct samples *out)
{
    static const double odd[] = {NAN, INFINITY, -INFINITY, -0.0, -5};
    int64_t t = 1000000;
    double v = 0;
    for (size_t i = 0; i < N; i++) {
        uint64_t r = next(&seed);
        t += r % 50 == 0 ? 400000 : 15000 + (int64_t)(r % 7) - 3;
        v = r % 97 == 0 ? 0 : v + (double)(r % 1000) / 8;
        times[i] = t;
        values[i] = seed % 4 == 0 && r % 131 == 0 ? odd[r % ARRAY_LEN(odd)] : v;
    }
    *out = (struct samples){.ft = times, .fv = values, .nf = N};
}

static double by_kernel(const struct range_function *f, struct range_call *c, size_t *from,
                        size_t *to, int64_t t)
{
    struct range_window w = {.end_ms = t, .start_ms = t - c->window.range_ms, .eval_ms = t};
    struct range_value value = {0};
    while (*to < N && times[*to] <= w.end_ms)
        ++*to;
    while (*from < *to && times[*from] <= w.start_ms)
        ++*from;
    w.f_from = *from;
    w.samples = (struct samples){.ft = times + *from, .fv = values + *from, .nf = *to - *from};
    return w.samples.nf && f->kernel(c, &w, &value) == 1 ? value.v : HOLE;
}

static void check_function(const struct range_function *f, const struct samples *s, int64_t range,
                           int64_t step)
{
    static double v[STEPS];
    struct timeline t = {900000, step, STEPS};
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct range_call c = {.window = {.range_ms = range}, .all = s, .kept = &arena};
    assert_int_equal(f->prepare ? f->prepare(&c) : 0, 0);
    assert_true(f->row(&c, &t, v));
    assert_int_equal(f->prepare ? f->prepare(&c) : 0, 0);
    size_t from = 0, to = 0;
    for (size_t i = 0; i < STEPS; i++) {
        double want = by_kernel(f, &c, &from, &to, timeline_at(&t, i));
        bool both_nan = isnan(v[i]) && isnan(want) && is_hole(v[i]) == is_hole(want);
        assert_true(both_nan || memcmp(&v[i], &want, sizeof want) == 0);
    }
    arena_done(&arena);
}

static void test_a_row_at_once_has_the_bits_of_each_step(void **state)
{
    (void)state;
    static const int64_t ranges[] = {1, 15000, 31000, 300000, 3600000};
    struct samples s;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        make_samples(seed, &s);
        for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
            check_function(&range_rate, &s, ranges[i], 15000);
            check_function(&range_increase, &s, ranges[i], 7000);
            check_function(&range_delta, &s, ranges[i], 60000);
            check_function(&range_sum, &s, ranges[i], 15000);
            check_function(&range_avg, &s, ranges[i], 40000);
        }
    }
}

static void test_a_row_leaves_histograms_and_extended_selectors_to_the_kernel(void **state)
{
    (void)state;
    struct timeline t = {0, 1, 1};
    double v;
    struct samples floats = {.ft = times, .fv = values, .nf = 2};
    struct samples mixed = floats, started = floats;
    mixed.nh = 1;
    started.fst = times;
    struct range_call c = {.window = {.range_ms = 1}, .all = &mixed};
    assert_false(range_delta.row(&c, &t, &v));
    c.all = &started;
    assert_false(range_delta.row(&c, &t, &v));
    c.all = &floats;
    c.window.smoothed = true;
    assert_false(range_delta.row(&c, &t, &v));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_row_at_once_has_the_bits_of_each_step),
        cmocka_unit_test(test_a_row_leaves_histograms_and_extended_selectors_to_the_kernel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
