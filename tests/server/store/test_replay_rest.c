/* A replay in two steps: where the newest rows begin, what there is after the first step, and that
 * nobody sees a log half read. */
#include "store/embedded/replay_rest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "base/thread.h"
#include "harness.h"
#include "store/embedded/wal_record.h"

#define MINUTE (60 * SECOND)

static void begin(struct harness *h)
{
    harness_init(h);
    (void)harness_open(h);
}

/* A row a minute, in a record of its own, the last at NOON. */
static void put_minutes(struct harness *h, const char *series, int from, int to)
{
    for (int i = from; i <= to; i++)
        harness_put(h, series, NOON + i * MINUTE, i);
}

static void die(struct harness *h)
{
    crash_fs_kill_process(h->disk);
    store_abandon(h->store);
    h->store = NULL;
}

/* --- where they begin ------------------------------------------------------------------------- */

static const atomic_bool never;

static struct wal_place outline(struct harness *h)
{
    struct wal_place place;
    uint32_t *v = NULL;
    size_t n = 0;
    const char *dir = "root/data/metrics/wal";
    assert_int_equal(wal_list(h->options.fs, dir, &v, &n, NULL), 0);
    assert_int_equal(
        replay_outline(h->options.fs, dir, v, n, h->options.now_unix_ms(), &never, &place, NULL),
        0);
    free(v);
    return place;
}

static void expect_place(struct harness *h, int64_t latest_ms)
{
    int64_t got = outline(h).latest_ms;
    if (got != latest_ms)
        print_error("the rest ends at %lld\n", (long long)got - NOON);
    assert_true(got == latest_ms);
}

static void test_the_place_is_where_the_last_minutes_begin(void **state)
{
    (void)state;
    struct harness h;
    begin(&h);
    expect_place(&h, INT64_MIN);
    put_minutes(&h, "m", -6, 0);
    expect_place(&h, INT64_MIN);
    harness_put(&h, "m", NOON + MINUTE, 1);
    harness_set_now(NOON + MINUTE);
    expect_place(&h, NOON - 6 * MINUTE);
    harness_kill_and_compare(&h);
    harness_done(&h);
}

static void test_a_row_of_the_future_does_not_move_it(void **state)
{
    (void)state;
    struct harness h;
    begin(&h);
    put_minutes(&h, "m", -60, 0);
    harness_put(&h, "future", NOON + HOUR, 1);
    expect_place(&h, NOON - 7 * MINUTE);
    harness_kill_and_compare(&h);
    harness_done(&h);
}

static void test_it_is_before_the_first_new_row_whatever_comes_after(void **state)
{
    (void)state;
    struct harness h;
    begin(&h);
    put_minutes(&h, "m", -60, -50);
    harness_put(&h, "new", NOON, 1);
    put_minutes(&h, "m", -49, 0);
    expect_place(&h, NOON - 50 * MINUTE);
    harness_kill_and_compare(&h);
    harness_done(&h);
}

static void test_times_need_not_rise(void **state)
{
    (void)state;
    struct harness h;
    begin(&h);
    put_minutes(&h, "m", -60, -30);
    put_minutes(&h, "m", -90, -80);
    put_minutes(&h, "m", -29, 0);
    harness_put(&h, "m", NOON - 40 * MINUTE, 7); // once more, later
    expect_place(&h, NOON - 7 * MINUTE);
    harness_kill_and_compare(&h);
    harness_done(&h);
}

/* As versions wrote it that did not say the time first. */
static void test_a_record_without_its_time_ends_what_is_old(void **state)
{
    (void)state;
    struct harness h;
    struct wal_rows rows;
    struct wal_position end;
    struct buf record = BUF_MAX(1 << 20);
    begin(&h);
    put_minutes(&h, "m", -60, -50);
    wal_record_begin(&record);
    wal_put_streams(&record, 1);
    const struct labels labels = harness_labels(&h.batch.arena, "older");
    wal_put_stream(&record, 1000, &labels, 0);
    wal_put_rows(&record, 1, NOON - HOUR, &rows);
    wal_put_series(&record, 1000, &(struct sample){.t_unix_ms = NOON - HOUR, .value = 1}, 1, &rows);
    assert_int_equal(wal_append(&h.store->wal, &record, &end, NULL), 0);
    put_minutes(&h, "m", -49, 0);
    expect_place(&h, NOON - 50 * MINUTE);
    harness_kill(&h);
    check_rows(&h, "__name__=older", "older -3600000=1");
    buf_done(&record);
    harness_done(&h);
}

