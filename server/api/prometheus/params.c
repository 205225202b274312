#include "api/prometheus/params.h"

#include <math.h>

#include "api/prometheus/answer.h"
#include "base/hash.h"
#include "base/num.h"
#include "base/time.h"
#include "query/query.h"

enum { SHOWN_MAX = 200 }; /* bytes of a wrong value in a message */

struct str param_shown(const struct http_request *q, struct str value)
{
    struct buf text = BUF_MAX(8 * SHOWN_MAX);
    str_quote_visible(&text, str_sub(value, 0, SHOWN_MAX));
    struct str copy = arena_str(q->arena, buf_str(&text));
    buf_done(&text);
    return copy;
}

static int no_time(const struct http_request *q, struct str value, struct err *err)
{
    return err_set(err, ERR_INVALID, "cannot parse %.*s to a valid timestamp",
                   STR_ARG(param_shown(q, value)));
}

/* Answers with what is wrong about the parameter. */
static bool refuse(struct http_response *r, const char *name, struct err *err)
{
    err_prefix(err, err->code, "invalid parameter \"%s\"", name);
    answer_error(r, err);
    return false;
}

/* Seconds to milliseconds, as far as the rest of the program can count. What is behind the point is
 * rounded by itself, as Prometheus does: half a millisecond mostly falls short of a half there. */
static bool to_ms(double seconds, int64_t *out_ms)
{
    double whole, part = modf(seconds, &whole);
    double ms = whole * 1000 + round(part * 1000);
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

int param_read_time(const struct http_request *q, const char *name, int64_t otherwise,
                    int64_t *out_ms, struct err *err)
{
    struct str text = http_param(q, name);
    if (text.n == 0) {
        *out_ms = otherwise;
        return 0;
    }
    if (parse_time(text, out_ms))
        return 0;
    return err_prefix(err, no_time(q, text, err), "invalid time value for '%s'", name);
}

bool param_time(const struct http_request *q, struct http_response *r, const char *name,
                int64_t otherwise, int64_t *out_ms)
{
    struct err err;
    return param_read_time(q, name, otherwise, out_ms, &err) == 0 || refuse(r, name, &err);
}

bool param_needed_time(const struct http_request *q, struct http_response *r, const char *name,
                       int64_t *out_ms)
{
    struct str text = http_param(q, name);
    struct err err;
    if (text.n && parse_time(text, out_ms))
        return true;
    (void)no_time(q, text, &err);
    return refuse(r, name, &err);
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

/* As a number of seconds or as 1h30m. NaN is no number of seconds above 0. */
static int read_duration(const struct http_request *q, struct str text, int64_t *out_ms,
                         struct err *err)
{
    double seconds;
    bool number = num_parse_double(text, &seconds) == 0;
    if (number && isnan(seconds)) {
        *out_ms = -1;
        return 0;
    }
    if (number ? to_ms(seconds, out_ms) : duration_parse(text, out_ms, NULL) == 0)
        return 0;
    return err_set(err, ERR_INVALID, "cannot parse %.*s to a valid duration%s",
                   STR_ARG(param_shown(q, text)), number ? ". It overflows int64" : "");
}

int param_read_duration(const struct http_request *q, const char *name, int64_t *out_ms,
                        struct err *err)
{
    struct str text = http_param(q, name);
    *out_ms = 0;
    return text.n ? read_duration(q, text, out_ms, err) : 0;
}

bool param_duration(const struct http_request *q, struct http_response *r, const char *name,
                    int64_t *out_ms)
{
    struct err err;
    return param_read_duration(q, name, out_ms, &err) == 0 || refuse(r, name, &err);
}

bool param_step(const struct http_request *q, struct http_response *r, int64_t *out_ms)
{
    struct err err;
    int rc = read_duration(q, http_param(q, "step"), out_ms, &err);
    if (rc == 0 && *out_ms > 0)
        return true;
    if (rc == 0)
        (void)err_set(&err, ERR_INVALID,
                      "zero or negative query resolution step widths are not accepted. Try a "
                      "positive integer");
    return refuse(r, "step", &err);
}

bool param_limit(const struct http_request *q, struct http_response *r, size_t *out)
{
    struct str text = http_param(q, "limit");
    struct err err;
    int64_t n = 0;
    if (text.n && num_parse_i64(text, &n) != 0) {
        (void)err_set(&err, ERR_INVALID, "cannot parse %.*s to a whole number",
                      STR_ARG(param_shown(q, text)));
        return refuse(r, "limit", &err);
    }
    if (n < 0) {
        (void)err_set(&err, ERR_INVALID, "limit must be non-negative");
        return refuse(r, "limit", &err);
    }
    *out = (size_t)n;
    return true;
}

bool param_at_most(const struct http_request *q, struct http_response *r, const char *name,
                   size_t *out)
{
    struct str text = http_param(q, name);
    int64_t n = -1;
    if (text.n && num_parse_i64(text, &n) != 0) {
        answer_bad_data(r, "%s must be a number", name);
        return false;
    }
    *out = n < 0 ? SIZE_MAX : (size_t)n;
    return true;
}

bool param_flag(struct str text, bool usual, bool *out)
{
    static const char *const words[] = {"0", "f", "F", "false", "FALSE", "False",
                                        "1", "t", "T", "true",  "TRUE",  "True"};
    enum { N = sizeof words / sizeof *words };
    if (text.n == 0)
        *out = usual;
    for (size_t i = 0; i < N; i++)
        if (str_eq(text, str_c(words[i]))) {
            *out = i >= N / 2;
            return true;
        }
    return text.n == 0;
}

/* --- selectors -------------------------------------------------------------------------------- */

static int add_selector(struct selectors *to, struct str text, bool any, struct err *err)
{
    struct selector *s = &to->v[to->n];
    int rc = query_parse_any_selector(text, &s->v, &s->n, err);
    if (rc != 0)
        return rc;
    to->n++;
    if (any || query_matchers_are_picky(s->v, s->n))
        return 0;
    return err_set(err, ERR_INVALID, "match[] must contain at least one non-empty matcher");
}

int param_read_selectors(const struct http_request *q, bool any, struct selectors *out,
                         struct err *err)
{
    int rc = 0;
    *out = (struct selectors){.v = arena_array(q->arena, q->n_params, sizeof *out->v)};
    if (!out->v)
        return err_set(err, ERR_NOMEM, "out of memory for match[]");
    for (size_t i = 0; rc == 0 && i < q->n_params; i++)
        if (str_eq(q->params[i].name, STR("match[]")))
            rc = add_selector(out, q->params[i].value, any, err);
    if (rc != 0)
        selectors_done(out);
    return rc;
}

bool param_selectors(const struct http_request *q, struct http_response *r, struct selectors *out)
{
    struct err err;
    return param_read_selectors(q, false, out, &err) == 0 || refuse(r, "match[]", &err);
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
