/* The codecs: what goes in comes out, bit for bit, for ordinary and for hostile input, and damaged
 * bytes are refused or decode to something, but never leave their buffer. */
#include "store/embedded/block.h"
#include "store/embedded/columns.h"
#include "store/embedded/float_column.h"
#include "store/embedded/histogram_column.h"
#include "store/embedded/int_column.h"

#include <stdlib.h>

#include "harness.h"
#include "model/histogram.h"

enum { ROUNDS = 300, BUF_BYTES = 1 << 20 };

static uint64_t seed = 42;

static uint64_t below(uint64_t n)
{
    return check_random(&seed) % n;
}

static size_t random_count(void)
{
    return 1 + (size_t)below(below(10) == 0 ? COLUMN_ROWS_MAX : 200);
}

/* --- integers --------------------------------------------------------------------------------- */

static void check_ints(const int64_t *v, size_t n, size_t at_most)
{
    static int64_t back[COLUMN_ROWS_MAX];
    struct buf b = BUF_MAX(BUF_BYTES);
    int_column_encode(&b, v, n);
    assert_false(buf_failed(&b));
    assert_true(b.n <= at_most);
    struct reader r = reader_of(b.p, b.n);
    int_column_decode(&r, back, n);
    assert_false(r.bad);
    assert_int_equal(reader_left(&r), 0);
    assert_memory_equal(back, v, n * sizeof *v);
    buf_done(&b);
}

static void test_integers_of_every_kind_come_back(void **state)
{
    (void)state;
    static int64_t v[COLUMN_ROWS_MAX];
    for (int round = 0; round < ROUNDS; round++) {
        size_t n = random_count();
        int kind = round % 7;
        int64_t x = (int64_t)check_random(&seed) >> below(64), step = (int64_t)below(30000);
        unsigned bits = (unsigned)below(64);
        for (size_t i = 0; i < n; i++) {
            switch (kind) {
            case 0: v[i] = x; break;
            case 1: v[i] = (int64_t)((uint64_t)x + i * (uint64_t)step); break;
            case 2: v[i] = (int64_t)((uint64_t)x + i * 15000 + below(6)); break;
            case 3: v[i] = (int64_t)check_random(&seed); break;
            case 4: v[i] = (int64_t)(check_random(&seed) >> bits); break;
            case 5: v[i] = below(50) ? (int64_t)below(16) : (int64_t)check_random(&seed); break;
            default: v[i] = i % 2 ? INT64_MIN : INT64_MAX; break;
            }
        }
        check_ints(v, n, 8 * n + 32);
    }
}

static void test_regular_times_take_a_few_bytes_and_jitter_a_few_bits(void **state)
{
    (void)state;
    static int64_t v[COLUMN_ROWS_MAX];
    for (size_t i = 0; i < 512; i++)
        v[i] = 1000 + (int64_t)i * 15000;
    check_ints(v, 512, 8);
    for (size_t i = 300; i < 512; i++)
        v[i] += 45000; // three missed scrapes
    check_ints(v, 512, 20);
    for (size_t i = 0; i < 512; i++)
        v[i] -= (int64_t)below(6);
    check_ints(v, 512, 512 / 2 + 32);
}

static void test_damaged_integers_stay_within_their_bytes(void **state)
{
    (void)state;
    static int64_t v[COLUMN_ROWS_MAX];
    for (int round = 0; round < ROUNDS * 10; round++) {
        size_t n = 1 + (size_t)below(100);
        for (size_t i = 0; i < n; i++)
            v[i] = below(20) ? (int64_t)below(1000) : (int64_t)check_random(&seed);
        struct buf b = BUF_MAX(BUF_BYTES);
        int_column_encode(&b, v, n);
        size_t size = 1 + (size_t)below(b.n);
        char *exact = malloc(size); // so that ASan sees the first byte beyond
        assert_non_null(exact);
        memcpy(exact, b.p, size);
        exact[below(size)] ^= (char)(1 + below(255));
        struct reader r = reader_of(exact, size);
        int_column_decode(&r, v, n);
        free(exact);
        buf_done(&b);
    }
}

