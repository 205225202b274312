/* The store alone: batches shaped like remote write's (2,000 series, one sample each, a dozen
 * labels, 210 bytes of label text) through store_append, then selections and reads.
 *
 *   bench_store [--series N] [--samples N] [--dir DIR] [--threads N] [--durable]
 *
 * Prints one line a figure: name, value, unit. The data depends on the sizes alone. */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/hash.h"
#include "base/thread.h"
#include "base/time.h"
#include "model/batch.h"
#include "store/store.h"

enum { BATCH = 2000, TARGET_SERIES = 1248, LABELS = 11 };

struct options {
    size_t series, samples, threads;
    const char *dir;
    bool durable;
};

struct bench {
    struct options options;
    struct store *store;
    struct batch *batches; /* label sets, made before the clock starts; samples are filled in */
    size_t n_batches;
    int64_t start_ms;
};

static void die(const char *what, const struct err *err)
{
    (void)fprintf(stderr, "bench_store: %s: %s\n", what, err ? err->message : "failed");
    exit(1);
}

static double cpu_s(void)
{
    struct rusage r;
    (void)getrusage(RUSAGE_SELF, &r);
    return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
           (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

static double rss_mib(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f) {
        if (fscanf(f, "%*d %ld", &pages) != 1)
            pages = 0;
        (void)fclose(f);
    }
    return (double)pages * 4096 / (1 << 20);
}

static void print(const char *name, double value, const char *unit)
{
    (void)printf("%-44s %14.2f %s\n", name, value, unit);
    (void)fflush(stdout);
}

/* --- the data --------------------------------------------------------------------------------- */

static struct str text(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);

static struct str text(struct arena *a, const char *fmt, ...)
{
    char out[96];
    va_list args;
    va_start(args, fmt);
    int size = vsnprintf(out, sizeof out, fmt, args);
    va_end(args);
    return arena_str(a, str_of(out, (size_t)size));
}

static void fill_labels(struct arena *a, size_t i, struct label v[LABELS])
{
    size_t target = i / TARGET_SERIES, within = i % TARGET_SERIES;
    size_t k = 0;
    v[k++] = (struct label){STR("__name__"),
                            text(a, "agent_platform_request_duration_%zu_bucket", within / 14)};
    v[k++] = (struct label){STR("availability_zone"), text(a, "eu-central-1%zu", target % 3)};
    v[k++] = (struct label){STR("cluster"), text(a, "production-cluster-%zu", target % 4)};
    v[k++] = (struct label){STR("env"), STR("production")};
    v[k++] = (struct label){STR("instance"), text(a, "10.20.%zu.17:9100", target)};
    v[k++] = (struct label){STR("job"), text(a, "agent-runner-%zu", target % 20)};
    v[k++] = (struct label){STR("le"), text(a, "%zu.5", within % 14)};
    v[k++] = (struct label){STR("namespace"), text(a, "agents-%zu", target % 10)};
    v[k++] = (struct label){STR("pod"), text(a, "agent-runner-7c9f6d5b8-%05zu", target)};
    v[k++] = (struct label){STR("service"), text(a, "orchestrator-%zu", target % 20)};
    v[k++] = within < 100 ? (struct label){STR("session_id"), text(a, "session-%08zu", i)}
                          : (struct label){STR("version"), text(a, "v1.%zu.0", target % 5)};
}

static void make_batches(struct bench *b)
{
    size_t n = b->options.series;
    b->n_batches = (n + BATCH - 1) / BATCH;
    b->batches = calloc(b->n_batches, sizeof *b->batches);
    if (!b->batches)
        die("batches", NULL);
    for (size_t i = 0; i < n; i++) {
        struct batch *batch = &b->batches[i / BATCH];
        if (i % BATCH == 0)
            batch_init(batch, 64 << 20);
        struct label v[LABELS];
        fill_labels(&batch->arena, i, v);
        struct labels labels = {v, LABELS};
        struct labels kept = labels_copy(&batch->arena, &labels);
        struct batch_series *s = batch_add_series(batch, kept);
        struct sample *sample = arena_zalloc(&batch->arena, sizeof *sample);
        if (!s || !sample)
            die("batches", NULL);
        s->samples = sample;
        s->n_samples = 1;
    }
}

/* A counter, a gauge with two decimals, or a constant; times a few ms early, as scrapes are. */
static struct sample value_at(const struct bench *b, size_t series, size_t scrape)
{
    uint64_t r = hash_u64(series * 1000003 + scrape);
    struct sample s = {.t_unix_ms = b->start_ms + (int64_t)scrape * 15000 - (int64_t)(r % 6)};
    if (series % 10 < 7)
        s.value =
            (double)(scrape * (series % 17) + hash_u64(series) % 1000 + r % (series % 17 + 1));
    else if (series % 10 < 9)
        s.value = (double)(int64_t)(50000 + r % 2000) / 100;
    else
        s.value = (double)(series % 5);
    return s;
}

static void fill_samples(struct bench *b, size_t which, size_t scrape)
{
    struct batch *batch = &b->batches[which];
    for (size_t i = 0; i < batch->n_series; i++) {
        struct sample *s = (struct sample *)(uintptr_t)batch->series[i].samples;
        *s = value_at(b, which * BATCH + i, scrape);
    }
}

/* --- runs ------------------------------------------------------------------------------------- */

struct worker {
    struct bench *bench;
    struct thread thread;
    size_t first, from, to; /* batches first, first + threads, …; scrapes [from, to) */
    double seconds;         /* spent in store_append */
};

static void append_run(void *arg)
{
    struct worker *w = arg;
    struct bench *b = w->bench;
    for (size_t scrape = w->from; scrape < w->to; scrape++) {
        for (size_t i = w->first; i < b->n_batches; i += b->options.threads) {
            fill_samples(b, i, scrape);
            struct sink_result result;
            struct err err = {0};
            int64_t began = time_now_mono_ns();
            int rc;
            while ((rc = store_append(b->store, &b->batches[i], &result, &err)) == ERR_BUSY)
                if (store_flush(b->store, &err) != 0)
                    die("flush", &err);
            if (rc != 0 || result.accepted != b->batches[i].n_series)
                die("append", &err);
            w->seconds += (double)(time_now_mono_ns() - began) / 1e9;
        }
    }
}

/* Samples a second of one thread's time in store_append. */
static double append(struct bench *b, size_t from, size_t to)
{
    struct worker workers[64] = {0};
    double seconds = 0;
    for (size_t i = 0; i < b->options.threads; i++) {
        workers[i] = (struct worker){.bench = b, .first = i, .from = from, .to = to};
        if (b->options.threads == 1)
            append_run(&workers[i]);
        else if (thread_start(&workers[i].thread, "append", append_run, &workers[i], NULL) != 0)
            die("thread", NULL);
    }
    for (size_t i = 0; i < b->options.threads; i++) {
        thread_join(&workers[i].thread);
        seconds += workers[i].seconds;
    }
    return (double)(b->options.series * (to - from)) / seconds;
}

static void select_and_read(struct bench *b, const char *name, struct matcher *m, size_t n,
                            int64_t from, int64_t to)
{
    struct err err = {0};
    struct selection *sel;
    double best_select = 1e9, best_read = 1e9;
    size_t streams = 0, rows = 0;
    for (int i = 0; i < 5; i++) {
        int64_t began = time_now_mono_ns();
        if (store_select(b->store, m, n, from, to, 0, NULL, &sel, &err) != 0)
            die("select", &err);
        int64_t selected = time_now_mono_ns();
        struct arena arena;
        struct columns c;
        arena_init(&arena, 1 << 20);
        columns_init(&c, &arena);
        streams = selection_count(sel);
        rows = 0;
        for (size_t k = 0; k < streams; k++) {
            if (selection_read(sel, k, from, to, &c, &err) != 0)
                die("read", &err);
            rows += c.n;
        }
        double select_ms = (double)(selected - began) / 1e6;
        double read_ms = (double)(time_now_mono_ns() - selected) / 1e6;
        best_select = select_ms < best_select ? select_ms : best_select;
        best_read = read_ms < best_read ? read_ms : best_read;
        columns_done(&c);
        arena_done(&arena);
        selection_free(sel);
    }
    char line[128];
    (void)snprintf(line, sizeof line, "select %s, %zu streams", name, streams);
    print(line, best_select, "ms");
    (void)snprintf(line, sizeof line, "read %s, %zu rows", name, rows);
    print(line, best_read, "ms");
}

static void ask(struct bench *b)
{
    int64_t from = INT64_MIN, to = INT64_MAX;
    int64_t end = b->start_ms + (int64_t)b->options.samples * 15000;
    struct matcher m;
    if (matcher_init(&m, MATCH_EQUAL, STR("__name__"),
                     STR("agent_platform_request_duration_3_bucket"), NULL) != 0)
        die("matcher", NULL);
    select_and_read(b, "one metric", &m, 1, from, to);
    matcher_done(&m);
    if (matcher_init(&m, MATCH_REGEX, STR("session_id"), STR("session-000000.*"), NULL) != 0)
        die("matcher", NULL);
    select_and_read(b, "by prefix", &m, 1, from, to);
    matcher_done(&m);
    if (matcher_init(&m, MATCH_REGEX, STR("__name__"), STR(".+"), NULL) != 0)
        die("matcher", NULL);
    select_and_read(b, "all, 5 minutes", &m, 1, end - 300000, end);
    select_and_read(b, "all", &m, 1, from, to);
    matcher_done(&m);
}

static void report_store(struct bench *b, const char *when)
{
    struct store_stats stats;
    struct err err = {0};
    if (store_stats(b->store, 0, NULL, &stats, &err) != 0)
        die("stats", &err);
    (void)printf("-- %s\n", when);
    print("resident", rss_mib(), "MiB");
    print("head", (double)stats.head_bytes / (1 << 20), "MiB");
    if (stats.head_rows)
        print("head, a sample", (double)stats.head_bytes / (double)stats.head_rows, "bytes");
    print("log", (double)stats.wal_bytes / (1 << 20), "MiB");
    if (stats.part_rows)
        print("parts, a sample", (double)stats.part_bytes / (double)stats.part_rows, "bytes");
}

static void open_store(struct bench *b)
{
    const struct store_options o = {
        .dir = b->options.dir,
        .retention_ms = STORE_RETENTION_FOREVER,
        .durability = b->options.durable ? STORE_DURABILITY_DISK : STORE_DURABILITY_PROCESS,
        .head_max_bytes = (size_t)1 << 30,
    };
    struct err err = {0};
    int64_t began = time_now_mono_ns();
    char *note = NULL;
    if (store_open(&o, &b->store, &err) != 0 || store_replay(b->store, &note, &err) != 0)
        die("open", &err);
    print("open", (double)(time_now_mono_ns() - began) / 1e6, "ms");
    (void)printf("%s\n", note ? note : "");
    free(note);
}

static struct options parse(int argc, char **argv)
{
    struct options o = {
        .series = 100000, .samples = 120, .threads = 1, .dir = "/tmp/bench_store.data"};
    static const struct option known[] = {
        {"series", required_argument, NULL, 's'}, {"samples", required_argument, NULL, 'n'},
        {"dir", required_argument, NULL, 'd'},    {"threads", required_argument, NULL, 't'},
        {"durable", no_argument, NULL, 'D'},      {0}};
    int c;
    while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (c) {
        case 's': o.series = strtoul(optarg, NULL, 10); break;
        case 'n': o.samples = strtoul(optarg, NULL, 10); break;
        case 'd': o.dir = optarg; break;
        case 't': o.threads = strtoul(optarg, NULL, 10); break;
        case 'D': o.durable = true; break;
        default: exit(2);
        }
    }
    if (o.threads == 0 || o.threads > 64 || o.series == 0 || o.samples < 2)
        exit(2);
    return o;
}

int main(int argc, char **argv)
{
    struct bench b = {.options = parse(argc, argv), .start_ms = INT64_C(1700000000000)};
    struct err err = {0};
    make_batches(&b);
    print("resident before", rss_mib(), "MiB");
    open_store(&b);
    print("new series", append(&b, 0, 1), "/s");
    double cpu = cpu_s();
    print("samples of known series, a thread", append(&b, 1, b.options.samples), "/s");
    print("... CPU time in all, bench included", cpu_s() - cpu, "s");
    report_store(&b, "after the load");
    ask(&b);

    int64_t began = time_now_mono_ns();
    if (store_flush(b.store, &err) != 0)
        die("flush", &err);
    print("flush", (double)(time_now_mono_ns() - began) / 1e6, "ms");
    report_store(&b, "after the flush");
    ask(&b);
    if (store_close(b.store, &err) != 0)
        die("close", &err);
    open_store(&b);
    ask(&b);
    if (store_close(b.store, &err) != 0)
        die("close", &err);
    return 0;
}
