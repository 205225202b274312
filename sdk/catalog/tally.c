/* Entries and their counts.
 *
 * The table has a slot for twice the entries and is never full, so a search ends at an empty slot.
 * An entry is published by a compare-and-swap of its slot; two threads that make the same one at
 * once agree on the first, and the other is freed.
 *
 * Events per second are counted in slices of a few seconds, in a ring that is one slice longer than
 * the window. A slice is a word: which one it is (its number since the clock's start) above, how
 * many events below, so that one that is reused starts at 0 for whoever comes first. */
#include "catalog/tally.h"

#include <stdlib.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "base/time.h"

enum { SLOTS = 2 * TALLY_ENTRIES, LABELS_MAX = 4, SLICE_S = 5 };
enum { SLICES = TALLY_WINDOW_S / SLICE_S + 1 };

struct entry {
    uint64_t hash;
    _Atomic(uint64_t) good, all;
    _Atomic(uint64_t) slices[SLICES];
    size_t labels_n;
    tt_attr labels[LABELS_MAX]; /* texts point behind the entry */
};

struct tally {
    enum metric_kind kind;
    tt_observable *instrument;
    atomic_size_t entries_n;
    _Atomic(struct entry *) slots[SLOTS];
};

struct tally *tally_new(enum metric_kind kind, tt_observable *instrument)
{
    struct tally *t = calloc(1, sizeof *t);
    if (t) {
        t->kind = kind;
        t->instrument = instrument;
    }
    return t;
}

void tally_free(struct tally *t)
{
    for (size_t i = 0; t && i < SLOTS; i++)
        free(atomic_get_relaxed(&t->slots[i]));
    free(t);
}

/* --- entries --- */

static uint64_t hash_bytes(uint64_t hash, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ (unsigned char)p[i]) * UINT64_C(0x100000001b3);
    return (hash ^ 0xff) * UINT64_C(0x100000001b3); // between one text and the next
}

static uint64_t hash_labels(const struct attrs *labels)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < labels->n; i++) {
        hash = hash_bytes(hash, labels->list[i].key, labels->list[i].key_n);
        hash = hash_bytes(hash, labels->list[i].value.as.text, labels->list[i].value.n);
    }
    return hash;
}

static bool label_is(const tt_attr *a, const tt_attr *b)
{
    return a->key_n == b->key_n && a->value.n == b->value.n &&
           memcmp(a->key, b->key, a->key_n) == 0 &&
           memcmp(a->value.as.text, b->value.as.text, a->value.n) == 0;
}

static bool entry_is(const struct entry *e, uint64_t hash, const struct attrs *labels)
{
    if (e->hash != hash || e->labels_n != labels->n)
        return false;
    for (size_t i = 0; i < labels->n; i++) {
        if (!label_is(&e->labels[i], &labels->list[i]))
            return false;
    }
    return true;
}

/* Keys are literals; values are copied behind the entry. */
static struct entry *entry_new(uint64_t hash, const struct attrs *labels)
{
    size_t size = sizeof(struct entry);
    for (size_t i = 0; i < labels->n; i++)
        size += labels->list[i].value.n;
    struct entry *e = calloc(1, size);
    if (!e) {
        tt_problem_tell(TT_PROBLEM_MEMORY, "a computed gauge of the catalog was not counted", NULL);
        return NULL;
    }
    char *text = (char *)(e + 1);
    e->hash = hash;
    e->labels_n = labels->n;
    for (size_t i = 0; i < labels->n; i++) {
        size_t n = labels->list[i].value.n;
        memcpy(text, labels->list[i].value.as.text, n);
        e->labels[i] = labels->list[i];
        e->labels[i].value.as.text = text;
        text += n;
    }
    return e;
}

