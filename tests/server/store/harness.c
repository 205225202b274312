#include "harness.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/num.h"
#include "base/time.h"
#include "model/histogram.h"
#include "model/matcher.h"
#include "store/inspect.h"
#include "store/records.h"

static int64_t now = NOON;
static char *kept_note, *kept_text, *kept_check;

static int64_t clock_now(void)
{
    return now;
}

void harness_set_now(int64_t unix_ms)
{
    now = unix_ms;
}

void harness_init(struct harness *h)
{
    *h = (struct harness){.disk = crash_fs_new(1)};
    h->options = (struct store_options){.dir = "root/data",
                                        .fs = crash_fs_vtable(h->disk),
                                        .retention_ms = STORE_RETENTION_FOREVER,
                                        .now_unix_ms = clock_now};
    batch_init(&h->batch, 256 << 20);
    now = NOON;
}

void harness_done(struct harness *h)
{
    if (h->store)
        harness_close(h);
    batch_done(&h->batch);
    crash_fs_free(h->disk);
    free(kept_note);
    free(kept_text);
    free(kept_check);
    kept_note = kept_text = kept_check = NULL;
}

const char *harness_open(struct harness *h)
{
    struct err err = {0};
    free(kept_note);
    kept_note = NULL;
    if (store_open(&h->options, &h->store, &err) != 0 ||
        store_replay(h->store, &kept_note, &err) != 0) {
        print_error("%s\n", err.message);
        fail();
    }
    return kept_note;
}

void harness_close(struct harness *h)
{
    struct err err = {0};
    if (store_close(h->store, &err) != 0) {
        print_error("%s\n", err.message);
        fail();
    }
    h->store = NULL;
}

struct findings {
    struct buf text;
    bool remarks;
    bool not_aside; /* files that were set aside do not count */
};

static void add_finding(void *arg, bool damage, const char *path, const char *what)
{
    struct findings *f = arg;
    if (f->not_aside && str_ends(str_c(path), STR(".damaged")))
        return;
    if (damage || f->remarks)
        buf_printf(&f->text, "%s: %s: %s\n", damage ? "damage" : "remark", path, what);
}

static const char *check(struct harness *h, const char *dir, struct findings found)
{
    struct store_check_totals totals;
    struct err err = {0};
    if (store_check(h->options.fs, dir, add_finding, &found, &totals, &err) != 0) {
        print_error("%s\n", err.message);
        fail();
    }
    buf_puts(&found.text, "");
    free(kept_check);
    kept_check = buf_take(&found.text, NULL);
    return kept_check ? kept_check : "";
}

const char *harness_check(struct harness *h, const char *dir, bool remarks)
{
    return check(h, dir, (struct findings){BUF_MAX(64 << 20), remarks, false});
}

void harness_sound(struct harness *h)
{
    assert_string_equal(check(h, h->options.dir, (struct findings){BUF_MAX(1 << 20), false, true}),
                        "");
}

void harness_reopen(struct harness *h)
{
    harness_close(h);
    harness_sound(h);
    (void)harness_open(h);
}

void harness_kill(struct harness *h)
{
    crash_fs_kill_process(h->disk);
    store_abandon(h->store);
    harness_sound(h);
    (void)harness_open(h);
}

void harness_power_loss(struct harness *h)
{
    store_abandon(h->store);
    crash_fs_reboot(h->disk);
    harness_sound(h);
    (void)harness_open(h);
}

/* --- writing ---------------------------------------------------------------------------------- */

struct labels harness_labels(struct arena *a, const char *text)
{
    struct label v[64];
    size_t n = 0;
    struct str rest = arena_str(a, str_c(text));
    struct str name = str_cut(&rest, '{');
    if (name.n)
        v[n++] = (struct label){LABEL_NAME, name};
    rest = str_cut(&rest, '}');
    while (rest.n && n < 64) {
        struct str pair = str_cut(&rest, ',');
        v[n].name = str_cut(&pair, '=');
        v[n++].value = pair;
    }
    struct str bad;
    long kept = labels_canonicalise(v, n, &bad);
    assert_true(kept >= 0);
    struct labels labels = {v, (size_t)kept};
    return labels_copy(a, &labels);
}

struct batch_series *harness_series(struct harness *h, const char *labels)
{
    struct batch_series *s = batch_add_series(&h->batch, harness_labels(&h->batch.arena, labels));
    assert_non_null(s);
    return s;
}

