/* The whole engine against a naive model: random appends in and out of order, duplicates, every
 * kind of row, deletions, retention by stream, flushes, merges, rolling up, clean-ups, restarts and
 * deaths of the process; then random selections, which must give exactly the model's rows, or
 * buckets of them. Seeded; TELLTALE_STORE_STEPS sets how many steps, TELLTALE_STORE_SEED which. */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "model/histogram.h"
#include "model/matcher.h"
#include "store/aggregates.h"

/* Behind the plain streams those of a metric that has more of them than are allowed, and at last
 * the one that they overflow into. */
enum { PLAIN = 60, GUARDED = 24, OVERFLOW = PLAIN + GUARDED, STREAMS, ALLOWED = 18, STEPS = 3000 };

enum flavour { ROLLED_UP, RULES, REFUSING, FOLDING };

struct row {
    int64_t t, start;
    uint64_t bits; /* of the float, or the seed of the histogram */
    bool histogram;
};

struct model_stream {
    char text[64];
    struct labels labels;
    struct row *rows; /* by time */
    size_t n, cap;
    int64_t keep_ms;
    bool in_head; /* for sure */
};

struct model {
    struct harness h;
    struct harness_rules rules;
    struct arena arena;
    struct model_stream streams[STREAMS];
    enum flavour flavour;
    uint64_t random;
    int64_t now;
    size_t days_rolled_up; /* that selections read */
    size_t batches_kept_out;
};

static uint64_t below(struct model *m, uint64_t n)
{
    return check_random(&m->random) % n;
}

/* --- the model -------------------------------------------------------------------------------- */

static void model_put(struct model_stream *s, struct row row)
{
    size_t at = s->n;
    while (at > 0 && s->rows[at - 1].t > row.t)
        at--;
    if (at > 0 && s->rows[at - 1].t == row.t) {
        s->rows[at - 1] = row;
        return;
    }
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 64;
        s->rows = realloc(s->rows, s->cap * sizeof *s->rows);
        assert_non_null(s->rows);
    }
    memmove(s->rows + at + 1, s->rows + at, (s->n - at) * sizeof *s->rows);
    s->rows[at] = row;
    s->n++;
}

static void make_streams(struct model *m)
{
    for (size_t i = 0; i < STREAMS; i++) {
        struct model_stream *s = &m->streams[i];
        if (i == OVERFLOW)
            (void)snprintf(s->text, sizeof s->text, "many{otel.metric.overflow=true}");
        else if (i >= PLAIN)
            (void)snprintf(s->text, sizeof s->text, "many{i=%zu}", i);
        else
            (void)snprintf(s->text, sizeof s->text, "m%zu{a=v%zu,%s=w%zu,pod=p%zu}", i % 5, i % 7,
                           i % 3 ? "b" : "c", i % 4, i);
        s->labels = harness_labels(&m->arena, s->text);
        s->keep_ms = STORE_RETENTION_FOREVER;
    }
}

/* Two days, and rules; the first that matches counts. */
static void make_rules(struct model *m)
{
    static const struct {
        const char *matchers;
        int64_t keep_ms;
    } rules[] = {{"a=v1", DAY},
                 {"pod=~p1.* b!=", 4 * DAY},
                 {"c=w3", STORE_RETENTION_FOREVER},
                 {"__name__=~m[34] pod!~p.*5", DAY + 7 * HOUR}};
    m->h.options.retention_ms = 2 * DAY;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        harness_keep(&m->rules, &m->h.options.retention_rules, rules[i].matchers, rules[i].keep_ms);
    for (size_t k = 0; k < STREAMS; k++) {
        struct model_stream *s = &m->streams[k];
        s->keep_ms = m->h.options.retention_ms;
        for (size_t i = m->rules.n; i-- > 0;)
            if (matchers_match(m->rules.matchers[i], m->rules.v[i].n_matchers, &s->labels) == 1)
                s->keep_ms = m->rules.v[i].keep_ms;
    }
}

static int64_t stream_min_ms(const struct model *m, const struct model_stream *s)
{
    return s->keep_ms == STORE_RETENTION_FOREVER ? INT64_MIN : m->now - s->keep_ms;
}

