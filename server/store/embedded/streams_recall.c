/* Finding a stream by the hash of its labels as they were sent.
 *
 * A request's series are looked up together: the memory of slots and streams is asked for one step
 * ahead, since with more than some ten thousand streams nearly every look is a miss in
 * the processor's caches, and waiting for one at a time is what a look-up would cost. */
#include <stdlib.h>

#include "base/compiler.h"
#include "store/embedded/stream_groups.h"

enum { RECALL_START = 1024, RECALL_STEP = 32, REMEMBER_AHEAD = 8 };

static uint32_t tag_of(struct hash128 sent)
{
    return (uint32_t)(sent.low >> 32);
}

/* Known from the slot alone, so that a growing table does not touch the streams. */
static uint32_t home_of(const struct stream_recall *r, uint32_t tag)
{
    return tag & (r->n_slots - 1);
}

static struct stream *stream_of(const struct streams *s, struct stream_slot slot)
{
    return slot.stream ? stream_at(&s->memory, slot.stream) : NULL;
}

static uint32_t reference_of(struct streams *s, const struct stream *st)
{
    if (stream_is_group(st))
        return st->of_group.reference;
    return stream_directory_get(&s->directory, st->id);
}

/* --- finding ---------------------------------------------------------------------------------- */

/* The slot of the stream, or the free one where it would be. */
static struct stream_slot *find_slot(struct streams *s, struct hash128 sent)
{
    const struct stream_recall *r = &s->recall;
    uint32_t tag = tag_of(sent), i = home_of(r, tag);
    for (; r->slots[i].stream; i = (i + 1) & (r->n_slots - 1))
        if (r->slots[i].tag == tag && hash128_eq(stream_of(s, r->slots[i])->sent, sent))
            break;
    return &r->slots[i];
}

/* The first stream whose tag is right, which nearly always is the one; NULL: there is none. */
static const struct stream *guess(struct streams *s, struct hash128 sent)
{
    const struct stream_recall *r = &s->recall;
    uint32_t tag = tag_of(sent), i = home_of(r, tag);
    while (r->slots[i].stream && r->slots[i].tag != tag)
        i = (i + 1) & (r->n_slots - 1);
    return stream_of(s, r->slots[i]);
}

static const struct stream *confirm(struct streams *s, const struct stream *guessed,
                                    struct hash128 sent)
{
    if (!guessed || hash128_is_none(sent))
        return NULL;
    if (LIKELY(hash128_eq(guessed->sent, sent)))
        return guessed;
    return stream_of(s, *find_slot(s, sent));
}

static void recall_step(struct streams *s, const struct hash128 *sent, size_t n, const void **out)
{
    const struct stream *guesses[RECALL_STEP];
    for (size_t i = 0; i < n; i++)
        PREFETCH(&s->recall.slots[home_of(&s->recall, tag_of(sent[i]))]);
    for (size_t i = 0; i < n; i++) {
        guesses[i] = guess(s, sent[i]);
        PREFETCH(guesses[i]);
    }
    for (size_t i = 0; i < n; i++)
        out[i] = confirm(s, guesses[i], sent[i]);
}

void streams_recall(struct streams *s, const struct hash128 *sent, size_t n, const void **out)
{
    rwlock_take_read(&s->recall.lock);
    bool any = s->recall.used > 0;
    for (size_t i = 0; any && i < n; i += RECALL_STEP)
        recall_step(s, sent + i, MIN(n - i, (size_t)RECALL_STEP), out + i);
    rwlock_give(&s->recall.lock);
    for (size_t i = 0; !any && i < n; i++)
        out[i] = NULL;
}

/* --- remembering ------------------------------------------------------------------------------ */

static void put_slot(struct stream_recall *r, struct stream_slot slot)
{
    uint32_t i = home_of(r, slot.tag);
    while (r->slots[i].stream)
        i = (i + 1) & (r->n_slots - 1);
    r->slots[i] = slot;
}

/* Room for one more; false when memory is short. */
static bool make_room(struct stream_recall *r)
{
    if (r->used < r->n_slots / 4 * 3)
        return true;
    struct stream_recall bigger = {.n_slots = r->n_slots ? r->n_slots * 2 : RECALL_START};
    bigger.slots = calloc(bigger.n_slots, sizeof *bigger.slots);
    if (!bigger.slots)
        return false;
    for (uint32_t i = 0; i < r->n_slots; i++)
        if (r->slots[i].stream)
            put_slot(&bigger, r->slots[i]);
    free(r->slots);
    r->slots = bigger.slots;
    r->n_slots = bigger.n_slots;
    return true;
}

/* Takes the slot out and closes the gap (Knuth, TAOCP 3, 6.4, algorithm R). */
static void free_slot(struct stream_recall *r, const struct stream_slot *slot)
{
    uint32_t mask = r->n_slots - 1, gap = (uint32_t)(slot - r->slots);
    for (uint32_t i = (gap + 1) & mask; r->slots[i].stream; i = (i + 1) & mask) {
        uint32_t home = home_of(r, r->slots[i].tag);
        if (((i - home) & mask) >= ((i - gap) & mask)) {
            r->slots[gap] = r->slots[i];
            gap = i;
        }
    }
    r->slots[gap] = (struct stream_slot){0};
    r->used--;
}

static void forget(struct streams *s, struct stream *st)
{
    if (hash128_is_none(st->sent))
        return;
    free_slot(&s->recall, find_slot(s, st->sent));
    st->sent = (struct hash128){0};
}

void streams_forget(struct streams *s, struct stream *st)
{
    rwlock_take_write(&s->recall.lock);
    forget(s, st);
    rwlock_give(&s->recall.lock);
}

/* Two requests may tell of the same bytes at once: the second finds it done. */
static void remember(struct streams *s, struct stream *st, struct hash128 sent)
{
    if (hash128_eq(st->sent, sent))
        return;
    forget(s, st);
    if (!make_room(&s->recall))
        return; // it is only slower
    struct stream_slot *slot = find_slot(s, sent);
    if (slot->stream)
        return; // a group that another request has made
    st->sent = sent;
    *slot = (struct stream_slot){tag_of(sent), reference_of(s, st)};
    s->recall.used++;
}

void streams_remember(struct streams *s, const struct stream_sent *v, size_t n)
{
    rwlock_take_write(&s->recall.lock);
    for (size_t i = 0; i < n; i++) {
        if (s->recall.slots && i + REMEMBER_AHEAD < n)
            PREFETCH(&s->recall.slots[home_of(&s->recall, tag_of(v[i + REMEMBER_AHEAD].sent))]);
        remember(s, v[i].stream, v[i].sent);
    }
    rwlock_give(&s->recall.lock);
}
