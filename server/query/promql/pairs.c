/* resets and changes: what differs between a sample and the next.
 *
 * All pairs of a series are compared once, floats and histograms in one order; how many differ is
 * added up over the series. The number of those in a window is then the difference of two such
 * sums, whatever its length. */
#include <math.h>

#include "query/promql/hist.h"
#include "query/promql/range.h"
#include "query/promql/rollup.h"

/* Walks floats and histograms by time. */
struct walker {
    const struct samples *s;
    size_t f, h;
};

struct walked {
    int64_t t, start;
    double v;
    const struct histogram *h;
};

static bool walk(struct walker *w, struct walked *out)
{
    const struct samples *s = w->s;
    bool floats = w->f < s->nf, histograms = w->h < s->nh;
    if (!floats && !histograms)
        return false;
    if (floats && (!histograms || s->ft[w->f] < s->ht[w->h])) {
        *out = (struct walked){s->ft[w->f], s->fst ? s->fst[w->f] : 0, s->fv[w->f], NULL};
        w->f++;
    } else {
        *out = (struct walked){s->ht[w->h], s->hst ? s->hst[w->h] : 0, 0, s->hh[w->h]};
        w->h++;
    }
    return true;
}

/* Where to begin: anchored, at the newest sample at or before the start. False: nothing after. */
static bool walk_start(struct range_call *c, const struct range_window *w, struct walker *out)
{
    const struct samples *s = &w->samples;
    size_t f = 0, h = 0;
    *out = (struct walker){.s = s};
    if (!c->window.anchored)
        return true;
    while (f < s->nf && s->ft[f] <= w->start_ms)
        f++;
    while (h < s->nh && s->ht[h] <= w->start_ms)
        h++;
    if (f == s->nf && h == s->nh)
        return false;
    if (f && (!h || s->ft[f - 1] >= s->ht[h - 1]))
        f--;
    else if (h)
        h--;
    out->f = f;
    out->h = h;
    return true;
}

static bool was_reset(struct range_call *c, const struct walked *before, const struct walked *now)
{
    if (!before->h != !now->h)
        return true;
    if (range_start_reset(before->start, before->t, now->start, now->t))
        return true;
    return now->h ? hist_detect_reset(c->scratch, now->h, before->h) : now->v < before->v;
}

static bool was_changed(struct range_call *c, const struct walked *before, const struct walked *now)
{
    (void)c;
    if (!before->h != !now->h)
        return true;
    if (now->h)
        return !hist_equals(now->h, before->h);
    return now->v != before->v && !(isnan(now->v) && isnan(before->v));
}

typedef bool pair_test(struct range_call *, const struct walked *, const struct walked *);

/* For each sample of the series how many pairs differ up to it. */
static int count_pairs(struct range_call *c, pair_test *differs)
{
    struct walker walker = {.s = c->all};
    struct walked before, now;
    size_t n = c->all->nf + c->all->nh, i = 0;
    uint32_t *counts = arena_alloc(c->kept, n * sizeof *counts), count = 0;
    if (n == 0)
        return 0;
    if (!counts)
        return eval_memory_error(c->ev);
    c->state = counts;
    (void)walk(&walker, &before);
    counts[i++] = 0;
    for (; walk(&walker, &now); before = now) {
        if (now.h)
            arena_reset(c->scratch);
        count += differs(c, &before, &now);
        counts[i++] = count;
    }
    return 0;
}

static int prepare_resets(struct range_call *c)
{
    return count_pairs(c, was_reset);
}

static int prepare_changes(struct range_call *c)
{
    return count_pairs(c, was_changed);
}

static int kernel_pairs(struct range_call *c, const struct range_window *w, struct range_value *out)
{
    const uint32_t *counts = c->state;
    struct walker from;
    if (!walk_start(c, w, &from))
        return 0;
    size_t begin = w->f_from + w->h_from, end = begin + w->samples.nf + w->samples.nh;
    out->v = (double)(counts[end - 1] - counts[begin + from.f + from.h]);
    return 1;
}

const struct range_function range_resets = {kernel_pairs, prepare_resets, .anchored = true,
                                            .rolled = &rolled_resets};
const struct range_function range_changes = {kernel_pairs, prepare_changes, .anchored = true,
                                             .rolled = &rolled_changes};
