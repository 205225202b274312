#include <stdlib.h>

#include "base/budget.h"
#include "base/compiler.h"
#include "store/embedded/aggregate_table.h"
#include "store/embedded/columns.h"
#include "store/embedded/damage.h"
#include "store/embedded/erase.h"
#include "store/embedded/order_sort.h"
#include "store/embedded/selection.h"

/* Memory of one selection. A million streams of a dozen labels take about 0.5 GiB. */
#define SELECTION_MAX ((size_t)8 << 30)

/* --- unifying --------------------------------------------------------------------------------- */

static int by_labels(const void *things, uint32_t a, uint32_t b)
{
    const struct gather *g = things;
    const struct candidate *x = &g->candidates[a], *y = &g->candidates[b];
    return ranks_cmp(g->labels + x->labels, x->n_labels, g->labels + y->labels, y->n_labels);
}

/* Numbers become ranks, and each candidate's labels keep their order: names are sorted. */
static int rank_labels(struct gather *g, uint32_t **out_sorted)
{
    uint32_t *ranks = label_table_rank(&g->table, out_sorted);
    if (!ranks)
        return ERR_NOMEM;
    for (size_t i = 0; i < g->n_labels; i++)
        g->labels[i] = ranks[g->labels[i]];
    return 0;
}

static uint32_t *sort_candidates(struct gather *g)
{
    size_t n = g->n_candidates;
    uint32_t *order = arena_array(&g->work, 2 * n, sizeof *order);
    for (size_t i = 0; order && i < n; i++)
        order[i] = (uint32_t)i;
    if (order)
        order_sort(order, order + n, n, by_labels, g);
    return order;
}

static struct labels make_labels(struct gather *g, const struct candidate *c,
                                 const uint32_t *sorted)
{
    struct label *v = arena_alloc(&g->selection->arena, c->n_labels * sizeof *v);
    for (uint32_t i = 0; v && i < c->n_labels; i++)
        v[i] = g->table.pairs[sorted[g->labels[c->labels + i]]];
    return (struct labels){v, v ? c->n_labels : 0};
}

/* Puts the sources of the candidates order[0..n), which are one stream, behind each other. */
static void join_sources(struct gather *g, const uint32_t *order, size_t n, struct source *to,
                         struct selected *out)
{
    for (size_t i = 0; i < n; i++) {
        const struct candidate *c = &g->candidates[order[i]];
        memcpy(to + out->first + out->n, g->selection->sources + c->first,
               c->n * sizeof(struct source));
        out->n += c->n;
    }
}

static size_t group_end(const struct gather *g, const uint32_t *order, size_t from)
{
    size_t i = from + 1;
    while (i < g->n_candidates && by_labels(g, order[from], order[i]) == 0)
        i++;
    return i;
}

static bool is_rolled_up(const struct source *src)
{
    return src->part && src->part->resolution_ms;
}

static int64_t source_day(const struct source *src)
{
    return src->part ? src->part->day : day_of(src->block.min_ms);
}

static bool is_seen(const struct selected *one, const struct source *src)
{
    return src->block.max_ms >= (is_rolled_up(src) ? one->rolled_min_ms : one->min_ms);
}

static bool has_samples(const struct source *sources, const struct selected *one, int64_t day)
{
    for (uint32_t i = 0; i < one->n; i++) {
        const struct source *src = &sources[one->first + i];
        if (!is_rolled_up(src) && source_day(src) == day && is_seen(one, src))
            return true;
    }
    return false;
}

/* Takes out the sources of a stream that have nothing to be seen. The rest moves forward, which
 * takes no sample's place but of those that are not wanted. */
static void limit_sources(const struct gather *g, int64_t keep_min_ms, struct source *sources,
                          struct selected *one)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < one->n; i++) {
        struct source *src = &sources[one->first + i];
        int64_t day = source_day(src);
        bool samples = aggregates_is_partial(g, day) && has_samples(sources, one, day);
        if (is_seen(one, src) && aggregates_want(g, day, is_rolled_up(src), keep_min_ms, samples))
            sources[one->first + n++] = *src;
    }
    one->n = n;
}

static void limit_stream(const struct gather *g, struct source *sources, struct selected *one)
{
    one->min_ms = g->min_ms;
    one->rolled_min_ms = g->selection->aggregates_min_ms;
    int64_t asked_ms = g->request ? MIN(g->min_ms, g->request->asked_min_ms) : g->min_ms;
    bool all_kept = !g->keep.rules || asked_ms >= g->keep.all_ms;
    if (LIKELY(all_kept && !g->n_partial))
        return;
    int64_t min_ms = keep_min_ms(&g->keep, &one->labels);
    one->min_ms = MAX(g->min_ms, min_ms);
    if (min_ms > g->keep.table_min_ms)
        one->rolled_min_ms = MAX(one->rolled_min_ms, min_ms);
    limit_sources(g, min_ms, sources, one);
}

