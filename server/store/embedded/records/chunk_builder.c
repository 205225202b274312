/* Rows as they come become columns, which become a chunk.
 *
 * An attribute's column is found by the place that the attribute has in its record, for the records
 * of a program are alike, and by hash where that fails. Values stay where the record has them until
 * the chunk is written. */
#include <stdlib.h>

#include "base/compiler.h"
#include "base/err.h"
#include "store/embedded/records/any_bytes.h"
#include "store/embedded/records/chunk.h"
#include "store/embedded/records/chunk_format.h"
#include "store/embedded/records/source.h"

enum { FIRST_COLUMNS = 64 };
#define BUILDER_ARENA_MAX ((size_t)2 << 30)
#define NESTED_MAX ((size_t)256 << 20)

/* A column while its values come in. */
struct growing {
    struct column_id id;
    uint64_t hash;
    enum column_kind kind; /* COLUMN_ANY once types differ */
    uint32_t n, cap;
    uint32_t *rows;
    struct any *values; /* borrowed content */
    size_t text_n;
};

struct growing_run {
    struct str source;
    uint32_t n;
};

struct chunk_builder {
    struct arena arena;
    struct buf nested; /* sources, and values of COLUMN_ANY while they are written */
    struct growing *columns;
    uint32_t n_columns, cap_columns, n_rows, cap_rows;
    uint32_t *slots; /* of attributes: column + 1 */
    uint32_t n_slots;
    uint32_t fields[RECORD_FIELDS_MAX]; /* column + 1 */
    uint32_t *guesses;                  /* column of the attribute that stood there last time */
    uint32_t n_guesses;
    int64_t *times;
    struct growing_run *runs;
    uint32_t n_runs, cap_runs;
};

struct chunk_builder *chunk_builder_new(void)
{
    struct chunk_builder *b = calloc(1, sizeof *b);
    if (!b)
        return NULL;
    arena_init(&b->arena, BUILDER_ARENA_MAX);
    buf_init(&b->nested, NESTED_MAX);
    return b;
}

void chunk_builder_free(struct chunk_builder *b)
{
    if (!b)
        return;
    arena_done(&b->arena);
    buf_done(&b->nested);
    free(b);
}

void chunk_builder_reset(struct chunk_builder *b)
{
    struct arena arena = b->arena;
    struct buf nested = b->nested;
    arena_reset(&arena);
    buf_reset(&nested);
    *b = (struct chunk_builder){.arena = arena, .nested = nested};
}

uint32_t chunk_builder_rows(const struct chunk_builder *b)
{
    return b->n_rows;
}

/* Room for one more in an array of the arena. */
static bool room(struct chunk_builder *b, void *array, uint32_t n, uint32_t *cap, size_t size,
                 uint32_t first)
{
    if (n < *cap)
        return true;
    void *old;
    memcpy(&old, array, sizeof old);
    uint32_t bigger = *cap ? *cap * 2 : first;
    void *v = arena_grow(&b->arena, old, n, bigger, size);
    if (!v)
        return false;
    memcpy(array, &v, sizeof v);
    *cap = bigger;
    return true;
}

void chunk_builder_source(struct chunk_builder *b, const struct record_source *s)
{
    if (!room(b, &b->runs, b->n_runs, &b->cap_runs, sizeof *b->runs, 8))
        return;
    buf_reset(&b->nested);
    source_put(&b->nested, s);
    b->runs[b->n_runs++] = (struct growing_run){arena_str(&b->arena, buf_str(&b->nested)), 0};
    b->arena.failed |= buf_failed(&b->nested);
}

static bool rehash(struct chunk_builder *b)
{
    uint32_t n = b->n_slots ? b->n_slots * 2 : FIRST_COLUMNS * 2;
    uint32_t *slots = arena_array(&b->arena, n, sizeof *slots);
    if (!slots)
        return false;
    for (uint32_t i = 0; i < b->n_columns; i++) {
        uint32_t at = (uint32_t)b->columns[i].hash & (n - 1);
        while (slots[at])
            at = (at + 1) & (n - 1);
        slots[at] = i + 1;
    }
    b->slots = slots;
    b->n_slots = n;
    return true;
}

