/* The list of deletions: what it reads it writes back, and what was written reads as the same. The
 * checksum, which would keep us from the rest, is made here; an odd first byte leaves it out. */
#include <stdlib.h>

#include "base/buf.h"
#include "base/hash.h"
#include "store/embedded/bytes.h"
#include "store/embedded/tombstones.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_file(struct buf *out, struct str payload)
{
    buf_put(out, "tttomb\0\1", 8);
    put_u64(out, hash_bytes(payload.p, payload.n));
    buf_put_str(out, payload);
}

static void check_round_trip(const struct tombstone_set *set)
{
    struct buf first = BUF_MAX(16 << 20), second = BUF_MAX(16 << 20);
    struct tombstone_set *back = NULL;
    tombstones_encode(set, &first);
    if (tombstones_decode(buf_str(&first), &back, NULL) != 0)
        abort();
    tombstones_encode(back, &second);
    if (!str_eq(buf_str(&first), buf_str(&second)))
        abort();
    tombstone_set_unref(back);
    buf_done(&first);
    buf_done(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf file = BUF_MAX(16 << 20);
    struct tombstone_set *set = NULL;
    if (size == 0)
        return 0;
    struct str rest = {(const char *)data + 1, size - 1};
    if (data[0] % 2)
        buf_put_str(&file, rest);
    else
        put_file(&file, rest);
    if (tombstones_decode(buf_str(&file), &set, NULL) == 0) {
        check_round_trip(set);
        tombstone_set_unref(set);
    }
    buf_done(&file);
    return 0;
}
