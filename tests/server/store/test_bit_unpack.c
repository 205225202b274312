#include "store/embedded/bit_unpack.h"

#include <stdlib.h>
#include <string.h>

#include "support/check.h"

enum { VALUES_MAX = 1100 };

/* Bit by bit, the definition. */
static uint64_t value_at(const unsigned char *p, size_t i, unsigned width)
{
    uint64_t value = 0;
    for (unsigned b = 0; b < width; b++) {
        size_t bit = i * width + b;
        value |= (uint64_t)(p[bit / 8] >> bit % 8 & 1) << b;
    }
    return value;
}

static void check_all(const unsigned char *p, size_t size, size_t n, uint64_t base, unsigned width)
{
    int64_t fast[VALUES_MAX], plain[VALUES_MAX];
    memset(fast, 0x55, sizeof fast);
    bit_unpack(p, size, fast, n, base, width);
    bit_unpack_portable(p, size, plain, n, base, width);
    for (size_t i = 0; i < n; i++) {
        uint64_t wanted = base + value_at(p, i, width);
        if ((uint64_t)fast[i] != wanted || (uint64_t)plain[i] != wanted)
            fail_msg("value %zu of %zu, %u bits wide: %llx and %llx instead of %llx", i, n, width,
                     (unsigned long long)fast[i], (unsigned long long)plain[i],
                     (unsigned long long)wanted);
    }
    if (n < VALUES_MAX)
        assert_true((uint64_t)fast[n] == 0x5555555555555555); // nothing is written behind them
}

static void check_count(size_t n, unsigned width, uint64_t *random)
{
    size_t size = (n * width + 7) / 8, odd = n % 16;  // columns begin at any byte
    unsigned char *room = malloc(odd + size + !size); // so that a read beyond it is found
    assert_non_null(room);
    unsigned char *p = room + odd;
    for (size_t i = 0; i < size; i++)
        p[i] = (unsigned char)check_random(random);
    check_all(p, size, n, check_random(random), width);
    memset(p, 0xff, size);
    check_all(p, size, n, 0, width);
    free(room);
}

static void test_every_width_and_count_gives_what_was_packed(void **state)
{
    (void)state;
    uint64_t random = 7;
    for (unsigned width = 0; width <= BIT_WIDTH_MAX; width++) {
        for (size_t n = 0; n < 150; n++)
            check_count(n, width, &random);
        check_count(VALUES_MAX, width, &random);
    }
}

static void test_bytes_beyond_the_values_do_no_harm(void **state)
{
    (void)state;
    unsigned char p[64];
    memset(p, 0xa5, sizeof p);
    for (unsigned width = 0; width <= BIT_WIDTH_MAX; width++)
        for (size_t size = 8 * width / 8; size <= sizeof p; size++)
            check_all(p, size, 8, 3, width);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_width_and_count_gives_what_was_packed),
        cmocka_unit_test(test_bytes_beyond_the_values_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
