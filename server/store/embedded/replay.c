/* Putting the rows of the log back into heads after a start: the newest first, then the rest
 * (replay_rest.h). */
#include <stdlib.h>

#include "base/compiler.h"
#include "base/time.h"
#include "log/log.h"
#include "store/embedded/bytes.h"
#include "store/embedded/damage.h"
#include "store/embedded/engine.h"
#include "store/embedded/replay_runs.h"
#include "store/embedded/wal_record.h"

enum { RECORD_ARENA = 512 << 20 };

/* Of the histograms of rows that wait: with more of them no further record is read. */
enum { WAITING_MAX = 1 << 20 };

/* So many streams are made at once. */
enum { DEFINITIONS = 16 };

struct definition {
    uint32_t id;
    struct labels labels; /* of the record's arena */
    uint64_t hash, same;  /* as those of the definition before (labels_same_text) */
};

/* What is read: of the records before the place where the newest rows begin all but their rows; all
 * of those behind it; then, with the store in use, the rows that were left. */
enum replay_step { REPLAY_DEFINITIONS, REPLAY_NEWEST, REPLAY_REST };

struct replay {
    struct store *store;
    struct wal_place upto; /* where the newest rows begin */
    enum replay_step step;
    uint32_t segment;
    struct replay_rows *waiting;
    struct replay_runs *runs;
    struct buf seal;
    struct arena arena; /* of records, and of rows that wait */
    int64_t min_ms;
    struct definition definitions[DEFINITIONS]; /* that wait, of this record */
    size_t n_definitions;
    struct label_hashes hashes; /* of the last of them */
    const struct stream *last;  /* that this record defined; NULL: none yet */
    struct day_range days; /* of the rows of this segment; of those before it, until it has some */
    bool in_segment;       /* `days` are of this segment */
    int64_t usual_from, usual_ms; /* then: the day of the last row, if all of it is accepted */
    uint64_t rows, orphans, rejected, segments, damaged_segments;
    struct wal_replay total;
    struct err *err;
};

/* --- one record ------------------------------------------------------------------------------- */

/* Makes the streams that wait. */
static int define(struct replay *r)
{
    struct streams *streams = &r->store->streams;
    int rc = 0;
    for (size_t i = 0; rc != ERR_NOMEM && i < r->n_definitions; i++) {
        const struct definition *d = &r->definitions[i];
        struct stream_shard *shard = streams_shard(streams, d->hash);
        struct stream *st = NULL;
        lock_take(&shard->lock);
        rc = streams_intern(streams, &d->labels, d->hash,
                            (struct stream_like){r->last, r->last ? d->same : 0}, &st, NULL);
        if (rc == 0)
            st->last_append_s = r->waiting->to_heads.now_s;
        lock_give(&shard->lock);
        r->last = st;
        r->rejected += rc != 0;
        if (rc == 0)
            rc = replay_runs_define(r->runs, d->id, st);
        if (rc == ERR_CORRUPT)
            break;
    }
    r->n_definitions = 0;
    return rc == ERR_NOMEM || rc == ERR_CORRUPT ? rc : 0;
}

/* Some wait until memory is there that is looked at first. */
static int on_stream(void *arg, uint32_t id, const struct labels *labels)
{
    struct replay *r = arg;
    struct definition *d = &r->definitions[r->n_definitions++];
    *d = (struct definition){
        .id = id, .labels = *labels, .same = labels_same_text(labels, &r->hashes.of)};
    d->hash = labels_hash_like(labels, d->same, &r->hashes);
    streams_ask_for(&r->store->streams, d->hash);
    return r->n_definitions < DEFINITIONS ? 0 : define(r);
}

static void note_day(struct replay *r, int64_t t_unix_ms)
{
    int64_t day = day_of(t_unix_ms);
    if (!r->in_segment)
        r->days = NO_DAYS;
    r->in_segment = true;
    day_range_add(&r->days, day);
    r->usual_from = day * MS_PER_DAY;
    bool whole = r->usual_from >= r->min_ms && r->usual_from <= TIME_MAX_MS - MS_PER_DAY;
    r->usual_ms = whole ? MS_PER_DAY : 0;
}

