#include "store/embedded/part_write.h"

#include <stdlib.h>

#include "base/compiler.h"
#include "base/time.h"
#include "store/embedded/block.h"
#include "store/embedded/part_format.h"
#include "store/embedded/posting.h"

enum { OUT_BUFFER = 1 << 20, ZSTD_LEVEL = 3, INDEX_MAX = 1 << 30 };

struct entry {
    uint64_t offset;
    uint32_t size;
};

/* A growing array on the heap. */
struct entries {
    struct entry *v;
    size_t n, cap;
};

struct numbers {
    uint32_t *v;
    size_t n, cap;
};

struct part_writer {
    struct part_file file;
    struct part_footer footer;
    ZSTD_CCtx *zstd;
    struct buf block, chunk, packed;

    /* The current chunk of streams. */
    struct buf streams;            /* compressed chunks so far, written after the data */
    struct entries stream_entries; /* offsets relative to the start of `streams` */
    struct numbers last;           /* pairs of the stream before */
    struct part_block *blocks;     /* of the current stream */
    size_t n_blocks, cap_blocks;
    struct numbers pairs; /* of the current stream */
    bool open;            /* a stream is */

    /* What postings are made of: the pairs of all streams, one behind the other. */
    struct numbers all_pairs, ends; /* ends[i]: where stream i's end in all_pairs */
};

static int no_memory(const struct part_writer *w, struct err *err)
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

