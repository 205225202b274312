/* Limits of cardinality: who gets a stream, where the samples of the others go, who is told to be
 * guilty, and that a restart changes nothing. */
#include "harness.h"

#include <stdio.h>

#include "base/arena.h"
#include "model/histogram.h"

#define OVERFLOW "otel.metric.overflow=true"

static void begin(struct harness *h, const struct store_cardinality *limits)
{
    harness_init(h);
    h->options.cardinality = *limits;
    (void)harness_open(h);
}

/* Appends m{i=…} for i in [from, to), in one batch; value i, at `t`. */
static struct sink_result put_range(struct harness *h, const char *metric, int from, int to,
                                    int64_t t)
{
    struct sink_result r;
    for (int i = from; i < to; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "%s{i=%d}", metric, i);
        harness_float(h, name, t, i);
    }
    assert_int_equal(harness_append(h, &r, NULL), 0);
    return r;
}

static size_t count(struct harness *h, const char *selector)
{
    struct matcher m[4];
    struct selection *sel = NULL;
    size_t n = harness_matchers(selector, m, 4);
    assert_int_equal(store_select(h->store, m, n, INT64_MIN, INT64_MAX, 0, NULL, &sel, NULL), 0);
    size_t streams = selection_count(sel);
    selection_free(sel);
    harness_matchers_done(m, n);
    return streams;
}

/* "limit name=value allowed folded refused label:values" of each that is guilty. */
static const char *guilty(struct harness *h)
{
    static char text[1024];
    struct arena arena;
    struct store_stats s;
    size_t at = 0;
    arena_init(&arena, 1 << 20);
    assert_int_equal(store_stats(h->store, 10, &arena, &s, NULL), 0);
    text[0] = '\0';
    for (size_t i = 0; i < s.n_limited; i++) {
        const struct store_limited *l = &s.limited[i];
        at += (size_t)snprintf(text + at, sizeof text - at,
                               "%s%s %.*s=%.*s %llu %llu %llu %.*s:%llu", i ? "\n" : "", l->limit,
                               STR_ARG(l->name), STR_ARG(l->value), (unsigned long long)l->allowed,
                               (unsigned long long)l->folded, (unsigned long long)l->refused,
                               STR_ARG(l->label), (unsigned long long)l->label_values);
    }
    arena_done(&arena);
    return text;
}

static void test_beyond_the_limit_of_a_metric_new_series_are_refused(void **state)
{
    (void)state;
    struct harness h;
    begin(&h, &(struct store_cardinality){.per_metric = 10});
    struct sink_result r = put_range(&h, "m", 0, 15, NOON);
    assert_int_equal(r.accepted, 10);
    assert_int_equal(r.rejected[REJECT_CARDINALITY], 5);
    assert_string_equal(r.message,
                        "the limit of 10 active series is reached by __name__=m: m{i=\"10\"}");
    assert_int_equal(put_range(&h, "m", 0, 10, NOON + 1).accepted, 10); // those that are there
    assert_int_equal(put_range(&h, "other", 0, 10, NOON).accepted, 10);
    assert_int_equal(count(&h, OVERFLOW), 0);
    assert_string_equal(guilty(&h), "series_per_metric __name__=m 10 0 5 i:10");
    harness_done(&h);
}

static void test_folded_samples_of_one_batch_and_time_are_added_up(void **state)
{
    (void)state;
    struct harness h;
    begin(&h, &(struct store_cardinality){.per_metric = 2, .fold = true});
    struct sink_result r = put_range(&h, "m", 0, 5, NOON); // 2 + 3 + 4 are folded
    assert_int_equal(r.accepted, 5);
    r = put_range(&h, "m", 3, 5, NOON + 1);
    assert_int_equal(r.accepted, 2);
    check_rows(&h, OVERFLOW, "m{\"otel.metric.overflow\"=\"true\"} 0=9 1=7");
    check_rows(&h, "i=3", "");
    assert_string_equal(guilty(&h), "series_per_metric __name__=m 2 5 0 i:2");
    assert_int_equal(store_flush(h.store, NULL), 0);
    check_rows(&h, OVERFLOW, "m{\"otel.metric.overflow\"=\"true\"} 0=9 1=7");
    harness_done(&h);
}

static void test_stale_markers_do_not_end_the_overflow_and_histograms_stay_whole(void **state)
{
    (void)state;
    struct harness h;
    begin(&h, &(struct store_cardinality){.per_metric = 1, .fold = true});
    (void)put_range(&h, "m", 0, 1, NOON);
    harness_float(&h, "m{i=1}", NOON, 5);
    harness_float(&h, "m{i=2}", NOON, stale_nan());
    harness_float(&h, "m{i=3}", NOON + 1, stale_nan());
    struct batch_series *s = harness_series(&h, "m{i=4}");
    struct sample *v = arena_zalloc(&h.batch.arena, sizeof *v);
    *v = (struct sample){.t_unix_ms = NOON + 2, .histogram = harness_histogram(&h.batch.arena, 5)};
    double sum = v->histogram->sum;
    s->samples = v;
    s->n_samples = 1;
    struct sink_result r;
    assert_int_equal(harness_append(&h, &r, NULL), 0);
    assert_int_equal(r.accepted, 4);
    char expected[128];
    (void)snprintf(expected, sizeof expected, "m{\"otel.metric.overflow\"=\"true\"} 0=5 2=h%g",
                   sum);
    check_rows(&h, OVERFLOW, expected);
    harness_done(&h);
}

