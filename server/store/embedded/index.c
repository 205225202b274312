#include "store/embedded/index.h"

#include <roaring/roaring.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/hash.h"

enum { SLOTS_START = 1 << 10, SCAN_STEP = 1024 };

int index_init(struct index *x)
{
    *x = (struct index){0};
    rwlock_init(&x->lock, LOCK_STORE_INDEX);
    x->chunks = calloc(PAIR_CHUNKS_MAX, sizeof(struct pair *));
    x->slots = calloc(SLOTS_START, sizeof *x->slots);
    x->streams = roaring_bitmap_create();
    x->n_slots = SLOTS_START;
    if (x->chunks && x->slots && x->streams)
        return 0;
    index_done(x);
    return ERR_NOMEM;
}

static struct pair *pair_at(struct index *x, uint32_t number)
{
    return &x->chunks[number >> PAIR_CHUNK_BITS][number & (PAIR_CHUNK - 1)];
}

static void name_free(struct index_name *name)
{
    if (!name)
        return;
    free((void *)(uintptr_t)name->text.p); // ours since name_new
    free(name->pairs);
    if (name->streams)
        roaring_bitmap_free(name->streams);
    free(name);
}

static void posting_free(struct pair *p)
{
    if (p->count > 1)
        roaring_bitmap_free(p->posting.many);
}

