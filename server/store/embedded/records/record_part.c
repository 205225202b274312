#include "store/embedded/records/record_part.h"

#include <stdlib.h>
#include <zstd.h>

#include "base/compiler.h"
#include "base/hash.h"
#include "base/map_guard.h"
#include "store/embedded/part_file.h"
#include "store/embedded/part_format.h"
#include "store/embedded/records/filter.h"
#include "store/embedded/records/record_format.h"

static int damaged(const struct record_part *p, struct err *err, const char *what)
{
    return err_set(err, ERR_CORRUPT, "%s: %s", p->path, what);
}

/* --- footer and sections ---------------------------------------------------------------------- */

static int read_header(struct record_part *p, struct err *err)
{
    int rc = part_file_check(p->path, p->map, p->size, RECORD_MAGIC, err);
    if (rc != 0)
        return rc;
    if (read_u32(p->map + 8) >= RECORD_TABLES)
        return err_set(err, ERR_UNSUPPORTED, "%s: a table that this program does not know",
                       p->path);
    p->table = (enum record_table)read_u32(p->map + 8);
    p->day = (int64_t)read_u64(p->map + 16);
    return 0;
}

static int read_footer(struct record_part *p, struct record_footer *f, struct err *err)
{
    const char *at = p->map + p->size - RECORD_FOOTER;
    *f = (struct record_footer){
        .seq_lo = read_u64(at + 8),
        .seq_hi = read_u64(at + 16),
        .day = (int64_t)read_u64(at + 24),
        .min_unix_ns = (int64_t)read_u64(at + 32),
        .max_unix_ns = (int64_t)read_u64(at + 40),
        .rows = read_u64(at + 48),
        .n_groups = read_u32(at + 56),
        .n_names = read_u32(at + 60),
        .n_sources = read_u32(at + 64),
        .cut = read_u32(at + 108),
    };
    for (int i = 0; i < RECORD_SECTIONS; i++) {
        f->offset[i] = read_u64(at + 72 + (size_t)12 * i);
        f->size[i] = read_u32(at + 80 + (size_t)12 * i);
        if (f->offset[i] > p->size || f->size[i] > p->size - f->offset[i])
            return damaged(p, err, "the footer is damaged");
    }
    return f->day == p->day ? 0 : damaged(p, err, "header and footer differ");
}

/* The content of a section on the heap. */
static int unpack(const struct record_part *p, const struct record_footer *f,
                  enum record_section which, char **out, size_t *out_n, struct err *err)
{
    uint32_t size = f->size[which];
    const char *at = p->map + f->offset[which];
    if (size < RECORD_CHECKSUM ||
        read_u32(at + size - RECORD_CHECKSUM) != part_checksum(at, size - RECORD_CHECKSUM))
        return damaged(p, err, "a section of the index is damaged");
    struct reader r = reader_of(at, size - RECORD_CHECKSUM);
    uint64_t n = get_varint(&r);
    if (r.bad || n > RECORD_SECTION_MAX)
        return damaged(p, err, "a section of the index is damaged");
    char *to = malloc(n + 1);
    if (!to)
        return err_set(err, ERR_NOMEM, "open %s: out of memory", p->path);
    if (ZSTD_decompress(to, n, r.p, reader_left(&r)) != n) {
        free(to);
        return damaged(p, err, "a section of the index is damaged");
    }
    *out = to;
    *out_n = n;
    return 0;
}

/* --- names, sources, directory ---------------------------------------------------------------- */

static bool read_names(struct record_part *p, struct reader *r)
{
    for (uint32_t i = 0; !r->bad && i < p->n_names; i++) {
        struct column_id *id = &p->names[i];
        unsigned char origin = get_byte(r);
        id->field = get_byte(r);
        id->name = get_text(r);
        bool field = origin == COLUMN_FIELD && id->field < RECORD_FIELDS_MAX;
        bool own = origin >= OWN_TIME && origin <= OWN_REST;
        r->bad |= !field && !own && origin != COLUMN_ATTRIBUTE;
        id->origin = (enum column_origin)origin;
    }
    return !r->bad;
}

