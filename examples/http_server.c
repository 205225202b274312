/* An HTTP server whose requests are seen: each is a span that continues its caller's trace, is
 * counted and timed, and is logged with its trace when it fails.
 *
 *     OTEL_SERVICE_NAME=greeter http_server [PORT [SECONDS]]          GET /hello/NAME
 *
 * Prometheus finds its metrics at http://localhost:9464/metrics; spans and logs go by OTLP. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L /* clock_gettime */
#endif
#include <microhttpd.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "telltale/init.h"

static tt_tracer *tracer;
static tt_logger *logger;
static tt_histogram *duration;

/* The carrier is the connection: microhttpd finds headers in any case. */
static const char *get_header(void *carrier, const char *name)
{
    return MHD_lookup_connection_value(carrier, MHD_HEADER_KIND, name);
}

static unsigned greet(const char *path, char *text, size_t n)
{
    if (strncmp(path, "/hello/", 7) != 0) {
        tt_attr attrs[] = {tt_str("url.path", path)};
        tt_log(logger, TT_SEVERITY_WARN, "nothing is here", attrs, 1);
        (void)snprintf(text, n, "only /hello/NAME is here\n");
        return MHD_HTTP_NOT_FOUND;
    }
    (void)snprintf(text, n, "Hello, %s!\n", path + 7);
    return MHD_HTTP_OK;
}

static enum MHD_Result respond(struct MHD_Connection *c, unsigned status, char *text)
{
    struct MHD_Response *r =
        MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result queued = r ? MHD_queue_response(c, status, r) : MHD_NO;
    if (r)
        MHD_destroy_response(r);
    return queued;
}

static enum MHD_Result handle(void *arg, struct MHD_Connection *c, const char *path,
                              const char *method, const char *version, const char *body,
                              size_t *body_n, void **state)
{
    (void)arg, (void)version, (void)body, (void)state;
    *body_n = 0; // a body is not looked at
    char text[256], name[64];
    struct timespec from, to;
    (void)clock_gettime(CLOCK_MONOTONIC, &from);
    tt_context *caller = tt_extract(tt_propagators_global(), get_header, c);
    tt_attr asked[] = {tt_str("http.request.method", method), tt_str("url.path", path)};
    tt_span_options o = {
        .size = sizeof o, .kind = TT_SPAN_SERVER, .parent = caller, .attrs = asked, .attrs_n = 2};
    (void)snprintf(name, sizeof name, "%s /hello/{name}", method);
    tt_span span = tt_span_start(tracer, name, &o);
    tt_token token = tt_span_enter(span);

    unsigned status = greet(path, text, sizeof text);

    tt_attr told[] = {tt_int("http.response.status_code", (int64_t)status)};
    tt_span_set(span, told, 1);
    (void)clock_gettime(CLOCK_MONOTONIC, &to);
    double seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
    tt_histogram_record(duration, seconds, told, 1); // in the span, which so may be its exemplar
    tt_leave(token);
    tt_span_end(span);
    tt_context_free(caller);
    return respond(c, status, text);
}

int main(int argc, char **argv)
{
    (void)tt_init(NULL); // what cannot be had is told on stderr, and the server serves all the same
    tracer = tt_tracer_global("http_server", "1.0");
    logger = tt_logger_global("http_server", "1.0");
    static const double bounds[] = {.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10};
    tt_instrument_options timed = {
        .size = sizeof timed, .unit = "s", .bounds = bounds, .bounds_n = 11};
    duration = tt_histogram_new(tt_meter_global("http_server", "1.0"),
                                "http.server.request.duration", &timed);

    unsigned short port = (unsigned short)(argc > 1 ? atoi(argv[1]) : 8080);
    struct MHD_Daemon *daemon = MHD_start_daemon(MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD,
                                                 port, NULL, NULL, handle, NULL, MHD_OPTION_END);
    if (!daemon) {
        perror("http_server: cannot listen");
        return 1;
    }
    printf("http://localhost:%d/hello/world\n",
           MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    (void)fflush(stdout);
    char end;
    if (argc > 2)
        (void)poll(NULL, 0, atoi(argv[2]) * 1000);
    else
        (void)fread(&end, 1, 1, stdin); // until its standard input ends
    MHD_stop_daemon(daemon);
    return 0; // exit() sends what waits
}
