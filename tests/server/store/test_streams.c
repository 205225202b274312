/* Which numbers streams get. */
#include "store/embedded/streams.h"

#include <stdio.h>
#include <stdlib.h>

#include "support/check.h"

enum { STREAMS = 100000, LATER = 8192 };

static struct streams *streams_new(void)
{
    struct streams *s = malloc(sizeof *s);
    assert_non_null(s);
    assert_int_equal(streams_init(s, STREAMS * 2), 0);
    return s;
}

static void streams_free(struct streams *s)
{
    streams_done(s);
    free(s);
}

/* The id of a new stream whose labels hash to `hash`. */
static uint32_t add(struct streams *s, uint32_t number, uint64_t hash)
{
    char text[16];
    (void)snprintf(text, sizeof text, "%u", number);
    struct label label = {STR("number"), str_c(text)};
    const struct labels labels = {&label, 1};
    struct stream *st = NULL;
    assert_int_equal(streams_add(s, &labels, hash, (struct stream_like){0}, &st, NULL), 0);
    assert_ptr_equal(streams_by_id(s, st->id), st);
    assert_ptr_equal(streams_get(s, &labels, hash), st);
    return st->id;
}

static void test_numbers_of_streams_rise_with_their_age(void **state)
{
    (void)state;
    struct streams *s = streams_new();
    uint64_t random = 1;
    for (uint32_t i = 0; i < STREAMS; i++)
        assert_int_equal(add(s, i, check_random(&random)), i);
    streams_free(s);
}

static void evict_all(struct streams *s)
{
    for (size_t shard = 0; shard < STREAM_SHARDS; shard++)
        (void)streams_evict(s, shard, UINT32_MAX);
}

static void test_numbers_that_are_free_again_come_first_and_rise(void **state)
{
    (void)state;
    struct streams *s = streams_new();
    uint64_t random = 2;
    for (uint32_t i = 0; i < LATER; i++)
        (void)add(s, i, check_random(&random));
    evict_all(s);
    for (uint32_t i = 0; i < LATER + 10; i++)
        assert_int_equal(add(s, i, check_random(&random)), i);
    streams_free(s);
}

/* Those with an even number have rows. */
static void test_an_eviction_leaves_exactly_the_streams_with_rows(void **state)
{
    (void)state;
    struct streams *s = streams_new();
    struct head_series *rows = (struct head_series *)(void *)s; // nobody looks behind it
    uint64_t random = 3;
    for (uint32_t i = 0; i < LATER; i++) {
        uint32_t id = add(s, i, check_random(&random) % 1024 << 32 | check_random(&random) % 64);
        streams_by_id(s, id)->rows = id % 2 ? NULL : rows;
    }
    evict_all(s);
    assert_int_equal(atomic_get_relaxed(&s->count), LATER / 2);
    for (uint32_t id = 0; id < LATER; id++)
        assert_int_equal(streams_by_id(s, id) != NULL, id % 2 == 0);
    assert_null(streams_hold(s, 1));
    struct stream *held = streams_hold(s, 2);
    assert_non_null(held);
    lock_give(&streams_shard(s, held->hash)->lock);
    streams_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_of_streams_rise_with_their_age),
        cmocka_unit_test(test_numbers_that_are_free_again_come_first_and_rise),
        cmocka_unit_test(test_an_eviction_leaves_exactly_the_streams_with_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
