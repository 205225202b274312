/* What helpers do changes nothing but the time a query takes. */
#include <string.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/thread.h"
#include "base/time.h"
#include "base/word.h"
#include "model/histogram.h"
#include "query/exec/pool.h"
#include "query/query.h"
#include "store/store.h"
#include "support/check.h"
#include "support/loaded_store.h"

/* --- the pool --------------------------------------------------------------------------------- */

enum { PIECES = 500, LANES = 3 };

/* Each piece leaves its number in its lane. */
struct squares {
    struct pool *pool;
    size_t lanes[LANES];
    size_t seen;
};

static void square(void *self, size_t lane, size_t piece)
{
    struct squares *s = self;
    s->lanes[lane] = piece * piece;
}

static void take_in_order(void *arg)
{
    struct squares *s = arg;
    struct pool_work w = {.run = square, .self = s, .n_pieces = PIECES, .n_lanes = LANES};
    enum pool_turn turn;
    size_t at;
    pool_enter(s->pool);
    pool_begin(s->pool, &w);
    while ((turn = pool_next(s->pool, &w, &at)) != POOL_END) {
        bool right = turn == POOL_OWN ? at == s->seen : s->lanes[at] == s->seen * s->seen;
        s->seen += right;
        if (turn == POOL_LANE)
            pool_release(s->pool, &w, at);
    }
    pool_end(s->pool, &w);
    pool_leave(s->pool);
}

