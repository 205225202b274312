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
 *   row ─► place of its stream ─► next of `now`? ─► complete ─► head
 *                                     │ no: replay_runs_add_unusual
 *
 * What is looked at for each row is kept small: a series' rows are a scrape apart, and between two
 * of them all others pass through the caches.
 *
 * Threads: one. */
#ifndef TELLTALE_STORE_EMBEDDED_REPLAY_RUNS_H
#define TELLTALE_STORE_EMBEDDED_REPLAY_RUNS_H

#include "store/embedded/replay_rows.h"

/* Series of a run: with more of them who reads one of them has to pass over more. */
enum { REPLAY_RUN_BITS = 5, REPLAY_RUN = 1 << REPLAY_RUN_BITS };

/* So many complete runs wait before they are written, so that memory is there by then; and so many
 * incomplete ones, when rows of others come between. */
enum { REPLAY_COMPLETE = 16, REPLAY_ASIDE = 256 };

/* What is known of a number in the log: with PLACE_IN_RUN and above, run << REPLAY_RUN_BITS | turn
 * are added to it. */
enum { PLACE_UNDEFINED, PLACE_NO_ROW, PLACE_ALONE, PLACE_IN_RUN };

struct replay_run {
    struct stream *group;    /* NULL: being made, or given up */
    struct head_group *rows; /* where its last ones went; NULL: none did */
    uint32_t n;              /* streams; REPLAY_RUN while it is being made */
    uint32_t aside;          /* 1 + where its rows wait; 0: not there */
};

/* Rows of one run: `n` of them, in turn. */
struct replay_waiting {
    uint32_t run, n;
    uint32_t id[REPLAY_RUN];
    struct sample sample[REPLAY_RUN];
};

struct replay_runs {
    struct replay_rows *others; /* borrowed: where rows go that are of no run */
    struct stream **streams;    /* by their number in the segment */
    uint32_t *places;           /* likewise */
    size_t n_streams;
    struct replay_run *runs;
    uint32_t n_runs, cap_runs;
    bool making;                /* `now` is of a run that more streams may join */
    struct replay_waiting *now; /* the one behind the complete ones; n may be 0 */
    uint32_t first, n_complete;
    struct replay_waiting waiting[REPLAY_COMPLETE + 1]; /* a ring */
    struct replay_waiting aside[REPLAY_ASIDE];          /* n 0: free */
};

void replay_runs_init(struct replay_runs *runs, struct replay_rows *others);
void replay_runs_done(struct replay_runs *runs);

/* Says which stream a number means in this segment. ERR_CORRUPT: no log has such a number;
 * ERR_NOMEM. */
int replay_runs_define(struct replay_runs *runs, uint32_t id, struct stream *st);

/* NULL: not defined. */
struct stream *replay_runs_stream(const struct replay_runs *runs, uint32_t id);

static inline bool replay_runs_has(const struct replay_runs *runs, uint32_t id)
{
    return id < runs->n_streams && runs->places[id] != PLACE_UNDEFINED;
}

/* Parts of replay_runs_add: any row; what is to be done when `now` has become complete. */
int replay_runs_add_unusual(struct replay_runs *runs, uint32_t id, const struct sample *sample,
                            struct err *err);
int replay_runs_completed(struct replay_runs *runs, struct err *err);

/* Adds a row of a number that is defined; its histogram must live until the next replay_rows_apply.
 * ERR_NOMEM. */
static inline int replay_runs_add(struct replay_runs *runs, uint32_t id,
                                  const struct sample *sample, struct err *err)
{
    struct replay_waiting *now = runs->now;
    uint32_t next = PLACE_IN_RUN + (now->run << REPLAY_RUN_BITS | now->n);
    if (runs->places[id] != next || sample->histogram)
        return replay_runs_add_unusual(runs, id, sample, err);
    now->id[now->n] = id;
    now->sample[now->n++] = *sample;
    return now->n < runs->runs[now->run].n ? 0 : replay_runs_completed(runs, err);
}

/* To be called behind each record: the run that is being made ends. ERR_NOMEM. */
int replay_runs_end_record(struct replay_runs *runs, struct err *err);

/* To be called behind a segment: no row waits any more, and no number is defined. ERR_NOMEM. */
int replay_runs_end_segment(struct replay_runs *runs, struct err *err);

#endif
