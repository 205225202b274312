#include "store/embedded/part.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "base/map_guard.h"
#include "base/num.h"
#include "base/time.h"
#include "store/embedded/block.h"
#include "store/embedded/chunk_cache.h"
#include "store/embedded/erase.h"
#include "store/embedded/part_file.h"
#include "store/embedded/part_format.h"
#include "store/embedded/part_unpack.h"

/* --- names of files --------------------------------------------------------------------------- */

void part_format_name(char out[PART_NAME_MAX], uint64_t lo, uint64_t hi)
{
    (void)snprintf(out, PART_NAME_MAX, "%016llx-%016llx.part", (unsigned long long)lo,
                   (unsigned long long)hi); // always fits
}

bool part_parse_name(const char *name, uint64_t *out_lo, uint64_t *out_hi)
{
    struct str text = str_c(name);
    uint64_t lo = 0, hi = 0;
    if (text.n != sizeof "0123456789abcdef-0123456789abcdef.part" - 1 || text.p[16] != '-' ||
        !str_ends(text, STR(".part")) || num_parse_hex(str_sub(text, 0, 16), &lo) != 0 ||
        num_parse_hex(str_sub(text, 17, 16), &hi) != 0 || lo > hi)
        return false;
    *out_lo = lo;
    *out_hi = hi;
    return true;
}

/* --- opening ---------------------------------------------------------------------------------- */

static int damaged(const struct part *p, struct err *err, const char *what)
{
    return err_set(err, ERR_CORRUPT, "%s: %s", p->path, what);
}

static int check_table(const struct part *p, struct err *err)
{
    uint32_t table = read_u32(p->map + 8);
    if (table != PART_TABLE_METRICS && table != PART_TABLE_AGGREGATES)
        return err_set(err, ERR_UNSUPPORTED, "%s: a table that this program does not know",
                       p->path);
    return 0;
}

static struct part_footer read_footer(const struct part *p)
{
    const char *at = p->map + p->size - PART_FOOTER;
    return (struct part_footer){
        .seq_lo = read_u64(at + 8),
        .seq_hi = read_u64(at + 16),
        .day = (int64_t)read_u64(at + 24),
        .min_ms = (int64_t)read_u64(at + 32),
        .max_ms = (int64_t)read_u64(at + 40),
        .rows = read_u64(at + 48),
        .n_streams = read_u32(at + 56),
        .n_pairs = read_u32(at + 60),
        .n_names = read_u32(at + 64),
        .names_size = read_u32(at + 68),
        .data_end = read_u64(at + 72),
        .names_offset = read_u64(at + 80),
        .directory_offset = read_u64(at + 88),
        .directory_hash = read_u64(at + 96),
        .flags = read_u64(at + 104),
    };
}

static size_t directory_size(const struct part_footer *f)
{
    return part_chunks(f->n_pairs, f->n_streams) * PART_ENTRY;
}

/* The sections must lie where they say; a matching checksum makes this certain but for our own bugs
 * and hostile files. */
static int check_sections(const struct part *p, const struct part_footer *f, struct err *err)
{
    uint64_t end = p->size - PART_FOOTER, directory = directory_size(f);
    bool inside = f->data_end >= PART_HEADER && f->data_end <= end && f->names_offset <= end &&
                  f->names_size <= end - f->names_offset && f->directory_offset <= end &&
                  directory <= end - f->directory_offset;
    bool day = f->day >= INT64_MIN / MS_PER_DAY && f->day <= INT64_MAX / MS_PER_DAY &&
               f->seq_lo <= f->seq_hi && f->min_ms <= f->max_ms;
    if (!inside || !day)
        return damaged(p, err, "the footer is inconsistent");
    if (hash_bytes(p->map + f->directory_offset, (size_t)directory) != f->directory_hash)
        return damaged(p, err, "the directory does not match its checksum");
    return 0;
}

static int parse_names(struct part *p, size_t n, struct err *err)
{
    struct reader r = reader_of(p->names_text, n);
    uint32_t first = 0;
    if (p->n_names > n / 3)
        return damaged(p, err, "the label names are inconsistent");
    p->names = calloc((size_t)p->n_names + 1, sizeof *p->names);
    if (!p->names)
        return err_set(err, ERR_NOMEM, "open %s: out of memory", p->path);
    for (uint32_t i = 0; i < p->n_names; i++) {
        struct part_name *name = &p->names[i];
        name->text = get_text(&r);
        uint64_t count = get_varint(&r);
        name->posting = get_text(&r);
        bool sorted = i == 0 || str_cmp(p->names[i - 1].text, name->text) < 0;
        if (r.bad || !sorted || count > p->n_pairs - first)
            return damaged(p, err, "the label names are inconsistent");
        name->first = first;
        name->count = (uint32_t)count;
        first += name->count;
    }
    return first == p->n_pairs ? 0 : damaged(p, err, "the label names are inconsistent");
}