void harness_float(struct harness *h, const char *labels, int64_t t, double v)
{
    struct sample *sample = arena_zalloc(&h->batch.arena, sizeof *sample);
    struct batch_series *s = harness_series(h, labels);
    *sample = (struct sample){.t_unix_ms = t, .value = v};
    s->samples = sample;
    s->n_samples = 1;
}

struct batch_series *harness_sent(struct store *s, struct batch *b, struct labels labels,
                                  uint64_t form)
{
    const struct sink sink = store_sink(s);
    const struct hash128 sent = {labels_hash(&labels), form + 1};
    const void *known;
    uint32_t recalled = sink_recall(&sink, &sent, 1, &known);
    struct batch_series *series =
        known ? batch_add_known(b, known, recalled) : batch_add_series(b, labels);
    assert_non_null(series);
    series->sent = sent;
    return series;
}

int harness_append(struct harness *h, struct sink_result *out, struct err *err)
{
    struct sink_result ignored;
    int rc = store_append(h->store, &h->batch, out ? out : &ignored, err);
    batch_reset(&h->batch);
    return rc;
}

void harness_put(struct harness *h, const char *labels, int64_t t, double v)
{
    struct err err = {0};
    struct sink_result result;
    harness_float(h, labels, t, v);
    if (harness_append(h, &result, &err) != 0 || result.accepted != 1) {
        print_error("not accepted: %s%s\n", err.message, result.message);
        fail();
    }
}

struct histogram *harness_histogram(struct arena *a, uint64_t seed)
{
    struct histogram *h = arena_zalloc(a, sizeof *h);
    struct histogram_span *spans = arena_array(a, 2, sizeof *spans);
    double *counts = arena_array(a, 5, sizeof *counts);
    spans[0] = (struct histogram_span){(int32_t)(seed % 7) - 3, 3};
    spans[1] = (struct histogram_span){(int32_t)(seed % 5), 2};
    h->schema = (int32_t)(seed % 12) - 4;
    h->integer = seed % 3 != 0;
    h->reset = (enum histogram_reset)(seed % 4);
    h->zero_threshold = 1e-9;
    h->zero_count = (double)(seed % 11);
    h->sum = (double)seed / 3;
    h->count = h->zero_count;
    for (size_t i = 0; i < 5; i++) {
        counts[i] = (double)((seed >> i) % 1000) + (h->integer ? 0 : 0.25);
        h->count += counts[i];
    }
    h->positive_spans = spans;
    h->n_positive_spans = 2;
    h->positive = counts;
    h->n_positive = 5;
    return h;
}

void harness_put_log(struct harness *h, int64_t t_unix_ms)
{
    struct record_batch b;
    struct sink_result result;
    record_batch_init(&b, RECORD_LOGS, 1 << 20);
    struct record *r = record_batch_add(&b, record_batch_add_group(&b));
    r->t_unix_ns = t_unix_ms * NS_PER_MS;
    r->fields[LOG_BODY] = any_string(STR("hello"));
    assert_int_equal(store_append_records(h->store, &b, &result, NULL), 0);
    assert_int_equal(result.accepted, 1);
    record_batch_done(&b);
}

/* --- reading ---------------------------------------------------------------------------------- */

static struct str cut_operator(struct str text, enum match_op *op, struct str *value)
{
    static const struct {
        const char *text;
        enum match_op op;
    } ops[] = {
        {"!=", MATCH_NOT_EQUAL}, {"=~", MATCH_REGEX}, {"!~", MATCH_NOT_REGEX}, {"=", MATCH_EQUAL}};
    for (size_t i = 0; i < 4; i++) {
        size_t at = str_find(text, str_c(ops[i].text));
        if (at < text.n) {
            *op = ops[i].op;
            *value = str_sub(text, at + strlen(ops[i].text), SIZE_MAX);
            return str_sub(text, 0, at);
        }
    }
    fail();
    return text;
}

size_t harness_matchers(const char *text, struct matcher *out, size_t max)
{
    size_t n = 0;
    struct str rest = str_c(text);
    while (rest.n && n < max) {
        struct str one = str_cut(&rest, ' '), value = {0};
        enum match_op op = MATCH_EQUAL;
        struct str name = cut_operator(one, &op, &value);
        assert_int_equal(matcher_init(&out[n++], op, name, value, NULL), 0);
    }
    return n;
}

void harness_matchers_done(struct matcher *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        matcher_done(&v[i]);
}

