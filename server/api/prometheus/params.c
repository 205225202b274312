#include "api/prometheus/params.h"

#include <math.h>

#include "api/prometheus/answer.h"
#include "base/hash.h"
#include "base/num.h"
#include "base/time.h"
#include "query/query.h"

static bool bad(struct http_response *r, const char *name, struct str value, const char *expected)
{
    struct err err;
    err_set(&err, ERR_INVALID, "invalid parameter \"%s\": cannot parse \"%.*s\" to a valid %s",
            name, STR_ARG(str_sub(value, 0, 100)), expected);
    answer_error(r, &err);
    return false;
}

/* Seconds to milliseconds, as far as the rest of the program can count. */
static bool to_ms(double seconds, int64_t *out_ms)
{
    double ms = round(seconds * 1000);
    if (!(fabs(ms) <= (double)TIME_MAX_MS))
        return false;
    *out_ms = (int64_t)ms;
    return true;
}

/* What Go prints for its smallest and largest time: clients send them for "since ever". */
static bool open_end(struct str text, int64_t *out_ms)
{
    bool first = str_eq(text, STR("-292273086-05-16T16:47:06Z"));
    bool last = str_eq(text, STR("292277025-08-18T07:12:54.999999999Z")) ||
                str_eq(text, STR("292277025-08-18T07:12:54.999Z"));
    if (first || last)
        *out_ms = first ? TIME_MIN_MS : TIME_MAX_MS;
    return first || last;
}

/* False when the text is no time at all. */
static bool parse_time(struct str text, int64_t *out_ms)
{
    double seconds;
    if (num_parse_double(text, &seconds) == 0 && !isnan(seconds)) {
        if (!to_ms(seconds, out_ms))
            *out_ms = seconds < 0 ? TIME_MIN_MS : TIME_MAX_MS; // beyond what is: open
        return true;
    }
    return open_end(text, out_ms) || time_parse_rfc3339(text, out_ms, NULL) == 0;
}

bool param_time(const struct http_request *q, struct http_response *r, const char *name,
                int64_t otherwise, int64_t *out_ms)
{
    struct str text = http_param(q, name);
    if (text.n == 0) {
        *out_ms = otherwise;
        return true;
    }
    return parse_time(text, out_ms) || bad(r, name, text, "timestamp");
}

bool param_range(const struct http_request *q, struct http_response *r, int64_t *min_ms,
                 int64_t *max_ms)
{
    if (!param_time(q, r, "start", TIME_MIN_MS, min_ms) ||
        !param_time(q, r, "end", TIME_MAX_MS, max_ms))
        return false;
    if (*min_ms <= *max_ms)
        return true;
    answer_bad_param(r, "end", "end timestamp must not be before start time");
    return false;
}

bool param_duration(const struct http_request *q, struct http_response *r, const char *name,
                    bool positive, int64_t *out_ms)
{
    struct str text = http_param(q, name);
    double seconds;
    int64_t ms = 0;
    if (text.n == 0) {
        *out_ms = 0;
        if (positive)
            return bad(r, name, text, "duration");
        return true;
    }
    bool number = num_parse_double(text, &seconds) == 0;
    if (number ? !to_ms(seconds, &ms) : duration_parse(text, &ms, NULL) != 0)
        return bad(r, name, text, "duration");
    if (positive && ms <= 0) {
        answer_bad_param(r, name,
                         "zero or negative query resolution step widths are not accepted. Try a "
                         "positive integer");
        return false;
    }
    *out_ms = ms;
    return true;
}

bool param_limit(const struct http_request *q, struct http_response *r, const char *name,
                 size_t *out)
{
    struct str text = http_param(q, name);
    uint64_t n = 0;
    if (text.n && num_parse_u64(text, &n) != 0) {
        answer_bad_param(r, name, "limit must be a number from 0 up");
        return false;
    }
    *out = n;
    return true;
}

bool param_at_most(const struct http_request *q, struct http_response *r, const char *name,
                   size_t *out)
{
    struct str text = http_param(q, name);
    int64_t n = -1;
    if (text.n && num_parse_i64(text, &n) != 0) {
        answer_bad_param(r, name, "limit must be a number");
        return false;
    }
    *out = n < 0 ? SIZE_MAX : (size_t)n;
    return true;
}

bool param_selectors(const struct http_request *q, struct http_response *r, const char *name,
                     struct selectors *out)
{
    struct err err;
    *out = (struct selectors){0};
    out->v = arena_array(q->arena, q->n_params, sizeof *out->v);
    for (size_t i = 0; out->v && i < q->n_params; i++) {
        if (!str_eq(q->params[i].name, str_c(name)))
            continue;
        struct selector *s = &out->v[out->n];
        int rc = query_parse_selector(q->params[i].value, &s->v, &s->n, &err);
        if (rc != 0) {
            err_prefix(&err, rc, "invalid parameter \"%s\"", name);
            answer_error(r, &err);
            selectors_done(out);
            return false;
        }
        out->n++;
    }
    return true;
}

void selectors_done(struct selectors *s)
{
    for (size_t i = 0; i < s->n; i++)
        query_matchers_free(s->v[i].v, s->v[i].n);
    *s = (struct selectors){0};
}

/* --- likeness --------------------------------------------------------------------------------- */

/* The power of two that the distance of start and end is near to. */
static uint64_t span_of(const struct http_request *q)
{
    int64_t start, end;
    if (!parse_time(http_param(q, "start"), &start) || !parse_time(http_param(q, "end"), &end) ||
        end < start)
        return 0;
    return 64 - (uint64_t)__builtin_clzll((uint64_t)(end - start) | 1);
}

uint64_t params_likeness(const struct http_request *q)
{
    uint64_t h = hash_bytes_seeded(q->path.p, q->path.n, hash_process_seed());
    for (size_t i = 0; i < q->n_params; i++) {
        const struct http_param *p = &q->params[i];
        if (str_eq(p->name, STR("start")) || str_eq(p->name, STR("end")) ||
            str_eq(p->name, STR("time")))
            continue;
        h = hash_bytes_seeded(p->name.p, p->name.n, h);
        h = hash_bytes_seeded(p->value.p, p->value.n, h);
    }
    return hash_combine(h, span_of(q)) | 1; // 0 means unknown
}