/* --- floats ----------------------------------------------------------------------------------- */

static void check_floats(const double *v, size_t n, size_t at_most)
{
    static double back[COLUMN_ROWS_MAX];
    struct buf b = BUF_MAX(BUF_BYTES);
    float_column_encode(&b, v, n);
    assert_false(buf_failed(&b));
    assert_true(b.n <= at_most);
    struct reader r = reader_of(b.p, b.n);
    float_column_decode(&r, back, n);
    assert_false(r.bad);
    assert_int_equal(reader_left(&r), 0);
    assert_memory_equal(back, v, n * sizeof *v);
    buf_done(&b);
}

static double special(void)
{
    static const uint64_t bits[] = {
        STALE_NAN_BITS,
        UINT64_C(0x7ff8000000000001),
        UINT64_C(0xffffffffffffffff),
        UINT64_C(0x7ff0000000000000),
        UINT64_C(0xfff0000000000000),
        UINT64_C(0x8000000000000000),
        0,
        1,
        UINT64_C(0x000fffffffffffff),
        UINT64_C(0x4340000000000000), /* 2^53 */
        UINT64_C(0x4340000000000001),
        UINT64_C(0x433fffffffffffff),
        UINT64_C(0xc340000000000000),
        UINT64_C(0x7fefffffffffffff),
        UINT64_C(0x4330000000000001), /* 2^52 + 1 */
    };
    return bits_double(bits[below(sizeof bits / sizeof *bits)]);
}

static void test_doubles_of_every_kind_come_back_bit_for_bit(void **state)
{
    (void)state;
    static double v[COLUMN_ROWS_MAX];
    for (int round = 0; round < ROUNDS; round++) {
        size_t n = random_count();
        int kind = round % 9;
        double x = (double)below(1000000);
        static const double tens[] = {1, 10, 100, 1000, 1e6, 1e12, 1e15};
        double scale = tens[below(7)];
        for (size_t i = 0; i < n; i++) {
            switch (kind) {
            case 0: v[i] = x; break;
            case 1: v[i] = x += (double)below(100); break;
            case 2: v[i] = (double)(int64_t)below(100000) / scale; break;
            case 3: v[i] = bits_double(check_random(&seed)); break;
            case 4: v[i] = special(); break;
            case 5: v[i] = below(30) ? x += 1 : special(); break;
            case 6: v[i] = (x += 0.001) * 1.7; break;
            case 7: v[i] = -(double)below(1u << 20) * scale; break;
            default: v[i] = (double)below(1u << 30) / 1024; break;
            }
        }
        check_floats(v, n, 8 * n + 9);
    }
}

static void test_counters_and_decimals_are_small_even_when_the_series_ends(void **state)
{
    (void)state;
    static double v[512];
    for (size_t i = 0; i < 512; i++)
        v[i] = 123456 + (double)i * 3 + (double)below(2);
    v[511] = stale_nan();
    check_floats(v, 512, 512 * 3 / 8 + 64);
    for (size_t i = 0; i < 512; i++)
        v[i] = (double)(50000 + (int64_t)below(1000)) / 100;
    check_floats(v, 512, 512 * 10 / 8 + 32);
}

static void test_damaged_doubles_stay_within_their_bytes(void **state)
{
    (void)state;
    static double v[COLUMN_ROWS_MAX];
    for (int round = 0; round < ROUNDS * 10; round++) {
        size_t n = 1 + (size_t)below(100);
        for (size_t i = 0; i < n; i++)
            v[i] = round % 2 ? (double)below(1000) / 10 : bits_double(check_random(&seed));
        if (n > 1)
            v[n / 2] = stale_nan();
        struct buf b = BUF_MAX(BUF_BYTES);
        float_column_encode(&b, v, n);
        size_t size = 1 + (size_t)below(b.n);
        char *exact = malloc(size);
        assert_non_null(exact);
        memcpy(exact, b.p, size);
        exact[below(size)] ^= (char)(1 + below(255));
        struct reader r = reader_of(exact, size);
        float_column_decode(&r, v, n);
        free(exact);
        buf_done(&b);
    }
}

