/* What writing and replaying a segment of the log have in common: its name, its header, the
 * checksum of its records. Layout: docs/design/format/wal.md. */
#ifndef TELLTALE_STORE_EMBEDDED_WAL_SEGMENT_H
#define TELLTALE_STORE_EMBEDDED_WAL_SEGMENT_H

#include "base/hash.h"
#include "store/embedded/wal.h"

enum { WAL_RECORD_MAGIC = 0x0152747d };

/* On the heap; NULL: out of memory. */
char *wal_segment_path(const char *dir, uint32_t segment);

void wal_make_header(char header[WAL_SEGMENT_HEADER], uint32_t segment, uint64_t nonce);

/* False when it is not the header of this segment. */
bool wal_read_header(const char header[WAL_SEGMENT_HEADER], uint32_t segment, uint64_t *out_nonce);

/* Of a record's payload. */
static inline uint64_t wal_checksum(const void *payload, size_t n, uint64_t nonce)
{
    return hash_bytes_seeded(payload, n, hash_combine(nonce, n));
}

#endif
