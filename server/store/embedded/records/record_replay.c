/* Putting the rows of the log that are in no part yet back into heads, at the start. */
#include <stdlib.h>

#include "base/compiler.h"
#include "base/time.h"
#include "log/log.h"
#include "store/embedded/records/record_store.h"

struct replay {
    struct record_store *store;
    uint32_t segment;
    /* Of the chunks of this segment (in_segment), or until it has some, of those before it. */
    struct day_range days;
    bool in_segment;
    int64_t oldest_ns;
    uint64_t rows; /* put back */
};

static void note_day(struct replay *r, int64_t day)
{
    if (!r->in_segment)
        r->days = NO_DAYS;
    r->in_segment = true;
    day_range_add(&r->days, day);
}

/* A segment of which nothing can be read came after those before it, and before now. */
static struct day_range lost_days(const struct replay *r)
{
    struct day_range days = r->days;
    if (!r->in_segment)
        day_range_add(&days, record_store_now_ms(r->store) / MS_PER_DAY);
    return days;
}

/* Invariant 2. */
static bool is_in_a_part(const struct record_store *s, int64_t day, uint32_t segment)
{
    for (size_t i = 0; i < s->n_parts; i++)
        if (s->parts[i]->day == day && segment < s->parts[i]->cut)
            return true;
    return false;
}

static int replay_record(void *arg, struct str payload, uint64_t offset)
{
    (void)offset;
    struct replay *r = arg;
    if (r->store->cancelled && atomic_get_relaxed(r->store->cancelled))
        return ERR_CANCELLED;
    for (size_t at = 0; at < payload.n;) {
        struct chunk *c = NULL;
        int rc = chunk_open(payload, &at, &c);
        if (rc != 0)
            return rc;
        int64_t day = day_of_ns(c->max_unix_ns);
        if (c->n_rows)
            note_day(r, day);
        bool keep =
            c->n_rows && c->max_unix_ns >= r->oldest_ns && !is_in_a_part(r->store, day, r->segment);
        uint32_t rows = c->n_rows;
        rc = keep ? heads_add(r->store, day, c) : 0;
        if (!keep || rc != 0)
            chunk_unref(c);
        if (rc != 0)
            return rc;
        r->rows += keep ? rows : 0;
    }
    return 0;
}

static int replay_segment(struct replay *r, uint32_t segment, bool last, uint64_t *out_bytes,
                          struct err *err)
{
    struct wal_replay got;
    r->segment = segment;
    r->in_segment = false;
    int rc =
        wal_replay_segment(r->store->fs, r->store->wal_dir, segment, replay_record, r, &got, err);
    if (rc != 0)
        return rc;
    *out_bytes += got.bytes;
    if (last)
        wal_cut_torn(r->store->fs, r->store->wal_dir, segment, &got, r->store->durable);
    if (!(got.damaged || got.bad_header || (got.torn && !last)))
        return 0;
    atomic_add_relaxed(&r->store->wal_damaged_segments, 1);
    atomic_add_relaxed(&r->store->wal_damaged_bytes, got.dropped_bytes);
    wal_set_aside(r->store->fs, r->store->wal_dir, segment, lost_days(r), &r->store->losses);
    log_error("store", "a segment of the write-ahead log is damaged; its readable rest is kept",
              LOG_STR("table", record_table_name(r->store->table)), LOG_INT("segment", segment),
              LOG_INT("places", got.damaged), LOG_INT("dropped_bytes", got.dropped_bytes));
    return 0;
}

/* Parts know segments by number, so numbers are never used again. */
static uint32_t next_segment(const struct record_store *s, const uint32_t *v, size_t n)
{
    uint32_t next = n ? v[n - 1] + 1 : 1;
    for (size_t i = 0; i < s->n_parts; i++)
        next = MAX(next, s->parts[i]->cut);
    return next;
}

int record_store_replay(struct record_store *s, uint64_t *out_rows, struct err *err)
{
    struct replay r = {.store = s, .days = NO_DAYS, .oldest_ns = record_store_oldest_ns(s)};
    uint32_t *v = NULL;
    size_t n = 0;
    uint64_t bytes = 0;
    int rc = wal_losses_load(s->fs, s->wal_dir, &s->losses, err);
    if (rc == 0)
        rc = wal_list(s->fs, s->wal_dir, &v, &n, err);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = replay_segment(&r, v[i], i + 1 == n, &bytes, err);
    if (rc == 0) {
        wal_init(&s->wal, s->fs, s->wal_dir, s->durable, next_segment(s, v, n));
        s->wal.old_bytes = bytes;
        rc = wal_begin(&s->wal, err);
        if (rc != 0)
            wal_done(&s->wal);
    }
    free(v);
    if (rc == 0) {
        *out_rows = r.rows;
        atomic_set_release(&s->replayed, true); // pairs with the acquire of appends and scans
    }
    return rc;
}
