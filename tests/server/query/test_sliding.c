/* Windows that slide give what looking at all of each window gives. */
#include "query/promql/sliding.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "query/promql/quantile.h"
#include "support/check.h"

enum { N = 3000 };

static double values[N];

/* Few different values, so that many are equal; NaNs, infinities and zeros of both signs
 * unless they are to be plain. */
static void make_values(uint64_t seed, bool plain)
{
    static const double odd[] = {NAN, INFINITY, -INFINITY, -0.0, 0.0};
    uint64_t x = seed;
    for (size_t i = 0; i < N; i++) {
        x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        uint64_t r = x >> 40;
        values[i] = r % 11 == 0 && !plain ? odd[r / 11 % 5] : (double)(r % 200) - 100;
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    if (isnan(x) || isnan(y))
        return isnan(y) - isnan(x);
    return (x > y) - (x < y);
}

static bool same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static double plain_quantile(double q, size_t from, size_t to)
{
    static double v[N];
    memcpy(v, values + from, (to - from) * sizeof *v);
    qsort(v, to - from, sizeof *v, by_value);
    double rank = q * (double)(to - from - 1);
    size_t lower = (size_t)rank, upper = lower + 1 < to - from ? lower + 1 : lower;
    return v[lower] * (1 - (rank - (double)lower)) + v[upper] * (rank - (double)lower);
}

static double plain_max(size_t from, size_t to, double sign)
{
    double best = values[from];
    for (size_t i = from; i < to; i++)
        if (sign * values[i] > sign * best || isnan(best))
            best = values[i];
    return best;
}

/* The median of what the values are off their median. */
static double plain_deviation(size_t from, size_t to)
{
    static double v[N];
    double median = plain_quantile(0.5, from, to);
    for (size_t i = from; i < to; i++) {
        if (isnan(values[i]))
            return NAN;
        v[i - from] = fabs(values[i] - median);
    }
    return quantile_of(0.5, v, to - from);
}

static size_t last_extreme(size_t from, size_t to, double sign)
{
    size_t best = from;
    for (size_t i = from; i < to; i++)
        if (sign * values[i] >= sign * values[best] || isnan(values[best]))
            best = i;
    return best;
}

/* Windows of all lengths, at steps from less than a sample to more than a window. */
static const struct {
    size_t length, step;
} windows[] = {{1, 1}, {2, 1}, {7, 3}, {40, 1}, {240, 4}, {240, 100}, {240, 1000}, {1500, 7}};

/* Each is moved by itself. */
struct sliders {
    struct sliding_max *max, *min, *last_max, *last_min;
    struct sliding_sorted *quantile, *deviation;
};

static void check_window(struct sliders *s, size_t from, size_t to)
{
    static double copy[N];
    for (int quarter = 0; quarter <= 4; quarter++) {
        double q = quarter / 4.0;
        double want = plain_quantile(q, from, to);
        memcpy(copy, values + from, (to - from) * sizeof *copy);
        assert_true(same(sliding_quantile(s->quantile, values, from, to, q), want));
        assert_true(same(quantile_of(q, copy, to - from), want));
    }
    assert_true(same(sliding_deviation(s->deviation, values, from, to), plain_deviation(from, to)));
    double max = values[sliding_max_move(s->max, values, from, to, 1)];
    double min = values[sliding_max_move(s->min, values, from, to, -1)];
    assert_true(same(max, plain_max(from, to, 1)));
    assert_true(same(min, plain_max(from, to, -1)));
    assert_int_equal(sliding_max_move(s->last_max, values, from, to, 1), last_extreme(from, to, 1));
    assert_int_equal(sliding_max_move(s->last_min, values, from, to, -1),
                     last_extreme(from, to, -1));
}

static struct sliders new_sliders(struct arena *a)
{
    struct sliders s = {.max = sliding_max_new(a, N, false),
                        .min = sliding_max_new(a, N, false),
                        .last_max = sliding_max_new(a, N, true),
                        .last_min = sliding_max_new(a, N, true),
                        .quantile = sliding_sorted_new(a, N),
                        .deviation = sliding_sorted_new(a, N)};
    assert_false(arena_failed(a));
    return s;
}

static void test_sliding_windows_give_what_whole_windows_give(void **state)
{
    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(windows); k++)
        for (int plain = 0; plain < 2; plain++) {
            struct arena arena;
            arena_init(&arena, SIZE_MAX);
            make_values(k + 1, plain);
            struct sliders s = new_sliders(&arena);
            for (size_t end = 1; end <= N; end += windows[k].step)
                check_window(&s, end > windows[k].length ? end - windows[k].length : 0, end);
            arena_done(&arena);
        }
}

static void test_quantiles_of_values_made_to_be_slow_are_not(void **state)
{
    enum { MANY = 200000 };
    (void)state;
    double *v = calloc(MANY, sizeof *v);
    assert_non_null(v);
    for (size_t i = 0; i < MANY; i++)
        v[i] = (double)(i % 2 ? i : MANY - i);
    assert_true(quantile_of(0.5, v, MANY) == (MANY + 1) / 2.0);
    for (size_t i = 0; i < MANY; i++)
        v[i] = 7;
    assert_true(quantile_of(0.9, v, MANY) == 7);
    free(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sliding_windows_give_what_whole_windows_give),
        cmocka_unit_test(test_quantiles_of_values_made_to_be_slow_are_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
