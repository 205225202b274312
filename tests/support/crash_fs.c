#include "support/crash_fs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/lock.h"
#include "base/str.h"

struct bytes {
    char *p;
    size_t n, cap;
};

struct inode {
    struct bytes now, durable;
    bool locked;
    size_t refs; /* names (in both tables) and handles */
};

struct name {
    char *path;
    struct inode *now, *durable; /* NULL: not there */
    bool is_dir, dir_now, dir_durable;
};

struct handle {
    struct inode *inode;
    struct handle *next;
    uint64_t life; /* of the process that opened it */
};

struct crash_fs {
    struct fs vtable;
    struct lock lock;
    struct name *names;
    size_t n, cap;
    struct handle *handles;
    uint64_t seed, operations, power_lost_at, life, space;
    int write_fault, sync_fault, link_fault;
    bool dark;
};

/* --- pieces ----------------------------------------------------------------------------------- */

static void resize(struct bytes *b, size_t n)
{
    if (n > b->cap) {
        b->cap = n * 2;
        b->p = realloc(b->p, b->cap);
        if (!b->p)
            abort();
    }
    if (n > b->n)
        memset(b->p + b->n, 0, n - b->n);
    b->n = n;
}

static void copy(struct bytes *to, const struct bytes *from)
{
    resize(to, from->n);
    if (from->n)
        memcpy(to->p, from->p, from->n);
}

static void unref(struct inode *i)
{
    if (!i || --i->refs)
        return;
    free(i->now.p);
    free(i->durable.p);
    free(i);
}

static void set(struct inode **slot, struct inode *i)
{
    if (i)
        i->refs++;
    unref(*slot);
    *slot = i;
}

static struct name *find(struct crash_fs *c, const char *path)
{
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->names[i].path, path) == 0)
            return &c->names[i];
    return NULL;
}

static struct name *find_or_add(struct crash_fs *c, const char *path)
{
    struct name *n = find(c, path);
    if (n)
        return n;
    if (c->n == c->cap) {
        c->cap = c->cap ? c->cap * 2 : 64;
        c->names = realloc(c->names, c->cap * sizeof *c->names);
        if (!c->names)
            abort();
    }
    c->names[c->n] = (struct name){.path = str_dup(str_c(path))};
    return &c->names[c->n++];
}

static bool is_in(const char *path, const char *dir)
{
    size_t n = strlen(dir);
    return strncmp(path, dir, n) == 0 && path[n] == '/' && !strchr(path + n + 1, '/');
}

static int fail(int reason)
{
    errno = reason;
    return -1;
}

/* Counts a changing operation; -1 when the power is gone. */
static int change(struct crash_fs *c)
{
    if (c->dark || c->operations >= c->power_lost_at) {
        c->dark = true;
        return fail(EIO);
    }
    c->operations++;
    return 0;
}

/* A file with several names counts for each; the limits of tests are not that fine. */
static uint64_t used(const struct crash_fs *c)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < c->n; i++)
        sum += c->names[i].now ? c->names[i].now->now.n : 0;
    return sum;
}

static struct crash_fs *enter(void *self)
{
    struct crash_fs *c = self;
    lock_take(&c->lock);
    return c;
}

static int leave(struct crash_fs *c, int rc)
{
    int saved = errno;
    lock_give(&c->lock);
    errno = saved;
    return rc;
}

/* --- the vtable ------------------------------------------------------------------------------- */

static int open_locked(struct crash_fs *c, const char *path, enum fs_mode mode, void **out)
{
    struct name *n = find(c, path);
    bool there = n && n->now;
    if (c->dark)
        return fail(EIO);
    if (!there && mode == FS_READ)
        return fail(ENOENT);
    if (!there || mode == FS_NEW) {
        if (change(c) != 0)
            return -1;
        n = find_or_add(c, path);
        if (!there) {
            struct inode *i = calloc(1, sizeof *i);
            if (!i)
                return fail(ENOMEM);
            set(&n->now, i);
        } else {
            n->now->now.n = 0;
        }
    }
    struct handle *h = calloc(1, sizeof *h);
    if (!h)
        return fail(ENOMEM);
    h->inode = n->now;
    h->inode->refs++;
    h->life = c->life;
    h->next = c->handles;
    c->handles = h;
    *out = h;
    return 0;
}

static int fs_open_(void *self, const char *path, enum fs_mode mode, void **out)
{
    struct crash_fs *c = enter(self);
    return leave(c, open_locked(c, path, mode, out));
}

static int fs_close_(void *self, void *handle)
{
    struct crash_fs *c = enter(self);
    struct handle *h = handle, **at = &c->handles;
    while (*at != h)
        at = &(*at)->next;
    *at = h->next;
    if (h->life == c->life)
        h->inode->locked = false;
    unref(h->inode);
    free(h);
    return leave(c, 0);
}

