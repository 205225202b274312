/* Rows that a replay puts into heads together: whatever their order in the log was, what is read
 * after a death of the process is what was read before it. */
#include "store/embedded/replay_runs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "harness.h"
#include "store/embedded/wal_record.h"

enum { SERIES = 72 };

/* A row of the series, to be filled. */
static struct sample *add_sample(struct harness *h, unsigned series)
{
    char name[32];
    (void)snprintf(name, sizeof name, "m{n=%03u}", series);
    struct sample *v = arena_zalloc(&h->batch.arena, sizeof *v);
    assert_non_null(v);
    struct batch_series *s = harness_series(h, name);
    s->samples = v;
    s->n_samples = 1;
    return v;
}

static void add(struct harness *h, unsigned series, int64_t t, double v)
{
    *add_sample(h, series) = (struct sample){.t_unix_ms = t, .value = v};
}

static void append(struct harness *h)
{
    assert_int_equal(harness_append(h, NULL, NULL), 0);
}

/* One row of each series, in the order of their numbers. */
static void scrape(struct harness *h, unsigned from, unsigned to, int64_t t)
{
    for (unsigned i = from; i < to; i++)
        add(h, i, t, (double)(i + t / SECOND % 100) / 8);
    append(h);
}

static void flush_and_compare(struct harness *h)
{
    char *before = str_dup(str_c(harness_read(h, "", INT64_MIN, INT64_MAX)));
    assert_non_null(before);
    assert_int_equal(store_flush(h->store, NULL), 0);
    check_rows(h, "", before);
    free(before);
}

static size_t groups(const struct harness *h)
{
    size_t n = 0;
    for (size_t i = 0; i < STREAM_SHARDS; i++)
        n += h->store->streams.groups[i].n;
    return n;
}

static size_t rows_of_their_own(const struct harness *h)
{
    size_t n = 0;
    for (size_t i = 0; i < h->store->n_live; i++)
        for (size_t k = 0; k < STREAM_SHARDS; k++)
            for (struct head_slab *s = h->store->live[i]->shards[k].slabs; s; s = s->next)
                for (uint32_t j = 0; j < s->n; j++)
                    n += s->series[j].tail.n_rows;
    return n;
}

static void begin(struct harness *h)
{
    harness_init(h);
    (void)harness_open(h);
}

static void test_rows_in_the_same_order_go_together(void **state)
{
    (void)state;
    struct harness h;
    begin(&h);
    for (int i = 0; i < 100; i++)
        scrape(&h, 0, SERIES, NOON + i * 15 * SECOND);
    assert_int_equal(groups(&h), 0);
    harness_kill_and_compare(&h);
    assert_int_equal(groups(&h), (SERIES + REPLAY_RUN - 1) / REPLAY_RUN);
    assert_int_equal(rows_of_their_own(&h), 0);
    harness_kill_and_compare(&h); // the same log again, behind it an empty one
    harness_done(&h);
}

static uint32_t shard_of(struct harness *h, unsigned series)
{
    char name[32];
    (void)snprintf(name, sizeof name, "m{n=%03u}", series);
    const struct labels labels = harness_labels(&h->batch.arena, name);
    return stream_shard_of(labels_hash(&labels));
}

/* The order in which the log has the rows of a batch, which is that of the shards: a batch of some
 * of these, in this order, keeps it. */
static void log_order(struct harness *h, unsigned order[SERIES])
{
    unsigned n = 0;
    for (uint32_t shard = 0; shard < STREAM_SHARDS; shard++)
        for (unsigned i = 0; i < SERIES; i++)
            if (shard_of(h, i) == shard)
                order[n++] = i;
    batch_reset(&h->batch);
}

/* As from a sender with batches of so many, whatever it sends. */
static void test_it_does_not_matter_where_batches_begin(void **state)
{
    (void)state;
    enum { A_BATCH = 3 };
    struct harness h;
    unsigned order[SERIES], n = 0;
    begin(&h);
    log_order(&h, order);
    scrape(&h, 0, SERIES, NOON - SECOND);
    for (; n < 5 * A_BATCH * SERIES; n++) {
        add(&h, order[n % SERIES], NOON + n / SERIES * SECOND, n);
        if (n % A_BATCH == 0)
            append(&h);
    }
    append(&h);
    harness_kill_and_compare(&h);
    assert_int_equal(rows_of_their_own(&h), 0);
    harness_done(&h);
}

