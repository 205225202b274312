/* A label set: what identifies a metric's stream (its name is the label __name__). */
#ifndef TELLTALE_MODEL_LABELS_H
#define TELLTALE_MODEL_LABELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

struct buf;

struct label {
    struct str name, value;
};

/* Sorted by name (bytes), names unique, values not empty: an empty value means "no such label". The
 * array and the text are borrowed; who owns them stands where the set is kept. */
struct labels {
    const struct label *v;
    size_t n;
};

#define LABEL_NAME STR("__name__")

/* The value of label `name`, or the empty str. */
struct str labels_get(const struct labels *l, struct str name);

static inline struct str labels_metric_name(const struct labels *l)
{
    return labels_get(l, LABEL_NAME);
}

bool labels_eq(const struct labels *a, const struct labels *b);

/* The order of Prometheus: by name and value, pair after pair, then the shorter first. */
int labels_cmp(const struct labels *a, const struct labels *b);

/* A 64-bit hash of all pairs. Not for files, another version may have another; and not keyed: who
 * finds something by it compares. */
uint64_t labels_hash(const struct labels *l);

enum { LABEL_HASHES = 64 };

/* The labels that were hashed last, as they are still, and the hashes of the first of them; {0}:
 * none. */
struct label_hashes {
    struct labels of;
    uint64_t v[LABEL_HASHES];
};

/* Bit i: the i-th label of both is the same, with its text at the same address; of the first
 * LABEL_HASHES. */
uint64_t labels_same_text(const struct labels *a, const struct labels *b);

/* The same hash. What is in `same`, which labels_same_text says of these labels and those of
 * `before`, is not hashed again; then `before` is of these labels. */
uint64_t labels_hash_like(const struct labels *l, uint64_t same, struct label_hashes *before);

/* True when sorted, unique and without empty names or values. */
bool labels_are_canonical(const struct labels *l);

/* The same; what is in `same` stands at the same place in labels that are. */
bool labels_are_canonical_like(const struct labels *l, uint64_t same);

/* Sorts `v[0..n)` in place and drops pairs with an empty value. Returns the new count, or -1 when a
 * name occurs twice or is empty (`*out_bad` names it; all pairs are still there, sorted). */
long labels_canonicalise(struct label *v, size_t n, struct str *out_bad);

/* A copy with its own text in the arena; n == 0 and arena_failed() when out of memory. */
struct labels labels_copy(struct arena *a, const struct labels *l);

/* A copy in one heap block (free() on out->v); ERR_NOMEM. */
int labels_dup(const struct labels *l, struct labels *out);

/* As people and PromQL write it: name{a="b",c="d"}; {} for the empty set. Names that are not
 * plain identifiers are quoted: {"my.metric", "my.label"="x"}. */
void labels_format(struct buf *out, const struct labels *l);

/* [a-zA-Z_:][a-zA-Z0-9_:]* and [a-zA-Z_][a-zA-Z0-9_]*: names that need no quotes. */
bool metric_name_is_plain(struct str name);
bool label_name_is_plain(struct str name);

/* Builds a label set step by step in an arena; set replaces, an empty value deletes. Names and
 * values are borrowed and must live as long as the result. `base` may be NULL. When the arena's
 * budget is spent, sets are lost: test arena_failed() at the end. */
struct labels_builder {
    struct arena *arena; /* borrowed; owns the array, not the text */
    struct label *v;     /* sorted */
    size_t n, cap;
};

void labels_builder_init(struct labels_builder *b, struct arena *arena, const struct labels *base);
void labels_builder_set(struct labels_builder *b, struct str name, struct str value);
void labels_builder_del(struct labels_builder *b, struct str name);
struct str labels_builder_get(const struct labels_builder *b, struct str name);
struct labels labels_builder_labels(const struct labels_builder *b); /* borrows b's array */

#endif