static struct growing *add_column(struct chunk_builder *b, const struct column_id *id,
                                  uint64_t hash)
{
    if (!room(b, &b->columns, b->n_columns, &b->cap_columns, sizeof *b->columns, FIRST_COLUMNS))
        return NULL;
    struct growing *c = &b->columns[b->n_columns++];
    *c = (struct growing){.id = *id, .hash = hash};
    return c;
}

/* The column of an attribute, made when it is new; index in *out. */
static bool find_attribute(struct chunk_builder *b, struct str key, uint32_t *out)
{
    if (b->n_columns * 2 >= b->n_slots && !rehash(b))
        return false;
    struct column_id id = {COLUMN_ATTRIBUTE, 0, key};
    uint64_t hash = column_id_hash(&id);
    uint32_t at = (uint32_t)hash & (b->n_slots - 1);
    for (; b->slots[at]; at = (at + 1) & (b->n_slots - 1)) {
        const struct growing *c = &b->columns[b->slots[at] - 1];
        if (c->hash == hash && column_id_eq(&c->id, &id)) {
            *out = b->slots[at] - 1;
            return true;
        }
    }
    if (!add_column(b, &id, hash))
        return false;
    b->slots[at] = b->n_columns;
    *out = b->n_columns - 1;
    return true;
}

static void push(struct chunk_builder *b, struct growing *c, const struct any *v)
{
    uint32_t cap = c->cap;
    if (c->n == cap) {
        uint32_t rows_cap = cap;
        if (!room(b, &c->rows, c->n, &rows_cap, sizeof *c->rows, 32) ||
            !room(b, &c->values, c->n, &c->cap, sizeof *c->values, 32))
            return;
    }
    enum column_kind kind = column_kind_of((enum any_type)v->type);
    if (c->n == 0)
        c->kind = kind;
    else if (c->kind != kind)
        c->kind = COLUMN_ANY;
    c->rows[c->n] = b->n_rows;
    c->values[c->n++] = *v;
    c->text_n += any_text(v).n;
}

/* An attribute given twice in a row keeps its first value, as attribute_get would find it. */
static void add_attribute(struct chunk_builder *b, uint32_t position, const struct attribute *a)
{
    if (!room(b, &b->guesses, position, &b->n_guesses, sizeof *b->guesses, 32))
        return;
    uint32_t i = b->guesses[position];
    if (i >= b->n_columns || b->columns[i].id.origin != COLUMN_ATTRIBUTE ||
        !str_eq(b->columns[i].id.name, a->key)) {
        if (!find_attribute(b, a->key, &i))
            return;
        b->guesses[position] = i;
    }
    struct growing *c = &b->columns[i];
    if (c->n && c->rows[c->n - 1] == b->n_rows)
        return;
    push(b, c, &a->value);
}

static void add_field(struct chunk_builder *b, int field, const struct any *v)
{
    if (!b->fields[field]) {
        struct column_id id = {COLUMN_FIELD, field, {0}};
        if (!add_column(b, &id, column_id_hash(&id)))
            return;
        b->fields[field] = b->n_columns;
    }
    push(b, &b->columns[b->fields[field] - 1], v);
}

