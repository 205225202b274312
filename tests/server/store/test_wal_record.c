#include "store/embedded/wal_record.h"

#include "base/err.h"
#include "store/embedded/wal.h"
#include "support/check.h"

static struct arena arena;
static struct buf payload, seen;

static int begin(void **state)
{
    (void)state;
    const struct buf empty = BUF_MAX(1 << 20);
    payload = seen = empty;
    arena_init(&arena, 1 << 20);
    return 0;
}

static int end(void **state)
{
    (void)state;
    buf_done(&payload);
    buf_done(&seen);
    arena_done(&arena);
    return 0;
}

static int on_stream(void *arg, uint32_t id, const struct labels *labels)
{
    (void)arg;
    buf_printf(&seen, "%u ", id);
    labels_format(&seen, labels);
    buf_putc(&seen, '\n');
    return 0;
}

static int on_row(void *arg, uint32_t id, const struct sample *sample)
{
    (void)arg;
    buf_printf(&seen, "%u: %g @%lld\n", id, sample->value, (long long)sample->t_unix_ms);
    return 0;
}

static int replay(void)
{
    const struct wal_visitor visitor = {.stream = on_stream, .row = on_row};
    buf_reset(&seen);
    return wal_read_record(buf_str(&payload), &arena, &visitor);
}

static void expect(const char *text)
{
    assert_int_equal(replay(), 0);
    buf_putc(&seen, '\0');
    assert_string_equal(seen.p, text);
}

/* ---- definitions ---- */

static const struct label pod_1[] = {{{"__name__", 8}, {"up", 2}}, {{"pod", 3}, {"1", 1}}};
static const struct label pod_2[] = {
    {{"__name__", 8}, {"up", 2}}, {{"pod", 3}, {"2", 1}}, {{"z", 1}, {"z", 1}}};
static const struct labels one = {pod_1, 2}, two = {pod_2, 3};

static void test_labels_of_the_definition_before_are_not_written_again(void **state)
{
    (void)state;
    wal_put_streams(&payload, 3);
    wal_put_stream(&payload, 1, &one, 0);
    wal_put_stream(&payload, 9, &two, 1);
    size_t before = payload.n;
    wal_put_stream(&payload, 5, &two, 7);
    assert_int_equal(payload.n - before, 3);
    expect("1 up{pod=\"1\"}\n9 up{pod=\"2\", z=\"z\"}\n5 up{pod=\"2\", z=\"z\"}\n");
}

static void test_labels_behind_the_last_bit_of_the_mask_are_written(void **state)
{
    (void)state;
    enum { MANY = WAL_SAME_MAX + 2 };
    struct label v[MANY];
    char names[MANY][3];
    for (int i = 0; i < MANY; i++) {
        names[i][0] = (char)('a' + i / 10);
        names[i][1] = (char)('0' + i % 10);
        v[i] = (struct label){str_of(names[i], 2), STR("v")};
    }
    const struct labels many = {v, MANY};
    wal_put_streams(&payload, 2);
    wal_put_stream(&payload, 1, &many, 0);
    wal_put_stream(&payload, 1, &many, UINT64_MAX >> 1);
    assert_int_equal(replay(), 0);
    assert_true(memcmp(seen.p, seen.p + seen.n / 2, seen.n / 2) == 0);
}

static void test_definitions_of_an_older_log_are_read(void **state)
{
    (void)state;
    buf_put_str(&payload, STR("\x01\x01\x07\x02\x08__name__\x02up\x03pod\x01"
                              "1"));
    expect("7 up{pod=\"1\"}\n");
}

static void test_what_the_visitor_does_not_take_is_damage(void **state)
{
    (void)state;
    struct wal_rows rows;
    const struct wal_visitor nothing = {0};
    wal_put_streams(&payload, 1);
    wal_put_stream(&payload, 1, &one, 0);
    assert_int_equal(wal_read_record(buf_str(&payload), &arena, &nothing), ERR_CORRUPT);
    buf_reset(&payload);
    wal_put_rows(&payload, 1, 0, &rows);
    wal_put_series(&payload, 1, &(struct sample){.value = 1}, 1, &rows);
    assert_int_equal(wal_read_record(buf_str(&payload), &arena, &nothing), ERR_CORRUPT);
    buf_reset(&payload);
    wal_put_metadata(&payload, 1);
    wal_put_family(&payload, &(struct metric_metadata){.family = STR("m")});
    assert_int_equal(replay(), ERR_CORRUPT);
    buf_reset(&payload);
    wal_put_exemplars(&payload, 1);
    wal_put_exemplar(&payload, 1, &(struct exemplar){.value = 1});
    assert_int_equal(replay(), ERR_CORRUPT);
}

