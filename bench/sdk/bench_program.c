/* What telemetry costs a program outside its calls: a million events a second for five seconds, a
 * scrape each second and OTLP to a collector. Printed is the processor time of all threads but the
 * one that makes the events, as a share of one core: the exporters' threads, the endpoint's, and
 * what they do in the kernel. Nothing is taken off.
 *
 * Events come in tens, a request of a service: six additions to counters, of which two look their
 * three attributes up, two values of histograms, and a span of four attributes with a log record of
 * four in every other; of the spans a share is sampled, and the records of these are of a level
 * that is sent. The other records are below the level. The last mix is spans and nothing else. */
#include <inttypes.h>
#include <sys/wait.h>

#include "collector.h"
#include "telltale/log.h"
#include "telltale/metric_reader.h"
#include "telltale/metrics.h"
#include "telltale/otlp.h"
#include "telltale/prometheus.h"
#include "telltale/trace.h"

enum { EVENTS_PER_S = 1000000, SECONDS = 5, ROUTES = 100, REQUEST_EVENTS = 10 };

static struct {
    tt_meter_provider *metrics;
    tt_tracer_provider *traces;
    tt_logger_provider *logs;
    tt_metric_reader *reader;
    tt_prometheus_endpoint *endpoint;
    tt_counter *requests;
    tt_bound_counter *bytes[ROUTES], *rows[ROUTES];
    tt_bound_histogram *seconds[ROUTES], *sizes[ROUTES];
    tt_tracer *tracer;
    tt_logger *logger;
} sdk;

static char routes[ROUTES][32];

struct mix {
    const char *name;
    double sampled;
    bool spans_only;
};

