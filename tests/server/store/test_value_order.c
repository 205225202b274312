/* Values with a prefix, found by looking at all, in order, and by both, against a naive search;
 * while values come and go. */
#include "store/embedded/value_order.h"

#include <roaring/roaring.h>
#include <stdio.h>

#include "store/embedded/index.h"
#include "support/check.h"

enum { VALUES = 6000, OFTEN = 40 };

struct values {
    struct index index;
    char text[VALUES][16];
    uint32_t pair[VALUES];
    bool there[VALUES];
};

static struct values v;

/* Stream i alone has the i-th value; they come in no order, some are the start of others. */
static void begin(void)
{
    memset(&v, 0, sizeof v);
    assert_int_equal(index_init(&v.index), 0);
    for (uint32_t i = 0; i < VALUES; i++)
        (void)snprintf(v.text[i], sizeof v.text[i], i % 7 ? "user-%u" : "u%u", i * 7919 % VALUES);
}

static void end(void)
{
    index_done(&v.index);
}

static void add(uint32_t i)
{
    struct label label = {STR("id"), str_c(v.text[i])};
    const struct labels labels = {&label, 1};
    rwlock_take_write(&v.index.lock);
    assert_int_equal(index_add(&v.index, &labels, i, (struct index_like){0}, &v.pair[i]), 0);
    rwlock_give(&v.index.lock);
    v.there[i] = true;
}

static void drop(uint32_t i)
{
    assert_int_equal(index_settle(&v.index), 0);
    assert_int_equal(index_remove(&v.index, i, &v.pair[i], 1), 0);
    v.there[i] = false;
}

/* Refuses what ends with a 3. */
static int filter(void *arg, struct str value)
{
    size_t *calls = arg;
    ++*calls;
    return value.p[value.n - 1] != '3';
}

static void check_prefix(const char *prefix)
{
    struct posting_source source = index_postings(&v.index);
    roaring_bitmap_t *got = roaring_bitmap_create(), *expected = roaring_bitmap_create();
    size_t calls = 0, starting = 0;
    assert_int_equal(source.with_values(source.self, STR("id"), str_c(prefix), filter, &calls, got),
                     0);
    for (uint32_t i = 0; i < VALUES; i++) {
        struct str text = str_c(v.text[i]);
        if (!v.there[i] || !str_starts(text, str_c(prefix)))
            continue;
        starting++;
        if (!str_ends(text, STR("3")))
            roaring_bitmap_add(expected, i);
    }
    assert_true(roaring_bitmap_equals(got, expected));
    assert_int_equal(calls, starting);
    roaring_bitmap_free(expected);
    roaring_bitmap_free(got);
}

static const struct value_order *order(void)
{
    return &index_find_name(&v.index, STR("id"))->order;
}

static void check_prefixes(void)
{
    static const char *const prefixes[] = {"",        "u", "u1",     "user-",     "user-12",
                                           "user-59", "a", "user-x", "user-1234", "z"};
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
        check_prefix(prefixes[i]);
}

static void check_sorted(uint32_t n)
{
    const struct value_order *o = order();
    assert_int_equal(o->n, n);
    for (uint32_t i = 1; i < o->n; i++) {
        struct label a = pair_label(index_pair(&v.index, o->pairs[i - 1]));
        struct label b = pair_label(index_pair(&v.index, o->pairs[i]));
        assert_true(str_cmp(a.value, b.value) < 0);
    }
}

static void test_values_are_sorted_when_they_were_looked_at_often(void **state)
{
    (void)state;
    begin();
    for (uint32_t i = 0; i < VALUES; i++)
        add(i);
    check_prefix("user-12");
    check_prefix("u");
    assert_int_equal(order()->n, 0);
    for (uint32_t i = 0; i < OFTEN; i++)
        check_prefix("user-12");
    check_sorted(VALUES);
    check_prefixes();
    end();
}

static void test_new_values_are_found_behind_those_that_are_sorted(void **state)
{
    (void)state;
    begin();
    for (uint32_t i = 0; i < VALUES / 2; i++)
        add(i);
    for (uint32_t i = 0; i < OFTEN; i++)
        check_prefix("user-1");
    check_sorted(VALUES / 2);
    for (uint32_t i = VALUES / 2; i < VALUES; i++)
        add(i);
    check_prefixes();
    check_sorted(VALUES / 2);
    for (uint32_t i = 0; i < OFTEN; i++)
        check_prefix("user-1");
    check_sorted(VALUES);
    check_prefixes();
    end();
}

static void test_the_order_goes_with_a_value_that_is_in_it(void **state)
{
    (void)state;
    begin();
    for (uint32_t i = 0; i < VALUES / 2; i++)
        add(i);
    for (uint32_t i = 0; i < OFTEN; i++)
        check_prefix("u");
    for (uint32_t i = VALUES / 2; i < VALUES; i++)
        add(i);
    for (uint32_t i = VALUES / 2; i < VALUES; i += 2)
        drop(i);
    check_sorted(VALUES / 2);
    check_prefixes();
    drop(17);
    assert_int_equal(order()->n, 0);
    check_prefixes();
    for (uint32_t i = 0; i < OFTEN; i++)
        check_prefix("u");
    check_sorted(VALUES / 2 + VALUES / 4 - 1);
    add(17);
    check_prefixes();
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_are_sorted_when_they_were_looked_at_often),
        cmocka_unit_test(test_new_values_are_found_behind_those_that_are_sorted),
        cmocka_unit_test(test_the_order_goes_with_a_value_that_is_in_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
