#include "receive/otlp_delta.h"

#include "base/thread.h"
#include "base/time.h"
#include "support/check.h"

static struct otlp_delta *make(size_t max_streams, int64_t idle_ms)
{
    struct otlp_delta *d;
    const struct otlp_delta_options options = {max_streams, idle_ms};
    assert_int_equal(otlp_delta_new(&options, &d), 0);
    return d;
}

static struct otlp_number_point number(uint64_t start, uint64_t time, int64_t value)
{
    return (struct otlp_number_point){
        .point = {.start_time_unix_ns = start, .time_unix_ns = time},
        .kind = OTLP_NUMBER_INT,
        .i64 = value,
    };
}

static void test_integers_stay_exact_until_a_double_comes(void **state)
{
    (void)state;
    struct otlp_delta *d = make(0, 0);
    struct otlp_number_point p = number(1, 2, INT64_C(9007199254740993));
    assert_int_equal(otlp_delta_number(d, 1, &p), OTLP_DELTA_OK);
    p = number(2, 3, 1);
    assert_int_equal(otlp_delta_number(d, 1, &p), OTLP_DELTA_OK);
    assert_int_equal(p.kind, OTLP_NUMBER_INT);
    assert_true(p.i64 == INT64_C(9007199254740994));
    assert_int_equal(p.point.start_time_unix_ns, 1);
    p = (struct otlp_number_point){
        .point = {.time_unix_ns = 4}, .kind = OTLP_NUMBER_DOUBLE, .f64 = 0.5};
    assert_int_equal(otlp_delta_number(d, 1, &p), OTLP_DELTA_OK);
    assert_int_equal(p.kind, OTLP_NUMBER_DOUBLE);
    otlp_delta_free(d);
}

static void test_an_overflow_goes_on_as_double(void **state)
{
    (void)state;
    struct otlp_delta *d = make(0, 0);
    struct otlp_number_point p = number(1, 2, INT64_MAX);
    (void)otlp_delta_number(d, 1, &p);
    p = number(1, 3, 10);
    assert_int_equal(otlp_delta_number(d, 1, &p), OTLP_DELTA_OK);
    assert_int_equal(p.kind, OTLP_NUMBER_DOUBLE);
    assert_true(p.f64 > 9.2e18);
    otlp_delta_free(d);
}

static void test_new_bounds_begin_a_histogram_anew(void **state)
{
    (void)state;
    struct otlp_delta *d = make(0, 0);
    struct arena arena;
    arena_init(&arena, 1 << 20);
    const uint64_t counts[] = {1, 2, 3};
    const double bounds[] = {1, 2};
    struct otlp_histogram_point p = {
        .point = {.start_time_unix_ns = 1, .time_unix_ns = 2},
        .count = 6,
        .bucket_counts = counts,
        .n_bucket_counts = 3,
        .explicit_bounds = bounds,
        .n_explicit_bounds = 2,
    };
    struct otlp_histogram_point first = p, second = p;
    assert_int_equal(otlp_delta_histogram(d, 9, &arena, &first), OTLP_DELTA_OK);
    second.point = (struct otlp_point){.start_time_unix_ns = 2, .time_unix_ns = 3};
    second.n_bucket_counts = 2;
    second.n_explicit_bounds = 1;
    second.count = 3;
    assert_int_equal(otlp_delta_histogram(d, 9, &arena, &second), OTLP_DELTA_OK);
    assert_int_equal(second.count, 3);
    assert_int_equal(second.point.start_time_unix_ns, 2);
    assert_int_equal(otlp_delta_count(d), 1);
    arena_done(&arena);
    otlp_delta_free(d);
}

