/* Complete rows of runs on their way from a replay into heads. */
#include "base/compiler.h"
#include "store/embedded/head_group.h"
#include "store/embedded/replay_runs.h"
#include "store/embedded/stream_groups.h"
#include "store/embedded/wal_record.h"

/* The run's rows in the head that is written to; NULL: it has none there. */
static struct head_group *find_rows(struct replay_runs *runs, const struct replay_run *run)
{
    struct applier *to = &runs->to_heads;
    struct stream_shard *shard = stream_group_shard(&to->store->streams, run->group);
    lock_take(&shard->lock);
    struct head_group *g = head_group_of(to->head, run->group);
    lock_give(&shard->lock);
    return g;
}

static int go_to_head(struct replay_runs *runs, struct replay_run *run, struct err *err)
{
    struct applier *to = &runs->to_heads;
    const struct sample like[REPLAY_RUN] = {0};
    const struct batch_point point = {.numbers = like, .n_counts = run->n};
    if (run->rows && run->rows->head == to->head)
        return 0;
    run->rows = find_rows(runs, run);
    if (run->rows)
        return 0;
    if (head_group_open(to->head, &to->store->streams, run->group, &point, to->seal) != 0)
        return err_set(err, ERR_NOMEM, "replay: out of memory");
    run->rows = find_rows(runs, run);
    return 0;
}

/* 1: the group takes no more, and nothing has changed. */
static int append(struct replay_runs *runs, struct head_group *g, const struct replay_complete *c)
{
    int rc = c->logged.p ? head_keep_map(g->head, runs->map) : 0;
    if (rc != 0)
        return rc;
    const struct replay_waiting *w = &runs->kept[c->kept];
    const struct batch_point point = {.numbers = w->sample, .n_counts = w->n};
    lock_take(g->lock);
    rc = c->logged.p ? head_group_append_logged(g, &c->logged)
                     : head_group_append(g, &point, runs->to_heads.seal);
    lock_give(g->lock);
    return rc;
}

/* Reads them back from the log, or takes those that were kept. */
static int write_alone(struct replay_runs *runs, const struct replay_complete *c, struct err *err)
{
    if (!c->logged.p)
        return replay_runs_write_singly(runs, &runs->kept[c->kept], err);
    const struct applier *to = &runs->to_heads;
    const struct stream *group = runs->runs[c->run].group;
    const struct str rows = str_of(c->logged.p, c->logged.n_bytes);
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < runs->runs[c->run].n; i++) {
        struct sample s;
        struct stream *st = stream_group_member(&to->store->streams, group, i);
        if (wal_read_plain(rows, i, to->from + c->logged.t, &s) && logged_row_is_sound(&c->logged))
            rc = replay_rows_add(runs->others, st, &s, err);
        else
            atomic_set_relaxed(&to->head->lost_rows, true);
    }
    return rc;
}

static int write_complete(struct replay_runs *runs, const struct replay_complete *c,
                          struct err *err)
{
    struct replay_run *run = &runs->runs[c->run];
    int rc = run->given_up ? 1 : go_to_head(runs, run, err);
    if (rc == 0)
        rc = append(runs, run->rows, c);
    if (rc == 1) {
        run->given_up = true;
        return write_alone(runs, c, err);
    }
    return rc < 0 ? err_set(err, ERR_NOMEM, "replay: out of memory") : 0;
}

/* Any order is right in which those of a run keep theirs. By run fewer caches are missed: so, by
 * counting, when there are enough that most runs have some. */
static void sort_by_run(struct replay_runs *runs)
{
    uint32_t *starts = runs->starts;
    if (runs->n_complete < runs->n_runs) {
        for (uint32_t i = 0; i < runs->n_complete; i++)
            runs->order[i] = i;
        return;
    }
    memset(starts, 0, (runs->n_runs + 1) * sizeof *starts);
    for (uint32_t i = 0; i < runs->n_complete; i++)
        starts[runs->complete[i].run + 1]++;
    for (uint32_t i = 0; i < runs->n_runs; i++)
        starts[i + 1] += starts[i];
    for (uint32_t i = 0; i < runs->n_complete; i++)
        runs->order[starts[runs->complete[i].run]++] = i;
}

/* What head_group_append looks at, a few rows before its turn. */
static void ask_for(const struct replay_runs *runs, uint32_t i)
{
    enum { FIRST = 32, EARLY = 16, SOON = 8 };
    if (i + FIRST < runs->n_complete)
        PREFETCH(&runs->complete[runs->order[i + FIRST]]);
    if (i + EARLY < runs->n_complete) {
        const struct replay_complete *c = &runs->complete[runs->order[i + EARLY]];
        const char *g = (const char *)runs->runs[c->run].rows;
        for (size_t k = 0; g && k < sizeof(struct head_group); k += 64)
            PREFETCH(g + k);
    }
    if (i + SOON < runs->n_complete) {
        const struct replay_complete *c = &runs->complete[runs->order[i + SOON]];
        const struct head_group *g = runs->runs[c->run].rows;
        if (g)
            PREFETCH(g->last);
    }
}

int replay_complete_write(struct replay_runs *runs, struct err *err)
{
    int rc = 0;
    sort_by_run(runs);
    for (uint32_t i = 0; rc == 0 && i < runs->n_complete; i++) {
        ask_for(runs, i);
        rc = write_complete(runs, &runs->complete[runs->order[i]], err);
    }
    runs->n_complete = runs->n_kept = 0;
    runs->round++;
    return rc;
}