static bool read_sources(struct record_part *p, struct reader *r)
{
    for (uint32_t i = 0; !r->bad && i < p->n_sources; i++)
        p->sources[i] = get_text(r);
    return !r->bad;
}

static bool read_filter(const struct record_part *p, struct reader *r, uint64_t begin,
                        uint64_t *out_offset, uint32_t *out_size)
{
    uint64_t size = get_varint(r);
    *out_offset = size ? begin + get_varint(r) : 0;
    *out_size = (uint32_t)size;
    return size <= p->size && *out_offset <= p->size - size;
}

static void read_group(const struct record_part *p, struct reader *r, uint64_t begin,
                       struct part_group *g)
{
    g->n_rows = (uint32_t)get_varint(r);
    g->min_unix_ns = (int64_t)get_u64(r);
    g->max_unix_ns = (int64_t)((uint64_t)g->min_unix_ns + get_varint(r));
    g->first_source = (uint32_t)get_varint(r);
    g->last_source = g->first_source + (uint32_t)get_varint(r);
    g->raw_bytes = get_varint(r);
    g->table_offset = begin + get_varint(r);
    g->table_size = (uint32_t)get_varint(r);
    g->end = g->table_offset + g->table_size;
    for (int i = 0; i < GROUP_FILTERS; i++)
        r->bad |= !read_filter(p, r, begin, &g->filter_offset[i], &g->filter_size[i]);
    r->bad |= g->n_rows == 0 || g->n_rows > COLUMN_ROWS || g->last_source < g->first_source ||
              g->last_source >= p->n_sources || g->table_size < RECORD_CHECKSUM ||
              g->table_offset < begin || g->table_offset > p->size || g->end > p->size;
}

static bool read_directory(struct record_part *p, struct reader *r)
{
    uint64_t begin = RECORD_HEADER;
    for (uint32_t i = 0; !r->bad && i < p->n_groups; i++) {
        read_group(p, r, begin, &p->groups[i]);
        begin = p->groups[i].end;
    }
    return !r->bad;
}

/* Counts are believed only as far as the bytes could hold as many things. */
static int make_tables(struct record_part *p, size_t names_n, size_t sources_n, struct err *err)
{
    if (p->n_names > names_n / 3 || p->n_sources > sources_n)
        return damaged(p, err, "names or sources are damaged");
    p->names = calloc((size_t)p->n_names + 1, sizeof *p->names);
    p->sources = calloc((size_t)p->n_sources + 1, sizeof *p->sources);
    p->text = malloc(names_n + sources_n + 1);
    return p->names && p->sources && p->text
               ? 0
               : err_set(err, ERR_NOMEM, "open %s: out of memory", p->path);
}

/* Names and sources stay as text, so their two sections go behind each other into one block. */
static int read_texts(struct record_part *p, const struct record_footer *f, struct err *err)
{
    char *names = NULL, *sources = NULL;
    size_t names_n = 0, sources_n = 0;
    int rc = unpack(p, f, SECTION_NAMES, &names, &names_n, err);
    if (rc == 0)
        rc = unpack(p, f, SECTION_SOURCES, &sources, &sources_n, err);
    if (rc == 0)
        rc = make_tables(p, names_n, sources_n, err);
    if (rc == 0) {
        memcpy(p->text, names, names_n);
        memcpy(p->text + names_n, sources, sources_n);
        struct reader n = reader_of(p->text, names_n);
        struct reader s = reader_of(p->text + names_n, sources_n);
        if (!read_names(p, &n) || !read_sources(p, &s))
            rc = damaged(p, err, "names or sources are damaged");
    }
    free(names);
    free(sources);
    return rc;
}

static int read_groups(struct record_part *p, const struct record_footer *f, struct err *err)
{
    char *bytes = NULL;
    size_t n = 0;
    int rc = unpack(p, f, SECTION_DIRECTORY, &bytes, &n, err);
    if (rc != 0)
        return rc;
    struct reader r = reader_of(bytes, n);
    if (!read_directory(p, &r))
        rc = damaged(p, err, "the directory is damaged");
    free(bytes);
    return rc;
}