static int add_row(struct replay *r, uint32_t id, const struct sample *sample, struct str bytes)
{
    int rc = define(r);
    if (rc != 0)
        return rc;
    if (sample->t_unix_ms < r->min_ms || sample->t_unix_ms > TIME_MAX_MS)
        return 0;
    note_day(r, sample->t_unix_ms);
    if (!replay_runs_has(r->runs, id)) {
        r->orphans++; // its definition was in a damaged record
        return 0;
    }
    r->rows++;
    return replay_runs_add(r->runs, id, sample, bytes, r->err);
}

static int on_row(void *arg, uint32_t id, const struct sample *sample)
{
    return add_row(arg, id, sample, (struct str){0});
}

/* Mostly it is the next one of its run, and of the day of the row before. */
static int on_plain(void *arg, uint32_t id, int64_t t, double value, struct str bytes)
{
    struct replay *r = arg;
    bool usual = (uint64_t)t - (uint64_t)r->usual_from < (uint64_t)r->usual_ms;
    if (!usual || !replay_runs_is_next(r->runs, id))
        return add_row(r, id, &(struct sample){.t_unix_ms = t, .value = value}, bytes);
    r->rows++;
    return replay_runs_add_next(r->runs, id, t, value, bytes, r->err);
}

static int on_exemplar(void *arg, uint32_t id, const struct exemplar *e)
{
    struct replay *r = arg;
    if (r->step == REPLAY_REST)
        return 0; // it is there
    int rc = define(r);
    const struct stream *st = rc == 0 ? replay_runs_stream(r->runs, id) : NULL;
    if (!st)
        return rc;
    struct label *v = arena_array(&r->arena, st->n, sizeof *v);
    if (v)
        streams_labels(&r->store->streams, st, v);
    struct labels series = {v, st->n};
    return v ? exemplars_add(&r->store->exemplars, &series, st->hash, e) : ERR_NOMEM;
}

static int on_metadata(void *arg, const struct metric_metadata *m)
{
    struct replay *r = arg;
    return r->step == REPLAY_REST ? 0 : metadata_put(&r->store->metadata, m);
}

/* The arena is emptied when no row waits, whose histogram may lie there. */
static int make_room(struct replay *r)
{
    int rc = r->arena.used > WAITING_MAX ? replay_rows_apply(r->waiting, r->err) : 0;
    if (r->waiting->n == 0)
        arena_reset(&r->arena);
    return rc;
}

static bool is_cancelled(const struct replay *r)
{
    return atomic_get_relaxed(&r->store->cancelled);
}

static bool on_glance(void *arg, struct str beginning, uint64_t at)
{
    const struct replay *r = arg;
    (void)at;
    return r->step == REPLAY_DEFINITIONS && !is_cancelled(r) && wal_glance(beginning).rows_alone;
}

/* Of a damaged one what stands before the damage. */
static int read_record(struct replay *r, struct str payload)
{
    const struct wal_visitor visitor = {.arg = r,
                                        .stream = on_stream,
                                        .row = on_row,
                                        .plain = on_plain,
                                        .exemplar = on_exemplar,
                                        .metadata = on_metadata,
                                        .no_rows = r->step == REPLAY_DEFINITIONS};
    int rc = wal_read_record(payload, &r->arena, &visitor);
    if (rc != 0 && rc != ERR_CORRUPT)
        return rc;
    int rest = define(r);
    return rest ? rest : rc;
}

static int on_record(void *arg, struct str payload, uint64_t at)
{
    struct replay *r = arg;
    if (is_cancelled(r))
        return ERR_CANCELLED;
    int rc = make_room(r);
    if (rc != 0)
        return rc;
    r->hashes.of = (struct labels){0};
    r->last = NULL;
    replay_runs_begin_record(r->runs, payload, at);
    rc = read_record(r, payload);
    if (rc != 0 && rc != ERR_CORRUPT)
        return rc;
    int ended = replay_runs_end_record(r->runs, r->err); // in any case: its bytes go away
    return ended ? ended : rc;
}

/* --- all segments ----------------------------------------------------------------------------- */

/* A segment of which nothing can be read came after those before it, and before now. What is lost
 * of the rest may be as late as its last row. */
static struct day_range lost_days(const struct replay *r)
{
    struct day_range days = r->days;
    if (!r->in_segment)
        day_range_add(&days, day_of(store_now_ms(r->store)));
    if (r->step == REPLAY_REST)
        day_range_add(&days, day_of(r->upto.latest_ms));
    return days;
}

/* The rest may be replayed more than once, and is told of once. */
static bool was_told(const struct replay *r)
{
    struct replay_rest *rest = &r->store->rest;
    if (r->step != REPLAY_REST)
        return false;
    bool told = r->segment <= rest->told;
    rest->told = MAX(rest->told, r->segment);
    return told;
}

