/* The table of aggregates: when days are rolled up, what is read from where, and what a crash,
 * late rows, deletions and damage leave. */
#include "days.h"

#include <stdio.h>

#include "base/compiler.h"
#include "store/embedded/aggregate_table.h"
#include "store/embedded/damage.h"
#include "store/embedded/head.h"
#include "store/embedded/partitions.h"

static void test_days_that_are_over_are_rolled_up(void **state)
{
    (void)state;
    struct harness h;
    days_begin(&h);
    days_roll_up(&h, 0, 3);
    assert_int_equal(days_files(&h, "/aggregates/5m/"), 3);
    assert_int_equal(days_files(&h, "/aggregates/1h/"), 3);
    assert_string_equal(days_summary_of(&h, 2), "206 samples, sum 147805, 2 rolled up, 0 expired");
    assert_string_equal(days_summary_of(&h, 0), "205 samples, sum 147805, 0 rolled up, 0 expired");
    assert_string_equal(days_summary(&h, days_start(3), NOON + DAY, true),
                        "824 samples, sum 591220, 3 rolled up, 0 expired");
    assert_string_equal(days_summary(&h, days_start(3), NOON + DAY, false),
                        "824 samples, sum 591220, 0 rolled up, 0 expired");
    harness_done(&h);
}

static void test_a_day_is_rolled_up_after_the_time_set(void **state)
{
    (void)state;
    struct harness h;
    days_begin(&h);
    h.options.aggregates.after_ms = 2 * DAY;
    days_reconfigure(&h);
    days_roll_up(&h, 0, 4);
    assert_int_equal(days_files(&h, "/aggregates/1h/"), 2); // 3 and 4 days ago: over for 2 days
    h.options.aggregates.enabled = false;
    h.options.aggregates.after_ms = 1;
    days_reconfigure(&h);
    days_maintain(&h);
    assert_int_equal(days_files(&h, "/aggregates/1h/"), 2);
    harness_done(&h);
}

static void test_aggregates_survive_a_restart(void **state)
{
    (void)state;
    struct harness h;
    days_begin(&h);
    days_roll_up(&h, 1, 2);
    harness_reopen(&h);
    assert_string_equal(days_summary_of(&h, 1), "205 samples, sum 147805, 1 rolled up, 0 expired");
    uint64_t before = crash_fs_operations(h.disk);
    days_maintain(&h);
    harness_close(&h);
    assert_true(crash_fs_operations(h.disk) - before < 20); // nothing is rolled up again
    harness_open(&h);
    harness_done(&h);
}

static void test_buckets_are_those_of_the_samples(void **state)
{
    (void)state;
    struct harness h;
    struct days_reading r, raw;
    days_begin(&h);
    days_fill(&h, 2, 3);
    days_maintain(&h);
    for (int hours = 1; hours <= 24; hours++) {
        int64_t end = days_start(2) + hours * HOUR;
        days_read(&h, &r, end - HOUR + 1, end, HOUR, true);
        days_read(&h, &raw, end - HOUR + 1, end, HOUR, false);
        assert_int_equal(r.rows.n, 1);
        assert_int_equal(r.rows.v[0].t_unix_ms, end);
        assert_int_equal(r.rows.v[0].n, raw.rows.n);
        assert_int_equal(r.rows.v[0].first_ms, raw.rows.v[0].first_ms);
        assert_int_equal(r.rows.v[0].last_ms, raw.rows.v[raw.rows.n - 1].last_ms);
        assert_true(r.rows.v[0].min == raw.rows.v[0].first);
        assert_true(r.rows.v[0].max == raw.rows.v[raw.rows.n - 1].first);
        days_read_end(&r);
        days_read_end(&raw);
    }
    harness_done(&h);
}

