/* Appends, scans, flushes, merges and deletions of log records at the same time. A reader sees
 * every row once, and never fewer than before. Meant for TSan too. */
#include "harness.h"

#include <stdlib.h>

#include "base/thread.h"
#include "base/time.h"
#include "store/records.h"

enum { WRITERS = 3, ROUNDS = 60, ROWS = 20, KEPT = WRITERS * ROUNDS * ROWS };

struct worker {
    struct harness *h;
    struct thread thread;
    int number;
    atomic_bool *stop;
    bool ok;
};

/* Rows that stay, each with its own number, and as many that will be deleted. */
static void append_round(struct worker *w, int round)
{
    struct record_batch b;
    struct sink_result result;
    struct attribute numbers[ROWS];
    static const struct attribute mark = {{"gone", 4}, {.type = ANY_EMPTY}};
    record_batch_init(&b, RECORD_LOGS, 1 << 20);
    struct record_group *g = record_batch_add_group(&b);
    g->source.scope_name = w->number ? STR("one") : STR("two");
    for (int i = 0; i < 2 * ROWS; i++) {
        struct record *r = record_batch_add(&b, g);
        r->t_unix_ns = (NOON + round) * NS_PER_MS - (round % 5 == 0 ? DAY * NS_PER_MS : 0) + i;
        r->fields[LOG_BODY] = any_string(STR("cache miss"));
        r->attributes = &mark;
        r->n_attributes = 1;
        if (i < ROWS) {
            int number = (w->number * ROUNDS + round) * ROWS + i;
            numbers[i] = (struct attribute){STR("n"), any_int(number)};
            r->attributes = &numbers[i];
        }
    }
    int rc;
    do /* The head is full: a sender waits. */
        rc = store_append_records(w->h->store, &b, &result, NULL);
    while (rc == ERR_BUSY);
    w->ok &= rc == 0;
    record_batch_done(&b);
}

static void write_rows(void *arg)
{
    struct worker *w = arg;
    w->ok = true;
    for (int round = 0; round < ROUNDS; round++)
        append_round(w, round);
}

struct seen {
    bool rows[KEPT];
    size_t n;
    bool ok;
};

static int see(void *arg, const struct record_block *b)
{
    struct seen *s = arg;
    for (size_t i = 0; i < b->n; i++) {
        struct any n = vector_at(&b->columns[0], i);
        if (n.type == ANY_NONE)
            continue;
        s->ok &= n.as.integer >= 0 && n.as.integer < KEPT && !s->rows[n.as.integer];
        if (s->ok)
            s->rows[n.as.integer] = true;
        s->n++;
    }
    return 0;
}

static bool read_all(struct store *store, size_t *out_n)
{
    const struct column_ref n = {.origin = COLUMN_ATTRIBUTE, .name = STR("n")};
    const struct predicate word = {.op = PREDICATE_PHRASE,
                                   .column = {.origin = COLUMN_FIELD, .field = LOG_BODY},
                                   .value = any_string(STR("miss"))};
    struct seen *s = calloc(1, sizeof *s);
    if (!s)
        return false;
    s->ok = true;
    const struct record_scan scan = {.table = RECORD_LOGS,
                                     .min_unix_ns = INT64_MIN,
                                     .max_unix_ns = INT64_MAX,
                                     .where = &word,
                                     .columns = &n,
                                     .n_columns = 1,
                                     .order = SCAN_NEWEST_FIRST,
                                     .each = see,
                                     .arg = s};
    bool ok = store_scan(store, &scan, NULL, NULL) == 0 && s->ok;
    *out_n = s->n;
    free(s);
    return ok;
}

static void read_rows(void *arg)
{
    struct worker *w = arg;
    size_t last = 0;
    w->ok = true;
    while (!atomic_get_relaxed(w->stop)) {
        size_t n;
        w->ok &= read_all(w->h->store, &n);
        w->ok &= n >= last;
        last = n;
    }
}

static void flush(void *arg)
{
    struct worker *w = arg;
    w->ok = true;
    while (!atomic_get_relaxed(w->stop))
        w->ok &= store_flush(w->h->store, NULL) == 0;
}

static void maintain(void *arg)
{
    struct worker *w = arg;
    const struct predicate gone = {.op = PREDICATE_EXISTS,
                                   .column = {.origin = COLUMN_ATTRIBUTE, .name = STR("gone")}};
    w->ok = true;
    for (int i = 0; !atomic_get_relaxed(w->stop); i++) {
        uint64_t rows;
        w->ok &= store_maintain(w->h->store, i % 3 == 2, NULL) == 0;
        w->ok &= store_delete_records(w->h->store, RECORD_LOGS, &gone, INT64_MIN, INT64_MAX, &rows,
                                      NULL) == 0;
    }
}

static void run_all(struct harness *h)
{
    static void (*const others[])(void *arg) = {read_rows, read_rows, flush, maintain};
    enum { OTHERS = sizeof others / sizeof *others };
    struct worker writers[WRITERS], workers[OTHERS];
    atomic_bool stop = false;
    bool ok = true;
    for (int i = 0; i < OTHERS; i++) {
        workers[i] = (struct worker){.h = h, .stop = &stop};
        assert_int_equal(thread_start(&workers[i].thread, "other", others[i], &workers[i], NULL),
                         0);
    }
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (struct worker){.h = h, .number = i, .stop = &stop};
        assert_int_equal(thread_start(&writers[i].thread, "writer", write_rows, &writers[i], NULL),
                         0);
    }
    for (int i = 0; i < WRITERS; i++) {
        thread_join(&writers[i].thread);
        ok &= writers[i].ok;
    }
    atomic_set_relaxed(&stop, true);
    for (int i = 0; i < OTHERS; i++) {
        thread_join(&workers[i].thread);
        ok &= workers[i].ok;
    }
    assert_true(ok);
}

static void check_kept(struct harness *h)
{
    size_t n;
    assert_true(read_all(h->store, &n));
    assert_int_equal(n, KEPT);
}

static void test_every_row_is_seen_once_while_all_goes_on(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    (void)harness_open(&h);
    run_all(&h);
    check_kept(&h);
    harness_kill(&h);
    check_kept(&h);
    harness_done(&h);
}

static void test_the_same_beside_the_threads_of_the_store(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    h.options.durability = STORE_DURABILITY_DISK;
    h.options.background = true;
    h.options.flush_after_ms = 1;
    h.options.head_max_bytes = 100000;
    (void)harness_open(&h);
    run_all(&h);
    harness_power_loss(&h);
    check_kept(&h);
    harness_done(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row_is_seen_once_while_all_goes_on),
        cmocka_unit_test(test_the_same_beside_the_threads_of_the_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
