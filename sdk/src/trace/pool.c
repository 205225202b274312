/* The pool of spans: a free list of each thread, refilled from a common one. */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "core/mutex.h"
#include "core/problem.h"
#include "telltale/watch.h"
#include "trace/span.h"

enum { LIVE_MAX = 1 << 16, KEPT_MAX = 64, REFILL = 16, YIELDS_MAX = 1 << 20 };

static struct {
    struct mutex lock;
    struct tt_span_memory *free;
    struct tt_span_memory *first; /* of all */
    size_t made;
} pool = {.lock = MUTEX_INIT};

static _Thread_local struct {
    struct tt_span_memory *free;
    size_t n;
    bool known; /* to the thread's end */
} own;

static pthread_key_t thread_end;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool usable; /* set by prepare, once */

/* --- threads and processes that come and go -------------------------------------------------- */

static COLD void give_back(size_t keep)
{
    mutex_lock(&pool.lock);
    while (own.n > keep) {
        struct tt_span_memory *s = own.free;
        own.free = s->next;
        own.n--;
        s->next = pool.free;
        pool.free = s;
    }
    mutex_unlock(&pool.lock);
}

static COLD void end_thread(void *arg)
{
    (void)arg;
    give_back(0);
    own.known = false;
}

static void before_fork(void)
{
    mutex_lock(&pool.lock);
}

static void after_fork(void)
{
    mutex_unlock(&pool.lock);
}

static COLD void prepare(void)
{
    usable = pthread_key_create(&thread_end, end_thread) == 0 &&
             pthread_atfork(before_fork, after_fork, after_fork) == 0;
}

/* --- taking and giving ----------------------------------------------------------------------- */

/* Under the lock. */
static COLD struct tt_span_memory *make(void)
{
    struct tt_span_memory *s = pool.made < LIVE_MAX ? calloc(1, sizeof *s) : NULL;
    if (!s)
        return NULL;
    pool.made++;
    s->made_next = pool.first;
    pool.first = s;
    return s;
}

struct tt_span_memory *span_first(void)
{
    mutex_lock(&pool.lock);
    struct tt_span_memory *s = pool.first; // new ones are put in front
    mutex_unlock(&pool.lock);
    return s;
}

/* From here on the thread gives back what it has when it ends. */
static COLD void know_thread(void)
{
    (void)pthread_once(&once, prepare);
    if (!own.known && usable)
        own.known = pthread_setspecific(thread_end, &own) == 0;
}

static COLD void refill(void)
{
    know_thread();
    mutex_lock(&pool.lock);
    for (int i = 0; i < REFILL; i++) {
        struct tt_span_memory *s = pool.free;
        if (s)
            pool.free = s->next;
        else if (own.n || !(s = make()))
            break;
        s->next = own.free;
        own.free = s;
        own.n++;
    }
    mutex_unlock(&pool.lock);
}

struct tt_span_memory *span_take(void)
{
    if (UNLIKELY(!own.free)) {
        refill();
        if (!own.free) {
            problem(TT_PROBLEM_LIMIT, "more than 65536 spans that have not ended", NULL);
            return NULL;
        }
    }
    struct tt_span_memory *s = own.free;
    own.free = s->next;
    own.n--;
    s->attrs_n = s->attrs_dropped = s->events_n = s->events_dropped = 0;
    s->links_n = s->links_dropped = s->state_n = 0;
    s->keys = 0;
    s->ending = false;
    s->status = TT_STATUS_UNSET;
    s->origin = TT_ORIGIN_NONE;
    s->name.n = s->message.n = 0;
    s->bytes = s->room;
    s->n = 0;
    s->cap = SPAN_INLINE_BYTES;
    return s;
}

static struct span_past *past_of(struct tt_span_memory *s, uint64_t generation)
{
    return &s->pasts[generation / 2 % SPAN_PASTS];
}

void span_remember(struct tt_span_memory *s, uint64_t generation)
{
    struct span_past *past = past_of(s, generation);
    uint64_t words[4] = {[3] = s->context.flags};
    memcpy(words, s->context.trace_id, 16);
    memcpy(words + 2, s->context.span_id, 8);
    atomic_set_relaxed(&past->generation, 0);
    for (int i = 0; i < 4; i++) // release, so that who reads a new word also reads that 0, or later
        atomic_set_release(&past->words[i], words[i]);
    atomic_set_release(&past->generation, generation); // pairs with read_past
}

