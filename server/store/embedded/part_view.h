/* Reading the index of a part: streams, label texts, postings. */
#ifndef TELLTALE_STORE_EMBEDDED_PART_VIEW_H
#define TELLTALE_STORE_EMBEDDED_PART_VIEW_H

#include "base/arena.h"
#include "store/embedded/chunk_cache.h"
#include "store/embedded/label_table.h"
#include "store/embedded/match.h"
#include "store/embedded/part.h"

struct part_stream {
    const uint32_t *pairs;           /* rising */
    const struct part_block *blocks; /* by rising time */
    uint32_t n_pairs, n_blocks;
};

/* One reader's view of a part's index. One thread. After ERR_CORRUPT from any function below the
 * index cannot be trusted: leave the part out. */
struct part_view {
    struct part *part;         /* borrowed */
    struct chunk_cache *cache; /* borrowed; NULL: nothing is taken from it or left in it */
    struct arena *arena;       /* borrowed: the lists below */
    struct arena scratch;      /* of one unpacking */
    struct id_map seen;        /* number of a chunk of texts or postings to its place in `held` */
    struct part_chunk **held;  /* references */
    size_t n_held, cap_held;
    struct part_chunk *streams; /* the chunk of streams asked for last, or NULL */
    size_t streams_chunk;       /* its number; SIZE_MAX: none */
    void *zstd;                 /* ZSTD_DCtx, when one was needed */
};

/* `cache`: of the part's store, for readers that come again; NULL for one that reads everything
 * once. ERR_NOMEM. */
int part_view_init(struct part_view *v, struct part *p, struct chunk_cache *cache,
                   struct arena *arena);
void part_view_done(struct part_view *v);

/* The index as a source for match_streams; the streams are ordinals. */
struct posting_source part_postings(struct part_view *v);

/* Name and value of a pair; name borrowed from the part, value from the
 * view. */
int part_pair(struct part_view *v, uint32_t pair, struct label *out);

/* Adds the streams that have the pair. */
int part_posting(struct part_view *v, uint32_t pair, struct roaring_bitmap_s *out);

/* Stream `ordinal`; the arrays stay valid until a stream of another chunk is asked for. Cheap for
 * rising ordinals. */
int part_stream(struct part_view *v, uint32_t ordinal, struct part_stream *out);

/* Calls `each` for all names, or for all values of `name`; `within`: only what these streams have
 * (NULL: all). A non-zero answer ends it and is returned. */
int part_each_name(struct part_view *v, const struct roaring_bitmap_s *within,
                   int (*each)(void *arg, struct str text), void *arg);
int part_each_value(struct part_view *v, struct str name, const struct roaring_bitmap_s *within,
                    int (*each)(void *arg, struct str text), void *arg);

#endif
