/* What reader and writer of parts share. Layout: docs/design/format/part.md. */
#ifndef TELLTALE_STORE_EMBEDDED_PART_FORMAT_H
#define TELLTALE_STORE_EMBEDDED_PART_FORMAT_H

#include <stdint.h>
#include <zstd.h>

#include "base/hash.h"
#include "store/embedded/bytes.h"
#include "store/embedded/part_file.h"

#define PART_MAGIC "ttpart\0\1"

enum {
    PART_HEADER = PART_FILE_HEADER,
    PART_FOOTER = PART_FILE_FOOTER,
    PART_TABLE_METRICS = 1,
    PART_TABLE_AGGREGATES = 4,
    PART_TEXTS = 256,   /* pairs in a chunk of texts or postings */
    PART_STREAMS = 128, /* streams in a chunk */
    PART_CHECKSUM = 4,
    PART_ENTRY = 12, /* of the directory: offset, size */
    PART_CHUNK_MAX = 1 << 30
};

/* The footer's fields, in its order. */
struct part_footer {
    uint64_t seq_lo, seq_hi;
    int64_t day, min_ms, max_ms;
    uint64_t rows;
    uint32_t n_streams, n_pairs, n_names, names_size;
    uint64_t data_end, names_offset, directory_offset, directory_hash, flags;
};

/* Flags of the footer: samples that aggregates tell of went because the table's retention was over,
 * so that of them alone the day cannot be rolled up again. */
#define PART_FLAG_EXPIRED UINT64_C(1)

static inline uint32_t part_checksum(const void *p, size_t n)
{
    return (uint32_t)hash_bytes(p, n);
}

static inline size_t part_text_chunks(uint32_t n_pairs)
{
    return ((size_t)n_pairs + PART_TEXTS - 1) / PART_TEXTS;
}

static inline size_t part_stream_chunks(uint32_t n_streams)
{
    return ((size_t)n_streams + PART_STREAMS - 1) / PART_STREAMS;
}

/* Entries of the directory: texts, postings, streams. */
static inline size_t part_chunks(uint32_t n_pairs, uint32_t n_streams)
{
    return 2 * part_text_chunks(n_pairs) + part_stream_chunks(n_streams);
}

/* First byte of a chunk. */
enum part_chunk_method { PART_CHUNK_PLAIN, PART_CHUNK_ZSTD };

#endif
