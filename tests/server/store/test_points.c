/* Points of histograms that are appended as rows of all their series, against a second store that
 * gets the same as single series: whatever happens, both must give the same rows. */
#include "two_stores.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/compiler.h"

enum { HISTOGRAMS = 4, BOUNDS = 3, SERIES_MAX = BOUNDS + 3 };

/* What a client sends. */
struct sent_point {
    unsigned histogram, form; /* the same series may be sent in several forms */
    int64_t t, start;
    uint64_t counts[BOUNDS], count;
    double sum;
    bool has_sum, stale;
};

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

/* Tells that the last `n` series are together. */
static void tell_group(struct harness *h, struct hash128 sent, const struct batch_point *point,
                       size_t n)
{
    struct batch_point *copy = arena_alloc(&h->batch.arena, sizeof *copy);
    uint64_t *counts = arena_array(&h->batch.arena, BOUNDS, sizeof *counts);
    uint32_t *series = arena_array(&h->batch.arena, n, sizeof *series);
    if (point) {
        memcpy(counts, point->counts, BOUNDS * sizeof *counts);
        *copy = *point;
        copy->counts = counts;
    }
    for (size_t i = 0; i < n; i++)
        series[i] = (uint32_t)(h->batch.n_series - n + i);
    const struct batch_group group = {
        .sent = sent, .series = series, .n = (uint32_t)n, .point = point ? copy : NULL};
    assert_int_equal(batch_add_group(&h->batch, &group), 0);
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
    }
    if (!hash128_is_none(sent))
        tell_group(h, sent, &point, n);
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

/* Whether its series were known. */
static bool send(struct both *b, const struct sent_point *p)
{
    bool known = add_point(&b->rows, p);
    add_series(&b->series, p, (struct hash128){0});
    both_append(b);
    b->as_rows += known;
    return known;
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
    both_begin(&b);
    for (int i = 0; i < 40; i++) {
        const struct sent_point p = point_at(NOON + i * SECOND, (uint64_t)i * 100);
        assert_int_equal(send(&b, &p), i > 0);
    }
    both_same(&b);
    both_same_rows(&b, NOON + 10 * SECOND, NOON + 20 * SECOND);
    assert_int_equal(rows_in_heads(&b.rows), rows_in_heads(&b.series));
    assert_string_equal(harness_read(&b.rows, "le=1", NOON, NOON + SECOND),
                        "h_bucket{le=\"1\", n=\"0\"} 0=0@-3600000 1000=150@-3600000");
    both_done(&b);
}

static void test_points_survive_kill_flush_and_power_loss(void **state)
{
    (void)state;
    struct both b;
    both_begin(&b);
    for (int i = 0; i < 30; i++) {
        const struct sent_point p = point_at(NOON + i * SECOND, (uint64_t)i);
        (void)send(&b, &p);
        both_go_on(&b, (unsigned)i);
    }
    harness_reopen(&b.rows);
    both_same(&b);
    both_done(&b);
}

static void test_the_later_of_two_rows_wins_by_whichever_way_they_came(void **state)
{
    (void)state;
    struct both b;
    both_begin(&b);
    for (int i = 0; i < 5; i++) {
        const struct sent_point p = point_at(NOON + i * SECOND, (uint64_t)i);
        (void)send(&b, &p);
    }
    harness_put(&b.rows, "h_count{n=0}", NOON + 3 * SECOND, -1);
    harness_put(&b.series, "h_count{n=0}", NOON + 3 * SECOND, -1);
    both_same(&b);
    const struct sent_point again = point_at(NOON + 3 * SECOND, 77), other = point_at(NOON, 5);
    assert_true(send(&b, &again));
    assert_true(send(&b, &other));
    both_same(&b);
    harness_kill(&b.rows);
    both_same(&b);
    assert_int_equal(store_flush(b.rows.store, NULL), 0);
    both_same(&b);
    both_done(&b);
}

static void test_the_same_series_in_two_forms_are_two_groups(void **state)
{
    (void)state;
    struct both b;
    both_begin(&b);
    for (int i = 0; i < 12; i++) {
        struct sent_point p = point_at(NOON + i / 2 * SECOND, (uint64_t)i);
        p.form = (unsigned)i % 3 == 0;
        (void)send(&b, &p);
        both_same(&b);
    }
    both_done(&b);
}

static void test_a_point_that_ends_its_series_leaves_stale_markers(void **state)
{
    (void)state;
    struct both b;
    both_begin(&b);
    for (int i = 0; i < 6; i++) {
        struct sent_point p = point_at(NOON + i * SECOND, (uint64_t)i);
        p.stale = i == 3;
        assert_int_equal(send(&b, &p), i > 0);
    }
    both_same(&b);
    harness_kill(&b.rows);
    both_same(&b);
    both_done(&b);
}

