#include "codec/compress.h"

#include <stdlib.h>

#include "support/check.h"

static const enum compression all[] = {COMPRESSION_GZIP, COMPRESSION_DEFLATE, COMPRESSION_ZSTD};

/* Text that neither compresses to nothing nor is noise. Caller frees. */
static struct str make_text(size_t n)
{
    char *p = malloc(n);
    assert_non_null(p);
    unsigned seed = 1;
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1103515245u + 12345u;
        p[i] = (char)('a' + (seed >> 16) % 26);
    }
    return str_of(p, n);
}

static struct buf compressed(enum compression c, struct str in)
{
    struct buf out = BUF_MAX(64 << 20);
    struct err err = {0};
    assert_int_equal(compress_bytes(c, in, 3, &out, &err), 0);
    return out;
}

static void test_what_is_compressed_comes_back(void **state)
{
    (void)state;
    const size_t sizes[] = {0, 1, 100, 70000, 3000000};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        for (size_t j = 0; j < ARRAY_LEN(sizes); j++) {
            struct str text = make_text(sizes[j] + 1);
            text.n = sizes[j];
            struct buf small = compressed(all[i], text), back = BUF_MAX(4 << 20);
            struct err err = {0};
            assert_int_equal(decompress(all[i], buf_str(&small), 0, &back, &err), 0);
            assert_true(str_eq(buf_str(&back), text));
            buf_done(&small);
            buf_done(&back);
            free((void *)(uintptr_t)text.p);
        }
}

static void test_output_of_exactly_the_maximum_fits_and_one_more_byte_does_not(void **state)
{
    (void)state;
    struct str text = make_text(100000);
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        struct buf small = compressed(all[i], text);
        struct buf fits = BUF_MAX(100000 + 1), little = BUF_MAX(100000 - 1);
        struct err err = {0};
        assert_int_equal(decompress(all[i], buf_str(&small), 0, &fits, &err), 0);
        assert_int_equal(decompress(all[i], buf_str(&small), 0, &little, &err), ERR_TOO_BIG);
        assert_true(str_starts(str_c(err.message), STR("more than 99999 bytes")));
        buf_done(&small);
        buf_done(&fits);
        buf_done(&little);
    }
    free((void *)(uintptr_t)text.p);
}

static void test_cut_off_at_every_byte_is_an_error(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        struct buf small = compressed(all[i], STR("hello hello hello hello, telltale"));
        for (size_t n = 0; n < small.n; n++) {
            struct buf back = BUF_MAX(1 << 16);
            struct err err = {0};
            assert_int_equal(decompress(all[i], str_of(small.p, n), 0, &back, &err), ERR_INVALID);
            buf_done(&back);
        }
        buf_done(&small);
    }
}

static void test_a_bomb_stops_at_the_ratio(void **state)
{
    (void)state;
    size_t n = 32 << 20;
    char *zeros = calloc(1, n);
    assert_non_null(zeros);
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        struct buf bomb = compressed(all[i], str_of(zeros, n)), out = BUF_MAX(64 << 20);
        struct err err = {0};
        assert_int_equal(decompress(all[i], buf_str(&bomb), 100, &out, &err), ERR_TOO_BIG);
        assert_true(out.n < 32 << 20);
        assert_true(str_find(str_c(err.message), STR("100 times")) < str_c(err.message).n);
        buf_done(&bomb);
        buf_done(&out);
    }
    free(zeros);
}

static void test_small_bodies_may_have_any_ratio(void **state)
{
    (void)state;
    char zeros[100000] = {0};
    struct buf small = compressed(COMPRESSION_GZIP, str_of(zeros, sizeof zeros));
    struct buf out = BUF_MAX(1 << 20);
    assert_int_equal(decompress(COMPRESSION_GZIP, buf_str(&small), 2, &out, NULL), 0);
    buf_done(&small);
    buf_done(&out);
}

static void test_gzip_members_behind_each_other_are_one_text(void **state)
{
    (void)state;
    struct buf both = compressed(COMPRESSION_GZIP, STR("one "));
    struct buf second = compressed(COMPRESSION_GZIP, STR("two"));
    buf_put_str(&both, buf_str(&second));
    struct buf out = BUF_MAX(100);
    assert_int_equal(decompress(COMPRESSION_GZIP, buf_str(&both), 0, &out, NULL), 0);
    assert_true(str_eq(buf_str(&out), STR("one two")));
    buf_done(&both);
    buf_done(&second);
    buf_done(&out);
}

static void test_bytes_behind_a_deflate_stream_are_an_error(void **state)
{
    (void)state;
    struct buf small = compressed(COMPRESSION_DEFLATE, STR("text"));
    buf_puts(&small, "more");
    struct buf out = BUF_MAX(100);
    struct err err = {0};
    assert_int_equal(decompress(COMPRESSION_DEFLATE, buf_str(&small), 0, &out, &err), ERR_INVALID);
    assert_string_equal(err.message, "damaged deflate: bytes behind its end");
    buf_done(&small);
    buf_done(&out);
}

static void test_deflate_without_the_zlib_header_is_read_too(void **state)
{
    (void)state;
    struct buf small = compressed(COMPRESSION_DEFLATE, STR("text text text"));
    struct buf out = BUF_MAX(100);
    struct str raw = str_of(small.p + 2, small.n - 6); // without header and Adler-32
    assert_int_equal(decompress(COMPRESSION_DEFLATE, raw, 0, &out, NULL), 0);
    assert_true(str_eq(buf_str(&out), STR("text text text")));
    buf_done(&small);
    buf_done(&out);
}

static void test_words_of_http_name_the_compression(void **state)
{
    (void)state;
    enum compression c;
    assert_int_equal(compression_parse(STR("GZIP"), &c, NULL), 0);
    assert_int_equal(c, COMPRESSION_GZIP);
    assert_int_equal(compression_parse((struct str){0}, &c, NULL), 0);
    assert_int_equal(c, COMPRESSION_NONE);
    assert_int_equal(compression_parse(STR(" zstd "), &c, NULL), 0);
    assert_int_equal(c, COMPRESSION_ZSTD);
    struct err err = {0};
    assert_int_equal(compression_parse(STR("br"), &c, &err), ERR_UNSUPPORTED);
    assert_string_equal(err.message,
                        "compression \"br\"; expected gzip, deflate, zstd or identity");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_compressed_comes_back),
        cmocka_unit_test(test_output_of_exactly_the_maximum_fits_and_one_more_byte_does_not),
        cmocka_unit_test(test_cut_off_at_every_byte_is_an_error),
        cmocka_unit_test(test_a_bomb_stops_at_the_ratio),
        cmocka_unit_test(test_small_bodies_may_have_any_ratio),
        cmocka_unit_test(test_gzip_members_behind_each_other_are_one_text),
        cmocka_unit_test(test_bytes_behind_a_deflate_stream_are_an_error),
        cmocka_unit_test(test_deflate_without_the_zlib_header_is_read_too),
        cmocka_unit_test(test_words_of_http_name_the_compression),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
