#include "store/embedded/replay_runs.h"

#include <stdlib.h>

#include "base/compiler.h"
#include "store/embedded/head_group.h"
#include "store/embedded/stream_groups.h"
#include "store/embedded/wal_record.h"

/* Numbers above this are not ours: the registry counts up from zero. */
enum { IDS_MAX = 1 << 28 };

/* Fewer streams do better without a group. */
enum { RUN_MIN = 4 };
#define NO_RUN (UINT32_MAX >> REPLAY_RUN_BITS) /* there are not so many: no place is of it */

static void begin_now(struct replay_runs *runs, uint32_t run)
{
    runs->now.run = run;
    runs->now.n = 0;
    runs->now.of = run < runs->n_runs ? runs->runs[run].n : 0;
}

void replay_runs_init(struct replay_runs *runs, struct replay_rows *others)
{
    memset(runs, 0, sizeof *runs);
    runs->others = others;
    runs->to_heads = others->to_heads;
    runs->round = 1;
    begin_now(runs, NO_RUN);
}

void replay_runs_done(struct replay_runs *runs)
{
    free(runs->streams);
    free(runs->places);
    free(runs->runs);
    free(runs->starts);
    free(runs->complete);
    free(runs->order);
}

static int no_memory(struct err *err)
{
    return err_set(err, ERR_NOMEM, "replay: out of memory");
}

/* --- numbers ---------------------------------------------------------------------------------- */

static int grow(struct replay_runs *runs, uint32_t id)
{
    if (id >= IDS_MAX)
        return ERR_CORRUPT;
    size_t n = MAX(MAX(runs->n_streams * 2, (size_t)id + 1), (size_t)1024);
    struct stream **streams = realloc(runs->streams, n * sizeof(struct stream *));
    if (!streams)
        return ERR_NOMEM;
    runs->streams = streams;
    uint32_t *places = realloc(runs->places, n * sizeof *places);
    if (!places)
        return ERR_NOMEM;
    runs->places = places;
    memset(places + runs->n_streams, 0, (n - runs->n_streams) * sizeof *places);
    runs->n_streams = n;
    return 0;
}

int replay_runs_define(struct replay_runs *runs, uint32_t id, struct stream *st)
{
    int rc = id < runs->n_streams ? 0 : grow(runs, id);
    if (rc != 0)
        return rc;
    if (runs->places[id] == PLACE_UNDEFINED)
        runs->places[id] = PLACE_NO_ROW;
    runs->streams[id] = st;
    return 0;
}

struct stream *replay_runs_stream(const struct replay_runs *runs, uint32_t id)
{
    return replay_runs_has(runs, id) ? runs->streams[id] : NULL;
}

/* --- rows that wait --------------------------------------------------------------------------- */

static void push(struct replay_waiting *w, uint32_t id, const struct sample *sample,
                 struct str bytes)
{
    if (bytes.p) {
        replay_waiting_push_plain(w, id, sample->t_unix_ms, sample->value, bytes);
        return;
    }
    w->from = w->end = NULL;
    w->id[w->n] = id;
    w->sample[w->n++] = *sample;
}

/* --- rows alone ------------------------------------------------------------------------------- */

static int add_alone(struct replay_runs *runs, uint32_t id, const struct sample *sample,
                     struct err *err)
{
    return replay_rows_add(runs->others, runs->streams[id], sample, err);
}

int replay_runs_write_singly(struct replay_runs *runs, struct replay_waiting *w, struct err *err)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < w->n; i++)
        rc = add_alone(runs, w->id[i], &w->sample[i], err);
    w->n = 0;
    return rc;
}

/* --- runs that are given up ------------------------------------------------------------------- */

/* Incomplete rows of runs that were given up, which come after complete ones. */
static int write_given_up(struct replay_runs *runs, struct err *err)
{
    int rc = 0;
    uint32_t now = runs->now.run;
    if (now != NO_RUN && !runs->making && runs->runs[now].given_up) {
        rc = replay_runs_write_singly(runs, &runs->now, err);
        begin_now(runs, NO_RUN);
    }
    for (size_t i = 0; rc == 0 && i < REPLAY_ASIDE; i++)
        if (runs->aside[i].n && runs->runs[runs->aside[i].run].given_up)
            rc = replay_runs_write_singly(runs, &runs->aside[i], err);
    return rc;
}

/* May give up any run, also that of `now`. */
static int write_all_complete(struct replay_runs *runs, struct err *err)
{
    if (runs->n_complete == 0)
        return 0;
    int rc = replay_complete_write(runs, err);
    return rc ? rc : write_given_up(runs, err);
}

static int give_up(struct replay_runs *runs, uint32_t run, struct err *err)
{
    bool waits = runs->runs[run].round == runs->round;
    int rc = waits ? write_all_complete(runs, err) : 0;
    runs->runs[run].given_up = true;
    return rc ? rc : write_given_up(runs, err);
}