static int cannot_rename(void *self, const char *from, const char *to)
{
    (void)self, (void)from, (void)to;
    errno = EIO;
    return -1;
}

/* A flush that fails leaves two segments. */
static void cut_without_parts(struct harness *h)
{
    const struct fs *whole = h->options.fs;
    struct fs broken = *whole;
    broken.rename = cannot_rename;
    h->store->fs = &broken;
    assert_true(store_flush(h->store, NULL) != 0);
    h->store->fs = whole;
}

static void test_segments_may_be_old_as_a_whole(void **state)
{
    (void)state;
    struct harness h;
    begin(&h);
    put_minutes(&h, "m", -60, -30);
    cut_without_parts(&h);
    put_minutes(&h, "m", -29, -10);
    put_minutes(&h, "other", -9, 0);
    struct wal_place place = outline(&h);
    assert_int_equal(place.segment, 2);
    assert_true(place.latest_ms == NOON - 7 * MINUTE);
    harness_kill_and_compare(&h);
    harness_done(&h);
}

/* --- damage ----------------------------------------------------------------------------------- */

static const char segment[] = "root/data/metrics/wal/00000001.wal";

static uint64_t size_of_log(struct harness *h)
{
    return crash_fs_size(h->disk, segment);
}

/* After a death, with a bit of the log changed. */
static void reopen_damaged(struct harness *h, uint64_t at)
{
    die(h);
    assert_true(crash_fs_damage(h->disk, segment, at, 0x40));
    (void)harness_open(h);
}

static void test_a_damaged_row_of_the_rest_is_told(void **state)
{
    (void)state;
    struct harness h;
    begin(&h);
    put_minutes(&h, "m", -60, -59);
    uint64_t end = size_of_log(&h);
    put_minutes(&h, "m", -58, 0);
    die(&h);
    assert_true(crash_fs_damage(h.disk, segment, end - 1, 0x40)); // its value
    expect_place(&h, NOON - 7 * MINUTE);
    (void)harness_open(&h);
    assert_true(atomic_get_relaxed(&h.store->wal_damaged_segments) == 1);
    assert_true(store_is_damaged(h.store, NOON, NOON));
    check_rows(&h, "",
               "m -3600000=-60 -3480000=-58 -3420000=-57 -3360000=-56 -3300000=-55"
               " -3240000=-54 -3180000=-53 -3120000=-52 -3060000=-51 -3000000=-50"
               " -2940000=-49 -2880000=-48 -2820000=-47 -2760000=-46 -2700000=-45"
               " -2640000=-44 -2580000=-43 -2520000=-42 -2460000=-41 -2400000=-40"
               " -2340000=-39 -2280000=-38 -2220000=-37 -2160000=-36 -2100000=-35"
               " -2040000=-34 -1980000=-33 -1920000=-32 -1860000=-31 -1800000=-30"
               " -1740000=-29 -1680000=-28 -1620000=-27 -1560000=-26 -1500000=-25"
               " -1440000=-24 -1380000=-23 -1320000=-22 -1260000=-21 -1200000=-20"
               " -1140000=-19 -1080000=-18 -1020000=-17 -960000=-16 -900000=-15"
               " -840000=-14 -780000=-13 -720000=-12 -660000=-11 -600000=-10"
               " -540000=-9 -480000=-8 -420000=-7 -360000=-6 -300000=-5 -240000=-4"
               " -180000=-3 -120000=-2 -60000=-1 0=0");
    harness_done(&h);
}

static size_t kept_segments(struct harness *h)
{
    size_t n = 0;
    while (crash_fs_path(h->disk, ".wal.damaged", n))
        n++;
    return n;
}

