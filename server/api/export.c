#include "api/export.h"

#include <stdlib.h>

#include "api/export_otlp.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/compiler.h"
#include "base/time.h"
#include "codec/prom_write.h"
#include "store/store.h"

enum {
    WRITE_AT = 256 << 10, /* text that is handed on at once */
    LINE_POINTS = 1000,   /* of a line of OTLP, … */
    LINE_DAYS = 14,       /* … for importers have limits of both */
    WINDOW_DAYS = 32,     /* of one series that are in memory at a time */
    ARENA_MAX = 512 << 20,
};

bool export_format_parse(struct str word, enum export_format *out)
{
    static const char *const words[] = {[EXPORT_OPENMETRICS] = "openmetrics",
                                        [EXPORT_PROMETHEUS] = "prometheus",
                                        [EXPORT_OTLP_JSON] = "otlp-json"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_eq(word, str_c(words[i]))) {
            *out = (enum export_format)i;
            return true;
        }
    return false;
}

/* The family that a metric is taken to belong to, by its suffix: metrics of one family must follow
 * each other in OpenMetrics, so names are put into the order of (family, name). */
static struct str family_of(struct str metric)
{
    static const char *const suffixes[] = {"_total", "_bucket", "_count",  "_sum",
                                           "_gsum",  "_gcount", "_created"};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        struct str suffix = str_c(suffixes[i]);
        if (metric.n > suffix.n && str_ends(metric, suffix))
            return str_sub(metric, 0, metric.n - suffix.n);
    }
    return metric;
}

struct export
{
    const struct export_request *request;
    struct export_totals *totals;
    struct buf text;
    struct arena metadata_arena, histograms;
    struct columns rows;
    struct metric_metadata metadata; /* of the current metric */
    struct buf family;               /* the last one whose header was written */
    struct err *err;
};

static struct prom_content content_of(const struct export *x)
{
    bool text = x->request->format == EXPORT_PROMETHEUS;
    return (struct prom_content){text ? PROM_TEXT : PROM_OPENMETRICS, PROM_ALLOW_UTF8};
}

static int write_out(struct export *x)
{
    if (buf_failed(&x->text))
        return err_set(x->err, ERR_NOMEM, "export: out of memory");
    int rc = x->text.n ? x->request->write(x->request->arg, buf_str(&x->text), x->err) : 0;
    buf_reset(&x->text);
    return rc;
}

static int write_if_much(struct export *x)
{
    return x->text.n >= WRITE_AT || buf_failed(&x->text) ? write_out(x) : 0;
}

/* --- rows ------------------------------------------------------------------------------------- */

static int put_text(struct export *x, const struct labels *labels)
{
    const struct prom_content content = content_of(x);
    const struct columns *c = &x->rows;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < c->n; i++) {
        if (c->histogram && c->histogram[i]) {
            x->totals->left_out++;
            continue;
        }
        if (is_stale_nan(c->value[i]))
            continue; // as text it would be a NaN, which is something else
        prom_write_sample(&x->text, content, labels, c->value[i], &c->t_unix_ms[i], NULL);
        x->totals->samples++;
        rc = write_if_much(x);
    }
    return rc;
}

/* How many rows from `from` go into one line. */
static size_t line_rows(const struct columns *c, size_t from, enum otlp_form form)
{
    size_t n = 1;
    while (n < LINE_POINTS && from + n < c->n && export_otlp_form(c, from + n) == form &&
           c->t_unix_ms[from + n] - c->t_unix_ms[from] < LINE_DAYS * MS_PER_DAY)
        n++;
    return n;
}

static int put_otlp(struct export *x, const struct labels *labels)
{
    const struct columns *c = &x->rows;
    int rc = 0;
    for (size_t i = 0, n; rc == 0 && i < c->n; i += n) {
        enum otlp_form form = export_otlp_form(c, i);
        n = line_rows(c, i, form);
        if (form == OTLP_FORM_NONE) {
            x->totals->left_out += n;
            continue;
        }
        export_otlp_line(&x->text, labels, &x->metadata, c, i, n, form);
        x->totals->samples += n;
        rc = write_if_much(x);
    }
    return rc;
}

