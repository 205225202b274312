#include "base/arena.h"

#include <stdint.h>

#include "base/budget.h"
#include "support/check.h"
#include "support/fail_alloc.h"

static void test_arena_objects_are_aligned(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    const char *last = NULL;
    for (size_t n = 0; n < 200; n++) {
        char *p = arena_alloc(&a, n);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        assert_ptr_not_equal(p, last);
        memset(p, (int)n, n);
        last = p;
    }
    assert_false(arena_failed(&a));
    arena_done(&a);
}

static void test_arena_objects_keep_their_bytes(void **state)
{
    (void)state;
    enum { N = 3000 };
    static unsigned char *objects[N];
    struct arena a;
    arena_init(&a, 16 << 20);
    for (size_t i = 0; i < N; i++) {
        objects[i] = arena_alloc(&a, i);
        assert_non_null(objects[i]);
        memset(objects[i], (int)(i & 255), i);
    }
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < i; j++)
            if (objects[i][j] != (i & 255))
                fail_msg("byte %zu of object %zu changed", j, i);
    arena_done(&a);
}

static void test_arena_two_empty_objects_differ(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 16);
    void *p = arena_alloc(&a, 0), *q = arena_alloc(&a, 0);
    assert_non_null(p);
    assert_ptr_not_equal(p, q);
    arena_done(&a);
}

static void test_arena_over_budget_fails_for_good(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 10000);
    assert_non_null(arena_alloc(&a, 5000));
    assert_null(arena_alloc(&a, 6000));
    assert_true(arena_failed(&a));
    assert_null(arena_alloc(&a, 1)); // although there is room
    assert_true(a.used <= 10000);
    arena_done(&a);
}

static void test_arena_uses_what_is_left_of_its_budget(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 9000);
    assert_non_null(arena_alloc(&a, 3500)); // opens a block of 4096; the next would be 8192
    assert_non_null(arena_alloc(&a, 4500));
    assert_null(arena_alloc(&a, 4500));
    arena_done(&a);
}

static void test_arena_reset_makes_room_and_clears_failure(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 100000);
    for (int round = 0; round < 50; round++) {
        while (arena_alloc(&a, 1000))
            ;
        assert_true(arena_failed(&a));
        arena_reset(&a);
        assert_false(arena_failed(&a));
        assert_non_null(arena_alloc(&a, 1000));
    }
    arena_done(&a);
}

static void test_arena_zeroes_arrays_and_checks_their_size(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, SIZE_MAX);
    int *v = arena_alloc(&a, 100 * sizeof *v);
    assert_non_null(v);
    memset(v, 1, 100 * sizeof *v);
    arena_reset(&a);
    v = arena_array(&a, 100, sizeof *v);
    assert_non_null(v);
    for (int i = 0; i < 100; i++)
        assert_int_equal(v[i], 0);
    assert_null(arena_array(&a, SIZE_MAX / 2, 16));
    assert_true(arena_failed(&a));
    arena_done(&a);
}

static void test_arena_grow_copies_what_is_used(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    size_t cap = 0, n = 0;
    int *v = NULL;
    for (int i = 0; i < 1000; i++) {
        if (n == cap) {
            size_t more = cap ? cap * 2 : 4;
            v = arena_grow(&a, v, n, more, sizeof *v);
            assert_non_null(v);
            cap = more;
        }
        v[n++] = i;
    }
    for (int i = 0; i < 1000; i++)
        assert_int_equal(v[i], i);
    arena_done(&a);
}

static void test_arena_extends_the_last_object_in_place(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    int *v = arena_extend(&a, NULL, 0, 10, sizeof *v);
    v[9] = 9;
    assert_ptr_equal(arena_extend(&a, v, 10, 100, sizeof *v), v);
    v[99] = 99;
    assert_non_null(arena_alloc(&a, 1));
    int *w = arena_extend(&a, v, 100, 200, sizeof *w);
    assert_ptr_not_equal(w, v);
    assert_int_equal(w[9] + w[99], 108);
    w[199] = 1;
    int *x = arena_extend(&a, w, 200, 100000, sizeof *x); // more than the block has
    assert_ptr_not_equal(x, w);
    assert_int_equal(x[9] + x[99] + x[199], 109);
    assert_null(arena_extend(&a, x, 100000, SIZE_MAX / 8, sizeof *x));
    assert_true(arena_failed(&a));
    arena_done(&a);
}