static void test_a_sample_at_midnight_belongs_to_the_bucket_that_ends_there(void **state)
{
    (void)state;
    struct harness h;
    struct days_reading r;
    days_begin(&h);
    harness_put(&h, "a{s=1}", days_start(1) - 1, 1);
    harness_put(&h, "a{s=1}", days_start(1), 2);
    harness_put(&h, "a{s=1}", days_start(1) + 1, 4);
    days_maintain(&h);
    days_read(&h, &r, days_start(1) - HOUR + 1, days_start(1), HOUR, true);
    assert_int_equal(selection_aggregates(r.sel).days, 2);
    assert_int_equal(r.rows.n, 2); // a row of each day
    assert_int_equal(r.rows.v[0].t_unix_ms, days_start(1));
    assert_int_equal(r.rows.v[1].t_unix_ms, days_start(1));
    assert_true(r.rows.v[0].sum == 1 && r.rows.v[1].sum == 2);
    days_read_end(&r);
    harness_done(&h);
}

static void test_late_rows_are_seen_at_once_and_rolled_up_later(void **state)
{
    (void)state;
    struct harness h;
    days_begin(&h);
    days_roll_up(&h, 2, 2);
    harness_put(&h, "a{s=1}", days_start(2) + 1, 1000000);
    assert_string_equal(days_summary_of(&h, 2), "206 samples, sum 1147805, 0 rolled up, 0 expired");
    assert_int_equal(store_flush(h.store, NULL), 0);
    assert_string_equal(days_summary_of(&h, 2), "206 samples, sum 1147805, 0 rolled up, 0 expired");
    days_maintain(&h);
    assert_string_equal(days_summary_of(&h, 2), "206 samples, sum 1147805, 1 rolled up, 0 expired");
    assert_int_equal(days_files(&h, "/aggregates/"), 2);
    harness_done(&h);
}

static void test_a_day_with_late_rows_is_not_rolled_up_at_each_flush(void **state)
{
    (void)state;
    struct harness h;
    struct err err = {0};
    days_begin(&h);
    days_roll_up(&h, 2, 2);
    harness_put(&h, "a{s=1}", days_start(2) + 1, 1);
    assert_int_equal(store_flush(h.store, NULL), 0);
    for (int flushes = 0; flushes < 4; flushes++) {
        assert_int_equal(aggregates_maintain(h.store, false, &err), 0);
        assert_string_equal(days_summary_of(&h, 2),
                            "206 samples, sum 147806, 0 rolled up, 0 expired");
        harness_put(&h, "a{s=1}", NOON + flushes, 1);
        assert_int_equal(store_flush(h.store, NULL), 0);
    }
    assert_int_equal(aggregates_maintain(h.store, false, &err), 0);
    assert_string_equal(days_summary_of(&h, 2), "206 samples, sum 147806, 1 rolled up, 0 expired");
    harness_done(&h);
}

static void test_damaged_aggregates_are_set_aside_and_made_again(void **state)
{
    (void)state;
    struct harness h;
    days_begin(&h);
    days_roll_up(&h, 2, 2);
    const char *path = "root/data/aggregates/1h/2026-11-19.part";
    harness_close(&h);
    uint64_t size = crash_fs_size(h.disk, path);
    assert_true(size > 0);
    assert_true(crash_fs_damage(h.disk, path, size - 3, 1));
    harness_open(&h);
    assert_string_equal(days_summary_of(&h, 2), "205 samples, sum 147805, 1 rolled up, 0 expired");
    assert_int_equal(days_files(&h, "/aggregates/1h/"), 0); // it was the finer one that was taken
    days_maintain(&h);
    assert_int_equal(days_files(&h, "/aggregates/1h/"), 1);
    harness_done(&h);
}

/* Whose samples have expired: nothing can be read in its place, nor can it be made again. */
static void test_a_damaged_day_that_cannot_be_made_again_is_told_of(void **state)
{
    (void)state;
    struct harness h;
    days_begin(&h);
    days_roll_up(&h, 1, 5);
    days_keep_samples(&h, 3 * DAY);
    harness_close(&h);
    const char *path = "root/data/aggregates/5m/2026-11-16.part"; // five days ago
    assert_true(crash_fs_damage(h.disk, path, crash_fs_size(h.disk, path) - 3, 1));
    path = "root/data/aggregates/5m/2026-11-20.part"; // its samples are there
    assert_true(crash_fs_damage(h.disk, path, crash_fs_size(h.disk, path) - 3, 1));
    for (int start = 0; start < 2; start++) {
        harness_open(&h);
        assert_true(store_is_damaged(h.store, days_start(5), days_start(4) - 1));
        assert_false(store_is_damaged(h.store, days_start(4), NOON));
        harness_close(&h);
    }
    h.options.aggregates.retention_ms = 4 * DAY;
    harness_open(&h);
    assert_false(store_is_damaged(h.store, 0, NOON));
    assert_null(crash_fs_path(h.disk, "5m/2026-11-16.part.damaged", 0));
    harness_done(&h);
}

