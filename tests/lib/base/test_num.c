#include "base/num.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/err.h"
#include "support/check.h"

static void test_num_integers_are_read_to_their_limits(void **state)
{
    (void)state;
    int64_t i;
    uint64_t u;
    assert_int_equal(num_parse_i64(STR("-9223372036854775808"), &i), 0);
    assert_true(i == INT64_MIN);
    assert_int_equal(num_parse_i64(STR("+9223372036854775807"), &i), 0);
    assert_true(i == INT64_MAX);
    assert_int_equal(num_parse_i64(STR("9223372036854775808"), &i), ERR_TOO_BIG);
    assert_int_equal(num_parse_i64(STR("-9223372036854775809"), &i), ERR_TOO_BIG);
    assert_int_equal(num_parse_u64(STR("18446744073709551615"), &u), 0);
    assert_true(u == UINT64_MAX);
    assert_int_equal(num_parse_u64(STR("18446744073709551616"), &u), ERR_TOO_BIG);
    assert_true(u == UINT64_MAX); // as before
}

static void test_num_refuses_what_is_no_integer(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "-", "+", " 1", "1 ", "1.0", "0x1", "1e3", "--1", "+-1"};
    int64_t i = 42;
    for (size_t k = 0; k < ARRAY_LEN(bad); k++)
        if (num_parse_i64(str_c(bad[k]), &i) != ERR_INVALID || i != 42)
            fail_msg("\"%s\"", bad[k]);
}

static void test_num_hexadecimal_is_read_to_64_bits(void **state)
{
    (void)state;
    uint64_t u = 42;
    assert_int_equal(num_parse_hex(STR("0123456789aBcDeF"), &u), 0);
    assert_true(u == 0x0123456789abcdefu);
    assert_int_equal(num_parse_hex(STR("00000000000000000ff"), &u), 0);
    assert_true(u == 0xff);
    assert_int_equal(num_parse_hex(STR("10000000000000000"), &u), ERR_TOO_BIG);
    static const char *const bad[] = {"", "0x1", "g", "-1", " 1", "1 ", "@", "`"};
    for (size_t k = 0; k < ARRAY_LEN(bad); k++)
        if (num_parse_hex(str_c(bad[k]), &u) != ERR_INVALID || u != 0xff)
            fail_msg("\"%s\"", bad[k]);
}

static void test_num_doubles_are_read_as_go_reads_them(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } cases[] = {
        {"0", 0},
        {"-0", -0.0},
        {"+1", 1},
        {"007", 7},
        {".5", 0.5},
        {"5.", 5},
        {"1e3", 1000},
        {"1E-3", 0.001},
        {"123456789012345678", 123456789012345678.0},
        {"0x1p-2", 0.25},
        {"0X1.8P1", 3},
        {"1_000.5", 1000.5},
        {"inf", INFINITY},
        {"+Inf", INFINITY},
        {"-INFINITY", -INFINITY},
        {"4.9e-324", 4.9e-324},
        {"1.7976931348623157e308", DBL_MAX},
        {"2.2250738585072011e-308", 2.2250738585072011e-308},
        {"1e-400", 0},
    };
    for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
        double v = 42;
        int rc = num_parse_double(str_c(cases[k].text), &v);
        if (rc != 0 || memcmp(&v, &cases[k].value, sizeof v) != 0)
            fail_msg("\"%s\" gave %d, %.17g", cases[k].text, rc, v);
    }
    double v;
    assert_int_equal(num_parse_double(STR("NaN"), &v), 0);
    assert_true(isnan(v));
    assert_int_equal(num_parse_double(STR("1e309"), &v), ERR_TOO_BIG);
    assert_true(isinf(v) && v > 0);
    assert_int_equal(num_parse_double(STR("-1e309"), &v), ERR_TOO_BIG);
    assert_true(isinf(v) && v < 0);
}

static void test_num_refuses_what_is_no_double(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",    " 1",     "1 ", "1,5",  "e5",   "1e",   "1e+",  "0x",   "nan(1)", "infinit",
        "--1", "1.2.3",  "_1", "1_",   "1__0", "1_.5", "1._5", "1_e5", "1e_5",   "\n1",
        "1\n", "0x1.8p", "1f", "true", "0b10", "+-1",  ".",    "-",
    };
    for (size_t k = 0; k < ARRAY_LEN(bad); k++) {
        double v = 42;
        int rc = num_parse_double(str_c(bad[k]), &v);
        if (rc != ERR_INVALID || v != 42)
            fail_msg("\"%s\" gave %d, %.17g", bad[k], rc, v);
    }
    double v;
    assert_int_equal(num_parse_double(STR("1\0002"), &v), ERR_INVALID);
}

