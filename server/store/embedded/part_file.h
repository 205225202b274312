/* What parts of metrics and parts of spans and records have in common: a file that is written under
 * another name, synced, renamed and never changed, with a header and a footer that are checksummed.
 *
 *   header  magic, whose last byte is the version (8), table (4), a word (4), day (8), checksum (8)
 *   footer  magic (8), its table's own fields (104), size of the file (8), checksum (8)
 *
 * Every version begins with magic, 16 bytes and a checksum of these 24, so that a version of the
 * future can be told from damage. One thread at a time. */
#ifndef TELLTALE_STORE_EMBEDDED_PART_FILE_H
#define TELLTALE_STORE_EMBEDDED_PART_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fs.h"

enum { PART_FILE_MAGIC = 8, PART_FILE_HEADER = 32, PART_FILE_FOOTER = 128 };

/* --- writing ---------------------------------------------------------------------------------- */

struct part_file {
    const struct fs *fs;
    char *dir, *path, *tmp;
    struct fs_file file;
    struct buf out;   /* not written yet: what is put here goes behind the rest */
    uint64_t written; /* bytes in the file */
    bool finished;
};

struct part_file_header {
    const char *magic;
    uint32_t table, word;
    int64_t day;
};

/* Begins a file in `dir` that will have this name. On errors, too, part_file_done is to be called.
 */
int part_file_begin(struct part_file *f, const struct fs *fs, const char *dir, const char *name,
                    const struct part_file_header *header, size_t max_buffer, struct err *err);

static inline uint64_t part_file_position(const struct part_file *f)
{
    return f->written + f->out.n;
}

/* Writes what stands in `out`. */
int part_file_flush(struct part_file *f, struct err *err);

/* Puts the footer, with the fields in their places, behind the rest, and gives the file its name,
 * synced: from here on the part exists. */
int part_file_finish(struct part_file *f, char footer[PART_FILE_FOOTER], const char *magic,
                     struct err *err);

/* Closes the file, and removes it when it was not finished. */
void part_file_done(struct part_file *f);

/* --- reading ---------------------------------------------------------------------------------- */

/* Maps the whole file; fs_unmap. */
int part_file_map(const struct fs *fs, const char *path, const char **out, size_t *out_size,
                  struct err *err);

/* Checks header and footer. ERR_CORRUPT; ERR_UNSUPPORTED: from a later version. */
int part_file_check(const char *path, const char *map, size_t size, const char *magic,
                    struct err *err);

#endif
