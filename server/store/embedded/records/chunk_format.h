/* What a chunk is in bytes: docs/design/format/records.md. */
#ifndef TELLTALE_STORE_EMBEDDED_RECORDS_CHUNK_FORMAT_H
#define TELLTALE_STORE_EMBEDDED_RECORDS_CHUNK_FORMAT_H

#include <stdint.h>

/* Says that the bytes are a chunk and in this machine's order. */
enum { CHUNK_MAGIC = 0x43525454 };

struct chunk_header {
    uint32_t magic, size, n_rows, n_columns, n_runs, zero;
};

/* Offsets are from the chunk's begin. */
struct chunk_entry {
    uint8_t origin, kind;
    uint16_t field;
    uint32_t name, name_n;
    uint32_t n, rows; /* rows: 0 when dense */
    uint32_t values;  /* numbers, or the ends of texts */
    uint32_t text, text_n;
};

struct run_entry {
    uint32_t source, source_n, n, zero;
};
_Static_assert(sizeof(struct chunk_header) == 24 && sizeof(struct chunk_entry) == 32 &&
                   sizeof(struct run_entry) == 16,
               "no padding");

#endif
