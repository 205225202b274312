/* The memory of streams: room is taken once at a time, comes back, and goes when it is not needed.
 */
#include "store/embedded/stream_memory.h"

#include <stdlib.h>

#include "store/embedded/streams.h"
#include "support/check.h"

enum { STREAMS = 20000, SHARD = 5 };

static struct stream_memory *memory_new(void)
{
    struct stream_memory *m = malloc(sizeof *m);
    assert_non_null(m);
    assert_int_equal(stream_memory_init(m), 0);
    return m;
}

static void memory_free(struct stream_memory *m)
{
    stream_memory_done(m);
    free(m);
}

/* A stream with `n` labels, all its bytes told by its id. */
static uint32_t take(struct stream_memory *m, uint32_t n, uint32_t id)
{
    uint32_t reference = stream_memory_take(m, SHARD, n);
    assert_int_not_equal(reference, 0);
    struct stream *st = stream_at(m, reference);
    st->hash = id;
    st->id = id;
    st->n = n;
    for (uint32_t i = 0; i < n; i++)
        st->pairs[i] = id + i;
    return reference;
}

static void check_stream(const struct stream_memory *m, uint32_t reference, uint32_t id)
{
    const struct stream *st = stream_at(m, reference);
    assert_int_equal(st->id, id);
    assert_int_equal(st->hash, id);
    for (uint32_t i = 0; i < st->n; i++)
        assert_int_equal(st->pairs[i], id + i);
}

static size_t chunks(const struct stream_memory *m)
{
    size_t n = 0;
    for (size_t i = 0; i < (size_t)STREAM_CHUNKS_MAX * STREAM_SHARDS; i++)
        n += m->chunks[i] != NULL;
    return n;
}

static void test_streams_of_all_sizes_do_not_overlap(void **state)
{
    (void)state;
    static uint32_t references[STREAMS];
    struct stream_memory *m = memory_new();
    for (uint32_t i = 0; i < STREAMS; i++)
        references[i] = take(m, i % 50 ? i % 50 : STREAM_LABELS_MAX, i);
    for (uint32_t i = 0; i < STREAMS; i++)
        check_stream(m, references[i], i);
    memory_free(m);
}

static void test_room_that_came_back_is_taken_again_by_a_stream_of_that_size(void **state)
{
    (void)state;
    struct stream_memory *m = memory_new();
    uint32_t small = take(m, 3, 1), large = take(m, 30, 2);
    stream_memory_give(m, small);
    stream_memory_give(m, large);
    assert_int_equal(take(m, 30, 3), large);
    assert_int_equal(take(m, 3, 4), small);
    assert_int_not_equal(take(m, 3, 5), small);
    memory_free(m);
}

static void test_chunks_without_a_stream_go_and_the_others_stay(void **state)
{
    (void)state;
    static uint32_t references[STREAMS];
    struct stream_memory *m = memory_new();
    for (uint32_t i = 0; i < STREAMS; i++)
        references[i] = take(m, 10, i);
    size_t most = chunks(m);
    assert_true(most > 20);
    for (uint32_t i = 1; i < STREAMS; i++)
        if (i != STREAMS / 2)
            stream_memory_give(m, references[i]);
    stream_memory_sweep(m, SHARD);
    assert_int_equal(chunks(m), 2);
    check_stream(m, references[0], 0);
    check_stream(m, references[STREAMS / 2], STREAMS / 2);
    for (uint32_t i = 1; i < STREAMS; i++)
        references[i] = take(m, 10, i);
    assert_int_equal(chunks(m), most);
    for (uint32_t i = 0; i < STREAMS; i++)
        check_stream(m, references[i], i);
    memory_free(m);
}

static void test_nothing_is_left_when_all_streams_have_gone(void **state)
{
    (void)state;
    struct stream_memory *m = memory_new();
    for (uint32_t round = 0; round < 3; round++) {
        static uint32_t references[STREAMS];
        for (uint32_t i = 0; i < STREAMS; i++)
            references[i] = take(m, 1 + i % 7, i);
        for (uint32_t i = 0; i < STREAMS; i++)
            stream_memory_give(m, references[i]);
        stream_memory_sweep(m, SHARD);
        assert_int_equal(chunks(m), 0);
    }
    memory_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_streams_of_all_sizes_do_not_overlap),
        cmocka_unit_test(test_room_that_came_back_is_taken_again_by_a_stream_of_that_size),
        cmocka_unit_test(test_chunks_without_a_stream_go_and_the_others_stay),
        cmocka_unit_test(test_nothing_is_left_when_all_streams_have_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
