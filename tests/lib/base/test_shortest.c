/* Against the C library, which is exact: nothing with a digit less reads back, and of those of its
 * length it is the nearest (unless that one, beside a power of two, does not read back). */
#include "base/shortest.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "support/check.h"

/* The decimal of so many digits that is nearest to v, moved by `by` in its last digit. */
static struct shortest rounded(double v, int digits, int by)
{
    char text[40];
    (void)snprintf(text, sizeof text, "%.*e", digits - 1, v);
    const char *e = strchr(text, 'e');
    uint64_t mantissa = 0;
    for (const char *p = text; p < e; p++)
        if (*p != '.')
            mantissa = mantissa * 10 + (uint64_t)(*p - '0');
    int64_t exponent = 0;
    assert_int_equal(num_parse_i64(str_c(e + 1), &exponent), 0);
    return (struct shortest){mantissa + (uint64_t)by, (int)exponent - digits + 1};
}

static bool reads_back(struct shortest s, double v)
{
    char text[40];
    (void)snprintf(text, sizeof text, "%llue%d", (unsigned long long)s.digits, s.exponent);
    return strtod(text, NULL) == v;
}

static void expect_shortest(double v)
{
    struct shortest s = shortest_decimal(v);
    char text[24];
    int digits = snprintf(text, sizeof text, "%llu", (unsigned long long)s.digits);
    if (!reads_back(s, v))
        fail_msg("%.17g became %se%d", v, text, s.exponent);
    for (int by = -1; digits > 1 && by <= 1; by++)
        if (reads_back(rounded(v, digits - 1, by), v))
            fail_msg("%.17g became %se%d and could be shorter", v, text, s.exponent);
    struct shortest nearest = rounded(v, digits, 0);
    if (reads_back(nearest, v) && nearest.digits != s.digits)
        fail_msg("%.17g became %se%d, which is not the nearest", v, text, s.exponent);
}

static void test_doubles_of_all_bits(void **state)
{
    (void)state;
    uint64_t random = 1;
    for (int i = 0; i < 100000;) {
        uint64_t bits = check_random(&random) & INT64_MAX;
        double v;
        memcpy(&v, &bits, sizeof v);
        if (!isfinite(v) || v == 0)
            continue;
        expect_shortest(v);
        i++;
    }
}

/* Where the neighbour below is nearer than the one above, and around it. */
static void test_every_power_of_two(void **state)
{
    (void)state;
    for (int e = -1074; e < 1024; e++) {
        double v = ldexp(1, e);
        expect_shortest(v);
        expect_shortest(nextafter(v, INFINITY));
        if (e > -1074)
            expect_shortest(nextafter(v, 0));
    }
}

static void test_every_power_of_ten(void **state)
{
    (void)state;
    for (int k = -323; k <= 308; k++) {
        char text[16];
        (void)snprintf(text, sizeof text, "1e%d", k);
        expect_shortest(strtod(text, NULL));
        struct shortest s = shortest_decimal(strtod(text, NULL));
        assert_int_equal(s.digits, 1);
        assert_int_equal(s.exponent, k);
    }
}

static void test_the_ends_of_the_range(void **state)
{
    (void)state;
    expect_shortest(DBL_TRUE_MIN);
    expect_shortest(DBL_MIN);
    expect_shortest(nextafter(DBL_MIN, 0));
    expect_shortest(DBL_MAX);
    expect_shortest(9007199254740993.0);
    expect_shortest(2e22);
    expect_shortest(5e-324);
}

static void test_decimals_of_few_digits(void **state)
{
    (void)state;
    uint64_t random = 3;
    for (int i = 0; i < 50000; i++) {
        uint64_t r = check_random(&random);
        expect_shortest((double)(r % 1000000 + 1) / 1000);
        expect_shortest((double)(r % 100000000 + 1) / 3);
    }
}

static struct shortest narrowed(const struct shortest_wide *w)
{
    struct shortest s = {w->sixteen * 10 + w->last, w->point - 17};
    for (; s.digits % 10 == 0; s.digits /= 10)
        s.exponent++;
    return s;
}

/* How many of the n values, each made of random bits, it tells. */
static int count_told(double (*make)(uint64_t random), int n)
{
    uint64_t random = 5;
    int told = 0;
    for (int i = 0; i < n; i++) {
        double v = make(check_random(&random));
        struct shortest_wide w;
        if (!isfinite(v) || v <= 0 || !shortest_wide(v, &w))
            continue;
        struct shortest s = shortest_decimal(v), same = narrowed(&w);
        assert_in_range(w.sixteen, 1000000000000000, 9999999999999999);
        assert_in_range(w.last, 0, 9);
        assert_int_equal(same.digits, s.digits);
        assert_int_equal(same.exponent, s.exponent);
        told++;
    }
    return told;
}

static double any_bits(uint64_t random)
{
    random &= INT64_MAX;
    double v;
    memcpy(&v, &random, sizeof v);
    return v;
}

static double few_digits(uint64_t random)
{
    return (double)(random % 100000 + 1) / 1000;
}

static double near_a_power_of_two(uint64_t random)
{
    double v = ldexp(1, (int)(random % 2000) - 1000);
    return random >> 63 ? nextafter(v, INFINITY) : nextafter(v, 0);
}

static double whole(uint64_t random)
{
    return (double)(random >> (random % 64));
}

static void test_the_wide_form_is_the_same_decimal(void **state)
{
    (void)state;
    assert_true(count_told(any_bits, 300000) > 298000);
    assert_true(count_told(few_digits, 100000) > 98000);
    (void)count_told(near_a_power_of_two, 10000); // few or many, as long as they are right
    (void)count_told(whole, 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_doubles_of_all_bits),
        cmocka_unit_test(test_every_power_of_two),
        cmocka_unit_test(test_every_power_of_ten),
        cmocka_unit_test(test_the_ends_of_the_range),
        cmocka_unit_test(test_decimals_of_few_digits),
        cmocka_unit_test(test_the_wide_form_is_the_same_decimal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
