/* Rolling up against loops over the samples, and blocks of aggregates there and back. */
#include "store/embedded/aggregate.h"

#include <math.h>

#include "harness.h"
#include "model/histogram.h"
#include "model/histogram_math.h"
#include "store/embedded/aggregate_block.h"
#include "store/embedded/bytes.h"
#include "store/embedded/columns.h"

#define MINUTE (60 * SECOND)

static uint64_t seed = 7;

static uint64_t below(uint64_t n)
{
    return check_random(&seed) % n;
}

static void check_same_bits(double a, double b)
{
    assert_int_equal(double_bits(a), double_bits(b));
}

struct fixture {
    struct arena samples, rows, scratch;
    struct columns columns;
    struct aggregates aggregates;
};

static void begin(struct fixture *f)
{
    arena_init(&f->samples, (size_t)1 << 30);
    arena_init(&f->rows, (size_t)1 << 30);
    arena_init(&f->scratch, (size_t)1 << 30);
    columns_init(&f->columns, &f->samples);
    aggregates_init(&f->aggregates, AGGREGATE_ALL, &f->rows);
}

static void end(struct fixture *f)
{
    columns_done(&f->columns);
    aggregates_done(&f->aggregates);
    arena_done(&f->samples);
    arena_done(&f->rows);
    arena_done(&f->scratch);
}

/* A gauge, a counter with resets, a series of histograms, a mix; with gaps and stale markers. */
static void make_series(struct fixture *f, int kind)
{
    double v = 0;
    int64_t t = NOON + (int64_t)below(MINUTE);
    for (int i = 0; i < 400; i++) {
        bool histogram = kind == 2 || (kind == 3 && below(3) == 0);
        v = kind == 1 && below(20) ? v + (double)below(10) : (double)below(100) - 30;
        if (kind == 0 && below(30) == 0)
            v = NAN;
        if (below(25) == 0)
            v = stale_nan(), histogram = false;
        const struct histogram *h =
            histogram ? harness_histogram(&f->samples, i * (below(15) ? 1u : 0u)) : NULL;
        assert_int_equal(columns_add(&f->columns, t, v, h, 0), 0);
        t += below(30) ? 15 * SECOND : (int64_t)below(20 * MINUTE) + 1;
        v = is_stale_nan(v) ? 0 : v;
    }
}

/* --- rolling up ------------------------------------------------------------------------------- */

/* What loops over the floats of a bucket find. */
static void check_floats(const struct columns *c, const struct aggregate *row, int64_t resolution)
{
    double sum = 0, lost = 0, last = 0;
    int64_t n = 0;
    for (size_t i = 0; i < c->n; i++) {
        double v = c->value[i];
        bool inside =
            c->t_unix_ms[i] > row->t_unix_ms - resolution && c->t_unix_ms[i] <= row->t_unix_ms;
        if (!inside || is_stale_nan(v) || (c->histogram && c->histogram[i]))
            continue;
        if (n == 0) {
            assert_int_equal(row->first_ms, c->t_unix_ms[i]);
            check_same_bits(row->first, v);
        }
        lost += n && v < last ? last : 0;
        assert_false(v < row->min || v > row->max);
        sum += v;
        last = v;
        n++;
        if (n == row->n) {
            assert_int_equal(row->last_ms, c->t_unix_ms[i]);
            check_same_bits(row->last, v);
        }
    }
    assert_int_equal(row->n, n);
    assert_true(!n || lost == row->lost);
    assert_true(!n || fabs(sum - row->sum) < 1e-9 || (isnan(sum) && isnan(row->sum)));
}

static void check_histograms(struct fixture *f, const struct aggregate *row, int64_t resolution)
{
    const struct columns *c = &f->columns;
    const struct histogram *sum = NULL;
    int64_t n = 0;
    for (size_t i = 0; c->histogram && i < c->n; i++) {
        const struct histogram *h = c->histogram[i];
        if (!h || aggregate_bucket(c->t_unix_ms[i], resolution) != row->t_unix_ms)
            continue;
        if (n++ == 0)
            assert_true(histogram_eq(row->histograms->first, h));
        if (n == row->histograms->n)
            assert_true(histogram_eq(row->histograms->last, h));
        sum = sum ? hist_add(&f->scratch, sum, h, NULL) : h;
    }
    assert_int_equal(row->histograms ? row->histograms->n : 0, n);
    if (n) {
        const struct histogram *got = hist_compact(&f->scratch, row->histograms->sum);
        assert_true(fabs(got->count - sum->count) < 1e-9 && fabs(got->sum - sum->sum) < 1e-6);
    }
}

