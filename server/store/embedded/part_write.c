/* The rows of a part: streams one after another, their blocks at once and what tells of them kept
 * until the end. */
#include "store/embedded/part_writer.h"

#include <stdlib.h>

#include "base/compiler.h"
#include "base/time.h"
#include "store/embedded/block.h"

enum { OUT_BUFFER = 1 << 20, ZSTD_LEVEL = 3, INDEX_MAX = 1 << 30 };

int part_no_memory(const struct part_writer *w, struct err *err)
{
    return err_set(err, ERR_NOMEM, "write %s: out of memory", w->file.path);
}

static int reserve(void *array, size_t *cap, size_t need, size_t size)
{
    if (need <= *cap)
        return 0;
    size_t bigger = MAX(need, *cap * 2 + 16);
    void *old;
    memcpy(&old, array, sizeof old);
    void *p = realloc(old, bigger * size);
    if (!p)
        return ERR_NOMEM;
    memcpy(array, &p, sizeof p);
    *cap = bigger;
    return 0;
}

static int append_numbers(struct numbers *to, const uint32_t *v, size_t n)
{
    if (reserve(&to->v, &to->cap, to->n + n, sizeof *v) != 0)
        return ERR_NOMEM;
    if (n)
        memcpy(to->v + to->n, v, n * sizeof *v);
    to->n += n;
    return 0;
}

/* --- the file --------------------------------------------------------------------------------- */

int part_write_bytes(struct part_writer *w, const void *p, size_t n, struct err *err)
{
    int rc = w->file.out.n >= OUT_BUFFER ? part_file_flush(&w->file, err) : 0;
    if (rc != 0)
        return rc;
    buf_put(&w->file.out, p, n);
    return buf_failed(&w->file.out) ? part_no_memory(w, err) : 0;
}

static struct part_writer *new_writer(int64_t day, uint64_t seq_lo, uint64_t seq_hi)
{
    struct part_writer *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->footer = (struct part_footer){
        .day = day, .seq_lo = seq_lo, .seq_hi = seq_hi, .min_ms = INT64_MAX, .max_ms = INT64_MIN};
    buf_init(&w->block, INDEX_MAX);
    buf_init(&w->chunk, INDEX_MAX);
    buf_init(&w->packed, INDEX_MAX);
    buf_init(&w->streams, (size_t)4 * INDEX_MAX);
    return w;
}

/* Takes the writer, which may be NULL for want of memory. */
static int start(struct part_writer *w, const struct fs *fs, const char *dir, const char *name,
                 uint32_t table, int64_t resolution_ms, struct part_writer **out, struct err *err)
{
    if (!w)
        return err_set(err, ERR_NOMEM, "write a part: out of memory");
    const struct part_file_header header = {PART_MAGIC, table, (uint32_t)(resolution_ms / MS_PER_S),
                                            w->footer.day};
    int rc = part_file_begin(&w->file, fs, dir, name, &header, (size_t)2 * INDEX_MAX, err);
    if (rc == 0 && !(w->zstd = ZSTD_createCCtx()))
        rc = part_no_memory(w, err);
    if (rc != 0) {
        part_writer_free(w);
        return rc;
    }
    *out = w;
    return 0;
}

int part_writer_new(const struct fs *fs, const char *dir, int64_t day, uint64_t seq_lo,
                    uint64_t seq_hi, struct part_writer **out, struct err *err)
{
    char name[PART_NAME_MAX];
    part_format_name(name, seq_lo, seq_hi);
    return start(new_writer(day, seq_lo, seq_hi), fs, dir, name, PART_TABLE_METRICS, 0, out, err);
}

int part_writer_new_aggregates(const struct fs *fs, const char *dir, const char *name,
                               int64_t resolution_ms, int64_t day, uint64_t seq_lo, uint64_t seq_hi,
                               struct part_writer **out, struct err *err)
{
    return start(new_writer(day, seq_lo, seq_hi), fs, dir, name, PART_TABLE_AGGREGATES,
                 resolution_ms, out, err);
}

void part_writer_free(struct part_writer *w)
{
    if (!w)
        return;
    part_file_done(&w->file);
    (void)ZSTD_freeCCtx(w->zstd);
    struct buf *bufs[] = {&w->block, &w->chunk, &w->packed, &w->streams};
    for (size_t i = 0; i < ARRAY_LEN(bufs); i++)
        buf_done(bufs[i]);
    free(w->stream_entries.v);
    free(w->last.v);
    free(w->blocks);
    free(w->pairs.v);
    free(w->all_pairs.v);
    free(w->ends.v);
    free(w);
}

uint64_t part_writer_rows(const struct part_writer *w)
{
    return w->footer.rows;
}

void part_writer_set_expired(struct part_writer *w)
{
    w->footer.flags |= PART_FLAG_EXPIRED;
}

/* --- chunks ----------------------------------------------------------------------------------- */

static void put_packed(struct part_writer *w, struct str raw, struct buf *out)
{
    size_t from = out->n, bound = ZSTD_compressBound(raw.n);
    buf_putc(out, PART_CHUNK_ZSTD);
    put_varint(out, raw.n);
    char *to = buf_reserve(out, bound);
    size_t n = to ? ZSTD_compressCCtx(w->zstd, to, bound, raw.p, raw.n, ZSTD_LEVEL) : 0;
    if (to && !ZSTD_isError(n) && n < raw.n) {
        buf_advance(out, n);
        return;
    }
    if (buf_failed(out))
        return;
    out->n = from;
    buf_putc(out, PART_CHUNK_PLAIN);
    buf_put_str(out, raw);
}

