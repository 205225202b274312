/* A damaged segment of the log is kept, and answers about its days say that something is missing.
 */
#include "store/embedded/wal_aside.h"

#include "harness.h"

/* As after a death. */
static void abandon(struct harness *h)
{
    store_abandon(h->store);
    h->store = NULL;
}

/* Without the check that harness_reopen makes. */
static void reopen(struct harness *h)
{
    harness_close(h);
    (void)harness_open(h);
}

/* Flips a byte of the first record of the first segment whose path ends so. */
static void damage_first_record(struct harness *h, const char *ending)
{
    const char *path = crash_fs_path(h->disk, ending, 0);
    assert_non_null(path);
    assert_true(crash_fs_damage(h->disk, path, WAL_SEGMENT_HEADER + WAL_RECORD_HEADER + 1, 0x10));
}

/* Two batches in the log, the first of them damaged. */
static void lose_a_batch(struct harness *h)
{
    harness_init(h);
    (void)harness_open(h);
    harness_put(h, "up{a=b}", NOON, 1);
    harness_put(h, "up{a=c}", NOON, 2);
    abandon(h);
    damage_first_record(h, "metrics/wal/00000001.wal");
    (void)harness_open(h);
}

static const char *kept(struct harness *h)
{
    return crash_fs_path(h->disk, "00000001.2026-11-21.2026-11-21.wal.damaged", 0);
}

static void remove_kept(struct harness *h)
{
    assert_int_equal(fs_remove(h->options.fs, kept(h), NULL), 0);
}

static void test_a_damaged_segment_is_kept_when_the_log_is_cut(void **state)
{
    (void)state;
    struct harness h;
    lose_a_batch(&h);
    assert_non_null(kept(&h));
    assert_int_equal(store_flush(h.store, NULL), 0);
    assert_null(crash_fs_path(h.disk, "metrics/wal/00000001.wal", 0));
    assert_non_null(kept(&h));
    check_rows(&h, "__name__=up", "up{a=\"c\"} 0=2");
    remove_kept(&h);
    harness_done(&h);
}

static void test_answers_of_its_days_tell_of_it_until_the_file_is_gone(void **state)
{
    (void)state;
    struct harness h;
    lose_a_batch(&h);
    for (int start = 0; start < 3; start++) {
        assert_true(store_is_damaged(h.store, NOON - HOUR, NOON));
        assert_false(store_is_damaged(h.store, NOON - 3 * DAY, NOON - DAY));
        assert_false(store_is_damaged(h.store, NOON + DAY, NOON + 2 * DAY));
        reopen(&h);
    }
    remove_kept(&h);
    assert_true(store_is_damaged(h.store, NOON, NOON));
    reopen(&h);
    assert_false(store_is_damaged(h.store, NOON, NOON));
    harness_done(&h);
}

static void test_a_segment_that_is_replayed_twice_is_kept_once(void **state)
{
    (void)state;
    struct harness h;
    lose_a_batch(&h);
    abandon(&h);
    (void)harness_open(&h);
    assert_int_equal(h.store->losses.n, 1);
    assert_true(store_is_damaged(h.store, NOON, NOON));
    assert_int_equal(store_flush(h.store, NULL), 0);
    remove_kept(&h);
    harness_done(&h);
}

static void test_a_segment_without_a_readable_header_is_taken_to_be_of_today(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    (void)harness_open(&h);
    harness_put(&h, "up{a=b}", NOON - 2 * DAY, 1);
    abandon(&h);
    assert_true(
        crash_fs_damage(h.disk, crash_fs_path(h.disk, "metrics/wal/00000001.wal", 0), 9, 1));
    (void)harness_open(&h);
    assert_true(store_is_damaged(h.store, NOON, NOON));
    assert_non_null(kept(&h));
    assert_int_equal(store_flush(h.store, NULL), 0);
    remove_kept(&h);
    harness_done(&h);
}

static uint64_t damages(struct harness *h, int64_t min_ms, int64_t max_ms)
{
    uint64_t damaged;
    (void)harness_count_logs(h, min_ms, max_ms, &damaged);
    return damaged;
}

static void test_searches_of_log_records_tell_of_it_too(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    (void)harness_open(&h);
    harness_put_log(&h, NOON);
    harness_put_log(&h, NOON + 1);
    abandon(&h);
    damage_first_record(&h, "logs/wal/00000001.wal");
    (void)harness_open(&h);
    assert_int_equal(damages(&h, NOON - HOUR, NOON), 1);
    assert_int_equal(damages(&h, NOON - 3 * DAY, NOON - 2 * DAY), 0);
    reopen(&h);
    assert_int_equal(damages(&h, NOON - HOUR, NOON), 1);
    remove_kept(&h);
    reopen(&h);
    assert_int_equal(damages(&h, NOON - HOUR, NOON), 0);
    harness_done(&h);
}

/* The process dies while it writes the last record of a log. */
static void kill_in_a_write(struct harness *h, const char *log)
{
    abandon(h);
    const char *path = crash_fs_path(h->disk, log, 0);
    assert_non_null(path);
    uint64_t size = crash_fs_size(h->disk, path);
    assert_true(size > WAL_SEGMENT_HEADER + WAL_RECORD_HEADER);
    assert_true(crash_fs_cut(h->disk, path, size - 3));
    (void)harness_open(h);
}

static void test_what_a_crash_cut_off_is_no_damage_however_many_follow(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    (void)harness_open(&h);
    harness_put(&h, "m", NOON, 1);
    harness_put(&h, "m", NOON + 1, 2);
    kill_in_a_write(&h, "metrics/wal/00000001.wal");
    harness_put_log(&h, NOON);
    kill_in_a_write(&h, "logs/wal/00000002.wal");
    harness_kill(&h); // checks the directory
    harness_kill(&h);
    check_rows(&h, "", "m 0=1");
    assert_int_equal(damages(&h, NOON - HOUR, NOON), 0);
    assert_int_equal(atomic_get_relaxed(&h.store->wal_damaged_segments), 0);
    harness_done(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_damaged_segment_is_kept_when_the_log_is_cut),
        cmocka_unit_test(test_answers_of_its_days_tell_of_it_until_the_file_is_gone),
        cmocka_unit_test(test_a_segment_that_is_replayed_twice_is_kept_once),
        cmocka_unit_test(test_a_segment_without_a_readable_header_is_taken_to_be_of_today),
        cmocka_unit_test(test_what_a_crash_cut_off_is_no_damage_however_many_follow),
        cmocka_unit_test(test_searches_of_log_records_tell_of_it_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
