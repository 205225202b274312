/* The index of streams in memory against a naive one: every posting, count and list of values,
 * while streams come in any order of ids and go again. */
#include "store/embedded/index.h"

#include <roaring/roaring.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/check.h"

enum { STREAMS = 40000, NAMES = 4, VALUES = 200 };

/* Stream `id` has label nK with value v[id][K]; 0: it has no such label. */
struct naive {
    struct index index;
    uint64_t random;
    uint8_t v[STREAMS][NAMES];
    uint32_t pairs[STREAMS][NAMES];
    uint32_t order[STREAMS]; /* in which ids come */
    bool there[STREAMS];
};

static uint32_t below(struct naive *n, uint32_t limit)
{
    return (uint32_t)(check_random(&n->random) % limit);
}

static const char *const names[NAMES] = {"a", "b", "job", "zone"};
static char values[VALUES + 1][8];

static struct labels labels_of(const struct naive *n, uint32_t id, struct label room[NAMES])
{
    size_t count = 0;
    for (size_t k = 0; k < NAMES; k++)
        if (n->v[id][k])
            room[count++] = (struct label){str_c(names[k]), str_c(values[n->v[id][k]])};
    return (struct labels){room, count};
}

/* Ids rise, but not quite: each swaps places with one that is up to `window` later. */
static void make_streams(struct naive *n, uint32_t window)
{
    for (uint32_t i = 0; i <= VALUES; i++)
        (void)snprintf(values[i], sizeof values[i], "v%u", i);
    for (uint32_t i = 0; i < STREAMS; i++) {
        n->order[i] = i;
        n->v[i][0] = 1;
        n->v[i][1] = (uint8_t)(i / 8 % VALUES + 1);
        n->v[i][2] = (uint8_t)below(n, VALUES + 1);
        n->v[i][3] = (uint8_t)(below(n, 40) ? 0 : 7);
    }
    for (uint32_t i = 0; i + window < STREAMS; i++) {
        uint32_t with = i + below(n, window), was = n->order[i];
        n->order[i] = n->order[with];
        n->order[with] = was;
    }
}

static void add(struct naive *n, uint32_t id)
{
    struct label room[NAMES];
    const struct labels labels = labels_of(n, id, room);
    rwlock_take_write(&n->index.lock);
    assert_int_equal(index_add(&n->index, &labels, id, (struct index_like){0}, n->pairs[id]), 0);
    rwlock_give(&n->index.lock);
    n->there[id] = true;
}

static void drop(struct naive *n, uint32_t id)
{
    struct label room[NAMES];
    assert_int_equal(index_settle(&n->index), 0);
    index_remove(&n->index, id, n->pairs[id], labels_of(n, id, room).n);
    n->there[id] = false;
}

/* `value` 0: any; `name` NAMES: any. */
static bool is_in(const struct naive *n, uint32_t id, size_t name, uint32_t value)
{
    if (!n->there[id] || name == NAMES)
        return n->there[id];
    return value ? n->v[id][name] == value : n->v[id][name] != 0;
}

static void check_posting(struct naive *n, size_t name, uint32_t value)
{
    struct posting_source source = index_postings(&n->index);
    roaring_bitmap_t *got = roaring_bitmap_create();
    int rc = name == NAMES ? source.all(source.self, got)
             : value ? source.with_value(source.self, str_c(names[name]), str_c(values[value]), got)
                     : source.with_name(source.self, str_c(names[name]), got);
    assert_int_equal(rc, 0);
    uint64_t expected = 0;
    for (uint32_t id = 0; id < STREAMS; id++) {
        expected += is_in(n, id, name, value);
        if (is_in(n, id, name, value) && !roaring_bitmap_contains(got, id))
            fail_msg("stream %u is not in %s=%u", id, name < NAMES ? names[name] : "all", value);
    }
    assert_int_equal(roaring_bitmap_get_cardinality(got), expected);
    roaring_bitmap_free(got);
}

struct counted {
    const struct naive *n;
    size_t name, calls;
};

static int count_value(void *arg, struct str text, uint64_t streams)
{
    struct counted *c = arg;
    uint32_t value = 0;
    uint64_t expected = 0;
    while (!str_eq(str_c(values[value]), text))
        value++;
    for (uint32_t id = 0; id < STREAMS; id++)
        expected += is_in(c->n, id, c->name, value);
    assert_int_equal(streams, expected);
    c->calls++;
    return 0;
}

