/* Each allocation fails once: nothing crashes, nothing leaks, and what was counted before stays. */
#include <stdlib.h>
#include <string.h>

#include "support/check.h"
#include "support/fail_alloc.h"
#include "telltale/metrics.h"
#include "telltale/prometheus_text.h"

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
    char *text = NULL;
    size_t n;
    bool ok = tt_prometheus_render_new(p, NULL, 1 << 20, &text, &n) == TT_OK;
    free(text);
    return ok;
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    bool done = false;
    for (size_t n = 0; !done; n++) {
        fail_alloc_at(n);
        tt_meter_provider *p = tt_meter_provider_new(NULL);
        (void)use(p);
        done = !fail_alloc_happened();
        tt_meter_provider_free(p);
    }
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
        cmocka_unit_test(test_recording_does_not_allocate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
