/* What takes the space of the parts below a directory: by column and codec, by metric, by label.
 *
 * One pass over the blocks as they lie in the file. */
#include <stdlib.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "base/fs.h"
#include "base/map.h"
#include "store/embedded/block.h"
#include "store/embedded/measure_files.h"
#include "store/embedded/part_format.h"
#include "store/embedded/part_view.h"
#include "store/inspect.h"

static const struct {
    const char *column;
    const char *codecs[BLOCK_METHODS];
} names[BLOCK_COLUMNS] = {
    [BLOCK_TIMES] = {"times", {"const", "linear", "frame", "delta"}},
    [BLOCK_STARTS] = {"starts", {"const", "linear", "frame", "delta"}},
    [BLOCK_KINDS] = {"kinds", {"bits"}},
    [BLOCK_FLOATS] = {"floats", {"const", "decimal", "xor", "raw"}},
    [BLOCK_HISTOGRAMS] = {"histograms", {"plain", "zstd"}},
};

struct measuring {
    const struct fs *fs;
    struct arena *arena; /* of the result */
    struct store_measure *out;
    struct store_codec_size codecs[BLOCK_COLUMNS][BLOCK_METHODS];
    struct map metrics, labels; /* of struct store_named_size, in the arena */
    struct arena scratch, histograms;
    struct err *err;
};

static int no_memory(struct measuring *m)
{
    return err_set(m->err, ERR_NOMEM, "statistics: out of memory");
}

static struct store_named_size *named(struct measuring *m, struct map *map, struct str name)
{
    struct store_named_size *found = map_get(map, name);
    if (found)
        return found;
    found = arena_zalloc(m->arena, sizeof *found);
    if (!found)
        return NULL;
    found->name = arena_str(m->arena, name);
    if (arena_failed(m->arena) || map_put(map, found->name, found) != 0)
        return NULL;
    return found;
}

/* --- one part --------------------------------------------------------------------------------- */

static int measure_block(struct measuring *m, const struct part *p, const struct part_block *b)
{
    struct block_shape shape;
    const char *bytes = part_block_bytes(p, b);
    arena_reset(&m->histograms);
    int rc =
        bytes ? block_measure(bytes, b->size - PART_CHECKSUM, &m->histograms, &shape) : ERR_CORRUPT;
    if (rc == ERR_NOMEM)
        return no_memory(m);
    if (rc != 0) {
        m->out->files.unreadable++;
        return 0;
    }
    for (size_t i = 0; i < BLOCK_COLUMNS; i++) {
        if (shape.columns[i].bytes == 0)
            continue;
        struct store_codec_size *c = &m->codecs[i][shape.columns[i].method];
        c->columns++;
        c->rows += shape.columns[i].rows;
        c->bytes += shape.columns[i].bytes;
    }
    return 0;
}

static int metric_of(struct measuring *m, struct part_view *v, const struct part_stream *st,
                     struct store_named_size **out)
{
    struct label label = {0};
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < st->n_pairs && !str_eq(label.name, LABEL_NAME); i++)
        rc = part_pair(v, st->pairs[i], &label);
    if (rc != 0)
        return rc;
    *out = named(m, &m->metrics, str_eq(label.name, LABEL_NAME) ? label.value : STR(""));
    return *out ? 0 : ERR_NOMEM;
}

static int measure_stream(struct measuring *m, struct part_view *v, uint32_t ordinal)
{
    struct part_stream st;
    struct store_named_size *metric = NULL;
    int rc = part_stream(v, ordinal, &st);
    if (rc == 0)
        rc = metric_of(m, v, &st, &metric);
    for (uint32_t i = 0; rc == 0 && i < st.n_blocks; i++) {
        metric->rows += st.blocks[i].rows;
        metric->bytes += st.blocks[i].size;
        rc = measure_block(m, v->part, &st.blocks[i]);
    }
    if (rc == 0)
        metric->streams++;
    return rc;
}

static int measure_labels(struct measuring *m, const struct part *p)
{
    for (uint32_t i = 0; i < p->n_names; i++) {
        struct store_named_size *label = named(m, &m->labels, p->names[i].text);
        if (!label)
            return no_memory(m);
        label->values = MAX(label->values, p->names[i].count);
    }
    return 0;
}

static int measure_open_part(struct measuring *m, struct part *p)
{
    struct part_view v;
    arena_reset(&m->scratch);
    if (part_view_init(&v, p, NULL, &m->scratch) != 0)
        return no_memory(m);
    int rc = measure_labels(m, p);
    for (uint32_t i = 0; rc == 0 && i < p->n_streams; i++)
        rc = measure_stream(m, &v, i);
    part_view_done(&v);
    m->out->files.unreadable += rc == ERR_CORRUPT;
    return rc == ERR_CORRUPT ? 0 : rc == ERR_NOMEM ? no_memory(m) : rc;
}

