/* What reader and writer of record parts share. Layout: docs/design/format/records.md. */
#ifndef TELLTALE_STORE_EMBEDDED_RECORDS_RECORD_FORMAT_H
#define TELLTALE_STORE_EMBEDDED_RECORDS_RECORD_FORMAT_H

#include "store/embedded/part_file.h"
#include "store/embedded/records/record_part.h"

#define RECORD_MAGIC "ttrecs\0\1"

enum {
    RECORD_HEADER = PART_FILE_HEADER,
    RECORD_FOOTER = PART_FILE_FOOTER,
    RECORD_CHECKSUM = 4,
    RECORD_SECTION_MAX = 1 << 30
};

/* Sections behind the groups, each: varint raw size, zstd frame, checksum. */
enum record_section { SECTION_NAMES, SECTION_SOURCES, SECTION_DIRECTORY, RECORD_SECTIONS };

struct record_footer {
    uint64_t seq_lo, seq_hi;
    int64_t day, min_unix_ns, max_unix_ns;
    uint64_t rows;
    uint32_t n_groups, n_names, n_sources, cut;
    uint64_t offset[RECORD_SECTIONS];
    uint32_t size[RECORD_SECTIONS];
};

#endif
