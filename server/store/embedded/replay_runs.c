#include "store/embedded/replay_runs.h"

#include <stdlib.h>

#include "base/compiler.h"
#include "store/embedded/head_group.h"
#include "store/embedded/stream_groups.h"

/* Numbers above this are not ours: the registry counts up from zero. */
enum { IDS_MAX = 1 << 28 };

/* Fewer streams do better without a group. */
enum { RUN_MIN = 4 };
#define NO_RUN (UINT32_MAX >> REPLAY_RUN_BITS)

void replay_runs_init(struct replay_runs *runs, struct replay_rows *others)
{
    memset(runs, 0, sizeof *runs);
    runs->others = others;
    runs->now = runs->waiting;
    runs->now->run = NO_RUN;
}

void replay_runs_done(struct replay_runs *runs)
{
    free(runs->streams);
    free(runs->places);
    free(runs->runs);
}

static int no_memory(struct err *err)
{
    return err_set(err, ERR_NOMEM, "replay: out of memory");
}

/* --- numbers -----------------------------------------------------------------------------------
 */

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

/* --- complete runs -----------------------------------------------------------------------------
 */

static int write_singly(struct replay_runs *runs, struct replay_waiting *w, struct err *err)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < w->n; i++)
        rc = replay_rows_add(runs->others, runs->streams[w->id[i]], &w->sample[i], err);
    w->n = 0;
    return rc;
}

/* The run's rows in the head that is written to; NULL: it has none there. */
static struct head_group *find_rows(struct replay_runs *runs, const struct replay_run *run)
{
    struct applier *to = &runs->others->to_heads;
    struct stream_shard *shard = stream_group_shard(&to->store->streams, run->group);
    lock_take(&shard->lock);
    struct head_group *g = head_group_of(to->head, run->group);
    lock_give(&shard->lock);
    return g;
}

static int go_to_head(struct replay_runs *runs, struct replay_run *run,
                      const struct batch_point *point, struct err *err)
{
    struct applier *to = &runs->others->to_heads;
    if (run->rows && run->rows->head == to->head)
        return 0;
    run->rows = find_rows(runs, run);
    if (run->rows)
        return 0;
    if (head_group_open(to->head, &to->store->streams, run->group, point, to->seal) != 0)
        return no_memory(err);
    run->rows = find_rows(runs, run);
    return 0;
}

/* 1: they cannot go together. */
static int write_together(struct replay_runs *runs, const struct replay_waiting *w, struct err *err)
{
    struct replay_run *run = &runs->runs[w->run];
    struct applier *to = &runs->others->to_heads;
    const struct batch_point point = {.numbers = w->sample, .n_counts = w->n};
    if (!run->group || !head_group_is_of_one_day(&point))
        return 1;
    int rc = apply_to_day(to, w->sample[0].t_unix_ms, err);
    if (rc == 0)
        rc = go_to_head(runs, run, &point, err);
    if (rc != 0)
        return rc;
    lock_take(run->rows->lock);
    rc = head_group_append(run->rows, &point, to->seal);
    lock_give(run->rows->lock);
    return rc < 0 ? no_memory(err) : rc;
}

/* What head_group_append looks at. */
static void ask_for_rows(const struct replay_runs *runs)
{
    struct group_run *last[REPLAY_COMPLETE];
    for (uint32_t i = 0; i < runs->n_complete; i++) {
        const struct replay_waiting *w = &runs->waiting[(runs->first + i) % (REPLAY_COMPLETE + 1)];
        const struct head_group *g = runs->runs[w->run].rows;
        last[i] = g ? g->last : NULL;
        PREFETCH(last[i]);
    }
    for (uint32_t i = 0; i < runs->n_complete; i++)
        if (last[i])
            PREFETCH(last[i]->bytes + last[i]->n_bytes);
}

static void begin_now(struct replay_runs *runs, uint32_t run)
{
    runs->now->run = run;
    runs->now->n = 0;
}