static int unify(struct gather *g, size_t limit)
{
    struct selection *s = g->selection;
    uint32_t *sorted = NULL;
    if (g->n_candidates == 0)
        return 0;
    if (rank_labels(g, &sorted) != 0)
        return ERR_NOMEM;
    uint32_t *order = sort_candidates(g);
    struct selected *streams = arena_array(&s->arena, g->n_candidates, sizeof *streams);
    struct source *sources = arena_array(&s->arena, s->n_sources, sizeof *sources);
    if (!order || !streams || !sources)
        return ERR_NOMEM;

    uint32_t n_sources = 0;
    size_t n = 0;
    for (size_t i = 0; i < g->n_candidates && (!limit || n < limit);) {
        size_t end = group_end(g, order, i);
        struct selected *one = &streams[n];
        *one = (struct selected){.first = n_sources};
        one->labels = make_labels(g, &g->candidates[order[i]], sorted);
        join_sources(g, order + i, end - i, sources, one);
        i = end;
        limit_stream(g, sources, one);
        n_sources += one->n;
        n += one->n > 0;
    }
    s->streams = streams;
    s->n = n;
    s->sources = sources;
    s->n_sources = n_sources;
    return arena_failed(&s->arena) ? ERR_NOMEM : 0;
}

/* --- selecting -------------------------------------------------------------------------------- */

static int gather_all(struct gather *g, size_t limit)
{
    int rc = g->request ? aggregates_choose(g) : 0;
    if (rc != 0 || (g->min_ms > g->max_ms && !g->n_taken))
        return rc;
    rc = gather_heads(g); // before the parts: see invariant 1 of engine.h
    size_t from_heads = g->n_candidates;
    if (rc == 0)
        rc = gather_parts(g);
    if (rc != 0)
        return rc;
    /* Parts rank below heads: their candidates come first. */
    struct candidate *v = arena_array(&g->work, g->n_candidates, sizeof *v);
    if (!v)
        return err_set(g->err, ERR_NOMEM, "select: over the memory budget");
    size_t from_parts = g->n_candidates - from_heads;
    if (from_parts)
        memcpy(v, g->candidates + from_heads, from_parts * sizeof *v);
    if (from_heads)
        memcpy(v + from_parts, g->candidates, from_heads * sizeof *v);
    g->candidates = v;
    rc = unify(g, limit);
    return rc == 0 ? 0 : err_set(g->err, rc, "select: over the memory budget");
}

static int select_streams(struct store *s, const struct matcher *matchers, size_t n_matchers,
                          int64_t min_ms, int64_t max_ms, size_t limit,
                          const struct aggregate_request *request, struct budget *memory,
                          struct selection **out, struct err *err)
{
    int waited = replay_wait_for(s, min_ms, err);
    if (waited != 0)
        return waited;
    struct selection *sel = calloc(1, sizeof *sel);
    if (!sel)
        return err_set(err, ERR_NOMEM, "select: out of memory");
    sel->store = s;
    struct tombstone_set *deleted = tombstones_get(&s->tombstones); // before all else
    arena_init_shared(&sel->arena, SELECTION_MAX, memory);
    struct gather g = {.selection = sel,
                       .keep = keep_begin(s),
                       .matchers = matchers,
                       .n_matchers = n_matchers,
                       .max_ms = max_ms,
                       .request = request,
                       .tombstones = deleted,
                       .err = err};
    g.min_ms = MAX(min_ms, g.keep.least_ms);
    arena_init_shared(&g.work, SELECTION_MAX, memory);
    label_table_init(&g.table, &sel->arena, &g.work);
    int rc = gather_all(&g, limit);
    if (rc == ERR_NOMEM && (sel->arena.over_budget || g.work.over_budget))
        rc = memory ? budget_error(memory, err) : rc;
    arena_done(&g.work);
    tombstone_set_unref(deleted);
    keep_end(&g.keep);
    if (rc != 0) {
        selection_free(sel);
        return rc;
    }
    *out = sel;
    return 0;
}

int store_select(struct store *s, const struct matcher *matchers, size_t n_matchers, int64_t min_ms,
                 int64_t max_ms, size_t limit, struct budget *memory, struct selection **out,
                 struct err *err)
{
    return select_streams(s, matchers, n_matchers, min_ms, max_ms, limit, NULL, memory, out, err);
}