static void test_a_label_has_so_many_values_and_no_more(void **state)
{
    (void)state;
    struct harness h;
    begin(&h, &(struct store_cardinality){.per_label = 4, .fold = true});
    assert_int_equal(put_range(&h, "m", 0, 6, NOON).accepted, 6);
    assert_int_equal(put_range(&h, "n", 0, 4, NOON).accepted, 4); // of values that are known
    assert_int_equal(count(&h, "__name__=n"), 4);
    check_rows(&h, OVERFLOW, "m{\"otel.metric.overflow\"=\"true\"} 0=9");
    assert_string_equal(guilty(&h), "values_per_label i= 4 2 0 :0");
    /* Names of metrics are values of a label, too; there is nothing to fold a new one into. */
    for (int i = 0; i < 3; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "k%d", i);
        (void)put_range(&h, name, 0, 1, NOON);
    }
    assert_string_equal(harness_values(&h, "__name__", ""), "k0 k1 m n");
    assert_string_equal(guilty(&h), "values_per_label i= 4 2 0 :0\n"
                                    "values_per_label __name__= 4 0 1 :0");
    harness_done(&h);
}

static void test_a_tenant_beyond_its_limit_has_an_overflow_of_its_own(void **state)
{
    (void)state;
    struct harness h;
    const struct store_cardinality limits = {.per_tenant = 3, .tenant = STR("team"), .fold = true};
    begin(&h, &limits);
    for (int i = 0; i < 5; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "m{i=%d,team=a}", i);
        harness_float(&h, name, NOON, i);
        (void)snprintf(name, sizeof name, "m{i=%d,team=b}", i);
        if (i < 3)
            harness_float(&h, name, NOON, i);
    }
    struct sink_result r;
    assert_int_equal(harness_append(&h, &r, NULL), 0);
    assert_int_equal(r.accepted, 8);
    check_rows(&h, OVERFLOW, "m{\"otel.metric.overflow\"=\"true\", team=\"a\"} 0=7");
    assert_int_equal(count(&h, "team=b"), 3);
    assert_string_equal(guilty(&h), "series_per_tenant team=a 3 2 0 i:3");
    harness_done(&h);
}

static void test_beyond_all_limits_known_metrics_are_folded_and_new_ones_refused(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    h.options.max_streams = 5;
    h.options.cardinality.fold = true;
    (void)harness_open(&h);
    assert_int_equal(put_range(&h, "m", 0, 8, NOON).accepted, 8);
    check_rows(&h, OVERFLOW, "m{\"otel.metric.overflow\"=\"true\"} 0=18");
    struct sink_result r = put_range(&h, "new", 0, 3, NOON);
    assert_int_equal(r.rejected[REJECT_CARDINALITY], 3);
    assert_int_equal(count(&h, ""), 6);
    harness_done(&h);
}

static void test_labels_that_cannot_be_are_not_folded(void **state)
{
    (void)state;
    struct harness h;
    begin(&h, &(struct store_cardinality){.per_metric = 1, .fold = true});
    (void)put_range(&h, "m", 0, 1, NOON);
    struct label unsorted[] = {{STR("b"), STR("1")}, {STR("__name__"), STR("m")}};
    struct batch_series *s = batch_add_series(&h.batch, (struct labels){unsorted, 2});
    struct sample good = {.t_unix_ms = NOON, .value = 1};
    s->samples = &good;
    s->n_samples = 1;
    struct sink_result r;
    assert_int_equal(harness_append(&h, &r, NULL), 0);
    assert_int_equal(r.rejected[REJECT_LABELS], 1);
    harness_done(&h);
}

/* Those that had a stream have it again, whoever sends first; what was folded is still there. */
static void check_places(struct harness *h)
{
    assert_int_equal(put_range(h, "m", 2, 5, NOON + SECOND).accepted, 3);
    assert_int_equal(put_range(h, "m", 0, 2, NOON + SECOND).accepted, 2);
    assert_int_equal(count(h, "i=~.+"), 2);
    check_rows(h, OVERFLOW, "m{\"otel.metric.overflow\"=\"true\"} 0=9 1000=9");
}

static void test_a_restart_or_a_death_gives_the_same_series_their_places(void **state)
{
    (void)state;
    void (*const ends[])(struct harness * h) = {harness_kill, harness_reopen};
    for (size_t i = 0; i < 2; i++) {
        struct harness h;
        begin(&h, &(struct store_cardinality){.per_metric = 3, .fold = true});
        (void)put_range(&h, "m", 0, 2, NOON);
        h.options.cardinality.per_metric = 2; // a smaller limit takes nothing away
        assert_int_equal(store_reconfigure(h.store, &h.options, NULL), 0);
        (void)put_range(&h, "m", 2, 5, NOON);
        ends[i](&h);
        check_places(&h);
        ends[i](&h);
        check_rows(&h, OVERFLOW, "m{\"otel.metric.overflow\"=\"true\"} 0=9 1000=9");
        check_rows(&h, "i=1", "m{i=\"1\"} 0=1 1000=1");
        harness_done(&h);
    }
}

