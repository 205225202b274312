#include "store/embedded/records/record_write.h"

#include <stdlib.h>
#include <zstd.h>

#include "base/compiler.h"
#include "base/hash.h"
#include "store/embedded/part.h"
#include "store/embedded/part_format.h"
#include "store/embedded/records/filter.h"
#include "store/embedded/records/record_format.h"

enum { OUT_BUFFER = 4 << 20, SECTION_LEVEL = 3 };
#define WRITER_ARENA_MAX ((size_t)2 << 30)

/* A filter of values is worth its bytes from so many different ones on: fewer are a dictionary,
 * which is quickly looked through. */
enum { FILTER_VALUES_MIN = 128 };

#define BUFFER_MAX ((size_t)2 * RECORD_SECTION_MAX)

struct record_writer {
    struct part_file file;
    enum record_table table;
    struct record_footer footer;
    struct arena arena; /* of one group */
    struct column_encoder encoder;
    struct buf block, directory, names, packed;
    struct arena name_arena;
    struct column_id *ids; /* written to `names` already */
    uint32_t *slots;       /* of ids: index + 1 */
    uint32_t n_slots;
    struct hash_set hashes;
    uint64_t last_end; /* of the group before */
};

static int no_memory(const struct record_writer *w, struct err *err)
{
    return err_set(err, ERR_NOMEM, "write %s: out of memory", w->file.path);
}

/* --- the file --------------------------------------------------------------------------------- */

static void init_buffers(struct record_writer *w)
{
    struct buf *bufs[] = {&w->block, &w->directory, &w->names, &w->packed};
    for (size_t i = 0; i < ARRAY_LEN(bufs); i++)
        buf_init(bufs[i], BUFFER_MAX);
    arena_init(&w->arena, WRITER_ARENA_MAX);
    arena_init(&w->name_arena, RECORD_SECTION_MAX);
}

int record_writer_new(const struct record_writer_options *o, struct record_writer **out,
                      struct err *err)
{
    struct record_writer *w = calloc(1, sizeof *w);
    if (!w)
        return err_set(err, ERR_NOMEM, "write a part: out of memory");
    char name[PART_NAME_MAX];
    const struct part_file_header header = {RECORD_MAGIC, o->table, 0, o->day};
    part_format_name(name, o->seq_lo, o->seq_hi);
    w->table = o->table;
    w->footer = (struct record_footer){.seq_lo = o->seq_lo,
                                       .seq_hi = o->seq_hi,
                                       .day = o->day,
                                       .cut = o->cut,
                                       .min_unix_ns = INT64_MAX,
                                       .max_unix_ns = INT64_MIN};
    w->last_end = RECORD_HEADER;
    init_buffers(w);
    int rc = part_file_begin(&w->file, o->fs, o->dir, name, &header, BUFFER_MAX, err);
    if (rc == 0 && column_encoder_init(&w->encoder, &w->arena, o->level) != 0)
        rc = err_set(err, ERR_NOMEM, "write a part: out of memory");
    if (rc != 0) {
        record_writer_free(w);
        return rc;
    }
    *out = w;
    return 0;
}

void record_writer_free(struct record_writer *w)
{
    if (!w)
        return;
    part_file_done(&w->file);
    struct buf *bufs[] = {&w->block, &w->directory, &w->names, &w->packed};
    for (size_t i = 0; i < ARRAY_LEN(bufs); i++)
        buf_done(bufs[i]);
    column_encoder_done(&w->encoder);
    arena_done(&w->arena);
    arena_done(&w->name_arena);
    hash_set_done(&w->hashes);
    free(w);
}

/* --- names ------------------------------------------------------------------------------------ */

static bool grow_names(struct record_writer *w)
{
    uint32_t n = w->n_slots ? w->n_slots * 2 : 256;
    uint32_t *slots = arena_array(&w->name_arena, n, sizeof *slots);
    struct column_id *ids =
        arena_grow(&w->name_arena, w->ids, w->footer.n_names, n / 2, sizeof *ids);
    if (!slots || !ids)
        return false;
    for (uint32_t i = 0; i < w->footer.n_names; i++) {
        uint32_t at = (uint32_t)column_id_hash(&ids[i]) & (n - 1);
        while (slots[at])
            at = (at + 1) & (n - 1);
        slots[at] = i + 1;
    }
    w->ids = ids;
    w->slots = slots;
    w->n_slots = n;
    return true;
}

