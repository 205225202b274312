#include "store/embedded/stream_ids.h"

#include <roaring/roaring.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "base/err.h"

enum { YOUNG_FIRST = 4, YOUNG_MAX = 128, LONG_RUN = 64 };

static int fold(struct stream_ids *s)
{
    if (!s->old)
        s->old = roaring_bitmap_create();
    if (!s->old)
        return ERR_NOMEM;
    roaring_bitmap_add_many(s->old, s->n_young, s->young);
    s->n_young = 0;
    return 0;
}

static int grow(struct stream_ids **ids, uint32_t n)
{
    struct stream_ids *old = *ids;
    uint32_t cap = old ? old->cap : YOUNG_FIRST / 2;
    do
        cap *= 2;
    while (cap < n);
    struct stream_ids *s = realloc(old, sizeof *s + cap * sizeof s->young[0]);
    if (!s)
        return ERR_NOMEM;
    if (!old)
        *s = (struct stream_ids){0};
    s->cap = (uint16_t)cap;
    *ids = s;
    return 0;
}

/* Room for n more young ones. */
static int make_room(struct stream_ids **ids, uint32_t n)
{
    struct stream_ids *s = *ids;
    if (LIKELY(s && s->n_young + n <= s->cap))
        return 0;
    uint32_t needed = s ? s->n_young + n : n;
    return needed > YOUNG_MAX ? fold(s) : grow(ids, needed);
}

static int add_run(struct stream_ids **ids, uint32_t first, uint32_t n)
{
    int rc = *ids ? 0 : grow(ids, 0);
    if (rc == 0)
        rc = fold(*ids);
    if (rc != 0)
        return rc;
    roaring_bitmap_add_range_closed((*ids)->old, first, first + n - 1);
    (*ids)->n += n;
    return 0;
}

int stream_ids_add(struct stream_ids **ids, uint32_t first, uint32_t n)
{
    if (n > LONG_RUN)
        return add_run(ids, first, n);
    int rc = make_room(ids, n);
    if (rc != 0)
        return rc;
    struct stream_ids *s = *ids;
    for (uint32_t i = 0; i < n; i++)
        s->young[s->n_young++] = first + i;
    s->n += n;
    return 0;
}

void stream_ids_free(struct stream_ids *ids)
{
    if (ids && ids->old)
        roaring_bitmap_free(ids->old);
    free(ids);
}

void stream_ids_remove(struct stream_ids **ids, uint32_t id)
{
    struct stream_ids *s = *ids;
    uint32_t i = 0;
    while (i < s->n_young && s->young[i] != id)
        i++;
    if (i < s->n_young)
        s->young[i] = s->young[--s->n_young];
    else
        roaring_bitmap_remove(s->old, id);
    if (--s->n > 0)
        return;
    stream_ids_free(s);
    *ids = NULL;
}

void stream_ids_or(const struct stream_ids *ids, roaring_bitmap_t *out)
{
    if (!ids)
        return;
    if (ids->old)
        roaring_bitmap_or_inplace(out, ids->old);
    roaring_bitmap_add_many(out, ids->n_young, ids->young);
}

bool stream_ids_meet(const struct stream_ids *ids, const roaring_bitmap_t *within)
{
    for (uint32_t i = 0; ids && i < ids->n_young; i++)
        if (roaring_bitmap_contains(within, ids->young[i]))
            return true;
    return ids && ids->old && roaring_bitmap_intersect(ids->old, within);
}

size_t stream_ids_some(const struct stream_ids *ids, uint32_t *out, size_t max)
{
    if (!ids)
        return 0;
    size_t n = MIN(max, (size_t)ids->n_young);
    for (size_t i = 0; i < n; i++)
        out[i] = ids->young[i];
    if (!ids->old || n == max)
        return n;
    roaring_uint32_iterator_t at;
    roaring_init_iterator(ids->old, &at);
    return n + roaring_read_uint32_iterator(&at, out + n, (uint32_t)(max - n));
}