static void test_a_damaged_index_of_a_day_that_cannot_be_made_again_is_told_of(void **state)
{
    (void)state;
    struct harness h;
    days_begin(&h);
    days_roll_up(&h, 5, 5);
    days_keep_samples(&h, 3 * DAY);
    struct part *p = aggregates_day(h.store, HOUR, day_of(days_start(5)));
    assert_non_null(p);
    assert_false(store_is_damaged(h.store, 0, NOON));
    damage_note_part(h.store, p);
    part_unref(p);
    assert_true(store_is_damaged(h.store, 0, NOON));
    assert_false(store_is_damaged(h.store, days_start(3), NOON));
    harness_done(&h);
}

static void test_a_damaged_block_is_counted(void **state)
{
    (void)state;
    struct harness h;
    struct days_reading r;
    days_begin(&h);
    days_roll_up(&h, 2, 2);
    const char *path = "root/data/aggregates/1h/2026-11-19.part";
    harness_close(&h);
    assert_true(crash_fs_damage(h.disk, path, 40, 1));
    harness_open(&h);
    days_read(&h, &r, days_start(2), days_start(1), HOUR, true);
    assert_int_equal(r.rows.n, 0);
    assert_int_equal(r.rows.damaged, 1);
    days_read_end(&r);
    harness_done(&h);
}

/* Else it would be answered from buckets, which do not tell that samples were missing. */
static void test_a_day_with_a_damaged_block_is_told_of_when_it_is_rolled_up(void **state)
{
    (void)state;
    struct harness h;
    days_begin(&h);
    days_fill(&h, 2, 0);
    assert_int_equal(store_flush(h.store, NULL), 0);
    const char *path = crash_fs_path(h.disk, ".part", 0);
    harness_close(&h);
    assert_true(crash_fs_damage(h.disk, path, 40, 1)); // of a{s=1}
    harness_open(&h);
    days_maintain(&h);
    assert_int_equal(days_files(&h, "/aggregates/"), 0);
    days_maintain(&h);
    assert_int_equal(days_files(&h, "/aggregates/"), 2);
    assert_string_equal(days_summary_of(&h, 2), "0 samples, sum 0, 1 rolled up, 0 expired");
    for (int start = 0; start < 2; start++) {
        assert_non_null(crash_fs_path(h.disk, ".part.damaged", 0));
        assert_true(store_is_damaged(h.store, days_start(2), days_start(1) - 1));
        harness_close(&h);
        harness_open(&h);
    }
    harness_done(&h);
}

/* Days 1 to 5, samples of the first two kept; all rolled up. */
static void begin_with_expired_days(struct harness *h)
{
    days_begin(h);
    days_roll_up(h, 1, 5);
    days_keep_samples(h, 3 * DAY);
}

