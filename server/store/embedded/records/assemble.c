#include "store/embedded/records/assemble.h"

#include <stdlib.h>

#include "base/compiler.h"
#include "store/embedded/order_sort.h"
#include "store/embedded/records/any_bytes.h"

/* A group is closed before its values take more than this, so that a query needs little memory. */
enum { GROUP_BYTES = 8 << 20 };
#define ASSEMBLER_ARENA_MAX ((size_t)4 << 30)

/* A value of the group being made. */
struct entry {
    const struct column *from; /* NULL: a value of its own, at loose[at] */
    uint32_t at, row;
};

struct output {
    struct column_id id;
    struct entry *entries;
    uint32_t n, cap;
};

/* Outputs that a caller has the number of stay, and own their names. Behind them are those that
 * came with the current group's maps of rare attributes: they go with the group, or an attribute
 * whose name is an id of something would cost memory for each that a day has. */
struct assembler {
    struct record_writer *writer;
    struct arena names, values; /* of outputs that stay; of the current group */
    struct output *outputs;
    uint32_t n_outputs, cap_outputs, n_kept;
    uint32_t *slots; /* of outputs: index + 1 */
    uint32_t n_slots;
    uint32_t *used; /* outputs that have entries */
    uint32_t n_used, cap_used;
    struct any *loose;
    uint32_t n_loose, cap_loose;
    int64_t t_unix_ns[COLUMN_ROWS];
    uint32_t sources[COLUMN_ROWS];
    uint32_t n_rows;
    uint64_t bytes, generation;
};

static int no_memory(struct err *err)
{
    return err_set(err, ERR_NOMEM, "write a part: out of memory");
}

int assembler_new(struct record_writer *w, struct assembler **out, struct err *err)
{
    struct assembler *a = calloc(1, sizeof *a);
    if (!a)
        return no_memory(err);
    a->writer = w;
    arena_init(&a->names, ASSEMBLER_ARENA_MAX);
    arena_init(&a->values, ASSEMBLER_ARENA_MAX);
    *out = a;
    return 0;
}

void assembler_free(struct assembler *a)
{
    if (!a)
        return;
    for (uint32_t i = 0; i < a->n_outputs; i++)
        free(a->outputs[i].entries);
    free(a->outputs);
    free(a->slots);
    free(a->used);
    free(a->loose);
    arena_done(&a->names);
    arena_done(&a->values);
    free(a);
}

uint64_t assembler_generation(const struct assembler *a)
{
    return a->generation;
}

static bool room(void *array, uint32_t n, uint32_t *cap, size_t size)
{
    if (n < *cap)
        return true;
    void *old;
    memcpy(&old, array, sizeof old);
    uint32_t bigger = *cap ? *cap * 2 : 4; // most names may stand in one row alone
    void *v = realloc(old, bigger * size);
    if (!v)
        return false;
    memcpy(array, &v, sizeof v);
    *cap = bigger;
    return true;
}

/* --- columns ---------------------------------------------------------------------------------- */

/* Into empty slots. */
static void enter_outputs(struct assembler *a)
{
    for (uint32_t i = 0; i < a->n_outputs; i++) {
        uint32_t at = (uint32_t)column_id_hash(&a->outputs[i].id) & (a->n_slots - 1);
        while (a->slots[at])
            at = (at + 1) & (a->n_slots - 1);
        a->slots[at] = i + 1;
    }
}

static bool rehash(struct assembler *a)
{
    uint32_t n = a->n_slots ? a->n_slots * 2 : 256;
    uint32_t *slots = calloc(n, sizeof *slots);
    if (!slots)
        return false;
    free(a->slots);
    a->slots = slots;
    a->n_slots = n;
    enter_outputs(a);
    return true;
}

static void forget_rare(struct assembler *a)
{
    if (a->n_outputs == a->n_kept)
        return;
    for (uint32_t i = a->n_kept; i < a->n_outputs; i++)
        free(a->outputs[i].entries);
    a->n_outputs = a->n_kept;
    memset(a->slots, 0, a->n_slots * sizeof *a->slots);
    enter_outputs(a);
}

