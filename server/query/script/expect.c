#include "query/script/expect.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/buf.h"
#include "base/regex.h"
#include "base/time.h"
#include "model/sample.h"
#include "query/promql/hist.h"
#include "query/promql/parser.h"

/* --- lines ------------------------------------------------------------------------------------ */

/* A pattern is found anywhere in a text. */
static int compile(struct str pattern, struct regex **out, struct err *err)
{
    struct buf whole = BUF_MAX(8192);
    buf_puts(&whole, ".*(?:");
    buf_put_str(&whole, pattern);
    buf_puts(&whole, ").*");
    int rc = regex_new(buf_str(&whole), out, err);
    buf_done(&whole);
    return rc;
}

static int check_regex(struct str pattern, struct err *err)
{
    struct regex *regex = NULL;
    int rc = compile(pattern, &regex, err);
    regex_free(regex);
    return rc ? err_prefix(err, ERR_INVALID, "the pattern \"%.*s\"",
                           STR_ARG(str_sub(pattern, 0, 200)))
              : 0;
}

static int parse_text(struct str rest, struct expect_text *out, struct err *err)
{
    rest = str_trim(rest);
    *out = (struct expect_text){TEXT_ANY, rest};
    if (rest.n == 0)
        return 0;
    bool msg = str_starts(rest, STR("msg:")), regex = str_starts(rest, STR("regex:"));
    if (!msg && !regex)
        return err_set(err, ERR_INVALID, "expected msg: or regex:, found \"%.*s\"", STR_ARG(rest));
    out->kind = msg ? TEXT_EQUAL : TEXT_REGEX;
    out->text = str_trim(str_sub(rest, msg ? 4 : 6, rest.n));
    return regex ? check_regex(out->text, err) : 0;
}

static int add_note(struct expect_text *v, size_t *n, struct str rest, struct err *err)
{
    if (*n == EXPECT_NOTES_MAX)
        return err_set(err, ERR_INVALID, "more than %d expectations of one kind", EXPECT_NOTES_MAX);
    return parse_text(rest, &v[(*n)++], err);
}

static int parse_string_literal(struct expectation *e, struct str rest, struct err *err)
{
    struct ast ast;
    int rc = promql_parse(str_trim(rest), 0, &ast, err);
    if (rc != 0)
        return rc;
    if (ast.root->kind == NODE_STRING)
        e->string = arena_str(e->arena, ast.root->string.value);
    else
        rc = err_set(err, ERR_INVALID, "expect string needs a string literal");
    e->is_string = true;
    ast_done(&ast);
    return rc;
}

/* "vector from 10s to 1m step 10s" */
static int parse_matrix(struct expectation *e, struct str rest, struct err *err)
{
    static const char *const fixed[] = {"vector", "from", "to", "step"};
    struct str words[7], whole = rest;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        words[i] = str_cut_word(&rest);
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        if (!str_eq(words[i ? 2 * i - 1 : 0], str_c(fixed[i])))
            return err_set(err, ERR_INVALID,
                           "expected \"range vector from TIME to TIME step TIME\", found \"%.*s\"",
                           STR_ARG(str_sub(whole, 0, 200)));
    e->is_matrix = true;
    int rc = duration_parse(words[2], &e->matrix_from_ms, err);
    if (rc == 0)
        rc = duration_parse(words[4], &e->matrix_to_ms, err);
    if (rc == 0)
        rc = duration_parse(words[6], &e->matrix_step_ms, err);
    if (rc == 0 && e->matrix_to_ms < e->matrix_from_ms)
        rc = err_set(err, ERR_INVALID, "the end of the range vector is before its start");
    return rc;
}

/* Lines that cannot all be right. */
static int check_expects(const struct expectation *e, struct err *err)
{
    if (e->n_fail > 1)
        return err_set(err, ERR_INVALID, "more than one line expects a failure");
    if ((e->n_warn && e->no_warn) || (e->n_info && e->no_info))
        return err_set(err, ERR_INVALID, "%s and no_%s exclude each other",
                       e->no_warn && e->n_warn ? "warn" : "info",
                       e->no_warn && e->n_warn ? "warn" : "info");
    return 0;
}

