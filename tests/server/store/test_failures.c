/* Disks that fail: what still works, what the statistics say, and how it ends. */
#include "harness.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/map_guard.h"
#include "store/embedded/records/records.h"
#include "store/records.h"

static struct store_stats stats_of(struct harness *h)
{
    struct store_stats stats;
    assert_int_equal(store_stats(h->store, 0, NULL, &stats, NULL), 0);
    return stats;
}

static void test_a_disk_that_becomes_read_only_refuses_and_recovers(void **state)
{
    (void)state;
    struct harness h;
    struct err err = {0};
    harness_init(&h);
    (void)harness_open(&h);
    harness_put(&h, "m", NOON, 1);
    crash_fs_fail_writes(h.disk, EROFS);
    harness_float(&h, "m", NOON + 1, 2);
    assert_int_equal(harness_append(&h, NULL, &err), ERR_IO);
    assert_true(stats_of(&h).read_only);
    assert_non_null(strstr(stats_of(&h).message, "Read-only file system"));
    check_rows(&h, "", "m 0=1");
    crash_fs_fail_writes(h.disk, 0);
    assert_int_equal(store_maintain(h.store, false, NULL),
                     0); // what the thread does every ten seconds
    assert_false(stats_of(&h).read_only);
    harness_put(&h, "m", NOON + 2, 3);
    harness_kill(&h);
    check_rows(&h, "", "m 0=1 2=3");
    harness_done(&h);
}

static void test_a_flush_that_fails_is_told_until_one_succeeds(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    (void)harness_open(&h);
    harness_put(&h, "m", NOON, 1);
    crash_fs_fail_syncs(h.disk, EIO); // parts are synced, the log is not
    assert_int_equal(store_flush(h.store, NULL), ERR_IO);
    assert_true(stats_of(&h).flush_failed);
    assert_false(stats_of(&h).read_only);
    assert_non_null(strstr(stats_of(&h).message, "sync"));
    harness_put(&h, "m", NOON + 1, 2); // batches are taken as long as the head has room
    check_rows(&h, "", "m 0=1 1=2");
    crash_fs_fail_syncs(h.disk, 0);
    assert_int_equal(store_flush(h.store, NULL), 0);
    assert_false(stats_of(&h).flush_failed);
    assert_string_equal(stats_of(&h).message, "");
    check_rows(&h, "", "m 0=1 1=2");
    harness_done(&h);
}

/* By what the thread does every ten seconds, not when the next one would be due by its age. */
static void test_a_flush_that_failed_is_due_at_once(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    (void)harness_open(&h);
    harness_put(&h, "m", NOON, 1);
    crash_fs_fail_syncs(h.disk, EIO);
    assert_int_equal(store_flush(h.store, NULL), ERR_IO);
    crash_fs_fail_syncs(h.disk, 0);
    assert_int_equal(store_maintain(h.store, false, NULL), 0);
    assert_false(stats_of(&h).flush_failed);
    assert_int_equal(stats_of(&h).parts, 1);
    harness_done(&h);
}

/* Without a batch nobody would notice that there is room again. */
static void test_a_full_disk_is_tried_again_without_a_batch(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    (void)harness_open(&h);
    harness_put(&h, "m", NOON, 1);
    crash_fs_set_space(h.disk, crash_fs_used(h.disk) + 10);
    harness_float(&h, "m", NOON + 1, 2);
    assert_int_equal(harness_append(&h, NULL, NULL), ERR_BUSY);
    assert_int_not_equal(store_maintain(h.store, false, NULL), 0);
    assert_true(stats_of(&h).read_only);
    crash_fs_set_space(h.disk, UINT64_MAX);
    assert_int_equal(store_maintain(h.store, false, NULL), 0);
    assert_false(stats_of(&h).read_only);
    harness_done(&h);
}

/* Of all three tables: what was acknowledged is answered, writes are told to come again. */
static int append_record(struct harness *h, enum record_table table)
{
    struct record_batch b;
    struct sink_result result;
    record_batch_init(&b, table, 1 << 20);
    struct record *r = record_batch_add(&b, record_batch_add_group(&b));
    r->t_unix_ns = NOON * 1000000;
    if (table == RECORD_SPANS)
        r->fields[SPAN_TRACE_ID] = any_bytes(STR("0123456789abcdef"));
    int rc = store_append_records(h->store, &b, &result, NULL);
    record_batch_done(&b);
    return rc;
}

