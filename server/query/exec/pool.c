#include "query/exec/pool.h"

#include "base/compiler.h"
#include "self/self.h"

static struct self_metric pieces_total = SELF_COUNTER(
    "telltale_query_helped_pieces_total", "Pieces of queries that helping threads have done.");

/* --- under the lock --------------------------------------------------------------------------- */

static void append(struct pool *p, struct pool_work *w)
{
    w->before = p->last;
    w->after = NULL;
    *(p->last ? &p->last->after : &p->first) = w;
    p->last = w;
}

static void take_out(struct pool *p, struct pool_work *w)
{
    *(w->before ? &w->before->after : &p->first) = w->after;
    *(w->after ? &w->after->before : &p->last) = w->before;
}

static struct pool_lane *free_lane(struct pool_work *w)
{
    for (size_t i = 0; i < w->n_lanes; i++)
        if (w->lanes[i].state == LANE_FREE)
            return &w->lanes[i];
    return NULL;
}

/* Begins the next piece in a free lane; NULL: there is none of one or the other. */
static struct pool_lane *claim(struct pool_work *w)
{
    struct pool_lane *lane = w->next < w->n_pieces ? free_lane(w) : NULL;
    if (lane)
        *lane = (struct pool_lane){LANE_BUSY, w->next++};
    return lane;
}

static struct pool_lane *lane_of(struct pool_work *w, size_t piece)
{
    for (size_t i = 0; i < w->n_lanes; i++)
        if (w->lanes[i].state != LANE_FREE && w->lanes[i].piece == piece)
            return &w->lanes[i];
    return NULL;
}

/* Gives the lock back while the piece is done. */
static void run_piece(struct pool *p, struct pool_work *w, struct pool_lane *lane)
{
    size_t piece = lane->piece;
    lock_give(&p->lock);
    w->run(w->self, (size_t)(lane - w->lanes), piece);
    lock_take(&p->lock);
    lane->state = LANE_DONE;
}

/* --- helpers ---------------------------------------------------------------------------------- */

/* Something to do, unless all threads are at work. Whom it is for goes to the end of the list. */
static struct pool_lane *find_work(struct pool *p, struct pool_work **out)
{
    if (p->queries + p->busy >= p->threads)
        return NULL;
    for (struct pool_work *w = p->first; w; w = w->after) {
        struct pool_lane *lane = claim(w);
        if (!lane)
            continue;
        take_out(p, w);
        append(p, w);
        *out = w;
        return lane;
    }
    return NULL;
}

static void help(struct pool *p, struct pool_work *w, struct pool_lane *lane)
{
    p->busy++;
    w->busy++;
    run_piece(p, w, lane);
    w->helped++;
    w->busy--;
    p->busy--;
    cond_signal(&w->changed); // only its query waits for it
}

static void helper(void *arg)
{
    struct pool *p = arg;
    lock_take(&p->lock);
    while (!p->stopping) {
        struct pool_work *w;
        struct pool_lane *lane = find_work(p, &w);
        if (lane)
            help(p, w, lane);
        else
            cond_wait(&p->wake, &p->lock);
    }
    lock_give(&p->lock);
}

void pool_init(struct pool *p, size_t threads)
{
    size_t n = threads ? threads : thread_processors();
    *p = (struct pool){.threads = MIN(n, (size_t)POOL_THREADS_MAX)};
    lock_init(&p->lock, LOCK_QUERY);
    cond_init(&p->wake);
    while (p->n_helpers + 1 < p->threads &&
           thread_start(&p->helpers[p->n_helpers], "query-helper", helper, p, NULL) == 0)
        p->n_helpers++;
}

void pool_done(struct pool *p)
{
    lock_take(&p->lock);
    p->stopping = true;
    cond_broadcast(&p->wake);
    lock_give(&p->lock);
    for (size_t i = 0; i < p->n_helpers; i++)
        thread_join(&p->helpers[i]);
    cond_done(&p->wake);
    lock_done(&p->lock);
}

/* --- queries ---------------------------------------------------------------------------------- */

void pool_enter(struct pool *p)
{
    lock_take(&p->lock);
    p->queries++;
    lock_give(&p->lock);
}

void pool_leave(struct pool *p)
{
    lock_take(&p->lock);
    p->queries--;
    if (p->first)
        cond_signal(&p->wake); // its core is free
    lock_give(&p->lock);
}

void pool_begin(struct pool *p, struct pool_work *w)
{
    cond_init(&w->changed);
    lock_take(&p->lock);
    append(p, w);
    cond_broadcast(&p->wake);
    lock_give(&p->lock);
}

/* Until the lane is done: pieces that come after it, then sleep. */
static void wait_for(struct pool *p, struct pool_work *w, const struct pool_lane *lane)
{
    while (lane->state != LANE_DONE) {
        struct pool_lane *other = claim(w);
        if (other)
            run_piece(p, w, other);
        else
            cond_wait(&w->changed, &p->lock);
    }
}

enum pool_turn pool_next(struct pool *p, struct pool_work *w, size_t *out)
{
    enum pool_turn turn = POOL_END;
    lock_take(&p->lock);
    struct pool_lane *lane = lane_of(w, w->wanted);
    if (lane) {
        wait_for(p, w, lane);
        *out = (size_t)(lane - w->lanes);
        turn = POOL_LANE;
    } else if (w->wanted < w->n_pieces) {
        *out = w->next++;
        turn = POOL_OWN;
    }
    w->wanted += turn != POOL_END;
    lock_give(&p->lock);
    return turn;
}

void pool_release(struct pool *p, struct pool_work *w, size_t lane)
{
    lock_take(&p->lock);
    w->lanes[lane].state = LANE_FREE;
    if (w->next < w->n_pieces)
        cond_signal(&p->wake);
    lock_give(&p->lock);
}

void pool_end(struct pool *p, struct pool_work *w)
{
    lock_take(&p->lock);
    w->n_pieces = 0;
    take_out(p, w);
    while (w->busy)
        cond_wait(&w->changed, &p->lock);
    lock_give(&p->lock);
    cond_done(&w->changed);
    self_add(&pieces_total, w->helped);
}
