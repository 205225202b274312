/* Messages are Prometheus's where it has one for the mistake; unlike elsewhere in its API they do
 * not begin with "invalid parameter". */
#include "api/prometheus/search_request.h"

#include <stdlib.h>

#include "api/prometheus/answer.h"
#include "api/prometheus/likeness.h"
#include "base/compiler.h"
#include "base/num.h"
#include "base/time.h"

enum { USUAL = 100 };

/* --- parameters ------------------------------------------------------------------------------- */

static int read_times(const struct http_request *q, struct question *out, struct err *err)
{
    int64_t now = time_now_unix_ms();
    int rc = param_read_time(q, "start", now - 3600 * MS_PER_S, &out->start_ms, err);
    if (rc == 0)
        rc = param_read_time(q, "end", now, &out->end_ms, err);
    if (rc == 0 && out->end_ms < out->start_ms)
        rc = err_set(err, ERR_INVALID, "end timestamp must not be before start timestamp");
    return rc;
}

static int read_terms(const struct http_request *q, struct search *s, struct err *err)
{
    size_t n = 0;
    for (size_t i = 0; i < q->n_params; i++) {
        bool term =
            str_eq(q->params[i].name, STR("search[]")) || str_eq(q->params[i].name, STR("search"));
        if (!term)
            continue;
        if (++n <= SEARCH_TERMS_MAX && q->params[i].value.n)
            s->terms[s->n_terms++] = q->params[i].value;
    }
    if (n <= SEARCH_TERMS_MAX)
        return 0;
    return err_set(err, ERR_INVALID, "too many search[] terms: got %zu, maximum is %d", n,
                   SEARCH_TERMS_MAX);
}

static int read_likeness(const struct http_request *q, struct search *s, struct err *err)
{
    struct str threshold = http_param(q, "fuzz_threshold"), way = http_param(q, "fuzz_alg");
    uint64_t percent = 0;
    if (threshold.n && (num_parse_u64(threshold, &percent) != 0 || percent > 100))
        return err_set(err, ERR_INVALID, "invalid fuzz_threshold %.*s: must be 0-100",
                       STR_ARG(param_shown(q, threshold)));
    s->threshold = (double)percent / 100;
    s->jaro_winkler = str_eq(way, STR("jarowinkler"));
    if (way.n && !s->jaro_winkler && !str_eq(way, STR("subsequence")))
        return err_set(err, ERR_INVALID,
                       "unsupported fuzz_alg %.*s: must be one of [subsequence jarowinkler]",
                       STR_ARG(param_shown(q, way)));
    return 0;
}

int search_read_flag(const struct http_request *q, const char *name, bool usual, bool *out,
                     struct err *err)
{
    struct str text = http_param(q, name);
    if (param_flag(text, usual, out))
        return 0;
    return err_set(err, ERR_INVALID, "invalid %s %.*s: must be boolean", name,
                   STR_ARG(param_shown(q, text)));
}

static int read_order(const struct http_request *q, const char *call, struct search *s,
                      struct err *err)
{
    struct str by = http_param(q, "sort_by"), dir = http_param(q, "sort_dir");
    s->by_score = str_eq(by, STR("score"));
    s->falling = str_eq(dir, STR("dsc"));
    if (dir.n && by.n == 0)
        return err_set(err, ERR_INVALID, "sort_dir is only valid when sort_by is set");
    if (dir.n && s->by_score)
        return err_set(err, ERR_INVALID, "sort_dir is not supported for sort_by=score");
    if (dir.n && !s->falling && !str_eq(dir, STR("asc")))
        return err_set(err, ERR_INVALID, "invalid sort_dir %.*s: must be \"asc\" or \"dsc\"",
                       STR_ARG(param_shown(q, dir)));
    if (s->by_score && s->n_terms == 0)
        return err_set(err, ERR_INVALID, "sort_by=score requires search[] to be set");
    if (by.n && !s->by_score && !str_eq(by, STR("alpha")))
        return err_set(err, ERR_INVALID,
                       "invalid sort_by %.*s for %s: must be \"alpha\" or \"score\"",
                       STR_ARG(param_shown(q, by)), call);
    return 0;
}

static int read_count(const struct http_request *q, const char *name, size_t *out, struct err *err)
{
    struct str text = http_param(q, name);
    int64_t n = USUAL;
    if (text.n && (num_parse_i64(text, &n) != 0 || n <= 0))
        return err_set(err, ERR_INVALID, "invalid %s %.*s: must be a positive integer", name,
                       STR_ARG(param_shown(q, text)));
    *out = (size_t)n;
    return 0;
}