static void test_a_flush_of_records_that_fails_is_told_and_due_at_once(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    (void)harness_open(&h);
    assert_int_equal(append_record(&h, RECORD_LOGS), 0);
    crash_fs_fail_syncs(h.disk, EIO);
    assert_int_equal(store_flush(h.store, NULL), ERR_IO);
    assert_true(stats_of(&h).flush_failed);
    assert_non_null(strstr(stats_of(&h).message, "sync"));
    crash_fs_fail_syncs(h.disk, 0);
    assert_int_equal(store_maintain(h.store, false, NULL), 0);
    assert_false(stats_of(&h).flush_failed);
    assert_string_equal(stats_of(&h).message, "");
    assert_int_equal(stats_of(&h).records[RECORD_LOGS].part_rows, 1);
    harness_done(&h);
}

static uint64_t rows_of_records(struct harness *h)
{
    struct store_stats stats = stats_of(h);
    return stats.records[RECORD_SPANS].head_rows + stats.records[RECORD_LOGS].head_rows +
           stats.records[RECORD_SPANS].part_rows + stats.records[RECORD_LOGS].part_rows;
}

static void check_refused_as_full(struct harness *h)
{
    struct err err = {0};
    assert_true(stats_of(h).read_only);
    assert_non_null(strstr(stats_of(h).message, "No space left"));
    harness_float(h, "m", NOON + 1, 2);
    assert_int_equal(harness_append(h, NULL, &err), ERR_BUSY);
    assert_non_null(strstr(err.message, "No space left"));
    assert_int_equal(append_record(h, RECORD_SPANS), ERR_BUSY);
    assert_int_equal(append_record(h, RECORD_LOGS), ERR_BUSY);
    check_rows(h, "", "m 0=1");
    assert_int_equal(rows_of_records(h), 2);
}

static void test_a_start_on_a_full_disk_answers_refuses_and_recovers(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    (void)harness_open(&h);
    harness_put(&h, "m", NOON, 1);
    assert_int_equal(append_record(&h, RECORD_SPANS), 0);
    assert_int_equal(append_record(&h, RECORD_LOGS), 0);
    for (int i = 0; i < 2; i++) {
        crash_fs_kill_process(h.disk);
        store_abandon(h.store);
        crash_fs_set_space(h.disk, crash_fs_used(h.disk));
        (void)harness_open(&h);
        check_refused_as_full(&h);
        assert_int_not_equal(store_maintain(h.store, false, NULL), 0);
        check_refused_as_full(&h);
    }
    crash_fs_set_space(h.disk, UINT64_MAX);
    assert_int_equal(store_maintain(h.store, false, NULL), 0);
    assert_false(stats_of(&h).read_only);
    harness_put(&h, "m", NOON + 1, 2);
    assert_int_equal(append_record(&h, RECORD_SPANS), 0);
    assert_int_equal(append_record(&h, RECORD_LOGS), 0);
    harness_kill(&h);
    check_rows(&h, "", "m 0=1 1=2");
    assert_int_equal(rows_of_records(&h), 4);
    harness_done(&h);
}

/* A merge of spans does not fit; the logs that are too old go all the same. */
static void test_a_merge_that_fails_keeps_no_other_table_from_its_retention(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    h.options.retention_records_ms[RECORD_SPANS] = STORE_RETENTION_FOREVER;
    h.options.retention_records_ms[RECORD_LOGS] = 2 * DAY;
    (void)harness_open(&h);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(append_record(&h, RECORD_SPANS), 0);
        assert_int_equal(append_record(&h, RECORD_LOGS), 0);
        assert_int_equal(store_flush(h.store, NULL), 0);
    }
    harness_set_now(NOON + 4 * DAY);
    crash_fs_set_space(h.disk, crash_fs_used(h.disk));
    assert_int_equal(records_maintain(h.store, true, NULL), ERR_BUSY);
    assert_int_equal(stats_of(&h).records[RECORD_LOGS].part_rows, 0);
    assert_int_equal(stats_of(&h).records[RECORD_SPANS].part_rows, 2);
    harness_set_now(NOON);
    harness_done(&h);
}

