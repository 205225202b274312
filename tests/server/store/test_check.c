/* Checking a directory: every flipped byte is found, what a crash leaves is no damage. */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "store/embedded/bytes.h"
#include "store/inspect.h"

static const char dir[] = "root/data";

/* Two days, floats and histograms, several parts, and a log with rows, an exemplar and metadata. */
static void fill(struct harness *h)
{
    harness_init(h);
    (void)harness_open(h);
    for (int i = 0; i < 60; i++) {
        harness_float(h, "up{job=a}", NOON + i, i);
        harness_float(h, "up{job=b}", NOON + i - DAY, 1.0 / (i + 1));
        struct sample *s = arena_zalloc(&h->batch.arena, sizeof *s);
        *s = (struct sample){.t_unix_ms = NOON + i};
        s->histogram = harness_histogram(&h->batch.arena, (uint64_t)i);
        struct batch_series *series = harness_series(h, "latency{job=a}");
        series->samples = s;
        series->n_samples = 1;
        assert_int_equal(harness_append(h, NULL, NULL), 0);
        if (i % 20 == 10)
            assert_int_equal(store_flush(h->store, NULL), 0);
    }
}

static void close_by_crash(struct harness *h)
{
    crash_fs_kill_process(h->disk);
    store_abandon(h->store);
    h->store = NULL;
}

static char *path_of(struct harness *h, const char *suffix)
{
    const char *path = crash_fs_path(h->disk, suffix, 0);
    for (size_t i = 1; path && (strstr(path, "/spans/") || strstr(path, "/logs/")); i++)
        path = crash_fs_path(h->disk, suffix, i);
    assert_non_null(path);
    return str_dup(str_c(path));
}

static void test_a_directory_after_work_merges_and_a_crash_is_sound(void **state)
{
    (void)state;
    struct harness h;
    fill(&h);
    close_by_crash(&h);
    assert_string_equal(harness_check(&h, dir, true), "");
    (void)harness_open(&h);
    assert_int_equal(store_maintain(h.store, true, NULL), 0);
    harness_close(&h);
    assert_string_equal(harness_check(&h, dir, true), "");
    harness_done(&h);
}

static void test_it_counts_what_it_read(void **state)
{
    (void)state;
    struct harness h;
    struct store_check_totals totals;
    struct err err = {0};
    fill(&h);
    close_by_crash(&h);
    assert_int_equal(store_check(h.options.fs, dir, NULL, NULL, &totals, &err), 0);
    assert_int_equal(totals.parts, 6); // two days, three flushes
    assert_int_equal(totals.streams, 9);
    assert_int_equal(totals.rows + totals.log_rows, 180);
    assert_int_equal(totals.segments, 3); // one a table
    assert_int_equal(totals.damages + totals.remarks, 0);
    harness_done(&h);
}

static void flip_each_byte(const char *suffix, const char *expected_file)
{
    struct harness h;
    fill(&h);
    close_by_crash(&h);
    char *path = path_of(&h, suffix);
    uint64_t size = crash_fs_size(h.disk, path);
    for (uint64_t at = 0; at < size; at++) {
        unsigned char mask = (unsigned char)(1u << (at % 8));
        assert_true(crash_fs_damage(h.disk, path, at, mask));
        const char *found = harness_check(&h, dir, true);
        assert_non_null(strstr(found, expected_file));
        assert_true(crash_fs_damage(h.disk, path, at, mask));
    }
    free(path);
    harness_done(&h);
}

static void test_every_flipped_byte_of_a_part_is_found(void **state)
{
    (void)state;
    flip_each_byte(".part", "damage: root/data/metrics/2026-11-2");
}

/* At the very end of the log damage cannot be told from a record that was being written. */
static void test_every_flipped_byte_of_the_log_is_found(void **state)
{
    (void)state;
    flip_each_byte(".wal", ": root/data/metrics/wal/0000000");
}

static void test_every_flipped_byte_of_other_files_is_found(void **state)
{
    (void)state;
    flip_each_byte("FORMAT", "damage: root/data/FORMAT: says");
}

