/* The table of aggregates: when days are rolled up, what is read from where, and what a crash,
 * late rows, expiry and damage leave. */
#include "harness.h"

#include <stdio.h>

#include "base/compiler.h"
#include "store/aggregates.h"
#include "store/embedded/aggregate_table.h"
#include "store/embedded/damage.h"
#include "store/embedded/head.h"
#include "store/embedded/partitions.h"

#define MINUTE (60 * SECOND)
#define TODAY (NOON - 12 * HOUR) // its first millisecond

/* Days around NOON: 0 is today, 1 yesterday, … */
static int64_t day_start(int days_ago)
{
    return TODAY - days_ago * DAY;
}

static void begin_with(struct harness *h, enum store_durability durability)
{
    harness_init(h);
    h->options.durability = durability;
    h->options.retention_ms = 30 * DAY;
    h->options.aggregates.enabled = true;
    h->options.aggregates.after_ms = 1;
    harness_open(h);
}

static void begin(struct harness *h)
{
    begin_with(h, STORE_DURABILITY_PROCESS);
}

static const char *const streams[] = {"a{s=1}", "a{s=2}", "b{s=1,x=y}"};

/* A row each minute of a day in each stream: `shift` + minute of the day. */
static void fill_day(struct harness *h, int days_ago, double shift)
{
    for (int minute = 0; minute < 1440; minute += 7) {
        for (size_t i = 0; i < ARRAY_LEN(streams); i++)
            harness_float(h, streams[i], day_start(days_ago) + minute * MINUTE, shift + minute);
        assert_int_equal(harness_append(h, NULL, NULL), 0);
    }
}

static void maintain(struct harness *h)
{
    struct err err = {0};
    int rc = store_maintain(h->store, true, &err);
    if (rc != 0)
        fail_msg("maintain: %s", err.message);
}

/* Fills the days from `first` to `last` and rolls up those that are over. */
static void roll_up(struct harness *h, int first, int last)
{
    for (int day = first; day <= last; day++)
        fill_day(h, day, 0);
    maintain(h);
}

static void reconfigure(struct harness *h)
{
    assert_int_equal(store_reconfigure(h->store, &h->options, NULL), 0);
}

static void keep_samples(struct harness *h, int64_t keep_ms)
{
    h->options.retention_ms = keep_ms;
    reconfigure(h);
    maintain(h);
}

static size_t files(struct harness *h, const char *directory)
{
    size_t n = 0;
    const char *path;
    for (size_t i = 0; (path = crash_fs_path(h->disk, ".part", i)); i++)
        n += strstr(path, directory) != NULL;
    return n;
}

/* --- reading ---------------------------------------------------------------------------------- */

struct reading {
    struct selection *sel;
    struct arena arena;
    struct aggregates rows;
};

static void read_begin(struct harness *h, struct reading *r, int64_t min_ms, int64_t max_ms,
                       int64_t resolution_ms, bool prefer)
{
    struct matcher m[2];
    size_t n = harness_matchers("s=1 __name__=a", m, 2);
    assert_int_equal(store_select_aggregated(h->store, m, n, min_ms, max_ms, resolution_ms, prefer,
                                             NULL, &r->sel, NULL),
                     0);
    harness_matchers_done(m, n);
    arena_init(&r->arena, (size_t)1 << 30);
    aggregates_init(&r->rows, AGGREGATE_ALL, &r->arena);
    if (selection_count(r->sel))
        assert_int_equal(selection_read_aggregates(r->sel, 0, min_ms, max_ms, 1, &r->rows, NULL),
                         0);
}

static void read_end(struct reading *r)
{
    aggregates_done(&r->rows);
    arena_done(&r->arena);
    selection_free(r->sel);
}

/* Samples, sum and days rolled up of a{s=1} in [min, max], as text. */
static const char *summary(struct harness *h, int64_t min_ms, int64_t max_ms, bool prefer)
{
    static char text[128];
    struct reading r;
    read_begin(h, &r, min_ms, max_ms, HOUR, prefer);
    double sum = 0;
    int64_t n = 0;
    for (size_t i = 0; i < r.rows.n; i++) {
        sum += r.rows.v[i].sum;
        n += r.rows.v[i].n;
    }
    struct selection_aggregates used = selection_aggregates(r.sel);
    (void)snprintf(text, sizeof text, "%lld samples, sum %.0f, %zu rolled up, %zu expired",
                   (long long)n, sum, used.days, used.expired);
    read_end(&r);
    return text;
}