static int read_names(struct part *p, const struct part_footer *f, struct err *err)
{
    struct str raw = {p->map + f->names_offset, f->names_size};
    size_t n = 0;
    int rc = part_unpack(raw, NULL, &p->names_text, &n);
    if (rc == ERR_CORRUPT)
        return damaged(p, err, "the label names do not match their checksum");
    return rc == 0 ? parse_names(p, n, err) : err_set(err, rc, "open %s: out of memory", p->path);
}

static int read_index(struct part *p, struct err *err)
{
    int rc = part_file_check(p->path, p->map, p->size, PART_MAGIC, err);
    if (rc == 0)
        rc = check_table(p, err);
    if (rc != 0)
        return rc;
    const struct part_footer f = read_footer(p);
    rc = check_sections(p, &f, err);
    if (rc != 0)
        return rc;
    p->table = read_u32(p->map + 8);
    p->resolution_ms = (int64_t)read_u32(p->map + 12) * MS_PER_S;
    p->day = f.day;
    p->min_ms = f.min_ms;
    p->max_ms = f.max_ms;
    p->seq_lo = f.seq_lo;
    p->seq_hi = f.seq_hi;
    p->rows = f.rows;
    p->n_streams = f.n_streams;
    p->n_pairs = f.n_pairs;
    p->n_names = f.n_names;
    p->directory = (size_t)f.directory_offset;
    p->data_end = (size_t)f.data_end;
    atomic_set_relaxed(&p->expired, (f.flags & PART_FLAG_EXPIRED) != 0);
    return read_names(p, &f, err);
}

int part_open(const struct fs *fs, const char *path, struct part **out, struct err *err)
{
    struct part *p = calloc(1, sizeof *p);
    if (!p)
        return err_set(err, ERR_NOMEM, "open %s: out of memory", path);
    refcount_init(&p->refs);
    p->fs = fs;
    p->path = str_dup(str_c(path));
    int rc = p->path ? part_file_map(fs, path, &p->map, &p->size, err)
                     : err_set(err, ERR_NOMEM, "open %s: out of memory", path);
    if (rc == 0)
        rc = read_index(p, err);
    if (rc != 0) {
        part_unref(p);
        return rc;
    }
    *out = p;
    return 0;
}

int part_use_cache(struct part *p, struct chunk_cache *cache)
{
    size_t n = part_chunks(p->n_pairs, p->n_streams);
    lock_take(&cache->lock);
    if (!p->chunks) {
        p->chunks = calloc(n + 1, sizeof(struct part_chunk *));
        p->cache = p->chunks ? cache : NULL;
    }
    bool ready = p->chunks;
    lock_give(&cache->lock);
    return ready ? 0 : ERR_NOMEM;
}

void part_ref(struct part *p)
{
    refcount_get(&p->refs);
}

void part_unref(struct part *p)
{
    if (!p || !refcount_put(&p->refs))
        return;
    if (p->cache)
        chunk_cache_drop(p->cache, p->chunks, part_chunks(p->n_pairs, p->n_streams));
    free(p->chunks);
    fs_unmap(p->fs, p->map, p->size);
    erasures_unref(p->erasures);
    free(p->names);
    free(p->names_text);
    free(p->path);
    free(p);
}

/* --- blocks ----------------------------------------------------------------------------------- */

const char *part_block_bytes(const struct part *p, const struct part_block *b)
{
    if (b->size <= PART_CHECKSUM || b->offset < PART_HEADER || b->offset > p->data_end ||
        b->size > p->data_end - b->offset)
        return NULL;
    const char *bytes = p->map + b->offset;
    size_t n = b->size - PART_CHECKSUM;
    return read_u32(bytes + n) == part_checksum(bytes, n) ? bytes : NULL;
}

int part_read_block(const struct part *p, const struct part_block *b, struct columns *out)
{
    uint64_t faults = map_guard_faults();
    const char *bytes = part_block_bytes(p, b);
    if (!bytes)
        return ERR_CORRUPT;
    size_t before = out->n;
    int rc = block_decode(bytes, b->size - PART_CHECKSUM, p->day * MS_PER_DAY, out);
    if (rc == 0 && faults != map_guard_faults() && !part_block_bytes(p, b)) {
        out->n = before; // a page was lost between checksum and decoding
        rc = ERR_CORRUPT;
    }
    return rc;
}