/* Two days of floats and histograms, rolled up. */
static void fill_and_roll_up(struct harness *h)
{
    fill(h);
    h->options.aggregates.enabled = true;
    assert_int_equal(store_reconfigure(h->store, &h->options, NULL), 0);
    harness_set_now(NOON + 3 * DAY);
    assert_int_equal(store_maintain(h->store, true, NULL), 0);
    assert_non_null(crash_fs_path(h->disk, "aggregates/1h/2026-11-21.part", 0));
    close_by_crash(h);
}

static void test_every_flipped_byte_of_aggregates_is_found(void **state)
{
    (void)state;
    static const char *const path = "root/data/aggregates/1h/2026-11-21.part";
    struct harness h;
    fill_and_roll_up(&h);
    assert_string_equal(harness_check(&h, dir, true), "");
    uint64_t size = crash_fs_size(h.disk, path);
    assert_true(size > 0);
    for (uint64_t at = 0; at < size; at++) {
        unsigned char mask = (unsigned char)(1u << (at % 8));
        assert_true(crash_fs_damage(h.disk, path, at, mask));
        assert_non_null(strstr(harness_check(&h, dir, true), "damage: root/data/aggregates/1h/2"));
        assert_true(crash_fs_damage(h.disk, path, at, mask));
    }
    harness_done(&h);
}

static void test_aggregates_in_the_wrong_place_are_found(void **state)
{
    (void)state;
    struct harness h;
    fill_and_roll_up(&h);
    assert_int_equal(fs_rename(h.options.fs, "root/data/aggregates/1h/2026-11-21.part",
                               "root/data/aggregates/1h/2026-11-19.part", NULL),
                     0);
    assert_int_equal(fs_rename(h.options.fs, "root/data/aggregates/5m/2026-11-21.part",
                               "root/data/aggregates/1h/2026-11-21.part", NULL),
                     0);
    const char *found = harness_check(&h, dir, true);
    assert_non_null(strstr(found, "1h/2026-11-19.part: is of another day or resolution"));
    assert_non_null(strstr(found, "1h/2026-11-21.part: is of another day or resolution"));
    harness_done(&h);
}

static void test_damaged_metadata_is_found(void **state)
{
    (void)state;
    struct harness h;
    const struct metric_metadata family = {STR("up"), STR(""), STR("help"), METRIC_GAUGE};
    harness_init(&h);
    (void)harness_open(&h);
    assert_int_equal(batch_add_metadata(&h.batch, &family), 0);
    assert_int_equal(harness_append(&h, NULL, NULL), 0);
    harness_close(&h);
    assert_true(crash_fs_damage(h.disk, "root/data/metrics/metadata", 20, 1));
    assert_string_equal(harness_check(&h, dir, false),
                        "damage: root/data/metrics/metadata: damaged; type, unit and help of "
                        "metrics are lost\n");
    harness_done(&h);
}

static void test_damaged_exemplars_are_found_and_do_not_keep_a_store_from_opening(void **state)
{
    (void)state;
    struct harness h;
    struct label trace[] = {{STR("trace_id"), STR("abc")}};
    const struct exemplar e = {{trace, 1}, 0.5, NOON};
    harness_init(&h);
    (void)harness_open(&h);
    harness_float(&h, "up", NOON, 1);
    h.batch.series[0].exemplars = &e;
    h.batch.series[0].n_exemplars = 1;
    assert_int_equal(harness_append(&h, NULL, NULL), 0);
    harness_close(&h);
    assert_string_equal(harness_check(&h, dir, false), "");
    assert_true(crash_fs_damage(h.disk, "root/data/metrics/exemplars", 20, 1));
    assert_string_equal(harness_check(&h, dir, false),
                        "damage: root/data/metrics/exemplars: damaged; the exemplars in it are "
                        "lost\n");
    assert_int_equal(store_open(&h.options, &h.store, NULL), 0);
    harness_done(&h);
}

