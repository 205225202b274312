/* Damage in the files of spans and log records: counted, told to those who ask for its time, and
 * what is damaged is kept aside. */
#include "harness.h"

#include "base/time.h"
#include "store/inspect.h"
#include "store/records.h"

static void append_and_flush(struct harness *h, int64_t at_ms)
{
    harness_put_log(h, at_ms);
    assert_int_equal(store_flush(h->store, NULL), 0);
}

static struct store_record_stats numbers(struct harness *h)
{
    struct store_stats stats;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    assert_int_equal(store_stats(h->store, 0, &arena, &stats, NULL), 0);
    arena_done(&arena);
    return stats.records[RECORD_LOGS];
}

/* Without the check that harness_reopen makes. */
static void reopen(struct harness *h)
{
    harness_close(h);
    (void)harness_open(h);
}

/* Two parts of one day; a byte of the first one's column is flipped. */
static void fill(struct harness *h)
{
    harness_init(h);
    (void)harness_open(h);
    append_and_flush(h, NOON);
    append_and_flush(h, NOON + 1);
    harness_close(h);
    assert_true(crash_fs_damage(
        h->disk, "root/data/logs/2026-11-21/0000000000000001-0000000000000001.part", 40, 1));
    (void)harness_open(h);
}

static void test_a_damaged_group_is_told_by_every_scan_that_meets_it(void **state)
{
    (void)state;
    struct harness h;
    uint64_t damaged;
    fill(&h);
    assert_int_equal(harness_count_logs(&h, NOON - 9, NOON + 9, &damaged), 1);
    assert_int_equal(damaged, 1);
    assert_int_equal(harness_count_logs(&h, NOON + 1, NOON + 9, &damaged), 1);
    assert_int_equal(damaged, 0); // of another time
    assert_int_equal(harness_count_logs(&h, NOON - 9, NOON + 9, &damaged), 1);
    assert_int_equal(damaged, 1);
    assert_int_equal(numbers(&h).damaged_groups, 2);
    harness_done(&h);
}

static void test_a_merge_keeps_the_damaged_file_aside(void **state)
{
    (void)state;
    struct harness h;
    uint64_t damaged;
    fill(&h);
    assert_int_equal(store_maintain(h.store, true, NULL), 0);
    assert_int_equal(numbers(&h).parts, 1);
    assert_non_null(crash_fs_path(h.disk, "0000000000000001-0000000000000001.part.damaged", 0));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(harness_count_logs(&h, NOON - 9, NOON + 9, &damaged), 1);
        assert_int_equal(damaged, 1); // the day that lacks something
        assert_int_equal(harness_count_logs(&h, NOON - 2 * DAY, NOON - DAY, &damaged), 0);
        assert_int_equal(damaged, 0);
        reopen(&h);
    }
    harness_done(&h);
}

/* The new file takes the name of the old one. */
static void test_a_deletion_keeps_the_damaged_file_aside(void **state)
{
    (void)state;
    struct harness h;
    uint64_t gone = 0, damaged = 0;
    harness_init(&h);
    (void)harness_open(&h);
    for (int i = 0; i < 5000; i++)
        harness_put_log(&h, NOON + i);
    assert_int_equal(store_flush(h.store, NULL), 0);
    harness_close(&h);
    assert_true(crash_fs_damage(h.disk, crash_fs_path(h.disk, ".part", 0), 40, 1));
    (void)harness_open(&h);
    assert_int_equal(store_delete_records(h.store, RECORD_LOGS, NULL, (NOON + 4990) * NS_PER_MS,
                                          INT64_MAX, &gone, NULL),
                     0);
    assert_int_equal(gone, 10);
    assert_non_null(crash_fs_path(h.disk, "0000000000000001-0000000000000001.part.damaged", 0));
    for (int i = 0; i < 2; i++) {
        assert_true(harness_count_logs(&h, NOON, NOON + 9999, &damaged) < 4990);
        assert_int_equal(damaged, 1);
        reopen(&h);
    }
    harness_done(&h);
}

static void test_what_was_set_aside_goes_with_the_retention(void **state)
{
    (void)state;
    struct harness h;
    uint64_t damaged;
    harness_init(&h);
    (void)harness_open(&h);
    append_and_flush(&h, NOON);
    harness_close(&h);
    const char *part = crash_fs_path(h.disk, "1.part", 0);
    assert_true(crash_fs_damage(h.disk, part, crash_fs_size(h.disk, part) - 1, 1));
    (void)harness_open(&h);
    assert_int_equal(numbers(&h).damaged_parts, 1);
    assert_int_equal(harness_count_logs(&h, NOON - 9, NOON + 9, &damaged), 0);
    assert_int_equal(damaged, 1);
    h.options.retention_records_ms[RECORD_LOGS] = 2 * DAY;
    assert_int_equal(store_reconfigure(h.store, &h.options, NULL), 0);
    harness_set_now(NOON + 5 * DAY);
    assert_int_equal(store_maintain(h.store, true, NULL), 0);
    assert_null(crash_fs_path(h.disk, ".damaged", 0));
    assert_int_equal(harness_count_logs(&h, NOON - 9, NOON + 9, &damaged), 0);
    assert_int_equal(damaged, 0);
    harness_set_now(NOON);
    harness_done(&h);
}

static void test_a_part_of_the_other_table_is_damage(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    (void)harness_open(&h);
    append_and_flush(&h, NOON);
    harness_close(&h);
    const char *from = "root/data/logs/2026-11-21/0000000000000001-0000000000000001.part";
    const char *to = "root/data/spans/2026-11-21/0000000000000001-0000000000000001.part";
    assert_int_equal(fs_make_dir(h.options.fs, "root/data/spans/2026-11-21", NULL), 0);
    assert_int_equal(fs_rename(h.options.fs, from, to, NULL), 0);
    assert_non_null(strstr(harness_check(&h, "root/data", true),
                           "is of another table, day or sequence than its name says"));
    harness_done(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_damaged_group_is_told_by_every_scan_that_meets_it),
        cmocka_unit_test(test_a_merge_keeps_the_damaged_file_aside),
        cmocka_unit_test(test_a_deletion_keeps_the_damaged_file_aside),
        cmocka_unit_test(test_what_was_set_aside_goes_with_the_retention),
        cmocka_unit_test(test_a_part_of_the_other_table_is_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
