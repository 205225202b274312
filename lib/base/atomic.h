/* Atomics with the memory order in the name. A comment at each acquire/release names its pair. */
#ifndef TELLTALE_BASE_ATOMIC_H
#define TELLTALE_BASE_ATOMIC_H

#include <stdatomic.h>
#include <stdint.h>

#define atomic_get_relaxed(p) atomic_load_explicit((p), memory_order_relaxed)
#define atomic_get_acquire(p) atomic_load_explicit((p), memory_order_acquire)
#define atomic_set_relaxed(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)
#define atomic_set_release(p, v) atomic_store_explicit((p), (v), memory_order_release)
#define atomic_add_relaxed(p, v) atomic_fetch_add_explicit((p), (v), memory_order_relaxed)
#define atomic_sub_relaxed(p, v) atomic_fetch_sub_explicit((p), (v), memory_order_relaxed)
#define atomic_swap_acq_rel(p, v) atomic_exchange_explicit((p), (v), memory_order_acq_rel)

enum { CACHE_LINE = 64 };

/* One more, of a counter that no other thread changes meanwhile. Compilers make three instructions
 * of it. */
static inline void counter_add_own(_Atomic(uint64_t) *p)
{
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__SANITIZE_THREAD__) && !defined(__clang__)
    __asm__("incq %0" : "+m"(*p));
#else
    atomic_set_relaxed(p, atomic_get_relaxed(p) + 1);
#endif
}

/* The same by any number. */
static inline void counter_add_own_n(_Atomic(uint64_t) *p, uint64_t n)
{
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__SANITIZE_THREAD__) && !defined(__clang__)
    __asm__("addq %1, %0" : "+m"(*p) : "er"(n));
#else
    atomic_set_relaxed(p, atomic_get_relaxed(p) + n);
#endif
}

/* A count of references to a shared, immutable object. Starts at 1. */
struct refcount {
    atomic_uint n;
};

static inline void refcount_init(struct refcount *r)
{
    atomic_init(&r->n, 1);
}

static inline void refcount_get(struct refcount *r)
{
    atomic_add_relaxed(&r->n, 1); // the caller holds a reference, so the object is published
}

/* True when this was the last reference: the caller frees the object. The release orders our uses
 * before the last owner's acquire. Who holds the only one need not lock the bus: nobody is left who
 * could take another. */
static inline int refcount_put(struct refcount *r)
{
    return atomic_get_acquire(&r->n) == 1 ||
           atomic_fetch_sub_explicit(&r->n, 1, memory_order_acq_rel) == 1;
}

#endif
