#include "support/check.h"
#include "telltale/catalog.h"

enum { Y2024 = 1704067200, Y2025 = 1735689600, LATE_2025 = 1764547200, LATE_2026 = 1795219200 };

static double cost(const tt_catalog *c, const char *provider, const char *model, tt_tokens tokens,
                   int64_t at)
{
    double usd = -1;
    return tt_catalog_cost(c, provider, model, &tokens, at, &usd) ? usd : -1;
}

static tt_catalog *with_prices(const tt_price *prices, size_t n)
{
    tt_catalog_options o = {.size = sizeof o, .prices = prices, .prices_n = n};
    return tt_catalog_new(&o);
}

static void check_near(double a, double b)
{
    assert_true(a > b - 1e-12 && a < b + 1e-12);
}

static void test_known_models_cost_what_their_providers_ask(void **state)
{
    (void)state;
    tt_tokens t = {.input = 1000, .output = 1000};
    check_near(cost(NULL, "anthropic", "claude-3-5-sonnet-20241022", t, LATE_2025),
               1000 * 0.000003 + 1000 * 0.000015);
    check_near(cost(NULL, "openai", "gpt-4", t, LATE_2025), 1000 * 0.00003 + 1000 * 0.00006);
    check_near(cost(NULL, NULL, "gpt-4", t, LATE_2025), 0.09);
}

static void test_unknown_models_have_no_cost(void **state)
{
    (void)state;
    tt_tokens t = {.input = 1000, .output = 1000};
    check_near(cost(NULL, "openai", "gpt-4-of-tomorrow", t, LATE_2025), -1);
    check_near(cost(NULL, "acme", "gpt-4", t, LATE_2025), -1);
    check_near(cost(NULL, "openai", "", t, LATE_2025), -1);
    check_near(cost(NULL, "openai", NULL, t, LATE_2025), -1);
    check_near(cost(NULL, "openai", "gpt-4", t, 0), -1); // before it was there
}

static void test_a_price_holds_from_its_date(void **state)
{
    (void)state;
    tt_tokens t = {.input = 1000000};
    check_near(cost(NULL, "openai", "gpt-4o", t, 1719792000), 5);
    check_near(cost(NULL, "openai", "gpt-4o", t, LATE_2025), 2.5);
}

static void test_a_cut_of_one_price_leaves_the_others(void **state)
{
    (void)state;
    tt_tokens t = {.input = 1000000, .cached_input = 1000000};
    check_near(cost(NULL, "anthropic", "claude-sonnet-5-5", t, 1790812800), 0.2); // 2026-10-01
    check_near(cost(NULL, "anthropic", "claude-sonnet-5-5", t, LATE_2026), 0.1);
    t.cached_input = 0;
    check_near(cost(NULL, "anthropic", "claude-sonnet-5-5", t, LATE_2026), 2);
}

static void test_cached_written_and_reasoning_tokens_have_prices_of_their_own(void **state)
{
    (void)state;
    const tt_price p = {"p", "m", 0, 0, 10, 20, 1, 12, 30};
    tt_catalog *c = with_prices(&p, 1);
    tt_tokens t = {.input = 1000, .cached_input = 300, .cache_write = 200, .output = 100};
    t.reasoning = 40;
    check_near(cost(c, "p", "m", t, 1), (500 * 10 + 300 * 1 + 200 * 12 + 60 * 20 + 40 * 30) / 1e6);
    tt_catalog_free(c);
}

static void test_parts_that_exceed_their_whole_are_cut(void **state)
{
    (void)state;
    const tt_price p = {"p", "m", 0, 0, 10, 20, 1, 12, 30};
    tt_catalog *c = with_prices(&p, 1);
    tt_tokens t = {.input = 100, .cached_input = 300, .cache_write = 7, .output = 10};
    t.reasoning = 11;
    check_near(cost(c, "p", "m", t, 1), (100 * 1 + 10 * 30) / 1e6);
    tt_tokens negative = {-5, -5, 5, -5, 5};
    check_near(cost(c, "p", "m", negative, 1), 0);
    tt_catalog_free(c);
}

static void test_exact_names_go_before_patterns_and_longer_ones_before_shorter(void **state)
{
    (void)state;
    const tt_price prices[] = {
        {"p", "m*", 0, 0, 1, 0, 0, 0, 0},
        {"p", "m-large*", 0, 0, 2, 0, 0, 0, 0},
        {"p", "m-large-2", 0, 0, 3, 0, 0, 0, 0},
    };
    tt_catalog *c = with_prices(prices, 3);
    tt_tokens t = {.input = 1000000};
    check_near(cost(c, "p", "m-small", t, 1), 1);
    check_near(cost(c, "p", "m-large-1", t, 1), 2);
    check_near(cost(c, "p", "m-large-2", t, 1), 3);
    check_near(cost(c, "p", "n", t, 1), -1);
    tt_catalog_free(c);
}

static void test_large_requests_have_the_price_of_their_tier(void **state)
{
    (void)state;
    tt_tokens small = {.input = 128000}, large = {.input = 128001};
    check_near(cost(NULL, "gcp.gemini", "gemini-1.5-pro", small, LATE_2025), 0.128 * 1.25);
    check_near(cost(NULL, "gcp.gemini", "gemini-1.5-pro", large, LATE_2025), 0.128001 * 2.5);
    tt_tokens cached = {.input = 200001, .cached_input = 200001};
    check_near(cost(NULL, "gcp.gemini", "gemini-2.5-pro", cached, LATE_2025), 0.200001 * 0.25);
}

static void test_own_prices_go_before_those_of_the_library(void **state)
{
    (void)state;
    const tt_price p = {NULL, "gpt-4", Y2025, 0, 7, 0, 0, 0, 0};
    tt_catalog *c = with_prices(&p, 1);
    tt_tokens t = {.input = 1000000};
    check_near(cost(c, "openai", "gpt-4", t, LATE_2025), 7);
    check_near(cost(c, "openai", "gpt-4", t, Y2024), 30);
    tt_catalog_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_models_cost_what_their_providers_ask),
        cmocka_unit_test(test_unknown_models_have_no_cost),
        cmocka_unit_test(test_a_price_holds_from_its_date),
        cmocka_unit_test(test_a_cut_of_one_price_leaves_the_others),
        cmocka_unit_test(test_cached_written_and_reasoning_tokens_have_prices_of_their_own),
        cmocka_unit_test(test_parts_that_exceed_their_whole_are_cut),
        cmocka_unit_test(test_exact_names_go_before_patterns_and_longer_ones_before_shorter),
        cmocka_unit_test(test_large_requests_have_the_price_of_their_tier),
        cmocka_unit_test(test_own_prices_go_before_those_of_the_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
