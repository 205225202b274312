/* The source of records (resource and scope) as bytes. Equal bytes are the same source; files keep
 * each source once and sort rows by it. */
#ifndef TELLTALE_STORE_EMBEDDED_RECORDS_SOURCE_H
#define TELLTALE_STORE_EMBEDDED_RECORDS_SOURCE_H

#include "store/embedded/bytes.h"
#include "store/records.h"

void source_put(struct buf *out, const struct record_source *s);

/* Text borrowed from the bytes, arrays in the arena. ERR_CORRUPT, ERR_NOMEM. */
int source_get(struct str bytes, struct arena *arena, struct record_source *out);

/* A value of the source as a column (COLUMN_RESOURCE, COLUMN_SCOPE, COLUMN_SOURCE); ANY_NONE when
 * it has none. */
struct any source_value(const struct record_source *s, const struct column_ref *column);

/* The order of sources in files: by service name first, so that a service's rows lie together. */
int source_cmp(struct str a, struct str b);

#endif
