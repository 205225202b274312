/* Spans that are not recorded: there are many of them where few are sampled, so they cost no more
 * than their ids.
 *
 * A light span is a slot of 64 bytes, of the thread that started it. That thread alone takes it and
 * puts it back, without an atomic operation; another one that ends the span leaves a note
 * (`ended_elsewhere`), which the owner finds when it has no free slots left. The handle of a light
 * span has the sign bit set in its generation, so that whoever would fill it need not look further.
 *
 * Reading the ids takes no lock either: the generation is looked at before and after. */
#ifndef TELLTALE_TRACE_LIGHT_H
#define TELLTALE_TRACE_LIGHT_H

#include <string.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "core/problem.h"
#include "telltale/context.h"
#include "telltale/watch.h"

struct light {
    _Alignas(CACHE_LINE) _Atomic(uint64_t) generation; /* odd while it lives; never the sign bit */
    _Atomic(uint64_t) words[4];                        /* trace id, span id, flags */
    _Atomic(uint64_t) ended_elsewhere;                 /* the generation that was */
    _Atomic(const void *) owner;                       /* the address of its thread's light_own */
    struct light *next;                                /* free ones; the owner's */
};

/* Slots, and what only their owner counts. */
enum { LIGHT_SLOTS = 31 };
struct light_block {
    struct light_block *next;      /* of the owner's, or of the orphans */
    struct light_block *made_next; /* of all */
    _Atomic(uint64_t) children[2]; /* started with a parent: in this process, in another */
    struct light slots[LIGHT_SLOTS];
};

struct light_own {
    struct light *ready; /* the free one that ended last: a list's pointers wait for each other */
    struct light *free;  /* the others */
    struct light_block *blocks;
    size_t owned;    /* blocks */
    size_t patience; /* refills without looking for slots that others gave back */
};
extern _Thread_local struct light_own light_own;

#define LIGHT_SIGN (UINT64_C(1) << 63)

static inline bool span_is_light(tt_span span)
{
    return (span.generation & LIGHT_SIGN) != 0;
}

/* Counts the span that this thread has just started as one with a parent. */
static inline void light_count_child(bool remote)
{
    counter_add_own(&light_own.blocks->children[remote]);
}

/* Adds how many were started by all threads. */
void light_count(tt_pipeline *p);

/* In another thread than the owner's. */
void light_end_elsewhere(struct light *l, uint64_t generation);

/* The span of a slot that is free. */
static inline tt_span light_fill(struct light *l, uint64_t trace_high, uint64_t trace_low,
                                 uint64_t span_id, uint8_t flags)
{
    // Release, so that who reads a new word also reads the generation that has ended, and who reads
    // the one that had ended, that it is being filled.
    atomic_set_relaxed(&l->words[3], LIGHT_SIGN);
    atomic_set_release(&l->words[0], trace_high);
    atomic_set_release(&l->words[1], trace_low);
    atomic_set_release(&l->words[2], span_id);
    uint64_t generation = atomic_get_relaxed(&l->generation) + 1;
    atomic_set_release(&l->generation, generation); // pairs with light_read
    atomic_set_release(&l->words[3], flags);
    return (tt_span){(struct tt_span_memory *)(void *)l, generation | LIGHT_SIGN};
}

/* Of one of the other slots, which it may have to make; {0} when there are too many spans, or no
 * memory, which is told. */
tt_span light_start_other(uint64_t trace_high, uint64_t trace_low, uint64_t span_id, uint8_t flags);

static inline tt_span light_start(uint64_t trace_high, uint64_t trace_low, uint64_t span_id,
                                  uint8_t flags)
{
    struct light *l = light_own.ready;
    if (UNLIKELY(!l))
        return light_start_other(trace_high, trace_low, span_id, flags);
    light_own.ready = NULL;
    return light_fill(l, trace_high, trace_low, span_id, flags);
}

static inline void light_context(tt_span_context *out, const uint64_t words[4])
{
    memcpy(out->trace_id, words, 16);
    memcpy(out->span_id, words + 2, 8);
    out->flags = (uint8_t)words[3];
    out->remote = false;
}

/* What the slot holds, when it is of this generation. */
static inline bool light_read_of(struct light *l, uint64_t generation, tt_span_context *out)
{
    uint64_t words[4];
    if (atomic_get_acquire(&l->generation) != generation) // pairs with light_start
        return false;
    for (int i = 0; i < 4; i++)
        words[i] = atomic_get_acquire(&l->words[i]);
    words[3] |= atomic_get_acquire(&l->words[3]);
    if (atomic_get_relaxed(&l->generation) != generation || words[3] & LIGHT_SIGN)
        return false;
    light_context(out, words);
    return true;
}

/* False when it has ended. */
static inline bool light_read(tt_span span, tt_span_context *out)
{
    return light_read_of((struct light *)(void *)span.memory, span.generation & ~LIGHT_SIGN, out);
}

/* False when it has not, or when its slot was used again. */
static inline bool light_read_ended(tt_span span, tt_span_context *out)
{
    struct light *l = (struct light *)(void *)span.memory;
    return light_read_of(l, (span.generation & ~LIGHT_SIGN) + 1, out);
}

static inline void light_end(tt_span span)
{
    struct light *l = (struct light *)(void *)span.memory;
    uint64_t generation = span.generation & ~LIGHT_SIGN;
    if (UNLIKELY(atomic_get_relaxed(&l->owner) != &light_own ||
                 atomic_get_relaxed(&l->generation) != generation ||
                 atomic_get_relaxed(&l->ended_elsewhere) == generation)) {
        light_end_elsewhere(l, generation);
        return;
    }
    atomic_set_release(&l->generation, generation + 1); // pairs with light_read
    if (LIKELY(!light_own.ready)) {
        light_own.ready = l;
        return;
    }
    l->next = light_own.free;
    light_own.free = l;
}

#endif