static bool is_dead(const struct crash_fs *c, const struct handle *h)
{
    return h->life != c->life;
}

static ssize_t fs_read_(void *self, void *handle, void *to, size_t n, uint64_t at)
{
    struct crash_fs *c = enter(self);
    const struct bytes *b = &((struct handle *)handle)->inode->now;
    size_t got = at < b->n ? b->n - (size_t)at : 0;
    got = got < n ? got : n;
    if (got)
        memcpy(to, b->p + at, got);
    return leave(c, c->dark || is_dead(c, handle) ? fail(EIO) : (int)got);
}

static ssize_t write_locked(struct crash_fs *c, struct inode *i, const void *from, size_t n,
                            uint64_t at)
{
    if (change(c) != 0)
        return -1;
    if (c->write_fault)
        return fail(c->write_fault);
    uint64_t end = at + n, now = used(c);
    uint64_t grow = end > i->now.n ? end - i->now.n : 0;
    if (now + grow > c->space) {
        /* As much as fits: callers must cope with a short write before the failure. */
        uint64_t room = c->space > now ? c->space - now : 0;
        n = at + n <= i->now.n + room ? n
                                      : (size_t)(i->now.n + room > at ? i->now.n + room - at : 0);
        if (n == 0)
            return fail(ENOSPC);
        end = at + n;
    }
    if (end > i->now.n)
        resize(&i->now, (size_t)end);
    memcpy(i->now.p + at, from, n);
    return (ssize_t)n;
}

static ssize_t fs_write_(void *self, void *handle, const void *from, size_t n, uint64_t at)
{
    struct crash_fs *c = enter(self);
    ssize_t put = is_dead(c, handle)
                      ? fail(EIO)
                      : write_locked(c, ((struct handle *)handle)->inode, from, n, at);
    int saved = errno;
    lock_give(&c->lock);
    errno = saved;
    return put;
}

static int fs_truncate_(void *self, void *handle, uint64_t size)
{
    struct crash_fs *c = enter(self);
    if (change(c) != 0 || is_dead(c, handle))
        return leave(c, fail(EIO));
    resize(&((struct handle *)handle)->inode->now, (size_t)size);
    return leave(c, 0);
}

static int fs_sync_(void *self, void *handle)
{
    struct crash_fs *c = enter(self);
    struct inode *i = ((struct handle *)handle)->inode;
    if (change(c) != 0 || is_dead(c, handle))
        return leave(c, fail(EIO));
    if (c->sync_fault)
        return leave(c, fail(c->sync_fault));
    copy(&i->durable, &i->now);
    return leave(c, 0);
}

static int fs_size_(void *self, void *handle, uint64_t *out)
{
    struct crash_fs *c = enter(self);
    *out = ((struct handle *)handle)->inode->now.n;
    return leave(c, 0);
}

static int fs_try_lock_(void *self, void *handle)
{
    struct crash_fs *c = enter(self);
    struct inode *i = ((struct handle *)handle)->inode;
    if (i->locked)
        return leave(c, fail(EWOULDBLOCK));
    i->locked = true;
    return leave(c, 0);
}

static int fs_map_(void *self, void *handle, size_t n, const void **out)
{
    struct crash_fs *c = enter(self);
    const struct bytes *b = &((struct handle *)handle)->inode->now;
    char *p = malloc(n);
    if (!p || b->n < n)
        return leave(c, fail(EIO));
    memcpy(p, b->p, n);
    *out = p;
    return leave(c, 0);
}

static void fs_unmap_(void *self, const void *p, size_t n)
{
    (void)self, (void)n;
    free((void *)(uintptr_t)p);
}

/* What is in the directory moves with it; where it was durable it is so under both names until the
 * directory above is synced: which of them is there decides the directory's own name. */
static void move_entries(struct crash_fs *c, const char *from, const char *to)
{
    size_t n = c->n, length = strlen(from);
    for (size_t i = 0; i < n; i++) {
        if (strncmp(c->names[i].path, from, length) != 0 || c->names[i].path[length] != '/')
            continue;
        char *path = fs_join(to, c->names[i].path + length + 1);
        struct name *m = find_or_add(c, path), *old = &c->names[i];
        set(&m->now, old->now);
        set(&m->durable, old->durable);
        m->is_dir = old->is_dir;
        m->dir_now = old->dir_now;
        m->dir_durable = old->dir_durable;
        set(&old->now, NULL);
        old->dir_now = false;
        free(path);
    }
}

static int rename_dir(struct crash_fs *c, const char *from, const char *to)
{
    struct name *m = find_or_add(c, to);
    m->is_dir = m->dir_now = true;
    move_entries(c, from, to);
    find(c, from)->dir_now = false;
    return 0;
}