/* Puts a new entry at `slot` or behind it; what another thread put there meanwhile is taken. */
static struct entry *entry_insert(struct tally *t, size_t slot, uint64_t hash,
                                  const struct attrs *labels)
{
    if (atomic_add_relaxed(&t->entries_n, 1) >= TALLY_ENTRIES) {
        atomic_sub_relaxed(&t->entries_n, 1);
        tt_problem_tell(TT_PROBLEM_LIMIT, "a computed gauge of the catalog has too many labels",
                        NULL);
        return NULL;
    }
    struct entry *e = entry_new(hash, labels);
    for (; e; slot = (slot + 1) % SLOTS) {
        struct entry *there = NULL;
        if (atomic_compare_exchange_strong(&t->slots[slot], &there, e))
            return e;
        if (entry_is(there, hash, labels)) {
            free(e);
            e = there;
            break;
        }
    }
    atomic_sub_relaxed(&t->entries_n, 1);
    return e;
}

static struct entry *entry_find(struct tally *t, const struct attrs *labels)
{
    uint64_t hash = hash_labels(labels);
    for (size_t slot = hash % SLOTS;; slot = (slot + 1) % SLOTS) {
        struct entry *e = atomic_get_acquire(&t->slots[slot]); // the exchange of entry_insert
        if (!e)
            return entry_insert(t, slot, hash, labels);
        if (entry_is(e, hash, labels))
            return e;
    }
}

/* --- counts --- */

static void count_event(struct entry *e, int64_t now_mono_ns)
{
    uint64_t number = (uint64_t)(now_mono_ns / 1000000000 / SLICE_S) & UINT32_MAX;
    _Atomic(uint64_t) *slice = &e->slices[number % SLICES];
    uint64_t old = atomic_get_relaxed(slice), new;
    do {
        uint64_t events = old >> 32 == number ? old & UINT32_MAX : 0;
        new = number << 32 | MIN(events + 1, UINT32_MAX);
    } while (!atomic_compare_exchange_weak(slice, &old, new));
}

void tally_add_at(struct tally *t, const struct attrs *labels, bool good, int64_t now_mono_ns)
{
    struct entry *e = t && labels->n <= LABELS_MAX ? entry_find(t, labels) : NULL;
    if (!e)
        return;
    if (t->kind == METRIC_PER_SECOND)
        count_event(e, now_mono_ns);
    else if (good)
        atomic_add_relaxed(&e->good, 1);
    atomic_add_relaxed(&e->all, 1);
}

void tally_add(struct tally *t, const struct attrs *labels, bool good)
{
    if (t)
        tally_add_at(t, labels, good, t->kind == METRIC_PER_SECOND ? time_now_mono_ns() : 0);
}

static double events_per_second(struct entry *e, int64_t now_mono_ns)
{
    uint64_t number = (uint64_t)(now_mono_ns / 1000000000 / SLICE_S) & UINT32_MAX;
    uint64_t events = 0;
    for (size_t i = 0; i < SLICES; i++) {
        uint64_t slice = atomic_get_relaxed(&e->slices[i]);
        if (((number - (slice >> 32)) & UINT32_MAX) < SLICES - 1)
            events += slice & UINT32_MAX;
    }
    return (double)events / TALLY_WINDOW_S;
}

void tally_observe(struct tally *t, tt_observation *observation, int64_t now_mono_ns)
{
    for (size_t i = 0; i < SLOTS; i++) {
        struct entry *e = atomic_get_acquire(&t->slots[i]); // the exchange of entry_insert
        double all = e ? (double)atomic_get_relaxed(&e->all) : 0;
        if (!e || all == 0)
            continue;
        double good = (double)atomic_get_relaxed(&e->good);
        double value = MIN(good, all) / all; // they are counted one after the other
        if (t->kind == METRIC_PERCENT)
            value *= 100;
        if (t->kind == METRIC_PER_SECOND)
            value = events_per_second(e, now_mono_ns);
        tt_observe_double(observation, t->instrument, value, e->labels, e->labels_n);
    }
}