int part_close_chunk(struct part_writer *w, struct buf *out, struct entries *entries, uint64_t base,
                     struct err *err)
{
    size_t from = out->n;
    put_packed(w, buf_str(&w->chunk), out);
    if (!buf_failed(out))
        put_u32(out, part_checksum(out->p + from, out->n - from));
    if (buf_failed(out) || buf_failed(&w->chunk) ||
        reserve(&entries->v, &entries->cap, entries->n + 1, sizeof *entries->v) != 0)
        return part_no_memory(w, err);
    entries->v[entries->n++] = (struct entry){base + from, (uint32_t)(out->n - from)};
    buf_reset(&w->chunk);
    return 0;
}

/* --- streams and blocks ----------------------------------------------------------------------- */

static size_t shared_pairs(const struct part_writer *w)
{
    size_t n = MIN(w->pairs.n, w->last.n), i = 0;
    while (i < n && w->pairs.v[i] == w->last.v[i])
        i++;
    return i;
}

static void put_pairs(struct part_writer *w)
{
    size_t shared = w->footer.n_streams % PART_STREAMS ? shared_pairs(w) : 0;
    put_varint(&w->chunk, shared);
    put_varint(&w->chunk, w->pairs.n - shared);
    uint32_t next = shared ? w->pairs.v[shared - 1] + 1 : 0;
    for (size_t i = shared; i < w->pairs.n; i++) {
        put_varint(&w->chunk, w->pairs.v[i] - next);
        next = w->pairs.v[i] + 1;
    }
}

static void put_blocks(struct part_writer *w)
{
    int64_t t = w->footer.day * MS_PER_DAY;
    put_varint(&w->chunk, w->n_blocks);
    for (size_t i = 0; i < w->n_blocks; i++) {
        const struct part_block *b = &w->blocks[i];
        put_varint(&w->chunk, b->rows);
        put_varint(&w->chunk, b->size);
        put_zigzag(&w->chunk, b->min_ms - t);
        put_varint(&w->chunk, (uint64_t)(b->max_ms - b->min_ms));
        t = b->max_ms;
    }
}

/* Puts the stream that is complete into its chunk, unless it has no rows: all were damaged. */
static int close_stream(struct part_writer *w, struct err *err)
{
    bool any = w->open && w->n_blocks > 0;
    w->open = false;
    if (!any)
        return 0;
    if (w->footer.n_streams % PART_STREAMS == 0)
        put_varint(&w->chunk, w->blocks[0].offset);
    put_pairs(w);
    put_blocks(w);
    uint32_t end = (uint32_t)(w->all_pairs.n + w->pairs.n);
    if (append_numbers(&w->all_pairs, w->pairs.v, w->pairs.n) != 0 ||
        append_numbers(&w->ends, &end, 1) != 0)
        return part_no_memory(w, err);
    struct numbers last = w->last;
    w->last = w->pairs;
    w->pairs = last;
    w->n_blocks = 0;
    w->footer.n_streams++;
    bool full = w->footer.n_streams % PART_STREAMS == 0;
    return full ? part_close_chunk(w, &w->streams, &w->stream_entries, 0, err) : 0;
}

int part_write_stream(struct part_writer *w, const uint32_t *pairs, size_t n, struct err *err)
{
    int rc = close_stream(w, err);
    if (rc != 0)
        return rc;
    w->pairs.n = 0;
    w->open = true;
    return append_numbers(&w->pairs, pairs, n) == 0 ? 0 : part_no_memory(w, err);
}

/* Bytes with their checksum, as the next block of the stream. */
static int put_block(struct part_writer *w, const char *bytes, struct part_block b, struct err *err)
{
    if (reserve(&w->blocks, &w->cap_blocks, w->n_blocks + 1, sizeof *w->blocks) != 0)
        return part_no_memory(w, err);
    b.offset = part_file_position(&w->file);
    int rc = part_write_bytes(w, bytes, b.size, err);
    if (rc != 0)
        return rc;
    w->blocks[w->n_blocks++] = b;
    w->footer.rows += b.rows;
    w->footer.min_ms = MIN(w->footer.min_ms, b.min_ms);
    w->footer.max_ms = MAX(w->footer.max_ms, b.max_ms);
    return 0;
}

int part_write_rows(struct part_writer *w, const struct columns *c, struct err *err)
{
    int rc = 0;
    for (size_t from = 0; rc == 0 && from < c->n;) {
        size_t n = MIN((size_t)BLOCK_ROWS, c->n - from);
        buf_reset(&w->block);
        block_encode(&w->block, c, from, n, w->footer.day * MS_PER_DAY);
        if (!buf_failed(&w->block))
            put_u32(&w->block, part_checksum(w->block.p, w->block.n));
        if (buf_failed(&w->block))
            return part_no_memory(w, err);
        const struct part_block b = {.size = (uint32_t)w->block.n,
                                     .rows = (uint32_t)n,
                                     .min_ms = c->t_unix_ms[from],
                                     .max_ms = c->t_unix_ms[from + n - 1]};
        rc = put_block(w, w->block.p, b, err);
        from += n;
    }
    return rc;
}

int part_write_block(struct part_writer *w, const char *bytes, const struct part_block *b,
                     struct err *err)
{
    return put_block(w, bytes, *b, err);
}

/* --- the end ---------------------------------------------------------------------------------- */

int part_writer_finish(struct part_writer *w, const struct label *pairs, size_t n_pairs,
                       struct part **out, struct err *err)
{
    int rc = close_stream(w, err);
    if (rc == 0 && w->footer.n_streams % PART_STREAMS)
        rc = part_close_chunk(w, &w->streams, &w->stream_entries, 0, err);
    if (rc == 0)
        rc = part_write_index(w, pairs, n_pairs, err);
    return rc == 0 ? part_open(w->file.fs, w->file.path, out, err) : rc;
}
