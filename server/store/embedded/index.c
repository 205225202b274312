#include "store/embedded/index.h"

#include <stdlib.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/short.h"

enum { SLOTS_START = 1 << 10 };

int index_init(struct index *x)
{
    *x = (struct index){0};
    rwlock_init(&x->lock, LOCK_STORE_INDEX);
    x->chunks = calloc(PAIR_CHUNKS_MAX, sizeof(struct pair *));
    x->slots = calloc(SLOTS_START, sizeof *x->slots);
    x->n_slots = SLOTS_START;
    x->seed = hash_process_seed();
    if (x->chunks && x->slots)
        return 0;
    index_done(x);
    return ERR_NOMEM;
}

static void name_free(struct index_name *name)
{
    if (!name)
        return;
    free((void *)(uintptr_t)name->text.p); // ours since name_new
    free(name->pairs);
    value_order_drop(&name->order);
    stream_ids_free(name->streams);
    free(name);
}

static void posting_free(struct pair *p)
{
    if (p->posted == POSTED_MANY)
        stream_ids_free(p->posting.many);
}

void index_done(struct index *x)
{
    for (uint32_t i = 0; x->chunks && i < x->n_pairs; i++) {
        struct pair *p = index_pair_at(x, i);
        if (p->name) {
            posting_free(p);
            free(p->value);
        }
    }
    for (size_t i = 0; x->chunks && i < PAIR_CHUNKS_MAX && x->chunks[i]; i++)
        free(x->chunks[i]);
    size_t cursor = 0;
    const struct map_entry *e;
    while ((e = map_next(&x->names, &cursor)))
        name_free(e->value);
    map_done(&x->names);
    free(x->chunks);
    free(x->slots);
    stream_ids_free(x->streams);
    rwlock_done(&x->lock);
    *x = (struct index){0};
}

/* --- names ------------------------------------------------------------------------------------ */

static struct index_name *name_new(struct index *x, struct str text)
{
    struct index_name *name = calloc(1, sizeof *name);
    if (!name)
        return NULL;
    name->text = str_of(str_dup(text), text.n);
    if (!name->text.p || map_put(&x->names, name->text, name) != 0) {
        name_free(name);
        return NULL;
    }
    return name;
}

/* Where a name that was asked for lately stands. */
static struct index_name **recent_name(struct index *x, struct str text)
{
    size_t at = text.n;
    if (text.n)
        at += (unsigned char)text.p[0] + 8u * (unsigned char)text.p[text.n - 1];
    return &x->recent[at % RECENT_NAMES];
}

static struct index_name *name_intern(struct index *x, struct str text)
{
    struct index_name **recent = recent_name(x, text);
    if (*recent && short_eq((*recent)->text, text))
        return *recent;
    struct index_name *name = map_get(&x->names, text);
    if (!name)
        name = name_new(x, text);
    if (name)
        *recent = name;
    return name;
}

static void name_drop_if_unused(struct index *x, struct index_name *name)
{
    if (name->n)
        return;
    struct index_name **recent = recent_name(x, name->text);
    if (*recent == name)
        *recent = NULL;
    (void)map_remove(&x->names, name->text); // the value is `name` itself
    name_free(name);
}

static int name_list_pair(struct index_name *name, uint32_t number, uint32_t *out_place)
{
    if (name->n == name->cap) {
        uint32_t cap = name->cap ? name->cap * 2 : 4;
        uint32_t *pairs = realloc(name->pairs, cap * sizeof *pairs);
        if (!pairs)
            return ERR_NOMEM;
        name->pairs = pairs;
        name->cap = cap;
    }
    *out_place = name->n;
    name->pairs[name->n++] = number;
    return 0;
}

static void name_unlist_pair(struct index *x, struct index_name *name, uint32_t place)
{
    if (place < name->order.n)
        value_order_drop(&name->order);
    uint32_t last = name->pairs[--name->n];
    name->pairs[place] = last;
    index_pair_at(x, last)->place = place;
}

/* --- pairs ------------------------------------------------------------------------------------ */

static uint32_t pair_hash(const struct index *x, const struct index_name *name, struct str value)
{
    return (uint32_t)hash_bytes_seeded(value.p, value.n, x->seed ^ hash_u64((uintptr_t)name));
}

