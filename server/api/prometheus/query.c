#include "api/prometheus/query.h"

#include "api/api.h"
#include "api/prometheus/answer.h"
#include "api/prometheus/matrix.h"
#include "api/prometheus/params.h"
#include "api/prometheus/question.h"
#include "api/prometheus/values.h"
#include "base/compiler.h"
#include "base/time.h"
#include "query/query.h"

/* What a query may hold up the other connections of its event thread with. */
enum { PATIENCE_MS = 20 };

static bool client_gone(void *self)
{
    return http_client_gone(self);
}

static bool wants_trace(const struct http_request *q)
{
    struct str word = http_param(q, "trace");
    return str_eq(word, STR("1")) || str_eq(word, STR("true"));
}

static bool wants_steps(const struct api_context *api, const struct http_request *q)
{
    return str_eq(http_param(q, "stats"), STR("all")) &&
           query_engine_options(api->engine).features & QUERY_PER_STEP_STATS;
}

static bool read_aggregates(const struct http_request *q, struct http_response *r,
                            enum query_aggregates *out)
{
    static const struct {
        const char *word;
        enum query_aggregates use;
    } uses[] = {{"", QUERY_AGGREGATES_DEFAULT},
                {"auto", QUERY_AGGREGATES_AUTO},
                {"never", QUERY_AGGREGATES_NEVER},
                {"always", QUERY_AGGREGATES_ALWAYS}};
    struct str word = http_param(q, "aggregates");
    for (size_t i = 0; i < ARRAY_LEN(uses); i++)
        if (str_eq(word, str_c(uses[i].word))) {
            *out = uses[i].use;
            return true;
        }
    answer_bad_param(r, "aggregates", "expected auto, never or always");
    return false;
}

static bool read_lookback(const struct http_request *q, struct http_response *r, int64_t *out_ms)
{
    struct err err;
    if (param_read_duration(q, "lookback_delta", out_ms, &err) == 0)
        return true;
    err_prefix(&err, err.code, "error parsing lookback delta duration");
    answer_error(r, &err);
    return false;
}

/* No time at all is over before it begins; but what is no expression is told first. */
static bool refuse_expired(struct http_response *r, struct str expr)
{
    struct query_selectors selectors;
    struct err err;
    if (query_selectors(expr, &selectors, &err) == 0) {
        query_selectors_free(&selectors);
        (void)err_set(&err, ERR_TIMEOUT, "query timed out in expression evaluation");
    } else {
        err_prefix(&err, err.code, "invalid parameter \"query\"");
    }
    answer_error(r, &err);
    return false;
}

static void tell_asker(void *self, struct json *j)
{
    const struct http_request *q = self;
    char ip[HTTP_IP_MAX];
    json_key(j, "httpRequest");
    json_object(j);
    json_member_str(j, "clientIP", http_client_ip(q, ip));
    json_member_str(j, "method", q->method == HTTP_POST ? STR("POST") : STR("GET"));
    json_member_str(j, "path", q->path);
    json_object_end(j);
}

/* The parameters that instant and range queries share, but for the limit, which is the first to be
 * looked at. */
static bool read_common(const struct api_context *api, const struct http_request *q,
                        struct http_response *r, size_t limit, struct query_request *out)
{
    bool quick = http_is_quick(q); // over before it is worth asking for the client
    *out = (struct query_request){.expr = http_param(q, "query"),
                                  .limit = limit,
                                  .trace = wants_trace(q),
                                  .per_step = wants_steps(api, q),
                                  .since_mono_ns = q->received_mono_ns,
                                  .patience_ms = quick ? PATIENCE_MS : 0,
                                  .cancelled = quick ? NULL : client_gone,
                                  .asker = tell_asker,
                                  .self = (void *)(uintptr_t)q};
    if (!param_duration(q, r, "timeout", &out->timeout_ms) ||
        !read_lookback(q, r, &out->lookback_ms) || !read_aggregates(q, r, &out->aggregates) ||
        question_runs_later(api, q))
        return false;
    return http_param(q, "timeout").n == 0 || out->timeout_ms > 0 || refuse_expired(r, out->expr);
}

