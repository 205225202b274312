/* sum_over_time and avg_over_time of plain floats: the windows of four steps at a time.
 *
 * A compensated sum is a chain of additions that wait for one another, and its result depends on
 * where it begins, so what a window shares with the one before cannot be kept. But the chains of
 * several windows do not wait for each other. What an addition lost is found here without a branch
 * (D. E. Knuth, The Art of Computer Programming 2, 4.2.2): it is the same number that kahan_add()
 * finds, as long as nothing overflows; windows with infinities or NaNs are left to the kernel. */
#include <math.h>

#include "query/promql/range.h"
#include "query/promql/window_walk.h"
#include "query/query.h"

enum { CHAINS = 4 };

struct chains {
    double sum[CHAINS], lost[CHAINS];
};

static inline void add_to(struct chains *c, size_t k, double x)
{
    double sum = c->sum[k], t = sum + x, part = t - sum;
    c->lost[k] += (sum - (t - part)) + (x - part);
    c->sum[k] = t;
}

struct windows {
    size_t from[CHAINS], n[CHAINS];
};

/* Each window from its first value on, all in step as far as the shortest goes. */
static void add_windows(const double *v, const struct windows *w, struct chains *c)
{
    size_t common = w->n[0];
    const double *p[CHAINS];
    *c = (struct chains){0};
    for (size_t k = 0; k < CHAINS; k++) {
        common = MIN(common, w->n[k]);
        p[k] = v + w->from[k];
    }
    for (size_t i = 0; i < common; i++)
        for (size_t k = 0; k < CHAINS; k++)
            add_to(c, k, p[k][i]);
    for (size_t k = 0; k < CHAINS; k++)
        for (size_t i = common; i < w->n[k]; i++)
            add_to(c, k, p[k][i]);
}

static double finish(const struct chains *c, size_t k, size_t n, bool average)
{
    if (!average)
        return c->sum[k] + c->lost[k];
    return c->sum[k] / (double)n + c->lost[k] / (double)n;
}

/* One window by the kernel. */
static double careful(struct range_call *c, range_kernel *kernel, const struct windows *w, size_t k)
{
    struct range_value value = {0};
    struct range_window window = {
        .samples = {.ft = c->all->ft + w->from[k], .fv = c->all->fv + w->from[k], .nf = w->n[k]},
        .f_from = w->from[k]};
    return kernel(c, &window, &value) == 1 ? value.v : HOLE;
}

int sum_row(struct range_call *c, const struct timeline *t, bool average, range_kernel *kernel,
            double *v)
{
    const struct window_spec *spec = &c->window;
    if (c->all->nh || spec->anchored || spec->smoothed || c->all->nf == 0)
        return 0;
    struct window_walk at = {.s = c->all};
    for (size_t step = 0; step < t->n; step += CHAINS) {
        struct windows w = {0};
        struct chains sums;
        size_t n = MIN(t->n - step, (size_t)CHAINS);
        for (size_t k = 0; k < n; k++) {
            window_walk_to(&at, spec, timeline_at(t, step + k));
            w.from[k] = at.from;
            w.n[k] = at.to - at.from;
        }
        add_windows(c->all->fv, &w, &sums);
        for (size_t k = 0; k < n; k++) {
            double sum = w.n[k] ? finish(&sums, k, w.n[k], average) : HOLE;
            v[step + k] = w.n[k] && !isfinite(sum) ? careful(c, kernel, &w, k) : sum;
        }
    }
    return 1;
}
