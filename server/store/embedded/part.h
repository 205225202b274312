/* A part: an immutable, self-contained file of one day's rows, mapped into memory.
 *
 *   header │ blocks by (stream, time) │ pair texts │ postings │ streams │ names │ directory │
 * footer
 *
 * Streams are in the order of labels_cmp and known by their ordinal; label pairs are in the order
 * of (name, value) and known by theirs, so comparing label sets is comparing integers. Texts,
 * postings and streams are kept in compressed chunks of neighbours, each with a checksum of its
 * own, as every block has. Layout: docs/design/format/part.md.
 *
 * The file name carries the sequence numbers it covers, "<lo>-<hi>.part" in hex: a merged part
 * covers the parts it was made of, and supersedes them if a crash left them behind.
 *
 * Threads: any; a part never changes. */
#ifndef TELLTALE_STORE_EMBEDDED_PART_H
#define TELLTALE_STORE_EMBEDDED_PART_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/atomic.h"
#include "base/fs.h"
#include "store/embedded/match.h"
#include "store/store.h"

struct part_name {
    struct str text;       /* borrowed from part.names_text */
    uint32_t first, count; /* its pairs */
    struct str posting;    /* encoded; borrowed from part.names_text */
};

struct part {
    struct refcount refs;
    const struct fs *fs;
    char *path;
    const char *map; /* the whole file */
    size_t size;
    int64_t day, min_ms, max_ms;
    uint64_t seq_lo, seq_hi, rows;
    uint32_t n_streams, n_pairs, n_names;
    size_t directory;  /* offset of the chunk directory */
    uint64_t data_end; /* blocks are in [header, data_end) */
    char *names_text;
    struct part_name *names; /* by text */
    atomic_bool damaged;     /* its index is: reported already */
};

/* "<lo>-<hi>.part": false when the name is something else. */
bool part_parse_name(const char *name, uint64_t *out_lo, uint64_t *out_hi);

/* Maps and checks header, footer and names. ERR_CORRUPT: damaged; ERR_UNSUPPORTED: from a later
 * version; ERR_IO, ERR_NOMEM. */
int part_open(const struct fs *fs, const char *path, struct part **out, struct err *err);
void part_ref(struct part *p);
void part_unref(struct part *p);

/* A reader's view: what it decodes is kept in its arena for the time of a selection or merge. One
 * thread. After ERR_CORRUPT from any function below the part's index cannot be trusted: skip it. */
struct part_view {
    struct part *part;             /* borrowed */
    struct arena *arena;           /* borrowed */
    struct text_chunk **texts;     /* by chunk; NULL: not decoded yet */
    struct streams_chunk *streams; /* the one decoded last */
};

int part_view_init(struct part_view *v, struct part *p, struct arena *arena);

/* Its index for match_streams; the streams are ordinals. */
struct posting_source part_postings(struct part_view *v);

/* Text of a pair, in the view's arena. */
int part_pair(struct part_view *v, uint32_t pair, struct label *out);

struct part_block {
    uint64_t offset;
    uint32_t size, rows;
    int64_t min_ms, max_ms;
};

struct part_stream {
    const uint32_t *pairs;           /* rising */
    const struct part_block *blocks; /* by rising time */
    uint32_t n_pairs, n_blocks;
};

/* Stream `ordinal`; the arrays stay valid with the view's arena. Cheap for rising ordinals. */
int part_stream(struct part_view *v, uint32_t ordinal, struct part_stream *out);

/* Calls `each` for all names, or for all values of `name`; `within`: only what these streams have
 * (NULL: all). A non-zero answer ends it and is returned. */
struct roaring_bitmap_s;
int part_each_name(struct part_view *v, const struct roaring_bitmap_s *within,
                   int (*each)(void *arg, struct str text), void *arg);
int part_each_value(struct part_view *v, struct str name, const struct roaring_bitmap_s *within,
                    int (*each)(void *arg, struct str text), void *arg);

/* Appends a block's rows to `out`. ERR_CORRUPT: checksum or content is wrong; ERR_NOMEM. */
int part_read_block(const struct part *p, const struct part_block *b, struct columns *out);

#endif
