/* Files behind a table of functions, so that tests can bring a file system that loses, tears and
 * refuses writes.
 *
 * Two levels: `struct fs` is what an implementation fills (thin, errno as the reason); the
 * functions below it are what everybody calls (they name the path in messages and turn errno into
 * ERR_…): ERR_BUSY for a full disk, quota or limit, ERR_NOT_FOUND, ERR_EXISTS, ERR_DENIED
 * (permission, read-only file system), ERR_NOMEM, ERR_IO for the rest. Threads: any, also on one
 * file, where calls do not depend on each other (reads and writes carry their offset). */
#ifndef TELLTALE_BASE_FS_H
#define TELLTALE_BASE_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

enum fs_mode {
    FS_READ,  /* must exist */
    FS_WRITE, /* read and write, made when missing, content kept */
    FS_NEW    /* read and write, emptied when there was one */
};

/* An implementation. Functions return 0 (or a count) and -1 with errno set. `h` is the handle that
 * open gave out. */
struct fs {
    void *self;
    int (*open)(void *self, const char *path, enum fs_mode mode, void **out_h);
    int (*close)(void *self, void *h);
    ssize_t (*read_at)(void *self, void *h, void *to, size_t n, uint64_t at);
    ssize_t (*write_at)(void *self, void *h, const void *from, size_t n, uint64_t at);
    int (*truncate)(void *self, void *h, uint64_t size);
    int (*sync)(void *self, void *h); /* data and size reach the disk */
    int (*size)(void *self, void *h, uint64_t *out);
    int (*try_lock)(void *self, void *h); /* exclusive, until close; EWOULDBLOCK when taken */
    /* Read-only, n > 0. Pages that cannot be read later on are zeros: base/map_guard.h. */
    int (*map)(void *self, void *h, size_t n, const void **out);
    void (*unmap)(void *self, const void *p, size_t n);
    int (*rename)(void *self, const char *from, const char *to); /* replaces `to` */
    int (*link)(void *self, const char *from, const char *to);   /* a second name; NULL: cannot */
    int (*remove)(void *self, const char *path);
    int (*is_dir)(void *self, const char *path); /* 1 or 0; -1 when there is nothing */
    int (*make_dir)(void *self, const char *path);
    int (*remove_dir)(void *self, const char *path);
    int (*sync_dir)(void *self, const char *path); /* names in it reach the disk */
    /* Calls `each` with every name but . and .., in no order; stops when it returns non-zero. */
    int (*list)(void *self, const char *path, int (*each)(void *arg, const char *name), void *arg);
};

/* The operating system's files. */
const struct fs *fs_real(void);

struct fs_file {
    const struct fs *fs; /* NULL: not open */
    void *h;
    char *path; /* owned, for messages */
};

/* `path` is copied; `out` is written on success only. fs_close. */
int fs_open(const struct fs *fs, const char *path, enum fs_mode mode, struct fs_file *out,
            struct err *err);

/* Closes; nothing when it is not open. The file is closed even on an error. */
int fs_close(struct fs_file *f, struct err *err);

/* Reads up to `n` bytes; *out_n is less at the end of the file only. */
int fs_read_at(struct fs_file *f, void *to, size_t n, uint64_t at, size_t *out_n, struct err *err);

/* Writes all of it; on failure any part of it may have been written. */
int fs_write_at(struct fs_file *f, const void *from, size_t n, uint64_t at, struct err *err);
int fs_truncate(struct fs_file *f, uint64_t size, struct err *err);
int fs_sync(struct fs_file *f, struct err *err);
int fs_size(struct fs_file *f, uint64_t *out, struct err *err);
int fs_try_lock(struct fs_file *f, struct err *err); /* ERR_BUSY: another holds it */

/* The whole content of a file mapped read-only; {NULL, 0} for an empty file. The mapping outlives
 * the file's handle and its removal. */
int fs_map(struct fs_file *f, const void **out, size_t *out_n, struct err *err);
void fs_unmap(const struct fs *fs, const void *p, size_t n);

/* Replaces `to`. A name survives a crash of the machine once its directory is synced. */
int fs_rename(const struct fs *fs, const char *from, const char *to, struct err *err);
int fs_remove(const struct fs *fs, const char *path, struct err *err);

/* Gives the file a second name, which must be free. ERR_UNSUPPORTED: it has to be copied instead
 * (another file system, or one without links). */
int fs_link(const struct fs *fs, const char *from, const char *to, struct err *err);
bool fs_is_dir(const struct fs *fs, const char *path);

/* Fine when it exists already. The parent must exist. */
int fs_make_dir(const struct fs *fs, const char *path, struct err *err);
/* With its parents. */
int fs_make_dirs(const struct fs *fs, const char *path, struct err *err);
int fs_remove_dir(const struct fs *fs, const char *path, struct err *err);
int fs_sync_dir(const struct fs *fs, const char *path, struct err *err);

/* Names in a directory, sorted by bytes. Owned by the list: fs_names_done. */
struct fs_names {
    char **v;
    size_t n;
};
int fs_list(const struct fs *fs, const char *path, struct fs_names *out, struct err *err);
void fs_names_done(struct fs_names *names);

/* Replaces the content of a small file so that after a crash it is the old or the new one: written
 * beside it, synced, renamed, directory synced. `dir` is the folder of `path`. */
int fs_replace(const struct fs *fs, const char *dir, const char *path, const void *p, size_t n,
               struct err *err);

/* The content of a small file on the heap (NUL behind it); ERR_TOO_BIG over `max`. */
int fs_read_all(const struct fs *fs, const char *path, size_t max, char **out, size_t *out_n,
                struct err *err);

/* Copies a file and syncs the copy; `to` is replaced. */
int fs_copy(const struct fs *fs, const char *from, const char *to, struct err *err);

/* Removes a directory with all that is in it. Fine when there is none. */
int fs_remove_tree(const struct fs *fs, const char *path, struct err *err);

/* "<dir>/<name>" on the heap; NULL when out of memory. */
char *fs_join(const char *dir, const char *name);

#endif
