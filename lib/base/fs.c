#include "base/fs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

static int failed(struct err *err, const char *what, const char *path)
{
    int reason = errno;
    int rc = err_errno(err, "%s %s", what, path);
    switch (reason) {
    case ENOSPC:
    case EFBIG: // a limit of the process or the file system on one file
    case EDQUOT: rc = ERR_BUSY; break;
    case ENOENT: rc = ERR_NOT_FOUND; break;
    case EEXIST: rc = ERR_EXISTS; break;
    case EACCES:
    case EPERM:
    case EROFS: rc = ERR_DENIED; break;
    default: break;
    }
    if (err)
        err->code = rc;
    return rc;
}

int fs_open(const struct fs *fs, const char *path, enum fs_mode mode, struct fs_file *out,
            struct err *err)
{
    struct fs_file f = {.fs = fs, .path = str_dup(str_c(path))};
    if (!f.path)
        return err_set(err, ERR_NOMEM, "open %s: out of memory", path);
    if (fs->open(fs->self, path, mode, &f.h) != 0) {
        free(f.path);
        return failed(err, "open", path);
    }
    *out = f;
    return 0;
}

int fs_close(struct fs_file *f, struct err *err)
{
    if (!f->fs)
        return 0;
    int rc = f->fs->close(f->fs->self, f->h) == 0 ? 0 : failed(err, "close", f->path);
    free(f->path);
    *f = (struct fs_file){0};
    return rc;
}

int fs_read_at(struct fs_file *f, void *to, size_t n, uint64_t at, size_t *out_n, struct err *err)
{
    size_t got = 0;
    while (got < n) {
        ssize_t k = f->fs->read_at(f->fs->self, f->h, (char *)to + got, n - got, at + got);
        if (k < 0)
            return failed(err, "read", f->path);
        if (k == 0)
            break;
        got += (size_t)k;
    }
    *out_n = got;
    return 0;
}

int fs_write_at(struct fs_file *f, const void *from, size_t n, uint64_t at, struct err *err)
{
    size_t put = 0;
    while (put < n) {
        ssize_t k = f->fs->write_at(f->fs->self, f->h, (const char *)from + put, n - put, at + put);
        if (k < 0)
            return failed(err, "write", f->path);
        if (k == 0) {
            errno = EIO; // a write that writes nothing would loop for ever
            return failed(err, "write", f->path);
        }
        put += (size_t)k;
    }
    return 0;
}

int fs_truncate(struct fs_file *f, uint64_t size, struct err *err)
{
    return f->fs->truncate(f->fs->self, f->h, size) == 0 ? 0 : failed(err, "truncate", f->path);
}

int fs_sync(struct fs_file *f, struct err *err)
{
    return f->fs->sync(f->fs->self, f->h) == 0 ? 0 : failed(err, "sync", f->path);
}

int fs_size(struct fs_file *f, uint64_t *out, struct err *err)
{
    return f->fs->size(f->fs->self, f->h, out) == 0 ? 0 : failed(err, "stat", f->path);
}

int fs_try_lock(struct fs_file *f, struct err *err)
{
    if (f->fs->try_lock(f->fs->self, f->h) == 0)
        return 0;
    if (errno == EWOULDBLOCK)
        return err_set(err, ERR_BUSY, "lock %s: held by another process", f->path);
    return failed(err, "lock", f->path);
}

int fs_map(struct fs_file *f, const void **out, size_t *out_n, struct err *err)
{
    uint64_t size;
    int rc = fs_size(f, &size, err);
    if (rc != 0)
        return rc;
    if (size > SIZE_MAX / 2)
        return err_set(err, ERR_TOO_BIG, "map %s: too big", f->path);
    const void *p = NULL;
    if (size && f->fs->map(f->fs->self, f->h, (size_t)size, &p) != 0)
        return failed(err, "map", f->path);
    *out = p;
    *out_n = (size_t)size;
    return 0;
}

void fs_unmap(const struct fs *fs, const void *p, size_t n)
{
    if (p)
        fs->unmap(fs->self, p, n);
}

int fs_rename(const struct fs *fs, const char *from, const char *to, struct err *err)
{
    return fs->rename(fs->self, from, to) == 0 ? 0 : failed(err, "rename", from);
}

int fs_remove(const struct fs *fs, const char *path, struct err *err)
{
    return fs->remove(fs->self, path) == 0 ? 0 : failed(err, "remove", path);
}

int fs_link(const struct fs *fs, const char *from, const char *to, struct err *err)
{
    if (fs->link && fs->link(fs->self, from, to) == 0)
        return 0;
    /* EPERM: a file system without links, or a rule of the system against them. */
    if (!fs->link || errno == EXDEV || errno == EPERM || errno == EMLINK || errno == EOPNOTSUPP)
        return err_set(err, ERR_UNSUPPORTED, "link %s: not possible to %s", from, to);
    return failed(err, "link", from);
}

bool fs_is_dir(const struct fs *fs, const char *path)
{
    return fs->is_dir && fs->is_dir(fs->self, path) == 1;
}

int fs_make_dir(const struct fs *fs, const char *path, struct err *err)
{
    if (fs->make_dir(fs->self, path) == 0 || errno == EEXIST)
        return 0;
    return failed(err, "make directory", path);
}

