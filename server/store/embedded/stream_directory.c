#include "store/embedded/stream_directory.h"

#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/err.h"

enum { WORD_BITS = 64 };

void stream_directory_done(struct stream_directory *d)
{
    for (size_t i = 0; i < DIRECTORY_CHUNKS; i++)
        free(d->chunks[i]);
    free(d->free);
}

static atomic_uint *entry(const struct stream_directory *d, uint32_t number)
{
    uint32_t above = number / DIRECTORY_FIRST + 1;
    unsigned chunk = 31 - (unsigned)__builtin_clz(above);
    return &d->chunks[chunk][number - DIRECTORY_FIRST * ((1u << chunk) - 1)];
}

static int add_chunk(struct stream_directory *d)
{
    uint32_t cap = atomic_get_relaxed(&d->cap);
    uint32_t more = cap + DIRECTORY_FIRST; // chunks: 64, 128, 256 …
    unsigned chunk = 31 - (unsigned)__builtin_clz(more / DIRECTORY_FIRST);
    if (NEVER(chunk >= DIRECTORY_CHUNKS))
        return ERR_NOMEM;
    uint64_t *bits = realloc(d->free, ((size_t)cap + more) / WORD_BITS * sizeof *bits);
    if (!bits)
        return ERR_NOMEM;
    memset(bits + cap / WORD_BITS, 0, more / WORD_BITS * sizeof *bits);
    d->free = bits;
    d->chunks[chunk] = calloc(more, sizeof *d->chunks[chunk]);
    if (!d->chunks[chunk])
        return ERR_NOMEM;
    atomic_set_release(&d->cap, cap + more); // pairs with the acquire of who looks at entries
    return 0;
}

static uint32_t lowest_free(struct stream_directory *d)
{
    while (!d->free[d->lowest])
        d->lowest++;
    return d->lowest * WORD_BITS + (uint32_t)__builtin_ctzll(d->free[d->lowest]);
}

int stream_directory_take(struct stream_directory *d, uint32_t *out)
{
    if (d->n_free) {
        *out = lowest_free(d);
        d->free[d->lowest] &= d->free[d->lowest] - 1;
        d->n_free--;
        return 0;
    }
    int rc = d->next == atomic_get_relaxed(&d->cap) ? add_chunk(d) : 0;
    if (rc == 0)
        *out = d->next++;
    return rc;
}

void stream_directory_give(struct stream_directory *d, uint32_t number)
{
    d->free[number / WORD_BITS] |= UINT64_C(1) << number % WORD_BITS;
    d->lowest = MIN(d->lowest, number / WORD_BITS);
    d->n_free++;
}

uint32_t stream_directory_get(const struct stream_directory *d, uint32_t number)
{
    if (number >= atomic_get_acquire(&d->cap)) // pairs with the release in add_chunk
        return 0;
    return atomic_get_acquire(entry(d, number)); // pairs with the release in stream_directory_set
}

void stream_directory_set(struct stream_directory *d, uint32_t number, uint32_t reference)
{
    if (number < atomic_get_acquire(&d->cap))            // pairs with the release in add_chunk
        atomic_set_release(entry(d, number), reference); // pairs with stream_directory_get
}
