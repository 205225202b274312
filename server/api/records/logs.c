/* /api/v1/logs, logs/histogram, logs/context. */
#include "query/logs/logs.h"

#include "api/records/handle.h"
#include "api/records/summary.h"
#include "base/compiler.h"
#include "base/time.h"

enum { PAGE = 100, PAGE_MAX = 10000, CONTEXT = 10, CONTEXT_MAX = 1000, STEPS = 64 };

static void write_rows(struct json *j, const char *name, const struct log_row *v, size_t n)
{
    json_key(j, name);
    json_array(j);
    for (size_t i = 0; i < n && !buf_failed(j->out); i++)
        json_log(j, &v[i]);
    json_array_end(j);
}

/* --- search ----------------------------------------------------------------------------------- */

static int read_direction(struct record_request *r, bool *out_oldest_first, struct err *err)
{
    struct str order = http_param(r->http, "order");
    *out_oldest_first = str_eq(order, STR("oldest"));
    if (order.n && !*out_oldest_first && !str_eq(order, STR("newest")))
        return record_param_bad("order", order, "newest or oldest", err);
    return 0;
}

static int read_after(struct record_request *r, struct log_id *out, bool *out_given,
                      struct err *err)
{
    struct str text = http_param(r->http, "after");
    *out_given = text.n > 0;
    if (text.n && !log_id_parse(text, out))
        return record_param_bad("after", text, "the id of a record", err);
    return 0;
}

static int search(struct record_request *r, struct http_response *response,
                  const struct record_params *p, struct err *err)
{
    struct log_search wanted = {.where = &p->filter.where,
                                .min_unix_ns = p->min_unix_ns,
                                .max_unix_ns = p->max_unix_ns,
                                .limit = p->limit};
    struct log_id after;
    struct log_row *rows;
    bool later;
    size_t n;
    int rc = read_direction(r, &wanted.oldest_first, err);
    if (rc == 0)
        rc = read_after(r, &after, &later, err);
    wanted.after = rc == 0 && later ? &after : NULL;
    if (rc == 0)
        rc = logs_search(&r->q, &wanted, &rows, &n, err);
    if (rc != 0)
        return rc;
    struct json j = record_begin(response);
    json_object(&j);
    write_rows(&j, "logs", rows, n);
    json_key(&j, "next");
    if (n == p->limit)
        json_log_id(&j, &rows[n - 1].id);
    else
        json_null(&j);
    json_scanned(&j, &r->q);
    json_object_end(&j);
    record_end(&j, &r->q);
    return 0;
}

static int logs(struct record_request *r, struct http_response *response, struct err *err)
{
    struct record_params p;
    int rc = record_params_read(r, RECORD_LOGS, 0, PAGE, PAGE_MAX, &p, err);
    if (rc != 0)
        return rc;
    rc = search(r, response, &p, err);
    record_params_done(&p);
    return rc;
}

/* --- histogram -------------------------------------------------------------------------------- */

/* A step that people count in, near to a sixtieth of the range. */
static int64_t good_step(uint64_t range_ns)
{
    static const int64_t seconds[] = {1,   2,   5,    10,   15,   30,    60,    120,   300,
                                      600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400};
    for (size_t i = 0; i < ARRAY_LEN(seconds); i++)
        if ((uint64_t)(seconds[i] * NS_PER_S) >= range_ns / STEPS)
            return seconds[i] * NS_PER_S;
    return 7 * 86400 * NS_PER_S;
}

static int read_step(struct record_request *r, const struct record_params *p, int64_t *out,
                     struct err *err)
{
    struct str text = http_param(r->http, "step");
    *out = good_step((uint64_t)p->max_unix_ns - (uint64_t)p->min_unix_ns);
    if (text.n && (!parse_duration_ns(text, NS_PER_S, out) || *out <= 0))
        return record_param_bad("step", text, "a duration like 30s", err);
    return 0;
}

static void write_levels(struct json *j, const uint64_t counts[LOG_LEVELS])
{
    static const char *const names[LOG_LEVELS] = {"none", "trace", "debug", "info",
                                                  "warn", "error", "fatal"};
    for (size_t i = 0; i < LOG_LEVELS; i++)
        if (counts[i])
            json_member_i64(j, names[i], (int64_t)counts[i]);
}

