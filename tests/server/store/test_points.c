/* Points of histograms that are appended as rows of all their series, against a second store that
 * gets the same as single series: whatever happens, both must give the same rows. */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "base/thread.h"

enum { HISTOGRAMS = 4, BOUNDS = 3, SERIES_MAX = BOUNDS + 3 };

struct both {
    struct harness rows, series; /* of points; of single series alone */
    uint64_t random;
    size_t as_rows; /* points that were known */
};

/* What a client sends. */
struct sent_point {
    unsigned histogram, form; /* the same series may be sent in several forms */
    int64_t t, start;
    uint64_t counts[BOUNDS], count;
    double sum;
    bool has_sum, stale;
};

static void begin(struct both *b)
{
    *b = (struct both){.random = 1};
    harness_init(&b->rows);
    harness_init(&b->series);
    (void)harness_open(&b->rows);
    (void)harness_open(&b->series);
}

static void done(struct both *b)
{
    harness_done(&b->rows);
    harness_done(&b->series);
}

/* ---- sending ---- */

static void series_name(char out[64], const struct sent_point *p, size_t i)
{
    size_t k = p->has_sum ? i : i + 1;
    if (k < 2)
        (void)snprintf(out, 64, "h_%s{n=%u}", k ? "count" : "sum", p->histogram);
    else
        (void)snprintf(out, 64, "h_bucket{n=%u,le=%u}", p->histogram, (unsigned)k - 2);
}

static struct batch_point point_of(const struct sent_point *p)
{
    return (struct batch_point){.t_unix_ms = p->t,
                                .start_unix_ms = p->start,
                                .sum = p->sum,
                                .count = p->count,
                                .counts = p->counts,
                                .n_counts = BOUNDS,
                                .has_sum = p->has_sum,
                                .stale = p->stale};
}

/* All series of a point by their labels. */
static void add_series(struct harness *h, const struct sent_point *p, struct hash128 sent)
{
    const struct batch_point point = point_of(p);
    size_t n = batch_point_series(&point);
    double values[SERIES_MAX];
    struct sample *samples = arena_array(&h->batch.arena, n, sizeof *samples);
    batch_point_values(&point, values);
    for (size_t i = 0; i < n; i++) {
        char name[64];
        series_name(name, p, i);
        struct batch_series *s = harness_series(h, name);
        samples[i] =
            (struct sample){.t_unix_ms = p->t, .value = values[i], .start_unix_ms = p->start};
        s->samples = &samples[i];
        s->n_samples = 1;
        if (i == 0 && !hash128_is_none(sent)) {
            s->sent = sent;
            s->together = (uint32_t)n;
        }
    }
}

static bool add_point(struct harness *h, const struct sent_point *p)
{
    const struct sink sink = store_sink(h->store);
    const struct hash128 sent = {hash_u64(p->histogram * 8 + p->form * 2 + p->has_sum), 1};
    struct batch_point point = point_of(p);
    uint32_t recalled = sink_recall(&sink, &sent, 1, &point.known);
    uint64_t *counts = arena_array(&h->batch.arena, BOUNDS, sizeof *counts);
    memcpy(counts, p->counts, sizeof p->counts);
    point.counts = counts;
    if (point.known)
        assert_int_equal(batch_add_point(&h->batch, &point, recalled), 0);
    else
        add_series(h, p, sent);
    return point.known;
}

static void append_both(struct both *b)
{
    struct sink_result rows, series;
    struct err err = {0};
    assert_int_equal(harness_append(&b->rows, &rows, &err), 0);
    assert_int_equal(harness_append(&b->series, &series, &err), 0);
    assert_int_equal(rows.accepted, series.accepted);
    assert_memory_equal(rows.rejected, series.rejected, sizeof rows.rejected);
}

/* Whether its series were known. */
static bool send(struct both *b, const struct sent_point *p)
{
    bool known = add_point(&b->rows, p);
    add_series(&b->series, p, (struct hash128){0});
    append_both(b);
    b->as_rows += known;
    return known;
}

/* ---- comparing ---- */

static void same_rows(struct both *b, int64_t min_ms, int64_t max_ms)
{
    char *rows = strdup(harness_read(&b->rows, "", min_ms, max_ms));
    assert_string_equal(rows, harness_read(&b->series, "", min_ms, max_ms));
    free(rows);
}

static void same(struct both *b)
{
    same_rows(b, INT64_MIN, INT64_MAX);
}

