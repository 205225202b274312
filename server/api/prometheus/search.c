/* Answers are lines of JSON: batches of results, then a line that says that all went well and
 * whether there is more. Grafana's editor reads them as they come. */
#include "api/prometheus/search.h"

#include <stdio.h>
#include <stdlib.h>

#include "api/api.h"
#include "api/prometheus/answer.h"
#include "api/prometheus/likeness.h"
#include "api/prometheus/question.h"
#include "base/compiler.h"
#include "base/num.h"
#include "base/time.h"
#include "store/store.h"

enum { TERMS_MAX = 32, TERM_LENGTH_MAX = 256, USUAL = 100, LIMIT_MAX = 10000 };

struct search {
    struct question question;
    struct str terms[TERMS_MAX];
    size_t n_terms, limit, batch;
    double threshold; /* 0 to 1 */
    bool fold, jaro_winkler, by_score, falling, with_score, with_metadata, of_values;
};

struct hit {
    struct str name;
    double score;
};

/* --- parameters ------------------------------------------------------------------------------- */

static bool read_count(const struct http_request *q, struct http_response *r, const char *name,
                       uint64_t usual, uint64_t least, uint64_t most, uint64_t *out)
{
    struct str text = http_param(q, name);
    *out = usual;
    if (text.n == 0 || (num_parse_u64(text, out) == 0 && *out >= least && *out <= most))
        return true;
    char reason[96];
    (void)snprintf(reason, sizeof reason, "expected a whole number from %llu to %llu",
                   (unsigned long long)least, (unsigned long long)most);
    answer_bad_param(r, name, reason);
    return false;
}

static bool read_flag(const struct http_request *q, struct http_response *r, const char *name,
                      bool usual, bool *out)
{
    struct str text = http_param(q, name);
    *out = text.n ? str_eq(text, STR("true")) || str_eq(text, STR("1")) : usual;
    if (text.n == 0 || *out || str_eq(text, STR("false")) || str_eq(text, STR("0")))
        return true;
    answer_bad_param(r, name, "expected true or false");
    return false;
}

/* The first of two words, the default, or the second. */
static bool read_choice(const struct http_request *q, struct http_response *r, const char *name,
                        const char *first, const char *second, bool *out_second)
{
    struct str text = http_param(q, name);
    *out_second = str_eq(text, str_c(second));
    if (text.n == 0 || *out_second || str_eq(text, str_c(first)))
        return true;
    char reason[96];
    (void)snprintf(reason, sizeof reason, "expected %s or %s", first, second);
    answer_bad_param(r, name, reason);
    return false;
}

static bool read_terms(const struct http_request *q, struct http_response *r, struct search *s)
{
    for (size_t i = 0; i < q->n_params; i++) {
        bool term =
            str_eq(q->params[i].name, STR("search[]")) || str_eq(q->params[i].name, STR("search"));
        if (!term || q->params[i].value.n == 0)
            continue;
        if (s->n_terms == TERMS_MAX || q->params[i].value.n > TERM_LENGTH_MAX) {
            answer_bad_param(r, "search[]", "expected at most 32 terms of at most 256 bytes");
            return false;
        }
        s->terms[s->n_terms++] = q->params[i].value;
    }
    return true;
}

static bool read_order(const struct http_request *q, struct http_response *r, struct search *s)
{
    if (!read_choice(q, r, "sort_by", "alpha", "score", &s->by_score) ||
        !read_choice(q, r, "sort_dir", "asc", "dsc", &s->falling))
        return false;
    bool direction = http_param(q, "sort_dir").n && s->by_score;
    if (!direction && !(s->by_score && s->n_terms == 0))
        return true;
    answer_bad_param(r, direction ? "sort_dir" : "sort_by",
                     direction ? "only the order by alpha has a direction"
                               : "the order by score needs search[]");
    return false;
}

static bool read_search(const struct http_request *q, struct http_response *r, struct search *s)
{
    uint64_t limit = USUAL, batch = USUAL, threshold = 0;
    bool exact = true;
    if (!read_terms(q, r, s) || !read_order(q, r, s) ||
        !read_count(q, r, "limit", USUAL, 1, LIMIT_MAX, &limit) ||
        !read_count(q, r, "batch_size", USUAL, 1, LIMIT_MAX, &batch) ||
        !read_count(q, r, "fuzz_threshold", 0, 0, 100, &threshold) ||
        !read_choice(q, r, "fuzz_alg", "subsequence", "jarowinkler", &s->jaro_winkler) ||
        !read_flag(q, r, "case_sensitive", true, &exact) ||
        !read_flag(q, r, "include_score", false, &s->with_score) ||
        !read_flag(q, r, "include_metadata", false, &s->with_metadata))
        return false;
    s->fold = !exact;
    s->limit = limit;
    s->batch = batch;
    s->threshold = (double)threshold / 100;
    int64_t now = time_now_unix_ms();
    if (!param_time(q, r, "end", now, &s->question.end_ms) ||
        !param_time(q, r, "start", s->question.end_ms - 3600 * MS_PER_S, &s->question.start_ms))
        return false;
    if (s->question.end_ms < s->question.start_ms) {
        answer_bad_param(r, "end", "end timestamp must not be before start time");
        return false;
    }
    return param_selectors(q, r, "match[]", &s->question.selectors);
}

/* --- finding ---------------------------------------------------------------------------------- */

/* Of the term that fits best; negative: none does. */
static double score_of(const struct search *s, struct str name)
{
    double best = s->n_terms ? -1 : 1;
    for (size_t i = 0; i < s->n_terms; i++) {
        struct str term = s->terms[i];
        double score = s->jaro_winkler ? likeness_jaro_winkler(name, term, s->fold)
                                       : likeness_subsequence(name, term, s->fold);
        bool fuzzy = score > 0 && (s->jaro_winkler ? s->threshold > 0 : true);
        bool fits = (fuzzy && score >= s->threshold) || likeness_contains(name, term, s->fold);
        if (fits)
            best = MAX(best, score);
    }
    return best;
}

