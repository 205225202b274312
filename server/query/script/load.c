#include "query/script/load.h"

#include <math.h>
#include <stdlib.h>

#include "base/num.h"
#include "model/batch.h"
#include "query/promql/hist.h"

static struct script_series *find(struct script_load *l, const struct labels *labels)
{
    for (size_t i = 0; i < l->n; i++)
        if (labels_eq(&l->series[i].labels, labels))
            return &l->series[i];
    return NULL;
}

static struct script_series *add(struct script_load *l)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 16;
        struct script_series *v = arena_grow(l->arena, l->series, l->n, cap, sizeof *v);
        if (!v)
            return NULL;
        l->series = v;
        l->cap = cap;
    }
    l->series[l->n] = (struct script_series){0};
    return &l->series[l->n++];
}

/* Start times come on a line of their own, before or after the values. */
int script_load_line(struct script_load *l, struct str line, struct err *err)
{
    struct script_series parsed;
    bool starts = script_is_starts(line);
    int rc = starts ? script_parse_starts(l->arena, line, &parsed, err)
                    : script_parse_series(l->arena, line, &parsed, err);
    if (rc != 0)
        return rc;
    struct script_series *s = find(l, &parsed.labels);
    if (!s && !(s = add(l)))
        return err_set(err, ERR_NOMEM, "out of memory for a load");
    s->labels = parsed.labels;
    if (starts) {
        s->start_ms = parsed.start_ms;
        s->has_start = parsed.has_start;
        s->n_starts = parsed.n_starts;
    } else {
        s->values = parsed.values;
        s->n = parsed.n;
    }
    return 0;
}

/* --- classic to native histograms ------------------------------------------------------------- */

struct classic {
    struct labels labels; /* of the native histogram */
    const struct script_series **buckets;
    double *upper;
    size_t n, cap;
    const struct script_series *sum, *count;
};

struct classics {
    struct classic *v;
    size_t n, cap;
};

static bool strip(struct str *name, struct str suffix)
{
    if (!str_ends(*name, suffix))
        return false;
    *name = str_sub(*name, 0, name->n - suffix.n);
    return true;
}

static struct classic *classic_of(struct script_load *l, struct classics *all,
                                  const struct labels *from, struct str name)
{
    struct labels_builder b;
    labels_builder_init(&b, l->arena, from);
    labels_builder_set(&b, LABEL_NAME, name);
    labels_builder_del(&b, STR("le"));
    struct labels labels = labels_builder_labels(&b);
    for (size_t i = 0; i < all->n; i++)
        if (labels_eq(&all->v[i].labels, &labels))
            return &all->v[i];
    if (all->n == all->cap) {
        size_t cap = all->cap ? all->cap * 2 : 8;
        struct classic *v = arena_grow(l->arena, all->v, all->n, cap, sizeof *v);
        if (!v)
            return NULL;
        all->v = v;
        all->cap = cap;
    }
    all->v[all->n] = (struct classic){.labels = labels};
    return &all->v[all->n++];
}

/* Inserts in the order of the bounds; of equal bounds the first stays. */
static bool add_bucket(struct script_load *l, struct classic *c, const struct script_series *s,
                       double upper)
{
    if (c->n == c->cap) {
        size_t cap = c->cap ? c->cap * 2 : 8;
        c->buckets = arena_grow(l->arena, c->buckets, c->n, cap, sizeof(struct script_series *));
        c->upper = arena_grow(l->arena, c->upper, c->n, cap, sizeof *c->upper);
        if (!c->buckets || !c->upper)
            return false;
        c->cap = cap;
    }
    size_t at = c->n;
    for (size_t i = 0; i < c->n; i++)
        if (c->upper[i] == upper)
            return true;
    for (; at > 0 && c->upper[at - 1] > upper; at--) {
        c->upper[at] = c->upper[at - 1];
        c->buckets[at] = c->buckets[at - 1];
    }
    c->upper[at] = upper;
    c->buckets[at] = s;
    c->n++;
    return true;
}

static bool sort_in(struct script_load *l, struct classics *all, const struct script_series *s)
{
    struct str name = labels_metric_name(&s->labels), le = labels_get(&s->labels, STR("le"));
    double upper;
    if (le.n && strip(&name, STR("_bucket")) && num_parse_double(le, &upper) == 0) {
        struct classic *c = classic_of(l, all, &s->labels, name);
        return c && add_bucket(l, c, s, upper);
    }
    bool count = strip(&name, STR("_count")), sum = !count && strip(&name, STR("_sum"));
    if (le.n || (!count && !sum))
        return true;
    struct classic *c = classic_of(l, all, &s->labels, name);
    if (c)
        *(count ? &c->count : &c->sum) = s;
    return c;
}

