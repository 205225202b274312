/* Each allocation fails once: nothing crashes, nothing leaks, and the SDK works without its
 * metrics. */
#include <stdlib.h>
#include <unistd.h>

#include "support/check.h"
#include "support/fail_alloc.h"
#include "telltale/log.h"
#include "telltale/prometheus_text.h"
#include "telltale/self.h"
#include "telltale/trace.h"

static int sent;

static int take(void *arg, enum tt_signal signal, const void *request, size_t n, size_t items,
                int64_t timeout_ms)
{
    (void)arg, (void)signal, (void)request, (void)n, (void)timeout_ms;
    sent += (int)items;
    return TT_OK;
}

/* `n`: which allocation fails. False when there were fewer. */
static bool watch(size_t n)
{
    tt_sdk sdk = {.process = getpid()};
    tt_tracer_provider_options t = {.size = sizeof t, .simple = true};
    t.exporter.send = take;
    t.sampler = tt_sampler_always_on();
    sdk.meters = tt_meter_provider_new(NULL);
    fail_alloc_at(n);
    tt_self *self = tt_self_new();
    tt_self_watch_exporter(self, TT_SIGNAL_TRACES, "mine", &t.exporter);
    bool failed = fail_alloc_happened();
    sdk.tracers = tt_tracer_provider_new(&t);
    if (!failed)
        fail_alloc_at(n > 1 ? n - 2 : 0);
    int rc = tt_self_start(self, &sdk);
    char *text = NULL;
    size_t text_n;
    tt_span_end(tt_span_start(tt_tracer_get(sdk.tracers, "t", NULL), "a", NULL));
    if (tt_prometheus_render_new(sdk.meters, NULL, 1 << 20, &text, &text_n) == TT_OK)
        free(text);
    failed = fail_alloc_happened() || failed;
    assert_true(rc == TT_OK || rc == TT_ERR_NOMEM || (!self && rc == TT_ERR_INVALID));
    tt_sdk_free(&sdk);
    return failed;
}

static void test_each_allocation_may_fail(void **state)
{
    (void)state;
    size_t n = 0;
    while (watch(n))
        n++;
    assert_true(n > 10);
    assert_true(sent > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
