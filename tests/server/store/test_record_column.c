/* Values and columns as bytes: what goes in comes out, bit for bit, of every kind and shape; and
 * damaged bytes are refused or decode to something that lies within its buffers. */
#include "store/embedded/records/column_places.h"

#include <stdlib.h>
#include <zstd.h>

#include "harness.h"
#include "store/embedded/records/any_bytes.h"

enum { ROUNDS = 400, DAMAGES = 4000 };

static uint64_t seed = 7;
static struct arena arena;
static struct column_encoder encoder;
static ZSTD_DCtx *zstd;

static uint64_t below(uint64_t n)
{
    return check_random(&seed) % n;
}

static int begin(void **state)
{
    (void)state;
    arena_init(&arena, (size_t)1 << 30);
    zstd = ZSTD_createDCtx();
    return zstd ? column_encoder_init(&encoder, &arena, 1) : -1;
}

static int end(void **state)
{
    (void)state;
    column_encoder_done(&encoder);
    (void)ZSTD_freeDCtx(zstd);
    arena_done(&arena);
    return 0;
}

/* --- values ----------------------------------------------------------------------------------- */

static struct any value_at_depth(int depth)
{
    struct any v = any_string(STR("leaf"));
    for (int i = 0; i < depth; i++) {
        struct any *item = arena_alloc(&arena, sizeof *item);
        *item = v;
        v = any_array(item, 1);
    }
    return v;
}

static struct any round_trip(const struct any *v, bool *bad)
{
    struct buf b = BUF_MAX(1 << 20);
    struct any back;
    any_put(&b, v);
    struct str bytes = arena_str(&arena, buf_str(&b));
    struct reader r = reader_of(bytes.p, bytes.n);
    any_get(&r, &arena, &back);
    *bad = r.bad || reader_left(&r);
    buf_done(&b);
    return back;
}

static void test_values_of_every_type_come_back(void **state)
{
    (void)state;
    const struct any items[] = {any_int(INT64_MIN), any_double(-0.0), {.type = ANY_EMPTY}};
    const struct attribute pairs[] = {
        {STR("b"), any_array(items, 3)}, {STR(""), any_bool(true)}, {STR("b"), any_int(1)}};
    const struct any values[] = {{.type = ANY_EMPTY},
                                 any_string(STR("")),
                                 any_string(STR("text\0with nul")),
                                 any_bytes(STR("\xff\xfe")),
                                 any_bool(false),
                                 any_bool(true),
                                 any_int(INT64_MAX),
                                 any_int(-1),
                                 any_double(bits_double(0x7ff8000000000123)),
                                 any_array(items, 3),
                                 any_array(NULL, 0),
                                 any_map(pairs, 3),
                                 any_map(NULL, 0)};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        bool bad;
        struct any back = round_trip(&values[i], &bad);
        assert_false(bad);
        assert_true(any_eq(&values[i], &back));
    }
}

static void test_values_nest_as_deep_as_decoders_allow_and_no_deeper_than_readers_bear(void **state)
{
    (void)state;
    bool bad;
    struct any deep = value_at_depth(ANY_DEPTH_MAX + 4), deeper = value_at_depth(200);
    struct any back = round_trip(&deep, &bad);
    assert_false(bad);
    assert_true(any_eq(&deep, &back));
    back = round_trip(&deeper, &bad);
    assert_true(bad);
    assert_int_equal(back.type, ANY_EMPTY);
}

static void test_a_count_that_the_bytes_cannot_hold_reserves_nothing(void **state)
{
    (void)state;
    static const char bytes[] = {ANY_ARRAY, '\xff', '\xff', '\xff', '\xff', '\x0f'};
    struct reader r = reader_of(bytes, sizeof bytes);
    struct any v;
    any_get(&r, &arena, &v);
    assert_true(r.bad);
    assert_int_equal(v.type, ANY_EMPTY);
    assert_false(arena_failed(&arena));
}

/* --- columns ---------------------------------------------------------------------------------- */

/* How the texts of a column are alike. */
enum likeness { ALL_EQUAL, FEW, ALL_DIFFERENT, LONG, EMPTY, LIKENESSES };

