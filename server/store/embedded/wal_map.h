/* A segment of the log, mapped: rows that a replay leaves where they are (head_group.h).
 *
 * Threads: any; a reference is needed while it is looked at. */
#ifndef TELLTALE_STORE_EMBEDDED_WAL_MAP_H
#define TELLTALE_STORE_EMBEDDED_WAL_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/atomic.h"
#include "base/fs.h"

struct wal_map {
    struct refcount refs;
    const struct fs *fs;
    uint32_t segment;
    const char *p; /* the file as long as it was when it was mapped */
    size_t n;
};

/* With one reference. It outlives the file's name. NULL: it cannot be mapped. */
struct wal_map *wal_map_open(const struct fs *fs, const char *wal_dir, uint32_t segment);

void wal_map_ref(struct wal_map *m);
void wal_map_unref(struct wal_map *m); /* NULL: nothing */

#endif
