#include "store/embedded/records/column.h"

#include <zstd.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/hash.h"
#include "store/embedded/float_column.h"
#include "store/embedded/records/any_bytes.h"

enum presence { DENSE, BITMAP, LIST };
enum text_method { TEXTS, DICTIONARY };
enum packing { PLAIN, ZSTD };

/* Texts together shorter than this are not worth a frame of their own. */
enum { COMPRESS_MIN = 64 };

/* Bytes that must repeat to be a match. Texts of logs repeat in words: fewer and longer matches
 * than zstd takes by itself make bodies 7 % smaller, and decompressed in 6/7 of the time. */
enum { MATCH_MIN = 6 };
#define TEXT_MAX ((size_t)1 << 30)

enum column_kind column_kind_of(enum any_type t)
{
    static const enum column_kind kinds[ANY_TYPES] = {
        [ANY_NONE] = COLUMN_ANY,    [ANY_EMPTY] = COLUMN_ANY, [ANY_STRING] = COLUMN_STRING,
        [ANY_BOOL] = COLUMN_BOOL,   [ANY_INT] = COLUMN_INT,   [ANY_DOUBLE] = COLUMN_DOUBLE,
        [ANY_BYTES] = COLUMN_BYTES, [ANY_ARRAY] = COLUMN_ANY, [ANY_MAP] = COLUMN_ANY,
    };
    return kinds[t];
}

/* --- values ----------------------------------------------------------------------------------- */

struct any column_text_any(const struct column *c, uint32_t text, struct arena *arena)
{
    struct str s = column_text(c, text);
    if (c->kind == COLUMN_STRING)
        return any_string(s);
    if (c->kind == COLUMN_BYTES)
        return any_bytes(s);
    struct reader r = reader_of(s.p, s.n);
    struct any v;
    any_get(&r, arena, &v);
    return v;
}

struct any column_any(const struct column *c, uint32_t i, struct arena *arena)
{
    switch (c->kind) {
    case COLUMN_INT: return any_int(c->ints[i]);
    case COLUMN_BOOL: return any_bool(c->ints[i] != 0);
    case COLUMN_DOUBLE: return any_double(c->doubles[i]);
    case COLUMN_LOOSE: return c->values[i];
    default: return column_text_any(c, c->codes ? c->codes[i] : i, arena);
    }
}

/* The values of rows before `row` are counted. Steps grow away from the cursor, in whichever
 * direction: who asks for rows out of order has column_places.h. */
