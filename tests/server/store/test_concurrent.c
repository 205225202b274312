/* Appends, selections, flushes, merges, deletions and snapshots at the same time. What a reader
 * sees must always be a beginning of each stream's rows, and in the end all of them; rolled up,
 * too. Meant for TSan too. */
#include "harness.h"

#include <stdio.h>

#include "base/thread.h"
#include "store/aggregates.h"

enum { WRITERS = 3, STREAMS_EACH = 20, ROUNDS = 150 };

struct worker {
    struct harness *h;
    struct thread thread;
    int number;
    atomic_bool *stop;
    bool ok;
    size_t days; /* read rolled up */
};

static int append_round(struct worker *w, struct batch *b, int round)
{
    for (int k = 0; k < STREAMS_EACH; k++) {
        char name[64];
        /* Streams churn: some live for a part of the rounds only. */
        (void)snprintf(name, sizeof name, "m{w=w%d,s=s%d,gen=g%d}", w->number, k,
                       k % 4 == 0 ? round / 30 : 0);
        struct sample *s = arena_zalloc(&b->arena, sizeof *s);
        struct labels labels = harness_labels(&b->arena, name);
        struct batch_series *series = harness_sent(w->h->store, b, labels, 0);
        *s = (struct sample){.t_unix_ms = NOON + round, .value = round};
        series->samples = s;
        series->n_samples = 1;
    }
    struct sink_result result;
    int rc = store_append(w->h->store, b, &result, NULL);
    batch_reset(b);
    return rc;
}

static void write_rows(void *arg)
{
    struct worker *w = arg;
    struct batch b;
    batch_init(&b, 16 << 20);
    w->ok = true;
    for (int round = 0; round < ROUNDS; round++) {
        int rc;
        do /* A deletion between recall and append takes streams away: the sender asks again. */
            rc = append_round(w, &b, round);
        while (rc == ERR_STALE);
        w->ok &= rc == 0;
    }
    batch_done(&b);
}

/* Rows of a stream that lives all the time: 0, 1, 2, … without a hole. */
static bool is_beginning(const struct columns *c)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->t_unix_ms[i] != NOON + (int64_t)i || c->value[i] != (double)i)
            return false;
    return true;
}

static bool read_all(struct store *s, size_t *out_rows)
{
    struct matcher m;
    struct selection *sel = NULL;
    struct arena arena;
    struct columns c;
    bool ok = matcher_init(&m, MATCH_EQUAL, STR("gen"), STR("g0"), NULL) == 0;
    arena_init(&arena, 16 << 20);
    columns_init(&c, &arena);
    *out_rows = 0;
    ok = ok && store_select(s, &m, 1, 0, NOON * 2, 0, NULL, &sel, NULL) == 0;
    for (size_t i = 0; ok && i < selection_count(sel); i++) {
        ok = selection_read(sel, i, 0, NOON * 2, &c, NULL) == 0 && is_beginning(&c);
        *out_rows += c.n;
    }
    columns_done(&c);
    arena_done(&arena);
    selection_free(sel);
    matcher_done(&m);
    return ok;
}

/* How many rows the same streams have, in buckets wherever there are any. */
static bool count_rolled_up(struct store *s, size_t *out_rows, size_t *io_days)
{
    struct matcher m;
    struct selection *sel = NULL;
    struct arena arena;
    struct aggregates rows;
    bool ok = matcher_init(&m, MATCH_EQUAL, STR("gen"), STR("g0"), NULL) == 0;
    arena_init(&arena, 16 << 20);
    aggregates_init(&rows, 0, &arena);
    *out_rows = 0;
    ok = ok && store_select_aggregated(s, &m, 1, 0, NOON * 2, HOUR, true, NULL, &sel, NULL) == 0;
    for (size_t i = 0; ok && i < selection_count(sel); i++) {
        ok = selection_read_aggregates(sel, i, 0, NOON * 2, HOUR, &rows, NULL) == 0;
        for (size_t k = 0; k < rows.n; k++)
            *out_rows += (size_t)rows.v[k].n;
    }
    *io_days += ok ? selection_aggregates(sel).days : 0;
    aggregates_done(&rows);
    arena_done(&arena);
    selection_free(sel);
    matcher_done(&m);
    return ok;
}

static void read_rows(void *arg)
{
    struct worker *w = arg;
    size_t last = 0, last_rolled_up = 0;
    w->ok = true;
    while (!atomic_get_relaxed(w->stop)) {
        size_t rows;
        w->ok &= read_all(w->h->store, &rows);
        w->ok &= rows >= last; // nothing that was seen goes away
        last = rows;
        w->ok &= count_rolled_up(w->h->store, &rows, &w->days);
        w->ok &= rows >= last_rolled_up;
        last_rolled_up = rows;
        struct arena arena;
        struct str *v;
        size_t n;
        arena_init(&arena, 1 << 20);
        w->ok &= store_label_values(w->h->store, STR("s"), NULL, 0, 0, NOON * 2, 0, &arena, &v, &n,
                                    NULL) == 0;
        struct store_stats stats;
        w->ok &= store_stats(w->h->store, 3, &arena, &stats, NULL) == 0;
        arena_done(&arena);
    }
}

/* The streams that readers do not look at. */
static bool delete_others(struct store *s, bool clean)
{
    struct matcher m;
    bool ok = matcher_init(&m, MATCH_NOT_EQUAL, STR("gen"), STR("g0"), NULL) == 0;
    ok = ok && store_delete(s, &m, 1, 0, NOON * 2, NULL) == 0;
    matcher_done(&m);
    return ok && (!clean || store_clean_tombstones(s, NULL) == 0);
}

