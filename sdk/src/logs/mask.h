/* Secrets and personal data in text. */
#ifndef TELLTALE_LOGS_MASK_H
#define TELLTALE_LOGS_MASK_H

#include "base/buf.h"
#include "base/str.h"
#include "telltale/log.h"

/* Appends the text with what the masks find replaced by "***". Returns whether anything was. */
bool mask_text(struct buf *out, unsigned masks, struct str text);

/* Whether the name of an attribute says that its value is a secret. */
bool mask_is_secret_key(struct str key);

#endif
