/* A part of records. Sums and compression would keep a fuzzer out, so the input is what lies within
 * them: counts and the lengths of names, sources and directory; these; the groups. The file around
 * them is made here, and the checksums within the groups are put right. */
#include <stdlib.h>
#include <zstd.h>

#include "base/hash.h"
#include "memory_file.h"
#include "store/embedded/check.h"
#include "store/embedded/part_format.h"
#include "store/embedded/records/predicate.h"
#include "store/embedded/records/record_format.h"
#include "store/embedded/records/rowset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_HEAD = 9 };

static void put_section(struct buf *out, struct str raw, char *footer, int which)
{
    size_t from = out->n, bound = ZSTD_compressBound(raw.n);
    put_varint(out, raw.n);
    char *to = buf_reserve(out, bound);
    buf_advance(out, ZSTD_compress(to, bound, raw.p, raw.n, 1));
    put_u32(out, part_checksum(out->p + from, out->n - from));
    write_u64(footer + 72 + 12 * which, from);
    write_u32(footer + 80 + 12 * which, (uint32_t)(out->n - from));
}

static void make_file(struct buf *out, const uint8_t *head, struct str rest)
{
    char header[RECORD_HEADER] = RECORD_MAGIC, footer[RECORD_FOOTER] = RECORD_MAGIC;
    struct str sections[RECORD_SECTIONS];
    for (int i = 0; i < RECORD_SECTIONS; i++) {
        sections[i] = str_sub(rest, 0, (size_t)head[3 + 2 * i] << 8 | head[4 + 2 * i]);
        rest = str_sub(rest, sections[i].n, SIZE_MAX);
        write_u32(footer + 56 + 4 * i, head[i]); // groups, names, sources
    }
    write_u64(header + 24, hash_bytes(header, 24));
    buf_put(out, header, sizeof header);
    buf_put_str(out, rest);
    for (int i = 0; i < RECORD_SECTIONS; i++)
        put_section(out, sections[i], footer, i);
    write_u64(footer + 120, hash_bytes(footer, 120));
    buf_put(out, footer, sizeof footer);
}

static void mend(struct buf *file, uint64_t at, uint32_t size)
{
    char *p = file->p + at;
    if (size >= RECORD_CHECKSUM)
        write_u32(p + size - RECORD_CHECKSUM, part_checksum(p, size - RECORD_CHECKSUM));
}

static void read_group(struct record_part *p, const struct part_group *g, struct buf *file,
                       void *zstd, struct arena *arena)
{
    const struct predicate where = {.op = PREDICATE_CONTAINS,
                                    .column = {.origin = COLUMN_ATTRIBUTE, .name = STR("a")},
                                    .value = any_string(STR("x"))};
    struct group_column *columns;
    struct block_sources sources;
    struct rowset rows;
    uint32_t n;
    mend(file, g->table_offset, g->table_size);
    if (record_part_columns(p, g, arena, &columns, &n) != 0)
        return;
    for (uint32_t i = 0; i < n; i++) {
        struct column c;
        mend(file, columns[i].offset, columns[i].size);
        mend(file, columns[i].filter_offset, columns[i].filter_size);
        if (record_part_read(p, g, &columns[i], zstd, arena, &c) == 0)
            for (uint32_t k = 0; k < c.n; k++)
                (void)column_any(&c, k, arena);
    }
    (void)record_part_may_contain(p, g, FILTER_TRACE_ID, 1);
    if (sources_of_part(p, arena, &sources) != 0)
        return;
    rowset_of_group(&rows, p, g, &sources, zstd, arena);
    (void)rowset_may_match(&rows, &where); // by the filters alone
    if (rowset_read_table(&rows) != 0)
        return;
    (void)rowset_may_match(&rows, &where);
    uint64_t *bits = arena_array(arena, rowset_words(&rows), sizeof *bits);
    if (bits && rowset_times(&rows) == 0 && rowset_sources(&rows) == 0)
        (void)rowset_match(&rows, &where, bits);
}

static void forget(void *arg, bool damage, const char *path, const char *what)
{
    (void)arg, (void)damage, (void)path, (void)what;
}

static void check_file(const struct fs *fs)
{
    struct store_check_totals totals = {0};
    struct check c = {.fs = fs, .finding = forget, .totals = &totals};
    (void)check_span_part(&c, "fuzz", 0, 1, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < INPUT_HEAD)
        return 0;
    struct buf file = BUF_MAX(64 << 20);
    make_file(&file, data, str_of((const char *)data + INPUT_HEAD, size - INPUT_HEAD));
    struct str bytes = buf_str(&file);
    struct fs fs = memory_file(&bytes);
    struct record_part *p = NULL;
    struct arena arena;
    ZSTD_DCtx *zstd = ZSTD_createDCtx();
    arena_init(&arena, 256 << 20);
    if (zstd && record_part_open(&fs, "fuzz", &p, NULL) == 0) {
        for (uint32_t i = 0; i < p->n_groups; i++)
            read_group(p, &p->groups[i], &file, zstd, &arena);
        record_part_unref(p);
        check_file(&fs);
    }
    arena_done(&arena);
    (void)ZSTD_freeDCtx(zstd);
    buf_done(&file);
    return 0;
}
