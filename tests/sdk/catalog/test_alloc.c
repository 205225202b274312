/* Each allocation fails once while every operation and call is used: nothing crashes, nothing
 * leaks. */
#include <stdlib.h>

#include "drive.h"
#include "support/check.h"
#include "support/fail_alloc.h"
#include "telltale/catalog.h"
#include "telltale/prometheus_text.h"

static void use(void)
{
    tt_meter_provider *meters = tt_meter_provider_new(NULL);
    tt_catalog_options o = {.size = sizeof o, .meters = meters};
    o.sets = TT_SET_APPROVALS | TT_SET_GATEWAY;
    tt_catalog *catalog = tt_catalog_new(&o);
    drive_everything(catalog);
    char *text = NULL;
    size_t n;
    if (tt_prometheus_render_new(meters, NULL, 1 << 22, &text, &n) == TT_OK)
        free(text);
    tt_catalog_free(catalog);
    tt_meter_provider_free(meters);
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    size_t n = 0;
    for (bool done = false; !done; n++) {
        fail_alloc_at(n);
        use();
        done = !fail_alloc_happened();
    }
    assert_true(n > 100);
}

static void use_tool(tt_catalog *catalog)
{
    tt_tool_call call = {.size = sizeof call, .tool = "grep"};
    tt_tool_call_begin(catalog, &call);
    tt_tool_call_end(&call);
    tt_error_record(catalog, "here", "timeout", "error");
}

static void test_recording_what_is_known_does_not_allocate(void **state)
{
    (void)state;
    tt_meter_provider *meters = tt_meter_provider_new(NULL);
    tt_catalog_options o = {.size = sizeof o, .meters = meters, .sets = TT_SET_AGENTS};
    tt_catalog *catalog = tt_catalog_new(&o);
    use_tool(catalog);
    (void)fail_alloc_count();
    for (int i = 0; i < 100; i++)
        use_tool(catalog);
    assert_int_equal(fail_alloc_count(), 0);
    tt_catalog_free(catalog);
    tt_meter_provider_free(meters);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_allocation_may_fail),
        cmocka_unit_test(test_recording_what_is_known_does_not_allocate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
