/* A part's file. Its checksums are put right first, or nothing but them would be tested: what is
 * left must open or be refused, and every stream, label and block must be readable or refused. */
#include <stdlib.h>

#include <roaring/roaring.h>

#include "base/hash.h"
#include "memory_file.h"
#include "store/embedded/columns.h"
#include "store/embedded/part_format.h"
#include "store/embedded/part_view.h"
#include "store/embedded/selection.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA = 64 << 20 };

/* The checksum behind the chunk or block at [offset, offset + n). */
static void mend_chunk(char *p, size_t size, uint64_t offset, uint32_t n)
{
    if (n > PART_CHECKSUM && offset < size && n <= size - offset)
        write_u32(p + offset + n - PART_CHECKSUM, part_checksum(p + offset, n - PART_CHECKSUM));
}

static void mend(char *p, size_t size)
{
    char *footer = p + size - PART_FOOTER;
    uint64_t directory = read_u64(footer + 88);
    uint32_t streams = read_u32(footer + 56), pairs = read_u32(footer + 60);
    size_t chunks = 2 * part_text_chunks(pairs) + part_stream_chunks(streams);
    write_u64(p + 24, hash_bytes(p, 24));
    mend_chunk(p, size, read_u64(footer + 80), read_u32(footer + 68));
    if (directory < size && chunks <= (size - directory) / PART_ENTRY) {
        for (size_t i = 0; i < chunks; i++) {
            const char *entry = p + directory + i * PART_ENTRY;
            mend_chunk(p, size, read_u64(entry), read_u32(entry + 8));
        }
        write_u64(footer + 96, hash_bytes(p + directory, chunks * PART_ENTRY));
    }
    write_u64(footer + 112, size);
    write_u64(footer + 120, hash_bytes(footer, 120));
}

static int see_text(void *arg, struct str text)
{
    *(uint64_t *)arg += hash_str(text);
    return 0;
}

static void read_block(const struct part *p, const struct part_block *b, struct columns *c)
{
    if (p->table == PART_TABLE_METRICS)
        (void)part_read_block(p, b, c);
    else
        (void)aggregates_read_points(p, b, INT64_MIN / 4, INT64_MAX / 4, c);
}

static void read_streams(struct part_view *v, struct columns *c)
{
    struct part_stream st;
    for (uint32_t i = 0; i < v->part->n_streams && part_stream(v, i, &st) == 0; i++) {
        struct label pair;
        for (uint32_t k = 0; k < st.n_pairs; k++)
            (void)part_pair(v, st.pairs[k], &pair);
        for (uint32_t k = 0; k < st.n_blocks; k++)
            read_block(v->part, &st.blocks[k], c);
        columns_reset(c);
    }
}

static void match(struct part_view *v)
{
    struct posting_source source = part_postings(v);
    struct matcher m;
    roaring_bitmap_t *found = NULL;
    if (matcher_init(&m, MATCH_REGEX, STR("job"), STR("j.*1?"), NULL) != 0)
        return;
    if (match_streams(&source, &m, 1, &found, NULL) == 0) {
        if (!roaring_bitmap_is_empty(found) && roaring_bitmap_maximum(found) >= v->part->n_streams)
            abort();
        roaring_bitmap_free(found);
    }
    matcher_done(&m);
}

static void read_part(struct part *p)
{
    struct arena arena;
    struct part_view v;
    struct columns c;
    uint64_t sum = 0;
    arena_init(&arena, ARENA);
    columns_init(&c, &arena);
    if (part_view_init(&v, p, NULL, &arena) == 0) {
        (void)part_each_name(&v, NULL, see_text, &sum);
        (void)part_each_value(&v, STR("job"), NULL, see_text, &sum);
        match(&v);
        read_streams(&v, &c);
        part_view_done(&v);
    }
    columns_done(&c);
    arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < PART_HEADER + PART_FOOTER)
        return 0;
    char *copy = malloc(size);
    if (!copy)
        return 0;
    memcpy(copy, data, size);
    mend(copy, size);
    struct str file = {copy, size};
    struct fs fs = memory_file(&file);
    struct part *p = NULL;
    if (part_open(&fs, "fuzz", &p, NULL) == 0) {
        read_part(p);
        part_unref(p);
    }
    free(copy);
    return 0;
}