static int parse_expect(struct expectation *e, struct str rest, struct err *err)
{
    struct str what = str_cut_word(&rest);
    if (str_eq(what, STR("warn")))
        return add_note(e->warn, &e->n_warn, rest, err);
    if (str_eq(what, STR("info")))
        return add_note(e->info, &e->n_info, rest, err);
    if (str_eq(what, STR("string")))
        return parse_string_literal(e, rest, err);
    if (str_eq(what, STR("range")))
        return parse_matrix(e, rest, err);
    if (str_eq(what, STR("fail"))) {
        e->fail = true;
        e->n_fail++;
        return parse_text(rest, &e->fail_text, err);
    }
    bool *flag = str_eq(what, STR("ordered"))   ? &e->ordered
                 : str_eq(what, STR("no_warn")) ? &e->no_warn
                 : str_eq(what, STR("no_info")) ? &e->no_info
                                                : NULL;
    if (!flag)
        return err_set(err, ERR_INVALID, "unknown expectation \"%.*s\"", STR_ARG(what));
    *flag = true;
    struct expect_text ignored;
    return parse_text(rest, &ignored, err);
}

/* What `expect fail` was written as before. False: it is another line. */
static bool is_old_failure(struct expectation *e, struct str line)
{
    struct str rest = line, word = str_cut_word(&rest);
    bool message = str_eq(word, STR("expected_fail_message"));
    if (!e->fail || (!message && !str_eq(word, STR("expected_fail_regexp"))))
        return false;
    e->fail_text = (struct expect_text){message ? TEXT_EQUAL : TEXT_REGEX, str_trim(rest)};
    return true;
}

/* Labels and values. */
static int parse_answer(struct expectation *e, struct str line, struct err *err)
{
    struct script_series *s = &e->series[e->n];
    int rc = script_parse_series(e->arena, line, s, err);
    if (rc == 0 && e->instant && !e->is_matrix && s->n > 1)
        return err_set(err, ERR_INVALID,
                       "%zu values for a moment; for a range vector, say \"expect range vector\" "
                       "before",
                       s->n);
    e->n += rc == 0;
    return rc;
}

static int parse_expects(struct expectation *e, struct str rest, struct err *err)
{
    int rc = parse_expect(e, rest, err);
    return rc ? rc : check_expects(e, err);
}

int expect_line(struct expectation *e, struct str line, struct err *err)
{
    if (str_starts(line, STR("expect ")) || str_starts(line, STR("expect\t")))
        return parse_expects(e, str_trim(str_sub(line, 7, line.n)), err);
    if (is_old_failure(e, line))
        return e->fail_text.kind == TEXT_REGEX ? check_regex(e->fail_text.text, err) : 0;
    if (script_parse_number(line, &e->scalar)) {
        e->is_scalar = true;
        return 0;
    }
    struct script_series *v = arena_room(e->arena, e->series, e->n, &e->cap, 8, sizeof *v);
    if (!v)
        return err_set(err, ERR_NOMEM, "out of memory for expectations");
    e->series = v;
    return parse_answer(e, line, err);
}

/* --- values ----------------------------------------------------------------------------------- */

#define TOLERANCE 1e-6

static bool almost_equal(double a, double b)
{
    if (isnan(a) || isnan(b))
        return isnan(a) && isnan(b) && is_stale_nan(a) == is_stale_nan(b);
    if (a == b)
        return true;
    double sum = fabs(a) + fabs(b), difference = fabs(a - b);
    if (a == 0 || b == 0 || sum < DBL_MIN)
        return difference < TOLERANCE * DBL_MIN;
    return difference / fmin(sum, DBL_MAX) < TOLERANCE;
}

static bool equal_floats(const struct expectation *e, double want, double got)
{
    if (e->floats == FLOATS_CLOSE || isnan(want) || isnan(got))
        return almost_equal(want, got);
    bool next = e->floats == FLOATS_NEXT &&
                (nextafter(want, -INFINITY) == got || nextafter(want, INFINITY) == got);
    return want == got || next;
}