static void test_points_out_of_time_are_rejected_series_by_series(void **state)
{
    (void)state;
    struct both b;
    both_begin(&b);
    const struct sent_point p = point_at(NOON, 1), early = point_at(INT64_MIN / 2, 2);
    (void)send(&b, &p);
    assert_true(send(&b, &early));
    both_same(&b);
    both_done(&b);
}

static void test_idle_series_go_with_their_group_and_come_again(void **state)
{
    (void)state;
    struct both b;
    both_begin(&b);
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
    both_same(&b);
    both_done(&b);
}

static void test_a_known_point_of_before_an_eviction_is_refused(void **state)
{
    (void)state;
    struct both b;
    both_begin(&b);
    const struct sent_point p = point_at(NOON, 1);
    (void)send(&b, &p);
    assert_true(add_point(&b.rows, &p));
    harness_set_now(NOON + HOUR);
    assert_int_equal(store_flush(b.rows.store, NULL), 0);
    assert_int_equal(harness_append(&b.rows, NULL, NULL), ERR_STALE);
    both_done(&b);
}

static void test_a_point_of_which_a_series_was_refused_is_no_group(void **state)
{
    (void)state;
    struct both b;
    both_begin(&b);
    harness_close(&b.rows);
    harness_close(&b.series);
    b.rows.options.max_streams = b.series.options.max_streams = 4;
    (void)harness_open(&b.rows);
    (void)harness_open(&b.series);
    const struct sent_point p = point_at(NOON, 1);
    for (int i = 0; i < 3; i++)
        assert_false(send(&b, &p));
    both_same(&b);
    both_done(&b);
}

/* ---- at random ---- */

static double random_sum(struct both *b)
{
    uint64_t bits = check_random(&b->random);
    double v;
    memcpy(&v, &bits, sizeof v);
    return both_below(b, 4) ? (double)both_below(b, 100000) / 1000 : v;
}

static struct sent_point random_point(struct both *b, unsigned histogram, int64_t t)
{
    struct sent_point p = {.histogram = histogram,
                           .form = both_below(b, 12) == 0,
                           .t = t + (int64_t)both_below(b, 5),
                           .start = both_below(b, 3)   ? NOON - HOUR
                                    : both_below(b, 2) ? t - 7
                                                       : 0,
                           .sum = random_sum(b),
                           .has_sum = histogram != 2,
                           .stale = both_below(b, 40) == 0};
    if (both_below(b, 10) == 0)
        p.t -= (int64_t)both_below(b, 3 * DAY); // late
    if (both_below(b, 60) == 0)
        p.t += 2 * DAY; // rejected
    for (size_t i = 0; i < BOUNDS; i++)
        p.counts[i] = both_below(b, 9) ? both_below(b, 300) : check_random(&b->random);
    p.count = both_below(b, 9) ? p.counts[0] + p.counts[1] + p.counts[2] : check_random(&b->random);
    return p;
}

static void random_batch(struct both *b, int64_t t)
{
    for (unsigned i = 0; i < HISTOGRAMS; i++)
        if (both_below(b, 4)) {
            const struct sent_point p = random_point(b, i, t);
            b->as_rows += add_point(&b->rows, &p);
            add_series(&b->series, &p, (struct hash128){0});
        }
    both_append(b);
}

/* A row of one series of a point, by its labels. */
static void random_single(struct both *b, int64_t t)
{
    struct sent_point p = random_point(b, (unsigned)both_below(b, HISTOGRAMS), t);
    char name[64];
    series_name(name, &p, both_below(b, BOUNDS + 2));
    p.t = MIN(p.t, NOON + DAY / 2);
    harness_put(&b->rows, name, p.t, p.sum);
    harness_put(&b->series, name, p.t, p.sum);
}

static void test_random_points_give_the_rows_of_single_series(void **state)
{
    (void)state;
    both_at_random(&(struct both_dice){.batch = random_batch,
                                       .single = random_single,
                                       .deleted = {"n=1", "__name__=h_bucket le=1"},
                                       .pace_ms = 15 * SECOND,
                                       .known_min = BOTH_STEPS});
}

/* ---- at the same time ---- */

/* Points of the writer's histogram, and every now and then of the other's, or a row of one of its
 * series alone. */
static void write_point(struct harness *h, unsigned writer, unsigned i)
{
    struct sent_point p = point_at(NOON + i, i);
    p.histogram = i % 8 == 7 ? 1 - writer : writer;
    if (i % 50 == 49)
        harness_float(h, writer ? "h_count{n=0}" : "h_count{n=1}", p.t, (double)p.count);
    else
        (void)add_point(h, &p);
}

static void test_points_of_several_threads_are_all_there(void **state)
{
    (void)state;
    struct both b;
    both_begin(&b);
    both_write_at_once(&b, write_point);
    both_same(&b);
    both_done(&b);
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
