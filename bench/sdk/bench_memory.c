/* Bytes that a bound series takes beyond the text of its labels: what the process gained in
 * resident memory by 100,000 of them with three labels each, less that text, once; with one thread
 * that records into all of them and with four. The histogram has 12 bounds. */
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "telltale/metrics.h"
#include "telltale/prometheus_text.h"

enum { SERIES = 100000, THREADS_MAX = 4 };

static bool histograms;
static tt_bound_counter *counters[SERIES];
static tt_bound_histogram *recorders[SERIES];

static size_t resident(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    size_t total = 0, pages = 0;
    if (!f || fscanf(f, "%zu %zu", &total, &pages) != 2)
        abort();
    (void)fclose(f);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void *record(void *arg)
{
    pthread_barrier_t *all = arg;
    for (size_t i = 0; i < SERIES; i++) {
        if (histograms)
            tt_bound_histogram_record(recorders[i], 0.001 * (double)(i % 9000));
        else
            tt_bound_counter_add(counters[i], 1);
    }
    (void)pthread_barrier_wait(all); // so that no thread takes over what another left
    return NULL;
}

/* Returns the bytes of the labels' text. */
static size_t bind_all(tt_meter *meter, const tt_instrument_options *options)
{
    tt_counter *counter = tt_counter_new(meter, "counter", NULL);
    tt_histogram *histogram = tt_histogram_new(meter, "histogram", options);
    size_t bytes = 0;
    for (size_t i = 0; i < SERIES; i++) {
        char route[32];
        bytes += (size_t)snprintf(route, sizeof route, "/route/%zu", i) + sizeof "route" - 1;
        bytes += sizeof "method" - 1 + sizeof "GET" - 1 + sizeof "code" - 1 + sizeof "200" - 1;
        tt_attr attrs[] = {tt_str("route", route), tt_str("method", "GET"), tt_str("code", "200")};
        if (histograms)
            recorders[i] = tt_histogram_bind(histogram, attrs, 3);
        else
            counters[i] = tt_counter_bind(counter, attrs, 3);
    }
    return bytes;
}

static void record_by(int threads)
{
    pthread_t ids[THREADS_MAX];
    pthread_barrier_t all;
    (void)pthread_barrier_init(&all, NULL, (unsigned)threads);
    for (int i = 0; i < threads; i++) {
        if (pthread_create(&ids[i], NULL, record, &all) != 0)
            abort();
    }
    for (int i = 0; i < threads; i++)
        (void)pthread_join(ids[i], NULL);
    (void)pthread_barrier_destroy(&all);
}

static void print(const char *name, const char *when, int threads, size_t before)
{
    double bytes = ((double)resident() - (double)before) / SERIES;
    printf("telltale\t%s%s\t%d\t%.0f\t%.0f\t%.0f\n", name, when, threads, bytes, bytes, bytes);
}

/* What a scrape leaves: labels as they stand in the text. */
static void scrape(tt_meter_provider *provider)
{
    char *text = NULL;
    size_t n = 0;
    if (tt_prometheus_render_new(provider, NULL, 1 << 30, &text, &n) != TT_OK)
        abort();
    free(text);
    (void)malloc_trim(0); // what it only had for a moment
}

static void measure(const char *name, const tt_instrument_options *options, int threads)
{
    tt_meter_provider_options p = {.size = sizeof p, .cardinality_limit = SERIES + 1};
    tt_meter_provider *provider = tt_meter_provider_new(&p);
    tt_meter *meter = tt_meter_get(provider, "bench", NULL);
    histograms = options != NULL;
    memset(counters, 0, sizeof counters); // the handles are the program's own memory
    memset(recorders, 0, sizeof recorders);
    (void)malloc_trim(0);
    size_t before = resident();
    size_t text = bind_all(meter, options);
    record_by(threads);
    print(name, "", threads, before + text);
    if (threads == 1) {
        scrape(provider);
        print(name, ", once scraped", threads, before + text);
    }
    (void)fflush(stdout);
    tt_meter_provider_free(provider);
}

/* Each in a process of its own, whose memory has no holes yet. */
static void measure_apart(const char *name, const tt_instrument_options *options, int threads)
{
    pid_t child = fork();
    if (child == 0) {
        measure(name, options, threads);
        _exit(0);
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
        abort();
}

int main(void)
{
    const double bounds[] = {0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5};
    tt_instrument_options o = {.size = sizeof o, .bounds = bounds, .bounds_n = 12};
    tt_instrument_options e = {.size = sizeof e, .exponential = true};
    for (int threads = 1; threads <= THREADS_MAX; threads += 3) {
        measure_apart("bytes of a counter's series", NULL, threads);
        measure_apart("bytes of a histogram's series", &o, threads);
        measure_apart("bytes of an exponential one's", &e, threads);
    }
    return 0;
}
