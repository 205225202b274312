#include "api/prometheus/series.h"

#include <stdlib.h>

#include "api/api.h"
#include "api/prometheus/answer.h"
#include "api/prometheus/label_name.h"
#include "api/prometheus/question.h"
#include "query/query.h"
#include "store/aggregates.h"
#include "store/store.h"

/* --- series ----------------------------------------------------------------------------------- */

static int by_labels(const void *a, const void *b)
{
    return labels_cmp(a, b);
}

struct found {
    struct selection **selections; /* of the selectors, one each; the labels are theirs */
    size_t n_selections;
    struct labels *v;
    size_t n;
};

static void found_done(struct found *found)
{
    for (size_t i = 0; i < found->n_selections; i++)
        selection_free(found->selections[i]);
}

static int add_selected(struct found *found, const struct selection *sel, struct arena *arena,
                        struct err *err)
{
    size_t more = selection_count(sel);
    struct labels *grown = arena_grow(arena, found->v, found->n, found->n + more, sizeof *grown);
    if (!grown)
        return question_too_large(arena, err);
    for (size_t i = 0; i < more; i++)
        grown[found->n + i] = *selection_labels(sel, i);
    found->v = grown;
    found->n += more;
    return 0;
}

static void sort_once_each(struct found *found)
{
    qsort(found->v, found->n, sizeof *found->v, by_labels);
    size_t kept = 1;
    for (size_t i = 1; i < found->n; i++)
        if (labels_cmp(&found->v[i], &found->v[kept - 1]) != 0)
            found->v[kept++] = found->v[i];
    found->n = kept;
}

/* The label sets that satisfy any of the selectors, sorted, each once. `found`, zeroed before, ends
 * with found_done whatever the outcome, and before the arena. */
static int collect_series(struct store *store, const struct question *question, struct arena *arena,
                          struct found *found, struct err *err)
{
    size_t n = question->selectors.n;
    found->selections = arena_alloc(arena, n * sizeof(struct selection *));
    if (!found->selections)
        return question_too_large(arena, err);
    for (size_t i = 0; i < n; i++) {
        const struct selector *s = &question->selectors.v[i];
        struct selection **sel = &found->selections[i];
        int rc = store_select_known(store, s->v, s->n, question->start_ms, question->end_ms,
                                    question_store_limit(question->limit), arena->shared, sel, err);
        if (rc != 0)
            return rc;
        found->n_selections++;
        rc = add_selected(found, *sel, arena, err);
        if (rc != 0)
            return rc;
    }
    if (n > 1 && found->n > 1)
        sort_once_each(found);
    return 0;
}

static void answer_series(const struct api_context *api, const struct question *question,
                          struct found *found, struct http_response *r)
{
    bool was_cut = question_cut(&found->n, question->limit);
    struct question_warnings w = question_warnings(api, question, was_cut);
    struct json j = answer_begin(r);
    json_array(&j);
    for (size_t i = 0; i < found->n; i++)
        json_labels(&j, &found->v[i]);
    json_array_end(&j);
    answer_end(&j, w.v, w.n, NULL, 0);
}

static bool has_selector(const struct http_request *q)
{
    for (size_t i = 0; i < q->n_params; i++)
        if (str_eq(q->params[i].name, STR("match[]")))
            return true;
    return false;
}

/* As question_read, but there must be a match[]. */
static bool read_series_question(const struct http_request *q, struct http_response *r,
                                 struct question *out)
{
    *out = (struct question){0};
    if (!has_selector(q)) {
        answer_bad_data(r, "no match[] parameter provided");
        return false;
    }
    return param_limit(q, r, &out->limit) &&
           param_time(q, r, "start", TIME_MIN_MS, &out->start_ms) &&
           param_time(q, r, "end", TIME_MAX_MS, &out->end_ms) &&
           param_selectors(q, r, &out->selectors);
}