static bool same_spans(const struct histogram_span *a, size_t na, const struct histogram_span *b,
                       size_t nb)
{
    return na == nb && (na == 0 || memcmp(a, b, na * sizeof *a) == 0);
}

static bool same_counts(const double *a, size_t na, const double *b, size_t nb)
{
    bool same = na == nb;
    for (size_t i = 0; same && i < na; i++)
        same = almost_equal(a[i], b[i]);
    return same;
}

static bool same_histogram(struct arena *arena, const struct script_value *want,
                           const struct histogram *got)
{
    const struct histogram *a = hist_compact(arena, want->h), *b = hist_compact(arena, got);
    if (!a || !b || a->schema != b->schema || !almost_equal(a->count, b->count) ||
        !almost_equal(a->sum, b->sum))
        return false;
    if (want->hint_set && want->h->reset != got->reset)
        return false;
    if (hist_is_custom(a)
            ? !same_counts(a->custom_bounds, a->n_custom_bounds, b->custom_bounds,
                           b->n_custom_bounds)
            : a->zero_threshold != b->zero_threshold || !almost_equal(a->zero_count, b->zero_count))
        return false;
    return same_spans(a->positive_spans, a->n_positive_spans, b->positive_spans,
                      b->n_positive_spans) &&
           same_spans(a->negative_spans, a->n_negative_spans, b->negative_spans,
                      b->n_negative_spans) &&
           same_counts(a->positive, a->n_positive, b->positive, b->n_positive) &&
           same_counts(a->negative, a->n_negative, b->negative, b->n_negative);
}

static void put_value(struct buf *out, double v, const struct histogram *h)
{
    if (h)
        hist_format(out, h);
    else
        buf_printf(out, "%.17g", v);
    if (h && h->reset)
        buf_printf(out, " (hint %d)", (int)h->reset);
}

static int different(const struct labels *l, int64_t t, const struct script_value *want,
                     const struct query_point *got, struct err *err)
{
    struct buf text = BUF_MAX(64 << 10);
    labels_format(&text, l);
    buf_printf(&text, " at %lld ms: expected ", (long long)t);
    put_value(&text, want->v, want->h);
    buf_puts(&text, ", got ");
    put_value(&text, got->value, got->histogram);
    int rc = err_set(err, ERR_INVALID, "%.*s", STR_ARG(buf_str(&text)));
    buf_done(&text);
    return rc;
}

static int same_point(const struct expectation *e, const struct labels *l,
                      const struct script_value *want, const struct query_point *got,
                      struct err *err)
{
    bool same;
    if (!want->h || !got->histogram)
        same = !want->h && !got->histogram && equal_floats(e, want->v, got->value);
    else if (e->same_histogram)
        same = e->same_histogram(want->h, got->histogram);
    else
        same = same_histogram(e->arena, want, got->histogram);
    return same ? 0 : different(l, got->t_unix_ms, want, got, err);
}

/* --- series ----------------------------------------------------------------------------------- */

static int about_series(struct err *err, const char *what, const struct labels *l)
{
    struct buf text = BUF_MAX(4096);
    labels_format(&text, l);
    int rc = err_set(err, ERR_INVALID, "%s %.*s", what, STR_ARG(buf_str(&text)));
    buf_done(&text);
    return rc;
}

static const struct script_series *expected_of(const struct expectation *e, const struct labels *l,
                                               size_t *out_i)
{
    for (size_t i = 0; i < e->n; i++) {
        if (labels_eq(&e->series[i].labels, l)) {
            *out_i = i;
            return &e->series[i];
        }
    }
    return NULL;
}

