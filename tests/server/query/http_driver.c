#include "http_driver.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/num.h"
#include "codec/json_read.h"
#include "codec/protobuf.h"
#include "codec/remote_series.h"
#include "codec/snappy.h"
#include "model/batch.h"
#include "model/histogram.h"
#include "net/client.h"
#include "query/query.h"

enum { BODY_MAX = 256 << 20, MEMORY_MAX = 512 << 20, BUCKET_NUMBERS = 4 };

struct http_driver {
    const char *program;
    pid_t pid; /* 0: none */
    int log;   /* reading end of its stderr */
    char dir[64], address[64];
    struct http_client *client;
};

struct http_driver *http_driver_new(const char *program)
{
    struct http_driver *d = calloc(1, sizeof *d);
    d->program = program;
    d->log = -1;
    if (http_client_new(&(struct http_client_options){0}, &d->client, NULL) != 0)
        abort();
    return d;
}

/* --- the server's process --------------------------------------------------------------------- */

static void stop(struct http_driver *d)
{
    char command[128];
    if (d->pid == 0)
        return;
    (void)kill(d->pid, SIGKILL);
    (void)waitpid(d->pid, NULL, 0);
    (void)close(d->log);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", d->dir);
    if (system(command) != 0)
        (void)fprintf(stderr, "%s stays\n", d->dir);
    d->pid = 0;
}

void http_driver_free(struct http_driver *d)
{
    stop(d);
    http_client_free(d->client);
    free(d);
}

static void become_server(const struct http_driver *d, const int ends[2])
{
    (void)dup2(ends[1], STDERR_FILENO);
    (void)close(ends[0]);
    (void)close(ends[1]);
    if (!freopen("/dev/null", "w", stdout))
        _exit(127);
    (void)execl(d->program, "telltale", "serve", "--http", "127.0.0.1:0", "--otlp-http", "off",
                "--otlp-grpc", "off", "--data", d->dir, "--set",
                "storage.retention.metrics=forever", "--enable-feature=all", (char *)NULL);
    _exit(127);
}

/* The log says which port it got: … listener=http address=127.0.0.1:43211. */
static int learn_address(struct http_driver *d, struct err *err)
{
    char log[16384];
    size_t n = 0;
    while (n < sizeof log - 1) {
        ssize_t got = read(d->log, log + n, sizeof log - 1 - n);
        if (got <= 0)
            break;
        n += (size_t)got;
        struct str rest = str_of(log, n);
        size_t at = str_find(rest, STR("listener=http"));
        size_t from = at < n ? str_find(str_sub(rest, at, n), STR("address=")) : n;
        struct str text = str_sub(rest, at + from + 8, n);
        if (at + from >= n || str_index(text, '\n') == text.n)
            continue;
        text = str_cut(&text, '\n');
        text = str_cut(&text, ' ');
        (void)snprintf(d->address, sizeof d->address, "%.*s", STR_ARG(text));
        return 0;
    }
    return err_set(err, ERR_IO, "the server did not start: %.*s", (int)n, log);
}

static int call(struct http_driver *d, const char *path, struct str body,
                const char *const *headers, struct http_answer *out, struct err *err)
{
    char url[256];
    (void)snprintf(url, sizeof url, "http://%s%s", d->address, path);
    struct http_call c = {.method = body.p ? "POST" : "GET",
                          .url = url,
                          .headers = headers,
                          .body = body,
                          .timeout_ms = 60000,
                          .max_body_bytes = BODY_MAX};
    return http_client_call(d->client, &c, out, err);
}

static int wait_until_ready(struct http_driver *d, struct err *err)
{
    for (int i = 0; i < 4000; i++) {
        struct http_answer answer = {0};
        int rc = call(d, "/-/ready", (struct str){0}, NULL, &answer, err);
        bool ready = rc == 0 && answer.status == 200;
        buf_done(&answer.body);
        if (ready || rc != 0)
            return rc;
        (void)usleep(5000);
    }
    return err_set(err, ERR_TIMEOUT, "the server did not become ready");
}

