/* /api/v1/admin/traces/delete and logs/delete: what a search with the same `where`, `start` and
 * `end` would find is deleted. As dangerous as deleting series, and allowed by the same option. */
#include "api/prometheus/delete.h"
#include "api/records/handle.h"
#include "log/log.h"

/* Not to be done by leaving something out. */
static int check_intent(const struct record_request *r, struct err *err)
{
    bool where = str_trim(http_param(r->http, "where")).n > 0;
    struct str all = http_param(r->http, "all");
    if (all.n && !str_eq(all, STR("true")))
        return record_param_bad("all", all, "true", err);
    if (where == (all.n > 0))
        return err_set(err, ERR_INVALID,
                       where ? "parameters \"where\" and \"all\" exclude each other"
                             : "no \"where\" parameter; to delete all rows of the times: all=true");
    return 0;
}

static void answer_rows(struct http_response *response, const struct record_query *q, uint64_t rows)
{
    struct json j = record_begin(response);
    json_object(&j);
    json_member_i64(&j, "deleted", (int64_t)rows);
    json_object_end(&j);
    record_end(&j, q);
}

static int delete_rows(struct record_request *r, enum record_table table,
                       struct http_response *response, struct err *err)
{
    struct record_params p;
    uint64_t rows = 0;
    int rc = check_intent(r, err);
    if (rc == 0)
        rc = record_params_read(r, table, 0, 0, 0, &p, err);
    if (rc != 0)
        return rc;
    if (http_param(r->http, "start").n == 0)
        p.min_unix_ns = INT64_MIN;
    rc = store_delete_records(r->q.store, table, &p.filter.where, p.min_unix_ns, p.max_unix_ns,
                              &rows, err);
    record_params_done(&p);
    if (rc != 0)
        return rc == ERR_TOO_BIG || rc == ERR_NOMEM ? ERR_INTERNAL : rc; // not the caller's fault
    log_info("api", "rows were deleted", LOG_STR("table", record_table_name(table)),
             LOG_INT("rows", (int64_t)rows));
    answer_rows(response, &r->q, rows);
    return 0;
}

static int delete_spans(struct record_request *r, struct http_response *response, struct err *err)
{
    return delete_rows(r, RECORD_SPANS, response, err);
}

static int delete_logs(struct record_request *r, struct http_response *response, struct err *err)
{
    return delete_rows(r, RECORD_LOGS, response, err);
}

void api_delete_traces(void *self, const struct http_request *http, struct http_response *response)
{
    if (api_admin_allowed(self, response))
        record_answer(self, http, response, delete_spans);
}

void api_delete_logs(void *self, const struct http_request *http, struct http_response *response)
{
    if (api_admin_allowed(self, response))
        record_answer(self, http, response, delete_logs);
}
