#include "store/embedded/sealed.h"

#include "base/hash.h"
#include "store/embedded/bytes.h"

void sealed_begin(struct buf *out, const char magic[SEALED_MAGIC])
{
    buf_put(out, magic, SEALED_MAGIC);
    put_u64(out, 0);
}

void sealed_finish(struct buf *out)
{
    if (!buf_failed(out))
        write_u64(out->p + SEALED_MAGIC,
                  hash_bytes(out->p + SEALED_HEADER, out->n - SEALED_HEADER));
}

bool sealed_open(struct str file, const char magic[SEALED_MAGIC], struct str *out_rest)
{
    if (file.n < SEALED_HEADER || memcmp(file.p, magic, SEALED_MAGIC) != 0 ||
        read_u64(file.p + SEALED_MAGIC) !=
            hash_bytes(file.p + SEALED_HEADER, file.n - SEALED_HEADER))
        return false;
    *out_rest = str_of(file.p + SEALED_HEADER, file.n - SEALED_HEADER);
    return true;
}
