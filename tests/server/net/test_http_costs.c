/* A request is quick when those like it were, all of them, lately. */
#include "net/http_costs.h"

#include "base/time.h"
#include "support/check.h"

static const uint64_t one = UINT64_C(0x1234567800000001);
static const uint64_t in_the_same_slot = UINT64_C(0x1234567880000001);

static int set_up(void **state)
{
    static struct http_costs costs;
    costs = (struct http_costs){0};
    *state = &costs;
    return 0;
}

static void test_what_was_never_seen_is_not_quick(void **state)
{
    assert_false(http_costs_within(*state, one, NS_PER_S));
    http_costs_note(*state, one, 10 * NS_PER_US);
    assert_true(http_costs_within(*state, one, 20 * NS_PER_US));
    assert_false(http_costs_within(*state, one, 5 * NS_PER_US));
}

static void note_quick_ones(struct http_costs *costs, int n)
{
    for (int i = 0; i < n; i++)
        http_costs_note(costs, one, 10 * NS_PER_US);
}

static void test_a_slow_one_is_remembered_for_a_while(void **state)
{
    http_costs_note(*state, one, 8 * NS_PER_MS);
    note_quick_ones(*state, 3);
    assert_false(http_costs_within(*state, one, 500 * NS_PER_US));
    note_quick_ones(*state, 2);
    assert_true(http_costs_within(*state, one, 500 * NS_PER_US));
    note_quick_ones(*state, 10);
    assert_false(http_costs_within(*state, one, 10 * NS_PER_US));
    assert_true(http_costs_within(*state, one, 11 * NS_PER_US));
}

static void test_a_cold_first_one_is_forgotten_after_few(void **state)
{
    http_costs_note(*state, one, 3 * NS_PER_MS);
    note_quick_ones(*state, 3);
    assert_true(http_costs_within(*state, one, 500 * NS_PER_US));
}

static void test_likenesses_in_one_slot_are_not_taken_for_each_other(void **state)
{
    http_costs_note(*state, one, 10 * NS_PER_US);
    assert_false(http_costs_within(*state, in_the_same_slot, NS_PER_S));
    http_costs_note(*state, in_the_same_slot, 10 * NS_PER_US);
    assert_false(http_costs_within(*state, one, NS_PER_S));
}

static void test_an_hour_is_no_longer_than_the_field(void **state)
{
    http_costs_note(*state, one, 3600 * NS_PER_S);
    assert_false(http_costs_within(*state, one, NS_PER_S));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_what_was_never_seen_is_not_quick, set_up),
        cmocka_unit_test_setup(test_a_slow_one_is_remembered_for_a_while, set_up),
        cmocka_unit_test_setup(test_a_cold_first_one_is_forgotten_after_few, set_up),
        cmocka_unit_test_setup(test_likenesses_in_one_slot_are_not_taken_for_each_other, set_up),
        cmocka_unit_test_setup(test_an_hour_is_no_longer_than_the_field, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
