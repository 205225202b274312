/* Decompression, by the first byte gzip, deflate or zstd: never more than the buffer's maximum, and
 * bytes compressed by us come back whole. */
#include <stdlib.h>

#include "codec/compress.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_MAX = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    static const enum compression all[] = {COMPRESSION_GZIP, COMPRESSION_DEFLATE, COMPRESSION_ZSTD};
    enum compression c = all[data[0] % ARRAY_LEN(all)];
    struct str in = {(const char *)data + 1, size - 1};

    struct err err = {0};
    struct buf out = BUF_MAX(OUT_MAX);
    int rc = decompress(c, in, 50, &out, &err);
    if (out.n > OUT_MAX || (rc != 0) != (err.code != 0))
        abort();
    buf_done(&out);

    struct buf small = BUF_MAX(size * 2 + 1024), back = BUF_MAX(size);
    if (compress_bytes(c, in, 1, &small, NULL) != 0 ||
        decompress(c, buf_str(&small), 0, &back, NULL) != 0 || !str_eq(buf_str(&back), in))
        abort();
    buf_done(&small);
    buf_done(&back);
    return 0;
}
