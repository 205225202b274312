/* Parts: damage at every byte is noticed or harmless; merges; what a crash leaves behind. */
#include "harness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "store/embedded/bytes.h"

static void put_many(struct harness *h, int rows, int64_t from)
{
    for (int i = 0; i < rows; i++) {
        for (int k = 0; k < 6; k++) {
            char name[48];
            (void)snprintf(name, sizeof name, "metric_%d{job=j%d,pod=pod-%d}", k % 2, k % 3, k);
            harness_float(h, name, from + i * 15000, i * k);
        }
        assert_int_equal(harness_append(h, NULL, NULL), 0);
    }
}

static uint64_t stat_damage(struct harness *h)
{
    struct store_stats stats;
    assert_int_equal(store_stats(h->store, 0, NULL, &stats, NULL), 0);
    return stats.damaged_blocks + stats.damaged_parts;
}

static char *path_of_part(struct harness *h, size_t i)
{
    const char *path = crash_fs_path(h->disk, ".part", i);
    return path ? str_dup(str_c(path)) : NULL;
}

/* Each line of `rows` is a line of `whole`, or the beginning... a stream with blocks missing: every
 * row that is there must be there in the undamaged answer too. */
static void check_subset(const char *rows, const char *whole)
{
    struct str left = str_c(rows);
    while (left.n) {
        struct str line = str_cut(&left, '\n');
        size_t brace = str_index(line, '}');
        struct str series = str_sub(line, 0, brace + 1);
        size_t at = str_find(str_c(whole), series);
        assert_true(at < strlen(whole));
        struct str expected = str_of(whole + at, str_index(str_c(whole + at), '\n'));
        struct str values = str_sub(line, brace + 2, SIZE_MAX);
        while (values.n) {
            struct str row = str_cut(&values, ' ');
            assert_true(str_find(expected, row) < expected.n);
        }
    }
}

static void test_damage_at_every_byte_is_noticed_and_answers_stay_true(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    (void)harness_open(&h);
    put_many(&h, 40, NOON);
    assert_int_equal(store_flush(h.store, NULL), 0);
    char *whole = str_dup(str_c(harness_read(&h, "", INT64_MIN, INT64_MAX)));
    char *path = path_of_part(&h, 0);
    uint64_t size = crash_fs_size(h.disk, path);
    size_t noticed = 0, unchanged = 0;
    for (uint64_t at = 0; at < size; at++) {
        harness_close(&h);
        assert_true(crash_fs_damage(h.disk, path, at, (unsigned char)(1u << (at % 8))));
        (void)harness_open(&h);
        const char *rows = harness_read(&h, "", INT64_MIN, INT64_MAX);
        bool same = strcmp(rows, whole) == 0;
        check_subset(rows, whole);
        (void)harness_values(&h, "job", "metric!=x");
        check_subset(harness_read(&h, "job=j1", INT64_MIN, INT64_MAX), whole);
        noticed += stat_damage(&h) > 0;
        unchanged += same;
        assert_true(same || stat_damage(&h) > 0); // never silently wrong
        /* Mend it: undo the renaming too. */
        const char *aside = crash_fs_path(h.disk, ".damaged", 0);
        if (aside)
            assert_int_equal(fs_rename(h.options.fs, aside, path, NULL), 0);
        assert_true(crash_fs_damage(h.disk, path, at, (unsigned char)(1u << (at % 8))));
    }
    assert_true(noticed > size * 9 / 10); // a few bytes belong to what the questions do not touch
    assert_true(unchanged < size);
    harness_reopen(&h);
    check_rows(&h, "", whole);
    free(path);
    free(whole);
    harness_done(&h);
}

/* The damage that reading everything meets: blocks, and whether a part is missing. */
static void check_told(struct harness *h, bool blocks, bool part)
{
    struct selection *sel;
    struct columns c;
    struct arena arena;
    size_t damaged = 0;
    arena_init(&arena, 1 << 20);
    columns_init(&c, &arena);
    assert_int_equal(store_select(h->store, NULL, 0, INT64_MIN, INT64_MAX, 0, NULL, &sel, NULL), 0);
    for (size_t i = 0; i < selection_count(sel); i++) {
        assert_int_equal(selection_read(sel, i, INT64_MIN, INT64_MAX, &c, NULL), 0);
        damaged += c.damaged;
    }
    assert_int_equal(damaged > 0, blocks);
    assert_int_equal(store_is_damaged(h->store, INT64_MIN, INT64_MAX), part);
    columns_done(&c);
    arena_done(&arena);
    selection_free(sel);
}

static void test_those_who_read_are_told_of_damage(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    (void)harness_open(&h);
    put_many(&h, 40, NOON);
    harness_close(&h);
    char *path = path_of_part(&h, 0);
    (void)harness_open(&h);
    check_told(&h, false, false);
    harness_close(&h);
    assert_true(crash_fs_damage(h.disk, path, 40, 0xff)); // behind the header: the first block
    (void)harness_open(&h);
    check_told(&h, true, false);
    harness_close(&h);
    assert_true(crash_fs_damage(h.disk, path, crash_fs_size(h.disk, path) - 1, 0xff));
    (void)harness_open(&h);
    check_told(&h, false, true);
    assert_false(store_is_damaged(h.store, NOON - 2 * DAY, NOON - DAY));
    harness_close(&h);
    (void)harness_open(&h); // the file that was set aside is still there
    check_told(&h, false, true);
    free(path);
    harness_done(&h);
}