int store_select_aggregated(struct store *s, const struct matcher *matchers, size_t n_matchers,
                            int64_t min_ms, int64_t max_ms, int64_t resolution_ms, bool prefer,
                            struct budget *memory, struct selection **out, struct err *err)
{
    const struct aggregate_request request = {MAX(min_ms, aggregates_min_ms(s)), resolution_ms,
                                              prefer};
    return select_streams(s, matchers, n_matchers, min_ms, max_ms, 0, &request, memory, out, err);
}

int store_select_known(struct store *s, const struct matcher *matchers, size_t n_matchers,
                       int64_t min_ms, int64_t max_ms, size_t limit, struct budget *memory,
                       struct selection **out, struct err *err)
{
    /* Of several resolutions of a day the coarsest tells of the same streams for the least. */
    const struct aggregate_request any = {MAX(min_ms, aggregates_min_ms(s)), MS_PER_DAY, false};
    return select_streams(s, matchers, n_matchers, min_ms, max_ms, limit, &any, memory, out, err);
}

void selection_free(struct selection *sel)
{
    if (!sel)
        return;
    for (size_t i = 0; i < sel->n_heads; i++)
        head_unref(sel->heads[i]);
    for (size_t i = 0; i < sel->n_parts; i++)
        part_unref(sel->parts[i]);
    arena_done(&sel->arena);
    free(sel);
}

size_t selection_count(const struct selection *sel)
{
    return sel->n;
}

const struct labels *selection_labels(const struct selection *sel, size_t i)
{
    return &sel->streams[i].labels;
}

bool selection_next(const struct selection *sel, size_t i, int64_t from_ms, int64_t *out_ms)
{
    const struct selected *one = &sel->streams[i];
    int64_t next_ms = INT64_MAX;
    for (uint32_t k = 0; k < one->n; k++) {
        const struct source *src = &sel->sources[one->first + k];
        int64_t from = MAX(from_ms, is_rolled_up(src) ? one->rolled_min_ms : one->min_ms);
        if (src->block.max_ms >= from)
            next_ms = MIN(next_ms, MAX(from, src->block.min_ms));
    }
    *out_ms = next_ms;
    return next_ms != INT64_MAX;
}

/* --- reading ---------------------------------------------------------------------------------- */

static int read_source(const struct selection *sel, const struct source *src, int64_t min_ms,
                       int64_t max_ms, struct columns *out)
{
    struct store *s = sel->store;
    size_t from = out->n;
    int rc;
    if (src->series) {
        struct stream_shard *shard = &s->streams.shards[src->shard];
        rc = head_series_read(src->series, shard, false, min_ms, max_ms, out);
    } else if (is_rolled_up(src)) {
        rc = aggregates_read_points(src->part, &src->block, min_ms, max_ms, out);
    } else {
        rc = part_read_block(src->part, &src->block, out);
        if (rc == 0)
            columns_trim(out, from, min_ms, max_ms);
        if (rc == 0)
            hidden_drop(src->hidden, out, from);
    }
    if (rc == ERR_CORRUPT) {
        if (src->part)
            damage_note_block(s, src->part);
        out->damaged++;
        rc = 0;
    }
    return rc;
}

static int read_sources(const struct selection *sel, size_t i, bool raw_alone, int64_t min_ms,
                        int64_t max_ms, struct columns *out)
{
    const struct selected *one = &sel->streams[i];
    int rc = 0;
    columns_reset(out);
    for (uint32_t k = 0; rc == 0 && k < one->n; k++) {
        const struct source *src = &sel->sources[one->first + k];
        int64_t from = MAX(min_ms, is_rolled_up(src) ? one->rolled_min_ms : one->min_ms);
        bool wanted = !raw_alone || !is_rolled_up(src);
        if (wanted && src->block.max_ms >= from && src->block.min_ms <= max_ms)
            rc = read_source(sel, src, from, max_ms, out);
    }
    return rc == 0 ? columns_sort(out) : rc;
}

int selection_read_raw(const struct selection *sel, size_t i, int64_t min_ms, int64_t max_ms,
                       struct columns *out)
{
    return read_sources(sel, i, true, min_ms, max_ms, out);
}

int selection_read(const struct selection *sel, size_t i, int64_t min_ms, int64_t max_ms,
                   struct columns *out, struct err *err)
{
    int rc = read_sources(sel, i, false, min_ms, max_ms, out);
    return rc == 0 ? 0 : err_set(err, rc, "read a series: out of memory");
}
