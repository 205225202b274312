/* What the pieces of store_check share. */
#ifndef TELLTALE_STORE_EMBEDDED_CHECK_H
#define TELLTALE_STORE_EMBEDDED_CHECK_H

#include "base/fs.h"
#include "store/inspect.h"

struct check {
    const struct fs *fs;
    store_finding *finding;
    void *arg;
    struct store_check_totals *totals;
    struct err *err;
};

/* Tell of one finding at `path`, which the text may begin with. Remark: what is merely odd, or left
 * by an interruption. */
void check_damage(struct check *c, const char *path, const char *fmt, ...) PRINTF_LIKE(3, 4);
void check_remark(struct check *c, const char *path, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* A part of the day and the sequence numbers that its place and name say. Damage is told, not an
 * error; ERR_IO, ERR_NOMEM. */
int check_part(struct check *c, const char *path, int64_t day, uint64_t lo, uint64_t hi);

/* The same for a day of metrics rolled up. */
int check_aggregate_part(struct check *c, const char *path, int64_t day, int64_t resolution_ms);

/* The same for a part of spans, of log records. */
int check_span_part(struct check *c, const char *path, int64_t day, uint64_t lo, uint64_t hi);
int check_log_part(struct check *c, const char *path, int64_t day, uint64_t lo, uint64_t hi);

/* The segments in a log's directory. `records`: of spans or log records, else of metrics. */
int check_log(struct check *c, const char *dir, bool records);

/* Reads the payload of a record of spans or log records; the number of rows is added. ERR_CORRUPT,
 * ERR_NOMEM. */
int check_chunks(struct str payload, uint64_t *rows);

#endif
