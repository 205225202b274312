/* The list of deletions: what it reads it writes back, and what was written reads as the same. */
#include <stdlib.h>

#include "sealed_input.h"
#include "store/embedded/tombstones.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
    if (!sealed_input(&file, "tttomb\0\1", data, size))
        return 0;
    if (tombstones_decode(buf_str(&file), &set, NULL) == 0) {
        check_round_trip(set);
        tombstone_set_unref(set);
    }
    buf_done(&file);
    return 0;
}