/* --- rows that become complete ---------------------------------------------------------------- */

/* The rows stay in the log when they stand there as one piece. */
static bool leave_in_log(const struct replay_runs *runs, const struct replay_waiting *w,
                         struct logged_row *out)
{
    if (!w->from || !runs->map)
        return false;
    size_t n = (size_t)(w->end - w->from);
    uint64_t at = runs->record_at + (uint64_t)(w->from - runs->record.p);
    if (at + n > runs->map->n)
        return false; // it was shorter when it was mapped
    out->p = runs->map->p + at;
    out->n_bytes = (uint32_t)n;
    out->check = (uint32_t)hash_bytes(w->from, n);
    return true;
}

/* The run that mostly comes next. */
static uint32_t guess_next(const struct replay_runs *runs, uint32_t run)
{
    uint32_t next = run + 1;
    const struct replay_run *r = next < runs->n_runs ? &runs->runs[next] : NULL;
    return r && r->group && !r->given_up && !r->aside ? next : NO_RUN;
}

/* Makes the head of the time's day the one that is written to: all complete rows are of one day. */
static int go_to_day(struct replay_runs *runs, int64_t t_unix_ms, struct err *err)
{
    struct applier *to = &runs->to_heads;
    bool same = to->head && t_unix_ms >= to->from && t_unix_ms - to->from < MS_PER_DAY;
    if (same)
        return 0;
    int rc = write_all_complete(runs, err);
    return rc ? rc : apply_to_day(to, t_unix_ms, err);
}

int replay_runs_completed(struct replay_runs *runs, struct err *err)
{
    int64_t min, max;
    uint32_t run = runs->now.run;
    const struct batch_point point = {.numbers = runs->now.sample, .n_counts = runs->now.n};
    if (!head_group_is_of_one_day(&point, &min, &max))
        return give_up(runs, run, err);
    int rc = go_to_day(runs, min, err);
    if (rc != 0 || runs->runs[run].given_up)
        return rc; // given up on the way there: then this row went to its streams
    struct replay_waiting *w = &runs->now;
    int64_t from = runs->to_heads.from;
    struct replay_complete *c = &runs->complete[runs->n_complete++];
    *c = (struct replay_complete){.run = run, .kept = runs->n_kept};
    c->logged.t = (uint32_t)(w->sample[0].t_unix_ms - from);
    c->logged.min_t = (uint32_t)(min - from);
    c->logged.max_t = (uint32_t)(max - from);
    if (!leave_in_log(runs, w, &c->logged))
        runs->kept[runs->n_kept++] = *w;
    runs->runs[run].round = runs->round;
    begin_now(runs, guess_next(runs, run));
    bool full = runs->n_complete == REPLAY_COMPLETE || runs->n_kept == REPLAY_KEPT;
    return full ? write_all_complete(runs, err) : 0;
}

/* --- runs that are made ----------------------------------------------------------------------- */

static int end_making(struct replay_runs *runs, struct err *err)
{
    if (!runs->making)
        return 0;
    struct applier *to = &runs->to_heads;
    struct replay_run *run = &runs->runs[runs->now.run];
    struct stream *members[REPLAY_RUN];
    runs->making = false;
    run->n = runs->now.of = runs->now.n;
    for (uint32_t i = 0; i < run->n; i++)
        members[i] = runs->streams[runs->now.id[i]];
    if (run->n >= RUN_MIN)
        run->group = stream_groups_make(&to->store->streams, stream_shard_of(members[0]->hash),
                                        (struct hash128){0}, members, run->n, to->now_s);
    return run->group ? replay_runs_completed(runs, err) : give_up(runs, runs->now.run, err);
}

/* Room for one more, and for rows to be complete. */
static int make_room(struct replay_runs *runs)
{
    if (!runs->complete)
        runs->complete = malloc(REPLAY_COMPLETE * sizeof *runs->complete);
    if (!runs->order)
        runs->order = malloc(REPLAY_COMPLETE * sizeof *runs->order);
    if (!runs->complete || !runs->order)
        return ERR_NOMEM;
    if (runs->n_runs < runs->cap_runs)
        return 0;
    uint32_t cap = MAX(runs->cap_runs * 2, 64u);
    struct replay_run *v = realloc(runs->runs, cap * sizeof *v);
    if (!v)
        return ERR_NOMEM;
    runs->runs = v;
    uint32_t *starts = realloc(runs->starts, (cap + 1) * sizeof *starts);
    if (!starts)
        return ERR_NOMEM;
    runs->starts = starts;
    runs->cap_runs = cap;
    return 0;
}

static int make_run(struct replay_runs *runs, struct err *err)
{
    if (make_room(runs) != 0)
        return no_memory(err);
    runs->runs[runs->n_runs++] = (struct replay_run){.n = REPLAY_RUN};
    begin_now(runs, runs->n_runs - 1);
    runs->making = true;
    return 0;
}

