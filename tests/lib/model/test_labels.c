#include "model/labels.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "support/check.h"

static struct labels of(struct label *v, size_t n)
{
    struct str bad;
    long kept = labels_canonicalise(v, n, &bad);
    assert_true(kept >= 0);
    return (struct labels){v, (size_t)kept};
}

static void test_canonicalise_sorts_and_drops_empty_values(void **state)
{
    (void)state;
    struct label v[] = {
        {STR("b"), STR("2")}, {STR("c"), {0}}, {STR("a"), STR("1")}, {STR("__name__"), STR("m")}};
    struct labels l = of(v, ARRAY_LEN(v));
    assert_int_equal(l.n, 3);
    assert_true(labels_are_canonical(&l));
    assert_true(str_eq(l.v[0].name, STR("__name__")));
    assert_true(str_eq(labels_get(&l, STR("b")), STR("2")));
    assert_int_equal(labels_get(&l, STR("c")).n, 0);
}

static void test_canonicalise_sorts_large_sets_too(void **state)
{
    (void)state;
    enum { N = 200 };
    static char names[N][8];
    struct label v[N];
    for (size_t i = 0; i < N; i++) {
        (void)snprintf(names[i], sizeof names[i], "l%03zu", (i * 37) % N);
        v[i] = (struct label){str_c(names[i]), STR("x")};
    }
    struct labels l = of(v, N);
    assert_int_equal(l.n, N);
    assert_true(labels_are_canonical(&l));
}

static void test_canonicalise_names_the_duplicate(void **state)
{
    (void)state;
    struct label v[] = {{STR("x"), STR("1")}, {STR("dup"), STR("1")}, {STR("dup"), STR("2")}};
    struct str bad = {0};
    assert_int_equal(labels_canonicalise(v, ARRAY_LEN(v), &bad), -1);
    assert_true(str_eq(bad, STR("dup")));
}

static void test_canonicalise_refuses_a_duplicate_with_an_empty_value(void **state)
{
    (void)state;
    struct label v[] = {{STR("dup"), STR("1")}, {STR("dup"), {0}}};
    struct str bad = {0};
    assert_int_equal(labels_canonicalise(v, ARRAY_LEN(v), &bad), -1);
}

static void test_order_is_by_pairs_then_by_count(void **state)
{
    (void)state;
    struct label a[] = {{STR("a"), STR("1")}};
    struct label ab[] = {{STR("a"), STR("1")}, {STR("b"), STR("1")}};
    struct label a2[] = {{STR("a"), STR("2")}};
    struct labels la = {a, 1}, lab = {ab, 2}, la2 = {a2, 1};
    assert_true(labels_cmp(&la, &lab) < 0);
    assert_true(labels_cmp(&lab, &la2) < 0);
    assert_int_equal(labels_cmp(&lab, &lab), 0);
    assert_false(labels_eq(&la, &la2));
}

static uint32_t below(uint64_t *random, uint32_t limit)
{
    *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*random >> 33) % limit;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void test_hash_tells_where_names_end(void **state)
{
    (void)state;
    struct label x[] = {{STR("ab"), STR("c")}};
    struct label y[] = {{STR("a"), STR("bc")}};
    struct labels lx = {x, 1}, ly = {y, 1};
    assert_true(labels_hash(&lx) != labels_hash(&ly));
}

/* Texts of up to 20 bytes: each way of reading one. Two sets that differ in one bit have two
 * hashes. */
static void test_hash_depends_on_each_bit_of_names_and_values(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 20; n++)
        for (size_t bit = 0; bit < 2 * n * 8; bit++) {
            char text[40] = "abcdefghijklmnopqrstuvwxyz0123456789ABC";
            struct label v[] = {{STR("__name__"), STR("up")}, {{text, n}, {text + n, n}}};
            struct labels l = {v, 2};
            uint64_t before = labels_hash(&l);
            text[bit / 8] ^= (char)(1 << bit % 8);
            assert_true(labels_hash(&l) != before);
        }
}