/* The name is borrowed. */
static int find_output(struct assembler *a, const struct column_id *id, uint32_t *out)
{
    if (a->n_outputs * 2 >= a->n_slots && !rehash(a))
        return ERR_NOMEM;
    uint32_t at = (uint32_t)column_id_hash(id) & (a->n_slots - 1);
    for (; a->slots[at]; at = (at + 1) & (a->n_slots - 1)) {
        if (column_id_eq(&a->outputs[a->slots[at] - 1].id, id)) {
            *out = a->slots[at] - 1;
            return 0;
        }
    }
    if (!room(&a->outputs, a->n_outputs, &a->cap_outputs, sizeof *a->outputs))
        return ERR_NOMEM;
    a->outputs[a->n_outputs] = (struct output){.id = *id};
    a->slots[at] = a->n_outputs + 1;
    *out = a->n_outputs++;
    return 0;
}

int assembler_column(struct assembler *a, const struct column_id *id, uint32_t *out)
{
    int rc = find_output(a, id, out);
    for (; rc == 0 && a->n_kept <= *out; a->n_kept++) {
        struct str *name = &a->outputs[a->n_kept].id.name;
        *name = name->n ? arena_str(&a->names, *name) : (struct str){0};
        rc = arena_failed(&a->names) ? ERR_NOMEM : 0;
    }
    return rc;
}

int assembly_input_add(struct assembly_input *in, const struct column *values, uint32_t column,
                       uint32_t n_rows, struct arena *arena)
{
    const struct column_places *places =
        values->rows ? column_places_of(values, n_rows, arena) : NULL;
    if (values->rows && !places)
        return ERR_NOMEM;
    in->columns[in->n_columns++] = (struct input_column){*values, places, column};
    return 0;
}

/* --- rows ------------------------------------------------------------------------------------- */

static bool add_entry(struct assembler *a, uint32_t column, struct entry e)
{
    struct output *o = &a->outputs[column];
    if (o->n == 0) {
        if (!room(&a->used, a->n_used, &a->cap_used, sizeof *a->used))
            return false;
        a->used[a->n_used++] = column;
    }
    if (o->n && o->entries[o->n - 1].row == e.row)
        return true; // a name twice in a row: the first stays
    if (!room(&o->entries, o->n, &o->cap, sizeof *o->entries))
        return false;
    o->entries[o->n++] = e;
    return true;
}

static bool add_loose(struct assembler *a, const struct attribute *pair)
{
    struct column_id id = {COLUMN_ATTRIBUTE, 0, pair->key};
    uint32_t column;
    if (find_output(a, &id, &column) != 0 ||
        !room(&a->loose, a->n_loose, &a->cap_loose, sizeof *a->loose))
        return false;
    a->loose[a->n_loose] = pair->value;
    return add_entry(a, column, (struct entry){NULL, a->n_loose++, a->n_rows});
}

/* The attributes that had no column of their own become columns again: now they may be frequent. */
static bool add_rest(struct assembler *a, const struct column *rest, uint32_t at)
{
    struct any map = column_any(rest, at, &a->values);
    for (uint32_t i = 0; map.type == ANY_MAP && i < map.n; i++)
        if (!add_loose(a, &map.as.pairs[i]))
            return false;
    return !arena_failed(&a->values);
}

static bool add_values(struct assembler *a, const struct assembly_input *in, uint32_t row)
{
    for (uint32_t i = 0; i < in->n_columns; i++) {
        const struct input_column *c = &in->columns[i];
        uint32_t at = column_place(&c->values, c->places, row);
        if (at == UINT32_MAX)
            continue;
        bool ok = c->column == UINT32_MAX
                      ? add_rest(a, &c->values, at)
                      : add_entry(a, c->column, (struct entry){&c->values, at, a->n_rows});
        if (!ok)
            return false;
    }
    return true;
}

int assembler_add(struct assembler *a, const struct assembly_input *in, uint32_t row,
                  uint32_t source, struct err *err)
{
    if (a->n_rows == COLUMN_ROWS || (a->n_rows && a->bytes + in->row_bytes > GROUP_BYTES)) {
        int rc = assembler_flush(a, err);
        if (rc != 0)
            return rc;
    }
    if (!add_values(a, in, row))
        return no_memory(err);
    a->t_unix_ns[a->n_rows] = in->t_unix_ns[row];
    a->sources[a->n_rows++] = source;
    a->bytes += in->row_bytes;
    return 0;
}

