#include "harness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/budget.h"
#include "base/buf.h"
#include "model/histogram.h"

static void test_rows_are_read_back_from_head_part_and_both(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    (void)harness_open(&h);
    harness_put(&h, "up{job=a}", NOON, 1);
    harness_put(&h, "up{job=b}", NOON, 2);
    check_rows(&h, "__name__=up", "up{job=\"a\"} 0=1\nup{job=\"b\"} 0=2");
    assert_int_equal(store_flush(h.store, NULL), 0);
    check_rows(&h, "__name__=up", "up{job=\"a\"} 0=1\nup{job=\"b\"} 0=2");
    harness_put(&h, "up{job=a}", NOON + 1000, 3);
    check_rows(&h, "__name__=up", "up{job=\"a\"} 0=1 1000=3\nup{job=\"b\"} 0=2");
    harness_done(&h);
}

static void test_the_last_row_written_wins_at_equal_time(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    (void)harness_open(&h);
    harness_put(&h, "m", NOON, 1);
    harness_put(&h, "m", NOON, 2);
    check_rows(&h, "", "m 0=2");
    assert_int_equal(store_flush(h.store, NULL), 0);
    harness_put(&h, "m", NOON, 3);
    check_rows(&h, "", "m 0=3");
    assert_int_equal(store_flush(h.store, NULL), 0);
    check_rows(&h, "", "m 0=3");
    harness_put(&h, "m", NOON, 4);
    harness_kill(&h);
    check_rows(&h, "", "m 0=4");
    assert_int_equal(store_maintain(h.store, true, NULL), 0);
    check_rows(&h, "", "m 0=4");
    harness_done(&h);
}

static void test_out_of_order_rows_find_their_day(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    (void)harness_open(&h);
    static const int64_t times[] = {0, -1000, 500, -3 * DAY, 1000, -DAY, -3 * DAY - 1, 0};
    for (size_t i = 0; i < 8; i++)
        harness_put(&h, "m", NOON + times[i], (double)i);
    const char *expected = "m -259200001=6 -259200000=3 -86400000=5 -1000=1 0=7 500=2 1000=4";
    check_rows(&h, "", expected);
    harness_kill(&h);
    check_rows(&h, "", expected);
    harness_reopen(&h);
    check_rows(&h, "", expected);
    struct store_stats stats;
    assert_int_equal(store_stats(h.store, 0, NULL, &stats, NULL), 0);
    assert_int_equal(stats.partitions, 3);
    harness_done(&h);
}

static void test_any_time_from_year_one_to_9999_is_kept(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    h.options.max_future_ms = INT64_C(300000000000000);
    (void)harness_open(&h);
    harness_put(&h, "m", 0, 1);
    harness_put(&h, "m", -1, 2);
    harness_put(&h, "m", TIME_MIN_MS, 3);
    harness_put(&h, "m", TIME_MAX_MS, 4);
    harness_reopen(&h);
    struct buf expected = BUF_MAX(1000);
    buf_printf(&expected, "m %lld=3 %lld=2 %lld=1 %lld=4", (long long)(TIME_MIN_MS - NOON),
               (long long)(-1 - NOON), (long long)-NOON, (long long)(TIME_MAX_MS - NOON));
    char *text = buf_take(&expected, NULL);
    check_rows(&h, "", text);
    free(text);

    struct sink_result result;
    harness_float(&h, "m", TIME_MIN_MS - 1, 1);
    harness_float(&h, "m", INT64_MIN, 1);
    harness_float(&h, "m", INT64_MAX, 1);
    assert_int_equal(harness_append(&h, &result, NULL), 0);
    assert_int_equal(result.rejected[REJECT_TOO_OLD], 2);
    assert_int_equal(result.rejected[REJECT_TOO_NEW], 1);
    harness_done(&h);
}