static const char *const type_names[] = {
    [QUERY_SCALAR] = "scalar",
    [QUERY_VECTOR] = "vector",
    [QUERY_MATRIX] = "matrix",
    [QUERY_STRING] = "string",
};

static void write_seconds(struct json *j, const char *name, int64_t ns)
{
    json_key(j, name);
    json_double(j, (double)ns / (double)NS_PER_S);
}

static void write_timings(struct json *j, const struct query_result *result)
{
    int64_t select = result->stats.select_ns, eval = result->stats.eval_ns;
    int64_t sort = result->stats.sort_ns;
    json_key(j, "timings");
    json_object(j);
    write_seconds(j, "evalTotalTime", select + eval + sort);
    write_seconds(j, "resultSortTime", sort);
    write_seconds(j, "queryPreparationTime", result->stats.parse_ns);
    write_seconds(j, "innerEvalTime", eval);
    write_seconds(j, "selectTime", select);
    write_seconds(j, "execQueueTime", result->stats.queue_ns);
    write_seconds(j, "execTotalTime", result->stats.exec_ns);
    json_object_end(j);
}

static void write_steps(struct json *j, const struct query_request *q,
                        const struct query_result *result)
{
    json_key(j, "totalQueryableSamplesPerStep");
    json_array(j);
    for (size_t i = 0; i < result->stats.n_steps; i++) {
        json_array(j);
        json_seconds(j, q->start_ms + (int64_t)i * (q->instant ? 0 : q->step_ms));
        json_u64(j, result->stats.per_step[i]);
        json_array_end(j);
    }
    json_array_end(j);
}

static void write_stats(struct json *j, const struct query_request *q,
                        const struct query_result *result)
{
    json_key(j, "stats");
    json_object(j);
    write_timings(j, result);
    json_key(j, "samples");
    json_object(j);
    if (result->stats.per_step)
        write_steps(j, q, result);
    json_key(j, "totalQueryableSamples");
    json_u64(j, result->stats.samples_read);
    json_key(j, "peakSamples");
    json_u64(j, result->stats.peak_samples);
    json_object_end(j);
    json_key(j, "aggregates");
    json_object(j);
    json_key(j, "days");
    json_u64(j, result->stats.aggregates.days);
    json_key(j, "resolutionSeconds");
    json_u64(j, (uint64_t)(result->stats.aggregates.resolution_ms / MS_PER_S));
    json_key(j, "approximate");
    json_bool(j, result->stats.aggregates.approximate);
    json_object_end(j);
    json_key(j, "seriesSelected");
    json_u64(j, result->stats.series_selected);
    json_key(j, "pieces");
    json_object(j);
    json_key(j, "shared");
    json_u64(j, result->stats.pieces);
    json_key(j, "helped");
    json_u64(j, result->stats.pieces_helped);
    json_object_end(j);
    json_object_end(j);
}

/* As deep as the expression, which the parser bounds. */
static void write_trace(struct json *j, const struct query_trace *t)
{
    json_object(j);
    json_member_str(j, "expr", t->expr);
    json_key(j, "milliseconds");
    json_double(j, (double)t->ns / (double)NS_PER_MS);
    json_key(j, "samples");
    json_u64(j, t->samples);
    json_key(j, "series");
    json_u64(j, t->series);
    json_key(j, "steps");
    json_u64(j, t->steps);
    if (t->shared) {
        json_key(j, "shared");
        json_bool(j, true);
    }
    json_key(j, "children");
    json_array(j);
    for (const struct query_trace *c = t->children; c; c = c->next)
        write_trace(j, c);
    json_array_end(j);
    json_object_end(j);
}

/* False: there is no result, and the answer says why. */
static bool run(struct api_context *api, const struct http_request *q, struct http_response *r,
                const struct query_request *request, struct query_result *out)
{
    struct err err;
    int rc = query_run(api->engine, request, out, &err);
    if (rc == 0)
        return true;
    if (rc == ERR_BUSY && http_is_quick(q)) {
        http_run_later(q);
        return false;
    }
    if (rc == ERR_INVALID)
        err_prefix(&err, rc, "invalid parameter \"query\"");
    answer_error(r, &err);
    return false;
}