static void model_delete(struct model_stream *s, int64_t min_ms, int64_t max_ms)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->n; i++)
        if (s->rows[i].t < min_ms || s->rows[i].t > max_ms)
            s->rows[kept++] = s->rows[i];
    s->n = kept;
}

static void go_on(struct model *m, int64_t ms)
{
    m->now += ms;
    harness_set_now(m->now);
    for (size_t i = 0; i < STREAMS; i++)
        if (stream_min_ms(m, &m->streams[i]) > INT64_MIN)
            model_delete(&m->streams[i], INT64_MIN, stream_min_ms(m, &m->streams[i]) - 1);
}

/* --- appending -------------------------------------------------------------------------------- */

static int64_t random_time(struct model *m)
{
    switch (below(m, 12)) {
    case 0: return m->now - (int64_t)below(m, 3600) * 1000;
    case 1: return m->now - (int64_t)below(m, 5) * DAY - (int64_t)below(m, 1000);
    case 2: return m->now / 60000 * 60000; // often the same
    case 3: return m->now - (int64_t)below(m, 20);
    default: return m->now + (int64_t)below(m, 15000);
    }
}

static struct row random_row(struct model *m)
{
    struct row row = {.t = random_time(m)};
    double v = (double)below(m, 100000) / 100;
    switch (below(m, 16)) {
    case 0: row.bits = STALE_NAN_BITS; return row;
    case 1: row.bits = check_random(&m->random); return row; // any bits, NaN and all
    case 2: row.bits = UINT64_C(0x8000000000000000); return row;
    case 3: row.start = row.t - (int64_t)below(m, 1000); break;
    case 4:
    case 5:
        row.histogram = true;
        row.bits = below(m, 1u << 20);
        return row;
    default: break;
    }
    memcpy(&row.bits, &v, sizeof v);
    return row;
}

static void append_step(struct model *m)
{
    size_t n_series = 1 + below(m, 12);
    size_t expected = 0;
    go_on(m, (int64_t)below(m, 20000));
    for (size_t i = 0; i < n_series; i++) {
        struct model_stream *stream = &m->streams[below(m, PLAIN)];
        size_t n = 1 + below(m, 10) * (below(m, 4) == 0);
        struct sample *v = arena_array(&m->h.batch.arena, n, sizeof *v);
        for (size_t k = 0; k < n; k++) {
            struct row row = random_row(m);
            v[k] = (struct sample){.t_unix_ms = row.t, .start_unix_ms = row.start};
            memcpy(&v[k].value, &row.bits, sizeof v[k].value);
            if (row.histogram)
                v[k].histogram = harness_histogram(&m->h.batch.arena, row.bits);
            bool kept = row.t >= stream_min_ms(m, stream);
            expected += kept;
            if (kept)
                model_put(stream, row);
        }
        struct batch_series *s =
            below(m, 3) ? harness_sent(m->h.store, &m->h.batch, stream->labels, below(m, 10) == 0)
                        : batch_add_series(&m->h.batch, stream->labels);
        s->samples = v;
        s->n_samples = (uint32_t)n;
    }
    size_t sent = batch_count_samples(&m->h.batch);
    struct sink_result result;
    assert_int_equal(harness_append(&m->h, &result, NULL), 0);
    assert_int_equal(result.accepted, expected);
    assert_int_equal(result.rejected[REJECT_TOO_OLD], sent - expected);
}

/* --- limits of cardinality -------------------------------------------------------------------- */

/* Samples that were folded or refused so far. */
static uint64_t kept_out(struct model *m)
{
    struct arena arena;
    struct store_stats stats;
    uint64_t n = 0;
    arena_init(&arena, 1 << 20);
    assert_int_equal(store_stats(m->h.store, 1, &arena, &stats, NULL), 0);
    for (size_t i = 0; i < stats.n_limited; i++)
        n += stats.limited[i].folded + stats.limited[i].refused;
    arena_done(&arena);
    return n;
}