static void test_the_limit_of_all_series_gives_them_their_places_again_too(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    h.options.max_streams = 2;
    h.options.cardinality.fold = true;
    (void)harness_open(&h);
    (void)put_range(&h, "m", 0, 5, NOON);
    harness_reopen(&h);
    check_places(&h);
    harness_done(&h);
}

/* As when somebody takes a snapshot and then stops the server: what the flush at the end wrote is
 * not all that was active. */
static void test_a_flush_shortly_before_the_end_takes_no_places(void **state)
{
    (void)state;
    struct harness h;
    begin(&h, &(struct store_cardinality){.per_metric = 2, .fold = true});
    (void)put_range(&h, "m", 0, 5, NOON);
    assert_int_equal(store_flush(h.store, NULL), 0);
    harness_put(&h, "other", NOON, 1);
    harness_reopen(&h);
    check_places(&h);
    harness_done(&h);
}

/* By one sender with a wrong clock the others would all look idle. */
static void test_a_sample_of_the_future_takes_no_places(void **state)
{
    (void)state;
    struct harness h;
    begin(&h, &(struct store_cardinality){.per_metric = 2, .fold = true});
    (void)put_range(&h, "m", 0, 5, NOON);
    harness_put(&h, "other", NOON + 11 * HOUR, 1);
    harness_reopen(&h);
    check_places(&h);
    harness_done(&h);
}

static void test_replay_keeps_all_that_was_acknowledged_whatever_the_limit_is_now(void **state)
{
    (void)state;
    struct harness h;
    begin(&h, &(struct store_cardinality){.per_metric = 0});
    assert_int_equal(put_range(&h, "m", 0, 20, NOON).accepted, 20);
    h.options.max_streams = 3;
    h.options.cardinality.per_metric = 2;
    harness_kill(&h);
    assert_int_equal(count(&h, "__name__=m"), 20);
    assert_int_equal(put_range(&h, "m", 0, 20, NOON + 1).accepted, 20);
    assert_int_equal(put_range(&h, "m", 20, 21, NOON + 1).rejected[REJECT_CARDINALITY], 1);
    harness_done(&h);
}

static void test_series_that_went_away_make_room(void **state)
{
    (void)state;
    struct harness h;
    begin(&h, &(struct store_cardinality){.per_metric = 3});
    (void)put_range(&h, "m", 0, 3, NOON);
    assert_int_equal(put_range(&h, "m", 3, 4, NOON).accepted, 0);
    assert_int_equal(store_flush(h.store, NULL), 0);
    harness_set_now(NOON + HOUR);
    harness_put(&h, "other", NOON + HOUR, 1);
    assert_int_equal(store_flush(h.store, NULL), 0);
    assert_int_equal(put_range(&h, "m", 3, 6, NOON + HOUR).accepted, 3);
    harness_done(&h);
}

/* More than are kept: the loudest stay. */
static void test_the_list_of_the_guilty_is_bounded(void **state)
{
    (void)state;
    struct harness h;
    begin(&h, &(struct store_cardinality){.per_metric = 1});
    for (int i = 0; i < 200; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "m%d", i);
        (void)put_range(&h, name, 0, i == 0 ? 100 : 2, NOON);
    }
    assert_true(str_starts(str_c(guilty(&h)), STR("series_per_metric __name__=m0 1 0 99 ")));
    harness_done(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_beyond_the_limit_of_a_metric_new_series_are_refused),
        cmocka_unit_test(test_folded_samples_of_one_batch_and_time_are_added_up),
        cmocka_unit_test(test_stale_markers_do_not_end_the_overflow_and_histograms_stay_whole),
        cmocka_unit_test(test_a_label_has_so_many_values_and_no_more),
        cmocka_unit_test(test_a_tenant_beyond_its_limit_has_an_overflow_of_its_own),
        cmocka_unit_test(test_beyond_all_limits_known_metrics_are_folded_and_new_ones_refused),
        cmocka_unit_test(test_labels_that_cannot_be_are_not_folded),
        cmocka_unit_test(test_a_restart_or_a_death_gives_the_same_series_their_places),
        cmocka_unit_test(test_the_limit_of_all_series_gives_them_their_places_again_too),
        cmocka_unit_test(test_a_flush_shortly_before_the_end_takes_no_places),
        cmocka_unit_test(test_a_sample_of_the_future_takes_no_places),
        cmocka_unit_test(test_replay_keeps_all_that_was_acknowledged_whatever_the_limit_is_now),
        cmocka_unit_test(test_series_that_went_away_make_room),
        cmocka_unit_test(test_the_list_of_the_guilty_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