static int read_index(struct record_part *p, struct err *err)
{
    struct record_footer f;
    int rc = read_header(p, err);
    if (rc == 0)
        rc = read_footer(p, &f, err);
    if (rc != 0)
        return rc;
    p->seq_lo = f.seq_lo;
    p->seq_hi = f.seq_hi;
    p->min_unix_ns = f.min_unix_ns;
    p->max_unix_ns = f.max_unix_ns;
    p->rows = f.rows;
    p->n_groups = f.n_groups;
    p->n_names = f.n_names;
    p->n_sources = f.n_sources;
    p->cut = f.cut;
    if (p->n_groups > p->size / RECORD_CHECKSUM)
        return damaged(p, err, "the footer is damaged");
    p->groups = calloc((size_t)p->n_groups + 1, sizeof *p->groups);
    p->sound_filters = calloc((size_t)p->n_groups + 1, sizeof *p->sound_filters);
    if (!p->groups || !p->sound_filters)
        return err_set(err, ERR_NOMEM, "open %s: out of memory", p->path);
    rc = read_texts(p, &f, err);
    return rc == 0 ? read_groups(p, &f, err) : rc;
}

/* --- opening ---------------------------------------------------------------------------------- */

int record_part_open(const struct fs *fs, const char *path, struct record_part **out,
                     struct err *err)
{
    struct record_part *p = calloc(1, sizeof *p);
    if (!p)
        return err_set(err, ERR_NOMEM, "open %s: out of memory", path);
    refcount_init(&p->refs);
    p->fs = fs;
    p->path = str_dup(str_c(path));
    int rc = p->path ? part_file_map(fs, path, &p->map, &p->size, err)
                     : err_set(err, ERR_NOMEM, "open %s: out of memory", path);
    if (rc == 0)
        rc = read_index(p, err);
    if (rc == 0)
        *out = p;
    else
        record_part_unref(p);
    return rc;
}

void record_part_ref(struct record_part *p)
{
    refcount_get(&p->refs);
}

void record_part_unref(struct record_part *p)
{
    if (!p || !refcount_put(&p->refs))
        return;
    if (p->map)
        fs_unmap(p->fs, p->map, p->size);
    free(p->groups);
    free(p->names);
    free(p->sources);
    free(p->sound_filters);
    free(p->text);
    free(p->path);
    free(p);
}

/* --- groups ----------------------------------------------------------------------------------- */

/* Columns and filters lie before the table, backwards from it: `begin` is where the group does. */
static void read_column(const struct record_part *p, const struct part_group *g, struct reader *r,
                        uint64_t *at, struct group_column *c)
{
    c->name = (uint32_t)get_varint(r);
    unsigned char flags = get_byte(r);
    c->kind = (enum column_kind)(flags & 7);
    c->has_range = flags & 8;
    c->n = (uint32_t)get_varint(r);
    c->offset = *at;
    c->size = (uint32_t)get_varint(r);
    *at += c->size;
    if (flags & 16) {
        c->filter_offset = *at;
        c->filter_size = (uint32_t)get_varint(r);
        *at += c->filter_size;
    }
    if (c->has_range) {
        c->min = get_zigzag(r);
        c->max = (int64_t)((uint64_t)c->min + get_varint(r));
    }
    r->bad |= c->name >= p->n_names || c->kind >= COLUMN_KINDS || c->n > g->n_rows ||
              c->size < RECORD_CHECKSUM || *at > g->table_offset;
}