static void begin_result(struct json *j, enum query_type type)
{
    json_object(j);
    json_member_str(j, "resultType", str_c(type_names[type]));
    json_key(j, "result");
}

/* The result's warnings, and one about a value of "stats" that is neither of the known ones: it
 * works, but Prometheus is about to refuse it. */
static struct str *warnings_of(const struct http_request *q, const struct query_result *result,
                               size_t *out_n)
{
    struct str stats = http_param(q, "stats");
    struct str *v = arena_array(q->arena, result->n_warnings + 1, sizeof *v);
    *out_n = result->n_warnings;
    if (!v || stats.n == 0 || str_eq(stats, STR("true")) || str_eq(stats, STR("all")))
        return result->warnings;
    struct buf text = BUF_MAX(4096);
    buf_printf(&text,
               "value %.*s for parameter \"stats\" is deprecated and will be rejected in the next "
               "major release, use \"true\" or \"all\"",
               STR_ARG(param_shown(q, stats)));
    if (result->n_warnings)
        memcpy(v, result->warnings, result->n_warnings * sizeof *v);
    v[(*out_n)++] = arena_str(q->arena, buf_str(&text));
    buf_done(&text);
    return v;
}

static void end_result(struct json *j, const struct http_request *q,
                       const struct query_request *request, struct query_result *result)
{
    if (http_param(q, "stats").n)
        write_stats(j, request, result);
    if (result->trace) {
        json_key(j, "trace");
        write_trace(j, result->trace);
    }
    json_object_end(j);
    size_t n_warnings;
    const struct str *warnings = warnings_of(q, result, &n_warnings);
    answer_end(j, warnings, n_warnings, result->infos, result->n_infos);
    query_result_done(result);
}

static void answer_instant(struct api_context *api, const struct http_request *q,
                           struct http_response *r, const struct query_request *request)
{
    struct query_result result;
    if (!run(api, q, r, request, &result))
        return;
    struct json j = answer_begin(r);
    begin_result(&j, result.type);
    json_query_result(&j, &result);
    end_result(&j, q, request, &result);
}

/* Written while the query runs: an error begins anew. */
static void answer_range(struct api_context *api, const struct http_request *q,
                         struct http_response *r, struct query_request *request)
{
    struct query_result result;
    struct matrix matrix;
    struct err err;
    struct json j = answer_begin(r);
    begin_result(&j, QUERY_MATRIX);
    matrix_begin(&matrix, &j, q);
    request->take = matrix_take;
    request->taker = &matrix;
    if (!run(api, q, r, request, &result))
        return;
    if (matrix_end(&matrix, &result, &err) == 0) {
        end_result(&j, q, request, &result);
        return;
    }
    query_result_done(&result);
    answer_error(r, &err);
}

/* Open ends are for looking back, not for evaluating at. */
static bool is_within_time(struct http_response *r, const char *name, int64_t t_unix_ms)
{
    if (t_unix_ms > TIME_MIN_MS && t_unix_ms < TIME_MAX_MS)
        return true;
    answer_bad_param(r, name, "the time is out of range");
    return false;
}

void api_query(void *self, const struct http_request *q, struct http_response *r)
{
    struct query_request request;
    int64_t t_unix_ms;
    size_t limit;
    if (!param_limit(q, r, &limit) || !param_time(q, r, "time", time_now_unix_ms(), &t_unix_ms) ||
        !is_within_time(r, "time", t_unix_ms) || !read_common(self, q, r, limit, &request))
        return;
    request.start_ms = t_unix_ms;
    request.instant = true;
    answer_instant(self, q, r, &request);
}

/* 11000 as "11,000": the message that people know. */
static void put_thousands(struct buf *out, uint64_t v)
{
    if (v >= 1000) {
        put_thousands(out, v / 1000);
        buf_printf(out, ",%03u", (unsigned)(v % 1000));
    } else {
        buf_put_u64(out, v);
    }
}