int http_driver_reset(void *self, struct err *err)
{
    struct http_driver *d = self;
    int ends[2];
    stop(d);
    memcpy(d->dir, "/tmp/telltale-script-XXXXXX", 28);
    if (!mkdtemp(d->dir) || pipe(ends) != 0)
        return err_errno(err, "%s", d->dir);
    (void)fflush(stdout); // or the child writes what waits there, too
    d->pid = fork();
    if (d->pid == 0)
        become_server(d, ends);
    (void)close(ends[1]);
    d->log = ends[0];
    int rc = learn_address(d, err);
    return rc ? rc : wait_until_ready(d, err);
}

/* --- remote write 2.0 ------------------------------------------------------------------------- */

/* Each series brings its own symbols, so that a number is known without looking it up. */
static void put_series(struct buf *out, const struct batch_series *s, uint64_t first_symbol)
{
    size_t begun = pb_begin(out, 5), refs = pb_begin(out, 1);
    for (size_t i = 0; i < 2 * s->labels.n; i++)
        pb_put_raw_varint(out, first_symbol + i);
    pb_end(out, refs);
    for (size_t i = 0; i < s->n_samples; i++)
        (s->samples[i].histogram ? remote_put_histogram : remote_put_sample)(
            out, s->samples[i].histogram ? 3 : 2, &s->samples[i]);
    pb_end(out, begun);
}

static void encode(const struct batch *b, struct buf *out)
{
    uint64_t symbol = 1;
    pb_put_str(out, 4, STR(""));
    for (size_t i = 0; i < b->n_series; i++) {
        for (size_t k = 0; k < b->series[i].labels.n; k++) {
            pb_put_str(out, 4, b->series[i].labels.v[k].name);
            pb_put_str(out, 4, b->series[i].labels.v[k].value);
        }
    }
    for (size_t i = 0; i < b->n_series; i++) {
        put_series(out, &b->series[i], symbol);
        symbol += 2 * b->series[i].labels.n;
    }
}

int http_driver_load(void *self, const struct batch *b, struct err *err)
{
    static const char *const headers[] = {
        "Content-Type: application/x-protobuf;proto=io.prometheus.write.v2.Request",
        "Content-Encoding: snappy", "X-Prometheus-Remote-Write-Version: 2.0.0", NULL};
    struct buf message = BUF_MAX(BODY_MAX), body = BUF_MAX(BODY_MAX);
    struct http_answer answer = {0};
    encode(b, &message);
    int rc = snappy_compress_bytes(buf_str(&message), &body, err);
    if (rc == 0)
        rc = call(self, "/api/v1/write", buf_str(&body), headers, &answer, err);
    if (rc == 0 && answer.status / 100 != 2)
        rc = err_set(err, ERR_INVALID, "remote write: %d %.*s", answer.status,
                     STR_ARG(buf_str(&answer.body)));
    buf_done(&answer.body);
    buf_done(&body);
    buf_done(&message);
    return rc;
}

/* --- answers ---------------------------------------------------------------------------------- */

static double read_double(struct json_reader *r)
{
    double v = NAN;
    struct str text = json_peek(r) == JSON_KIND_STRING ? json_read_string(r) : json_read_number(r);
    if (num_parse_double(text, &v) == ERR_INVALID)
        json_damage(r, "not a number");
    return v;
}

/* "buckets": [[boundaries, "lower", "upper", "count"], …], left flat. */
static void read_buckets(struct json_reader *r, struct histogram *h)
{
    size_t cap = 0, n = 0;
    double *v = NULL;
    json_enter_array(r);
    while (json_next_element(r)) {
        json_enter_array(r);
        while (json_next_element(r)) {
            if (n == cap)
                v = arena_grow(r->arena, v, n, cap = cap ? 2 * cap : 64, sizeof *v);
            v[n++] = read_double(r);
        }
    }
    h->custom_bounds = v;
    h->n_custom_bounds = n;
}

static const struct histogram *read_histogram(struct json_reader *r)
{
    struct histogram *h = arena_alloc(r->arena, sizeof *h);
    struct str key;
    *h = (struct histogram){0};
    json_enter_object(r);
    while (json_next_member(r, &key)) {
        if (str_eq(key, STR("count")))
            h->count = read_double(r);
        else if (str_eq(key, STR("sum")))
            h->sum = read_double(r);
        else
            read_buckets(r, h);
    }
    return h;
}

