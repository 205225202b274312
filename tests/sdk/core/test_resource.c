#include "telltale/resource.h"

#include <stdlib.h>
#include <string.h>

#include "support/check.h"

/* The text of an attribute; "" when it is not there. */
static struct str text_of(const tt_resource *r, const char *key)
{
    const tt_attr *attrs;
    size_t n = tt_resource_attributes(r, &attrs);
    for (size_t i = 0; i < n; i++) {
        if (str_eq(str_of(attrs[i].key, attrs[i].key_n), str_c(key)))
            return str_of(attrs[i].value.as.text, attrs[i].value.n);
    }
    return STR("");
}

static tt_resource *from_environment(const char *attributes)
{
    assert_int_equal(setenv("OTEL_RESOURCE_ATTRIBUTES", attributes, 1), 0);
    tt_resource *r = tt_resource_default();
    assert_int_equal(unsetenv("OTEL_RESOURCE_ATTRIBUTES"), 0);
    assert_non_null(r);
    return r;
}

static void test_default_tells_what_it_is(void **state)
{
    (void)state;
    tt_resource *r = tt_resource_default();
    check_str(text_of(r, "telemetry.sdk.language"), "c");
    check_str(text_of(r, "service.name"), "unknown_service:test_sdk_resource");
    assert_null(tt_resource_schema_url(r));
    tt_resource_free(r);
}

static void test_environment_adds_and_replaces(void **state)
{
    (void)state;
    tt_resource *r = from_environment(" a = 1 ,b=x%20%3d,,service.name=named,a=2");
    check_str(text_of(r, "a"), "2");
    check_str(text_of(r, "b"), "x =");
    check_str(text_of(r, "service.name"), "named");
    tt_resource_free(r);
    assert_int_equal(setenv("OTEL_SERVICE_NAME", "better", 1), 0);
    r = from_environment("service.name=named");
    check_str(text_of(r, "service.name"), "better");
    tt_resource_free(r);
    assert_int_equal(unsetenv("OTEL_SERVICE_NAME"), 0);
}

static void test_malformed_list_is_left_out_as_a_whole(void **state)
{
    (void)state;
    static const char *const bad[] = {"a=1,b", "a=1,=2", "a=%zz", "a=%2", "="};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint64_t before = tt_problem_count(TT_PROBLEM_MISUSE);
        tt_resource *r = from_environment(bad[i]);
        check_str(text_of(r, "a"), "");
        check_str(text_of(r, "telemetry.sdk.language"), "c");
        assert_int_equal(tt_problem_count(TT_PROBLEM_MISUSE) - before, 1);
        tt_resource_free(r);
    }
    static char large[10000];
    memset(large, 'x', sizeof large - 1);
    tt_resource *r = from_environment(large);
    assert_non_null(r);
    tt_resource_free(r);
}

static void test_merge_prefers_what_is_over(void **state)
{
    (void)state;
    tt_attr base_attrs[] = {tt_str("a", "1"), tt_str("b", "1")};
    tt_attr over_attrs[] = {tt_str("b", "2"), tt_str("c", "2")};
    tt_resource *base = tt_resource_new(base_attrs, 2, "url:1");
    tt_resource *over = tt_resource_new(over_attrs, 2, NULL);
    tt_resource *merged = tt_resource_merge(base, over);
    check_str(text_of(merged, "a"), "1");
    check_str(text_of(merged, "b"), "2");
    check_str(text_of(merged, "c"), "2");
    assert_string_equal(tt_resource_schema_url(merged), "url:1");
    tt_resource *other = tt_resource_new(NULL, 0, "url:2");
    tt_resource *torn = tt_resource_merge(base, other), *none = tt_resource_merge(NULL, NULL);
    assert_null(tt_resource_schema_url(torn));
    const tt_attr *attrs;
    assert_int_equal(tt_resource_attributes(none, &attrs), 0);
    tt_resource *all[] = {base, over, merged, other, torn, none};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        tt_resource_free(all[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_default_tells_what_it_is),
        cmocka_unit_test(test_environment_adds_and_replaces),
        cmocka_unit_test(test_malformed_list_is_left_out_as_a_whole),
        cmocka_unit_test(test_merge_prefers_what_is_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