/* Those of the metric that has a limit, as the store counts them. */
static size_t guarded_series(struct model *m)
{
    struct arena arena;
    struct store_stats stats;
    size_t n = 0;
    arena_init(&arena, 1 << 20);
    assert_int_equal(store_stats(m->h.store, 10, &arena, &stats, NULL), 0);
    for (size_t i = 0; i < stats.n_top_metrics; i++)
        if (str_eq(stats.top_metrics[i].name, STR("many")))
            n = stats.top_metrics[i].count;
    arena_done(&arena);
    return n;
}

/* Puts the kept rows of a batch where the store says they went. */
static void model_guarded(struct model *m, struct model_stream *stream, const struct row *rows,
                          size_t n, bool out)
{
    assert_false(out && stream->in_head);
    m->batches_kept_out += out;
    stream->in_head |= n && !out;
    struct model_stream *to = !out ? stream : m->flavour == FOLDING ? &m->streams[OVERFLOW] : NULL;
    for (size_t i = 0; to && i < n; i++)
        model_put(to, rows[i]);
}

static void guarded_step(struct model *m)
{
    struct model_stream *stream = &m->streams[PLAIN + below(m, GUARDED)];
    struct sample v[4];
    struct row rows[4];
    size_t n = 1 + below(m, 4), kept = 0;
    int64_t t = random_time(m);
    for (size_t i = 0; i < n; i++) {
        v[i] = (struct sample){.t_unix_ms = t + (int64_t)i, .value = (double)below(m, 1000)};
        rows[kept] = (struct row){.t = v[i].t_unix_ms};
        memcpy(&rows[kept].bits, &v[i].value, sizeof v[i].value);
        kept += v[i].t_unix_ms >= stream_min_ms(m, stream);
    }
    struct batch_series *s = below(m, 2) ? harness_sent(m->h.store, &m->h.batch, stream->labels, 0)
                                         : batch_add_series(&m->h.batch, stream->labels);
    s->samples = v;
    s->n_samples = (uint32_t)n;
    struct sink_result result;
    uint64_t before = kept_out(m);
    size_t series = guarded_series(m);
    assert_int_equal(harness_append(&m->h, &result, NULL), 0);
    uint64_t out = kept_out(m) - before;
    assert_true(out == 0 || out == kept);
    /* More than the limit may have come back from the log, but no new one joins them. */
    assert_true(out || series < ALLOWED || guarded_series(m) == series);
    assert_int_equal(result.rejected[REJECT_CARDINALITY], m->flavour == REFUSING ? out : 0);
    assert_int_equal(result.accepted, m->flavour == REFUSING ? kept - out : kept);
    model_guarded(m, stream, rows, kept, out > 0);
}

/* --- comparing -------------------------------------------------------------------------------- */

static void check_row(const struct columns *c, size_t i, const struct row *row, struct arena *a)
{
    assert_int_equal(c->t_unix_ms[i], row->t);
    assert_int_equal(c->start_unix_ms ? c->start_unix_ms[i] : 0, row->start);
    const struct histogram *h = c->histogram ? c->histogram[i] : NULL;
    assert_int_equal(h != NULL, row->histogram);
    if (h)
        assert_true(histogram_eq(h, harness_histogram(a, row->bits)));
    else
        assert_memory_equal(&c->value[i], &row->bits, sizeof row->bits);
}

static void check_stream(const struct selection *sel, size_t i, const struct model_stream *s,
                         int64_t min_ms, int64_t max_ms)
{
    struct arena arena;
    struct columns c;
    arena_init(&arena, 64 << 20);
    columns_init(&c, &arena);
    assert_int_equal(selection_read(sel, i, min_ms, max_ms, &c, NULL), 0);
    size_t k = 0;
    for (size_t r = 0; r < s->n; r++) {
        if (s->rows[r].t < min_ms || s->rows[r].t > max_ms)
            continue;
        assert_true(k < c.n);
        check_row(&c, k++, &s->rows[r], &arena);
    }
    assert_int_equal(k, c.n);
    columns_done(&c);
    arena_done(&arena);
}

static size_t rows_in(const struct model_stream *s, int64_t min_ms, int64_t max_ms)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++)
        n += s->rows[i].t >= min_ms && s->rows[i].t <= max_ms;
    return n;
}

