/* The service that the W3C's trace context test harness drives: it is sent a list of calls to make,
 *
 *     POST /  [{"url": "http://…", "arguments": […]}, …]
 *
 * and POSTs each `arguments` to its `url`, handing on the trace context that it was called with.
 *
 *     trace_context_service [PORT [SECONDS]] */
#include <curl/curl.h>
#include <jansson.h>
#include <microhttpd.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "telltale/init.h"

enum { BODY_MAX = 1 << 20, HEADER_MAX = 16384 };

static tt_tracer *tracer;

/* --- headers --------------------------------------------------------------------------------- */

/* A header may come in several lines, which are one list: "a, b". */
struct lines {
    struct MHD_Connection *connection;
    const char *name;
    char joined[HEADER_MAX];
    size_t n;
    int found;
};

static enum MHD_Result join_line(void *arg, enum MHD_ValueKind kind, const char *name,
                                 const char *value)
{
    (void)kind;
    struct lines *l = arg;
    size_t n = value ? strlen(value) : 0;
    if (strcasecmp(name, l->name) != 0 || l->n + n + 2 > HEADER_MAX)
        return MHD_YES;
    if (l->found++)
        l->joined[l->n++] = ',';
    memcpy(l->joined + l->n, value ? value : "", n);
    l->n += n;
    l->joined[l->n] = '\0';
    return MHD_YES;
}

static const char *get_header(void *carrier, const char *name)
{
    struct lines *l = carrier;
    l->name = name;
    l->n = 0;
    l->found = 0;
    (void)MHD_get_connection_values(l->connection, MHD_HEADER_KIND, join_line, l);
    return l->found ? l->joined : NULL;
}

static void set_header(void *carrier, const char *name, const char *value)
{
    struct curl_slist **headers = carrier;
    char line[HEADER_MAX];
    (void)snprintf(line, sizeof line, "%s: %s", name, value);
    struct curl_slist *longer = curl_slist_append(*headers, line);
    if (longer)
        *headers = longer;
}

/* --- calls ----------------------------------------------------------------------------------- */

static size_t ignore(void *data, size_t size, size_t n, void *arg)
{
    (void)data, (void)arg;
    return size * n;
}

static void post(const char *url, const char *body)
{
    tt_span_options o = {.size = sizeof o, .kind = TT_SPAN_CLIENT};
    tt_span span = tt_span_start(tracer, "POST", &o);
    tt_token token = tt_span_enter(span);
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    tt_inject(tt_propagators_global(), NULL, set_header, &headers);
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 5000L);
    CURLcode rc = curl_easy_perform(curl);
    if (rc != CURLE_OK)
        tt_span_record_error(span, "connection", curl_easy_strerror(rc));
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    tt_leave(token);
    tt_span_end(span);
}

/* False when the list is none. */
static int make_calls(const char *text, size_t n)
{
    json_t *calls = json_loadb(text, n, 0, NULL), *call;
    size_t i;
    if (!json_is_array(calls)) {
        json_decref(calls);
        return 0;
    }
    json_array_foreach(calls, i, call)
    {
        const char *url = json_string_value(json_object_get(call, "url"));
        char *body = json_dumps(json_object_get(call, "arguments"), JSON_ENCODE_ANY);
        if (url)
            post(url, body ? body : "[]");
        free(body);
    }
    json_decref(calls);
    return 1;
}

/* --- requests -------------------------------------------------------------------------------- */

struct request {
    size_t n;
    char body[BODY_MAX];
};

static unsigned serve(struct MHD_Connection *c, const struct request *r)
{
    static _Thread_local struct lines lines;
    lines.connection = c;
    tt_context *caller = tt_extract(tt_propagators_global(), get_header, &lines);
    tt_span_options o = {.size = sizeof o, .kind = TT_SPAN_SERVER, .parent = caller};
    tt_span span = tt_span_start(tracer, "POST /", &o);
    tt_token token = tt_span_enter(span);
    int made = make_calls(r->body, r->n);
    tt_leave(token);
    tt_span_end(span);
    tt_context_free(caller);
    return made ? MHD_HTTP_OK : MHD_HTTP_BAD_REQUEST;
}

static enum MHD_Result handle(void *arg, struct MHD_Connection *c, const char *path,
                              const char *method, const char *version, const char *body, size_t *n,
                              void **state)
{
    (void)arg, (void)path, (void)method, (void)version;
    struct request *r = *state;
    if (!r) {
        *state = calloc(1, sizeof *r);
        return *state ? MHD_YES : MHD_NO;
    }
    if (*n) {
        if (*n > BODY_MAX - r->n)
            return MHD_NO;
        memcpy(r->body + r->n, body, *n);
        r->n += *n;
        *n = 0;
        return MHD_YES;
    }
    unsigned status = serve(c, r);
    struct MHD_Response *answer = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    enum MHD_Result queued = answer ? MHD_queue_response(c, status, answer) : MHD_NO;
    if (answer)
        MHD_destroy_response(answer);
    return queued;
}

static void done(void *arg, struct MHD_Connection *c, void **state,
                 enum MHD_RequestTerminationCode code)
{
    (void)arg, (void)c, (void)code;
    free(*state);
}

int main(int argc, char **argv)
{
    (void)tt_init(NULL); // what cannot be had is told on stderr
    tracer = tt_tracer_global("trace_context_service", "1.0");
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    unsigned short port = (unsigned short)(argc > 1 ? atoi(argv[1]) : 5000);
    // A thread a connection: a call may come back here.
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD, port, NULL, NULL, handle,
        NULL, MHD_OPTION_NOTIFY_COMPLETED, done, NULL, MHD_OPTION_END);
    if (!daemon) {
        perror("trace_context_service: cannot listen");
        return 1;
    }
    printf("http://localhost:%d/\n", MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    (void)fflush(stdout);
    char end;
    if (argc > 2)
        (void)poll(NULL, 0, atoi(argv[2]) * 1000);
    else
        (void)fread(&end, 1, 1, stdin); // until its standard input ends
    MHD_stop_daemon(daemon);
    curl_global_cleanup();
    return 0; // exit() sends what waits
}