static void add_part(struct store_measure *out, const struct part *p)
{
    out->streams += p->n_streams;
    out->files.rows += p->rows;
    out->files.bytes += p->size;
    out->block_bytes += p->data_end - PART_HEADER;
    out->index_bytes += p->size - (p->data_end - PART_HEADER);
    out->min_ms = MIN(out->min_ms, p->min_ms);
    out->max_ms = MAX(out->max_ms, p->max_ms);
}

static int measure_part(void *self, const char *path, struct err *err)
{
    struct measuring *m = self;
    struct part *p = NULL;
    struct err why = {0};
    int rc = part_open(m->fs, path, &p, &why);
    if (rc == ERR_NOT_FOUND)
        return 0; // merged away meanwhile
    if (rc == ERR_CORRUPT || rc == ERR_UNSUPPORTED) {
        m->out->files.unreadable++;
        return 0;
    }
    if (rc != 0)
        return err_set(err, rc, "%s", why.message);
    add_part(m->out, p);
    rc = measure_open_part(m, p);
    part_unref(p);
    return rc == 0 ? 1 : rc;
}

/* --- the result ------------------------------------------------------------------------------- */

static int by_column_and_bytes(const void *a, const void *b)
{
    const struct store_codec_size *x = a, *y = b;
    int c = strcmp(x->column, y->column);
    return c ? c : x->bytes > y->bytes ? -1 : x->bytes < y->bytes;
}

static int take_codecs(struct measuring *m)
{
    struct store_codec_size *v =
        arena_array(m->arena, (size_t)BLOCK_COLUMNS * BLOCK_METHODS, sizeof *v);
    size_t n = 0;
    for (size_t i = 0; v && i < BLOCK_COLUMNS; i++)
        for (size_t k = 0; k < BLOCK_METHODS; k++)
            if (m->codecs[i][k].columns) {
                v[n] = m->codecs[i][k];
                v[n].column = names[i].column;
                v[n++].codec = names[i].codecs[k];
            }
    if (!v)
        return no_memory(m);
    qsort(v, n, sizeof *v, by_column_and_bytes);
    m->out->codecs = v;
    m->out->n_codecs = n;
    return 0;
}

static int by_size(const void *a, const void *b)
{
    const struct store_named_size *x = a, *y = b;
    uint64_t n = x->bytes + x->values, k = y->bytes + y->values; // one of the two is set
    return n != k ? (n > k ? -1 : 1) : str_cmp(x->name, y->name);
}

static int take_named(struct measuring *m, const struct map *map, size_t top,
                      struct store_named_size **out, size_t *out_n)
{
    struct store_named_size *v = arena_array(m->arena, map->n, sizeof *v);
    size_t n = 0, cursor = 0;
    const struct map_entry *e;
    while (v && (e = map_next(map, &cursor)))
        v[n++] = *(const struct store_named_size *)e->value;
    if (!v)
        return no_memory(m);
    if (n)
        qsort(v, n, sizeof *v, by_size);
    *out = v;
    *out_n = MIN(n, top);
    return 0;
}

static int measure_store(struct measuring *m, const char *dir, size_t top)
{
    struct measure_walk walk = {
        .fs = m->fs, .part = measure_part, .arg = m, .out = &m->out->files, .err = m->err};
    int rc = measure_walk(&walk, dir, "metrics");
    if (rc == 0)
        rc = take_codecs(m);
    if (rc == 0)
        rc = take_named(m, &m->metrics, top, &m->out->metrics, &m->out->n_metrics);
    return rc == 0 ? take_named(m, &m->labels, top, &m->out->labels, &m->out->n_labels) : rc;
}

int store_measure(const struct fs *fs, const char *dir, size_t top, struct arena *arena,
                  struct store_measure *out, struct err *err)
{
    struct measuring *m = calloc(1, sizeof *m);
    if (!m)
        return err_set(err, ERR_NOMEM, "statistics: out of memory");
    *m = (struct measuring){.fs = fs ? fs : fs_real(), .arena = arena, .out = out, .err = err};
    *out = (struct store_measure){.min_ms = INT64_MAX, .max_ms = INT64_MIN};
    arena_init(&m->scratch, (size_t)8 << 30);
    arena_init(&m->histograms, 256 << 20);
    int rc = measure_store(m, dir, top);
    arena_done(&m->histograms);
    arena_done(&m->scratch);
    map_done(&m->metrics);
    map_done(&m->labels);
    free(m);
    return rc;
}
