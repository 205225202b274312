#include "query/promql/interpolate.h"

#include "model/histogram.h"

static size_t drop_stale(struct columns *c)
{
    size_t kept = 0;
    for (size_t i = 0; i < c->n; i++) {
        if (is_stale_nan(c->value[i]))
            continue;
        if (kept != i) {
            c->t_unix_ms[kept] = c->t_unix_ms[i];
            c->value[kept] = c->value[i];
            if (c->start_unix_ms)
                c->start_unix_ms[kept] = c->start_unix_ms[i];
        }
        kept++;
    }
    return kept;
}

struct histogram_columns {
    int64_t *t, *start;
    const struct histogram **h;
    size_t n;
};

/* Moves the histograms out of the columns; floats close the gaps. */
static bool split(struct columns *c, struct arena *arena, struct histogram_columns *out)
{
    size_t histograms = 0, floats = 0;
    for (size_t i = 0; i < c->n; i++)
        histograms += c->histogram[i] != NULL;
    out->t = arena_alloc(arena, histograms * sizeof *out->t);
    out->start = arena_alloc(arena, histograms * sizeof *out->start);
    out->h = arena_alloc(arena, histograms * sizeof(struct histogram *));
    if (!out->t || !out->start || !out->h)
        return false;
    for (size_t i = 0; i < c->n; i++) {
        const struct histogram *h = c->histogram[i];
        if (h && !histogram_is_stale(h)) {
            out->t[out->n] = c->t_unix_ms[i];
            out->start[out->n] = c->start_unix_ms ? c->start_unix_ms[i] : 0;
            out->h[out->n++] = h;
        } else if (!h) {
            c->t_unix_ms[floats] = c->t_unix_ms[i];
            c->value[floats] = c->value[i];
            if (c->start_unix_ms)
                c->start_unix_ms[floats] = c->start_unix_ms[i];
            floats++;
        }
    }
    c->n = floats;
    return true;
}

bool samples_from_columns(struct columns *c, struct arena *arena, struct samples *out)
{
    struct histogram_columns h = {0};
    bool starts = c->start_unix_ms;
    if (c->histogram && !split(c, arena, &h))
        return false;
    *out = (struct samples){.ft = c->t_unix_ms,
                            .fv = c->value,
                            .fst = c->start_unix_ms,
                            .nf = drop_stale(c),
                            .ht = h.t,
                            .hst = starts ? h.start : NULL,
                            .hh = h.h,
                            .nh = h.n};
    return true;
}

static void move(size_t *from, size_t *to, const int64_t *t, size_t n, int64_t start, int64_t end)
{
    while (*to < n && t[*to] <= end)
        ++*to;
    while (*from < *to && t[*from] <= start)
        ++*from;
}

struct samples sample_window_move(struct sample_window *w, const struct samples *all,
                                  int64_t start_ms, int64_t end_ms)
{
    move(&w->f_from, &w->f_to, all->ft, all->nf, start_ms, end_ms);
    move(&w->h_from, &w->h_to, all->ht, all->nh, start_ms, end_ms);
    struct samples view = {.nf = w->f_to - w->f_from, .nh = w->h_to - w->h_from};
    if (view.nf) {
        view.ft = all->ft + w->f_from;
        view.fv = all->fv + w->f_from;
        view.fst = all->fst ? all->fst + w->f_from : NULL;
    }
    if (view.nh) {
        view.ht = all->ht + w->h_from;
        view.hh = all->hh + w->h_from;
        view.hst = all->hst ? all->hst + w->h_from : NULL;
    }
    return view;
}

void extended_ends(const int64_t *t, size_t n, int64_t start_ms, int64_t end_ms, bool smoothed,
                   size_t *out_first, size_t *out_last)
{
    size_t last = n - 1, first = 0;
    while (first < last && t[first] <= start_ms)
        first++;
    if (smoothed) {
        size_t i = 0;
        while (i < last && t[i] < end_ms)
            i++;
        last = i;
    }
    *out_first = first ? first - 1 : 0;
    *out_last = last;
}

double interpolate_floats(int64_t t1, double v1, int64_t t2, double v2, int64_t t, bool counter)
{
    if (counter && v2 < v1)
        v1 = 0;
    return v1 + (v2 - v1) * (double)(t - t1) / (double)(t2 - t1);
}

const struct histogram *interpolate_histograms(struct arena *arena, int64_t t1,
                                               const struct histogram *h1, int64_t t2,
                                               const struct histogram *h2, int64_t t, bool counter,
                                               unsigned *flags)
{
    if (t == t1)
        return h1;
    if (t == t2)
        return h2;
    if (hist_is_custom(h1) != hist_is_custom(h2)) {
        *flags |= HIST_INCOMPATIBLE;
        return NULL;
    }
    double fraction = (double)(t - t1) / (double)(t2 - t1);
    if (counter && hist_detect_reset(arena, h2, h1))
        return hist_mul(arena, h2, fraction);
    const struct histogram *change = hist_sub(arena, h2, h1, flags);
    if (!change || !(change = hist_mul(arena, change, fraction)))
        return NULL;
    return hist_add(arena, change, h1, flags);
}