static void expect_one_damaged(struct harness *h)
{
    assert_int_equal(atomic_get_relaxed(&h->store->wal_damaged_segments), 1);
    assert_int_equal(kept_segments(h), 1);
}

/* Both steps look at it. */
static void test_a_damaged_definition_of_the_rest_is_told_once(void **state)
{
    (void)state;
    struct harness h;
    begin(&h);
    harness_put(&h, "first", NOON - 14 * HOUR, 1);
    harness_put(&h, "damaged", NOON - 13 * HOUR, 1);
    uint64_t end = size_of_log(&h);
    put_minutes(&h, "m", -60, 0);
    reopen_damaged(&h, end - 1);
    expect_one_damaged(&h);
    assert_non_null(strstr(harness_read(&h, "", INT64_MIN, INT64_MAX), "\nm -3600000=-60 "));
    harness_done(&h);
}

/* Its newest rows are lost, too, and may be of another day. */
static void test_newest_rows_without_their_definition_are_told(void **state)
{
    (void)state;
    struct harness h;
    begin(&h);
    harness_put(&h, "first", NOON - 14 * HOUR, 1);
    harness_put(&h, "damaged", NOON - 13 * HOUR, 1);
    uint64_t end = size_of_log(&h);
    harness_put(&h, "damaged", NOON, 2);
    reopen_damaged(&h, end - 1);
    check_rows(&h, "", "first -50400000=1");
    assert_true(store_is_damaged(h.store, NOON, NOON));
    assert_true(store_is_damaged(h.store, NOON - 14 * HOUR, NOON - 13 * HOUR));
    harness_done(&h);
}

/* It may be of a day of which nothing else of the rest is. */
static void test_the_day_of_a_damaged_row_of_the_rest_is_told(void **state)
{
    (void)state;
    struct harness h;
    begin(&h);
    harness_put(&h, "m", NOON - 14 * HOUR, 1);
    harness_put(&h, "m", NOON - 11 * HOUR, 2);
    uint64_t end = size_of_log(&h);
    put_minutes(&h, "m", -3, 0);
    reopen_damaged(&h, end - 1);
    assert_true(store_is_damaged(h.store, NOON - 14 * HOUR, NOON - 13 * HOUR));
    assert_true(store_is_damaged(h.store, NOON, NOON));
    assert_false(store_is_damaged(h.store, NOON - 3 * DAY, NOON - 2 * DAY));
    harness_done(&h);
}

static void test_nothing_is_old_in_a_segment_of_unclear_records(void **state)
{
    (void)state;
    struct harness h;
    begin(&h);
    put_minutes(&h, "m", -60, -59);
    uint64_t end = size_of_log(&h);
    put_minutes(&h, "m", -58, 0);
    die(&h);
    assert_true(crash_fs_damage(h.disk, segment, end, 0x40)); // the next one's mark
    expect_place(&h, INT64_MIN);
    (void)harness_open(&h);
    assert_true(atomic_get_relaxed(&h.store->wal_damaged_segments) == 1);
    assert_non_null(strstr(harness_read(&h, "", INT64_MIN, INT64_MAX), "=-59 -3420000=-57 "));
    harness_done(&h);
}

static void test_a_torn_end_is_cut_off(void **state)
{
    (void)state;
    struct harness h;
    begin(&h);
    put_minutes(&h, "m", -60, -1);
    uint64_t end = size_of_log(&h);
    harness_put(&h, "m", NOON, 1);
    die(&h);
    assert_true(crash_fs_cut(h.disk, segment, size_of_log(&h) - 1));
    (void)harness_open(&h);
    assert_int_equal(size_of_log(&h), end);
    assert_int_equal(atomic_get_relaxed(&h.store->wal_damaged_segments), 0);
    harness_kill_and_compare(&h);
    harness_done(&h);
}

/* --- between the steps ------------------------------------------------------------------------ */

/* The first step alone. */
static void open_newest(struct harness *h)
{
    assert_int_equal(store_open(&h->options, &h->store, NULL), 0);
    assert_int_equal(replay_log(h->store, NULL, NULL), 0);
    atomic_set_release(&h->store->replayed, true); // pairs with the acquire of appends and reads
}

