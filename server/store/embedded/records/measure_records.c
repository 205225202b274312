/* What takes the space of a record table: by column, type and codec.
 *
 * One pass over the groups as they lie in the files; each column is decoded, for only then is it
 * known how many different texts it has. */
#include <stdlib.h>
#include <zstd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/compiler.h"
#include "base/map.h"
#include "store/embedded/measure_files.h"
#include "store/embedded/records/record_part.h"
#include "store/inspect.h"

enum { METHODS = 4 };
#define GROUP_MEMORY ((size_t)4 << 30)

static const char *const int_codecs[METHODS] = {"const", "linear", "frame", "delta"};
static const char *const double_codecs[METHODS] = {"const", "decimal", "xor", "raw"};
static const char *const kinds[COLUMN_KINDS] = {
    [COLUMN_INT] = "int",       [COLUMN_BOOL] = "bool",   [COLUMN_DOUBLE] = "double",
    [COLUMN_STRING] = "string", [COLUMN_BYTES] = "bytes", [COLUMN_ANY] = "any",
};

struct measuring {
    const struct fs *fs;
    enum record_table table;
    struct arena *arena; /* of the result */
    struct store_record_measure *out;
    struct map columns; /* of struct store_record_column, in the arena, by name, type and codec */
    struct arena group;
    void *zstd;
    struct err *err;
};

static int no_memory(struct measuring *m)
{
    return err_set(m->err, ERR_NOMEM, "statistics: out of memory");
}

/* --- one column ------------------------------------------------------------------------------- */

static const char *codec_of(const struct column *c)
{
    if (c->n == 0)
        return "none";
    if (column_is_text(c) && c->codes)
        return c->compressed ? "dictionary zstd" : "dictionary";
    if (column_is_text(c))
        return c->compressed ? "texts zstd" : "texts";
    return (c->kind == COLUMN_DOUBLE ? double_codecs : int_codecs)[c->method % METHODS];
}

static void put_name(struct buf *out, enum record_table table, const struct column_id *id)
{
    size_t n;
    const struct record_field *fields = record_fields(table, &n);
    switch ((int)id->origin) {
    case OWN_TIME: buf_puts(out, "time"); break;
    case OWN_SOURCE: buf_puts(out, "(source)"); break;
    case OWN_REST: buf_puts(out, "(rare attributes)"); break;
    case COLUMN_FIELD:
        buf_puts(out, (size_t)id->field < n ? fields[id->field].name : "(unknown field)");
        break;
    default: buf_puts(out, "attributes."); buf_put_str(out, id->name);
    }
}

static struct store_record_column *make_column(struct measuring *m, struct str key, size_t name_n,
                                               const struct column *c)
{
    struct store_record_column *made = arena_zalloc(m->arena, sizeof *made);
    key = arena_str(m->arena, key);
    if (!made || arena_failed(m->arena) || map_put(&m->columns, key, made) != 0)
        return NULL;
    made->name = str_sub(key, 0, name_n);
    made->type = kinds[c->kind];
    made->codec = codec_of(c);
    return made;
}

/* The line of the result that the column adds to; NULL: out of memory. */
static struct store_record_column *find_column(struct measuring *m, const struct column_id *id,
                                               const struct column *c)
{
    struct buf key = BUF_MAX(1 << 20);
    put_name(&key, m->table, id);
    size_t name_n = key.n;
    buf_putc(&key, '\0');
    buf_puts(&key, kinds[c->kind]);
    buf_putc(&key, '\0');
    buf_puts(&key, codec_of(c));
    struct store_record_column *found = NULL;
    if (!buf_failed(&key)) {
        found = map_get(&m->columns, buf_str(&key));
        found = found ? found : make_column(m, buf_str(&key), name_n, c);
    }
    buf_done(&key);
    return found;
}

static int measure_column(struct measuring *m, const struct record_part *p,
                          const struct part_group *g, const struct group_column *c)
{
    struct column values;
    m->out->column_bytes += c->size;
    m->out->filter_bytes += c->filter_size;
    int rc = record_part_read(p, g, c, m->zstd, &m->group, &values);
    if (rc == ERR_CORRUPT) {
        m->out->files.unreadable++;
        return 0;
    }
    struct store_record_column *line = rc == 0 ? find_column(m, &p->names[c->name], &values) : NULL;
    if (!line)
        return no_memory(m);
    line->blocks++;
    line->values += values.n;
    line->bytes += c->size;
    line->filter_bytes += c->filter_size;
    line->distinct = MAX(line->distinct, values.codes ? values.n_texts : 0);
    return 0;
}

