#include "model/batch.h"

void batch_init(struct batch *b, size_t budget_bytes)
{
    *b = (struct batch){0};
    arena_init(&b->arena, budget_bytes);
}

void batch_done(struct batch *b)
{
    arena_done(&b->arena);
    *b = (struct batch){0};
}

void batch_reset(struct batch *b)
{
    struct arena kept = b->arena;
    arena_reset(&kept);
    *b = (struct batch){.arena = kept};
}

/* Room for one more element in an array of the arena; returns the array or NULL. */
static void *room_for_one(struct arena *a, void *array, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return array;
    size_t bigger = *cap ? *cap * 2 : 64;
    void *p = arena_extend(a, array, n, bigger, size);
    if (p)
        *cap = bigger;
    return p;
}

struct batch_series *batch_add_series(struct batch *b, struct labels labels)
{
    return batch_add_series_like(b, labels, labels_same_text(&labels, &b->hashes.of));
}

struct batch_series *batch_add_series_like(struct batch *b, struct labels labels, uint64_t same)
{
    return batch_add_hashed(b, labels, labels_hash_like(&labels, same, &b->hashes));
}

struct batch_series *batch_add_hashed(struct batch *b, struct labels labels, uint64_t hash)
{
    struct batch_series *v =
        room_for_one(&b->arena, b->series, b->n_series, &b->cap_series, sizeof *v);
    if (!v)
        return NULL;
    b->series = v;
    struct batch_series *s = &v[b->n_series++];
    *s = (struct batch_series){.labels = labels, .hash = hash};
    return s;
}

struct batch_series *batch_add_known(struct batch *b, const void *known, uint32_t recalled)
{
    struct batch_series *s = batch_add_hashed(b, (struct labels){0}, 0);
    if (!s)
        return NULL;
    s->known = known;
    if (b->n_known++ == 0)
        b->recalled = recalled;
    return s;
}

int batch_add_point(struct batch *b, const struct batch_point *point, uint32_t recalled)
{
    struct batch_point *v =
        room_for_one(&b->arena, b->points, b->n_points, &b->cap_points, sizeof *v);
    if (!v)
        return ERR_NOMEM;
    b->points = v;
    v[b->n_points] = *point;
    v[b->n_points++].position = (uint32_t)b->n_series;
    b->n_in_points += batch_point_series(point);
    if (b->n_known++ == 0)
        b->recalled = recalled;
    return 0;
}

int batch_add_group(struct batch *b, const struct batch_group *group)
{
    struct batch_group *v =
        room_for_one(&b->arena, b->groups, b->n_groups, &b->cap_groups, sizeof *v);
    if (!v)
        return ERR_NOMEM;
    b->groups = v;
    v[b->n_groups++] = *group;
    return 0;
}

void batch_point_values(const struct batch_point *p, double *out)
{
    double count = p->stale ? stale_nan() : (double)p->count;
    uint64_t cumulative = 0;
    if (p->has_sum)
        *out++ = p->stale ? stale_nan() : p->sum;
    *out++ = count;
    for (uint32_t i = 0; i < p->n_counts; i++) {
        cumulative += p->stale ? 0 : p->counts[i];
        *out++ = p->stale ? stale_nan() : (double)cumulative;
    }
    *out = count;
}

int batch_add_metadata(struct batch *b, const struct metric_metadata *m)
{
    struct metric_metadata *v =
        room_for_one(&b->arena, b->metadata, b->n_metadata, &b->cap_metadata, sizeof *v);
    if (!v)
        return ERR_NOMEM;
    b->metadata = v;
    v[b->n_metadata++] = *m;
    return 0;
}

size_t batch_count_samples(const struct batch *b)
{
    size_t n = b->n_in_points;
    for (size_t i = 0; i < b->n_series; i++)
        n += b->series[i].n_samples;
    return n;
}