/* Of its 24 hours, which begin behind the first millisecond and end with that of the next day. */
static const char *summary_of_day(struct harness *h, int days_ago)
{
    return summary(h, day_start(days_ago) + 1, day_start(days_ago - 1), true);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void test_days_that_are_over_are_rolled_up(void **state)
{
    (void)state;
    struct harness h;
    begin(&h);
    roll_up(&h, 0, 3);
    assert_int_equal(files(&h, "/aggregates/5m/"), 3);
    assert_int_equal(files(&h, "/aggregates/1h/"), 3);
    assert_string_equal(summary_of_day(&h, 2), "206 samples, sum 147805, 2 rolled up, 0 expired");
    assert_string_equal(summary_of_day(&h, 0), "205 samples, sum 147805, 0 rolled up, 0 expired");
    assert_string_equal(summary(&h, day_start(3), NOON + DAY, true),
                        "824 samples, sum 591220, 3 rolled up, 0 expired");
    assert_string_equal(summary(&h, day_start(3), NOON + DAY, false),
                        "824 samples, sum 591220, 0 rolled up, 0 expired");
    harness_done(&h);
}

static void test_a_day_is_rolled_up_after_the_time_set(void **state)
{
    (void)state;
    struct harness h;
    begin(&h);
    h.options.aggregates.after_ms = 2 * DAY;
    reconfigure(&h);
    roll_up(&h, 0, 4);
    assert_int_equal(files(&h, "/aggregates/1h/"), 2); // 3 and 4 days ago: over for 2 days
    h.options.aggregates.enabled = false;
    h.options.aggregates.after_ms = 1;
    reconfigure(&h);
    maintain(&h);
    assert_int_equal(files(&h, "/aggregates/1h/"), 2);
    harness_done(&h);
}

static void test_aggregates_survive_a_restart(void **state)
{
    (void)state;
    struct harness h;
    begin(&h);
    roll_up(&h, 1, 2);
    harness_reopen(&h);
    assert_string_equal(summary_of_day(&h, 1), "205 samples, sum 147805, 1 rolled up, 0 expired");
    uint64_t before = crash_fs_operations(h.disk);
    maintain(&h);
    harness_close(&h);
    assert_true(crash_fs_operations(h.disk) - before < 20); // nothing is rolled up again
    harness_open(&h);
    harness_done(&h);
}

static void test_buckets_are_those_of_the_samples(void **state)
{
    (void)state;
    struct harness h;
    struct reading r, raw;
    begin(&h);
    fill_day(&h, 2, 3);
    maintain(&h);
    for (int hours = 1; hours <= 24; hours++) {
        int64_t end = day_start(2) + hours * HOUR;
        read_begin(&h, &r, end - HOUR + 1, end, HOUR, true);
        read_begin(&h, &raw, end - HOUR + 1, end, HOUR, false);
        assert_int_equal(r.rows.n, 1);
        assert_int_equal(r.rows.v[0].t_unix_ms, end);
        assert_int_equal(r.rows.v[0].n, raw.rows.n);
        assert_int_equal(r.rows.v[0].first_ms, raw.rows.v[0].first_ms);
        assert_int_equal(r.rows.v[0].last_ms, raw.rows.v[raw.rows.n - 1].last_ms);
        assert_true(r.rows.v[0].min == raw.rows.v[0].first);
        assert_true(r.rows.v[0].max == raw.rows.v[raw.rows.n - 1].first);
        read_end(&r);
        read_end(&raw);
    }
    harness_done(&h);
}

static void test_a_sample_at_midnight_belongs_to_the_bucket_that_ends_there(void **state)
{
    (void)state;
    struct harness h;
    struct reading r;
    begin(&h);
    harness_put(&h, "a{s=1}", day_start(1) - 1, 1);
    harness_put(&h, "a{s=1}", day_start(1), 2);
    harness_put(&h, "a{s=1}", day_start(1) + 1, 4);
    maintain(&h);
    read_begin(&h, &r, day_start(1) - HOUR + 1, day_start(1), HOUR, true);
    assert_int_equal(selection_aggregates(r.sel).days, 2);
    assert_int_equal(r.rows.n, 2); // a row of each day
    assert_int_equal(r.rows.v[0].t_unix_ms, day_start(1));
    assert_int_equal(r.rows.v[1].t_unix_ms, day_start(1));
    assert_true(r.rows.v[0].sum == 1 && r.rows.v[1].sum == 2);
    read_end(&r);
    harness_done(&h);
}

static void test_late_rows_are_seen_at_once_and_rolled_up_later(void **state)
{
    (void)state;
    struct harness h;
    begin(&h);
    roll_up(&h, 2, 2);
    harness_put(&h, "a{s=1}", day_start(2) + 1, 1000000);
    assert_string_equal(summary_of_day(&h, 2), "206 samples, sum 1147805, 0 rolled up, 0 expired");
    assert_int_equal(store_flush(h.store, NULL), 0);
    assert_string_equal(summary_of_day(&h, 2), "206 samples, sum 1147805, 0 rolled up, 0 expired");
    maintain(&h);
    assert_string_equal(summary_of_day(&h, 2), "206 samples, sum 1147805, 1 rolled up, 0 expired");
    assert_int_equal(files(&h, "/aggregates/"), 2);
    harness_done(&h);
}

static void test_a_day_with_late_rows_is_not_rolled_up_at_each_flush(void **state)
{
    (void)state;
    struct harness h;
    struct err err = {0};
    begin(&h);
    roll_up(&h, 2, 2);
    harness_put(&h, "a{s=1}", day_start(2) + 1, 1);
    assert_int_equal(store_flush(h.store, NULL), 0);
    for (int flushes = 0; flushes < 4; flushes++) {
        assert_int_equal(aggregates_maintain(h.store, false, &err), 0);
        assert_string_equal(summary_of_day(&h, 2),
                            "206 samples, sum 147806, 0 rolled up, 0 expired");
        harness_put(&h, "a{s=1}", NOON + flushes, 1);
        assert_int_equal(store_flush(h.store, NULL), 0);
    }
    assert_int_equal(aggregates_maintain(h.store, false, &err), 0);
    assert_string_equal(summary_of_day(&h, 2), "206 samples, sum 147806, 1 rolled up, 0 expired");
    harness_done(&h);
}

static void test_aggregates_stay_when_samples_expire(void **state)
{
    (void)state;
    struct harness h;
    begin(&h);
    roll_up(&h, 0, 5);
    keep_samples(&h, 3 * DAY);
    assert_int_equal(files(&h, "/metrics/2026-11-16/"), 0);
    assert_string_equal(summary(&h, day_start(5), NOON + DAY, false),
                        "1236 samples, sum 886830, 3 rolled up, 3 expired");
    /* Samples are asked for: the first and the last of each bucket of the finest resolution… */
    struct reading r;
    struct columns c;
    read_begin(&h, &r, day_start(5), day_start(4) - 1, 5 * MINUTE, false);
    columns_init(&c, &r.arena);
    assert_int_equal(selection_read(r.sel, 0, day_start(5), day_start(4) - 1, &c, NULL), 0);
    assert_int_equal(c.n, 206);
    assert_int_equal(c.t_unix_ms[205], day_start(5) + 1435 * MINUTE);
    assert_true(c.value[205] == 1435);
    columns_done(&c);
    read_end(&r);
    /* … unless by somebody who has not heard of them. */
    assert_string_equal(harness_read(&h, "__name__=b", day_start(5), day_start(4)), "");
    harness_done(&h);
}

static void test_a_limit_of_bytes_takes_aggregates_too_the_oldest_first(void **state)
{
    (void)state;
    struct harness h;
    begin(&h);
    roll_up(&h, 0, 5);
    h.options.retention_ms = 3 * DAY;
    h.options.max_bytes = (uint64_t)1 << 40;
    reconfigure(&h);
    maintain(&h);
    assert_int_equal(files(&h, "/aggregates/"), 10);
    h.options.max_bytes = 1;
    reconfigure(&h);
    maintain(&h);
    assert_int_equal(files(&h, "/aggregates/"), 0);
    assert_int_equal(files(&h, "/metrics/"), 1); // today
    harness_done(&h);
}

/* A day past the table's retention but not past that of one stream is read from its samples for
 * this stream, and rolled up for the others; a shorter rule hides aggregates, too. */
static void test_rules_of_streams_choose_between_samples_and_aggregates(void **state)
{
    (void)state;
    struct harness h;
    struct harness_rules rules = {0};
    begin(&h);
    roll_up(&h, 0, 5);
    h.options.retention_ms = 3 * DAY;
    reconfigure(&h);
    harness_keep(&rules, &h.options.retention_rules, "s=2", STORE_RETENTION_FOREVER);
    reconfigure(&h);
    maintain(&h);
    assert_int_equal(files(&h, "/metrics/2026-11-16/"), 1); // of a{s=2} alone
    for (int restarts = 0; restarts < 2; restarts++) {
        assert_string_equal(summary(&h, day_start(5), NOON + DAY, false),
                            "1236 samples, sum 886830, 3 rolled up, 3 expired");
        assert_string_equal(harness_read(&h, "__name__=b", day_start(5), day_start(4)), "");
        struct matcher m[1];
        struct selection *sel = NULL;
        size_t n = harness_matchers("s=2", m, 1);
        assert_int_equal(store_select_aggregated(h.store, m, n, day_start(5), day_start(4) - 1,
                                                 HOUR, false, NULL, &sel, NULL),
                         0);
        struct arena arena;
        struct columns c;
        arena_init(&arena, 1 << 20);
        columns_init(&c, &arena);
        assert_int_equal(selection_count(sel), 1);
        assert_int_equal(selection_read(sel, 0, day_start(5), day_start(4) - 1, &c, NULL), 0);
        assert_int_equal(c.n, 206);
        columns_done(&c);
        arena_done(&arena);
        selection_free(sel);
        harness_matchers_done(m, n);
        harness_reopen(&h);
    }
    harness_keep(&rules, &h.options.retention_rules, "s=1", 2 * DAY);
    reconfigure(&h);
    assert_string_equal(summary(&h, day_start(5), day_start(3) - 1, false),
                        "0 samples, sum 0, 2 rolled up, 2 expired");
    harness_done(&h);
    harness_rules_done(&rules);
}

static void test_what_is_left_of_an_expired_day_does_not_replace_its_aggregates(void **state)
{
    (void)state;
    struct harness h;
    begin(&h);
    roll_up(&h, 5, 5);
    keep_samples(&h, 3 * DAY);
    harness_reopen(&h);
    h.options.retention_ms = 30 * DAY;
    reconfigure(&h);
    harness_put(&h, "a{s=1}", day_start(5) + 1, 77);
    maintain(&h);
    assert_int_equal(files(&h, "/metrics/2026-11-16/"), 1);
    harness_reopen(&h);
    struct reading r;
    read_begin(&h, &r, day_start(5), day_start(4), HOUR, true);
    read_end(&r);
    struct part *p = aggregates_day(h.store, HOUR, day_start(5) / DAY);
    assert_int_equal(p->rows, 75); // of three streams, midnight and 24 hours each
    part_unref(p);
    harness_done(&h);
}

/* Six days, 3 to 8, all rolled up; then samples are kept for three days, but those of a{s=2}. */
static void begin_with_a_stream_that_is_kept(struct harness *h, struct harness_rules *rules)
{
    begin(h);
    h->options.retention_ms = 30 * DAY;
    harness_keep(rules, &h->options.retention_rules, "s=2", 20 * DAY);
    reconfigure(h);
    roll_up(h, 3, 8);
    keep_samples(h, 3 * DAY);
    assert_int_equal(files(h, "/metrics/2026-11-16/"), 1); // of a{s=2} alone
}

static uint64_t rows_of_day(struct harness *h, int64_t resolution_ms, int days_ago)
{
    struct part *p = aggregates_day(h->store, resolution_ms, day_of(day_start(days_ago)));
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
        harness_put(&h, "a{s=2}", day_start(5) + 1 + round, 77);
        maintain(&h);
        assert_int_equal(rows_of_day(&h, HOUR, 5), 75); // three streams, midnight and 24 hours each
        assert_string_equal(summary_of_day(&h, 5),
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
        begin(&h);
        harness_keep(&rules, &h.options.retention_rules, "s=2", 20 * DAY);
        reconfigure(&h);
        for (int k = 0; k < 2; k++) {
            harness_put(&h, orders[i][k], day_start(5) + HOUR, 1);
            assert_int_equal(store_flush(h.store, NULL), 0);
        }
        harness_put(&h, "a{s=1}", day_start(5) + HOUR + 1, 1);
        harness_put(&h, "a{s=2}", day_start(5) + HOUR + 1, 1);
        assert_int_equal(store_flush(h.store, NULL), 0);
        assert_int_equal(aggregates_maintain(h.store, true, NULL), 0);
        h.options.retention_ms = 3 * DAY;
        reconfigure(&h);
        assert_int_equal(store_maintain(h.store, false, NULL), 0);
        harness_reopen(&h);
        harness_put(&h, "a{s=2}", day_start(5) + 2 * HOUR, 1);
        maintain(&h);
        assert_true(strncmp(summary_of_day(&h, 5), "2 samples", 9) == 0);
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
    begin(&h);
    harness_keep(&rules, &h.options.retention_rules, "s=2", 20 * DAY);
    reconfigure(&h);
    for (int k = 0; k < 3; k++) {
        harness_put(&h, "a{s=1}", day_start(5) + (k + 1) * HOUR, 1);
        assert_int_equal(store_flush(h.store, NULL), 0);
    }
    assert_int_equal(aggregates_maintain(h.store, true, NULL), 0);
    h.options.retention_ms = 3 * DAY;
    reconfigure(&h);
    assert_int_equal(store_maintain(h.store, false, NULL), 0);
    assert_int_equal(files(&h, "/metrics/2026-11-16/"), 0);
    harness_put(&h, "a{s=2}", day_start(5) + 2 * HOUR, 1);
    maintain(&h);
    harness_reopen(&h);
    assert_true(strncmp(summary_of_day(&h, 5), "3 samples", 9) == 0);
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
    reconfigure(&h);
    maintain(&h);
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
        reconfigure(&h);
        store_aggregates_view(h.store, day_start(8), NOON, &v);
        assert_int_equal(v.raw_min_ms, day_start(3));
        assert_string_equal(summary(&h, day_start(5) + 1, day_start(4), false),
                            "206 samples, sum 147805, 2 rolled up, 2 expired");
        assert_string_equal(summary(&h, day_start(8), NOON, false),
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
    assert_int_equal(store_select_aggregated(h.store, m, n, day_start(5), day_start(4) - 1, HOUR,
                                             false, NULL, &sel, NULL),
                     0);
    arena_init(&arena, 1 << 20);
    columns_init(&c, &arena);
    assert_int_equal(selection_count(sel), 1);
    assert_int_equal(selection_read(sel, 0, day_start(5), day_start(4) - 1, &c, NULL), 0);
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
    begin(&h);
    h.options.aggregates.enabled = false;
    reconfigure(&h);
    roll_up(&h, 9, 9);
    assert_int_equal(files(&h, "/aggregates/"), 0);
    h.options.aggregates.enabled = true;
    h.options.aggregates.after_ms = 20 * DAY;
    keep_samples(&h, 3 * DAY);
    assert_int_equal(files(&h, "/metrics/"), 0);
    assert_int_equal(files(&h, "/aggregates/"), 2);
    harness_done(&h);
}

static void test_aggregates_expire_after_their_own_retention(void **state)
{
    (void)state;
    struct harness h;
    begin(&h);
    roll_up(&h, 1, 5);
    h.options.retention_ms = DAY;
    h.options.aggregates.retention_ms = 3 * DAY;
    reconfigure(&h);
    assert_string_equal(summary(&h, day_start(5), NOON + DAY, true),
                        "523 samples, sum 412160, 3 rolled up, 3 expired");
    maintain(&h);
    assert_int_equal(files(&h, "/aggregates/1h/"), 3);
    assert_string_equal(summary(&h, day_start(5), NOON + DAY, true),
                        "523 samples, sum 412160, 3 rolled up, 3 expired");
    harness_done(&h);
}

static void test_damaged_aggregates_are_set_aside_and_made_again(void **state)
{
    (void)state;
    struct harness h;
    begin(&h);
    roll_up(&h, 2, 2);
    const char *path = "root/data/aggregates/1h/2026-11-19.part";
    harness_close(&h);
    uint64_t size = crash_fs_size(h.disk, path);
    assert_true(size > 0);
    assert_true(crash_fs_damage(h.disk, path, size - 3, 1));
    harness_open(&h);
    assert_string_equal(summary_of_day(&h, 2), "205 samples, sum 147805, 1 rolled up, 0 expired");
    assert_int_equal(files(&h, "/aggregates/1h/"), 0); // it was the finer one that was taken
    maintain(&h);
    assert_int_equal(files(&h, "/aggregates/1h/"), 1);
    harness_done(&h);
}

/* Whose samples have expired: nothing can be read in its place, nor can it be made again. */
static void test_a_damaged_day_that_cannot_be_made_again_is_told_of(void **state)
{
    (void)state;
    struct harness h;
    begin(&h);
    roll_up(&h, 1, 5);
    keep_samples(&h, 3 * DAY);
    harness_close(&h);
    const char *path = "root/data/aggregates/5m/2026-11-16.part"; // five days ago
    assert_true(crash_fs_damage(h.disk, path, crash_fs_size(h.disk, path) - 3, 1));
    path = "root/data/aggregates/5m/2026-11-20.part"; // its samples are there
    assert_true(crash_fs_damage(h.disk, path, crash_fs_size(h.disk, path) - 3, 1));
    for (int start = 0; start < 2; start++) {
        harness_open(&h);
        assert_true(store_is_damaged(h.store, day_start(5), day_start(4) - 1));
        assert_false(store_is_damaged(h.store, day_start(4), NOON));
        harness_close(&h);
    }
    h.options.aggregates.retention_ms = 4 * DAY;
    harness_open(&h);
    assert_false(store_is_damaged(h.store, 0, NOON));
    assert_null(crash_fs_path(h.disk, "5m/2026-11-16.part.damaged", 0));
    harness_done(&h);
}

static void test_a_damaged_index_of_a_day_that_cannot_be_made_again_is_told_of(void **state)
{
    (void)state;
    struct harness h;
    begin(&h);
    roll_up(&h, 5, 5);
    keep_samples(&h, 3 * DAY);
    struct part *p = aggregates_day(h.store, HOUR, day_of(day_start(5)));
    assert_non_null(p);
    assert_false(store_is_damaged(h.store, 0, NOON));
    damage_note_part(h.store, p);
    part_unref(p);
    assert_true(store_is_damaged(h.store, 0, NOON));
    assert_false(store_is_damaged(h.store, day_start(3), NOON));
    harness_done(&h);
}

static void test_a_damaged_block_is_counted(void **state)
{
    (void)state;
    struct harness h;
    struct reading r;
    begin(&h);
    roll_up(&h, 2, 2);
    const char *path = "root/data/aggregates/1h/2026-11-19.part";
    harness_close(&h);
    assert_true(crash_fs_damage(h.disk, path, 40, 1));
    harness_open(&h);
    read_begin(&h, &r, day_start(2), day_start(1), HOUR, true);
    assert_int_equal(r.rows.n, 0);
    assert_int_equal(r.rows.damaged, 1);
    read_end(&r);
    harness_done(&h);
}

/* Else it would be answered from buckets, which do not tell that samples were missing. */
static void test_a_day_with_a_damaged_block_is_told_of_when_it_is_rolled_up(void **state)
{
    (void)state;
    struct harness h;
    begin(&h);
    fill_day(&h, 2, 0);
    assert_int_equal(store_flush(h.store, NULL), 0);
    const char *path = crash_fs_path(h.disk, ".part", 0);
    harness_close(&h);
    assert_true(crash_fs_damage(h.disk, path, 40, 1)); // of a{s=1}
    harness_open(&h);
    maintain(&h);
    assert_int_equal(files(&h, "/aggregates/"), 0);
    maintain(&h);
    assert_int_equal(files(&h, "/aggregates/"), 2);
    assert_string_equal(summary_of_day(&h, 2), "0 samples, sum 0, 1 rolled up, 0 expired");
    for (int start = 0; start < 2; start++) {
        assert_non_null(crash_fs_path(h.disk, ".part.damaged", 0));
        assert_true(store_is_damaged(h.store, day_start(2), day_start(1) - 1));
        harness_close(&h);
        harness_open(&h);
    }
    harness_done(&h);
}

/* Days 1 to 5, samples of the first two kept; all rolled up. */
static void begin_with_expired_days(struct harness *h)
{
    begin(h);
    roll_up(h, 1, 5);
    keep_samples(h, 3 * DAY);
}

static bool has_day(struct harness *h, int days_ago, const char *samples)
{
    return strncmp(summary_of_day(h, days_ago), samples, strlen(samples)) == 0;
}

static void delete_rows(struct harness *h, const char *text, int64_t min_ms, int64_t max_ms)
{
    struct matcher m[2];
    struct err err = {0};
    size_t n = harness_matchers(text, m, 2);
    if (store_delete(h->store, m, n, min_ms, max_ms, &err) != 0)
        fail_msg("delete: %s", err.message);
    harness_matchers_done(m, n);
}

static void test_streams_of_expired_days_are_listed(void **state)
{
    (void)state;
    struct harness h;
    struct matcher m[2];
    struct selection *sel = NULL;
    struct arena arena;
    struct str *names = NULL;
    size_t count = 0;
    begin(&h);
    harness_put(&h, "old{s=9,once=upon}", day_start(4) + HOUR, 1);
    roll_up(&h, 4, 4);
    keep_samples(&h, 2 * DAY);
    arena_init(&arena, 1 << 20);
    size_t n = harness_matchers("s=9", m, 2);
    assert_int_equal(store_select_known(h.store, m, n, 0, NOON, 0, NULL, &sel, NULL), 0);
    assert_int_equal(selection_count(sel), 1);
    check_str(labels_get(selection_labels(sel, 0), STR("once")), "upon");
    selection_free(sel);
    assert_int_equal(store_label_names(h.store, m, n, 0, NOON, 0, &arena, &names, &count, NULL), 0);
    assert_int_equal(count, 3);
    check_str(names[1], "once");
    assert_int_equal(
        store_label_values(h.store, STR("s"), NULL, 0, 0, NOON, 0, &arena, &names, &count, NULL),
        0);
    assert_int_equal(count, 3);
    check_str(names[2], "9");
    assert_int_equal(store_label_values(h.store, STR("s"), NULL, 0, day_start(3) + 1, NOON, 0,
                                        &arena, &names, &count, NULL),
                     0);
    assert_int_equal(count, 0);
    harness_matchers_done(m, n);
    arena_done(&arena);
    harness_done(&h);
}

/* As a limit of bytes does: not because of their age, so that late rows are still taken. */
static void test_days_that_were_dropped_are_stood_in_for(void **state)
{
    (void)state;
    struct harness h;
    struct aggregates_view v;
    begin(&h);
    roll_up(&h, 1, 4);
    assert_int_equal(partition_drop(h.store, day_of(day_start(3)), NULL), 0);
    store_aggregates_view(h.store, day_start(4), NOON, &v);
    assert_int_equal(v.raw_min_ms, day_start(2));
    assert_true(has_day(&h, 3, "206 samples, sum 147805"));
    harness_put(&h, "a{s=1}", day_start(3) + 1, 1000);
    assert_true(has_day(&h, 3, "206 samples, sum 147805"));
    maintain(&h);
    assert_true(has_day(&h, 3, "206 samples, sum 147805"));
    assert_true(has_day(&h, 2, "206 samples, sum 147805"));
    harness_done(&h);
}

static void test_a_deleted_stream_is_gone_from_aggregates(void **state)
{
    (void)state;
    struct harness h;
    begin_with_expired_days(&h);
    delete_rows(&h, "s=1", 0, NOON);
    for (int round = 0; round < 2; round++) {
        for (int day = 1; day < 6; day++)
            assert_true(has_day(&h, day, "0 samples"));
        harness_kill(&h);
    }
    maintain(&h);
    assert_true(has_day(&h, 5, "0 samples"));
    assert_int_equal(files(&h, "/aggregates/1h/"), 5);
    harness_done(&h);
}

static void test_a_deletion_forgets_no_day_that_cannot_be_made_again(void **state)
{
    (void)state;
    struct harness h;
    struct harness_rules rules = {0};
    begin_with_a_stream_that_is_kept(&h, &rules);
    h.options.retention_ms = 30 * DAY;
    reconfigure(&h);
    delete_rows(&h, "s=2", 0, NOON);
    for (int round = 0; round < 3; round++) {
        for (int day = 3; day < 9; day++)
            assert_true(has_day(&h, day, day == 3 ? "205 samples" : "206 samples"));
        maintain(&h);
        harness_reopen(&h);
    }
    harness_done(&h);
    harness_rules_done(&rules);
}

/* The index was found damaged where it was read, and the next start may read elsewhere. */
static void test_what_is_deleted_does_not_come_back_from_a_damaged_day(void **state)
{
    (void)state;
    static const int64_t resolutions[] = {300 * SECOND, HOUR};
    struct harness h;
    begin_with_expired_days(&h);
    for (size_t i = 0; i < ARRAY_LEN(resolutions); i++) {
        struct part *p = aggregates_day(h.store, resolutions[i], day_of(day_start(5)));
        assert_non_null(p);
        damage_note_part(h.store, p);
        part_unref(p);
    }
    delete_rows(&h, "s=1", 0, NOON);
    harness_close(&h);
    (void)harness_open(&h);
    assert_true(has_day(&h, 5, "0 samples"));
    assert_true(store_is_damaged(h.store, day_start(5), day_start(4) - 1));
    assert_non_null(crash_fs_path(h.disk, "aggregates/1h/2026-11-16.part.damaged", 0));
    harness_done(&h);
}

static void test_a_deletion_leaves_the_other_streams_and_times(void **state)
{
    (void)state;
    struct harness h;
    begin_with_expired_days(&h);
    assert_true(has_day(&h, 4, "206 samples, sum 147805"));
    delete_rows(&h, "s=2", 0, NOON);
    assert_true(has_day(&h, 4, "206 samples, sum 147805"));
    /* From 10:30 to 11:30: the two hours that it touches. */
    delete_rows(&h, "s=1", day_start(4) + 630 * MINUTE, day_start(4) + 690 * MINUTE);
    assert_true(has_day(&h, 4, "189 samples, sum 136619"));
    assert_true(has_day(&h, 5, "206 samples, sum 147805"));
    harness_reopen(&h);
    assert_true(has_day(&h, 4, "189 samples, sum 136619"));
    harness_done(&h);
}

static void test_a_day_with_samples_is_rolled_up_again_after_a_deletion(void **state)
{
    (void)state;
    struct harness h;
    begin_with_expired_days(&h);
    delete_rows(&h, "s=1", day_start(1) + 630 * MINUTE, day_start(1) + 690 * MINUTE - 1);
    assert_int_equal(files(&h, "/aggregates/1h/"), 4);
    assert_true(has_day(&h, 1, "196 samples, sum 141883"));
    maintain(&h);
    assert_int_equal(files(&h, "/aggregates/1h/"), 5);
    assert_true(has_day(&h, 1, "196 samples, sum 141883"));
    harness_done(&h);
}

/* The first part of the day has nothing but what is deleted, and is too small to be merged. */
static void test_a_part_that_a_deletion_empties_does_not_end_its_day(void **state)
{
    (void)state;
    struct harness h;
    begin(&h);
    harness_put(&h, "gone{k=x}", day_start(2) + 1, 1);
    assert_int_equal(store_flush(h.store, NULL), 0);
    for (int i = 0; i < 1000; i++) {
        char other[32];
        (void)snprintf(other, sizeof other, "other{i=v%d}", i);
        harness_float(&h, other, day_start(2) + i, i);
    }
    fill_day(&h, 2, 0);
    assert_int_equal(store_flush(h.store, NULL), 0);
    delete_rows(&h, "k=x", 0, NOON);
    assert_int_equal(store_maintain(h.store, false, NULL), 0);
    assert_string_equal(summary_of_day(&h, 2), "205 samples, sum 147805, 1 rolled up, 0 expired");
    assert_int_equal(store_clean_tombstones(h.store, NULL), 0);
    for (int round = 0; round < 2; round++) {
        assert_true(has_day(&h, 2, "205 samples, sum 147805, 1 rolled up, 0 expired"));
        harness_reopen(&h);
    }
    harness_put(&h, "a{s=1}", day_start(2) + 1, 1000000);
    assert_string_equal(summary_of_day(&h, 2), "206 samples, sum 1147805, 0 rolled up, 0 expired");
    harness_done(&h);
}

static void test_the_view_names_resolutions_of_the_range(void **state)
{
    (void)state;
    struct harness h;
    struct aggregates_view v;
    begin(&h);
    h.options.aggregates.n_resolutions = 1;
    h.options.aggregates.resolutions_ms[0] = 10 * MINUTE;
    reconfigure(&h);
    roll_up(&h, 3, 3);
    assert_int_equal(files(&h, "/aggregates/10m/"), 1);
    store_aggregates_view(h.store, day_start(3), NOON, &v);
    assert_int_equal(v.n, 1);
    assert_int_equal(v.resolutions_ms[0], 10 * MINUTE);
    assert_int_equal(v.raw_min_ms, NOON - 30 * DAY);
    store_aggregates_view(h.store, day_start(1), NOON, &v);
    assert_int_equal(v.n, 0);
    harness_done(&h);
}

static int64_t resolution_taken(struct harness *h, int64_t min_ms, int64_t max_ms, int64_t asked_ms)
{
    struct reading r;
    read_begin(h, &r, min_ms, max_ms, asked_ms, false);
    int64_t taken_ms = selection_aggregates(r.sel).resolution_ms;
    assert_int_equal(selection_aggregates(r.sel).days, 1);
    read_end(&r);
    return taken_ms;
}

/* Where a day begins or ends with samples is not the same at each resolution. */
static void test_days_in_a_range_are_those_that_it_meets(void **state)
{
    (void)state;
    struct harness h;
    begin(&h);
    harness_put(&h, "a{s=1}", day_start(5) + HOUR, 1);
    harness_put(&h, "a{s=1}", day_start(5) + 22 * HOUR + 10 * MINUTE, 1);
    harness_put(&h, "a{s=1}", day_start(4), 1);
    maintain(&h);
    keep_samples(&h, DAY);
    int64_t end = day_start(4);
    assert_int_equal(resolution_taken(&h, end - HOUR, end - 1, 5 * MINUTE), 5 * MINUTE);
    assert_int_equal(resolution_taken(&h, end - HOUR, end - 1, HOUR), HOUR);
    assert_int_equal(resolution_taken(&h, end - 80 * MINUTE, end - 70 * MINUTE, 5 * MINUTE),
                     5 * MINUTE);
    harness_done(&h);
}

static void test_the_coarsest_resolution_of_a_range_is_told(void **state)
{
    (void)state;
    struct harness h;
    begin(&h);
    h.options.aggregates.n_resolutions = 1;
    h.options.aggregates.resolutions_ms[0] = HOUR;
    reconfigure(&h);
    roll_up(&h, 5, 5);
    keep_samples(&h, 4 * DAY);
    h.options.aggregates.n_resolutions = 0;
    reconfigure(&h);
    roll_up(&h, 3, 3);
    int64_t last = NOON;
    assert_int_equal(store_aggregates_coarser(h.store, day_start(5), last, 5 * MINUTE), HOUR);
    assert_int_equal(store_aggregates_coarser(h.store, day_start(3), last, 5 * MINUTE), 0);
    assert_int_equal(store_aggregates_coarser(h.store, day_start(5), last, 2 * HOUR), 0);
    assert_int_equal(store_aggregates_coarser(h.store, day_start(3), last, 7 * MINUTE), 5 * MINUTE);
    assert_int_equal(store_aggregates_coarser(h.store, day_start(1), last, 7 * MINUTE), 0);
    harness_done(&h);
}

static void test_too_many_resolutions_are_an_error(void **state)
{
    (void)state;
    struct harness h;
    struct err err = {0};
    begin(&h);
    roll_up(&h, 2, 2);
    h.options.aggregates.n_resolutions = STORE_RESOLUTIONS_MAX;
    for (int i = 0; i < STORE_RESOLUTIONS_MAX; i++)
        h.options.aggregates.resolutions_ms[i] = (i + 1) * 10 * SECOND;
    reconfigure(&h);
    assert_int_equal(store_maintain(h.store, true, &err), ERR_TOO_BIG);
    assert_string_equal(err.message, "aggregates: more than 8 resolutions");
    harness_done(&h);
}

/* --- crashes ---------------------------------------------------------------------------------- */

/* Rolls days up, and up again with late rows; the power goes at operation `at`. False when all was
 * done before. */
static bool crash_at(uint64_t at)
{
    static const char *const without = "206 samples, sum 147805, 2 rolled up, 0 expired";
    static const char *const with = "207 samples, sum 1147805, 2 rolled up, 0 expired";
    enum { SAMPLES_AND_SUM = 22 };
    struct harness h;
    struct err ignored;
    begin_with(&h, STORE_DURABILITY_DISK);
    fill_day(&h, 1, 0);
    fill_day(&h, 2, 0);
    assert_int_equal(store_flush(h.store, NULL), 0);
    crash_fs_lose_power_at(h.disk, at);
    (void)store_maintain(h.store, true, &ignored);
    harness_float(&h, "a{s=1}", day_start(2) + 1, 1000000);
    bool late = harness_append(&h, NULL, &ignored) == 0 && store_flush(h.store, &ignored) == 0;
    (void)store_maintain(h.store, true, &ignored);
    bool lost = crash_fs_has_lost_power(h.disk);
    harness_power_loss(&h);

    const char *expected = late ? with : without, *day = summary_of_day(&h, 2);
    if (!late && strncmp(day, with, SAMPLES_AND_SUM) == 0)
        expected = with; // it had reached the log
    assert_int_equal(strncmp(day, expected, SAMPLES_AND_SUM), 0);
    maintain(&h);
    assert_string_equal(summary_of_day(&h, 2), expected);
    assert_int_equal(files(&h, "/aggregates/1h/"), 2);
    harness_done(&h);
    return lost;
}

static void test_power_loss_leaves_a_day_whole_or_not_at_all(void **state)
{
    (void)state;
    uint64_t at = 0;
    while (crash_at(at))
        at++;
    assert_true(at > 40);
}

/* Deletes while the power goes at operation `at`: days that have samples have all rows or none,
 * rolled up or not; what was acknowledged is gone everywhere, and can be deleted again. */
static bool crash_in_deletion_at(uint64_t at)
{
    struct harness h;
    struct matcher m[2];
    struct err ignored;
    begin_with(&h, STORE_DURABILITY_DISK);
    roll_up(&h, 1, 4);
    keep_samples(&h, 2 * DAY);
    size_t n = harness_matchers("s=1", m, 2);
    crash_fs_lose_power_at(h.disk, at);
    bool done = store_delete(h.store, m, n, 0, NOON, &ignored) == 0;
    bool lost = crash_fs_has_lost_power(h.disk);
    harness_power_loss(&h);
    bool gone = has_day(&h, 1, "0 samples");
    assert_true(gone || has_day(&h, 1, "205 samples, sum 147805"));
    for (int day = 3; day < 5 && done; day++)
        assert_true(has_day(&h, day, "0 samples"));
    assert_true(gone || !done);
    maintain(&h);
    assert_int_equal(has_day(&h, 1, "0 samples"), gone);
    assert_int_equal(store_delete(h.store, m, n, 0, NOON, NULL), 0);
    for (int day = 1; day < 5; day++)
        assert_true(has_day(&h, day, "0 samples"));
    harness_matchers_done(m, n);
    harness_done(&h);
    return lost;
}

static void test_power_loss_in_a_deletion_leaves_samples_and_aggregates_alike(void **state)
{
    (void)state;
    uint64_t at = 0;
    while (crash_in_deletion_at(at))
        at++;
    assert_true(at > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_days_that_are_over_are_rolled_up),
        cmocka_unit_test(test_a_day_is_rolled_up_after_the_time_set),
        cmocka_unit_test(test_aggregates_survive_a_restart),
        cmocka_unit_test(test_buckets_are_those_of_the_samples),
        cmocka_unit_test(test_a_sample_at_midnight_belongs_to_the_bucket_that_ends_there),
        cmocka_unit_test(test_late_rows_are_seen_at_once_and_rolled_up_later),
        cmocka_unit_test(test_a_day_with_late_rows_is_not_rolled_up_at_each_flush),
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
        cmocka_unit_test(test_damaged_aggregates_are_set_aside_and_made_again),
        cmocka_unit_test(test_a_damaged_day_that_cannot_be_made_again_is_told_of),
        cmocka_unit_test(test_a_damaged_index_of_a_day_that_cannot_be_made_again_is_told_of),
        cmocka_unit_test(test_a_damaged_block_is_counted),
        cmocka_unit_test(test_a_day_with_a_damaged_block_is_told_of_when_it_is_rolled_up),
        cmocka_unit_test(test_streams_of_expired_days_are_listed),
        cmocka_unit_test(test_days_that_were_dropped_are_stood_in_for),
        cmocka_unit_test(test_a_deleted_stream_is_gone_from_aggregates),
        cmocka_unit_test(test_a_deletion_forgets_no_day_that_cannot_be_made_again),
        cmocka_unit_test(test_what_is_deleted_does_not_come_back_from_a_damaged_day),
        cmocka_unit_test(test_a_deletion_leaves_the_other_streams_and_times),
        cmocka_unit_test(test_a_day_with_samples_is_rolled_up_again_after_a_deletion),
        cmocka_unit_test(test_a_part_that_a_deletion_empties_does_not_end_its_day),
        cmocka_unit_test(test_the_view_names_resolutions_of_the_range),
        cmocka_unit_test(test_days_in_a_range_are_those_that_it_meets),
        cmocka_unit_test(test_the_coarsest_resolution_of_a_range_is_told),
        cmocka_unit_test(test_too_many_resolutions_are_an_error),
        cmocka_unit_test(test_power_loss_leaves_a_day_whole_or_not_at_all),
        cmocka_unit_test(test_power_loss_in_a_deletion_leaves_samples_and_aggregates_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