int record_part_columns(const struct record_part *p, const struct part_group *g,
                        struct arena *arena, struct group_column **out, uint32_t *out_n)
{
    const char *at = p->map + g->table_offset;
    size_t size = g->table_size - RECORD_CHECKSUM;
    if (read_u32(at + size) != part_checksum(at, size))
        return ERR_CORRUPT;
    struct reader r = reader_of(at, size);
    uint64_t begin = g->table_offset - get_varint(&r);
    size_t n = get_count(&r, 4);
    struct group_column *v = arena_array(arena, n, sizeof *v);
    if (!v)
        return ERR_NOMEM;
    r.bad |= begin < RECORD_HEADER || begin > g->table_offset;
    for (size_t i = 0; !r.bad && i < n; i++) {
        v[i] = (struct group_column){.ordinal = (uint32_t)i};
        read_column(p, g, &r, &begin, &v[i]);
    }
    *out = v;
    *out_n = (uint32_t)n;
    return r.bad ? ERR_CORRUPT : 0;
}

int record_part_read(const struct record_part *p, const struct part_group *g,
                     const struct group_column *c, void *zstd, struct arena *arena,
                     struct column *out)
{
    const char *at = p->map + c->offset;
    size_t size = c->size - RECORD_CHECKSUM;
    if (read_u32(at + size) != part_checksum(at, size))
        return ERR_CORRUPT;
    uint64_t faults = map_guard_faults();
    int rc = column_decode(str_of(at, size), g->n_rows, zstd, arena, out);
    if (faults != map_guard_faults() && read_u32(at + size) != part_checksum(at, size))
        return ERR_CORRUPT; // a page could not be read any more after the checksum was compared
    return rc == 0 && (out->kind != c->kind || out->n != c->n) ? ERR_CORRUPT : rc;
}

static bool is_filter_sound(const struct record_part *p, uint64_t offset, uint32_t size)
{
    const char *at = p->map + offset;
    return size >= RECORD_CHECKSUM &&
           read_u32(at + size - RECORD_CHECKSUM) == part_checksum(at, size - RECORD_CHECKSUM);
}

/* Bits of a group's filters, then of those of its columns; what is beyond is compared each time. */
enum { SOUND_COLUMNS = GROUP_FILTERS, SOUND_BITS = 64 };

/* After a page could not be read nothing is known any more. */
static bool is_known_sound(const struct record_part *p, const struct part_group *g, uint32_t bit,
                           uint64_t offset, uint32_t size)
{
    atomic_ullong *sound = &p->sound_filters[g - p->groups];
    uint64_t mask = bit < SOUND_BITS ? UINT64_C(1) << bit : 0;
    if (atomic_get_relaxed(sound) & mask && map_guard_faults() == 0)
        return true;
    if (!is_filter_sound(p, offset, size))
        return false;
    (void)atomic_fetch_or_explicit(sound, mask, memory_order_relaxed);
    return true;
}

static bool may_contain(const struct record_part *p, const struct part_group *g, uint32_t bit,
                        uint64_t offset, uint32_t size, uint64_t hash)
{
    uint64_t faults = map_guard_faults();
    return !is_known_sound(p, g, bit, offset, size) ||
           filter_may_contain(p->map + offset, size - RECORD_CHECKSUM, hash) ||
           faults != map_guard_faults(); // it was not the filter that was asked
}

bool record_part_may_contain(const struct record_part *p, const struct part_group *g,
                             enum group_filter which, uint64_t hash)
{
    uint32_t size = g->filter_size[which];
    return size && may_contain(p, g, which, g->filter_offset[which], size, hash);
}

bool group_column_may_contain(const struct record_part *p, const struct part_group *g,
                              const struct group_column *c, uint64_t hash)
{
    return c->filter_size == 0 ||
           may_contain(p, g, SOUND_COLUMNS + c->ordinal, c->filter_offset, c->filter_size, hash);
}

int record_part_check_filters(const struct record_part *p, const struct part_group *g,
                              const struct group_column *columns, uint32_t n)
{
    for (int i = 0; i < GROUP_FILTERS; i++)
        if (g->filter_size[i] && !is_filter_sound(p, g->filter_offset[i], g->filter_size[i]))
            return ERR_CORRUPT;
    for (uint32_t i = 0; i < n; i++)
        if (columns[i].filter_size &&
            !is_filter_sound(p, columns[i].filter_offset, columns[i].filter_size))
            return ERR_CORRUPT;
    return 0;
}
