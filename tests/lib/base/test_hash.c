#include "base/hash.h"

#include "support/check.h"

/* Files hold these sums, so they must never change. Reference: xxhsum -H3 of the same bytes. */
static void test_hash_bytes_is_xxh3(void **state)
{
    (void)state;
    assert_true(hash_bytes("", 0) == 0x2d06800538d394c2u);
    assert_true(hash_bytes("a", 1) == 0xe6c632b61e964e1fu);
    assert_true(hash_bytes("telltale", 8) == 0x9296ec3ef6b836c1u);
}

static void test_hash_seeds_make_other_hashes(void **state)
{
    (void)state;
    assert_true(hash_bytes_seeded("a", 1, 0) == hash_bytes("a", 1));
    assert_true(hash_bytes_seeded("a", 1, 1) != hash_bytes("a", 1));
    assert_true(hash_process_seed() == hash_process_seed());
}

static void test_hash_u64_has_no_collisions_among_small_keys(void **state)
{
    (void)state;
    enum { N = 4096 };
    static uint64_t seen[N];
    for (uint64_t i = 0; i < N; i++) {
        seen[i] = hash_u64(i) & 0xffffffff;
        for (uint64_t j = 0; j < i; j++)
            if (seen[i] == seen[j])
                fail_msg("%d and %d collide in 32 bits", (int)i, (int)j);
    }
}

static void test_secret_hashes_are_equal_for_equal_bytes_only(void **state)
{
    (void)state;
    char text[300], same[300];
    memset(text, 'x', sizeof text);
    memset(same, 'x', sizeof same);
    for (size_t n = 0; n < sizeof text; n++) {
        struct hash128 h = hash_secret128(text, n);
        assert_true(hash128_eq(h, hash_secret128(same, n)));
        assert_false(hash128_eq(h, hash_secret128(text, n + 1)));
        assert_false(hash128_is_none(h));
    }
}

static void test_hash_combine_depends_on_the_order(void **state)
{
    (void)state;
    assert_true(hash_combine(1, 2) != hash_combine(2, 1));
    assert_true(hash_combine(0, 0) != 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash_bytes_is_xxh3),
        cmocka_unit_test(test_hash_seeds_make_other_hashes),
        cmocka_unit_test(test_hash_u64_has_no_collisions_among_small_keys),
        cmocka_unit_test(test_secret_hashes_are_equal_for_equal_bytes_only),
        cmocka_unit_test(test_hash_combine_depends_on_the_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
