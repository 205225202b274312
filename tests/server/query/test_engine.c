/* Limits, failures and the parts of the answer that the conformance scripts do not look at. */
#include "query/query.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/lock.h"
#include "base/thread.h"
#include "base/time.h"
#include "query/exec/gate.h"
#include "query/exec/limits.h"
#include "store/store.h"
#include "support/check.h"
#include "support/loaded_store.h"

struct fixture {
    struct store *store;
    struct query_engine *engine;
};

/* --- a store with what the tests ask for ------------------------------------------------------ */

static const char data[] = "load 1m\n"
                           "  up{job=\"a\", instance=\"1\"} 1x60\n"
                           "  up{job=\"a\", instance=\"2\"} 1x60\n"
                           "  up{job=\"b\", instance=\"1\"} 0x60\n"
                           "  requests_total{job=\"a\"} 0+60x60\n"
                           "  requests_total{job=\"b\"} 0+6x60\n"
                           "  lossy{damaged_blocks=\"xx\"} 1x60\n"
                           "  errors_total{job=\"a\"} 0+6x60\n"
                           "\n";

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct query_options query = {0};
    f->store = loaded_store(str_c(data));
    assert_int_equal(query_engine_new(f->store, &query, &f->engine, NULL), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    query_engine_free(f->engine);
    assert_int_equal(store_close(f->store, NULL), 0);
    free(f);
    return 0;
}

static struct query_request at(const char *expr, int64_t minutes)
{
    return (struct query_request){
        .expr = str_c(expr), .instant = true, .start_ms = minutes * 60 * MS_PER_S};
}

static struct query_request over(const char *expr, int64_t minutes, int64_t step_s)
{
    return (struct query_request){
        .expr = str_c(expr), .end_ms = minutes * 60 * MS_PER_S, .step_ms = step_s * MS_PER_S};
}

static void check_fails(struct fixture *f, struct query_request q, int code, const char *part)
{
    struct query_result r;
    struct err err = {0};
    int rc = query_run(f->engine, &q, &r, &err);
    if (rc != code || !strstr(err.message, part))
        fail_msg("%.*s: %d \"%s\"", STR_ARG(q.expr), rc, err.message);
}

static struct query_result run(struct fixture *f, struct query_request q)
{
    struct query_result r;
    struct err err = {0};
    if (query_run(f->engine, &q, &r, &err) != 0)
        fail_msg("%.*s: %s", STR_ARG(q.expr), err.message);
    return r;
}

static double number_of(struct fixture *f, const char *expr)
{
    struct query_result r = run(f, at(expr, 5));
    assert_int_equal(r.n_series, 1);
    double v = r.series[0].points[0].value;
    query_result_done(&r);
    return v;
}

/* --- answers ---------------------------------------------------------------------------------- */

