#include "query/promql/group.h"

int grouping_init(struct eval *ev, const struct aggregate_node *a, struct grouping *out)
{
    *out = (struct grouping){0};
    out->filter = label_filter_make(ev->arena, a->grouping, a->n_grouping, !a->without);
    return out->filter.names ? 0 : eval_memory_error(ev);
}

static struct group *add(struct eval *ev, struct grouping *g, uint64_t hash, const struct labels *l)
{
    struct group *v = arena_room(ev->arena, g->v, g->n, &g->cap, 16, sizeof *v);
    if (!v)
        return NULL;
    g->v = v;
    struct group *new = &g->v[g->n];
    *new = (struct group){.labels = label_filter_apply(&g->filter, ev->arena, l)};
    if (arena_failed(ev->arena) || !label_index_add(&g->index, ev->arena, hash, (uint32_t)g->n))
        return NULL;
    g->n++;
    return new;
}

struct group *grouping_of(struct eval *ev, struct grouping *g, const struct row *r)
{
    struct group *found = NULL;
    uint64_t hash = label_filter_hash(&g->filter, &r->labels);
    size_t cursor = 0;
    for (uint32_t k; !found && (k = label_index_find(&g->index, hash, &cursor)) != 0;)
        if (label_filter_matches(&g->filter, &r->labels, &g->v[k - 1].labels))
            found = &g->v[k - 1];
    if (!found)
        found = add(ev, g, hash, &r->labels);
    if (found)
        found->drop_name |= r->drop_name;
    else
        (void)eval_memory_error(ev); // the code is implied by the NULL
    return found;
}