static void test_a_bucket_says_what_loops_over_its_samples_find(void **state)
{
    (void)state;
    for (int round = 0; round < 40; round++) {
        struct fixture f;
        int64_t resolution = round % 3 ? 5 * MINUTE : HOUR, before = INT64_MIN;
        begin(&f);
        make_series(&f, round % 4);
        assert_int_equal(aggregate_columns(&f.columns, resolution, &f.scratch, &f.aggregates), 0);
        for (size_t i = 0; i < f.aggregates.n; i++) {
            const struct aggregate *row = &f.aggregates.v[i];
            assert_true(row->t_unix_ms > before && row->t_unix_ms % resolution == 0);
            before = row->t_unix_ms;
            check_floats(&f.columns, row, resolution);
            check_histograms(&f, row, resolution);
        }
        end(&f);
    }
}

static void test_a_bucket_is_open_on_the_left(void **state)
{
    (void)state;
    assert_int_equal(aggregate_bucket(300, 300), 300);
    assert_int_equal(aggregate_bucket(301, 300), 600);
    assert_int_equal(aggregate_bucket(0, 300), 0);
    assert_int_equal(aggregate_bucket(-1, 300), 0);
    assert_int_equal(aggregate_bucket(-300, 300), -300);
    assert_int_equal(aggregate_bucket(-301, 300), -300);
}

static void test_a_stale_marker_at_the_end_is_remembered(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    assert_int_equal(columns_add(&f.columns, NOON - 2, 5, NULL, 0), 0);
    assert_int_equal(columns_add(&f.columns, NOON - 1, stale_nan(), NULL, 0), 0);
    assert_int_equal(columns_add(&f.columns, NOON + 1, stale_nan(), NULL, 0), 0);
    assert_int_equal(columns_add(&f.columns, NOON + 2, 6, NULL, 0), 0);
    assert_int_equal(aggregate_columns(&f.columns, HOUR, &f.scratch, &f.aggregates), 0);
    assert_int_equal(f.aggregates.n, 2);
    assert_int_equal(f.aggregates.v[0].flags, AGGREGATE_ENDS_STALE);
    assert_int_equal(f.aggregates.v[1].flags, 0);

    columns_reset(&f.columns);
    assert_int_equal(aggregate_points(&f.aggregates, INT64_MIN, INT64_MAX, &f.columns), 0);
    assert_int_equal(f.columns.n, 3);
    assert_int_equal(f.columns.t_unix_ms[0], NOON - 2);
    assert_int_equal(f.columns.t_unix_ms[1], NOON);
    assert_true(is_stale_nan(f.columns.value[1]));
    assert_int_equal(f.columns.t_unix_ms[2], NOON + 2);
    end(&f);
}

/* --- blocks ----------------------------------------------------------------------------------- */

static void check_same_histogram(const struct histogram *a, const struct histogram *b)
{
    assert_int_equal(a != NULL, b != NULL);
    assert_true(!a || histogram_eq(a, b));
}

static void check_same_histograms(const struct aggregate_histograms *a,
                                  const struct aggregate_histograms *b)
{
    assert_int_equal(a != NULL, b != NULL);
    if (!a)
        return;
    assert_int_equal(a->n, b->n);
    assert_int_equal(a->first_ms, b->first_ms);
    assert_int_equal(a->last_ms, b->last_ms);
    check_same_histogram(a->first, b->first);
    check_same_histogram(a->last, b->last);
    check_same_histogram(a->sum, b->sum);
    check_same_histogram(a->lost, b->lost);
}

static void check_same_row(const struct aggregate *a, const struct aggregate *b)
{
    assert_int_equal(a->t_unix_ms, b->t_unix_ms);
    assert_int_equal(a->n, b->n);
    assert_int_equal(a->flags, b->flags);
    assert_int_equal(a->resets, b->resets);
    assert_int_equal(a->changes, b->changes);
    check_same_histograms(a->histograms, b->histograms);
    if (a->n == 0)
        return;
    assert_int_equal(a->first_ms, b->first_ms);
    assert_int_equal(a->last_ms, b->last_ms);
    check_same_bits(a->first, b->first);
    check_same_bits(a->last, b->last);
    check_same_bits(a->sum, b->sum);
    check_same_bits(a->min, b->min);
    check_same_bits(a->max, b->max);
    check_same_bits(a->lost, b->lost);
}

