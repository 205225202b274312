#include "codec/snappy.h"

#include <snappy-c.h>

/* The densest element of a block is a copy of 64 bytes told in 3. */
enum { BYTES_PER_BYTE = 22 };

int snappy_decompress(struct str in, struct buf *out, struct err *err)
{
    size_t claimed;
    const char *bytes = in.p ? in.p : "";
    if (snappy_uncompressed_length(bytes, in.n, &claimed) != SNAPPY_OK)
        return err_set(err, ERR_INVALID, "snappy: the block has no valid length in front");
    size_t room = out->max - out->n;
    if (claimed > room)
        return err_set(err, ERR_TOO_BIG, "snappy: %zu bytes when decompressed, the limit is %zu",
                       claimed, room);
    if (claimed / BYTES_PER_BYTE > in.n)
        return err_set(err, ERR_INVALID, "snappy: %zu bytes cannot hold the %zu that are claimed",
                       in.n, claimed);

    char *to = buf_reserve(out, claimed + (claimed == 0));
    if (!to) {
        out->failed = false; // nothing was appended
        return err_set(err, ERR_NOMEM, "snappy: out of memory for %zu bytes", claimed);
    }
    if (snappy_uncompress(bytes, in.n, to, &claimed) != SNAPPY_OK)
        return err_set(err, ERR_INVALID, "snappy: the block is damaged");
    buf_advance(out, claimed);
    return 0;
}

int snappy_compress_bytes(struct str in, struct buf *out, struct err *err)
{
    size_t n = snappy_max_compressed_length(in.n);
    char *to = buf_reserve(out, n);
    if (!to || snappy_compress(in.p ? in.p : "", in.n, to, &n) != SNAPPY_OK)
        return err_set(err, ERR_TOO_BIG, "snappy: no room for %zu bytes", n);
    buf_advance(out, n);
    return 0;
}
