#include "store/embedded/streams.h"

#include <roaring/roaring.h>
#include <stdlib.h>

#include "base/atomic.h"
#include "base/compiler.h"

enum { SLOTS_START = 64, PLACE_LOGARITHM = 31, NUMBER_BLOCK = 128 };

static void set_slots(struct stream_shard *shard, struct stream_slot *slots, uint32_t n)
{
    shard->slots = slots;
    shard->n_slots = n;
    uintptr_t place = (uintptr_t)slots & ~(uintptr_t)PLACE_LOGARITHM;
    atomic_set_relaxed(&shard->place, place | (uintptr_t)__builtin_ctz(n / SLOTS_START));
}

static int shard_init(struct stream_shard *shard)
{
    lock_init(&shard->lock, LOCK_STORE_STREAMS);
    struct stream_slot *slots = calloc(SLOTS_START, sizeof *slots);
    if (!slots)
        return ERR_NOMEM;
    set_slots(shard, slots, SLOTS_START);
    return 0;
}

int streams_init(struct streams *s, size_t max)
{
    *s = (struct streams){0};
    atomic_init(&s->max, (unsigned)MIN(max, (size_t)UINT32_MAX / 2));
    rwlock_init(&s->recall.lock, LOCK_STORE_RECALL);
    int rc = index_init(&s->index);
    if (stream_memory_init(&s->memory) != 0)
        rc = ERR_NOMEM;
    for (size_t i = 0; i < STREAM_SHARDS; i++)
        if (shard_init(&s->shards[i]) != 0)
            rc = ERR_NOMEM;
    return rc;
}

void streams_done(struct streams *s)
{
    for (size_t i = 0; i < STREAM_SHARDS; i++) {
        struct stream_shard *shard = &s->shards[i];
        for (size_t k = 0; k < DIRECTORY_CHUNKS; k++)
            free(shard->directory.chunks[k]);
        free(shard->slots);
        free(shard->free);
        lock_done(&shard->lock);
    }
    stream_memory_done(&s->memory);
    free(s->recall.slots);
    rwlock_done(&s->recall.lock);
    if (s->index.chunks)
        index_done(&s->index);
}

/* --- look-up ---------------------------------------------------------------------------------- */

static bool stream_has_labels(const struct index *x, const struct stream *st,
                              const struct labels *labels)
{
    if (st->n != labels->n)
        return false;
    for (size_t i = 0; i < labels->n; i++) {
        const struct pair *p = index_pair(x, st->pairs[i]);
        const struct label *l = &labels->v[i];
        if (p->value_n != l->value.n || p->name->text.n != l->name.n ||
            memcmp(p->value, l->value.p, l->value.n) != 0 ||
            memcmp(p->name->text.p, l->name.p, l->name.n) != 0)
            return false;
    }
    return true;
}

static uint32_t tag_of(uint64_t hash)
{
    return (uint32_t)(hash >> 32);
}

/* Where probing starts: above the bits that chose the shard. */
static uint32_t home_of(const struct stream_shard *shard, uint32_t tag)
{
    return tag & (shard->n_slots - 1);
}

/* The slots may be others by now: asking for memory that is not there does nothing. */
void streams_ask_for(struct streams *s, uint64_t hash)
{
    uintptr_t place = atomic_get_relaxed(&streams_shard(s, hash)->place);
    const char *slots = (const char *)(place & ~(uintptr_t)PLACE_LOGARITHM);
    uint32_t mask = ((uint32_t)SLOTS_START << (place & PLACE_LOGARITHM)) - 1;
    if (slots)
        PREFETCH(slots + (size_t)(tag_of(hash) & mask) * sizeof(struct stream_slot));
}

struct stream *streams_get(struct streams *s, const struct labels *labels, uint64_t hash)
{
    const struct stream_shard *shard = streams_shard(s, hash);
    uint32_t tag = tag_of(hash), mask = shard->n_slots - 1;
    for (uint32_t i = home_of(shard, tag); shard->slots[i].stream; i = (i + 1) & mask) {
        if (shard->slots[i].tag != tag)
            continue;
        struct stream *st = stream_at(&s->memory, shard->slots[i].stream);
        if (st->hash == hash && stream_has_labels(&s->index, st, labels))
            return st;
    }
    return NULL;
}

struct stream *streams_by_id(struct streams *s, uint32_t id)
{
    const struct stream_shard *shard = streams_shard(s, id);
    uint32_t local = id / STREAM_SHARDS;
    uint32_t reference = local < shard->n ? *directory_entry(&shard->directory, local) : 0;
    return reference ? stream_at(&s->memory, reference) : NULL;
}

