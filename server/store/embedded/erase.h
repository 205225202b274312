/* What of a part is not to be seen: the tombstones that concern it, resolved to its own streams.
 *
 * A tombstone speaks of matchers, a part of ordinals. The first reader of a part after a deletion
 * resolves all tombstones to bitmaps of ordinals; the part keeps them for the next, together with
 * the generation of the set that they were made of. A stream that no bitmap has costs one look. */
#ifndef TELLTALE_STORE_EMBEDDED_ERASE_H
#define TELLTALE_STORE_EMBEDDED_ERASE_H

#include "store/embedded/engine.h"
#include "store/embedded/part_view.h"

struct roaring_bitmap_s;

struct erasure {
    struct roaring_bitmap_s *streams; /* owned */
    int64_t min_ms, max_ms;
};

struct erasures {
    struct refcount refs;
    uint64_t generation;          /* of the tombstones */
    struct roaring_bitmap_s *any; /* all streams of all of `v`; owned */
    size_t n;
    struct erasure v[];
};

/* Times of one stream that are not to be seen. */
struct hidden {
    size_t n;
    struct {
        int64_t min_ms, max_ms;
    } v[];
};

/* May the part have rows that the tombstone hides, as far as sequence and times tell? */
bool tombstone_concerns(const struct tombstone *one, const struct part *p);

void erasures_unref(struct erasures *e);

/* What the set hides of the part; *out NULL: nothing. The caller gives it back. Threads: any.
 * Errors as match_streams; ERR_CORRUPT: the part's index. */
int part_erasures(struct store *s, struct part_view *v, const struct tombstone_set *set,
                  struct erasures **out, struct err *err);

/* The ranges hidden of stream `ordinal`, in the arena; NULL: none, or `e` is NULL. ERR_NOMEM. */
int erasures_of(const struct erasures *e, uint32_t ordinal, struct arena *arena,
                const struct hidden **out);

/* Takes out of `within` the streams that have nothing left in [min, max]. */
void erasures_take_out(const struct erasures *e, int64_t min_ms, int64_t max_ms,
                       struct roaring_bitmap_s *within);

/* Is all of [min, max] hidden by one of the ranges; is any of it? `h` may be NULL. */
bool hidden_covers(const struct hidden *h, int64_t min_ms, int64_t max_ms);
bool hidden_meets(const struct hidden *h, int64_t min_ms, int64_t max_ms);

/* Drops the hidden rows of those from row `from` on. */
void hidden_drop(const struct hidden *h, struct columns *c, size_t from);

#endif
