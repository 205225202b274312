/* A part: an immutable, self-contained file of one day's rows, mapped into memory.
 *
 *   header │ blocks by (stream, time) │ chunks of streams, texts, postings │ names │
 *   directory │ footer
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

#include "base/atomic.h"
#include "base/fs.h"
#include "store/store.h"

struct chunk_cache;
struct part_chunk;

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
    uint32_t table;        /* of part_format.h */
    int64_t resolution_ms; /* of aggregates */
    int64_t day, min_ms, max_ms;
    uint64_t seq_lo, seq_hi, rows;
    uint32_t n_streams, n_pairs, n_names;
    size_t directory; /* offset */
    size_t data_end;  /* blocks are in [header, data_end) */
    char *names_text;
    struct part_name *names;    /* by text */
    atomic_bool damaged;        /* its index is: reported already */
    atomic_bool block_reported; /* a block of it is */
    atomic_bool lossy;          /* a merge left out blocks of it: the file is kept, aside */
    struct chunk_cache *cache;
    struct part_chunk **chunks; /* slots, as many as the directory has entries; guarded by the
                                 * cache's lock */
    struct erasures *erasures;  /* erase.h; guarded by the store's parts_lock */
    uint64_t kept;         /* keep_mark that it was looked at with; guarded by the table lock */
    atomic_bool expired;   /* PART_FLAG_EXPIRED; or a merge left nothing of it for that reason */
    atomic_ullong applied; /* generation of the tombstones that it is free of */
};

/* Rows of one stream in a row in the file. */
struct part_block {
    uint64_t offset;
    uint32_t size, rows; /* bytes with checksum */
    int64_t min_ms, max_ms;
};

enum { PART_NAME_MAX = 48 };

/* "<lo>-<hi>.part": false when the name is something else. */
bool part_parse_name(const char *name, uint64_t *out_lo, uint64_t *out_hi);
void part_format_name(char out[PART_NAME_MAX], uint64_t lo, uint64_t hi);

/* Maps and checks header, footer, directory and names. ERR_CORRUPT: damaged; ERR_UNSUPPORTED: from
 * a later version; ERR_IO, ERR_NOMEM. */
int part_open(const struct fs *fs, const char *path, struct part **out, struct err *err);

/* Makes the part's slots in the cache, once; every caller brings the same cache. ERR_NOMEM. */
int part_use_cache(struct part *p, struct chunk_cache *cache);
void part_ref(struct part *p);
void part_unref(struct part *p);

/* Appends a block's rows to `out`. ERR_CORRUPT: checksum or content is wrong; ERR_NOMEM. */
int part_read_block(const struct part *p, const struct part_block *b, struct columns *out);

/* The block's bytes if its checksum is right, else NULL: for copying. */
const char *part_block_bytes(const struct part *p, const struct part_block *b);

#endif