static void test_a_selection_tells_where_the_next_rows_may_be(void **state)
{
    (void)state;
    struct harness h;
    struct selection *sel;
    int64_t next = 0;
    harness_init(&h);
    h.options.retention_ms = STORE_RETENTION_FOREVER;
    (void)harness_open(&h);
    harness_put(&h, "m", NOON - 90 * DAY, 1);
    harness_put(&h, "m", NOON - 40 * DAY, 2);
    assert_int_equal(store_flush(h.store, NULL), 0);
    harness_put(&h, "m", NOON, 3);
    assert_int_equal(store_select(h.store, NULL, 0, INT64_MIN, INT64_MAX, 0, NULL, &sel, NULL), 0);
    assert_true(selection_next(sel, 0, INT64_MIN, &next));
    assert_int_equal(next, NOON - 90 * DAY);
    assert_true(selection_next(sel, 0, next + 1, &next));
    assert_int_equal(next, NOON - 40 * DAY);
    assert_true(selection_next(sel, 0, next + 1, &next));
    assert_int_equal(next, NOON);
    assert_true(selection_next(sel, 0, NOON + SECOND, &next)); // the head may still grow today
    assert_int_equal(next, NOON + SECOND);
    assert_false(selection_next(sel, 0, NOON + DAY, &next));
    selection_free(sel);
    harness_done(&h);
}

static void test_matchers_select_as_prometheus_does(void **state)
{
    (void)state;
    static const struct {
        const char *matchers, *expected;
    } cases[] = {
        {"a=x", "m{a=\"x\"} 0=1\nn{a=\"x\", b=\"y\"} 0=4"},
        {"a!=x", "m 0=3\nm{a=\"y\"} 0=2"},
        {"a=", "m 0=3"},
        {"a!=", "m{a=\"x\"} 0=1\nm{a=\"y\"} 0=2\nn{a=\"x\", b=\"y\"} 0=4"},
        {"a=~x|y", "m{a=\"x\"} 0=1\nm{a=\"y\"} 0=2\nn{a=\"x\", b=\"y\"} 0=4"},
        {"a=~x|", "m 0=3\nm{a=\"x\"} 0=1\nn{a=\"x\", b=\"y\"} 0=4"},
        {"a!~x|", "m{a=\"y\"} 0=2"},
        {"a!~x|y", "m 0=3"},
        {"a=~.+", "m{a=\"x\"} 0=1\nm{a=\"y\"} 0=2\nn{a=\"x\", b=\"y\"} 0=4"},
        {"a=~.*", "m 0=3\nm{a=\"x\"} 0=1\nm{a=\"y\"} 0=2\nn{a=\"x\", b=\"y\"} 0=4"},
        {"a!~.+", "m 0=3"},
        {"a!~.*", ""},
        {"a=~[xz]", "m{a=\"x\"} 0=1\nn{a=\"x\", b=\"y\"} 0=4"},
        {"a!~[xz]", "m 0=3\nm{a=\"y\"} 0=2"},
        {"a=x b=", "m{a=\"x\"} 0=1"},
        {"a=x b!=y __name__=~m.*", "m{a=\"x\"} 0=1"},
        {"nothing=here", ""},
        {"nothing!=here a=y", "m{a=\"y\"} 0=2"},
    };
    struct harness h;
    harness_init(&h);
    (void)harness_open(&h);
    harness_put(&h, "m{a=x}", NOON, 1);
    harness_put(&h, "m{a=y}", NOON, 2);
    harness_put(&h, "m", NOON, 3);
    harness_put(&h, "n{a=x,b=y}", NOON, 4);
    for (int in_part = 0; in_part < 2; in_part++) {
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            check_rows(&h, cases[i].matchers, cases[i].expected);
        }
        assert_int_equal(store_flush(h.store, NULL), 0);
    }
    harness_done(&h);
}

static int try_select(struct harness *h, const char *text)
{
    struct matcher matchers[4];
    size_t n = harness_matchers(text, matchers, 4);
    struct selection *selection = NULL;
    int rc = store_select(h->store, matchers, n, INT64_MIN, INT64_MAX, 0, NULL, &selection, NULL);
    if (rc == 0)
        selection_free(selection);
    harness_matchers_done(matchers, n);
    return rc;
}