static bool pair_is(const struct pair *p, const struct index_name *name, struct str value,
                    uint32_t hash)
{
    return p->hash == hash && p->name == name && short_eq(str_of(p->value, p->value_n), value);
}

/* A slot has a pair's number + 1, and above it bits of the hash that did not choose the slot: of
 * the pairs that stand in the way few are looked at. */
enum { SLOT_NUMBER = (1 << 27) - 1 };
_Static_assert((uint64_t)PAIR_CHUNKS_MAX << PAIR_CHUNK_BITS < SLOT_NUMBER, "a number fits");

static uint32_t slot_tag(uint32_t hash)
{
    return hash & ~(uint32_t)SLOT_NUMBER;
}

static uint32_t slot_pair(uint32_t slot)
{
    return (slot & SLOT_NUMBER) - 1;
}

/* The slot of the pair, or the free one where it would go. */
static uint32_t find_slot(const struct index *x, const struct index_name *name, struct str value,
                          uint32_t hash)
{
    uint32_t mask = x->n_slots - 1;
    for (uint32_t i = hash & mask;; i = (i + 1) & mask)
        if (!x->slots[i] || (slot_tag(x->slots[i]) == slot_tag(hash) &&
                             pair_is(index_pair(x, slot_pair(x->slots[i])), name, value, hash)))
            return i;
}

static int grow_slots(struct index *x)
{
    uint32_t n = x->n_slots * 2, mask = n - 1;
    uint32_t *slots = n ? calloc(n, sizeof *slots) : NULL;
    if (!slots)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < x->n_slots; i++) {
        if (!x->slots[i])
            continue;
        uint32_t to = index_pair(x, slot_pair(x->slots[i]))->hash & mask;
        while (slots[to])
            to = (to + 1) & mask;
        slots[to] = x->slots[i];
    }
    free(x->slots);
    x->slots = slots;
    x->n_slots = n;
    return 0;
}

static int new_number(struct index *x, uint32_t *out)
{
    if (x->first_free) {
        *out = x->first_free - 1;
        x->first_free = index_pair_at(x, *out)->posting.next_free;
        return 0;
    }
    uint32_t chunk = x->n_pairs >> PAIR_CHUNK_BITS;
    if (chunk == PAIR_CHUNKS_MAX)
        return ERR_TOO_BIG;
    if (!x->chunks[chunk]) {
        x->chunks[chunk] = calloc(PAIR_CHUNK, sizeof(struct pair));
        if (!x->chunks[chunk])
            return ERR_NOMEM;
    }
    *out = x->n_pairs++;
    return 0;
}

static void give_number(struct index *x, uint32_t number)
{
    struct pair *p = index_pair_at(x, number);
    *p = (struct pair){.posting.next_free = x->first_free};
    x->first_free = number + 1;
}

/* A pair without streams yet, not in the table. */
static int pair_new(struct index *x, struct index_name *name, struct str value, uint32_t hash,
                    uint32_t *out)
{
    char *copy = malloc(value.n ? value.n : 1);
    if (!copy)
        return ERR_NOMEM;
    memcpy(copy, value.p, value.n);
    uint32_t number, place;
    int rc = new_number(x, &number);
    if (rc == 0) {
        rc = name_list_pair(name, number, &place);
        if (rc != 0)
            give_number(x, number);
    }
    if (rc != 0) {
        free(copy);
        return rc;
    }
    *index_pair_at(x, number) = (struct pair){
        .name = name, .value = copy, .value_n = (uint16_t)value.n, .hash = hash, .place = place};
    name->value_bytes += value.n;
    x->text_bytes += value.n;
    x->used++;
    *out = number;
    return 0;
}

/* Whether the pair that was asked for last is asked for again; it may be gone, or be another. */
static bool is_recent(const struct index *x, const struct index_name *name, struct str value)
{
    if (name->n == 0)
        return false;
    const struct pair *p = index_pair(x, name->recent);
    return p->name == name && short_eq(str_of(p->value, p->value_n), value);
}