static void test_a_mask_beyond_the_labels_before_is_damage(void **state)
{
    (void)state;
    wal_put_streams(&payload, 1);
    wal_put_stream(&payload, 1, &one, 1);
    assert_int_equal(replay(), ERR_CORRUPT);
    buf_reset(&payload);
    wal_put_streams(&payload, 2);
    wal_put_stream(&payload, 1, &one, 0);
    wal_put_stream(&payload, 2, &two, 4);
    assert_int_equal(replay(), ERR_CORRUPT);
}

static void test_a_payload_that_is_cut_anywhere_is_damage(void **state)
{
    (void)state;
    const struct sample sample = {.t_unix_ms = 1000, .value = 2};
    struct wal_rows rows;
    wal_put_streams(&payload, 2);
    wal_put_stream(&payload, 1, &one, 0);
    wal_put_stream(&payload, 2, &two, 1);
    size_t definitions = payload.n;
    wal_put_rows(&payload, 1, 1000, &rows);
    wal_put_series(&payload, 2, &sample, 1, &rows);
    expect("1 up{pod=\"1\"}\n2 up{pod=\"2\", z=\"z\"}\n2: 2 @1000\n");
    for (payload.n--; payload.n > 0; payload.n--)
        assert_int_equal(replay(), payload.n == definitions ? 0 : ERR_CORRUPT);
}

/* Read again by itself it is the same. */
static int on_plain(void *arg, uint32_t id, int64_t t_unix_ms, double value, struct str bytes)
{
    struct sample again;
    assert_true(wal_read_plain(bytes, 0, t_unix_ms, &again));
    assert_true(again.value == value);
    return on_row(arg, id, &again);
}

/* No log of ours has one. */
static void test_a_count_of_more_bytes_than_it_needs_is_a_plain_row(void **state)
{
    (void)state;
    const struct wal_visitor visitor = {.row = on_row, .plain = on_plain};
    buf_put_str(&payload, STR("\x02\x01\x00\x0e\x84\x00\x14\0\0\0\0\0\0\x00\x40"));
    assert_int_equal(wal_read_record(buf_str(&payload), &arena, &visitor), 0);
    buf_putc(&seen, '\0');
    assert_string_equal(seen.p, "7: 2 @10\n");
}

/* ---- what comes first ---- */

static struct wal_glance glance(void)
{
    return wal_glance(str_sub(buf_str(&payload), 0, WAL_GLANCE));
}

static void test_the_first_bytes_tell_the_latest_time(void **state)
{
    (void)state;
    const struct sample samples[] = {{.t_unix_ms = 3000}, {.t_unix_ms = -5}};
    struct wal_rows rows;
    size_t at = wal_put_latest(&payload);
    assert_true(glance().latest_ms == INT64_MIN);
    assert_true(glance().rows_alone); // there are none
    wal_put_rows(&payload, 2, 1000, &rows);
    wal_put_series(&payload, 1, samples, 2, &rows);
    wal_put_series(&payload, 2, &samples[1], 1, &rows);
    wal_set_latest(&payload, at, rows.latest_ms);
    assert_true(glance().latest_ms == 3000);
    assert_true(glance().rows_alone);
    expect("1: 0 @3000\n1: 0 @-5\n2: 0 @-5\n");
    for (payload.n = WAL_GLANCE - 2; payload.n > 0; payload.n--) {
        assert_true(glance().latest_ms == INT64_MAX);
        assert_int_equal(replay(), ERR_CORRUPT);
    }
}

static void test_points_have_a_latest_time_too(void **state)
{
    (void)state;
    const struct batch_point point = {.t_unix_ms = 7000, .count = 4};
    const uint32_t ids[] = {1, 2};
    char room[8];
    struct wal_rows rows;
    wal_put_points(&payload, 1, 1000, &rows);
    assert_true(rows.latest_ms == INT64_MIN);
    char *end = wal_write_id(wal_write_id(room, ids[0], 0), ids[1], ids[0]);
    wal_put_point(&payload, str_of(room, (size_t)(end - room)), &point, &rows);
    assert_true(rows.latest_ms == 7000);
}

