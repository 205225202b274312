#include "api/prometheus/answer.h"

#include <stdarg.h>

#include "base/compiler.h"
#include "model/labels.h"

struct json answer_begin(struct http_response *r)
{
    struct json j = json_to(&r->body);
    r->status = 200;
    r->content_type = "application/json";
    json_object(&j);
    json_member_str(&j, "status", STR("success"));
    json_key(&j, "data");
    return j;
}

void answer_end(struct json *j, const struct str *warnings, size_t n_warnings,
                const struct str *infos, size_t n_infos)
{
    if (n_warnings) {
        json_key(j, "warnings");
        json_strs(j, warnings, n_warnings);
    }
    if (n_infos) {
        json_key(j, "infos");
        json_strs(j, infos, n_infos);
    }
    json_object_end(j);
}

/* How the API tells each kind of error. */
static const struct error_shape {
    int code, status;
    const char *type;
} shapes[] = {
    {ERR_INVALID, 400, "bad_data"}, {ERR_TOO_BIG, 422, "execution"},
    {ERR_NOMEM, 422, "execution"},  {ERR_UNSUPPORTED, 422, "execution"},
    {ERR_TIMEOUT, 503, "timeout"},  {ERR_CANCELLED, 499, "canceled"},
    {ERR_BUSY, 503, "unavailable"}, {ERR_NOT_FOUND, 404, "not_found"},
};

void answer_error(struct http_response *r, const struct err *err)
{
    struct error_shape shape = {err->code, 500, "internal"};
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
        if (shapes[i].code == err->code)
            shape = shapes[i];

    buf_reset(&r->body);
    r->status = shape.status;
    r->content_type = "application/json";
    if (shape.status == 503)
        http_set_header(r, "Retry-After", STR("1"));
    struct json j = json_to(&r->body);
    json_object(&j);
    json_member_str(&j, "status", STR("error"));
    json_member_str(&j, "errorType", str_c(shape.type));
    json_member_str(&j, "error", str_c(err->message));
    json_object_end(&j);
}

void answer_yaml(struct http_response *r, int rc, const struct buf *yaml, struct err *err)
{
    if (rc == 0 && buf_failed(yaml))
        rc = err_set(err, ERR_INTERNAL, "the configuration could not be written");
    if (rc != 0) {
        answer_error(r, err);
        return;
    }
    struct json j = answer_begin(r);
    json_object(&j);
    json_member_str(&j, "yaml", buf_str(yaml));
    json_object_end(&j);
    answer_end(&j, NULL, 0, NULL, 0);
}

void answer_bad_param(struct http_response *r, const char *name, const char *reason)
{
    struct err err;
    err_set(&err, ERR_INVALID, "invalid parameter \"%s\": %s", name, reason);
    answer_error(r, &err);
}

void answer_bad_data(struct http_response *r, const char *fmt, ...)
{
    struct err err;
    va_list args;
    va_start(args, fmt);
    err_setv(&err, ERR_INVALID, fmt, args);
    va_end(args);
    answer_error(r, &err);
}

void answer_error_plainly(struct http_response *r, const struct err *err)
{
    bool theirs =
        err->code == ERR_INVALID || err->code == ERR_TOO_BIG || err->code == ERR_UNSUPPORTED;
    buf_reset(&r->body);
    r->status = theirs ? 400 : err->code == ERR_BUSY ? 503 : 500;
    r->content_type = NULL;
    if (r->status == 503)
        http_set_header(r, "Retry-After", STR("1"));
    buf_printf(&r->body, "%s\n", err->message);
}

void json_labels(struct json *j, const struct labels *l)
{
    json_object(j);
    for (size_t i = 0; i < l->n; i++) {
        json_str(j, l->v[i].name);
        buf_putc(j->out, ':');
        j->comma = false;
        json_str(j, l->v[i].value);
    }
    json_object_end(j);
}

void json_strs(struct json *j, const struct str *v, size_t n)
{
    json_array(j);
    for (size_t i = 0; i < n; i++)
        json_str(j, v[i]);
    json_array_end(j);
}