static void check_selection(struct model *m, const struct matcher *matchers, size_t n,
                            int64_t min_ms, int64_t max_ms)
{
    struct selection *sel = NULL;
    assert_int_equal(store_select(m->h.store, matchers, n, min_ms, max_ms, 0, NULL, &sel, NULL), 0);
    size_t found = 0;
    for (size_t i = 0; i < selection_count(sel); i++) {
        const struct labels *labels = selection_labels(sel, i);
        assert_true(i == 0 || labels_cmp(selection_labels(sel, i - 1), labels) < 0);
        assert_int_equal(matchers_match(matchers, n, labels), 1);
        size_t k = 0;
        while (k < STREAMS && !labels_eq(&m->streams[k].labels, labels))
            k++;
        assert_true(k < STREAMS);
        check_stream(sel, i, &m->streams[k], min_ms, max_ms);
        found += rows_in(&m->streams[k], min_ms, max_ms) > 0;
    }
    size_t expected = 0;
    for (size_t k = 0; k < STREAMS; k++)
        expected += matchers_match(matchers, n, &m->streams[k].labels) == 1 &&
                    rows_in(&m->streams[k], min_ms, max_ms) > 0;
    assert_int_equal(found, expected);
    selection_free(sel);
}

static const char *const selectors[] = {
    "",
    "__name__=m1",
    "__name__=~m[12]",
    "a!=v3",
    "a=~v.+",
    "b=",
    "b!=",
    "c=~w1|w2",
    "c!~w1|w2",
    "pod=~p1.* a!=v1",
    "pod=p7",
    "a=~v1|v2 b=~.+",
    "__name__!~m.*",
    "d=x",
    "d!=x __name__=m0",
    "pod=~p.*5",
    "b!~.+",
    "__name__=m3 c=~.*",
    "pod!~p(1|2)",
    "a=v1 b=w1",
};

static size_t random_matchers(struct model *m, struct matcher out[4])
{
    return harness_matchers(selectors[below(m, sizeof selectors / sizeof *selectors)], out, 4);
}

static void select_step(struct model *m)
{
    struct matcher matchers[4];
    size_t n = random_matchers(m, matchers);
    int64_t min_ms = INT64_MIN, max_ms = INT64_MAX;
    if (below(m, 2)) {
        min_ms = m->now - (int64_t)below(m, 6) * DAY - (int64_t)below(m, 10000000);
        max_ms = min_ms + (int64_t)below(m, 2 * (uint64_t)DAY);
    }
    check_selection(m, matchers, n, min_ms, max_ms);
    harness_matchers_done(matchers, n);
}

/* --- rolled up -------------------------------------------------------------------------------- */

/* What buckets, or rows, say of a range. */
struct sum {
    int64_t floats, histograms;
    int64_t first_ms, last_ms; /* of floats */
    uint64_t first, last;
};

static void add_floats(struct sum *s, int64_t n, int64_t first_ms, uint64_t first, int64_t last_ms,
                       uint64_t last)
{
    if (n && s->floats == 0) {
        s->first_ms = first_ms;
        s->first = first;
    }
    if (n) {
        s->last_ms = last_ms;
        s->last = last;
    }
    s->floats += n;
}

static struct sum sum_of_buckets(const struct selection *sel, size_t i, int64_t min_ms,
                                 int64_t max_ms, int64_t resolution_ms)
{
    struct arena arena;
    struct aggregates rows;
    struct sum sum = {0};
    arena_init(&arena, 64 << 20);
    aggregates_init(&rows, AGGREGATE_ENDS, &arena);
    assert_int_equal(selection_read_aggregates(sel, i, min_ms, max_ms, resolution_ms, &rows, NULL),
                     0);
    for (size_t k = 0; k < rows.n; k++) {
        const struct aggregate *a = &rows.v[k];
        uint64_t first, last;
        memcpy(&first, &a->first, sizeof first);
        memcpy(&last, &a->last, sizeof last);
        add_floats(&sum, a->n, a->first_ms, first, a->last_ms, last);
        sum.histograms += a->histograms ? a->histograms->n : 0;
    }
    aggregates_done(&rows);
    arena_done(&arena);
    return sum;
}