void index_done(struct index *x)
{
    for (uint32_t i = 0; x->chunks && i < x->n_pairs; i++) {
        struct pair *p = pair_at(x, i);
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
    if (x->streams)
        roaring_bitmap_free(x->streams);
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
    name->streams = roaring_bitmap_create();
    if (!name->text.p || !name->streams || map_put(&x->names, name->text, name) != 0) {
        name_free(name);
        return NULL;
    }
    return name;
}

static struct index_name *name_intern(struct index *x, struct str text)
{
    struct index_name *name = map_get(&x->names, text);
    return name ? name : name_new(x, text);
}

static void name_drop_if_unused(struct index *x, struct index_name *name)
{
    if (name->n)
        return;
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
    uint32_t last = name->pairs[--name->n];
    name->pairs[place] = last;
    pair_at(x, last)->place = place;
}

/* --- pairs ------------------------------------------------------------------------------------ */

static uint32_t pair_hash(const struct index_name *name, struct str value)
{
    return (uint32_t)hash_bytes_seeded(value.p, value.n,
                                       hash_process_seed() ^ hash_u64((uintptr_t)name));
}

static bool pair_is(const struct pair *p, const struct index_name *name, struct str value,
                    uint32_t hash)
{
    return p->hash == hash && p->name == name && str_eq(str_of(p->value, p->value_n), value);
}

/* The slot of the pair, or the free one where it would go. */
static uint32_t find_slot(const struct index *x, const struct index_name *name, struct str value,
                          uint32_t hash)
{
    uint32_t mask = x->n_slots - 1;
    for (uint32_t i = hash & mask;; i = (i + 1) & mask)
        if (!x->slots[i] || pair_is(index_pair(x, x->slots[i] - 1), name, value, hash))
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
        uint32_t to = index_pair(x, x->slots[i] - 1)->hash & mask;
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
        x->first_free = pair_at(x, *out)->posting.next_free;
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
    struct pair *p = pair_at(x, number);
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
    *pair_at(x, number) = (struct pair){
        .name = name, .value = copy, .value_n = (uint32_t)value.n, .hash = hash, .place = place};
    name->value_bytes += value.n;
    x->text_bytes += value.n;
    x->used++;
    *out = number;
    return 0;
}

static int pair_intern(struct index *x, struct label label, uint32_t *out)
{
    if (x->used + 1 > x->n_slots / 4 * 3 && grow_slots(x) != 0)
        return ERR_NOMEM;
    struct index_name *name = name_intern(x, label.name);
    if (!name)
        return ERR_NOMEM;
    uint32_t hash = pair_hash(name, label.value);
    uint32_t slot = find_slot(x, name, label.value, hash);
    if (x->slots[slot]) {
        *out = x->slots[slot] - 1;
        return 0;
    }
    int rc = pair_new(x, name, label.value, hash, out);
    if (rc == 0)
        x->slots[slot] = *out + 1;
    else
        name_drop_if_unused(x, name);
    return rc;
}

/* Takes the pair's slot out and closes the gap (Knuth, TAOCP 3, 6.4, algorithm R). */
static void free_slot(struct index *x, uint32_t number)
{
    uint32_t mask = x->n_slots - 1;
    uint32_t gap = pair_at(x, number)->hash & mask;
    while (x->slots[gap] != number + 1)
        gap = (gap + 1) & mask;
    for (uint32_t i = (gap + 1) & mask; x->slots[i]; i = (i + 1) & mask) {
        uint32_t home = index_pair(x, x->slots[i] - 1)->hash & mask;
        if (((i - home) & mask) >= ((i - gap) & mask)) {
            x->slots[gap] = x->slots[i];
            gap = i;
        }
    }
    x->slots[gap] = 0;
}

static void pair_free(struct index *x, uint32_t number)
{
    struct pair *p = pair_at(x, number);
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

/* --- postings --------------------------------------------------------------------------------- */

static int posting_add(struct pair *p, uint32_t id)
{
    if (p->count == 0) {
        p->posting.one = id;
    } else if (p->count == 1) {
        uint32_t both[2] = {p->posting.one, id};
        roaring_bitmap_t *many = roaring_bitmap_of_ptr(2, both);
        if (!many)
            return ERR_NOMEM;
        p->posting.many = many;
    } else {
        roaring_bitmap_add(p->posting.many, id);
    }
    p->count++;
    return 0;
}

static void posting_remove(struct pair *p, uint32_t id)
{
    if (p->count > 1)
        roaring_bitmap_remove(p->posting.many, id);
    if (--p->count == 1) {
        roaring_bitmap_t *many = p->posting.many;
        p->posting.one = roaring_bitmap_minimum(many);
        roaring_bitmap_free(many);
    }
}

static void remove_locked(struct index *x, uint32_t id, const uint32_t *pairs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct pair *p = pair_at(x, pairs[i]);
        roaring_bitmap_remove(p->name->streams, id);
        posting_remove(p, id);
        if (p->count == 0)
            pair_free(x, pairs[i]);
    }
    roaring_bitmap_remove(x->streams, id);
}

static int add_pair(struct index *x, struct label label, uint32_t id, uint32_t *out)
{
    int rc = pair_intern(x, label, out);
    if (rc != 0)
        return rc;
    struct pair *p = pair_at(x, *out);
    rc = posting_add(p, id);
    if (rc == 0)
        roaring_bitmap_add(p->name->streams, id);
    else if (p->count == 0)
        pair_free(x, *out);
    return rc;
}

int index_add(struct index *x, const struct labels *labels, uint32_t id, uint32_t *out_pairs)
{
    rwlock_take_write(&x->lock);
    int rc = 0;
    size_t done = 0;
    while (rc == 0 && done < labels->n) {
        rc = add_pair(x, labels->v[done], id, &out_pairs[done]);
        done += rc == 0;
    }
    if (rc == 0)
        roaring_bitmap_add(x->streams, id);
    else
        remove_locked(x, id, out_pairs, done);
    rwlock_give(&x->lock);
    return rc;
}

void index_remove(struct index *x, uint32_t id, const uint32_t *pairs, size_t n)
{
    rwlock_take_write(&x->lock);
    remove_locked(x, id, pairs, n);
    rwlock_give(&x->lock);
}

const struct index_name *index_find_name(const struct index *x, struct str name)
{
    return map_get(&x->names, name);
}

const struct pair *index_find_pair(const struct index *x, struct label label)
{
    const struct index_name *name = index_find_name(x, label.name);
    uint32_t slot =
        name ? x->slots[find_slot(x, name, label.value, pair_hash(name, label.value))] : 0;
    return slot ? index_pair(x, slot - 1) : NULL;
}

size_t pair_streams(const struct pair *p, uint32_t *out, size_t max)
{
    if (p->count <= 1) {
        *out = p->posting.one;
        return MIN(max, (size_t)p->count);
    }
    roaring_uint32_iterator_t at;
    roaring_init_iterator(p->posting.many, &at);
    return roaring_read_uint32_iterator(&at, out, (uint32_t)max);
}

/* --- as a source of postings ------------------------------------------------------------------ */

static void add_posting(const struct pair *p, roaring_bitmap_t *out)
{
    if (p->count == 1)
        roaring_bitmap_add(out, p->posting.one);
    else if (p->count > 1)
        roaring_bitmap_or_inplace(out, p->posting.many);
}

static int source_all(void *self, roaring_bitmap_t *out)
{
    struct index *x = self;
    rwlock_take_read(&x->lock);
    roaring_bitmap_or_inplace(out, x->streams);
    rwlock_give(&x->lock);
    return 0;
}

static int source_with_name(void *self, struct str text, roaring_bitmap_t *out)
{
    struct index *x = self;
    rwlock_take_read(&x->lock);
    const struct index_name *name = map_get(&x->names, text);
    if (name)
        roaring_bitmap_or_inplace(out, name->streams);
    rwlock_give(&x->lock);
    return 0;
}

static int source_with_value(void *self, struct str text, struct str value, roaring_bitmap_t *out)
{
    struct index *x = self;
    rwlock_take_read(&x->lock);
    const struct index_name *name = map_get(&x->names, text);
    uint32_t slot = name ? x->slots[find_slot(x, name, value, pair_hash(name, value))] : 0;
    if (slot)
        add_posting(index_pair(x, slot - 1), out);
    rwlock_give(&x->lock);
    return 0;
}

/* Some values at a time: a regular expression over a million values must not keep new streams
 * waiting. Between two steps the array of values can only grow (removal needs the evict lock). */
static int scan_step(struct index *x, const struct index_name *name, uint32_t from, uint32_t *out_n,
                     struct str prefix, value_filter *filter, void *arg, roaring_bitmap_t *out)
{
    uint32_t end = MIN(name->n, from + SCAN_STEP);
    int rc = 0;
    for (uint32_t i = from; rc == 0 && i < end; i++) {
        const struct pair *p = index_pair(x, name->pairs[i]);
        struct str value = {p->value, p->value_n};
        int take = str_starts(value, prefix) ? filter(arg, value) : 0;
        if (take > 0)
            add_posting(p, out);
        rc = MIN(take, 0);
    }
    *out_n = end - from;
    return rc;
}

static int source_with_values(void *self, struct str text, struct str prefix, value_filter *filter,
                              void *arg, roaring_bitmap_t *out)
{
    struct index *x = self;
    int rc = 0;
    uint32_t at = 0, n = SCAN_STEP;
    while (rc == 0 && n > 0) {
        rwlock_take_read(&x->lock);
        const struct index_name *name = map_get(&x->names, text);
        n = 0;
        if (name && at < name->n)
            rc = scan_step(x, name, at, &n, prefix, filter, arg, out);
        rwlock_give(&x->lock);
        at += n;
    }
    return rc;
}

struct posting_source index_postings(struct index *x)
{
    return (struct posting_source){
        .self = x,
        .all = source_all,
        .with_name = source_with_name,
        .with_value = source_with_value,
        .with_values = source_with_values,
    };
}

/* --- names and values for people -------------------------------------------------------------- */

int index_each_name(struct index *x, const roaring_bitmap_t *within, index_visit *each, void *arg)
{
    rwlock_take_read(&x->lock);
    int rc = 0;
    size_t cursor = 0;
    const struct map_entry *e;
    while (rc == 0 && (e = map_next(&x->names, &cursor))) {
        const struct index_name *name = e->value;
        if (!within || roaring_bitmap_intersect(name->streams, within))
            rc = each(arg, name->text, roaring_bitmap_get_cardinality(name->streams));
    }
    rwlock_give(&x->lock);
    return rc;
}

static bool posting_meets(const struct pair *p, const roaring_bitmap_t *within)
{
    if (!within)
        return true;
    return p->count == 1 ? roaring_bitmap_contains(within, p->posting.one)
                         : roaring_bitmap_intersect(within, p->posting.many);
}

int index_each_value(struct index *x, struct str text, const roaring_bitmap_t *within,
                     index_visit *each, void *arg)
{
    rwlock_take_read(&x->lock);
    int rc = 0;
    const struct index_name *name = map_get(&x->names, text);
    for (uint32_t i = 0; name && rc == 0 && i < name->n; i++) {
        const struct pair *p = index_pair(x, name->pairs[i]);
        if (posting_meets(p, within))
            rc = each(arg, str_of(p->value, p->value_n), p->count);
    }
    rwlock_give(&x->lock);
    return rc;
}