static int check_cancelled(struct export *x)
{
    const struct export_request *q = x->request;
    return q->is_cancelled && q->is_cancelled(q->arg)
               ? err_set(x->err, ERR_CANCELLED, "the export was cancelled")
               : 0;
}

static int put_window(struct export *x, const struct selection *sel, size_t i, int64_t from,
                      int64_t to)
{
    arena_reset(&x->histograms);
    int rc = selection_read(sel, i, from, to, &x->rows, x->err);
    if (rc != 0)
        return rc;
    x->totals->damaged += x->rows.damaged;
    return (x->request->format == EXPORT_OTLP_JSON ? put_otlp : put_text)(x,
                                                                          selection_labels(sel, i));
}

/* A long series is read window by window, each from where there is something to read. */
static int put_series(struct export *x, const struct selection *sel, size_t i)
{
    const int64_t window = WINDOW_DAYS * MS_PER_DAY, max_ms = x->request->max_ms;
    int64_t from = x->request->min_ms;
    int rc = check_cancelled(x);
    while (rc == 0 && selection_next(sel, i, from, &from) && from <= max_ms) {
        int64_t to = max_ms - from < window ? max_ms : from + window - 1;
        rc = put_window(x, sel, i, from, to);
        if (rc == 0)
            rc = check_cancelled(x);
        from = to + 1;
    }
    x->totals->series++;
    return rc;
}

/* --- metrics ---------------------------------------------------------------------------------- */

/* The name without "_info", or nothing. What ends so is mostly a gauge of its own. */
static struct str info_of(struct str metric)
{
    struct str suffix = STR("_info");
    return str_ends(metric, suffix) ? str_sub(metric, 0, metric.n - suffix.n) : (struct str){0};
}

/* When a counter was created is none itself, but each series is a metric of its own there. */
static enum metric_type type_in_otlp(struct str metric, enum metric_type family)
{
    return str_ends(metric, STR("_created")) ? METRIC_GAUGE : family;
}

/* What is known of the metric, or of the family it belongs to. */
static int find_metadata(struct export *x, struct str metric)
{
    const struct str names[] = {metric, family_of(metric), info_of(metric)};
    arena_reset(&x->metadata_arena);
    x->metadata = (struct metric_metadata){.family = arena_str(&x->metadata_arena, metric)};
    for (size_t i = 0; i < ARRAY_LEN(names) && metric.n; i++) {
        struct metric_metadata *found = NULL;
        size_t n = 0;
        if (names[i].n == 0)
            continue;
        int rc =
            store_metadata(x->request->store, names[i], 1, &x->metadata_arena, &found, &n, x->err);
        if (rc != 0)
            return rc;
        if (n && (i < 2 || found->type == METRIC_INFO)) {
            x->metadata = *found;
            if (i == 1 && x->request->format == EXPORT_OTLP_JSON)
                x->metadata.type = type_in_otlp(metric, found->type);
            return 0;
        }
    }
    return 0;
}

/* In OpenMetrics a counter's family is its name without _total, which is also when it was created,
 * and one without either is none; in Prometheus text both are families of their own, and so is what
 * has type info in OpenMetrics. */
static struct metric_metadata header_of(const struct export *x, struct str metric)
{
    struct metric_metadata m = x->metadata;
    bool text = x->request->format == EXPORT_PROMETHEUS;
    bool created = str_ends(metric, STR("_created"));
    if (text && (m.type == METRIC_COUNTER || m.type == METRIC_INFO)) {
        m.family = metric;
        m.type = m.type == METRIC_INFO || created ? METRIC_GAUGE : METRIC_COUNTER;
    } else if (m.type == METRIC_COUNTER && (created || str_ends(metric, STR("_total")))) {
        m.family = family_of(metric);
    } else if (m.type == METRIC_COUNTER) {
        m.type = METRIC_UNKNOWN;
    }
    if (m.unit.n && !str_ends(m.family, m.unit))
        m.unit = (struct str){0}; // a unit must be the end of the name
    return m;
}