static size_t rows_in_heads(struct harness *h)
{
    struct store_stats stats;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    assert_int_equal(store_stats(h->store, 0, &arena, &stats, NULL), 0);
    arena_done(&arena);
    return stats.head_rows;
}

static struct sent_point point_at(int64_t t, uint64_t n)
{
    return (struct sent_point){.t = t,
                               .start = NOON - HOUR,
                               .counts = {n, n / 2, 3},
                               .count = n + n / 2 + 5,
                               .sum = (double)n / 8,
                               .has_sum = true};
}

/* ---- tests ---- */

static void test_a_point_sent_again_is_known_and_gives_each_series_its_value(void **state)
{
    (void)state;
    struct both b;
    begin(&b);
    for (int i = 0; i < 40; i++) {
        const struct sent_point p = point_at(NOON + i * SECOND, (uint64_t)i * 100);
        assert_int_equal(send(&b, &p), i > 0);
    }
    same(&b);
    same_rows(&b, NOON + 10 * SECOND, NOON + 20 * SECOND);
    assert_int_equal(rows_in_heads(&b.rows), rows_in_heads(&b.series));
    assert_string_equal(harness_read(&b.rows, "le=1", NOON, NOON + SECOND),
                        "h_bucket{le=\"1\", n=\"0\"} 0=0@-3600000 1000=150@-3600000");
    done(&b);
}

static void test_points_survive_kill_flush_and_power_loss(void **state)
{
    (void)state;
    struct both b;
    begin(&b);
    for (int i = 0; i < 30; i++) {
        const struct sent_point p = point_at(NOON + i * SECOND, (uint64_t)i);
        (void)send(&b, &p);
        if (i % 10 == 5)
            harness_kill(&b.rows);
        if (i % 10 == 8)
            assert_int_equal(store_flush(b.rows.store, NULL), 0);
        same(&b);
    }
    harness_reopen(&b.rows);
    same(&b);
    done(&b);
}

static void test_the_later_of_two_rows_wins_by_whichever_way_they_came(void **state)
{
    (void)state;
    struct both b;
    begin(&b);
    for (int i = 0; i < 5; i++) {
        const struct sent_point p = point_at(NOON + i * SECOND, (uint64_t)i);
        (void)send(&b, &p);
    }
    harness_put(&b.rows, "h_count{n=0}", NOON + 3 * SECOND, -1);
    harness_put(&b.series, "h_count{n=0}", NOON + 3 * SECOND, -1);
    same(&b);
    const struct sent_point again = point_at(NOON + 3 * SECOND, 77), other = point_at(NOON, 5);
    assert_true(send(&b, &again));
    assert_true(send(&b, &other));
    same(&b);
    harness_kill(&b.rows);
    same(&b);
    assert_int_equal(store_flush(b.rows.store, NULL), 0);
    same(&b);
    done(&b);
}

static void test_the_same_series_in_two_forms_are_two_groups(void **state)
{
    (void)state;
    struct both b;
    begin(&b);
    for (int i = 0; i < 12; i++) {
        struct sent_point p = point_at(NOON + i / 2 * SECOND, (uint64_t)i);
        p.form = (unsigned)i % 3 == 0;
        (void)send(&b, &p);
        same(&b);
    }
    done(&b);
}

static void test_a_point_that_ends_its_series_leaves_stale_markers(void **state)
{
    (void)state;
    struct both b;
    begin(&b);
    for (int i = 0; i < 6; i++) {
        struct sent_point p = point_at(NOON + i * SECOND, (uint64_t)i);
        p.stale = i == 3;
        assert_int_equal(send(&b, &p), i > 0);
    }
    same(&b);
    harness_kill(&b.rows);
    same(&b);
    done(&b);
}

static void test_points_out_of_time_are_rejected_series_by_series(void **state)
{
    (void)state;
    struct both b;
    begin(&b);
    const struct sent_point p = point_at(NOON, 1), early = point_at(INT64_MIN / 2, 2);
    (void)send(&b, &p);
    assert_true(send(&b, &early));
    same(&b);
    done(&b);
}

