/* Merging the parts of a day. */
#ifndef TELLTALE_STORE_EMBEDDED_MERGE_H
#define TELLTALE_STORE_EMBEDDED_MERGE_H

#include "store/embedded/engine.h"
#include "store/embedded/merge_choose.h"

/* Merges what is due: by size tiers, or (`all`) each day into one part. The table lock must be
 * held. */
int merge_due(struct store *s, bool all, struct err *err);

/* Merges parts of one day, neighbours by rising sequence, into one new part (not listed yet)
 * without what tombstones hide; *out NULL: nothing is left. Of one part alone the new one takes the
 * name. */
int merge_parts(struct store *s, struct part *const *parts, size_t n, struct part **out,
                struct err *err);

/* As merge_parts, and lists the new part in the place of the old ones. When nothing is left of
 * those with which a day begins, the next one is merged with them, so that the day goes on to begin
 * at the same sequence: what was rolled up takes a later beginning for samples that have expired.
 * When they went with the retention, a part before them is merged, too, and says so (part.expired).
 * *out: the new part, borrowed, or NULL; out may be NULL. The table lock must be held. */
int merge_replace(struct store *s, struct part *const *parts, size_t n, struct part **out,
                  struct err *err);

/* What gets the rows of several parts as if they were one. */
struct merge_sink {
    void *self;
    /* The next stream, as part_write_stream. */
    int (*stream)(void *self, const uint32_t *pairs, size_t n, struct err *err);
    /* All its rows by rising time, times unique; not called for a stream without any. */
    int (*rows)(void *self, const struct columns *rows, struct err *err);
    /* At the end: the pairs that the streams' ordinals speak of, in order. */
    int (*finish)(void *self, const struct label *pairs, size_t n, struct err *err);
};

/* Walks over the rows of parts of one day, neighbours by rising sequence; MERGE_MAX at the most. */
int merge_walk(struct store *s, struct part *const *parts, size_t n, const struct merge_sink *sink,
               struct err *err);

#endif
