/* Parts of label sets: what aggregations group by and binary operators match on; and a table of
 * things by label set. */
#ifndef TELLTALE_QUERY_PROMQL_LABELSET_H
#define TELLTALE_QUERY_PROMQL_LABELSET_H

#include "base/arena.h"
#include "model/labels.h"

/* Keeps only the named labels, or all but the named ones and the metric's name. */
struct label_filter {
    const struct str *names; /* sorted */
    size_t n;
    bool keep;
    bool with_name; /* all but the named ones, the metric's name included */
};

/* Sorts a copy of the names. `names` NULL out of memory when n > 0. */
struct label_filter label_filter_make(struct arena *a, const struct str *names, size_t n,
                                      bool keep);

bool label_filter_passes(const struct label_filter *f, struct str name);
uint64_t label_filter_hash(const struct label_filter *f, const struct labels *l);

/* Do the parts of `l` that pass make up exactly `part`? */
bool label_filter_matches(const struct label_filter *f, const struct labels *l,
                          const struct labels *part);

struct labels label_filter_apply(const struct label_filter *f, struct arena *a,
                                 const struct labels *l);

/* Items by hash of their labels; several may share a hash, so the caller compares. {0} is empty;
 * memory is the arena's. */
struct label_index {
    uint64_t *hashes;
    uint32_t *items; /* item + 1; 0: free */
    size_t n, cap;   /* cap: a power of two */
};

/* Calls for each item with the hash, until 0: start with *cursor = 0; gives item + 1. */
uint32_t label_index_find(const struct label_index *x, uint64_t hash, size_t *cursor);
bool label_index_add(struct label_index *x, struct arena *a, uint64_t hash, uint32_t item);

#endif