static bool few_enough_points(struct api_context *api, struct http_response *r,
                              const struct query_request *q)
{
    uint64_t most = query_engine_options(api->engine).max_points;
    uint64_t steps = (uint64_t)(q->end_ms - q->start_ms) / (uint64_t)q->step_ms;
    if (steps <= most)
        return true;
    struct buf number = BUF_MAX(32);
    struct err err;
    put_thousands(&number, most);
    err_set(&err, ERR_INVALID,
            "exceeded maximum resolution of %.*s points per timeseries. Try decreasing the query "
            "resolution (?step=XX), or raise query.max_points",
            STR_ARG(buf_str(&number)));
    answer_error(r, &err);
    buf_done(&number);
    return false;
}

/* Start, end and step, in the order in which Prometheus finds fault with them. */
static bool read_range(struct api_context *api, const struct http_request *q,
                       struct http_response *r, struct query_request *out)
{
    if (!param_needed_time(q, r, "start", &out->start_ms) ||
        !is_within_time(r, "start", out->start_ms) ||
        !param_needed_time(q, r, "end", &out->end_ms) || !is_within_time(r, "end", out->end_ms))
        return false;
    if (out->end_ms < out->start_ms) {
        answer_bad_param(r, "end", "end timestamp must not be before start time");
        return false;
    }
    return param_step(q, r, &out->step_ms) && few_enough_points(api, r, out);
}

void api_query_range(void *self, const struct http_request *q, struct http_response *r)
{
    struct query_request range, request;
    size_t limit;
    if (!param_limit(q, r, &limit) || !read_range(self, q, r, &range) ||
        !read_common(self, q, r, limit, &request))
        return;
    request.start_ms = range.start_ms;
    request.end_ms = range.end_ms;
    request.step_ms = range.step_ms;
    answer_range(self, q, r, &request);
}

/* The query in another form: as text that is to be quoted, or as JSON. */
static void answer_form(const struct api_context *api, const struct http_request *q,
                        struct http_response *r, bool quoted,
                        int (*form)(struct str, unsigned, struct buf *, struct err *))
{
    struct buf text = BUF_MAX(64 << 20);
    struct err err;
    unsigned features = query_engine_options(api->engine).features;
    if (form(http_param(q, "query"), features, &text, &err) != 0) {
        err_prefix(&err, err.code, "invalid parameter \"query\"");
        answer_error(r, &err);
    } else {
        struct json j = answer_begin(r);
        if (quoted)
            json_str(&j, buf_str(&text));
        else
            json_raw(&j, buf_str(&text));
        answer_end(&j, NULL, 0, NULL, 0);
    }
    buf_done(&text);
}

void api_format_query(void *self, const struct http_request *q, struct http_response *r)
{
    answer_form(self, q, r, true, query_format);
}

void api_parse_query(void *self, const struct http_request *q, struct http_response *r)
{
    answer_form(self, q, r, false, query_parse_tree);
}

static void write_active(struct json *j, const struct query_active *a)
{
    json_object(j);
    json_member_str(j, "query", a->expr);
    json_key(j, "start");
    json_seconds(j, a->start_ms);
    json_key(j, "end");
    json_seconds(j, a->end_ms);
    json_key(j, "step");
    json_seconds(j, a->step_ms);
    json_key(j, "began");
    json_seconds(j, a->began_unix_ms);
    json_key(j, "runningSeconds");
    json_double(j, (double)a->running_ns / (double)NS_PER_S);
    json_object_end(j);
}

void api_queries(void *self, const struct http_request *q, struct http_response *r)
{
    const struct api_context *api = self;
    struct query_active *v;
    size_t n;
    if (query_engine_active(api->engine, q->arena, &v, &n) != 0) {
        struct err err;
        (void)err_set(&err, ERR_NOMEM, "out of memory for the list of queries");
        answer_error(r, &err);
        return;
    }
    struct json j = answer_begin(r);
    json_array(&j);
    for (size_t i = 0; i < n; i++)
        write_active(&j, &v[i]);
    json_array_end(&j);
    answer_end(&j, NULL, 0, NULL, 0);
}