static void test_streams_of_expired_days_are_listed(void **state)
{
    (void)state;
    struct harness h;
    struct matcher m[2];
    struct selection *sel = NULL;
    struct arena arena;
    struct str *names = NULL;
    size_t count = 0;
    days_begin(&h);
    harness_put(&h, "old{s=9,once=upon}", days_start(4) + HOUR, 1);
    days_roll_up(&h, 4, 4);
    days_keep_samples(&h, 2 * DAY);
    arena_init(&arena, 1 << 20);
    size_t n = harness_matchers("s=9", m, 2);
    assert_int_equal(store_select_known(h.store, m, n, 0, NOON, 0, NULL, &sel, NULL), 0);
    assert_int_equal(selection_count(sel), 1);
    check_str(labels_get(selection_labels(sel, 0), STR("once")), "upon");
    selection_free(sel);
    assert_int_equal(store_label_names(h.store, m, n, 0, NOON, 0, &arena, &names, &count, NULL), 0);
    assert_int_equal(count, 3);
    check_str(names[1], "once");
    assert_int_equal(
        store_label_values(h.store, STR("s"), NULL, 0, 0, NOON, 0, &arena, &names, &count, NULL),
        0);
    assert_int_equal(count, 3);
    check_str(names[2], "9");
    assert_int_equal(store_label_values(h.store, STR("s"), NULL, 0, days_start(3) + 1, NOON, 0,
                                        &arena, &names, &count, NULL),
                     0);
    assert_int_equal(count, 0);
    harness_matchers_done(m, n);
    arena_done(&arena);
    harness_done(&h);
}

/* As a limit of bytes does: not because of their age, so that late rows are still taken. */
static void test_days_that_were_dropped_are_stood_in_for(void **state)
{
    (void)state;
    struct harness h;
    struct aggregates_view v;
    days_begin(&h);
    days_roll_up(&h, 1, 4);
    assert_int_equal(partition_drop(h.store, day_of(days_start(3)), NULL), 0);
    store_aggregates_view(h.store, days_start(4), NOON, &v);
    assert_int_equal(v.raw_min_ms, days_start(2));
    assert_true(days_has(&h, 3, "206 samples, sum 147805"));
    harness_put(&h, "a{s=1}", days_start(3) + 1, 1000);
    assert_true(days_has(&h, 3, "206 samples, sum 147805"));
    days_maintain(&h);
    assert_true(days_has(&h, 3, "206 samples, sum 147805"));
    assert_true(days_has(&h, 2, "206 samples, sum 147805"));
    harness_done(&h);
}

static void test_a_deleted_stream_is_gone_from_aggregates(void **state)
{
    (void)state;
    struct harness h;
    begin_with_expired_days(&h);
    days_delete(&h, "s=1", 0, NOON);
    for (int round = 0; round < 2; round++) {
        for (int day = 1; day < 6; day++)
            assert_true(days_has(&h, day, "0 samples"));
        harness_kill(&h);
    }
    days_maintain(&h);
    assert_true(days_has(&h, 5, "0 samples"));
    assert_int_equal(days_files(&h, "/aggregates/1h/"), 5);
    harness_done(&h);
}

/* The index was found damaged where it was read, and the next start may read elsewhere. */
static void test_what_is_deleted_does_not_come_back_from_a_damaged_day(void **state)
{
    (void)state;
    static const int64_t resolutions[] = {300 * SECOND, HOUR};
    struct harness h;
    begin_with_expired_days(&h);
    for (size_t i = 0; i < ARRAY_LEN(resolutions); i++) {
        struct part *p = aggregates_day(h.store, resolutions[i], day_of(days_start(5)));
        assert_non_null(p);
        damage_note_part(h.store, p);
        part_unref(p);
    }
    days_delete(&h, "s=1", 0, NOON);
    harness_close(&h);
    (void)harness_open(&h);
    assert_true(days_has(&h, 5, "0 samples"));
    assert_true(store_is_damaged(h.store, days_start(5), days_start(4) - 1));
    assert_non_null(crash_fs_path(h.disk, "aggregates/1h/2026-11-16.part.damaged", 0));
    harness_done(&h);
}

static void test_a_deletion_leaves_the_other_streams_and_times(void **state)
{
    (void)state;
    struct harness h;
    begin_with_expired_days(&h);
    assert_true(days_has(&h, 4, "206 samples, sum 147805"));
    days_delete(&h, "s=2", 0, NOON);
    assert_true(days_has(&h, 4, "206 samples, sum 147805"));
    /* From 10:30 to 11:30: the two hours that it touches. */
    days_delete(&h, "s=1", days_start(4) + 630 * MINUTE, days_start(4) + 690 * MINUTE);
    assert_true(days_has(&h, 4, "189 samples, sum 136619"));
    assert_true(days_has(&h, 5, "206 samples, sum 147805"));
    harness_reopen(&h);
    assert_true(days_has(&h, 4, "189 samples, sum 136619"));
    harness_done(&h);
}

