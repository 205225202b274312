/* Every allocation from opening a store to closing it may fail. Whatever came of it: what was
 * acknowledged is there when the store is opened again, nothing is there by half, and nothing leaks
 * (which AddressSanitizer watches). */
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "harness.h"
#include "store/aggregates.h"
#include "store/embedded/columns.h"
#include "store/inspect.h"
#include "store/records.h"
#include "support/fail_alloc.h"

enum { ROWS = 3 };

static struct fs quick; /* the real file system, without waiting for the disk */
static char dir[] = "/tmp/telltale-alloc-XXXXXX";

struct life {
    struct store_options options;
    struct store *store;
    bool samples_acknowledged, spans_acknowledged;
};

/* The day of the rows is over: they are rolled up. */
static int64_t later(void)
{
    return NOON + 2 * DAY;
}

static int append_samples(struct life *l)
{
    struct batch b;
    struct sink_result result;
    batch_init(&b, 1 << 20);
    int rc = ERR_NOMEM;
    for (int k = 0; k < ROWS; k++) {
        const char *const names[ROWS] = {"up{a=x}", "up{a=y}", "latency{}"};
        struct batch_series *series = batch_add_series(&b, harness_labels(&b.arena, names[k]));
        struct sample *s = arena_zalloc(&b.arena, sizeof *s);
        if (!series || !s)
            goto done;
        *s = (struct sample){.t_unix_ms = NOON, .value = 1};
        if (k == 2)
            s->histogram = harness_histogram(&b.arena, 1);
        series->samples = s;
        series->n_samples = 1;
    }
    if (!arena_failed(&b.arena))
        rc = store_append(l->store, &b, &result, NULL);
done:
    batch_done(&b);
    return rc;
}

static int append_spans(struct life *l)
{
    struct record_batch b;
    struct sink_result result;
    const struct attribute name = {STR("model"), any_string(STR("m1"))};
    int rc = ERR_NOMEM;
    record_batch_init(&b, RECORD_SPANS, 1 << 20);
    struct record_group *g = record_batch_add_group(&b);
    for (int k = 0; g && k < ROWS; k++) {
        struct record *r = record_batch_add(&b, g);
        if (!r)
            goto done;
        r->t_unix_ns = (NOON + k) * NS_PER_MS;
        r->fields[SPAN_NAME] = any_string(STR("agent.run"));
        r->fields[SPAN_TRACE_ID] = any_bytes(STR("0123456789abcdef"));
        r->attributes = &name;
        r->n_attributes = 1;
    }
    if (g)
        rc = store_append_records(l->store, &b, &result, NULL);
done:
    record_batch_done(&b);
    return rc;
}

/* Streams with a row; -1 when it could not be found out. */
static int count_streams(struct store *s)
{
    struct selection *sel = NULL;
    struct matcher m;
    struct arena arena;
    struct columns c;
    int n = -1;
    if (matcher_init(&m, MATCH_REGEX, STR("__name__"), STR("up|lat.*"), NULL) != 0)
        return -1;
    arena_init(&arena, 1 << 20);
    columns_init(&c, &arena);
    if (store_select(s, &m, 1, 0, INT64_MAX, 0, NULL, &sel, NULL) == 0) {
        n = 0;
        for (size_t i = 0; n >= 0 && i < selection_count(sel); i++)
            n = selection_read(sel, i, 0, INT64_MAX, &c, NULL) == 0 ? n + (c.n > 0) : -1;
    }
    columns_done(&c);
    arena_done(&arena);
    selection_free(sel);
    matcher_done(&m);
    return n;
}

/* Of the metric m; -1 as above. */
static int count_rows(struct store *s)
{
    struct selection *sel = NULL;
    struct matcher m;
    struct arena arena;
    struct columns c;
    int n = -1;
    if (matcher_init(&m, MATCH_EQUAL, STR("__name__"), STR("m"), NULL) != 0)
        return -1;
    arena_init(&arena, 1 << 20);
    columns_init(&c, &arena);
    if (store_select(s, &m, 1, 0, INT64_MAX, 0, NULL, &sel, NULL) == 0)
        n = 0;
    for (size_t i = 0; n >= 0 && i < selection_count(sel); i++) {
        columns_reset(&c);
        n = selection_read(sel, i, 0, INT64_MAX, &c, NULL) == 0 ? n + (int)c.n : -1;
    }
    columns_done(&c);
    arena_done(&arena);
    selection_free(sel);
    matcher_done(&m);
    return n;
}