static void test_a_value_that_takes_too_long_spoils_nobody_elses_query(void **state)
{
    (void)state;
    enum { N = 3000 };
    struct harness h;
    char hostile[N + 16] = "bad{u=";
    memset(hostile + 6, 'a', N);
    memcpy(hostile + 6 + N, "}", 2);
    harness_init(&h);
    (void)harness_open(&h);
    harness_put(&h, hostile, NOON, 1);
    harness_put(&h, "m{u=a1}", NOON, 1);
    harness_put(&h, "m", NOON, 3);
    for (int in_part = 0; in_part < 2; in_part++) {
        check_rows(&h, "__name__=m u=~.*[a-z]+.*[0-9].*", "m{u=\"a1\"} 0=1");
        check_rows(&h, "__name__=m u!~.*[a-z]+.*[0-9].*", "m 0=3");
        assert_int_equal(try_select(&h, "u=~.*[a-z]+.*[0-9].*"), ERR_TOO_BIG);
        assert_int_equal(try_select(&h, "__name__=bad u!~.*[a-z]+.*[0-9].*"), ERR_TOO_BIG);
        assert_int_equal(store_flush(h.store, NULL), 0);
    }
    harness_done(&h);
}

static void test_label_names_and_values_come_from_heads_and_parts(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    (void)harness_open(&h);
    harness_put(&h, "m{a=x,b=1}", NOON, 1);
    assert_int_equal(store_flush(h.store, NULL), 0);
    harness_put(&h, "n{a=y,c=2}", NOON, 1);
    assert_string_equal(harness_values(&h, NULL, ""), "__name__ a b c");
    assert_string_equal(harness_values(&h, "a", ""), "x y");
    assert_string_equal(harness_values(&h, "a", "__name__=n"), "y");
    assert_string_equal(harness_values(&h, NULL, "__name__=m"), "__name__ a b");
    assert_string_equal(harness_values(&h, "nothing", ""), "");
    harness_done(&h);
}

static void test_bits_of_values_are_kept(void **state)
{
    (void)state;
    static const uint64_t bits[] = {STALE_NAN_BITS,
                                    UINT64_C(0x7ff8000000000001),
                                    UINT64_C(0xfff8000000000000),
                                    UINT64_C(0x8000000000000000),
                                    0,
                                    1,
                                    UINT64_C(0x7ff0000000000000),
                                    UINT64_C(0x000fffffffffffff),
                                    UINT64_C(0x3ff0000000000000)};
    struct harness h;
    harness_init(&h);
    (void)harness_open(&h);
    for (size_t i = 0; i < 9; i++) {
        double v;
        memcpy(&v, &bits[i], sizeof v);
        harness_put(&h, "m", NOON + (int64_t)i, v);
    }
    for (int round = 0; round < 3; round++) {
        struct selection *sel = NULL;
        struct arena arena;
        struct columns c;
        arena_init(&arena, 1 << 20);
        columns_init(&c, &arena);
        assert_int_equal(store_select(h.store, NULL, 0, 0, NOON * 2, 0, NULL, &sel, NULL), 0);
        assert_int_equal(selection_read(sel, 0, 0, NOON * 2, &c, NULL), 0);
        assert_int_equal(c.n, 9);
        assert_memory_equal(c.value, bits, sizeof bits);
        columns_done(&c);
        arena_done(&arena);
        selection_free(sel);
        if (round == 0)
            harness_kill(&h);
        else
            harness_reopen(&h);
    }
    harness_done(&h);
}