static void test_what_is_not_rows_can_be_read_without_them(void **state)
{
    (void)state;
    const struct wal_visitor visitor = {.stream = on_stream, .row = on_row, .no_rows = true};
    struct wal_rows rows;
    wal_set_latest(&payload, wal_put_latest(&payload), 10);
    wal_put_streams(&payload, 1);
    assert_false(glance().rows_alone);
    wal_put_stream(&payload, 1, &one, 0);
    wal_put_rows(&payload, 1, 0, &rows);
    wal_put_series(&payload, 1, &(struct sample){.t_unix_ms = 10}, 1, &rows);
    assert_int_equal(wal_read_record(buf_str(&payload), &arena, &visitor), 0);
    buf_putc(&seen, '\0');
    assert_string_equal(seen.p, "1 up{pod=\"1\"}\n");
}

static void test_a_record_of_an_older_version_tells_no_time(void **state)
{
    (void)state;
    struct wal_rows rows;
    assert_true(glance().latest_ms == INT64_MAX);
    wal_put_rows(&payload, 1, 0, &rows);
    wal_put_series(&payload, 1, &(struct sample){.t_unix_ms = 10}, 1, &rows);
    assert_true(glance().latest_ms == INT64_MAX);
    assert_false(glance().rows_alone);
}

/* ---- points ---- */

static struct str write_ids(const uint32_t *ids, size_t n)
{
    static char room[64];
    char *p = room;
    for (size_t i = 0; i < n; i++)
        p = wal_write_id(p, ids[i], i ? ids[i - 1] : 0);
    return str_of(room, (size_t)(p - room));
}

static void test_a_point_of_a_histogram_is_a_row_of_each_series(void **state)
{
    (void)state;
    const uint32_t ids[] = {40, 7, 9, 8, UINT32_MAX};
    const uint64_t counts[] = {1, UINT64_MAX};
    const struct batch_point with_sum = {.t_unix_ms = 1000,
                                         .start_unix_ms = 400,
                                         .sum = 0.5,
                                         .count = 3,
                                         .counts = counts,
                                         .n_counts = 2,
                                         .has_sum = true};
    const struct batch_point without = {.t_unix_ms = 900, .count = 4};
    struct wal_rows rows;
    wal_put_points(&payload, 2, 1000, &rows);
    wal_put_point(&payload, write_ids(ids, 5), &with_sum, &rows);
    wal_put_point(&payload, write_ids(ids, 2), &without, &rows);
    expect("40: 0.5 @1000\n7: 3 @1000\n9: 1 @1000\n8: 0 @1000\n4294967295: 3 @1000\n"
           "40: 4 @900\n7: 4 @900\n");
    for (payload.n--; payload.n > 0; payload.n--)
        assert_int_equal(replay(), ERR_CORRUPT);
}

static void test_a_point_with_too_few_or_too_many_series_is_damage(void **state)
{
    (void)state;
    static const char *const points[] = {
        "\x06\x01\x00\x04\x02\x00\x00\x00\x00",     // one series
        "\x06\x01\x00\x0a\x02\x02\x00\x00\x00\x00", // two with a sum
        "\x06\x01\x00\xfc\xff\x7f\x02\x00\x00\x00", // more than there are bytes
        "\x06\x01\x00\x08\x01\x02\x00\x00\x00",     // an id below zero
    };
    static const size_t sizes[] = {9, 10, 10, 9};
    for (size_t i = 0; i < 4; i++) {
        buf_reset(&payload);
        buf_put(&payload, points[i], sizes[i]);
        assert_int_equal(replay(), ERR_CORRUPT);
        assert_int_equal(seen.n, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
        T(test_labels_of_the_definition_before_are_not_written_again),
        T(test_labels_behind_the_last_bit_of_the_mask_are_written),
        T(test_definitions_of_an_older_log_are_read),
        T(test_what_the_visitor_does_not_take_is_damage),
        T(test_a_mask_beyond_the_labels_before_is_damage),
        T(test_a_count_of_more_bytes_than_it_needs_is_a_plain_row),
        T(test_a_payload_that_is_cut_anywhere_is_damage),
        T(test_the_first_bytes_tell_the_latest_time),
        T(test_points_have_a_latest_time_too),
        T(test_what_is_not_rows_can_be_read_without_them),
        T(test_a_record_of_an_older_version_tells_no_time),
        T(test_a_point_of_a_histogram_is_a_row_of_each_series),
        T(test_a_point_with_too_few_or_too_many_series_is_damage),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