/* Answers about its days say that rows may be missing. */
static void tell_damage(struct replay *r, const struct wal_replay *got)
{
    struct store *s = r->store;
    if (was_told(r))
        return;
    damage_note_segment(s, r->segment, lost_days(r));
    r->damaged_segments++;
    atomic_add_relaxed(&s->wal_damaged_bytes, got->dropped_bytes);
    log_error("store", "a segment of the write-ahead log is damaged; its readable rest is kept",
              LOG_INT("segment", r->segment), LOG_INT("places", got->damaged),
              LOG_INT("dropped_bytes", got->dropped_bytes));
}

static int read_part(struct replay *r, enum replay_step step, uint64_t from, uint64_t upto,
                     struct wal_replay *out)
{
    const struct wal_reader reader = {
        .arg = r, .each = on_record, .pass = on_glance, .from = from, .upto = upto};
    r->step = step;
    return wal_read_segment(r->store->fs, r->store->wal_dir, r->segment, &reader, out, r->err);
}

/* Damage before the place is met again with the rest, which tells of it, but for rows behind the
 * place whose definition was there. */
static int read_segment(struct replay *r, struct wal_replay *out)
{
    uint64_t place = r->segment == r->upto.segment ? r->upto.at : 0, orphans = r->orphans;
    bool damaged = false;
    int rc = 0;
    if (r->step == REPLAY_REST)
        return read_part(r, REPLAY_REST, 0, place, out);
    if (wal_is_before(r->segment, 0, &r->upto)) {
        rc = read_part(r, REPLAY_DEFINITIONS, 0, place, out);
        damaged = out->damaged || out->torn;
        *out = (struct wal_replay){.records = out->records, .bytes = out->bytes};
    }
    if (rc == 0 && r->segment >= r->upto.segment)
        rc = read_part(r, REPLAY_NEWEST, place, 0, out);
    out->damaged += damaged && r->orphans > orphans;
    return rc;
}

static int replay_segment(struct replay *r, uint32_t segment, bool last)
{
    struct wal_replay got;
    r->segment = segment;
    r->in_segment = false;
    r->usual_ms = 0;
    struct wal_map *map = wal_map_open(r->store->fs, r->store->wal_dir, segment);
    replay_runs_begin_segment(r->runs, map);
    int rc = read_segment(r, &got);
    if (rc == 0)
        rc = replay_runs_end_segment(r->runs, r->err);
    wal_map_unref(map); // the heads keep it
    if (rc != 0 && r->err && !r->err->code)
        (void)err_set(r->err, rc, "%s", err_name(rc));
    if (rc != 0)
        return err_prefix(r->err, rc, "replay segment %08x of the log", (unsigned)segment);
    r->segments++;
    r->total.records += got.records;
    r->total.bytes += got.bytes;
    r->total.damaged += got.damaged;
    r->total.dropped_bytes += got.dropped_bytes;
    /* A torn end is what a crash leaves, but only where writing stopped. */
    r->total.torn |= got.torn;
    if (last)
        wal_cut_torn(r->store->fs, r->store->wal_dir, segment, &got,
                     r->store->durability == STORE_DURABILITY_DISK);
    if (got.damaged || got.bad_header || (got.torn && !last))
        tell_damage(r, &got);
    return 0;
}

/* All but the rows before the place where the newest begin. */
static int replay_newest(struct replay *r, uint32_t *out_next)
{
    struct store *s = r->store;
    uint32_t *v = NULL;
    size_t n = 0;
    int rc = wal_list(s->fs, s->wal_dir, &v, &n, r->err);
    if (rc == 0)
        rc = replay_outline(s->fs, s->wal_dir, v, n, store_now_ms(s), &s->cancelled, &r->upto,
                            r->err);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = replay_segment(r, v[i], i + 1 == n);
    *out_next = rc == 0 && n ? v[n - 1] + 1 : 1;
    free(v);
    return rc;
}

/* These rows. Whoever appends meanwhile writes to later segments. */
static int replay_before(struct replay *r)
{
    uint32_t *v = NULL;
    size_t n = 0;
    int rc = wal_list(r->store->fs, r->store->wal_dir, &v, &n, r->err);
    for (size_t i = 0; rc == 0 && i < n && wal_is_before(v[i], 0, &r->upto); i++)
        rc = replay_segment(r, v[i], false);
    free(v);
    return rc;
}