static void put_random_text(struct buf *out, enum likeness like)
{
    size_t n = like == LONG ? below(3000) : below(20);
    switch (like) {
    case ALL_EQUAL: buf_puts(out, "the same"); break;
    case FEW: buf_printf(out, "value %d", (int)below(9)); break;
    case EMPTY: break;
    default:
        for (size_t i = 0; i < n; i++)
            buf_putc(out, (char)check_random(&seed));
    }
}

static struct column random_texts(enum column_kind kind, uint32_t n)
{
    enum likeness like = (enum likeness)below(LIKENESSES);
    struct buf text = BUF_MAX(64 << 20);
    uint32_t *ends = arena_array(&arena, n, sizeof *ends);
    for (uint32_t i = 0; i < n; i++) {
        if (kind == COLUMN_ANY) {
            struct any v = below(2) ? any_int((int64_t)below(5)) : any_string(STR("x"));
            any_put(&text, &v);
        } else {
            put_random_text(&text, like);
        }
        ends[i] = (uint32_t)text.n;
    }
    struct str kept = arena_str(&arena, buf_str(&text));
    buf_done(&text);
    return (struct column){.kind = kind, .n = n, .ends = ends, .text = kept.p, .n_texts = n};
}

static struct column random_numbers(enum column_kind kind, uint32_t n)
{
    int64_t *v = arena_array(&arena, n, sizeof *v);
    unsigned shift = (unsigned)below(64);
    for (uint32_t i = 0; i < n; i++)
        v[i] = kind == COLUMN_BOOL ? (int64_t)below(2) : (int64_t)(check_random(&seed) >> shift);
    if (kind == COLUMN_DOUBLE && below(2))
        for (uint32_t i = 0; i < n; i++)
            v[i] = (int64_t)double_bits((double)below(1000) / 100);
    return (struct column){.kind = kind, .n = n, .ints = v};
}

/* `n` of `n_rows` rows, rising. */
static const uint32_t *random_rows(uint32_t n_rows, uint32_t density, uint32_t *out_n)
{
    uint32_t *rows = arena_array(&arena, n_rows, sizeof *rows), n = 0;
    for (uint32_t i = 0; i < n_rows; i++)
        if (below(density) == 0)
            rows[n++] = i;
    *out_n = n;
    return rows;
}

static struct column random_column(uint32_t n_rows)
{
    static const uint32_t densities[] = {1, 2, 5, 40, 1000};
    uint32_t n = n_rows;
    const uint32_t *rows = below(3) ? random_rows(n_rows, densities[below(5)], &n) : NULL;
    enum column_kind kind = (enum column_kind)below(COLUMN_KINDS);
    struct column c = kind >= COLUMN_STRING ? random_texts(kind, n) : random_numbers(kind, n);
    c.rows = rows;
    return c;
}

static void check_equal(const struct column *a, const struct column *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->n, b->n);
    for (uint32_t i = 0; i < a->n; i++) {
        assert_int_equal(a->rows ? a->rows[i] : i, b->rows ? b->rows[i] : i);
        if (column_is_text(a))
            assert_true(str_eq(column_value_text(a, i), column_value_text(b, i)));
        else
            assert_true(a->ints[i] == b->ints[i]);
    }
}

static void encode(struct buf *out, const struct column *c, uint32_t n_rows)
{
    uint32_t distinct;
    buf_reset(out);
    assert_true(column_encode(&encoder, out, c, n_rows, &distinct));
}

static void test_columns_of_every_kind_and_density_come_back(void **state)
{
    (void)state;
    struct buf b = BUF_MAX(64 << 20);
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t n_rows = 1 + (uint32_t)below(below(10) ? 300 : COLUMN_ROWS);
        struct column c = random_column(n_rows), back;
        encode(&b, &c, n_rows);
        assert_int_equal(column_decode(buf_str(&b), n_rows, zstd, &arena, &back), 0);
        check_equal(&c, &back);
        arena_reset(&arena);
    }
    buf_done(&b);
}

