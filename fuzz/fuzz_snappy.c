/* Any bytes are a block or refused within the bound; any text comes back from its own block. */
#include <stdint.h>
#include <stdlib.h>

#include "codec/snappy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { BOUND = 1 << 20 };
    struct str in = {(const char *)data, size};
    struct buf plain = BUF_MAX(BOUND), packed = BUF_MAX(4 << 20), again = BUF_MAX(BOUND);
    struct err err = {0};
    if (snappy_decompress(in, &plain, &err) != 0 && (plain.n != 0 || !err.message[0]))
        abort();
    if (size <= BOUND) {
        if (snappy_compress_bytes(in, &packed, NULL) != 0 ||
            snappy_decompress(buf_str(&packed), &again, NULL) != 0 || !str_eq(buf_str(&again), in))
            abort();
    }
    buf_done(&plain);
    buf_done(&packed);
    buf_done(&again);
    return 0;
}
