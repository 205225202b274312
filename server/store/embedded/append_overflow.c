/* Samples of series that a limit of cardinality keeps out: each metric has one stream for them,
 *
 *   http_requests_total{otel.metric.overflow="true"}
 *
 * with the tenant's label, if there is one. Those of one batch with the same time are added up, as
 * an SDK of OpenTelemetry does beyond its limit: of a scrape, or a sender that sends all it has at
 * once, it is the total of what is missing elsewhere. Histograms are not added: the last one stays.
 * Stale markers are left out, for they end one series and not the sum. */
#include <stdlib.h>

#include "base/compiler.h"
#include "model/histogram.h"
#include "store/embedded/append.h"
#include "store/embedded/order_sort.h"

static void sort_labels(struct label *v, size_t n)
{
    for (size_t i = 1; i < n; i++)
        for (size_t k = i; k > 0 && str_cmp(v[k - 1].name, v[k].name) > 0; k--) {
            struct label swap = v[k];
            v[k] = v[k - 1];
            v[k - 1] = swap;
        }
}

static int intern(struct append *a, const struct labels *labels, struct stream **out)
{
    struct streams *streams = &a->store->streams;
    uint64_t hash = labels_hash(labels);
    struct stream_shard *shard = streams_shard(streams, hash);
    lock_take(&shard->lock);
    int rc = streams_intern(streams, labels, hash, (struct stream_like){0}, out, a->err);
    lock_give(&shard->lock);
    return rc;
}

static int overflow_stream(struct append *a, const struct batch_series *series,
                           const struct guard_verdict *why, struct stream **out)
{
    struct guard_text room;
    struct label v[3] = {{LABEL_NAME, labels_get(&series->labels, LABEL_NAME)},
                         {STR(STORE_OVERFLOW_LABEL), STR("true")}};
    size_t n = 2;
    struct str tenant = guard_tenant_label(&a->store->guard, &room);
    if (why->tenant.n && !str_eq(tenant, LABEL_NAME) && !str_eq(tenant, STR(STORE_OVERFLOW_LABEL)))
        v[n++] = (struct label){tenant, why->tenant};
    sort_labels(v, n);
    const struct labels labels = {v, n};
    return intern(a, &labels, out);
}

int append_fold(struct append *a, const struct resolved *r, const struct guard_verdict *why)
{
    struct append_scratch *x = a->x;
    struct stream *stream = NULL;
    if (x->n_folded == x->cap_folded) {
        size_t cap = x->cap_folded ? x->cap_folded * 2 : 64;
        struct folded *v = realloc(x->folded, cap * sizeof *v);
        if (!v)
            return err_set(a->err, ERR_NOMEM, "append: out of memory");
        x->folded = v;
        x->cap_folded = cap;
    }
    int rc = overflow_stream(a, r->series, why, &stream);
    if (rc != 0)
        return rc;
    x->folded[x->n_folded] =
        (struct folded){stream, r->samples, r->n_samples, (uint32_t)x->n_folded};
    x->n_folded++;
    return 0;
}

/* --- adding up -------------------------------------------------------------------------------- */

static int by_stream(const void *a, const void *b)
{
    const struct folded *x = a, *y = b;
    if (x->stream->id != y->stream->id)
        return x->stream->id < y->stream->id ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

static int by_time(const void *samples, uint32_t a, uint32_t b)
{
    const struct sample *v = samples;
    return (v[a].t_unix_ms > v[b].t_unix_ms) - (v[a].t_unix_ms < v[b].t_unix_ms);
}

static bool is_stale(const struct sample *s)
{
    return is_stale_nan(s->histogram ? s->histogram->sum : s->value);
}

static uint32_t join(const struct folded *v, size_t n, struct sample *out)
{
    uint32_t total = 0;
    for (size_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < v[i].n_samples; k++)
            if (!is_stale(&v[i].samples[k]))
                out[total++] = v[i].samples[k];
    return total;
}

/* Of equal times one is left. */
static uint32_t add_up(const struct sample *v, const uint32_t *order, uint32_t n,
                       struct sample *out)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct sample *s = &v[order[i]];
        struct sample *last = count ? &out[count - 1] : NULL;
        if (!last || last->t_unix_ms != s->t_unix_ms)
            out[count++] = *s;
        else if (!last->histogram && !s->histogram)
            last->value += s->value;
        else
            *last = *s;
    }
    return count;
}

/* The log wants labels by series: one is made for the stream. */
static const struct batch_series *series_of(struct append *a, const struct stream *stream)
{
    struct batch_series *series = arena_zalloc(&a->x->arena, sizeof *series);
    if (series)
        series->known = stream;
    return series;
}

static int resolve_one(struct append *a, const struct folded *v, size_t n)
{
    struct arena *arena = &a->x->arena;
    size_t total = 0;
    for (size_t i = 0; i < n; i++)
        total += v[i].n_samples;
    struct sample *joined = arena_array(arena, 2 * total, sizeof *joined);
    uint32_t *order = arena_array(arena, 2 * total, sizeof *order);
    struct resolved r = {.stream = v->stream, .series = series_of(a, v->stream)};
    if (!joined || !order || !r.series || total > UINT32_MAX / 2)
        return err_set(a->err, ERR_NOMEM, "append: out of memory");
    uint32_t count = join(v, n, joined);
    for (uint32_t i = 0; i < count; i++)
        order[i] = i;
    order_sort(order, order + total, count, by_time, joined);
    r.samples = joined + total;
    r.n_samples = add_up(joined, order, count, joined + total);
    if (r.n_samples)
        append_take(a, &r);
    return 0;
}

int append_overflow(struct append *a)
{
    struct append_scratch *x = a->x;
    int rc = 0;
    if (x->n_folded == 0)
        return 0;
    qsort(x->folded, x->n_folded, sizeof *x->folded, by_stream);
    for (size_t i = 0; rc == 0 && i < x->n_folded;) {
        size_t end = i + 1;
        while (end < x->n_folded && x->folded[end].stream == x->folded[i].stream)
            end++;
        rc = resolve_one(a, &x->folded[i], end - i);
        i = end;
    }
    return rc;
}