static uint32_t add_name(struct record_writer *w, const struct column_id *id)
{
    struct column_id copy = *id;
    copy.name = id->name.n ? arena_str(&w->name_arena, id->name) : (struct str){0};
    buf_putc(&w->names, (char)id->origin);
    buf_putc(&w->names, (char)id->field);
    put_text(&w->names, id->name);
    w->ids[w->footer.n_names] = copy;
    return w->footer.n_names++;
}

/* The number of a name; UINT32_MAX when out of memory. */
static uint32_t intern_name(struct record_writer *w, const struct column_id *id)
{
    if (w->footer.n_names * 2 >= w->n_slots && !grow_names(w))
        return UINT32_MAX;
    uint32_t at = (uint32_t)column_id_hash(id) & (w->n_slots - 1);
    for (; w->slots[at]; at = (at + 1) & (w->n_slots - 1))
        if (column_id_eq(&w->ids[w->slots[at] - 1], id))
            return w->slots[at] - 1;
    uint32_t name = add_name(w, id);
    w->slots[at] = name + 1;
    return name;
}

/* --- ranges and filters ----------------------------------------------------------------------- */

static bool find_range(const struct column *c, int64_t *out_min, int64_t *out_max)
{
    if (c->kind != COLUMN_INT || c->n == 0)
        return false;
    int64_t min = c->ints[0], max = c->ints[0];
    for (uint32_t i = 1; i < c->n; i++) {
        min = MIN(min, c->ints[i]);
        max = MAX(max, c->ints[i]);
    }
    *out_min = min;
    *out_max = max;
    return true;
}

static bool add_hash(void *arg, uint64_t hash)
{
    return hash_set_add(arg, hash);
}

/* Of what is no text the empty one, which nobody asks for. */
static bool collect_values(struct record_writer *w, const struct column *c)
{
    for (uint32_t i = 0; i < c->n; i++) {
        struct any v = column_text_any(c, i, &w->arena);
        if (!hash_set_add(&w->hashes, hash_str(any_text(&v))))
            return false;
    }
    return true;
}

/* The texts within an array or map count one by one. */
static bool collect_words_of(struct record_writer *w, const struct any *v)
{
    bool ok = true;
    if (v->type == ANY_STRING)
        return words_each(any_text(v), add_hash, &w->hashes);
    for (uint32_t i = 0; ok && v->type == ANY_ARRAY && i < v->n; i++)
        ok = collect_words_of(w, &v->as.items[i]);
    for (uint32_t i = 0; ok && v->type == ANY_MAP && i < v->n; i++)
        ok = collect_words_of(w, &v->as.pairs[i].value);
    return ok;
}

static bool collect_words(struct record_writer *w, const struct column *c)
{
    bool ok = true;
    for (uint32_t i = 0; ok && column_is_text(c) && i < c->n; i++) {
        if (c->kind == COLUMN_STRING) {
            ok = words_each(column_text(c, i), add_hash, &w->hashes);
        } else {
            struct any v = column_text_any(c, i, &w->arena);
            ok = collect_words_of(w, &v);
        }
    }
    return ok;
}

/* Appends the filter of w->hashes with its checksum to the file. */
static uint32_t put_filter(struct record_writer *w)
{
    size_t from = w->file.out.n;
    filter_put(&w->file.out, &w->hashes);
    if (w->file.out.n > from)
        put_u32(&w->file.out, part_checksum(w->file.out.p + from, w->file.out.n - from));
    return buf_failed(&w->file.out) ? 0 : (uint32_t)(w->file.out.n - from);
}

static int group_filter_of(const struct record_writer *w, const struct column_id *id)
{
    if (id->origin != COLUMN_FIELD)
        return -1;
    if (id->field == (w->table == RECORD_SPANS ? (int)SPAN_TRACE_ID : (int)LOG_TRACE_ID))
        return FILTER_TRACE_ID;
    return w->table == RECORD_LOGS && id->field == LOG_BODY ? (int)FILTER_WORDS : -1;
}

/* --- a group ---------------------------------------------------------------------------------- */

