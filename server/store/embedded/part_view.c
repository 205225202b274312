#include "store/embedded/part_view.h"

#include <roaring/roaring.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "base/map_guard.h"
#include "base/time.h"
#include "store/embedded/part_format.h"
#include "store/embedded/posting.h"

#define SCRATCH_MAX ((size_t)256 << 20)

int part_view_init(struct part_view *v, struct part *p, struct chunk_cache *cache,
                   struct arena *arena)
{
    *v = (struct part_view){.part = p, .arena = arena, .streams_chunk = SIZE_MAX};
    id_map_init(&v->seen, arena);
    arena_init(&v->scratch, SCRATCH_MAX);
    int rc = cache ? part_use_cache(p, cache) : 0;
    v->cache = rc == 0 ? cache : NULL;
    return rc;
}

void part_view_done(struct part_view *v)
{
    for (size_t i = 0; i < v->n_held; i++)
        part_chunk_unref(v->held[i]);
    part_chunk_unref(v->streams);
    arena_done(&v->scratch);
    (void)ZSTD_freeDCtx(v->zstd); // NULL is fine
    *v = (struct part_view){0};
}

/* --- chunks ----------------------------------------------------------------------------------- */

static int unpack_zstd(void *zstd, struct reader *r, size_t size, char *to)
{
    size_t got = zstd ? ZSTD_decompressDCtx(zstd, to, size, r->p, reader_left(r))
                      : ZSTD_decompress(to, size, r->p, reader_left(r));
    return ZSTD_isError(got) || got != size ? ERR_CORRUPT : 0;
}

static bool chunk_is_sound(struct str chunk)
{
    return chunk.n > PART_CHECKSUM && read_u32(chunk.p + chunk.n - PART_CHECKSUM) ==
                                          part_checksum(chunk.p, chunk.n - PART_CHECKSUM);
}

int part_unpack_with(void *zstd, struct str chunk, struct arena *arena, char **out, size_t *out_n)
{
    uint64_t faults = map_guard_faults();
    if (!chunk_is_sound(chunk))
        return ERR_CORRUPT;
    struct reader r = reader_of(chunk.p, chunk.n - PART_CHECKSUM);
    unsigned method = get_byte(&r);
    uint64_t size = method == PART_CHUNK_ZSTD ? get_varint(&r) : reader_left(&r);
    if (r.bad || method > PART_CHUNK_ZSTD || size > PART_CHUNK_MAX)
        return ERR_CORRUPT;
    char *p = arena ? arena_alloc(arena, (size_t)size + 1) : malloc((size_t)size + 1);
    if (!p)
        return ERR_NOMEM;
    int rc = 0;
    if (method == PART_CHUNK_ZSTD)
        rc = unpack_zstd(zstd, &r, (size_t)size, p);
    else
        memcpy(p, r.p, (size_t)size);
    if (faults != map_guard_faults() && !chunk_is_sound(chunk))
        rc = ERR_CORRUPT; // a page was lost between checksum and unpacking
    if (rc != 0) {
        if (!arena)
            free(p);
        return rc;
    }
    *out = p;
    *out_n = (size_t)size;
    return 0;
}

int part_unpack(struct str chunk, struct arena *arena, char **out, size_t *out_n)
{
    return part_unpack_with(NULL, chunk, arena, out, out_n);
}

/* Chunk `i` of the directory (texts, then postings, then streams) into the scratch arena. */
static int unpack_entry(struct part_view *v, size_t i, struct reader *out)
{
    const struct part *p = v->part;
    const char *entry = p->map + p->directory + i * PART_ENTRY;
    uint64_t offset = read_u64(entry);
    uint32_t size = read_u32(entry + 8);
    if (offset > p->size || size > p->size - offset)
        return ERR_CORRUPT;
    if (!v->zstd)
        v->zstd = ZSTD_createDCtx();
    char *bytes;
    size_t n;
    int rc = part_unpack_with(v->zstd, str_of(p->map + offset, size), &v->scratch, &bytes, &n);
    if (rc == 0)
        *out = reader_of(bytes, n);
    return rc;
}