static void test_blocks_give_back_every_column(void **state)
{
    (void)state;
    for (int round = 0; round < 40; round++) {
        struct fixture f;
        struct aggregates back;
        struct buf b = BUF_MAX(1 << 24);
        begin(&f);
        make_series(&f, round % 4);
        assert_int_equal(aggregate_columns(&f.columns, 5 * MINUTE, &f.scratch, &f.aggregates), 0);
        aggregates_init(&back, AGGREGATE_ALL, &f.rows);
        size_t n = MIN(f.aggregates.n, (size_t)AGGREGATE_BLOCK_ROWS);
        aggregate_block_encode(&b, &f.aggregates, 0, n, NOON);
        assert_int_equal(aggregate_block_decode(b.p, b.n, NOON, &back), 0);
        assert_int_equal(back.n, n);
        for (size_t i = 0; i < n; i++)
            check_same_row(&f.aggregates.v[i], &back.v[i]);
        aggregates_done(&back);
        buf_done(&b);
        end(&f);
    }
}

static void test_a_reader_gets_the_columns_it_wants(void **state)
{
    (void)state;
    struct fixture f;
    struct aggregates back;
    struct buf b = BUF_MAX(1 << 24);
    begin(&f);
    make_series(&f, 1);
    assert_int_equal(aggregate_columns(&f.columns, HOUR, &f.scratch, &f.aggregates), 0);
    aggregate_block_encode(&b, &f.aggregates, 0, f.aggregates.n, 0);
    for (int bit = -1; 1 << (bit + 1) <= AGGREGATE_ALL; bit++) {
        unsigned column = bit < 0 ? 0 : 1u << bit;
        aggregates_init(&back, column, &f.rows);
        assert_int_equal(aggregate_block_decode(b.p, b.n, 0, &back), 0);
        for (size_t i = 0; i < back.n; i++) {
            const struct aggregate *x = &f.aggregates.v[i], *y = &back.v[i];
            assert_int_equal(x->t_unix_ms, y->t_unix_ms);
            assert_int_equal(x->n, y->n);
            assert_int_equal(x->flags, y->flags);
            assert_int_equal(!x->histograms, !y->histograms);
            if (column == AGGREGATE_MIN && x->n)
                check_same_bits(x->min, y->min);
            if (column == AGGREGATE_SUM && x->n)
                check_same_bits(x->sum, y->sum);
            if (column == AGGREGATE_LOST && x->n)
                check_same_bits(x->lost, y->lost);
        }
        aggregates_done(&back);
    }
    buf_done(&b);
    end(&f);
}

static void test_damaged_blocks_are_refused_or_read(void **state)
{
    (void)state;
    for (int round = 0; round < 2000; round++) {
        static struct buf b;
        static struct fixture f;
        struct aggregates back;
        if (round % 500 == 0) {
            begin(&f);
            buf_init(&b, 1 << 24);
            make_series(&f, round / 500);
            assert_int_equal(aggregate_columns(&f.columns, HOUR, &f.scratch, &f.aggregates), 0);
            aggregate_block_encode(&b, &f.aggregates, 0, f.aggregates.n, 0);
        }
        size_t at = (size_t)below(b.n);
        char kept = b.p[at];
        b.p[at] = (char)below(256);
        aggregates_init(&back, AGGREGATE_ALL, &f.rows);
        int rc = aggregate_block_decode(b.p, below(4) ? b.n : at, 0, &back);
        assert_true(rc == 0 || rc == ERR_CORRUPT);
        aggregates_done(&back);
        b.p[at] = kept;
        if (round % 500 == 499) {
            end(&f);
            buf_done(&b);
        }
    }
}

static void test_a_counter_costs_few_bytes(void **state)
{
    (void)state;
    struct fixture f;
    struct buf b = BUF_MAX(1 << 24);
    double v = 0;
    begin(&f);
    for (int i = 0; i < 5760; i++)
        assert_int_equal(
            columns_add(&f.columns, NOON + (i + 1) * 15 * SECOND, v += (double)below(20), NULL, 0),
            0);
    assert_int_equal(aggregate_columns(&f.columns, 5 * MINUTE, &f.scratch, &f.aggregates), 0);
    assert_int_equal(f.aggregates.n, 288);
    aggregate_block_encode(&b, &f.aggregates, 0, 288, NOON);
    assert_true(b.n < 288 * 8);
    buf_done(&b);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_bucket_says_what_loops_over_its_samples_find),
        cmocka_unit_test(test_a_bucket_is_open_on_the_left),
        cmocka_unit_test(test_a_stale_marker_at_the_end_is_remembered),
        cmocka_unit_test(test_blocks_give_back_every_column),
        cmocka_unit_test(test_a_reader_gets_the_columns_it_wants),
        cmocka_unit_test(test_damaged_blocks_are_refused_or_read),
        cmocka_unit_test(test_a_counter_costs_few_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
