/* Deleting series by selector and time; cleaning up; what a crash leaves of either. */
#include "harness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "store/embedded/bytes.h"
#include "store/embedded/part_format.h"

static int try_delete(struct harness *h, const char *selector, int64_t min_ms, int64_t max_ms)
{
    struct matcher matchers[4];
    struct err err = {0};
    size_t n = harness_matchers(selector, matchers, 4);
    int rc = store_delete(h->store, matchers, n, min_ms, max_ms, &err);
    harness_matchers_done(matchers, n);
    return rc;
}

static void erase_rows(struct harness *h, const char *selector, int64_t min_ms, int64_t max_ms)
{
    assert_int_equal(try_delete(h, selector, min_ms, max_ms), 0);
}

static void delete_all(struct harness *h, const char *selector)
{
    erase_rows(h, selector, INT64_MIN, INT64_MAX);
}

static struct store_stats stats_of(struct harness *h)
{
    struct store_stats stats;
    assert_int_equal(store_stats(h->store, 0, NULL, &stats, NULL), 0);
    return stats;
}

static void open_with(struct harness *h)
{
    harness_init(h);
    (void)harness_open(h);
    for (int i = 0; i < 5; i++) {
        harness_put(h, "up{a=b}", NOON + i, i);
        harness_put(h, "down{a=b}", NOON + i, i);
    }
}

static void test_rows_in_the_range_go_and_the_others_stay(void **state)
{
    (void)state;
    struct harness h;
    open_with(&h);
    erase_rows(&h, "__name__=up", NOON + 1, NOON + 3);
    check_rows(&h, "", "down{a=\"b\"} 0=0 1=1 2=2 3=3 4=4\nup{a=\"b\"} 0=0 4=4");
    erase_rows(&h, "a=b", NOON + 4, INT64_MAX);
    check_rows(&h, "", "down{a=\"b\"} 0=0 1=1 2=2 3=3\nup{a=\"b\"} 0=0");
    harness_done(&h);
}

static void test_rows_appended_after_a_deletion_are_seen(void **state)
{
    (void)state;
    struct harness h;
    open_with(&h);
    delete_all(&h, "__name__=up");
    harness_put(&h, "up{a=b}", NOON + 2, 20);
    check_rows(&h, "__name__=up", "up{a=\"b\"} 2=20");
    harness_kill(&h);
    check_rows(&h, "__name__=up", "up{a=\"b\"} 2=20");
    assert_int_equal(store_flush(h.store, NULL), 0);
    check_rows(&h, "__name__=up", "up{a=\"b\"} 2=20");
    assert_int_equal(store_maintain(h.store, true, NULL), 0);
    check_rows(&h, "__name__=up", "up{a=\"b\"} 2=20");
    harness_reopen(&h);
    check_rows(&h, "__name__=up", "up{a=\"b\"} 2=20");
    harness_done(&h);
}

static void test_a_deletion_before_the_first_row_hides_nothing_later(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    (void)harness_open(&h);
    harness_put(&h, "other{}", NOON - 2 * DAY, 1);
    delete_all(&h, "");
    assert_int_equal(store_maintain(h.store, true, NULL), 0);
    for (int i = 0; i < 3; i++) { // the numbers of the parts that went are not given out again
        delete_all(&h, "__name__=up");
        harness_reopen(&h);
    }
    harness_put(&h, "up{}", NOON, 1);
    assert_int_equal(store_flush(h.store, NULL), 0);
    harness_reopen(&h);
    check_rows(&h, "", "up 0=1");
    harness_done(&h);
}

