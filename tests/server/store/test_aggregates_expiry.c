/* Days whose samples expire, all of them or those of some streams: their aggregates stay, and are
 * read in their place. */
#include "days.h"

#include "base/compiler.h"
#include "store/embedded/aggregate_table.h"

static void test_aggregates_stay_when_samples_expire(void **state)
{
    (void)state;
    struct harness h;
    days_begin(&h);
    days_roll_up(&h, 0, 5);
    days_keep_samples(&h, 3 * DAY);
    assert_int_equal(days_files(&h, "/metrics/2026-11-16/"), 0);
    assert_string_equal(days_summary(&h, days_start(5), NOON + DAY, false),
                        "1236 samples, sum 886830, 3 rolled up, 3 expired");
    /* Samples are asked for: the first and the last of each bucket of the finest resolution… */
    struct days_reading r;
    struct columns c;
    days_read(&h, &r, days_start(5), days_start(4) - 1, 5 * MINUTE, false);
    columns_init(&c, &r.arena);
    assert_int_equal(selection_read(r.sel, 0, days_start(5), days_start(4) - 1, &c, NULL), 0);
    assert_int_equal(c.n, 206);
    assert_int_equal(c.t_unix_ms[205], days_start(5) + 1435 * MINUTE);
    assert_true(c.value[205] == 1435);
    columns_done(&c);
    days_read_end(&r);
    /* … unless by somebody who has not heard of them. */
    assert_string_equal(harness_read(&h, "__name__=b", days_start(5), days_start(4)), "");
    harness_done(&h);
}

static void test_a_limit_of_bytes_takes_aggregates_too_the_oldest_first(void **state)
{
    (void)state;
    struct harness h;
    days_begin(&h);
    days_roll_up(&h, 0, 5);
    h.options.retention_ms = 3 * DAY;
    h.options.max_bytes = (uint64_t)1 << 40;
    days_reconfigure(&h);
    days_maintain(&h);
    assert_int_equal(days_files(&h, "/aggregates/"), 10);
    h.options.max_bytes = 1;
    days_reconfigure(&h);
    days_maintain(&h);
    assert_int_equal(days_files(&h, "/aggregates/"), 0);
    assert_int_equal(days_files(&h, "/metrics/"), 1); // today
    harness_done(&h);
}

/* A day past the table's retention but not past that of one stream is read from its samples for
 * this stream, and rolled up for the others; a shorter rule hides aggregates, too. */
static void test_rules_of_streams_choose_between_samples_and_aggregates(void **state)
{
    (void)state;
    struct harness h;
    struct harness_rules rules = {0};
    days_begin(&h);
    days_roll_up(&h, 0, 5);
    h.options.retention_ms = 3 * DAY;
    days_reconfigure(&h);
    harness_keep(&rules, &h.options.retention_rules, "s=2", STORE_RETENTION_FOREVER);
    days_reconfigure(&h);
    days_maintain(&h);
    assert_int_equal(days_files(&h, "/metrics/2026-11-16/"), 1); // of a{s=2} alone
    for (int restarts = 0; restarts < 2; restarts++) {
        assert_string_equal(days_summary(&h, days_start(5), NOON + DAY, false),
                            "1236 samples, sum 886830, 3 rolled up, 3 expired");
        assert_string_equal(harness_read(&h, "__name__=b", days_start(5), days_start(4)), "");
        struct matcher m[1];
        struct selection *sel = NULL;
        size_t n = harness_matchers("s=2", m, 1);
        assert_int_equal(store_select_aggregated(h.store, m, n, days_start(5), days_start(4) - 1,
                                                 HOUR, false, NULL, &sel, NULL),
                         0);
        struct arena arena;
        struct columns c;
        arena_init(&arena, 1 << 20);
        columns_init(&c, &arena);
        assert_int_equal(selection_count(sel), 1);
        assert_int_equal(selection_read(sel, 0, days_start(5), days_start(4) - 1, &c, NULL), 0);
        assert_int_equal(c.n, 206);
        columns_done(&c);
        arena_done(&arena);
        selection_free(sel);
        harness_matchers_done(m, n);
        harness_reopen(&h);
    }
    harness_keep(&rules, &h.options.retention_rules, "s=1", 2 * DAY);
    days_reconfigure(&h);
    assert_string_equal(days_summary(&h, days_start(5), days_start(3) - 1, false),
                        "0 samples, sum 0, 2 rolled up, 2 expired");
    harness_done(&h);
    harness_rules_done(&rules);
}