static void test_a_part_cut_at_any_length_is_set_aside(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    (void)harness_open(&h);
    put_many(&h, 3, NOON);
    harness_close(&h);
    char *path = path_of_part(&h, 0);
    char *bytes = NULL;
    size_t n = 0;
    assert_int_equal(fs_read_all(h.options.fs, path, 1 << 20, &bytes, &n, NULL), 0);
    for (size_t size = 0; size < n; size += 7) {
        struct fs_file f;
        assert_int_equal(fs_open(h.options.fs, path, FS_NEW, &f, NULL), 0);
        if (size)
            assert_int_equal(fs_write_at(&f, bytes, size, 0, NULL), 0);
        assert_int_equal(fs_close(&f, NULL), 0);
        (void)harness_open(&h);
        check_rows(&h, "", "");
        assert_int_equal(stat_damage(&h), 1);
        harness_close(&h);
    }
    free(bytes);
    free(path);
    harness_done(&h);
}

static void test_a_later_format_version_is_an_error_not_damage(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    (void)harness_open(&h);
    put_many(&h, 1, NOON);
    harness_close(&h);
    char *path = path_of_part(&h, 0);
    struct fs_file f;
    char header[32];
    size_t n;
    assert_int_equal(fs_open(h.options.fs, path, FS_WRITE, &f, NULL), 0);
    assert_int_equal(fs_read_at(&f, header, sizeof header, 0, &n, NULL), 0);
    header[7] = 2;
    write_u64(header + 24, hash_bytes(header, 24));
    assert_int_equal(fs_write_at(&f, header, sizeof header, 0, NULL), 0);
    assert_int_equal(fs_close(&f, NULL), 0);
    struct err err = {0};
    assert_int_equal(store_open(&h.options, &h.store, &err), ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "format version 2"));
    h.store = NULL;
    free(path);
    harness_done(&h);
}

static void test_merging_keeps_rows_and_reduces_parts(void **state)
{
    (void)state;
    struct harness h;
    struct store_stats stats;
    harness_init(&h);
    (void)harness_open(&h);
    for (int i = 0; i < 20; i++) {
        put_many(&h, 5, NOON - 6 * HOUR + i * 4 * 15000); // neighbours overlap by one row
        assert_int_equal(store_flush(h.store, NULL), 0);
    }
    char *before = str_dup(str_c(harness_read(&h, "", INT64_MIN, INT64_MAX)));
    assert_int_equal(store_maintain(h.store, false, NULL), 0);
    check_rows(&h, "", before);
    assert_int_equal(store_stats(h.store, 0, NULL, &stats, NULL), 0);
    assert_in_range(stats.parts, 1, 8);
    assert_int_equal(store_maintain(h.store, true, NULL), 0);
    check_rows(&h, "", before);
    assert_int_equal(store_stats(h.store, 0, NULL, &stats, NULL), 0);
    assert_int_equal(stats.parts, 1);
    assert_int_equal(stats.part_rows, 6 * 81);
    assert_null(crash_fs_path(h.disk, ".part", 1)); // the old files are gone
    harness_reopen(&h);
    check_rows(&h, "", before);
    free(before);
    harness_done(&h);
}

static void test_full_blocks_survive_merges_as_they_are(void **state)
{
    (void)state;
    struct harness h;
    struct store_stats stats;
    harness_init(&h);
    (void)harness_open(&h);
    for (int i = 0; i < 4; i++) {
        for (int k = 0; k < 600; k++)
            harness_float(&h, "m", NOON - 8 * HOUR + (i * 600 + k) * 1000, i * k);
        assert_int_equal(harness_append(&h, NULL, NULL), 0);
        assert_int_equal(store_flush(h.store, NULL), 0);
    }
    char *before = str_dup(str_c(harness_read(&h, "", INT64_MIN, INT64_MAX)));
    assert_int_equal(store_maintain(h.store, true, NULL), 0);
    check_rows(&h, "", before);
    assert_int_equal(store_stats(h.store, 0, NULL, &stats, NULL), 0);
    assert_int_equal(stats.part_rows, 2400);
    free(before);
    harness_done(&h);
}

