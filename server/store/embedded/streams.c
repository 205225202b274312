#include "store/embedded/stream_groups.h"

#include <roaring/roaring.h>
#include <stdlib.h>

#include "base/atomic.h"
#include "base/compiler.h"

enum { SLOTS_START = 64, PLACE_LOGARITHM = 31 };

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
        free(shard->slots);
        lock_done(&shard->lock);
    }
    stream_groups_done(s);
    stream_memory_done(&s->memory);
    stream_directory_done(&s->directory);
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

struct stream *streams_by_id(const struct streams *s, uint32_t id)
{
    uint32_t reference = stream_directory_get(&s->directory, id);
    return reference ? stream_at(&s->memory, reference) : NULL;
}

struct stream *streams_hold(struct streams *s, uint32_t id)
{
    uint32_t reference = stream_directory_get(&s->directory, id);
    if (!reference)
        return NULL;
    struct stream_shard *shard = &s->shards[stream_memory_shard(reference)];
    lock_take(&shard->lock);
    if (stream_directory_get(&s->directory, id) == reference)
        return stream_at(&s->memory, reference);
    lock_give(&shard->lock); // it was removed meanwhile
    return NULL;
}

void streams_labels(const struct streams *s, const struct stream *st, struct label *out)
{
    for (uint32_t i = 0; i < st->n; i++)
        out[i] = pair_label(index_pair(&s->index, st->pairs[i]));
}

/* --- adding ----------------------------------------------------------------------------------- */

int streams_check(const struct labels *labels, uint64_t same, struct err *err)
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
    if (!labels_are_canonical_like(labels, same))
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

/* Gives the stream its number and pairs, under the index's lock. */
static int enter(struct streams *s, struct stream *st, uint32_t reference,
                 const struct labels *labels, struct index_like like)
{
    int rc = stream_directory_take(&s->directory, &st->id);
    if (rc != 0)
        return rc;
    rc = index_add(&s->index, labels, st->id, like, st->pairs);
    if (rc == 0)
        stream_directory_set(&s->directory, st->id, reference);
    else
        stream_directory_give(&s->directory, st->id);
    return rc;
}

static int stream_new(struct streams *s, const struct labels *labels, uint64_t hash,
                      struct stream_like like, uint32_t reference)
{
    struct stream *st = stream_at(&s->memory, reference);
    struct index_like shared = {like.stream ? like.stream->pairs : NULL, like.same};
    memset(st, 0, sizeof *st);
    st->hash = hash;
    st->n = (uint32_t)labels->n;
    rwlock_take_write(&s->index.lock);
    int rc = enter(s, st, reference, labels, shared);
    rwlock_give(&s->index.lock);
    return rc;
}

int streams_intern(struct streams *s, const struct labels *labels, uint64_t hash,
                   struct stream_like like, struct stream **out, struct err *err)
{
    struct stream *st = streams_get(s, labels, hash);
    if (st) {
        *out = st;
        return 0;
    }
    int rc = streams_check(labels, like.same, err);
    return rc ? rc : streams_add(s, labels, hash, like, out, err);
}

int streams_add(struct streams *s, const struct labels *labels, uint64_t hash,
                struct stream_like like, struct stream **out, struct err *err)
{
    struct stream_shard *shard = streams_shard(s, hash);
    uint32_t reference = 0;
    if (shard->used + 1 <= shard->n_slots / 4 * 3 || grow_slots(shard) == 0)
        reference = stream_memory_take(&s->memory, stream_shard_of(hash), labels->n);
    if (!reference)
        return err_set(err, ERR_NOMEM, "out of memory for a new series");
    int rc = stream_new(s, labels, hash, like, reference);
    if (rc != 0) {
        stream_memory_give(&s->memory, reference);
        return err_set(err, rc, "no room for a new series");
    }
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

static void give_number(struct streams *s, uint32_t id)
{
    rwlock_take_write(&s->index.lock);
    stream_directory_set(&s->directory, id, 0);
    stream_directory_give(&s->directory, id);
    rwlock_give(&s->index.lock);
}

/* False: memory is short, and it stays. */
static bool evict(struct streams *s, struct stream_shard *shard, struct stream_slot slot)
{
    struct stream *st = stream_at(&s->memory, slot.stream);
    if (index_remove(&s->index, st->id, st->pairs, st->n) != 0)
        return false;
    streams_forget(s, st);
    free_slot(shard, slot);
    give_number(s, st->id);
    shard->used--;
    stream_memory_give(&s->memory, slot.stream);
    atomic_sub_relaxed(&s->count, 1);
    atomic_add_relaxed(&s->evictions, 1);
    return true;
}

static bool is_idle(const struct stream *st, const void *before_s)
{
    return st->last_append_s < *(const uint32_t *)before_s;
}

static bool is_in_set(const struct stream *st, const void *ids)
{
    return roaring_bitmap_contains(ids, st->id);
}

/* Removes the streams without rows for which `which` says so. From a free slot downwards: who takes
 * one out moves others that came after it, which were looked at already. */
static size_t evict_each(struct streams *s, size_t number,
                         bool (*which)(const struct stream *st, const void *arg), const void *arg)
{
    struct stream_shard *shard = &s->shards[number];
    uint32_t count = 0, from = 0;
    if (index_settle(&s->index) != 0)
        return 0; // out of memory: after the next flush
    lock_take(&shard->lock);
    uint32_t mask = shard->n_slots - 1;
    while (shard->slots[from].stream)
        from++;
    for (uint32_t i = (from - 1) & mask; i != from; i = (i - 1) & mask) {
        struct stream_slot slot = shard->slots[i];
        const struct stream *st = slot.stream ? stream_at(&s->memory, slot.stream) : NULL;
        if (st && !st->rows && which(st, arg))
            count += evict(s, shard, slot);
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
