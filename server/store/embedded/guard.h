/* The guard against too many streams. It is asked before a stream is made, never of one that is
 * there: a limit that was reached costs nothing on the way of known series.
 *
 *   streams in all            store_options.max_streams
 *   streams of a metric       the posting of __name__="x" tells how many there are
 *   values of a label         the index keeps a list of them
 *   streams of a tenant       as of a metric, by a label that the configuration names
 *
 * Counts are those of the index at that moment; streams that other threads are making may pass,
 * too, so a limit may be exceeded by as many as there are threads. Beyond a limit samples are
 * refused, or folded into an overflow stream of their metric (append_overflow.c), which no limit
 * holds back: there is at most one a metric and tenant.
 *
 * A restart changes nothing: what the log defines is there again, and guard_restore brings back the
 * streams of the last flush, so that who came too late before does so again. */
#ifndef TELLTALE_STORE_EMBEDDED_GUARD_H
#define TELLTALE_STORE_EMBEDDED_GUARD_H

#include "base/atomic.h"
#include "base/lock.h"
#include "model/labels.h"
#include "store/store.h"

enum guard_limit { GUARD_SERIES, GUARD_METRIC, GUARD_LABEL, GUARD_TENANT, GUARD_LIMITS };

enum { GUARD_KEPT = 64, GUARD_TEXT_MAX = STORE_TENANT_MAX };

/* A text of at most so many bytes, cut. */
struct guard_text {
    uint8_t n;
    char text[GUARD_TEXT_MAX];
};

/* Whose limit keeps streams out. */
struct guard_entry {
    enum guard_limit limit;
    struct guard_text name, value;
    uint64_t allowed, folded, refused; /* samples */
};

struct guard {
    atomic_uint per_metric, per_label, per_tenant; /* 0: none */
    atomic_bool fold;
    struct lock lock;            /* guards all below */
    struct guard_text tenant;    /* the label; empty: none */
    struct guard_entry *entries; /* room for GUARD_KEPT */
    size_t n;
};

/* Why a stream may not be made. */
struct guard_verdict {
    enum guard_limit limit;
    struct label guilty; /* borrowed from the labels asked about; no value for GUARD_LABEL */
    unsigned allowed;
    bool fold;         /* there is a stream to fold into */
    struct str tenant; /* value of the tenant's label, if it is to be kept in that stream */
};

int guard_init(struct guard *g); /* without limits; ERR_NOMEM */
void guard_done(struct guard *g);
void guard_configure(struct guard *g, const struct store_cardinality *limits);

/* True when a new stream with these labels may be made. The lock of one shard may be held. */
bool guard_admits(struct store *s, const struct labels *labels, struct guard_verdict *out);

/* Counts samples that were kept out. */
void guard_note(struct guard *g, const struct guard_verdict *v, uint64_t samples, bool folded);

/* "series_per_metric", … */
const char *guard_limit_name(enum guard_limit limit);

/* The name of the tenant's label in `out`; empty: there is none. */
struct str guard_tenant_label(struct guard *g, struct guard_text *out);

/* Makes the streams that were active at the end, unless no limit is near. After the replay. */
int guard_restore(struct store *s, struct err *err);

/* What was kept out, in the arena: at most `top`, the most samples first. ERR_NOMEM. */
int guard_stats(struct store *s, size_t top, struct arena *arena, struct store_limited **out,
                size_t *out_n);

#endif