static void test_idle_series_go_with_their_group_and_come_again(void **state)
{
    (void)state;
    struct both b;
    begin(&b);
    struct sent_point p = point_at(NOON, 1);
    assert_false(send(&b, &p));
    for (int i = 1; i < 20; i++) { // by the group alone for longer than series may be idle
        harness_set_now(NOON + i * 60 * SECOND);
        p = point_at(NOON + i * 60 * SECOND, (uint64_t)i);
        assert_true(send(&b, &p));
        assert_int_equal(store_flush(b.rows.store, NULL), 0);
    }
    assert_int_equal(atomic_get_relaxed(&b.rows.store->streams.count), BOUNDS + 3);
    harness_set_now(NOON + HOUR);
    assert_int_equal(store_flush(b.rows.store, NULL), 0);
    assert_int_equal(atomic_get_relaxed(&b.rows.store->streams.count), 0);
    for (size_t i = 0; i < STREAM_SHARDS; i++)
        assert_int_equal(b.rows.store->streams.groups[i].n, 0);
    assert_false(send(&b, &p));
    same(&b);
    done(&b);
}

static void test_a_known_point_of_before_an_eviction_is_refused(void **state)
{
    (void)state;
    struct both b;
    begin(&b);
    const struct sent_point p = point_at(NOON, 1);
    (void)send(&b, &p);
    assert_true(add_point(&b.rows, &p));
    harness_set_now(NOON + HOUR);
    assert_int_equal(store_flush(b.rows.store, NULL), 0);
    assert_int_equal(harness_append(&b.rows, NULL, NULL), ERR_STALE);
    done(&b);
}

static void test_a_point_of_which_a_series_was_refused_is_no_group(void **state)
{
    (void)state;
    struct both b;
    begin(&b);
    harness_close(&b.rows);
    harness_close(&b.series);
    b.rows.options.max_streams = b.series.options.max_streams = 4;
    (void)harness_open(&b.rows);
    (void)harness_open(&b.series);
    const struct sent_point p = point_at(NOON, 1);
    for (int i = 0; i < 3; i++)
        assert_false(send(&b, &p));
    same(&b);
    done(&b);
}

/* ---- at random ---- */

static uint64_t below(struct both *b, uint64_t n)
{
    return check_random(&b->random) % n;
}

static double random_sum(struct both *b)
{
    uint64_t bits = check_random(&b->random);
    double v;
    memcpy(&v, &bits, sizeof v);
    return below(b, 4) ? (double)below(b, 100000) / 1000 : v;
}

static struct sent_point random_point(struct both *b, unsigned histogram, int64_t t)
{
    struct sent_point p = {.histogram = histogram,
                           .form = below(b, 12) == 0,
                           .t = t + (int64_t)below(b, 5),
                           .start = below(b, 3)   ? NOON - HOUR
                                    : below(b, 2) ? t - 7
                                                  : 0,
                           .sum = random_sum(b),
                           .has_sum = histogram != 2,
                           .stale = below(b, 40) == 0};
    if (below(b, 10) == 0)
        p.t -= (int64_t)below(b, 3 * DAY); // late
    if (below(b, 60) == 0)
        p.t += 2 * DAY; // rejected
    for (size_t i = 0; i < BOUNDS; i++)
        p.counts[i] = below(b, 9) ? below(b, 300) : check_random(&b->random);
    p.count = below(b, 9) ? p.counts[0] + p.counts[1] + p.counts[2] : check_random(&b->random);
    return p;
}

static void random_batch(struct both *b, int64_t t)
{
    for (unsigned i = 0; i < HISTOGRAMS; i++)
        if (below(b, 4)) {
            const struct sent_point p = random_point(b, i, t);
            b->as_rows += add_point(&b->rows, &p);
            add_series(&b->series, &p, (struct hash128){0});
        }
    append_both(b);
}

/* A row of one series of a point, by its labels. */
static void random_single(struct both *b, int64_t t)
{
    struct sent_point p = random_point(b, (unsigned)below(b, HISTOGRAMS), t);
    char name[64];
    series_name(name, &p, below(b, BOUNDS + 2));
    p.t = MIN(p.t, NOON + DAY / 2);
    harness_put(&b->rows, name, p.t, p.sum);
    harness_put(&b->series, name, p.t, p.sum);
}

static void random_deletion(struct both *b, int64_t t)
{
    struct matcher m[2];
    size_t n = harness_matchers(below(b, 2) ? "n=1" : "__name__=h_bucket le=1", m, 2);
    int64_t from = t - (int64_t)below(b, HOUR);
    assert_int_equal(store_delete(b->rows.store, m, n, from, t, NULL), 0);
    assert_int_equal(store_delete(b->series.store, m, n, from, t, NULL), 0);
    harness_matchers_done(m, n);
}

