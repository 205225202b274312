/* The index when memory runs out at any allocation: the stream that could not be added has left
 * nothing behind, all others are found, and adding it again works. */
#include <roaring/roaring.h>
#include <stdio.h>

#include "store/embedded/index.h"
#include "support/check.h"
#include "support/fail_alloc.h"

enum { STREAMS = 400, NAMES = 70, RUN = 90 };

static char values[STREAMS + 1][8];
static uint32_t pairs[STREAMS][NAMES];

/* Long runs of one value, short ones, one value each; and now and then many labels. */
static uint32_t value_of(uint32_t id, size_t k)
{
    uint32_t length = k == 0 ? STREAMS : k == 1 ? RUN : k == 2 ? 7 : k == 3 ? 1 : 50;
    return id / length;
}

static struct labels labels_of(uint32_t id, struct label room[NAMES])
{
    static char names[NAMES][8];
    size_t n = id % 100 == 99 ? NAMES : 5;
    for (size_t k = 0; k < n; k++) {
        (void)snprintf(names[k], sizeof names[k], "n%02zu", k);
        (void)snprintf(values[value_of(id, k)], sizeof values[0], "%u", value_of(id, k));
        room[k] = (struct label){str_c(names[k]), str_c(values[value_of(id, k)])};
    }
    return (struct labels){room, n};
}

/* Of the labels that it has in common with the stream before, the first ones are told. */
static struct index_like like_before(uint32_t id)
{
    uint64_t same = 0;
    for (size_t k = 0; id && k < 4; k++)
        same |= (uint64_t)(value_of(id, k) == value_of(id - 1, k)) << k;
    return (struct index_like){id ? pairs[id - 1] : NULL, same};
}

static int add(struct index *x, uint32_t id)
{
    struct label room[NAMES];
    const struct labels labels = labels_of(id, room);
    rwlock_take_write(&x->lock);
    int rc = index_add(x, &labels, id, like_before(id), pairs[id]);
    rwlock_give(&x->lock);
    return rc;
}

static size_t count_of(struct index *x, size_t k, uint32_t value)
{
    struct posting_source source = index_postings(x);
    struct label room[NAMES];
    const struct labels labels = labels_of(99, room); // has all names
    char text[8];
    (void)snprintf(text, sizeof text, "%u", value);
    roaring_bitmap_t *got = roaring_bitmap_create();
    assert_int_equal(source.with_value(source.self, labels.v[k].name, str_c(text), got), 0);
    size_t n = roaring_bitmap_get_cardinality(got);
    const struct pair *p = index_find_pair(x, (struct label){labels.v[k].name, str_c(text)});
    assert_int_equal(p ? p->count : 0, n);
    roaring_bitmap_free(got);
    return n;
}

static void check_all(struct index *x)
{
    assert_int_equal(count_of(x, 0, 0), STREAMS);
    for (size_t k = 1; k < 4; k++)
        for (uint32_t value = 0, id = 0; id < STREAMS; value++) {
            uint32_t from = id;
            while (id < STREAMS && value_of(id, k) == value)
                id++;
            assert_int_equal(count_of(x, k, value), id - from);
        }
    for (uint32_t value = 0; value < 8; value++)
        assert_int_equal(count_of(x, NAMES - 1, value), value % 2);
}

static void test_a_stream_that_could_not_be_added_leaves_nothing_behind(void **state)
{
    (void)state;
    for (size_t n = 0;; n++) {
        struct index x;
        assert_int_equal(index_init(&x), 0);
        fail_alloc_at(n);
        for (uint32_t id = 0; id < STREAMS; id++)
            if (add(&x, id) != 0)
                assert_int_equal(add(&x, id), 0); // one allocation failed, no more
        int rc = index_settle(&x);
        if (rc != 0)
            rc = index_settle(&x);
        bool happened = fail_alloc_happened();
        assert_int_equal(rc, 0);
        check_all(&x);
        for (uint32_t id = 0; id < STREAMS; id++)
            index_remove(&x, id, pairs[id], id % 100 == 99 ? NAMES : 5);
        assert_int_equal(x.used, 0);
        index_done(&x);
        if (!happened)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_stream_that_could_not_be_added_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