/* --- histograms and blocks -------------------------------------------------------------------- */

static void fill(struct columns *c, size_t n, int kind, struct arena *a)
{
    int64_t t = NOON - (int64_t)below(1000000);
    columns_reset(c);
    for (size_t i = 0; i < n; i++) {
        bool histogram = kind == 1 || (kind == 2 && below(2));
        const struct histogram *h = histogram ? harness_histogram(a, below(1u << 20)) : NULL;
        int64_t start = kind == 3 ? t - (int64_t)below(2) : 0;
        assert_int_equal(columns_add(c, t, histogram ? 0 : (double)below(1000), h, start), 0);
        t += 1 + (int64_t)below(20000);
    }
}

static void check_same(const struct columns *a, const struct columns *b)
{
    assert_int_equal(a->n, b->n);
    assert_memory_equal(a->t_unix_ms, b->t_unix_ms, a->n * sizeof *a->t_unix_ms);
    for (size_t i = 0; i < a->n; i++) {
        const struct histogram *h = a->histogram ? a->histogram[i] : NULL;
        const struct histogram *g = b->histogram ? b->histogram[i] : NULL;
        assert_int_equal(h != NULL, g != NULL);
        assert_true(h ? histogram_eq(h, g) : double_bits(a->value[i]) == double_bits(b->value[i]));
        assert_int_equal(a->start_unix_ms ? a->start_unix_ms[i] : 0,
                         b->start_unix_ms ? b->start_unix_ms[i] : 0);
    }
}

static void test_blocks_of_every_mixture_come_back(void **state)
{
    (void)state;
    struct arena a;
    struct columns in, out;
    arena_init(&a, 256 << 20);
    columns_init(&in, &a);
    columns_init(&out, &a);
    for (int round = 0; round < ROUNDS; round++) {
        fill(&in, 1 + (size_t)below(300), round % 4, &a);
        struct buf b = BUF_MAX(BUF_BYTES);
        block_encode(&b, &in, 0, in.n, NOON / DAY * DAY);
        columns_reset(&out);
        assert_int_equal(block_decode(b.p, b.n, NOON / DAY * DAY, &out), 0);
        check_same(&in, &out);
        buf_done(&b);
        arena_reset(&a);
    }
    columns_done(&in);
    columns_done(&out);
    arena_done(&a);
}

static void test_damaged_blocks_are_refused_or_harmless(void **state)
{
    (void)state;
    struct arena a;
    struct columns in, out;
    arena_init(&a, 256 << 20);
    columns_init(&in, &a);
    columns_init(&out, &a);
    for (int round = 0; round < ROUNDS * 5; round++) {
        fill(&in, 1 + (size_t)below(100), round % 4, &a);
        struct buf b = BUF_MAX(BUF_BYTES);
        block_encode(&b, &in, 0, in.n, 0);
        size_t size = 1 + (size_t)below(b.n);
        char *exact = malloc(size);
        assert_non_null(exact);
        memcpy(exact, b.p, size);
        exact[below(size)] ^= (char)(1 + below(255));
        columns_reset(&out);
        int rc = block_decode(exact, size, 0, &out);
        assert_true(rc == 0 || rc == ERR_CORRUPT || rc == ERR_NOMEM);
        assert_true(rc == 0 || out.n == 0);
        free(exact);
        buf_done(&b);
        arena_reset(&a);
    }
    columns_done(&in);
    columns_done(&out);
    arena_done(&a);
}