void chunk_builder_add(struct chunk_builder *b, const struct record *record)
{
    if (!room(b, &b->times, b->n_rows, &b->cap_rows, sizeof *b->times, 128) || b->n_runs == 0)
        return;
    b->times[b->n_rows] = record->t_unix_ns;
    for (int i = 0; i < RECORD_FIELDS_MAX; i++)
        if (record->fields[i].type != ANY_NONE)
            add_field(b, i, &record->fields[i]);
    for (uint32_t i = 0; i < record->n_attributes; i++)
        add_attribute(b, i, &record->attributes[i]);
    b->runs[b->n_runs - 1].n++;
    b->n_rows++;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* Where the next section goes, after padding; its offset from the chunk's begin. */
static uint32_t section(struct buf *out, size_t begin)
{
    static const char zeros[8];
    buf_put(out, zeros, (8 - (out->n - begin) % 8) % 8);
    return (uint32_t)(out->n - begin);
}

static uint32_t put_section(struct buf *out, size_t begin, const void *p, size_t n)
{
    uint32_t at = section(out, begin);
    buf_put(out, p, n);
    return at;
}

static void write_numbers(struct buf *out, const struct growing *c)
{
    char *to = buf_reserve(out, c->n * sizeof(int64_t));
    if (!to)
        return;
    for (uint32_t i = 0; i < c->n; i++) {
        const struct any *v = &c->values[i];
        int64_t x = c->kind == COLUMN_BOOL ? v->as.boolean : v->as.integer; // a double's bits too
        memcpy(to + i * sizeof x, &x, sizeof x);
    }
    buf_advance(out, c->n * sizeof(int64_t));
}

static void write_texts(struct buf *out, size_t begin, const struct growing *c,
                        struct chunk_entry *e)
{
    size_t ends_n = c->n * sizeof(uint32_t);
    char *to = buf_reserve(out, ends_n + c->text_n);
    if (!to)
        return;
    char *text = to + ends_n;
    uint32_t end = 0;
    for (uint32_t i = 0; i < c->n; i++) {
        struct str s = any_text(&c->values[i]);
        if (s.n)
            memcpy(text + end, s.p, s.n);
        end += (uint32_t)s.n;
        memcpy(to + i * sizeof end, &end, sizeof end);
    }
    e->text = (uint32_t)(out->n - begin + ends_n);
    e->text_n = end;
    buf_advance(out, ends_n + end);
}

static void write_nested(struct chunk_builder *b, struct buf *out, size_t begin,
                         const struct growing *c, struct chunk_entry *e)
{
    buf_reset(&b->nested);
    for (uint32_t i = 0; i < c->n; i++) {
        any_put(&b->nested, &c->values[i]);
        uint32_t end = (uint32_t)b->nested.n;
        buf_put(out, &end, sizeof end);
    }
    e->text = (uint32_t)(out->n - begin);
    e->text_n = (uint32_t)b->nested.n;
    buf_put_str(out, buf_str(&b->nested));
    out->failed |= buf_failed(&b->nested);
}

static struct chunk_entry write_column(struct chunk_builder *b, struct buf *out, size_t begin,
                                       const struct growing *c)
{
    struct chunk_entry e = {.origin = (uint8_t)c->id.origin,
                            .kind = (uint8_t)c->kind,
                            .field = (uint16_t)c->id.field,
                            .name_n = (uint32_t)c->id.name.n,
                            .n = c->n};
    e.name = put_section(out, begin, c->id.name.p, c->id.name.n);
    if (c->n < b->n_rows)
        e.rows = put_section(out, begin, c->rows, c->n * sizeof *c->rows);
    e.values = section(out, begin);
    if (c->kind == COLUMN_ANY)
        write_nested(b, out, begin, c, &e);
    else if (c->kind >= COLUMN_STRING)
        write_texts(out, begin, c, &e);
    else
        write_numbers(out, c);
    return e;
}

int chunk_builder_finish(struct chunk_builder *b, struct buf *out)
{
    static const char zeros[8];
    buf_put(out, zeros, (8 - out->n % 8) % 8);
    size_t begin = out->n, entries_n = b->n_columns * sizeof(struct chunk_entry);
    struct chunk_header header = {CHUNK_MAGIC, 0, b->n_rows, b->n_columns, b->n_runs, 0};
    buf_put(out, &header, sizeof header);
    struct chunk_entry *entries = arena_array(&b->arena, b->n_columns, sizeof *entries);
    struct run_entry *runs = arena_array(&b->arena, b->n_runs, sizeof *runs);
    if (arena_failed(&b->arena) || !entries || !runs)
        return ERR_NOMEM;
    size_t tables = out->n, runs_n = b->n_runs * sizeof *runs;
    buf_put(out, entries, entries_n); // filled in below
    buf_put(out, runs, runs_n);
    buf_put(out, b->times, b->n_rows * sizeof *b->times);
    for (uint32_t i = 0; i < b->n_runs; i++)
        runs[i] =
            (struct run_entry){put_section(out, begin, b->runs[i].source.p, b->runs[i].source.n),
                               (uint32_t)b->runs[i].source.n, b->runs[i].n, 0};
    for (uint32_t i = 0; i < b->n_columns; i++)
        entries[i] = write_column(b, out, begin, &b->columns[i]);
    header.size = section(out, begin);
    if (buf_failed(out))
        return ERR_TOO_BIG;
    memcpy(out->p + begin, &header, sizeof header);
    memcpy(out->p + tables, entries, entries_n);
    memcpy(out->p + tables + entries_n, runs, runs_n);
    return 0;
}