void api_series(void *self, const struct http_request *q, struct http_response *r)
{
    const struct api_context *api = self;
    struct question question;
    struct found found = {0};
    struct err err;
    if (question_runs_later(api, q) || !read_series_question(q, r, &question))
        return;
    struct arena arena;
    struct budget memory;
    question_arena(api, &arena, &memory);
    if (collect_series(api->store, &question, &arena, &found, &err) != 0)
        answer_error(r, &err);
    else
        answer_series(api, &question, &found, r);
    found_done(&found);
    question_arena_done(&arena, &memory);
    selectors_done(&question.selectors);
}

/* --- names and values ------------------------------------------------------------------------- */

static void answer_text(const struct api_context *api, struct str name,
                        const struct http_request *q, struct http_response *r)
{
    struct question question;
    struct str *v = NULL;
    size_t n = 0;
    struct err err;
    if (question_runs_later(api, q) || !question_read(q, r, &question))
        return;
    struct arena arena;
    struct budget memory;
    question_arena(api, &arena, &memory);
    if (question_text(api->store, name, &question, &arena, &v, &n, &err) != 0) {
        answer_error(r, &err);
    } else {
        struct question_warnings w =
            question_warnings(api, &question, question_cut(&n, question.limit));
        struct json j = answer_begin(r);
        json_strs(&j, v, n);
        answer_end(&j, w.v, w.n, NULL, 0);
    }
    question_arena_done(&arena, &memory);
    selectors_done(&question.selectors);
}

void api_labels(void *self, const struct http_request *q, struct http_response *r)
{
    answer_text(self, (struct str){0}, q, r);
}

/* /api/v1/label/<name>/values */
void api_label_values(void *self, const struct http_request *q, struct http_response *r)
{
    struct str rest = q->rest, suffix = STR("/values");
    if (!str_ends(rest, suffix)) {
        r->status = 404;
        buf_puts(&r->body, "404 page not found\n");
        return;
    }
    struct str name = label_name_unescape(q->arena, str_sub(rest, 0, rest.n - suffix.n));
    if (name.n == 0 || !str_is_utf8(name)) {
        answer_bad_data(r, "invalid label name: %.*s", STR_ARG(param_shown(q, name)));
        return;
    }
    answer_text(self, name, q, r);
}

/* --- metadata --------------------------------------------------------------------------------- */

/* One family may have several entries (types seen side by side); they come next to each other. */
static void answer_metadata(const struct metric_metadata *v, size_t n, size_t per_metric,
                            struct http_response *r)
{
    struct json j = answer_begin(r);
    json_object(&j);
    for (size_t i = 0; i < n;) {
        size_t first = i;
        json_str(&j, v[i].family);
        buf_putc(j.out, ':');
        j.comma = false;
        json_array(&j);
        for (; i < n && str_eq(v[i].family, v[first].family); i++) {
            if (per_metric && i - first >= per_metric)
                continue;
            json_object(&j);
            json_member_str(&j, "type", str_c(metric_type_name(v[i].type)));
            json_member_str(&j, "help", v[i].help);
            json_member_str(&j, "unit", v[i].unit);
            json_object_end(&j);
        }
        json_array_end(&j);
    }
    json_object_end(&j);
    answer_end(&j, NULL, 0, NULL, 0);
}

void api_metadata(void *self, const struct http_request *q, struct http_response *r)
{
    const struct api_context *api = self;
    size_t limit, per_metric, n = 0;
    struct metric_metadata *v = NULL;
    struct err err;
    if (!param_at_most(q, r, "limit", &limit) ||
        !param_at_most(q, r, "limit_per_metric", &per_metric))
        return;
    if (limit == 0) {
        answer_metadata(NULL, 0, 0, r);
        return;
    }
    struct arena arena;
    struct budget memory;
    question_arena(api, &arena, &memory);
    if (store_metadata(api->store, http_param(q, "metric"), limit == SIZE_MAX ? 0 : limit, &arena,
                       &v, &n, &err) != 0)
        answer_error(r, &err);
    else
        answer_metadata(v, n, per_metric, r);
    question_arena_done(&arena, &memory);
}

