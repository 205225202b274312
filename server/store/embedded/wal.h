/* The write-ahead log of a table: numbered segment files of checksummed records, one record a
 * batch.
 *
 *   wal/00000007.wal  ┌ header ┬ record ┬ record ┬ … ┐       a segment holds all that came between
 *   wal/00000008.wal  └────────┴────────┴────────┴───┘       two cuts of the head (flush.c)
 *
 * 1. Records are whole or absent: one that could not be written whole is cut off again, and one
 * that does not match its checksum is not replayed.
 * 2. A segment is understood without those before it: it repeats the definition of every stream
 *    that it has rows of.
 * 3. Segments are removed oldest first, so what is left is always the end of the history, and
 *    replaying it over parts that hold some of it already changes nothing.
 *
 * Threads: any. Appends are ordered by the log's lock, held across the write (that is the log's
 * job); a sync is done by one caller for all who wait. Layout: docs/design/format/wal.md. */
#ifndef TELLTALE_STORE_EMBEDDED_WAL_H
#define TELLTALE_STORE_EMBEDDED_WAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/lock.h"

enum { WAL_SEGMENT_HEADER = 32, WAL_RECORD_HEADER = 16, WAL_RECORD_MAX = 256 << 20 };

struct wal {
    const struct fs *fs;
    const char *dir; /* borrowed */
    bool durable;    /* rotate syncs what is left */
    struct lock lock;
    struct cond synced_more;
    /* all below: guarded by lock */
    struct fs_file file, next;  /* current segment; the one made ready by wal_prepare */
    uint32_t segment;           /* current; 0: none yet */
    uint64_t nonce, next_nonce; /* seed the checksums, so data in a record cannot pose as one */
    uint64_t size, synced;      /* bytes written to and synced of the current segment */
    uint64_t old_bytes;         /* of segments before the current one */
    bool syncing;               /* somebody is, without the lock */
    bool failed;                /* appends are refused until wal_rotate opens a new segment */
    bool full;                  /* the last append, or wal_begin, found the disk full */
    uint32_t lost_segment;      /* the last segment that failed, and how much of it was synced */
    uint64_t lost_after;
    char reason[256]; /* of failed or full */
};

/* Where an appended record ends. */
struct wal_position {
    uint32_t segment;
    uint64_t end;
};

/* Segment numbers found in `dir`, ascending; heap, caller frees. */
int wal_list(const struct fs *fs, const char *dir, uint32_t **out, size_t *out_n, struct err *err);

/* A log that will write its first segment with number `segment` (> 0): wal_prepare and wal_rotate
 * open it. */
void wal_init(struct wal *w, const struct fs *fs, const char *dir, bool durable, uint32_t segment);
void wal_done(struct wal *w);

/* Begins a record in an empty buffer: leaves room for the header. The caller appends the payload.
 */
void wal_record_begin(struct buf *record);

/* Writes the record; when 0 is returned it survives the death of the process. ERR_BUSY: the disk is
 * full; ERR_IO: the log has failed; ERR_TOO_BIG. Nothing is left of it then. */
int wal_append(struct wal *w, struct buf *record, struct wal_position *out, struct err *err);

/* Returns when everything up to `position` survives the death of the machine. ERR_IO: it may not;
 * the log has failed. */
int wal_sync(struct wal *w, struct wal_position position, struct err *err);

/* Makes the file of the next segment ready (slow); then wal_rotate switches to it (quick) and
 * clears a failure. No append may run during wal_rotate. */
int wal_prepare(struct wal *w, struct err *err);
int wal_rotate(struct wal *w, struct err *err);

/* Both, for the first segment. On a full disk the log begins without one: appends are refused with
 * ERR_BUSY and the state says full, until a later wal_prepare and wal_rotate succeed. */
int wal_begin(struct wal *w, struct err *err);

/* Removes the segments below `segment`, oldest first. */
int wal_remove_before(struct wal *w, uint32_t segment, struct err *err);

struct wal_state {
    uint64_t bytes; /* of all segments */
    bool failed, full;
    char reason[256];
};
void wal_get_state(struct wal *w, struct wal_state *out);

/* --- replay ----------------------------------------------------------------------------------- */

/* What a replay of one segment met. */
struct wal_replay {
    uint64_t records, bytes;
    uint64_t damaged;       /* places in the middle that had to be skipped */
    uint64_t dropped_bytes; /* in these places and at the torn end */
    bool torn;              /* the end of the file is no whole record */
    bool bad_header;        /* nothing could be read */
};

/* Calls `each` with every whole record's payload and where in the file it stands, in order; a
 * negative answer but ERR_CORRUPT (that payload is counted as damaged) ends the replay and is
 * returned. Damage is no error: see `out`. */
int wal_replay_segment(const struct fs *fs, const char *dir, uint32_t segment,
                       int (*each)(void *arg, struct str payload, uint64_t at), void *arg,
                       struct wal_replay *out, struct err *err);

/* The same for a reader who does not need all of it. */
enum { WAL_GLANCE = 10 };
struct wal_reader {
    void *arg;
    int (*each)(void *arg, struct str payload, uint64_t at);
    /* Asked first, with the first WAL_GLANCE bytes of the payload, or all. True: the record is
     * passed over, neither read nor checked, if another, or the end, is where it
     * ends; else it goes to `each` all the same. NULL: none is. */
    bool (*pass)(void *arg, struct str beginning, uint64_t at);
    uint64_t from; /* where to begin: at a record; 0: at the first */
    uint64_t upto; /* where the file shall end; 0: at its end */
};
int wal_read_segment(const struct fs *fs, const char *dir, uint32_t segment,
                     const struct wal_reader *reader, struct wal_replay *out, struct err *err);

/* Cuts off what a crash left of a record at the end of the last segment, which `got` tells of: once
 * other segments follow, an end that is not whole would pass for damage. Nothing when there is
 * none, or when the segment is damaged and kept as it is. */
void wal_cut_torn(const struct fs *fs, const char *dir, uint32_t segment,
                  const struct wal_replay *got, bool durable);

/* Whether there are records since the last segment began, or the log is not well: worth a cut. */
bool wal_has_news(struct wal *w);

/* The cut of a flush: the log goes on in its next segment while nobody appends (`gate`), and the
 * rows so far are frozen by `freeze` (0, or negative for want of memory). ERR_IO, ERR_NOMEM. */
int wal_cut(struct wal *w, struct rwlock *gate, int (*freeze)(void *self), void *self,
            struct err *err);

#endif
