/* The newest exemplars, in a ring in memory. They are in the log, and when a flush removes log, in
 * a file of their own (exemplars_file.h); so a restart finds them again.
 *
 * Scrapes send the same exemplar until there is a new one: equal ones are recognised through a
 * chain from each exemplar to the one before of the same series. Threads: any, own lock. */
#ifndef TELLTALE_STORE_EMBEDDED_EXEMPLARS_H
#define TELLTALE_STORE_EMBEDDED_EXEMPLARS_H

#include "base/lock.h"
#include "model/matcher.h"
#include "model/sample.h"
#include "store/store.h"

/* Exemplars with more labels, or more bytes of names and values, are not kept: there may be as many
 * as `max`, and their text comes from outside. */
enum { EXEMPLAR_LABELS_MAX = 128, EXEMPLAR_TEXT_MAX = 1024 };
bool exemplar_is_small(const struct exemplar *e);

struct exemplar_slot {
    struct labels series; /* one heap block, owned */
    struct labels labels; /* one heap block, owned */
    uint64_t hash;        /* of the series */
    uint64_t before;      /* number of the exemplar before of the same series; 0: none */
    double value;
    int64_t t_unix_ms;
};

struct exemplars {
    struct lock lock;
    struct exemplar_slot *ring; /* number % max; made at first use */
    uint64_t last;              /* number of the newest; 0: none */
    uint64_t saved;             /* the newest that is in the file; of the flush alone */
    size_t max;
    struct {
        uint64_t hash, newest;
    } * heads; /* by hash of the series % n_heads: a lossy way to the newest */
    size_t n_heads;
};

void exemplars_init(struct exemplars *x, size_t max);
void exemplars_done(struct exemplars *x);

/* Is there the same one already (time, value, labels)? */
bool exemplars_has(struct exemplars *x, uint64_t hash, const struct exemplar *e);

/* Adds a copy unless there is the same one. ERR_NOMEM. */
int exemplars_add(struct exemplars *x, const struct labels *series, uint64_t hash,
                  const struct exemplar *e);

/* See store_exemplars. */
int exemplars_find(struct exemplars *x, const struct matcher *matchers, size_t n, int64_t min_ms,
                   int64_t max_ms, struct arena *arena, struct series_exemplars **out,
                   size_t *out_n, struct err *err);

#endif
