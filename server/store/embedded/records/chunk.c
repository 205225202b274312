/* Reading a chunk: one copy of its bytes, checked whole, with its columns pointing into it. */
#include "store/embedded/records/chunk.h"

#include <stdlib.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/hash.h"
#include "store/embedded/records/chunk_format.h"

uint64_t column_id_hash(const struct column_id *id)
{
    return hash_str(id->name) + (uint64_t)id->origin * 0x9e3779b97f4a7c15u +
           (uint64_t)id->field * 0xff51afd7ed558ccdu;
}

static bool fits(const struct chunk_header *h, uint64_t at, uint64_t n)
{
    return at <= h->size && n <= h->size - at;
}

static bool ends_rise(const uint32_t *ends, uint32_t n, uint32_t text_n)
{
    uint32_t last = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (ends[i] < last)
            return false;
        last = ends[i];
    }
    return last == text_n;
}

static bool rows_rise(const uint32_t *rows, uint32_t n, uint32_t n_rows)
{
    for (uint32_t i = 1; i < n; i++)
        if (rows[i] <= rows[i - 1])
            return false;
    return n == 0 || rows[n - 1] < n_rows;
}

static bool open_column(const char *p, const struct chunk_header *h, const struct chunk_entry *e,
                        struct chunk_column *out)
{
    bool text = e->kind >= COLUMN_STRING;
    size_t each = text ? sizeof(uint32_t) : sizeof(int64_t);
    if (e->kind >= COLUMN_KINDS || e->n > h->n_rows || !fits(h, e->name, e->name_n) ||
        e->rows % 8 || e->values % 8 || (e->rows == 0 && e->n != h->n_rows) ||
        !fits(h, e->rows, (uint64_t)e->n * sizeof(uint32_t)) ||
        !fits(h, e->values, (uint64_t)e->n * each) || !fits(h, e->text, e->text_n) ||
        (e->origin == COLUMN_FIELD ? e->field >= RECORD_FIELDS_MAX : e->origin != COLUMN_ATTRIBUTE))
        return false;
    out->id = (struct column_id){(enum column_origin)e->origin, e->field,
                                 e->name_n ? str_of(p + e->name, e->name_n) : (struct str){0}};
    struct column *c = &out->values;
    *c = (struct column){.kind = (enum column_kind)e->kind, .n = e->n};
    if (e->rows)
        c->rows = (const uint32_t *)(const void *)(p + e->rows);
    if (text) {
        c->ends = (const uint32_t *)(const void *)(p + e->values);
        c->text = p + e->text;
        c->n_texts = e->n;
        if (!ends_rise(c->ends, c->n, e->text_n))
            return false;
    } else {
        c->ints = (const int64_t *)(const void *)(p + e->values);
    }
    return !c->rows || rows_rise(c->rows, c->n, h->n_rows);
}

static bool open_runs(struct chunk *c, const struct chunk_header *h, const struct run_entry *v)
{
    uint64_t row = 0;
    for (uint32_t i = 0; i < h->n_runs; i++) {
        if (!fits(h, v[i].source, v[i].source_n) || v[i].n > h->n_rows)
            return false;
        c->runs[i] = (struct chunk_run){str_of(c->bytes + v[i].source, v[i].source_n),
                                        (uint32_t)row, v[i].n};
        row += v[i].n;
    }
    return row == h->n_rows;
}

static void find_times(struct chunk *c)
{
    c->min_unix_ns = INT64_MAX;
    c->max_unix_ns = INT64_MIN;
    for (uint32_t i = 0; i < c->n_rows; i++) {
        c->min_unix_ns = MIN(c->min_unix_ns, c->t_unix_ns[i]);
        c->max_unix_ns = MAX(c->max_unix_ns, c->t_unix_ns[i]);
    }
}

static bool open_tables(struct chunk *c, const struct chunk_header *h)
{
    const char *p = c->bytes;
    const char *entries = p + sizeof *h,
               *runs = entries + h->n_columns * sizeof(struct chunk_entry);
    const char *times = runs + h->n_runs * sizeof(struct run_entry);
    for (uint32_t i = 0; i < h->n_columns; i++)
        if (!open_column(p, h, (const struct chunk_entry *)(const void *)entries + i,
                         &c->columns[i]))
            return false;
    c->t_unix_ns = (const int64_t *)(const void *)times;
    find_times(c);
    return open_runs(c, h, (const struct run_entry *)(const void *)runs);
}

static bool is_header_sound(const struct chunk_header *h, size_t room)
{
    uint64_t tables = sizeof *h + (uint64_t)h->n_columns * sizeof(struct chunk_entry) +
                      (uint64_t)h->n_runs * sizeof(struct run_entry) +
                      (uint64_t)h->n_rows * sizeof(int64_t);
    return h->magic == CHUNK_MAGIC && h->size <= room && h->size % 8 == 0 && tables <= h->size;
}

int chunk_open(struct str record, size_t *at, struct chunk **out)
{
    size_t from = *at + (8 - *at % 8) % 8;
    struct chunk_header h;
    if (from > record.n || record.n - from < sizeof h)
        return ERR_CORRUPT;
    memcpy(&h, record.p + from, sizeof h);
    if (!is_header_sound(&h, record.n - from))
        return ERR_CORRUPT;
    struct chunk *c = calloc(1, sizeof *c);
    if (!c)
        return ERR_NOMEM;
    refcount_init(&c->refs);
    c->n_rows = h.n_rows;
    c->n_columns = h.n_columns;
    c->n_runs = h.n_runs;
    c->bytes = malloc(h.size);
    c->columns = malloc((h.n_columns + (size_t)1) * sizeof *c->columns);
    c->runs = malloc((h.n_runs + (size_t)1) * sizeof *c->runs);
    c->size = sizeof *c + h.size + h.n_columns * sizeof *c->columns + h.n_runs * sizeof *c->runs;
    int rc = c->bytes && c->columns && c->runs ? 0 : ERR_NOMEM;
    if (rc == 0) {
        memcpy(c->bytes, record.p + from, h.size);
        rc = open_tables(c, &h) ? 0 : ERR_CORRUPT;
    }
    if (rc != 0) {
        chunk_unref(c);
        return rc;
    }
    *at = from + h.size;
    *out = c;
    return 0;
}

void chunk_ref(struct chunk *c)
{
    refcount_get(&c->refs);
}

void chunk_unref(struct chunk *c)
{
    if (!c || !refcount_put(&c->refs))
        return;
    free(c->bytes);
    free(c->columns);
    free(c->runs);
    free(c);
}

uint32_t chunk_find(const struct chunk *c, const struct column_id *id)
{
    for (uint32_t i = 0; i < c->n_columns; i++)
        if (column_id_eq(&c->columns[i].id, id))
            return i;
    return UINT32_MAX;
}