static char *note(const struct replay *r, int64_t took_ns)
{
    struct buf text = BUF_MAX(1024);
    buf_printf(&text, "replayed %llu rows of %u streams from %llu bytes of log in %.2f s",
               (unsigned long long)r->rows, atomic_get_relaxed(&r->store->streams.count),
               (unsigned long long)r->total.bytes, (double)took_ns / 1e9);
    if (r->upto.latest_ms != INT64_MIN)
        buf_puts(&text, "; older rows follow");
    if (r->total.torn)
        buf_puts(&text, "; the last record was not whole and is dropped, it was not acknowledged");
    if (r->damaged_segments)
        buf_printf(&text, "; %llu damaged segments, %llu bytes dropped, %llu rows without series",
                   (unsigned long long)r->damaged_segments,
                   (unsigned long long)r->total.dropped_bytes, (unsigned long long)r->orphans);
    if (r->rejected)
        buf_printf(&text, "; %llu series with labels that cannot be are left out",
                   (unsigned long long)r->rejected);
    return buf_take(&text, NULL);
}

static int begin(struct replay *r, struct store *s, struct err *err)
{
    if (err)
        *err = (struct err){0};
    *r = (struct replay){
        .store = s,
        .upto = {.latest_ms = INT64_MIN},
        .seal = BUF_MAX(SEAL_MAX),
        .min_ms = retention_min_ms(s),
        .days = NO_DAYS,
        .err = err,
    };
    arena_init(&r->arena, RECORD_ARENA);
    r->waiting = calloc(1, sizeof *r->waiting);
    r->runs = calloc(1, sizeof *r->runs);
    return r->waiting && r->runs ? 0 : err_set(err, ERR_NOMEM, "replay: out of memory");
}

/* Rows of the rest go to heads of their own. */
static void choose_heads(struct replay *r, enum replay_step step)
{
    r->step = step;
    r->waiting->to_heads = (struct applier){
        .store = r->store,
        .seal = &r->seal,
        .rest = step == REPLAY_REST,
        .now_s = (uint32_t)(store_now_ms(r->store) / MS_PER_S),
    };
    replay_runs_init(r->runs, r->waiting);
}

static void end(struct replay *r)
{
    if (r->runs)
        replay_runs_done(r->runs);
    free(r->runs);
    free(r->waiting);
    buf_done(&r->seal);
    arena_done(&r->arena);
}

static int load_losses(struct store *s, struct err *err)
{
    struct wal_losses losses = {0};
    int rc = wal_losses_load(s->fs, s->wal_dir, &losses, err);
    if (rc != 0) {
        wal_losses_done(&losses);
        return rc;
    }
    lock_take(&s->parts_lock);
    s->losses = losses;
    lock_give(&s->parts_lock);
    if (losses.n)
        atomic_set_relaxed(&s->any_damaged, true);
    return 0;
}

/* The log goes on in a new segment; rows of the rest rank below all that comes now. */
static int go_on(struct replay *r, uint32_t next)
{
    struct store *s = r->store;
    if (r->upto.latest_ms != INT64_MIN)
        replay_rest_want(&s->rest, &r->upto, ++s->seq);
    wal_init(&s->wal, s->fs, s->wal_dir, s->durability == STORE_DURABILITY_DISK, next);
    s->wal.old_bytes = r->total.bytes;
    return wal_begin(&s->wal, r->err);
}

int replay_log(struct store *s, char **out_note, struct err *err)
{
    struct replay r;
    int64_t began = time_now_mono_ns();
    uint32_t next = 1;
    int rc = begin(&r, s, err);
    if (rc == 0)
        rc = load_losses(s, err);
    if (rc == 0) {
        choose_heads(&r, REPLAY_DEFINITIONS);
        rc = replay_newest(&r, &next);
    }
    if (rc == 0)
        rc = go_on(&r, next);
    if (rc == 0 && out_note)
        *out_note = note(&r, time_now_mono_ns() - began);
    end(&r);
    return rc;
}

int replay_log_before(struct store *s, const struct wal_place *upto, uint64_t *out_rows,
                      struct err *err)
{
    struct replay r;
    int rc = begin(&r, s, err);
    r.upto = *upto;
    if (rc == 0) {
        choose_heads(&r, REPLAY_REST);
        rc = replay_before(&r);
    }
    *out_rows = r.rows;
    end(&r);
    return rc;
}
