/* All by file descriptors and names of our own making: neither a link nor a change of the process'
 * folder leads elsewhere. Numbers that are too large to be counted up are not ours. */
#include "otlp/spool_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/num.h"

enum { PARTS = 64, NAME_BYTES = 32, PATH_BYTES = 4096, DIGITS = 16, NEAR = 64 };
static const uint64_t NUMBER_LIMIT = UINT64_C(1) << 62;

/* --- names ----------------------------------------------------------------------------------- */

static void name_of(char out[NAME_BYTES], uint64_t number)
{
    (void)snprintf(out, NAME_BYTES, "%016llx.otlp", (unsigned long long)number); // always fits
}

/* 0 when it is not the name of a request's file. */
static uint64_t number_of(const char *name)
{
    uint64_t number;
    struct str text = str_c(name);
    if (text.n != DIGITS + 5 || !str_ends(text, STR(".otlp")) ||
        num_parse_hex(str_sub(text, 0, DIGITS), &number) != 0)
        return 0;
    return number < NUMBER_LIMIT ? number : 0;
}

/* --- files ----------------------------------------------------------------------------------- */

bool spool_part_has(const struct spool_part *p, uint64_t number, uint64_t *out_bytes)
{
    char name[NAME_BYTES];
    struct stat st;
    name_of(name, number);
    if (fstatat(p->folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
        return false;
    *out_bytes = (uint64_t)st.st_size;
    return true;
}

bool spool_part_read(const struct spool_part *p, uint64_t number, size_t max, struct buf *out)
{
    char name[NAME_BYTES];
    name_of(name, number);
    int fd = openat(p->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    char *to = fd >= 0 && max ? buf_reserve(out, max) : NULL;
    ssize_t n = to ? 1 : -1;
    while (n > 0 && out->n < max) {
        n = read(fd, out->p + out->n, max - out->n);
        if (n > 0)
            buf_advance(out, (size_t)n);
        else if (n < 0 && errno == EINTR)
            n = 1;
    }
    if (fd >= 0)
        (void)close(fd); // it was only read
    return n >= 0;
}

static bool write_all(int fd, struct str bytes)
{
    while (bytes.n) {
        ssize_t n = write(fd, bytes.p, bytes.n);
        if (n < 0 && errno != EINTR)
            return false;
        bytes = str_sub(bytes, n > 0 ? (size_t)n : 0, bytes.n);
    }
    return true;
}

bool spool_part_write(const struct spool_part *p, uint64_t number, struct str bytes)
{
    char name[NAME_BYTES];
    name_of(name, number);
    int fd = openat(p->folder, "new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return false;
    bool ok = write_all(fd, bytes);
    ok = close(fd) == 0 && ok && renameat(p->folder, "new", p->folder, name) == 0;
    if (!ok)
        (void)unlinkat(p->folder, "new", 0); // or else it is overwritten next time
    return ok;
}

void spool_part_remove(const struct spool_part *p, uint64_t number)
{
    char name[NAME_BYTES];
    name_of(name, number);
    (void)unlinkat(p->folder, name, 0); // one that stays is sent again: twice is better than never
}

/* --- looking for them ------------------------------------------------------------------------ */

static void count_file(struct spool_found *f, uint64_t number, uint64_t bytes)
{
    f->first = f->first ? MIN(f->first, number) : number;
    f->last = MAX(f->last, number);
    f->count++;
    f->bytes += bytes;
}

struct spool_found spool_part_scan(const struct spool_part *p, uint64_t from)
{
    struct spool_found f = {0};
    int fd = openat(p->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *entry;
    uint64_t bytes;
    if (!dir && fd >= 0)
        (void)close(fd); // nothing was written
    while (dir && (entry = readdir(dir))) {
        uint64_t number = number_of(entry->d_name);
        if (number >= MAX(from, 1) && spool_part_has(p, number, &bytes))
            count_file(&f, number, bytes);
    }
    if (dir)
        (void)closedir(dir);
    return f;
}

uint64_t spool_part_find(const struct spool_part *p, uint64_t from, uint64_t next)
{
    uint64_t bytes;
    for (uint64_t n = from; n < next && n < from + NEAR; n++) {
        if (spool_part_has(p, n, &bytes))
            return n;
    }
    return from + NEAR < next ? spool_part_scan(p, from + NEAR).first : 0;
}

/* --- parts ----------------------------------------------------------------------------------- */

/* False when another process, or another exporter of this one, has it. */
static bool open_number(struct spool_part *p, const char *folder, const char *name, int number,
                        bool make)
{
    char path[PATH_BYTES];
    *p = SPOOL_PART_NONE;
    int n = snprintf(path, sizeof path, "%s/%s.%d", folder, name, number);
    if (n < 0 || (size_t)n >= sizeof path || (make && mkdir(path, 0700) != 0 && errno != EEXIST))
        return false;
    p->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (p->folder >= 0)
        p->lock = openat(p->folder, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (p->lock >= 0 && flock(p->lock, LOCK_EX | LOCK_NB) == 0)
        return true;
    spool_part_close(p);
    return false;
}

bool spool_part_open(struct spool_part *p, const char *folder, const char *name)
{
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return false;
    for (int i = 0; i < PARTS; i++) {
        if (open_number(p, folder, name, i, true)) {
            (void)unlinkat(p->folder, "new", 0); // left by a process that died
            return true;
        }
    }
    return false;
}

void spool_part_close(struct spool_part *p)
{
    if (p->folder >= 0)
        (void)close(p->folder); // nothing was written by these
    if (p->lock >= 0)
        (void)close(p->lock);
    *p = SPOOL_PART_NONE;
}

static void adopt_all(struct spool_part *p, const struct spool_part *from, uint64_t *next)
{
    char old[NAME_BYTES], new[NAME_BYTES];
    uint64_t number = 0;
    while (*next < NUMBER_LIMIT && (number = spool_part_find(from, number + 1, NUMBER_LIMIT))) {
        name_of(old, number);
        name_of(new, *next);
        if (renameat(from->folder, old, p->folder, new) == 0)
            ++*next;
    }
}

void spool_part_adopt(struct spool_part *p, const char *folder, const char *name, uint64_t *next)
{
    for (int i = 0; i < PARTS; i++) {
        struct spool_part other;
        if (!open_number(&other, folder, name, i, false))
            continue;
        adopt_all(p, &other, next);
        spool_part_close(&other);
    }
}
