/* Where in a log its newest rows begin.
 *
 * Who asks after a start mostly asks about the last minutes, and so do alert rules. So the log is
 * replayed in two steps: first what was written from some place on, then what was written before
 * it (replay_rest.h). The place is the first record with a row of the last REPLAY_NEWEST_MS; to
 * find it little more is read of each record than the time that it begins with. (Rows that are
 * older by less than a second may come with the newest, or the other way round: the place says how
 * old.)
 *
 *   │ record │ record │ … │ record ║ record │ … │ record │
 *     no row after latest_ms ◄─────╨─► of any time; from the place on
 *
 * What stands before the place is older also in order, so of two rows with the same time the one
 * that was written last still wins, when rows before it go to heads of a lower rank. */
#ifndef TELLTALE_STORE_EMBEDDED_REPLAY_OUTLINE_H
#define TELLTALE_STORE_EMBEDDED_REPLAY_OUTLINE_H

#include "base/atomic.h"
#include "store/embedded/wal.h"

/* As far as queries look back for the last value of a series, and rates mostly do; and a minute
 * for senders that are late. */
#define REPLAY_NEWEST_MS (6 * 60 * INT64_C(1000))

struct wal_place {
    uint32_t segment;
    uint64_t at;       /* where a record begins */
    int64_t latest_ms; /* of all rows before it; INT64_MIN: there are none */
};

static inline bool wal_is_before(uint32_t segment, uint64_t at, const struct wal_place *place)
{
    return segment < place->segment || (segment == place->segment && at < place->at);
}

/* Finds the place in the segments v[0..n), which rise. Rows later than `now_ms` do not move it on.
 * Nothing is old from damage on, nor from a record on that does not tell its time. ERR_NOMEM,
 * ERR_CANCELLED when `cancelled` becomes true; what reading the files returns. */
int replay_outline(const struct fs *fs, const char *dir, const uint32_t *v, size_t n,
                   int64_t now_ms, const atomic_bool *cancelled, struct wal_place *out,
                   struct err *err);

#endif
