#include "store/embedded/replay_outline.h"

#include <stdlib.h>

#include "base/compiler.h"
#include "store/embedded/wal_record.h"

/* Places are noted when the latest time so far rises by this. */
enum { STEP_MS = 1000 };

/* A place with the latest time of the record there. */
struct candidate {
    struct wal_place place;
    int64_t upto_ms;
};

struct outline {
    uint32_t segment;
    struct candidate *v; /* by rising times */
    size_t n, cap;
    int64_t latest_ms; /* so far */
    int64_t known_ms;  /* the same without records that do not tell */
    const atomic_bool *cancelled;
    int rc;
};

static int note(struct outline *o, uint64_t at, int64_t upto_ms)
{
    if (o->n == o->cap) {
        size_t cap = MAX(2 * o->cap, (size_t)64);
        struct candidate *v = realloc(o->v, cap * sizeof *v);
        if (!v)
            return ERR_NOMEM;
        o->v = v;
        o->cap = cap;
    }
    o->v[o->n++] = (struct candidate){{o->segment, at, o->latest_ms}, upto_ms};
    return 0;
}

/* Whether a record of this time is to be noted as a place. */
static bool is_step(const struct outline *o, int64_t latest_ms)
{
    if (latest_ms == INT64_MIN)
        return false;
    return o->n == 0 || latest_ms / STEP_MS > o->v[o->n - 1].upto_ms / STEP_MS;
}

/* After an error nothing is passed over, so that on_record can end the reading. */
static bool on_glance(void *arg, struct str beginning, uint64_t at)
{
    struct outline *o = arg;
    const struct wal_glance got = wal_glance(beginning);
    if (atomic_get_relaxed(o->cancelled))
        o->rc = ERR_CANCELLED;
    if (o->rc == 0 && is_step(o, got.latest_ms))
        o->rc = note(o, at - WAL_RECORD_HEADER, got.latest_ms);
    o->latest_ms = MAX(o->latest_ms, got.latest_ms);
    if (got.latest_ms != INT64_MAX)
        o->known_ms = MAX(o->known_ms, got.latest_ms);
    return o->rc == 0;
}

/* It could not be passed over: what comes after it is no record. One that was told of before, too,
 * changes nothing. */
static int on_record(void *arg, struct str payload, uint64_t at)
{
    struct outline *o = arg;
    (void)on_glance(o, payload, at);
    return o->rc;
}

static int read_segment(struct outline *o, const struct fs *fs, const char *dir, uint32_t segment,
                        bool last, struct err *err)
{
    const struct wal_reader reader = {.arg = o, .each = on_record, .pass = on_glance};
    struct wal_replay got;
    size_t n = o->n;
    int64_t latest_ms = o->latest_ms;
    o->segment = segment;
    int rc = wal_read_segment(fs, dir, segment, &reader, &got, err);
    if (rc == 0 && o->rc != 0)
        rc = err_set(err, o->rc, "replay: %s", err_name(o->rc));
    if (rc != 0 || !(got.damaged || got.bad_header || (got.torn && !last)))
        return rc;
    o->n = n; // nothing of it is old
    o->latest_ms = latest_ms;
    rc = note(o, 0, INT64_MAX) ? err_set(err, ERR_NOMEM, "replay: out of memory") : 0;
    o->latest_ms = INT64_MAX;
    return rc;
}

/* The first place from which on rows are wanted. */
static struct wal_place choose(const struct outline *o, int64_t from_ms)
{
    for (size_t i = 0; i < o->n; i++)
        if (o->v[i].upto_ms >= from_ms)
            return o->v[i].place;
    return (struct wal_place){.latest_ms = INT64_MIN};
}

int replay_outline(const struct fs *fs, const char *dir, const uint32_t *v, size_t n,
                   int64_t now_ms, const atomic_bool *cancelled, struct wal_place *out,
                   struct err *err)
{
    struct outline o = {.latest_ms = INT64_MIN, .known_ms = INT64_MIN, .cancelled = cancelled};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n && o.latest_ms != INT64_MAX; i++)
        rc = read_segment(&o, fs, dir, v[i], i + 1 == n, err);
    int64_t newest_ms = MIN(now_ms, o.known_ms);
    *out = choose(&o, newest_ms < INT64_MIN + REPLAY_NEWEST_MS ? INT64_MIN
                                                               : newest_ms - REPLAY_NEWEST_MS);
    free(o.v);
    return rc;
}
