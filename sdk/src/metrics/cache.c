/* Each thread's memory of which attributes, as given at the call, mean which series.
 *
 * A table of fixed probes: a set stands in one of 8 neighbouring slots, or is not known. A full
 * neighbourhood first makes the table grow, and at its largest loses its oldest stream's entry, so
 * that a flood of sets costs look-ups but no memory. Slots hold a copy of the attributes in the
 * order given, and a hit compares all of it: a hash alone is never believed. Streams are known by
 * an id that is never used again, and that is another once a series was removed, so entries of what
 * is gone are dead weight but harmless. */
#include <pthread.h>
#include <stdlib.h>

#include "core/attr_match.h"
#include "metrics/stream.h"

enum { PROBES = 8, SLOTS_MIN = 64, SLOTS_MAX = 8192 };

struct slot {
    uint64_t hash, stream; /* id; 0: empty */
    struct series *series;
    struct attr_set *attrs; /* owned, verbatim */
};

struct cache {
    struct slot *slots;
    size_t mask; /* of the first slot of a neighbourhood; PROBES - 1 more slots follow */
};

static _Thread_local struct cache cache;
static pthread_key_t thread_end;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool usable; /* set by prepare, once */

static COLD void drop(struct slot *slots, size_t mask)
{
    for (size_t i = 0; slots && i < mask + PROBES; i++)
        free(slots[i].attrs);
    free(slots);
}

static COLD void end_thread(void *arg)
{
    (void)arg;
    drop(cache.slots, cache.mask);
    cache = (struct cache){0};
}

static COLD void prepare(void)
{
    usable = pthread_key_create(&thread_end, end_thread) == 0;
}

static COLD struct slot *place(const struct cache *c, uint64_t hash)
{
    struct slot *s = &c->slots[hash & c->mask];
    for (size_t i = 0; i < PROBES; i++) {
        if (!s[i].stream)
            return &s[i];
    }
    return NULL;
}

/* Moves all to a table twice the size. False when that is too large, or memory ran out. */
static COLD bool grow(struct cache *c)
{
    size_t wanted = c->slots ? 2 * (c->mask + 1) : SLOTS_MIN;
    struct slot *slots = wanted <= SLOTS_MAX ? calloc(wanted + PROBES - 1, sizeof *slots) : NULL;
    if (!slots)
        return false;
    struct cache bigger = {slots, wanted - 1};
    for (size_t i = 0; c->slots && i < c->mask + PROBES; i++) {
        struct slot *to = c->slots[i].stream ? place(&bigger, c->slots[i].hash) : NULL;
        if (to)
            *to = c->slots[i];
        else
            free(c->slots[i].attrs);
    }
    free(c->slots);
    *c = bigger;
    return true;
}

/* That of the stream which is the oldest of the neighbourhood: it may be gone. */
static COLD struct slot *oldest(const struct cache *c, uint64_t hash)
{
    struct slot *s = &c->slots[hash & c->mask], *found = &s[hash >> 61];
    for (size_t i = 0; i < PROBES; i++) {
        if (s[i].stream < found->stream)
            found = &s[i];
    }
    return found;
}

/* Where a new entry goes: a free slot, or that of an older entry. NULL when there is no table. */
static COLD struct slot *make_place(uint64_t hash)
{
    (void)pthread_once(&once, prepare);
    if (!usable ||
        (!cache.slots && (!grow(&cache) || pthread_setspecific(thread_end, &cache) != 0)))
        return NULL;
    struct slot *s = place(&cache, hash);
    while (!s && grow(&cache))
        s = place(&cache, hash);
    if (!s) {
        s = oldest(&cache, hash);
        free(s->attrs);
        *s = (struct slot){0};
    }
    return s;
}

/* The id was read before, so that what was removed in between is not kept under a new one. */
static COLD struct series *find_slowly(struct stream *st, uint64_t id, uint64_t hash,
                                       const tt_attr *attrs, size_t n)
{
    struct series *series = stream_series_of(st, attrs, n);
    struct slot *s = series ? make_place(hash) : NULL;
    struct attr_set *copy = s ? attr_set_new_verbatim(attrs, n) : NULL;
    if (copy)
        *s = (struct slot){hash, id, series, copy};
    return series;
}

static inline struct series *find(struct stream *st, uint64_t id, const tt_attr *attrs, size_t n)
{
    uint64_t hash = id;
    if (UNLIKELY(!attrs_hash(attrs, n, &hash)))
        return stream_series_of(st, attrs, n);
    const struct slot *s = cache.slots ? &cache.slots[hash & cache.mask] : NULL;
    for (size_t k = 0; s && k < PROBES && s[k].stream; k++) {
        if (s[k].hash == hash && s[k].stream == id && attr_set_is(s[k].attrs, attrs, n))
            return s[k].series;
    }
    return find_slowly(st, id, hash, attrs, n);
}

struct series *stream_find(struct stream *st, const tt_attr *attrs, size_t n)
{
    return find(st, atomic_get_relaxed(&st->id), attrs, attrs ? n : 0);
}

struct series *instrument_find(struct instrument *i, const tt_attr *attrs, size_t n)
{
    if (n == 0 || !attrs) {
        struct series *plain = atomic_get_acquire(&i->plain); // pairs with stream_series_of
        return LIKELY(plain) ? plain : stream_series_of(i->streams, NULL, 0);
    }
    return find(i->streams, atomic_get_relaxed(&i->id), attrs, n);
}
