/* A year of metrics: what rolling up costs in time and disk, and what questions over the year cost
 * from samples and from aggregates. Half of the series are counters, half gauges, a sample every
 * `--every` seconds, on the clock of the end of that year.
 *
 *   bench_rollup [--series N] [--days N] [--every S] [--dir DIR]
 *
 * Prints one line a figure: name, value, unit. DIR must not exist and stays. */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/compiler.h"
#include "base/fs.h"
#include "base/num.h"
#include "base/time.h"
#include "model/batch.h"
#include "query/query.h"
#include "store/aggregates.h"
#include "store/store.h"

#define BEGIN_MS (INT64_C(1735689600000)) // 2025-01-01

struct options {
    int series, days, every_s;
    const char *dir;
};

static struct options options = {20, 365, 15, "/tmp/bench_rollup"};

static void die(const char *what, const struct err *err)
{
    (void)fprintf(stderr, "bench_rollup: %s: %s\n", what, err ? err->message : "failed");
    exit(1);
}

static double cpu_s(void)
{
    struct rusage r;
    (void)getrusage(RUSAGE_SELF, &r);
    return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
           (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

static void print(const char *name, double value, const char *unit)
{
    (void)printf("%-64s %14.3f %s\n", name, value, unit);
    (void)fflush(stdout);
}

static int64_t end_ms(void)
{
    return BEGIN_MS + options.days * MS_PER_DAY;
}

static int64_t now(void)
{
    return end_ms() + 2 * MS_PER_DAY;
}

/* --- the data --------------------------------------------------------------------------------- */

static uint64_t state = 1;
static double values[1 << 16];

/* Counters grow by up to 63 and restart once a week or so; gauges walk, with two digits after the
 * point. */
static double next_value(int series)
{
    uint64_t r = state = state * 6364136223846793005u + 1442695040888963407u;
    double *v = &values[series];
    if (series % 2)
        return *v = round(*v * 100 + (double)(r >> 33 & 0xff) - 128) / 100;
    *v = (r >> 40) % 40000 ? *v + (double)(r >> 33 & 0x3f) : 0;
    return *v;
}

static void add_series(struct batch *b, int series, int64_t from_ms, uint32_t n)
{
    char number[16];
    (void)snprintf(number, sizeof number, "%d", series); // always fits
    struct label labels[] = {{STR("__name__"), series % 2 ? STR("level") : STR("requests_total")},
                             {STR("instance"), str_c(number)}};
    const struct labels set = {labels, ARRAY_LEN(labels)};
    struct batch_series *s = batch_add_series(b, labels_copy(&b->arena, &set));
    struct sample *v = arena_array(&b->arena, n, sizeof *v);
    if (!s || !v)
        die("a batch", NULL);
    for (uint32_t i = 0; i < n; i++)
        v[i] = (struct sample){.t_unix_ms = from_ms + i * options.every_s * MS_PER_S,
                               .value = next_value(series)};
    s->samples = v;
    s->n_samples = n;
}

static uint64_t load(struct store *store)
{
    struct batch b;
    struct sink_result result;
    struct err err = {0};
    uint64_t total = 0;
    uint32_t n = (uint32_t)(86400 / options.every_s);
    batch_init(&b, (size_t)1 << 30);
    for (int day = 0; day < options.days; day++) {
        for (int i = 0; i < options.series; i++)
            add_series(&b, i, BEGIN_MS + day * MS_PER_DAY, n);
        if (store_append(store, &b, &result, &err) != 0)
            die("append", &err);
        total += result.accepted;
        batch_reset(&b);
        if (day % 7 == 6 && store_flush(store, &err) != 0)
            die("flush", &err);
    }
    batch_done(&b);
    if (store_flush(store, &err) != 0)
        die("flush", &err);
    return total;
}

/* --- what it takes on the disk ---------------------------------------------------------------- */

static double bytes_of(const char *path)
{
    struct fs_file f;
    uint64_t size = 0;
    if (fs_open(fs_real(), path, FS_READ, &f, NULL) != 0 || fs_size(&f, &size, NULL) != 0)
        die(path, NULL);
    (void)fs_close(&f, NULL); // read-only: nothing to lose
    return (double)size;
}

/* Of all parts. */
static double bytes_below(const char *dir)
{
    struct fs_names names = {0};
    double total = 0;
    if (fs_list(fs_real(), dir, &names, NULL) != 0)
        die(dir, NULL);
    for (size_t i = 0; i < names.n; i++) {
        char *path = fs_join(dir, names.v[i]);
        if (path && fs_is_dir(fs_real(), path))
            total += bytes_below(path);
        else if (path && str_ends(str_c(path), STR(".part")))
            total += bytes_of(path);
        free(path);
    }
    fs_names_done(&names);
    return total;
}

static double bytes_of_folder(const char *folder)
{
    char *path = fs_join(options.dir, folder);
    double bytes = path ? bytes_below(path) : 0;
    free(path);
    return bytes;
}

/* --- questions -------------------------------------------------------------------------------- */

static const struct {
    const char *expr;
    int64_t step_ms;
} questions[] = {
    {"requests_total", 3600 * MS_PER_S},
    {"sum(rate(requests_total[1h]))", 3600 * MS_PER_S},
    {"sum(increase(requests_total[1d]))", 86400 * MS_PER_S},
    {"max_over_time(level[1h])", 3600 * MS_PER_S},
    {"avg_over_time(level[1d])", 86400 * MS_PER_S},
};

/* CPU seconds, the least of three. */
static double ask(struct query_engine *engine, size_t i, enum query_aggregates use,
                  struct query_result *out)
{
    const struct query_request q = {.expr = str_c(questions[i].expr),
                                    .start_ms = BEGIN_MS + MS_PER_DAY,
                                    .end_ms = end_ms(),
                                    .step_ms = questions[i].step_ms,
                                    .aggregates = use};
    struct err err = {0};
    double best = 0;
    for (int round = 0; round < 3; round++) {
        double began = cpu_s();
        if (round)
            query_result_done(out);
        if (query_run(engine, &q, out, &err) != 0)
            die(questions[i].expr, &err);
        double took = cpu_s() - began;
        best = round && best < took ? best : took;
    }
    return best;
}

static void ask_all(struct store *store)
{
    const struct query_options o = {.timeout_ms = 3600 * MS_PER_S, .max_samples = 1000000000};
    struct query_engine *engine;
    struct err err = {0};
    if (query_engine_new(store, &o, &engine, &err) != 0)
        die("engine", &err);
    for (size_t i = 0; i < ARRAY_LEN(questions); i++) {
        struct query_result raw, rolled;
        char name[128];
        double raw_s = ask(engine, i, QUERY_AGGREGATES_NEVER, &raw);
        double rolled_s = ask(engine, i, QUERY_AGGREGATES_AUTO, &rolled);
        (void)snprintf(name, sizeof name, "%s, samples", questions[i].expr);
        print(name, raw_s * 1000, "ms");
        (void)snprintf(name, sizeof name, "%s, aggregates of %d s", questions[i].expr,
                       (int)(rolled.stats.aggregates.resolution_ms / MS_PER_S));
        print(name, rolled_s * 1000, "ms");
        print("  times faster", raw_s / rolled_s, "");
        query_result_done(&raw);
        query_result_done(&rolled);
    }
    query_engine_free(engine);
}

/* --- the whole -------------------------------------------------------------------------------- */

static void roll_up(struct store *store, double samples)
{
    struct err err = {0};
    double began = cpu_s();
    if (store_maintain(store, true, &err) != 0)
        die("roll up", &err);
    print("rolling up to 5 min and 1 h", (cpu_s() - began) / samples * 1e6,
          "CPU s per million samples");
}

static void read_options(int argc, char **argv)
{
    static const struct option known[] = {{"series", required_argument, NULL, 's'},
                                          {"days", required_argument, NULL, 'd'},
                                          {"every", required_argument, NULL, 'e'},
                                          {"dir", required_argument, NULL, 'p'},
                                          {0}};
    int c;
    while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
        uint64_t given = 1;
        if (c == '?' || (c != 'p' && num_parse_u64(str_c(optarg), &given) != 0) || given == 0 ||
            given > ARRAY_LEN(values))
            exit(2);
        int number = (int)given;
        if (c == 's')
            options.series = number;
        else if (c == 'd')
            options.days = number;
        else if (c == 'e')
            options.every_s = number;
        else
            options.dir = optarg;
    }
}

int main(int argc, char **argv)
{
    struct err err = {0};
    struct store *store;
    read_options(argc, argv);
    struct store_options o = {
        .dir = options.dir, .retention_ms = STORE_RETENTION_FOREVER, .now_unix_ms = now};
    o.aggregates.retention_ms = STORE_RETENTION_FOREVER;
    if (store_open(&o, &store, &err) != 0 || store_replay(store, NULL, &err) != 0)
        die("open", &err);
    double samples = (double)load(store);
    print("samples", samples / 1e6, "million");
    if (store_maintain(store, true, &err) != 0)
        die("merge", &err);
    o.aggregates.enabled = true;
    if (store_reconfigure(store, &o, &err) != 0)
        die("reconfigure", &err);
    roll_up(store, samples);
    double raw = bytes_of_folder("metrics"), fine = bytes_of_folder("aggregates/5m");
    double coarse = bytes_of_folder("aggregates/1h");
    print("samples on disk", raw / samples, "bytes a sample");
    print("aggregates of 5 min", fine / samples, "bytes a sample");
    print("aggregates of 1 h", coarse / samples, "bytes a sample");
    ask_all(store);
    return store_close(store, &err) == 0 ? 0 : 1;
}
