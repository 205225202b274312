/* A store in memory behind the functions of store.h, for tests of what asks a store. It keeps all
 * that it is given, sorted by time; of two rows with one time the later one stays. One thread. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "model/batch.h"
#include "model/histogram.h"
#include "store/aggregates.h"
#include "store/store.h"

struct fake_series {
    struct labels labels; /* in the store's arena */
    struct sample *samples;
    size_t n, cap;
};

struct store {
    struct arena arena;
    struct fake_series *series;
    size_t n, cap;
};

struct selection {
    struct fake_series **v; /* sorted by labels */
    size_t n;
};

int store_open(const struct store_options *options, struct store **out, struct err *err)
{
    (void)options;
    (void)err;
    struct store *s = calloc(1, sizeof *s);
    arena_init(&s->arena, SIZE_MAX / 4);
    *out = s;
    return 0;
}

int store_close(struct store *s, struct err *err)
{
    (void)err;
    if (!s)
        return 0;
    for (size_t i = 0; i < s->n; i++)
        free(s->series[i].samples);
    free(s->series);
    arena_done(&s->arena);
    free(s);
    return 0;
}

static struct fake_series *series_of(struct store *s, const struct labels *labels)
{
    for (size_t i = 0; i < s->n; i++)
        if (labels_eq(&s->series[i].labels, labels))
            return &s->series[i];
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 64;
        s->series = realloc(s->series, s->cap * sizeof *s->series);
    }
    s->series[s->n] = (struct fake_series){.labels = labels_copy(&s->arena, labels)};
    return &s->series[s->n++];
}

static void put(struct store *s, struct fake_series *f, const struct sample *x)
{
    size_t at = f->n;
    while (at > 0 && f->samples[at - 1].t_unix_ms >= x->t_unix_ms)
        at--;
    bool replaces = at < f->n && f->samples[at].t_unix_ms == x->t_unix_ms;
    if (!replaces) {
        if (f->n == f->cap) {
            f->cap = f->cap ? f->cap * 2 : 16;
            f->samples = realloc(f->samples, f->cap * sizeof *f->samples);
        }
        memmove(f->samples + at + 1, f->samples + at, (f->n - at) * sizeof *f->samples);
        f->n++;
    }
    f->samples[at] = *x;
    if (x->histogram)
        f->samples[at].histogram = histogram_copy(&s->arena, x->histogram);
}

int store_append(struct store *s, const struct batch *b, struct sink_result *out, struct err *err)
{
    (void)err;
    *out = (struct sink_result){0};
    for (size_t i = 0; i < b->n_series; i++) {
        struct fake_series *f = series_of(s, &b->series[i].labels);
        for (uint32_t k = 0; k < b->series[i].n_samples; k++)
            put(s, f, &b->series[i].samples[k]);
        out->accepted += b->series[i].n_samples;
    }
    return 0;
}

static int by_labels(const void *a, const void *b)
{
    return labels_cmp(&(*(struct fake_series *const *)a)->labels,
                      &(*(struct fake_series *const *)b)->labels);
}

int store_select(struct store *s, const struct matcher *matchers, size_t n_matchers, int64_t min_ms,
                 int64_t max_ms, size_t limit, struct budget *memory, struct selection **out,
                 struct err *err)
{
    (void)min_ms;
    (void)max_ms;
    (void)memory;
    struct selection *sel = calloc(1, sizeof *sel);
    sel->v = calloc(s->n + 1, sizeof(struct fake_series *));
    for (size_t i = 0; i < s->n; i++) {
        int rc = matchers_match(matchers, n_matchers, &s->series[i].labels);
        if (rc < 0) {
            selection_free(sel);
            return err_set(err, rc, "a regular expression ran into its limit");
        }
        if (rc > 0)
            sel->v[sel->n++] = &s->series[i];
    }
    qsort(sel->v, sel->n, sizeof(struct fake_series *), by_labels);
    if (limit && sel->n > limit)
        sel->n = limit;
    *out = sel;
    return 0;
}

void selection_free(struct selection *sel)
{
    if (sel)
        free(sel->v);
    free(sel);
}

