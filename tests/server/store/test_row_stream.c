/* The byte stream of a head's rows: rows of every kind, in any order of time, come back bit for bit
 * and take no more than they may. */
#include "store/embedded/row_stream.h"

#include "harness.h"

enum { ROUNDS = 400, ROWS = 200 };

static uint64_t seed = 31;

static uint64_t below(uint64_t n)
{
    return check_random(&seed) % n;
}

static uint32_t random_time(uint64_t kind, uint32_t before)
{
    switch (kind) {
    case 0: return (uint32_t)((before + 15000) % DAY);
    case 1: return (uint32_t)((before + 15000 - 5 + below(11)) % DAY);
    case 2: return before;
    default: return (uint32_t)below(DAY);
    }
}

static double random_value(uint64_t kind, double before)
{
    static const double tens[] = {1, 10, 100, 1000, 10000};
    switch (kind) {
    case 0: return before;
    case 1: return before + (double)below(1000);
    case 2: return (double)(int64_t)(below(1u << 20)) / tens[below(5)] - 3;
    case 3: return bits_double(check_random(&seed));
    case 4: return below(2) ? stale_nan() : -0.0;
    default: return (double)(check_random(&seed) >> below(64));
    }
}

static struct raw_row random_row(const struct raw_row *before, uint64_t times, uint64_t values)
{
    static const char histogram[] = "as histogram_column.h has it";
    struct raw_row row = {.t = random_time(times, before->t)};
    row.value = random_value(values == 6 ? below(6) : values, before->value);
    row.start_unix_ms = below(3)   ? before->start_unix_ms
                        : below(2) ? 0
                                   : NOON - (int64_t)below(DAY);
    if (values == 6 && below(10) == 0)
        row.histogram = str_of(histogram, below(sizeof histogram));
    return row;
}

static void check_row(const struct raw_row *a, const struct raw_row *b)
{
    assert_int_equal(a->t, b->t);
    assert_true(a->start_unix_ms == b->start_unix_ms);
    assert_int_equal(a->histogram.p != NULL, b->histogram.p != NULL);
    if (a->histogram.p)
        assert_true(str_eq(a->histogram, b->histogram));
    else
        assert_true(double_bits(a->value) == double_bits(b->value));
}

static void test_rows_of_every_kind_and_order_come_back(void **state)
{
    (void)state;
    const int64_t base = NOON / DAY * DAY;
    static struct raw_row rows[ROWS];
    for (int round = 0; round < ROUNDS; round++) {
        struct buf b = BUF_MAX(1 << 20);
        struct row_state writing = {0}, reading = {0};
        struct raw_row last = {.value = 100};
        uint64_t times = below(4), values = below(7);
        for (size_t i = 0; i < ROWS; i++) {
            char bytes[ROW_BYTES_MAX];
            last = rows[i] = random_row(&last, times, values);
            size_t n = row_write(bytes, &writing, &rows[i], base);
            assert_true(n <= ROW_BYTES_MAX);
            buf_put(&b, bytes, n);
            buf_put_str(&b, rows[i].histogram);
        }
        struct reader r = reader_of(b.p, b.n);
        for (size_t i = 0; i < ROWS; i++) {
            struct raw_row back;
            row_read(&r, &reading, &back, base);
            assert_false(r.bad);
            check_row(&rows[i], &back);
        }
        assert_int_equal(reader_left(&r), 0);
        buf_done(&b);
    }
}

static void test_a_regular_counter_takes_two_or_three_bytes_a_row(void **state)
{
    (void)state;
    struct row_state writing = {0};
    size_t n = 0;
    for (size_t i = 0; i < ROWS; i++) {
        char bytes[ROW_BYTES_MAX];
        const struct raw_row row = {.t = (uint32_t)(i * 15000), .value = (double)(i * 40)};
        n += row_write(bytes, &writing, &row, NOON);
    }
    assert_true(n <= 3 * ROWS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_of_every_kind_and_order_come_back),
        cmocka_unit_test(test_a_regular_counter_takes_two_or_three_bytes_a_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
