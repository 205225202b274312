/* Questions about records end: when the asker has gone, when the time is up, when the memory is
 * spent, each with its own code and words. */
#include "base/time.h"
#include "harness.h"
#include "query/logs/logs.h"
#include "query/records/facets.h"
#include "query/traces/sessions.h"

enum { ROWS = 3000 };

struct asked {
    struct harness h;
    struct arena arena;
    struct record_query q;
    struct err err;
};

static void add_rows(struct harness *h, enum record_table table)
{
    struct record_batch b;
    struct sink_result result;
    record_batch_init(&b, table, 64 << 20);
    struct record_group *g = record_batch_add_group(&b);
    for (int i = 0; i < ROWS; i++) {
        struct record *r = record_batch_add(&b, g);
        char *id = arena_zalloc(&b.arena, 16);
        memcpy(id, &i, sizeof i);
        r->t_unix_ns = NOON * NS_PER_MS - i;
        r->fields[table == RECORD_SPANS ? SPAN_TRACE_ID : LOG_TRACE_ID] = any_bytes(str_of(id, 16));
        r->fields[table == RECORD_SPANS ? SPAN_SPAN_ID : LOG_SPAN_ID] = any_bytes(str_of(id, 8));
        r->fields[table == RECORD_SPANS ? SPAN_NAME : LOG_BODY] =
            any_string(STR("a text that takes some room"));
    }
    assert_int_equal(store_append_records(h->store, &b, &result, NULL), 0);
    assert_int_equal(result.accepted, ROWS);
    record_batch_done(&b);
}

static int set_up(void **state)
{
    static struct asked a;
    harness_init(&a.h);
    harness_set_now(NOON);
    (void)harness_open(&a.h);
    add_rows(&a.h, RECORD_SPANS);
    add_rows(&a.h, RECORD_LOGS);
    *state = &a;
    return 0;
}

static int tear_down(void **state)
{
    struct asked *a = *state;
    harness_done(&a->h);
    return 0;
}

/* --- questions -------------------------------------------------------------------------------- */

static int ask_traces(struct asked *a)
{
    struct trace_key *keys;
    size_t n;
    const struct trace_search search = {
        .min_unix_ns = INT64_MIN, .max_unix_ns = INT64_MAX, .limit = ROWS};
    return traces_find(&a->q, &search, &keys, &n, &a->err);
}

static int ask_load(struct asked *a)
{
    struct trace *traces;
    struct str ids[2] = {STR("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
                         STR("\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0")};
    const struct trace_load wanted = {
        .ids = ids, .n = 2, .min_unix_ns = INT64_MIN, .max_unix_ns = INT64_MAX};
    return traces_load(&a->q, &wanted, &traces, &a->err);
}

static int ask_map(struct asked *a)
{
    struct map_edge *edges;
    size_t n;
    return traces_map(&a->q, NULL, INT64_MIN, INT64_MAX, false, &edges, &n, &a->err);
}

static int ask_operations(struct asked *a)
{
    struct operation *v;
    size_t n;
    return traces_operations(&a->q, STR("unknown_service"), -1, INT64_MIN, INT64_MAX, &v, &n,
                             &a->err);
}

static int ask_logs(struct asked *a)
{
    struct log_row *rows;
    size_t n;
    const struct log_search search = {
        .min_unix_ns = INT64_MIN, .max_unix_ns = INT64_MAX, .limit = ROWS};
    return logs_search(&a->q, &search, &rows, &n, &a->err);
}

static int ask_facet(struct asked *a)
{
    struct facet f;
    const struct facet_search search = {.table = RECORD_LOGS,
                                        .field = STR("span_id"),
                                        .min_unix_ns = INT64_MIN,
                                        .max_unix_ns = INT64_MAX,
                                        .limit = 10};
    return record_facet(&a->q, &search, &f, &a->err);
}

static int ask_histogram(struct asked *a)
{
    struct log_histogram h;
    return logs_histogram(&a->q, NULL, NOON * NS_PER_MS - NS_PER_S, NOON * NS_PER_MS, NS_PER_MS, &h,
                          &a->err);
}

static int (*const questions[])(struct asked *a) = {
    ask_traces, ask_load, ask_map, ask_operations, ask_logs, ask_facet, ask_histogram};

/* Each question with so much memory must give the code, and say the words. */
static void ask_all(struct asked *a, size_t memory, int code, const char *words)
{
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
        arena_init(&a->arena, memory);
        a->err = (struct err){0};
        a->q.arena = &a->arena;
        a->q.store = a->h.store;
        int rc = questions[i](a);
        if (rc != code || !strstr(a->err.message, words))
            fail_msg("question %zu: %d \"%s\", expected %d", i, rc, a->err.message, code);
        arena_done(&a->arena);
    }
}

static bool gone(void *self)
{
    (void)self;
    return true;
}

static void test_questions_are_answered_with_enough_of_all(void **state)
{
    struct asked *a = *state;
    a->q = (struct record_query){0};
    ask_all(a, 64 << 20, 0, "");
}

static void test_questions_end_when_the_asker_has_gone(void **state)
{
    struct asked *a = *state;
    a->q = (struct record_query){.has_gone = gone};
    ask_all(a, 64 << 20, ERR_CANCELLED, "");
}

static void test_questions_end_when_their_time_is_up(void **state)
{
    struct asked *a = *state;
    a->q = (struct record_query){.deadline_mono_ns = 1};
    ask_all(a, 64 << 20, ERR_TIMEOUT, "query.timeout");
}

static void test_questions_end_when_their_memory_is_spent(void **state)
{
    struct asked *a = *state;
    a->q = (struct record_query){0};
    ask_all(a, 300, ERR_TOO_BIG, "memory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_questions_are_answered_with_enough_of_all),
        cmocka_unit_test(test_questions_end_when_the_asker_has_gone),
        cmocka_unit_test(test_questions_end_when_their_time_is_up),
        cmocka_unit_test(test_questions_end_when_their_memory_is_spent),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
