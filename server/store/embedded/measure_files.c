#include "store/embedded/measure_files.h"

#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "store/embedded/day_dir.h"
#include "store/embedded/part.h"

static int no_memory(struct measure_walk *w)
{
    return err_set(w->err, ERR_NOMEM, "statistics: out of memory");
}

typedef int each_file(struct measure_walk *w, const char *path, const char *name);

static int list(struct measure_walk *w, const char *dir, each_file *each)
{
    struct fs_names files = {0};
    struct err why = {0};
    int rc = fs_list(w->fs, dir, &files, &why);
    if (rc == ERR_NOT_FOUND)
        return 0; // expired meanwhile
    if (rc != 0)
        return err_set(w->err, rc, "%s", why.message);
    for (size_t i = 0; rc == 0 && i < files.n; i++) {
        char *path = fs_join(dir, files.v[i]);
        rc = path ? each(w, path, files.v[i]) : no_memory(w);
        free(path);
    }
    fs_names_done(&files);
    return rc;
}

static int on_part(struct measure_walk *w, const char *path, const char *name)
{
    uint64_t lo, hi;
    if (!part_parse_name(name, &lo, &hi))
        return 0;
    int rc = w->part(w->arg, path, w->err);
    if (rc == 1)
        w->out->parts++;
    return rc < 0 ? rc : 0;
}

static int on_segment(struct measure_walk *w, const char *path, const char *name)
{
    struct fs_file f = {0};
    uint64_t size = 0;
    if (!str_ends(str_c(name), STR(".wal")) || fs_open(w->fs, path, FS_READ, &f, NULL) != 0)
        return 0; // flushed meanwhile
    if (fs_size(&f, &size, NULL) == 0) {
        w->out->segments++;
        w->out->log_bytes += size;
    }
    (void)fs_close(&f, NULL); // read-only: nothing to lose
    return 0;
}

static int on_table_entry(struct measure_walk *w, const char *path, const char *name)
{
    int64_t day;
    if (strcmp(name, "wal") == 0)
        return list(w, path, on_segment);
    if (!day_parse_name(name, &day))
        return 0;
    uint64_t before = w->out->parts;
    int rc = list(w, path, on_part);
    w->out->days += w->out->parts > before;
    return rc;
}

int measure_walk(struct measure_walk *w, const char *dir, const char *table)
{
    char *path = fs_join(dir, table);
    if (!path)
        return no_memory(w);
    int rc = fs_is_dir(w->fs, path)
                 ? list(w, path, on_table_entry)
                 : err_set(w->err, ERR_NOT_FOUND, "%s is no data directory: it has no table %s",
                           dir, table);
    free(path);
    return rc;
}