void harness_keep(struct harness_rules *rules, struct store_retention_rules *table,
                  const char *matchers, int64_t keep_ms)
{
    assert_true(rules->n < HARNESS_RULES);
    struct matcher *v = rules->matchers[rules->n];
    size_t n = harness_matchers(matchers, v, 2);
    rules->v[rules->n++] = (struct store_retention_rule){v, n, keep_ms};
    *table = (struct store_retention_rules){rules->v, rules->n};
}

void harness_rules_done(struct harness_rules *rules)
{
    for (size_t i = 0; i < rules->n; i++)
        harness_matchers_done(rules->matchers[i], rules->v[i].n_matchers);
    rules->n = 0;
}

static void print_row(struct buf *out, const struct columns *c, size_t i)
{
    buf_printf(out, " %lld=", (long long)(c->t_unix_ms[i] - NOON));
    if (c->histogram && c->histogram[i])
        buf_printf(out, "h%g", c->histogram[i]->sum);
    else if (is_stale_nan(c->value[i]))
        buf_puts(out, "stale");
    else
        buf_put_double(out, c->value[i]);
    if (c->start_unix_ms && c->start_unix_ms[i])
        buf_printf(out, "@%lld", (long long)(c->start_unix_ms[i] - NOON));
}

static const char *keep(struct buf *text)
{
    free(kept_text);
    kept_text = buf_take(text, NULL);
    return kept_text;
}

const char *harness_read(struct harness *h, const char *matchers, int64_t min_ms, int64_t max_ms)
{
    struct matcher m[8];
    struct selection *sel = NULL;
    struct err err = {0};
    size_t n = harness_matchers(matchers, m, 8);
    if (store_select(h->store, m, n, min_ms, max_ms, 0, NULL, &sel, &err) != 0) {
        print_error("%s\n", err.message);
        fail();
    }
    struct buf text = BUF_MAX(64 << 20);
    struct arena arena;
    struct columns c;
    arena_init(&arena, 64 << 20);
    columns_init(&c, &arena);
    for (size_t i = 0; i < selection_count(sel); i++) {
        assert_int_equal(selection_read(sel, i, min_ms, max_ms, &c, &err), 0);
        if (c.n == 0)
            continue;
        if (text.n)
            buf_putc(&text, '\n');
        labels_format(&text, selection_labels(sel, i));
        for (size_t k = 0; k < c.n; k++)
            print_row(&text, &c, k);
    }
    columns_done(&c);
    arena_done(&arena);
    selection_free(sel);
    harness_matchers_done(m, n);
    return keep(&text);
}

void harness_kill_and_compare(struct harness *h)
{
    char *before = str_dup(str_c(harness_read(h, "", INT64_MIN, INT64_MAX)));
    assert_non_null(before);
    harness_kill(h);
    check_rows(h, "", before);
    free(before);
}

const char *harness_values(struct harness *h, const char *name, const char *matchers)
{
    struct matcher m[8];
    struct arena arena;
    struct str *v = NULL;
    size_t count = 0, n = harness_matchers(matchers, m, 8);
    struct err err = {0};
    arena_init(&arena, 64 << 20);
    int rc =
        name ? store_label_values(h->store, str_c(name), m, n, INT64_MIN, INT64_MAX, 0, &arena, &v,
                                  &count, &err)
             : store_label_names(h->store, m, n, INT64_MIN, INT64_MAX, 0, &arena, &v, &count, &err);
    assert_int_equal(rc, 0);
    struct buf text = BUF_MAX(64 << 20);
    for (size_t i = 0; i < count; i++)
        buf_printf(&text, "%s%.*s", i ? " " : "", STR_ARG(v[i]));
    arena_done(&arena);
    harness_matchers_done(m, n);
    return keep(&text);
}

static int count_rows(void *arg, const struct record_block *b)
{
    *(size_t *)arg += b->n;
    return 0;
}

size_t harness_count_logs(struct harness *h, int64_t min_ms, int64_t max_ms, uint64_t *out_damaged)
{
    size_t rows = 0;
    struct record_scan_stats stats;
    const struct record_scan scan = {.table = RECORD_LOGS,
                                     .min_unix_ns = min_ms * NS_PER_MS,
                                     .max_unix_ns = max_ms * NS_PER_MS,
                                     .each = count_rows,
                                     .arg = &rows};
    assert_int_equal(store_scan(h->store, &scan, &stats, NULL), 0);
    *out_damaged = stats.damaged;
    return rows;
}

size_t harness_setting(const char *name, size_t usual)
{
    const char *text = getenv(name);
    return text ? strtoul(text, NULL, 10) : usual;
}
