/* Each allocation fails once: nothing crashes, nothing leaks, and what was counted before stays. */
#include <stdlib.h>

#include "metrics/otlp_metrics.h"
#include "metrics/split.h"
#include "metrics/view.h"
#include "support/check.h"
#include "support/fail_alloc.h"
#include "telltale/context.h"
#include "telltale/metrics.h"
#include "telltale/process.h"
#include "telltale/prometheus_text.h"
#include "telltale/view.h"

/* Views, exemplars, deltas and removed sets; what fails is left out. */
static void use_more(tt_meter_provider *p)
{
    static const char *const keys[] = {"i"};
    tt_view v = {.size = sizeof v, .instrument = "viewed", .name = "renamed"};
    v.attribute_keys = keys;
    v.attribute_keys_n = 1;
    (void)tt_meter_provider_add_view(p, &v);
    (void)tt_meter_provider_add_view(p, &(tt_view){.size = sizeof v, .instrument = "view*"});
    (void)tt_meter_provider_switch(p, "off*", false);
    tt_counter *c = tt_counter_new(tt_meter_get(p, "test", "1"), "viewed", NULL);
    tt_span_context sampled = {.trace_id = {1}, .span_id = {1}, .flags = TT_FLAG_SAMPLED};
    tt_context *context = tt_context_remote(&sampled, NULL);
    tt_token token = tt_context_enter(context);
    for (int i = 0; i < 20; i++) {
        tt_attr attrs[] = {tt_int("i", i % 10), tt_str("a.b", "c")};
        tt_counter_add(c, 1, attrs, 2);
        tt_bound_counter_add(tt_counter_bind(c, attrs, 2), 1);
    }
    tt_leave(token);
    tt_context_free(context);
    struct delta d = {.temporality = TT_TEMPORALITY_DELTA};
    struct buf request = BUF_MAX(1 << 20);
    size_t points;
    for (int i = 0; p && i < 2; i++)
        (void)otlp_metrics_collect(p, &d, INT64_MAX, &request, &points);
    buf_done(&request);
    delta_done(&d);
    (void)tt_meter_provider_remove_idle(p);
    (void)tt_meter_provider_remove_idle(p);
    (void)tt_process_metrics_start(p);
}

static void *make_reservoir(void *arg, const double *bounds, size_t bounds_n)
{
    (void)arg, (void)bounds, (void)bounds_n;
    return malloc(1);
}

static void offer(void *reservoir, const tt_measurement *m)
{
    (void)reservoir, (void)m;
}

static void collect(void *reservoir, void (*give)(void *to, const tt_measurement *m), void *to)
{
    (void)reservoir;
    const tt_attr dropped = tt_str("user", "ann");
    give(to, &(tt_measurement){.number = 1, .unix_ns = INT64_MAX, .attrs = &dropped, .attrs_n = 1});
}

/* Views that are put together, a reservoir of the program's, and a reader with its own streams.
 * Gives the points of an export. */
static size_t compose(void)
{
    static const char *const keys[] = {"i", "j"};
    tt_meter_provider_options o = {.size = sizeof o, .view_matching = TT_VIEWS_COMPOSABLE};
    o.exemplars = TT_EXEMPLARS_ALWAYS_ON;
    tt_meter_provider *p = tt_meter_provider_new(&o);
    tt_reservoir own = {sizeof own, make_reservoir, offer, collect, free, NULL};
    tt_view v = {.size = sizeof v, .instrument = "c", .name = "n", .own_reservoir = &own};
    tt_stream_defaults defaults = {.size = sizeof defaults, .cardinality_limit = {1}};
    v.attribute_keys = keys;
    v.attribute_keys_n = 2;
    (void)tt_meter_provider_add_view(p, &v);
    (void)tt_meter_provider_add_view(p, &(tt_view){.size = sizeof v, .description = "all"});
    struct delta d = {.temporality = TT_TEMPORALITY_CUMULATIVE};
    d.reader = p ? view_add_reader(p, &defaults) : 0;
    tt_counter *c = tt_counter_new(tt_meter_get(p, "test", "1"), "c", NULL);
    tt_attr attrs[] = {tt_int("i", 1), tt_str("user", "ann")};
    tt_counter_add(c, 1, attrs, 2);
    tt_bound_counter_add(tt_counter_bind(c, attrs, 2), 1);
    struct buf request = BUF_MAX(1 << 20);
    size_t points = 0;
    if (p)
        (void)otlp_metrics_collect(p, &d, INT64_MAX, &request, &points);
    buf_done(&request);
    delta_done(&d);
    tt_meter_provider_free(p);
    return points;
}