static uint32_t count_before(const struct column *c, uint32_t row, uint32_t cursor)
{
    uint32_t lo = MIN(cursor, c->n), hi = lo, step = 1; // the answer is in [lo, hi] afterwards
    for (; hi < c->n && c->rows[hi] < row; step *= 2) {
        lo = hi + 1;
        hi += MIN(step, c->n - hi);
    }
    for (; lo > 0 && c->rows[lo - 1] >= row; step *= 2) {
        hi = lo - 1;
        lo -= MIN(step, lo);
    }
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (c->rows[mid] < row)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

uint32_t column_find(const struct column *c, uint32_t row, uint32_t *cursor)
{
    if (!c->rows)
        return row < c->n ? row : UINT32_MAX;
    uint32_t at = *cursor = count_before(c, row, *cursor);
    return at < c->n && c->rows[at] == row ? at : UINT32_MAX;
}

/* --- encoding --------------------------------------------------------------------------------- */

int column_encoder_init(struct column_encoder *e, struct arena *arena, int level)
{
    *e = (struct column_encoder){.arena = arena};
    buf_init(&e->raw, TEXT_MAX);
    e->zstd = ZSTD_createCCtx();
    if (!e->zstd)
        return ERR_NOMEM;
    (void)ZSTD_CCtx_setParameter(e->zstd, ZSTD_c_compressionLevel, level);
    (void)ZSTD_CCtx_setParameter(e->zstd, ZSTD_c_minMatch, MATCH_MIN);
    return 0;
}

void column_encoder_done(struct column_encoder *e)
{
    (void)ZSTD_freeCCtx(e->zstd);
    buf_done(&e->raw);
    e->zstd = NULL;
}

static void put_uints(struct column_encoder *e, struct buf *out, const uint32_t *v, uint32_t n)
{
    int64_t *wide = arena_array(e->arena, n, sizeof *wide);
    for (uint32_t i = 0; wide && i < n; i++)
        wide[i] = v[i];
    if (wide && n)
        int_column_encode(out, wide, n);
}

static void put_bitmap(struct buf *out, const uint32_t *rows, uint32_t n, uint32_t n_rows)
{
    size_t bytes = (n_rows + 7) / 8;
    char *to = buf_reserve(out, bytes);
    if (!to)
        return;
    memset(to, 0, bytes);
    for (uint32_t i = 0; i < n; i++)
        to[rows[i] / 8] = (char)(to[rows[i] / 8] | 1 << rows[i] % 8);
    buf_advance(out, bytes);
}

static void put_presence(struct column_encoder *e, struct buf *out, const struct column *c,
                         uint32_t n_rows)
{
    if (!c->rows || c->n == n_rows) {
        buf_putc(out, DENSE);
        return;
    }
    bool list = c->n < n_rows / 16;
    buf_putc(out, list ? LIST : BITMAP);
    put_varint(out, c->n);
    if (list)
        put_uints(e, out, c->rows, c->n);
    else
        put_bitmap(out, c->rows, c->n, n_rows);
}

/* The raw bytes, compressed if that is worth it. */
static void put_raw(struct column_encoder *e, struct buf *out)
{
    struct str raw = buf_str(&e->raw);
    size_t from = out->n, bound = ZSTD_compressBound(raw.n);
    if (raw.n >= COMPRESS_MIN) {
        buf_putc(out, ZSTD);
        put_varint(out, raw.n);
        char *to = buf_reserve(out, bound + 4);
        size_t n = to ? ZSTD_compress2(e->zstd, to + 4, bound, raw.p, raw.n) : 0;
        if (to && !ZSTD_isError(n) && n < raw.n - raw.n / 16) {
            write_u32(to, (uint32_t)n);
            buf_advance(out, n + 4);
            return;
        }
        if (to)
            out->n = from;
    }
    buf_putc(out, PLAIN);
    put_text(out, raw);
}

/* Lengths, then the bytes. `order`: which texts of the column, NULL for all. */
static void put_texts(struct column_encoder *e, struct buf *out, const struct column *c,
                      const uint32_t *order, uint32_t n)
{
    int64_t *lengths = arena_array(e->arena, n, sizeof *lengths);
    buf_reset(&e->raw);
    for (uint32_t i = 0; lengths && i < n; i++) {
        struct str s = column_text(c, order ? order[i] : i);
        lengths[i] = (int64_t)s.n;
        buf_put_str(&e->raw, s);
    }
    if (!lengths || n == 0)
        return;
    int_column_encode(out, lengths, n);
    put_raw(e, out);
}

/* Numbers the different texts in the order of their first appearance. Gives up (0) when more than
 * half are different: a dictionary saves nothing then. */
static uint32_t make_dictionary(struct column_encoder *e, const struct column *c, uint32_t *codes,
                                uint32_t *firsts)
{
    uint32_t most = c->n / 2 + 1, n = 0, slots = 64;
    while (slots < c->n * 2)
        slots *= 2;
    struct slot {
        uint32_t code, hash;
    } *table = arena_array(e->arena, slots, sizeof *table);
    if (!table)
        return 0;
    for (uint32_t i = 0; i < c->n; i++) {
        struct str s = column_text(c, i);
        uint32_t hash = (uint32_t)hash_str(s);
        uint32_t at = hash & (slots - 1);
        while (table[at].code &&
               !(table[at].hash == hash && str_eq(column_text(c, firsts[table[at].code - 1]), s)))
            at = (at + 1) & (slots - 1);
        if (!table[at].code) {
            if (n == most)
                return 0;
            firsts[n++] = i;
            table[at] = (struct slot){n, hash};
        }
        codes[i] = table[at].code - 1;
    }
    return n;
}

static void put_text_column(struct column_encoder *e, struct buf *out, const struct column *c,
                            uint32_t *out_distinct)
{
    uint32_t *codes = arena_array(e->arena, c->n, sizeof *codes);
    uint32_t *firsts = arena_array(e->arena, c->n, sizeof *firsts);
    uint32_t n = codes && firsts && c->n > 1 ? make_dictionary(e, c, codes, firsts) : 0;
    *out_distinct = n;
    if (n == 0) {
        buf_putc(out, TEXTS);
        put_texts(e, out, c, NULL, c->n);
        return;
    }
    buf_putc(out, DICTIONARY);
    put_varint(out, n);
    put_texts(e, out, c, firsts, n);
    put_uints(e, out, codes, c->n);
}

bool column_encode(struct column_encoder *e, struct buf *out, const struct column *c,
                   uint32_t n_rows, uint32_t *out_distinct)
{
    *out_distinct = 0;
    buf_putc(out, (char)c->kind);
    put_presence(e, out, c, n_rows);
    if (c->n == 0)
        return !buf_failed(out);
    if (column_is_text(c))
        put_text_column(e, out, c, out_distinct);
    else if (c->kind == COLUMN_DOUBLE)
        float_column_encode(out, c->doubles, c->n);
    else
        int_column_encode(out, c->ints, c->n);
    return !buf_failed(out) && !buf_failed(&e->raw) && !arena_failed(e->arena);
}

/* --- decoding --------------------------------------------------------------------------------- */

/* n numbers below `limit`. */
static const uint32_t *get_uints(struct reader *r, struct arena *arena, uint32_t n, uint32_t limit)
{
    int64_t *wide = arena_array(arena, n, sizeof *wide);
    uint32_t *v = arena_array(arena, n, sizeof *v);
    r->bad |= !wide || !v;
    if (r->bad || n == 0)
        return v;
    int_column_decode(r, wide, n);
    for (uint32_t i = 0; !r->bad && i < n; i++) {
        r->bad |= wide[i] < 0 || wide[i] >= limit;
        v[i] = (uint32_t)wide[i];
    }
    return v;
}

static const uint32_t *get_bitmap(struct reader *r, struct arena *arena, uint32_t n,
                                  uint32_t n_rows)
{
    const unsigned char *bits = get_bytes(r, (n_rows + 7) / 8);
    uint32_t *v = arena_array(arena, (size_t)n_rows + 1, sizeof *v), k = 0;
    if (!bits || !v) {
        r->bad = true;
        return NULL;
    }
    for (uint32_t i = 0; i < n_rows; i++) {
        v[k] = i;
        k += bits[i / 8] >> i % 8 & 1;
    }
    r->bad |= k != n;
    return v;
}

static bool is_rising(const uint32_t *v, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++)
        if (v[i] <= v[i - 1])
            return false;
    return true;
}

