/* From an exposed body to a batch: one scrape's samples with the target's labels, relabelled, with
 * stale markers for what ended and the target's own series (up, scrape_…). */
#ifndef TELLTALE_RECEIVE_SCRAPE_INGEST_H
#define TELLTALE_RECEIVE_SCRAPE_INGEST_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "codec/prom_format.h"
#include "receive/scrape_cache.h"
#include "receive/scrape_metadata.h"

struct batch;
struct scrape_settings;
struct target;

/* What a loop keeps for it between scrapes. One thread at a time, but for the metadata. */
struct scrape_memory {
    struct scrape_cache cache;
    struct scrape_metadata metadata;
    struct arena scratch; /* labels of the series that is being looked at for the first time */
};

void scrape_memory_init(struct scrape_memory *m);
void scrape_memory_done(struct scrape_memory *m);

struct scrape_counts {
    size_t scraped;    /* samples in the body, scrape_samples_scraped */
    size_t kept;       /* after metric relabelling */
    size_t added;      /* series not in the scrape before */
    size_t duplicates; /* left out: a series a second time */
    size_t exemplars_dropped;
};

/* One scrape in the making. */
struct scrape {
    const struct scrape_settings *settings;
    const struct target *target;
    struct scrape_memory *memory;
    size_t max_series;
    int64_t t_unix_ms;   /* its time */
    struct batch *batch; /* what it makes; text is borrowed from body and memory */
    struct scrape_counts counts;
    const char *failure; /* why it failed, as a metric's label: "sample_limit"; NULL: it did not */
};

/* Starts an iteration; the first step of every scrape. */
void scrape_begin(struct scrape *s);

/* Reads the body, which outlives the batch, into the batch. ERR_INVALID (bad text, a label limit),
 * ERR_TOO_BIG (sample_limit), ERR_NOMEM: the scrape has failed, the batch holds rubbish. */
int scrape_read(struct scrape *s, struct str body, enum prom_format format, struct err *err);

/* Adds a stale marker for each series that ended; all of them when the scrape `failed`. */
int scrape_add_stale(struct scrape *s, bool failed, struct err *err);

/* What is told of the scrape itself. */
struct scrape_report {
    bool up;
    double duration_s;
    int64_t body_bytes; /* -1: over body_size_limit */
};

int scrape_add_report(struct scrape *s, const struct scrape_report *r, struct err *err);

/* Stale markers for the target's own series, when it is gone for good. */
int scrape_add_stale_report(struct scrape *s, struct err *err);

/* The batch is stored. Frees labels that it borrows: it is not to be looked at after. */
void scrape_commit(struct scrape *s, bool failed);

#endif