static void test_a_deleted_series_is_in_no_list(void **state)
{
    (void)state;
    struct harness h;
    struct selection *sel = NULL;
    open_with(&h);
    harness_put(&h, "up{only=x}", NOON, 1);
    assert_int_equal(store_flush(h.store, NULL), 0);
    delete_all(&h, "only=x");
    delete_all(&h, "__name__=down");
    harness_put(&h, "other{}", NOON, 1);
    assert_string_equal(harness_values(&h, "__name__", ""), "other up");
    assert_string_equal(harness_values(&h, NULL, ""), "__name__ a");
    assert_string_equal(harness_values(&h, "only", ""), "");
    assert_int_equal(store_select(h.store, NULL, 0, INT64_MIN, INT64_MAX, 0, NULL, &sel, NULL), 0);
    assert_int_equal(selection_count(sel), 2);
    selection_free(sel);
    assert_int_equal(stats_of(&h).streams, 2); // the idle ones have been forgotten
    harness_done(&h);
}

static void test_a_selection_made_before_still_sees_the_rows(void **state)
{
    (void)state;
    struct harness h;
    struct selection *sel = NULL;
    struct arena arena;
    struct columns c;
    open_with(&h);
    arena_init(&arena, 1 << 20);
    columns_init(&c, &arena);
    assert_int_equal(store_flush(h.store, NULL), 0);
    assert_int_equal(store_select(h.store, NULL, 0, INT64_MIN, INT64_MAX, 0, NULL, &sel, NULL), 0);
    delete_all(&h, "");
    assert_int_equal(store_clean_tombstones(h.store, NULL), 0);
    assert_int_equal(selection_read(sel, 1, INT64_MIN, INT64_MAX, &c, NULL), 0);
    assert_int_equal(c.n, 5);
    selection_free(sel);
    columns_done(&c);
    arena_done(&arena);
    check_rows(&h, "", "");
    harness_done(&h);
}

static void test_a_merge_takes_deleted_rows_of_the_older_part_alone(void **state)
{
    (void)state;
    struct harness h;
    open_with(&h);
    erase_rows(&h, "__name__=up", NOON, NOON + 2);
    harness_put(&h, "up{a=b}", NOON + 1, 10);
    harness_put(&h, "new{}", NOON, 1);
    assert_int_equal(store_maintain(h.store, true, NULL), 0);
    assert_int_equal(stats_of(&h).parts, 1);
    assert_int_equal(stats_of(&h).part_rows, 5 + 3 + 1);
    assert_int_equal(stats_of(&h).tombstones, 0);
    check_rows(&h, "", "down{a=\"b\"} 0=0 1=1 2=2 3=3 4=4\nnew 0=1\nup{a=\"b\"} 1=10 3=3 4=4");
    harness_reopen(&h);
    check_rows(&h, "__name__=up", "up{a=\"b\"} 1=10 3=3 4=4");
    harness_done(&h);
}

static void test_cleaning_frees_the_space_and_the_empty_days(void **state)
{
    (void)state;
    struct harness h;
    open_with(&h);
    harness_put(&h, "up{a=b}", NOON - DAY, 1);
    assert_int_equal(store_flush(h.store, NULL), 0);
    struct store_stats before = stats_of(&h);
    delete_all(&h, "__name__=up");
    assert_int_equal(stats_of(&h).part_bytes, before.part_bytes);
    assert_int_equal(stats_of(&h).tombstones, 1);
    assert_int_equal(store_clean_tombstones(h.store, NULL), 0);
    struct store_stats after = stats_of(&h);
    assert_true(after.part_bytes < before.part_bytes);
    assert_int_equal(after.part_rows, 5);
    assert_int_equal(after.partitions, before.partitions - 1);
    assert_int_equal(after.tombstones, 0);
    assert_null(crash_fs_path(h.disk, "2026-11-20", 0));
    assert_string_equal(harness_values(&h, "__name__", ""), "down");
    harness_reopen(&h);
    check_rows(&h, "", "down{a=\"b\"} 0=0 1=1 2=2 3=3 4=4");
    harness_done(&h);
}

static void test_cleaning_twice_and_cleaning_nothing_are_fine(void **state)
{
    (void)state;
    struct harness h;
    open_with(&h);
    assert_int_equal(store_clean_tombstones(h.store, NULL), 0);
    delete_all(&h, "__name__=nobody");
    assert_int_equal(store_clean_tombstones(h.store, NULL), 0);
    assert_int_equal(store_clean_tombstones(h.store, NULL), 0);
    assert_int_equal(stats_of(&h).tombstones, 0);
    assert_int_equal(stats_of(&h).part_rows, 10);
    harness_done(&h);
}

