/* Numbers of an OTLP request are recalled in runs, which must make no difference but to the way
 * they go: whatever the order of points, and whichever are new or gone. */
#include <stdio.h>

#include "receive/otlp_recall.h"
#include "receive/otlp_translate.h"
#include "support/check.h"
#include "support/memory_sink.h"
#include "support/otlp_tree.h"

enum { METRICS = 60, POINTS = 6, BOUNDS = 2 };

static struct receiver_options options;
static struct otlp_rules rules;
static struct memory_sink memory;
static struct batch expected, batch;
static struct otlp_outcome outcome;
static struct buf body;
static uint64_t random_state;

/* What is sent: of each metric the points in this order, then none (POINTS). */
static unsigned order[METRICS][POINTS];
static unsigned tick;

static int begin(void **state)
{
    (void)state;
    const struct buf empty = BUF_MAX(1 << 20);
    random_state = 1;
    tick = 0;
    for (unsigned m = 0; m < METRICS; m++)
        for (unsigned i = 0; i < POINTS; i++)
            order[m][i] = i;
    options = (struct receiver_options){0};
    memory_sink_init(&memory);
    batch_init(&expected, 64 << 20);
    batch_init(&batch, 64 << 20);
    body = empty;
    return otlp_rules_init(&rules, &options);
}

static int end(void **state)
{
    (void)state;
    memory_sink_done(&memory);
    batch_done(&expected);
    batch_done(&batch);
    buf_done(&body);
    otlp_rules_done(&rules);
    return 0;
}

/* ---- the request ---- */

static char names[METRICS][16], routes[POINTS][16];
static struct otlp_attribute attributes[POINTS];
static struct otlp_number_point numbers[METRICS][POINTS];
static struct otlp_histogram_point histograms[METRICS][POINTS];
static struct otlp_metric metrics[METRICS];

static struct otlp_point point(unsigned i)
{
    (void)snprintf(routes[i], sizeof routes[i], "/%u", i);
    attributes[i] = (struct otlp_attribute){
        .key = STR("route"), .value = {.kind = OTLP_VALUE_STRING, .str = str_c(routes[i])}};
    return (struct otlp_point){.attributes = {&attributes[i], 1},
                               .start_time_unix_ns = 1000000000,
                               .time_unix_ns = (uint64_t)(tick + 2) * 1000000000 + i * 1000000};
}

static struct otlp_number_point number(unsigned m, unsigned i)
{
    return (struct otlp_number_point){
        .point = point(i), .kind = OTLP_NUMBER_INT, .i64 = (int64_t)(m * 100 + i + tick)};
}

static struct otlp_histogram_point histogram(unsigned i)
{
    static const double bounds[BOUNDS] = {1, 2};
    static const uint64_t counts[BOUNDS + 1] = {4, 2, 1};
    return (struct otlp_histogram_point){.point = point(i),
                                         .count = 7,
                                         .explicit_bounds = bounds,
                                         .n_explicit_bounds = BOUNDS,
                                         .bucket_counts = counts,
                                         .n_bucket_counts = BOUNDS + 1,
                                         .has_sum = true,
                                         .sum = 9 + tick};
}

/* Every fifth metric is a histogram, which stands between numbers. */
static void make_metric(unsigned m)
{
    size_t n = 0;
    for (; n < POINTS && order[m][n] < POINTS; n++) {
        numbers[m][n] = number(m, order[m][n]);
        histograms[m][n] = histogram(order[m][n]);
    }
    (void)snprintf(names[m], sizeof names[m], "m%u", m);
    metrics[m] =
        (struct otlp_metric){.name = str_c(names[m]), .kind = m % 2 ? OTLP_SUM : OTLP_GAUGE};
    metrics[m].data = (struct otlp_data){.numbers = numbers[m], .n_points = n};
    if (m % 5 == 4) {
        metrics[m].kind = OTLP_HISTOGRAM;
        metrics[m].data.histograms = histograms[m];
    }
    metrics[m].data.temporality = metrics[m].kind == OTLP_GAUGE ? 0 : OTLP_CUMULATIVE;
}

static void encode(void)
{
    for (unsigned m = 0; m < METRICS; m++)
        make_metric(m);
    const struct otlp_scope_metrics scope = {.metrics = metrics, .n_metrics = METRICS};
    const struct otlp_resource_metrics resource = {.scopes = &scope, .n_scopes = 1};
    buf_reset(&body);
    otlp_tree_encode(&body, &otlp_request_message,
                     &(struct otlp_request){.resources = &resource, .n_resources = 1});
    tick++;
}

/* ---- translating it ---- */

static void translate(struct batch *to, const struct sink *sink)
{
    struct otlp_delta *delta;
    struct otlp_request request;
    struct err err = {0};
    batch_reset(to);
    assert_int_equal(otlp_delta_new(&(struct otlp_delta_options){0}, &delta), 0);
    if (otlp_decode_lazily(buf_str(&body), NULL, &to->arena, &request, &err) != 0 ||
        otlp_translate(&request, &rules, sink, delta, to, &outcome, &err) != 0)
        fail_msg("%s", err.message);
    otlp_delta_free(delta);
}

/* How a request went: series that were known alone, and in runs. */
struct went {
    size_t unknown, alone, in_runs, told;
};

