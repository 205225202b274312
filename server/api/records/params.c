#include "api/records/params.h"

#include <stdio.h>

#include "base/compiler.h"
#include "base/num.h"
#include "base/time.h"

int record_param_bad(const char *name, struct str value, const char *expected, struct err *err)
{
    return err_set(err, ERR_INVALID, "invalid parameter \"%s\": \"%.*s\"; expected %s", name,
                   STR_ARG(str_sub(value, 0, 100)), expected);
}

int record_param_time(struct record_request *r, const char *name, int64_t *out_unix_ns,
                      struct err *err)
{
    struct str text = http_param(r->http, name);
    if (text.n && !parse_time_ns(text, out_unix_ns))
        return record_param_bad(name, text, "Unix time or RFC 3339", err);
    return 0;
}

/* *out stays when the parameter is absent. */
static int read_count(struct record_request *r, const char *name, size_t min, size_t max,
                      size_t *out, struct err *err)
{
    struct str text = http_param(r->http, name);
    uint64_t n = *out;
    if (text.n && (num_parse_u64(text, &n) != 0 || n < min || n > max)) {
        char expected[64];
        (void)snprintf(expected, sizeof expected, "a number from %zu to %zu", min, max);
        return record_param_bad(name, text, expected, err);
    }
    *out = (size_t)n;
    return 0;
}

int record_param_count(struct record_request *r, const char *name, size_t otherwise, size_t min,
                       size_t max, size_t *out, struct err *err)
{
    *out = otherwise;
    return read_count(r, name, min, max, out, err);
}

int record_param_bool(struct record_request *r, const char *name, bool *out, struct err *err)
{
    struct str text = http_param(r->http, name);
    *out = str_eq(text, STR("true"));
    if (text.n && !*out && !str_eq(text, STR("false")))
        return record_param_bad(name, text, "true or false", err);
    return 0;
}

static int read_range(struct record_request *r, int64_t lookback_ns, struct record_params *out,
                      struct err *err)
{
    out->max_unix_ns = INT64_MAX;
    int rc = record_param_time(r, "end", &out->max_unix_ns, err);
    if (rc != 0)
        return rc;
    out->min_unix_ns = 0;
    if (lookback_ns) {
        int64_t end = out->max_unix_ns == INT64_MAX ? time_now_unix_ns() : out->max_unix_ns;
        out->min_unix_ns = MAX(end, lookback_ns) - lookback_ns;
    }
    rc = record_param_time(r, "start", &out->min_unix_ns, err);
    if (rc == 0 && out->min_unix_ns > out->max_unix_ns)
        return record_param_bad("end", http_param(r->http, "end"), "a time not before start", err);
    return rc;
}

int record_params_read(struct record_request *r, enum record_table table, int64_t lookback_ns,
                       size_t limit, size_t max_limit, struct record_params *out, struct err *err)
{
    *out = (struct record_params){.limit = limit};
    int rc = read_range(r, lookback_ns, out, err);
    if (rc == 0 && max_limit)
        rc = read_count(r, "limit", 1, max_limit, &out->limit, err);
    if (rc != 0)
        return rc;
    rc = record_filter_parse(table, http_param(r->http, "where"), &r->arena, &out->filter, err);
    return rc == 0 ? 0 : err_prefix(err, rc, "invalid parameter \"where\"");
}

void record_params_done(struct record_params *p)
{
    record_filter_done(&p->filter);
}