static void test_what_is_left_of_an_expired_day_does_not_replace_its_aggregates(void **state)
{
    (void)state;
    struct harness h;
    days_begin(&h);
    days_roll_up(&h, 5, 5);
    days_keep_samples(&h, 3 * DAY);
    harness_reopen(&h);
    h.options.retention_ms = 30 * DAY;
    days_reconfigure(&h);
    harness_put(&h, "a{s=1}", days_start(5) + 1, 77);
    days_maintain(&h);
    assert_int_equal(days_files(&h, "/metrics/2026-11-16/"), 1);
    harness_reopen(&h);
    struct days_reading r;
    days_read(&h, &r, days_start(5), days_start(4), HOUR, true);
    days_read_end(&r);
    struct part *p = aggregates_day(h.store, HOUR, days_start(5) / DAY);
    assert_int_equal(p->rows, 75); // of three streams, midnight and 24 hours each
    part_unref(p);
    harness_done(&h);
}

/* A rule keeps s=2 longer than the table's retention will be. */
static void begin_with_a_rule(struct harness *h, struct harness_rules *rules)
{
    days_begin(h);
    harness_keep(rules, &h->options.retention_rules, "s=2", 20 * DAY);
    days_reconfigure(h);
}

/* Keeps three days, and applies that to samples alone. */
static void expire(struct harness *h)
{
    h->options.retention_ms = 3 * DAY;
    days_reconfigure(h);
    assert_int_equal(store_maintain(h->store, false, NULL), 0);
}

static void put_and_flush(struct harness *h, const char *stream, int64_t t)
{
    harness_put(h, stream, t, 1);
    assert_int_equal(store_flush(h->store, NULL), 0);
}

/* Six days, 3 to 8, all rolled up; then samples are kept for three days, but those of a{s=2}. */
static void begin_with_a_stream_that_is_kept(struct harness *h, struct harness_rules *rules)
{
    begin_with_a_rule(h, rules);
    days_roll_up(h, 3, 8);
    days_keep_samples(h, 3 * DAY);
    assert_int_equal(days_files(h, "/metrics/2026-11-16/"), 1); // of a{s=2} alone
}

static uint64_t rows_of_day(struct harness *h, int64_t resolution_ms, int days_ago)
{
    struct part *p = aggregates_day(h->store, resolution_ms, day_of(days_start(days_ago)));
    uint64_t rows = p ? p->rows : 0;
    part_unref(p);
    return rows;
}

/* One stream's samples are kept longer than the table's: what is left of the day is not the day. */
static void test_late_rows_of_a_stream_that_is_kept_longer_take_no_aggregates_away(void **state)
{
    (void)state;
    struct harness h;
    struct harness_rules rules = {0};
    begin_with_a_stream_that_is_kept(&h, &rules);
    for (int round = 0; round < 3; round++) {
        harness_put(&h, "a{s=2}", days_start(5) + 1 + round, 77);
        days_maintain(&h);
        assert_int_equal(rows_of_day(&h, HOUR, 5), 75); // three streams, midnight and 24 hours each
        assert_string_equal(days_summary_of(&h, 5),
                            "206 samples, sum 147805, 2 rolled up, 2 expired");
        harness_reopen(&h);
    }
    harness_done(&h);
    harness_rules_done(&rules);
}

