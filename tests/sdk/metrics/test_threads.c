/* Threads that start, record, make instruments, end, fork and collect, all at once. What was
 * counted is exact at the end, whoever counted it. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "metrics/cell.h"
#include "metrics/otlp_metrics.h"
#include "support/check.h"
#include "support/forks.h"
#include "telltale/context.h"
#include "telltale/metrics.h"
#include "telltale/prometheus_text.h"
#include "telltale/view.h"

enum { THREADS = 8, ROUNDS = 5, ADDS = 2000 };

static tt_meter_provider *provider;
static tt_meter *meter;
static tt_counter *counter, *viewed, *removed;
static tt_bound_counter *bound;
static tt_histogram *histogram, *exponential;

static int begin(void **state)
{
    (void)state;
    const double bounds[] = {1};
    tt_instrument_options o = {.size = sizeof o, .bounds = bounds, .bounds_n = 1};
    tt_instrument_options e = {.size = sizeof e, .exponential = true};
    provider = tt_meter_provider_new(NULL);
    meter = tt_meter_get(provider, "test", NULL);
    counter = tt_counter_new(meter, "counter", NULL);
    bound = tt_counter_bind(tt_counter_new(meter, "bound", NULL), NULL, 0);
    histogram = tt_histogram_new(meter, "histogram", &o);
    exponential = tt_histogram_new(meter, "exponential", &e);
    return exponential ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    tt_meter_provider_free(provider);
    return 0;
}

static char *render_as(enum tt_prometheus_format format)
{
    tt_prometheus_options o = {.size = sizeof o, .without_scope = true, .without_target = true};
    o.format = format;
    char *text = NULL;
    size_t n;
    if (tt_prometheus_render_new(provider, &o, 1 << 24, &text, &n) != TT_OK)
        abort();
    return text;
}

static char *render(void)
{
    return render_as(TT_PROMETHEUS_TEXT);
}

static void *record(void *arg)
{
    int me = *(int *)arg;
    for (int i = 0; i < ADDS; i++) {
        tt_attr attrs[] = {tt_int("i", i % 10), tt_str("kind", "x")};
        tt_bound_counter_add(bound, 1);
        tt_counter_add(counter, 1, attrs, 2);
        tt_histogram_record(histogram, i % 2 ? 0.5 : 2, NULL, 0);
        tt_histogram_record(exponential, (i % 2 ? 1e-3 : -1e3) * (i + me), NULL, 0);
        if (i % 500 == 0)
            (void)tt_gauge_new(meter, "made_in_between", NULL);
    }
    return NULL;
}

static void *collect(void *arg)
{
    const atomic_bool *stop = arg;
    while (!atomic_load(stop))
        free(render());
    return NULL;
}

static void run_threads(void)
{
    pthread_t threads[THREADS];
    int names[THREADS];
    for (int i = 0; i < THREADS; i++) {
        names[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, record, &names[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void check_line(const char *text, const char *line)
{
    if (!strstr(text, line))
        print_error("no \"%s\" in:\n%s", line, text);
    assert_non_null(strstr(text, line));
}

static void test_nothing_is_lost_while_threads_come_and_go(void **state)
{
    (void)state;
    atomic_bool stop = false;
    pthread_t collector;
    assert_int_equal(pthread_create(&collector, NULL, collect, &stop), 0);
    for (int round = 0; round < ROUNDS; round++)
        run_threads();
    atomic_store(&stop, true);
    assert_int_equal(pthread_join(collector, NULL), 0);
    char *text = render();
    check_line(text, "bound_total 80000\n");
    check_line(text, "counter_total{i=\"3\",kind=\"x\"} 8000\n");
    check_line(text, "histogram_bucket{le=\"1\"} 40000\n");
    check_line(text, "histogram_sum 100000\n");
    check_line(text, "exponential_count 80000\n");
    free(text);
}

/* Records in a sampled span, by a view, into sets that another thread removes. */
static void *record_aside(void *arg)
{
    (void)arg;
    tt_span_context sampled = {.trace_id = {1}, .span_id = {1}, .flags = TT_FLAG_SAMPLED};
    tt_context *context = tt_context_remote(&sampled, NULL);
    tt_token token = tt_context_enter(context);
    for (int i = 0; i < ADDS; i++) {
        tt_attr attrs[] = {tt_int("i", i % 10), tt_int("dropped", i)};
        tt_counter_add(viewed, 1, attrs, 2);
        tt_counter_add(removed, 1, attrs, 1);
        tt_histogram_record(histogram, i, NULL, 0);
        tt_bound_counter_add(bound, 1);
    }
    tt_leave(token);
    tt_context_free(context);
    return NULL;
}