static void test_a_day_with_samples_is_rolled_up_again_after_a_deletion(void **state)
{
    (void)state;
    struct harness h;
    begin_with_expired_days(&h);
    days_delete(&h, "s=1", days_start(1) + 630 * MINUTE, days_start(1) + 690 * MINUTE - 1);
    assert_int_equal(days_files(&h, "/aggregates/1h/"), 4);
    assert_true(days_has(&h, 1, "196 samples, sum 141883"));
    days_maintain(&h);
    assert_int_equal(days_files(&h, "/aggregates/1h/"), 5);
    assert_true(days_has(&h, 1, "196 samples, sum 141883"));
    harness_done(&h);
}

/* The first part of the day has nothing but what is deleted, and is too small to be merged. */
static void test_a_part_that_a_deletion_empties_does_not_end_its_day(void **state)
{
    (void)state;
    struct harness h;
    days_begin(&h);
    harness_put(&h, "gone{k=x}", days_start(2) + 1, 1);
    assert_int_equal(store_flush(h.store, NULL), 0);
    for (int i = 0; i < 1000; i++) {
        char other[32];
        (void)snprintf(other, sizeof other, "other{i=v%d}", i);
        harness_float(&h, other, days_start(2) + i, i);
    }
    days_fill(&h, 2, 0);
    assert_int_equal(store_flush(h.store, NULL), 0);
    days_delete(&h, "k=x", 0, NOON);
    assert_int_equal(store_maintain(h.store, false, NULL), 0);
    assert_string_equal(days_summary_of(&h, 2), "205 samples, sum 147805, 1 rolled up, 0 expired");
    assert_int_equal(store_clean_tombstones(h.store, NULL), 0);
    for (int round = 0; round < 2; round++) {
        assert_true(days_has(&h, 2, "205 samples, sum 147805, 1 rolled up, 0 expired"));
        harness_reopen(&h);
    }
    harness_put(&h, "a{s=1}", days_start(2) + 1, 1000000);
    assert_string_equal(days_summary_of(&h, 2), "206 samples, sum 1147805, 0 rolled up, 0 expired");
    harness_done(&h);
}

static void test_the_view_names_resolutions_of_the_range(void **state)
{
    (void)state;
    struct harness h;
    struct aggregates_view v;
    days_begin(&h);
    h.options.aggregates.n_resolutions = 1;
    h.options.aggregates.resolutions_ms[0] = 10 * MINUTE;
    days_reconfigure(&h);
    days_roll_up(&h, 3, 3);
    assert_int_equal(days_files(&h, "/aggregates/10m/"), 1);
    store_aggregates_view(h.store, days_start(3), NOON, &v);
    assert_int_equal(v.n, 1);
    assert_int_equal(v.resolutions_ms[0], 10 * MINUTE);
    assert_int_equal(v.raw_min_ms, NOON - 30 * DAY);
    store_aggregates_view(h.store, days_start(1), NOON, &v);
    assert_int_equal(v.n, 0);
    harness_done(&h);
}

static int64_t resolution_taken(struct harness *h, int64_t min_ms, int64_t max_ms, int64_t asked_ms)
{
    struct days_reading r;
    days_read(h, &r, min_ms, max_ms, asked_ms, false);
    int64_t taken_ms = selection_aggregates(r.sel).resolution_ms;
    assert_int_equal(selection_aggregates(r.sel).days, 1);
    days_read_end(&r);
    return taken_ms;
}