/* Makes what is missing of the directories above; each is synced into its own. */
static void make_parents(const struct fs *fs, char *path)
{
    char *last = strrchr(path, '/');
    if (!last || last == path)
        return;
    *last = '\0';
    if (fs->make_dir(fs->self, path) != 0 && errno == ENOENT) {
        make_parents(fs, path);
        (void)fs->make_dir(fs->self, path); // if this fails, so does what is made within
    }
    char *above = strrchr(path, '/');
    if (above && above != path) {
        *above = '\0';
        (void)fs->sync_dir(fs->self, path); // a crash may take away what nobody was told of yet
        *above = '/';
    }
    *last = '/';
}

int fs_make_dirs(const struct fs *fs, const char *path, struct err *err)
{
    if (fs_make_dir(fs, path, err) == 0)
        return 0;
    char *parents = str_dup(str_c(path));
    if (!parents)
        return err_set(err, ERR_NOMEM, "make directory %s: out of memory", path);
    make_parents(fs, parents);
    free(parents);
    return fs_make_dir(fs, path, err);
}

int fs_remove_dir(const struct fs *fs, const char *path, struct err *err)
{
    return fs->remove_dir(fs->self, path) == 0 ? 0 : failed(err, "remove directory", path);
}

int fs_sync_dir(const struct fs *fs, const char *path, struct err *err)
{
    return fs->sync_dir(fs->self, path) == 0 ? 0 : failed(err, "sync directory", path);
}

struct listing {
    struct fs_names names;
    size_t cap;
};

static int add_name(void *arg, const char *name)
{
    struct listing *l = arg;
    if (l->names.n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 16;
        char **v = realloc(l->names.v, cap * sizeof *v);
        if (!v) {
            l->cap = SIZE_MAX;
            return -1;
        }
        l->names.v = v;
        l->cap = cap;
    }
    char *copy = str_dup(str_c(name));
    if (!copy) {
        l->cap = SIZE_MAX;
        return -1;
    }
    l->names.v[l->names.n++] = copy;
    return 0;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int fs_list(const struct fs *fs, const char *path, struct fs_names *out, struct err *err)
{
    struct listing l = {0};
    int rc = fs->list(fs->self, path, add_name, &l) == 0 ? 0 : failed(err, "list", path);
    if (rc == 0 && l.cap == SIZE_MAX)
        rc = err_set(err, ERR_NOMEM, "list %s: out of memory", path);
    if (rc != 0) {
        fs_names_done(&l.names);
        return rc;
    }
    if (l.names.n)
        qsort(l.names.v, l.names.n, sizeof *l.names.v, by_bytes);
    *out = l.names;
    return 0;
}

void fs_names_done(struct fs_names *names)
{
    for (size_t i = 0; i < names->n; i++)
        free(names->v[i]);
    free(names->v);
    *names = (struct fs_names){0};
}

static int write_new(const struct fs *fs, const char *path, const void *p, size_t n,
                     struct err *err)
{
    struct fs_file f = {0};
    int rc = fs_open(fs, path, FS_NEW, &f, err);
    if (rc != 0)
        return rc;
    rc = fs_write_at(&f, p, n, 0, err);
    if (rc == 0)
        rc = fs_sync(&f, err);
    int closed = fs_close(&f, rc == 0 ? err : NULL);
    return rc != 0 ? rc : closed;
}

int fs_replace(const struct fs *fs, const char *dir, const char *path, const void *p, size_t n,
               struct err *err)
{
    size_t length = strlen(path);
    char *beside = malloc(length + sizeof ".tmp");
    if (!beside)
        return err_set(err, ERR_NOMEM, "write %s: out of memory", path);
    memcpy(beside, path, length);
    memcpy(beside + length, ".tmp", sizeof ".tmp");

    int rc = write_new(fs, beside, p, n, err);
    if (rc == 0)
        rc = fs_rename(fs, beside, path, err);
    if (rc == 0)
        rc = fs_sync_dir(fs, dir, err);
    free(beside);
    return rc;
}

static int read_open(struct fs_file *f, size_t max, char **out, size_t *out_n, struct err *err)
{
    uint64_t size;
    int rc = fs_size(f, &size, err);
    if (rc != 0)
        return rc;
    if (size > max)
        return err_set(err, ERR_TOO_BIG, "read %s: %llu bytes; expected at most %zu", f->path,
                       (unsigned long long)size, max);
    char *p = malloc((size_t)size + 1);
    if (!p)
        return err_set(err, ERR_NOMEM, "read %s: out of memory", f->path);
    size_t n;
    rc = fs_read_at(f, p, (size_t)size, 0, &n, err);
    if (rc != 0) {
        free(p);
        return rc;
    }
    p[n] = '\0';
    *out = p;
    *out_n = n;
    return 0;
}

int fs_read_all(const struct fs *fs, const char *path, size_t max, char **out, size_t *out_n,
                struct err *err)
{
    struct fs_file f = {0};
    int rc = fs_open(fs, path, FS_READ, &f, err);
    if (rc != 0)
        return rc;
    rc = read_open(&f, max, out, out_n, err);
    (void)fs_close(&f, NULL); // read-only: nothing to lose
    return rc;
}

char *fs_join(const char *dir, const char *name)
{
    size_t a = strlen(dir), b = strlen(name);
    char *p = malloc(a + b + 2);
    if (!p)
        return NULL;
    memcpy(p, dir, a);
    p[a] = '/';
    memcpy(p + a + 1, name, b + 1);
    return p;
}
