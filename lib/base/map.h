/* A hash map from text to a pointer, open addressing with linear probing.
 *
 * Keys are borrowed: they live at least as long as their entry (often inside the value). Keys are
 * hashed with the process's seed, so a client cannot choose collisions. {0} is an empty map. One
 * thread at a time, or many readers with no writer. */
#ifndef TELLTALE_BASE_MAP_H
#define TELLTALE_BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct map_entry {
    struct str key;
    uint64_t hash;
    void *value; /* NULL: free slot */
};

struct map {
    struct map_entry *slots; /* owned; a power of two of them */
    size_t n, cap;
};

/* Frees the table, not the values; `m` is empty and usable after. */
void map_done(struct map *m);

/* The value, or NULL. */
void *map_get(const struct map *m, struct str key);

/* Sets the value (not NULL) for `key`, replacing an older one. Returns 0 or ERR_NOMEM. */
int map_put(struct map *m, struct str key, void *value);

/* Removes the entry and returns its value, or NULL when there was none. */
void *map_remove(struct map *m, struct str key);

/* Iterates in no particular order: start with *cursor = 0; NULL at the end. The map must not
 * change meanwhile. */
const struct map_entry *map_next(const struct map *m, size_t *cursor);

#endif