/* Two senders whose batches alternate, and end in the middle of a run. */
static void test_runs_may_wait_for_the_rest_of_their_rows(void **state)
{
    (void)state;
    struct harness h;
    unsigned order[SERIES];
    begin(&h);
    log_order(&h, order);
    for (unsigned t = 0; t < 10; t++)
        for (unsigned from = 0; from < SERIES / 2; from += t ? 5 : SERIES)
            for (unsigned sender = 0; sender < 2; sender++) {
                unsigned to = t ? MIN(from + 5, (unsigned)SERIES / 2) : SERIES / 2;
                for (unsigned i = from; i < to; i++)
                    add(&h, order[sender * SERIES / 2 + i], NOON + t * SECOND, t + i);
                append(&h);
            }
    harness_kill_and_compare(&h);
    assert_int_equal(rows_of_their_own(&h), 0);
    harness_done(&h);
}

static void test_more_runs_than_may_wait(void **state)
{
    (void)state;
    enum { RUNS = REPLAY_ASIDE + 100, OF_A_RUN = 4 };
    struct harness h;
    begin(&h);
    for (unsigned run = 0; run < RUNS; run++)
        scrape(&h, run * OF_A_RUN, (run + 1) * OF_A_RUN, NOON);
    for (unsigned turn = 0; turn < OF_A_RUN; turn++) {
        for (unsigned run = 0; run < RUNS; run++)
            add(&h, run * OF_A_RUN + turn, NOON + SECOND, run * 1000 + turn);
        append(&h);
    }
    harness_kill_and_compare(&h);
    harness_done(&h);
}

static void test_what_is_out_of_turn_goes_its_own_way(void **state)
{
    (void)state;
    struct harness h;
    begin(&h);
    for (int i = 0; i < 20; i++) {
        scrape(&h, i == 7 ? 3 : 0, i == 9 ? SERIES - 3 : SERIES, NOON + i * SECOND);
        if (i == 11)
            scrape(&h, 40, 50, NOON + i * SECOND + 1);
    }
    harness_kill_and_compare(&h);
    assert_true(groups(&h) > 0);
    assert_true(rows_of_their_own(&h) > 0);
    harness_done(&h);
}

static void test_of_equal_times_the_last_one_stays(void **state)
{
    (void)state;
    struct harness h;
    begin(&h);
    for (int i = 0; i < 30; i++) {
        for (unsigned k = 0; k < SERIES; k++)
            add(&h, k, NOON + i / 3 * SECOND, i * 1000 + k);
        append(&h);
        add(&h, (unsigned)i % SERIES, NOON + i / 3 * SECOND, -i);
        append(&h);
    }
    harness_kill_and_compare(&h);
    harness_done(&h);
}

static void test_each_row_has_its_own_time_and_start(void **state)
{
    (void)state;
    struct harness h;
    begin(&h);
    for (int i = 0; i < 30; i++) {
        for (unsigned k = 0; k < SERIES; k++) {
            *add_sample(&h, k) =
                (struct sample){.t_unix_ms = NOON + i * SECOND + (k * 37) % (i < 20 ? 5 : 900),
                                .start_unix_ms = k % 3 ? NOON - k * SECOND - i / 10 : 0,
                                .value = i == 5 && k == 9 ? stale_nan() : i * k};
        }
        append(&h);
    }
    harness_kill_and_compare(&h);
    assert_true(groups(&h) > 0);
    harness_done(&h);
}

static void test_rows_go_to_the_head_of_their_day(void **state)
{
    (void)state;
    struct harness h;
    begin(&h);
    for (int i = -20; i < 20; i++)
        scrape(&h, 0, SERIES, NOON - 12 * HOUR + i * SECOND); // over midnight
    for (int i = 0; i < 20; i++)
        scrape(&h, 0, SERIES, NOON - i % 3 * DAY + i * SECOND);
    harness_kill_and_compare(&h);
    assert_int_equal(rows_of_their_own(&h), 0);
    for (unsigned k = 0; k < SERIES; k++) // a batch with two days
        add(&h, k, NOON - 12 * HOUR + (int)k % 2 - 1, k);
    append(&h);
    scrape(&h, 0, SERIES, NOON + HOUR);
    harness_kill_and_compare(&h);
    harness_done(&h);
}

