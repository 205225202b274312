/* Numbers that are appended as rows of several series, in runs, against a second store that gets
 * the same as single series: whatever happens, both must give the same rows. */
#include "two_stores.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { COLUMNS = 9, FORMS = 4 };

/* The series of a run, by number: in other orders, fewer of them, or one of them twice. */
static const struct {
    unsigned n, series[COLUMNS];
} forms[FORMS] = {
    {COLUMNS, {0, 1, 2, 3, 4, 5, 6, 7, 8}},
    {4, {3, 2, 1, 0}},
    {3, {4, 5, 6}},
    {3, {7, 8, 7}},
};

/* ---- sending ---- */

static struct hash128 hash_of(unsigned form)
{
    return (struct hash128){hash_u64(form + 1), 2};
}

/* All series of a run by their labels; `group`: which may come together from now on. */
static void add_series(struct harness *h, unsigned form, const struct sample *v, bool group)
{
    unsigned n = forms[form].n;
    struct sample *samples = arena_array(&h->batch.arena, n, sizeof *samples);
    uint32_t *numbers = arena_array(&h->batch.arena, n, sizeof *numbers);
    for (unsigned i = 0; i < n; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "m{n=%u}", forms[form].series[i]);
        struct batch_series *s = harness_series(h, name);
        samples[i] = v[i];
        s->samples = &samples[i];
        s->n_samples = 1;
        numbers[i] = (uint32_t)(h->batch.n_series - 1);
    }
    const struct batch_group g = {.sent = hash_of(form), .series = numbers, .n = n};
    if (group)
        assert_int_equal(batch_add_group(&h->batch, &g), 0);
}

/* Whether it was known. */
static bool add_run(struct harness *h, unsigned form, const struct sample *v)
{
    const struct sink sink = store_sink(h->store);
    const struct hash128 sent = hash_of(form);
    struct sample *numbers = arena_array(&h->batch.arena, forms[form].n, sizeof *numbers);
    memcpy(numbers, v, forms[form].n * sizeof *v);
    struct batch_point p = {.numbers = numbers, .n_counts = forms[form].n};
    uint32_t recalled = sink_recall(&sink, &sent, 1, &p.known);
    if (p.known)
        assert_int_equal(batch_add_point(&h->batch, &p, recalled), 0);
    else
        add_series(h, form, v, true);
    return p.known;
}

static bool send(struct both *b, unsigned form, const struct sample *v)
{
    bool known = add_run(&b->rows, form, v);
    add_series(&b->series, form, v, false);
    both_append(b);
    b->as_rows += known;
    return known;
}

/* Counters and gauges with up to four digits behind the point. */
static void usual(struct sample v[COLUMNS], int64_t t, unsigned n)
{
    static const double scale[] = {1, 10, 100, 1000, 10000};
    for (unsigned i = 0; i < COLUMNS; i++)
        v[i] = (struct sample){.t_unix_ms = t,
                               .value = (double)(n * (i + 1)) / scale[i % 5],
                               .start_unix_ms = i % 2 ? NOON - HOUR - i : 0};
}

/* ---- tests ---- */

static void test_a_run_sent_again_is_known_and_gives_each_series_its_value(void **state)
{
    (void)state;
    struct both b;
    struct sample v[COLUMNS];
    both_begin(&b);
    for (unsigned i = 0; i < 200; i++) {
        usual(v, NOON + i * SECOND, i);
        assert_int_equal(send(&b, 0, v), i > 0);
    }
    both_same(&b);
    both_same_rows(&b, NOON + 50 * SECOND, NOON + 60 * SECOND);
    assert_int_equal(rows_in_heads(&b.rows), rows_in_heads(&b.series));
    assert_string_equal(harness_read(&b.rows, "n=2", NOON, NOON + SECOND),
                        "m{n=\"2\"} 0=0 1000=0.03");
    both_done(&b);
}

static void test_values_of_every_kind_come_back_bit_for_bit(void **state)
{
    (void)state;
    static const double kinds[] = {1, 0.5, -0.0, 1e300, 3.14159265358979, 1e-310, 0.001, 9e15, -7};
    struct both b;
    struct sample v[COLUMNS];
    both_begin(&b);
    for (unsigned i = 0; i < 60; i++) {
        usual(v, NOON + i * SECOND, i);
        for (unsigned k = 0; k < COLUMNS; k++)
            v[k].value = kinds[(i + k) % COLUMNS];
        v[i % COLUMNS].value = i % 3 == 0 ? stale_nan() : i % 3 == 1 ? INFINITY : plain_nan();
        (void)send(&b, 0, v);
        both_same(&b);
    }
    both_done(&b);
}

