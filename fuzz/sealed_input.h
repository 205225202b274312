/* The fuzzer's input as a small file of the store. The checksum, which would keep us from the rest,
 * is made here; an odd first byte leaves magic and checksum to the input. */
#ifndef TELLTALE_FUZZ_SEALED_INPUT_H
#define TELLTALE_FUZZ_SEALED_INPUT_H

#include <stdint.h>

#include "base/buf.h"
#include "store/embedded/sealed.h"

/* Appends the file to an empty buffer; false when there is no input. */
static inline bool sealed_input(struct buf *file, const char magic[SEALED_MAGIC],
                                const uint8_t *data, size_t size)
{
    if (size == 0)
        return false;
    bool sealed = data[0] % 2 == 0;
    if (sealed)
        sealed_begin(file, magic);
    buf_put(file, (const char *)data + 1, size - 1);
    if (sealed)
        sealed_finish(file);
    return true;
}

#endif
