/* What is known of metric families: type, unit, help. In memory, in the log as it changes, and in
 * one file that every flush that follows a change replaces. Threads: any, own lock. */
#ifndef TELLTALE_STORE_EMBEDDED_METADATA_H
#define TELLTALE_STORE_EMBEDDED_METADATA_H

#include "base/fs.h"
#include "base/lock.h"
#include "base/map.h"
#include "model/sample.h"
#include "store/store.h"

/* Families beyond this are not kept (nor are texts beyond METADATA_TEXT_MAX bytes). */
enum { METADATA_MAX = 200000, METADATA_TEXT_MAX = 16 << 10 };

struct metadata {
    struct lock lock;
    struct map families; /* name -> struct metric_metadata in one heap block */
    bool changed;        /* since the file was written */
};

void metadata_init(struct metadata *m);
void metadata_done(struct metadata *m);

/* Would `put` change anything? */
bool metadata_is_news(struct metadata *m, const struct metric_metadata *family);
int metadata_put(struct metadata *m, const struct metric_metadata *family);

/* The file. Loading a missing one is fine; a damaged one is ERR_CORRUPT, and of one with a right
 * checksum that was not written by us, what stands before the fault is loaded. Saving does nothing
 * when nothing changed. */
int metadata_load(struct metadata *m, const struct fs *fs, const char *path, struct err *err);
int metadata_save(struct metadata *m, const struct fs *fs, const char *dir, const char *path,
                  struct err *err);

/* See store_metadata. */
int metadata_find(struct metadata *m, struct str family, size_t limit, struct arena *arena,
                  struct metric_metadata **out, size_t *out_n, struct err *err);

#endif