static void test_hash_tells_which_value_is_whose(void **state)
{
    (void)state;
    struct label x[] = {{STR("a"), STR("1")}, {STR("b"), STR("2")}};
    struct label y[] = {{STR("a"), STR("2")}, {STR("b"), STR("1")}};
    struct label z[] = {{STR("1"), STR("a")}, {STR("2"), STR("b")}};
    struct labels lx = {x, 2}, ly = {y, 2}, lz = {z, 2};
    assert_true(labels_hash(&lx) != labels_hash(&ly));
    assert_true(labels_hash(&lx) != labels_hash(&lz));
}

static void test_hash_of_many_like_sets_are_all_different(void **state)
{
    (void)state;
    enum { SETS = 100000 };
    uint64_t *v = malloc(SETS * sizeof *v);
    assert_non_null(v);
    for (uint32_t i = 0; i < SETS; i++) {
        char le[16], pod[16];
        (void)snprintf(le, sizeof le, "%u", i % 300);
        (void)snprintf(pod, sizeof pod, "api-%u", i / 300);
        struct label l[] = {{STR("le"), str_c(le)}, {STR("pod"), str_c(pod)}};
        const struct labels set = {l, 2};
        v[i] = labels_hash(&set);
    }
    qsort(v, SETS, sizeof *v, by_number);
    for (uint32_t i = 1; i < SETS; i++)
        assert_true(v[i - 1] != v[i]);
    free(v);
}

/* Sets as they follow each other: labels of the set before, at the same place or another, and new
 * ones; longer than what is remembered, too. */
static void test_hash_like_another_is_that_of_the_set_alone(void **state)
{
    (void)state;
    enum { SETS = 300, MOST = LABEL_HASHES + 20 };
    static struct label sets[SETS][MOST];
    static char texts[SETS][8];
    struct label_hashes before = {0};
    uint64_t random = 1;
    for (size_t s = 0; s < SETS; s++) {
        struct labels l = {sets[s], below(&random, MOST)};
        (void)snprintf(texts[s], sizeof texts[s], "t%zu", s);
        for (size_t i = 0; i < l.n; i++) {
            size_t from = s ? (i + below(&random, 8) / 7) % MOST : 0;
            sets[s][i] = s && below(&random, 4)
                             ? sets[s - 1][from]
                             : (struct label){str_c(texts[s]), str_c(texts[s] + i % 2)};
        }
        uint64_t same = labels_same_text(&l, &before.of);
        assert_true(labels_hash_like(&l, same, &before) == labels_hash(&l));
    }
}

/* Of four labels those in `same` are those of a: 1, c: 3, e: 5, g: 7. */
static void test_labels_between_others_that_are_canonical_are_looked_at(void **state)
{
    (void)state;
    static const char *const others[] = {"", "b", "d", "f", "h"};
    for (uint64_t same = 0; same < 16; same++)
        for (size_t k = 0; k < 625; k++) {
            struct label v[] = {{STR("a"), STR("1")},
                                {STR("c"), STR("3")},
                                {STR("e"), STR("5")},
                                {STR("g"), STR("7")}};
            for (size_t i = 0, rest = k; i < 4; i++, rest /= 5)
                if (!(same >> i & 1))
                    v[i].name = str_c(others[rest % 5]);
            struct labels l = {v, 4};
            assert_int_equal(labels_are_canonical_like(&l, same), labels_are_canonical(&l));
        }
}

static void test_hash_of_long_sets_depends_on_the_text_alone(void **state)
{
    (void)state;
    enum { LONG = 3000 };
    char *one = malloc(LONG), *two = malloc(LONG);
    assert_non_null(one);
    assert_non_null(two);
    memset(one, 'x', LONG);
    memset(two, 'x', LONG);
    struct label a[] = {{STR("a"), {one, LONG}}}, b[] = {{STR("a"), {two, LONG}}};
    struct labels la = {a, 1}, lb = {b, 1};
    assert_true(labels_hash(&la) == labels_hash(&lb));
    two[LONG - 1] = 'y';
    assert_true(labels_hash(&la) != labels_hash(&lb));
    free(one);
    free(two);
}

