/* What the periodic reader asks of its exporter: batches of so many points, and a flush. */
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/check.h"
#include "support/otlp_sink.h"
#include "telltale/metric_producer.h"
#include "telltale/metric_reader.h"

enum { SENDS_MAX = 64 };

static struct otlp_sink sink;
static tt_exporter inner;
static tt_meter_provider *provider;
static tt_meter *meter;
static tt_metric_reader *reader;
static struct {
    size_t n, items[SENDS_MAX];
    int64_t timeout_ms; /* of the last */
    size_t fails_at;    /* the send that fails, from 1 on; 0: none */
    int outcome;        /* of it */
    bool unread;        /* requests are not decoded */
    size_t flushes;     /* how often it was flushed */
    int flush_outcome;  /* of each */
    int64_t flush_timeout_ms;
    size_t sends_before_flush;
} seen;

static int send(void *arg, enum tt_signal signal, const void *request, size_t n, size_t items,
                int64_t timeout_ms)
{
    (void)arg;
    if (seen.n < SENDS_MAX)
        seen.items[seen.n] = items;
    seen.timeout_ms = timeout_ms;
    if (++seen.n == seen.fails_at)
        return seen.outcome;
    return seen.unread ? TT_OK : inner.send(inner.arg, signal, request, n, items, timeout_ms);
}

static int flush_exporter(void *arg, int64_t timeout_ms)
{
    (void)arg;
    seen.flushes++;
    seen.flush_timeout_ms = timeout_ms;
    seen.sends_before_flush = seen.n;
    return seen.flush_outcome;
}

static void start(tt_metric_reader_options o)
{
    o.size = sizeof o;
    o.interval_ms = 3600000;
    o.exporter.send = send;
    reader = tt_metric_reader_start(provider, &o);
    assert_non_null(reader);
}

static int begin(void **state)
{
    (void)state;
    memset(&seen, 0, sizeof seen);
    otlp_sink_init(&sink);
    inner = otlp_sink_exporter(&sink);
    tt_attr attr = tt_str("service.name", "shop");
    tt_resource *resource = tt_resource_new(&attr, 1, "https://example.org/schema");
    tt_meter_provider_options p = {.size = sizeof p, .resource = resource};
    provider = tt_meter_provider_new(&p);
    tt_resource_free(resource);
    tt_scope scope = {.name = "lib", .version = "2", .schema_url = "https://example.org/lib"};
    meter = tt_meter_get_scope(provider, &scope);
    return 0;
}

static int end(void **state)
{
    (void)state;
    (void)tt_metric_reader_stop(reader, 1000);
    reader = NULL;
    tt_meter_provider_free(provider);
    otlp_sink_done(&sink);
    return 0;
}

/* --- batches --------------------------------------------------------------------------------- */

static void add_series(const char *name, int n)
{
    tt_instrument_options o = {.size = sizeof o, .unit = "{item}", .description = "Things"};
    tt_counter *c = tt_counter_new(meter, name, &o);
    for (int i = 0; i < n; i++) {
        tt_attr attr = tt_int("i", i);
        tt_counter_add(c, 1000 + i, &attr, 1);
    }
}

static size_t occurrences(const char *text)
{
    size_t n = 0;
    for (const char *at = sink.json.n ? sink.json.p : NULL; at && (at = strstr(at, text)); at++)
        n++;
    return n;
}

static void test_batches_are_full_but_for_the_last(void **state)
{
    (void)state;
    add_series("a", 5);
    add_series("b", 4);
    add_series("c", 2);
    start((tt_metric_reader_options){.batch_points = 4});
    assert_int_equal(tt_metric_reader_flush(reader, 10000), TT_OK);
    assert_int_equal(seen.n, 3);
    assert_int_equal(seen.items[0], 4);
    assert_int_equal(seen.items[1], 4);
    assert_int_equal(seen.items[2], 3);
    assert_int_equal(occurrences("\"asInt\""), 11);
    // "a" begins in the first and ends in the second, "b" in the second and the third.
    assert_int_equal(occurrences("\"name\":\"a\""), 2);
    assert_int_equal(occurrences("\"name\":\"b\""), 2);
    assert_int_equal(occurrences("\"name\":\"c\""), 1);
}