static void test_histograms_and_start_times_travel(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    (void)harness_open(&h);
    for (int i = 0; i < 100; i++) {
        struct batch_series *s = harness_series(&h, "m");
        struct sample *v = arena_zalloc(&h.batch.arena, sizeof *v);
        *v = (struct sample){.t_unix_ms = NOON + i, .start_unix_ms = i % 3 ? NOON - 5 : 0};
        if (i % 2)
            v->histogram = harness_histogram(&h.batch.arena, (uint64_t)i * 12345);
        else
            v->value = i;
        s->samples = v;
        s->n_samples = 1;
        assert_int_equal(harness_append(&h, NULL, NULL), 0);
    }
    char *first = str_dup(str_c(harness_read(&h, "", INT64_MIN, INT64_MAX)));
    harness_kill(&h);
    check_rows(&h, "", first);
    harness_reopen(&h);
    check_rows(&h, "", first);
    assert_non_null(strstr(first, " 1=h"));
    assert_non_null(strstr(first, "@-5"));
    free(first);
    harness_done(&h);
}

static void test_rejections_are_counted_and_named_and_the_rest_is_kept(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    h.options.retention_ms = 2 * DAY;
    h.options.max_streams = 3;
    (void)harness_open(&h);
    struct sink_result r;
    harness_float(&h, "good", NOON, 1);
    harness_float(&h, "old", NOON - 3 * DAY, 1);
    harness_float(&h, "new", NOON + 2 * DAY, 1);
    struct batch_series *s = harness_series(&h, "bad{a=1}");
    struct sample *v = arena_zalloc(&h.batch.arena, sizeof *v);
    struct histogram *broken = harness_histogram(&h.batch.arena, 5);
    broken->n_positive = 4;
    *v = (struct sample){.t_unix_ms = NOON, .histogram = broken};
    s->samples = v;
    s->n_samples = 1;
    struct label unsorted[] = {{STR("b"), STR("1")}, {STR("a"), STR("1")}};
    s = batch_add_series(&h.batch, (struct labels){unsorted, 2});
    struct sample good = {.t_unix_ms = NOON, .value = 1};
    s->samples = &good;
    s->n_samples = 1;
    assert_int_equal(harness_append(&h, &r, NULL), 0);
    assert_int_equal(r.accepted, 1);
    assert_int_equal(r.rejected[REJECT_TOO_OLD], 1);
    assert_int_equal(r.rejected[REJECT_TOO_NEW], 1);
    assert_int_equal(r.rejected[REJECT_HISTOGRAM], 1);
    assert_int_equal(r.rejected[REJECT_LABELS], 1);
    assert_string_equal(r.message,
                        "time 1795003200000 is before 1795089600000, the first that is kept "
                        "(storage.retention.metrics): old");
    check_rows(&h, "", "good 0=1");

    for (int i = 0; i < 5; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "s%d", i);
        harness_float(&h, name, NOON, i);
    }
    assert_int_equal(harness_append(&h, &r, NULL), 0);
    assert_int_equal(r.accepted, 2);
    assert_int_equal(r.rejected[REJECT_CARDINALITY], 3);
    harness_done(&h);
}

static void test_retention_drops_days_and_hides_the_rest(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    h.options.retention_ms = 2 * DAY;
    (void)harness_open(&h);
    for (int i = 0; i < 48; i++)
        harness_put(&h, "m", NOON - i * HOUR, i);
    assert_int_equal(store_flush(h.store, NULL), 0);
    struct store_stats stats;
    assert_int_equal(store_stats(h.store, 0, NULL, &stats, NULL), 0);
    assert_int_equal(stats.partitions, 3);

    harness_set_now(NOON + DAY);
    assert_int_equal(store_maintain(h.store, false, NULL), 0);
    assert_int_equal(store_stats(h.store, 0, NULL, &stats, NULL), 0);
    assert_int_equal(stats.partitions, 2);
    const char *rows = harness_read(&h, "", INT64_MIN, INT64_MAX);
    assert_true(str_starts(str_c(rows), STR("m -86400000=24 ")));
    harness_reopen(&h);
    assert_int_equal(store_stats(h.store, 0, NULL, &stats, NULL), 0);
    assert_int_equal(stats.partitions, 2);
    harness_done(&h);
}