size_t selection_count(const struct selection *sel)
{
    return sel->n;
}

const struct labels *selection_labels(const struct selection *sel, size_t i)
{
    return &sel->v[i]->labels;
}

bool store_is_damaged(struct store *s, int64_t min_ms, int64_t max_ms)
{
    (void)s;
    (void)min_ms;
    (void)max_ms;
    return false;
}

void columns_init(struct columns *c, struct arena *arena)
{
    *c = (struct columns){.arena = arena};
}

void columns_done(struct columns *c)
{
    free(c->t_unix_ms);
    free(c->value);
    free((void *)c->histogram);
    free(c->start_unix_ms);
    *c = (struct columns){.arena = c->arena};
}

int selection_read(const struct selection *sel, size_t i, int64_t min_ms, int64_t max_ms,
                   struct columns *out, struct err *err)
{
    (void)err;
    const struct fake_series *f = sel->v[i];
    struct arena *arena = out->arena;
    bool histograms = false, starts = false;
    columns_done(out);
    out->arena = arena;
    out->damaged = labels_get(&f->labels, STR("damaged_blocks")).n; // as many as the value is long
    out->cap = f->n + 1;
    out->t_unix_ms = calloc(out->cap, sizeof *out->t_unix_ms);
    out->value = calloc(out->cap, sizeof *out->value);
    for (size_t k = 0; k < f->n; k++) {
        histograms |= f->samples[k].histogram != NULL;
        starts |= f->samples[k].start_unix_ms != 0;
    }
    if (histograms)
        out->histogram = calloc(out->cap, sizeof(struct histogram *));
    if (starts)
        out->start_unix_ms = calloc(out->cap, sizeof *out->start_unix_ms);
    for (size_t k = 0; k < f->n; k++) {
        const struct sample *x = &f->samples[k];
        if (x->t_unix_ms < min_ms || x->t_unix_ms > max_ms)
            continue;
        out->t_unix_ms[out->n] = x->t_unix_ms;
        out->value[out->n] = x->value;
        if (x->histogram)
            out->histogram[out->n] = histogram_copy(arena, x->histogram);
        if (starts)
            out->start_unix_ms[out->n] = x->start_unix_ms;
        out->n++;
    }
    return 0;
}

/* --- nothing is rolled up --------------------------------------------------------------------- */

void store_aggregates_view(struct store *s, int64_t min_ms, int64_t max_ms,
                           struct aggregates_view *out)
{
    (void)s;
    (void)min_ms;
    (void)max_ms;
    *out = (struct aggregates_view){.raw_min_ms = INT64_MIN};
}

int64_t store_aggregates_coarser(struct store *s, int64_t min_ms, int64_t max_ms,
                                 int64_t resolution_ms)
{
    (void)s;
    (void)min_ms;
    (void)max_ms;
    (void)resolution_ms;
    return 0;
}

int store_select_aggregated(struct store *s, const struct matcher *matchers, size_t n_matchers,
                            int64_t min_ms, int64_t max_ms, int64_t resolution_ms, bool prefer,
                            struct budget *memory, struct selection **out, struct err *err)
{
    (void)resolution_ms;
    (void)prefer;
    return store_select(s, matchers, n_matchers, min_ms, max_ms, 0, memory, out, err);
}

struct selection_aggregates selection_aggregates(const struct selection *sel)
{
    (void)sel;
    return (struct selection_aggregates){0};
}

int selection_read_aggregates(const struct selection *sel, size_t i, int64_t min_ms, int64_t max_ms,
                              int64_t resolution_ms, struct aggregates *out, struct err *err)
{
    (void)resolution_ms;
    (void)sel;
    (void)i;
    (void)min_ms;
    (void)max_ms;
    (void)out;
    return err_set(err, ERR_UNSUPPORTED, "this store rolls nothing up");
}

void aggregates_init(struct aggregates *a, unsigned want, struct arena *arena)
{
    *a = (struct aggregates){.want = want, .arena = arena};
}

void aggregates_done(struct aggregates *a)
{
    free(a->v);
}