static int end_now(struct replay_runs *runs, struct err *err)
{
    int rc = write_singly(runs, runs->now, err);
    begin_now(runs, NO_RUN);
    return rc;
}

/* Rows that wait for others of a run that was given up; those that were complete came before. */
static int write_given_up(struct replay_runs *runs, struct err *err)
{
    int rc = 0;
    bool has_run = runs->now->run != NO_RUN && !runs->making;
    if (has_run && !runs->runs[runs->now->run].group)
        rc = end_now(runs, err);
    for (size_t i = 0; rc == 0 && i < REPLAY_ASIDE; i++)
        if (runs->aside[i].n && !runs->runs[runs->aside[i].run].group)
            rc = write_singly(runs, &runs->aside[i], err);
    return rc;
}

static int write_complete(struct replay_runs *runs, struct err *err)
{
    int rc = 0;
    bool given_up = false;
    ask_for_rows(runs);
    for (; rc == 0 && runs->n_complete; runs->n_complete--) {
        struct replay_waiting *w = &runs->waiting[runs->first];
        rc = write_together(runs, w, err);
        if (rc == 1) {
            given_up = true;
            runs->runs[w->run].group = NULL;
            rc = write_singly(runs, w, err);
        }
        runs->first = (runs->first + 1) % (REPLAY_COMPLETE + 1);
    }
    return rc == 0 && given_up ? write_given_up(runs, err) : rc;
}

/* What head_group_append looks at first. */
static void ask_for_group(const struct replay_run *run)
{
    const char *g = (const char *)run->rows;
    size_t size = sizeof(struct head_group) + numbers_state_size(run->n);
    for (size_t k = 0; g && k < size; k += 64)
        PREFETCH(g + k);
}

/* The run that mostly comes next. */
static uint32_t guess_next(const struct replay_runs *runs)
{
    uint32_t next = runs->now->run + 1;
    bool can = next < runs->n_runs && runs->runs[next].group && !runs->runs[next].aside;
    return can ? next : NO_RUN;
}

int replay_runs_completed(struct replay_runs *runs, struct err *err)
{
    uint32_t next = guess_next(runs);
    ask_for_group(&runs->runs[runs->now->run]);
    runs->n_complete++;
    runs->now = &runs->waiting[(runs->first + runs->n_complete) % (REPLAY_COMPLETE + 1)];
    begin_now(runs, next);
    return runs->n_complete < REPLAY_COMPLETE ? 0 : write_complete(runs, err);
}

/* --- runs that are made ------------------------------------------------------------------------
 */

int replay_runs_end_record(struct replay_runs *runs, struct err *err)
{
    if (!runs->making)
        return 0;
    struct applier *to = &runs->others->to_heads;
    struct replay_run *run = &runs->runs[runs->now->run];
    struct stream *members[REPLAY_RUN];
    runs->making = false;
    run->n = runs->now->n;
    for (uint32_t i = 0; i < run->n; i++)
        members[i] = runs->streams[runs->now->id[i]];
    if (run->n >= RUN_MIN)
        run->group = stream_groups_make(&to->store->streams, stream_shard_of(members[0]->hash),
                                        (struct hash128){0}, members, run->n, to->now_s);
    return run->group ? replay_runs_completed(runs, err) : end_now(runs, err);
}

static int make_run(struct replay_runs *runs, struct err *err)
{
    if (runs->n_runs == runs->cap_runs) {
        uint32_t cap = MAX(runs->cap_runs * 2, 64u);
        struct replay_run *v = realloc(runs->runs, cap * sizeof *v);
        if (!v)
            return no_memory(err);
        runs->runs = v;
        runs->cap_runs = cap;
    }
    runs->runs[runs->n_runs] = (struct replay_run){.n = REPLAY_RUN};
    begin_now(runs, runs->n_runs++);
    runs->making = true;
    return 0;
}

static void push(struct replay_waiting *w, uint32_t id, const struct sample *sample)
{
    w->id[w->n] = id;
    w->sample[w->n++] = *sample;
}