static void get_presence(struct reader *r, struct arena *arena, uint32_t n_rows, struct column *out)
{
    unsigned char how = get_byte(r);
    out->n = n_rows;
    if (how == DENSE)
        return;
    uint64_t n = get_varint(r);
    r->bad |= n > n_rows || how > LIST;
    if (r->bad)
        return;
    out->n = (uint32_t)n;
    out->rows =
        how == LIST ? get_uints(r, arena, out->n, n_rows) : get_bitmap(r, arena, out->n, n_rows);
    r->bad |= !r->bad && !is_rising(out->rows, out->n);
}

static const char *get_raw(struct reader *r, void *zstd, struct arena *arena, uint64_t *out_n)
{
    unsigned char how = get_byte(r);
    if (how == PLAIN) {
        struct str s = get_text(r);
        *out_n = s.n;
        return r->bad ? NULL : s.p;
    }
    uint64_t n = get_varint(r);
    uint32_t packed = get_u32(r);
    const unsigned char *from = get_bytes(r, packed);
    r->bad |= how != ZSTD || n > TEXT_MAX;
    char *to = r->bad ? NULL : arena_alloc(arena, n);
    size_t got = to ? ZSTD_decompressDCtx(zstd, to, n, from, packed) : 0;
    r->bad |= !to || ZSTD_isError(got) || got != n;
    *out_n = n;
    return to;
}

static void get_texts(struct reader *r, void *zstd, struct arena *arena, uint32_t n,
                      struct column *out)
{
    int64_t *lengths = arena_array(arena, n, sizeof *lengths);
    uint32_t *ends = arena_array(arena, n, sizeof *ends);
    r->bad |= !lengths || !ends;
    if (r->bad || n == 0)
        return;
    int_column_decode(r, lengths, n);
    uint64_t total = 0, raw = 0;
    for (uint32_t i = 0; !r->bad && i < n; i++) {
        r->bad |= lengths[i] < 0 || lengths[i] > (int64_t)TEXT_MAX;
        total += (uint64_t)lengths[i];
        r->bad |= total > TEXT_MAX;
        ends[i] = (uint32_t)total;
    }
    out->n_texts = n;
    out->ends = ends;
    out->compressed = !r->bad && reader_left(r) && *r->p == ZSTD;
    out->text = r->bad ? NULL : get_raw(r, zstd, arena, &raw);
    r->bad |= raw != total;
}

static void get_text_column(struct reader *r, void *zstd, struct arena *arena, struct column *out)
{
    unsigned char method = get_byte(r);
    if (method == TEXTS) {
        get_texts(r, zstd, arena, out->n, out);
        return;
    }
    uint64_t n = get_varint(r);
    r->bad |= method != DICTIONARY || n == 0 || n > out->n;
    if (r->bad)
        return;
    get_texts(r, zstd, arena, (uint32_t)n, out);
    if (!r->bad)
        out->codes = get_uints(r, arena, out->n, (uint32_t)n);
}

static void get_values(struct reader *r, void *zstd, struct arena *arena, struct column *out)
{
    if (column_is_text(out)) {
        get_text_column(r, zstd, arena, out);
        return;
    }
    int64_t *v = arena_array(arena, out->n, sizeof *v);
    r->bad |= !v;
    if (r->bad)
        return;
    out->ints = v;
    out->method = reader_left(r) ? *r->p : 0;
    if (out->kind == COLUMN_DOUBLE)
        float_column_decode(r, (double *)(void *)v, out->n);
    else
        int_column_decode(r, v, out->n);
}

int column_decode(struct str bytes, uint32_t n_rows, void *zstd, struct arena *arena,
                  struct column *out)
{
    struct reader r = reader_of(bytes.p, bytes.n);
    unsigned char kind = get_byte(&r);
    *out = (struct column){.kind = (enum column_kind)kind};
    r.bad |= kind >= COLUMN_KINDS || n_rows > COLUMN_ROWS;
    if (!r.bad)
        get_presence(&r, arena, n_rows, out);
    if (!r.bad && out->n)
        get_values(&r, zstd, arena, out);
    if (arena_failed(arena))
        return ERR_NOMEM;
    return r.bad || reader_left(&r) ? ERR_CORRUPT : 0;
}