static void test_a_merged_part_supersedes_what_a_crash_left(void **state)
{
    (void)state;
    struct harness h;
    struct store_stats stats;
    harness_init(&h);
    (void)harness_open(&h);
    for (int i = 0; i < 3; i++) {
        harness_put(&h, "m", NOON, i); // the same time: order matters
        harness_put(&h, "m", NOON + 1000 * (i + 1), i);
        assert_int_equal(store_flush(h.store, NULL), 0);
    }
    char *bytes[3], *paths[3];
    size_t sizes[3];
    for (size_t i = 0; i < 3; i++) {
        paths[i] = path_of_part(&h, i);
        assert_int_equal(fs_read_all(h.options.fs, paths[i], 1 << 20, &bytes[i], &sizes[i], NULL),
                         0);
    }
    assert_int_equal(store_maintain(h.store, true, NULL), 0);
    harness_close(&h);
    for (size_t i = 0; i < 3; i++) { // the crash came before they were removed
        struct fs_file f;
        assert_int_equal(fs_open(h.options.fs, paths[i], FS_NEW, &f, NULL), 0);
        assert_int_equal(fs_write_at(&f, bytes[i], sizes[i], 0, NULL), 0);
        assert_int_equal(fs_close(&f, NULL), 0);
        free(bytes[i]);
        free(paths[i]);
    }
    (void)harness_open(&h);
    assert_int_equal(store_stats(h.store, 0, NULL, &stats, NULL), 0);
    assert_int_equal(stats.parts, 1);
    check_rows(&h, "", "m 0=2 1000=0 2000=1 3000=2");
    assert_null(crash_fs_path(h.disk, ".part", 1));
    harness_done(&h);
}

static void test_a_flush_that_fails_keeps_rows_readable_and_is_repeated(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    (void)harness_open(&h);
    harness_put(&h, "m", NOON, 1);
    crash_fs_fail_syncs(h.disk, EIO);
    assert_int_not_equal(store_flush(h.store, NULL), 0);
    crash_fs_fail_syncs(h.disk, 0);
    harness_put(&h, "m", NOON + 1, 2);
    check_rows(&h, "", "m 0=1 1=2");
    assert_int_equal(store_flush(h.store, NULL), 0);
    check_rows(&h, "", "m 0=1 1=2");
    harness_kill(&h);
    check_rows(&h, "", "m 0=1 1=2");
    harness_done(&h);
}

static void test_selections_outlive_flush_merge_and_retention(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    h.options.retention_ms = DAY;
    (void)harness_open(&h);
    harness_put(&h, "m", NOON - 1000, 1);
    assert_int_equal(store_flush(h.store, NULL), 0);
    harness_put(&h, "m", NOON, 2);
    struct selection *sel = NULL;
    assert_int_equal(store_select(h.store, NULL, 0, INT64_MIN, INT64_MAX, 0, NULL, &sel, NULL), 0);
    assert_int_equal(store_maintain(h.store, true, NULL), 0);
    harness_set_now(NOON + 3 * DAY);
    assert_int_equal(store_maintain(h.store, true, NULL), 0);
    struct arena a;
    struct columns c;
    arena_init(&a, 1 << 20);
    columns_init(&c, &a);
    assert_int_equal(selection_read(sel, 0, INT64_MIN, INT64_MAX, &c, NULL), 0);
    assert_int_equal(c.n, 2);
    columns_done(&c);
    arena_done(&a);
    selection_free(sel);
    check_rows(&h, "", "");
    assert_null(crash_fs_path(h.disk, ".part", 0));
    harness_done(&h);
}

/* Appends a row of the time and flushes; the number of parts after a round of maintenance. */
static uint64_t parts_after_flush_of(struct harness *h, int64_t t)
{
    struct store_stats stats;
    harness_put(h, "m", t, 1);
    assert_int_equal(store_flush(h->store, NULL), 0);
    assert_int_equal(store_maintain(h->store, false, NULL), 0);
    assert_int_equal(store_stats(h->store, 0, NULL, &stats, NULL), 0);
    return stats.parts;
}

static void test_a_past_day_becomes_one_part_only_when_it_is_no_longer_filled(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    (void)harness_open(&h);
    assert_int_equal(parts_after_flush_of(&h, NOON - 3 * DAY), 1);
    assert_int_equal(parts_after_flush_of(&h, NOON - 3 * DAY + SECOND), 2);
    assert_int_equal(parts_after_flush_of(&h, NOON - 3 * DAY + 2 * SECOND), 3);
    assert_int_equal(parts_after_flush_of(&h, NOON), 2); // the past day's and today's
    assert_int_equal(parts_after_flush_of(&h, NOON - 3 * DAY + 3 * SECOND), 3);
    assert_int_equal(store_maintain(h.store, true, NULL), 0);
    check_rows(&h, "", "m -259200000=1 -259199000=1 -259198000=1 -259197000=1 0=1");
    harness_done(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_damage_at_every_byte_is_noticed_and_answers_stay_true),
        cmocka_unit_test(test_those_who_read_are_told_of_damage),
        cmocka_unit_test(test_a_part_cut_at_any_length_is_set_aside),
        cmocka_unit_test(test_a_later_format_version_is_an_error_not_damage),
        cmocka_unit_test(test_merging_keeps_rows_and_reduces_parts),
        cmocka_unit_test(test_full_blocks_survive_merges_as_they_are),
        cmocka_unit_test(test_a_merged_part_supersedes_what_a_crash_left),
        cmocka_unit_test(test_a_flush_that_fails_keeps_rows_readable_and_is_repeated),
        cmocka_unit_test(test_selections_outlive_flush_merge_and_retention),
        cmocka_unit_test(test_a_past_day_becomes_one_part_only_when_it_is_no_longer_filled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
