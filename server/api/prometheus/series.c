#include "api/prometheus/series.h"

#include <stdlib.h>

#include "api/api.h"
#include "api/prometheus/answer.h"
#include "api/prometheus/label_name.h"
#include "api/prometheus/params.h"
#include "base/budget.h"
#include "base/memory.h"
#include "base/time.h"
#include "query/query.h"
#include "store/aggregates.h"
#include "store/store.h"

enum { ARENA_MAX = 512 << 20 };

/* The parameters that these calls share. */
struct question {
    struct selectors selectors;
    int64_t start_ms, end_ms;
    size_t limit;
};

static bool read_question(const struct http_request *q, struct http_response *r,
                          struct question *out)
{
    *out = (struct question){0};
    if (!param_time(q, r, "start", TIME_MIN_MS, &out->start_ms) ||
        !param_time(q, r, "end", TIME_MAX_MS, &out->end_ms))
        return false;
    return param_limit(q, r, "limit", &out->limit) &&
           param_selectors(q, r, "match[]", &out->selectors);
}

/* The store's limit: one more than asked, to tell whether something was cut. */
static size_t store_limit(size_t limit)
{
    return limit && limit < SIZE_MAX ? limit + 1 : 0;
}

struct warnings {
    struct str v[2];
    size_t n;
};

static struct warnings warnings_of(const struct api_context *api, const struct question *question,
                                   bool was_cut)
{
    struct warnings w = {0};
    if (was_cut)
        w.v[w.n++] = STR("results truncated due to limit");
    if (store_is_damaged(api->store, question->start_ms, question->end_ms))
        w.v[w.n++] = STR(STORE_DAMAGED_WARNING);
    return w;
}

/* Cuts to the limit; true when something was cut. */
static bool cut(size_t *n, size_t limit)
{
    bool over = limit && *n > limit;
    if (over)
        *n = limit;
    return over;
}

/* --- series ----------------------------------------------------------------------------------- */

static int by_labels(const void *a, const void *b)
{
    return labels_cmp(a, b);
}

/* The arena of one request, which shares in the memory of queries. */
static void request_arena(const struct api_context *api, struct arena *arena, struct budget *memory)
{
    query_engine_budget(api->engine, memory);
    arena_init_shared(arena, ARENA_MAX, memory);
}

static void request_done(struct arena *arena, const struct budget *memory)
{
    arena_done(arena);
    memory_freed(memory->peak);
}

static int too_large(const struct arena *arena, struct err *err)
{
    if (arena->shared->refused_by)
        return budget_error(arena->shared, err);
    return err_set(err, ERR_TOO_BIG, "the answer is too large: narrow match[] or give a limit");
}

/* The label sets that satisfy any of the selectors, sorted, each once. They live in `arena`. */
static int collect_series(struct store *store, const struct question *question, struct arena *arena,
                          struct labels **out, size_t *out_n, struct err *err)
{
    struct labels *all = NULL;
    size_t n = 0;
    for (size_t i = 0; i < question->selectors.n; i++) {
        const struct selector *s = &question->selectors.v[i];
        struct selection *sel;
        int rc = store_select_known(store, s->v, s->n, question->start_ms, question->end_ms,
                                    store_limit(question->limit), arena->shared, &sel, err);
        if (rc != 0)
            return rc;
        size_t more = selection_count(sel);
        struct labels *grown = arena_grow(arena, all, n, n + more, sizeof *grown);
        for (size_t k = 0; grown && k < more; k++)
            grown[n + k] = labels_copy(arena, selection_labels(sel, k));
        selection_free(sel);
        if (arena_failed(arena))
            return too_large(arena, err);
        all = grown;
        n += more;
    }
    if (question->selectors.n > 1 && n > 1) {
        qsort(all, n, sizeof *all, by_labels);
        size_t kept = 1;
        for (size_t i = 1; i < n; i++)
            if (labels_cmp(&all[i], &all[kept - 1]) != 0)
                all[kept++] = all[i];
        n = kept;
    }
    *out = all;
    *out_n = n;
    return 0;
}

static void answer_series(const struct api_context *api, const struct question *question,
                          const struct labels *v, size_t n, struct http_response *r)
{
    struct warnings w = warnings_of(api, question, cut(&n, question->limit));
    struct json j = answer_begin(r);
    json_array(&j);
    for (size_t i = 0; i < n; i++)
        json_labels(&j, &v[i]);
    json_array_end(&j);
    answer_end(&j, w.v, w.n, NULL, 0);
}

void api_series(void *self, const struct http_request *q, struct http_response *r)
{
    const struct api_context *api = self;
    struct question question;
    struct labels *v = NULL;
    size_t n = 0;
    struct err err;
    if (!read_question(q, r, &question))
        return;
    struct arena arena;
    struct budget memory;
    request_arena(api, &arena, &memory);
    if (question.selectors.n == 0) {
        err_set(&err, ERR_INVALID, "no match[] parameter provided");
        answer_error(r, &err);
    } else if (collect_series(api->store, &question, &arena, &v, &n, &err) != 0) {
        answer_error(r, &err);
    } else {
        answer_series(api, &question, v, n, r);
    }
    request_done(&arena, &memory);
    selectors_done(&question.selectors);
}