static int count_name(void *arg, struct str text, uint64_t streams)
{
    struct counted *c = arg;
    size_t name = 0;
    uint64_t expected = 0;
    while (!str_eq(str_c(names[name]), text))
        name++;
    for (uint32_t id = 0; id < STREAMS; id++)
        expected += is_in(c->n, id, name, 0);
    assert_int_equal(streams, expected);
    c->calls++;
    return 0;
}

static void check_lists(struct naive *n)
{
    size_t n_names = 0, n_values = 0;
    bool name_there[NAMES] = {false}, value_there[VALUES + 1] = {false};
    for (uint32_t id = 0; id < STREAMS; id++)
        for (size_t k = 0; n->there[id] && k < NAMES; k++) {
            name_there[k] |= n->v[id][k] != 0;
            value_there[n->v[id][1]] = true;
        }
    for (size_t k = 0; k < NAMES; k++)
        n_names += name_there[k];
    for (size_t k = 0; k <= VALUES; k++)
        n_values += value_there[k];
    struct counted c = {.n = n, .name = 1};
    assert_int_equal(index_each_name(&n->index, NULL, count_name, &c), 0);
    assert_int_equal(c.calls, n_names);
    c.calls = 0;
    assert_int_equal(index_each_value(&n->index, STR("b"), NULL, count_value, &c), 0);
    assert_int_equal(c.calls, n_values);
}

static void check_all(struct naive *n)
{
    check_posting(n, NAMES, 0);
    for (size_t name = 0; name < NAMES; name++) {
        check_posting(n, name, 0);
        check_posting(n, name, 7);
    }
    check_posting(n, 1, 150);
    check_posting(n, 2, VALUES);
}

static struct naive *begin(uint32_t window)
{
    struct naive *n = calloc(1, sizeof *n);
    n->random = 42;
    make_streams(n, window);
    assert_int_equal(index_init(&n->index), 0);
    return n;
}

static void end(struct naive *n)
{
    index_done(&n->index);
    free(n);
}

static void test_index_finds_streams_by_name_and_value_however_their_ids_come(void **state)
{
    (void)state;
    for (uint32_t window = 1; window < STREAMS; window *= 60) {
        struct naive *n = begin(window);
        for (uint32_t i = 0; i < STREAMS; i++) {
            add(n, n->order[i]);
            if (i == 3 || i == 9000 || i == 20000)
                check_all(n); // names are asked for early, and must be kept up from then on
        }
        check_all(n);
        check_lists(n);
        end(n);
    }
}

static void test_index_forgets_streams_pairs_and_names_that_are_gone(void **state)
{
    (void)state;
    struct naive *n = begin(4000);
    for (uint32_t i = 0; i < STREAMS; i++) {
        add(n, n->order[i]);
        if (i >= 6000 && i % 3 == 0)
            drop(n, n->order[i - below(n, 2) * 5000]);
        if (i % 15000 == 0)
            check_all(n);
    }
    check_all(n);
    for (uint32_t id = 0; id < STREAMS; id++)
        if (n->there[id] && (id % 1000 || n->v[id][3]))
            drop(n, id);
    check_all(n);
    check_lists(n);
    for (uint32_t id = 0; id < STREAMS; id++)
        if (n->there[id])
            drop(n, id);
    assert_int_equal(n->index.used, 0);
    assert_null(n->index.streams);
    check_lists(n);
    add(n, 5);
    check_all(n);
    end(n);
}

static void test_index_within_a_selection_tells_only_its_names(void **state)
{
    (void)state;
    struct naive *n = begin(1);
    for (uint32_t id = 0; id < STREAMS; id++)
        add(n, id);
    uint32_t one = 0;
    while (n->v[one][3] || !n->v[one][2])
        one++;
    roaring_bitmap_t *within = roaring_bitmap_create();
    roaring_bitmap_add(within, one);
    struct counted c = {.n = n, .name = 1};
    assert_int_equal(index_each_name(&n->index, within, count_name, &c), 0);
    assert_int_equal(c.calls, 3);
    check_posting(n, 3, 0);
    c.calls = 0;
    assert_int_equal(index_each_name(&n->index, within, count_name, &c), 0);
    assert_int_equal(c.calls, 3);
    c.calls = 0;
    assert_int_equal(index_each_value(&n->index, STR("b"), within, count_value, &c), 0);
    assert_int_equal(c.calls, 1);
    roaring_bitmap_free(within);
    end(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_index_finds_streams_by_name_and_value_however_their_ids_come),
        cmocka_unit_test(test_index_forgets_streams_pairs_and_names_that_are_gone),
        cmocka_unit_test(test_index_within_a_selection_tells_only_its_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