/* Bytes that match their checksum and still are not true: our own bugs. */
static void test_a_footer_that_contradicts_the_blocks_is_found(void **state)
{
    (void)state;
    struct harness h;
    struct fs_file f = {0};
    char footer[128];
    size_t n;
    fill(&h);
    close_by_crash(&h);
    char *path = path_of(&h, ".part");
    uint64_t at = crash_fs_size(h.disk, path) - sizeof footer;
    assert_int_equal(fs_open(h.options.fs, path, FS_WRITE, &f, NULL), 0);
    assert_int_equal(fs_read_at(&f, footer, sizeof footer, at, &n, NULL), 0);
    write_u64(footer + 48, 99);
    write_u64(footer + 120, hash_bytes(footer, 120));
    assert_int_equal(fs_write_at(&f, footer, sizeof footer, at, NULL), 0);
    assert_int_equal(fs_close(&f, NULL), 0);
    assert_non_null(strstr(harness_check(&h, dir, false), "rows; the footer says 99\n"));
    free(path);
    harness_done(&h);
}

static void test_a_missing_segment_of_the_log_is_found(void **state)
{
    (void)state;
    struct harness h;
    fill(&h);
    crash_fs_fail_writes(h.disk, 5); // EIO: flushes fail, segments stay
    close_by_crash(&h);
    char *path = path_of(&h, ".wal");
    char *later = str_dup(str_c(path));
    later[strlen(later) - 5] = '9';
    assert_int_equal(fs_copy(h.options.fs, path, later, NULL), 0);
    const char *found = harness_check(&h, dir, false);
    assert_non_null(strstr(found, "damage: root/data/metrics/wal: segments 00000005 to 00000008 "
                                  "are missing\n"));
    free(path);
    free(later);
    harness_done(&h);
}

/* --- missing files ---------------------------------------------------------------------------- */

/* Of each kind of file there is one. */
static void fill_all_kinds(struct harness *h)
{
    struct label trace[] = {{STR("trace_id"), STR("abc")}};
    const struct exemplar e = {{trace, 1}, 0.5, NOON};
    const struct metric_metadata family = {STR("up"), STR(""), STR("help"), METRIC_GAUGE};
    struct matcher m;
    fill(h);
    harness_float(h, "gone{}", NOON, 1);
    h->batch.series[0].exemplars = &e;
    h->batch.series[0].n_exemplars = 1;
    assert_int_equal(batch_add_metadata(&h->batch, &family), 0);
    assert_int_equal(harness_append(h, NULL, NULL), 0);
    h->options.aggregates.enabled = true;
    assert_int_equal(store_reconfigure(h->store, &h->options, NULL), 0);
    harness_set_now(NOON + 3 * DAY);
    assert_int_equal(store_maintain(h->store, false, NULL), 0);
    assert_int_equal(harness_matchers("__name__=gone", &m, 1), 1);
    assert_int_equal(store_delete(h->store, &m, 1, 0, NOON, NULL), 0);
    harness_matchers_done(&m, 1);
    harness_put_log(h, NOON + DAY);
    assert_int_equal(store_flush(h->store, NULL), 0);
    harness_put_log(h, NOON + DAY);
    harness_put(h, "up{job=a}", NOON + DAY, 1); // in the log alone
    close_by_crash(h);
}

static size_t count_rows(struct harness *h)
{
    struct selection *sel = NULL;
    struct arena arena;
    struct columns c;
    size_t n = 0;
    arena_init(&arena, 16 << 20);
    columns_init(&c, &arena);
    assert_int_equal(store_select(h->store, NULL, 0, 0, INT64_MAX, 0, NULL, &sel, NULL), 0);
    for (size_t i = 0; i < selection_count(sel); i++) {
        assert_int_equal(selection_read(sel, i, 0, INT64_MAX, &c, NULL), 0);
        n += c.n;
    }
    columns_done(&c);
    arena_done(&arena);
    selection_free(sel);
    return n;
}

/* Which rows are left without the file: 181 of samples, two of logs; one more is deleted. */
static void check_what_is_left(struct harness *h, const char *missing)
{
    bool part = strstr(missing, ".part") != NULL, metrics = strstr(missing, "/metrics/") != NULL;
    uint64_t damaged;
    size_t rows = count_rows(h), logs = harness_count_logs(h, NOON, NOON + 2 * DAY, &damaged);
    if (metrics && part)
        assert_true(rows < 181 && rows > 100);
    else
        assert_int_equal(rows, 181 - (metrics && strstr(missing, "/wal/")) +
                                   (strstr(missing, "tombstones") != NULL));
    assert_int_equal(logs, strstr(missing, "/logs/") ? 1 : 2);
}

