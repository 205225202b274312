/* Compression is for speed rather than size: telemetry repeats itself so much that the quickest
 * level takes most of it away. */
#include "otlp/body.h"

#include <zlib.h>
#include <zstd.h>

#include "wire/otlp_json.h"

enum { GZIP_WINDOW = 15 + 16, GZIP_MEMORY = 8, GZIP_LEVEL = 1, ZSTD_LEVEL = 1, PREFIX = 5 };
static const size_t BODY_MAX = (size_t)1 << 30;

bool otlp_gzip(struct buf *out, struct str text)
{
    z_stream z = {0};
    if (deflateInit2(&z, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY, Z_DEFAULT_STRATEGY) !=
        Z_OK)
        return false;
    size_t bound = deflateBound(&z, (uLong)text.n);
    char *to = text.n < BODY_MAX ? buf_reserve(out, bound) : NULL;
    z.next_in = (Bytef *)(uintptr_t)text.p; // zlib does not write there
    z.avail_in = (uInt)text.n;
    z.next_out = (Bytef *)to;
    z.avail_out = (uInt)bound;
    bool ok = to && deflate(&z, Z_FINISH) == Z_STREAM_END;
    if (ok)
        buf_advance(out, bound - z.avail_out);
    (void)deflateEnd(&z); // Z_DATA_ERROR: it was not finished, which is told
    return ok;
}

bool otlp_zstd(struct buf *out, struct str text)
{
    size_t bound = ZSTD_compressBound(text.n);
    char *to = buf_reserve(out, bound);
    size_t n = to ? ZSTD_compress(to, bound, text.p, text.n, ZSTD_LEVEL) : 0;
    if (!to || ZSTD_isError(n))
        return false;
    buf_advance(out, n);
    return true;
}

bool otlp_unzstd(struct buf *out, struct str compressed, size_t n)
{
    char *to = buf_reserve(out, n + 1); // never nothing
    size_t got = to ? ZSTD_decompress(to, n, compressed.p, compressed.n) : 0;
    if (!to || ZSTD_isError(got) || got != n)
        return false;
    buf_advance(out, n);
    return true;
}

static bool put_compressed(struct buf *out, const struct otlp_config *c, struct str text)
{
    switch (c->compression) {
    case TT_OTLP_GZIP: return otlp_gzip(out, text);
    case TT_OTLP_ZSTD: return otlp_zstd(out, text);
    default: buf_put_str(out, text); return !buf_failed(out);
    }
}

/* Whether it is compressed, and how long it is, most significant byte first. */
static void set_prefix(char *to, bool compressed, size_t n)
{
    to[0] = compressed;
    for (int i = 1; i < PREFIX; i++)
        to[i] = (char)(n >> (8 * (4 - i)) & 0xff);
}

static int put_grpc(struct buf *out, const struct otlp_config *c, struct str request)
{
    char prefix[PREFIX] = {0};
    size_t at = out->n;
    buf_put(out, prefix, PREFIX);
    if (!put_compressed(out, c, request) || buf_failed(out))
        return TT_ERR_NOMEM;
    set_prefix(out->p + at, c->compression != TT_OTLP_PLAIN, out->n - at - PREFIX);
    return TT_OK;
}

int otlp_body_make(struct buf *out, const struct otlp_config *c, struct str request)
{
    static const enum otlp_kind kinds[] = {[TT_SIGNAL_TRACES] = OTLP_TRACES,
                                           [TT_SIGNAL_METRICS] = OTLP_METRICS,
                                           [TT_SIGNAL_LOGS] = OTLP_LOGS};
    if (c->protocol == TT_OTLP_GRPC)
        return put_grpc(out, c, request);
    if (c->protocol != TT_OTLP_HTTP_JSON)
        return put_compressed(out, c, request) ? TT_OK : TT_ERR_NOMEM;
    struct buf json = BUF_MAX(BODY_MAX);
    int rc = otlp_json_put(&json, kinds[c->signal], request) ? TT_OK : TT_ERR_INVALID;
    if (buf_failed(&json) || (rc == TT_OK && !put_compressed(out, c, buf_str(&json))))
        rc = TT_ERR_NOMEM;
    buf_done(&json);
    return rc;
}