static void random_step(struct both *b, int64_t t)
{
    switch (below(b, 60)) {
    case 0: assert_int_equal(store_flush(b->rows.store, NULL), 0); break;
    case 1: assert_int_equal(store_flush(b->series.store, NULL), 0); break;
    case 2: harness_kill(&b->rows); break;
    case 3: harness_reopen(&b->rows); break;
    case 4: random_deletion(b, t); break;
    case 5: random_single(b, t); break;
    case 6: same_rows(b, t - (int64_t)below(b, HOUR), t); break;
    case 7: assert_int_equal(store_maintain(b->rows.store, true, NULL), 0); break;
    default: random_batch(b, t);
    }
}

static void test_random_points_give_the_rows_of_single_series(void **state)
{
    (void)state;
    enum { ROUNDS = 4, STEPS = 600 };
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct both b;
        harness_set_now(NOON);
        begin(&b);
        b.random = round + 1;
        for (int i = 0; i < STEPS; i++) {
            int64_t t = NOON + i * SECOND * (round % 2 ? 1 : 15);
            harness_set_now(t);
            random_step(&b, t);
            if (i % 50 == 0)
                same(&b);
        }
        same(&b);
        assert_true(b.as_rows > STEPS);
        done(&b);
    }
}

/* ---- at the same time ---- */

enum { WRITERS = 2, WRITES = 400 };

struct writer {
    struct harness *h;
    struct thread thread;
    unsigned number;
    bool ok;
};

/* Writer i: points of histogram i, and every now and then of the other's, or a row of one of its
 * series alone. All rows of a time are equal, whoever writes them. */
static void write_points(void *arg)
{
    struct writer *w = arg;
    struct harness h = {.store = w->h->store};
    batch_init(&h.batch, 16 << 20);
    w->ok = true;
    for (int i = 0; i < WRITES; i++) {
        struct sent_point p = point_at(NOON + i, (uint64_t)i);
        p.histogram = i % 8 == 7 ? 1 - w->number : w->number;
        int rc;
        do { // a flush may take streams away in between
            if (i % 50 == 49)
                harness_float(&h, w->number ? "h_count{n=0}" : "h_count{n=1}", p.t,
                              (double)p.count);
            else
                (void)add_point(&h, &p);
            rc = harness_append(&h, NULL, NULL);
        } while (rc == ERR_STALE);
        w->ok &= rc == 0;
    }
    batch_done(&h.batch);
}

static void test_points_of_several_threads_are_all_there(void **state)
{
    (void)state;
    struct both b;
    struct writer w[WRITERS];
    begin(&b);
    for (unsigned i = 0; i < WRITERS; i++) {
        w[i] = (struct writer){.h = &b.rows, .number = i};
        assert_int_equal(thread_start(&w[i].thread, "writer", write_points, &w[i], NULL), 0);
    }
    for (int i = 0; i < 20; i++) {
        (void)harness_read(&b.rows, "", INT64_MIN, INT64_MAX);
        assert_int_equal(store_flush(b.rows.store, NULL), 0);
    }
    for (unsigned i = 0; i < WRITERS; i++) {
        thread_join(&w[i].thread);
        assert_true(w[i].ok);
        struct writer alone = {.h = &b.series, .number = i};
        write_points(&alone);
    }
    same(&b);
    done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_point_sent_again_is_known_and_gives_each_series_its_value),
        cmocka_unit_test(test_points_survive_kill_flush_and_power_loss),
        cmocka_unit_test(test_the_later_of_two_rows_wins_by_whichever_way_they_came),
        cmocka_unit_test(test_the_same_series_in_two_forms_are_two_groups),
        cmocka_unit_test(test_a_point_that_ends_its_series_leaves_stale_markers),
        cmocka_unit_test(test_points_out_of_time_are_rejected_series_by_series),
        cmocka_unit_test(test_idle_series_go_with_their_group_and_come_again),
        cmocka_unit_test(test_a_known_point_of_before_an_eviction_is_refused),
        cmocka_unit_test(test_a_point_of_which_a_series_was_refused_is_no_group),
        cmocka_unit_test(test_points_of_several_threads_are_all_there),
        cmocka_unit_test(test_random_points_give_the_rows_of_single_series),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