/* The first row of a stream. */
static int join(struct replay_runs *runs, uint32_t id, const struct sample *sample,
                struct str bytes, struct err *err)
{
    int rc = runs->making ? 0 : make_run(runs, err);
    if (rc != 0)
        return rc;
    struct replay_waiting *now = &runs->now;
    runs->places[id] = PLACE_IN_RUN + (now->run << REPLAY_RUN_BITS | now->n);
    push(now, id, sample, bytes);
    return now->n < REPLAY_RUN ? 0 : end_making(runs, err);
}

/* --- rows out of turn ------------------------------------------------------------------------- */

/* Where rows of a run can wait longer: its number says where to look first. */
static struct replay_waiting *free_aside(struct replay_runs *runs, uint32_t run)
{
    enum { TRIES = 8 };
    for (uint32_t i = 0; i < TRIES; i++) {
        struct replay_waiting *w = &runs->aside[(run + i) % REPLAY_ASIDE];
        if (w->n == 0)
            return w;
    }
    return NULL;
}

/* Rows of another run come. */
static int put_aside(struct replay_runs *runs, struct err *err)
{
    struct replay_waiting *now = &runs->now;
    if (runs->making)
        return end_making(runs, err);
    if (now->n == 0)
        return 0;
    struct replay_waiting *w = free_aside(runs, now->run);
    if (!w)
        return give_up(runs, now->run, err);
    *w = *now;
    w->end = w->from = NULL; // the rest is somewhere else
    runs->runs[now->run].aside = (uint32_t)(w - runs->aside) + 1;
    begin_now(runs, NO_RUN);
    return 0;
}

/* Makes it the one that rows are added to. */
static int take_up(struct replay_runs *runs, uint32_t number, struct err *err)
{
    int rc = put_aside(runs, err);
    struct replay_run *run = &runs->runs[number];
    if (rc != 0 || run->given_up)
        return rc;
    begin_now(runs, number);
    if (run->aside) {
        struct replay_waiting *w = &runs->aside[run->aside - 1];
        runs->now = *w;
        w->n = 0;
        run->aside = 0;
    }
    return 0;
}

static int add_to_run(struct replay_runs *runs, uint32_t id, const struct sample *sample,
                      struct str bytes, struct err *err)
{
    uint32_t place = runs->places[id] - PLACE_IN_RUN, run = place >> REPLAY_RUN_BITS;
    int rc = 0;
    if (runs->making && runs->now.run == run)
        rc = end_making(runs, err);
    if (rc == 0 && !runs->runs[run].given_up && runs->now.run != run)
        rc = take_up(runs, run, err);
    if (rc != 0)
        return rc;
    if (runs->runs[run].given_up)
        return add_alone(runs, id, sample, err);
    if (runs->now.n == (place & (REPLAY_RUN - 1)) && !sample->histogram) {
        push(&runs->now, id, sample, bytes);
        return runs->now.n < runs->now.of ? 0 : replay_runs_completed(runs, err);
    }
    rc = give_up(runs, run, err);
    return rc ? rc : add_alone(runs, id, sample, err);
}

int replay_runs_add(struct replay_runs *runs, uint32_t id, const struct sample *sample,
                    struct str bytes, struct err *err)
{
    if (runs->places[id] >= PLACE_IN_RUN)
        return add_to_run(runs, id, sample, bytes, err);
    if (runs->places[id] == PLACE_NO_ROW && !sample->histogram) {
        int rc = runs->making ? 0 : put_aside(runs, err);
        return rc ? rc : join(runs, id, sample, bytes, err);
    }
    runs->places[id] = PLACE_ALONE;
    return add_alone(runs, id, sample, err);
}

/* --- records and segments --------------------------------------------------------------------- */

void replay_runs_begin_segment(struct replay_runs *runs, struct wal_map *map)
{
    runs->map = map;
}

void replay_runs_begin_record(struct replay_runs *runs, struct str record, uint64_t at)
{
    runs->record = record;
    runs->record_at = at;
}

int replay_runs_end_record(struct replay_runs *runs, struct err *err)
{
    int rc = end_making(runs, err);
    runs->now.end = runs->now.from = NULL; // the next row is of another record
    return rc;
}

int replay_runs_end_segment(struct replay_runs *runs, struct err *err)
{
    int rc = end_making(runs, err);
    if (rc == 0)
        rc = write_all_complete(runs, err);
    if (rc == 0)
        rc = replay_runs_write_singly(runs, &runs->now, err);
    for (size_t i = 0; rc == 0 && i < REPLAY_ASIDE; i++)
        rc = replay_runs_write_singly(runs, &runs->aside[i], err);
    if (rc == 0)
        rc = replay_rows_apply(runs->others, err);
    if (runs->n_streams)
        memset(runs->places, 0, runs->n_streams * sizeof *runs->places);
    runs->n_runs = 0;
    runs->map = NULL;
    begin_now(runs, NO_RUN);
    return rc;
}
