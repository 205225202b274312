#include "receive/scrape_metadata.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/err.h"
#include "model/batch.h"

enum { KEEP_ITERATIONS = 10 };

struct family {
    struct str name;   /* owned; may hold any byte */
    char *help, *unit; /* owned, may be NULL */
    enum metric_type type;
    uint64_t seen;
    bool changed;
    struct family *doomed;
};

void scrape_metadata_init(struct scrape_metadata *m)
{
    *m = (struct scrape_metadata){0};
    lock_init(&m->lock, LOCK_SCRAPE_TARGET);
}

static void free_family(struct family *f)
{
    if (!f)
        return;
    free((void *)(uintptr_t)f->name.p);
    free(f->help);
    free(f->unit);
    free(f);
}

void scrape_metadata_done(struct scrape_metadata *m)
{
    size_t cursor = 0;
    const struct map_entry *e;
    while ((e = map_next(&m->families, &cursor)))
        free_family(e->value);
    map_done(&m->families);
    lock_done(&m->lock);
}

static struct family *intern(struct scrape_metadata *m, struct str name)
{
    struct family *f = map_get(&m->families, name);
    if (f)
        return f;
    f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    f->name = str_of(str_dup(name), name.n);
    f->changed = true;
    if (!f->name.p || map_put(&m->families, f->name, f) != 0) {
        free_family(f);
        return NULL;
    }
    return f;
}

/* The family, seen in this iteration; NULL and *out_rc when there is none. Call with the lock. */
static struct family *see(struct scrape_metadata *m, uint64_t iteration, struct str name,
                          int *out_rc)
{
    bool full = m->families.n >= SCRAPE_METADATA_MAX && !map_get(&m->families, name);
    struct family *f = full ? NULL : intern(m, name);
    *out_rc = f ? 0 : full ? ERR_TOO_BIG : ERR_NOMEM;
    if (f)
        f->seen = iteration;
    return f;
}

static int set_text(struct family *f, char **field, struct str text)
{
    text = str_sub(text, 0, SCRAPE_HELP_MAX);
    if (str_eq(str_c(*field), text))
        return 0;
    char *copy = str_dup(text);
    if (!copy)
        return ERR_NOMEM;
    free(*field);
    *field = copy;
    f->changed = true;
    return 0;
}

int scrape_metadata_type(struct scrape_metadata *m, uint64_t iteration, struct str family,
                         enum metric_type type)
{
    int rc;
    lock_take(&m->lock);
    struct family *f = see(m, iteration, family, &rc);
    if (f && f->type != type) {
        f->type = type;
        f->changed = true;
    }
    lock_give(&m->lock);
    return rc;
}

int scrape_metadata_help(struct scrape_metadata *m, uint64_t iteration, struct str family,
                         struct str help)
{
    int rc;
    lock_take(&m->lock);
    struct family *f = see(m, iteration, family, &rc);
    if (f)
        rc = set_text(f, &f->help, help);
    lock_give(&m->lock);
    return rc;
}

int scrape_metadata_unit(struct scrape_metadata *m, uint64_t iteration, struct str family,
                         struct str unit)
{
    int rc;
    lock_take(&m->lock);
    struct family *f = see(m, iteration, family, &rc);
    if (f)
        rc = set_text(f, &f->unit, unit);
    lock_give(&m->lock);
    return rc;
}

static struct metric_metadata copy_of(const struct family *f, struct arena *arena)
{
    return (struct metric_metadata){
        .family = arena_str(arena, f->name),
        .unit = arena_str(arena, str_c(f->unit)),
        .help = arena_str(arena, str_c(f->help)),
        .type = f->type,
    };
}

int scrape_metadata_add_changed(struct scrape_metadata *m, struct batch *b)
{
    int rc = 0;
    lock_take(&m->lock);
    size_t cursor = 0;
    const struct map_entry *e;
    while (rc == 0 && (e = map_next(&m->families, &cursor))) {
        const struct family *f = e->value;
        if (!f->changed)
            continue;
        struct metric_metadata copy = copy_of(f, &b->arena);
        rc = arena_failed(&b->arena) ? ERR_NOMEM : batch_add_metadata(b, &copy);
    }
    lock_give(&m->lock);
    return rc;
}

void scrape_metadata_commit(struct scrape_metadata *m, uint64_t iteration)
{
    struct family *doomed = NULL;
    lock_take(&m->lock);
    size_t cursor = 0;
    const struct map_entry *e;
    while ((e = map_next(&m->families, &cursor))) {
        struct family *f = e->value;
        f->changed = false;
        if (iteration - f->seen <= KEEP_ITERATIONS)
            continue;
        f->doomed = doomed;
        doomed = f;
    }
    while (doomed) {
        struct family *next = doomed->doomed;
        (void)map_remove(&m->families, doomed->name);
        free_family(doomed);
        doomed = next;
    }
    lock_give(&m->lock);
}

int scrape_metadata_list(struct scrape_metadata *m, struct str family, size_t limit,
                         struct arena *arena, const struct metric_metadata **out, size_t *out_n)
{
    lock_take(&m->lock);
    size_t room = family.n ? 1 : m->families.n < limit ? m->families.n : limit, n = 0;
    struct metric_metadata *v = arena_array(arena, room, sizeof *v);
    size_t cursor = 0;
    const struct map_entry *e;
    while (v && n < room && (e = map_next(&m->families, &cursor)))
        if (!family.n || str_eq(e->key, family))
            v[n++] = copy_of(e->value, arena);
    lock_give(&m->lock);
    if (arena_failed(arena))
        return ERR_NOMEM;
    *out = v;
    *out_n = n;
    return 0;
}