/* Flips a bit in the second chunk of streams of the only part. */
static void damage_second_chunk(struct harness *h)
{
    char *path = str_dup(str_c(crash_fs_path(h->disk, ".part", 0)));
    char footer[PART_FOOTER], entry[PART_ENTRY];
    struct fs_file f = {0};
    size_t n;
    assert_int_equal(fs_open(h->options.fs, path, FS_READ, &f, NULL), 0);
    uint64_t at = crash_fs_size(h->disk, path) - PART_FOOTER;
    assert_int_equal(fs_read_at(&f, footer, sizeof footer, at, &n, NULL), 0);
    size_t before = 2 * part_text_chunks(read_u32(footer + 60)) + 1;
    at = read_u64(footer + 88) + before * PART_ENTRY;
    assert_int_equal(fs_read_at(&f, entry, sizeof entry, at, &n, NULL), 0);
    assert_int_equal(fs_close(&f, NULL), 0);
    assert_true(crash_fs_damage(h->disk, path, read_u64(entry) + 2, 1));
    free(path);
}

/* What is left out because of its damage is not gone: the next start may read some of it. */
static void test_a_deletion_is_kept_as_long_as_a_damaged_part_that_may_have_its_rows(void **state)
{
    (void)state;
    enum { STREAMS = PART_STREAMS + 10 };
    struct harness h;
    char name[32];
    harness_init(&h);
    (void)harness_open(&h);
    for (int i = 0; i < STREAMS; i++) {
        (void)snprintf(name, sizeof name, "up{s=n%03d}", i);
        harness_float(&h, name, NOON, i);
    }
    assert_int_equal(harness_append(&h, NULL, NULL), 0);
    harness_close(&h);
    damage_second_chunk(&h);
    (void)harness_open(&h);
    check_rows(&h, "s=n000", "up{s=\"n000\"} 0=0");
    check_rows(&h, "s=n137", ""); // from here on the part is left out
    delete_all(&h, "s=n000");
    assert_int_equal(store_clean_tombstones(h.store, NULL), 0);
    harness_close(&h);
    (void)harness_open(&h);
    check_rows(&h, "s=n000", "");
    check_rows(&h, "s=n001", "up{s=\"n001\"} 0=1");
    harness_done(&h);
}

static void test_a_wider_deletion_replaces_the_narrower(void **state)
{
    (void)state;
    struct harness h;
    open_with(&h);
    erase_rows(&h, "__name__=up", NOON, NOON + 1);
    erase_rows(&h, "__name__=up", NOON, NOON + 2);
    assert_int_equal(stats_of(&h).tombstones, 1);
    erase_rows(&h, "__name__=up", NOON + 2, NOON + 3);
    erase_rows(&h, "__name__=down", NOON + 2, NOON + 2);
    assert_int_equal(stats_of(&h).tombstones, 3);
    check_rows(&h, "", "down{a=\"b\"} 0=0 1=1 3=3 4=4\nup{a=\"b\"} 4=4");
    harness_reopen(&h);
    check_rows(&h, "", "down{a=\"b\"} 0=0 1=1 3=3 4=4\nup{a=\"b\"} 4=4");
    harness_done(&h);
}

static void test_an_empty_range_is_refused(void **state)
{
    (void)state;
    struct harness h;
    open_with(&h);
    assert_int_equal(try_delete(&h, "__name__=up", NOON, NOON - 1), ERR_INVALID);
    assert_int_equal(stats_of(&h).tombstones, 0);
    harness_done(&h);
}

static void test_a_deletion_that_cannot_be_written_changes_nothing(void **state)
{
    (void)state;
    struct harness h;
    open_with(&h);
    assert_int_equal(store_flush(h.store, NULL), 0);
    crash_fs_fail_writes(h.disk, EIO);
    assert_int_equal(try_delete(&h, "__name__=up", INT64_MIN, INT64_MAX), ERR_IO);
    check_rows(&h, "__name__=up", "up{a=\"b\"} 0=0 1=1 2=2 3=3 4=4");
    crash_fs_fail_writes(h.disk, 0);
    delete_all(&h, "__name__=up");
    check_rows(&h, "__name__=up", "");
    harness_done(&h);
}