/* [time, "value"] or [time, {histogram}] */
static struct query_point read_point(struct json_reader *r, struct str *text)
{
    struct query_point p = {0};
    json_enter_array(r);
    if (json_next_element(r))
        p.t_unix_ms = (int64_t)llround(read_double(r) * 1000);
    if (json_next_element(r)) {
        if (json_peek(r) == JSON_KIND_OBJECT)
            p.histogram = read_histogram(r);
        else if (text)
            *text = json_read_string(r);
        else
            p.value = read_double(r);
    }
    while (json_next_element(r))
        json_skip(r);
    return p;
}

static void add_point(struct json_reader *r, struct query_series *s)
{
    struct query_point p = read_point(r, NULL);
    s->points = arena_grow(r->arena, s->points, s->n, s->n + 1, sizeof p);
    size_t at = s->n++; // floats and histograms come apart: sorted by time again
    while (at > 0 && s->points[at - 1].t_unix_ms > p.t_unix_ms) {
        s->points[at] = s->points[at - 1];
        at--;
    }
    s->points[at] = p;
}

static struct query_series read_series(struct json_reader *r)
{
    struct query_series s = {0};
    struct labels_builder b;
    struct str key, name;
    labels_builder_init(&b, r->arena, NULL);
    json_enter_object(r);
    while (json_next_member(r, &key)) {
        if (str_eq(key, STR("metric"))) {
            json_enter_object(r);
            while (json_next_member(r, &name))
                labels_builder_set(&b, name, json_read_string(r));
        } else if (str_ends(key, STR("s"))) { // values, histograms
            json_enter_array(r);
            while (json_next_element(r))
                add_point(r, &s);
        } else {
            add_point(r, &s);
        }
    }
    s.labels = labels_builder_labels(&b);
    return s;
}

static enum query_type type_of(struct str name)
{
    static const char *const names[] = {"scalar", "vector", "matrix", "string"};
    unsigned i = 0;
    while (i < QUERY_STRING && !str_eq(name, str_c(names[i])))
        i++;
    return (enum query_type)i;
}

/* The result's type comes before the result. */
static void read_data(struct json_reader *r, struct query_result *out)
{
    struct str key;
    json_enter_object(r);
    while (json_next_member(r, &key)) {
        if (str_eq(key, STR("resultType"))) {
            out->type = type_of(json_read_string(r));
        } else if (out->type == QUERY_SCALAR || out->type == QUERY_STRING) {
            struct query_point *p = arena_alloc(r->arena, sizeof *p);
            out->series = arena_alloc(r->arena, sizeof *out->series);
            *p = read_point(r, out->type == QUERY_STRING ? &out->text : NULL);
            *out->series = (struct query_series){.points = p, .n = 1};
            out->n_series = 1;
        } else {
            json_enter_array(r);
            while (json_next_element(r)) {
                out->series = arena_grow(r->arena, out->series, out->n_series, out->n_series + 1,
                                         sizeof *out->series);
                out->series[out->n_series++] = read_series(r);
            }
        }
    }
}

static void read_texts(struct json_reader *r, struct str **out, size_t *out_n)
{
    json_enter_array(r);
    while (json_next_element(r)) {
        *out = arena_grow(r->arena, *out, *out_n, *out_n + 1, sizeof **out);
        (*out)[(*out_n)++] = json_read_string(r);
    }
}

static int read_answer(struct str text, struct query_result *out, struct err *err)
{
    struct json_reader r = json_reader_of(arena_str(&out->arena, text), &out->arena, 16);
    struct str key, error = {0};
    json_enter_object(&r);
    while (json_next_member(&r, &key)) {
        if (str_eq(key, STR("data")))
            read_data(&r, out);
        else if (str_eq(key, STR("error")))
            error = json_read_string(&r);
        else if (str_eq(key, STR("warnings")))
            read_texts(&r, &out->warnings, &out->n_warnings);
        else if (str_eq(key, STR("infos")))
            read_texts(&r, &out->infos, &out->n_infos);
        else
            json_skip(&r);
    }
    if (json_failed(&r))
        return json_error(&r, "answer", err);
    struct str prefix = STR("invalid parameter \"query\": ");
    if (str_starts(error, prefix))
        error = str_sub(error, prefix.n, error.n);
    return error.n ? err_set(err, ERR_INVALID, "%.*s", STR_ARG(error)) : 0;
}