static void test_each_number_has_its_own_time_and_start(void **state)
{
    (void)state;
    struct both b;
    struct sample v[COLUMNS];
    both_begin(&b);
    for (unsigned i = 0; i < 60; i++) {
        usual(v, NOON + i * SECOND, i);
        for (unsigned k = 0; k < COLUMNS; k++) {
            v[k].t_unix_ms += (int64_t)(k * i) % 9 - (i % 3 ? 0 : k == 4 ? HOUR : 8);
            v[k].start_unix_ms += i % 10 < k ? k : 0;
        }
        (void)send(&b, 0, v);
    }
    both_same(&b);
    both_same_rows(&b, NOON - HOUR, NOON);
    both_done(&b);
}

static void test_a_run_over_midnight_is_split(void **state)
{
    (void)state;
    struct both b;
    struct sample v[COLUMNS];
    const int64_t midnight = NOON + DAY / 2;
    both_begin(&b);
    harness_set_now(midnight);
    for (int i = -5; i < 5; i++) {
        usual(v, midnight + i, (unsigned)(i + 5));
        for (unsigned k = 0; k < COLUMNS; k++)
            v[k].t_unix_ms += k % 4;
        (void)send(&b, 0, v);
    }
    both_same(&b);
    assert_int_equal(store_flush(b.rows.store, NULL), 0);
    both_same(&b);
    both_done(&b);
}

static void test_runs_survive_kill_and_flush(void **state)
{
    (void)state;
    struct both b;
    struct sample v[COLUMNS];
    both_begin(&b);
    for (unsigned i = 0; i < 40; i++) {
        usual(v, NOON + i * SECOND, i);
        (void)send(&b, 0, v);
        both_go_on(&b, i);
    }
    harness_reopen(&b.rows);
    both_same(&b);
    both_done(&b);
}

static void test_runs_that_share_series_keep_the_later_of_equal_times(void **state)
{
    (void)state;
    struct both b;
    struct sample v[COLUMNS];
    both_begin(&b);
    for (unsigned i = 0; i < 60; i++) {
        usual(v, NOON + i / 3 * SECOND, i);
        (void)send(&b, i % 7 == 6 ? 1 : i % 5 == 4 ? 2 : 0, v);
        if (i % 11 == 10) {
            harness_put(&b.rows, "m{n=0}", NOON + i / 3 * SECOND, -1);
            harness_put(&b.series, "m{n=0}", NOON + i / 3 * SECOND, -1);
        }
        both_same(&b);
    }
    harness_kill(&b.rows);
    both_same(&b);
    both_done(&b);
}

static void test_a_series_that_is_twice_in_a_run_gets_the_last_of_its_rows(void **state)
{
    (void)state;
    struct both b;
    struct sample v[COLUMNS];
    both_begin(&b);
    for (unsigned i = 0; i < 5; i++) {
        usual(v, NOON + i * SECOND, i + 1);
        assert_int_equal(send(&b, 3, v), i > 0);
        both_same(&b);
    }
    harness_kill(&b.rows);
    both_same(&b);
    both_done(&b);
}

static void test_numbers_out_of_time_are_rejected_one_by_one(void **state)
{
    (void)state;
    struct both b;
    struct sample v[COLUMNS];
    both_begin(&b);
    for (unsigned i = 0; i < 4; i++) {
        usual(v, NOON + i * SECOND, i);
        v[2].t_unix_ms = i % 2 ? INT64_MIN / 2 : v[2].t_unix_ms;
        v[3].t_unix_ms = i % 2 ? NOON + 20 * DAY : v[3].t_unix_ms;
        (void)send(&b, 0, v);
    }
    both_same(&b);
    both_done(&b);
}

static void test_a_run_of_which_a_series_was_refused_is_no_group(void **state)
{
    (void)state;
    struct both b;
    struct sample v[COLUMNS];
    both_begin(&b);
    harness_close(&b.rows);
    harness_close(&b.series);
    b.rows.options.max_streams = b.series.options.max_streams = 5;
    (void)harness_open(&b.rows);
    (void)harness_open(&b.series);
    usual(v, NOON, 1);
    for (int i = 0; i < 3; i++)
        assert_false(send(&b, 0, v));
    both_same(&b);
    both_done(&b);
}

static void test_idle_series_go_with_their_run(void **state)
{
    (void)state;
    struct both b;
    struct sample v[COLUMNS];
    both_begin(&b);
    for (unsigned i = 0; i < 20; i++) { // by the run alone for longer than series may be idle
        harness_set_now(NOON + i * 60 * SECOND);
        usual(v, NOON + i * 60 * SECOND, i);
        assert_int_equal(send(&b, 0, v), i > 0);
        assert_int_equal(store_flush(b.rows.store, NULL), 0);
    }
    assert_int_equal(atomic_get_relaxed(&b.rows.store->streams.count), COLUMNS);
    assert_true(add_run(&b.rows, 0, v));
    harness_set_now(NOON + HOUR);
    assert_int_equal(store_flush(b.rows.store, NULL), 0);
    assert_int_equal(atomic_get_relaxed(&b.rows.store->streams.count), 0);
    assert_int_equal(harness_append(&b.rows, NULL, NULL), ERR_STALE);
    both_same(&b);
    both_done(&b);
}