static void finish(struct harness *h)
{
    assert_int_equal(replay_rest_run(h->store, NULL), 0);
    assert_true(store_is_replayed(h->store));
}

static void abandon(struct harness *h)
{
    die(h);
    harness_done(h);
}

static const char *read_newest(struct harness *h)
{
    return harness_read(h, "", NOON - 6 * MINUTE, NOON + HOUR);
}

static void test_the_newest_rows_are_there_before_the_rest(void **state)
{
    (void)state;
    struct harness h;
    begin(&h);
    put_minutes(&h, "m", -60, 0);
    die(&h);
    open_newest(&h);
    assert_false(store_is_replayed(h.store));
    assert_string_equal(read_newest(&h),
                        "m -360000=-6 -300000=-5 -240000=-4 -180000=-3 -120000=-2 -60000=-1 0=0");
    assert_int_equal(h.store->n_frozen, 0);
    finish(&h);
    assert_int_equal(h.store->n_frozen, 1);
    assert_non_null(strstr(harness_read(&h, "", INT64_MIN, INT64_MAX), "m -3600000=-60 "));
    abandon(&h);
}

static void test_what_comes_between_ranks_above_the_rest(void **state)
{
    (void)state;
    struct harness h;
    begin(&h);
    harness_put(&h, "m", NOON - HOUR, 1);
    harness_put(&h, "m", NOON - HOUR / 2, 2);
    put_minutes(&h, "m", -2, 0);
    harness_put(&h, "m", NOON - HOUR / 2, 3);
    die(&h);
    open_newest(&h);
    harness_put(&h, "m", NOON - HOUR, 4);
    harness_put(&h, "m", NOON - 3 * HOUR, 5);
    finish(&h);
    const char *expected = "m -10800000=5 -3600000=4 -1800000=3 -120000=-2 -60000=-1 0=0";
    check_rows(&h, "", expected);
    assert_int_equal(flush_metrics(h.store, NULL), 0);
    check_rows(&h, "", expected);
    assert_int_equal(h.store->partitions[0]->n, 2);
    assert_int_equal(h.store->n_frozen, 0);
    die(&h);
    (void)harness_open(&h);
    check_rows(&h, "", expected);
    harness_done(&h);
}

static void test_exemplars_and_metadata_do_not_wait(void **state)
{
    (void)state;
    struct harness h;
    struct arena arena;
    struct metric_metadata *families = NULL;
    struct series_exemplars *series = NULL;
    struct exemplar exemplar = {.t_unix_ms = NOON - HOUR, .value = 9};
    size_t n = 0;
    begin(&h);
    batch_add_metadata(&h.batch, &(struct metric_metadata){
                                     .family = STR("m"), .type = METRIC_GAUGE, .help = STR("h")});
    harness_float(&h, "m", NOON - HOUR, 1);
    h.batch.series[0].exemplars = &exemplar;
    h.batch.series[0].n_exemplars = 1;
    assert_int_equal(harness_append(&h, NULL, NULL), 0);
    put_minutes(&h, "other", -30, 0);
    die(&h);
    arena_init(&arena, 1 << 20);
    open_newest(&h);
    assert_false(store_is_replayed(h.store));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(store_metadata(h.store, STR("m"), 0, &arena, &families, &n, NULL), 0);
        assert_int_equal(n, 1);
        assert_int_equal(
            store_exemplars(h.store, NULL, 0, INT64_MIN, INT64_MAX, &arena, &series, &n, NULL), 0);
        assert_int_equal(n, 1);
        assert_int_equal(series[0].n, 1);
        finish(&h);
    }
    check_rows(&h, "__name__=m", "m -3600000=1");
    arena_done(&arena);
    abandon(&h);
}

/* --- when the log cannot be read -------------------------------------------------------------- */

static const struct fs *below;

static ssize_t cannot_read(void *self, void *h, void *to, size_t n, uint64_t at)
{
    (void)self, (void)h, (void)to, (void)n, (void)at;
    errno = EIO;
    return -1;
}

enum { MANY = 20000 };

