/* Chunks: rows that are added come back with every value, source and time; damaged chunks are
 * refused or stay within their bytes. */
#include "store/embedded/records/chunk.h"

#include <stdlib.h>

#include "harness.h"
#include "store/embedded/records/any_bytes.h"
#include "store/embedded/records/source.h"

enum { DAMAGES = 20000 };

static struct arena arena;
static struct chunk_builder *builder;
static struct buf out;

static int begin(void **state)
{
    (void)state;
    arena_init(&arena, 64 << 20);
    buf_init(&out, 64 << 20);
    builder = chunk_builder_new();
    return builder ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    chunk_builder_free(builder);
    buf_done(&out);
    arena_done(&arena);
    return 0;
}

static void restart(void)
{
    chunk_builder_reset(builder);
    buf_reset(&out);
}

static struct chunk *finish(void)
{
    struct chunk *c = NULL;
    size_t at = 0;
    assert_int_equal(chunk_builder_finish(builder, &out), 0);
    assert_int_equal(chunk_open(buf_str(&out), &at, &c), 0);
    assert_int_equal(at, out.n);
    return c;
}

static void add(int64_t t, const struct attribute *attributes, uint32_t n)
{
    const struct record r = {.t_unix_ns = t, .attributes = attributes, .n_attributes = n};
    chunk_builder_add(builder, &r);
}

/* The value of a row, ANY_NONE without one. */
static struct any value(const struct chunk *c, const char *name, uint32_t row)
{
    const struct column_id id = {COLUMN_ATTRIBUTE, 0, str_c(name)};
    uint32_t i = chunk_find(c, &id);
    if (i == UINT32_MAX)
        return (struct any){0};
    uint32_t cursor = 0, at = column_find(&c->columns[i].values, row, &cursor);
    return at == UINT32_MAX ? (struct any){0} : column_any(&c->columns[i].values, at, &arena);
}

static void check_int(const struct chunk *c, const char *name, uint32_t row, int64_t expected)
{
    struct any v = value(c, name, row);
    assert_int_equal(v.type, ANY_INT);
    assert_true(v.as.integer == expected);
}

static void test_rows_sources_and_times_come_back(void **state)
{
    (void)state;
    const struct attribute resource = {STR("service.name"), any_string(STR("api"))};
    const struct record_source first = {.resource = &resource, .n_resource = 1}, second = {0};
    const struct attribute a[] = {{STR("x"), any_int(1)}, {STR("y"), any_string(STR("text"))}};
    restart();
    chunk_builder_source(builder, &first);
    add(30, a, 2);
    add(-10, a, 1);
    chunk_builder_source(builder, &second);
    add(20, a + 1, 1);
    struct chunk *c = finish();
    assert_int_equal(c->n_rows, 3);
    assert_int_equal(c->n_runs, 2);
    assert_int_equal(c->runs[1].first, 2);
    assert_int_equal(c->runs[1].n, 1);
    assert_true(c->min_unix_ns == -10 && c->max_unix_ns == 30);
    check_int(c, "x", 1, 1);
    assert_int_equal(value(c, "x", 2).type, ANY_NONE);
    struct any y = value(c, "y", 2);
    check_str(any_text(&y), "text");
    struct record_source source;
    assert_int_equal(source_get(c->runs[0].source, &arena, &source), 0);
    check_str(any_text(&source.resource[0].value), "api");
    chunk_unref(c);
}

static void test_a_name_whose_values_differ_in_type_keeps_each_type(void **state)
{
    (void)state;
    const struct record_source source = {0};
    const struct any items[] = {any_int(1), any_bool(false)};
    const struct attribute v[] = {{STR("a"), any_int(7)},
                                  {STR("a"), any_string(STR("seven"))},
                                  {STR("a"), any_array(items, 2)},
                                  {STR("a"), {.type = ANY_EMPTY}}};
    restart();
    chunk_builder_source(builder, &source);
    for (size_t i = 0; i < 4; i++)
        add((int64_t)i, &v[i], 1);
    struct chunk *c = finish();
    assert_int_equal(c->n_columns, 1);
    for (uint32_t i = 0; i < 4; i++) {
        struct any back = value(c, "a", i);
        assert_true(any_eq(&back, &v[i].value));
    }
    chunk_unref(c);
}

static void test_a_name_given_twice_in_a_row_keeps_its_first_value(void **state)
{
    (void)state;
    const struct record_source source = {0};
    const struct attribute v[] = {
        {STR("a"), any_int(1)}, {STR("b"), any_int(2)}, {STR("a"), any_int(3)}};
    restart();
    chunk_builder_source(builder, &source);
    add(0, v, 3);
    add(1, v + 1, 2);
    struct chunk *c = finish();
    check_int(c, "a", 0, 1);
    check_int(c, "a", 1, 3);
    check_int(c, "b", 1, 2);
    chunk_unref(c);
}

