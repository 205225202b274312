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

enum { PROBES = 8, SLOTS_MIN_BITS = 6, SLOTS_MIN = 1 << SLOTS_MIN_BITS, SLOTS_MAX = 8192 };
enum { COPY_MAX = 4096 }; /* bytes of a set; larger ones are looked up under the lock */

/* Attributes in the order given. */
struct given {
    size_t n;
    char copies[];
};

struct slot {
    uint64_t hash, stream; /* id; 0: empty */
    struct series *series;
    struct given *attrs; /* owned */
};

struct cache {
    struct slot *slots;
    size_t n; /* neighbourhoods, a power of two; PROBES - 1 more slots follow */
    unsigned
        shift; /* that leaves a hash the uppermost bits, as many as tell neighbourhoods apart */
};

static _Thread_local struct cache cache;
static pthread_key_t thread_end;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool usable; /* set by prepare, once */

static inline struct slot *first_slot(const struct cache *c, uint64_t hash)
{
    return &c->slots[hash >> c->shift];
}

static size_t slots_n(const struct cache *c)
{
    return c->slots ? c->n + PROBES - 1 : 0;
}

static COLD void end_thread(void *arg)
{
    (void)arg;
    for (size_t i = 0; i < slots_n(&cache); i++)
        free(cache.slots[i].attrs);
    free(cache.slots);
    cache = (struct cache){0};
}

static COLD void prepare(void)
{
    usable = pthread_key_create(&thread_end, end_thread) == 0;
}

static COLD struct slot *place(const struct cache *c, uint64_t hash)
{
    struct slot *s = first_slot(c, hash);
    for (size_t i = 0; i < PROBES; i++) {
        if (!s[i].stream)
            return &s[i];
    }
    return NULL;
}

/* Moves all to a table twice the size. False when that is too large, or memory ran out. */
static COLD bool grow(struct cache *c)
{
    size_t wanted = c->slots ? 2 * c->n : SLOTS_MIN;
    struct slot *slots = wanted <= SLOTS_MAX ? calloc(wanted + PROBES - 1, sizeof *slots) : NULL;
    if (!slots)
        return false;
    struct cache bigger = {slots, wanted, c->slots ? c->shift - 1 : 64 - SLOTS_MIN_BITS};
    for (size_t i = 0; i < slots_n(c); i++) {
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
    struct slot *s = first_slot(c, hash), *found = &s[hash % PROBES];
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

/* NULL when out of memory, and when they are too much to be kept for each of a flood of sets. */
static COLD struct given *copy(const tt_attr *attrs, size_t n, const struct attr_words *words)
{
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++) {
        if (attrs[i].key_n > COPY_MAX)
            return NULL;
        bytes += attr_copy_size(&attrs[i]);
    }
    struct given *g = bytes <= COPY_MAX ? malloc(sizeof *g + bytes) : NULL;
    if (!g)
        return NULL;
    char *to = g->copies;
    for (size_t i = 0; i < n; i++)
        to = attr_copy(to, &attrs[i], &words[i]);
    g->n = n;
    return g;
}

/* The id was read before, so that what was removed in between is not kept under a new one. */
static COLD struct series *find_slowly(struct stream *st, uint64_t id, uint64_t hash,
                                       const tt_attr *attrs, size_t n,
                                       const struct attr_words *words)
{
    struct series *series = stream_series_of(st, attrs, n);
    struct given *given = series ? copy(attrs, n, words) : NULL;
    struct slot *s = given ? make_place(hash) : NULL;
    if (s)
        *s = (struct slot){hash, id, series, given};
    else
        free(given);
    return series;
}

static inline bool is(const struct given *g, const tt_attr *attrs, size_t n,
                      const struct attr_words *words)
{
    const char *p = g->copies;
    if (n != g->n)
        return false;
    for (const tt_attr *a = attrs; n > 0 && p; n--, a++, words++)
        p = attr_match(p, a, words);
    return p != NULL;
}

static inline struct series *find(struct stream *st, uint64_t id, const tt_attr *attrs, size_t n)
{
    struct attr_words words[ATTRS_MAX];
    uint64_t hash = id;
    if (UNLIKELY(n > ATTRS_MAX || !attrs_hash(attrs, n, words, &hash)))
        return stream_series_of(st, attrs, n);
    if (UNLIKELY(!cache.slots))
        return find_slowly(st, id, hash, attrs, n, words);
    const struct slot *s = first_slot(&cache, hash), *end = s + PROBES;
    for (; s < end && s->stream; s++) {
        if (s->hash == hash && s->stream == id && is(s->attrs, attrs, n, words))
            return s->series;
    }
    return find_slowly(st, id, hash, attrs, n, words);
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
