/* What a step of a range function costs over windows of different lengths: user CPU time for one
 * series, its windows looked at whole by the kernel and as the engine does it.
 *
 *     ninja -C build/release bench/bench_windows && build/release/bench/bench_windows */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/compiler.h"
#include "query/promql/range.h"
#include "query/promql/window_walk.h"

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void fill(int64_t *t, double *v, size_t n, int64_t step_ms)
{
    uint64_t x = 1;
    for (size_t i = 0; i < n; i++) {
        x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        t[i] = (int64_t)i * step_ms;
        v[i] = (double)(x >> 40) / 1000;
    }
}

static double by_kernel(const struct range_function *f, struct range_call *c,
                        const struct timeline *t)
{
    struct window_walk w = {.s = c->all};
    double sum = 0;
    for (size_t i = 0; i < t->n; i++) {
        struct range_value value = {0};
        struct range_window in = {.eval_ms = timeline_at(t, i), .step = i};
        window_walk_to(&w, &c->window, in.eval_ms);
        in.f_from = w.from;
        in.samples = (struct samples){
            .ft = c->all->ft + w.from, .fv = c->all->fv + w.from, .nf = w.to - w.from};
        if (in.samples.nf && f->kernel(c, &in, &value) == 1)
            sum += value.v;
    }
    return sum;
}

/* In ns for a step; 0: such windows are left to the kernel. */
static double measure(const struct range_function *f, struct range_call *c,
                      const struct timeline *t, double *v, bool row)
{
    double begin = cpu_seconds(), took = 0;
    size_t rounds = 0;
    volatile double sink = 0;
    while (took < 0.2) {
        arena_reset(c->kept);
        if (f->prepare)
            (void)f->prepare(c);
        if (!row)
            sink = by_kernel(f, c, t);
        else if (f->row(c, t, v) != 1)
            return 0;
        rounds++;
        took = cpu_seconds() - begin;
    }
    (void)sink;
    return took / (double)rounds / (double)t->n * 1e9;
}

static const struct {
    const char *name;
    const struct range_function *f;
} functions[] = {{"sum_over_time", &range_sum},
                 {"avg_over_time", &range_avg},
                 {"stddev_over_time", &range_stddev},
                 {"deriv", &range_deriv},
                 {"predict_linear", &range_predict_linear},
                 {"changes", &range_changes},
                 {"mad_over_time", &range_mad},
                 {"ts_of_max_over_time", &range_ts_of_max}};

static void run(size_t window, size_t stride, size_t steps)
{
    enum { SCRAPE_MS = 15000 };
    size_t n = window + stride * steps;
    int64_t *t = calloc(n, sizeof *t);
    double *values = calloc(n, sizeof *values), *v = calloc(steps, sizeof *v);
    struct arena kept;
    struct limits limits = {.deadline_mono_ns = INT64_MAX};
    struct eval ev = {.limits = &limits};
    if (!t || !values || !v)
        exit(1);
    arena_init(&kept, SIZE_MAX);
    fill(t, values, n, SCRAPE_MS);
    struct samples s = {.ft = t, .fv = values, .nf = n};
    struct range_call c = {.ev = &ev,
                           .window = {.range_ms = (int64_t)window * SCRAPE_MS},
                           .parameters = {v},
                           .all = &s,
                           .kept = &kept};
    struct timeline at = {(int64_t)window * SCRAPE_MS, (int64_t)stride * SCRAPE_MS, steps};
    printf("windows of %zu samples, a step each %zu\n", window, stride);
    for (size_t i = 0; i < ARRAY_LEN(functions); i++) {
        const struct range_function *f = functions[i].f;
        printf("  %-20s kernel %10.1f ns", functions[i].name, measure(f, &c, &at, v, false));
        if (f->row)
            printf("   row %8.1f ns", measure(f, &c, &at, v, true));
        printf("\n");
    }
    arena_done(&kept);
    free(t);
    free(values);
    free(v);
}

int main(void)
{
    static const size_t windows[] = {20, 40, 64, 96, 128, 240, 960, 5760};
    for (size_t i = 0; i < ARRAY_LEN(windows); i++)
        run(windows[i], 1, 5760);
    run(240, 20, 2000);
    run(5760, 20, 2000);
    run(172800, 20, 500);
    return 0;
}
