#include "query/script/load.h"

#include <math.h>
#include <stdlib.h>

#include "base/num.h"
#include "model/batch.h"
#include "query/promql/hist.h"
#include "query/script/starts.h"

static struct script_series *find(struct script_load *l, const struct labels *labels)
{
    for (size_t i = 0; i < l->n; i++)
        if (labels_eq(&l->series[i].labels, labels))
            return &l->series[i];
    return NULL;
}

static struct script_series *add(struct script_load *l)
{
    struct script_series *v = arena_room(l->arena, l->series, l->n, &l->cap, 16, sizeof *v);
    if (!v)
        return NULL;
    l->series = v;
    l->series[l->n] = (struct script_series){0};
    return &l->series[l->n++];
}

/* Start times come on the line before that of the values, and are as many. */
static int take_starts(struct script_load *l, struct str line, struct err *err)
{
    struct script_starts *s = arena_zalloc(l->arena, sizeof *s);
    int rc = s ? script_parse_starts(l->arena, line, s, err)
               : err_set(err, ERR_NOMEM, "out of memory for start times");
    if (rc == 0 && l->starts && !s->any_series)
        rc = err_set(err, ERR_INVALID, "start times follow start times; expected the values");
    if (rc == 0)
        *(s->any_series ? &l->starts_of_any : &l->starts) = s;
    return rc;
}

static int check_starts(const struct script_starts *s, const struct script_series *of,
                        struct err *err)
{
    if (!labels_eq(&s->labels, &of->labels))
        return err_set(err, ERR_INVALID, "the start times before this line are of another series");
    if (s->n != of->n)
        return err_set(err, ERR_INVALID, "%zu start times for %zu values", s->n, of->n);
    return 0;
}

