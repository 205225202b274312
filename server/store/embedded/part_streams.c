/* Streams of a part: their pairs and blocks, a chunk of neighbours at a time. */
#include "base/compiler.h"
#include "base/time.h"
#include "store/embedded/part_chunks.h"
#include "store/embedded/part_format.h"

/* Where blocks and times of a chunk's streams go on. */
struct stream_reader {
    struct reader r;
    struct part_view *v;
    const struct part_stream *last; /* the stream before */
    uint64_t offset;                /* of the next block */
};

static void get_pairs(struct stream_reader *s, struct part_stream *out)
{
    uint64_t shared = get_varint(&s->r);
    size_t added = get_count(&s->r, 1);
    uint32_t limit = s->last ? s->last->n_pairs : 0;
    if (s->r.bad || shared > limit) {
        s->r.bad = true;
        return;
    }
    size_t n = (size_t)shared + added;
    uint32_t *pairs = arena_alloc(&s->v->scratch, n * sizeof *pairs);
    if (!pairs) {
        s->r.bad = true;
        return;
    }
    if (shared)
        memcpy(pairs, s->last->pairs, (size_t)shared * sizeof *pairs);
    uint64_t next = shared ? (uint64_t)pairs[shared - 1] + 1 : 0;
    for (size_t i = (size_t)shared; i < n; i++) {
        uint64_t pair = next + get_varint(&s->r);
        if (s->r.bad || pair >= s->v->part->n_pairs || pair < next) {
            s->r.bad = true;
            return;
        }
        pairs[i] = (uint32_t)pair;
        next = pair + 1;
    }
    out->pairs = pairs;
    out->n_pairs = (uint32_t)n;
}

static void get_blocks(struct stream_reader *s, struct part_stream *out)
{
    size_t n = get_count(&s->r, 4);
    struct part_block *v = arena_alloc(&s->v->scratch, n * sizeof *v);
    if (!v) {
        s->r.bad = true;
        return;
    }
    uint64_t t = (uint64_t)(s->v->part->day * MS_PER_DAY);
    for (size_t i = 0; i < n; i++) {
        uint64_t rows = get_varint(&s->r);
        uint64_t size = get_varint(&s->r);
        uint64_t min = t + (uint64_t)get_zigzag(&s->r);
        t = min + get_varint(&s->r);
        if (rows > UINT32_MAX || size > UINT32_MAX || s->offset > s->v->part->size)
            s->r.bad = true;
        v[i] = (struct part_block){s->offset, (uint32_t)size, (uint32_t)rows, (int64_t)min,
                                   (int64_t)t};
        s->offset += size;
    }
    out->blocks = v;
    out->n_blocks = (uint32_t)n;
}

/* Everything of `n` streams of the scratch arena in one allocation. */
static int pack_streams(const struct part_stream *v, size_t n, struct part_chunk **out)
{
    size_t pairs = 0, blocks = 0;
    for (size_t i = 0; i < n; i++) {
        pairs += v[i].n_pairs;
        blocks += v[i].n_blocks;
    }
    struct part_chunk *c = part_chunk_new(sizeof *c + n * sizeof *v + blocks * sizeof *v->blocks +
                                          pairs * sizeof *v->pairs);
    if (!c)
        return ERR_NOMEM;
    c->streams = (struct part_stream *)(c + 1);
    struct part_block *block = (struct part_block *)(c->streams + n);
    uint32_t *pair = (uint32_t *)(block + blocks);
    for (size_t i = 0; i < n; i++) {
        c->streams[i] = (struct part_stream){pair, block, v[i].n_pairs, v[i].n_blocks};
        if (v[i].n_pairs)
            memcpy(pair, v[i].pairs, v[i].n_pairs * sizeof *pair);
        if (v[i].n_blocks)
            memcpy(block, v[i].blocks, v[i].n_blocks * sizeof *block);
        pair += v[i].n_pairs;
        block += v[i].n_blocks;
    }
    *out = c;
    return 0;
}

static int decode_streams(struct part_view *v, size_t entry, struct part_chunk **out)
{
    const struct part *p = v->part;
    struct stream_reader s = {.v = v};
    size_t chunk = entry - 2 * part_text_chunks(p->n_pairs);
    size_t n = MIN((size_t)PART_STREAMS, p->n_streams - chunk * PART_STREAMS);
    struct part_stream streams[PART_STREAMS];
    int rc = part_view_unpack(v, entry, &s.r);
    if (rc != 0)
        return rc;
    s.offset = get_varint(&s.r);
    for (size_t i = 0; i < n && !s.r.bad; i++) {
        get_pairs(&s, &streams[i]);
        if (!s.r.bad)
            get_blocks(&s, &streams[i]);
        s.last = &streams[i];
    }
    if (s.r.bad || reader_left(&s.r))
        return arena_failed(&v->scratch) ? ERR_NOMEM : ERR_CORRUPT;
    return pack_streams(streams, n, out);
}

int part_stream(struct part_view *v, uint32_t ordinal, struct part_stream *out)
{
    size_t chunk = ordinal / PART_STREAMS;
    if (ordinal >= v->part->n_streams)
        return ERR_CORRUPT;
    if (chunk != v->streams_chunk) {
        struct part_chunk *c;
        int rc =
            part_view_get(v, 2 * part_text_chunks(v->part->n_pairs) + chunk, decode_streams, &c);
        if (rc != 0)
            return rc;
        part_chunk_unref(v->streams);
        v->streams = c;
        v->streams_chunk = chunk;
    }
    *out = v->streams->streams[ordinal % PART_STREAMS];
    return 0;
}