static void test_custom_and_stale_histograms_come_back(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    struct histogram_span span = {0, 3};
    double bounds[] = {0.1, 0.5}, counts[] = {1, 2.5, 3}, none[] = {0, 0, 0};
    struct histogram v[3] = {
        {.schema = -53,
         .sum = 1,
         .count = 6.5,
         .positive_spans = &span,
         .n_positive_spans = 1,
         .positive = counts,
         .n_positive = 3,
         .custom_bounds = bounds,
         .n_custom_bounds = 2},
        {.schema = -53,
         .sum = 2,
         .count = 0,
         .positive_spans = &span,
         .n_positive_spans = 1,
         .positive = none,
         .n_positive = 3,
         .custom_bounds = bounds,
         .n_custom_bounds = 2},
        {.schema = 3, .integer = true},
    };
    v[2].sum = stale_nan();
    const struct histogram *in[] = {&v[0], &v[1], &v[2], &v[0]}, *out[4];
    struct buf b = BUF_MAX(BUF_BYTES);
    histogram_column_encode(&b, in, 4);
    struct reader r = reader_of(b.p, b.n);
    histogram_column_decode(&r, out, 4, &a);
    assert_false(r.bad);
    for (int i = 0; i < 4; i++)
        assert_true(histogram_eq(in[i], out[i]));
    buf_done(&b);
    arena_done(&a);
}

/* Counts that are whole or not, small, huge, negative or none at all: `wild` of them in a hundred.
 */
static double *random_counts(struct arena *a, size_t n, unsigned wild)
{
    double *v = arena_array(a, n + 1, sizeof *v);
    for (size_t i = 0; i < n; i++)
        v[i] = below(100) < wild ? (below(2) ? special() : bits_double(check_random(&seed)))
                                 : (double)below(1u << 20);
    return v;
}

static const struct histogram_span *random_spans(struct arena *a, size_t n, size_t *out_total)
{
    struct histogram_span *v = arena_array(a, n + 1, sizeof *v);
    *out_total = 0;
    for (size_t i = 0; i < n; i++) {
        v[i] = (struct histogram_span){(int32_t)check_random(&seed), (uint32_t)below(4)};
        *out_total += v[i].length;
    }
    return v;
}

/* Valid or not: the codec has to give back what it got. */
static struct histogram *random_histogram(struct arena *a, const struct histogram *like)
{
    struct histogram *h = arena_zalloc(a, sizeof *h);
    unsigned wild = below(2) ? 0 : 10;
    if (like && below(4))
        *h = *like;
    else {
        h->schema = (int32_t)check_random(&seed);
        h->zero_threshold = special();
        h->n_positive_spans = below(5);
        h->n_negative_spans = below(3);
        h->positive_spans = random_spans(a, h->n_positive_spans, &h->n_positive);
        h->negative_spans = random_spans(a, h->n_negative_spans, &h->n_negative);
        h->n_custom_bounds = below(4);
        h->custom_bounds = random_counts(a, h->n_custom_bounds, 50);
    }
    h->positive = random_counts(a, h->n_positive, wild);
    h->negative = random_counts(a, h->n_negative, wild);
    h->integer = below(2);
    h->reset = (enum histogram_reset)below(4);
    h->count = *random_counts(a, 1, wild);
    h->zero_count = *random_counts(a, 1, wild);
    h->sum = below(4) ? (double)below(1000) / 8 : special();
    return h;
}

/* The most that a histogram of its own takes: its layout and numbers of ten bytes each. */
static size_t most_bytes_of(const struct histogram *h)
{
    size_t spans = h->n_positive_spans + h->n_negative_spans;
    return 96 + 20 * spans + 10 * (h->n_positive + h->n_negative) + 8 * h->n_custom_bounds;
}