/* --- writing a group -------------------------------------------------------------------------- */

static enum column_kind kind_of_entry(const struct assembler *a, const struct entry *e)
{
    return e->from ? e->from->kind : column_kind_of((enum any_type)a->loose[e->at].type);
}

static enum column_kind common_kind(const struct assembler *a, const struct output *o)
{
    enum column_kind kind = kind_of_entry(a, &o->entries[0]);
    for (uint32_t i = 1; i < o->n; i++)
        if (kind_of_entry(a, &o->entries[i]) != kind)
            return COLUMN_ANY;
    return kind;
}

static struct any value_of(struct assembler *a, const struct entry *e)
{
    return e->from ? column_any(e->from, e->at, &a->values) : a->loose[e->at];
}

static bool copy_numbers(struct assembler *a, const struct output *o, struct column *out)
{
    int64_t *v = arena_array(&a->values, o->n, sizeof *v);
    for (uint32_t i = 0; v && i < o->n; i++) {
        const struct entry *e = &o->entries[i];
        const struct any *loose = e->from ? NULL : &a->loose[e->at];
        if (e->from)
            v[i] = e->from->ints[e->at]; // or the bits of a double
        else
            v[i] = out->kind == COLUMN_BOOL ? loose->as.boolean : loose->as.integer;
    }
    out->ints = v;
    return v;
}

static struct str text_of(const struct assembler *a, const struct entry *e)
{
    return e->from ? column_value_text(e->from, e->at) : any_text(&a->loose[e->at]);
}

static bool copy_texts(struct assembler *a, const struct output *o, struct column *out)
{
    uint32_t *ends = arena_array(&a->values, o->n, sizeof *ends);
    uint64_t total = 0;
    for (uint32_t i = 0; ends && i < o->n; i++) {
        total += text_of(a, &o->entries[i]).n;
        ends[i] = (uint32_t)total;
    }
    char *text = total <= UINT32_MAX ? arena_alloc(&a->values, total) : NULL;
    if (!ends || !text)
        return false;
    for (uint32_t i = 0; i < o->n; i++) {
        struct str s = text_of(a, &o->entries[i]);
        if (s.n)
            memcpy(text + ends[i] - s.n, s.p, s.n);
    }
    out->ends = ends;
    out->text = text;
    out->n_texts = o->n;
    return true;
}

/* Values of several types: those that are encoded already are copied, the others are encoded. */
static bool encode_values(struct assembler *a, const struct output *o, struct column *out)
{
    struct buf bytes = BUF_MAX(UINT32_MAX);
    uint32_t *ends = arena_array(&a->values, o->n, sizeof *ends);
    for (uint32_t i = 0; ends && i < o->n; i++) {
        const struct entry *e = &o->entries[i];
        if (e->from && e->from->kind == COLUMN_ANY) {
            buf_put_str(&bytes, column_value_text(e->from, e->at));
        } else {
            struct any v = value_of(a, e);
            any_put(&bytes, &v);
        }
        ends[i] = (uint32_t)bytes.n;
    }
    struct str text = arena_str(&a->values, buf_str(&bytes));
    bool ok = ends && text.p && !buf_failed(&bytes);
    buf_done(&bytes);
    out->ends = ends;
    out->text = text.p;
    out->n_texts = o->n;
    return ok;
}

static bool fill_column(struct assembler *a, const struct output *o, struct column *out)
{
    *out = (struct column){.kind = common_kind(a, o), .n = o->n};
    if (o->n < a->n_rows) {
        uint32_t *rows = arena_array(&a->values, o->n, sizeof *rows);
        for (uint32_t i = 0; rows && i < o->n; i++)
            rows[i] = o->entries[i].row;
        if (!rows)
            return false;
        out->rows = rows;
    }
    if (out->kind == COLUMN_ANY)
        return encode_values(a, o, out);
    return column_is_text(out) ? copy_texts(a, o, out) : copy_numbers(a, o, out);
}