void streams_labels(const struct streams *s, const struct stream *st, struct label *out)
{
    for (uint32_t i = 0; i < st->n; i++)
        out[i] = pair_label(index_pair(&s->index, st->pairs[i]));
}

/* --- adding ----------------------------------------------------------------------------------- */

int streams_check(const struct labels *labels, struct err *err)
{
    size_t text = 0;
    for (size_t i = 0; i < labels->n; i++)
        text += labels->v[i].name.n + labels->v[i].value.n;
    if (labels->n == 0)
        return err_set(err, ERR_INVALID, "a series without labels");
    if (labels->n > STREAM_LABELS_MAX)
        return err_set(err, ERR_INVALID, "%zu labels; expected at most %d", labels->n,
                       STREAM_LABELS_MAX);
    if (text > STREAM_TEXT_MAX)
        return err_set(err, ERR_INVALID, "%zu bytes of label text; expected at most %d", text,
                       STREAM_TEXT_MAX);
    if (!labels_are_canonical(labels))
        return err_set(err, ERR_INVALID,
                       "labels are not sorted and unique, or a name or value is empty");
    return 0;
}

static void put_slot(struct stream_shard *shard, struct stream_slot slot)
{
    uint32_t mask = shard->n_slots - 1, i = home_of(shard, slot.tag);
    while (shard->slots[i].stream)
        i = (i + 1) & mask;
    shard->slots[i] = slot;
}

static int grow_slots(struct stream_shard *shard)
{
    struct stream_slot *old = shard->slots;
    uint32_t n = shard->n_slots;
    struct stream_slot *slots = calloc((size_t)n * 2, sizeof *slots);
    if (!slots)
        return ERR_NOMEM;
    set_slots(shard, slots, n * 2);
    for (uint32_t i = 0; i < n; i++)
        if (old[i].stream)
            put_slot(shard, old[i]);
    free(old);
    return 0;
}

static int grow_directory(struct stream_shard *shard)
{
    struct stream_directory *d = &shard->directory;
    uint32_t more = d->cap + DIRECTORY_FIRST; // chunks: 64, 128, 256 …
    unsigned chunk = 31 - (unsigned)__builtin_clz(more / DIRECTORY_FIRST);
    if (NEVER(chunk >= DIRECTORY_CHUNKS))
        return ERR_NOMEM;
    uint32_t *numbers = realloc(shard->free, ((size_t)d->cap + more) * sizeof *numbers);
    if (!numbers)
        return ERR_NOMEM;
    shard->free = numbers;
    d->chunks[chunk] = calloc(more, sizeof *d->chunks[chunk]);
    if (!d->chunks[chunk])
        return ERR_NOMEM;
    d->cap += more;
    return 0;
}

/* The local number that the next stream gets. A shard that is far behind the others, as only those
 * can be who choose their labels for it, goes on alone. */
static uint32_t next_number(struct streams *s, const struct stream_shard *shard)
{
    if (shard->n_free)
        return shard->free[shard->n_free - 1];
    uint32_t block = atomic_get_relaxed(&s->block);
    return block > shard->n && block - shard->n < NUMBER_BLOCK / 2 ? block : shard->n;
}

/* Another shard may be there at the same time: it begins the same block, or the next. */
static void take_number(struct streams *s, struct stream_shard *shard, uint32_t local)
{
    if (shard->n_free) {
        shard->n_free--;
        return;
    }
    shard->n = local + 1;
    if (local % NUMBER_BLOCK == 0 && local > atomic_get_relaxed(&s->block))
        atomic_set_relaxed(&s->block, local);
}

/* Makes sure that a number can be given out and, later, given back without allocating. */
static int reserve_number(struct stream_shard *shard, uint32_t local)
{
    if (shard->used + 1 > shard->n_slots / 4 * 3 && grow_slots(shard) != 0)
        return ERR_NOMEM;
    int rc = 0;
    while (rc == 0 && local >= shard->directory.cap)
        rc = grow_directory(shard);
    return rc;
}

/* A stream that the index has. */
static int stream_new(struct streams *s, const struct labels *labels, uint64_t hash, uint32_t id,
                      uint32_t *out)
{
    uint32_t reference = stream_memory_take(&s->memory, id % STREAM_SHARDS, labels->n);
    if (!reference)
        return ERR_NOMEM;
    struct stream *st = stream_at(&s->memory, reference);
    memset(st, 0, sizeof *st);
    st->hash = hash;
    st->id = id;
    st->n = (uint32_t)labels->n;
    int rc = index_add(&s->index, labels, id, st->pairs);
    if (rc == 0)
        *out = reference;
    else
        stream_memory_give(&s->memory, reference);
    return rc;
}