static void test_whatever_file_is_missing_the_others_are_read_and_written(void **state)
{
    (void)state;
    for (size_t i = 0, files = 0;; i++) {
        struct harness h;
        struct store_check_totals totals;
        fill_all_kinds(&h);
        const char *path = crash_fs_path(h.disk, "", i);
        if (!path) {
            assert_true(files > 12);
            harness_done(&h);
            break;
        }
        char *missing = str_dup(str_c(path));
        files++;
        assert_int_equal(fs_remove(h.options.fs, missing, NULL), 0);
        int rc = store_check(h.options.fs, dir, NULL, NULL, &totals, NULL);
        assert_int_equal(rc, strstr(missing, "FORMAT") ? ERR_NOT_FOUND : 0);
        (void)harness_open(&h);
        check_what_is_left(&h, missing);
        harness_put(&h, "up{job=a}", NOON + 2 * DAY, 2);
        harness_reopen(&h);
        harness_done(&h);
        free(missing);
    }
}

static void test_a_table_that_is_missing_is_told(void **state)
{
    (void)state;
    struct harness h;
    fill(&h);
    harness_close(&h);
    assert_int_equal(fs_remove_tree(h.options.fs, "root/data/logs", NULL), 0);
    assert_string_equal(harness_check(&h, dir, true),
                        "remark: root/data/logs: is missing; the next start makes it, without "
                        "rows\n");
    (void)harness_open(&h);
    harness_put_log(&h, NOON);
    harness_close(&h);
    assert_string_equal(harness_check(&h, dir, true), "");
    harness_done(&h);
}

static void test_what_a_crash_leaves_is_a_remark(void **state)
{
    (void)state;
    struct harness h;
    fill(&h);
    close_by_crash(&h);
    char *wal = path_of(&h, ".wal");
    assert_true(crash_fs_cut(h.disk, wal, crash_fs_size(h.disk, wal) - 3));
    assert_int_equal(fs_replace(h.options.fs, "root/data/metrics/2026-11-21",
                                "root/data/metrics/2026-11-21/x.part.tmp", "x", 1, NULL),
                     0);
    const char *found = harness_check(&h, dir, true);
    assert_null(strstr(found, "damage"));
    assert_non_null(strstr(found, "as after a crash; it was not acknowledged"));
    assert_non_null(strstr(found, "x.part.tmp: left by an interrupted write"));
    free(wal);
    harness_done(&h);
}

static void test_a_directory_in_use_is_refused_and_its_snapshot_is_not(void **state)
{
    (void)state;
    struct harness h;
    struct store_check_totals totals;
    struct err err = {0};
    char name[STORE_SNAPSHOT_NAME], path[96];
    fill(&h);
    assert_int_equal(store_snapshot(h.store, NULL, false, name, NULL), 0);
    (void)snprintf(path, sizeof path, "root/data/snapshots/%s", name);
    assert_string_equal(harness_check(&h, path, true), "");
    assert_int_equal(store_check(h.options.fs, dir, NULL, NULL, &totals, &err), ERR_BUSY);
    assert_non_null(strstr(err.message, "in use by a server"));
    harness_close(&h);
    harness_done(&h);
}

static void test_another_directory_is_not_taken_for_a_sound_one(void **state)
{
    (void)state;
    struct harness h;
    struct store_check_totals totals;
    struct err err = {0};
    harness_init(&h);
    assert_int_equal(store_check(h.options.fs, "elsewhere", NULL, NULL, &totals, &err),
                     ERR_NOT_FOUND);
    assert_string_equal(err.message, "elsewhere is no data directory: it has no file FORMAT");
    harness_done(&h);
}