/* The first row of a stream. */
static int join(struct replay_runs *runs, uint32_t id, const struct sample *sample, struct err *err)
{
    int rc = runs->making ? 0 : make_run(runs, err);
    if (rc != 0)
        return rc;
    struct replay_waiting *now = runs->now;
    runs->places[id] = PLACE_IN_RUN + (now->run << REPLAY_RUN_BITS | now->n);
    push(now, id, sample);
    return now->n < REPLAY_RUN ? 0 : replay_runs_end_record(runs, err);
}

/* --- rows out of turn --------------------------------------------------------------------------
 */

static int give_up(struct replay_runs *runs, uint32_t run, struct err *err)
{
    int rc = write_complete(runs, err);
    runs->runs[run].group = NULL;
    return rc ? rc : write_given_up(runs, err);
}

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
    struct replay_waiting *now = runs->now;
    if (runs->making)
        return replay_runs_end_record(runs, err);
    if (now->n == 0)
        return 0;
    struct replay_waiting *w = free_aside(runs, now->run);
    if (!w)
        return give_up(runs, now->run, err);
    *w = *now;
    runs->runs[now->run].aside = (uint32_t)(w - runs->aside) + 1;
    now->n = 0;
    return 0;
}

/* Makes it the one that rows are added to. */
static int take_up(struct replay_runs *runs, uint32_t number, struct err *err)
{
    int rc = put_aside(runs, err);
    if (rc != 0)
        return rc;
    struct replay_run *run = &runs->runs[number];
    begin_now(runs, number);
    if (run->aside) {
        struct replay_waiting *w = &runs->aside[run->aside - 1];
        *runs->now = *w;
        w->n = 0;
        run->aside = 0;
    }
    return 0;
}

static int add_alone(struct replay_runs *runs, uint32_t id, const struct sample *sample,
                     struct err *err)
{
    return replay_rows_add(runs->others, runs->streams[id], sample, err);
}

static int add_to_run(struct replay_runs *runs, uint32_t id, const struct sample *sample,
                      struct err *err)
{
    uint32_t place = runs->places[id] - PLACE_IN_RUN, run = place >> REPLAY_RUN_BITS;
    int rc = 0;
    if (runs->making && runs->now->run == run)
        rc = replay_runs_end_record(runs, err);
    if (rc == 0 && runs->runs[run].group && runs->now->run != run)
        rc = take_up(runs, run, err);
    if (rc != 0)
        return rc;
    if (!runs->runs[run].group)
        return add_alone(runs, id, sample, err);
    if (runs->now->n == (place & (REPLAY_RUN - 1)) && !sample->histogram) {
        push(runs->now, id, sample);
        return runs->now->n < runs->runs[run].n ? 0 : replay_runs_completed(runs, err);
    }
    rc = give_up(runs, run, err);
    return rc ? rc : add_alone(runs, id, sample, err);
}

int replay_runs_add_unusual(struct replay_runs *runs, uint32_t id, const struct sample *sample,
                            struct err *err)
{
    if (runs->places[id] >= PLACE_IN_RUN)
        return add_to_run(runs, id, sample, err);
    if (runs->places[id] == PLACE_NO_ROW && !sample->histogram) {
        int rc = runs->making ? 0 : put_aside(runs, err);
        return rc ? rc : join(runs, id, sample, err);
    }
    runs->places[id] = PLACE_ALONE;
    return add_alone(runs, id, sample, err);
}

int replay_runs_end_segment(struct replay_runs *runs, struct err *err)
{
    int rc = replay_runs_end_record(runs, err);
    if (rc == 0)
        rc = write_complete(runs, err);
    if (rc == 0)
        rc = end_now(runs, err);
    for (size_t i = 0; rc == 0 && i < REPLAY_ASIDE; i++)
        rc = write_singly(runs, &runs->aside[i], err);
    if (rc == 0)
        rc = replay_rows_apply(runs->others, err);
    if (runs->n_streams)
        memset(runs->places, 0, runs->n_streams * sizeof *runs->places);
    runs->n_runs = 0;
    begin_now(runs, NO_RUN);
    return rc;
}
