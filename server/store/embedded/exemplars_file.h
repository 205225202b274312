/* The exemplars as a file, written when a flush takes away the log that they are in. */
#ifndef TELLTALE_STORE_EMBEDDED_EXEMPLARS_FILE_H
#define TELLTALE_STORE_EMBEDDED_EXEMPLARS_FILE_H

#include "base/fs.h"
#include "store/embedded/exemplars.h"

/* Replaces the file when there are new ones since it was written or read. ERR_IO, ERR_NOMEM. One
 * thread at a time; others may add meanwhile. */
int exemplars_save(struct exemplars *x, const struct fs *fs, const char *dir, const char *path,
                   struct err *err);

/* Adds what the file has; none: nothing. ERR_CORRUPT: it is damaged, and nothing was added; ERR_IO,
 * ERR_NOMEM. */
int exemplars_load(struct exemplars *x, const struct fs *fs, const char *path, struct err *err);

#endif
