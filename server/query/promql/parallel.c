/* The series are cut into pieces, and clones of the operator make their rows; exec/pool.h tells who
 * does which piece, and in what order they come out.
 *
 * A clone works in an evaluation of its own: arenas, errors, notes, limits. What it notes is added
 * to the query's notes when the turn of its piece comes, and so is its error; so the answer does
 * not depend on who did what. Its memory counts in the query's budget. The pieces that the query
 * does itself go through the original operator, and are not copied.
 *
 * The first piece is always the query's own. If its rows have histograms, and many, the rest is,
 * too: to copy them would take as much memory as it saves time. */
#include "query/promql/parallel.h"

#include "base/atomic.h"
#include "base/compiler.h"
#include "query/exec/pool.h"

enum {
    PIECE_VALUES = 1 << 17, /* a megabyte, and a millisecond or two of work */
    PIECE_SERIES = 256,
    SERIES_WORK = 50,    /* what reading a series costs, in steps */
    HISTOGRAM_STEPS = 64 /* of rows that may have histograms */
};

struct part {
    struct limits limits;
    struct err err;
    struct eval ev;
    struct op *op; /* NULL: not made yet */
    struct series_reader *reader;
    struct arena *batch; /* histograms and notes of the piece */
    struct row *rows;    /* of the piece */
    double *values;
    size_t n, at;
    int rc;
    bool helped; /* by another thread than the query's */
};

struct parallel_op {
    struct op op;
    struct parallel_leaf leaf;
    struct pool_work work;
    struct part *parts;    /* one for each lane */
    struct part *at;       /* whose rows are given out; NULL: the original's */
    size_t lane, n_series; /* lane: of `at` */
    size_t piece_series;
    pthread_t owner;
    atomic_bool stop;
    bool begun, alone; /* alone: the original does all */
};

/* --- a piece by any thread -------------------------------------------------------------------- */

static bool is_cancelled(void *self)
{
    const struct parallel_op *p = self;
    const struct limits *l = p->op.ev->limits;
    return atomic_get_relaxed(&p->stop) || (l->cancelled && l->cancelled(l->self));
}

static void init_part(struct parallel_op *p, struct part *t)
{
    struct eval *ev = p->op.ev;
    t->limits = (struct limits){.deadline_mono_ns = ev->limits->deadline_mono_ns,
                                .timeout_ms = ev->limits->timeout_ms,
                                .timeout_by = ev->limits->timeout_by,
                                .max_samples = ev->limits->max_samples,
                                .cancelled = is_cancelled,
                                .self = p};
    limits_budget(&t->limits.memory, SIZE_MAX, &ev->limits->memory);
    t->ev = (struct eval){.store = ev->store,
                          .limits = &t->limits,
                          .features = ev->features,
                          .lookback_ms = ev->lookback_ms,
                          .default_step_ms = ev->default_step_ms,
                          .query = ev->query,
                          .query_end_ms = ev->query_end_ms,
                          .err = &t->err};
}

static int open_part(struct parallel_op *p, struct part *t)
{
    t->ev.arena = limits_arena(&t->limits);
    t->batch = limits_arena(&t->limits);
    if (!t->ev.arena || !t->batch)
        return eval_memory_error(&t->ev);
    t->ev.notes.arena = t->batch;
    t->rows = eval_alloc(&t->ev, p->piece_series, sizeof *t->rows);
    t->values = t->rows ? op_values(&t->ev, p->piece_series * p->op.t.n) : NULL;
    return t->values ? p->leaf.clone(&t->ev, p->leaf.op, &t->op, &t->reader) : ERR_TOO_BIG;
}

static int put_row(struct part *t, const struct row *r, size_t n_steps)
{
    struct row *to = &t->rows[t->n];
    *to = *r;
    to->v = t->values + t->n * n_steps;
    memcpy(to->v, r->v, n_steps * sizeof *to->v);
    if (r->h && !(to->h = row_copy_histograms(t->batch, r, n_steps)))
        return eval_memory_error(&t->ev);
    t->n++;
    return 0;
}

static void seek(const struct parallel_op *p, struct series_reader *reader, size_t piece)
{
    reader->at = (piece + 1) * p->piece_series; // the first was done before the pool came in
    reader->end = reader->at + p->piece_series;
}

static void run_piece(void *self, size_t lane, size_t piece)
{
    struct parallel_op *p = self;
    struct part *t = &p->parts[lane];
    struct row row;
    t->n = t->at = 0;
    t->helped = !pthread_equal(pthread_self(), p->owner);
    t->rc = t->op ? 0 : open_part(p, t);
    if (t->rc != 0)
        return;
    arena_reset(t->batch);
    annotations_clear(&t->ev.notes);
    seek(p, t->reader, piece);
    while (t->rc == 0 && (t->rc = op_next(t->op, &row)) > 0)
        t->rc = put_row(t, &row, p->op.t.n);
}