/* In parts of their own: that of the streams that go leaves nothing. */
static void test_a_part_of_which_nothing_is_kept_is_not_forgotten(void **state)
{
    (void)state;
    static const char *const orders[][2] = {{"a{s=1}", "a{s=2}"}, {"a{s=2}", "a{s=1}"}};
    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        struct harness h;
        struct harness_rules rules = {0};
        begin_with_a_rule(&h, &rules);
        for (int k = 0; k < 2; k++)
            put_and_flush(&h, orders[i][k], days_start(5) + HOUR);
        harness_put(&h, "a{s=1}", days_start(5) + HOUR + 1, 1);
        put_and_flush(&h, "a{s=2}", days_start(5) + HOUR + 1);
        assert_int_equal(aggregates_maintain(h.store, true, NULL), 0);
        expire(&h);
        harness_reopen(&h);
        harness_put(&h, "a{s=2}", days_start(5) + 2 * HOUR, 1);
        days_maintain(&h);
        assert_true(days_has(&h, 5, "2 samples"));
        harness_done(&h);
        harness_rules_done(&rules);
    }
}

/* In several parts, and a rule keeps other streams, so that it does not go as a whole at once. */
static void test_a_day_of_which_nothing_is_kept_goes_part_by_part(void **state)
{
    (void)state;
    struct harness h;
    struct harness_rules rules = {0};
    begin_with_a_rule(&h, &rules);
    for (int k = 0; k < 3; k++)
        put_and_flush(&h, "a{s=1}", days_start(5) + (k + 1) * HOUR);
    assert_int_equal(aggregates_maintain(h.store, true, NULL), 0);
    expire(&h);
    assert_int_equal(days_files(&h, "/metrics/2026-11-16/"), 0);
    harness_put(&h, "a{s=2}", days_start(5) + 2 * HOUR, 1);
    days_maintain(&h);
    harness_reopen(&h);
    assert_true(days_has(&h, 5, "3 samples"));
    harness_done(&h);
    harness_rules_done(&rules);
}

static void test_days_that_lost_streams_are_not_rolled_up_to_another_resolution(void **state)
{
    (void)state;
    struct harness h;
    struct harness_rules rules = {0};
    begin_with_a_stream_that_is_kept(&h, &rules);
    h.options.aggregates.n_resolutions = 1;
    h.options.aggregates.resolutions_ms[0] = 10 * MINUTE;
    h.options.retention_ms = 30 * DAY;
    days_reconfigure(&h);
    days_maintain(&h);
    assert_int_equal(rows_of_day(&h, 10 * MINUTE, 5), 0);
    assert_int_equal(rows_of_day(&h, HOUR, 5), 75);
    assert_true(rows_of_day(&h, 10 * MINUTE, 3) > 0); // it is all there
    harness_done(&h);
    harness_rules_done(&rules);
}

/* What is kept now does not tell what was kept before. */
static void test_a_retention_made_longer_again_does_not_hide_aggregates(void **state)
{
    (void)state;
    struct harness h;
    struct harness_rules rules = {0};
    struct aggregates_view v;
    begin_with_a_stream_that_is_kept(&h, &rules);
    h.options.retention_ms = 30 * DAY;
    for (int round = 0; round < 3; round++) {
        days_reconfigure(&h);
        store_aggregates_view(h.store, days_start(8), NOON, &v);
        assert_int_equal(v.raw_min_ms, days_start(3));
        assert_string_equal(days_summary(&h, days_start(5) + 1, days_start(4), false),
                            "206 samples, sum 147805, 2 rolled up, 2 expired");
        assert_string_equal(days_summary(&h, days_start(8), NOON, false),
                            "1236 samples, sum 886830, 5 rolled up, 5 expired");
        harness_reopen(&h);
        if (round == 1)
            h.options.retention_rules.n = 0;
    }
    /* Those whose samples are there are read from these. */
    struct matcher m[1];
    struct selection *sel = NULL;
    struct arena arena;
    struct columns c;
    size_t n = harness_matchers("s=2", m, 1);
    assert_int_equal(store_select_aggregated(h.store, m, n, days_start(5), days_start(4) - 1, HOUR,
                                             false, NULL, &sel, NULL),
                     0);
    arena_init(&arena, 1 << 20);
    columns_init(&c, &arena);
    assert_int_equal(selection_count(sel), 1);
    assert_int_equal(selection_read(sel, 0, days_start(5), days_start(4) - 1, &c, NULL), 0);
    assert_int_equal(c.n, 206);
    columns_done(&c);
    arena_done(&arena);
    selection_free(sel);
    harness_matchers_done(m, n);
    harness_done(&h);
    harness_rules_done(&rules);
}