static bool take_snapshot(struct store *s)
{
    char name[STORE_SNAPSHOT_NAME];
    return store_snapshot(s, "root/data/snapshots", false, name, NULL) == 0;
}

static void maintain(void *arg)
{
    struct worker *w = arg;
    w->ok = true;
    for (int i = 0; !atomic_get_relaxed(w->stop); i++) {
        w->ok &= store_flush(w->h->store, NULL) == 0;
        w->ok &= store_maintain(w->h->store, i % 5 == 4, NULL) == 0;
        w->ok &= i % 8 != 7 || take_snapshot(w->h->store);
        w->ok &= delete_others(w->h->store, i % 3 == 2);
        w->ok &= store_reconfigure(w->h->store, &w->h->options, NULL) == 0;
    }
}

static void start(struct worker *w, struct harness *h, int number, atomic_bool *stop,
                  void (*run)(void *arg))
{
    *w = (struct worker){.h = h, .number = number, .stop = stop};
    assert_int_equal(thread_start(&w->thread, "worker", run, w, NULL), 0);
}

static void run_all(struct harness *h)
{
    struct worker writers[WRITERS], readers[2], keeper;
    atomic_bool stop = false;
    start(&keeper, h, 0, &stop, maintain);
    for (int i = 0; i < 2; i++)
        start(&readers[i], h, i, &stop, read_rows);
    for (int i = 0; i < WRITERS; i++)
        start(&writers[i], h, i, &stop, write_rows);
    /* All threads use this frame: no assertion may leave it before the last has ended. */
    bool written = true, read = true;
    for (int i = 0; i < WRITERS; i++) {
        thread_join(&writers[i].thread);
        written &= writers[i].ok;
    }
    atomic_set_relaxed(&stop, true);
    for (int i = 0; i < 2; i++) {
        thread_join(&readers[i].thread);
        read &= readers[i].ok;
    }
    thread_join(&keeper.thread);
    assert_true(written);
    assert_true(read);
    assert_true(keeper.ok);
}

static const size_t rows_of_g0 =
    (size_t)WRITERS * (STREAMS_EACH - STREAMS_EACH / 4) * ROUNDS + (size_t)WRITERS * 5 * 30;

static void test_readers_see_a_growing_prefix_while_all_goes_on(void **state)
{
    (void)state;
    struct harness h;
    size_t rows;
    harness_init(&h);
    (void)harness_open(&h);
    run_all(&h);
    assert_true(read_all(h.store, &rows));
    assert_int_equal(rows, rows_of_g0);
    harness_kill(&h);
    assert_true(read_all(h.store, &rows));
    assert_int_equal(rows, rows_of_g0);
    harness_done(&h);
}

/* The day of the rows is over: each round of maintenance rolls up what there is of it. */
static void test_the_same_while_the_day_is_rolled_up(void **state)
{
    (void)state;
    struct harness h;
    size_t rows, days = 0;
    harness_init(&h);
    h.options.aggregates.enabled = true;
    h.options.aggregates.after_ms = 1;
    harness_set_now(NOON + 2 * DAY);
    (void)harness_open(&h);
    run_all(&h);
    assert_int_equal(store_maintain(h.store, true, NULL), 0);
    assert_true(count_rolled_up(h.store, &rows, &days));
    assert_int_equal(rows, rows_of_g0);
    assert_int_equal(days, 1);
    harness_kill(&h);
    assert_true(count_rolled_up(h.store, &rows, &days));
    assert_int_equal(rows, rows_of_g0);
    harness_done(&h);
}

/* Streams that readers do not look at are over, and some come too late to have a place: the limit
 * leaves one for each of the others, whichever writer is the first. */
static void test_the_same_with_rules_of_retention_and_limits(void **state)
{
    (void)state;
    struct harness h;
    struct harness_rules rules = {0};
    size_t rows;
    harness_init(&h);
    harness_keep(&rules, &h.options.retention_rules, "gen=~g[13]", DAY + 12 * HOUR);
    h.options.cardinality =
        (struct store_cardinality){.per_metric = 100, .per_tenant = 60, .tenant = STR("gen")};
    h.options.cardinality.fold = true;
    h.options.max_bytes = 1; // the only day stays
    harness_set_now(NOON + DAY + 12 * HOUR + 100);
    (void)harness_open(&h);
    run_all(&h);
    assert_int_equal(store_maintain(h.store, true, NULL), 0);
    assert_true(read_all(h.store, &rows));
    assert_int_equal(rows, rows_of_g0);
    harness_reopen(&h);
    assert_true(read_all(h.store, &rows));
    assert_int_equal(rows, rows_of_g0);
    harness_done(&h);
    harness_rules_done(&rules);
}

static void test_the_same_with_group_sync_and_the_background_thread(void **state)
{
    (void)state;
    struct harness h;
    size_t rows;
    harness_init(&h);
    h.options.durability = STORE_DURABILITY_DISK;
    h.options.background = true;
    h.options.flush_after_ms = 1;
    (void)harness_open(&h);
    run_all(&h);
    harness_power_loss(&h);
    assert_true(read_all(h.store, &rows));
    assert_int_equal(rows, rows_of_g0);
    harness_done(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_readers_see_a_growing_prefix_while_all_goes_on),
        cmocka_unit_test(test_the_same_while_the_day_is_rolled_up),
        cmocka_unit_test(test_the_same_with_rules_of_retention_and_limits),
        cmocka_unit_test(test_the_same_with_group_sync_and_the_background_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