/* The same, rolled up where it can be. */
static int count_rolled_up(struct store *s)
{
    struct selection *sel = NULL;
    struct arena arena;
    struct aggregates rows;
    int n = -1;
    arena_init(&arena, 1 << 20);
    aggregates_init(&rows, AGGREGATE_ALL, &arena);
    if (store_select_aggregated(s, NULL, 0, 0, NOON + DAY, HOUR, true, NULL, &sel, NULL) == 0) {
        n = 0;
        for (size_t i = 0; n >= 0 && i < selection_count(sel); i++) {
            int rc = selection_read_aggregates(sel, i, 0, NOON + DAY, HOUR, &rows, NULL);
            n = rc == 0 ? n + (rows.n > 0) : -1;
        }
    }
    aggregates_done(&rows);
    arena_done(&arena);
    selection_free(sel);
    return n;
}

static int count(void *arg, const struct record_block *b)
{
    *(int *)arg += (int)b->n;
    return 0;
}

static int count_spans(struct store *s)
{
    const struct column_ref model = {.origin = COLUMN_ATTRIBUTE, .name = STR("model")};
    const struct predicate is_m1 = {
        .op = PREDICATE_EQ, .column = model, .value = any_string(STR("m1"))};
    int n = 0;
    const struct record_scan scan = {.table = RECORD_SPANS,
                                     .min_unix_ns = 0,
                                     .max_unix_ns = INT64_MAX,
                                     .where = &is_m1,
                                     .columns = &model,
                                     .n_columns = 1,
                                     .order = SCAN_NEWEST_FIRST,
                                     .each = count,
                                     .arg = &n};
    return store_scan(s, &scan, NULL, NULL) == 0 ? n : -1;
}

static void live(struct life *l)
{
    if (store_open(&l->options, &l->store, NULL) != 0)
        return;
    if (store_replay(l->store, NULL, NULL) == 0) {
        l->samples_acknowledged = append_samples(l) == 0;
        l->spans_acknowledged = append_spans(l) == 0;
        int streams = count_streams(l->store), spans = count_spans(l->store);
        /* A refused batch of samples may be seen in part (sending it again changes nothing); the
         * log has all of it or nothing, as shown below. Spans have no such second chance. */
        assert_true(streams == -1 || streams == ROWS || !l->samples_acknowledged);
        assert_true(spans == -1 || spans == 0 || spans == ROWS);
        (void)store_flush(l->store, NULL);
        (void)append_samples(l);
        (void)count_streams(l->store);
        (void)count_spans(l->store);
        (void)store_maintain(l->store, true, NULL);
        streams = count_rolled_up(l->store);
        assert_true(streams == -1 || streams == ROWS || !l->samples_acknowledged);
    }
    (void)store_close(l->store, NULL);
}

static void check_afterwards(struct life *l)
{
    assert_int_equal(store_open(&l->options, &l->store, NULL), 0);
    assert_int_equal(store_replay(l->store, NULL, NULL), 0);
    int streams = count_streams(l->store), spans = count_spans(l->store);
    assert_true(streams == ROWS || (streams == 0 && !l->samples_acknowledged));
    assert_true(spans == ROWS || (spans == 0 && !l->spans_acknowledged));
    assert_int_equal(count_rolled_up(l->store), streams);
    assert_int_equal(store_close(l->store, NULL), 0);
}

static void test_any_allocation_may_fail_and_nothing_is_lost(void **state)
{
    (void)state;
    bool failed = true;
    size_t n = 0;
    struct matcher matcher;
    assert_int_equal(matcher_init(&matcher, MATCH_EQUAL, STR("resource.none"), STR("x"), NULL), 0);
    const struct store_retention_rule rule = {&matcher, 1, 1};
    const struct store_retention_rules rules = {&rule, 1};
    for (; failed; n++) {
        struct life l = {
            .options = {.dir = dir,
                        .fs = &quick,
                        .retention_ms = STORE_RETENTION_FOREVER,
                        .retention_records_ms = {STORE_RETENTION_FOREVER, STORE_RETENTION_FOREVER},
                        .retention_rules = rules,
                        .retention_records_rules = {rules, rules},
                        .cardinality = {.per_metric = 1000000, .fold = true},
                        .aggregates = {.enabled = true, .after_ms = 1},
                        .now_unix_ms = later}};
        fail_alloc_at(n);
        live(&l);
        failed = fail_alloc_happened();
        check_afterwards(&l);
        assert_int_equal(fs_remove_tree(fs_real(), dir, NULL), 0);
    }
    matcher_done(&matcher);
    assert_true(n > 100);
}

enum { REPLAYED = 40, SCRAPES = 3 };

