#include "base/map.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "support/check.h"
#include "support/fail_alloc.h"

enum { KEYS = 300 };
static char names[KEYS][16];
static int values[KEYS];

static int make_names(void **state)
{
    (void)state;
    for (int i = 0; i < KEYS; i++)
        (void)snprintf(names[i], sizeof names[i], "key_%d", i);
    return 0;
}

static struct str key(size_t i)
{
    return str_c(names[i]);
}

static void test_map_empty_finds_nothing(void **state)
{
    (void)state;
    struct map m = {0};
    size_t cursor = 0;
    assert_null(map_get(&m, STR("x")));
    assert_null(map_remove(&m, STR("x")));
    assert_null(map_next(&m, &cursor));
    map_done(&m);
}

static void test_map_empty_text_is_a_key(void **state)
{
    (void)state;
    struct map m = {0};
    assert_int_equal(map_put(&m, (struct str){0}, &values[1]), 0);
    assert_ptr_equal(map_get(&m, STR("")), &values[1]);
    map_done(&m);
}

static void check_against_model(const struct map *m, int *const model[KEYS], size_t n)
{
    assert_int_equal(m->n, n);
    for (size_t i = 0; i < KEYS; i++)
        assert_ptr_equal(map_get(m, key(i)), model[i]);
    size_t cursor = 0, seen = 0;
    for (const struct map_entry *e; (e = map_next(m, &cursor)); seen++)
        assert_ptr_equal(map_get(m, e->key), e->value);
    assert_int_equal(seen, n);
}

/* Against an array that holds the same, through phases of growing and of shrinking. */
static void test_map_agrees_with_a_naive_one(void **state)
{
    (void)state;
    struct map m = {0};
    int *model[KEYS] = {NULL};
    size_t n = 0;
    uint64_t random = 1;
    for (int step = 0; step < 20000; step++) {
        size_t i = check_random(&random) % KEYS;
        bool growing = (step / 2000) % 2 == 0;
        bool put = check_random(&random) % 4 < (growing ? 3u : 1u);
        if (put) {
            int *value = &values[check_random(&random) % KEYS];
            assert_int_equal(map_put(&m, key(i), value), 0);
            n += !model[i];
            model[i] = value;
        } else {
            assert_ptr_equal(map_remove(&m, key(i)), model[i]);
            n -= !!model[i];
            model[i] = NULL;
        }
        if (step % 100 == 0)
            check_against_model(&m, model, n);
    }
    check_against_model(&m, model, n);
    map_done(&m);
    assert_int_equal(m.n, 0);
}

static void test_map_is_as_before_when_memory_runs_out(void **state)
{
    (void)state;
    for (size_t n = 0;; n++) {
        struct map m = {0};
        int *model[KEYS] = {NULL};
        size_t put = 0;
        fail_alloc_at(n);
        for (size_t i = 0; i < KEYS; i++) {
            int rc = map_put(&m, key(i), &values[i]);
            if (rc == 0) {
                model[i] = &values[i];
                put++;
            } else {
                assert_int_equal(rc, ERR_NOMEM);
            }
        }
        bool happened = fail_alloc_happened();
        assert_int_equal(put, happened ? KEYS - 1 : KEYS);
        check_against_model(&m, model, put);
        map_done(&m);
        if (!happened)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map_empty_finds_nothing),
        cmocka_unit_test(test_map_empty_text_is_a_key),
        cmocka_unit_test(test_map_agrees_with_a_naive_one),
        cmocka_unit_test(test_map_is_as_before_when_memory_runs_out),
    };
    return cmocka_run_group_tests(tests, make_names, NULL);
}
