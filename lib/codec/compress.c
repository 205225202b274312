#include "codec/compress.h"

#include <limits.h>
#define ZLIB_CONST
#include <zlib.h>
#include <zstd.h>

static const struct {
    const char *word;
    enum compression compression;
} words[] = {
    {"", COMPRESSION_NONE},       {"identity", COMPRESSION_NONE}, {"gzip", COMPRESSION_GZIP},
    {"x-gzip", COMPRESSION_GZIP}, {"zstd", COMPRESSION_ZSTD},     {"deflate", COMPRESSION_DEFLATE},
};

int compression_parse(struct str word, enum compression *out, struct err *err)
{
    struct str trimmed = str_trim(word);
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (str_eq_nocase(trimmed, str_c(words[i].word))) {
            *out = words[i].compression;
            return 0;
        }
    }
    return err_set(err, ERR_UNSUPPORTED,
                   "compression \"%.*s\"; expected gzip, deflate, zstd or identity",
                   (int)MIN(trimmed.n, (size_t)40), trimmed.p ? trimmed.p : "");
}

static const char *compression_name(enum compression c)
{
    static const char *const names[] = {"identity", "gzip", "deflate", "zstd"};
    return names[c];
}

/* ---- room in the output ---- */

enum { STEP_MIN = 16 << 10, STEP_MAX = 4 << 20 };

struct room {
    char *p;
    size_t n;
};

static int too_many_bytes(enum compression c, const struct buf *out, struct err *err)
{
    return err_set(err, ERR_TOO_BIG, "more than %zu bytes after decompressing %s", out->max,
                   compression_name(c));
}

/* Room for the next step: what is left of the buffer's memory, or more of it, within the maximum.
 */
static int next_room(enum compression c, struct buf *out, size_t step, struct room *room,
                     struct err *err)
{
    size_t n = out->cap > out->n ? out->cap - out->n : MIN(step, out->max - out->n);
    if (n == 0)
        return too_many_bytes(c, out, err);
    room->p = buf_reserve(out, n);
    room->n = n;
    return room->p ? 0 : err_set(err, ERR_NOMEM, "out of memory for %zu bytes", out->n + n);
}

static int check_ratio(enum compression c, struct str in, size_t out_n, unsigned max_ratio,
                       struct err *err)
{
    if (max_ratio == 0 || out_n <= DECOMPRESS_RATIO_FROM_BYTES || out_n / max_ratio <= in.n)
        return 0;
    return err_set(err, ERR_TOO_BIG,
                   "%zu bytes of %s grow to more than %u times their size; that is the limit", in.n,
                   compression_name(c), max_ratio);
}

static size_t first_step(struct str in)
{
    return MAX(MIN(in.n, (size_t)STEP_MAX) * 4, (size_t)STEP_MIN);
}

static int damaged(enum compression c, const char *why, struct err *err)
{
    return err_set(err, ERR_INVALID, "damaged %s: %s", compression_name(c), why);
}

/* ---- zlib's two formats ---- */

/* zlib counts in unsigned int: long inputs are given in pieces. */
static void feed(z_stream *z, struct str in, size_t *fed)
{
    if (z->avail_in > 0 || *fed == in.n)
        return;
    z->avail_in = (uInt)MIN(in.n - *fed, (size_t)UINT_MAX);
    z->next_in = (const Bytef *)(in.p + *fed);
    *fed += z->avail_in;
}

/* Runs one zlib stream to its end; gzip may have several members behind each other. */
static int inflate_all(enum compression c, z_stream *z, struct str in, unsigned max_ratio,
                       struct buf *out, struct err *err)
{
    size_t fed = 0, begun = out->n;
    for (;;) {
        struct room room;
        int rc = next_room(c, out, first_step(in), &room, err);
        if (rc != 0)
            return rc;
        feed(z, in, &fed);
        z->next_out = (Bytef *)room.p;
        z->avail_out = (uInt)MIN(room.n, (size_t)UINT_MAX);
        uInt room_before = z->avail_out;
        int status = inflate(z, Z_NO_FLUSH);
        buf_advance(out, room_before - z->avail_out);
        if ((rc = check_ratio(c, in, out->n - begun, max_ratio, err)) != 0)
            return rc;
        bool more = z->avail_in > 0 || fed < in.n;
        if (status == Z_STREAM_END && (!more || c != COMPRESSION_GZIP))
            return more ? damaged(c, "bytes behind its end", err) : 0;
        if (status == Z_STREAM_END)
            status = inflateReset(z);
        if (status == Z_MEM_ERROR)
            return err_set(err, ERR_NOMEM, "out of memory for decompression");
        if (status == Z_BUF_ERROR && !more)
            return damaged(c, "it is cut off", err);
        if (status != Z_OK && status != Z_BUF_ERROR)
            return damaged(c, z->msg ? z->msg : "not this format", err);
    }
}

enum { WINDOW_ZLIB = 15, WINDOW_GZIP = 15 + 16, WINDOW_RAW = -15 };

/* A zlib stream begins with a header whose first two bytes, as a number, are a multiple of 31. */
static bool has_zlib_header(struct str in)
{
    if (in.n < 2)
        return false;
    unsigned first = (uint8_t)in.p[0], second = (uint8_t)in.p[1];
    return (first & 0x0f) == Z_DEFLATED && (first << 8 | second) % 31 == 0;
}

