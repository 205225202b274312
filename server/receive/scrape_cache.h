/* What a target's loop remembers from scrape to scrape, so that a known series costs a look-up of
 * its text and no parsing:
 *
 *   entry:  the text of name and labels as exposed ─▶ series, or "dropped by relabelling"
 *   series: the labels as stored; live while its last sample was no stale marker
 *
 * Several texts may come to one series. Entries are chained in the order of the last scrape: the
 * next row is most likely the next entry, and then not even a hash is needed.
 *
 * A scrape is one iteration: begin, see each row, then visit what ended, and commit once the batch
 * is stored. A batch that was not stored changes nothing: the next iteration makes up for it. */
#ifndef TELLTALE_RECEIVE_SCRAPE_CACHE_H
#define TELLTALE_RECEIVE_SCRAPE_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"
#include "model/labels.h"

struct scrape_series {
    struct labels labels; /* owned: one heap block */
    uint64_t hash;        /* labels_hash */
    uint64_t seen;        /* the last iteration with a row of it */
    uint64_t tracked;     /* the last one in which its absence matters after */
    uint64_t key;      /* in the map: the hash, or the next free number when two hashes are equal */
    uint64_t exemplar; /* a hash of the last one that was shown without a time; 0: none */
    bool live;
    struct scrape_series *doomed; /* list of those about to be freed */
};

struct scrape_entry {
    struct scrape_series *series; /* NULL: dropped by relabelling */
    struct scrape_entry *next;    /* in the order of the last scrape */
    uint64_t seen;
    size_t n;
    char text[];
};

struct scrape_cache {
    struct map entries;                /* text -> scrape_entry, owned */
    struct map series;                 /* key's bytes -> scrape_series, owned */
    struct scrape_entry *first, *last; /* last: of this iteration */
    uint64_t iteration;
    size_t n_live;
    size_t n_entries_seen, n_series_seen, n_live_tracked, n_new; /* of this iteration */
    size_t n_entries_committed;                                  /* at the last good scrape */
};

void scrape_cache_init(struct scrape_cache *c);
void scrape_cache_done(struct scrape_cache *c);

void scrape_cache_begin(struct scrape_cache *c);

/* The text that the next row most likely has; empty when nothing is known. */
struct str scrape_cache_guess(const struct scrape_cache *c);

/* The row's entry, or NULL when it is new. `guessed`: it is the guess. */
struct scrape_entry *scrape_cache_get(struct scrape_cache *c, struct str text, bool guessed);

/* A new entry; text and labels are copied. `labels`: canonical; NULL: dropped. NULL when out of
 * memory. */
struct scrape_entry *scrape_cache_add(struct scrape_cache *c, struct str text,
                                      const struct labels *labels);

/* Notes a row. `tracked`: a later absence of the series is to end it with a stale marker. False
 * when the series was seen in this iteration already. */
bool scrape_cache_see(struct scrape_cache *c, struct scrape_entry *e, bool tracked);

/* Calls `visit` for each series that ended: live ones not tracked in this iteration, or all live
 * ones when the scrape `failed`. Stops when it returns false. */
void scrape_cache_ended(const struct scrape_cache *c, bool failed,
                        bool (*visit)(void *arg, const struct scrape_series *s), void *arg);

/* The batch with this iteration's samples and stale markers is stored. */
void scrape_cache_commit(struct scrape_cache *c, bool failed);

/* The rules that lead from text to labels have changed: forgets the texts, keeps the series. */
void scrape_cache_forget_texts(struct scrape_cache *c);

#endif