static void test_each_batch_has_all_that_stands_around_its_points(void **state)
{
    (void)state;
    static const char *const parts[] = {
        "{\"key\":\"service.name\",\"value\":{\"stringValue\":\"shop\"}}",
        "\"schemaUrl\":\"https://example.org/schema\"",
        "\"name\":\"lib\",\"version\":\"2\"",
        "\"schemaUrl\":\"https://example.org/lib\"",
        "\"name\":\"a\",\"description\":\"Things\",\"unit\":\"{item}\"",
        "\"aggregationTemporality\":2,\"isMonotonic\":true",
    };
    add_series("a", 6);
    start((tt_metric_reader_options){.batch_points = 2});
    assert_int_equal(tt_metric_reader_flush(reader, 10000), TT_OK);
    assert_int_equal(seen.n, 3);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        assert_int_equal(occurrences(parts[i]), 3);
    for (int i = 0; i < 6; i++) {
        char value[32];
        (void)snprintf(value, sizeof value, "\"asInt\":\"%d\"", 1000 + i);
        assert_int_equal(occurrences(value), 1);
    }
}

static void test_points_of_all_kinds_are_split(void **state)
{
    (void)state;
    tt_instrument_options e = {.size = sizeof e, .exponential = true};
    tt_histogram *h = tt_histogram_new(meter, "h", NULL), *x = tt_histogram_new(meter, "x", &e);
    tt_double_gauge *g = tt_double_gauge_new(meter, "g", NULL);
    for (int i = 0; i < 3; i++) {
        tt_attr attr = tt_int("i", i);
        tt_histogram_record(h, i, &attr, 1);
        tt_histogram_record(x, i + 1, &attr, 1);
        tt_double_gauge_set(g, i + 0.5, &attr, 1);
    }
    start((tt_metric_reader_options){.batch_points = 1});
    assert_int_equal(tt_metric_reader_flush(reader, 10000), TT_OK);
    assert_int_equal(seen.n, 9);
    assert_int_equal(occurrences("\"explicitBounds\""), 3);
    assert_int_equal(occurrences("\"scale\""), 3);
    assert_int_equal(occurrences("\"asDouble\""), 3);
    assert_int_equal(occurrences("\"gauge\""), 3);
}

static void test_collection_that_fits_is_one_batch(void **state)
{
    (void)state;
    add_series("a", 4);
    start((tt_metric_reader_options){.batch_points = 4});
    assert_int_equal(tt_metric_reader_flush(reader, 10000), TT_OK);
    assert_int_equal(tt_metric_reader_flush(reader, 10000), TT_OK);
    assert_int_equal(seen.n, 2); // collections are never put together
    assert_int_equal(seen.items[1], 4);
}

static void test_full_batches_leave_no_empty_one(void **state)
{
    (void)state;
    add_series("a", 8);
    start((tt_metric_reader_options){.batch_points = 4});
    assert_int_equal(tt_metric_reader_flush(reader, 10000), TT_OK);
    assert_int_equal(seen.n, 2);
    assert_int_equal(seen.items[0] + seen.items[1], 8);
}

static void test_batch_that_fails_does_not_hold_up_the_others(void **state)
{
    (void)state;
    add_series("a", 12);
    start((tt_metric_reader_options){.batch_points = 4, .timeout_ms = 700});
    seen.fails_at = 2;
    seen.outcome = TT_ERR_IO;
    assert_int_equal(tt_metric_reader_flush(reader, 100000), TT_ERR_IO);
    assert_int_equal(seen.n, 3);
    assert_int_equal(seen.timeout_ms, 700);
    assert_int_equal(sink.items, 8);
}

static void test_exporter_that_is_shut_down_gets_no_more_batches(void **state)
{
    (void)state;
    add_series("a", 12);
    start((tt_metric_reader_options){.batch_points = 4});
    seen.fails_at = 1;
    seen.outcome = TT_ERR_SHUTDOWN;
    assert_int_equal(tt_metric_reader_flush(reader, 10000), TT_ERR_SHUTDOWN);
    assert_int_equal(seen.n, 1);
}

static int produce_garbage(void *arg, const tt_metric_filter *filter, tt_metric_batch *batch)
{
    (void)arg, (void)filter;
    static const unsigned char bytes[] = {0x12, 0x7f, 0x0a, 0x01, 'x',  0x2a, 0x09, 0x0a, 0xff,
                                          0x0a, 0x00, 0x0a, 0x03, 0x08, 0x80, 0x80, 0xff, 0xff};
    for (size_t n = 0; n <= sizeof bytes; n++)
        tt_metric_batch_write(batch, bytes, n, 1);
    return TT_OK;
}