static int by_score(const void *a, const void *b)
{
    const struct hit *x = a, *y = b;
    int c = (x->score < y->score) - (x->score > y->score);
    return c ? c : str_cmp(x->name, y->name);
}

static int falling(const void *a, const void *b)
{
    return str_cmp(((const struct hit *)b)->name, ((const struct hit *)a)->name);
}

/* The names that fit, in their order, in the arena. */
static int find(const struct search *s, const struct http_request *q, const struct str *names,
                size_t n, struct arena *arena, struct hit **out, size_t *out_n, struct err *err)
{
    enum { ASK_EVERY = 4096 };
    struct hit *v = arena_array(arena, n, sizeof *v);
    size_t found = 0;
    if (!v)
        return question_too_large(arena, err);
    for (size_t i = 0; i < n; i++) {
        if (i % ASK_EVERY == ASK_EVERY - 1 && http_client_gone(q))
            return err_set(err, ERR_CANCELLED, "the search was cancelled");
        double score = score_of(s, names[i]);
        if (score >= 0)
            v[found++] = (struct hit){names[i], score};
    }
    if (found && (s->by_score || s->falling))
        qsort(v, found, sizeof *v, s->by_score ? by_score : falling);
    *out = v;
    *out_n = found;
    return 0;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* Of the metric, or of the family that its suffix makes it a part of. */
static void write_metadata(struct json *j, struct store *store, struct str name,
                           struct arena *arena)
{
    static const char *const suffixes[] = {"", "_bucket", "_count", "_sum", "_total"};
    struct metric_metadata *m = NULL;
    size_t n = 0;
    for (size_t i = 0; n == 0 && i < ARRAY_LEN(suffixes); i++) {
        struct str suffix = str_c(suffixes[i]);
        if (!str_ends(name, suffix) || name.n == suffix.n)
            continue;
        if (store_metadata(store, str_sub(name, 0, name.n - suffix.n), 1, arena, &m, &n, NULL) != 0)
            return;
    }
    if (n == 0)
        return;
    json_member_str(j, "type", str_c(metric_type_name(m->type)));
    json_member_str(j, "help", m->help);
    json_member_str(j, "unit", m->unit);
}

static void write_hit(struct json *j, const struct search *s, const struct hit *h,
                      struct store *store, struct arena *arena)
{
    json_object(j);
    json_member_str(j, "name", h->name);
    if (s->of_values)
        json_member_str(j, "value", h->name); // some clients look for the one, some for the other
    if (s->with_score) {
        json_key(j, "score");
        json_double(j, h->score);
    }
    if (s->with_metadata)
        write_metadata(j, store, h->name, arena);
    json_object_end(j);
}

static void write_batch(struct buf *out, const struct search *s, const struct hit *v, size_t n,
                        struct store *store, struct arena *arena)
{
    struct json j = json_to(out);
    json_object(&j);
    json_key(&j, "results");
    json_array(&j);
    for (size_t i = 0; i < n; i++)
        write_hit(&j, s, &v[i], store, arena);
    json_array_end(&j);
    json_object_end(&j);
    buf_putc(out, '\n');
}

static void write_all(struct http_response *r, const struct api_context *api,
                      const struct search *s, const struct hit *v, size_t n, struct arena *arena)
{
    bool more = question_cut(&n, s->limit);
    struct question_warnings w = question_warnings(api, &s->question, false);
    size_t at = 0;
    r->status = 200;
    r->content_type = "application/x-ndjson; charset=utf-8";
    do {
        size_t some = MIN(n - at, s->batch);
        write_batch(&r->body, s, v + at, some, api->store, arena);
        at += some;
    } while (at < n);
    struct json j = json_to(&r->body);
    json_object(&j);
    json_member_str(&j, "status", STR("success"));
    json_key(&j, "has_more");
    json_bool(&j, more);
    if (w.n) {
        json_key(&j, "warnings");
        json_strs(&j, w.v, w.n);
    }
    json_object_end(&j);
    buf_putc(&r->body, '\n');
}

static void search(const struct api_context *api, const struct http_request *q,
                   struct http_response *r, struct str label, bool of_metrics)
{
    struct search s = {.of_values = label.n && !of_metrics};
    struct str *names = NULL;
    struct hit *v = NULL;
    size_t n = 0;
    struct err err;
    if (!read_search(q, r, &s))
        return;
    s.with_metadata &= of_metrics;
    struct arena arena;
    struct budget memory;
    question_arena(api, &arena, &memory);
    int rc = question_text(api->store, label, &s.question, &arena, &names, &n, &err);
    if (rc == 0)
        rc = find(&s, q, names, n, &arena, &v, &n, &err);
    if (rc == 0)
        write_all(r, api, &s, v, n, &arena);
    else
        answer_error(r, &err);
    question_arena_done(&arena, &memory);
    selectors_done(&s.question.selectors);
}

void api_search_metric_names(void *self, const struct http_request *q, struct http_response *r)
{
    search(self, q, r, LABEL_NAME, true);
}

void api_search_label_names(void *self, const struct http_request *q, struct http_response *r)
{
    search(self, q, r, (struct str){0}, false);
}

void api_search_label_values(void *self, const struct http_request *q, struct http_response *r)
{
    struct str label = http_param(q, "label");
    if (label.n == 0 || !str_is_utf8(label))
        answer_bad_param(r, "label", "expected the name of the label whose values are searched");
    else
        search(self, q, r, label, false);
}
