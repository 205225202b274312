/* The numbers of streams, and where the stream with a number lies.
 *
 * Numbers rise with the age of streams, whatever shard they are in: the postings of the index are
 * made in their order, and Roaring takes rising numbers at a fraction of the cost of others. What
 * was given back is given out again before anything else, the lowest first.
 *
 * Threads: changes are ordered by the index's lock, looking takes none. What is found under a
 * number is that number's stream as long as it is there, so who must know takes the lock of the
 * stream's shard and looks again (streams_hold). */
#ifndef TELLTALE_STORE_EMBEDDED_STREAM_DIRECTORY_H
#define TELLTALE_STORE_EMBEDDED_STREAM_DIRECTORY_H

#include <stdint.h>

#include "base/atomic.h"

/* References (stream_memory.h) by number, 0: none. Chunk c has 64 << c of them and never moves. */
enum { DIRECTORY_FIRST = 64, DIRECTORY_CHUNKS = 24 };

struct stream_directory {
    atomic_uint *chunks[DIRECTORY_CHUNKS];
    atomic_uint cap;
    uint32_t next, n_free;
    uint64_t *free;  /* a bit for each number; room for `cap` */
    uint32_t lowest; /* no bit is set in a word before this one */
};

/* {0} is an empty one. */
void stream_directory_done(struct stream_directory *d);

/* A number for a new stream. ERR_NOMEM. */
int stream_directory_take(struct stream_directory *d, uint32_t *out);

/* Gives it back; nothing must stand under it any more. */
void stream_directory_give(struct stream_directory *d, uint32_t number);

/* What stands under a number; 0: nothing. */
uint32_t stream_directory_get(const struct stream_directory *d, uint32_t number);

/* Puts it there, for a number that was taken. */
void stream_directory_set(struct stream_directory *d, uint32_t number, uint32_t reference);

#endif