/* The third look at the log fails: some rows are in heads already. */
static int looks;

static ssize_t fails_later(void *self, void *h, void *to, size_t n, uint64_t at)
{
    return ++looks > 2 ? cannot_read(self, h, to, n, at) : below->read_at(self, h, to, n, at);
}

static void put_many(struct harness *h, int from, int to, int64_t t)
{
    for (int i = from; i < to; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "m{n=%05d}", i);
        harness_float(h, name, t, i);
    }
    assert_int_equal(harness_append(h, NULL, NULL), 0);
}

static void expect_flush_message(struct harness *h, const char *part)
{
    struct store_stats stats;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    assert_int_equal(store_stats(h->store, 0, &arena, &stats, NULL), 0);
    assert_int_equal(stats.flush_failed, *part != '\0');
    assert_non_null(strstr(stats.message, part));
    arena_done(&arena);
}

static size_t groups(const struct harness *h)
{
    size_t n = 0;
    for (size_t i = 0; i < STREAM_SHARDS; i++)
        n += h->store->streams.groups[i].n;
    return n;
}

static void put_hour(struct harness *h)
{
    for (int t = 60; t >= 0; t -= 10)
        put_many(h, 0, MANY, NOON - t * MINUTE);
}

static void test_a_rest_that_cannot_be_read_is_tried_again(void **state)
{
    (void)state;
    struct harness h;
    struct err err = {0};
    struct selection *none = NULL;
    begin(&h);
    put_hour(&h);
    char *expected = str_dup(str_c(harness_read(&h, "", INT64_MIN, INT64_MAX)));
    die(&h);
    open_newest(&h);
    below = h.store->fs;
    struct fs broken = *below;
    broken.read_at = fails_later;
    h.store->fs = &broken;
    size_t of_newest = groups(&h);
    uint64_t bytes = atomic_get_relaxed(&h.store->head_bytes);
    for (int i = 0; i < 3; i++) {
        looks = 0;
        assert_int_equal(replay_rest_run(h.store, &err), ERR_IO);
        assert_null(strstr(strstr(err.message, "00000001") + 1, "replay segment"));
        assert_int_equal(h.store->n_frozen, 0);
        assert_int_equal(groups(&h), of_newest);
        assert_true(atomic_get_relaxed(&h.store->head_bytes) == bytes);
    }
    expect_flush_message(&h, "Input/output error");
    assert_int_equal(store_select(h.store, NULL, 0, NOON - HOUR, NOON, 0, NULL, &none, &err),
                     ERR_BUSY);
    assert_non_null(strstr(err.message, "cannot be read"));
    assert_int_equal(flush_metrics(h.store, &err), ERR_BUSY);
    assert_int_equal(store_select(h.store, NULL, 0, NOON, NOON, 0, NULL, &none, &err), 0);
    selection_free(none);
    h.store->fs = below;
    finish(&h);
    expect_flush_message(&h, "");
    check_rows(&h, "", expected);
    assert_int_equal(flush_metrics(h.store, NULL), 0);
    check_rows(&h, "", expected);
    free(expected);
    abandon(&h);
}

static int not_the_second(void *self, const char *path, enum fs_mode mode, void **out)
{
    if (mode == FS_READ && str_ends(str_c(path), STR("metrics/wal/00000002.wal"))) {
        errno = EIO;
        return -1;
    }
    return below->open(self, path, mode, out);
}

static void test_damage_is_told_once_however_often_it_is_tried(void **state)
{
    (void)state;
    struct harness h;
    begin(&h);
    put_minutes(&h, "m", -60, -50);
    uint64_t end = size_of_log(&h);
    put_minutes(&h, "m", -49, -40);
    cut_without_parts(&h);
    put_minutes(&h, "m", -39, 0);
    die(&h);
    assert_true(crash_fs_damage(h.disk, segment, end - 1, 0x40));
    open_newest(&h);
    below = h.store->fs;
    struct fs broken = *below;
    broken.open = not_the_second;
    h.store->fs = &broken;
    for (int i = 0; i < 3; i++)
        assert_int_equal(replay_rest_run(h.store, NULL), ERR_IO);
    h.store->fs = below;
    finish(&h);
    expect_one_damaged(&h);
    abandon(&h);
}

