/* Sets of streams as bytes: every shape comes back, small where it is regular; damaged bytes are
 * refused or give members below the limit. */
#include "store/embedded/posting.h"

#include <roaring/roaring.h>
#include <stdlib.h>

#include "support/check.h"

enum { ROUNDS = 500, MEMBERS_MAX = 3000 };

static uint64_t seed = 17;
static uint32_t members[MEMBERS_MAX];

static uint64_t below(uint64_t n)
{
    return check_random(&seed) % n;
}

/* Runs, scattered ones, both; near the beginning or the end of what a number can be. */
static size_t random_set(uint32_t *out_limit)
{
    size_t n = 1 + (size_t)(below(3) ? below(20) : below(MEMBERS_MAX));
    uint64_t most = UINT64_C(1) << below(18), run = 1 + below(300);
    uint64_t next = below(2) ? 0 : below(UINT32_MAX - MEMBERS_MAX * (most + 1));
    for (size_t i = 0; i < n; i++) {
        members[i] = (uint32_t)next;
        next += 1 + (i % run ? 0 : below(most));
    }
    *out_limit = members[n - 1] + 1;
    return n;
}

static int decode(struct str bytes, uint32_t limit, roaring_bitmap_t *out)
{
    struct reader r = reader_of(bytes.p, bytes.n);
    posting_decode(&r, limit, out);
    return r.bad || reader_left(&r) ? -1 : 0;
}

static void test_sets_of_every_shape_come_back(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t limit;
        size_t n = random_set(&limit);
        struct buf b = BUF_MAX(1 << 20);
        roaring_bitmap_t *wanted = roaring_bitmap_of_ptr(n, members);
        roaring_bitmap_t *found = roaring_bitmap_create(), *less = roaring_bitmap_create();
        posting_encode(&b, members, n);
        assert_true(b.n <= 10 + 5 * n);
        assert_int_equal(decode(buf_str(&b), limit, found), 0);
        assert_true(roaring_bitmap_equals(wanted, found));
        assert_int_equal(decode(buf_str(&b), limit - 1, less), -1); // the last is beyond it
        roaring_bitmap_free(wanted);
        roaring_bitmap_free(found);
        roaring_bitmap_free(less);
        buf_done(&b);
    }
}

static void test_all_streams_take_a_few_bytes_and_every_second_one_a_byte_each(void **state)
{
    (void)state;
    struct buf b = BUF_MAX(1 << 20);
    for (uint32_t i = 0; i < MEMBERS_MAX; i++)
        members[i] = i;
    posting_encode(&b, members, MEMBERS_MAX);
    assert_true(b.n <= 5);
    for (uint32_t i = 0; i < MEMBERS_MAX; i++)
        members[i] = 2 * i;
    buf_reset(&b);
    posting_encode(&b, members, MEMBERS_MAX);
    assert_true(b.n <= MEMBERS_MAX + 3);
    buf_done(&b);
}

static void test_damaged_sets_are_refused_or_have_members_below_the_limit(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS * 5; round++) {
        uint32_t limit;
        size_t n = random_set(&limit);
        struct buf b = BUF_MAX(1 << 20);
        roaring_bitmap_t *found = roaring_bitmap_create();
        posting_encode(&b, members, n);
        size_t size = 1 + (size_t)below(b.n);
        char *exact = malloc(size); // so that a sanitizer sees the first byte beyond
        assert_non_null(exact);
        memcpy(exact, b.p, size);
        exact[below(size)] ^= (char)(1 + below(255));
        (void)decode(str_of(exact, size), limit, found); // either is fine
        assert_true(roaring_bitmap_is_empty(found) || roaring_bitmap_maximum(found) < limit);
        roaring_bitmap_free(found);
        free(exact);
        buf_done(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sets_of_every_shape_come_back),
        cmocka_unit_test(test_all_streams_take_a_few_bytes_and_every_second_one_a_byte_each),
        cmocka_unit_test(test_damaged_sets_are_refused_or_have_members_below_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
