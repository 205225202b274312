/* What fits best what somebody typed. */
#include "api/prometheus/likeness.h"

#include <math.h>

#include "support/check.h"

static double in_order(const char *name, const char *term)
{
    return likeness_subsequence(str_c(name), str_c(term), true);
}

static double jaro(const char *a, const char *b)
{
    return likeness_jaro_winkler(str_c(a), str_c(b), false);
}

static void test_what_is_closer_scores_higher(void **state)
{
    (void)state;
    static const char *const better[] = {"upper", "group", "usage_peak"};
    assert_true(in_order("up", "UP") == 1);
    assert_true(in_order("upper", "up") == 1); // what begins with it cannot fit better
    assert_true(fabs(in_order("group", "up") - (4 - 3 / 5.0) / 4) < 1e-9);
    assert_true(fabs(in_order("usage_peak", "up") - (2 - 5 / 10.0 - 3 / 20.0) / 4) < 1e-9);
    for (size_t i = 1; i < sizeof better / sizeof *better; i++)
        assert_true(in_order(better[i - 1], "up") > in_order(better[i], "up"));
    assert_true(in_order("pu", "up") == 0);
    assert_true(in_order("u", "up") == 0);
    assert_true(in_order("http_requests_total", "reqtot") > 0.3);
    assert_true(likeness_subsequence(STR("UP"), STR("up"), false) == 0);
}

static void test_jaro_and_winkler_give_what_they_published(void **state)
{
    (void)state;
    assert_true(fabs(jaro("MARTHA", "MARHTA") - 0.9611) < 1e-4);
    assert_true(fabs(jaro("DIXON", "DICKSONX") - 0.8133) < 1e-4);
    assert_true(fabs(jaro("DWAYNE", "DUANE") - 0.84) < 1e-4);
    assert_true(jaro("same", "same") == 1);
    assert_true(jaro("abc", "xyz") == 0);
    assert_true(jaro("", "x") == 0);
}

static void test_a_part_is_found_wherever_it_stands(void **state)
{
    (void)state;
    assert_true(likeness_contains(STR("http_requests"), STR("REQ"), true));
    assert_false(likeness_contains(STR("http_requests"), STR("REQ"), false));
    assert_true(likeness_begins(STR("Http_requests"), STR("http"), true));
    assert_false(likeness_begins(STR("Http_requests"), STR("http"), false));
    assert_false(likeness_begins(STR("ht"), STR("http"), true));
    assert_true(likeness_contains(STR("abc"), STR("c"), false));
    assert_false(likeness_contains(STR("ab"), STR("abc"), false));
    assert_true(likeness_contains(STR(""), STR(""), false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_closer_scores_higher),
        cmocka_unit_test(test_jaro_and_winkler_give_what_they_published),
        cmocka_unit_test(test_a_part_is_found_wherever_it_stands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
