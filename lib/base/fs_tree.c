/* Copying files and removing directories, made of the calls of fs.h. */
#include <stdlib.h>

#include "base/fs.h"

enum { COPY_STEP = 1 << 20 };

static int copy_bytes(struct fs_file *from, struct fs_file *to, struct err *err)
{
    char *step = malloc(COPY_STEP);
    if (!step)
        return err_set(err, ERR_NOMEM, "copy %s: out of memory", from->path);
    uint64_t at = 0;
    size_t n = COPY_STEP;
    int rc = 0;
    while (rc == 0 && n == COPY_STEP) {
        rc = fs_read_at(from, step, COPY_STEP, at, &n, err);
        if (rc == 0)
            rc = fs_write_at(to, step, n, at, err);
        at += n;
    }
    free(step);
    return rc == 0 ? fs_sync(to, err) : rc;
}

int fs_copy(const struct fs *fs, const char *from, const char *to, struct err *err)
{
    struct fs_file a = {0}, b = {0};
    int rc = fs_open(fs, from, FS_READ, &a, err);
    if (rc == 0)
        rc = fs_open(fs, to, FS_NEW, &b, err);
    if (rc == 0)
        rc = copy_bytes(&a, &b, err);
    int closed = fs_close(&b, rc == 0 ? err : NULL);
    (void)fs_close(&a, NULL); // read-only: nothing to lose
    return rc != 0 ? rc : closed;
}

static int remove_entries(const struct fs *fs, const char *dir, struct err *err)
{
    struct fs_names names = {0};
    int rc = fs_list(fs, dir, &names, err);
    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        char *path = fs_join(dir, names.v[i]);
        if (!path)
            rc = err_set(err, ERR_NOMEM, "remove %s: out of memory", dir);
        else if (fs_is_dir(fs, path))
            rc = fs_remove_tree(fs, path, err);
        else
            rc = fs_remove(fs, path, err);
        free(path);
    }
    fs_names_done(&names);
    return rc;
}

int fs_remove_tree(const struct fs *fs, const char *path, struct err *err)
{
    if (!fs_is_dir(fs, path))
        return 0;
    int rc = remove_entries(fs, path, err);
    return rc == 0 ? fs_remove_dir(fs, path, err) : rc;
}