/* --- parts ------------------------------------------------------------------------------------ */

static int measure_group(struct measuring *m, const struct record_part *p,
                         const struct part_group *g)
{
    struct group_column *columns;
    uint32_t n;
    arena_reset(&m->group);
    int rc = record_part_columns(p, g, &m->group, &columns, &n);
    if (rc == ERR_NOMEM)
        return no_memory(m);
    if (rc != 0) {
        m->out->files.unreadable++;
        return 0;
    }
    m->out->raw_bytes += g->raw_bytes;
    for (uint32_t i = 0; rc == 0 && i < n; i++)
        rc = measure_column(m, p, g, &columns[i]);
    return rc;
}

static int measure_open_part(struct measuring *m, const struct record_part *p)
{
    struct store_record_measure *out = m->out;
    int rc = 0;
    out->groups += p->n_groups;
    out->sources += p->n_sources;
    out->files.rows += p->rows;
    out->files.bytes += p->size;
    if (p->rows) {
        out->min_unix_ns = MIN(out->min_unix_ns, p->min_unix_ns);
        out->max_unix_ns = MAX(out->max_unix_ns, p->max_unix_ns);
    }
    for (uint32_t i = 0; rc == 0 && i < p->n_groups; i++)
        rc = measure_group(m, p, &p->groups[i]);
    return rc;
}

static int measure_part(void *self, const char *path, struct err *err)
{
    struct measuring *m = self;
    struct record_part *p = NULL;
    struct err why = {0};
    int rc = record_part_open(m->fs, path, &p, &why);
    if (rc == ERR_NOT_FOUND)
        return 0; // merged away meanwhile
    if (rc == ERR_CORRUPT || rc == ERR_UNSUPPORTED) {
        m->out->files.unreadable++;
        return 0;
    }
    if (rc != 0)
        return err_set(err, rc, "%s", why.message);
    rc = measure_open_part(m, p);
    record_part_unref(p);
    return rc == 0 ? 1 : rc;
}

/* --- the result ------------------------------------------------------------------------------- */

static int by_bytes(const void *a, const void *b)
{
    const struct store_record_column *x = a, *y = b;
    uint64_t n = x->bytes + x->filter_bytes, k = y->bytes + y->filter_bytes;
    if (n != k)
        return n > k ? -1 : 1;
    int c = str_cmp(x->name, y->name);
    c = c ? c : strcmp(x->type, y->type);
    return c ? c : strcmp(x->codec, y->codec);
}

static int take_columns(struct measuring *m, size_t top)
{
    struct store_record_column *v = arena_array(m->arena, m->columns.n, sizeof *v);
    size_t n = 0, cursor = 0;
    const struct map_entry *e;
    while (v && (e = map_next(&m->columns, &cursor)))
        v[n++] = *(const struct store_record_column *)e->value;
    if (!v)
        return no_memory(m);
    if (n)
        qsort(v, n, sizeof *v, by_bytes);
    m->out->columns = v;
    m->out->all_columns = n;
    m->out->n_columns = MIN(n, top);
    m->out->index_bytes = m->out->files.bytes - m->out->column_bytes - m->out->filter_bytes;
    return 0;
}

int store_measure_records(const struct fs *fs, const char *dir, enum record_table table, size_t top,
                          struct arena *arena, struct store_record_measure *out, struct err *err)
{
    *out = (struct store_record_measure){.min_unix_ns = INT64_MAX, .max_unix_ns = INT64_MIN};
    struct measuring m = {.fs = fs ? fs : fs_real(),
                          .table = table,
                          .arena = arena,
                          .out = out,
                          .zstd = ZSTD_createDCtx(),
                          .err = err};
    struct measure_walk walk = {
        .fs = m.fs, .part = measure_part, .arg = &m, .out = &out->files, .err = err};
    arena_init(&m.group, GROUP_MEMORY);
    int rc = m.zstd ? measure_walk(&walk, dir, record_table_name(table)) : no_memory(&m);
    if (rc == 0)
        rc = take_columns(&m, top);
    arena_done(&m.group);
    map_done(&m.columns);
    (void)ZSTD_freeDCtx(m.zstd);
    return rc;
}