static int read_counts(const struct http_request *q, struct search *s, struct err *err)
{
    int rc = read_count(q, "limit", &s->limit, err);
    if (rc == 0 && s->limit > SEARCH_LIMIT_MAX)
        rc = err_set(err, ERR_INVALID, "limit %zu exceeds the maximum (%d)", s->limit,
                     SEARCH_LIMIT_MAX);
    return rc == 0 ? read_count(q, "batch_size", &s->batch, err) : rc;
}

static int read_all(const struct http_request *q, const char *call, struct search *s,
                    struct err *err)
{
    bool exact;
    int rc = read_terms(q, s, err);
    if (rc == 0)
        rc = read_likeness(q, s, err);
    if (rc == 0)
        rc = search_read_flag(q, "case_sensitive", true, &exact, err);
    if (rc == 0)
        rc = search_read_flag(q, "include_score", false, &s->with_score, err);
    if (rc == 0)
        rc = read_order(q, call, s, err);
    if (rc == 0)
        rc = read_counts(q, s, err);
    s->fold = rc == 0 && !exact;
    return rc;
}

int search_read(const struct http_request *q, const char *call, struct search *out, struct err *err)
{
    *out = (struct search){0};
    int rc = read_times(q, &out->question, err);
    if (rc == 0)
        rc = param_read_selectors(q, false, &out->question.selectors, err);
    if (rc != 0)
        return rc;
    rc = read_all(q, call, out, err);
    if (rc != 0)
        selectors_done(&out->question.selectors);
    return rc;
}

/* --- fitting ---------------------------------------------------------------------------------- */

/* What has the term in it fits Jaro and Winkler's measure without being measured. */
static double likeness(const struct search *s, struct str name, struct str term)
{
    double score;
    if (!s->jaro_winkler) {
        score = likeness_subsequence(name, term, s->fold);
        return score > 0 && score >= s->threshold ? score : -1;
    }
    if (likeness_begins(name, term, s->fold))
        return 1;
    if (likeness_contains(name, term, s->fold))
        return 0.9;
    score = s->threshold > 0 ? likeness_jaro_winkler(name, term, s->fold) : 0;
    return score > 0 && score >= s->threshold ? score : -1;
}

double search_score(const struct search *s, struct str name)
{
    double best = s->n_terms ? -1 : 1;
    for (size_t i = 0; i < s->n_terms; i++)
        best = MAX(best, likeness(s, name, s->terms[i]));
    return best;
}

static int by_score(const void *a, const void *b)
{
    const struct search_hit *x = a, *y = b;
    int c = (x->score < y->score) - (x->score > y->score);
    return c ? c : str_cmp(x->name, y->name);
}

static int falling(const void *a, const void *b)
{
    return str_cmp(((const struct search_hit *)b)->name, ((const struct search_hit *)a)->name);
}

void search_sort(const struct search *s, struct search_hit *v, size_t n)
{
    if (n > 1 && (s->by_score || s->falling))
        qsort(v, n, sizeof *v, s->by_score ? by_score : falling);
}

/* --- answering -------------------------------------------------------------------------------- */

static void member_warnings(struct json *j, const struct str *v, size_t n)
{
    if (n == 0)
        return;
    json_key(j, "warnings");
    json_strs(j, v, n);
}

void search_answer(struct http_response *r, const struct search *s, size_t n, bool has_more,
                   const struct str *warnings, size_t n_warnings,
                   void (*write)(void *self, struct json *j, size_t i), void *self)
{
    size_t at = 0;
    struct json j;
    r->status = 200;
    r->content_type = "application/x-ndjson; charset=utf-8";
    do {
        size_t end = MIN(n - at, s->batch) + at;
        j = json_to(&r->body);
        json_object(&j);
        json_key(&j, "results");
        json_array(&j);
        bool first = at == 0;
        for (; at < end; at++)
            write(self, &j, at);
        json_array_end(&j);
        member_warnings(&j, warnings, first ? n_warnings : 0);
        json_object_end(&j);
        buf_putc(&r->body, '\n');
    } while (at < n);
    j = json_to(&r->body);
    json_object(&j);
    json_member_str(&j, "status", STR("success"));
    json_key(&j, "has_more");
    json_bool(&j, has_more);
    json_object_end(&j);
    buf_putc(&r->body, '\n');
}