static void test_arena_copies_text_with_a_nul_behind(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 12);
    struct str s = arena_str(&a, STR("text"));
    check_str(s, "text");
    assert_int_equal(s.p[4], '\0');
    check_str(arena_str(&a, (struct str){0}), "");
    arena_done(&a);
}

/* Small blocks, then mapped ones, and one object larger than any block. */
static void test_arena_of_many_megabytes_keeps_its_bytes_and_its_account(void **state)
{
    (void)state;
    enum { OBJECT = 100000, N = 600, HUGE_OBJECT = 30 << 20 };
    struct budget all;
    budget_init(&all, 200 << 20, NULL);
    struct arena a;
    arena_init_shared(&a, 150 << 20, &all);
    unsigned char *v[N];
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < N; i++) {
            v[i] = arena_alloc(&a, OBJECT);
            assert_non_null(v[i]);
            memset(v[i], (int)(i % 251), OBJECT);
        }
        unsigned char *huge = arena_zalloc(&a, HUGE_OBJECT);
        assert_non_null(huge);
        assert_int_equal(huge[HUGE_OBJECT - 1], 0);
        for (size_t i = 0; i < N; i++) {
            assert_int_equal(v[i][0], i % 251);
            assert_int_equal(v[i][OBJECT - 1], i % 251);
        }
        assert_in_range(a.used, (size_t)OBJECT * N + HUGE_OBJECT, 110 << 20);
        assert_int_equal(budget_used(&all), a.used);
        arena_reset(&a);
        assert_in_range(a.used, 1, 31 << 20);
    }
    arena_done(&a);
    assert_int_equal(budget_used(&all), 0);
}

static void test_arena_survives_each_failing_allocation(void **state)
{
    (void)state;
    for (size_t n = 0;; n++) {
        struct arena a;
        arena_init(&a, 1 << 20);
        fail_alloc_at(n);
        for (int i = 0; i < 100; i++)
            (void)arena_alloc(&a, 1000); // the sticky flag is tested once, below
        bool failed = arena_failed(&a);
        bool happened = fail_alloc_happened();
        assert_int_equal(failed, happened);
        arena_reset(&a);
        assert_non_null(arena_alloc(&a, 1000));
        arena_done(&a);
        if (!happened) {
            assert_true(n > 1);
            break;
        }
    }
}

static void test_room_is_made_by_doubling_and_kept_when_there_is_none(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    int *v = NULL;
    size_t cap = 0, expected = 3;
    for (size_t n = 0; n < 100; n++) {
        v = arena_room(&a, v, n, &cap, 3, sizeof *v);
        assert_non_null(v);
        expected = n < expected ? expected : expected * 2;
        assert_int_equal(cap, expected);
        v[n] = (int)n;
    }
    for (int i = 0; i < 100; i++)
        assert_int_equal(v[i], i);
    cap = 100;
    assert_null(arena_room(&a, v, 100, &cap, 3, 1 << 20));
    assert_int_equal(cap, 100);
    assert_true(arena_failed(&a));
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena_objects_are_aligned),
        cmocka_unit_test(test_arena_objects_keep_their_bytes),
        cmocka_unit_test(test_arena_two_empty_objects_differ),
        cmocka_unit_test(test_arena_over_budget_fails_for_good),
        cmocka_unit_test(test_arena_uses_what_is_left_of_its_budget),
        cmocka_unit_test(test_arena_reset_makes_room_and_clears_failure),
        cmocka_unit_test(test_arena_zeroes_arrays_and_checks_their_size),
        cmocka_unit_test(test_arena_grow_copies_what_is_used),
        cmocka_unit_test(test_arena_extends_the_last_object_in_place),
        cmocka_unit_test(test_arena_copies_text_with_a_nul_behind),
        cmocka_unit_test(test_arena_of_many_megabytes_keeps_its_bytes_and_its_account),
        cmocka_unit_test(test_arena_survives_each_failing_allocation),
        cmocka_unit_test(test_room_is_made_by_doubling_and_kept_when_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