struct writing {
    struct record_writer *w;
    const struct group_rows *rows;
    uint64_t filter_offset[GROUP_FILTERS];
    uint32_t filter_size[GROUP_FILTERS], n_columns;
};

static bool put_column(struct writing *x, const struct column_id *id, const struct column *c)
{
    struct record_writer *w = x->w;
    uint32_t distinct, name = intern_name(w, id), filter = 0;
    int64_t min = 0, max = 0;
    size_t from = w->file.out.n;
    if (name == UINT32_MAX || !column_encode(&w->encoder, &w->file.out, c, x->rows->n, &distinct))
        return false;
    put_u32(&w->file.out, part_checksum(w->file.out.p + from, w->file.out.n - from));
    uint32_t size = (uint32_t)(w->file.out.n - from);

    int directory = group_filter_of(w, id);
    bool ranged = find_range(c, &min, &max), ok = true;
    hash_set_reset(&w->hashes);
    if (directory == FILTER_WORDS)
        ok = collect_words(w, c);
    else if (directory == FILTER_TRACE_ID ||
             (c->kind == COLUMN_STRING && distinct == 0 && c->n >= FILTER_VALUES_MIN))
        ok = collect_values(w, c);
    if (directory >= 0) {
        x->filter_offset[directory] = part_file_position(&w->file);
        x->filter_size[directory] = put_filter(w);
    } else {
        filter = put_filter(w);
    }

    struct buf *t = &w->block;
    put_varint(t, name);
    buf_putc(t, (char)(c->kind | (ranged ? 8 : 0) | (filter || directory >= 0 ? 16 : 0)));
    put_varint(t, c->n);
    put_varint(t, size);
    if (filter || directory >= 0)
        put_varint(t, directory >= 0 ? x->filter_size[directory] : filter);
    if (ranged) {
        put_zigzag(t, min);
        put_varint(t, (uint64_t)max - (uint64_t)min);
    }
    x->n_columns++;
    return ok;
}

static bool put_own_columns(struct writing *x)
{
    const struct group_rows *g = x->rows;
    struct column time = {.kind = COLUMN_INT, .n = g->n, .ints = g->t_unix_ns};
    int64_t *sources = arena_array(&x->w->arena, g->n, sizeof *sources);
    if (!sources)
        return false;
    for (uint32_t i = 0; i < g->n; i++)
        sources[i] = g->sources[i];
    struct column source = {.kind = COLUMN_INT, .n = g->n, .ints = sources};
    struct column_id time_id = {.origin = (enum column_origin)OWN_TIME};
    struct column_id source_id = {.origin = (enum column_origin)OWN_SOURCE};
    return put_column(x, &time_id, &time) && put_column(x, &source_id, &source);
}

static void put_directory(struct writing *x, int64_t min, int64_t max, uint64_t table,
                          uint32_t table_size)
{
    const struct group_rows *g = x->rows;
    struct buf *d = &x->w->directory;
    put_varint(d, g->n);
    put_u64(d, (uint64_t)min);
    put_varint(d, (uint64_t)max - (uint64_t)min);
    put_varint(d, g->sources[0]);
    put_varint(d, g->sources[g->n - 1] - g->sources[0]);
    put_varint(d, g->raw_bytes);
    put_varint(d, table - x->w->last_end);
    put_varint(d, table_size);
    for (int i = 0; i < GROUP_FILTERS; i++) {
        put_varint(d, x->filter_size[i]);
        if (x->filter_size[i])
            put_varint(d, x->filter_offset[i] - x->w->last_end);
    }
}

static void note_times(struct record_writer *w, const struct group_rows *g, int64_t *out_min,
                       int64_t *out_max)
{
    *out_min = INT64_MAX;
    *out_max = INT64_MIN;
    for (uint32_t i = 0; i < g->n; i++) {
        *out_min = MIN(*out_min, g->t_unix_ns[i]);
        *out_max = MAX(*out_max, g->t_unix_ns[i]);
    }
    w->footer.min_unix_ns = MIN(w->footer.min_unix_ns, *out_min);
    w->footer.max_unix_ns = MAX(w->footer.max_unix_ns, *out_max);
}

