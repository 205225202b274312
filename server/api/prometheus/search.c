/* Answers are lines of JSON: batches of results, then a line that says that all went well and
 * whether there is more. Grafana's editor reads them as they come. */
#include "api/prometheus/search.h"

#include "api/api.h"
#include "api/prometheus/answer.h"
#include "api/prometheus/search_request.h"
#include "base/compiler.h"
#include "store/store.h"

/* A search and what it is about. */
struct finding {
    struct search search;
    const struct api_context *api;
    const struct http_request *http;
    struct str label; /* whose values are searched; empty: names of labels */
    bool of_metrics, with_metadata;
    struct arena arena;
    struct search_hit *v;
    size_t n;
};

/* --- finding ---------------------------------------------------------------------------------- */

/* Of the names, which come sorted, those that fit, in the order of the answer. */
static int choose(struct finding *f, const struct str *names, size_t n, struct err *err)
{
    enum { ASK_EVERY = 4096 };
    f->v = arena_array(&f->arena, n, sizeof *f->v);
    if (!f->v)
        return question_too_large(&f->arena, err);
    for (size_t i = 0; i < n; i++) {
        if (i % ASK_EVERY == ASK_EVERY - 1 && http_client_gone(f->http))
            return err_set(err, ERR_CANCELLED, "the search was cancelled");
        double score = search_score(&f->search, names[i]);
        if (score >= 0)
            f->v[f->n++] = (struct search_hit){names[i], score, i};
    }
    search_sort(&f->search, f->v, f->n);
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

static void write_hit(void *self, struct json *j, size_t i)
{
    struct finding *f = self;
    const struct search_hit *h = &f->v[i];
    json_object(j);
    json_member_str(j, "name", h->name);
    if (f->label.n && !f->of_metrics)
        json_member_str(j, "value", h->name); // some clients look for the one, some for the other
    if (f->search.with_score) {
        json_key(j, "score");
        json_double(j, h->score);
    }
    if (f->with_metadata)
        write_metadata(j, f->api->store, h->name, &f->arena);
    json_object_end(j);
}

static void answer(struct finding *f, struct http_response *r)
{
    bool more = question_cut(&f->n, f->search.limit);
    struct question_warnings w = question_warnings(f->api, &f->search.question, false);
    search_answer(r, &f->search, f->n, more, w.v, w.n, write_hit, f);
}

static int find(struct finding *f, struct err *err)
{
    struct str *names = NULL;
    size_t n = 0;
    int rc =
        question_text(f->api->store, f->label, &f->search.question, &f->arena, &names, &n, err);
    return rc == 0 ? choose(f, names, n, err) : rc;
}

static void search(struct finding *f, struct http_response *r)
{
    struct err err;
    struct budget memory;
    question_arena(f->api, &f->arena, &memory);
    if (find(f, &err) == 0)
        answer(f, r);
    else
        answer_error(r, &err);
    question_arena_done(&f->arena, &memory);
    selectors_done(&f->search.question.selectors);
}

void api_search_metric_names(void *self, const struct http_request *q, struct http_response *r)
{
    struct finding f = {.api = self, .http = q, .label = LABEL_NAME, .of_metrics = true};
    struct err err;
    int rc = search_read(q, "metric_names", &f.search, &err);
    if (rc == 0) {
        rc = search_read_flag(q, "include_metadata", false, &f.with_metadata, &err);
        if (rc != 0)
            selectors_done(&f.search.question.selectors);
    }
    if (rc == 0)
        search(&f, r);
    else
        answer_error(r, &err);
}

void api_search_label_names(void *self, const struct http_request *q, struct http_response *r)
{
    struct finding f = {.api = self, .http = q};
    struct err err;
    if (search_read(q, "label_names", &f.search, &err) == 0)
        search(&f, r);
    else
        answer_error(r, &err);
}

void api_search_label_values(void *self, const struct http_request *q, struct http_response *r)
{
    struct finding f = {.api = self, .http = q, .label = http_param(q, "label")};
    struct err err;
    if (search_read(q, "label_values", &f.search, &err) != 0) {
        answer_error(r, &err);
    } else if (f.label.n == 0 || !str_is_utf8(f.label)) {
        if (f.label.n == 0)
            answer_bad_data(r, "missing required parameter \"label\"");
        else
            answer_bad_data(r, "invalid label name: %.*s", STR_ARG(param_shown(q, f.label)));
        selectors_done(&f.search.question.selectors);
    } else {
        search(&f, r);
    }
}