typedef int decode_chunk(struct part_view *v, size_t i, struct part_chunk **out);

/* The decoded chunk with a reference for the caller: from the cache, or by `decode`. */
static int get_chunk(struct part_view *v, size_t i, decode_chunk *decode, struct part_chunk **out)
{
    if (v->cache && (*out = chunk_cache_get(v->cache, &v->part->chunks[i])) != NULL)
        return 0;
    arena_reset(&v->scratch);
    int rc = decode(v, i, out);
    if (rc == 0 && v->cache)
        chunk_cache_put(v->cache, &v->part->chunks[i], *out);
    return rc;
}

/* The same, held by the view until its end. */
static int hold_chunk(struct part_view *v, size_t i, decode_chunk *decode,
                      const struct part_chunk **out)
{
    uint32_t *place = id_map_at(&v->seen, (uint32_t)i);
    if (!place)
        return ERR_NOMEM;
    if (*place != UINT32_MAX) {
        *out = v->held[*place];
        return 0;
    }
    if (v->n_held == v->cap_held) {
        size_t cap = v->cap_held ? v->cap_held * 2 : 16;
        struct part_chunk **held =
            arena_grow(v->arena, v->held, v->n_held, cap, sizeof(struct part_chunk *));
        if (!held)
            return ERR_NOMEM;
        v->held = held;
        v->cap_held = cap;
    }
    int rc = get_chunk(v, i, decode, &v->held[v->n_held]);
    if (rc != 0)
        return rc;
    *place = (uint32_t)v->n_held;
    *out = v->held[v->n_held++];
    return 0;
}

static uint32_t pairs_in(const struct part *p, size_t chunk)
{
    return MIN((uint32_t)PART_TEXTS, p->n_pairs - (uint32_t)(chunk * PART_TEXTS));
}

/* --- texts ------------------------------------------------------------------------------------ */

/* Each value: length shared with the one before, length of the rest, rest. */
static struct str get_value(struct reader *r, struct str last, struct arena *a)
{
    uint64_t shared = get_varint(r);
    struct str rest = get_text(r);
    if (r->bad || shared > last.n) {
        r->bad = true;
        return (struct str){0};
    }
    if (shared == 0)
        return rest;
    char *p = arena_alloc(a, (size_t)shared + rest.n);
    if (!p) {
        r->bad = true;
        return (struct str){0};
    }
    memcpy(p, last.p, (size_t)shared);
    if (rest.n)
        memcpy(p + shared, rest.p, rest.n);
    return str_of(p, (size_t)shared + rest.n);
}

/* `texts`, of which there are n, with their bytes behind each other. */
static int pack_texts(const struct str *texts, size_t n, struct part_chunk **out)
{
    size_t total = 0;
    for (size_t i = 0; i < n; i++)
        total += texts[i].n;
    struct part_chunk *c = part_chunk_new(sizeof *c + n * sizeof *texts + total);
    if (!c)
        return ERR_NOMEM;
    c->texts = (struct str *)(c + 1);
    char *to = (char *)(c->texts + n);
    for (size_t i = 0; i < n; i++) {
        c->texts[i] = str_of(to, texts[i].n);
        if (texts[i].n)
            memcpy(to, texts[i].p, texts[i].n);
        to += texts[i].n;
    }
    *out = c;
    return 0;
}

static int decode_texts(struct part_view *v, size_t i, struct part_chunk **out)
{
    struct reader r;
    struct str values[PART_TEXTS], last = {0};
    int rc = unpack_entry(v, i, &r);
    if (rc != 0)
        return rc;
    uint32_t n = pairs_in(v->part, i);
    for (uint32_t k = 0; k < n; k++)
        values[k] = last = get_value(&r, last, &v->scratch);
    if (r.bad)
        return arena_failed(&v->scratch) ? ERR_NOMEM : ERR_CORRUPT;
    return pack_texts(values, n, out);
}

