#include "api/prometheus/federate.h"

#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "api/prometheus/answer.h"
#include "api/prometheus/external.h"
#include "api/prometheus/params.h"
#include "base/budget.h"
#include "base/memory.h"
#include "base/time.h"
#include "codec/prom_proto_write.h"
#include "codec/prom_write.h"
#include "model/histogram.h"
#include "query/query.h"
#include "store/store.h"

enum { ARENA_MAX = 512 << 20, ROWS_ARENA_MAX = 64 << 20 };

struct row {
    struct labels labels; /* external labels added */
    int64_t t_unix_ms;
    double value;
    const struct histogram *histogram; /* NULL: a number */
};

struct rows {
    struct budget memory;
    struct arena arena;
    struct labels external;
    struct row *v;
    size_t n, cap;
    int64_t from_ms, now_ms; /* what counts as the newest */
};

static bool add_row(struct rows *rows, struct row row)
{
    struct row *v = arena_room(&rows->arena, rows->v, rows->n, &rows->cap, 256, sizeof *v);
    if (!v)
        return false;
    rows->v = v;
    rows->v[rows->n++] = row;
    return true;
}

/* The newest of the rows read; false when the series has ended. */
static bool newest_row(struct rows *rows, const struct columns *c, struct row *out)
{
    size_t last = c->n - 1;
    const struct histogram *h = c->histogram ? c->histogram[last] : NULL;
    *out = (struct row){.t_unix_ms = c->t_unix_ms[last], .value = c->value[last]};
    if (h ? histogram_is_stale(h) : is_stale_nan(out->value))
        return false;
    out->histogram = h ? histogram_copy(&rows->arena, h) : NULL;
    return true;
}

static int read_selection(const struct selection *sel, struct rows *rows, struct err *err)
{
    struct arena arena;
    struct columns c;
    int rc = 0;
    arena_init_shared(&arena, ROWS_ARENA_MAX, &rows->memory);
    columns_init(&c, &arena);
    for (size_t i = 0; rc == 0 && i < selection_count(sel); i++) {
        struct row row;
        arena_reset(&arena);
        rc = selection_read(sel, i, rows->from_ms, rows->now_ms, &c, err);
        if (rc != 0 || c.n == 0 || !newest_row(rows, &c, &row))
            continue;
        row.labels = labels_with_external(&rows->arena, selection_labels(sel, i), &rows->external);
        if (!add_row(rows, row) || arena_failed(&rows->arena))
            rc = rows->memory.refused_by
                     ? budget_error(&rows->memory, err)
                     : err_set(err, ERR_TOO_BIG, "the answer is too large: narrow match[]");
    }
    columns_done(&c);
    arena_done(&arena);
    return rc;
}

static int collect(const struct api_context *api, const struct selectors *selectors,
                   struct rows *rows, struct err *err)
{
    int rc = 0;
    rows->now_ms = time_now_unix_ms();
    rows->from_ms = rows->now_ms - query_engine_options(api->engine).lookback_ms + 1;
    for (size_t i = 0; rc == 0 && i < selectors->n; i++) {
        struct selection *sel;
        rc = store_select(api->store, selectors->v[i].v, selectors->v[i].n, rows->from_ms,
                          rows->now_ms, 0, &rows->memory, &sel, err);
        if (rc != 0)
            break;
        rc = read_selection(sel, rows, err);
        selection_free(sel);
    }
    return rc;
}

static int by_metric_and_labels(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    int c = str_cmp(labels_metric_name(&x->labels), labels_metric_name(&y->labels));
    return c ? c : labels_cmp(&x->labels, &y->labels);
}

/* A series without an instance says so, as instance="": with honor_labels the scraping server then
 * does not put the instance of this server there. */
static struct labels with_instance(struct arena *arena, const struct labels *l)
{
    if (labels_get(l, STR("instance")).n > 0)
        return *l;
    struct label *v = arena_array(arena, l->n + 1, sizeof *v);
    if (!v)
        return *l;
    size_t at = 0;
    while (at < l->n && str_cmp(l->v[at].name, STR("instance")) < 0)
        at++;
    memcpy(v, l->v, at * sizeof *v);
    v[at] = (struct label){.name = STR("instance")};
    memcpy(v + at + 1, l->v + at, (l->n - at) * sizeof *v);
    return (struct labels){v, l->n + 1};
}