static void test_what_is_no_protobuf_is_split_without_harm(void **state)
{
    (void)state;
    tt_metric_producer producer = {.produce = produce_garbage};
    add_series("a", 3);
    seen.unread = true;
    start((tt_metric_reader_options){.batch_points = 2, .producers = &producer, .producers_n = 1});
    assert_int_equal(tt_metric_reader_flush(reader, 10000), TT_OK);
    assert_true(seen.n >= 2);
}

/* --- the exporter's flush -------------------------------------------------------------------- */

static void test_flush_reaches_the_exporter_after_what_was_collected(void **state)
{
    (void)state;
    add_series("a", 1);
    start((tt_metric_reader_options){.exporter.flush = flush_exporter});
    assert_int_equal(tt_metric_reader_flush(reader, 60000), TT_OK);
    assert_int_equal(seen.flushes, 1);
    assert_int_equal(seen.sends_before_flush, 1);
    assert_in_range(seen.flush_timeout_ms, 1, 60000);
}

static void test_flush_says_whether_the_exporter_failed_or_ran_out_of_time(void **state)
{
    (void)state;
    add_series("a", 1);
    start((tt_metric_reader_options){.exporter.flush = flush_exporter});
    seen.flush_outcome = TT_ERR_IO;
    assert_int_equal(tt_metric_reader_flush(reader, 60000), TT_ERR_IO);
    seen.flush_outcome = TT_ERR_TIMEOUT;
    assert_int_equal(tt_metric_reader_flush(reader, 60000), TT_ERR_TIMEOUT);
    assert_int_equal(tt_metric_reader_flush(reader, 0), TT_ERR_TIMEOUT);
    assert_int_equal(seen.flush_timeout_ms, 0);
    seen.flush_outcome = TT_OK;
    assert_int_equal(tt_metric_reader_flush(reader, 60000), TT_OK);
}

static void test_what_was_not_sent_need_not_be_flushed(void **state)
{
    (void)state;
    add_series("a", 1);
    start((tt_metric_reader_options){.exporter.flush = flush_exporter});
    seen.fails_at = 1;
    seen.outcome = TT_ERR_IO;
    assert_int_equal(tt_metric_reader_flush(reader, 60000), TT_ERR_IO);
    assert_int_equal(seen.flushes, 0);
}

static void test_reader_that_stops_flushes_its_exporter(void **state)
{
    (void)state;
    add_series("a", 1);
    start((tt_metric_reader_options){.exporter.flush = flush_exporter});
    seen.flush_outcome = TT_ERR_TIMEOUT;
    assert_int_equal(tt_metric_reader_stop(reader, 60000), TT_ERR_TIMEOUT);
    reader = NULL;
    assert_int_equal(seen.flushes, 1);
}

/* --- what does not return -------------------------------------------------------------------- */

/* Somebody else's code, and the thread that is left in it. */
static struct {
    sem_t entered, open, left;
    atomic_bool in_callback;
} stuck;

static void wait_in_it(void)
{
    (void)sem_post(&stuck.entered);
    (void)sem_wait(&stuck.open);
    (void)sem_post(&stuck.left);
}

static void observe_for_ever(tt_observation *o, void *arg)
{
    tt_observe_int(o, arg, 1, NULL, 0);
    if (!atomic_load(&stuck.in_callback))
        return;
    wait_in_it();
    tt_observe_int(o, arg, 2, NULL, 0); // all that it uses is there
}

static int send_for_ever(void *arg, enum tt_signal signal, const void *request, size_t n,
                         size_t items, int64_t timeout_ms)
{
    (void)arg, (void)signal, (void)items, (void)timeout_ms;
    char *copy = malloc(n);
    wait_in_it();
    memcpy(copy, request, n);
    free(copy);
    return TT_OK;
}

static void let_go(void *arg)
{
    (void)arg;
    (void)sem_post(&stuck.open);
}

static void count_close(void *arg)
{
    (void)arg;
    seen.flushes += 100;
}

static void start_stuck(tt_metric_reader_options o)
{
    assert_int_equal(sem_init(&stuck.entered, 0, 0) | sem_init(&stuck.open, 0, 0), 0);
    assert_int_equal(sem_init(&stuck.left, 0, 0), 0);
    o.size = sizeof o;
    o.interval_ms = 1;
    o.exporter.close = count_close;
    reader = tt_metric_reader_start(provider, &o);
    (void)sem_wait(&stuck.entered);
}