static int decompress_zlib(enum compression c, struct str in, unsigned max_ratio, struct buf *out,
                           struct err *err)
{
    z_stream z = {0};
    int window =
        c == COMPRESSION_GZIP ? WINDOW_GZIP : (has_zlib_header(in) ? WINDOW_ZLIB : WINDOW_RAW);
    if (inflateInit2(&z, window) != Z_OK)
        return err_set(err, ERR_NOMEM, "out of memory for decompression");
    int rc = inflate_all(c, &z, in, max_ratio, out, err);
    (void)inflateEnd(&z); // frees only
    return rc;
}

static int compress_zlib(enum compression c, struct str in, int level, struct buf *out,
                         struct err *err)
{
    z_stream z = {0};
    if (in.n > UINT_MAX)
        return err_set(err, ERR_TOO_BIG, "%zu bytes are too many for one stream", in.n);
    if (deflateInit2(&z, level, Z_DEFLATED, c == COMPRESSION_GZIP ? WINDOW_GZIP : WINDOW_ZLIB, 8,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return err_set(err, ERR_NOMEM, "out of memory for compression");
    size_t bound = deflateBound(&z, (uLong)in.n);
    char *to = buf_reserve(out, bound);
    if (to) {
        z.next_in = (const Bytef *)in.p;
        z.avail_in = (uInt)in.n;
        z.next_out = (Bytef *)to;
        z.avail_out = (uInt)MIN(bound, (size_t)UINT_MAX);
        (void)deflate(&z, Z_FINISH); // the bound makes room for all
        buf_advance(out, z.total_out);
    }
    (void)deflateEnd(&z); // frees only
    return to ? 0 : err_set(err, ERR_TOO_BIG, "%zu bytes do not fit the answer", bound);
}

/* ---- zstd ---- */

/* RFC 9659 allows HTTP no larger window than 8 MiB. */
enum { ZSTD_WINDOW_LOG_MAX = 23 };

static int decompress_frames(ZSTD_DCtx *ctx, struct str in, unsigned max_ratio, struct buf *out,
                             struct err *err)
{
    ZSTD_inBuffer from = {in.p, in.n, 0};
    size_t begun = out->n;
    for (;;) {
        struct room room;
        int rc = next_room(COMPRESSION_ZSTD, out, MAX(first_step(in), ZSTD_DStreamOutSize()), &room,
                           err);
        if (rc != 0)
            return rc;
        ZSTD_outBuffer to = {room.p, room.n, 0};
        size_t left = ZSTD_decompressStream(ctx, &to, &from);
        buf_advance(out, to.pos);
        if (ZSTD_isError(left))
            return damaged(COMPRESSION_ZSTD, ZSTD_getErrorName(left), err);
        if ((rc = check_ratio(COMPRESSION_ZSTD, in, out->n - begun, max_ratio, err)) != 0)
            return rc;
        if (from.pos == in.n && left == 0)
            return 0;
        if (from.pos == in.n && to.pos < to.size)
            return damaged(COMPRESSION_ZSTD, "it is cut off", err);
    }
}

static int decompress_zstd(struct str in, unsigned max_ratio, struct buf *out, struct err *err)
{
    ZSTD_DCtx *ctx = ZSTD_createDCtx();
    if (!ctx)
        return err_set(err, ERR_NOMEM, "out of memory for decompression");
    (void)ZSTD_DCtx_setParameter(ctx, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX); // in its bounds
    int rc = decompress_frames(ctx, in, max_ratio, out, err);
    ZSTD_freeDCtx(ctx);
    return rc;
}

static int compress_zstd(struct str in, int level, struct buf *out, struct err *err)
{
    size_t bound = ZSTD_compressBound(in.n);
    char *to = buf_reserve(out, bound);
    if (!to)
        return err_set(err, ERR_TOO_BIG, "%zu bytes do not fit the answer", bound);
    size_t n = ZSTD_compress(to, bound, in.p, in.n, level);
    if (ZSTD_isError(n))
        return err_set(err, ERR_NOMEM, "zstd: %s", ZSTD_getErrorName(n));
    buf_advance(out, n);
    return 0;
}

/* ---- by name ---- */

int decompress(enum compression c, struct str in, unsigned max_ratio, struct buf *out,
               struct err *err)
{
    switch (c) {
    case COMPRESSION_GZIP:
    case COMPRESSION_DEFLATE:
        return in.n ? decompress_zlib(c, in, max_ratio, out, err) : damaged(c, "it is empty", err);
    case COMPRESSION_ZSTD:
        return in.n ? decompress_zstd(in, max_ratio, out, err) : damaged(c, "it is empty", err);
    case COMPRESSION_NONE: break;
    }
    if (in.n > out->max - out->n)
        return err_set(err, ERR_TOO_BIG, "%zu bytes; expected at most %zu", in.n, out->max);
    buf_put_str(out, in);
    return buf_failed(out) ? err_set(err, ERR_NOMEM, "out of memory for %zu bytes", in.n) : 0;
}

int compress_bytes(enum compression c, struct str in, int level, struct buf *out, struct err *err)
{
    switch (c) {
    case COMPRESSION_GZIP:
    case COMPRESSION_DEFLATE: return compress_zlib(c, in, level, out, err);
    case COMPRESSION_ZSTD: return compress_zstd(in, level, out, err);
    case COMPRESSION_NONE: break;
    }
    buf_put_str(out, in);
    return buf_failed(out) ? err_set(err, ERR_TOO_BIG, "%zu bytes do not fit", in.n) : 0;
}