static bool use(tt_meter_provider *p)
{
    tt_instrument_options e = {.size = sizeof e, .exponential = true, .unit = "s"};
    tt_meter *m = tt_meter_get(p, "test", "1");
    tt_counter *c = tt_counter_new(m, "c", NULL);
    tt_histogram *h = tt_histogram_new(m, "h", NULL), *x = tt_histogram_new(m, "x", &e);
    for (int i = 0; i < 20; i++) {
        tt_attr attrs[] = {tt_int("i", i), tt_str("a.b", "c")};
        tt_counter_add(c, 1, attrs, 2);
        tt_histogram_record(h, i, attrs, 2);
        tt_histogram_record(x, -i, attrs, 2);
    }
    static const enum tt_prometheus_format formats[] = {
        TT_PROMETHEUS_TEXT, TT_PROMETHEUS_OPENMETRICS, TT_PROMETHEUS_PROTOBUF};
    bool ok = true;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        tt_prometheus_options o = {.size = sizeof o, .format = formats[i]};
        char *text = NULL;
        size_t n;
        ok = tt_prometheus_render_new(p, &o, 1 << 20, &text, &n) == TT_OK && ok;
        free(text);
    }
    return ok;
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    bool done = false, rendered = false;
    for (size_t n = 0; !done; n++) {
        fail_alloc_at(n);
        tt_meter_provider *p = tt_meter_provider_new(NULL);
        use_more(p);
        rendered = use(p);
        done = !fail_alloc_happened();
        tt_meter_provider_free(p);
    }
    assert_true(rendered); // now that nothing failed
}

static void test_every_allocation_of_composed_views_may_fail(void **state)
{
    (void)state;
    bool done = false;
    size_t points = 0;
    for (size_t n = 0; !done; n++) {
        fail_alloc_at(n);
        points = compose();
        done = !fail_alloc_happened();
    }
    assert_int_equal(points, 1); // now that nothing failed
}

static bool count_points(void *arg, const struct buf *part, size_t points)
{
    assert_true(part->n > 0);
    *(size_t *)arg += points;
    return true;
}

static void test_splitting_a_collection_may_run_out_of_memory(void **state)
{
    (void)state;
    struct buf request = BUF_MAX(1 << 20);
    struct delta delta = {.temporality = TT_TEMPORALITY_CUMULATIVE};
    tt_meter_provider *p = tt_meter_provider_new(NULL);
    tt_counter *c = tt_counter_new(tt_meter_get(p, "test", "1"), "c", NULL);
    size_t points;
    for (int i = 0; i < 100; i++) {
        tt_attr attr = tt_int("i", i);
        tt_counter_add(c, 1, &attr, 1);
    }
    assert_int_equal(otlp_metrics_collect(p, &delta, INT64_MAX, &request, &points), TT_OK);
    assert_int_equal(points, 100);
    for (size_t n = 0;; n++) {
        size_t sent = 0;
        fail_alloc_at(n);
        bool ok = metrics_split(&request, 30, count_points, &sent);
        if (!fail_alloc_happened()) {
            assert_true(ok && n > 3);
            assert_int_equal(sent, 100);
            break;
        }
        assert_false(ok);
        assert_true(sent < 100);
    }
    buf_done(&request);
    delta_done(&delta);
    tt_meter_provider_free(p);
}

static void test_recording_does_not_allocate(void **state)
{
    (void)state;
    tt_meter_provider *p = tt_meter_provider_new(NULL);
    assert_true(use(p));
    tt_meter *m = tt_meter_get(p, "test", "1");
    tt_counter *c = tt_counter_new(m, "c", NULL);
    tt_histogram *h = tt_histogram_new(m, "h", NULL);
    (void)fail_alloc_count();
    for (int i = 0; i < 1000; i++) {
        tt_attr attrs[] = {tt_int("i", i % 20), tt_str("a.b", "c")};
        tt_counter_add(c, 1, attrs, 2);
        tt_histogram_record(h, i, attrs, 2);
    }
    assert_int_equal(fail_alloc_count(), 0);
    tt_meter_provider_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_allocation_may_fail),
        cmocka_unit_test(test_every_allocation_of_composed_views_may_fail),
        cmocka_unit_test(test_splitting_a_collection_may_run_out_of_memory),
        cmocka_unit_test(test_recording_does_not_allocate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