static void test_pieces_come_in_order_whoever_does_them(void **state)
{
    (void)state;
    struct pool pool;
    struct squares s[4] = {0};
    struct thread threads[4] = {0};
    pool_init(&pool, 8);
    for (size_t i = 0; i < ARRAY_LEN(s); i++) {
        s[i].pool = &pool;
        assert_int_equal(thread_start(&threads[i], "test", take_in_order, &s[i], NULL), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(s); i++) {
        thread_join(&threads[i]);
        assert_int_equal(s[i].seen, PIECES);
    }
    pool_done(&pool);
}

static void test_work_that_is_ended_early_leaves_no_helper_in_it(void **state)
{
    (void)state;
    struct pool pool;
    pool_init(&pool, 4);
    for (size_t taken = 0; taken < 50; taken++) {
        struct squares s = {0};
        struct pool_work w = {.run = square, .self = &s, .n_pieces = PIECES, .n_lanes = LANES};
        size_t at;
        pool_begin(&pool, &w);
        for (size_t i = 0; i < taken; i++)
            if (pool_next(&pool, &w, &at) == POOL_LANE)
                pool_release(&pool, &w, at);
        pool_end(&pool, &w);
        assert_int_equal(w.busy, 0);
    }
    pool_done(&pool);
}

static void test_helpers_leave_the_cores_to_queries(void **state)
{
    (void)state;
    struct pool pool;
    struct squares s = {0};
    struct pool_work w = {.run = square, .self = &s, .n_pieces = PIECES, .n_lanes = LANES};
    size_t at;
    pool_init(&pool, 2);
    pool_enter(&pool);
    pool_enter(&pool); // two queries on two cores: whoever helped would take one of theirs
    pool_begin(&pool, &w);
    for (size_t i = 0; i < PIECES; i++)
        assert_int_equal(pool_next(&pool, &w, &at), POOL_OWN);
    assert_int_equal(pool_next(&pool, &w, &at), POOL_END);
    pool_end(&pool, &w);
    pool_leave(&pool);
    pool_leave(&pool);
    pool_done(&pool);
}

/* --- queries ---------------------------------------------------------------------------------- */

struct fixture {
    struct store *store;
    struct query_engine *alone, *helped;
};

enum { SERIES = 700 };

static struct store *store_of_many_series(void)
{
    struct buf text = BUF_MAX(4 << 20);
    buf_puts(&text, "load 1m\n");
    for (int i = 0; i < SERIES; i++) {
        buf_printf(&text, "  requests_total{i=\"%d\", job=\"j%d\"} %d+%dx50\n", i, i % 7, i,
                   i % 13);
        buf_printf(&text, "  gauge_%d{i=\"%d\"} 7-%dx20 _ _ 3x9\n", i % 3, i, i % 5);
    }
    for (int i = 0; i < 30; i++)
        buf_printf(&text, "  native{i=\"%d\"} {{schema:0 sum:5 count:4 buckets:[1 2 1]}}x%d\n", i,
                   10 + i);
    buf_puts(&text, "  lossy{damaged_blocks=\"xx\"} 1x50\n\n");
    struct store *store = loaded_store(buf_str(&text));
    buf_done(&text);
    return store;
}

static int set_up(void **state)
{
    static struct fixture f;
    struct query_options alone = {.threads = 1, .features = QUERY_ALL_FEATURES};
    struct query_options helped = {
        .threads = 5, .parallel_from = 1, .features = QUERY_ALL_FEATURES};
    f.store = store_of_many_series();
    assert_int_equal(query_engine_new(f.store, &alone, &f.alone, NULL), 0);
    assert_int_equal(query_engine_new(f.store, &helped, &f.helped, NULL), 0);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    query_engine_free(f->alone);
    query_engine_free(f->helped);
    return store_close(f->store, NULL);
}

static void put_bits(struct buf *out, double v)
{
    buf_printf(out, "%llx ", (unsigned long long)double_bits(v));
}

static void put_series(struct buf *out, const struct query_series *s)
{
    for (size_t i = 0; i < s->labels.n; i++)
        buf_printf(out, "%.*s=%.*s,", STR_ARG(s->labels.v[i].name), STR_ARG(s->labels.v[i].value));
    for (size_t i = 0; i < s->n; i++) {
        const struct query_point *p = &s->points[i];
        buf_printf(out, " %lld:", (long long)p->t_unix_ms);
        put_bits(out, p->histogram ? p->histogram->count + p->histogram->sum : p->value);
    }
    buf_putc(out, '\n');
}

/* All of an answer but how long it took. */
static void put_answer(struct buf *out, struct query_engine *engine, const struct query_request *q)
{
    struct query_result r;
    struct err err = {0};
    int rc = query_run(engine, q, &r, &err);
    if (rc != 0) {
        buf_printf(out, "%d: %s\n", rc, err.message);
        return;
    }
    for (size_t i = 0; i < r.n_series; i++)
        put_series(out, &r.series[i]);
    for (size_t i = 0; i < r.n_warnings; i++)
        buf_printf(out, "warning: %.*s\n", STR_ARG(r.warnings[i]));
    for (size_t i = 0; i < r.n_infos; i++)
        buf_printf(out, "info: %.*s\n", STR_ARG(r.infos[i]));
    buf_printf(out, "read: %llu\n", (unsigned long long)r.stats.samples_read);
    query_result_done(&r);
}

static void check_same(const struct fixture *f, const char *expr, bool instant)
{
    struct query_request q = {.expr = str_c(expr),
                              .instant = instant,
                              .start_ms = instant ? 30 * 60 * MS_PER_S : 0,
                              .end_ms = 50 * 60 * MS_PER_S,
                              .step_ms = 30 * MS_PER_S};
    struct buf a = BUF_MAX(64 << 20), b = BUF_MAX(64 << 20);
    put_answer(&a, f->alone, &q);
    put_answer(&b, f->helped, &q);
    assert_true(str_eq(buf_str(&a), buf_str(&b)));
    buf_done(&a);
    buf_done(&b);
}

static void test_answers_do_not_depend_on_helpers(void **state)
{
    static const char *const exprs[] = {
        "requests_total",
        "rate(requests_total[5m])",
        "sum by (job) (rate(requests_total[5m]))",
        "avg(requests_total) by (job) / stddev(requests_total) by (job)",
        "rate({__name__=~\"gauge_.\"}[5m])",
        "rate({i!=\"\"}[5m]) and on(i) requests_total{job=\"j1\"}",
        "quantile_over_time(0.3, {__name__=~\"gauge.*|requests.*\"}[10m])",
        "topk(3, max_over_time(rate(requests_total[2m])[10m:1m]))",
        "sum({i=~\".+\"})",
        "count by (__name__) ({__name__=~\".+\"})",
        "histogram_count(rate(native[5m])) + on(i) group_left() requests_total",
        "rate(requests_total[5m] smoothed)",
        "gauge_0 smoothed",
        "label_replace(rate({i!=\"\"}[5m]), \"i\", \"x\", \"\", \"\")",
        "rate({__name__=~\".+\"}[5m])",
    };
    for (size_t i = 0; i < ARRAY_LEN(exprs); i++)
        for (int round = 0; round < 6; round++)
            check_same(*state, exprs[i], round % 2);
}

static void test_helpers_take_part_and_the_stats_say_so(void **state)
{
    const struct fixture *f = *state;
    struct query_request q = {
        .expr = STR("rate(requests_total[5m])"), .end_ms = 50 * 60 * MS_PER_S, .step_ms = MS_PER_S};
    struct query_result r;
    assert_int_equal(query_run(f->helped, &q, &r, NULL), 0);
    assert_true(r.stats.pieces > 0);
    assert_true(r.stats.pieces_helped <= r.stats.pieces);
    query_result_done(&r);
    assert_int_equal(query_run(f->alone, &q, &r, NULL), 0);
    assert_int_equal(r.stats.pieces, 0);
    query_result_done(&r);
}

static bool gone(void *self)
{
    int *asked = self;
    return ++*asked > 0;
}

static void test_limits_hold_for_helpers_too(void **state)
{
    const struct fixture *f = *state;
    struct query_options options = {
        .threads = 5, .parallel_from = 1, .max_samples = 20, .max_memory_bytes = 3 << 20};
    struct query_engine *engine;
    struct err err;
    struct query_result r;
    int asked = 0;
    assert_int_equal(query_engine_new(f->store, &options, &engine, NULL), 0);
    struct query_request q = {
        .expr = STR("sum(rate(requests_total[5m]))"), .end_ms = 3000000, .step_ms = 1000};
    assert_int_equal(query_run(engine, &q, &r, &err), ERR_TOO_BIG);
    assert_non_null(strstr(err.message, "too many samples"));
    options.max_samples = 0;
    query_engine_reconfigure(engine, &options);
    q.expr = STR("rate(requests_total[5m])");
    assert_int_equal(query_run(engine, &q, &r, &err), ERR_TOO_BIG);
    assert_non_null(strstr(err.message, "query.max_memory_bytes"));
    q.cancelled = gone;
    q.self = &asked;
    assert_int_equal(query_run(engine, &q, &r, &err), ERR_CANCELLED);
    query_engine_free(engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_come_in_order_whoever_does_them),
        cmocka_unit_test(test_work_that_is_ended_early_leaves_no_helper_in_it),
        cmocka_unit_test(test_helpers_leave_the_cores_to_queries),
        cmocka_unit_test(test_answers_do_not_depend_on_helpers),
        cmocka_unit_test(test_helpers_take_part_and_the_stats_say_so),
        cmocka_unit_test(test_limits_hold_for_helpers_too),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
