#include "net/http_costs.h"

#include "base/atomic.h"
#include "base/compiler.h"
#include "base/time.h"

#define COST_MASK ((UINT64_C(1) << 24) - 1) /* microseconds: up to 16 s */

/* A slow one is forgotten by half with each quick one: the first of its like, which finds nothing
 * in caches, must not send a dozen others to a worker, and what is slow now and then holds up an
 * event thread only after quick ones by the logarithm of its time. */
enum { FADE = 2 };

static atomic_ullong *slot_of(struct http_costs *c, uint64_t likeness)
{
    return &c->slots[(likeness >> 32) % HTTP_COSTS_SLOTS];
}

/* A slot is its likeness's when the bits above the cost are equal. */
static bool is_of(uint64_t slot, uint64_t likeness)
{
    return slot && ((slot ^ likeness) & ~COST_MASK) == 0;
}

void http_costs_note(struct http_costs *c, uint64_t likeness, int64_t took_ns)
{
    atomic_ullong *slot = slot_of(c, likeness);
    uint64_t old = atomic_get_relaxed(slot);
    uint64_t took = MIN((uint64_t)(took_ns / NS_PER_US) + 1, COST_MASK);
    if (is_of(old, likeness)) {
        uint64_t before = old & COST_MASK;
        took = MAX(took, before - (before + FADE - 1) / FADE);
    }
    atomic_set_relaxed(slot, (likeness & ~COST_MASK) | took); // a note that is lost does no harm
}

bool http_costs_within(struct http_costs *c, uint64_t likeness, int64_t ns)
{
    uint64_t slot = atomic_get_relaxed(slot_of(c, likeness));
    return is_of(slot, likeness) && (slot & COST_MASK) <= (uint64_t)(ns / NS_PER_US);
}
