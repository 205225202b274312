/* The file, behind its seal: each exemplar, the oldest first, as labels of the series, labels of
 * its own, time, value. Series are not shared between entries: most have one. */
#include "store/embedded/exemplars_file.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "store/embedded/bytes.h"
#include "store/embedded/sealed.h"
#include "store/embedded/stream_memory.h"

static const char file_magic[SEALED_MAGIC] = "ttexmpl\1";
enum {
    FILE_MAX = 512 << 20,
    AT_ONCE = 1024, /* under the lock, which appends need, too */
    LABEL_BYTES = 2 /* that the shortest takes */
};

static void put_labels(struct buf *out, const struct labels *l)
{
    put_varint(out, l->n);
    for (size_t i = 0; i < l->n; i++) {
        put_text(out, l->v[i].name);
        put_text(out, l->v[i].value);
    }
}

/* Those with the numbers [from, to) that are still kept. */
static void encode_some(struct exemplars *x, uint64_t from, uint64_t to, struct buf *out)
{
    lock_take(&x->lock);
    for (uint64_t i = from; x->ring && i < to; i++) {
        if (i + x->max <= x->last)
            continue; // its place has a newer one by now
        const struct exemplar_slot *s = &x->ring[i % x->max];
        put_labels(out, &s->series);
        put_labels(out, &s->labels);
        put_zigzag(out, s->t_unix_ms);
        put_u64(out, double_bits(s->value));
    }
    lock_give(&x->lock);
}

static void encode(struct exemplars *x, uint64_t last, struct buf *out)
{
    sealed_begin(out, file_magic);
    for (uint64_t i = last > x->max ? last - x->max + 1 : 1; i <= last; i += AT_ONCE)
        encode_some(x, i, MIN(i + AT_ONCE, last + 1), out);
    sealed_finish(out);
}

int exemplars_save(struct exemplars *x, const struct fs *fs, const char *dir, const char *path,
                   struct err *err)
{
    lock_take(&x->lock);
    uint64_t last = x->last;
    lock_give(&x->lock);
    if (last == x->saved)
        return 0;
    struct buf file = BUF_MAX(FILE_MAX);
    encode(x, last, &file);
    int rc = buf_failed(&file) ? err_set(err, ERR_NOMEM, "write %s: out of memory", path)
                               : fs_replace(fs, dir, path, file.p, file.n, err);
    buf_done(&file);
    if (rc == 0)
        x->saved = last;
    return rc;
}

static struct labels get_labels(struct reader *r, struct arena *a)
{
    size_t n = get_count(r, LABEL_BYTES);
    if (n > STREAM_LABELS_MAX) {
        r->bad = true; // neither series nor exemplars that are kept have so many
        return (struct labels){0};
    }
    struct label *v = arena_array(a, n, sizeof *v);
    for (size_t i = 0; v && i < n; i++) {
        v[i].name = get_text(r);
        v[i].value = get_text(r);
    }
    return (struct labels){v, v ? n : 0};
}

static int load_all(struct exemplars *x, struct reader *r)
{
    struct arena arena;
    int rc = 0;
    arena_init(&arena, 1 << 20);
    while (rc == 0 && reader_left(r) > 0) {
        arena_reset(&arena);
        struct labels series = get_labels(r, &arena);
        struct exemplar e = {.labels = get_labels(r, &arena)};
        e.t_unix_ms = get_zigzag(r);
        e.value = bits_double(get_u64(r));
        if (r->bad)
            rc = ERR_CORRUPT;
        else
            rc = arena_failed(&arena) ? ERR_NOMEM
                                      : exemplars_add(x, &series, labels_hash(&series), &e);
    }
    arena_done(&arena);
    x->saved = x->last; // nobody else has it yet
    return rc;
}

int exemplars_load(struct exemplars *x, const struct fs *fs, const char *path, struct err *err)
{
    char *p = NULL;
    size_t n = 0;
    int rc = fs_read_all(fs, path, FILE_MAX, &p, &n, err);
    if (rc != 0)
        return rc == ERR_NOT_FOUND ? 0 : rc;
    struct str all;
    if (sealed_open(str_of(p, n), file_magic, &all)) {
        struct reader r = reader_of(all.p, all.n);
        rc = load_all(x, &r);
    } else {
        rc = ERR_CORRUPT;
    }
    free(p);
    if (rc == ERR_CORRUPT)
        return err_set(err, rc, "%s: damaged; the exemplars in it are lost", path);
    return rc == 0 ? 0 : err_set(err, rc, "read %s: out of memory", path);
}
