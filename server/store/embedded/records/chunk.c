#include "store/embedded/records/chunk.h"

#include <stdlib.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/hash.h"
#include "store/embedded/records/any_bytes.h"
#include "store/embedded/records/source.h"

/* Says that the bytes are a chunk and in this machine's order. */
enum { CHUNK_MAGIC = 0x43525454, FIRST_COLUMNS = 64 };
#define BUILDER_ARENA_MAX ((size_t)2 << 30)
#define NESTED_MAX ((size_t)256 << 20)

struct chunk_header {
    uint32_t magic, size, n_rows, n_columns, n_runs, zero;
};

/* Offsets are from the chunk's begin. */
struct chunk_entry {
    uint8_t origin, kind;
    uint16_t field;
    uint32_t name, name_n;
    uint32_t n, rows; /* rows: 0 when dense */
    uint32_t values;  /* numbers, or the ends of texts */
    uint32_t text, text_n;
};

struct run_entry {
    uint32_t source, source_n, n, zero;
};
_Static_assert(sizeof(struct chunk_header) == 24 && sizeof(struct chunk_entry) == 32 &&
                   sizeof(struct run_entry) == 16,
               "no padding");

uint64_t column_id_hash(const struct column_id *id)
{
    return hash_str(id->name) + (uint64_t)id->origin * 0x9e3779b97f4a7c15u +
           (uint64_t)id->field * 0xff51afd7ed558ccdu;
}

/* --- building --------------------------------------------------------------------------------- */

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

/* --- reading ---------------------------------------------------------------------------------- */

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
