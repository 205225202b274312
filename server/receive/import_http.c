/* The import over HTTP: one piece a request. */
#include "base/buf.h"
#include "base/num.h"
#include "codec/json_write.h"
#include "receive/body.h"
#include "receive/import.h"
#include "receive/intake.h"

static int status_of(int rc)
{
    switch (rc) {
    case 0: return 200;
    case ERR_INVALID:
    case ERR_CORRUPT: return 400;
    case ERR_TOO_BIG: return 413;
    case ERR_UNSUPPORTED: return 415;
    case ERR_BUSY:
    case ERR_NOMEM: return 503;
    default: return 500;
    }
}

static int read_params(const struct http_request *q, enum import_format *format, uint64_t *line,
                       struct err *err)
{
    struct str word = http_param(q, "format"), number = http_param(q, "line");
    *format = IMPORT_OPENMETRICS;
    *line = 1;
    if (word.n && !import_format_parse(word, format))
        return err_set(err, ERR_INVALID,
                       "format: \"%.*s\"; expected openmetrics, prometheus or otlp-json",
                       STR_ARG(str_sub(word, 0, 50)));
    if (number.n && (num_parse_u64(number, line) != 0 || *line == 0))
        return err_set(err, ERR_INVALID, "line: \"%.*s\"; expected a number from 1",
                       STR_ARG(str_sub(number, 0, 50)));
    return 0;
}

static int take(const struct import_settings *s, const struct http_request *q,
                struct import_totals *totals, struct err *err)
{
    const struct receive_limits limits = {.max_decompressed_bytes = s->max_decompressed_bytes,
                                          .max_decompression_ratio = s->max_decompression_ratio};
    struct buf room;
    struct str body;
    enum import_format format;
    uint64_t line;
    int rc = read_params(q, &format, &line, err);
    if (rc != 0)
        return rc;
    rc = body_decode(http_header(q, "Content-Encoding"), q->body, &limits, &room, &body, err);
    if (rc == 0)
        rc = import_piece(s->sink, format, body, line, totals, err);
    buf_done(&room);
    return rc;
}

static void answer(struct http_response *r, const struct import_totals *totals)
{
    struct json j = json_to(&r->body);
    json_object(&j);
    json_member_str(&j, "status", STR("success"));
    json_key(&j, "data");
    json_object(&j);
    json_member_i64(&j, "samples", (int64_t)totals->samples);
    json_member_i64(&j, "rejected", (int64_t)totals->rejected);
    json_member_i64(&j, "lines", (int64_t)totals->lines);
    json_member_str(&j, "message", str_c(totals->message));
    json_object_end(&j);
    json_object_end(&j);
}

static void answer_error(struct http_response *r, const struct err *err)
{
    struct json j = json_to(&r->body);
    json_object(&j);
    json_member_str(&j, "status", STR("error"));
    json_member_str(&j, "errorType", r->status < 500 ? STR("bad_data") : STR("unavailable"));
    json_member_str(&j, "error", str_c(err->message));
    json_object_end(&j);
    if (r->status == 503)
        http_set_header(r, "Retry-After", STR("1"));
}

void import_handle(void *self, const struct http_request *q, struct http_response *r)
{
    const struct import_settings *s = self;
    struct import_totals totals = {0};
    struct err err = {0};
    int rc = take(s, q, &totals, &err);
    if (rc == ERR_BUSY && totals.lines)
        rc = 0; // the client sends the lines behind these again, and only them
    const struct sink_result stored = {.accepted = totals.samples};
    intake_count(INTAKE_IMPORT, q->body.n, rc, rc == 0 ? &stored : NULL);
    r->status = status_of(rc);
    r->content_type = "application/json";
    if (rc == 0)
        answer(r, &totals);
    else
        answer_error(r, &err);
}