static int fs_rename_(void *self, const char *from, const char *to)
{
    struct crash_fs *c = enter(self);
    if (change(c) != 0)
        return leave(c, -1);
    struct name *n = find(c, from);
    if (n && n->dir_now)
        return leave(c, rename_dir(c, from, to));
    if (!n || !n->now)
        return leave(c, fail(ENOENT));
    struct inode *i = n->now;
    i->refs++;
    set(&n->now, NULL);
    struct name *m = find_or_add(c, to);
    set(&m->now, i);
    i->refs--;
    return leave(c, 0);
}

static int fs_link_(void *self, const char *from, const char *to)
{
    struct crash_fs *c = enter(self);
    if (change(c) != 0)
        return leave(c, -1);
    struct name *n = find(c, from), *m = find(c, to);
    if (c->link_fault)
        return leave(c, fail(c->link_fault));
    if (!n || !n->now)
        return leave(c, fail(ENOENT));
    if (m && m->now)
        return leave(c, fail(EEXIST));
    struct inode *i = n->now;
    set(&find_or_add(c, to)->now, i);
    return leave(c, 0);
}

static int fs_is_dir_(void *self, const char *path)
{
    struct crash_fs *c = enter(self);
    const struct name *n = find(c, path);
    int is = n && n->dir_now ? 1 : n && n->now ? 0 : fail(ENOENT);
    return leave(c, is);
}

static int fs_remove_(void *self, const char *path)
{
    struct crash_fs *c = enter(self);
    if (change(c) != 0)
        return leave(c, -1);
    struct name *n = find(c, path);
    if (!n || !n->now)
        return leave(c, fail(ENOENT));
    set(&n->now, NULL);
    return leave(c, 0);
}

static int fs_make_dir_(void *self, const char *path)
{
    struct crash_fs *c = enter(self);
    struct name *n = find(c, path);
    if (n && n->dir_now)
        return leave(c, fail(EEXIST));
    if (change(c) != 0)
        return leave(c, -1);
    n = find_or_add(c, path);
    n->is_dir = n->dir_now = true;
    return leave(c, 0);
}

static int fs_remove_dir_(void *self, const char *path)
{
    struct crash_fs *c = enter(self);
    if (change(c) != 0)
        return leave(c, -1);
    struct name *n = find(c, path);
    if (!n || !n->dir_now)
        return leave(c, fail(ENOENT));
    for (size_t i = 0; i < c->n; i++)
        if (is_in(c->names[i].path, path) && (c->names[i].now || c->names[i].dir_now))
            return leave(c, fail(ENOTEMPTY));
    n->dir_now = false;
    return leave(c, 0);
}

static int fs_sync_dir_(void *self, const char *path)
{
    struct crash_fs *c = enter(self);
    if (change(c) != 0)
        return leave(c, -1);
    if (c->sync_fault)
        return leave(c, fail(c->sync_fault));
    for (size_t i = 0; i < c->n; i++) {
        if (!is_in(c->names[i].path, path))
            continue;
        set(&c->names[i].durable, c->names[i].now);
        c->names[i].dir_durable = c->names[i].dir_now;
    }
    return leave(c, 0);
}

static int fs_list_(void *self, const char *path, int (*each)(void *arg, const char *name),
                    void *arg)
{
    struct crash_fs *c = enter(self);
    struct name *dir = find(c, path);
    if (c->dark || !dir || !dir->dir_now)
        return leave(c, fail(c->dark ? EIO : ENOENT));
    for (size_t i = 0; i < c->n; i++) {
        const struct name *n = &c->names[i];
        if (is_in(n->path, path) && (n->now || n->dir_now) &&
            each(arg, n->path + strlen(path) + 1) != 0)
            break;
    }
    return leave(c, 0);
}

/* --- control ---------------------------------------------------------------------------------- */

struct crash_fs *crash_fs_new(uint64_t seed)
{
    struct crash_fs *c = calloc(1, sizeof *c);
    if (!c)
        abort();
    lock_init(&c->lock, LOCK_LEAF);
    c->seed = seed;
    c->power_lost_at = c->space = UINT64_MAX;
    c->vtable = (struct fs){
        .self = c,
        .open = fs_open_,
        .close = fs_close_,
        .read_at = fs_read_,
        .write_at = fs_write_,
        .truncate = fs_truncate_,
        .sync = fs_sync_,
        .size = fs_size_,
        .try_lock = fs_try_lock_,
        .map = fs_map_,
        .unmap = fs_unmap_,
        .rename = fs_rename_,
        .link = fs_link_,
        .remove = fs_remove_,
        .is_dir = fs_is_dir_,
        .make_dir = fs_make_dir_,
        .remove_dir = fs_remove_dir_,
        .sync_dir = fs_sync_dir_,
        .list = fs_list_,
    };
    return c;
}

