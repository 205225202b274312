#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/map_guard.h"
#include "base/str.h"

/* --- the operating system's files: the handle is the descriptor ------------------------------- */

static int fd_of(void *h)
{
    return (int)(intptr_t)h;
}

static int real_open(void *self, const char *path, enum fs_mode mode, void **out_h)
{
    (void)self;
    static const int flags[] = {
        [FS_READ] = O_RDONLY, [FS_WRITE] = O_RDWR | O_CREAT, [FS_NEW] = O_RDWR | O_CREAT | O_TRUNC};
    int fd;
    do {
        fd = open(path, flags[mode] | O_CLOEXEC, 0640);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return -1;
    *out_h = (void *)(intptr_t)fd;
    return 0;
}

static int real_close(void *self, void *h)
{
    (void)self;
    return close(fd_of(h)); // not repeated on EINTR: Linux has closed it then
}

static ssize_t real_read_at(void *self, void *h, void *to, size_t n, uint64_t at)
{
    (void)self;
    ssize_t got;
    do {
        got = pread(fd_of(h), to, n, (off_t)at);
    } while (got < 0 && errno == EINTR);
    return got;
}

static ssize_t real_write_at(void *self, void *h, const void *from, size_t n, uint64_t at)
{
    (void)self;
    ssize_t put;
    do {
        put = pwrite(fd_of(h), from, n, (off_t)at);
    } while (put < 0 && errno == EINTR);
    return put;
}

static int real_truncate(void *self, void *h, uint64_t size)
{
    (void)self;
    return ftruncate(fd_of(h), (off_t)size);
}

static int real_sync(void *self, void *h)
{
    (void)self;
    return fdatasync(fd_of(h)); // flushes the size too, where it is needed to read the data
}

static int real_size(void *self, void *h, uint64_t *out)
{
    (void)self;
    struct stat st;
    if (fstat(fd_of(h), &st) != 0)
        return -1;
    *out = (uint64_t)st.st_size;
    return 0;
}

static int real_try_lock(void *self, void *h)
{
    (void)self;
    return flock(fd_of(h), LOCK_EX | LOCK_NB);
}

static int real_map(void *self, void *h, size_t n, const void **out)
{
    (void)self;
    void *p = mmap(NULL, n, PROT_READ, MAP_SHARED, fd_of(h), 0);
    if (p == MAP_FAILED)
        return -1;
    if (map_guard_add(p, n) != 0) {
        (void)munmap(p, n); // fails for wrong arguments only
        errno = ENOMEM;
        return -1;
    }
    *out = p;
    return 0;
}

static void real_unmap(void *self, const void *p, size_t n)
{
    (void)self;
    map_guard_remove(p);
    (void)munmap((void *)(uintptr_t)p, n); // fails for wrong arguments only
}

static int real_rename(void *self, const char *from, const char *to)
{
    (void)self;
    return rename(from, to);
}

static int real_link(void *self, const char *from, const char *to)
{
    (void)self;
    return link(from, to);
}

static int real_remove(void *self, const char *path)
{
    (void)self;
    return unlink(path);
}

static int real_is_dir(void *self, const char *path)
{
    (void)self;
    struct stat st;
    return stat(path, &st) != 0 ? -1 : S_ISDIR(st.st_mode) ? 1 : 0;
}

static int real_make_dir(void *self, const char *path)
{
    (void)self;
    return mkdir(path, 0750);
}

static int real_remove_dir(void *self, const char *path)
{
    (void)self;
    return rmdir(path);
}

static int real_sync_dir(void *self, const char *path)
{
    (void)self;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    int rc = fsync(fd);
    int saved = errno;
    (void)close(fd); // read-only: nothing to lose
    errno = saved;
    return rc;
}

static int real_list(void *self, const char *path, int (*each)(void *arg, const char *name),
                     void *arg)
{
    (void)self;
    DIR *dir = opendir(path);
    if (!dir)
        return -1;
    int rc = 0;
    for (;;) {
        errno = 0;
        const struct dirent *e = readdir(dir);
        if (!e) {
            rc = errno ? -1 : 0;
            break;
        }
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (each(arg, e->d_name) != 0)
            break;
    }
    int saved = errno;
    (void)closedir(dir); // read-only: nothing to lose
    errno = saved;
    return rc;
}

const struct fs *fs_real(void)
{
    static const struct fs real = {
        .open = real_open,
        .close = real_close,
        .read_at = real_read_at,
        .write_at = real_write_at,
        .truncate = real_truncate,
        .sync = real_sync,
        .size = real_size,
        .try_lock = real_try_lock,
        .map = real_map,
        .unmap = real_unmap,
        .rename = real_rename,
        .link = real_link,
        .remove = real_remove,
        .is_dir = real_is_dir,
        .make_dir = real_make_dir,
        .remove_dir = real_remove_dir,
        .sync_dir = real_sync_dir,
        .list = real_list,
    };
    return &real;
}

/* --- what everybody calls --------------------------------------------------------------------- */

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