static void test_a_day_is_rolled_up_before_it_expires(void **state)
{
    (void)state;
    struct harness h;
    days_begin(&h);
    h.options.aggregates.enabled = false;
    days_reconfigure(&h);
    days_roll_up(&h, 9, 9);
    assert_int_equal(days_files(&h, "/aggregates/"), 0);
    h.options.aggregates.enabled = true;
    h.options.aggregates.after_ms = 20 * DAY;
    days_keep_samples(&h, 3 * DAY);
    assert_int_equal(days_files(&h, "/metrics/"), 0);
    assert_int_equal(days_files(&h, "/aggregates/"), 2);
    harness_done(&h);
}

static void test_aggregates_expire_after_their_own_retention(void **state)
{
    (void)state;
    struct harness h;
    days_begin(&h);
    days_roll_up(&h, 1, 5);
    h.options.retention_ms = DAY;
    h.options.aggregates.retention_ms = 3 * DAY;
    days_reconfigure(&h);
    assert_string_equal(days_summary(&h, days_start(5), NOON + DAY, true),
                        "523 samples, sum 412160, 3 rolled up, 3 expired");
    days_maintain(&h);
    assert_int_equal(days_files(&h, "/aggregates/1h/"), 3);
    assert_string_equal(days_summary(&h, days_start(5), NOON + DAY, true),
                        "523 samples, sum 412160, 3 rolled up, 3 expired");
    harness_done(&h);
}

static void test_a_deletion_forgets_no_day_that_cannot_be_made_again(void **state)
{
    (void)state;
    struct harness h;
    struct harness_rules rules = {0};
    begin_with_a_stream_that_is_kept(&h, &rules);
    h.options.retention_ms = 30 * DAY;
    days_reconfigure(&h);
    days_delete(&h, "s=2", 0, NOON);
    for (int round = 0; round < 3; round++) {
        for (int day = 3; day < 9; day++)
            assert_true(days_has(&h, day, day == 3 ? "205 samples" : "206 samples"));
        days_maintain(&h);
        harness_reopen(&h);
    }
    harness_done(&h);
    harness_rules_done(&rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_aggregates_stay_when_samples_expire),
        cmocka_unit_test(test_a_limit_of_bytes_takes_aggregates_too_the_oldest_first),
        cmocka_unit_test(test_rules_of_streams_choose_between_samples_and_aggregates),
        cmocka_unit_test(test_what_is_left_of_an_expired_day_does_not_replace_its_aggregates),
        cmocka_unit_test(test_late_rows_of_a_stream_that_is_kept_longer_take_no_aggregates_away),
        cmocka_unit_test(test_a_part_of_which_nothing_is_kept_is_not_forgotten),
        cmocka_unit_test(test_a_day_of_which_nothing_is_kept_goes_part_by_part),
        cmocka_unit_test(test_days_that_lost_streams_are_not_rolled_up_to_another_resolution),
        cmocka_unit_test(test_a_retention_made_longer_again_does_not_hide_aggregates),
        cmocka_unit_test(test_a_day_is_rolled_up_before_it_expires),
        cmocka_unit_test(test_aggregates_expire_after_their_own_retention),
        cmocka_unit_test(test_a_deletion_forgets_no_day_that_cannot_be_made_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