/* Rows of runs wait, and so do those of streams that go their own way: each of another day. */
static void test_days_of_runs_and_of_others_do_not_mix(void **state)
{
    (void)state;
    struct harness h;
    begin(&h);
    for (int i = 0; i < 3; i++) {
        scrape(&h, 0, SERIES, NOON + i * SECOND);
        for (int k = 0; k < REPLAY_ROWS + 10; k++)
            add(&h, SERIES + (unsigned)k % 3, NOON - DAY + i * HOUR + k, k); // more than may wait
        append(&h);
    }
    harness_kill_and_compare(&h);
    assert_int_equal(groups(&h), (SERIES + REPLAY_RUN - 1) / REPLAY_RUN);
    harness_done(&h);
}

static void test_a_histogram_among_the_rows_ends_its_run(void **state)
{
    (void)state;
    struct harness h;
    begin(&h);
    for (int i = 0; i < 20; i++) {
        for (unsigned k = 0; k < SERIES; k++) {
            if (i < 10 || k % 30)
                add(&h, k, NOON + i * SECOND, i + k);
            else
                *add_sample(&h, k) =
                    (struct sample){.t_unix_ms = NOON + i * SECOND,
                                    .histogram = harness_histogram(&h.batch.arena, k + 1)};
        }
        append(&h);
    }
    harness_kill_and_compare(&h);
    harness_done(&h);
}

static void test_what_comes_after_the_replay_goes_to_the_streams(void **state)
{
    (void)state;
    struct harness h;
    begin(&h);
    for (int i = 0; i < 10; i++)
        scrape(&h, 0, SERIES, NOON + i * SECOND);
    harness_kill_and_compare(&h);
    scrape(&h, 0, SERIES, NOON + 9 * SECOND); // again, and two more
    for (unsigned k = 0; k < SERIES; k++)
        add(&h, k, NOON + 9 * SECOND, -1.0 - k);
    append(&h);
    scrape(&h, 10, 30, NOON + 10 * SECOND);
    harness_kill_and_compare(&h); // of two segments
    flush_and_compare(&h);
    scrape(&h, 0, SERIES, NOON + 11 * SECOND);
    harness_kill_and_compare(&h);
    harness_done(&h);
}

/* --- rows that stay in the log ---------------------------------------------------------------- */

/* The copy of the log that the crash file system has mapped. */
static char *mapped(struct harness *h)
{
    assert_int_equal(h->store->n_live, 1);
    assert_int_equal(h->store->live[0]->n_maps, 1);
    return (char *)(uintptr_t)h->store->live[0]->maps[0]->p; // const on its way
}

static void test_a_flush_reads_them_and_lets_the_log_go(void **state)
{
    (void)state;
    struct harness h;
    begin(&h);
    for (int i = 0; i < 5000; i++) // more than are settled at once; some come late
        scrape(&h, 0, SERIES, NOON + (i % 97 ? i : i - 60) * SECOND);
    harness_kill_and_compare(&h);
    (void)mapped(&h);
    flush_and_compare(&h);
    assert_int_equal(h.store->n_frozen + h.store->n_live, 0);
    assert_null(crash_fs_path(h.disk, "metrics/wal/00000001.wal", 0));
    harness_kill_and_compare(&h);
    harness_done(&h);
}

static void test_what_has_changed_since_is_left_out_and_told(void **state)
{
    (void)state;
    struct harness h;
    begin(&h);
    for (int i = 0; i < 10; i++)
        scrape(&h, 0, SERIES, NOON + i * SECOND);
    harness_kill(&h);
    size_t rows = strlen(harness_read(&h, "", INT64_MIN, INT64_MAX));
    const struct head *head = h.store->live[0];
    mapped(&h)[head->maps[0]->n - 20] ^= 0x10; // in the last row
    assert_true(strlen(harness_read(&h, "", INT64_MIN, INT64_MAX)) < rows);
    assert_int_not_equal(strlen(harness_read(&h, "n=000", INT64_MIN, INT64_MAX)), 0);
    assert_false(store_is_damaged(h.store, NOON, NOON));
    assert_int_equal(store_flush(h.store, NULL), 0);
    assert_true(store_is_damaged(h.store, NOON, NOON));
    assert_false(store_is_damaged(h.store, NOON + DAY, NOON + DAY));
    assert_int_equal(atomic_get_relaxed(&h.store->wal_damaged_segments), 1);
    const char *kept = "00000001.2026-11-21.2026-11-21.wal.damaged";
    assert_non_null(crash_fs_path(h.disk, kept, 0));
    harness_close(&h);
    (void)harness_open(&h);
    assert_true(store_is_damaged(h.store, NOON, NOON));
    harness_done(&h);
}