void span_release(struct tt_span_memory *s)
{
    if (UNLIKELY(s->bytes != s->room))
        free(s->bytes);
    span_remember(s, atomic_get_relaxed(&s->generation));
    // The handle becomes stale before the lock is open to who waits with it.
    atomic_set_release(&s->generation, atomic_get_relaxed(&s->generation) + 1);
    span_unlock(s);
    s->next = own.free;
    own.free = s;
    own.n++;
    if (UNLIKELY(!own.known)) // it ends spans that others began
        know_thread();
    if (UNLIKELY(own.n > KEPT_MAX))
        give_back(KEPT_MAX / 2);
}

/* --- the lock of a span ---------------------------------------------------------------------- */

COLD bool span_wait(struct tt_span_memory *s)
{
    // Held for a few dozen nanoseconds, and mostly by the one thread that knows the span. For ever
    // only in a child, by a thread that is not there.
    for (int i = 0; atomic_exchange_explicit(&s->busy, true, memory_order_acquire); i++) {
        (void)sched_yield();
        if (i == YIELDS_MAX)
            return false;
    }
    return true;
}

COLD struct tt_span_memory *span_is_stale(struct tt_span_memory *s)
{
    span_unlock(s);
    problem(TT_PROBLEM_MISUSE, "a span was used after its end", NULL);
    return NULL;
}

static void copy_context(const struct tt_span_memory *s, const char *bytes, tt_span_context *out,
                         char *state, size_t *out_state_n)
{
    *out = s->context;
    if (out_state_n) {
        *out_state_n = s->state_n;
        if (s->state_n)
            memcpy(state, bytes + s->state_at, s->state_n);
    }
}

/* The one that was last read after its end, without its tracestate: the first child of a span that
 * is still current may take its memory. */
static _Thread_local struct {
    tt_span span;
    tt_span_context context;
} ended;

/* What memory still holds, which nobody but this thread may use again. */
static bool read_memory_of_ended(tt_span span, tt_span_context *out, char *state,
                                 size_t *out_state_n)
{
    if (span_is_light(span))
        return light_read_ended(span, out);
    const struct tt_span_memory *s = own.free;
    while (s && s != span.memory)
        s = s->next;
    if (!s || atomic_get_relaxed(&s->generation) != span.generation + 1)
        return false;
    copy_context(s, s->room, out, state, out_state_n);
    return true;
}

/* Of any thread's. */
static bool read_past(tt_span span, tt_span_context *out)
{
    struct span_past *past = past_of(span.memory, span.generation);
    uint64_t words[4];
    if (atomic_get_acquire(&past->generation) != span.generation) // pairs with span_remember
        return false;
    for (int i = 0; i < 4; i++)
        words[i] = atomic_get_acquire(&past->words[i]);
    if (atomic_get_relaxed(&past->generation) != span.generation)
        return false;
    light_context(out, words);
    return true;
}

static COLD bool read_ended(tt_span span, tt_span_context *out, char *state, size_t *out_state_n)
{
    if (span.memory == ended.span.memory && span.generation == ended.span.generation) {
        *out = ended.context;
        return true;
    }
    if (!read_memory_of_ended(span, out, state, out_state_n) &&
        (span_is_light(span) || !read_past(span, out)))
        return false;
    ended.span = span;
    ended.context = *out;
    return true;
}

bool span_context_read(tt_span span, tt_span_context *out, char *state, size_t *out_state_n)
{
    struct tt_span_memory *s = span.memory;
    if (out_state_n)
        *out_state_n = 0;
    if (!s || (span_is_light(span) && light_read(span, out)))
        return s != NULL;
    if (span_is_light(span) || atomic_get_relaxed(&s->generation) != span.generation)
        return read_ended(span, out, state, out_state_n);
    s = span_lock(span);
    if (!s)
        return false;
    copy_context(s, s->bytes, out, state, out_state_n);
    span_unlock(s);
    return true;
}

COLD bool span_grow(struct tt_span_memory *s, size_t n)
{
    size_t need = s->n + n, cap = s->cap;
    bool fits = n <= SPAN_BYTES_MAX && need <= SPAN_BYTES_MAX;
    while (fits && cap < need)
        cap *= 2;
    char *bytes = fits ? malloc(cap) : NULL;
    if (!bytes) {
        problem(TT_PROBLEM_LIMIT, "a span of more than 1 MiB, or no memory for it", NULL);
        return false;
    }
    memcpy(bytes, s->bytes, s->n);
    if (s->bytes != s->room)
        free(s->bytes);
    s->bytes = bytes;
    s->cap = (uint32_t)cap;
    return true;
}
