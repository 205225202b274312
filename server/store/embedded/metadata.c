#include "store/embedded/metadata.h"

#include <stdlib.h>

#include "base/arena.h"
#include "store/embedded/sealed.h"
#include "store/embedded/wal_record.h"

/* The file, behind its seal: a METADATA section as in a log record. */
static const char file_magic[SEALED_MAGIC] = "ttmeta\0\1";
enum { FILE_MAX = 512 << 20 };

void metadata_init(struct metadata *m)
{
    *m = (struct metadata){0};
    lock_init(&m->lock, LOCK_LEAF);
}

void metadata_done(struct metadata *m)
{
    size_t cursor = 0;
    const struct map_entry *e;
    while ((e = map_next(&m->families, &cursor)))
        free(e->value);
    map_done(&m->families);
    lock_done(&m->lock);
}

static bool equal(const struct metric_metadata *a, const struct metric_metadata *b)
{
    return a->type == b->type && str_eq(a->unit, b->unit) && str_eq(a->help, b->help);
}

static bool is_news(const struct metadata *m, const struct metric_metadata *family)
{
    if (family->family.n + family->unit.n + family->help.n > METADATA_TEXT_MAX)
        return false;
    const struct metric_metadata *known = map_get(&m->families, family->family);
    return known ? !equal(known, family) : m->families.n < METADATA_MAX;
}

bool metadata_is_news(struct metadata *m, const struct metric_metadata *family)
{
    lock_take(&m->lock);
    bool news = is_news(m, family);
    lock_give(&m->lock);
    return news;
}

static struct str put_copy(char **at, struct str s)
{
    struct str copy = {*at, s.n};
    if (s.n)
        memcpy(*at, s.p, s.n);
    *at += s.n;
    return copy;
}

static struct metric_metadata *duplicate(const struct metric_metadata *f)
{
    struct metric_metadata *copy = malloc(sizeof *copy + f->family.n + f->unit.n + f->help.n);
    if (!copy)
        return NULL;
    char *at = (char *)(copy + 1);
    copy->type = f->type;
    copy->family = put_copy(&at, f->family);
    copy->unit = put_copy(&at, f->unit);
    copy->help = put_copy(&at, f->help);
    return copy;
}

int metadata_put(struct metadata *m, const struct metric_metadata *family)
{
    struct metric_metadata *copy = duplicate(family);
    if (!copy)
        return ERR_NOMEM;
    int rc = 0;
    lock_take(&m->lock);
    struct metric_metadata *old = copy;
    if (is_news(m, family)) {
        old = map_get(&m->families, family->family);
        rc = map_put(&m->families, copy->family, copy);
        m->changed |= rc == 0;
        if (rc != 0)
            old = copy;
    }
    lock_give(&m->lock);
    free(old);
    return rc;
}

/* --- the file --------------------------------------------------------------------------------- */

static int load_family(void *arg, const struct metric_metadata *family)
{
    return metadata_put(arg, family);
}

int metadata_load(struct metadata *m, const struct fs *fs, const char *path, struct err *err)
{
    char *p = NULL;
    size_t n = 0;
    int rc = fs_read_all(fs, path, FILE_MAX, &p, &n, err);
    if (rc != 0)
        return rc == ERR_NOT_FOUND ? 0 : rc;
    struct str families;
    bool whole = sealed_open(str_of(p, n), file_magic, &families);
    if (whole) {
        struct arena arena;
        arena_init(&arena, 1 << 20);
        const struct wal_visitor visitor = {.arg = m, .metadata = load_family};
        rc = wal_read_record(families, &arena, &visitor);
        arena_done(&arena);
        m->changed = false; // nobody else has it yet
    }
    free(p);
    if (!whole || rc == ERR_CORRUPT)
        return err_set(err, ERR_CORRUPT, "%s: damaged; type, unit and help of metrics are lost",
                       path);
    return rc == 0 ? 0 : err_set(err, rc, "read %s: out of memory", path);
}

static void encode(struct metadata *m, struct buf *out)
{
    sealed_begin(out, file_magic);
    wal_put_metadata(out, m->families.n);
    size_t cursor = 0;
    const struct map_entry *e;
    while ((e = map_next(&m->families, &cursor)))
        wal_put_family(out, e->value);
    sealed_finish(out);
}

int metadata_save(struct metadata *m, const struct fs *fs, const char *dir, const char *path,
                  struct err *err)
{
    struct buf file = BUF_MAX(FILE_MAX);
    lock_take(&m->lock);
    bool changed = m->changed;
    if (changed)
        encode(m, &file);
    m->changed = false;
    lock_give(&m->lock);

    int rc = 0;
    if (buf_failed(&file))
        rc = err_set(err, ERR_NOMEM, "write %s: out of memory", path);
    else if (changed)
        rc = fs_replace(fs, dir, path, file.p, file.n, err);
    buf_done(&file);
    if (rc != 0) {
        lock_take(&m->lock);
        m->changed = true;
        lock_give(&m->lock);
    }
    return rc;
}

/* --- finding ---------------------------------------------------------------------------------- */

static int by_family(const void *a, const void *b)
{
    return str_cmp(((const struct metric_metadata *)a)->family,
                   ((const struct metric_metadata *)b)->family);
}

static struct metric_metadata copy_to(struct arena *a, const struct metric_metadata *f)
{
    return (struct metric_metadata){arena_str(a, f->family), arena_str(a, f->unit),
                                    arena_str(a, f->help), f->type};
}

int metadata_find(struct metadata *m, struct str family, size_t limit, struct arena *arena,
                  struct metric_metadata **out, size_t *out_n, struct err *err)
{
    size_t n = 0;
    lock_take(&m->lock);
    const struct metric_metadata *one = family.n ? map_get(&m->families, family) : NULL;
    struct metric_metadata *v = arena_array(arena, family.n ? 1 : m->families.n, sizeof *v);
    if (v && one)
        v[n++] = copy_to(arena, one);
    size_t cursor = 0;
    const struct map_entry *e;
    while (v && family.n == 0 && (e = map_next(&m->families, &cursor)))
        v[n++] = copy_to(arena, e->value);
    lock_give(&m->lock);

    if (arena_failed(arena))
        return err_set(err, ERR_NOMEM, "metadata: over the memory budget");
    if (n)
        qsort(v, n, sizeof *v, by_family);
    *out = v;
    *out_n = limit && limit < n ? limit : n;
    return 0;
}