static struct went send(void)
{
    struct sink_result stored;
    translate(&expected, NULL);
    translate(&batch, &memory.sink);
    assert_int_equal(otlp_outcome_rejected(&outcome), 0);
    assert_int_equal(sink_append(&memory.sink, &batch, &stored, NULL), 0);
    struct went went = {.told = batch.n_groups};
    for (size_t i = 0; i < batch.n_series; i++)
        batch.series[i].known ? went.alone++ : went.unknown++;
    for (size_t i = 0; i < batch.n_points; i++)
        went.in_runs += batch.points[i].numbers ? batch.points[i].n_counts : 0;
    memory_sink_unroll(&batch);
    memory_sink_sort(&batch);
    memory_sink_sort(&expected);
    assert_true(memory_sink_eq(&batch, &expected));
    return went;
}

static struct went encode_and_send(void)
{
    encode();
    return send();
}

static size_t count_numbers(void)
{
    size_t n = 0;
    for (unsigned m = 0; m < METRICS; m++)
        for (unsigned i = 0; i < POINTS && m % 5 != 4; i++)
            n += order[m][i] < POINTS;
    return n;
}

/* ---- tests ---- */

static void test_numbers_in_the_same_order_are_known_in_runs(void **state)
{
    (void)state;
    struct went went = encode_and_send();
    assert_true(went.told > 0);
    for (int i = 0; i < 3; i++) {
        went = encode_and_send();
        assert_int_equal(went.unknown, 0);
        assert_int_equal(went.told, 0);
        assert_in_range(went.in_runs, count_numbers() - METRICS, count_numbers());
    }
}

static void test_a_point_that_is_gone_changes_but_its_own_run(void **state)
{
    (void)state;
    (void)encode_and_send();
    order[10][2] = order[10][POINTS - 1];
    order[10][POINTS - 1] = POINTS;
    struct went went = encode_and_send();
    assert_int_equal(went.unknown, 0);
    assert_true(went.alone > 0);
    assert_true(went.in_runs > 0); // the ends of runs are told by points, not by where they stand
    went = encode_and_send();
    assert_true(went.told > 0); // it came a second time
    went = encode_and_send();
    assert_int_equal(went.told, 0);
    assert_in_range(went.in_runs, count_numbers() - METRICS, count_numbers());
}

static void shuffle(unsigned v[POINTS])
{
    for (unsigned i = POINTS - 1; i > 0; i--) {
        unsigned k = (unsigned)(check_random(&random_state) % (i + 1)), kept = v[i];
        v[i] = v[k];
        v[k] = kept;
    }
}

static void test_an_order_that_never_comes_again_is_not_told(void **state)
{
    (void)state;
    (void)encode_and_send();
    size_t told = 0;
    for (int i = 0; i < 20; i++) {
        for (unsigned m = 0; m < METRICS; m++)
            shuffle(order[m]);
        struct went went = encode_and_send();
        assert_int_equal(went.unknown, 0);
        told += went.told;
    }
    assert_in_range(told, 0, 20); // of 300: short runs may be the same by chance
}

static void test_whatever_order_points_come_in_the_series_are_the_same(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 60; i++) {
        unsigned m = (unsigned)(check_random(&random_state) % METRICS);
        if (i % 3 == 0)
            shuffle(order[m]);
        for (unsigned k = 0; k < POINTS && i % 7 == 0; k++)
            order[m][k] = k + 1 < POINTS - i % 3 ? k : POINTS;
        (void)encode_and_send();
    }
}

static void test_a_number_without_a_time_is_rejected_and_the_rest_is_not(void **state)
{
    (void)state;
    (void)encode_and_send();
    for (int i = 0; i < 2; i++) {
        encode();
        numbers[0][1].point.time_unix_ns = 0;
        numbers[2][2].kind = OTLP_NUMBER_NONE;
        const struct otlp_scope_metrics scope = {.metrics = metrics, .n_metrics = METRICS};
        const struct otlp_resource_metrics resource = {.scopes = &scope, .n_scopes = 1};
        buf_reset(&body);
        otlp_tree_encode(&body, &otlp_request_message,
                         &(struct otlp_request){.resources = &resource, .n_resources = 1});
        translate(&batch, &memory.sink);
        assert_int_equal(outcome.rejected[OTLP_REJECT_TIME], 1);
        assert_int_equal(outcome.rejected[OTLP_REJECT_VALUE], 1);
        memory_sink_unroll(&batch);
        translate(&expected, NULL);
        assert_int_equal(batch.n_series, expected.n_series);
    }
}

static void test_a_run_over_the_limit_of_series_is_rejected(void **state)
{
    (void)state;
    (void)encode_and_send();
    rules.limits.max_series_per_request = 10;
    encode();
    translate(&batch, &memory.sink);
    assert_in_range(batch.n_series + batch.n_in_points, 0, 10);
    assert_true(outcome.rejected[OTLP_REJECT_SERIES] > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
        T(test_numbers_in_the_same_order_are_known_in_runs),
        T(test_a_point_that_is_gone_changes_but_its_own_run),
        T(test_an_order_that_never_comes_again_is_not_told),
        T(test_whatever_order_points_come_in_the_series_are_the_same),
        T(test_a_number_without_a_time_is_rejected_and_the_rest_is_not),
        T(test_a_run_over_the_limit_of_series_is_rejected),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
