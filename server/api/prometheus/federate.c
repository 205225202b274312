#include "api/prometheus/federate.h"

#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "api/prometheus/answer.h"
#include "api/prometheus/params.h"
#include "base/time.h"
#include "codec/prom_write.h"
#include "query/query.h"
#include "store/store.h"

enum { LOOKBACK_MS = 5 * 60 * 1000, ARENA_MAX = 512 << 20, ROWS_ARENA_MAX = 64 << 20 };

struct row {
    struct labels labels; /* external labels added */
    int64_t t_unix_ms;
    double value;
};

struct rows {
    struct arena arena;
    struct labels external;
    struct row *v;
    size_t n, cap;
};

static struct labels with_external(struct arena *arena, const struct labels *l,
                                   const struct labels *external)
{
    struct labels own = labels_copy(arena, l);
    if (external->n == 0)
        return own;
    struct labels_builder b;
    labels_builder_init(&b, arena, &own);
    for (size_t i = 0; i < external->n; i++)
        if (labels_builder_get(&b, external->v[i].name).n == 0)
            labels_builder_set(&b, external->v[i].name, external->v[i].value);
    return labels_builder_labels(&b);
}

static bool add_row(struct rows *rows, struct row row)
{
    if (rows->n == rows->cap) {
        size_t cap = rows->cap ? rows->cap * 2 : 256;
        struct row *v = arena_grow(&rows->arena, rows->v, rows->n, cap, sizeof *v);
        if (!v)
            return false;
        rows->v = v;
        rows->cap = cap;
    }
    rows->v[rows->n++] = row;
    return true;
}

/* The newest sample of each stream of a selection, unless it is a stale marker or a native
 * histogram, which the text formats cannot hold. */
static int newest(const struct selection *sel, int64_t now_ms, struct rows *rows, struct err *err)
{
    struct arena arena;
    struct columns c;
    int rc = 0;
    arena_init(&arena, ROWS_ARENA_MAX);
    columns_init(&c, &arena);
    for (size_t i = 0; rc == 0 && i < selection_count(sel); i++) {
        arena_reset(&arena);
        rc = selection_read(sel, i, now_ms - LOOKBACK_MS + 1, now_ms, &c, err);
        if (rc != 0 || c.n == 0)
            continue;
        size_t last = c.n - 1;
        if ((c.histogram && c.histogram[last]) || is_stale_nan(c.value[last]))
            continue;
        struct labels l = with_external(&rows->arena, selection_labels(sel, i), &rows->external);
        if (!add_row(rows, (struct row){l, c.t_unix_ms[last], c.value[last]}))
            rc = err_set(err, ERR_TOO_BIG, "the answer is too large: narrow match[]");
    }
    columns_done(&c);
    arena_done(&arena);
    return rc;
}

static int collect(const struct api_context *api, const struct selectors *selectors,
                   struct rows *rows, struct err *err)
{
    int64_t now_ms = time_now_unix_ms();
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < selectors->n; i++) {
        struct selection *sel;
        rc = store_select(api->store, selectors->v[i].v, selectors->v[i].n,
                          now_ms - LOOKBACK_MS + 1, now_ms, 0, &sel, err);
        if (rc != 0)
            break;
        rc = newest(sel, now_ms, rows, err);
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

static void write_rows(struct rows *rows, struct prom_content content, struct buf *out)
{
    struct str family = {0};
    if (rows->n > 1)
        qsort(rows->v, rows->n, sizeof *rows->v, by_metric_and_labels);
    for (size_t i = 0; i < rows->n; i++) {
        const struct row *row = &rows->v[i];
        if (i > 0 && labels_eq(&row->labels, &rows->v[i - 1].labels))
            continue; // two selectors found it
        struct str name = labels_metric_name(&row->labels);
        if (!str_eq(name, family)) {
            struct metric_metadata m = {.family = name, .type = METRIC_UNKNOWN};
            prom_write_metadata(out, content, &m);
            family = name;
        }
        struct labels labels = with_instance(&rows->arena, &row->labels);
        prom_write_sample(out, content, &labels, row->value, &row->t_unix_ms, NULL);
    }
    prom_write_end(out, content);
}

void api_federate(void *self, const struct http_request *q, struct http_response *r)
{
    const struct api_context *api = self;
    struct selectors selectors;
    struct rows rows = {0};
    struct err err;
    if (!param_selectors(q, r, "match[]", &selectors))
        return;
    arena_init(&rows.arena, ARENA_MAX);
    rows.external = api->external_labels(api->app, &rows.arena);
    if (collect(api, &selectors, &rows, &err) != 0) {
        answer_error(r, &err);
    } else {
        struct prom_content content = prom_negotiate(http_header(q, "Accept"));
        content.format = PROM_TEXT; // families may lack suffixes that OpenMetrics demands
        r->content_type = prom_content_type(content);
        write_rows(&rows, content, &r->body);
    }
    arena_done(&rows.arena);
    selectors_done(&selectors);
}