static void test_a_value_is_found_by_its_row_wherever_the_cursor_is(void **state)
{
    (void)state;
    for (int round = 0; round < 50; round++) {
        uint32_t n_rows = 1 + (uint32_t)below(500), n;
        const uint32_t *rows = random_rows(n_rows, 1 + (uint32_t)below(8), &n);
        const struct column c = {.kind = COLUMN_INT, .n = n, .rows = rows};
        const struct column_places *places = column_places_of(&c, n_rows, &arena);
        assert_non_null(places);
        for (uint32_t row = 0, next = 0; row < n_rows; row++) {
            bool has = next < n && rows[next] == row;
            uint32_t cursor = (uint32_t)below((uint64_t)n + 2);
            assert_int_equal(column_find(&c, row, &cursor), has ? next : UINT32_MAX);
            assert_int_equal(cursor, next); // values of the rows before
            assert_int_equal(column_place(&c, places, row), has ? next : UINT32_MAX);
            next += has;
        }
        arena_reset(&arena);
    }
    const struct column dense = {.kind = COLUMN_INT, .n = 3};
    uint32_t cursor = 0;
    assert_int_equal(column_find(&dense, 2, &cursor), 2);
    assert_int_equal(column_find(&dense, 3, &cursor), UINT32_MAX);
    assert_int_equal(column_place(&dense, NULL, 2), 2);
    assert_int_equal(column_place(&dense, NULL, 3), UINT32_MAX);
}

static void test_equal_texts_cost_bits_and_random_ones_their_length(void **state)
{
    (void)state;
    struct buf b = BUF_MAX(64 << 20);
    uint32_t n = COLUMN_ROWS, *ends = arena_array(&arena, n, sizeof *ends);
    struct buf text = BUF_MAX(64 << 20);
    for (uint32_t i = 0; i < n; i++) {
        buf_printf(&text, "GET /v1/items/%u", i % 8);
        ends[i] = (uint32_t)text.n;
    }
    struct column c = {.kind = COLUMN_STRING, .n = n, .ends = ends, .text = text.p, .n_texts = n};
    encode(&b, &c, n);
    assert_true(b.n < (size_t)n * 3 / 8 + 200); // three bits a code
    for (size_t i = 0; i < text.n; i++)
        text.p[i] = (char)check_random(&seed);
    encode(&b, &c, n);
    assert_true(b.n < text.n + n + 200);
    buf_done(&text);
    buf_done(&b);
}

/* Reads everything that a column says it has. */
static uint64_t read_all(const struct column *c)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < c->n; i++) {
        struct any v = column_any(c, i, &arena);
        struct str s = any_text(&v);
        sum += v.type + (c->rows ? c->rows[i] : 0);
        for (size_t k = 0; k < s.n; k++)
            sum += (unsigned char)s.p[k];
    }
    return sum;
}

static void test_damaged_columns_are_refused_or_stay_within_their_buffers(void **state)
{
    (void)state;
    struct buf b = BUF_MAX(64 << 20);
    uint64_t sum = 0;
    int refused = 0;
    for (int round = 0; round < DAMAGES; round++) {
        uint32_t n_rows = 1 + (uint32_t)below(200);
        struct column c = random_column(n_rows), back;
        encode(&b, &c, n_rows);
        size_t n = below(4) ? b.n : below(b.n + 1);
        char *bytes = malloc(n + 1); // so that a sanitizer sees the end
        assert_non_null(bytes);
        memcpy(bytes, b.p, n);
        for (uint64_t k = 1 + below(3); n && k > 0; k--)
            bytes[below(n)] = (char)check_random(&seed);
        if (column_decode(str_of(bytes, n), n_rows, zstd, &arena, &back) == 0)
            sum += read_all(&back);
        else
            refused++;
        free(bytes);
        arena_reset(&arena);
    }
    assert_true(refused > DAMAGES / 10);
    assert_true(sum != 0);
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_of_every_type_come_back),
        cmocka_unit_test(
            test_values_nest_as_deep_as_decoders_allow_and_no_deeper_than_readers_bear),
        cmocka_unit_test(test_a_count_that_the_bytes_cannot_hold_reserves_nothing),
        cmocka_unit_test(test_columns_of_every_kind_and_density_come_back),
        cmocka_unit_test(test_a_value_is_found_by_its_row_wherever_the_cursor_is),
        cmocka_unit_test(test_equal_texts_cost_bits_and_random_ones_their_length),
        cmocka_unit_test(test_damaged_columns_are_refused_or_stay_within_their_buffers),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