static void test_measuring_adds_up_to_the_bytes_of_the_parts(void **state)
{
    (void)state;
    struct harness h;
    struct store_measure m;
    struct arena arena;
    struct err err = {0};
    fill(&h);
    harness_close(&h);
    arena_init(&arena, 64 << 20);
    assert_int_equal(store_measure(h.options.fs, dir, 5, &arena, &m, &err), 0);
    assert_int_equal(m.files.days, 2);
    assert_int_equal(m.files.rows, 180);
    assert_int_equal(m.files.unreadable, 0);
    assert_int_equal(m.n_metrics, 2);
    check_str(m.metrics[0].name, "latency");
    assert_int_equal(m.metrics[0].rows, 60);
    assert_int_equal(m.metrics[0].bytes + m.metrics[1].bytes, m.block_bytes);
    assert_int_equal(m.n_labels, 2);
    check_str(m.labels[0].name, "__name__");
    assert_int_equal(m.labels[0].values, 2);
    uint64_t columns = 0, values = 0, times = 0;
    for (size_t i = 0; i < m.n_codecs; i++) {
        bool is_times = strcmp(m.codecs[i].column, "times") == 0;
        columns += m.codecs[i].bytes;
        times += is_times ? m.codecs[i].rows : 0;
        values += is_times ? 0 : m.codecs[i].rows;
    }
    assert_int_equal(times, 180);
    assert_int_equal(values, 180);
    /* Besides its columns a block has a byte of flags, its number of rows and a checksum. */
    assert_true(columns < m.block_bytes && m.block_bytes - columns <= 12 * 7);
    arena_done(&arena);
    harness_done(&h);
}

static void test_measuring_tells_what_aggregates_take(void **state)
{
    (void)state;
    struct harness h;
    struct store_aggregates_measure m[STORE_RESOLUTIONS_MAX];
    size_t n;
    fill_and_roll_up(&h);
    assert_int_equal(store_measure_aggregates(h.options.fs, dir, m, &n, NULL), 0);
    assert_int_equal(n, 2);
    assert_int_equal(m[0].resolution_ms, 300 * SECOND);
    assert_int_equal(m[1].resolution_ms, HOUR);
    assert_int_equal(m[1].days, 2);
    assert_int_equal(m[1].streams, 3);
    assert_int_equal(m[1].rows, 6); // the noon that began it is a bucket of its own
    assert_int_equal(m[1].bytes,
                     crash_fs_size(h.disk, "root/data/aggregates/1h/2026-11-21.part") +
                         crash_fs_size(h.disk, "root/data/aggregates/1h/2026-11-20.part"));
    assert_true(crash_fs_damage(h.disk, "root/data/aggregates/1h/2026-11-21.part", 3, 1));
    assert_int_equal(store_measure_aggregates(h.options.fs, dir, m, &n, NULL), 0);
    assert_int_equal(m[1].unreadable, 1);
    harness_done(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_directory_after_work_merges_and_a_crash_is_sound),
        cmocka_unit_test(test_it_counts_what_it_read),
        cmocka_unit_test(test_every_flipped_byte_of_a_part_is_found),
        cmocka_unit_test(test_every_flipped_byte_of_the_log_is_found),
        cmocka_unit_test(test_every_flipped_byte_of_other_files_is_found),
        cmocka_unit_test(test_every_flipped_byte_of_aggregates_is_found),
        cmocka_unit_test(test_aggregates_in_the_wrong_place_are_found),
        cmocka_unit_test(test_damaged_metadata_is_found),
        cmocka_unit_test(test_damaged_exemplars_are_found_and_do_not_keep_a_store_from_opening),
        cmocka_unit_test(test_a_footer_that_contradicts_the_blocks_is_found),
        cmocka_unit_test(test_a_missing_segment_of_the_log_is_found),
        cmocka_unit_test(test_whatever_file_is_missing_the_others_are_read_and_written),
        cmocka_unit_test(test_a_table_that_is_missing_is_told),
        cmocka_unit_test(test_what_a_crash_leaves_is_a_remark),
        cmocka_unit_test(test_a_directory_in_use_is_refused_and_its_snapshot_is_not),
        cmocka_unit_test(test_another_directory_is_not_taken_for_a_sound_one),
        cmocka_unit_test(test_measuring_adds_up_to_the_bytes_of_the_parts),
        cmocka_unit_test(test_measuring_tells_what_aggregates_take),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
