/* Decodes and translates one OTLP request again and again, as the receiver does before the store.
 * Prints ns per sample of both steps. Usage: bench_otlp FILE [RUNS]; FILE: a raw protobuf request,
 * as the shared load generator's --print writes it. */
#include <stdio.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "base/num.h"
#include "base/time.h"
#include "codec/otlp.h"
#include "receive/otlp_translate.h"

enum { RUNS_MAX = 1000 };

struct run {
    double decode_ns, translate_ns; /* per sample */
};

static int by_total(const void *a, const void *b)
{
    const struct run *x = a, *y = b;
    double d = x->decode_ns + x->translate_ns - y->decode_ns - y->translate_ns;
    return (d > 0) - (d < 0);
}

static bool read_file(const char *path, struct buf *out)
{
    FILE *f = fopen(path, "rb");
    for (size_t n = 1; f && n > 0;) {
        char *to = buf_reserve(out, 1 << 16);
        n = to ? fread(to, 1, 1 << 16, f) : 0;
        buf_advance(out, n);
    }
    return f && fclose(f) == 0;
}

static struct run run_once(struct str body, const struct otlp_rules *rules,
                           struct otlp_delta *delta, size_t *out_samples)
{
    struct batch batch;
    struct otlp_request request;
    struct otlp_outcome outcome;
    struct err err = {0};
    batch_init(&batch, (size_t)1 << 30);
    int64_t t0 = time_now_mono_ns();
    int rc = otlp_decode(body, NULL, &batch.arena, &request, &err);
    int64_t t1 = time_now_mono_ns();
    if (rc == 0)
        rc = otlp_translate(&request, rules, NULL, delta, &batch, &outcome, &err);
    int64_t t2 = time_now_mono_ns();
    if (rc != 0 || otlp_outcome_rejected(&outcome) > 0) {
        (void)fprintf(stderr, "%s\n", rc ? err.message : outcome.message);
        exit(1);
    }
    size_t n = batch_count_samples(&batch);
    *out_samples = n;
    batch_done(&batch);
    return (struct run){(double)(t1 - t0) / (double)n, (double)(t2 - t1) / (double)n};
}

int main(int argc, char **argv)
{
    static struct run runs[RUNS_MAX];
    int64_t n_runs = 101;
    struct buf body = BUF_MAX(1u << 30);
    if (argc < 2 || !read_file(argv[1], &body))
        return 1;
    if (argc > 2 && num_parse_i64(str_c(argv[2]), &n_runs) != 0)
        return 1;
    n_runs = MAX(5, MIN(n_runs, RUNS_MAX));

    const struct receiver_options options = {.otlp = {.promote_scope_metadata = true}};
    struct otlp_rules rules;
    struct otlp_delta *delta;
    size_t samples = 0;
    if (otlp_rules_init(&rules, &options) != 0 ||
        otlp_delta_new(&(struct otlp_delta_options){0}, &delta) != 0)
        return 1;
    (void)run_once(buf_str(&body), &rules, delta, &samples); // warm-up
    for (int64_t i = 0; i < n_runs; i++)
        runs[i] = run_once(buf_str(&body), &rules, delta, &samples);
    qsort(runs, (size_t)n_runs, sizeof *runs, by_total);
    struct run r = runs[n_runs / 2], best = runs[0];
    double total = r.decode_ns + r.translate_ns;
    printf("%zu bytes, %zu samples, %.1f bytes each\n", body.n, samples,
           (double)body.n / (double)samples);
    printf("median of %lld: %.1f ns decode + %.1f ns translate = %.1f ns, %.2f M samples/s; "
           "best %.1f ns\n",
           (long long)n_runs, r.decode_ns, r.translate_ns, total, 1e3 / total,
           best.decode_ns + best.translate_ns);
    otlp_delta_free(delta);
    otlp_rules_done(&rules);
    buf_done(&body);
    return 0;
}