/* Where a day begins or ends with samples is not the same at each resolution. */
static void test_days_in_a_range_are_those_that_it_meets(void **state)
{
    (void)state;
    struct harness h;
    days_begin(&h);
    harness_put(&h, "a{s=1}", days_start(5) + HOUR, 1);
    harness_put(&h, "a{s=1}", days_start(5) + 22 * HOUR + 10 * MINUTE, 1);
    harness_put(&h, "a{s=1}", days_start(4), 1);
    days_maintain(&h);
    days_keep_samples(&h, DAY);
    int64_t end = days_start(4);
    assert_int_equal(resolution_taken(&h, end - HOUR, end - 1, 5 * MINUTE), 5 * MINUTE);
    assert_int_equal(resolution_taken(&h, end - HOUR, end - 1, HOUR), HOUR);
    assert_int_equal(resolution_taken(&h, end - 80 * MINUTE, end - 70 * MINUTE, 5 * MINUTE),
                     5 * MINUTE);
    harness_done(&h);
}

static void test_the_coarsest_resolution_of_a_range_is_told(void **state)
{
    (void)state;
    struct harness h;
    days_begin(&h);
    h.options.aggregates.n_resolutions = 1;
    h.options.aggregates.resolutions_ms[0] = HOUR;
    days_reconfigure(&h);
    days_roll_up(&h, 5, 5);
    days_keep_samples(&h, 4 * DAY);
    h.options.aggregates.n_resolutions = 0;
    days_reconfigure(&h);
    days_roll_up(&h, 3, 3);
    int64_t last = NOON;
    assert_int_equal(store_aggregates_coarser(h.store, days_start(5), last, 5 * MINUTE), HOUR);
    assert_int_equal(store_aggregates_coarser(h.store, days_start(3), last, 5 * MINUTE), 0);
    assert_int_equal(store_aggregates_coarser(h.store, days_start(5), last, 2 * HOUR), 0);
    assert_int_equal(store_aggregates_coarser(h.store, days_start(3), last, 7 * MINUTE),
                     5 * MINUTE);
    assert_int_equal(store_aggregates_coarser(h.store, days_start(1), last, 7 * MINUTE), 0);
    harness_done(&h);
}

static void test_too_many_resolutions_are_an_error(void **state)
{
    (void)state;
    struct harness h;
    struct err err = {0};
    days_begin(&h);
    days_roll_up(&h, 2, 2);
    h.options.aggregates.n_resolutions = STORE_RESOLUTIONS_MAX;
    for (int i = 0; i < STORE_RESOLUTIONS_MAX; i++)
        h.options.aggregates.resolutions_ms[i] = (i + 1) * 10 * SECOND;
    days_reconfigure(&h);
    assert_int_equal(store_maintain(h.store, true, &err), ERR_TOO_BIG);
    assert_string_equal(err.message, "aggregates: more than 8 resolutions");
    harness_done(&h);
}

/* --- crashes ---------------------------------------------------------------------------------- */

/* Rolls days up, and up again with late rows; the power goes at operation `at`. False when all was
 * done before. */
static bool crash_at(uint64_t at)
{
    static const char *const without = "206 samples, sum 147805, 2 rolled up, 0 expired";
    static const char *const with = "207 samples, sum 1147805, 2 rolled up, 0 expired";
    enum { SAMPLES_AND_SUM = 22 };
    struct harness h;
    struct err ignored;
    days_begin_with(&h, STORE_DURABILITY_DISK);
    days_fill(&h, 1, 0);
    days_fill(&h, 2, 0);
    assert_int_equal(store_flush(h.store, NULL), 0);
    crash_fs_lose_power_at(h.disk, at);
    (void)store_maintain(h.store, true, &ignored);
    harness_float(&h, "a{s=1}", days_start(2) + 1, 1000000);
    bool late = harness_append(&h, NULL, &ignored) == 0 && store_flush(h.store, &ignored) == 0;
    (void)store_maintain(h.store, true, &ignored);
    bool lost = crash_fs_has_lost_power(h.disk);
    harness_power_loss(&h);

    const char *expected = late ? with : without, *day = days_summary_of(&h, 2);
    if (!late && strncmp(day, with, SAMPLES_AND_SUM) == 0)
        expected = with; // it had reached the log
    assert_int_equal(strncmp(day, expected, SAMPLES_AND_SUM), 0);
    days_maintain(&h);
    assert_string_equal(days_summary_of(&h, 2), expected);
    assert_int_equal(days_files(&h, "/aggregates/1h/"), 2);
    harness_done(&h);
    return lost;
}