/* All expected values in their steps, and nothing else. */
static int same_series(const struct expectation *e, const struct script_series *want,
                       const struct query_series *got, int64_t from_ms, int64_t to_ms,
                       int64_t step_ms, struct err *err)
{
    size_t k = 0;
    for (size_t i = 0; i < want->n; i++) {
        int64_t t = from_ms + (int64_t)i * step_ms;
        if (t > to_ms)
            return about_series(err, "more values than the range has steps are expected of",
                                &got->labels);
        if (want->values[i].omitted)
            continue;
        if (k == got->n || got->points[k].t_unix_ms != t) {
            int rc = about_series(err, "a value is missing, or one too many, of", &got->labels);
            return err_prefix(err, rc, "at %lld ms", (long long)t);
        }
        int rc = same_point(e, &got->labels, &want->values[i], &got->points[k], err);
        if (rc != 0)
            return rc;
        k++;
    }
    return k == got->n ? 0 : about_series(err, "more values than expected of", &got->labels);
}

static int check_missing(const struct expectation *e, const struct query_result *r, struct err *err)
{
    for (size_t i = 0; i < e->n; i++) {
        bool found = false;
        for (size_t k = 0; k < r->n_series && !found; k++)
            found = labels_eq(&r->series[k].labels, &e->series[i].labels);
        if (!found)
            return about_series(err, "missing:", &e->series[i].labels);
    }
    return 0;
}

static int check_vector(const struct expectation *e, const struct query_result *r, struct err *err)
{
    for (size_t i = 0; i < r->n_series; i++) {
        const struct query_series *s = &r->series[i];
        size_t at;
        const struct script_series *want = expected_of(e, &s->labels, &at);
        if (!want)
            return about_series(err, "unexpected:", &s->labels);
        if (want->n == 0)
            return about_series(err, "no value is expected of", &s->labels);
        if (e->ordered && at != i)
            return about_series(err, "in another place than expected:", &s->labels);
        int rc = same_point(e, &s->labels, &want->values[0], &s->points[0], err);
        if (rc != 0)
            return rc;
    }
    return check_missing(e, r, err);
}

static int check_matrix(const struct expectation *e, const struct query_result *r, int64_t from_ms,
                        int64_t to_ms, int64_t step_ms, struct err *err)
{
    if (e->ordered || e->is_scalar)
        return err_set(err, ERR_INVALID, "expected %s, got series over time",
                       e->ordered ? "samples in an order" : "a scalar");
    for (size_t i = 0; i < r->n_series; i++) {
        size_t at;
        const struct script_series *want = expected_of(e, &r->series[i].labels, &at);
        if (!want)
            return about_series(err, "unexpected:", &r->series[i].labels);
        if (i && labels_cmp(&r->series[i - 1].labels, &r->series[i].labels) >= 0)
            return about_series(err, "not sorted by labels:", &r->series[i].labels);
        int rc = same_series(e, want, &r->series[i], from_ms, to_ms, step_ms, err);
        if (rc != 0)
            return rc;
    }
    return check_missing(e, r, err);
}

/* --- texts ------------------------------------------------------------------------------------ */

static bool text_matches(const struct expect_text *want, struct str got)
{
    struct regex *regex = NULL;
    bool matched = want->kind == TEXT_ANY || (want->kind == TEXT_EQUAL && str_eq(want->text, got));
    if (want->kind == TEXT_REGEX)
        matched = compile(want->text, &regex, NULL) == 0 && regex_match(regex, got) == 1;
    regex_free(regex);
    return matched;
}

static int check_notes(const char *kind, const struct expect_text *want, size_t n_want, bool none,
                       const struct str *got, size_t n_got, struct err *err)
{
    if (none && n_got)
        return err_set(err, ERR_INVALID, "unexpected %s: %.*s", kind, STR_ARG(got[0]));
    for (size_t i = 0; i < n_want; i++) {
        bool found = false;
        for (size_t k = 0; k < n_got && !found; k++)
            found = text_matches(&want[i], got[k]);
        if (!found)
            return err_set(err, ERR_INVALID, "expected %s \"%.*s\", found %s%.*s", kind,
                           STR_ARG(want[i].text), n_got ? "" : "none",
                           n_got ? (int)MIN(got[0].n, 300u) : 0, n_got ? got[0].p : "");
    }
    for (size_t k = 0; n_want && k < n_got; k++) {
        bool found = false;
        for (size_t i = 0; i < n_want && !found; i++)
            found = text_matches(&want[i], got[k]);
        if (!found)
            return err_set(err, ERR_INVALID, "unexpected %s: %.*s", kind, STR_ARG(got[k]));
    }
    return 0;
}