static int pair_intern(struct index *x, struct label label, uint32_t *out)
{
    if (x->used + 1 > x->n_slots / 4 * 3 && grow_slots(x) != 0)
        return ERR_NOMEM;
    struct index_name *name = name_intern(x, label.name);
    if (!name)
        return ERR_NOMEM;
    if (is_recent(x, name, label.value)) {
        *out = name->recent;
        return 0;
    }
    uint32_t hash = pair_hash(x, name, label.value);
    uint32_t slot = find_slot(x, name, label.value, hash);
    int rc = 0;
    if (x->slots[slot])
        *out = slot_pair(x->slots[slot]);
    else
        rc = pair_new(x, name, label.value, hash, out);
    if (rc != 0) {
        name_drop_if_unused(x, name);
        return rc;
    }
    x->slots[slot] = (*out + 1) | slot_tag(hash);
    name->recent = *out;
    return 0;
}

/* Takes the pair's slot out and closes the gap (Knuth, TAOCP 3, 6.4, algorithm R). */
static void free_slot(struct index *x, uint32_t number)
{
    uint32_t mask = x->n_slots - 1;
    uint32_t gap = index_pair_at(x, number)->hash & mask;
    while (slot_pair(x->slots[gap]) != number)
        gap = (gap + 1) & mask;
    for (uint32_t i = (gap + 1) & mask; x->slots[i]; i = (i + 1) & mask) {
        uint32_t home = index_pair(x, slot_pair(x->slots[i]))->hash & mask;
        if (((i - home) & mask) >= ((i - gap) & mask)) {
            x->slots[gap] = x->slots[i];
            gap = i;
        }
    }
    x->slots[gap] = 0;
}

static void pair_free(struct index *x, uint32_t number)
{
    struct pair *p = index_pair_at(x, number);
    struct index_name *name = p->name;
    free_slot(x, number);
    name_unlist_pair(x, name, p->place);
    name->value_bytes -= p->value_n;
    x->text_bytes -= p->value_n;
    x->used--;
    free(p->value);
    give_number(x, number);
    name_drop_if_unused(x, name);
}

/* --- streams ---------------------------------------------------------------------------------- */

/* Forgets those of the pairs that no stream has. */
static void forget_new(struct index *x, const uint32_t *pairs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct pair *p = index_pair_at(x, pairs[i]);
        if (p->name && p->count == 0 && !index_is_open(x, pairs[i]))
            pair_free(x, pairs[i]);
    }
}

static int intern_all(struct index *x, const struct labels *labels, struct index_like like,
                      uint32_t *out_pairs)
{
    for (size_t i = 0; i < labels->n; i++) {
        int rc = 0;
        if (i < 64 && like.same >> i & 1)
            out_pairs[i] = like.pairs[i];
        else
            rc = pair_intern(x, labels->v[i], &out_pairs[i]);
        if (rc != 0) {
            forget_new(x, out_pairs, i);
            return rc;
        }
    }
    return 0;
}

int index_add(struct index *x, const struct labels *labels, uint32_t id, struct index_like like,
              uint32_t *out_pairs)
{
    int rc = intern_all(x, labels, like, out_pairs);
    if (rc != 0)
        return rc;
    rc = index_post(x, id, out_pairs, (uint32_t)labels->n);
    if (rc != 0)
        forget_new(x, out_pairs, labels->n);
    return rc;
}

static int fold_all(struct index *x, const uint32_t *pairs, size_t n)
{
    int rc = stream_ids_fold(x->streams);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = pair_fold(index_pair_at(x, pairs[i]));
    return rc;
}

int index_remove(struct index *x, uint32_t id, const uint32_t *pairs, size_t n)
{
    rwlock_take_write(&x->lock);
    int rc = fold_all(x, pairs, n);
    if (rc == 0)
        stream_ids_remove(&x->streams, id);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct pair *p = index_pair_at(x, pairs[i]);
        pair_unpost(p, id);
        if (p->count == 0)
            pair_free(x, pairs[i]);
    }
    rwlock_give(&x->lock);
    return rc;
}

const struct index_name *index_find_name(const struct index *x, struct str name)
{
    return map_get(&x->names, name);
}

const struct pair *index_find_pair(const struct index *x, struct label label)
{
    const struct index_name *name = index_find_name(x, label.name);
    uint32_t slot =
        name ? x->slots[find_slot(x, name, label.value, pair_hash(x, name, label.value))] : 0;
    return slot ? index_pair(x, slot_pair(slot)) : NULL;
}