static bool value_at(const struct script_series *s, size_t i, double *out)
{
    if (!s || i >= s->n || s->values[i].omitted || s->values[i].h)
        return false;
    *out = s->values[i].v;
    return true;
}

/* The native histogram of the i-th samples; NULL when there is no bucket. */
static const struct histogram *native_at(struct script_load *l, const struct classic *c, size_t i)
{
    double *bounds = arena_alloc(l->arena, c->n * sizeof *bounds);
    double *counts = arena_alloc(l->arena, (c->n + 1) * sizeof *counts);
    struct histogram_span *span = arena_alloc(l->arena, sizeof *span);
    struct histogram h = {.schema = HISTOGRAM_SCHEMA_CUSTOM};
    double before = 0, v;
    size_t n = 0, n_bounds = 0;
    if (!bounds || !counts || !span)
        return NULL;
    for (size_t k = 0; k < c->n; k++) {
        if (!value_at(c->buckets[k], i, &v))
            continue;
        counts[n++] = v - before;
        before = v;
        if (!isinf(c->upper[k]))
            bounds[n_bounds++] = c->upper[k];
    }
    if (n == 0)
        return NULL;
    h.count = value_at(c->count, i, &v) ? v : before;
    if (n == n_bounds)
        counts[n++] = h.count - before;
    h.sum = value_at(c->sum, i, &v) ? v : 0;
    *span = (struct histogram_span){0, (uint32_t)n};
    h.positive_spans = span;
    h.n_positive_spans = 1;
    h.positive = counts;
    h.n_positive = n;
    h.custom_bounds = bounds;
    h.n_custom_bounds = n_bounds;
    return hist_compact(l->arena, &h);
}

static bool add_native(struct script_load *l, const struct classic *c)
{
    size_t longest = 0;
    for (size_t k = 0; k < c->n; k++)
        longest = MAX(longest, c->buckets[k]->n);
    struct script_value *values = arena_array(l->arena, longest, sizeof *values);
    if (!values)
        return false;
    for (size_t i = 0; i < longest; i++) {
        values[i].h = native_at(l, c, i);
        values[i].omitted = !values[i].h;
    }
    struct script_series *s = add(l);
    if (!s)
        return false;
    s->labels = c->labels;
    s->values = values;
    s->n = longest;
    return true;
}

static bool add_natives(struct script_load *l)
{
    struct classics all = {0};
    size_t n = l->n;
    for (size_t i = 0; i < n; i++) {
        struct script_series *copy = arena_alloc(l->arena, sizeof *copy);
        if (!copy)
            return false;
        *copy = l->series[i]; // the array may move while natives are added
        if (!sort_in(l, &all, copy))
            return false;
    }
    for (size_t i = 0; i < all.n; i++)
        if (all.v[i].n && !add_native(l, &all.v[i]))
            return false;
    return true;
}

/* --- the batch -------------------------------------------------------------------------------- */

/* As Prometheus's storage gives histograms back: no reset of the one before is noted as such, a
 * reset only as unknown. */
static const struct histogram *with_hint(struct script_load *l, const struct script_value *v,
                                         const struct histogram *before)
{
    if (v->hint_set || !before || before->reset == HISTOGRAM_RESET_GAUGE ||
        v->h->reset != HISTOGRAM_RESET_UNKNOWN)
        return v->h;
    bool reset = hist_detect_reset(l->arena, v->h, before);
    return reset ? v->h : hist_with_reset(l->arena, v->h, HISTOGRAM_RESET_NO);
}

static bool put_series(struct script_load *l, const struct script_series *s, struct batch *b)
{
    struct sample *v = arena_array(&b->arena, s->n, sizeof *v);
    size_t n = 0;
    if (!v)
        return false;
    for (size_t i = 0; i < s->n; i++) {
        const struct script_value *value = &s->values[i];
        if (value->omitted)
            continue;
        struct sample *x = &v[n];
        x->t_unix_ms = (int64_t)i * l->step_ms;
        x->value = value->v;
        x->histogram = value->h ? with_hint(l, value, n ? v[n - 1].histogram : NULL) : NULL;
        if (i < s->n_starts && s->has_start[i])
            x->start_unix_ms = x->t_unix_ms + s->start_ms[i];
        n++;
    }
    struct batch_series *out = n ? batch_add_series(b, s->labels) : NULL;
    if (out) {
        out->samples = v;
        out->n_samples = (uint32_t)n;
    }
    return out || n == 0;
}

int script_load_batch(struct script_load *l, struct batch *out, struct err *err)
{
    bool ok = !l->with_nhcb || add_natives(l);
    for (size_t i = 0; i < l->n && ok; i++)
        ok = put_series(l, &l->series[i], out);
    return ok ? 0 : err_set(err, ERR_NOMEM, "out of memory for a load");
}