int script_load_line(struct script_load *l, struct str line, struct err *err)
{
    struct script_series parsed;
    if (script_is_starts(line))
        return take_starts(l, line, err);
    int rc = script_parse_series(l->arena, line, &parsed, err);
    if (rc == 0 && l->starts)
        rc = check_starts(l->starts, &parsed, err);
    if (rc != 0)
        return rc;
    parsed.starts = l->starts ? l->starts : l->starts_of_any;
    l->starts = NULL;
    struct script_series *s = find(l, &parsed.labels);
    if (!s && !(s = add(l)))
        return err_set(err, ERR_NOMEM, "out of memory for a load");
    *s = parsed;
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
    struct classic *v = arena_room(l->arena, all->v, all->n, &all->cap, 8, sizeof *v);
    if (!v)
        return NULL;
    all->v = v;
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

/* The buckets that have an i-th sample, as a histogram of custom buckets. ERR_INVALID: counts that
 * fall from bucket to bucket. */
static int gather_buckets(const struct classic *c, size_t i, struct histogram *h, double *bounds,
                          double *counts, struct err *err)
{
    double before = 0, v;
    for (size_t k = 0; k < c->n; k++) {
        if (!value_at(c->buckets[k], i, &v))
            continue;
        if (v < before)
            return err_set(err, ERR_INVALID, "the bucket up to %g counts %g, less than those below",
                           c->upper[k], v);
        counts[h->n_positive++] = v - before;
        before = v;
        if (!isinf(c->upper[k]))
            bounds[h->n_custom_bounds++] = c->upper[k];
    }
    h->count = before;
    return 0;
}

/* A histogram without +Inf has one of the count that its own series tells. */
static int close_buckets(const struct classic *c, size_t i, struct histogram *h, double *counts,
                         struct err *err)
{
    double known = h->count, v;
    bool has_inf = h->n_positive > h->n_custom_bounds;
    if (value_at(c->count, i, &v))
        h->count = v;
    if (has_inf ? h->count != known : h->count < known)
        return err_set(err, ERR_INVALID, "the buckets count %g, the histogram %g", known, h->count);
    if (!has_inf)
        counts[h->n_positive++] = h->count - known;
    h->sum = value_at(c->sum, i, &v) ? v : 0;
    return 0;
}

static bool has_value_at(const struct classic *c, size_t i)
{
    double v;
    bool any = value_at(c->count, i, &v) || value_at(c->sum, i, &v);
    for (size_t k = 0; k < c->n && !any; k++)
        any = value_at(c->buckets[k], i, &v);
    return any;
}

/* The native histogram of the i-th samples. */
static int native_at(struct script_load *l, const struct classic *c, size_t i,
                     const struct histogram **out, struct err *err)
{
    double *bounds = arena_alloc(l->arena, c->n * sizeof *bounds);
    double *counts = arena_alloc(l->arena, (c->n + 1) * sizeof *counts);
    struct histogram_span *span = arena_alloc(l->arena, sizeof *span);
    struct histogram h = {.schema = HISTOGRAM_SCHEMA_CUSTOM,
                          .positive_spans = span,
                          .n_positive_spans = 1,
                          .positive = counts,
                          .custom_bounds = bounds};
    if (!bounds || !counts || !span)
        return err_set(err, ERR_NOMEM, "out of memory for a load");
    int rc = gather_buckets(c, i, &h, bounds, counts, err);
    if (rc == 0)
        rc = close_buckets(c, i, &h, counts, err);
    if (rc != 0)
        return rc;
    *span = (struct histogram_span){0, (uint32_t)h.n_positive};
    *out = hist_compact(l->arena, &h);
    return *out ? 0 : err_set(err, ERR_NOMEM, "out of memory for a load");
}

static int add_native(struct script_load *l, const struct classic *c, struct err *err)
{
    size_t longest = MAX(c->sum ? c->sum->n : 0, c->count ? c->count->n : 0);
    for (size_t k = 0; k < c->n; k++)
        longest = MAX(longest, c->buckets[k]->n);
    struct script_value *values = arena_array(l->arena, longest, sizeof *values);
    int rc = values ? 0 : err_set(err, ERR_NOMEM, "out of memory for a load");
    for (size_t i = 0; i < longest && rc == 0; i++) {
        values[i].omitted = !has_value_at(c, i);
        if (!values[i].omitted)
            rc = native_at(l, c, i, &values[i].h, err);
    }
    struct script_series *s = rc == 0 ? add(l) : NULL;
    if (!s)
        return rc ? rc : err_set(err, ERR_NOMEM, "out of memory for a load");
    *s = (struct script_series){.labels = c->labels, .values = values, .n = longest};
    return 0;
}

static int add_natives(struct script_load *l, struct err *err)
{
    struct classics all = {0};
    size_t n = l->n;
    int rc = 0;
    for (size_t i = 0; i < n; i++) {
        struct script_series *copy = arena_alloc(l->arena, sizeof *copy);
        if (!copy)
            return err_set(err, ERR_NOMEM, "out of memory for a load");
        *copy = l->series[i]; // the array may move while natives are added
        if (!sort_in(l, &all, copy))
            return err_set(err, ERR_NOMEM, "out of memory for a load");
    }
    for (size_t i = 0; i < all.n && rc == 0; i++)
        rc = add_native(l, &all.v[i], err);
    return rc;
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

/* Of the i-th sample; 0: unknown. Behind the last of those for any series that one is repeated. */
static int64_t start_of(const struct script_starts *s, size_t i, int64_t t_ms)
{
    if (!s || (i >= s->n && !s->any_series))
        return 0;
    const struct script_start *start = &s->v[MIN(i, s->n - 1)];
    return start->known ? t_ms + start->ms : 0;
}

static bool put_series(struct script_load *l, const struct script_series *s, struct batch *b)
{
    struct sample *v = arena_array(&b->arena, s->n, sizeof *v);
    size_t n = 0;
    if (!v)
        return false;
    for (size_t i = 0; i < s->n; i++) {
        const struct script_value *value = &s->values[i];
        if (value->omitted || (l->until_set && l->from_ms + (int64_t)i * l->step_ms > l->until_ms))
            continue;
        struct sample *x = &v[n];
        x->t_unix_ms = l->from_ms + (int64_t)i * l->step_ms;
        x->value = value->v;
        x->histogram = value->h ? with_hint(l, value, n ? v[n - 1].histogram : NULL) : NULL;
        x->start_unix_ms = start_of(s->starts, i, x->t_unix_ms);
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
    if (l->starts)
        return err_set(err, ERR_INVALID, "no values follow the last start times");
    int rc = l->with_nhcb ? add_natives(l, err) : 0;
    for (size_t i = 0; i < l->n && rc == 0; i++)
        if (!put_series(l, &l->series[i], out))
            rc = err_set(err, ERR_NOMEM, "out of memory for a load");
    return rc;
}