static int write_bytes(struct part_writer *w, const void *p, size_t n, struct err *err)
{
    int rc = w->file.out.n >= OUT_BUFFER ? part_file_flush(&w->file, err) : 0;
    if (rc != 0)
        return rc;
    buf_put(&w->file.out, p, n);
    return buf_failed(&w->file.out) ? no_memory(w, err) : 0;
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
        rc = no_memory(w, err);
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

/* Compresses w->chunk into `out` with its checksum and empties it; notes where. */
static int close_chunk(struct part_writer *w, struct buf *out, struct entries *entries,
                       uint64_t base, struct err *err)
{
    size_t from = out->n;
    put_packed(w, buf_str(&w->chunk), out);
    if (!buf_failed(out))
        put_u32(out, part_checksum(out->p + from, out->n - from));
    if (buf_failed(out) || buf_failed(&w->chunk) ||
        reserve(&entries->v, &entries->cap, entries->n + 1, sizeof *entries->v) != 0)
        return no_memory(w, err);
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

/* Puts the stream that is complete into its chunk. */
static int close_stream(struct part_writer *w, struct err *err)
{
    if (!w->open)
        return 0;
    if (w->footer.n_streams % PART_STREAMS == 0)
        put_varint(&w->chunk, w->n_blocks ? w->blocks[0].offset : part_file_position(&w->file));
    put_pairs(w);
    put_blocks(w);
    uint32_t end = (uint32_t)(w->all_pairs.n + w->pairs.n);
    if (append_numbers(&w->all_pairs, w->pairs.v, w->pairs.n) != 0 ||
        append_numbers(&w->ends, &end, 1) != 0)
        return no_memory(w, err);
    struct numbers last = w->last;
    w->last = w->pairs;
    w->pairs = last;
    w->open = false;
    w->n_blocks = 0;
    w->footer.n_streams++;
    bool full = w->footer.n_streams % PART_STREAMS == 0;
    return full ? close_chunk(w, &w->streams, &w->stream_entries, 0, err) : 0;
}

int part_write_stream(struct part_writer *w, const uint32_t *pairs, size_t n, struct err *err)
{
    int rc = close_stream(w, err);
    if (rc != 0)
        return rc;
    w->pairs.n = 0;
    w->open = true;
    return append_numbers(&w->pairs, pairs, n) == 0 ? 0 : no_memory(w, err);
}

/* Bytes with their checksum, as the next block of the stream. */
static int put_block(struct part_writer *w, const char *bytes, struct part_block b, struct err *err)
{
    if (reserve(&w->blocks, &w->cap_blocks, w->n_blocks + 1, sizeof *w->blocks) != 0)
        return no_memory(w, err);
    b.offset = part_file_position(&w->file);
    int rc = write_bytes(w, bytes, b.size, err);
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
            return no_memory(w, err);
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

/* --- the index -------------------------------------------------------------------------------- */

/* Streams of each pair, rising: a counting sort of all_pairs. members[starts[p] .. starts[p + 1])
 */
struct inverted {
    uint32_t *starts, *members;
};

static int invert(const struct part_writer *w, size_t n_pairs, struct inverted *out)
{
    uint32_t *starts = calloc(n_pairs + 2, sizeof *starts);
    uint32_t *members = malloc((w->all_pairs.n + 1) * sizeof *members);
    if (!starts || !members) {
        free(starts);
        free(members);
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < w->all_pairs.n; i++)
        starts[w->all_pairs.v[i] + 2]++;
    for (size_t i = 2; i < n_pairs + 2; i++)
        starts[i] += starts[i - 1];
    for (size_t s = 0, i = 0; s < w->ends.n; s++)
        for (; i < w->ends.v[s]; i++)
            members[starts[w->all_pairs.v[i] + 1]++] = (uint32_t)s;
    *out = (struct inverted){starts, members};
    return 0;
}

static size_t shared_bytes(struct str a, struct str b)
{
    size_t n = MIN(a.n, b.n), i = 0;
    while (i < n && a.p[i] == b.p[i])
        i++;
    return i;
}

static int write_texts(struct part_writer *w, const struct label *pairs, size_t n,
                       struct entries *entries, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        bool first = i % PART_TEXTS == 0;
        size_t shared = first ? 0 : shared_bytes(pairs[i - 1].value, pairs[i].value);
        put_varint(&w->chunk, shared);
        put_text(&w->chunk, str_sub(pairs[i].value, shared, SIZE_MAX));
        if (i % PART_TEXTS == PART_TEXTS - 1 || i + 1 == n) {
            buf_reset(&w->packed);
            rc = close_chunk(w, &w->packed, entries, part_file_position(&w->file), err);
            if (rc == 0)
                rc = write_bytes(w, w->packed.p, w->packed.n, err);
        }
    }
    return rc;
}

static int write_posting_chunk(struct part_writer *w, const struct inverted *x, size_t from,
                               size_t to, struct entries *entries, struct err *err)
{
    struct buf *bytes = &w->block; // no block is being made any more
    buf_reset(bytes);
    for (size_t i = from; i < to; i++) {
        size_t before = bytes->n;
        posting_encode(bytes, x->members + x->starts[i], x->starts[i + 1] - x->starts[i]);
        put_varint(&w->chunk, bytes->n - before);
    }
    if (buf_failed(bytes))
        return no_memory(w, err);
    buf_put_str(&w->chunk, buf_str(bytes));
    buf_reset(&w->packed);
    int rc = close_chunk(w, &w->packed, entries, part_file_position(&w->file), err);
    return rc == 0 ? write_bytes(w, w->packed.p, w->packed.n, err) : rc;
}

static int write_postings(struct part_writer *w, const struct inverted *x, size_t n,
                          struct entries *entries, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i += PART_TEXTS)
        rc = write_posting_chunk(w, x, i, MIN(i + PART_TEXTS, n), entries, err);
    return rc;
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Sorts `n` different numbers below `limit`. Many are marked in a set of bits and read from it: a
 * name that all streams have would take as long to sort as all else of the index. */
static int sort_numbers(uint32_t *v, size_t n, size_t limit)
{
    size_t words = limit / 64 + 1, at = 0;
    if (n < words) {
        qsort(v, n, sizeof *v, by_number);
        return 0;
    }
    uint64_t *bits = calloc(words, sizeof *bits);
    if (!bits)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++)
        bits[v[i] / 64] |= UINT64_C(1) << v[i] % 64;
    for (size_t i = 0; i < words; i++)
        for (uint64_t left = bits[i]; left; left &= left - 1)
            v[at++] = (uint32_t)(i * 64) + (uint32_t)__builtin_ctzll(left);
    free(bits);
    return 0;
}

/* The streams that have a name: those of its pairs [from, to) together. A stream has a name once.
 */
static int put_name(struct part_writer *w, const struct inverted *x, struct str text, size_t from,
                    size_t to, struct err *err)
{
    size_t n = x->starts[to] - x->starts[from];
    uint32_t *v = malloc((n + 1) * sizeof *v);
    if (!v)
        return no_memory(w, err);
    memcpy(v, x->members + x->starts[from], n * sizeof *v);
    if (to - from > 1 && sort_numbers(v, n, w->footer.n_streams) != 0) {
        free(v);
        return no_memory(w, err);
    }
    buf_reset(&w->block);
    posting_encode(&w->block, v, n);
    free(v);
    put_text(&w->chunk, text);
    put_varint(&w->chunk, to - from);
    put_text(&w->chunk, buf_str(&w->block));
    w->footer.n_names++;
    return buf_failed(&w->block) ? no_memory(w, err) : 0;
}

static int write_names(struct part_writer *w, const struct inverted *x, const struct label *pairs,
                       size_t n, struct err *err)
{
    int rc = 0;
    for (size_t from = 0; rc == 0 && from < n;) {
        size_t to = from + 1;
        while (to < n && str_eq(pairs[to].name, pairs[from].name))
            to++;
        rc = put_name(w, x, pairs[from].name, from, to, err);
        from = to;
    }
    struct entries one = {0};
    buf_reset(&w->packed);
    if (rc == 0)
        rc = close_chunk(w, &w->packed, &one, part_file_position(&w->file), err);
    if (rc == 0) {
        w->footer.names_offset = one.v[0].offset;
        w->footer.names_size = one.v[0].size;
        rc = write_bytes(w, w->packed.p, w->packed.n, err);
    }
    free(one.v);
    return rc;
}

static int write_streams(struct part_writer *w, struct err *err)
{
    uint64_t base = part_file_position(&w->file);
    for (size_t i = 0; i < w->stream_entries.n; i++)
        w->stream_entries.v[i].offset += base;
    return write_bytes(w, w->streams.p, w->streams.n, err);
}

static int write_directory(struct part_writer *w, const struct entries *const *lists, size_t n,
                           struct err *err)
{
    buf_reset(&w->chunk);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < lists[i]->n; k++) {
            put_u64(&w->chunk, lists[i]->v[k].offset);
            put_u32(&w->chunk, lists[i]->v[k].size);
        }
    }
    if (buf_failed(&w->chunk))
        return no_memory(w, err);
    w->footer.directory_offset = part_file_position(&w->file);
    w->footer.directory_hash = hash_bytes(w->chunk.p, w->chunk.n);
    return write_bytes(w, w->chunk.p, w->chunk.n, err);
}

