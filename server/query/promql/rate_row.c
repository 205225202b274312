/* rate, increase and delta of plain floats: all steps of a series in one loop.
 *
 * Nearly every series is of floats alone, without start times, and asked without `anchored` and
 * `smoothed`. Then a step needs the first and last sample of its window and what was lost in resets
 * between them. They are gathered for a block of steps at a time, and the arithmetic follows in a
 * loop of its own without branches, whose seven divisions overlap from step to step. Each result
 * has the bits that rate_of_growth() would give it: the operations are the same, in their order. */
#include <math.h>
#include <string.h>

#include "base/compiler.h"
#include "query/promql/rate.h"
#include "query/query.h"

enum {
    BLOCK = 64, /* steps: what is gathered stays in the first cache */
    LANES = 8   /* steps that the loop of arithmetic takes at a time: two wide registers */
};

/* Of each step's window: samples, seconds, and the growth of the value. */
struct block {
    double growth[BLOCK], first[BLOCK];
    double gaps[BLOCK]; /* samples but one; 0: too few */
    double interval_ms[BLOCK], left_ms[BLOCK], right_ms[BLOCK];
    double rate[BLOCK];
};

struct walk {
    const int64_t *t;
    const double *v;
    size_t n, from, to;
    struct rate_state *resets; /* NULL: falling values are no resets */
    size_t next_reset;         /* the first that may lie in the window; n: none */
};

static size_t next_reset(const struct walk *w)
{
    const struct rate_state *r = w->resets;
    return r && r->at < r->n ? r->resets[r->at] : w->n;
}

/* What resets within the window have taken away. */
static NO_INLINE double lost(struct walk *w, const struct samples *s)
{
    double sum = rate_lost(w->resets, s, w->from, w->to);
    w->next_reset = next_reset(w);
    return sum;
}

static inline void gather(struct walk *w, const struct samples *s, int64_t start, int64_t end,
                          struct block *b, size_t k)
{
    size_t from = w->from, to = w->to, first, last;
    while (to < w->n && w->t[to] <= end)
        to++;
    while (from < to && w->t[from] <= start)
        from++;
    w->from = from;
    w->to = to;
    bool enough = to - from >= 2;
    first = enough ? from : 0;
    last = enough ? to - 1 : 0;
    int64_t first_t = w->t[first], last_t = w->t[last];
    b->gaps[k] = (double)(int64_t)(last - first); // 0: too few
    b->first[k] = w->v[first];
    b->growth[k] = w->v[last] - w->v[first];
    if (UNLIKELY(w->next_reset < to) && enough)
        b->growth[k] += lost(w, s);
    b->interval_ms[k] = (double)(last_t - first_t);
    b->left_ms[k] = (double)(first_t - start);
    b->right_ms[k] = (double)(end - last_t);
}

/* A step that nobody asks for. */
static void gather_nothing(struct block *b, size_t k)
{
    b->growth[k] = b->first[k] = b->gaps[k] = 0;
    b->interval_ms[k] = b->left_ms[k] = b->right_ms[k] = 0;
}

/* To the borders, as extrapolate() in rate.c does it. */
static inline double extrapolated(const struct block *b, size_t k, double counter_below, double per)
{
    double interval = b->interval_ms[k] / 1000, average = interval / b->gaps[k];
    double left = b->left_ms[k] / 1000, right = b->right_ms[k] / 1000;
    double growth = b->growth[k], first = b->first[k], half = average / 2, far = average * 1.1;
    double to_zero = interval * (first / growth);
    left = left >= far ? half : left;
    right = right >= far ? half : right;
    to_zero = growth > 0 ? to_zero : INFINITY;
    to_zero = first >= counter_below ? to_zero : INFINITY;
    left = to_zero < left ? to_zero : left;
    double factor = (interval + left + right) / interval;
    factor = interval != 0 ? factor : 1;
    return growth * (factor / per);
}

/* The first `n` steps, and up to a multiple of LANES: a loop that the compiler sees to have no odd
 * end is one of wide registers (a loop of LANES within another is not: it is unrolled first). */
static inline void extrapolate_block(struct block *b, size_t n, double counter_below, double per)
{
    size_t end = (n + LANES - 1) & ~(size_t)(LANES - 1);
    for (size_t k = 0; k < end; k++) {
        double rate = extrapolated(b, k, counter_below, per);
        b->rate[k] = b->gaps[k] > 0 ? rate : HOLE;
    }
}

#if defined(__x86_64__) && defined(__GNUC__)

__attribute__((target("avx2"))) static void extrapolate_wide(struct block *b, size_t n,
                                                             double counter_below, double per)
{
    extrapolate_block(b, n, counter_below, per);
}

static void extrapolate(struct block *b, size_t n, bool counter, double per)
{
    double below = counter ? 0 : INFINITY;
    if (__builtin_cpu_supports("avx2"))
        extrapolate_wide(b, n, below, per);
    else
        extrapolate_block(b, n, below, per);
}

#else

static void extrapolate(struct block *b, size_t n, bool counter, double per)
{
    extrapolate_block(b, n, counter ? 0 : INFINITY, per);
}

#endif

int rate_row(struct range_call *c, const struct timeline *t, bool counter, bool per_second,
             double *v)
{
    const struct window_spec *spec = &c->window;
    const struct samples *s = c->all;
    if (s->nh || s->fst || spec->anchored || spec->smoothed || s->nf == 0)
        return 0;
    struct walk w = {.t = s->ft, .v = s->fv, .n = s->nf, .resets = counter ? c->state : NULL};
    w.next_reset = next_reset(&w);
    double per = per_second ? (double)spec->range_ms / 1000 : 1;
    struct block b;
    for (size_t at = 0; at < t->n; at += BLOCK) {
        size_t n = MIN(t->n - at, (size_t)BLOCK);
        for (size_t k = 0; k < n; k++) {
            int64_t end = window_end(spec, timeline_at(t, at + k));
            gather(&w, s, end - spec->range_ms, end, &b, k);
        }
        for (size_t k = n; k % LANES; k++)
            gather_nothing(&b, k);
        extrapolate(&b, n, counter, per);
        memcpy(v + at, b.rate, n * sizeof *v);
    }
    return 1;
}