static void test_a_flush_goes_on_when_all_of_them_have_changed(void **state)
{
    (void)state;
    struct harness h;
    begin(&h);
    for (int i = 0; i < 10; i++)
        scrape(&h, 0, SERIES, NOON + i * SECOND);
    harness_kill(&h);
    const struct wal_map *map = h.store->live[0]->maps[0];
    memset(mapped(&h), 0, map->n);
    check_rows(&h, "", "");
    assert_int_equal(store_flush(h.store, NULL), 0);
    assert_int_equal(h.store->n_frozen, 0);
    assert_true(store_is_damaged(h.store, NOON, NOON));
    scrape(&h, 0, SERIES, NOON + 60 * SECOND);
    assert_int_equal(store_flush(h.store, NULL), 0);
    harness_kill_and_compare(&h);
    harness_done(&h);
}

static int cannot_map(void *self, void *handle, size_t n, const void **out)
{
    (void)self, (void)handle, (void)n, (void)out;
    errno = ENODEV;
    return -1;
}

static void test_a_log_that_cannot_be_mapped_is_copied(void **state)
{
    (void)state;
    struct harness h;
    begin(&h);
    for (int i = 0; i < 10; i++)
        scrape(&h, 0, SERIES, NOON + i * SECOND);
    struct fs without_maps = *h.options.fs;
    without_maps.map = cannot_map;
    h.options.fs = &without_maps;
    harness_kill_and_compare(&h);
    assert_int_equal(h.store->live[0]->n_maps, 0);
    assert_int_equal(groups(&h), (SERIES + REPLAY_RUN - 1) / REPLAY_RUN);
    store_abandon(h.store);
    h.store = NULL;
    h.options.fs = crash_fs_vtable(h.disk);
    harness_done(&h);
}

/* --- logs that nobody wrote ---------------------------------------------------------------------
 */

enum { FOUR = 4, FIRST_ID = 1000 };

/* A definition of each of four series, whose numbers begin with `id`. */
static void define_four(struct harness *h, struct buf *record, uint32_t id)
{
    wal_put_streams(record, FOUR);
    for (uint32_t i = 0; i < FOUR; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "m{n=%03u}", i);
        const struct labels labels = harness_labels(&h->batch.arena, name);
        wal_put_stream(record, id + i, &labels, 0);
    }
}

static void put_rows(struct buf *record, uint32_t id, uint32_t n, int64_t t, double v)
{
    struct wal_rows rows;
    wal_put_rows(record, n, t, &rows);
    for (uint32_t i = 0; i < n; i++)
        wal_put_series(record, id + i, &(struct sample){.t_unix_ms = t, .value = v}, 1, &rows);
}

static void write_record(struct harness *h, struct buf *record)
{
    struct wal_position end;
    assert_int_equal(wal_append(&h->store->wal, record, &end, NULL), 0);
    buf_reset(record);
    wal_record_begin(record);
}

static void begin_record(struct harness *h, struct buf *record)
{
    begin(h);
    *record = BUF_MAX(1 << 20);
    wal_record_begin(record);
}

/* Without a check of what is there. */
static void kill(struct harness *h)
{
    crash_fs_kill_process(h->disk);
    store_abandon(h->store);
    (void)harness_open(h);
}

static void done(struct harness *h, struct buf *record)
{
    buf_done(record);
    batch_reset(&h->batch);
    harness_done(h);
}

