#include "store/embedded/wal_map.h"

#include <stdlib.h>

#include "store/embedded/wal_segment.h"

static int map(const struct fs *fs, const char *path, struct wal_map *m)
{
    struct fs_file file;
    const void *p = NULL;
    int rc = fs_open(fs, path, FS_READ, &file, NULL);
    if (rc != 0)
        return rc;
    rc = fs_map(&file, &p, &m->n, NULL);
    m->p = p;
    (void)fs_close(&file, NULL); // read-only: nothing to lose
    return rc;
}

struct wal_map *wal_map_open(const struct fs *fs, const char *wal_dir, uint32_t segment)
{
    struct wal_map *m = calloc(1, sizeof *m);
    char *path = wal_segment_path(wal_dir, segment);
    int rc = m && path ? map(fs, path, m) : ERR_NOMEM;
    free(path);
    if (rc != 0) {
        free(m);
        return NULL;
    }
    refcount_init(&m->refs);
    m->fs = fs;
    m->segment = segment;
    return m;
}

void wal_map_ref(struct wal_map *m)
{
    refcount_get(&m->refs);
}

void wal_map_unref(struct wal_map *m)
{
    if (!m || !refcount_put(&m->refs))
        return;
    fs_unmap(m->fs, m->p, m->n);
    free(m);
}