static double now(clockid_t clock)
{
    struct timespec t;
    (void)clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* --- set up ---------------------------------------------------------------------------------- */

static tt_exporter exporter(enum tt_signal signal, uint16_t port)
{
    static const char *const names[] = {
        [TT_SIGNAL_TRACES] = "traces", [TT_SIGNAL_METRICS] = "metrics", [TT_SIGNAL_LOGS] = "logs"};
    char url[64];
    tt_exporter e;
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/v1/%s", port, names[signal]);
    tt_otlp_options o = {.size = sizeof o, .url = url};
    if (tt_otlp_exporter_new(signal, &o, &e) != TT_OK)
        abort();
    return e;
}

static void make_instruments(void)
{
    tt_meter *m = tt_meter_get(sdk.metrics, "bench", "1");
    tt_counter *bytes = tt_counter_new(m, "bytes", NULL), *rows = tt_counter_new(m, "rows", NULL);
    tt_histogram *seconds = tt_histogram_new(m, "seconds", NULL),
                 *sizes = tt_histogram_new(m, "sizes", NULL);
    sdk.requests = tt_counter_new(m, "requests", NULL);
    for (int i = 0; i < ROUTES; i++) {
        (void)snprintf(routes[i], sizeof routes[i], "/service/%d/:id", i);
        tt_attr route = tt_str("http.route", routes[i]);
        sdk.bytes[i] = tt_counter_bind(bytes, &route, 1);
        sdk.rows[i] = tt_counter_bind(rows, &route, 1);
        sdk.seconds[i] = tt_histogram_bind(seconds, &route, 1);
        sdk.sizes[i] = tt_histogram_bind(sizes, &route, 1);
    }
}

static void set_up(const struct mix *mix, uint16_t port)
{
    tt_tracer_provider_options t = {.size = sizeof t, .sampler = tt_sampler_ratio(mix->sampled)};
    tt_logger_provider_options l = {.size = sizeof l};
    tt_metric_reader_options r = {.size = sizeof r, .interval_ms = 1000};
    tt_prometheus_endpoint_options p = tt_prometheus_endpoint_defaults();
    t.exporter = exporter(TT_SIGNAL_TRACES, port);
    l.exporter = exporter(TT_SIGNAL_LOGS, port);
    r.exporter = exporter(TT_SIGNAL_METRICS, port);
    p.host = "127.0.0.1";
    p.port = 0;
    sdk.metrics = tt_meter_provider_new(NULL);
    sdk.traces = tt_tracer_provider_new(&t);
    sdk.logs = tt_logger_provider_new(&l);
    sdk.tracer = tt_tracer_get(sdk.traces, "bench", "1");
    sdk.logger = tt_logger_get(sdk.logs, "bench", "1");
    make_instruments();
    sdk.reader = tt_metric_reader_start(sdk.metrics, &r);
    if (tt_prometheus_endpoint_start(sdk.metrics, &p, &sdk.endpoint) != TT_OK)
        abort();
}

/* --- events ---------------------------------------------------------------------------------- */

static bool make_span(int route)
{
    tt_attr attrs[] = {tt_str("http.route", routes[route]), tt_str("http.request.method", "GET"),
                       tt_int("http.response.status_code", 200), tt_bool("cached", true)};
    tt_span span = tt_span_start(sdk.tracer, "GET", NULL);
    bool sampled = tt_span_is_recording(span);
    tt_span_set(span, attrs, 4);
    tt_span_end(span);
    return sampled;
}

static void make_record(int route, bool sent)
{
    tt_attr attrs[] = {tt_str("http.route", routes[route]), tt_str("http.request.method", "GET"),
                       tt_int("http.response.status_code", 200), tt_bool("cached", true)};
    tt_log(sdk.logger, sent ? TT_SEVERITY_WARN : TT_SEVERITY_DEBUG, "request was answered", attrs,
           4);
}

static void make_request(unsigned i)
{
    int route = (int)(i * 7 % ROUTES);
    tt_attr attrs[] = {tt_str("http.route", routes[route]), tt_str("http.request.method", "GET"),
                       tt_int("http.response.status_code", 200)};
    for (int k = 0; k < 2; k++) {
        tt_counter_add(sdk.requests, 1, attrs, 3);
        tt_bound_counter_add(sdk.bytes[route], 512);
        tt_bound_counter_add(sdk.rows[route], 3);
    }
    tt_bound_histogram_record(sdk.seconds[route], 0.001 * (i % 1000));
    tt_bound_histogram_record(sdk.sizes[route], i % 5000);
    bool sampled = make_span(route);
    make_record(route, sampled);
}

/* Evenly, in bursts of a hundred. */
static void make_events(const struct mix *mix, double seconds)
{
    enum { BURST = 100 };
    double start = now(CLOCK_MONOTONIC), end = start + seconds;
    unsigned n = 0;
    for (double t = start; t < end; t = now(CLOCK_MONOTONIC)) {
        if (start + (double)n / EVENTS_PER_S > t)
            continue;
        for (int i = 0; i < BURST; i += mix->spans_only ? 1 : REQUEST_EVENTS) {
            if (mix->spans_only)
                (void)make_span((int)(n + (unsigned)i) % ROUTES);
            else
                make_request((n + (unsigned)i) / REQUEST_EVENTS);
        }
        n += BURST;
    }
}

/* --- measuring ------------------------------------------------------------------------------- */

static void measure(const struct mix *mix)
{
    make_events(mix, 1); // so that all is warm
    double all = now(CLOCK_PROCESS_CPUTIME_ID), own = now(CLOCK_THREAD_CPUTIME_ID);
    make_events(mix, SECONDS);
    all = now(CLOCK_PROCESS_CPUTIME_ID) - all;
    own = now(CLOCK_THREAD_CPUTIME_ID) - own;
    uint64_t lost = tt_tracer_provider_lost(sdk.traces) + tt_logger_provider_lost(sdk.logs);
    double share = 100 * (all - own) / SECONDS;
    printf("telltale\t%% of a core, %s\t1\t%.2f\t%.2f\t%.2f\n", mix->name, share, share, share);
    (void)fflush(stdout);
    if (lost)
        (void)fprintf(stderr, "%s: %" PRIu64 " were lost\n", mix->name, lost);
}

/* The program is a child, this process the collector. */
static void run(const struct mix *mix, int listener, uint16_t port)
{
    int ends[2];
    uint16_t endpoint;
    if (pipe(ends) != 0)
        abort();
    pid_t child = fork();
    if (child == 0) {
        (void)close(listener);
        set_up(mix, port);
        endpoint = tt_prometheus_endpoint_port(sdk.endpoint);
        if (write(ends[1], &endpoint, sizeof endpoint) != sizeof endpoint)
            abort();
        measure(mix);
        _exit(0);
    }
    (void)close(ends[1]);
    if (child < 0 || read(ends[0], &endpoint, sizeof endpoint) != sizeof endpoint)
        abort();
    collector_run(listener, endpoint, ends[0]);
    (void)close(ends[0]);
    (void)waitpid(child, NULL, 0);
}

int main(void)
{
    static const struct mix mixes[] = {
        {"no span sent", 0, false},         // a second: 800,000 values, and nothing else to send
        {"1 % of spans sent", 0.01, false}, // 2,000 spans and log records
        {"10 % of spans sent", 0.1, false}, // 20,000
        {"all spans sent", 1, false},       // 200,000
        {"spans alone, all sent", 1, true}, // 1,000,000
    };
    uint16_t port;
    int listener = collector_listen(&port);
    (void)signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < sizeof mixes / sizeof *mixes; i++)
        run(&mixes[i], listener, port);
    return 0;
}