static void test_rows_before_damage_in_the_last_record_stay(void **state)
{
    (void)state;
    struct harness h;
    struct buf record;
    begin_record(&h, &record);
    define_four(&h, &record, FIRST_ID);
    put_rows(&record, FIRST_ID, FOUR, NOON + SECOND, 1);
    buf_putc(&record, 0x7f); // no section
    write_record(&h, &record);
    kill(&h);
    check_rows(&h, "",
               "m{n=\"000\"} 1000=1\nm{n=\"001\"} 1000=1\n"
               "m{n=\"002\"} 1000=1\nm{n=\"003\"} 1000=1");
    done(&h, &record);
}

static void test_a_stream_with_two_numbers_has_its_last_value(void **state)
{
    (void)state;
    enum { SECOND_ID = 2000 };
    struct harness h;
    struct buf record;
    begin_record(&h, &record);
    define_four(&h, &record, FIRST_ID);
    define_four(&h, &record, SECOND_ID);
    write_record(&h, &record);
    const struct {
        uint32_t id, n;
        int64_t t;
        double v;
    } rows[] = {
        {FIRST_ID, FOUR, NOON, 1}, {SECOND_ID, FOUR, NOON, 2},      {FIRST_ID, FOUR, NOON + DAY, 3},
        {FIRST_ID, FOUR, NOON, 4}, {FIRST_ID, FOUR, NOON + DAY, 5}, {FIRST_ID, 1, NOON + DAY, 6},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        put_rows(&record, rows[i].id, rows[i].n, rows[i].t, rows[i].v);
        write_record(&h, &record);
    }
    kill(&h);
    check_rows(&h, "n=000", "m{n=\"000\"} 0=4 86400000=6");
    check_rows(&h, "n=001", "m{n=\"001\"} 0=4 86400000=5");
    done(&h, &record);
}

/* --- at random -------------------------------------------------------------------------------- */

enum { WRITERS = 5, OF_A_WRITER = 45, ROUNDS = 40, BATCHES = 60 };

struct writer {
    unsigned series[OF_A_WRITER];
    unsigned n, at; /* the next to be sent */
    int64_t t;
};

struct dice {
    struct harness h;
    struct writer writers[WRITERS];
    uint64_t random;
};

static uint64_t below(struct dice *d, uint64_t n)
{
    return check_random(&d->random) % n;
}

static void swap_two(struct dice *d, struct writer *w)
{
    uint64_t a = below(d, w->n), b = below(d, w->n);
    unsigned kept = w->series[a];
    w->series[a] = w->series[b];
    w->series[b] = kept;
}

/* Mostly they write what is theirs, in their order; series of one may be another's, too. */
static void make_writers(struct dice *d)
{
    for (unsigned i = 0; i < WRITERS; i++) {
        struct writer *w = &d->writers[i];
        *w = (struct writer){.n = 5 + (unsigned)below(d, OF_A_WRITER - 5), .t = NOON + i};
        for (unsigned k = 0; k < w->n; k++)
            w->series[k] = below(d, 200) ? i * OF_A_WRITER + k : k;
        for (unsigned k = 0; k < w->n; k++)
            swap_two(d, w);
    }
}

static int64_t next_time(struct dice *d, int64_t t)
{
    switch (below(d, 60)) {
    case 0: return t;                // once more
    case 1: return t - 5 * SECOND;   // late
    case 2: return t + 7 * HOUR;     // maybe another day
    case 3: return t + 1;            // odd
    default: return t + 15 * SECOND; // as ever
    }
}

/* Some of what comes next; a few rows are left out or come twice. */
static void write_some(struct dice *d, struct writer *w)
{
    unsigned n = 1 + (unsigned)below(d, 2 * w->n);
    for (unsigned i = 0; i < n; i++) {
        double v = (double)below(d, 1000) / 4;
        unsigned times = below(d, 300) ? 1 : (unsigned)below(d, 3);
        for (unsigned k = 0; k < times; k++)
            add(&d->h, w->series[w->at], w->t, v + k);
        if (++w->at < w->n)
            continue;
        w->at = 0;
        w->t = next_time(d, w->t);
        if (below(d, 40) == 0)
            swap_two(d, w);
    }
    append(&d->h);
}

