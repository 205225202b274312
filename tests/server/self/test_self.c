#include "self/self.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/lock.h"
#include "base/thread.h"
#include "support/check.h"

static struct self_metric plain = SELF_COUNTER("test_plain_total", "Plain.");
static struct self_metric labelled = SELF_COUNTER("test_labelled_total", "Labelled.", "a", "b");
static struct self_metric gauge = SELF_GAUGE("test_gauge", "A gauge.");
static struct self_metric latency = SELF_HISTOGRAM("test_seconds", "Latency.", "handler");
static struct self_metric wide = SELF_COUNTER("test_wide_total", "Many values.", "v");
static struct self_metric shared = SELF_COUNTER("test_shared_total", "By threads.", "t");

static char *render(void)
{
    struct buf out = BUF_MAX(1 << 20);
    self_render(&out);
    char *text = buf_take(&out, NULL);
    assert_non_null(text);
    return text;
}

static void check_shows(const char *line)
{
    char *text = render();
    if (!strstr(text, line))
        fail_msg("missing: %s in\n%s", line, text);
    free(text);
}

static void test_counters_gauges_and_histograms_are_shown(void **state)
{
    (void)state;
    self_add(&plain, 2);
    self_add(&plain, 3);
    self_add(&labelled, 1, "x\"y", "z");
    self_set(&gauge, -2.5);
    self_observe(&latency, 0.0007, "query");
    self_observe(&latency, 100, "query");
    check_shows("# HELP test_plain_total Plain.\n# TYPE test_plain_total counter\n"
                "test_plain_total 5\n");
    check_shows("test_labelled_total{a=\"x\\\"y\",b=\"z\"} 1\n");
    check_shows("test_gauge -2.5\n");
    check_shows("test_seconds_bucket{handler=\"query\",le=\"0.0005\"} 0\n");
    check_shows("test_seconds_bucket{handler=\"query\",le=\"0.001\"} 1\n");
    check_shows("test_seconds_bucket{handler=\"query\",le=\"+Inf\"} 2\n");
    check_shows("test_seconds_sum{handler=\"query\"} 100.0007\n");
    check_shows("test_seconds_count{handler=\"query\"} 2\n");
}

static void test_too_many_label_sets_fold_into_other(void **state)
{
    (void)state;
    for (int i = 0; i < 10000; i++) {
        char value[16];
        (void)snprintf(value, sizeof value, "v%d", i);
        self_add(&wide, 1, value);
    }
    check_shows("test_wide_total{v=\"v0\"} 1\n");
    check_shows("test_wide_total{v=\"other\"} 9745\n"); // 10000 less the 255 that have their own
}

static void test_process_metrics_are_there(void **state)
{
    (void)state;
    check_shows("process_cpu_seconds_total ");
    check_shows("process_resident_memory_bytes ");
    check_shows("process_start_time_seconds 1");
    check_shows("process_open_fds ");
}

static void collect(void *arg, struct buf *out)
{
    self_write_family(out, "test_collected", SELF_TYPE_GAUGE, "From elsewhere.");
    self_write_sample(out, "test_collected", *(double *)arg, "k", "v", (char *)NULL);
}

static void test_collectors_are_asked_until_they_leave(void **state)
{
    (void)state;
    double value = 7;
    self_register_collector(collect, &value);
    check_shows("test_collected{k=\"v\"} 7\n");
    self_unregister_collector(collect, &value);
    char *text = render();
    assert_null(strstr(text, "test_collected"));
    free(text);
}

/* A collector that stays until it is let out. */
struct stay {
    struct lock lock;
    struct cond changed;
    bool inside, let_out, left; /* guarded by lock */
    bool left_at_return;        /* what the unregistering thread saw */
};

static void set(struct stay *s, bool *flag)
{
    lock_take(&s->lock);
    *flag = true;
    cond_broadcast(&s->changed);
    lock_give(&s->lock);
}

static void wait_for(struct stay *s, const bool *flag)
{
    lock_take(&s->lock);
    while (!*flag)
        cond_wait(&s->changed, &s->lock);
    lock_give(&s->lock);
}

static void collect_slowly(void *arg, struct buf *out)
{
    struct stay *s = arg;
    (void)out;
    set(s, &s->inside);
    wait_for(s, &s->let_out);
    set(s, &s->left);
}

static void render_once(void *arg)
{
    (void)arg;
    free(render());
}

static void unregister_slow(void *arg)
{
    struct stay *s = arg;
    self_unregister_collector(collect_slowly, s);
    lock_take(&s->lock);
    s->left_at_return = s->left;
    lock_give(&s->lock);
}

static void test_a_collector_leaves_only_when_nobody_runs_it(void **state)
{
    (void)state;
    struct stay s = {.inside = false};
    lock_init(&s.lock, LOCK_LEAF);
    cond_init(&s.changed);
    self_register_collector(collect_slowly, &s);
    struct thread renderer = {0}, leaver = {0};
    assert_int_equal(thread_start(&renderer, "renderer", render_once, NULL, NULL), 0);
    wait_for(&s, &s.inside);
    assert_int_equal(thread_start(&leaver, "leaver", unregister_slow, &s, NULL), 0);
    set(&s, &s.let_out);
    thread_join(&leaver);
    thread_join(&renderer);
    assert_true(s.left_at_return);
    free(render()); // would use what is gone, had it not left
    cond_done(&s.changed);
    lock_done(&s.lock);
}

enum { THREADS = 4, ADDS = 20000 };

static void add_many(void *arg)
{
    for (int i = 0; i < ADDS; i++)
        self_add(&shared, 1, i % 2 ? "odd" : (const char *)arg);
}

static void test_concurrent_adds_are_all_counted(void **state)
{
    (void)state;
    static char even[] = "even";
    struct thread threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(thread_start(&threads[i], "adder", add_many, even, NULL), 0);
    free(render());
    for (int i = 0; i < THREADS; i++)
        thread_join(&threads[i]);
    check_shows("test_shared_total{t=\"odd\"} 40000\n");
    check_shows("test_shared_total{t=\"even\"} 40000\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counters_gauges_and_histograms_are_shown),
        cmocka_unit_test(test_too_many_label_sets_fold_into_other),
        cmocka_unit_test(test_process_metrics_are_there),
        cmocka_unit_test(test_collectors_are_asked_until_they_leave),
        cmocka_unit_test(test_a_collector_leaves_only_when_nobody_runs_it),
        cmocka_unit_test(test_concurrent_adds_are_all_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
