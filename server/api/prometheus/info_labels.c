/* Labels of info series (target_info unless told otherwise) but for the name and for those that say
 * whose they are, job and instance; each with its values. With `expr` only of the info series whose
 * job and instance are among those of the expression's series. */
#include "api/prometheus/info_labels.h"

#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "api/prometheus/answer.h"
#include "api/prometheus/search_request.h"
#include "base/compiler.h"
#include "base/num.h"
#include "model/labels.h"
#include "query/query.h"
#include "store/aggregates.h"
#include "store/store.h"

static const struct str identifying[] = {{"instance", 8}, {"job", 3}};

enum { IDENTIFYING = ARRAY_LEN(identifying) };

/* Texts, sorted once all are there. */
struct texts {
    struct str *v;
    size_t n, cap;
};

struct looking {
    const struct api_context *api;
    const struct http_request *http;
    struct search search;
    struct matcher info_name;
    size_t values_limit; /* 0: none */
    bool scoped;         /* `among` holds */
    struct texts among[IDENTIFYING];
    struct arena arena;
    struct label *pairs; /* of the info series; sorted and each once in the end */
    size_t n_pairs, cap_pairs;
    struct search_hit *hits; /* `which`: the first pair of the name */
    size_t n_hits;
    struct str *warnings;
    size_t n_warnings;
};

/* --- parameters ------------------------------------------------------------------------------- */

static int read_info_name(struct looking *l, struct err *err)
{
    static const struct {
        const char *prefix;
        enum match_op op;
    } kinds[] = {{"!~", MATCH_NOT_REGEX}, {"!=", MATCH_NOT_EQUAL}, {"=~", MATCH_REGEX}};
    struct str text = http_param(l->http, "metric_match"), value = text;
    enum match_op op = MATCH_EQUAL;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (str_starts(text, str_c(kinds[i].prefix))) {
            op = kinds[i].op;
            value = str_sub(text, 2, text.n);
        }
    int rc =
        text.n && value.n == 0
            ? err_set(err, ERR_INVALID, "metric_match value cannot be empty")
            : matcher_init(&l->info_name, op, LABEL_NAME, text.n ? value : STR("target_info"), err);
    return rc == 0 ? 0 : err_prefix(err, rc, "invalid metric_match");
}

static int read_values_limit(struct looking *l, struct err *err)
{
    struct str text = http_param(l->http, "values_limit");
    int64_t n = 0;
    if (text.n && (num_parse_i64(text, &n) != 0 || n < 0))
        return err_set(err, ERR_INVALID,
                       "invalid values_limit %.*s: must be a non-negative integer",
                       STR_ARG(param_shown(l->http, text)));
    l->values_limit = (size_t)n;
    return 0;
}

static int read_parameters(struct looking *l, struct err *err)
{
    int rc = search_read(l->http, "info_labels", &l->search, err);
    if (rc != 0)
        return rc;
    bool selectors = l->search.question.selectors.n > 0;
    selectors_done(&l->search.question.selectors);
    if (selectors)
        return err_set(err, ERR_INVALID,
                       "match[] is not supported by info_labels; use metric_match or expr");
    rc = read_values_limit(l, err);
    return rc == 0 ? read_info_name(l, err) : rc;
}

/* --- whose info ------------------------------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static bool add_text(struct arena *arena, struct texts *t, struct str text)
{
    struct str *v = arena_room(arena, t->v, t->n, &t->cap, 64, sizeof *v);
    if (!v)
        return false;
    t->v = v;
    t->v[t->n++] = arena_str(arena, text);
    return !arena_failed(arena);
}

static bool has_text(const struct texts *t, struct str text)
{
    return t->n && bsearch(&text, t->v, t->n, sizeof text, by_text);
}

static int note_series(struct looking *l, const struct query_result *result, struct err *err)
{
    for (size_t i = 0; i < result->n_series; i++)
        for (size_t k = 0; k < IDENTIFYING; k++) {
            struct str value = labels_get(&result->series[i].labels, identifying[k]);
            if (value.n && !add_text(&l->arena, &l->among[k], value))
                return question_too_large(&l->arena, err);
        }
    for (size_t k = 0; k < IDENTIFYING; k++)
        if (l->among[k].n > 1)
            qsort(l->among[k].v, l->among[k].n, sizeof *l->among[k].v, by_text);
    return 0;
}

static int keep_warnings(struct looking *l, const struct query_result *result, struct err *err)
{
    /* One more: for names that were left out. */
    l->warnings = arena_array(&l->arena, result->n_warnings + 1, sizeof *l->warnings);
    if (!l->warnings)
        return question_too_large(&l->arena, err);
    for (size_t i = 0; i < result->n_warnings; i++)
        l->warnings[l->n_warnings++] = arena_str(&l->arena, result->warnings[i]);
    return 0;
}

