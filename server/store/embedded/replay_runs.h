/* Series whose rows stand in the log in the same order each time: a replay puts them into heads
 * together.
 *
 * Who scrapes sends the same series in the same order again and again. Series whose first rows
 * follow each other in a record become a *run*: rows wait until each of its series has one, and are
 * then one row of a group of streams (stream_groups.h, head_group.h), which takes a fraction of the
 * time that a row for each stream takes. The group is the replay's own: no receiver finds it, and
 * what is appended later goes to the streams. A run one of whose series comes out of its turn is
 * given up, and its rows go the way of all others (replay_rows.h).
 *
 * Rows of a run that stand behind each other in the log and are plain (wal_record.h) stay there:
 * the group's row says where, and the head keeps the segment mapped. To write them down once more
 * would take longer than all else, and the next flush will anyway.
 *
 *   row ─► place of its stream ─► next of `now`? ─► complete ─► many of them, by run ─► heads
 *                                     │ no: replay_runs_add
 *
 * A series' rows are a scrape apart, and between two of them all others pass through the caches.
 * Hence what is looked at for each row is small, and complete rows wait until there are many of a
 * run.
 *
 * Threads: one. */
#ifndef TELLTALE_STORE_EMBEDDED_REPLAY_RUNS_H
#define TELLTALE_STORE_EMBEDDED_REPLAY_RUNS_H

#include "store/embedded/head_numbers.h"
#include "store/embedded/replay_rows.h"
#include "store/embedded/wal_map.h"

/* Series of a run: with more of them who reads one of them has to pass over more. */
enum { REPLAY_RUN_BITS = 5, REPLAY_RUN = 1 << REPLAY_RUN_BITS };

/* So many complete rows of runs may wait; of them so many that do not stay in the log; and so many
 * incomplete ones, when rows of others come between. */
enum { REPLAY_COMPLETE = 1 << 15, REPLAY_KEPT = 64, REPLAY_ASIDE = 256 };

/* What is known of a number in the log: with PLACE_IN_RUN and above, run << REPLAY_RUN_BITS | turn
 * are added to it. */
enum { PLACE_UNDEFINED, PLACE_NO_ROW, PLACE_ALONE, PLACE_IN_RUN };

struct replay_run {
    struct stream *group;    /* NULL: being made, or too few streams */
    struct head_group *rows; /* where its last ones went; NULL: none did */
    uint32_t n;              /* streams; REPLAY_RUN while it is being made */
    uint32_t aside;          /* 1 + where its rows wait; 0: not there */
    uint32_t round;          /* of the last complete row: whether it still waits */
    bool given_up;
};

/* Rows of one run: `n` of the `of` streams, in turn. */
struct replay_waiting {
    uint32_t run, n, of;
    const char *from, *end; /* of their bytes in the record; from NULL: not one behind the other */
    uint32_t id[REPLAY_RUN];
    struct sample sample[REPLAY_RUN];
};

/* A row of each stream of a run. */
struct replay_complete {
    struct logged_row logged; /* p NULL: one of the kept ones, */
    uint32_t kept;            /* this one */
    uint32_t run;
};

struct replay_runs {
    struct replay_rows *others; /* borrowed: where rows go that are of no run */
    struct applier to_heads;    /* complete rows: others may be of other days meanwhile */
    struct wal_map *map;        /* of this segment, borrowed; NULL: not mapped */
    struct str record;          /* the one that is read, */
    uint64_t record_at;         /* and where it stands in the segment */
    struct stream **streams;    /* by their number in the segment */
    uint32_t *places;           /* likewise */
    size_t n_streams;
    struct replay_run *runs;
    uint32_t *starts; /* room for a number more than there are runs */
    uint32_t n_runs, cap_runs;
    bool making;                      /* `now` is of a run that more streams may join */
    struct replay_waiting now;        /* rows that come; n may be 0 */
    struct replay_complete *complete; /* all of the day that is written to */
    uint32_t *order;                  /* of them: room */
    uint32_t n_complete, n_kept, round;
    struct replay_waiting kept[REPLAY_KEPT];
    struct replay_waiting aside[REPLAY_ASIDE]; /* n 0: free */
};

void replay_runs_init(struct replay_runs *runs, struct replay_rows *others);
void replay_runs_done(struct replay_runs *runs);

/* Says which stream a number means in this segment, in which it has no other. ERR_CORRUPT: no log
 * has such a number; ERR_NOMEM. */
int replay_runs_define(struct replay_runs *runs, uint32_t id, struct stream *st);

/* NULL: not defined. */
struct stream *replay_runs_stream(const struct replay_runs *runs, uint32_t id);

static inline bool replay_runs_has(const struct replay_runs *runs, uint32_t id)
{
    return id < runs->n_streams && runs->places[id] != PLACE_UNDEFINED;
}

/* What is to be done when `now` has become complete. */
int replay_runs_completed(struct replay_runs *runs, struct err *err);

/* `bytes`: of a plain row. */
static inline void replay_waiting_push_plain(struct replay_waiting *w, uint32_t id, int64_t t,
                                             double value, struct str bytes)
{
    if (w->n == 0)
        w->from = bytes.p;
    else if (w->end != bytes.p)
        w->from = NULL;
    w->end = bytes.p + bytes.n;
    w->id[w->n] = id;
    w->sample[w->n++] = (struct sample){.t_unix_ms = t, .value = value};
}

/* Whether the next row of the run that rows come of is this number's. */
static inline bool replay_runs_is_next(const struct replay_runs *runs, uint32_t id)
{
    const struct replay_waiting *now = &runs->now;
    uint32_t next = PLACE_IN_RUN + (now->run << REPLAY_RUN_BITS | now->n);
    return id < runs->n_streams && runs->places[id] == next;
}

/* Adds it: a plain row of these bytes in the record. ERR_NOMEM. */
static inline int replay_runs_add_next(struct replay_runs *runs, uint32_t id, int64_t t,
                                       double value, struct str bytes, struct err *err)
{
    struct replay_waiting *now = &runs->now;
    replay_waiting_push_plain(now, id, t, value, bytes);
    return now->n < now->of ? 0 : replay_runs_completed(runs, err);
}

/* Adds any row of a number that is defined; its histogram must live until the next
 * replay_rows_apply. `bytes`: of a plain row, else {0}. ERR_NOMEM. */
int replay_runs_add(struct replay_runs *runs, uint32_t id, const struct sample *sample,
                    struct str bytes, struct err *err);

/* Parts of the above: rows of a run to their streams, in any case; all complete ones to the heads
 * of their groups, or, where a run had to be given up, to their streams. ERR_NOMEM. */
int replay_runs_write_singly(struct replay_runs *runs, struct replay_waiting *w, struct err *err);
int replay_complete_write(struct replay_runs *runs, struct err *err);

/* To be called before a segment; `map` must live until its end. NULL: none. */
void replay_runs_begin_segment(struct replay_runs *runs, struct wal_map *map);

/* To be called before and behind each record: the run that is being made ends. ERR_NOMEM. */
void replay_runs_begin_record(struct replay_runs *runs, struct str record, uint64_t at);
int replay_runs_end_record(struct replay_runs *runs, struct err *err);

/* To be called behind a segment: no row waits any more, and no number is defined. ERR_NOMEM. */
int replay_runs_end_segment(struct replay_runs *runs, struct err *err);

#endif
