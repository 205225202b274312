/* Small files that are replaced whole (metadata, exemplars, deletions): eight bytes that say what
 * it is and of which version, the hash of the rest, the rest. */
#ifndef TELLTALE_STORE_EMBEDDED_SEALED_H
#define TELLTALE_STORE_EMBEDDED_SEALED_H

#include "base/buf.h"

enum { SEALED_MAGIC = 8, SEALED_HEADER = 16 };

/* Begins a file in an empty buffer; the rest is appended; then the hash is put in its place, unless
 * the buffer has failed. */
void sealed_begin(struct buf *out, const char magic[SEALED_MAGIC]);
void sealed_finish(struct buf *out);

/* The rest of a file, borrowed; false when it is another file, or damaged. */
bool sealed_open(struct str file, const char magic[SEALED_MAGIC], struct str *out_rest);

#endif