static void test_streams_over_the_limit_are_refused_until_others_idle(void **state)
{
    (void)state;
    struct otlp_delta *d = make(1, 3600 * 1000); // one a shard
    struct otlp_number_point p = number(1, 2, 1);
    assert_int_equal(otlp_delta_number(d, 0, &p), OTLP_DELTA_OK);
    uint64_t other = 0; // of the same shard
    do {
        other++;
        p = number(1, 2, 7);
    } while (otlp_delta_number(d, other, &p) == OTLP_DELTA_OK);
    assert_int_equal(otlp_delta_count(d), other);
    p = number(1, 3, 1);
    assert_int_equal(otlp_delta_number(d, 0, &p), OTLP_DELTA_OK); // the known one goes on
    assert_int_equal(p.i64, 2);

    const struct otlp_delta_options soon = {.max_streams = 1, .idle_ms = 1};
    otlp_delta_configure(d, &soon);
    for (int64_t then = time_now_mono_ns() + 2 * NS_PER_MS; time_now_mono_ns() < then;)
        ;
    p = number(1, 2, 7);
    assert_int_equal(otlp_delta_number(d, other, &p), OTLP_DELTA_OK);
    assert_int_equal(p.i64, 7);
    assert_int_equal(otlp_delta_count(d), other); // in the place of the idle one
    otlp_delta_free(d);
}

static void test_wide_ranges_lower_the_scale(void **state)
{
    (void)state;
    struct otlp_delta *d = make(0, 0);
    struct arena arena;
    arena_init(&arena, 1 << 20);
    const uint64_t one[] = {1};
    struct otlp_exponential_point p = {
        .point = {.time_unix_ns = 2},
        .count = 1,
        .scale = 8,
        .positive = {.counts = one, .n = 1, .offset = -4000},
    };
    struct otlp_exponential_point first = p, second = p;
    assert_int_equal(otlp_delta_exponential(d, 5, &arena, &first), OTLP_DELTA_OK);
    assert_int_equal(first.scale, 8);
    assert_int_equal(first.positive.offset, -4000);
    second.point.time_unix_ns = 3;
    second.positive.offset = 4000;
    assert_int_equal(otlp_delta_exponential(d, 5, &arena, &second), OTLP_DELTA_OK);
    assert_int_equal(second.scale, 5); // 8,001 buckets in 1,024 take three steps
    assert_int_equal(second.positive.offset, -500);
    assert_int_equal(second.positive.n, 1001);
    assert_int_equal(second.positive.counts[0] + second.positive.counts[1000], 2);
    arena_done(&arena);
    otlp_delta_free(d);
}

/* ---- threads ---- */

enum { THREADS = 4, STREAMS = 50, ROUNDS = 200 };

struct worker {
    struct thread thread;
    struct otlp_delta *d;
    uint64_t first; /* of its streams */
    bool wrong;
};

static void work(void *arg)
{
    struct worker *w = arg;
    for (uint64_t round = 1; round <= ROUNDS; round++)
        for (uint64_t i = 0; i < STREAMS; i++) {
            struct otlp_number_point p = number(1, round + 1, 1);
            w->wrong |= otlp_delta_number(w->d, w->first + i, &p) != OTLP_DELTA_OK ||
                        p.i64 != (int64_t)round;
        }
}

static void test_threads_keep_out_of_each_others_way(void **state)
{
    (void)state;
    struct otlp_delta *d = make(0, 0);
    struct worker workers[THREADS];
    for (uint64_t i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.d = d, .first = i * STREAMS};
        assert_int_equal(thread_start(&workers[i].thread, "delta", work, &workers[i], NULL), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        thread_join(&workers[i].thread);
        assert_false(workers[i].wrong);
    }
    assert_int_equal(otlp_delta_count(d), THREADS * STREAMS);
    otlp_delta_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers_stay_exact_until_a_double_comes),
        cmocka_unit_test(test_an_overflow_goes_on_as_double),
        cmocka_unit_test(test_new_bounds_begin_a_histogram_anew),
        cmocka_unit_test(test_streams_over_the_limit_are_refused_until_others_idle),
        cmocka_unit_test(test_wide_ranges_lower_the_scale),
        cmocka_unit_test(test_threads_keep_out_of_each_others_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