/* --- exemplars -------------------------------------------------------------------------------- */

static void answer_exemplars(const struct series_exemplars *v, size_t n, struct http_response *r)
{
    struct json j = answer_begin(r);
    json_array(&j);
    for (size_t i = 0; i < n; i++) {
        json_object(&j);
        json_key(&j, "seriesLabels");
        json_labels(&j, &v[i].labels);
        json_key(&j, "exemplars");
        json_array(&j);
        for (size_t k = 0; k < v[i].n; k++) {
            const struct exemplar *e = &v[i].exemplars[k];
            json_object(&j);
            json_key(&j, "labels");
            json_labels(&j, &e->labels);
            json_key(&j, "value");
            json_double_str(&j, e->value);
            json_key(&j, "timestamp");
            json_seconds(&j, e->t_unix_ms);
            json_object_end(&j);
        }
        json_array_end(&j);
        json_object_end(&j);
    }
    json_array_end(&j);
    answer_end(&j, NULL, 0, NULL, 0);
}

static int by_series(const void *a, const void *b)
{
    const struct series_exemplars *x = a, *y = b;
    return labels_cmp(&x->labels, &y->labels);
}

/* In the order of labels, each series once, though two selectors may have found it. */
static size_t sort_series(struct series_exemplars *v, size_t n)
{
    if (n < 2)
        return n;
    qsort(v, n, sizeof *v, by_series);
    size_t kept = 1;
    for (size_t i = 1; i < n; i++)
        if (!labels_eq(&v[i].labels, &v[kept - 1].labels))
            v[kept++] = v[i];
    return kept;
}

static int collect_exemplars(struct store *store, const struct query_selectors *selectors,
                             int64_t start_ms, int64_t end_ms, struct arena *arena,
                             struct series_exemplars **out, size_t *out_n, struct err *err)
{
    struct series_exemplars *all = NULL;
    size_t n = 0;
    for (size_t i = 0; i < selectors->n; i++) {
        struct series_exemplars *v = NULL;
        size_t more = 0;
        int rc = store_exemplars(store, selectors->v[i].matchers, selectors->v[i].n, start_ms,
                                 end_ms, arena, &v, &more, err);
        if (rc != 0)
            return rc;
        struct series_exemplars *grown = arena_grow(arena, all, n, n + more, sizeof *grown);
        if (!grown)
            return question_too_large(arena, err);
        if (more)
            memcpy(grown + n, v, more * sizeof *grown);
        all = grown;
        n += more;
    }
    *out = all;
    *out_n = sort_series(all, n);
    return 0;
}

/* All selectors of an expression; their series' exemplars are what the graph shows. */
void api_query_exemplars(void *self, const struct http_request *q, struct http_response *r)
{
    const struct api_context *api = self;
    int64_t start_ms, end_ms;
    struct err err;
    if (!param_time(q, r, "start", TIME_MIN_MS, &start_ms) ||
        !param_time(q, r, "end", TIME_MAX_MS, &end_ms))
        return;
    if (end_ms < start_ms) {
        answer_bad_data(r, "end timestamp must not be before start timestamp");
        return;
    }
    struct query_selectors selectors;
    if (query_selectors(http_param(q, "query"), &selectors, &err) != 0) {
        answer_error(r, &err);
        return;
    }
    if (selectors.n == 0) { // 1+1: nothing to look for
        r->status = 204;
        query_selectors_free(&selectors);
        return;
    }
    struct arena arena;
    struct budget memory;
    question_arena(api, &arena, &memory);
    struct series_exemplars *all = NULL;
    size_t n = 0;
    if (collect_exemplars(api->store, &selectors, start_ms, end_ms, &arena, &all, &n, &err) == 0)
        answer_exemplars(all, n, r);
    else
        answer_error(r, &err);
    query_selectors_free(&selectors);
    question_arena_done(&arena, &memory);
}