static struct sum sum_of_rows(const struct model_stream *s, int64_t min_ms, int64_t max_ms)
{
    struct sum sum = {0};
    for (size_t i = 0; i < s->n; i++) {
        const struct row *r = &s->rows[i];
        if (r->t < min_ms || r->t > max_ms)
            continue;
        sum.histograms += r->histogram;
        if (!r->histogram && r->bits != STALE_NAN_BITS)
            add_floats(&sum, 1, r->t, r->bits, r->t, r->bits);
    }
    return sum;
}

static void check_sums(struct model *m, const struct selection *sel, size_t i, int64_t min_ms,
                       int64_t max_ms, int64_t resolution_ms)
{
    size_t k = 0;
    while (k < STREAMS && !labels_eq(&m->streams[k].labels, selection_labels(sel, i)))
        k++;
    assert_true(k < STREAMS);
    struct sum got = sum_of_buckets(sel, i, min_ms, max_ms, resolution_ms);
    struct sum expected = sum_of_rows(&m->streams[k], min_ms, max_ms);
    assert_memory_equal(&got, &expected, sizeof got);
}

/* Whole hours, or whole five minutes, of all streams that match. Late rows keep most days from
 * being read rolled up, unless they just were. */
static void rolled_step(struct model *m)
{
    struct matcher matchers[4];
    struct selection *sel = NULL;
    size_t n = random_matchers(m, matchers);
    int64_t resolution = below(m, 2) ? HOUR : HOUR / 12;
    int64_t from = m->now - (int64_t)below(m, 6) * DAY - (int64_t)below(m, (uint64_t)DAY);
    from = from / resolution * resolution;
    int64_t to = from + (int64_t)below(m, 60) * resolution;
    if (below(m, 4) == 0)
        assert_int_equal(store_maintain(m->h.store, true, NULL), 0);
    assert_int_equal(store_select_aggregated(m->h.store, matchers, n, from + 1, to, resolution,
                                             true, NULL, &sel, NULL),
                     0);
    m->days_rolled_up += selection_aggregates(sel).days;
    size_t found = 0, expected = 0;
    for (size_t i = 0; i < selection_count(sel); i++)
        check_sums(m, sel, i, from + 1, to, below(m, 2) ? resolution : 1);
    for (size_t i = 0; i < selection_count(sel); i++) {
        struct sum s = sum_of_buckets(sel, i, from + 1, to, 1);
        found += s.floats + s.histograms > 0;
    }
    for (size_t k = 0; k < STREAMS; k++) {
        struct sum s = sum_of_rows(&m->streams[k], from + 1, to);
        expected +=
            s.floats + s.histograms > 0 && matchers_match(matchers, n, &m->streams[k].labels) == 1;
    }
    assert_int_equal(found, expected);
    selection_free(sel);
    harness_matchers_done(matchers, n);
}

static void check_all(struct model *m)
{
    check_selection(m, NULL, 0, INT64_MIN, INT64_MAX);
}

/* --- deleting --------------------------------------------------------------------------------- */

/* Mostly a small piece, or else there would be nothing left to look at. */
static void delete_step(struct model *m)
{
    struct matcher matchers[4];
    size_t n = random_matchers(m, matchers);
    int64_t min_ms = m->now - (int64_t)below(m, 5) * DAY - (int64_t)below(m, (uint64_t)HOUR);
    int64_t max_ms = min_ms + (int64_t)below(m, below(m, 4) ? (uint64_t)HOUR / 2 : (uint64_t)DAY);
    if (below(m, 10) == 0)
        min_ms = INT64_MIN;
    if (below(m, 10) == 0)
        max_ms = INT64_MAX;
    assert_int_equal(store_delete(m->h.store, matchers, n, min_ms, max_ms, NULL), 0);
    for (size_t k = 0; k < STREAMS; k++)
        if (matchers_match(matchers, n, &m->streams[k].labels) == 1)
            model_delete(&m->streams[k], min_ms, max_ms);
    harness_matchers_done(matchers, n);
}