void crash_fs_free(struct crash_fs *c)
{
    for (size_t i = 0; i < c->n; i++) {
        set(&c->names[i].now, NULL);
        set(&c->names[i].durable, NULL);
        free(c->names[i].path);
    }
    free(c->names);
    lock_done(&c->lock);
    free(c);
}

const struct fs *crash_fs_vtable(struct crash_fs *c)
{
    return &c->vtable;
}

uint64_t crash_fs_operations(const struct crash_fs *c)
{
    return c->operations;
}

void crash_fs_lose_power_at(struct crash_fs *c, uint64_t n)
{
    c->power_lost_at = c->operations + n;
}

bool crash_fs_has_lost_power(const struct crash_fs *c)
{
    return c->dark;
}

static uint64_t next_random(struct crash_fs *c)
{
    return c->seed = hash_u64(c->seed + 0x9e3779b97f4a7c15u);
}

/* What an unsynced file holds after power loss: its durable content, then some of what was appended
 * since, the last of it perhaps scrambled. */
static void lose(struct crash_fs *c, struct inode *i)
{
    size_t kept = i->durable.n;
    if (i->now.n > kept && next_random(c) % 2)
        kept += (size_t)(next_random(c) % (i->now.n - kept + 1));
    struct bytes rest = {0};
    copy(&rest, &i->durable);
    if (kept > rest.n) {
        size_t from = rest.n;
        resize(&rest, kept);
        memcpy(rest.p + from, i->now.p + from, kept - from);
        if (next_random(c) % 2)
            rest.p[from + next_random(c) % (kept - from)] ^= (char)(1 + next_random(c) % 255);
    }
    copy(&i->now, &rest);
    copy(&i->durable, &rest);
    free(rest.p);
}

static void end_process(struct crash_fs *c)
{
    c->life++;
    for (size_t i = 0; i < c->n; i++)
        if (c->names[i].now)
            c->names[i].now->locked = false;
    c->dark = false;
    c->power_lost_at = c->space = UINT64_MAX;
    c->write_fault = c->sync_fault = c->link_fault = 0;
}

/* Is the directory that the path is in gone? */
static bool is_orphan(const struct crash_fs *c, const char *path)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->names[i].is_dir && is_in(path, c->names[i].path))
            return !c->names[i].dir_now;
    return false;
}

void crash_fs_reboot(struct crash_fs *c)
{
    lock_take(&c->lock);
    for (size_t i = 0; i < c->n; i++) { // directories come before what is in them
        struct name *n = &c->names[i];
        if (is_orphan(c, n->path)) {
            set(&n->durable, NULL);
            n->dir_durable = false;
        }
        set(&n->now, n->durable);
        n->dir_now = n->dir_durable;
    }
    for (size_t i = 0; i < c->n; i++)
        if (c->names[i].now)
            lose(c, c->names[i].now);
    end_process(c);
    lock_give(&c->lock);
}

void crash_fs_kill_process(struct crash_fs *c)
{
    lock_take(&c->lock);
    end_process(c);
    lock_give(&c->lock);
}

void crash_fs_fail_writes(struct crash_fs *c, int reason)
{
    c->write_fault = reason;
}

void crash_fs_fail_syncs(struct crash_fs *c, int reason)
{
    c->sync_fault = reason;
}

void crash_fs_fail_links(struct crash_fs *c, int reason)
{
    c->link_fault = reason;
}

void crash_fs_set_space(struct crash_fs *c, uint64_t bytes)
{
    c->space = bytes;
}

uint64_t crash_fs_used(const struct crash_fs *c)
{
    return used(c);
}

bool crash_fs_damage(struct crash_fs *c, const char *path, uint64_t at, unsigned char mask)
{
    struct name *n = find(c, path);
    if (!n || !n->now || at >= n->now->now.n)
        return false;
    n->now->now.p[at] ^= (char)mask;
    copy(&n->now->durable, &n->now->now);
    return true;
}

bool crash_fs_cut(struct crash_fs *c, const char *path, uint64_t size)
{
    struct name *n = find(c, path);
    if (!n || !n->now || size > n->now->now.n)
        return false;
    resize(&n->now->now, (size_t)size);
    copy(&n->now->durable, &n->now->now);
    return true;
}

uint64_t crash_fs_size(struct crash_fs *c, const char *path)
{
    const struct name *n = find(c, path);
    return n && n->now ? n->now->now.n : 0;
}

const char *crash_fs_path(struct crash_fs *c, const char *suffix, size_t i)
{
    for (size_t k = 0; k < c->n; k++)
        if (c->names[k].now && str_ends(str_c(c->names[k].path), str_c(suffix)) && i-- == 0)
            return c->names[k].path;
    return NULL;
}
