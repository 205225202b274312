#include "receive/body.h"

#include <limits.h>

#include "base/compiler.h"
#include "codec/compress.h"

int body_decode(struct str encoding, struct str body, const struct receive_limits *limits,
                struct buf *room, struct str *out, struct err *err)
{
    enum compression c;
    buf_init(room, limits->max_decompressed_bytes);
    int rc = compression_parse(encoding, &c, err);
    if (rc != 0)
        return err_prefix(err, rc, "content encoding");
    if (c == COMPRESSION_NONE && body.n > limits->max_decompressed_bytes)
        return err_set(err, ERR_TOO_BIG, "body: %zu bytes; expected at most %zu", body.n,
                       limits->max_decompressed_bytes);
    if (c == COMPRESSION_NONE) {
        *out = body;
        return 0;
    }
    unsigned ratio = (unsigned)MIN(limits->max_decompression_ratio, (size_t)UINT_MAX);
    rc = decompress(c, body, ratio, room, err);
    if (rc != 0)
        return err_prefix(err, rc, "body");
    *out = buf_str(room);
    return 0;
}
