/* The operating system's files behind the table of fs.h; the handle is the descriptor. */
#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/map_guard.h"
#include "base/str.h"

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
