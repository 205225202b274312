/* The index of a part: the texts of its label pairs, which streams have each pair and each name,
 * and where all of it stands. */
#include "store/embedded/part_writer.h"

#include <stdlib.h>

#include "base/compiler.h"
#include "store/embedded/posting.h"

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
            rc = part_close_chunk(w, &w->packed, entries, part_file_position(&w->file), err);
            if (rc == 0)
                rc = part_write_bytes(w, w->packed.p, w->packed.n, err);
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
        return part_no_memory(w, err);
    buf_put_str(&w->chunk, buf_str(bytes));
    buf_reset(&w->packed);
    int rc = part_close_chunk(w, &w->packed, entries, part_file_position(&w->file), err);
    return rc == 0 ? part_write_bytes(w, w->packed.p, w->packed.n, err) : rc;
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
        return part_no_memory(w, err);
    memcpy(v, x->members + x->starts[from], n * sizeof *v);
    if (to - from > 1 && sort_numbers(v, n, w->footer.n_streams) != 0) {
        free(v);
        return part_no_memory(w, err);
    }
    buf_reset(&w->block);
    posting_encode(&w->block, v, n);
    free(v);
    put_text(&w->chunk, text);
    put_varint(&w->chunk, to - from);
    put_text(&w->chunk, buf_str(&w->block));
    w->footer.n_names++;
    return buf_failed(&w->block) ? part_no_memory(w, err) : 0;
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
        rc = part_close_chunk(w, &w->packed, &one, part_file_position(&w->file), err);
    if (rc == 0) {
        w->footer.names_offset = one.v[0].offset;
        w->footer.names_size = one.v[0].size;
        rc = part_write_bytes(w, w->packed.p, w->packed.n, err);
    }
    free(one.v);
    return rc;
}

static int write_streams(struct part_writer *w, struct err *err)
{
    uint64_t base = part_file_position(&w->file);
    for (size_t i = 0; i < w->stream_entries.n; i++)
        w->stream_entries.v[i].offset += base;
    return part_write_bytes(w, w->streams.p, w->streams.n, err);
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
        return part_no_memory(w, err);
    w->footer.directory_offset = part_file_position(&w->file);
    w->footer.directory_hash = hash_bytes(w->chunk.p, w->chunk.n);
    return part_write_bytes(w, w->chunk.p, w->chunk.n, err);
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
    write_u64(at + 104, f->flags);
    return part_file_finish(&w->file, at, PART_MAGIC, err);
}

static int write_inverted(struct part_writer *w, const struct label *pairs, size_t n_pairs,
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

int part_write_index(struct part_writer *w, const struct label *pairs, size_t n_pairs,
                     struct err *err)
{
    struct inverted x = {0};
    int rc = invert(w, n_pairs, &x) == 0 ? 0 : part_no_memory(w, err);
    if (rc == 0)
        rc = write_inverted(w, pairs, n_pairs, &x, err);
    free(x.starts);
    free(x.members);
    return rc;
}
