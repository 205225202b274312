/* Masks: a text without a find comes out as it was, and without masks there is none. The first byte
 * chooses the masks. */
#include <stdlib.h>

#include "logs/mask.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char globs[] = "iban,*.tax_id";
    struct buf once = BUF_MAX(1 << 20);
    if (size == 0)
        return 0;
    const struct masks m = {.kinds = data[0] & TT_MASK_ALL, .keys = data[0] & 128 ? globs : NULL};
    struct str text = str_of((const char *)data + 1, size - 1);
    bool found = mask_text(&once, &m, text);
    if (buf_failed(&once) || (!found && !str_eq(buf_str(&once), text)) ||
        (!m.kinds && !m.keys && found))
        abort();
    (void)mask_hides_key(&m, text);
    buf_done(&once);
    return 0;
}