/* ---- at random ---- */

static double random_value(struct both *b)
{
    uint64_t bits = check_random(&b->random);
    double v;
    memcpy(&v, &bits, sizeof v);
    switch (both_below(b, 40)) {
    case 0: return v;
    case 1: return stale_nan();
    case 2: return (double)both_below(b, 100000) / 1000;
    case 3: return -0.0;
    default: return (double)both_below(b, 1000);
    }
}

static void random_numbers(struct both *b, struct sample v[COLUMNS], int64_t t)
{
    bool jitter = both_below(b, 3) == 0, late = both_below(b, 20) == 0;
    int64_t start = both_below(b, 3) ? NOON - HOUR : t - 7;
    for (unsigned i = 0; i < COLUMNS; i++) {
        v[i] = (struct sample){.t_unix_ms = t + (jitter ? (int64_t)both_below(b, 200) - 100 : 0),
                               .value = random_value(b),
                               .start_unix_ms = i % 3 ? start : 0};
        if (late && both_below(b, 3) == 0)
            v[i].t_unix_ms -= (int64_t)both_below(b, 3 * DAY);
        if (both_below(b, 300) == 0)
            v[i].t_unix_ms += 2 * DAY; // rejected
        if (both_below(b, 50) == 0)
            v[i].start_unix_ms = (int64_t)check_random(&b->random);
    }
}

/* One form, or two without a series in common: which of two rows of one batch is the later depends
 * on the way they come. */
static void random_batch(struct both *b, int64_t t)
{
    struct sample v[COLUMNS];
    unsigned form = (unsigned)(both_below(b, 4) ? 0 : 1 + both_below(b, FORMS - 1));
    for (unsigned i = 0; i < 2; i++, form = form % 3 + 1) {
        random_numbers(b, v, t);
        b->as_rows += add_run(&b->rows, form, v);
        add_series(&b->series, form, v, false);
        if (form == 0 || both_below(b, 2))
            break;
    }
    both_append(b);
}

static void random_single(struct both *b, int64_t t)
{
    char name[32];
    (void)snprintf(name, sizeof name, "m{n=%u}", (unsigned)both_below(b, COLUMNS));
    double v = random_value(b);
    harness_put(&b->rows, name, t, v);
    harness_put(&b->series, name, t, v);
}

static void test_random_runs_give_the_rows_of_single_series(void **state)
{
    (void)state;
    both_at_random(&(struct both_dice){.batch = random_batch,
                                       .single = random_single,
                                       .deleted = {"n=1", "n=7"},
                                       .pace_ms = 90 * SECOND,
                                       .known_min = BOTH_STEPS / 2});
}

/* ---- at the same time ---- */

/* All series in the writer's order, or one alone. */
static void write_run(struct harness *h, unsigned writer, unsigned i)
{
    unsigned form = i % 8 == 7 ? 2 : writer;
    struct sample v[COLUMNS], same[COLUMNS];
    usual(v, NOON + i, i);
    for (unsigned k = 0; k < forms[form].n; k++)
        same[k] = v[forms[form].series[k]];
    if (i % 50 == 49)
        harness_float(h, "m{n=0}", NOON + i, v[0].value);
    else
        (void)add_run(h, form, same);
}

static void test_runs_of_several_threads_are_all_there(void **state)
{
    (void)state;
    struct both b;
    both_begin(&b);
    both_write_at_once(&b, write_run);
    both_same(&b);
    both_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_run_sent_again_is_known_and_gives_each_series_its_value),
        cmocka_unit_test(test_values_of_every_kind_come_back_bit_for_bit),
        cmocka_unit_test(test_each_number_has_its_own_time_and_start),
        cmocka_unit_test(test_a_run_over_midnight_is_split),
        cmocka_unit_test(test_runs_survive_kill_and_flush),
        cmocka_unit_test(test_runs_that_share_series_keep_the_later_of_equal_times),
        cmocka_unit_test(test_a_series_that_is_twice_in_a_run_gets_the_last_of_its_rows),
        cmocka_unit_test(test_numbers_out_of_time_are_rejected_one_by_one),
        cmocka_unit_test(test_a_run_of_which_a_series_was_refused_is_no_group),
        cmocka_unit_test(test_idle_series_go_with_their_run),
        cmocka_unit_test(test_runs_of_several_threads_are_all_there),
        cmocka_unit_test(test_random_runs_give_the_rows_of_single_series),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
