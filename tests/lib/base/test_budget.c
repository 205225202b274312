#include "base/budget.h"

#include "base/arena.h"
#include "support/check.h"

static void test_what_one_takes_the_others_cannot(void **state)
{
    (void)state;
    struct budget all, one, other;
    budget_init(&all, 100, NULL);
    budget_init(&one, 80, &all);
    budget_init(&other, 80, &all);
    assert_true(budget_take(&one, 60));
    assert_false(budget_take(&other, 41));
    assert_ptr_equal(other.refused_by, &all);
    assert_true(budget_take(&other, 40));
    assert_int_equal(budget_used(&all), 100);
    budget_give(&one, 60);
    assert_false(budget_take(&one, 81));
    assert_ptr_equal(one.refused_by, &one);
    assert_int_equal(budget_used(&all), 40);
    assert_int_equal(budget_used(&one), 0);
    assert_int_equal(one.peak, 60);
}

static void test_a_budget_remembers_that_an_arena_failed(void **state)
{
    (void)state;
    struct budget b;
    struct arena a, other;
    budget_init(&b, 100000, NULL);
    arena_init_shared(&a, SIZE_MAX, &b);
    arena_init_shared(&other, SIZE_MAX, &b);
    assert_non_null(arena_alloc(&a, 50000));
    assert_false(atomic_load(&b.failed));
    assert_null(arena_alloc(&other, 60000));
    arena_reset(&other);
    assert_true(atomic_load(&b.failed));
    arena_done(&a);
    arena_done(&other);
}

static void test_sizes_near_the_largest_do_not_wrap(void **state)
{
    (void)state;
    struct budget b;
    budget_init(&b, 100, NULL);
    assert_true(budget_take(&b, 10));
    assert_false(budget_take(&b, SIZE_MAX));
    assert_false(budget_take(&b, SIZE_MAX - 5));
    assert_int_equal(budget_used(&b), 10);
}

static void test_a_smaller_maximum_refuses_until_enough_is_back(void **state)
{
    (void)state;
    struct budget b;
    budget_init(&b, 100, NULL);
    assert_true(budget_take(&b, 90));
    budget_resize(&b, 50);
    assert_false(budget_take(&b, 1));
    budget_give(&b, 60);
    assert_true(budget_take(&b, 20));
    assert_false(budget_take(&b, 1));
}

static void test_room_is_what_leaves_a_quarter_of_each_budget(void **state)
{
    (void)state;
    struct budget all, one;
    budget_init(&all, 1000, NULL);
    budget_init(&one, 400, &all);
    assert_true(budget_has_room(&one, 300));
    assert_false(budget_has_room(&one, 301));
    assert_true(budget_take(&all, 500));
    assert_true(budget_has_room(&one, 250));
    assert_false(budget_has_room(&one, 251));
    assert_true(budget_take(&one, 350));
    assert_false(budget_has_room(&one, 0));
    assert_false(budget_has_room(&one, SIZE_MAX));
}

static void test_the_error_is_that_of_the_budget_that_refused(void **state)
{
    (void)state;
    struct budget all, one;
    struct err err;
    budget_init(&all, 3 << 20, NULL);
    budget_init(&one, 8 << 20, &all);
    all.code = ERR_BUSY;
    all.who = "all need";
    all.advice = "wait";
    assert_false(budget_take(&one, 4 << 20));
    assert_int_equal(budget_error(&one, &err), ERR_BUSY);
    assert_string_equal(err.message, "all need more than 3 MiB of memory; wait");
}

static void test_arenas_take_from_it_and_give_back(void **state)
{
    (void)state;
    struct budget all, one;
    struct arena a, b;
    budget_init(&all, 1 << 20, NULL);
    budget_init(&one, 64 << 10, &all);
    arena_init_shared(&a, SIZE_MAX, &one);
    arena_init_shared(&b, SIZE_MAX, &one);
    assert_non_null(arena_alloc(&a, 40 << 10));
    assert_null(arena_alloc(&b, 40 << 10));
    assert_true(b.over_budget);
    arena_reset(&b);
    assert_int_equal(budget_used(&one), a.used);
    arena_leave_budget(&a);
    assert_int_equal(budget_used(&one), 0);
    assert_int_equal(budget_used(&all), a.used);
    assert_non_null(arena_alloc(&b, 40 << 10));
    for (int i = 0; i < 100; i++)
        (void)arena_alloc(&b, 100);
    arena_reset(&b);
    assert_int_equal(budget_used(&one), b.used);
    arena_done(&a);
    arena_done(&b);
    assert_int_equal(budget_used(&all), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_one_takes_the_others_cannot),
        cmocka_unit_test(test_a_budget_remembers_that_an_arena_failed),
        cmocka_unit_test(test_sizes_near_the_largest_do_not_wrap),
        cmocka_unit_test(test_a_smaller_maximum_refuses_until_enough_is_back),
        cmocka_unit_test(test_room_is_what_leaves_a_quarter_of_each_budget),
        cmocka_unit_test(test_the_error_is_that_of_the_budget_that_refused),
        cmocka_unit_test(test_arenas_take_from_it_and_give_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
