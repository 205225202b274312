/* A view, and the chunks that it has at hand. */
#include "store/embedded/part_chunks.h"

#include <zstd.h>

#include "store/embedded/part_format.h"
#include "store/embedded/part_unpack.h"

#define SCRATCH_MAX ((size_t)256 << 20)

int part_view_init(struct part_view *v, struct part *p, struct chunk_cache *cache,
                   struct arena *arena)
{
    *v = (struct part_view){.part = p, .arena = arena, .streams_chunk = SIZE_MAX};
    id_map_init(&v->seen, arena);
    arena_init(&v->scratch, SCRATCH_MAX);
    int rc = cache ? part_use_cache(p, cache) : 0;
    v->cache = rc == 0 ? cache : NULL;
    return rc;
}

void part_view_done(struct part_view *v)
{
    for (size_t i = 0; i < v->n_held; i++)
        part_chunk_unref(v->held[i]);
    part_chunk_unref(v->streams);
    arena_done(&v->scratch);
    (void)ZSTD_freeDCtx(v->zstd); // NULL is fine
    *v = (struct part_view){0};
}

int part_view_unpack(struct part_view *v, size_t i, struct reader *out)
{
    const struct part *p = v->part;
    const char *entry = p->map + p->directory + i * PART_ENTRY;
    uint64_t offset = read_u64(entry);
    uint32_t size = read_u32(entry + 8);
    if (offset > p->size || size > p->size - offset)
        return ERR_CORRUPT;
    if (!v->zstd)
        v->zstd = ZSTD_createDCtx();
    char *bytes;
    size_t n;
    int rc = part_unpack_with(v->zstd, str_of(p->map + offset, size), &v->scratch, &bytes, &n);
    if (rc == 0)
        *out = reader_of(bytes, n);
    return rc;
}

int part_view_get(struct part_view *v, size_t i, part_decode *decode, struct part_chunk **out)
{
    if (v->cache && (*out = chunk_cache_get(v->cache, &v->part->chunks[i])) != NULL)
        return 0;
    arena_reset(&v->scratch);
    int rc = decode(v, i, out);
    if (rc == 0 && v->cache)
        chunk_cache_put(v->cache, &v->part->chunks[i], *out);
    return rc;
}

int part_view_hold(struct part_view *v, size_t i, part_decode *decode,
                   const struct part_chunk **out)
{
    uint32_t *place = id_map_at(&v->seen, (uint32_t)i);
    if (!place)
        return ERR_NOMEM;
    if (*place != UINT32_MAX) {
        *out = v->held[*place];
        return 0;
    }
    struct part_chunk **held =
        arena_room(v->arena, v->held, v->n_held, &v->cap_held, 16, sizeof(struct part_chunk *));
    if (!held)
        return ERR_NOMEM;
    v->held = held;
    int rc = part_view_get(v, i, decode, &v->held[v->n_held]);
    if (rc != 0)
        return rc;
    *place = (uint32_t)v->n_held;
    *out = v->held[v->n_held++];
    return 0;
}
