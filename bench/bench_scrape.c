/* Reads the same exposition again and again as a target's loop does: parse, look up, batch. Prints
 * ns per sample for the first scrape (all series are new) and for the later ones (all are known).
 * Usage: bench_scrape [SERIES] [RUNS] */
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/num.h"
#include "base/time.h"
#include "model/batch.h"
#include "receive/scrape_ingest.h"
#include "receive/scrape_settings.h"
#include "receive/target.h"

/* Like a service's page: histograms with 12 buckets and five labels a series. */
static void write_body(struct buf *out, size_t n_series, unsigned value)
{
    for (size_t i = 0; i < n_series; i++)
        buf_printf(
            out,
            "http_request_duration_seconds_bucket{handler=\"/api/v1/items/%zu\",method=\"%s\","
            "code=\"%d\",zone=\"eu-central-1a\",le=\"%g\"} %zu.%u\n",
            i / 12, i / 24 % 2 ? "GET" : "POST", i / 48 % 3 ? 200 : 500,
            0.005 * (double)(i % 12 + 1), i * 17 + value, value % 10);
}

static double scrape_once(struct scrape *s, struct str body)
{
    struct batch batch;
    struct err err = {0};
    batch_init(&batch, (size_t)1 << 30);
    s->batch = &batch;
    int64_t begun = time_now_mono_ns();
    scrape_begin(s);
    if (scrape_read(s, body, PROM_TEXT, &err) != 0 || scrape_add_stale(s, false, &err) != 0)
        (void)fprintf(stderr, "%s\n", err.message);
    scrape_commit(s, false);
    double ns = (double)(time_now_mono_ns() - begun) / (double)batch.n_series;
    batch_done(&batch);
    return ns;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int64_t argument(int argc, char **argv, int at, int64_t otherwise)
{
    int64_t v;
    return argc > at && num_parse_i64(str_c(argv[at]), &v) == 0 && v > 0 ? v : otherwise;
}

int main(int argc, char **argv)
{
    enum { RUNS_MAX = 100 };
    static const struct label labels[] = {{{"instance", 8}, {"host:9100", 9}},
                                          {{"job", 3}, {"bench", 5}}};
    size_t n_series = (size_t)argument(argc, argv, 1, 10000);
    size_t runs = (size_t)argument(argc, argv, 2, 21);
    runs = runs < 5 ? 5 : runs > RUNS_MAX ? RUNS_MAX : runs;
    struct scrape_config config = scrape_config_defaults();
    config.job_name = "bench";
    struct scrape_settings *settings;
    if (scrape_settings_new(&config, &settings, NULL) != 0)
        return 1;
    const struct target target = {.labels = {labels, 2}};
    struct scrape_memory memory;
    scrape_memory_init(&memory);
    struct scrape s = {.settings = settings,
                       .target = &target,
                       .memory = &memory,
                       .max_series = SIZE_MAX,
                       .t_unix_ms = 1};

    double ns[RUNS_MAX], first = 0;
    struct buf body = BUF_MAX((size_t)4 << 30);
    for (size_t i = 0; i <= runs; i++) {
        buf_reset(&body);
        write_body(&body, n_series, (unsigned)i);
        s.t_unix_ms++;
        double v = scrape_once(&s, buf_str(&body));
        if (i == 0)
            first = v;
        else
            ns[i - 1] = v;
    }
    qsort(ns, runs, sizeof *ns, by_value);
    (void)printf("scrape: first %.0f ns/sample; then %.0f ns/sample (%.0f to %.0f in %zu runs), "
                 "%.1f M samples/s, %.0f bytes a line\n",
                 first, ns[runs / 2], ns[0], ns[runs - 1], runs, 1e3 / ns[runs / 2],
                 (double)body.n / (double)n_series);
    buf_done(&body);
    scrape_memory_done(&memory);
    scrape_settings_unref(settings);
    return 0;
}