static void test_a_cancelled_replay_leaves_the_log_as_it_was(void **state)
{
    (void)state;
    struct harness h;
    struct err err = {0};
    harness_init(&h);
    (void)harness_open(&h);
    harness_put(&h, "m", NOON, 1);
    crash_fs_kill_process(h.disk);
    store_abandon(h.store);
    h.store = NULL;
    uint64_t before = crash_fs_operations(h.disk);
    assert_int_equal(store_open(&h.options, &h.store, &err), 0);
    store_cancel_replay(h.store);
    assert_int_equal(store_replay(h.store, NULL, &err), ERR_CANCELLED);
    assert_int_equal(store_close(h.store, &err), 0);
    h.store = NULL;
    assert_true(crash_fs_operations(h.disk) - before < 30); // directories and the lock
    assert_string_equal(harness_check(&h, "root/data", true), "");
    (void)harness_open(&h);
    check_rows(&h, "", "m 0=1");
    harness_done(&h);
}

/* Blocks of two flushes, of the first with a row of `third`, too; its first block is damaged. */
static void begin_damaged(struct harness *h, const char *third)
{
    harness_init(h);
    (void)harness_open(h);
    if (third)
        harness_put(h, third, NOON, 0);
    for (int i = 0; i < 2; i++) {
        harness_put(h, "a{}", NOON + i, i);
        harness_put(h, "b{}", NOON + i, i);
        assert_int_equal(store_flush(h->store, NULL), 0);
    }
    const char *part = crash_fs_path(h->disk, "1.part", 0);
    harness_close(h);
    assert_true(crash_fs_damage(h->disk, part, 34, 1));
    (void)harness_open(h);
}

static void damage_first_block(struct harness *h)
{
    begin_damaged(h, NULL);
}

static void test_a_merge_keeps_the_file_that_it_could_not_read_whole(void **state)
{
    (void)state;
    struct harness h;
    damage_first_block(&h);
    assert_int_equal(store_maintain(h.store, true, NULL), 0);
    check_rows(&h, "", "a 1=1\nb 0=0 1=1");
    assert_non_null(crash_fs_path(h.disk, "0000000000000001-0000000000000001.part.damaged", 0));
    assert_null(crash_fs_path(h.disk, "0000000000000002-0000000000000002.part", 0));
    assert_true(store_is_damaged(h.store, NOON, NOON));
    harness_done(&h);
}

/* The new file takes the name of the old one. */
static void test_a_clean_up_keeps_the_file_that_it_could_not_read_whole(void **state)
{
    (void)state;
    struct harness h;
    struct matcher m[1];
    begin_damaged(&h, "c{}");
    size_t n = harness_matchers("__name__=b", m, 1);
    assert_int_equal(store_delete(h.store, m, n, NOON, NOON, NULL), 0);
    harness_matchers_done(m, n);
    assert_int_equal(store_clean_tombstones(h.store, NULL), 0);
    for (int start = 0; start < 2; start++) {
        assert_non_null(crash_fs_path(h.disk, "1-0000000000000001.part.damaged", 0));
        check_rows(&h, "", "a 1=1\nb 1=1\nc 0=0");
        assert_true(store_is_damaged(h.store, NOON, NOON));
        harness_close(&h);
        assert_null(
            strstr(harness_check(&h, "root/data", true), ".part: ")); // the new one is sound
        (void)harness_open(&h);
    }
    harness_done(&h);
}

static void test_a_clean_up_that_leaves_nothing_of_a_damaged_file_sets_it_aside(void **state)
{
    (void)state;
    struct harness h;
    struct matcher m[1];
    damage_first_block(&h);
    size_t n = harness_matchers("__name__=b", m, 1);
    assert_int_equal(store_delete(h.store, m, n, NOON, NOON, NULL), 0);
    harness_matchers_done(m, n);
    assert_int_equal(store_clean_tombstones(h.store, NULL), 0);
    check_rows(&h, "", "a 1=1\nb 1=1");
    assert_non_null(crash_fs_path(h.disk, "1-0000000000000001.part.damaged", 0));
    assert_true(store_is_damaged(h.store, NOON, NOON));
    harness_done(&h);
}

/* A series of many blocks in one part, the first of them damaged: who asks for a moment that lies
 * in another does not come upon it. */
