/* Secrets and personal data in text. */
#ifndef TELLTALE_LOGS_MASK_H
#define TELLTALE_LOGS_MASK_H

#include "base/buf.h"
#include "base/str.h"
#include "telltale/log.h"

struct masks {
    unsigned kinds; /* of enum tt_mask */
    char *keys;     /* globs of keys with commas between; NULL: none. Owned by who holds this. */
};

/* Whether what stands under the key is hidden. */
bool mask_hides_key(const struct masks *m, struct str key);

/* Appends the text with what the masks find replaced by "***". Returns whether anything was. */
bool mask_text(struct buf *out, const struct masks *m, struct str text);

/* Whether the number is one of a card. */
bool mask_is_card(int64_t number);

#endif
