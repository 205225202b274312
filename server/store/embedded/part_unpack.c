/* Chunks of a part's index: method, size, bytes, checksum. */
#include "store/embedded/part_unpack.h"

#include <stdlib.h>
#include <zstd.h>

#include "base/err.h"
#include "base/map_guard.h"
#include "store/embedded/bytes.h"
#include "store/embedded/part_format.h"

static int unpack_zstd(void *zstd, struct reader *r, size_t size, char *to)
{
    size_t got = zstd ? ZSTD_decompressDCtx(zstd, to, size, r->p, reader_left(r))
                      : ZSTD_decompress(to, size, r->p, reader_left(r));
    return ZSTD_isError(got) || got != size ? ERR_CORRUPT : 0;
}

static bool chunk_is_sound(struct str chunk)
{
    return chunk.n > PART_CHECKSUM && read_u32(chunk.p + chunk.n - PART_CHECKSUM) ==
                                          part_checksum(chunk.p, chunk.n - PART_CHECKSUM);
}

int part_unpack_with(void *zstd, struct str chunk, struct arena *arena, char **out, size_t *out_n)
{
    uint64_t faults = map_guard_faults();
    if (!chunk_is_sound(chunk))
        return ERR_CORRUPT;
    struct reader r = reader_of(chunk.p, chunk.n - PART_CHECKSUM);
    unsigned method = get_byte(&r);
    uint64_t size = method == PART_CHUNK_ZSTD ? get_varint(&r) : reader_left(&r);
    if (r.bad || method > PART_CHUNK_ZSTD || size > PART_CHUNK_MAX)
        return ERR_CORRUPT;
    char *p = arena ? arena_alloc(arena, (size_t)size + 1) : malloc((size_t)size + 1);
    if (!p)
        return ERR_NOMEM;
    int rc = 0;
    if (method == PART_CHUNK_ZSTD)
        rc = unpack_zstd(zstd, &r, (size_t)size, p);
    else
        memcpy(p, r.p, (size_t)size);
    if (faults != map_guard_faults() && !chunk_is_sound(chunk))
        rc = ERR_CORRUPT; // a page was lost between checksum and unpacking
    if (rc != 0) {
        if (!arena)
            free(p);
        return rc;
    }
    *out = p;
    *out_n = (size_t)size;
    return 0;
}

int part_unpack(struct str chunk, struct arena *arena, char **out, size_t *out_n)
{
    return part_unpack_with(NULL, chunk, arena, out, out_n);
}
