/* rate, increase and delta of plain floats: all steps of a series in one loop.
 *
 * Nearly every series is of floats alone, without start times, and asked without `anchored` and
 * `smoothed`. Then a step needs the first and last sample of its window and what was lost in resets
 * between them. They are gathered for a block of steps at a time, and the arithmetic follows in a
 * loop of its own without branches, whose seven divisions overlap from step to step. Each result
 * has the bits that rate_of_growth() would give it: the operations are the same, in their order. */
#include <math.h>

#include "query/promql/rate.h"
#include "query/query.h"

enum { BLOCK = 64 }; /* steps: what is gathered stays in the first cache */

/* Of each step's window: samples, seconds, and the growth of the value. */
struct block {
    double growth[BLOCK], first[BLOCK];
    double gaps[BLOCK]; /* samples but one; 0: too few */
    double interval_ms[BLOCK], left_ms[BLOCK], right_ms[BLOCK];
};

struct walk {
    const struct samples *s;
    struct rate_state *resets; /* NULL: falling values are no resets */
    size_t from, to;
};

static void gather(struct walk *w, int64_t start, int64_t end, struct block *b, size_t k)
{
    const struct samples *s = w->s;
    while (w->to < s->nf && s->ft[w->to] <= end)
        w->to++;
    while (w->from < w->to && s->ft[w->from] <= start)
        w->from++;
    bool enough = w->to - w->from >= 2;
    size_t first = enough ? w->from : 0, last = enough ? w->to - 1 : 0;
    b->gaps[k] = enough ? (double)(last - first) : 0;
    b->first[k] = s->fv[first];
    b->growth[k] = s->fv[last] - s->fv[first];
    if (w->resets && enough)
        b->growth[k] += rate_lost(w->resets, s, w->from, w->to);
    b->interval_ms[k] = (double)(s->ft[last] - s->ft[first]);
    b->left_ms[k] = (double)(s->ft[first] - start);
    b->right_ms[k] = (double)(end - s->ft[last]);
}

/* To the borders, as extrapolate() in rate.c does it. */
static double extrapolated(const struct block *b, size_t k, bool counter, double per)
{
    double interval = b->interval_ms[k] / 1000, average = interval / b->gaps[k];
    double left = b->left_ms[k] / 1000, right = b->right_ms[k] / 1000;
    double growth = b->growth[k], half = average / 2, far = average * 1.1;
    double to_zero = interval * (b->first[k] / growth);
    left = left >= far ? half : left;
    right = right >= far ? half : right;
    bool bounded = (growth > 0) & (b->first[k] >= 0) & counter;
    left = (bounded & (to_zero < left)) ? to_zero : left;
    double factor = (interval + left + right) / interval;
    return growth * ((interval != 0 ? factor : 1) / per);
}

bool rate_row(struct range_call *c, const struct timeline *t, bool counter, bool per_second,
              double *v)
{
    const struct window_spec *spec = &c->window;
    const struct samples *s = c->all;
    if (s->nh || s->fst || spec->anchored || spec->smoothed || s->nf == 0)
        return false;
    struct walk w = {.s = s, .resets = counter ? c->state : NULL};
    double per = per_second ? (double)spec->range_ms / 1000 : 1;
    struct block b;
    for (size_t at = 0; at < t->n; at += BLOCK) {
        size_t n = MIN(t->n - at, (size_t)BLOCK);
        for (size_t k = 0; k < n; k++) {
            int64_t end = window_end(spec, timeline_at(t, at + k));
            gather(&w, end - spec->range_ms, end, &b, k);
        }
        for (size_t k = 0; k < n; k++)
            v[at + k] = b.gaps[k] > 0 ? extrapolated(&b, k, counter, per) : HOLE;
    }
    return true;
}
