/* Between the files that read a part's index. Its directory lists the chunks: of texts, then as
 * many of postings, then of streams. */
#ifndef TELLTALE_STORE_EMBEDDED_PART_CHUNKS_H
#define TELLTALE_STORE_EMBEDDED_PART_CHUNKS_H

#include "store/embedded/bytes.h"
#include "store/embedded/part_view.h"

/* Unpacks chunk `i` of the directory into the scratch arena, which part_view_get has emptied.
 * ERR_CORRUPT, ERR_NOMEM. */
int part_view_unpack(struct part_view *v, size_t i, struct reader *out);

/* Makes chunk `i` one allocation with a reference for the caller. ERR_CORRUPT, ERR_NOMEM. */
typedef int part_decode(struct part_view *v, size_t i, struct part_chunk **out);

/* The decoded chunk with a reference for the caller: from the cache, or by `decode`. */
int part_view_get(struct part_view *v, size_t i, part_decode *decode, struct part_chunk **out);

/* The same, held by the view until its end. */
int part_view_hold(struct part_view *v, size_t i, part_decode *decode,
                   const struct part_chunk **out);

#endif
