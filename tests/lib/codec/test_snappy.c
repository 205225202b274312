/* Snappy blocks of texts of every kind and length come back, within the bound of the format;
 * damaged ones are refused or give bytes, within their maximum. */
#include "codec/snappy.h"

#include <stdlib.h>

#include "support/check.h"

enum { ROUNDS = 600, LENGTH_MAX = 200000 };

static uint64_t seed = 5;

static uint64_t below(uint64_t n)
{
    return check_random(&seed) % n;
}

/* Noise, one byte, words, a period, noise with long repetitions. */
static void fill(char *p, size_t n)
{
    uint64_t kind = below(5), period = 1 + below(70000);
    for (size_t i = 0; i < n; i++) {
        switch (kind) {
        case 0: p[i] = (char)check_random(&seed); break;
        case 1: p[i] = 'x'; break;
        case 2: p[i] = "the quick brown fox "[below(20)]; break;
        case 3: p[i] = (char)(i % period); break;
        default: p[i] = i >= period && below(200) ? p[i - period] : (char)check_random(&seed);
        }
    }
}

static size_t random_length(void)
{
    return (size_t)(below(10) == 0 ? below(LENGTH_MAX) : below(3000));
}

static void test_what_is_compressed_comes_back_and_is_little_longer_at_worst(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        size_t n = random_length();
        char *text = malloc(n + !n);
        struct buf packed = BUF_MAX(1 << 20), plain = BUF_MAX(1 << 20);
        assert_non_null(text);
        fill(text, n);
        assert_int_equal(snappy_compress_bytes(str_of(text, n), &packed, NULL), 0);
        assert_true(packed.n <= 32 + n + n / 6);
        assert_int_equal(snappy_decompress(buf_str(&packed), &plain, NULL), 0);
        assert_true(str_eq(buf_str(&plain), str_of(text, n)));
        buf_done(&packed);
        buf_done(&plain);
        free(text);
    }
}

static void test_damaged_blocks_are_refused_or_stay_within_their_bytes(void **state)
{
    (void)state;
    static char text[3000];
    for (int round = 0; round < ROUNDS; round++) {
        size_t n = 1 + (size_t)below(sizeof text);
        struct buf packed = BUF_MAX(1 << 20), plain = BUF_MAX(4000);
        fill(text, n);
        assert_int_equal(snappy_compress_bytes(str_of(text, n), &packed, NULL), 0);
        size_t size = 1 + (size_t)below(packed.n);
        char *exact = malloc(size); // so that a sanitizer sees the first byte beyond
        assert_non_null(exact);
        memcpy(exact, packed.p, size);
        exact[below(size)] ^= (char)(1 + below(255));
        int rc = snappy_decompress(str_of(exact, size), &plain, NULL);
        assert_true(rc == 0 || rc == ERR_INVALID || rc == ERR_TOO_BIG);
        assert_true(plain.n <= 4000 && (rc == 0 || plain.n == 0));
        free(exact);
        buf_done(&packed);
        buf_done(&plain);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_compressed_comes_back_and_is_little_longer_at_worst),
        cmocka_unit_test(test_damaged_blocks_are_refused_or_stay_within_their_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