static void write_histogram(struct json *j, const struct log_histogram *h)
{
    uint64_t total = 0;
    json_member_i64(j, "step_ns", h->step_ns);
    json_key(j, "buckets");
    json_array(j);
    for (size_t i = 0; i < h->n; i++) {
        uint64_t sum = 0;
        for (size_t k = 0; k < LOG_LEVELS; k++)
            sum += h->counts[i][k];
        total += sum;
        json_object(j);
        json_member_time(j, "start", h->start_unix_ns + (int64_t)i * h->step_ns);
        json_member_i64(j, "count", (int64_t)sum);
        json_key(j, "levels");
        json_object(j);
        write_levels(j, h->counts[i]);
        json_object_end(j);
        json_object_end(j);
    }
    json_array_end(j);
    json_member_i64(j, "total", (int64_t)total);
}

static int count(struct record_request *r, struct http_response *response, struct record_params *p,
                 struct err *err)
{
    struct log_histogram h;
    int64_t step;
    p->max_unix_ns = page_end(p->max_unix_ns);
    int rc = read_step(r, p, &step, err);
    if (rc == 0)
        rc = logs_histogram(&r->q, &p->filter.where, p->min_unix_ns, p->max_unix_ns, step, &h, err);
    if (rc != 0)
        return rc;
    struct json j = record_begin(response);
    json_object(&j);
    write_histogram(&j, &h);
    json_scanned(&j, &r->q);
    json_object_end(&j);
    record_end(&j, &r->q);
    return 0;
}

static int histogram(struct record_request *r, struct http_response *response, struct err *err)
{
    struct record_params p;
    int rc = record_params_read(r, RECORD_LOGS, 3600 * NS_PER_S, 0, 0, &p, err);
    if (rc != 0)
        return rc;
    rc = count(r, response, &p, err);
    record_params_done(&p);
    return rc;
}

/* --- context ---------------------------------------------------------------------------------- */

static int beside(struct record_request *r, const struct log_row *row, bool behind, size_t n,
                  struct log_row **out, size_t *out_n, struct err *err)
{
    const struct log_search wanted = {.source = row->source,
                                      .min_unix_ns = INT64_MIN,
                                      .max_unix_ns = INT64_MAX,
                                      .oldest_first = behind,
                                      .limit = n,
                                      .after = &row->id};
    *out = NULL;
    *out_n = 0;
    if (n == 0 || !row->source) // which is damaged: nobody knows what stands beside it
        return 0;
    return logs_search(&r->q, &wanted, out, out_n, err);
}

static void turn_around(struct log_row *v, size_t n)
{
    for (size_t i = 0; i + 1 < n; i++, n--) {
        struct log_row swap = v[i];
        v[i] = v[n - 1];
        v[n - 1] = swap;
    }
}

/* All by rising time. */
static int context(struct record_request *r, struct http_response *response, struct err *err)
{
    struct str text = http_param(r->http, "id");
    struct log_id id;
    struct log_row *row, *before, *behind;
    size_t n_before, n_behind;
    if (!log_id_parse(text, &id))
        return record_param_bad("id", text, "the id of a record", err);
    int rc = record_param_count(r, "before", CONTEXT, 0, CONTEXT_MAX, &n_before, err);
    if (rc == 0)
        rc = record_param_count(r, "behind", CONTEXT, 0, CONTEXT_MAX, &n_behind, err);
    if (rc == 0)
        rc = logs_get(&r->q, &id, &row, err);
    if (rc == 0)
        rc = beside(r, row, false, n_before, &before, &n_before, err);
    if (rc == 0)
        rc = beside(r, row, true, n_behind, &behind, &n_behind, err);
    if (rc != 0)
        return rc;
    turn_around(before, n_before);
    struct json j = record_begin(response);
    json_object(&j);
    write_rows(&j, "before", before, n_before);
    json_key(&j, "record");
    json_log(&j, row);
    write_rows(&j, "behind", behind, n_behind);
    json_object_end(&j);
    record_end(&j, &r->q);
    return 0;
}

RECORD_HANDLER(api_logs, logs)
RECORD_HANDLER(api_log_histogram, histogram)
RECORD_HANDLER(api_log_context, context)
