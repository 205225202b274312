/* Segments of the log in which records were damaged: their bytes are kept, and the days of which
 * rows are missing are known as long as they are.
 *
 *   wal/0000000a.wal  ──►  wal/0000000a.2026-11-20.2026-11-21.wal.damaged
 *
 * The second is another name of the same file, so that it stays when the log is cut. Whose rows
 * were lost is not known, nor when exactly: their days are taken to be those of the rows around
 * them. Whoever has looked at the file removes it; from the next start on, answers are whole again.
 *
 * Threads: whoever has the list guards it. */
#ifndef TELLTALE_STORE_EMBEDDED_WAL_ASIDE_H
#define TELLTALE_STORE_EMBEDDED_WAL_ASIDE_H

#include <stdint.h>

#include "base/fs.h"

/* Days since 1970-01-01, both included. Empty: first > last. */
struct day_range {
    int64_t first, last;
};

static inline void day_range_add(struct day_range *r, int64_t day)
{
    r->first = day < r->first ? day : r->first;
    r->last = day > r->last ? day : r->last;
}

#define NO_DAYS ((struct day_range){INT64_MAX, INT64_MIN})

struct wal_losses {
    struct day_range *v; /* of a segment each */
    size_t n;
};

/* Those of earlier starts. ERR_NOMEM; what fs_list returns. */
int wal_losses_load(const struct fs *fs, const char *wal_dir, struct wal_losses *out,
                    struct err *err);
/* ERR_NOMEM. */
int wal_losses_add(struct wal_losses *l, struct day_range days);
void wal_losses_done(struct wal_losses *l);

/* Keeps a segment and adds its days. That it could not be kept is told in the server's log. */
void wal_set_aside(const struct fs *fs, const char *wal_dir, uint32_t segment,
                   struct day_range days, struct wal_losses *losses);

/* How many segments lost rows of these days, perhaps. */
size_t wal_losses_meet(const struct wal_losses *l, int64_t first, int64_t last);

#endif
