/* What one target tells of its metric families: TYPE, HELP and UNIT, kept between scrapes so that
 * only changes travel on, and listed by the API. Threads: see each function; the lock is inside. */
#ifndef TELLTALE_RECEIVE_SCRAPE_METADATA_H
#define TELLTALE_RECEIVE_SCRAPE_METADATA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/lock.h"
#include "base/map.h"
#include "model/sample.h"

struct arena;
struct batch;

struct scrape_metadata {
    struct lock lock;
    struct map families; /* name -> family, owned; guarded by lock */
};

void scrape_metadata_init(struct scrape_metadata *m);
void scrape_metadata_done(struct scrape_metadata *m);

/* Notes one fact; text is copied. ERR_NOMEM, ERR_TOO_BIG (over SCRAPE_METADATA_MAX families). */
enum { SCRAPE_METADATA_MAX = 100 * 1000, SCRAPE_HELP_MAX = 16 * 1024 };
int scrape_metadata_type(struct scrape_metadata *m, uint64_t iteration, struct str family,
                         enum metric_type type);
int scrape_metadata_help(struct scrape_metadata *m, uint64_t iteration, struct str family,
                         struct str help);
int scrape_metadata_unit(struct scrape_metadata *m, uint64_t iteration, struct str family,
                         struct str unit);

/* Adds the families that changed since they were last stored, copied to the batch's arena. */
int scrape_metadata_add_changed(struct scrape_metadata *m, struct batch *b);

/* They are stored; families not seen for ten iterations are forgotten. */
void scrape_metadata_commit(struct scrape_metadata *m, uint64_t iteration);

/* Copies of the families (only `family` unless empty) to an array in the arena, at most `limit`.
 * ERR_NOMEM. */
int scrape_metadata_list(struct scrape_metadata *m, struct str family, size_t limit,
                         struct arena *arena, const struct metric_metadata **out, size_t *out_n);

#endif