static void test_a_second_open_is_refused_with_the_holder(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    (void)harness_open(&h);
    struct store *second = NULL;
    struct err err = {0};
    assert_int_equal(store_open(&h.options, &second, &err), ERR_BUSY);
    assert_non_null(strstr(err.message, "in use by another process (pid "));
    harness_reopen(&h);
    harness_done(&h);
}

static void test_a_later_format_is_refused(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    (void)harness_open(&h);
    harness_close(&h);
    assert_true(crash_fs_damage(h.disk, "root/data/FORMAT", 15, '1' ^ '2'));
    struct err err = {0};
    assert_int_equal(store_open(&h.options, &h.store, &err), ERR_CORRUPT);
    assert_non_null(strstr(err.message, "telltale store 2"));
    h.store = NULL;
    harness_done(&h);
}

static void test_a_format_without_its_newline_is_read(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    (void)harness_open(&h);
    harness_put(&h, "m", NOON, 1);
    harness_close(&h);
    assert_true(crash_fs_cut(h.disk, "root/data/FORMAT", 16));
    (void)harness_open(&h);
    check_rows(&h, "", "m 0=1");
    harness_done(&h);
}

static void test_a_damaged_format_is_refused_in_plain_text(void **state)
{
    (void)state;
    struct harness h;
    struct err err = {0};
    harness_init(&h);
    (void)harness_open(&h);
    harness_close(&h);
    assert_true(crash_fs_damage(h.disk, "root/data/FORMAT", 0, 't' ^ 0x1b));
    assert_int_equal(store_open(&h.options, &h.store, &err), ERR_CORRUPT);
    assert_non_null(
        strstr(err.message, "FORMAT says \"\\x1belltale store 1\"; this program reads"));
    assert_non_null(strstr(err.message, "if the file is damaged, write that line into it"));
    h.store = NULL;
    harness_done(&h);
}

static void test_a_selection_takes_from_the_askers_memory(void **state)
{
    (void)state;
    struct harness h;
    struct budget memory;
    struct selection *sel;
    struct err err;
    harness_init(&h);
    (void)harness_open(&h);
    for (int i = 0; i < 2000; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "m{a=v%d}", i);
        harness_float(&h, name, NOON, 1);
    }
    assert_int_equal(harness_append(&h, NULL, NULL), 0);
    budget_init(&memory, 64 << 10, NULL);
    memory.code = ERR_TOO_BIG;
    assert_int_equal(store_select(h.store, NULL, 0, NOON, NOON, 0, &memory, &sel, &err),
                     ERR_TOO_BIG);
    assert_int_equal(budget_used(&memory), 0);
    budget_resize(&memory, 64 << 20);
    assert_int_equal(store_select(h.store, NULL, 0, NOON, NOON, 0, &memory, &sel, &err), 0);
    assert_true(budget_used(&memory) > 0);
    selection_free(sel);
    assert_int_equal(budget_used(&memory), 0);
    harness_done(&h);
}

static void test_nothing_is_answered_before_the_replay(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    assert_int_equal(store_open(&h.options, &h.store, NULL), 0);
    harness_float(&h, "m", NOON, 1);
    assert_int_equal(harness_append(&h, NULL, NULL), ERR_BUSY);
    struct selection *sel = NULL;
    assert_int_equal(store_select(h.store, NULL, 0, 0, NOON, 0, NULL, &sel, NULL), ERR_BUSY);
    assert_int_equal(store_flush(h.store, NULL), ERR_BUSY);
    assert_int_equal(store_maintain(h.store, false, NULL), ERR_BUSY);
    struct store_stats stats;
    assert_int_equal(store_stats(h.store, 0, NULL, &stats, NULL), 0);
    assert_false(stats.replayed);
    harness_done(&h);
}

