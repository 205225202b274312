/* Private to the writing of a part: what its two halves share, data (part_write.c) and index
 * (part_write_index.c). */
#ifndef TELLTALE_STORE_EMBEDDED_PART_WRITER_H
#define TELLTALE_STORE_EMBEDDED_PART_WRITER_H

#include "store/embedded/part_format.h"
#include "store/embedded/part_write.h"

struct entry {
    uint64_t offset;
    uint32_t size;
};

/* A growing array on the heap. */
struct entries {
    struct entry *v;
    size_t n, cap;
};

struct numbers {
    uint32_t *v;
    size_t n, cap;
};

struct part_writer {
    struct part_file file;
    struct part_footer footer;
    ZSTD_CCtx *zstd;
    struct buf block, chunk, packed;

    /* The current chunk of streams. */
    struct buf streams;            /* compressed chunks so far, written after the data */
    struct entries stream_entries; /* offsets relative to the start of `streams` */
    struct numbers last;           /* pairs of the stream before */
    struct part_block *blocks;     /* of the current stream */
    size_t n_blocks, cap_blocks;
    struct numbers pairs; /* of the current stream */
    bool open;            /* a stream is */

    /* What postings are made of: the pairs of all streams, one behind the other. */
    struct numbers all_pairs, ends; /* ends[i]: where stream i's end in all_pairs */
};

int part_no_memory(const struct part_writer *w, struct err *err);

/* Bytes behind what is in the file. */
int part_write_bytes(struct part_writer *w, const void *p, size_t n, struct err *err);

/* Compresses w->chunk into `out` with its checksum and empties it; notes where. */
int part_close_chunk(struct part_writer *w, struct buf *out, struct entries *entries, uint64_t base,
                     struct err *err);

/* Writes the index of all streams behind the data and ends the file; from here on the part exists.
 */
int part_write_index(struct part_writer *w, const struct label *pairs, size_t n_pairs,
                     struct err *err);

#endif