/* By Go 1.22: FormatFloat(v, 'f', -1, 64), FormatFloat(v, 'g', -1, 64), and Prometheus's JSON. */
static void test_num_doubles_are_written_as_go_writes_them(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *plain, *general, *json;
    } cases[] = {
        {0, "0", "0", "0"},
        {-0.0, "-0", "-0", "-0"},
        {1, "1", "1", "1"},
        {-1.5, "-1.5", "-1.5", "-1.5"},
        {0.1, "0.1", "0.1", "0.1"},
        {1.0 / 3, "0.3333333333333333", "0.3333333333333333", "0.3333333333333333"},
        {0.1 + 0.2, "0.30000000000000004", "0.30000000000000004", "0.30000000000000004"},
        {100000, "100000", "100000", "100000"},
        {123456789.125, "123456789.125", "1.23456789125e+08", "123456789.125"},
        {1e20, "100000000000000000000", "1e+20", "100000000000000000000"},
        {1e21, "1000000000000000000000", "1e+21", "1e+21"},
        {0.0001, "0.0001", "0.0001", "0.0001"},
        {0.00001, "0.00001", "1e-05", "0.00001"},
        {1e-7, "0.0000001", "1e-07", "1e-07"},
        {1.5e300,
         "15000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
         "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
         "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
         "0000000000000000000000000000000000",
         "1.5e+300", "1.5e+300"},
        {INFINITY, "+Inf", "+Inf", "+Inf"},
        {-INFINITY, "-Inf", "-Inf", "-Inf"},
        {123456, "123456", "123456", "123456"},
        {1234567, "1234567", "1.234567e+06", "1234567"},
        {1e6, "1000000", "1e+06", "1000000"},
        {9007199254740993.0, "9007199254740992", "9.007199254740992e+15", "9007199254740992"},
    };
    char text[NUM_DOUBLE_MAX];
    for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
        size_t n = num_format_plain(text, cases[k].value);
        check_str(str_of(text, n), cases[k].plain);
        assert_int_equal(text[n], '\0');
        check_str(str_of(text, num_format_short(text, cases[k].value)), cases[k].general);
        check_str(str_of(text, num_format_json(text, cases[k].value)), cases[k].json);
    }
    check_str(str_of(text, num_format_plain(text, NAN)), "NaN");
}

static void test_num_smallest_and_largest_fit_the_room(void **state)
{
    (void)state;
    char text[NUM_DOUBLE_MAX];
    assert_true(num_format_plain(text, -DBL_TRUE_MIN) < NUM_DOUBLE_MAX);
    assert_true(num_format_plain(text, -DBL_MAX) < NUM_DOUBLE_MAX);
    assert_true(num_format_plain(text, -2.2250738585072011e-308) < NUM_DOUBLE_MAX);
}

static void check_round_trip(double v)
{
    static size_t (*const formats[])(char *, double) = {num_format_plain, num_format_short,
                                                        num_format_json};
    for (size_t k = 0; k < ARRAY_LEN(formats); k++) {
        char text[NUM_DOUBLE_MAX];
        size_t n = formats[k](text, v);
        double again;
        if (num_parse_double(str_of(text, n), &again) != 0 || memcmp(&v, &again, sizeof v) != 0)
            fail_msg("%.17g was written as %s", v, text);
    }
}

static void test_num_text_reads_back_as_the_same_double(void **state)
{
    (void)state;
    uint64_t random = 7;
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = check_random(&random);
        double v;
        memcpy(&v, &bits, sizeof v);
        if (!isnan(v))
            check_round_trip(v);
        check_round_trip((double)(int64_t)bits / 1000);
        check_round_trip((double)(bits % 100000) / 100);
    }
}

/* No shorter text than ours reads back: %.*e with a digit less must differ. */
static void test_num_text_is_the_shortest(void **state)
{
    (void)state;
    uint64_t random = 9;
    for (int i = 0; i < 5000; i++) {
        double v = (double)(check_random(&random) >> 11) * 0x1p-40;
        char text[NUM_DOUBLE_MAX], shorter[64];
        size_t n = num_format_plain(text, v);
        int digits = 0;
        bool leading = true;
        for (size_t k = 0; k < n; k++) {
            leading = leading && (text[k] == '0' || text[k] == '.');
            digits += !leading && text[k] != '.';
        }
        if (digits < 2 || !memchr(text, '.', n))
            continue;
        (void)snprintf(shorter, sizeof shorter, "%.*e", digits - 2, v);
        assert_true(strtod(shorter, NULL) != v);
    }
}

/* Numbers of one to seventeen digits with the point anywhere among them or before them. */
static void test_num_the_point_stands_in_its_place(void **state)
{
    (void)state;
    uint64_t random = 11;
    for (int i = 0; i < 200000; i++) {
        uint64_t r = check_random(&random);
        double v = (double)(r >> 7 >> r % 55) / pow(10, (double)(r / 64 % 23));
        char text[NUM_DOUBLE_MAX], expected[64];
        size_t n = num_format_json(text, v);
        const char *point = memchr(text, '.', n);
        if (memchr(text, 'e', n) || v >= 1e15)
            continue;
        int decimals = point ? (int)(text + n - point) - 1 : 0;
        (void)snprintf(expected, sizeof expected, "%.*f", decimals, v);
        assert_string_equal(text, expected);
    }
}

static void test_num_buf_put_double_is_the_short_form(void **state)
{
    (void)state;
    struct buf b = BUF_MAX(100);
    buf_put_double(&b, 1e-5);
    check_str(buf_str(&b), "1e-05");
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_num_integers_are_read_to_their_limits),
        cmocka_unit_test(test_num_refuses_what_is_no_integer),
        cmocka_unit_test(test_num_hexadecimal_is_read_to_64_bits),
        cmocka_unit_test(test_num_doubles_are_read_as_go_reads_them),
        cmocka_unit_test(test_num_refuses_what_is_no_double),
        cmocka_unit_test(test_num_doubles_are_written_as_go_writes_them),
        cmocka_unit_test(test_num_smallest_and_largest_fit_the_room),
        cmocka_unit_test(test_num_text_reads_back_as_the_same_double),
        cmocka_unit_test(test_num_text_is_the_shortest),
        cmocka_unit_test(test_num_the_point_stands_in_its_place),
        cmocka_unit_test(test_num_buf_put_double_is_the_short_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