static void test_a_full_disk_refuses_and_recovers(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    (void)harness_open(&h);
    harness_put(&h, "m", NOON, 1);
    crash_fs_set_space(h.disk, crash_fs_used(h.disk) + 10);
    harness_float(&h, "m", NOON + 1, 2);
    struct err err = {0};
    assert_int_equal(harness_append(&h, NULL, &err), ERR_BUSY);
    assert_non_null(strstr(err.message, "No space left"));
    struct store_stats stats;
    assert_int_equal(store_stats(h.store, 0, NULL, &stats, NULL), 0);
    assert_true(stats.read_only);
    assert_non_null(strstr(stats.message, "No space left"));
    assert_int_not_equal(store_flush(h.store, NULL), 0);
    check_rows(&h, "", "m 0=1");

    crash_fs_set_space(h.disk, UINT64_MAX);
    harness_put(&h, "m", NOON + 2, 3);
    assert_int_equal(store_stats(h.store, 0, NULL, &stats, NULL), 0);
    assert_false(stats.read_only);
    harness_kill(&h);
    check_rows(&h, "", "m 0=1 2=3"); // the refused row left nothing behind
    assert_int_equal(store_flush(h.store, NULL), 0);
    check_rows(&h, "", "m 0=1 2=3");
    harness_done(&h);
}

static void test_a_failed_sync_stops_writing_until_a_new_segment_is_open(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    h.options.durability = STORE_DURABILITY_DISK;
    (void)harness_open(&h);
    harness_put(&h, "m", NOON, 1);
    crash_fs_fail_syncs(h.disk, EIO);
    harness_float(&h, "m", NOON + 1, 2);
    assert_int_equal(harness_append(&h, NULL, NULL), ERR_IO);
    crash_fs_fail_syncs(h.disk, 0);
    harness_float(&h, "m", NOON + 2, 3);
    assert_int_equal(harness_append(&h, NULL, NULL),
                     ERR_IO); // the log does not trust the file again
    struct store_stats stats;
    assert_int_equal(store_stats(h.store, 0, NULL, &stats, NULL), 0);
    assert_true(stats.read_only);

    assert_int_equal(store_maintain(h.store, false, NULL), 0);
    assert_int_equal(store_stats(h.store, 0, NULL, &stats, NULL), 0);
    assert_false(stats.read_only);
    harness_put(&h, "m", NOON + 3, 4);
    harness_power_loss(&h);
    /* The row whose sync failed was visible and went to a part; the one refused after it was not.
     */
    check_rows(&h, "", "m 0=1 1=2 3=4");
    harness_done(&h);
}

static void test_a_full_head_pushes_back(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    h.options.head_max_bytes = 200000;
    (void)harness_open(&h);
    int rc = 0;
    for (int i = 0; rc == 0 && i < 100000; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "s%d", i);
        harness_float(&h, name, NOON, i);
        rc = harness_append(&h, NULL, NULL);
    }
    assert_int_equal(rc, ERR_BUSY);
    assert_int_equal(store_maintain(h.store, false, NULL), 0);
    harness_put(&h, "m", NOON, 1);
    harness_done(&h);
}

static void test_times_sprayed_over_days_push_back_and_fit_after_a_flush(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    (void)harness_open(&h);
    int rc = 0, days = 0;
    for (; rc == 0 && days < 1000; days++) {
        harness_float(&h, "m", NOON - days * DAY, days);
        rc = harness_append(&h, NULL, NULL);
    }
    assert_int_equal(rc, ERR_BUSY);
    assert_int_equal(days - 1, LIVE_HEADS_MAX);
    assert_int_equal(store_flush(h.store, NULL), 0);
    harness_put(&h, "m", NOON - days * DAY, days);
    harness_done(&h);
}

static void put_exemplar(struct harness *h, const struct labels *labels, struct sink_result *out)
{
    struct exemplar e = {*labels, 0.5, NOON};
    harness_float(h, "m", NOON, 1);
    h->batch.series[0].exemplars = &e;
    h->batch.series[0].n_exemplars = 1;
    assert_int_equal(harness_append(h, out, NULL), 0);
}