/* --- crashes ---------------------------------------------------------------------------------- */

struct life {
    bool deleted, appended, cleaned; /* acknowledged */
    bool lost;
};

/* Rows in two days, flushed and not; a deletion; rows after it; a clean-up. */
static struct life live(struct harness *h, uint64_t at)
{
    struct life life = {0};
    harness_put(h, "up{}", NOON - DAY, 1);
    harness_put(h, "up{}", NOON, 1);
    harness_put(h, "stays{}", NOON, 1);
    assert_int_equal(store_flush(h->store, NULL), 0);
    harness_put(h, "up{}", NOON + 1, 1);
    crash_fs_lose_power_at(h->disk, at);
    life.deleted = try_delete(h, "__name__=up", INT64_MIN, NOON + 10) == 0;
    if (life.deleted) {
        harness_float(h, "up{}", NOON + 1, 2);
        life.appended = harness_append(h, NULL, NULL) == 0;
        life.cleaned = store_clean_tombstones(h->store, NULL) == 0;
    }
    life.lost = crash_fs_has_lost_power(h->disk);
    return life;
}

static void check_life(struct harness *h, const struct life *life)
{
    static const char before[] = "stays 0=1\nup -86400000=1 0=1 1=1";
    const char *rows = harness_read(h, "", INT64_MIN, INT64_MAX);
    if (life->appended)
        assert_string_equal(rows, "stays 0=1\nup 1=2");
    else if (life->deleted) // the row after it was not acknowledged
        assert_true(strcmp(rows, "stays 0=1") == 0 || strcmp(rows, "stays 0=1\nup 1=2") == 0);
    else
        assert_true(strcmp(rows, before) == 0 || strcmp(rows, "stays 0=1") == 0);
}

static bool crash_at(uint64_t at, uint64_t seed)
{
    struct harness h;
    harness_init(&h);
    crash_fs_free(h.disk);
    h.disk = crash_fs_new(seed);
    h.options.fs = crash_fs_vtable(h.disk);
    h.options.durability = STORE_DURABILITY_DISK;
    (void)harness_open(&h);
    struct life life = live(&h, at);
    harness_power_loss(&h);
    check_life(&h, &life);
    harness_reopen(&h);
    check_life(&h, &life);
    assert_int_equal(store_maintain(h.store, true, NULL), 0);
    assert_int_equal(store_clean_tombstones(h.store, NULL), 0);
    check_life(&h, &life);
    harness_power_loss(&h);
    check_life(&h, &life);
    harness_put(&h, "up{}", NOON + 5, 5);
    assert_int_equal(store_flush(h.store, NULL), 0);
    harness_kill(&h);
    assert_string_equal(harness_read(&h, "__name__=up", NOON + 5, NOON + 5), "up 5=5");
    harness_done(&h);
    return life.lost;
}

static void test_power_loss_at_any_operation_leaves_a_deletion_whole_or_undone(void **state)
{
    (void)state;
    uint64_t at = 0;
    while (crash_at(at, at + 1))
        at++;
    assert_true(at > 40);
}

/* --- the file --------------------------------------------------------------------------------- */

static const char file_path[] = "root/data/metrics/tombstones";

static void test_a_damaged_list_is_set_aside(void **state)
{
    (void)state;
    struct harness h;
    open_with(&h);
    delete_all(&h, "__name__=up");
    harness_close(&h);
    assert_true(crash_fs_damage(h.disk, file_path, 20, 1));
    (void)harness_open(&h);
    check_rows(&h, "__name__=up", "up{a=\"b\"} 0=0 1=1 2=2 3=3 4=4");
    assert_non_null(crash_fs_path(h.disk, "tombstones.damaged", 0));
    harness_done(&h);
}

