/* The payload of a log record: what one batch adds. Sections in this order, each optional: the
 * latest time of its rows, definitions of streams, exemplars, metadata, points of histograms, rows.
 * What is long and of no use without its time comes last, so that a replay can leave it for later.
 * Layout: docs/design/format/wal.md. */
#ifndef TELLTALE_STORE_EMBEDDED_WAL_RECORD_H
#define TELLTALE_STORE_EMBEDDED_WAL_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "model/batch.h"

/* --- writing: a section is begun with its number of things, then each is put -------------------
 */

/* The first section, of a time that is known when the others are put: the latest of `struct
 * wal_rows`; INT64_MIN: without rows. `at`: what wal_put_latest returned. */
size_t wal_put_latest(struct buf *out);
void wal_set_latest(struct buf *out, size_t at, int64_t latest_ms);

void wal_put_streams(struct buf *out, size_t count);

/* `same`: a bit for each of the first WAL_SAME_MAX labels that stands at the same place in the
 * stream put before; none for the first. */
enum { WAL_SAME_MAX = 63 };
void wal_put_stream(struct buf *out, uint32_t id, const struct labels *labels, uint64_t same);

/* State that rows of a section share: each is written as a difference to the one before. */
struct wal_rows {
    uint32_t id;
    int64_t t, start;
    int64_t latest_ms; /* of those that were put */
};

void wal_put_rows(struct buf *out, size_t series, int64_t first_t, struct wal_rows *state);
void wal_put_series(struct buf *out, uint32_t id, const struct sample *samples, size_t n,
                    struct wal_rows *state);

/* A series with one float each for the ids that stand as below. */
void wal_put_run(struct buf *out, struct str ids, const struct sample *samples, size_t n,
                 struct wal_rows *state);

/* Points of histograms: `ids` are those of their series, one wal_write_id behind the other. */
char *wal_write_id(char *p, uint32_t id, uint32_t before);
void wal_put_points(struct buf *out, size_t points, int64_t first_t, struct wal_rows *state);
void wal_put_point(struct buf *out, struct str ids, const struct batch_point *point,
                   struct wal_rows *state);

void wal_put_exemplars(struct buf *out, size_t count);
void wal_put_exemplar(struct buf *out, uint32_t id, const struct exemplar *e);

void wal_put_metadata(struct buf *out, size_t count);
void wal_put_family(struct buf *out, const struct metric_metadata *m);

/* --- reading ---------------------------------------------------------------------------------- */

/* What is found; text is borrowed from the payload, histograms and label arrays from the arena. An
 * answer other than 0 ends the reading and is returned. What is NULL must not be found, but
 * `plain`, without which `row` gets these rows, too. */
struct wal_visitor {
    void *arg;
    int (*stream)(void *arg, uint32_t id, const struct labels *labels);
    int (*row)(void *arg, uint32_t id, const struct sample *sample);
    /* A series with one float and without a start: most rows. `bytes`: its in the payload. */
    int (*plain)(void *arg, uint32_t id, int64_t t_unix_ms, double value, struct str bytes);
    int (*exemplar)(void *arg, uint32_t id, const struct exemplar *e);
    int (*metadata)(void *arg, const struct metric_metadata *m);
    bool no_rows; /* the reading ends, well, where they begin */
};

/* What the first WAL_GLANCE bytes of a payload (wal.h) tell of it. */
struct wal_glance {
    int64_t latest_ms; /* INT64_MAX: not told, by a version that did not; INT64_MIN: no rows */
    bool rows_alone;   /* nothing but rows follows */
};
struct wal_glance wal_glance(struct str payload);

/* Plain rows that stand behind each other in a payload: the `turn`-th, from 0, or the first `n`;
 * `first_t`: the time of the first. False: they are no such rows. */
bool wal_read_plain(struct str rows, uint32_t turn, int64_t first_t, struct sample *out);
bool wal_read_plain_all(struct str rows, uint32_t n, int64_t first_t, struct sample *out);

/* ERR_CORRUPT when the payload is malformed or has what the visitor does not take, ERR_NOMEM. */
int wal_read_record(struct str payload, struct arena *arena, const struct wal_visitor *visitor);

#endif