static int finish_file(struct part_writer *w, struct err *err)
{
    const struct part_footer *f = &w->footer;
    char at[PART_FOOTER] = {0};
    write_u64(at + 8, f->seq_lo);
    write_u64(at + 16, f->seq_hi);
    write_u64(at + 24, (uint64_t)f->day);
    write_u64(at + 32, (uint64_t)f->min_ms);
    write_u64(at + 40, (uint64_t)f->max_ms);
    write_u64(at + 48, f->rows);
    write_u32(at + 56, f->n_streams);
    write_u32(at + 60, f->n_pairs);
    write_u32(at + 64, f->n_names);
    write_u32(at + 68, f->names_size);
    write_u64(at + 72, f->data_end);
    write_u64(at + 80, f->names_offset);
    write_u64(at + 88, f->directory_offset);
    write_u64(at + 96, f->directory_hash);
    return part_file_finish(&w->file, at, PART_MAGIC, err);
}

/* Behind the data; from here on the part exists. */
static int write_index(struct part_writer *w, const struct label *pairs, size_t n_pairs,
                       const struct inverted *x, struct err *err)
{
    struct entries texts = {0}, postings = {0};
    const struct entries *const lists[] = {&texts, &postings, &w->stream_entries};
    w->footer.n_pairs = (uint32_t)n_pairs;
    w->footer.data_end = part_file_position(&w->file);
    int rc = write_streams(w, err);
    if (rc == 0)
        rc = write_texts(w, pairs, n_pairs, &texts, err);
    if (rc == 0)
        rc = write_postings(w, x, n_pairs, &postings, err);
    if (rc == 0)
        rc = write_names(w, x, pairs, n_pairs, err);
    if (rc == 0)
        rc = write_directory(w, lists, ARRAY_LEN(lists), err);
    if (rc == 0)
        rc = finish_file(w, err);
    free(texts.v);
    free(postings.v);
    return rc;
}

int part_writer_finish(struct part_writer *w, const struct label *pairs, size_t n_pairs,
                       struct part **out, struct err *err)
{
    struct inverted x = {0};
    int rc = close_stream(w, err);
    if (rc == 0 && w->footer.n_streams % PART_STREAMS)
        rc = close_chunk(w, &w->streams, &w->stream_entries, 0, err);
    if (rc == 0 && invert(w, n_pairs, &x) != 0)
        rc = no_memory(w, err);
    if (rc == 0)
        rc = write_index(w, pairs, n_pairs, &x, err);
    free(x.starts);
    free(x.members);
    return rc == 0 ? part_open(w->file.fs, w->file.path, out, err) : rc;
}