static void test_histograms_of_every_kind_come_back_bit_for_bit(void **state)
{
    (void)state;
    enum { ROWS_MAX = 40 };
    struct arena a;
    arena_init(&a, 256 << 20);
    for (int round = 0; round < 2 * ROUNDS; round++) {
        const struct histogram *in[ROWS_MAX], *out[ROWS_MAX];
        size_t n = 1 + below(ROWS_MAX), at_most = 32;
        for (size_t i = 0; i < n; i++) {
            in[i] = random_histogram(&a, i ? in[i - 1] : NULL);
            at_most += most_bytes_of(in[i]);
        }
        struct buf b = BUF_MAX(BUF_BYTES);
        histogram_column_encode(&b, in, n);
        assert_false(buf_failed(&b));
        assert_true(b.n <= at_most);
        struct reader r = reader_of(b.p, b.n);
        histogram_column_decode(&r, out, n, &a);
        assert_false(r.bad);
        assert_int_equal(reader_left(&r), 0);
        for (size_t i = 0; i < n; i++)
            assert_true(histogram_eq(in[i], out[i]));
        buf_done(&b);
        arena_reset(&a);
    }
    arena_done(&a);
}

/* --- columns ---------------------------------------------------------------------------------- */

static void test_sorting_keeps_the_last_of_equal_times(void **state)
{
    (void)state;
    struct columns c;
    columns_init(&c, NULL);
    static const int64_t t[] = {5, 6, 7, 1, 6, 9, 6, 1};
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(columns_add(&c, t[i], (double)i, NULL, 0), 0);
    assert_int_equal(columns_sort(&c), 0);
    static const int64_t times[] = {1, 5, 6, 7, 9};
    static const double values[] = {7, 0, 6, 2, 5};
    assert_int_equal(c.n, 5);
    assert_memory_equal(c.t_unix_ms, times, sizeof times);
    assert_memory_equal(c.value, values, sizeof values);
    columns_done(&c);
}

static void test_sorting_keeps_count_of_damaged_blocks(void **state)
{
    (void)state;
    struct columns c;
    columns_init(&c, NULL);
    for (int i = 0; i < 3; i++)
        assert_int_equal(columns_add(&c, 2 - i, i, NULL, 0), 0);
    c.damaged = 2;
    assert_int_equal(columns_sort(&c), 0);
    assert_int_equal(c.t_unix_ms[0], 0);
    assert_int_equal(c.damaged, 2);
    columns_done(&c);
}

static void test_trimming_cuts_at_both_ends(void **state)
{
    (void)state;
    struct columns c;
    columns_init(&c, NULL);
    for (int i = 0; i < 10; i++)
        assert_int_equal(columns_add(&c, i, i, NULL, 0), 0);
    columns_trim(&c, 2, 4, 7); // the first two rows are not looked at
    assert_int_equal(c.n, 6);
    assert_int_equal(c.t_unix_ms[1], 1);
    assert_int_equal(c.t_unix_ms[2], 4);
    assert_int_equal(c.t_unix_ms[5], 7);
    columns_trim(&c, 0, 100, 200);
    assert_int_equal(c.n, 0);
    columns_done(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers_of_every_kind_come_back),
        cmocka_unit_test(test_regular_times_take_a_few_bytes_and_jitter_a_few_bits),
        cmocka_unit_test(test_damaged_integers_stay_within_their_bytes),
        cmocka_unit_test(test_doubles_of_every_kind_come_back_bit_for_bit),
        cmocka_unit_test(test_counters_and_decimals_are_small_even_when_the_series_ends),
        cmocka_unit_test(test_damaged_doubles_stay_within_their_bytes),
        cmocka_unit_test(test_blocks_of_every_mixture_come_back),
        cmocka_unit_test(test_damaged_blocks_are_refused_or_harmless),
        cmocka_unit_test(test_custom_and_stale_histograms_come_back),
        cmocka_unit_test(test_histograms_of_every_kind_come_back_bit_for_bit),
        cmocka_unit_test(test_sorting_keeps_the_last_of_equal_times),
        cmocka_unit_test(test_sorting_keeps_count_of_damaged_blocks),
        cmocka_unit_test(test_trimming_cuts_at_both_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
