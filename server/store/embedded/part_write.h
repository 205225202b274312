/* Writing a part: streams in the order of labels, each with its rows by time; then finish. The file
 * is written beside its name and takes it when it is complete and synced, so a part is there whole
 * or not at all. One thread. */
#ifndef TELLTALE_STORE_EMBEDDED_PART_WRITE_H
#define TELLTALE_STORE_EMBEDDED_PART_WRITE_H

#include "store/embedded/label_table.h"
#include "store/embedded/part.h"

struct part_writer;

/* A part of the metrics table. `dir` must exist. */
int part_writer_new(const struct fs *fs, const char *dir, int64_t day, uint64_t seq_lo,
                    uint64_t seq_hi, struct part_writer **out, struct err *err);

/* A part of the aggregates table, in a file of any name. */
int part_writer_new_aggregates(const struct fs *fs, const char *dir, const char *name,
                               int64_t resolution_ms, int64_t day, uint64_t seq_lo, uint64_t seq_hi,
                               struct part_writer **out, struct err *err);

/* Removes what was written, unless it was finished. */
void part_writer_free(struct part_writer *w);

/* Begins a stream, which is in the part if rows or blocks follow. `pairs`: ordinals of its pairs,
 * rising; label sets rise from call to call. */
int part_write_stream(struct part_writer *w, const uint32_t *pairs, size_t n, struct err *err);

/* Rows of the current stream, later than those before; cut into blocks. */
int part_write_rows(struct part_writer *w, const struct columns *c, struct err *err);

/* A block of another part of the same day as it is, or one that the caller encoded; `bytes`: those
 * of b->size, a checksum (part_checksum) last; b->offset does not count. */
int part_write_block(struct part_writer *w, const char *bytes, const struct part_block *b,
                     struct err *err);

uint64_t part_writer_rows(const struct part_writer *w);

/* The part will say that it lacks samples which have expired (PART_FLAG_EXPIRED). */
void part_writer_set_expired(struct part_writer *w);

/* Writes the index, syncs, renames, syncs the directory, and opens the part. `pairs` in order, as
 * many as the streams' ordinals speak of; every one occurs. */
int part_writer_finish(struct part_writer *w, const struct label *pairs, size_t n_pairs,
                       struct part **out, struct err *err);

#endif