static void test_the_check_finds_every_flipped_byte_of_the_list(void **state)
{
    (void)state;
    struct harness h;
    open_with(&h);
    erase_rows(&h, "__name__=~up.* a!=c", NOON, NOON + 2);
    harness_close(&h);
    assert_string_equal(harness_check(&h, "root/data", true), "");
    for (uint64_t at = 0; at < crash_fs_size(h.disk, file_path); at++) {
        assert_true(crash_fs_damage(h.disk, file_path, at, 16));
        assert_non_null(strstr(harness_check(&h, "root/data", true), "damage: root/data/metrics/"));
        assert_true(crash_fs_damage(h.disk, file_path, at, 16));
    }
    (void)harness_open(&h);
    assert_int_equal(store_clean_tombstones(h.store, NULL), 0);
    harness_close(&h);
    assert_string_equal(harness_check(&h, "root/data", true), "");
    harness_done(&h);
}

static void test_a_list_of_a_later_format_stops_the_start(void **state)
{
    (void)state;
    struct harness h;
    struct err err = {0};
    open_with(&h);
    delete_all(&h, "__name__=up");
    harness_close(&h);
    assert_true(crash_fs_damage(h.disk, file_path, 7, 8));
    assert_int_equal(store_open(&h.options, &h.store, &err), ERR_UNSUPPORTED);
    assert_string_equal(err.message,
                        "root/data/metrics/tombstones: format 9; this program reads up to 1");
    h.store = NULL;
    harness_done(&h);
}

static void test_a_list_is_read_as_it_was_written(void **state)
{
    (void)state;
    struct harness h;
    struct tombstone_set *back = NULL;
    struct buf first = BUF_MAX(1 << 20), second = BUF_MAX(1 << 20);
    open_with(&h);
    erase_rows(&h, "__name__=up a!=b c=~x.* d!~y", -5, 7);
    delete_all(&h, "");
    struct tombstone_set *set = tombstones_get(&h.store->tombstones);
    tombstones_encode(set, &first);
    assert_int_equal(tombstones_decode(buf_str(&first), &back, NULL), 0);
    tombstones_encode(back, &second);
    assert_int_equal(back->n, 2);
    assert_int_equal(back->v[0]->n, 4);
    assert_true(str_eq(buf_str(&first), buf_str(&second)));
    for (size_t n = 0; n < first.n; n++)
        assert_int_equal(tombstones_decode(str_of(first.p, n), &back, NULL), ERR_CORRUPT);
    tombstone_set_unref(set);
    tombstone_set_unref(back);
    buf_done(&first);
    buf_done(&second);
    harness_done(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_in_the_range_go_and_the_others_stay),
        cmocka_unit_test(test_rows_appended_after_a_deletion_are_seen),
        cmocka_unit_test(test_a_deletion_before_the_first_row_hides_nothing_later),
        cmocka_unit_test(test_a_deleted_series_is_in_no_list),
        cmocka_unit_test(test_a_selection_made_before_still_sees_the_rows),
        cmocka_unit_test(test_a_merge_takes_deleted_rows_of_the_older_part_alone),
        cmocka_unit_test(test_cleaning_frees_the_space_and_the_empty_days),
        cmocka_unit_test(test_cleaning_twice_and_cleaning_nothing_are_fine),
        cmocka_unit_test(test_a_deletion_is_kept_as_long_as_a_damaged_part_that_may_have_its_rows),
        cmocka_unit_test(test_a_wider_deletion_replaces_the_narrower),
        cmocka_unit_test(test_an_empty_range_is_refused),
        cmocka_unit_test(test_a_deletion_that_cannot_be_written_changes_nothing),
        cmocka_unit_test(test_power_loss_at_any_operation_leaves_a_deletion_whole_or_undone),
        cmocka_unit_test(test_a_damaged_list_is_set_aside),
        cmocka_unit_test(test_the_check_finds_every_flipped_byte_of_the_list),
        cmocka_unit_test(test_a_list_of_a_later_format_stops_the_start),
        cmocka_unit_test(test_a_list_is_read_as_it_was_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