static int reads;

static ssize_t counts_reads(void *self, void *h, void *to, size_t n, uint64_t at)
{
    reads++;
    return below->read_at(self, h, to, n, at);
}

static void test_a_cancel_ends_the_looking_over_soon(void **state)
{
    (void)state;
    const atomic_bool cancelled = true;
    struct harness h;
    struct wal_place place;
    const uint32_t first = 1;
    begin(&h);
    put_hour(&h);
    below = h.options.fs;
    struct fs counting = *below;
    counting.read_at = counts_reads;
    reads = 0;
    assert_int_equal(replay_outline(&counting, "root/data/metrics/wal", &first, 1, NOON, &cancelled,
                                    &place, NULL),
                     ERR_CANCELLED);
    assert_true(reads < 5);
    harness_done(&h);
}

static void test_a_rest_of_a_store_without_threads_is_an_error_of_its_replay(void **state)
{
    (void)state;
    struct harness h;
    struct err err = {0};
    begin(&h);
    put_minutes(&h, "m", -60, 0);
    die(&h);
    assert_int_equal(store_open(&h.options, &h.store, NULL), 0);
    struct fs broken = *h.options.fs;
    broken.read_at = cannot_read;
    h.store->fs = &broken;
    assert_int_equal(store_replay(h.store, NULL, &err), ERR_IO);
    abandon(&h);
}

/* --- with threads ----------------------------------------------------------------------------- */

/* Holds the reading of the log by the store's own thread until it is let go. */
static struct {
    struct lock lock;
    struct cond changed;
    bool held, reached;
    unsigned opened; /* how often the first segment was */
} gate;

static int open_gated(void *self, const char *path, enum fs_mode mode, void **out)
{
    if (mode == FS_READ && str_ends(str_c(path), STR("metrics/wal/00000001.wal"))) {
        lock_take(&gate.lock);
        /* Looked over, mapped, read for definitions and for its newest rows; then the rest. */
        gate.reached |= ++gate.opened > 4;
        cond_broadcast(&gate.changed);
        while (gate.reached && gate.held)
            cond_wait(&gate.changed, &gate.lock);
        lock_give(&gate.lock);
    }
    return below->open(self, path, mode, out);
}

static void let_go(void)
{
    lock_take(&gate.lock);
    gate.held = false;
    cond_broadcast(&gate.changed);
    lock_give(&gate.lock);
}

static void await_gate(void)
{
    lock_take(&gate.lock);
    while (!gate.reached)
        cond_wait(&gate.changed, &gate.lock);
    lock_give(&gate.lock);
}

struct asker {
    struct thread thread;
    struct store *store;
    int rc;
    size_t found;
};

static void ask(void *arg)
{
    struct asker *a = arg;
    struct selection *s = NULL;
    a->rc = store_select(a->store, NULL, 0, NOON - HOUR, NOON - HOUR, 0, NULL, &s, NULL);
    a->found = a->rc == 0 ? selection_count(s) : 0;
    selection_free(s);
}

static size_t waiting(struct harness *h)
{
    lock_take(&h->store->rest.lock);
    size_t n = h->store->rest.waiting;
    lock_give(&h->store->rest.lock);
    return n;
}

static struct fs gated;

static void begin_gated(struct harness *h, struct asker *a)
{
    begin(h);
    put_minutes(h, "m", -60, 0);
    die(h);
    lock_init(&gate.lock, LOCK_NONE);
    cond_init(&gate.changed);
    gate.held = true;
    gate.reached = false;
    gate.opened = 0;
    below = h->options.fs;
    gated = *below;
    gated.open = open_gated;
    h->options.fs = &gated;
    h->options.background = true;
    (void)harness_open(h);
    await_gate();
    *a = (struct asker){.store = h->store};
    assert_int_equal(thread_start(&a->thread, "asker", ask, a, NULL), 0);
    while (waiting(h) == 0)
        continue;
}

static void end_gated(struct harness *h)
{
    abandon(h);
    cond_done(&gate.changed);
    lock_done(&gate.lock);
}