/* Above the first metric of a family. */
static void put_header(struct export *x, struct str metric)
{
    const struct metric_metadata m = header_of(x, metric);
    if (str_eq(buf_str(&x->family), m.family))
        return;
    prom_write_metadata(&x->text, content_of(x), &m);
    buf_reset(&x->family);
    buf_put_str(&x->family, m.family);
}

static int put_selection(struct export *x, const struct selection *sel, struct str metric)
{
    int rc = find_metadata(x, metric);
    if (rc == 0 && x->request->format != EXPORT_OTLP_JSON && selection_count(sel))
        put_header(x, metric);
    for (size_t i = 0; rc == 0 && i < selection_count(sel); i++)
        rc = put_series(x, sel, i);
    return rc;
}

static int put_metric(struct export *x, struct str metric)
{
    const struct export_request *q = x->request;
    struct matcher *v = calloc(q->n_matchers + 1, sizeof *v);
    struct selection *sel = NULL;
    if (!v)
        return err_set(x->err, ERR_NOMEM, "export: out of memory");
    if (q->n_matchers)
        memcpy(v, q->matchers, q->n_matchers * sizeof *v); // borrowed
    struct matcher *own = &v[q->n_matchers];
    int rc = matcher_init(own, MATCH_EQUAL, LABEL_NAME, metric, x->err);
    if (rc == 0) {
        rc = store_select(q->store, v, q->n_matchers + 1, q->min_ms, q->max_ms, 0, q->memory, &sel,
                          x->err);
        matcher_done(own);
    }
    free(v);
    if (rc == 0)
        rc = put_selection(x, sel, metric);
    selection_free(sel);
    return rc;
}

static int by_family(const void *a, const void *b)
{
    const struct str *x = a, *y = b;
    int c = str_cmp(family_of(*x), family_of(*y));
    return c ? c : str_cmp(*x, *y);
}

/* Series without a name are none that either format could tell. */
static int put_all(struct export *x)
{
    const struct export_request *q = x->request;
    struct arena arena;
    struct str *names = NULL;
    size_t n = 0;
    arena_init(&arena, ARENA_MAX);
    int rc = store_label_values(q->store, LABEL_NAME, q->matchers, q->n_matchers, q->min_ms,
                                q->max_ms, 0, &arena, &names, &n, x->err);
    if (rc == 0 && n)
        qsort(names, n, sizeof *names, by_family);
    for (size_t i = 0; rc == 0 && i < n; i++)
        if ((rc = check_cancelled(x)) == 0)
            rc = put_metric(x, names[i]);
    arena_done(&arena);
    return rc;
}

int export_run(const struct export_request *request, struct export_totals *out, struct err *err)
{
    *out = (struct export_totals){0};
    struct export x = {.request = request,
                       .totals = out,
                       .text = BUF_MAX(64 << 20),
                       .family = BUF_MAX(1 << 20),
                       .err = err};
    arena_init(&x.metadata_arena, 16 << 20);
    arena_init(&x.histograms, ARENA_MAX);
    columns_init(&x.rows, &x.histograms);
    int rc = put_all(&x);
    if (rc == 0 && request->format == EXPORT_OPENMETRICS)
        prom_write_end(&x.text, content_of(&x));
    if (rc == 0)
        rc = write_out(&x);
    out->damaged += store_is_damaged(request->store, request->min_ms, request->max_ms);
    columns_done(&x.rows);
    arena_done(&x.histograms);
    arena_done(&x.metadata_arena);
    buf_done(&x.family);
    buf_done(&x.text);
    return rc;
}
