/* Names that say that what stands under them is a secret. */
#ifndef TELLTALE_LOGS_MASK_KEYS_H
#define TELLTALE_LOGS_MASK_KEYS_H

#include "base/str.h"

/* By the words of the key: "db.PASSWORD", "clientSecret", "x-api-key", but not "max_tokens". */
bool mask_is_secret_key(struct str key);

/* Whether the key is one of the globs, which commas divide. False for NULL. */
bool mask_key_fits(const char *globs, struct str key);

#endif
