/* The folder of a spool's part, and the numbered files in it. */
#ifndef TELLTALE_SDK_EXPORTERS_OTLP_SPOOL_DIR_H
#define TELLTALE_SDK_EXPORTERS_OTLP_SPOOL_DIR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* File descriptors: of the folder, and of the lock that says whose it is. */
struct spool_part {
    int folder, lock;
};
#define SPOOL_PART_NONE ((struct spool_part){-1, -1})

/* The first part of the folder that no other process has, made if need be; makes the folder, too.
 */
bool spool_part_open(struct spool_part *p, const char *folder, const char *name);
void spool_part_close(struct spool_part *p); /* also of SPOOL_PART_NONE */

/* Moves here what is in parts that nobody has, with numbers from `*next` on, which goes on. */
void spool_part_adopt(struct spool_part *p, const char *folder, const char *name, uint64_t *next);

bool spool_part_has(const struct spool_part *p, uint64_t number, uint64_t *out_bytes);
bool spool_part_read(const struct spool_part *p, uint64_t number, size_t max, struct buf *out);
bool spool_part_write(const struct spool_part *p, uint64_t number, struct str bytes);
void spool_part_remove(const struct spool_part *p, uint64_t number);

struct spool_found {
    uint64_t first, last, count, bytes; /* `first` 0: none */
};
/* The files with numbers from `from` on. */
struct spool_found spool_part_scan(const struct spool_part *p, uint64_t from);

/* The first number from `from` on, below `next`, that has a file; 0: none. */
uint64_t spool_part_find(const struct spool_part *p, uint64_t from, uint64_t next);

#endif