/* --- questions -------------------------------------------------------------------------------- */

static void put_text(struct buf *form, const char *name, struct str text)
{
    buf_printf(form, "&%s=", name);
    for (size_t i = 0; i < text.n; i++)
        buf_printf(form, "%%%02X", (unsigned)(unsigned char)text.p[i]);
}

static void put_time(struct buf *form, const char *name, int64_t ms)
{
    buf_printf(form, "&%s=%.3f", name, (double)ms / 1000);
}

int http_driver_query(void *self, const struct query_request *q, struct query_result *out,
                      struct err *err)
{
    static const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded", NULL};
    struct buf form = BUF_MAX(BODY_MAX);
    struct http_answer answer = {0};
    put_text(&form, "query", q->expr);
    put_time(&form, q->instant ? "time" : "start", q->start_ms);
    if (!q->instant) {
        put_time(&form, "end", q->end_ms);
        put_time(&form, "step", q->step_ms);
    }
    *out = (struct query_result){0};
    arena_init(&out->arena, MEMORY_MAX);
    int rc = call(self, q->instant ? "/api/v1/query" : "/api/v1/query_range", buf_str(&form),
                  headers, &answer, err);
    if (rc == 0)
        rc = read_answer(buf_str(&answer.body), out, err);
    if (rc != 0)
        query_result_done(out);
    buf_done(&answer.body);
    buf_done(&form);
    return rc;
}

/* --- histograms ------------------------------------------------------------------------------- */

static bool close_to(double a, double b)
{
    bool near = isfinite(a) && isfinite(b) && fabs(a - b) <= 1e-6 * fmax(fabs(a), fabs(b));
    return near || a == b || (isnan(a) && isnan(b));
}

/* The count that the answer gives the bucket with these limits; 0 when there is none. */
static double count_of(const struct histogram *got, double lower, double upper)
{
    for (size_t i = 0; i + 3 < got->n_custom_bounds; i += BUCKET_NUMBERS)
        if (close_to(got->custom_bounds[i + 1], lower) &&
            close_to(got->custom_bounds[i + 2], upper))
            return got->custom_bounds[i + 3];
    return 0;
}

static bool custom_limits(const struct histogram *h, int64_t i, double *lower, double *upper)
{
    *lower = i > 0 ? h->custom_bounds[i - 1] : -INFINITY;
    *upper = (size_t)i < h->n_custom_bounds ? h->custom_bounds[i] : INFINITY;
    return true;
}

/* Buckets of one sign: how many of the expected ones the answer has, or -1 when one differs. */
static long compare_side(const struct histogram *want, bool negative, const struct histogram *got)
{
    const struct histogram_span *spans = negative ? want->negative_spans : want->positive_spans;
    size_t n = negative ? want->n_negative_spans : want->n_positive_spans, at = 0;
    const double *counts = negative ? want->negative : want->positive;
    int64_t index = 0;
    long found = 0;
    for (size_t s = 0; s < n; s++) {
        index += spans[s].offset;
        for (uint32_t i = 0; i < spans[s].length; i++, index++, at++) {
            double lower, upper;
            if (want->schema == HISTOGRAM_SCHEMA_CUSTOM) {
                custom_limits(want, index, &lower, &upper);
            } else {
                double far = histogram_bound(want->schema, index);
                double near = histogram_bound(want->schema, index - 1);
                lower = negative ? -far : near;
                upper = negative ? -near : far;
            }
            if (!close_to(count_of(got, lower, upper), counts[at]))
                return -1;
            found += counts[at] != 0;
        }
    }
    return found;
}

bool http_driver_same_histogram(const struct histogram *want, const struct histogram *got)
{
    long positive = compare_side(want, false, got), negative = compare_side(want, true, got);
    double zero = want->zero_threshold;
    bool has_zero = want->zero_count != 0;
    if (positive < 0 || negative < 0 || !close_to(want->count, got->count) ||
        !close_to(want->sum, got->sum))
        return false;
    if (has_zero && !close_to(count_of(got, -zero, zero), want->zero_count))
        return false;
    return (size_t)(positive + negative + has_zero) * BUCKET_NUMBERS == got->n_custom_bounds;
}