static void test_who_asks_for_older_rows_waits_for_them(void **state)
{
    (void)state;
    struct harness h;
    struct asker a;
    begin_gated(&h, &a);
    assert_false(store_is_replayed(h.store));
    harness_put(&h, "between", NOON + SECOND, 1);
    assert_string_equal(harness_read(&h, "__name__=between", NOON, NOON + HOUR), "between 1000=1");
    assert_non_null(strstr(read_newest(&h), "m -360000=-6 "));
    let_go();
    thread_join(&a.thread);
    assert_int_equal(a.rc, 0);
    assert_int_equal(a.found, 1);
    assert_int_equal(store_flush(h.store, NULL), 0);
    assert_non_null(strstr(harness_read(&h, "", INT64_MIN, INT64_MAX), "\nm -3600000=-60 "));
    end_gated(&h);
}

/* The fifth goes away at once. */
static void test_few_questions_wait(void **state)
{
    (void)state;
    struct harness h;
    struct asker a[REST_WAITING_MAX];
    struct selection *none = NULL;
    struct err err;
    begin_gated(&h, &a[0]);
    for (size_t i = 1; i < REST_WAITING_MAX; i++) {
        a[i] = (struct asker){.store = h.store};
        assert_int_equal(thread_start(&a[i].thread, "asker", ask, &a[i], NULL), 0);
    }
    while (waiting(&h) < REST_WAITING_MAX)
        continue;
    assert_int_equal(store_select(h.store, NULL, 0, NOON - HOUR, NOON, 0, NULL, &none, &err),
                     ERR_BUSY);
    assert_non_null(strstr(read_newest(&h), "m -360000=-6 "));
    let_go();
    for (size_t i = 0; i < REST_WAITING_MAX; i++) {
        thread_join(&a[i].thread);
        assert_int_equal(a[i].found, 1);
    }
    assert_int_equal(waiting(&h), 0);
    end_gated(&h);
}

static void test_who_waits_goes_away_when_the_store_is_closed(void **state)
{
    (void)state;
    struct harness h;
    struct asker a;
    begin_gated(&h, &a);
    harness_put(&h, "between", NOON + SECOND, 1);
    store_cancel_replay(h.store);
    let_go();
    thread_join(&a.thread);
    assert_int_equal(a.rc, ERR_BUSY);
    assert_int_equal(store_close(h.store, NULL), 0); // without a flush: all stays in the log
    h.store = NULL;
    h.options.fs = below;
    h.options.background = false;
    assert_null(crash_fs_path(h.disk, ".part", 0));
    (void)harness_open(&h);
    check_rows(&h, "__name__=between", "between 1000=1");
    assert_non_null(strstr(harness_read(&h, "", INT64_MIN, INT64_MAX), "\nm -3600000=-60 "));
    end_gated(&h);
}

static void test_appends_and_reads_go_on_beside_it(void **state)
{
    (void)state;
    enum { SOME = 200 };
    struct harness h;
    size_t batches = 0, lines = 0;
    begin(&h);
    for (int t = 60; t >= 0; t -= 10)
        put_many(&h, 0, MANY, NOON - t * MINUTE);
    die(&h);
    h.options.background = true;
    (void)harness_open(&h);
    do {
        int from = (int)(batches % (MANY / SOME)) * SOME;
        put_many(&h, from, from + SOME, NOON + (int64_t)++batches * SECOND);
        lines = 0;
        for (const char *p = harness_read(&h, "", NOON - MINUTE, INT64_MAX); p; p = strchr(p, '\n'))
            p += lines++ != 0;
        assert_int_equal(lines, MANY);
    } while (!store_is_replayed(h.store) && batches < 1000);
    harness_kill_and_compare(&h);
    harness_done(&h);
}

/* --- at random -------------------------------------------------------------------------------- */

enum { NAMES = 90, ROUNDS = 20, BATCHES = 150 };

/* The same rows go to two stores, of which one dies now and then. */
struct twins {
    struct harness dies, lives;
    uint64_t random;
    int64_t now;
    size_t with_rest;
};