static int scrape(struct store *s, int64_t t)
{
    struct batch b;
    struct sink_result result;
    struct sample v[REPLAYED];
    batch_init(&b, 1 << 20);
    for (int k = 0; k < REPLAYED; k++) {
        char name[32];
        (void)snprintf(name, sizeof name, "m{n=%02d}", k);
        struct batch_series *series = batch_add_series(&b, harness_labels(&b.arena, name));
        assert_non_null(series);
        v[k] = (struct sample){.t_unix_ms = t, .value = k};
        series->samples = &v[k];
        series->n_samples = 1;
    }
    int rc = store_append(s, &b, &result, NULL);
    batch_done(&b);
    return rc;
}

/* Only its log is there. */
static void leave_a_log(const struct store_options *options)
{
    struct store *s = NULL;
    assert_int_equal(store_open(options, &s, NULL), 0);
    assert_int_equal(store_replay(s, NULL, NULL), 0);
    for (int i = 0; i < SCRAPES; i++)
        assert_int_equal(scrape(s, NOON + i), 0);
    store_abandon(s);
}

static int replay(const struct store_options *options, struct store **out)
{
    assert_int_equal(store_open(options, out, NULL), 0);
    return store_replay(*out, NULL, NULL);
}

/* A replay for which there is no memory fails, or finds another way; the next one has all rows. */
static void test_any_allocation_of_a_replay_may_fail(void **state)
{
    (void)state;
    const struct store_options options = {
        .dir = dir, .fs = &quick, .retention_ms = STORE_RETENTION_FOREVER, .now_unix_ms = later};
    bool failed = true;
    size_t n = 0, refused = 0;
    for (; failed; n++) {
        struct store *s = NULL;
        leave_a_log(&options);
        assert_int_equal(store_open(&options, &s, NULL), 0);
        fail_alloc_at(n);
        int rc = store_replay(s, NULL, NULL);
        failed = fail_alloc_happened();
        refused += rc != 0;
        if (rc != 0) {
            assert_int_equal(rc, ERR_NOMEM);
            store_abandon(s);
            assert_int_equal(replay(&options, &s), 0);
        }
        assert_int_equal(count_rows(s), REPLAYED * SCRAPES);
        store_abandon(s);
        assert_int_equal(fs_remove_tree(fs_real(), dir, NULL), 0);
    }
    assert_true(refused > 10 && n > refused + 1); // a run without memory is given up
}

static void no_finding(void *arg, bool damage, const char *path, const char *what)
{
    (void)arg, (void)damage;
    fail_msg("%s: %s", path, what);
}

/* ERR_NOMEM is no damage. */
static void inspect(void)
{
    struct store_check_totals totals;
    struct store_measure metrics;
    struct store_record_measure spans;
    struct arena arena;
    arena_init(&arena, 64 << 20);
    int rc = store_check(NULL, dir, no_finding, NULL, &totals, NULL);
    assert_true(rc == 0 || rc == ERR_NOMEM);
    rc = store_measure(NULL, dir, 5, &arena, &metrics, NULL);
    assert_true(rc == ERR_NOMEM || (rc == 0 && metrics.files.unreadable == 0));
    rc = store_measure_records(NULL, dir, RECORD_SPANS, 5, &arena, &spans, NULL);
    assert_true(rc == ERR_NOMEM || (rc == 0 && spans.files.unreadable == 0));
    arena_done(&arena);
}

static void test_checking_and_measuring_tell_lack_of_memory_from_damage(void **state)
{
    (void)state;
    struct life l = {
        .options = {.dir = dir,
                    .retention_ms = STORE_RETENTION_FOREVER,
                    .retention_records_ms = {STORE_RETENTION_FOREVER, STORE_RETENTION_FOREVER},
                    .aggregates = {.enabled = true, .after_ms = 1},
                    .now_unix_ms = later}};
    bool failed = true;
    size_t n = 0;
    live(&l);
    for (; failed; n++) {
        fail_alloc_at(n);
        inspect();
        failed = fail_alloc_happened();
    }
    assert_true(n > 50);
    assert_int_equal(fs_remove_tree(fs_real(), dir, NULL), 0);
}

static int sync_nothing(void *self, void *h)
{
    (void)self, (void)h;
    return 0;
}

static int sync_no_dir(void *self, const char *path)
{
    (void)self, (void)path;
    return 0;
}

static int begin(void **state)
{
    (void)state;
    quick = *fs_real();
    quick.sync = sync_nothing;
    quick.sync_dir = sync_no_dir;
    return mkdtemp(dir) ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_allocation_may_fail_and_nothing_is_lost),
        cmocka_unit_test(test_any_allocation_of_a_replay_may_fail),
        cmocka_unit_test(test_checking_and_measuring_tell_lack_of_memory_from_damage),
    };
    return cmocka_run_group_tests(tests, begin, NULL);
}