/* --- the query's thread ----------------------------------------------------------------------- */

/* What the piece read, noted and failed with becomes the query's. */
static int take_over(struct parallel_op *p, struct part *t)
{
    struct eval *ev = p->op.ev;
    uint64_t held = t->limits.peak_samples;
    ev->pieces_helped += t->helped;
    ev->limits->samples_read += t->limits.samples_read;
    t->limits.samples_read = 0;
    annotations_merge(&ev->notes, &t->ev.notes);
    if (t->rc < 0) {
        ev->limits->memory.refused_by = t->limits.memory.refused_by;
        *ev->err = t->err;
        return t->rc;
    }
    int rc = limits_hold(ev->limits, held, ev->err);
    limits_release(ev->limits, held);
    return rc;
}

/* The next row of the lane at hand: 1; 0: it is empty. */
static int next_of_part(struct parallel_op *p, struct row *out)
{
    struct part *t = p->at;
    if (t->at < t->n) {
        *out = t->rows[t->at++];
        return 1;
    }
    p->at = NULL;
    pool_release(p->op.ev->pool, &p->work, p->lane);
    return 0;
}

static int begin(struct parallel_op *p)
{
    struct eval *ev = p->op.ev;
    size_t lanes = MIN(ev->pool->n_helpers + 2, (size_t)POOL_LANES_MAX);
    p->parts = eval_alloc(ev, lanes, sizeof *p->parts);
    if (!p->parts)
        return ERR_TOO_BIG;
    for (size_t i = 0; i < lanes; i++)
        init_part(p, &p->parts[i]);
    p->work.run = run_piece;
    p->work.self = p;
    p->work.n_lanes = lanes;
    p->work.n_pieces = (p->n_series - 1) / p->piece_series;
    p->owner = pthread_self();
    p->begun = true;
    pool_begin(ev->pool, &p->work);
    return 0;
}

/* 1: there is another piece, the original's or in a lane; 0: that was the last. */
static int next_piece(struct parallel_op *p)
{
    size_t at = 0;
    int rc = p->begun ? 0 : begin(p);
    if (rc != 0)
        return rc;
    enum pool_turn turn = pool_next(p->op.ev->pool, &p->work, &at);
    p->op.ev->pieces += turn != POOL_END;
    if (turn == POOL_END)
        return 0;
    if (turn == POOL_OWN) {
        seek(p, p->leaf.reader, at);
        return 1;
    }
    p->lane = at;
    p->at = &p->parts[at];
    rc = take_over(p, p->at);
    return rc ? rc : 1;
}

static int parallel_next(struct op *op, struct row *out)
{
    struct parallel_op *p = (struct parallel_op *)op;
    for (;;) {
        int rc = p->at ? next_of_part(p, out) : op_next(p->leaf.op, out);
        if (rc == 0 && p->alone)
            return 0;
        if (rc > 0 && !p->begun && out->h && op->t.n > HISTOGRAM_STEPS) {
            p->alone = true;
            p->leaf.reader->end = p->n_series;
        }
        if (rc != 0)
            return rc;
        rc = next_piece(p);
        if (rc <= 0)
            return rc;
    }
}

static void parallel_close(struct op *op)
{
    struct parallel_op *p = (struct parallel_op *)op;
    if (!p->begun)
        return;
    atomic_set_relaxed(&p->stop, true);
    pool_end(op->ev->pool, &p->work);
    for (size_t i = 0; i < p->work.n_lanes; i++) {
        eval_done(&p->parts[i].ev);
        limits_done(&p->parts[i].limits);
    }
}

/* The labels of rows live in the parts' arenas, which go when the query does. */
int op_open_parallel(struct eval *ev, const struct parallel_leaf *leaf, struct op **out)
{
    size_t n = selection_count(leaf->reader->selection), steps = leaf->op->t.n;
    size_t per = MIN((size_t)PIECE_VALUES / MAX(steps, (size_t)1), (size_t)PIECE_SERIES);
    *out = leaf->op;
    if (!ev->pool || ev->pool->n_helpers == 0 || ev->trace || leaf->reader->wanted ||
        n <= MAX(per, (size_t)1) || n * (steps + SERIES_WORK) < ev->parallel_from)
        return 0;
    struct parallel_op *p = op_new(ev, sizeof *p, leaf->op->t, parallel_next);
    if (!p)
        return ERR_TOO_BIG;
    p->op.close = parallel_close;
    p->op.distinct = leaf->op->distinct;
    p->leaf = *leaf;
    p->n_series = n;
    p->piece_series = MAX(per, (size_t)1);
    atomic_init(&p->stop, false);
    leaf->reader->end = p->piece_series;
    *out = &p->op;
    return 0;
}