static uint64_t up_to(struct twins *x, uint64_t n)
{
    return check_random(&x->random) % n;
}

static void append_some(struct twins *x)
{
    unsigned first = (unsigned)up_to(x, NAMES), n = 1 + (unsigned)up_to(x, NAMES);
    for (unsigned i = 0; i < n; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "m{n=%03u}", (first + i) % NAMES);
        int64_t t = x->now - (up_to(x, 20) ? 0 : (int64_t)up_to(x, 3 * (uint64_t)HOUR));
        double v = (double)up_to(x, 1000);
        harness_float(&x->dies, name, t, v);
        harness_float(&x->lives, name, t, v);
    }
    assert_int_equal(harness_append(&x->dies, NULL, NULL), 0);
    assert_int_equal(harness_append(&x->lives, NULL, NULL), 0);
    x->now += (int64_t)up_to(x, 4) * 20 * SECOND;
    harness_set_now(x->now);
}

static void compare_twins(struct twins *x)
{
    char *expected = str_dup(str_c(harness_read(&x->lives, "", INT64_MIN, INT64_MAX)));
    harness_kill(&x->dies);
    x->with_rest += x->dies.store->rest.seq != 0;
    check_rows(&x->dies, "", expected);
    if (up_to(x, 3) == 0) {
        assert_int_equal(store_flush(x->dies.store, NULL), 0);
        check_rows(&x->dies, "", expected);
    }
    free(expected);
}

static void one_round(struct twins *x)
{
    x->now = NOON;
    begin(&x->dies);
    begin(&x->lives);
    for (int i = 0; i < BATCHES; i++) {
        append_some(x);
        if (up_to(x, 40) == 0)
            compare_twins(x);
    }
    compare_twins(x);
    harness_done(&x->lives);
    harness_done(&x->dies);
}

static void test_random_logs(void **state)
{
    (void)state;
    struct twins x = {0};
    uint64_t seed = harness_setting("TELLTALE_STORE_SEED", 1);
    for (unsigned i = 0; i < ROUNDS; i++) {
        print_message("seed %llu + %u\n", (unsigned long long)seed, i);
        x.random = seed + i;
        one_round(&x);
    }
    assert_true(x.with_rest > ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_place_is_where_the_last_minutes_begin),
        cmocka_unit_test(test_a_row_of_the_future_does_not_move_it),
        cmocka_unit_test(test_it_is_before_the_first_new_row_whatever_comes_after),
        cmocka_unit_test(test_times_need_not_rise),
        cmocka_unit_test(test_a_record_without_its_time_ends_what_is_old),
        cmocka_unit_test(test_segments_may_be_old_as_a_whole),
        cmocka_unit_test(test_a_damaged_row_of_the_rest_is_told),
        cmocka_unit_test(test_nothing_is_old_in_a_segment_of_unclear_records),
        cmocka_unit_test(test_a_torn_end_is_cut_off),
        cmocka_unit_test(test_a_damaged_definition_of_the_rest_is_told_once),
        cmocka_unit_test(test_newest_rows_without_their_definition_are_told),
        cmocka_unit_test(test_the_day_of_a_damaged_row_of_the_rest_is_told),
        cmocka_unit_test(test_damage_is_told_once_however_often_it_is_tried),
        cmocka_unit_test(test_a_cancel_ends_the_looking_over_soon),
        cmocka_unit_test(test_few_questions_wait),
        cmocka_unit_test(test_the_newest_rows_are_there_before_the_rest),
        cmocka_unit_test(test_what_comes_between_ranks_above_the_rest),
        cmocka_unit_test(test_exemplars_and_metadata_do_not_wait),
        cmocka_unit_test(test_a_rest_that_cannot_be_read_is_tried_again),
        cmocka_unit_test(test_a_rest_of_a_store_without_threads_is_an_error_of_its_replay),
        cmocka_unit_test(test_who_asks_for_older_rows_waits_for_them),
        cmocka_unit_test(test_who_waits_goes_away_when_the_store_is_closed),
        cmocka_unit_test(test_appends_and_reads_go_on_beside_it),
        cmocka_unit_test(test_random_logs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