/* --- steps ------------------------------------------------------------------------------------ */

static void step(struct model *m)
{
    uint64_t dice = below(m, 1000);
    for (size_t i = PLAIN; dice >= 930 && i < OVERFLOW; i++)
        m->streams[i].in_head = false; // what follows may flush, and forget who was silent for long
    if (dice < 800 && m->flavour >= REFUSING && below(m, 3) == 0)
        guarded_step(m);
    else if (dice < 800)
        append_step(m);
    else if (dice < 930)
        select_step(m);
    else if (dice < 970)
        rolled_step(m);
    else if (dice < 976)
        delete_step(m);
    else if (dice < 977)
        assert_int_equal(store_clean_tombstones(m->h.store, NULL), 0);
    else if (dice < 982)
        assert_int_equal(store_flush(m->h.store, NULL), 0);
    else if (dice < 988)
        assert_int_equal(store_maintain(m->h.store, false, NULL), 0);
    else if (dice < 990)
        assert_int_equal(store_maintain(m->h.store, true, NULL), 0);
    else if (dice < 994)
        harness_reopen(&m->h);
    else if (dice < 998 || !m->rules.n)
        harness_kill(&m->h);
    else
        go_on(m, (int64_t)below(m, 12 * (uint64_t)HOUR));
}

static void run(uint64_t seed, size_t steps, enum flavour flavour)
{
    struct model *m = calloc(1, sizeof *m);
    assert_non_null(m);
    m->random = seed + harness_setting("TELLTALE_STORE_SEED", 0);
    m->flavour = flavour;
    m->now = NOON;
    arena_init(&m->arena, 1 << 20);
    harness_init(&m->h);
    m->h.options.aggregates.enabled = flavour != RULES; // of streams past their time it has buckets
    m->h.options.aggregates.after_ms = 1;
    if (flavour >= REFUSING)
        m->h.options.cardinality =
            (struct store_cardinality){.per_metric = ALLOWED, .fold = flavour == FOLDING};
    make_streams(m);
    if (flavour == RULES)
        make_rules(m);
    (void)harness_open(&m->h);
    for (size_t i = 0; i < steps; i++)
        step(m);
    check_all(m);
    harness_reopen(&m->h);
    check_all(m);
    assert_int_equal(store_maintain(m->h.store, true, NULL), 0);
    check_all(m);
    assert_int_equal(store_clean_tombstones(m->h.store, NULL), 0);
    check_all(m);
    struct store_stats stats;
    assert_int_equal(store_stats(m->h.store, 0, NULL, &stats, NULL), 0);
    assert_int_equal(stats.tombstones, 0);
    assert_int_equal(stats.parts, stats.partitions);
    assert_int_equal(stats.damaged_blocks + stats.damaged_parts, 0);
    assert_true(flavour == RULES || m->days_rolled_up > steps / 1500);
    assert_true(flavour < REFUSING || m->batches_kept_out > steps / 1500);
    harness_done(&m->h);
    harness_rules_done(&m->rules);
    for (size_t i = 0; i < STREAMS; i++)
        free(m->streams[i].rows);
    arena_done(&m->arena);
    free(m);
}

static void test_the_engine_agrees_with_a_naive_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++)
        run(seed, harness_setting("TELLTALE_STORE_STEPS", STEPS), ROLLED_UP);
}

static void test_retention_by_stream_agrees_with_the_model(void **state)
{
    (void)state;
    for (uint64_t seed = 11; seed <= 14; seed++)
        run(seed, harness_setting("TELLTALE_STORE_STEPS", STEPS), RULES);
}

static void test_limits_of_cardinality_agree_with_the_model(void **state)
{
    (void)state;
    for (uint64_t seed = 21; seed <= 24; seed++)
        run(seed, harness_setting("TELLTALE_STORE_STEPS", STEPS), seed % 2 ? REFUSING : FOLDING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_engine_agrees_with_a_naive_model),
        cmocka_unit_test(test_retention_by_stream_agrees_with_the_model),
        cmocka_unit_test(test_limits_of_cardinality_agree_with_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