/* The table of the group's columns: where the group begins, then the entries in w->block. */
static uint32_t put_group_table(struct writing *x, uint64_t table)
{
    struct record_writer *w = x->w;
    size_t from = w->file.out.n;
    put_varint(&w->file.out, table - w->last_end);
    put_varint(&w->file.out, x->n_columns);
    buf_put_str(&w->file.out, buf_str(&w->block));
    if (!buf_failed(&w->file.out))
        put_u32(&w->file.out, part_checksum(w->file.out.p + from, w->file.out.n - from));
    return (uint32_t)(w->file.out.n - from);
}

int record_write_group(struct record_writer *w, const struct group_rows *g, struct err *err)
{
    struct writing x = {.w = w, .rows = g};
    arena_reset(&w->arena);
    buf_reset(&w->block);
    bool ok = put_own_columns(&x);
    for (uint32_t i = 0; ok && i < g->n_columns; i++)
        ok = put_column(&x, &g->columns[i].id, &g->columns[i].values);
    if (!ok || buf_failed(&w->file.out) || buf_failed(&w->block) || buf_failed(&w->names))
        return no_memory(w, err);
    int64_t min, max;
    note_times(w, g, &min, &max);
    uint64_t table = part_file_position(&w->file);
    uint32_t table_size = put_group_table(&x, table);
    put_directory(&x, min, max, table, table_size);
    w->last_end = table + table_size;
    w->footer.rows += g->n;
    w->footer.n_groups++;
    if (buf_failed(&w->directory) || buf_failed(&w->file.out))
        return no_memory(w, err);
    return w->file.out.n >= OUT_BUFFER ? part_file_flush(&w->file, err) : 0;
}

/* --- finishing -------------------------------------------------------------------------------- */

static bool put_section(struct record_writer *w, enum record_section which, struct str raw)
{
    size_t from = w->file.out.n, bound = ZSTD_compressBound(raw.n);
    w->footer.offset[which] = part_file_position(&w->file);
    put_varint(&w->file.out, raw.n);
    char *to = buf_reserve(&w->file.out, bound);
    size_t n = to ? ZSTD_compress(to, bound, raw.p, raw.n, SECTION_LEVEL) : 0;
    if (!to || ZSTD_isError(n))
        return false;
    buf_advance(&w->file.out, n);
    put_u32(&w->file.out, part_checksum(w->file.out.p + from, w->file.out.n - from));
    w->footer.size[which] = (uint32_t)(w->file.out.n - from);
    return !buf_failed(&w->file.out);
}

static bool put_sections(struct record_writer *w, const struct str *sources, uint32_t n)
{
    buf_reset(&w->packed);
    for (uint32_t i = 0; i < n; i++)
        put_text(&w->packed, sources[i]);
    w->footer.n_sources = n;
    return !buf_failed(&w->packed) && put_section(w, SECTION_NAMES, buf_str(&w->names)) &&
           put_section(w, SECTION_SOURCES, buf_str(&w->packed)) &&
           put_section(w, SECTION_DIRECTORY, buf_str(&w->directory));
}

/* From here on the part exists. */
static int finish_file(struct record_writer *w, struct err *err)
{
    const struct record_footer *f = &w->footer;
    char at[RECORD_FOOTER] = {0};
    write_u64(at + 8, f->seq_lo);
    write_u64(at + 16, f->seq_hi);
    write_u64(at + 24, (uint64_t)f->day);
    write_u64(at + 32, (uint64_t)f->min_unix_ns);
    write_u64(at + 40, (uint64_t)f->max_unix_ns);
    write_u64(at + 48, f->rows);
    write_u32(at + 56, f->n_groups);
    write_u32(at + 60, f->n_names);
    write_u32(at + 64, f->n_sources);
    for (int i = 0; i < RECORD_SECTIONS; i++) {
        write_u64(at + 72 + (size_t)12 * i, f->offset[i]);
        write_u32(at + 80 + (size_t)12 * i, f->size[i]);
    }
    write_u32(at + 108, f->cut);
    return part_file_finish(&w->file, at, RECORD_MAGIC, err);
}

int record_writer_finish(struct record_writer *w, const struct str *sources, uint32_t n,
                         struct record_part **out, struct err *err)
{
    if (!put_sections(w, sources, n))
        return no_memory(w, err);
    int rc = finish_file(w, err);
    return rc == 0 ? record_part_open(w->file.fs, w->file.path, out, err) : rc;
}