/* Fields first, then the attributes that most rows have. */
static int by_count(const void *outputs, uint32_t x, uint32_t y)
{
    const struct output *v = outputs, *a = &v[x], *b = &v[y];
    if ((a->id.origin == COLUMN_FIELD) != (b->id.origin == COLUMN_FIELD))
        return a->id.origin == COLUMN_FIELD ? -1 : 1;
    return (a->n < b->n) - (a->n > b->n);
}

/* Rows that have folded attributes, each a map. */
static bool fill_rest(struct assembler *a, uint32_t first, struct column *out)
{
    struct arena *arena = &a->values;
    uint32_t *counts = arena_array(arena, a->n_rows, sizeof *counts), total = 0, n = 0;
    for (uint32_t i = first; counts && i < a->n_used; i++)
        for (uint32_t k = 0; k < a->outputs[a->used[i]].n; k++, total++)
            counts[a->outputs[a->used[i]].entries[k].row]++;
    struct attribute *pairs = arena_array(arena, total, sizeof *pairs);
    uint32_t *at = arena_array(arena, a->n_rows, sizeof *at);
    uint32_t *rows = arena_array(arena, a->n_rows, sizeof *rows);
    uint32_t *ends = arena_array(arena, a->n_rows, sizeof *ends);
    if (!counts || !pairs || !at || !rows || !ends)
        return false;
    for (uint32_t i = 1; i < a->n_rows; i++)
        at[i] = at[i - 1] + counts[i - 1];
    for (uint32_t i = first; i < a->n_used; i++) {
        const struct output *o = &a->outputs[a->used[i]];
        for (uint32_t k = 0; k < o->n; k++)
            pairs[at[o->entries[k].row]++] =
                (struct attribute){o->id.name, value_of(a, &o->entries[k])};
    }
    struct buf bytes = BUF_MAX(UINT32_MAX);
    for (uint32_t row = 0; row < a->n_rows; row++) {
        if (counts[row] == 0)
            continue;
        struct any map = any_map(pairs + at[row] - counts[row], counts[row]);
        any_put(&bytes, &map);
        rows[n] = row;
        ends[n++] = (uint32_t)bytes.n;
    }
    struct str text = arena_str(arena, buf_str(&bytes));
    bool ok = text.p && !buf_failed(&bytes);
    buf_done(&bytes);
    *out = (struct column){.kind = COLUMN_ANY,
                           .n = n,
                           .rows = n < a->n_rows ? rows : NULL,
                           .ends = ends,
                           .text = text.p,
                           .n_texts = n};
    return ok;
}

static int write_group(struct assembler *a, struct err *err)
{
    uint32_t n = a->n_used, most = GROUP_ATTRIBUTES_MAX + RECORD_FIELDS_MAX;
    uint32_t *scratch = arena_array(&a->values, (size_t)n + 1, sizeof *scratch);
    if (!scratch)
        return no_memory(err);
    order_sort(a->used, scratch, n, by_count, a->outputs);
    n = MIN(n, most);
    struct group_values *columns = arena_array(&a->values, (size_t)n + 1, sizeof *columns);
    if (!columns)
        return no_memory(err);
    for (uint32_t i = 0; i < n; i++) {
        columns[i].id = a->outputs[a->used[i]].id;
        if (!fill_column(a, &a->outputs[a->used[i]], &columns[i].values))
            return no_memory(err);
    }
    if (n < a->n_used) {
        columns[n].id = (struct column_id){.origin = (enum column_origin)OWN_REST};
        if (!fill_rest(a, n, &columns[n].values))
            return no_memory(err);
        n++;
    }
    const struct group_rows rows = {.n = a->n_rows,
                                    .t_unix_ns = a->t_unix_ns,
                                    .sources = a->sources,
                                    .columns = columns,
                                    .n_columns = n,
                                    .raw_bytes = a->bytes};
    return record_write_group(a->writer, &rows, err);
}

int assembler_flush(struct assembler *a, struct err *err)
{
    int rc = a->n_rows ? write_group(a, err) : 0;
    for (uint32_t i = 0; i < a->n_used; i++)
        a->outputs[a->used[i]].n = 0;
    a->n_used = a->n_loose = a->n_rows = 0;
    a->bytes = 0;
    a->generation++;
    forget_rare(a);
    arena_reset(&a->values);
    return rc;
}
