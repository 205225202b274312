#include "store/embedded/stream_ids.h"

#include <roaring/roaring.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "base/err.h"
#include "store/embedded/posting.h"

/* A run: the gap to the end of the one before, and its length - 1, as varints. */
enum { RUN_MAX = 10, YOUNG_FIRST = 16 };

static struct reader young_of(const struct stream_ids *s)
{
    return reader_of(s->young, s->n_bytes);
}

struct stream_ids *stream_ids_of(roaring_bitmap_t *ids)
{
    struct stream_ids *s = malloc(sizeof *s);
    if (s)
        *s = (struct stream_ids){.old = ids, .n = (uint32_t)roaring_bitmap_get_cardinality(ids)};
    return s;
}

int stream_ids_fold(struct stream_ids *s)
{
    if (!s || s->n_bytes == 0)
        return 0;
    if (!s->old)
        s->old = roaring_bitmap_create();
    if (!s->old)
        return ERR_NOMEM;
    struct reader r = young_of(s);
    posting_decode_runs(&r, UINT32_MAX, s->old);
    s->n_bytes = s->end = 0;
    return 0;
}

static int grow(struct stream_ids **ids)
{
    struct stream_ids *old = *ids;
    uint32_t cap = MAX(old ? old->cap * 2 : 0, (uint32_t)YOUNG_FIRST);
    struct stream_ids *s = realloc(old, sizeof *s + cap);
    if (!s)
        return ERR_NOMEM;
    if (!old)
        *s = (struct stream_ids){0};
    s->cap = cap;
    *ids = s;
    return 0;
}

int stream_ids_reserve(struct stream_ids **ids, uint32_t first)
{
    int rc = 0;
    while (rc == 0 && UNLIKELY(!*ids || (*ids)->cap - (*ids)->n_bytes < RUN_MAX))
        rc = grow(ids);
    if (rc == 0 && UNLIKELY(first < (*ids)->end))
        rc = stream_ids_fold(*ids); // ids that were in use before
    return rc;
}

int stream_ids_add(struct stream_ids **ids, uint32_t first, uint32_t n)
{
    int rc = stream_ids_reserve(ids, first);
    if (rc != 0)
        return rc;
    struct stream_ids *s = *ids;
    char *from = (char *)s->young + s->n_bytes;
    char *to = varint_write(varint_write(from, first - s->end), n - 1);
    s->n_bytes += (uint32_t)(to - from);
    s->end = first + n;
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
    struct reader r = young_of(ids);
    posting_decode_runs(&r, UINT32_MAX, out);
}

/* The next of the young runs; `at`: the end of the one before. */
static uint32_t next_run(struct reader *r, uint32_t *at)
{
    uint32_t first = *at + (uint32_t)get_varint(r);
    *at = first + (uint32_t)get_varint(r) + 1;
    return first;
}

bool stream_ids_meet(const struct stream_ids *ids, const roaring_bitmap_t *within)
{
    if (!ids)
        return false;
    struct reader r = young_of(ids);
    uint32_t end = 0;
    while (reader_left(&r)) {
        uint32_t first = next_run(&r, &end);
        if (end - first == 1 ? roaring_bitmap_contains(within, first)
                             : roaring_bitmap_range_cardinality(within, first, end) > 0)
            return true;
    }
    return ids->old && roaring_bitmap_intersect(ids->old, within);
}

size_t stream_ids_some(const struct stream_ids *ids, uint32_t *out, size_t max)
{
    size_t n = 0;
    if (!ids)
        return 0;
    struct reader r = young_of(ids);
    uint32_t end = 0;
    while (n < max && reader_left(&r))
        for (uint32_t id = next_run(&r, &end); n < max && id < end; id++)
            out[n++] = id;
    if (!ids->old || n == max)
        return n;
    roaring_uint32_iterator_t at;
    roaring_init_iterator(ids->old, &at);
    return n + roaring_read_uint32_iterator(&at, out + n, (uint32_t)(max - n));
}
