#include "api/prometheus/question.h"

#include <stdlib.h>

#include "api/api.h"
#include "api/prometheus/answer.h"
#include "base/memory.h"
#include "query/query.h"
#include "store/store.h"

enum { ARENA_MAX = 512 << 20 };

bool question_read(const struct http_request *q, struct http_response *r, struct question *out)
{
    struct err err;
    *out = (struct question){0};
    if (!param_limit(q, r, &out->limit) ||
        !param_time(q, r, "start", TIME_MIN_MS, &out->start_ms) ||
        !param_time(q, r, "end", TIME_MAX_MS, &out->end_ms))
        return false;
    if (param_read_selectors(q, false, &out->selectors, &err) == 0)
        return true;
    answer_error(r, &err);
    return false;
}

size_t question_store_limit(size_t limit)
{
    return limit && limit < SIZE_MAX ? limit + 1 : 0;
}

struct question_warnings question_warnings(const struct api_context *api,
                                           const struct question *question, bool was_cut)
{
    struct question_warnings w = {0};
    if (was_cut)
        w.v[w.n++] = STR("results truncated due to limit");
    if (store_is_damaged(api->store, question->start_ms, question->end_ms))
        w.v[w.n++] = STR(STORE_DAMAGED_WARNING);
    return w;
}

bool question_cut(size_t *n, size_t limit)
{
    bool over = limit && *n > limit;
    if (over)
        *n = limit;
    return over;
}

void question_arena(const struct api_context *api, struct arena *arena, struct budget *memory)
{
    query_engine_budget(api->engine, memory);
    arena_init_shared(arena, ARENA_MAX, memory);
}

void question_arena_done(struct arena *arena, const struct budget *memory)
{
    arena_done(arena);
    memory_freed(memory->peak);
}

int question_too_large(const struct arena *arena, struct err *err)
{
    if (arena->shared->refused_by)
        return budget_error(arena->shared, err);
    return err_set(err, ERR_TOO_BIG, "the answer is too large: narrow match[] or give a limit");
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
    size_t n = s ? s->n : 0, limit = question_store_limit(question->limit);
    if (name.n)
        return store_label_values(store, name, v, n, question->start_ms, question->end_ms, limit,
                                  arena, out, out_n, err);
    return store_label_names(store, v, n, question->start_ms, question->end_ms, limit, arena, out,
                             out_n, err);
}

int question_text(struct store *store, struct str name, const struct question *question,
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
            return arena_failed(arena) ? question_too_large(arena, err) : rc;
        struct str *grown = arena_grow(arena, all, n, n + more, sizeof *grown);
        if (!grown)
            return question_too_large(arena, err);
        if (more)
            memcpy(grown + n, found, more * sizeof *grown);
        all = grown;
        n += more;
    }
    *out = all;
    *out_n = selectors > 1 ? sort_unique(all, n) : n;
    return 0;
}

bool question_runs_later(const struct api_context *api, const struct http_request *q)
{
    bool later = http_is_quick(q) && !store_is_replayed(api->store);
    if (later)
        http_run_later(q);
    return later;
}