/* What Prometheus gives on amd64. */
static void test_dates_are_those_of_any_number_of_seconds(void **state)
{
    static const char *const names[] = {"year",        "month",       "day_of_month",
                                        "day_of_week", "day_of_year", "days_in_month",
                                        "hour",        "minute"};
    static const struct {
        const char *seconds;
        double parts[ARRAY_LEN(names)];
    } cases[] = {
        {"-1.5", {1969, 12, 31, 3, 365, 31, 23, 59}},
        {"1e15", {31690708, 7, 5, 0, 187, 31, 1, 46}},
        {"1e17", {3168875820, 9, 6, 3, 250, 30, 9, 46}},
        {"-1e17", {-3168871881, 4, 27, 4, 117, 30, 14, 13}},
        {"9.2e18", {291536396232, 8, 31, 5, 244, 31, 11, 33}},
        {"9.223372036854774e18", {292277026596, 12, 4, 0, 339, 31, 14, 56}},
        {"-9.223372036854775e18", {292277026596, 12, 4, 0, 339, 31, 15, 47}},
        {"-9.3e18", {292277026596, 12, 4, 0, 339, 31, 15, 30}},
        {"Inf", {292277026596, 12, 4, 0, 339, 31, 15, 30}},
        {"NaN", {292277026596, 12, 4, 0, 339, 31, 15, 30}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t k = 0; k < ARRAY_LEN(names); k++) {
            char expr[64];
            (void)snprintf(expr, sizeof expr, "%s(vector(%s))", names[k], cases[i].seconds);
            double got = number_of(*state, expr);
            if (got != cases[i].parts[k])
                fail_msg("%s: %.0f, not %.0f", expr, got, cases[i].parts[k]);
        }
}

static void test_the_times_of_a_query_add_up(void **state)
{
    struct query_result r = run(*state, over("{job=~\".+\"}", 10, 60));
    int64_t evaluated = r.stats.select_ns + r.stats.eval_ns + r.stats.sort_ns;
    assert_true(r.stats.select_ns >= 0 && r.stats.eval_ns >= 0 && r.stats.sort_ns >= 0);
    assert_true(evaluated > 0 && r.stats.queue_ns >= 0);
    assert_true(r.stats.exec_ns >= evaluated + r.stats.queue_ns);
    query_result_done(&r);
}

static void test_answers_have_the_type_of_the_expression(void **state)
{
    struct query_result r = run(*state, at("1 + 1", 5));
    assert_int_equal(r.type, QUERY_SCALAR);
    assert_true(r.series[0].points[0].value == 2);
    query_result_done(&r);
    r = run(*state, at("'text'", 5));
    assert_int_equal(r.type, QUERY_STRING);
    check_str(r.text, "text");
    query_result_done(&r);
    r = run(*state, at("up", 5));
    assert_int_equal(r.type, QUERY_VECTOR);
    assert_int_equal(r.n_series, 3);
    query_result_done(&r);
    r = run(*state, at("up[3m]", 5));
    assert_int_equal(r.type, QUERY_MATRIX);
    assert_int_equal(r.series[0].n, 3);
    assert_int_equal(r.series[0].points[0].t_unix_ms, 180000);
    query_result_done(&r);
    r = run(*state, over("1", 2, 60));
    assert_int_equal(r.type, QUERY_MATRIX);
    assert_int_equal(r.series[0].n, 3);
    query_result_done(&r);
}

static void test_end_is_what_was_asked_for_not_the_last_step(void **state)
{
    struct query_request q = over("requests_total{job=\"a\"} @ end()", 10, 240); // steps at 0, 4, 8
    struct query_result r = run(*state, q);
    assert_int_equal(r.series[0].n, 3);
    assert_true(r.series[0].points[0].value == 600);
    query_result_done(&r);
}

static void test_duplicates_matter_only_beside_a_sample(void **state)
{
    /* The right side has two series a group; the left side is empty, or has none of the group. */
    struct query_result r = run(*state, at("(up > 5) * on (instance) up", 5));
    assert_int_equal(r.n_series, 0);
    query_result_done(&r);
    check_fails(*state, at("requests_total * on (instance) up", 5), ERR_UNSUPPORTED,
                "found duplicate series for the match group {instance=\"1\"}");
    check_fails(*state, over("requests_total * on (instance) up", 5, 60), ERR_UNSUPPORTED,
                "found duplicate series");
}

static void test_range_answers_are_sorted_and_statistics_filled(void **state)
{
    struct query_result r = run(*state, over("sum by (job) (rate(requests_total[5m]))", 30, 60));
    assert_int_equal(r.n_series, 2);
    check_str(labels_get(&r.series[0].labels, STR("job")), "a");
    assert_true(fabs(r.series[0].points[10].value - 1) < 1e-9);
    assert_true(r.stats.samples_read >= 60);
    assert_true(r.stats.peak_samples > 0);
    assert_int_equal(r.stats.series_selected, 2);
    query_result_done(&r);
}

static void test_a_trace_is_a_tree_of_the_parts(void **state)
{
    struct query_request q = over("sum by (job) (rate(requests_total[5m])) + 1", 30, 60);
    struct query_result r = run(*state, q);
    assert_null(r.trace);
    query_result_done(&r);
    q.trace = true;
    r = run(*state, q);
    const struct query_trace *plus = r.trace->children, *sum = plus->children;
    const struct query_trace *rate = sum->children;
    check_str(plus->expr, "sum by (job) (rate(requests_total[5m])) + 1");
    check_str(sum->expr, "sum by (job) (rate(requests_total[5m]))");
    check_str(rate->expr, "rate(requests_total[5m])");
    assert_null(rate->children);
    assert_int_equal(rate->series, 2);
    assert_int_equal(sum->series, 2);
    assert_true(rate->samples == r.stats.samples_read && sum->samples == rate->samples);
    assert_true(r.trace->ns >= plus->ns && plus->ns >= sum->ns && sum->ns >= rate->ns);
    query_result_done(&r);
}

static void test_damaged_data_is_told(void **state)
{
    struct query_result r = run(*state, at("sum(lossy) + sum(lossy)", 5));
    assert_int_equal(r.n_warnings, 1);
    check_str(r.warnings[0], STORE_DAMAGED_WARNING);
    query_result_done(&r);
}

static void test_limit_cuts_the_answer_and_says_so(void **state)
{
    struct query_request q = at("up", 5);
    q.limit = 2;
    struct query_result r = run(*state, q);
    assert_int_equal(r.n_series, 2);
    assert_int_equal(r.n_warnings, 1);
    check_str(r.warnings[0], "results truncated due to limit");
    query_result_done(&r);
}

static void test_names_go_at_once_unless_told_otherwise(void **state)
{
    struct query_result r = run(*state, at("sum by (__name__) (rate(requests_total[5m]))", 10));
    assert_int_equal(r.series[0].labels.n, 0);
    query_result_done(&r);
    check_fails(*state, at("rate({__name__=~\".+_total\", job=\"a\"}[5m])", 10), ERR_UNSUPPORTED,
                "vector cannot contain metrics with the same labelset");
    check_fails(*state, at("-{__name__=~\".+_total\", job=\"a\"}", 10), ERR_UNSUPPORTED,
                "vector cannot contain metrics with the same labelset");
    check_fails(*state, at("sum(abs({__name__=~\".+_total\", job=\"a\"}))", 10), ERR_UNSUPPORTED,
                "vector cannot contain metrics with the same labelset");
}

static void test_rate_of_what_is_no_counter_is_remarked(void **state)
{
    struct query_result r = run(*state, at("rate(up[5m])", 10));
    assert_int_equal(r.n_infos, 1);
    check_str(r.infos[0], "PromQL info: metric might not be a counter, name does not end in "
                          "_total/_sum/_count/_bucket: \"up\" (1:6)");
    query_result_done(&r);
}

/* A store of its own for one query. */
static void check_notes(const char *load, struct query_request q, const char *const *texts,
                        size_t n, bool info)
{
    struct fixture f = {.store = loaded_store(str_c(load))};
    struct query_options query = {0};
    assert_int_equal(query_engine_new(f.store, &query, &f.engine, NULL), 0);
    struct query_result r = run(&f, q);
    assert_int_equal(info ? r.n_infos : r.n_warnings, n);
    for (size_t i = 0; i < n; i++)
        check_str(info ? r.infos[i] : r.warnings[i], texts[i]);
    query_result_done(&r);
    query_engine_free(f.engine);
    assert_int_equal(store_close(f.store, NULL), 0);
}

static void test_ten_infos_are_told_and_the_rest_is_counted(void **state)
{
    (void)state;
    struct buf load = BUF_MAX(4096), expr = BUF_MAX(4096);
    buf_puts(&load, "load 1m\n");
    for (int i = 0; i < 13; i++) {
        buf_printf(&load, "  level_%02d 1x20\n", i);
        buf_printf(&expr, "%srate(level_%02d[5m])", i ? " or " : "", i);
    }
    buf_printf(&expr, " or rate(level_00[9m])");
    struct fixture f = {.store = loaded_store(buf_str(&load))};
    struct query_options query = {0};
    assert_int_equal(query_engine_new(f.store, &query, &f.engine, NULL), 0);
    struct query_request q = at("", 10);
    q.expr = buf_str(&expr);
    struct query_result r = run(&f, q);
    assert_int_equal(r.n_infos, 11);
    assert_int_equal(r.n_warnings, 0);
    check_str(r.infos[10], "3 more info annotations omitted");
    query_result_done(&r);
    query_engine_free(f.engine);
    assert_int_equal(store_close(f.store, NULL), 0);
    buf_done(&load);
    buf_done(&expr);
}

static void test_names_in_annotations_are_quoted(void **state)
{
    (void)state;
    static const char *const name[] = {
        "PromQL info: metric might not be a counter, name does not end in "
        "_total/_sum/_count/_bucket: \"d\xc3\xa9"
        "bit \\\"net\\\"\" (1:6)"};
    static const char *const bound[] = {
        "PromQL warning: bucket label \"le\" is missing or has a malformed value of \"1\\\\2\" "
        "(1:25)"};
    check_notes("load 1m\n  {\"d\xc3\xa9"
                "bit \\\"net\\\"\"} 1x20\n",
                at("rate({__name__=~\"d.+\"}[5m])", 10), name, 1, true);
    check_notes("load 1m\n  wait_bucket{le=\"1\\\\2\"} 1x20\n",
                at("histogram_quantile(0.5, wait_bucket)", 10), bound, 1, false);
}

static void test_repairs_are_told_to_the_second(void **state)
{
    (void)state;
    static const char *const text[] = {
        "PromQL info: input to histogram_quantile needed to be fixed for monotonicity (see "
        "https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile), "
        "from buckets 1 to 1, with a max diff of 2, over 6 samples from 1970-01-01T00:00:00Z to "
        "1970-01-01T00:05:00Z (1:25)"};
    check_notes("load 1m\n"
                "  wait_bucket{le=\"0.5\"} 5x20\n"
                "  wait_bucket{le=\"1\"} 3x20\n"
                "  wait_bucket{le=\"+Inf\"} 9x20\n",
                over("histogram_quantile(0.5, wait_bucket)", 5, 60), text, 1, true);
}

/* --- refusals --------------------------------------------------------------------------------- */

static void test_wrong_queries_are_refused_before_they_run(void **state)
{
    check_fails(*state, at("sum(", 1), ERR_INVALID, "1:5: parse error: unclosed left parenthesis");
    check_fails(*state, over("up[5m]", 1, 60), ERR_INVALID,
                "invalid expression type \"range vector\" for range query");
    check_fails(*state, over("up", 1, 0), ERR_INVALID, "zero or negative");
    check_fails(*state, over("up", -1, 60), ERR_INVALID, "before start");
    check_fails(*state, over("up", 60 * 24 * 30, 60), ERR_INVALID,
                "exceeded maximum resolution of 11000 points");
    check_fails(*state, at("bottomk(Inf, vector(1))", 1), ERR_UNSUPPORTED,
                "Scalar value +Inf overflows int64");
    struct query_request far = at("up", 0);
    far.start_ms = INT64_MAX;
    check_fails(*state, far, ERR_INVALID, "out of range");
    check_fails(*state, at("rate(up[1m] offset 292000000y)", 0), ERR_INVALID, "parse error");
}

static void test_failures_while_evaluating_name_their_reason(void **state)
{
    check_fails(*state, at("up * on(job) requests_total", 5), ERR_UNSUPPORTED,
                "many-to-one matching must be explicit");
    check_fails(*state, at("requests_total * on(job) up", 5), ERR_UNSUPPORTED,
                "found duplicate series for the match group {job=\"a\"} on the right hand-side");
    check_fails(*state, at("label_replace(up, \"x\", \"\", \"y\", \"(\")", 5), ERR_UNSUPPORTED,
                "invalid regular expression in label_replace()");
    struct fixture *f = *state;
    struct query_options all = {.features = QUERY_ALL_FEATURES};
    query_engine_reconfigure(f->engine, &all);
    static const char *const ks[] = {"topk", "bottomk", "limitk"};
    static const char *const bad[][2] = {{"NaN", "Parameter value is NaN"},
                                         {"Inf", "Scalar value +Inf overflows int64"},
                                         {"1e20", "Scalar value 1e+20 overflows int64"},
                                         {"9223372036854774784", "overflows int64"},
                                         {"time() * 1e20 - 4e22", "underflows int64"}};
    for (size_t i = 0; i < ARRAY_LEN(ks) * ARRAY_LEN(bad); i++) {
        const char *const *with = bad[i % ARRAY_LEN(bad)];
        char expr[64];
        (void)snprintf(expr, sizeof expr, "%s(%s, up)", ks[i / ARRAY_LEN(bad)], with[0]);
        check_fails(*state, over(expr, 20, 60), ERR_UNSUPPORTED, with[1]);
    }
    check_fails(*state, at("limit_ratio(NaN, up)", 5), ERR_UNSUPPORTED, "Ratio value is NaN");
}

static void test_sample_limit_names_itself(void **state)
{
    struct fixture *f = *state;
    struct query_options small = {.max_samples = 50};
    query_engine_reconfigure(f->engine, &small);
    check_fails(f, over("up", 60, 10), ERR_TOO_BIG, "query.max_samples");
    check_fails(f, at("count_over_time(up[1h:1s])", 60), ERR_TOO_BIG, "query.max_samples");
    struct query_result r = run(f, at("up", 10)); // small ones go on
    query_result_done(&r);
}

static int count_points(void *taker, const struct query_row *row, struct err *err)
{
    (void)err;
    for (size_t i = 0; i < row->n; i++)
        *(size_t *)taker += !query_row_is_hole(row, i);
    return 0;
}

/* Also those that are given away row by row, as Prometheus counts them. */
static void test_points_of_an_answer_count_as_samples(void **state)
{
    struct fixture *f = *state;
    struct query_options small = {.max_samples = 183};
    size_t taken = 0;
    query_engine_reconfigure(f->engine, &small);
    struct query_request q = over("up", 60, 60); // 3 series of 61 points
    q.take = count_points;
    q.taker = &taken;
    struct query_result r = run(f, q);
    query_result_done(&r);
    assert_int_equal(taken, 183);
    r = run(f, at("up[61m]", 60));
    query_result_done(&r);
    struct query_request sparse = over("requests_total < 36", 60, 10); // holes are nothing
    sparse.take = count_points;
    sparse.taker = &taken;
    r = run(f, sparse);
    query_result_done(&r);

    small.max_samples = 182;
    query_engine_reconfigure(f->engine, &small);
    check_fails(f, q, ERR_TOO_BIG, "query.max_samples");
    q.take = NULL;
    check_fails(f, q, ERR_TOO_BIG, "query.max_samples");
    check_fails(f, at("up[61m]", 60), ERR_TOO_BIG, "query.max_samples");
    check_fails(f, over("1", 60, 10), ERR_TOO_BIG, "query.max_samples");
}

static void test_memory_limit_names_itself(void **state)
{
    struct fixture *f = *state;
    struct query_options small = {.max_memory_bytes = 256 << 10};
    query_engine_reconfigure(f->engine, &small);
    check_fails(f, over("up + on(job, instance) up", 60, 1), ERR_TOO_BIG, "query.max_memory_bytes");
    check_fails(f, at("max_over_time(none[1h:100ms])", 60), ERR_TOO_BIG, "query.max_memory_bytes");
    struct query_result r = run(f, at("sum(up)", 10));
    query_result_done(&r);
}

static void test_memory_of_all_queries_has_a_limit_that_answers_keep_until_they_are_freed(
    void **state)
{
    struct fixture *f = *state;
    struct query_options o = {.max_total_memory_bytes = 256 << 10};
    query_engine_reconfigure(f->engine, &o);
    check_fails(f, over("up + on(job, instance) up", 60, 1), ERR_BUSY,
                "query.max_total_memory_bytes");
    struct query_result kept[64];
    size_t n = 0;
    struct err err;
    int rc = 0;
    while (n < 64 && (rc = query_run(f->engine,
                                     &(struct query_request){
                                         .expr = STR("up"), .end_ms = 600000, .step_ms = 1000},
                                     &kept[n], &err)) == 0)
        n++;
    assert_int_equal(rc, ERR_BUSY);
    assert_true(n > 0);
    while (n > 0)
        query_result_done(&kept[--n]);
    struct query_result r = run(f, at("up", 5));
    query_result_done(&r);
}

/* With nothing but time to end what takes seconds, on however quick a machine. */
static struct query_options only_time_is_short(int64_t timeout_ms)
{
    return (struct query_options){.timeout_ms = timeout_ms,
                                  .max_samples = UINT32_MAX,
                                  .max_memory_bytes = (size_t)64 << 30,
                                  .max_total_memory_bytes = (size_t)64 << 30};
}

static struct query_request long_query(void)
{
    return at("sum_over_time(sum(up)[100d:1s])", 60);
}

static void test_timeout_names_itself(void **state)
{
    struct fixture *f = *state;
    struct query_options patient = only_time_is_short(0), quick = only_time_is_short(20);
    struct query_request q = long_query();
    query_engine_reconfigure(f->engine, &patient);
    q.timeout_ms = 20;
    check_fails(f, q, ERR_TIMEOUT, "after 20 ms; select less or raise the parameter timeout");
    query_engine_reconfigure(f->engine, &quick);
    q.timeout_ms = 10000; // is cut
    check_fails(f, q, ERR_TIMEOUT, "after 20 ms; select less or raise query.timeout");
}

/* What waited for a worker until its time was over is not begun. */
static void test_timeout_counts_from_when_the_asker_began_to_wait(void **state)
{
    struct query_request q = at("up", 5);
    q.since_mono_ns = time_now_mono_ns() - 60 * NS_PER_S;
    struct query_result r = run(*state, q);
    query_result_done(&r);
    q.timeout_ms = 59999;
    check_fails(*state, q, ERR_TIMEOUT, "query timed out");
}

static void test_a_try_ends_when_patience_does(void **state)
{
    struct fixture *f = *state;
    struct query_options patient = only_time_is_short(0);
    struct query_request q = long_query();
    query_engine_reconfigure(f->engine, &patient);
    q.patience_ms = 10;
    check_fails(f, q, ERR_BUSY, "moment");
    q.timeout_ms = 5; // then it is the timeout that ended it
    check_fails(f, q, ERR_TIMEOUT, "timeout");
    q = at("sum(up)", 10);
    q.patience_ms = 10000;
    struct query_result r = run(f, q);
    query_result_done(&r);
}

static bool gone(void *self)
{
    ++*(int *)self;
    return true;
}

static void test_query_ends_when_the_asker_is_gone(void **state)
{
    int asked = 0;
    struct query_request q = at("up", 5);
    q.cancelled = gone;
    q.self = &asked;
    check_fails(*state, q, ERR_CANCELLED, "canceled");
    assert_true(asked > 0);
}

static void test_deep_expressions_evaluate(void **state)
{
    struct buf text = BUF_MAX(1 << 20);
    buf_puts(&text, "up");
    for (int i = 0; i < 900; i++)
        buf_puts(&text, " + 1");
    struct query_request q = at("", 5);
    q.expr = buf_str(&text);
    struct query_result r = run(*state, q);
    assert_true(r.series[0].points[0].value == 901);
    query_result_done(&r);
    buf_done(&text);
}

/* --- the gate --------------------------------------------------------------------------------- */

struct waiter {
    struct gate *gate;
    struct lock lock;
    struct cond entered;
    int inside;
    struct thread thread;
};

static void enter(void *arg)
{
    struct waiter *w = arg;
    assert_int_equal(gate_enter(w->gate, time_now_mono_ns() + 30 * NS_PER_S, NULL), 0);
    lock_take(&w->lock);
    w->inside = 1;
    cond_signal(&w->entered);
    lock_give(&w->lock);
    gate_leave(w->gate);
}

static void test_gate_lets_one_in_when_one_leaves(void **state)
{
    (void)state;
    struct gate gate;
    struct err err = {0};
    gate_init(&gate, 1);
    struct waiter w = {.gate = &gate};
    lock_init(&w.lock, LOCK_LEAF);
    cond_init(&w.entered);
    assert_int_equal(gate_enter(&gate, time_now_mono_ns(), &err), 0);
    assert_int_equal(gate_enter(&gate, time_now_mono_ns() + NS_PER_MS, &err), ERR_BUSY);
    assert_non_null(strstr(err.message, "query.max_concurrency"));
    assert_int_equal(thread_start(&w.thread, "waiter", enter, &w, NULL), 0);
    gate_leave(&gate);
    lock_take(&w.lock);
    while (!w.inside)
        cond_wait(&w.entered, &w.lock);
    lock_give(&w.lock);
    thread_join(&w.thread);
    cond_done(&w.entered);
    lock_done(&w.lock);
    gate_done(&gate);
}

static void test_gate_grows_while_queries_wait(void **state)
{
    (void)state;
    struct gate gate;
    gate_init(&gate, 1);
    struct waiter w = {.gate = &gate};
    lock_init(&w.lock, LOCK_LEAF);
    cond_init(&w.entered);
    assert_int_equal(gate_enter(&gate, time_now_mono_ns(), NULL), 0);
    assert_int_equal(thread_start(&w.thread, "waiter", enter, &w, NULL), 0);
    gate_resize(&gate, 2);
    thread_join(&w.thread);
    assert_int_equal(w.inside, 1);
    gate_leave(&gate);
    cond_done(&w.entered);
    lock_done(&w.lock);
    gate_done(&gate);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_answers_have_the_type_of_the_expression),
        TEST(test_dates_are_those_of_any_number_of_seconds),
        TEST(test_the_times_of_a_query_add_up),
        TEST(test_end_is_what_was_asked_for_not_the_last_step),
        TEST(test_duplicates_matter_only_beside_a_sample),
        TEST(test_range_answers_are_sorted_and_statistics_filled),
        TEST(test_a_trace_is_a_tree_of_the_parts),
        TEST(test_damaged_data_is_told),
        TEST(test_limit_cuts_the_answer_and_says_so),
        TEST(test_names_go_at_once_unless_told_otherwise),
        TEST(test_rate_of_what_is_no_counter_is_remarked),
        cmocka_unit_test(test_ten_infos_are_told_and_the_rest_is_counted),
        cmocka_unit_test(test_names_in_annotations_are_quoted),
        cmocka_unit_test(test_repairs_are_told_to_the_second),
        TEST(test_wrong_queries_are_refused_before_they_run),
        TEST(test_failures_while_evaluating_name_their_reason),
        TEST(test_sample_limit_names_itself),
        TEST(test_points_of_an_answer_count_as_samples),
        TEST(test_memory_limit_names_itself),
        TEST(test_memory_of_all_queries_has_a_limit_that_answers_keep_until_they_are_freed),
        TEST(test_timeout_names_itself),
        TEST(test_timeout_counts_from_when_the_asker_began_to_wait),
        TEST(test_a_try_ends_when_patience_does),
        TEST(test_query_ends_when_the_asker_is_gone),
        TEST(test_deep_expressions_evaluate),
        cmocka_unit_test(test_gate_lets_one_in_when_one_leaves),
        cmocka_unit_test(test_gate_grows_while_queries_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