int streams_intern(struct streams *s, const struct labels *labels, uint64_t hash,
                   struct stream **out, struct err *err)
{
    struct stream *st = streams_get(s, labels, hash);
    if (st) {
        *out = st;
        return 0;
    }
    int rc = streams_check(labels, err);
    return rc ? rc : streams_add(s, labels, hash, out, err);
}

int streams_add(struct streams *s, const struct labels *labels, uint64_t hash, struct stream **out,
                struct err *err)
{
    struct stream_shard *shard = streams_shard(s, hash);
    uint32_t local = next_number(s, shard);
    if (reserve_number(shard, local) != 0)
        return err_set(err, ERR_NOMEM, "out of memory for a new series");
    uint32_t id = local * STREAM_SHARDS + (uint32_t)(hash % STREAM_SHARDS);
    uint32_t reference;
    int rc = stream_new(s, labels, hash, id, &reference);
    if (rc != 0)
        return err_set(err, rc, "no room for a new series");

    take_number(s, shard, local);
    *directory_entry(&shard->directory, local) = reference;
    shard->used++;
    put_slot(shard, (struct stream_slot){tag_of(hash), reference});
    atomic_add_relaxed(&s->count, 1);
    *out = stream_at(&s->memory, reference);
    return 0;
}

/* --- removing --------------------------------------------------------------------------------- */

/* Takes the slot out and closes the gap (Knuth, TAOCP 3, 6.4, algorithm R). */
static void free_slot(struct stream_shard *shard, struct stream_slot slot)
{
    uint32_t mask = shard->n_slots - 1, gap = home_of(shard, slot.tag);
    while (shard->slots[gap].stream != slot.stream)
        gap = (gap + 1) & mask;
    for (uint32_t i = (gap + 1) & mask; shard->slots[i].stream; i = (i + 1) & mask) {
        uint32_t home = home_of(shard, shard->slots[i].tag);
        if (((i - home) & mask) >= ((i - gap) & mask)) {
            shard->slots[gap] = shard->slots[i];
            gap = i;
        }
    }
    shard->slots[gap] = (struct stream_slot){0};
}

static void evict(struct streams *s, struct stream_shard *shard, uint32_t local)
{
    uint32_t *entry = directory_entry(&shard->directory, local), reference = *entry;
    struct stream *st = stream_at(&s->memory, reference);
    streams_forget(s, st);
    index_remove(&s->index, st->id, st->pairs, st->n);
    free_slot(shard, (struct stream_slot){tag_of(st->hash), reference});
    *entry = 0;
    shard->free[shard->n_free++] = local;
    shard->used--;
    stream_memory_give(&s->memory, reference);
    atomic_sub_relaxed(&s->count, 1);
    atomic_add_relaxed(&s->evictions, 1);
}

static bool is_idle(const struct stream *st, const void *before_s)
{
    return st->last_append_s < *(const uint32_t *)before_s;
}

static bool is_in_set(const struct stream *st, const void *ids)
{
    return roaring_bitmap_contains(ids, st->id);
}

/* Removes the streams without rows for which `which` says so. */
static size_t evict_each(struct streams *s, size_t number,
                         bool (*which)(const struct stream *st, const void *arg), const void *arg)
{
    struct stream_shard *shard = &s->shards[number];
    size_t count = 0;
    lock_take(&shard->lock);
    for (uint32_t i = shard->n; i-- > 0;) { // freed numbers are taken from the end: rising again
        uint32_t reference = *directory_entry(&shard->directory, i);
        const struct stream *st = reference ? stream_at(&s->memory, reference) : NULL;
        if (st && !st->rows && which(st, arg)) {
            evict(s, shard, i);
            count++;
        }
    }
    if (count)
        stream_memory_sweep(&s->memory, (uint32_t)number);
    lock_give(&shard->lock);
    return count;
}

size_t streams_evict(struct streams *s, size_t shard, uint32_t before_s)
{
    return evict_each(s, shard, is_idle, &before_s);
}

size_t streams_evict_set(struct streams *s, size_t shard, const roaring_bitmap_t *ids)
{
    return evict_each(s, shard, is_in_set, ids);
}