static void test_exemplars_that_are_too_large_are_left_out(void **state)
{
    (void)state;
    static char text[EXEMPLAR_TEXT_MAX];
    struct harness h;
    struct sink_result r;
    struct label v[EXEMPLAR_LABELS_MAX + 1];
    harness_init(&h);
    (void)harness_open(&h);
    memset(text, 'x', sizeof text);
    for (size_t i = 0; i < EXEMPLAR_LABELS_MAX + 1; i++)
        v[i] = (struct label){str_of(text, i + 1), STR("")};
    put_exemplar(&h, &(struct labels){v, EXEMPLAR_LABELS_MAX + 1}, &r);
    assert_int_equal(r.exemplars_rejected, 1);
    v[0] = (struct label){STR("k"), str_of(text, EXEMPLAR_TEXT_MAX)};
    put_exemplar(&h, &(struct labels){v, 1}, &r);
    assert_int_equal(r.exemplars_rejected, 1);
    v[0].value.n--;
    put_exemplar(&h, &(struct labels){v, 1}, &r);
    assert_int_equal(r.exemplars_accepted, 1);
    harness_reopen(&h);
    harness_done(&h);
}

static void test_metadata_and_exemplars_survive(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    (void)harness_open(&h);
    struct label trace[] = {{STR("trace_id"), STR("abc")}};
    struct exemplar e = {{trace, 1}, 0.5, NOON};
    for (int i = 0; i < 3; i++) { // a scrape repeats it
        harness_float(&h, "m{a=x}", NOON + i, 1);
        h.batch.series[0].exemplars = &e;
        h.batch.series[0].n_exemplars = 1;
        struct metric_metadata m = {STR("m"), STR("seconds"), STR("How long."), METRIC_COUNTER};
        assert_int_equal(batch_add_metadata(&h.batch, &m), 0);
        struct sink_result r;
        assert_int_equal(harness_append(&h, &r, NULL), 0);
        assert_int_equal(r.exemplars_accepted, 1);
    }
    for (int round = 0; round < 2; round++) {
        struct arena a;
        arena_init(&a, 1 << 20);
        struct metric_metadata *m = NULL;
        size_t n = 0;
        assert_int_equal(store_metadata(h.store, STR("m"), 0, &a, &m, &n, NULL), 0);
        assert_int_equal(n, 1);
        check_str(m[0].unit, "seconds");
        assert_int_equal(m[0].type, METRIC_COUNTER);
        struct series_exemplars *x = NULL;
        assert_int_equal(store_exemplars(h.store, NULL, 0, NOON, NOON, &a, &x, &n, NULL), 0);
        assert_int_equal(n, 1);
        assert_int_equal(x[0].n, 1);
        check_str(x[0].exemplars[0].labels.v[0].value, "abc");
        arena_done(&a);
        harness_kill(&h);
    }
    harness_reopen(&h); // the log is gone: metadata is in its file
    struct arena a;
    arena_init(&a, 1 << 20);
    struct metric_metadata *m = NULL;
    size_t n = 0;
    assert_int_equal(store_metadata(h.store, (struct str){0}, 0, &a, &m, &n, NULL), 0);
    assert_int_equal(n, 1);
    check_str(m[0].help, "How long.");
    struct series_exemplars *x = NULL;
    assert_int_equal(store_exemplars(h.store, NULL, 0, NOON, NOON, &a, &x, &n, NULL), 0);
    assert_int_equal(n, 1); // and so are exemplars
    assert_int_equal(x[0].n, 1);
    assert_true(x[0].exemplars[0].value == 0.5);
    arena_done(&a);
    harness_done(&h);
}