static void test_thousands_of_names_are_told_apart(void **state)
{
    (void)state;
    enum { NAMES = 5000 };
    const struct record_source source = {0};
    struct attribute *v = arena_array(&arena, NAMES, sizeof *v);
    restart();
    chunk_builder_source(builder, &source);
    for (int i = 0; i < NAMES; i++) {
        char name[16];
        struct buf text = {.p = name, .cap = sizeof name, .max = sizeof name};
        buf_printf(&text, "n%d", i);
        v[i] = (struct attribute){arena_str(&arena, buf_str(&text)), any_int(i)};
    }
    add(0, v, NAMES);
    add(1, v + NAMES / 2, NAMES / 2);
    struct chunk *c = finish();
    assert_int_equal(c->n_columns, NAMES);
    check_int(c, "n0", 0, 0);
    check_int(c, "n4999", 0, 4999);
    check_int(c, "n4999", 1, 4999);
    assert_int_equal(value(c, "n0", 1).type, ANY_NONE);
    chunk_unref(c);
}

static void test_chunks_of_one_log_record_follow_each_other(void **state)
{
    (void)state;
    const struct record_source source = {0};
    const struct attribute v = {STR("a"), any_string(STR("odd length"))};
    struct chunk *c;
    size_t at = 3;
    restart();
    buf_puts(&out, "pre");
    for (int i = 0; i < 3; i++) {
        chunk_builder_reset(builder);
        chunk_builder_source(builder, &source);
        for (int k = 0; k <= i; k++)
            add(k, &v, 1);
        assert_int_equal(chunk_builder_finish(builder, &out), 0);
    }
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(chunk_open(buf_str(&out), &at, &c), 0);
        assert_int_equal(c->n_rows, i + 1);
        chunk_unref(c);
    }
    assert_int_equal(at, out.n);
    assert_int_equal(chunk_open(buf_str(&out), &at, &c), ERR_CORRUPT);
}

/* --- damage ----------------------------------------------------------------------------------- */

static uint64_t read_all(const struct chunk *c)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < c->n_columns; i++) {
        const struct column *v = &c->columns[i].values;
        for (uint32_t k = 0; k < v->n; k++) {
            struct any one = column_any(v, k, &arena);
            struct str s = any_text(&one);
            for (size_t j = 0; j < s.n; j++)
                sum += (unsigned char)s.p[j];
            sum += v->rows ? v->rows[k] < c->n_rows : 1;
        }
    }
    for (uint32_t i = 0; i < c->n_runs; i++) {
        struct record_source source;
        sum += c->runs[i].n + (source_get(c->runs[i].source, &arena, &source) == 0);
    }
    for (uint32_t i = 0; i < c->n_rows; i++)
        sum += (uint64_t)c->t_unix_ns[i];
    return sum;
}

static void put_sample(void)
{
    const struct attribute resource = {STR("service.name"), any_string(STR("api"))};
    const struct record_source source = {.resource = &resource, .n_resource = 1};
    const struct any items[] = {any_int(1), any_string(STR("two"))};
    const struct attribute v[] = {{STR("int"), any_int(1)},
                                  {STR("text"), any_string(STR("some text"))},
                                  {STR("mixed"), any_array(items, 2)},
                                  {STR("double"), any_double(1.5)}};
    chunk_builder_source(builder, &source);
    for (uint32_t i = 0; i < 5; i++)
        add(i, v, i);
    chunk_builder_source(builder, &(struct record_source){0});
    add(9, v, 4);
    assert_int_equal(chunk_builder_finish(builder, &out), 0);
}

static void test_damaged_chunks_are_refused_or_stay_within_their_bytes(void **state)
{
    (void)state;
    uint64_t seed = 11, sum = 0;
    int refused = 0;
    restart();
    put_sample();
    for (int round = 0; round < DAMAGES; round++) {
        size_t n = round % 4 ? out.n : check_random(&seed) % (out.n + 1), at = 0;
        char *bytes = malloc(n + 1);
        assert_non_null(bytes);
        memcpy(bytes, out.p, n);
        for (uint64_t k = 1 + check_random(&seed) % 3; n && k > 0; k--)
            bytes[check_random(&seed) % n] = (char)check_random(&seed);
        struct chunk *c = NULL;
        if (chunk_open(str_of(bytes, n), &at, &c) == 0)
            sum += read_all(c);
        else
            refused++;
        chunk_unref(c);
        free(bytes);
        arena_reset(&arena);
    }
    assert_true(refused > DAMAGES / 10);
    assert_true(sum != 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_sources_and_times_come_back),
        cmocka_unit_test(test_a_name_whose_values_differ_in_type_keeps_each_type),
        cmocka_unit_test(test_a_name_given_twice_in_a_row_keeps_its_first_value),
        cmocka_unit_test(test_thousands_of_names_are_told_apart),
        cmocka_unit_test(test_chunks_of_one_log_record_follow_each_other),
        cmocka_unit_test(test_damaged_chunks_are_refused_or_stay_within_their_bytes),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