/* Then the thread goes on, with a reader and a provider that nobody else has any more. */
static void stop_stuck(void)
{
    assert_int_equal(tt_metric_reader_stop(reader, 10), TT_ERR_TIMEOUT);
    reader = NULL;
    assert_int_equal(seen.flushes, 0); // not closed
    uint64_t before = tt_problem_count(TT_PROBLEM_MISUSE);
    tt_meter_provider_free(provider);
    provider = NULL;
    assert_int_equal(tt_problem_count(TT_PROBLEM_MISUSE), before + 1);
    atomic_store(&stuck.in_callback, false);
    (void)sem_post(&stuck.open);
    (void)sem_wait(&stuck.left);
}

static void test_exporter_that_does_not_return_is_left_alone_at_the_end(void **state)
{
    (void)state;
    add_series("a", 3);
    start_stuck((tt_metric_reader_options){.exporter.send = send_for_ever});
    stop_stuck();
}

/* For threads that outlive the test. */
static int take(void *arg, enum tt_signal signal, const void *request, size_t n, size_t items,
                int64_t timeout_ms)
{
    (void)arg, (void)signal, (void)request, (void)n, (void)items, (void)timeout_ms;
    return TT_OK;
}

static void test_interval_of_any_length_is_taken(void **state)
{
    (void)state;
    tt_metric_reader_options o = {
        .size = sizeof o, .interval_ms = INT64_MAX, .exporter.send = take};
    tt_metric_reader *far = tt_metric_reader_start(provider, &o);
    assert_non_null(far);
    add_series("a", 1);
    assert_int_equal(tt_metric_reader_flush(far, 10000), TT_OK);
    assert_int_equal(tt_metric_reader_stop(far, 10000), TT_OK);
}

static void test_callback_that_does_not_return_is_left_alone_at_the_end(void **state)
{
    (void)state;
    tt_observable *o = tt_observable_new(meter, TT_OBSERVABLE_COUNTER, "o", NULL, NULL, NULL);
    atomic_store(&stuck.in_callback, true);
    assert_true(tt_meter_register_callback(meter, observe_for_ever, o) > 0);
    start_stuck((tt_metric_reader_options){.exporter.send = take});
    tt_metric_reader_options other = {.size = sizeof other, .interval_ms = 3600000};
    other.exporter.send = take;
    tt_metric_reader *r = tt_metric_reader_start(provider, &other);
    assert_int_equal(tt_metric_reader_flush(r, 10), TT_ERR_TIMEOUT); // waits for the first in vain
    assert_int_equal(tt_metric_reader_stop(r, 10), TT_ERR_TIMEOUT);
    stop_stuck();
}

static void test_cancelled_exporter_returns_and_all_is_freed(void **state)
{
    (void)state;
    add_series("a", 3);
    start_stuck((tt_metric_reader_options){.exporter = {.send = send_for_ever, .cancel = let_go}});
    assert_int_equal(tt_metric_reader_stop(reader, 10), TT_ERR_TIMEOUT);
    reader = NULL;
    assert_int_equal(seen.flushes, 100);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_batches_are_full_but_for_the_last),
        TEST(test_interval_of_any_length_is_taken),
        TEST(test_each_batch_has_all_that_stands_around_its_points),
        TEST(test_points_of_all_kinds_are_split),
        TEST(test_collection_that_fits_is_one_batch),
        TEST(test_full_batches_leave_no_empty_one),
        TEST(test_batch_that_fails_does_not_hold_up_the_others),
        TEST(test_exporter_that_is_shut_down_gets_no_more_batches),
        TEST(test_what_is_no_protobuf_is_split_without_harm),
        TEST(test_flush_reaches_the_exporter_after_what_was_collected),
        TEST(test_flush_says_whether_the_exporter_failed_or_ran_out_of_time),
        TEST(test_what_was_not_sent_need_not_be_flushed),
        TEST(test_reader_that_stops_flushes_its_exporter),
        TEST(test_exporter_that_does_not_return_is_left_alone_at_the_end),
        TEST(test_callback_that_does_not_return_is_left_alone_at_the_end),
        TEST(test_cancelled_exporter_returns_and_all_is_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
