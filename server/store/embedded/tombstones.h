/* What was deleted but is still in parts: "rows of these streams in this range, up to this sequence
 * number". A deletion flushes first, so all that it concerns is in parts of its sequence number or
 * below, and all that comes later is in heads and parts above it: rows that are appended after a
 * deletion are seen, whatever their times. Heads are never asked.
 *
 *   store_delete ─► flush ─► log cut off ─► file `tombstones` replaced ─► readers see it
 *
 * A set never changes: deletions and clean-ups put another in its place. Readers take the set
 * before they look at parts; a clean-up removes tombstones after it replaced parts. So who misses a
 * tombstone sees the rewritten part.
 *
 * Layout of the file: docs/design/format/tombstones.md. */
#ifndef TELLTALE_STORE_EMBEDDED_TOMBSTONES_H
#define TELLTALE_STORE_EMBEDDED_TOMBSTONES_H

#include <stdint.h>

#include "base/atomic.h"
#include "base/fs.h"
#include "base/lock.h"
#include "model/matcher.h"

/* More have to be cleaned up first: each is asked when a part is read for the first time. */
enum { TOMBSTONES_MAX = 10000, TOMBSTONES_FILE_MAX = 256 << 20 };

struct tombstone {
    struct refcount refs; /* sets that hold it */
    uint64_t seq;         /* parts up to this sequence number are concerned */
    uint64_t born;        /* generation of the first set that has it */
    int64_t min_ms, max_ms;
    size_t n;
    struct matcher matchers[];
};

struct tombstone_set {
    struct refcount refs;
    uint64_t generation; /* a higher one for each set of a process */
    size_t n;
    struct tombstone *v[];
};

struct tombstones {
    const struct fs *fs;
    char *dir, *path; /* of the file; owned */
    struct lock lock;
    struct tombstone_set *set; /* guarded by lock */
};

/* An empty set; takes copies of nothing: `dir` is the folder of the file. ERR_NOMEM. */
int tombstones_init(struct tombstones *t, const struct fs *fs, const char *dir);
void tombstones_done(struct tombstones *t);

/* Reads the file; fine when there is none. ERR_CORRUPT: damaged, set aside as `.damaged`;
 * ERR_UNSUPPORTED: from a later version; ERR_IO, ERR_NOMEM. */
int tombstones_load(struct tombstones *t, struct err *err);

/* The set as it is now; the caller gives it back by tombstone_set_unref. Never NULL. */
struct tombstone_set *tombstones_get(struct tombstones *t);
void tombstone_set_unref(struct tombstone_set *set);

/* Adds one, durably; those that it covers (the same matchers, a range within) go. ERR_TOO_BIG:
 * there are too many; ERR_NOMEM, or what the disk says. Before an error was returned the tombstone
 * may have reached the disk; it does not count until the next start then. One caller at a time. */
int tombstones_add(struct tombstones *t, const struct matcher *matchers, size_t n, int64_t min_ms,
                   int64_t max_ms, uint64_t seq, struct err *err);

/* Removes those for which `keep` says false, durably. One caller at a time, also with _add. */
int tombstones_keep(struct tombstones *t, bool (*keep)(void *arg, const struct tombstone *one),
                    void *arg, struct err *err);

/* The highest sequence number of any. */
uint64_t tombstones_seq(struct tombstones *t);

/* The file's content, and back: *out is the caller's. ERR_CORRUPT, ERR_UNSUPPORTED, ERR_NOMEM. */
void tombstones_encode(const struct tombstone_set *set, struct buf *out);
int tombstones_decode(struct str file, struct tombstone_set **out, struct err *err);

#endif
