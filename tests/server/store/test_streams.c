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
    assert_int_equal(streams_add(s, &labels, hash, &st, NULL), 0);
    assert_ptr_equal(streams_by_id(s, st->id), st);
    assert_ptr_equal(streams_get(s, &labels, hash), st);
    assert_int_equal(st->id % STREAM_SHARDS, hash % STREAM_SHARDS);
    return st->id;
}

static void test_numbers_of_streams_rise_with_their_age(void **state)
{
    (void)state;
    struct streams *s = streams_new();
    static uint32_t highest[STREAMS];
    uint64_t random = 1;
    uint32_t max = 0;
    for (uint32_t i = 0; i < STREAMS; i++) {
        uint32_t id = add(s, i, check_random(&random));
        max = id > max ? id : max;
        highest[i] = max;
        if (i >= LATER)
            assert_true(id > highest[i - LATER]);
    }
    assert_true(max < STREAMS / 5 * 6);
    streams_free(s);
}

static void test_numbers_that_are_free_again_rise_too(void **state)
{
    (void)state;
    struct streams *s = streams_new();
    uint64_t random = 2;
    for (uint32_t i = 0; i < LATER; i++)
        (void)add(s, i, check_random(&random));
    for (size_t shard = 0; shard < STREAM_SHARDS; shard++)
        (void)streams_evict(s, shard, UINT32_MAX);
    uint32_t before[STREAM_SHARDS] = {0};
    for (uint32_t i = 0; i < LATER / 2; i++) {
        uint32_t id = add(s, i, check_random(&random));
        assert_true(id >= before[id % STREAM_SHARDS]);
        before[id % STREAM_SHARDS] = id;
    }
    streams_free(s);
}

static void test_labels_made_for_one_shard_do_not_use_up_the_numbers_of_others(void **state)
{
    (void)state;
    struct streams *s = streams_new();
    for (uint32_t i = 0; i < STREAMS / 10; i++)
        (void)add(s, i, (uint64_t)i * STREAM_SHARDS);
    assert_int_equal(add(s, STREAMS, 1), 1);
    streams_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_of_streams_rise_with_their_age),
        cmocka_unit_test(test_numbers_that_are_free_again_rise_too),
        cmocka_unit_test(test_labels_made_for_one_shard_do_not_use_up_the_numbers_of_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