static int check_failure(const struct expectation *e, int rc, const struct err *query_err,
                         struct err *err)
{
    if (rc == 0)
        return err_set(err, ERR_INVALID, "the query was expected to fail");
    struct str got = str_c(query_err->message);
    if (text_matches(&e->fail_text, got))
        return 0;
    return err_set(err, ERR_INVALID, "expected the error \"%.*s\", got \"%.200s\"",
                   STR_ARG(str_sub(e->fail_text.text, 0, 200)), query_err->message);
}

static int check_scalar(const struct expectation *e, const struct query_result *r, struct err *err)
{
    double got = r->n_series == 1 && r->series[0].n ? r->series[0].points[0].value : NAN;
    if (r->type == QUERY_SCALAR && almost_equal(e->scalar, got))
        return 0;
    return err_set(err, ERR_INVALID, "expected the scalar %.17g, got %.17g", e->scalar, got);
}

static int check_string(const struct expectation *e, const struct query_result *r, struct err *err)
{
    if (r->type == QUERY_STRING && str_eq(e->string, r->text))
        return 0;
    return err_set(err, ERR_INVALID, "expected the string \"%.*s\", got \"%.*s\"",
                   STR_ARG(e->string), STR_ARG(r->text));
}

/* The answer by its type, which must be the expected one. */
static int check_value(const struct expectation *e, const struct query_request *q,
                       const struct query_result *r, struct err *err)
{
    if (e->is_string || r->type == QUERY_STRING)
        return check_string(e, r, err);
    if (e->is_matrix)
        return check_matrix(e, r, e->matrix_from_ms, e->matrix_to_ms, e->matrix_step_ms, err);
    if (!q->instant)
        return check_matrix(e, r, q->start_ms, q->end_ms, q->step_ms, err);
    if (e->is_scalar)
        return check_scalar(e, r, err);
    if (r->type == QUERY_SCALAR && !e->scalar_as_vector)
        return err_set(err, ERR_INVALID, "expected series, got the scalar %.17g",
                       r->series[0].points[0].value);
    return check_vector(e, r, err);
}

int expect_check(const struct expectation *e, const struct query_request *q, int rc,
                 const struct err *query_err, const struct query_result *r, struct err *err)
{
    if (e->fail)
        return check_failure(e, rc, query_err, err);
    if (rc != 0)
        return err_set(err, ERR_INVALID, "the query failed: %.300s", query_err->message);
    rc = check_notes("warning", e->warn, e->n_warn, e->no_warn, r->warnings, r->n_warnings, err);
    if (rc == 0)
        rc = check_notes("info", e->info, e->n_info, e->no_info, r->infos, r->n_infos, err);
    if (rc != 0)
        return rc;
    return check_value(e, q, r, err);
}

int expect_check_step(const struct expectation *e, const struct query_result *r, int64_t at_ms,
                      struct err *err)
{
    struct query_series *v = arena_array(e->arena, r->n_series + 1, sizeof *v);
    struct query_result step = {.type = e->is_scalar ? QUERY_SCALAR : QUERY_VECTOR, .series = v};
    if (!v)
        return err_set(err, ERR_NOMEM, "out of memory for a step");
    for (size_t i = 0; i < r->n_series; i++)
        for (size_t k = 0; k < r->series[i].n; k++)
            if (r->series[i].points[k].t_unix_ms == at_ms)
                v[step.n_series++] =
                    (struct query_series){r->series[i].labels, &r->series[i].points[k], 1};
    return e->is_scalar ? check_scalar(e, &step, err) : check_vector(e, &step, err);
}