/* `l` with another metric name. */
static struct labels with_suffix(struct arena *arena, const struct labels *l, const char *suffix)
{
    struct buf name = BUF_MAX(1 << 20);
    struct labels_builder b;
    buf_put_str(&name, labels_metric_name(l));
    buf_puts(&name, suffix);
    labels_builder_init(&b, arena, l);
    labels_builder_set(&b, LABEL_NAME, arena_str(arena, buf_str(&name)));
    buf_done(&name);
    return labels_builder_labels(&b);
}

/* The text format has no native histograms. What it can say of one is the count and the sum, as a
 * histogram with the bucket that holds everything. */
static void write_histogram(struct rows *rows, struct prom_content content, const struct row *row,
                            const struct labels *labels, struct buf *out)
{
    struct labels_builder b;
    struct labels bucket = with_suffix(&rows->arena, labels, "_bucket");
    struct labels sum = with_suffix(&rows->arena, labels, "_sum");
    struct labels count = with_suffix(&rows->arena, labels, "_count");
    labels_builder_init(&b, &rows->arena, &bucket);
    labels_builder_set(&b, STR("le"), STR("+Inf"));
    bucket = labels_builder_labels(&b);
    const struct histogram *h = row->histogram;
    prom_write_sample(out, content, &bucket, h->count, &row->t_unix_ms, NULL);
    prom_write_sample(out, content, &sum, h->sum, &row->t_unix_ms, NULL);
    prom_write_sample(out, content, &count, h->count, &row->t_unix_ms, NULL);
}

/* Where a family begins. */
static void write_family(struct prom_content content, const struct row *row, struct buf *out)
{
    struct metric_metadata m = {.family = labels_metric_name(&row->labels),
                                .type = row->histogram ? METRIC_HISTOGRAM : METRIC_UNKNOWN};
    prom_write_metadata(out, content, &m);
}

static void write_text(struct rows *rows, struct prom_content content, struct buf *out)
{
    struct str family = {0};
    for (size_t i = 0; i < rows->n; i++) {
        const struct row *row = &rows->v[i];
        struct str name = labels_metric_name(&row->labels);
        if (!str_eq(name, family))
            write_family(content, row, out);
        family = name;
        if (row->histogram)
            write_histogram(rows, content, row, &row->labels, out);
        else
            prom_write_sample(out, content, &row->labels, row->value, &row->t_unix_ms, NULL);
    }
}

static void write_protobuf(struct rows *rows, struct prom_content content, struct buf *out)
{
    struct prom_proto_writer w;
    prom_proto_writer_init(&w, out, content.escaping);
    for (size_t i = 0; i < rows->n; i++) {
        const struct row *row = &rows->v[i];
        struct sample s = {
            .t_unix_ms = row->t_unix_ms, .value = row->value, .histogram = row->histogram};
        prom_proto_write_sample(&w, &row->labels, &s);
    }
    prom_proto_writer_done(&w);
}

/* Puts the rows into order, each once, though two selectors may have found it. */
static void settle(struct rows *rows)
{
    size_t kept = 0;
    if (rows->n > 1)
        qsort(rows->v, rows->n, sizeof *rows->v, by_metric_and_labels);
    for (size_t i = 0; i < rows->n; i++)
        if (i == 0 || !labels_eq(&rows->v[i].labels, &rows->v[kept - 1].labels))
            rows->v[kept++] = rows->v[i];
    rows->n = kept;
    for (size_t i = 0; i < kept; i++)
        rows->v[i].labels = with_instance(&rows->arena, &rows->v[i].labels);
}

void api_federate(void *self, const struct http_request *q, struct http_response *r)
{
    const struct api_context *api = self;
    struct selectors selectors;
    struct rows rows = {0};
    struct err err;
    if (param_read_selectors(q, true, &selectors, &err) != 0) {
        answer_error_plainly(r, &err);
        return;
    }
    query_engine_budget(api->engine, &rows.memory);
    arena_init_shared(&rows.arena, ARENA_MAX, &rows.memory);
    rows.external = api->external_labels(api->app, &rows.arena);
    if (collect(api, &selectors, &rows, &err) != 0) {
        answer_error_plainly(r, &err);
    } else {
        /* Not OpenMetrics: families may lack suffixes that it demands. */
        struct prom_content content = prom_negotiate(http_header(q, "Accept"), 1 << PROM_PROTOBUF);
        r->content_type = prom_content_type(content);
        settle(&rows);
        if (content.format == PROM_PROTOBUF)
            write_protobuf(&rows, content, &r->body);
        else
            write_text(&rows, content, &r->body);
    }
    arena_done(&rows.arena);
    memory_freed(rows.memory.peak);
    selectors_done(&selectors);
}
