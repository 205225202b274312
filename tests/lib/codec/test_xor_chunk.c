/* Chunks of floats read back bit by bit, as the format is described: what is written for Prometheus
 * comes to it with every bit, ordinary or not. (Histograms: tests/e2e/remote_read.test.js.) */
#include "codec/xor_chunk.h"

#include "base/word.h"
#include "support/check.h"

enum { ROUNDS = 500, SAMPLES_MAX = 300 };

static uint64_t seed = 21;

static uint64_t below(uint64_t n)
{
    return check_random(&seed) % n;
}

/* --- reading ---------------------------------------------------------------------------------- */

struct bits {
    const unsigned char *p;
    size_t n, at; /* n in bytes, at in bits */
};

static uint64_t take(struct bits *b, unsigned n)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < n; i++, b->at++) {
        assert_true(b->at / 8 < b->n);
        v = v << 1 | (b->p[b->at / 8] >> (7 - b->at % 8) & 1);
    }
    return v;
}

static uint64_t take_uvarint(struct bits *b)
{
    uint64_t v = 0, byte = 0x80;
    for (unsigned shift = 0; byte & 0x80; shift += 7) {
        byte = take(b, 8);
        v |= (byte & 0x7f) << shift;
    }
    return v;
}

static int64_t take_varint(struct bits *b)
{
    uint64_t v = take_uvarint(b);
    return (int64_t)(v >> 1 ^ (~(v & 1) + 1));
}

static int64_t take_difference(struct bits *b)
{
    static const unsigned sizes[] = {14, 17, 20};
    unsigned ones = 0;
    while (ones < 4 && take(b, 1))
        ones++;
    if (ones == 0)
        return 0;
    if (ones == 4)
        return (int64_t)take(b, 64);
    unsigned n = sizes[ones - 1];
    int64_t v = (int64_t)take(b, n);
    return v > INT64_C(1) << (n - 1) ? v - (INT64_C(1) << n) : v;
}

struct window {
    unsigned leading, size;
};

static uint64_t take_change(struct bits *b, struct window *w)
{
    if (!take(b, 1))
        return 0;
    if (take(b, 1)) {
        w->leading = (unsigned)take(b, 5);
        w->size = (unsigned)take(b, 6);
        w->size = w->size ? w->size : 64;
    }
    return take(b, w->size) << (64 - w->leading - w->size);
}

static void check_chunk(const struct buf *chunk, const struct sample *v, size_t n)
{
    struct bits b = {(const unsigned char *)chunk->p, chunk->n, 0};
    struct window w = {0};
    uint64_t value = 0;
    int64_t t = 0, step = 0;
    assert_int_equal(take(&b, 16), n);
    for (size_t i = 0; i < n; i++) {
        step = i == 0   ? take_varint(&b)
               : i == 1 ? (int64_t)take_uvarint(&b)
                        : step + take_difference(&b);
        value = i == 0 ? take(&b, 64) : value ^ take_change(&b, &w);
        t += step;
        if (i == 0)
            step = 0;
        assert_true(t == v[i].t_unix_ms);
        assert_true(value == double_bits(v[i].value));
    }
    assert_true(b.at <= chunk->n * 8 && chunk->n * 8 - b.at < 8); // nothing stands behind
}

/* --- samples ---------------------------------------------------------------------------------- */

static int64_t random_step(uint64_t kind)
{
    switch (kind) {
    case 0: return 15000;
    case 1: return 15000 - 3 + (int64_t)below(7);
    case 2: return 1 + (int64_t)below(1u << (1 + below(25)));
    default: return 1 + (int64_t)(check_random(&seed) >> (20 + below(30)));
    }
}

static double random_value(uint64_t kind, double before)
{
    switch (kind) {
    case 0: return before;
    case 1: return before + (double)below(100);
    case 2: return (double)below(1000) / 8;
    case 3: return bits_double(check_random(&seed));
    default: return below(2) ? stale_nan() : bits_double(UINT64_C(1) << below(64));
    }
}

static void test_samples_of_every_kind_are_read_back(void **state)
{
    (void)state;
    static struct sample v[SAMPLES_MAX];
    for (int round = 0; round < ROUNDS; round++) {
        size_t n = below(4) ? (size_t)below(4) : (size_t)below(SAMPLES_MAX);
        uint64_t steps = below(4), values = below(6);
        int64_t t = (int64_t)(check_random(&seed) >> 22) - (INT64_C(1) << 41);
        for (size_t i = 0; i < n; i++) {
            uint64_t kind = values == 5 ? below(5) : values;
            v[i] = (struct sample){.t_unix_ms = t,
                                   .value = random_value(kind, i ? v[i - 1].value : 7)};
            t += random_step(steps);
        }
        struct buf chunk = BUF_MAX(1 << 16);
        xor_chunk_encode(&chunk, v, n);
        assert_false(buf_failed(&chunk));
        assert_true(chunk.n <= 20 + 18 * n);
        check_chunk(&chunk, v, n);
        buf_done(&chunk);
    }
}

static void test_a_regular_series_that_stands_still_takes_two_bits_a_sample(void **state)
{
    (void)state;
    struct sample v[XOR_CHUNK_SAMPLES];
    for (size_t i = 0; i < XOR_CHUNK_SAMPLES; i++)
        v[i] = (struct sample){.t_unix_ms = 1000 * (int64_t)i, .value = 5};
    struct buf chunk = BUF_MAX(1 << 10);
    xor_chunk_encode(&chunk, v, XOR_CHUNK_SAMPLES);
    assert_true(chunk.n <= 2 + 1 + 8 + 2 + XOR_CHUNK_SAMPLES / 4);
    check_chunk(&chunk, v, XOR_CHUNK_SAMPLES);
    buf_done(&chunk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples_of_every_kind_are_read_back),
        cmocka_unit_test(test_a_regular_series_that_stands_still_takes_two_bits_a_sample),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