static bool client_gone(void *self)
{
    return http_client_gone(self);
}

static int run_expr(struct looking *l, struct query_result *out, struct err *err)
{
    struct query_request request = {.expr = http_param(l->http, "expr"),
                                    .instant = true,
                                    .start_ms = l->search.question.end_ms,
                                    .cancelled = client_gone,
                                    .self = (void *)(uintptr_t)l->http};
    int rc = param_read_duration(l->http, "lookback_delta", &request.lookback_ms, err);
    if (rc != 0)
        return err_prefix(err, rc, "error parsing lookback delta duration");
    rc = query_run(l->api->engine, &request, out, err);
    return rc == ERR_INVALID ? err_prefix(err, rc, "invalid expr") : rc;
}

/* Notes job and instance of the expression's series. */
static int read_scope(struct looking *l, struct err *err)
{
    static const char *const types[] = {[QUERY_SCALAR] = "scalar", [QUERY_STRING] = "string"};
    struct query_result result = {0};
    l->scoped = http_param(l->http, "expr").n > 0;
    int rc = l->scoped ? run_expr(l, &result, err) : 0;
    if (rc != 0)
        return rc;
    if (l->scoped && result.type != QUERY_VECTOR && result.type != QUERY_MATRIX)
        rc = err_set(err, ERR_INVALID, "expr must return series (vector or matrix), got %s",
                     types[result.type]);
    if (rc == 0)
        rc = keep_warnings(l, &result, err);
    if (rc == 0)
        rc = note_series(l, &result, err);
    if (l->scoped)
        query_result_done(&result);
    return rc;
}

/* Nobody's info, and not because all of it is asked for. */
static bool is_nobody(const struct looking *l)
{
    bool nobody = l->scoped;
    for (size_t k = 0; k < IDENTIFYING; k++)
        nobody &= l->among[k].n == 0;
    return nobody;
}

/* --- labels and values ------------------------------------------------------------------------ */

static bool is_wanted(const struct looking *l, const struct labels *labels)
{
    for (size_t k = 0; k < IDENTIFYING; k++)
        if (l->among[k].n && !has_text(&l->among[k], labels_get(labels, identifying[k])))
            return false;
    return true;
}

static bool is_data(struct str name)
{
    for (size_t k = 0; k < IDENTIFYING; k++)
        if (str_eq(name, identifying[k]))
            return false;
    return !str_eq(name, LABEL_NAME);
}

static int add_pairs(struct looking *l, const struct labels *labels, struct err *err)
{
    if (l->n_pairs + labels->n > l->cap_pairs) {
        size_t cap = MAX(l->cap_pairs * 2, l->n_pairs + labels->n + 64);
        struct label *v = arena_grow(&l->arena, l->pairs, l->n_pairs, cap, sizeof *v);
        if (!v)
            return question_too_large(&l->arena, err);
        l->pairs = v;
        l->cap_pairs = cap;
    }
    for (size_t i = 0; i < labels->n; i++)
        if (is_data(labels->v[i].name))
            l->pairs[l->n_pairs++] = labels->v[i]; // borrowed from the selection until sorted
    return 0;
}

static int by_name_and_value(const void *a, const void *b)
{
    const struct label *x = a, *y = b;
    int c = str_cmp(x->name, y->name);
    return c ? c : str_cmp(x->value, y->value);
}