static void one_round(uint64_t seed, size_t *grouped)
{
    struct dice d = {.random = seed};
    begin(&d.h);
    harness_set_now(NOON + 30 * DAY);
    make_writers(&d);
    for (unsigned i = 0; i < BATCHES; i++) {
        write_some(&d, &d.writers[below(&d, WRITERS)]);
        if (below(&d, 25) == 0) {
            harness_kill_and_compare(&d.h);
            *grouped += groups(&d.h);
        }
        if (below(&d, 60) == 0)
            assert_int_equal(store_flush(d.h.store, NULL), 0);
    }
    harness_kill_and_compare(&d.h);
    *grouped += groups(&d.h);
    harness_set_now(NOON);
    harness_done(&d.h);
}

static void test_random_writers(void **state)
{
    (void)state;
    uint64_t seed = harness_setting("TELLTALE_STORE_SEED", 1);
    size_t grouped = 0;
    for (unsigned i = 0; i < ROUNDS; i++) {
        print_message("seed %llu + %u\n", (unsigned long long)seed, i);
        one_round(seed + i, &grouped);
    }
    assert_true(grouped > ROUNDS);
}

static const struct fs *below_map;

/* In the mapped segment 4 has become 5. */
static int map_changed(void *self, void *handle, size_t n, const void **out)
{
    const double four = 4, five = 5;
    int rc = below_map->map(self, handle, n, out);
    for (char *p = (char *)(uintptr_t)*out; rc == 0 && n >= sizeof four; n--, p++)
        if (memcmp(p, &four, sizeof four) == 0)
            memcpy(p, &five, sizeof five);
    return rc;
}

/* The run is given up while rows of it that stayed in the log wait: they are read from there. */
static void test_a_row_that_has_changed_is_left_out_of_its_stream(void **state)
{
    (void)state;
    enum { SECOND_ID = 2000 };
    struct harness h;
    struct buf record;
    begin_record(&h, &record);
    define_four(&h, &record, FIRST_ID);
    define_four(&h, &record, SECOND_ID);
    write_record(&h, &record);
    for (int i = 1; i <= 5; i++) {
        put_rows(&record, i == 2 ? SECOND_ID : FIRST_ID, FOUR, i == 3 || i == 5 ? NOON + DAY : NOON,
                 i);
        write_record(&h, &record);
    }
    below_map = h.options.fs;
    struct fs changed = *below_map;
    changed.map = map_changed;
    h.options.fs = &changed;
    kill(&h);
    check_rows(&h, "n=000", "m{n=\"000\"} 0=2 86400000=5");
    assert_int_equal(store_flush(h.store, NULL), 0);
    assert_true(store_is_damaged(h.store, NOON, NOON));
    store_abandon(h.store);
    h.store = NULL;
    h.options.fs = below_map;
    done(&h, &record);
}

/* --- records at random --------------------------------------------------------------------------
 */

enum { OF_A_LOG = 45, LOGS = 30, RECORDS_OF_A_LOG = 80 };

/* Records written by hand into one store; into the other the same rows are appended one by one. */
struct twins {
    struct harness logged, appended;
    struct buf record;
    struct arena arena;
    uint64_t random;
    bool defined[OF_A_LOG];
    uint32_t at; /* the series whose row mostly comes next */
    int64_t t;
};

static uint64_t up_to(struct twins *x, uint64_t n)
{
    return check_random(&x->random) % n;
}

static void put_random_row(struct twins *x, struct wal_rows *rows)
{
    char name[32];
    uint32_t i = up_to(x, 40) ? x->at : (uint32_t)up_to(x, OF_A_LOG);
    int64_t start = up_to(x, 60) ? 0 : NOON - DAY;
    struct sample *s = arena_zalloc(&x->appended.batch.arena, sizeof *s);
    assert_non_null(s);
    x->at = (i + 1) % OF_A_LOG;
    x->t += x->at == 0 ? (int64_t)up_to(x, 3) * SECOND : 0;
    *s = (struct sample){.t_unix_ms = x->t + (up_to(x, 30) ? 0 : (int64_t)up_to(x, 3) * DAY / 2),
                         .start_unix_ms = start,
                         .value = (double)up_to(x, 1000)};
    if (up_to(x, 400) == 0)
        s->histogram = harness_histogram(&x->appended.batch.arena, up_to(x, 9));
    wal_put_series(&x->record, FIRST_ID + i, s, 1, rows);
    if (!x->defined[i])
        return;
    (void)snprintf(name, sizeof name, "m{n=%03u}", i);
    struct batch_series *series = harness_series(&x->appended, name);
    series->samples = s;
    series->n_samples = 1;
    append(&x->appended);
}