static void *disturb(void *arg)
{
    const atomic_bool *stop = arg;
    struct delta delta = {.temporality = TT_TEMPORALITY_DELTA};
    for (int i = 0; !atomic_load(stop); i++) {
        tt_attr attr = tt_int("i", i % 10);
        (void)tt_counter_remove(removed, &attr, 1);
        (void)tt_meter_provider_remove_idle(NULL);
        (void)tt_meter_provider_switch(provider, "other", i % 2 == 0);
        struct buf request = BUF_MAX(1 << 24);
        size_t points;
        if (otlp_metrics_collect(provider, &delta, INT64_MAX, &request, &points) != TT_OK)
            abort();
        buf_done(&request);
        char *text = render_as(TT_PROMETHEUS_OPENMETRICS);
        if (!strstr(text, "# EOF"))
            abort();
        free(text);
    }
    delta_done(&delta);
    return NULL;
}

static void test_the_long_way_loses_nothing_while_sets_are_removed(void **state)
{
    (void)state;
    static const char *const keys[] = {"i"};
    tt_view view = {.size = sizeof view, .instrument = "viewed"};
    view.attribute_keys = keys;
    view.attribute_keys_n = 1;
    assert_int_equal(tt_meter_provider_add_view(provider, &view), TT_OK);
    viewed = tt_counter_new(meter, "viewed", NULL);
    removed = tt_counter_new(meter, "removed", NULL);
    atomic_bool stop = false;
    pthread_t disturber, threads[THREADS];
    assert_int_equal(pthread_create(&disturber, NULL, disturb, &stop), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, record_aside, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    atomic_store(&stop, true);
    assert_int_equal(pthread_join(disturber, NULL), 0);
    char *text = render_as(TT_PROMETHEUS_OPENMETRICS), line[64];
    (void)snprintf(line, sizeof line, "viewed_total{i=\"3\"} %d # {trace_id=", THREADS * ADDS / 10);
    check_line(text, line);
    (void)snprintf(line, sizeof line, "bound_total %d # {trace_id=", THREADS * ADDS);
    check_line(text, line);
    free(text);
}

/* Threads that end leave their memory to those that start: there are never more shards than there
 * were threads at once, and the instruments' cells lie in three chunks. */
static void test_threads_that_end_do_not_add_up(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++)
        run_threads();
    assert_true(cell_memory() <= (size_t)(THREADS + 2) * 3 * CHUNK_WORDS * sizeof(cell_word));
}

#ifndef NO_FORKS
static void *fork_often(void *arg)
{
    int *failures = arg;
    for (int i = 0; i < 10; i++) {
        pid_t child = fork();
        if (child == 0) {
            tt_bound_counter_add(bound, 3);
            char *text = render();
            _exit(strstr(text, "bound_total 3\n") ? 0 : 1);
        }
        int status;
        if (waitpid(child, &status, 0) != child || status != 0)
            ++*failures;
    }
    return NULL;
}

static void test_forks_amid_recording_give_children_that_start_at_zero(void **state)
{
    (void)state;
    atomic_bool stop = false;
    int failures = 0;
    pthread_t forker, collector;
    assert_int_equal(pthread_create(&collector, NULL, collect, &stop), 0);
    assert_int_equal(pthread_create(&forker, NULL, fork_often, &failures), 0);
    run_threads();
    assert_int_equal(pthread_join(forker, NULL), 0);
    atomic_store(&stop, true);
    assert_int_equal(pthread_join(collector, NULL), 0);
    assert_int_equal(failures, 0);
    char *text = render();
    check_line(text, "bound_total 16000\n");
    free(text);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing_is_lost_while_threads_come_and_go, begin, end),
        cmocka_unit_test_setup_teardown(test_threads_that_end_do_not_add_up, begin, end),
        cmocka_unit_test_setup_teardown(test_the_long_way_loses_nothing_while_sets_are_removed,
                                        begin, end),
#ifndef NO_FORKS
        cmocka_unit_test_setup_teardown(test_forks_amid_recording_give_children_that_start_at_zero,
                                        begin, end),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
