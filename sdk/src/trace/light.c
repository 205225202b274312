/* Blocks of slots. Those of a thread that ended are taken over by the next that needs some, with
 * the spans that still live in them. */
#include "trace/light.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/mutex.h"

enum { BLOCKS_MAX = 2048 };

_Thread_local struct light_own light_own;

static struct {
    struct mutex lock;
    struct light_block *orphans; /* of threads that ended */
    struct light_block *blocks;  /* all */
    size_t made;
} all = {.lock = MUTEX_INIT};

static pthread_key_t thread_end;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool usable; /* set by prepare, once */

static void set_owner(struct light_block *b, const void *owner)
{
    for (size_t i = 0; i < LIGHT_SLOTS; i++)
        atomic_set_relaxed(&b->slots[i].owner, owner);
}

static void end_thread(void *arg)
{
    (void)arg;
    mutex_lock(&all.lock);
    for (struct light_block *b = light_own.blocks, *next; b; b = next) {
        next = b->next;
        set_owner(b, NULL);
        b->next = all.orphans;
        all.orphans = b;
    }
    mutex_unlock(&all.lock);
    light_own = (struct light_own){0};
}

static void before_fork(void)
{
    mutex_lock(&all.lock);
}

static void after_fork(void)
{
    mutex_unlock(&all.lock);
}

static void prepare(void)
{
    usable = pthread_key_create(&thread_end, end_thread) == 0 &&
             pthread_atfork(before_fork, after_fork, after_fork) == 0;
}

/* --- finding free slots ---------------------------------------------------------------------- */

static void put_free(struct light *l)
{
    l->next = light_own.free;
    light_own.free = l;
}

/* Spans of a block that others ended, and with `unused`, slots without a span. Returns how many. */
static size_t collect(struct light_block *b, bool unused)
{
    size_t found = 0;
    for (size_t i = 0; i < LIGHT_SLOTS; i++) {
        struct light *l = &b->slots[i];
        uint64_t generation = atomic_get_relaxed(&l->generation);
        if (generation % 2 && atomic_get_relaxed(&l->ended_elsewhere) == generation) {
            atomic_set_release(&l->generation, generation + 1); // pairs with light_read
            put_free(l);
            found++;
        } else if (generation % 2 == 0 && unused) {
            put_free(l);
            found++;
        }
    }
    return found;
}

/* Looks for what others gave back; not soon again when that was less than one in a block. */
static void collect_all(void)
{
    size_t found = 0;
    for (struct light_block *b = light_own.blocks; b; b = b->next)
        found += collect(b, false);
    light_own.patience = found < light_own.owned ? light_own.owned : 0;
}

/* An orphan, or a new one; NULL when there are too many, or no memory. */
static struct light_block *take_block(void)
{
    mutex_lock(&all.lock);
    struct light_block *b = all.orphans;
    if (b) {
        all.orphans = b->next;
    } else if (all.made < BLOCKS_MAX && (b = aligned_alloc(CACHE_LINE, sizeof *b))) {
        memset(b, 0, sizeof *b);
        b->made_next = all.blocks;
        all.blocks = b;
        all.made++;
    }
    mutex_unlock(&all.lock);
    return b;
}

static bool refill(void)
{
    (void)pthread_once(&once, prepare);
    if (!usable || pthread_setspecific(thread_end, &light_own) != 0)
        return false;
    if (light_own.patience == 0)
        collect_all();
    else
        light_own.patience--;
    while (!light_own.free) {
        struct light_block *b = take_block();
        if (!b) {
            problem(TT_PROBLEM_LIMIT, "more than 63488 spans that are not sampled live", NULL);
            return false;
        }
        set_owner(b, &light_own);
        b->next = light_own.blocks;
        light_own.blocks = b;
        light_own.owned++;
        (void)collect(b, true); // one at least, or the next
    }
    return true;
}

tt_span light_start_other(uint64_t trace_high, uint64_t trace_low, uint64_t span_id, uint8_t flags)
{
    if (!light_own.free && !refill())
        return (tt_span){0};
    struct light *l = light_own.free;
    light_own.free = l->next;
    return light_fill(l, trace_high, trace_low, span_id, flags);
}

void light_end_elsewhere(struct light *l, uint64_t generation)
{
    if (atomic_get_acquire(&l->generation) != generation ||
        atomic_exchange(&l->ended_elsewhere, generation) == generation)
        problem(TT_PROBLEM_MISUSE, "a span was ended twice", NULL);
}

/* Each start and each end has made the generation one more. */
void light_count(tt_pipeline *p)
{
    mutex_lock(&all.lock);
    const struct light_block *b = all.blocks; // new ones are put in front
    mutex_unlock(&all.lock);
    for (; b; b = b->made_next) {
        for (size_t i = 0; i < LIGHT_SLOTS; i++)
            p->dropped += (int64_t)(atomic_get_relaxed(&b->slots[i].generation) + 1) / 2;
        p->dropped_child[0] += (int64_t)atomic_get_relaxed(&b->children[0]);
        p->dropped_child[1] += (int64_t)atomic_get_relaxed(&b->children[1]);
    }
}
