#include "api/jaeger/answer.h"

struct json jaeger_begin(struct http_response *r)
{
    r->content_type = "application/json";
    struct json j = json_to(&r->body);
    json_object(&j);
    json_key(&j, "data");
    return j;
}

struct json jaeger_begin_v3(struct http_response *r, const char *name)
{
    r->content_type = "application/json";
    struct json j = json_to(&r->body);
    json_object(&j);
    json_key(&j, name);
    return j;
}

void jaeger_end(struct json *j, size_t total)
{
    json_member_i64(j, "total", (int64_t)total);
    json_member_i64(j, "limit", 0);
    json_member_i64(j, "offset", 0);
    json_key(j, "errors");
    json_null(j);
    json_object_end(j);
}

static const struct {
    int code, status, grpc;
    const char *text;
} statuses[] = {
    {ERR_INVALID, 400, 3, "Bad Request"},
    {ERR_NOT_FOUND, 404, 5, "Not Found"},
    {ERR_TOO_BIG, 422, 8, "Unprocessable Entity"},
    {ERR_NOMEM, 422, 8, "Unprocessable Entity"},
    {ERR_CANCELLED, 499, 1, "Client Closed Request"},
    {ERR_TIMEOUT, 503, 4, "Service Unavailable"},
    {ERR_BUSY, 503, 14, "Service Unavailable"},
    {0, 500, 13, "Internal Server Error"},
};

/* The row of the table for a code; the last for unknown ones. */
static size_t status_of(int code)
{
    size_t i = 0;
    while (statuses[i].code != 0 && statuses[i].code != code)
        i++;
    return i;
}

static struct json begin_error(struct http_response *r, size_t status)
{
    buf_reset(&r->body);
    r->status = statuses[status].status;
    r->content_type = "application/json";
    if (r->status == 503)
        http_set_header(r, "Retry-After", STR("1"));
    return json_to(&r->body);
}

void jaeger_error(struct http_response *r, const struct err *err)
{
    struct json j = begin_error(r, status_of(err->code));
    json_object(&j);
    json_key(&j, "data");
    json_null(&j);
    json_member_i64(&j, "total", 0);
    json_member_i64(&j, "limit", 0);
    json_member_i64(&j, "offset", 0);
    json_key(&j, "errors");
    json_array(&j);
    json_object(&j);
    json_member_i64(&j, "code", r->status);
    json_member_str(&j, "msg", str_c(err->message));
    json_object_end(&j);
    json_array_end(&j);
    json_object_end(&j);
}

void jaeger_error_v3(struct http_response *r, const struct err *err)
{
    size_t status = status_of(err->code);
    struct json j = begin_error(r, status);
    json_object(&j);
    json_key(&j, "error");
    json_object(&j);
    json_member_i64(&j, "grpcCode", statuses[status].grpc);
    json_member_i64(&j, "httpCode", statuses[status].status);
    json_member_str(&j, "message", str_c(err->message));
    json_member_str(&j, "httpStatus", str_c(statuses[status].text));
    json_object_end(&j);
    json_object_end(&j);
}
