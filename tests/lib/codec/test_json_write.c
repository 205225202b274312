#include "codec/json_write.h"

#include <math.h>

#include "support/check.h"

static void check(struct buf *out, const char *expected)
{
    if (!str_eq(buf_str(out), str_c(expected)))
        fail_msg("got %.*s, expected %s", STR_ARG(buf_str(out)), expected);
    buf_done(out);
}

static void test_commas_stand_between_values_only(void **state)
{
    (void)state;
    struct buf out = BUF_MAX(1024);
    struct json j = json_to(&out);
    json_object(&j);
    json_member_str(&j, "a", STR("x"));
    json_key(&j, "b");
    json_array(&j);
    json_array(&j);
    json_array_end(&j);
    json_i64(&j, -1);
    json_bool(&j, true);
    json_null(&j);
    json_array_end(&j);
    json_key(&j, "c");
    json_object(&j);
    json_object_end(&j);
    json_object_end(&j);
    check(&out, "{\"a\":\"x\",\"b\":[[],-1,true,null],\"c\":{}}");
}

static void check_text(struct str s, const char *expected)
{
    struct buf out = BUF_MAX(1024);
    struct json j = json_to(&out);
    json_str(&j, s);
    check(&out, expected);
}

static void test_strings_are_always_valid_json(void **state)
{
    (void)state;
    check_text(STR(""), "\"\"");
    check_text(STR("a\"b\\c\n\r\t\x01"), "\"a\\\"b\\\\c\\n\\r\\t\\u0001\"");
    check_text(STR("gr\xc3\xbc\xc3\x9f"), "\"gr\xc3\xbc\xc3\x9f\"");
    check_text(STR("a\xff"
                   "b\xe2\x82"),
               "\"a\xef\xbf\xbd"
               "b\xef\xbf\xbd\xef\xbf\xbd\"");
    check_text(STR("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""); // a surrogate
}

static void test_numbers_are_written_as_prometheus_does(void **state)
{
    (void)state;
    struct buf out = BUF_MAX(1024);
    struct json j = json_to(&out);
    json_array(&j);
    json_double_str(&j, 0.1);
    json_double_str(&j, 1e21);
    json_double_str(&j, 1e-7);
    json_double_str(&j, NAN);
    json_double_str(&j, -INFINITY);
    json_double(&j, NAN);
    json_double(&j, 2.5);
    json_double(&j, 5);
    json_double(&j, 0x1p62);
    json_double(&j, -0x1p63);
    json_double(&j, 1e19);
    json_double(&j, 1e21);
    json_seconds(&j, 1500);
    json_seconds(&j, -1);
    json_seconds(&j, 1000);
    json_seconds(&j, 1010);
    json_array_end(&j);
    check(&out, "[\"0.1\",\"1e+21\",\"1e-07\",\"NaN\",\"-Inf\",null,2.5,5,4611686018427388000,"
                "-9223372036854776000.0,10000000000000000000.0,1e+21,1.5,-0.001,1,1.01]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commas_stand_between_values_only),
        cmocka_unit_test(test_strings_are_always_valid_json),
        cmocka_unit_test(test_numbers_are_written_as_prometheus_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