static int value_of(struct part_view *v, uint32_t pair, struct str *out)
{
    const struct part_chunk *c = NULL;
    int rc = hold_chunk(v, pair / PART_TEXTS, decode_texts, &c);
    if (rc == 0)
        *out = c->texts[pair % PART_TEXTS];
    return rc;
}

/* The name that the pair belongs to: the last one that begins at or before it. */
static const struct part_name *name_of(const struct part *p, uint32_t pair)
{
    uint32_t low = 0, high = p->n_names;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (p->names[middle].first <= pair)
            low = middle;
        else
            high = middle;
    }
    return &p->names[low];
}

int part_pair(struct part_view *v, uint32_t pair, struct label *out)
{
    if (pair >= v->part->n_pairs)
        return ERR_CORRUPT;
    out->name = name_of(v->part, pair)->text;
    return value_of(v, pair, &out->value);
}

static const struct part_name *find_name(const struct part *p, struct str text)
{
    uint32_t low = 0, high = p->n_names;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int c = str_cmp(p->names[middle].text, text);
        if (c == 0)
            return &p->names[middle];
        if (c < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* The first pair of the name whose value is not below `value`. */
static int lower_bound(struct part_view *v, const struct part_name *name, struct str value,
                       uint32_t *out)
{
    uint32_t low = name->first, high = name->first + name->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        struct str at;
        int rc = value_of(v, middle, &at);
        if (rc != 0)
            return rc;
        if (str_cmp(at, value) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *out = low;
    return 0;
}

/* --- postings --------------------------------------------------------------------------------- */

/* A chunk: the length of each posting, then the postings. */
static int decode_postings(struct part_view *v, size_t i, struct part_chunk **out)
{
    struct reader r;
    struct str postings[PART_TEXTS];
    int rc = unpack_entry(v, i, &r);
    if (rc != 0)
        return rc;
    uint32_t n = pairs_in(v->part, i - part_text_chunks(v->part->n_pairs));
    for (uint32_t k = 0; k < n; k++)
        postings[k].n = (size_t)get_varint(&r);
    for (uint32_t k = 0; k < n; k++)
        postings[k].p = (const char *)get_bytes(&r, postings[k].n);
    return r.bad ? ERR_CORRUPT : pack_texts(postings, n, out);
}

static int posting_of(struct part_view *v, uint32_t pair, struct str *out)
{
    const struct part_chunk *c = NULL;
    size_t i = part_text_chunks(v->part->n_pairs) + pair / PART_TEXTS;
    int rc = hold_chunk(v, i, decode_postings, &c);
    if (rc == 0)
        *out = c->texts[pair % PART_TEXTS];
    return rc;
}

static int decode_posting(const struct part *p, struct str bytes, roaring_bitmap_t *out)
{
    struct reader r = reader_of(bytes.p, bytes.n);
    posting_decode(&r, p->n_streams, out);
    return r.bad ? ERR_CORRUPT : 0;
}

int part_posting(struct part_view *v, uint32_t pair, roaring_bitmap_t *out)
{
    struct str bytes;
    int rc = posting_of(v, pair, &bytes);
    return rc == 0 ? decode_posting(v->part, bytes, out) : rc;
}

static int source_all(void *self, roaring_bitmap_t *out)
{
    const struct part_view *v = self;
    roaring_bitmap_add_range(out, 0, v->part->n_streams);
    return 0;
}

static int source_with_name(void *self, struct str text, roaring_bitmap_t *out)
{
    const struct part_view *v = self;
    const struct part_name *name = find_name(v->part, text);
    return name ? decode_posting(v->part, name->posting, out) : 0;
}

static int source_with_value(void *self, struct str text, struct str value, roaring_bitmap_t *out)
{
    struct part_view *v = self;
    const struct part_name *name = find_name(v->part, text);
    uint32_t pair;
    struct str at;
    if (!name)
        return 0;
    int rc = lower_bound(v, name, value, &pair);
    if (rc != 0 || pair == name->first + name->count)
        return rc;
    rc = value_of(v, pair, &at);
    return rc == 0 && str_eq(at, value) ? part_posting(v, pair, out) : rc;
}

static int source_with_values(void *self, struct str text, struct str prefix, value_filter *filter,
                              void *arg, roaring_bitmap_t *out)
{
    struct part_view *v = self;
    const struct part_name *name = find_name(v->part, text);
    uint32_t pair = 0;
    int rc = name ? lower_bound(v, name, prefix, &pair) : 0;
    uint32_t end = name ? name->first + name->count : 0;
    for (; rc == 0 && pair < end; pair++) {
        struct str value;
        rc = value_of(v, pair, &value);
        if (rc != 0 || !str_starts(value, prefix))
            break;
        int take = filter(arg, value);
        rc = take > 0 ? part_posting(v, pair, out) : take;
    }
    return rc;
}

struct posting_source part_postings(struct part_view *v)
{
    return (struct posting_source){
        .self = v,
        .all = source_all,
        .with_name = source_with_name,
        .with_value = source_with_value,
        .with_values = source_with_values,
    };
}

/* --- names and values ------------------------------------------------------------------------- */

/* 1 when a posting has a stream of `within`. `scratch`: an empty bitmap, empty again after. */
static int meets(const struct part *p, struct str posting, const roaring_bitmap_t *within,
                 roaring_bitmap_t *scratch)
{
    int rc = decode_posting(p, posting, scratch);
    bool meet = rc == 0 && roaring_bitmap_intersect(scratch, within);
    roaring_bitmap_clear(scratch);
    return rc != 0 ? rc : meet;
}

static int visit_names(struct part_view *v, const roaring_bitmap_t *within,
                       roaring_bitmap_t *scratch, int (*each)(void *arg, struct str text),
                       void *arg)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < v->part->n_names; i++) {
        const struct part_name *name = &v->part->names[i];
        int wanted = within ? meets(v->part, name->posting, within, scratch) : 1;
        if (wanted < 0)
            return wanted;
        if (wanted)
            rc = each(arg, name->text);
    }
    return rc;
}

static int visit_values(struct part_view *v, const struct part_name *name,
                        const roaring_bitmap_t *within, roaring_bitmap_t *scratch,
                        int (*each)(void *arg, struct str text), void *arg)
{
    int rc = 0;
    for (uint32_t pair = name->first; rc == 0 && pair < name->first + name->count; pair++) {
        int wanted = 1;
        struct str posting;
        if (within) {
            wanted = posting_of(v, pair, &posting);
            if (wanted == 0)
                wanted = meets(v->part, posting, within, scratch);
        }
        struct str value;
        rc = wanted > 0 ? value_of(v, pair, &value) : wanted;
        if (rc == 0 && wanted > 0)
            rc = each(arg, value);
    }
    return rc;
}

int part_each_name(struct part_view *v, const roaring_bitmap_t *within,
                   int (*each)(void *arg, struct str text), void *arg)
{
    roaring_bitmap_t *scratch = roaring_bitmap_create();
    if (!scratch)
        return ERR_NOMEM;
    int rc = visit_names(v, within, scratch, each, arg);
    roaring_bitmap_free(scratch);
    return rc;
}

int part_each_value(struct part_view *v, struct str text, const roaring_bitmap_t *within,
                    int (*each)(void *arg, struct str text), void *arg)
{
    const struct part_name *name = find_name(v->part, text);
    if (!name)
        return 0;
    roaring_bitmap_t *scratch = roaring_bitmap_create();
    if (!scratch)
        return ERR_NOMEM;
    int rc = visit_values(v, name, within, scratch, each, arg);
    roaring_bitmap_free(scratch);
    return rc;
}

/* --- streams ---------------------------------------------------------------------------------- */

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
    int rc = unpack_entry(v, entry, &s.r);
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
        int rc = get_chunk(v, 2 * part_text_chunks(v->part->n_pairs) + chunk, decode_streams, &c);
        if (rc != 0)
            return rc;
        part_chunk_unref(v->streams);
        v->streams = c;
        v->streams_chunk = chunk;
    }
    *out = v->streams->streams[ordinal % PART_STREAMS];
    return 0;
}