static void test_blocks_outside_the_range_are_not_read(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    (void)harness_open(&h);
    for (int i = 0; i < 4000; i++)
        harness_float(&h, "a{}", NOON - 5000 + i, 1.0 / (i + 1));
    assert_int_equal(harness_append(&h, NULL, NULL), 0);
    assert_int_equal(store_flush(h.store, NULL), 0);
    const char *part = crash_fs_path(h.disk, "1.part", 0);
    harness_close(&h);
    assert_true(crash_fs_damage(h.disk, part, 34, 1));
    (void)harness_open(&h);
    const char *last = harness_read(&h, "__name__=a", NOON - 1001, NOON - 1001);
    assert_non_null(strstr(last, "-1001=0.00025"));
    assert_int_equal(stats_of(&h).damaged_blocks, 0);
    (void)harness_read(&h, "__name__=a", NOON - 5000, NOON - 1001);
    assert_int_equal(stats_of(&h).damaged_blocks, 1);
    harness_done(&h);
}

/* --- the real file system --------------------------------------------------------------------- */

static char dir[] = "/tmp/telltale-failures-XXXXXX";

static void open_real(struct harness *h)
{
    harness_init(h);
    h->options.fs = NULL;
    h->options.dir = dir;
    (void)harness_open(h);
}

static char *first_part(void)
{
    struct fs_names names = {0};
    char *day = fs_join(dir, "metrics/2026-11-21"), *path = NULL;
    assert_int_equal(fs_list(fs_real(), day, &names, NULL), 0);
    assert_true(names.n > 0);
    path = fs_join(day, names.v[0]);
    fs_names_done(&names);
    free(day);
    return path;
}

/* Thousands of rows of several series: the part has many pages. */
static void put_pages(struct harness *h)
{
    for (int i = 0; i < 4000; i++) {
        harness_float(h, "a{}", NOON + i, 1.0 / (i + 1));
        harness_float(h, "b{}", NOON + i, 1.0 / (i + 2));
        assert_int_equal(harness_append(h, NULL, NULL), 0);
    }
    assert_int_equal(store_flush(h->store, NULL), 0);
}

static void test_a_part_that_is_cut_short_under_the_store_is_damage_not_death(void **state)
{
    (void)state;
    struct harness h;
    open_real(&h);
    put_pages(&h);
    uint64_t before = map_guard_faults();
    char *path = first_part();
    assert_int_equal(truncate(path, 8192), 0);
    const char *rows = harness_read(&h, "__name__=~a|b", INT64_MIN, INT64_MAX);
    assert_true(map_guard_faults() > before);
    assert_true(stats_of(&h).unreadable_pages > 0);
    assert_true(stats_of(&h).damaged_blocks + stats_of(&h).damaged_parts > 0);
    assert_true(strlen(rows) < 4000 * 10);  // what is lost is not made up
    harness_put(&h, "a{}", NOON + 5000, 7); // and the store goes on
    assert_int_equal(store_flush(h.store, NULL), 0);
    assert_non_null(strstr(harness_read(&h, "__name__=a", NOON + 5000, NOON + 5000), "5000=7"));
    free(path);
    harness_close(&h);
    harness_done(&h);
}

static int setup(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    return fs_remove_tree(fs_real(), dir, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_disk_that_becomes_read_only_refuses_and_recovers),
        cmocka_unit_test(test_a_flush_that_fails_is_told_until_one_succeeds),
        cmocka_unit_test(test_a_flush_that_failed_is_due_at_once),
        cmocka_unit_test(test_a_flush_of_records_that_fails_is_told_and_due_at_once),
        cmocka_unit_test(test_a_full_disk_is_tried_again_without_a_batch),
        cmocka_unit_test(test_a_start_on_a_full_disk_answers_refuses_and_recovers),
        cmocka_unit_test(test_a_merge_that_fails_keeps_no_other_table_from_its_retention),
        cmocka_unit_test(test_a_cancelled_replay_leaves_the_log_as_it_was),
        cmocka_unit_test(test_a_clean_up_keeps_the_file_that_it_could_not_read_whole),
        cmocka_unit_test(test_a_clean_up_that_leaves_nothing_of_a_damaged_file_sets_it_aside),
        cmocka_unit_test(test_blocks_outside_the_range_are_not_read),
        cmocka_unit_test(test_a_merge_keeps_the_file_that_it_could_not_read_whole),
        cmocka_unit_test(test_a_part_that_is_cut_short_under_the_store_is_damage_not_death),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