/* Sorts the pairs, keeps each once and copies what is kept. */
static int settle_pairs(struct looking *l, struct err *err)
{
    size_t kept = 0;
    if (l->n_pairs > 1)
        qsort(l->pairs, l->n_pairs, sizeof *l->pairs, by_name_and_value);
    for (size_t i = 0; i < l->n_pairs; i++) {
        struct label *last = kept ? &l->pairs[kept - 1] : NULL;
        bool same_name = last && str_eq(last->name, l->pairs[i].name);
        if (same_name && str_eq(last->value, l->pairs[i].value))
            continue;
        struct str name = same_name ? last->name : arena_str(&l->arena, l->pairs[i].name);
        l->pairs[kept++] = (struct label){name, arena_str(&l->arena, l->pairs[i].value)};
    }
    l->n_pairs = kept;
    return arena_failed(&l->arena) ? question_too_large(&l->arena, err) : 0;
}

static int collect_pairs(struct looking *l, struct err *err)
{
    enum { ASK_EVERY = 4096 };
    struct selection *sel;
    int rc = store_select_known(l->api->store, &l->info_name, 1, l->search.question.start_ms,
                                l->search.question.end_ms, 0, l->arena.shared, &sel, err);
    if (rc != 0)
        return rc;
    for (size_t i = 0; rc == 0 && i < selection_count(sel); i++) {
        const struct labels *labels = selection_labels(sel, i);
        if (i % ASK_EVERY == ASK_EVERY - 1 && http_client_gone(l->http))
            rc = err_set(err, ERR_CANCELLED, "the search was cancelled");
        else if (is_wanted(l, labels))
            rc = add_pairs(l, labels, err);
    }
    if (rc == 0)
        rc = settle_pairs(l, err);
    selection_free(sel);
    return rc;
}

/* The names that fit what was typed, each at its first pair. */
static int choose_names(struct looking *l, struct err *err)
{
    l->hits = arena_array(&l->arena, l->n_pairs, sizeof *l->hits);
    if (!l->hits && l->n_pairs)
        return question_too_large(&l->arena, err);
    for (size_t i = 0; i < l->n_pairs; i++) {
        if (i && str_eq(l->pairs[i].name, l->pairs[i - 1].name))
            continue;
        double score = search_score(&l->search, l->pairs[i].name);
        if (score >= 0)
            l->hits[l->n_hits++] = (struct search_hit){l->pairs[i].name, score, i};
    }
    search_sort(&l->search, l->hits, l->n_hits);
    return 0;
}

/* --- answering -------------------------------------------------------------------------------- */

static void write_hit(void *self, struct json *j, size_t i)
{
    const struct looking *l = self;
    const struct search_hit *h = &l->hits[i];
    size_t most = l->values_limit ? l->values_limit : SIZE_MAX;
    json_object(j);
    json_member_str(j, "name", h->name);
    json_key(j, "values");
    json_array(j);
    for (size_t k = h->which; k < l->n_pairs && k - h->which < most; k++) {
        if (!str_eq(l->pairs[k].name, h->name))
            break;
        json_str(j, l->pairs[k].value);
    }
    json_array_end(j);
    if (l->search.with_score) {
        json_key(j, "score");
        json_double(j, h->score);
    }
    json_object_end(j);
}

static int look(struct looking *l, struct err *err)
{
    int rc = read_scope(l, err);
    if (rc == 0 && !is_nobody(l))
        rc = collect_pairs(l, err);
    return rc == 0 ? choose_names(l, err) : rc;
}

static void answer(struct looking *l, struct http_response *r)
{
    bool more = question_cut(&l->n_hits, l->search.limit);
    search_answer(r, &l->search, l->n_hits, more, l->warnings, l->n_warnings, write_hit, l);
}

void api_info_labels(void *self, const struct http_request *q, struct http_response *r)
{
    struct looking l = {.api = self, .http = q};
    struct budget memory;
    struct err err;
    if (read_parameters(&l, &err) != 0) {
        answer_error(r, &err);
        return;
    }
    question_arena(l.api, &l.arena, &memory);
    if (look(&l, &err) == 0)
        answer(&l, r);
    else
        answer_error(r, &err);
    question_arena_done(&l.arena, &memory);
    matcher_done(&l.info_name);
}