static void test_idle_streams_are_evicted_and_come_back(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    (void)harness_open(&h);
    for (int i = 0; i < 200; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "m{pod=p%d}", i);
        harness_put(&h, name, NOON, i);
    }
    struct store_stats stats;
    assert_int_equal(store_flush(h.store, NULL), 0);
    assert_int_equal(store_stats(h.store, 0, NULL, &stats, NULL), 0);
    assert_int_equal(stats.streams, 200);
    harness_set_now(NOON + HOUR);
    harness_put(&h, "m{pod=p7}", NOON + HOUR, 1);
    assert_int_equal(store_flush(h.store, NULL), 0);
    assert_int_equal(store_stats(h.store, 0, NULL, &stats, NULL), 0);
    assert_int_equal(stats.streams, 1);
    harness_put(&h, "m{pod=p8}", NOON + HOUR, 2);
    check_rows(&h, "pod=p8", "m{pod=\"p8\"} 0=8 3600000=2");
    harness_kill(&h);
    check_rows(&h, "pod=p8", "m{pod=\"p8\"} 0=8 3600000=2");
    harness_done(&h);
}

static void test_statistics_name_the_biggest(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    (void)harness_open(&h);
    for (int i = 0; i < 10; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "big{pod=p%d,x=y}", i);
        harness_put(&h, name, NOON, i);
    }
    harness_put(&h, "small", NOON + 7, 1);
    struct arena a;
    struct store_stats stats;
    arena_init(&a, 1 << 20);
    assert_int_equal(store_stats(h.store, 2, &a, &stats, NULL), 0);
    assert_int_equal(stats.streams, 11);
    assert_int_equal(stats.label_pairs, 2 + 10 + 1); // names, pods, x=y
    assert_int_equal(stats.head_rows, 11);
    assert_int_equal(stats.min_t_unix_ms, NOON);
    assert_int_equal(stats.max_t_unix_ms, NOON + 7);
    check_str(stats.top_metrics[0].name, "big");
    assert_int_equal(stats.top_metrics[0].count, 10);
    check_str(stats.top_labels[0].name, "pod");
    assert_int_equal(stats.top_labels[0].count, 10);
    check_str(stats.top_values[0].name, "pod");
    assert_int_equal(stats.top_values[0].count, 20);
    assert_int_equal(stats.n_top_pairs, 2);
    assert_int_equal(stats.top_pairs[0].count, 10);
    arena_done(&a);
    harness_done(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_read_back_from_head_part_and_both),
        cmocka_unit_test(test_the_last_row_written_wins_at_equal_time),
        cmocka_unit_test(test_out_of_order_rows_find_their_day),
        cmocka_unit_test(test_any_time_from_year_one_to_9999_is_kept),
        cmocka_unit_test(test_a_selection_tells_where_the_next_rows_may_be),
        cmocka_unit_test(test_matchers_select_as_prometheus_does),
        cmocka_unit_test(test_a_value_that_takes_too_long_spoils_nobody_elses_query),
        cmocka_unit_test(test_label_names_and_values_come_from_heads_and_parts),
        cmocka_unit_test(test_bits_of_values_are_kept),
        cmocka_unit_test(test_histograms_and_start_times_travel),
        cmocka_unit_test(test_rejections_are_counted_and_named_and_the_rest_is_kept),
        cmocka_unit_test(test_retention_drops_days_and_hides_the_rest),
        cmocka_unit_test(test_a_second_open_is_refused_with_the_holder),
        cmocka_unit_test(test_a_later_format_is_refused),
        cmocka_unit_test(test_a_format_without_its_newline_is_read),
        cmocka_unit_test(test_a_damaged_format_is_refused_in_plain_text),
        cmocka_unit_test(test_a_selection_takes_from_the_askers_memory),
        cmocka_unit_test(test_nothing_is_answered_before_the_replay),
        cmocka_unit_test(test_a_full_disk_refuses_and_recovers),
        cmocka_unit_test(test_a_failed_sync_stops_writing_until_a_new_segment_is_open),
        cmocka_unit_test(test_a_full_head_pushes_back),
        cmocka_unit_test(test_times_sprayed_over_days_push_back_and_fit_after_a_flush),
        cmocka_unit_test(test_exemplars_that_are_too_large_are_left_out),
        cmocka_unit_test(test_metadata_and_exemplars_survive),
        cmocka_unit_test(test_idle_streams_are_evicted_and_come_back),
        cmocka_unit_test(test_statistics_name_the_biggest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