static void test_power_loss_leaves_a_day_whole_or_not_at_all(void **state)
{
    (void)state;
    uint64_t at = 0;
    while (crash_at(at))
        at++;
    assert_true(at > 40);
}

/* Deletes while the power goes at operation `at`: days that have samples have all rows or none,
 * rolled up or not; what was acknowledged is gone everywhere, and can be deleted again. */
static bool crash_in_deletion_at(uint64_t at)
{
    struct harness h;
    struct matcher m[2];
    struct err ignored;
    days_begin_with(&h, STORE_DURABILITY_DISK);
    days_roll_up(&h, 1, 4);
    days_keep_samples(&h, 2 * DAY);
    size_t n = harness_matchers("s=1", m, 2);
    crash_fs_lose_power_at(h.disk, at);
    bool done = store_delete(h.store, m, n, 0, NOON, &ignored) == 0;
    bool lost = crash_fs_has_lost_power(h.disk);
    harness_power_loss(&h);
    bool gone = days_has(&h, 1, "0 samples");
    assert_true(gone || days_has(&h, 1, "205 samples, sum 147805"));
    for (int day = 3; day < 5 && done; day++)
        assert_true(days_has(&h, day, "0 samples"));
    assert_true(gone || !done);
    days_maintain(&h);
    assert_int_equal(days_has(&h, 1, "0 samples"), gone);
    assert_int_equal(store_delete(h.store, m, n, 0, NOON, NULL), 0);
    for (int day = 1; day < 5; day++)
        assert_true(days_has(&h, day, "0 samples"));
    harness_matchers_done(m, n);
    harness_done(&h);
    return lost;
}

static void test_power_loss_in_a_deletion_leaves_samples_and_aggregates_alike(void **state)
{
    (void)state;
    uint64_t at = 0;
    while (crash_in_deletion_at(at))
        at++;
    assert_true(at > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_days_that_are_over_are_rolled_up),
        cmocka_unit_test(test_a_day_is_rolled_up_after_the_time_set),
        cmocka_unit_test(test_aggregates_survive_a_restart),
        cmocka_unit_test(test_buckets_are_those_of_the_samples),
        cmocka_unit_test(test_a_sample_at_midnight_belongs_to_the_bucket_that_ends_there),
        cmocka_unit_test(test_late_rows_are_seen_at_once_and_rolled_up_later),
        cmocka_unit_test(test_a_day_with_late_rows_is_not_rolled_up_at_each_flush),
        cmocka_unit_test(test_damaged_aggregates_are_set_aside_and_made_again),
        cmocka_unit_test(test_a_damaged_day_that_cannot_be_made_again_is_told_of),
        cmocka_unit_test(test_a_damaged_index_of_a_day_that_cannot_be_made_again_is_told_of),
        cmocka_unit_test(test_a_damaged_block_is_counted),
        cmocka_unit_test(test_a_day_with_a_damaged_block_is_told_of_when_it_is_rolled_up),
        cmocka_unit_test(test_streams_of_expired_days_are_listed),
        cmocka_unit_test(test_days_that_were_dropped_are_stood_in_for),
        cmocka_unit_test(test_a_deleted_stream_is_gone_from_aggregates),
        cmocka_unit_test(test_what_is_deleted_does_not_come_back_from_a_damaged_day),
        cmocka_unit_test(test_a_deletion_leaves_the_other_streams_and_times),
        cmocka_unit_test(test_a_day_with_samples_is_rolled_up_again_after_a_deletion),
        cmocka_unit_test(test_a_part_that_a_deletion_empties_does_not_end_its_day),
        cmocka_unit_test(test_the_view_names_resolutions_of_the_range),
        cmocka_unit_test(test_days_in_a_range_are_those_that_it_meets),
        cmocka_unit_test(test_the_coarsest_resolution_of_a_range_is_told),
        cmocka_unit_test(test_too_many_resolutions_are_an_error),
        cmocka_unit_test(test_power_loss_leaves_a_day_whole_or_not_at_all),
        cmocka_unit_test(test_power_loss_in_a_deletion_leaves_samples_and_aggregates_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
