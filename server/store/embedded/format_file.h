/* The file FORMAT at the top of a data directory, by which a version that knows a later format
 * keeps an earlier one from touching it: "telltale store 1\n". */
#ifndef TELLTALE_STORE_EMBEDDED_FORMAT_FILE_H
#define TELLTALE_STORE_EMBEDDED_FORMAT_FILE_H

#include "base/err.h"
#include "base/str.h"

#define FORMAT_NAME "telltale store 1"
#define FORMAT_TEXT FORMAT_NAME "\n"

/* Whether this is our format; the newline at the end may be missing. */
bool format_is_ours(struct str text);

/* Fails with ERR_CORRUPT and tells what the file at `path` says, its bytes escaped. */
int format_refuse(const char *path, struct str text, struct err *err);

#endif