static void test_copies_do_not_share_text(void **state)
{
    (void)state;
    char text[] = "value";
    struct label v[] = {{STR("a"), {text, 5}}};
    struct labels l = {v, 1}, heap;
    struct arena arena;
    arena_init(&arena, 1 << 16);
    struct labels copy = labels_copy(&arena, &l);
    assert_int_equal(labels_dup(&l, &heap), 0);
    text[0] = 'X';
    assert_true(str_eq(copy.v[0].value, STR("value")));
    assert_true(str_eq(heap.v[0].value, STR("value")));
    free((void *)(uintptr_t)heap.v);
    arena_done(&arena);
}

static void check_format(struct label *v, size_t n, const char *expected)
{
    struct buf out = BUF_MAX(1 << 10);
    struct labels l = of(v, n);
    labels_format(&out, &l);
    assert_true(str_eq(buf_str(&out), str_c(expected)));
    buf_done(&out);
}

static void test_format_is_what_promql_reads(void **state)
{
    (void)state;
    check_format((struct label[]){{STR("__name__"), STR("up")}}, 1, "up");
    check_format((struct label[]){{STR("__name__"), STR("up")}, {STR("job"), STR("a\"b\\c\nd")}}, 2,
                 "up{job=\"a\\\"b\\\\c\\nd\"}");
    check_format((struct label[]){{STR("x"), STR("1")}, {STR("y"), STR("2")}}, 2,
                 "{x=\"1\", y=\"2\"}");
    check_format((struct label[]){{STR("__name__"), STR("my.metric")}, {STR("my.l"), STR("v")}}, 2,
                 "{\"my.metric\", \"my.l\"=\"v\"}");
    check_format(NULL, 0, "{}");
}

static void test_builder_sets_replaces_and_deletes(void **state)
{
    (void)state;
    struct label v[] = {{STR("a"), STR("1")}, {STR("c"), STR("3")}};
    struct labels base = {v, 2};
    struct arena arena;
    arena_init(&arena, 1 << 16);
    struct labels_builder b;
    labels_builder_init(&b, &arena, &base);
    labels_builder_set(&b, STR("b"), STR("2"));
    labels_builder_set(&b, STR("a"), STR("one"));
    labels_builder_set(&b, STR("c"), (struct str){0});
    for (int c = 'd'; c <= 'z'; c++) {
        char *name = arena_alloc(&arena, 1);
        assert_non_null(name);
        *name = (char)c;
        labels_builder_set(&b, str_of(name, 1), STR("v"));
    }
    labels_builder_del(&b, STR("nothing"));
    struct labels l = labels_builder_labels(&b);
    assert_int_equal(l.n, 2 + 'z' - 'd' + 1);
    assert_true(labels_are_canonical(&l));
    assert_true(str_eq(labels_builder_get(&b, STR("a")), STR("one")));
    assert_int_equal(labels_builder_get(&b, STR("c")).n, 0);
    assert_true(str_eq(v[0].value, STR("1")));
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_canonicalise_sorts_and_drops_empty_values),
        cmocka_unit_test(test_canonicalise_sorts_large_sets_too),
        cmocka_unit_test(test_canonicalise_names_the_duplicate),
        cmocka_unit_test(test_canonicalise_refuses_a_duplicate_with_an_empty_value),
        cmocka_unit_test(test_order_is_by_pairs_then_by_count),
        cmocka_unit_test(test_hash_tells_where_names_end),
        cmocka_unit_test(test_hash_depends_on_each_bit_of_names_and_values),
        cmocka_unit_test(test_hash_tells_which_value_is_whose),
        cmocka_unit_test(test_hash_of_many_like_sets_are_all_different),
        cmocka_unit_test(test_hash_like_another_is_that_of_the_set_alone),
        cmocka_unit_test(test_labels_between_others_that_are_canonical_are_looked_at),
        cmocka_unit_test(test_hash_of_long_sets_depends_on_the_text_alone),
        cmocka_unit_test(test_copies_do_not_share_text),
        cmocka_unit_test(test_format_is_what_promql_reads),
        cmocka_unit_test(test_builder_sets_replaces_and_deletes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