static void define_some(struct twins *x)
{
    for (uint32_t i = 0; i < OF_A_LOG; i++) {
        char name[32];
        if (x->defined[i] || up_to(x, 3) == 0)
            continue;
        x->defined[i] = true;
        (void)snprintf(name, sizeof name, "m{n=%03u}", i);
        const struct labels labels = harness_labels(&x->arena, name);
        wal_put_streams(&x->record, 1);
        wal_put_stream(&x->record, FIRST_ID + i, &labels, 0);
    }
}

static void write_random_record(struct twins *x)
{
    for (uint64_t sections = up_to(x, 3); sections-- > 0;) {
        struct wal_rows rows;
        uint64_t n = up_to(x, 2 * OF_A_LOG);
        if (up_to(x, 4) == 0)
            define_some(x);
        wal_put_rows(&x->record, n, x->t, &rows);
        while (n-- > 0)
            put_random_row(x, &rows);
    }
    if (up_to(x, 10) == 0)
        buf_putc(&x->record, 0x7f); // no section
    write_record(&x->logged, &x->record);
}

static void compare_twins(struct twins *x)
{
    kill(&x->logged);
    memset(x->defined, 0, sizeof x->defined); // each segment has its own
    char *expected = str_dup(str_c(harness_read(&x->appended, "", INT64_MIN, INT64_MAX)));
    check_rows(&x->logged, "", expected);
    if (up_to(x, 2)) {
        assert_int_equal(store_flush(x->logged.store, NULL), 0);
        check_rows(&x->logged, "", expected);
    }
    free(expected);
}

static void one_log(uint64_t seed, size_t *grouped)
{
    struct twins x = {.random = seed, .t = NOON};
    begin_record(&x.logged, &x.record);
    begin(&x.appended);
    arena_init(&x.arena, 1 << 20);
    harness_set_now(NOON + 30 * DAY);
    for (unsigned i = 0; i < RECORDS_OF_A_LOG; i++) {
        write_random_record(&x);
        if (up_to(&x, 40) == 0)
            compare_twins(&x);
    }
    compare_twins(&x);
    *grouped += groups(&x.logged);
    harness_set_now(NOON);
    arena_done(&x.arena);
    harness_done(&x.appended);
    done(&x.logged, &x.record);
}

static void test_random_records(void **state)
{
    (void)state;
    uint64_t seed = harness_setting("TELLTALE_STORE_SEED", 1);
    size_t grouped = 0;
    for (unsigned i = 0; i < LOGS; i++) {
        print_message("seed %llu + %u\n", (unsigned long long)seed, i);
        one_log(seed + i, &grouped);
    }
    assert_true(grouped > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_in_the_same_order_go_together),
        cmocka_unit_test(test_it_does_not_matter_where_batches_begin),
        cmocka_unit_test(test_runs_may_wait_for_the_rest_of_their_rows),
        cmocka_unit_test(test_more_runs_than_may_wait),
        cmocka_unit_test(test_what_is_out_of_turn_goes_its_own_way),
        cmocka_unit_test(test_of_equal_times_the_last_one_stays),
        cmocka_unit_test(test_each_row_has_its_own_time_and_start),
        cmocka_unit_test(test_rows_go_to_the_head_of_their_day),
        cmocka_unit_test(test_days_of_runs_and_of_others_do_not_mix),
        cmocka_unit_test(test_a_histogram_among_the_rows_ends_its_run),
        cmocka_unit_test(test_what_comes_after_the_replay_goes_to_the_streams),
        cmocka_unit_test(test_a_flush_reads_them_and_lets_the_log_go),
        cmocka_unit_test(test_what_has_changed_since_is_left_out_and_told),
        cmocka_unit_test(test_a_flush_goes_on_when_all_of_them_have_changed),
        cmocka_unit_test(test_a_log_that_cannot_be_mapped_is_copied),
        cmocka_unit_test(test_rows_before_damage_in_the_last_record_stay),
        cmocka_unit_test(test_a_stream_with_two_numbers_has_its_last_value),
        cmocka_unit_test(test_a_row_that_has_changed_is_left_out_of_its_stream),
        cmocka_unit_test(test_random_writers),
        cmocka_unit_test(test_random_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