/* --- names and values ------------------------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static size_t sort_unique(struct str *v, size_t n)
{
    if (n < 2)
        return n;
    qsort(v, n, sizeof *v, by_text);
    size_t kept = 1;
    for (size_t i = 1; i < n; i++)
        if (!str_eq(v[i], v[kept - 1]))
            v[kept++] = v[i];
    return kept;
}

/* Names of labels (`name` empty) or values of one, for one selector (or none). */
static int collect_one(struct store *store, struct str name, const struct question *question,
                       const struct selector *s, struct arena *arena, struct str **out,
                       size_t *out_n, struct err *err)
{
    const struct matcher *v = s ? s->v : NULL;
    size_t n = s ? s->n : 0, limit = store_limit(question->limit);
    if (name.n)
        return store_label_values(store, name, v, n, question->start_ms, question->end_ms, limit,
                                  arena, out, out_n, err);
    return store_label_names(store, v, n, question->start_ms, question->end_ms, limit, arena, out,
                             out_n, err);
}

static int collect_text(struct store *store, struct str name, const struct question *question,
                        struct arena *arena, struct str **out, size_t *out_n, struct err *err)
{
    size_t selectors = question->selectors.n;
    *out_n = 0;
    if (question->end_ms < question->start_ms)
        return 0; // there is nothing between
    if (selectors == 0)
        return collect_one(store, name, question, NULL, arena, out, out_n, err);
    struct str *all = NULL;
    size_t n = 0;
    for (size_t i = 0; i < selectors; i++) {
        struct str *found;
        size_t more;
        int rc = collect_one(store, name, question, &question->selectors.v[i], arena, &found, &more,
                             err);
        if (rc != 0)
            return arena_failed(arena) ? too_large(arena, err) : rc;
        struct str *grown = arena_grow(arena, all, n, n + more, sizeof *grown);
        if (!grown)
            return too_large(arena, err);
        if (more)
            memcpy(grown + n, found, more * sizeof *grown);
        all = grown;
        n += more;
    }
    *out = all;
    *out_n = selectors > 1 ? sort_unique(all, n) : n;
    return 0;
}

static void answer_text(const struct api_context *api, struct str name,
                        const struct http_request *q, struct http_response *r)
{
    struct question question;
    struct str *v = NULL;
    size_t n = 0;
    struct err err;
    if (!read_question(q, r, &question))
        return;
    struct arena arena;
    struct budget memory;
    request_arena(api, &arena, &memory);
    if (collect_text(api->store, name, &question, &arena, &v, &n, &err) != 0) {
        answer_error(r, &err);
    } else {
        struct warnings w = warnings_of(api, &question, cut(&n, question.limit));
        struct json j = answer_begin(r);
        json_strs(&j, v, n);
        answer_end(&j, w.v, w.n, NULL, 0);
    }
    request_done(&arena, &memory);
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
    struct err err;
    if (!str_ends(rest, suffix)) {
        r->status = 404;
        buf_puts(&r->body, "404 page not found\n");
        return;
    }
    struct str name = label_name_unescape(q->arena, str_sub(rest, 0, rest.n - suffix.n));
    if (name.n == 0 || !str_is_utf8(name)) {
        err_set(&err, ERR_INVALID, "invalid label name: \"%.*s\"", STR_ARG(str_sub(rest, 0, 100)));
        answer_error(r, &err);
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
    request_arena(api, &arena, &memory);
    if (store_metadata(api->store, http_param(q, "metric"), limit == SIZE_MAX ? 0 : limit, &arena,
                       &v, &n, &err) != 0)
        answer_error(r, &err);
    else
        answer_metadata(v, n, per_metric, r);
    request_done(&arena, &memory);
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
            return too_large(arena, err);
        if (more)
            memcpy(grown + n, v, more * sizeof *grown);
        all = grown;
        n += more;
    }
    *out = all;
    *out_n = n;
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
        answer_bad_param(r, "end", "end timestamp must not be before start time");
        return;
    }
    struct query_selectors selectors;
    if (query_selectors(http_param(q, "query"), &selectors, &err) != 0) {
        err_prefix(&err, err.code, "invalid parameter \"query\"");
        answer_error(r, &err);
        return;
    }
    struct arena arena;
    struct budget memory;
    request_arena(api, &arena, &memory);
    struct series_exemplars *all = NULL;
    size_t n = 0;
    if (collect_exemplars(api->store, &selectors, start_ms, end_ms, &arena, &all, &n, &err) == 0)
        answer_exemplars(all, n, r);
    else
        answer_error(r, &err);
    query_selectors_free(&selectors);
    request_done(&arena, &memory);
}
